//! A machine whose console is read with as little delay as can be: pipes, one blocking reader, no monitor.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use qemu::Machine;
use qemu::processor_time::ticks;

use crate::Result;

const PROMPT: &[u8] = b"\n=> ";
/// What a step may take before the measurement counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of output kept for messages.
const TAIL: usize = 600;

/// A running machine.
pub(crate) struct Session {
    child: Child,
    input: ChildStdin,
    output: Receiver<(Instant, Vec<u8>)>,
    started: Instant,
    /// When the text that was last waited for had arrived.
    last: Instant,
    unread: Vec<u8>,
    /// The end of all output, for messages.
    tail: Vec<u8>,
    prompt: &'static [u8],
}

impl Session {
    /// Starts the machine.
    pub(crate) fn start(machine: &Machine) -> Result<Self> {
        let started = Instant::now();
        let mut command = Command::new("qemu-system-aarch64");
        command.args(machine.arguments()).args([
            "-serial",
            "stdio",
            "-monitor",
            "none",
            "-name",
            "bench,debug-threads=on",
        ]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let input = child.stdin.take().ok_or("QEMU has no input")?;
        let mut pipe = child.stdout.take().ok_or("QEMU has no output")?;
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = pipe.read(&mut buffer) {
                let chunk = buffer.get(..len).unwrap_or_default().to_vec();
                if sender.send((Instant::now(), chunk)).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            input,
            output,
            started,
            last: started,
            unread: Vec::new(),
            tail: Vec::new(),
            prompt: PROMPT,
        })
    }

    /// The same with another prompt than usual.
    pub(crate) fn with_prompt(mut self, prompt: &'static [u8]) -> Self {
        self.prompt = prompt;
        self
    }

    /// Stops autoboot as soon as it is offered, and waits for the prompt.
    pub(crate) fn reach_prompt(&mut self) -> Result<()> {
        self.wait(b"stop autoboot", PATIENCE)?;
        self.input.write_all(b" ")?;
        self.input.flush()?;
        self.wait(self.prompt, PATIENCE)
    }

    /// Sets addresses by hand, so that no DHCP is in the measurement.
    pub(crate) fn network(&mut self, own: &str, server: &str) -> Result<()> {
        self.command(&format!("setenv ipaddr {own}"))?;
        self.command("setenv netmask 255.255.255.0")?;
        self.command(&format!("setenv serverip {server}"))
    }

    /// Types a line.
    pub(crate) fn send(&mut self, line: &str) -> Result<()> {
        self.input.write_all(format!("{line}\r").as_bytes())?;
        Ok(self.input.flush()?)
    }

    /// Types a line and waits for the next prompt.
    pub(crate) fn command(&mut self, line: &str) -> Result<()> {
        self.send(line)?;
        self.wait(self.prompt, PATIENCE)
    }

    /// How long a line takes, from its Enter to the next prompt.
    pub(crate) fn duration(&mut self, line: &str) -> Result<Duration> {
        self.input.write_all(line.as_bytes())?;
        self.input.flush()?;
        // The echo is not in the measurement.
        self.wait(line.as_bytes(), PATIENCE)?;
        let begin = Instant::now();
        self.input.write_all(b"\r")?;
        self.input.flush()?;
        self.wait(self.prompt, PATIENCE)?;
        Ok(self.last - begin)
    }

    /// The rate of a transfer of `len` bytes in MiB/s; `None` if it fails or takes too long.
    pub(crate) fn rate(&mut self, line: &str, len: usize) -> Result<Option<f64>> {
        self.rate_until(line, len, &format!("Bytes transferred = {len}"))
    }

    /// The same for a command that says something else at its end.
    pub(crate) fn rate_until(&mut self, line: &str, len: usize, closing: &str) -> Result<Option<f64>> {
        let begin = Instant::now();
        self.send(line)?;
        Ok(match self.wait(closing.as_bytes(), PATIENCE) {
            Ok(()) => Some(len as f64 / f64::from(1 << 20) / (self.last - begin).as_secs_f64()),
            Err(error) => {
                eprintln!("bench: {line} fails: {error}");
                None
            }
        })
    }

    /// The processor's time in seconds that QEMU takes from a line's Enter to what the command says at its end; `None` if it fails.
    pub(crate) fn processor_time(&mut self, line: &str, closing: &str) -> Result<Option<f64>> {
        let before = processor_time(self.child.id())?;
        let rate = self.rate_until(line, 0, closing)?;
        let after = processor_time(self.child.id())?;
        Ok(rate.map(|_| after - before))
    }

    /// Waits for `text`.
    pub(crate) fn wait(&mut self, text: &[u8], patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(at) = self.unread.windows(text.len()).position(|window| window == text) {
                self.unread.drain(..at + text.len());
                return Ok(());
            }
            // Keep what may be the beginning of the text.
            let keep = self.unread.len().saturating_sub(text.len());
            self.unread.drain(..keep);
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok((at, chunk)) => {
                    self.last = at;
                    self.tail.extend(&chunk);
                    let surplus = self.tail.len().saturating_sub(TAIL);
                    self.tail.drain(..surplus);
                    self.unread.extend(chunk);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let (text, tail) = (String::from_utf8_lossy(text), String::from_utf8_lossy(&self.tail));
                    return Err(format!("{text:?} did not come; the console ends with {tail:?}").into());
                }
                Err(RecvTimeoutError::Disconnected) => return Err("QEMU ended".into()),
            }
        }
    }

    /// From `begin` to the arrival of the text that was last waited for.
    pub(crate) fn last_seen(&self, begin: Instant) -> Duration {
        self.last - begin
    }

    /// From the start of QEMU to the arrival of the text that was last waited for.
    pub(crate) fn since_start(&self) -> Duration {
        self.last - self.started
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A child that is gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What QEMU has had of the processors, in seconds, without what the machine's other CPUs have, which only wait to be started.
fn processor_time(id: u32) -> Result<f64> {
    let mut time = ticks(format!("/proc/{id}/stat").as_ref())?.1;
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        // Those for the disk come and go.
        if let Ok((name, of_thread)) = ticks(&thread?.path().join("stat"))
            && name.starts_with("CPU ")
            && !name.starts_with("CPU 0/")
        {
            time = time.saturating_sub(of_thread);
        }
    }
    Ok(f64::from(time) / 100.0)
}
