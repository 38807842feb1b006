//! What the console printed: kept in memory, written to a file, shown to a person who asked for it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ChildStdin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Debug)]
struct State {
    bytes: Vec<u8>,
    log: File,
    show: bool,
    /// A program that gets all as well.
    copy: Option<ChildStdin>,
    /// Pipes that are still open.
    open: usize,
}

/// The transcript of one machine; clones share it with the threads that read QEMU's pipes.
#[derive(Clone, Debug)]
pub(super) struct Transcript {
    shared: Arc<(Mutex<State>, Condvar)>,
}

/// How a wait for more output ended.
pub(super) enum Wait {
    /// There is more: the transcript's length now.
    Grown(usize),
    /// Nothing came before the deadline.
    Late,
    /// Nothing will come: QEMU closed its pipes.
    Closed,
}

impl Transcript {
    /// Starts an empty transcript that is written to a file as well.
    pub(super) fn create(path: &Path) -> std::io::Result<Self> {
        let state = State {
            bytes: Vec::new(),
            log: File::create(path)?,
            show: false,
            copy: None,
            open: 0,
        };
        Ok(Self {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line to the file only.
    pub(super) fn note(&self, line: &str) {
        let _ = writeln!(self.state().log, "# {line}");
    }

    pub(super) fn show(&self, show: bool) {
        self.state().show = show;
    }

    /// From now on gives what comes to a program as well, or to none any more.
    pub(super) fn copy_to(&self, program: Option<ChildStdin>) {
        self.state().copy = program;
    }

    /// Appends what comes out of a pipe, in a thread of its own that ends with the pipe.
    pub(super) fn follow(&self, mut pipe: impl Read + Send + 'static) {
        self.state().open += 1;
        let transcript = self.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let length = match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => length,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(_) => break,
                };
                transcript.append(buffer.get(..length).unwrap_or_default());
            }
            transcript.state().open -= 1;
            transcript.shared.1.notify_all();
        });
    }

    fn append(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.bytes.extend_from_slice(bytes);
        // The file and the screen are for people: a full disk or a closed terminal must not fail a boot.
        let _ = state.log.write_all(bytes);
        if state
            .copy
            .as_mut()
            .is_some_and(|program| program.write_all(bytes).is_err())
        {
            state.copy = None;
        }
        if state.show {
            let mut screen = std::io::stdout().lock();
            let _ = screen.write_all(bytes).and_then(|()| screen.flush());
        }
        drop(state);
        self.shared.1.notify_all();
    }

    /// Applies `matcher` to what follows the first `start` bytes; on success also gives the text up to the match's end.
    pub(super) fn search<T>(
        &self,
        start: usize,
        matcher: &impl Fn(&[u8]) -> Option<(usize, T)>,
    ) -> Option<(usize, T, String)> {
        let state = self.state();
        let unread = state.bytes.get(start..)?;
        let (end, value) = matcher(unread)?;
        Some((end, value, String::from_utf8_lossy(unread.get(..end)?).into_owned()))
    }

    /// Waits until the transcript is longer than `length`.
    pub(super) fn wait_beyond(&self, length: usize, deadline: Instant) -> Wait {
        let mut state = self.state();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.bytes.len() > length {
                return Wait::Grown(state.bytes.len());
            } else if state.open == 0 {
                return Wait::Closed;
            } else if left.is_zero() {
                return Wait::Late;
            }
            state = self
                .shared
                .1
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Everything from byte `start` on.
    pub(super) fn text(&self, start: usize) -> String {
        String::from_utf8_lossy(self.state().bytes.get(start..).unwrap_or_default()).into_owned()
    }

    /// The last `length` bytes.
    pub(super) fn tail(&self, length: usize) -> String {
        let start = self.state().bytes.len().saturating_sub(length);
        self.text(start)
    }
}
