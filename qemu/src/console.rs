//! A machine that runs: its serial console, and its monitor (QMP).

mod monitor;
mod transcript;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use regex::bytes::Regex;
use serde_json::{Value, json};

use crate::processor_time;
use monitor::Monitor;
use transcript::Transcript;

/// What the firmware prints when it waits for a command.
const PROMPT: &str = "\n=> ";
/// How long an ordinary command may take on a busy machine without hardware acceleration.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(90);
/// How long QEMU may take to open its monitor, and to answer on it.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of the transcript an error shows, in bytes.
const TAIL: usize = 2000;

/// Something was expected of a running machine and did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host refused something: a process, a pipe, a file.
    #[error("{what}: {source}")]
    Host {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The console did not show what was expected in time.
    #[error("{name}: no {expected:?} on the console within {seconds} s; its last lines:\n{tail}")]
    Timeout {
        /// Name of the transcript.
        name: String,
        /// What was expected.
        expected: String,
        /// How long the wait was.
        seconds: u64,
        /// End of the transcript.
        tail: String,
    },
    /// QEMU ended while something was expected of it.
    #[error("{name}: QEMU ended while {expected:?} was expected; its last lines:\n{tail}")]
    Ended {
        /// Name of the transcript.
        name: String,
        /// What was expected.
        expected: String,
        /// End of the transcript.
        tail: String,
    },
    /// The monitor refused a command.
    #[error("monitor command {command} failed: {answer}")]
    Monitor {
        /// The command.
        command: String,
        /// What QEMU answered.
        answer: String,
    },
}

/// `timeout`, times the environment variable `SLIPWAY_TIMEOUT_SCALE` if that is set: for slow machines.
fn scaled(timeout: Duration) -> Duration {
    let scale = std::env::var("SLIPWAY_TIMEOUT_SCALE")
        .ok()
        .and_then(|value| value.parse().ok());
    timeout.mul_f64(scale.filter(|scale| *scale > 0.0).unwrap_or(1.0))
}

/// Wraps a host error with what was tried.
fn host<T>(what: impl Into<String>, result: std::io::Result<T>) -> Result<T, Error> {
    result.map_err(|source| Error::Host {
        what: what.into(),
        source,
    })
}

/// A running machine. Dropping it ends QEMU.
#[derive(Debug)]
pub struct Console {
    name: String,
    child: Child,
    input: ChildStdin,
    transcript: Transcript,
    monitor: Monitor,
    /// How much of the transcript has been matched already, in bytes.
    seen: usize,
}

impl Console {
    /// Starts QEMU with its first serial port on pipes and its monitor on a private socket.
    pub(crate) fn start(mut command: Command, name: &str) -> Result<Self, Error> {
        let socket = private_path("qmp");
        command.args(["-serial", "stdio", "-monitor", "none", "-qmp"]);
        command.arg(format!("unix:{},server=on,wait=off", socket.display()));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let log = log_path(name)?;
        let transcript = host(
            format!("transcript {} cannot be written", log.display()),
            Transcript::create(&log),
        )?;
        transcript.note(&format!("{command:?}"));
        let mut child = host("QEMU cannot be started", command.spawn())?;
        let pipe = |missing: &str| Error::Host {
            what: format!("QEMU has no {missing}"),
            source: std::io::ErrorKind::BrokenPipe.into(),
        };
        let input = child.stdin.take().ok_or_else(|| pipe("standard input"))?;
        transcript.follow(child.stdout.take().ok_or_else(|| pipe("standard output"))?);
        transcript.follow(child.stderr.take().ok_or_else(|| pipe("standard error"))?);
        let monitor = Monitor::connect(&socket, scaled(MONITOR_TIMEOUT), || {
            matches!(child.try_wait(), Ok(None))
        });
        let _ = std::fs::remove_file(&socket);
        match monitor {
            Ok(monitor) => Ok(Self {
                name: name.to_owned(),
                child,
                input,
                transcript,
                monitor,
                seen: 0,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                let tail = transcript.tail(TAIL);
                let what = format!("QEMU does not open its monitor; it says:\n{tail}");
                Err(Error::Host { what, source: error })
            }
        }
    }

    /// From now on shows what the console prints on standard output as well, or does not any more.
    pub fn show(&self, show: bool) {
        self.transcript.show(show);
    }

    /// Everything that the console printed so far.
    pub fn transcript(&self) -> String {
        self.transcript.text(0)
    }

    /// Waits for a text and returns what the console printed up to its end, since the last text that was waited for.
    ///
    /// # Errors
    /// [`Error::Timeout`] and [`Error::Ended`], with the end of the transcript.
    pub fn expect(&mut self, text: &str, timeout: Duration) -> Result<String, Error> {
        self.expect_any(&[text], timeout).map(|(_, output)| output)
    }

    /// Waits for one of several texts: which one came first, and what the console printed up to its end.
    ///
    /// # Errors
    /// As [`Console::expect`].
    pub fn expect_any(&mut self, texts: &[&str], timeout: Duration) -> Result<(usize, String), Error> {
        self.wait(&texts.join(" | "), timeout, |unread| {
            let found = |(index, text): (usize, &&str)| Some((find(unread, text.as_bytes())?, index));
            let (end, index) = texts.iter().enumerate().filter_map(found).min()?;
            Some((end, index))
        })
    }

    /// Waits for a regular expression; returns the text that matched, and its groups.
    ///
    /// # Errors
    /// As [`Console::expect`].
    pub fn expect_regex(&mut self, regex: &Regex, timeout: Duration) -> Result<Vec<String>, Error> {
        let (groups, _) = self.wait(regex.as_str(), timeout, |unread| {
            let captures = regex.captures(unread)?;
            let group = |group: Option<regex::bytes::Match<'_>>| {
                String::from_utf8_lossy(group.map_or(b"", |g| g.as_bytes())).into_owned()
            };
            Some((captures.get(0)?.end(), captures.iter().map(group).collect()))
        })?;
        Ok(groups)
    }

    /// Waits until `matcher` finds in the unread bytes what it looks for; it answers with the match's end and a value.
    fn wait<T>(
        &mut self,
        expected: &str,
        timeout: Duration,
        matcher: impl Fn(&[u8]) -> Option<(usize, T)>,
    ) -> Result<(T, String), Error> {
        let timeout = scaled(timeout);
        let deadline = Instant::now() + timeout;
        let mut length = 0;
        loop {
            if let Some((end, value, output)) = self.transcript.search(self.seen, &matcher) {
                self.seen += end;
                return Ok((value, output));
            }
            let ended = match self.transcript.wait_beyond(length, deadline) {
                transcript::Wait::Grown(now) => {
                    length = now;
                    continue;
                }
                transcript::Wait::Late => false,
                transcript::Wait::Closed => true,
            };
            let (name, expected, tail) = (self.name.clone(), expected.to_owned(), self.transcript.tail(TAIL));
            return Err(match ended {
                true => Error::Ended { name, expected, tail },
                false => Error::Timeout {
                    name,
                    expected,
                    seconds: timeout.as_secs(),
                    tail,
                },
            });
        }
    }

    /// Types bytes.
    ///
    /// # Errors
    /// [`Error::Host`] if QEMU does not take them.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let name = format!("{}: typing", self.name);
        host(name, self.input.write_all(bytes).and_then(|()| self.input.flush()))
    }

    /// Types a line.
    ///
    /// # Errors
    /// As [`Console::send`].
    pub fn send_line(&mut self, line: &str) -> Result<(), Error> {
        self.send(format!("{line}\r").as_bytes())
    }

    /// Puts a program at the other end of the console until it ends: what is printed is its standard input, and what it prints is typed.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it does not end in time; [`Error::Host`] if it cannot be started.
    pub fn connect(&mut self, program: &mut Command, timeout: Duration) -> Result<ExitStatus, Error> {
        let what = format!("{program:?} at the console");
        program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = host(what.clone(), program.spawn())?;
        self.transcript.copy_to(child.stdin.take());
        let output = child.stdout.take();
        let input = &mut self.input;
        let status = std::thread::scope(|scope| {
            scope.spawn(move || output.map(|mut output| std::io::copy(&mut output, input)));
            let status = wait_for(&mut child, timeout);
            if !matches!(status, Ok(Some(_))) {
                let _ = child.kill();
                let _ = child.wait();
            }
            status
        });
        self.transcript.copy_to(None);
        host(what.clone(), status)?.ok_or_else(|| self.late(&format!("end of {what}"), timeout))
    }

    fn late(&self, expected: &str, timeout: Duration) -> Error {
        Error::Timeout {
            name: self.name.clone(),
            expected: expected.into(),
            seconds: scaled(timeout).as_secs(),
            tail: self.transcript.tail(TAIL),
        }
    }

    /// Stops autoboot and waits for the prompt.
    ///
    /// # Errors
    /// As [`Console::expect`].
    pub fn prompt(&mut self) -> Result<(), Error> {
        self.expect("stop autoboot", COMMAND_TIMEOUT)?;
        self.send(b" ")?;
        self.expect(PROMPT, COMMAND_TIMEOUT).map(drop)
    }

    /// Types a command at the prompt; returns its output, without its echo, when the next prompt is there.
    ///
    /// # Errors
    /// As [`Console::expect`].
    pub fn command(&mut self, line: &str) -> Result<String, Error> {
        self.send_line(line)?;
        let output = self.expect(PROMPT, COMMAND_TIMEOUT)?.replace('\r', "");
        let output = output.strip_suffix(PROMPT).map_or(output.as_str(), |rest| rest);
        Ok(output.split_once('\n').map_or("", |(_echo, rest)| rest).to_owned())
    }

    /// Waits until QEMU ends by itself, as after a power-off.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it goes on running.
    pub fn wait_end(&mut self, timeout: Duration) -> Result<ExitStatus, Error> {
        let status = wait_for(&mut self.child, timeout);
        host("QEMU cannot be waited for", status)?.ok_or_else(|| self.late("QEMU's end", timeout))
    }

    /// What QEMU has had of the host's processors so far, in ticks of 10 ms.
    ///
    /// # Errors
    /// [`Error::Host`] if it is gone.
    pub fn ticks(&self) -> Result<u32, Error> {
        let stat = format!("/proc/{}/stat", self.child.id());
        let ticks = processor_time::ticks(stat.as_ref());
        Ok(host("QEMU's time cannot be read", ticks)?.1)
    }

    /// Gives the monitor a QMP command and returns what it answers.
    ///
    /// # Errors
    /// [`Error::Monitor`] if QEMU refuses, [`Error::Host`] if it does not answer.
    pub fn monitor(&mut self, command: &str, arguments: Value) -> Result<Value, Error> {
        self.monitor.execute(command, arguments)
    }

    /// Resets the machine as its reset button would: RAM keeps its contents.
    ///
    /// # Errors
    /// As [`Console::monitor`].
    pub fn system_reset(&mut self) -> Result<(), Error> {
        self.monitor("system_reset", json!({})).map(drop)
    }

    /// Reads the machine's physical memory.
    ///
    /// # Errors
    /// As [`Console::monitor`].
    pub fn read_memory(&mut self, address: u64, size: u64) -> Result<Vec<u8>, Error> {
        let file = private_path("memory");
        self.monitor("pmemsave", json!({ "val": address, "size": size, "filename": file }))?;
        let bytes = host("memory dump cannot be read", std::fs::read(&file));
        let _ = std::fs::remove_file(&file);
        bytes
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How the process ended; `None` if it did not in time.
fn wait_for(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + scaled(timeout);
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The end of the first occurrence of `text`.
fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes
        .windows(text.len())
        .position(|window| window == text)
        .map(|start| start + text.len())
}

/// A path that no other process and no other console uses.
fn private_path(suffix: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("slipway-{}-{number}.{suffix}", std::process::id()))
}

/// Where the transcript `name` goes: `qemu-logs` in cargo's target folder.
fn log_path(name: &str) -> Result<PathBuf, Error> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let folder = target.join("qemu-logs");
    host(
        format!("folder {} cannot be made", folder.display()),
        std::fs::create_dir_all(&folder),
    )?;
    Ok(folder.join(format!("{name}.log")))
}

#[cfg(test)]
mod tests;
