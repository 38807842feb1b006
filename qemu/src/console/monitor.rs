//! QEMU's machine protocol (QMP): one JSON object per line, over a socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Error, host};

#[derive(Debug)]
pub(super) struct Monitor {
    stream: BufReader<UnixStream>,
}

impl Monitor {
    /// Connects to the socket as soon as QEMU has made it, while `alive` says that QEMU runs.
    pub(super) fn connect(socket: &Path, timeout: Duration, mut alive: impl FnMut() -> bool) -> std::io::Result<Self> {
        let deadline = Instant::now() + timeout;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() >= deadline || !alive() => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        stream.set_read_timeout(Some(timeout))?;
        let mut monitor = Self {
            stream: BufReader::new(stream),
        };
        monitor.read()?;
        monitor
            .execute("qmp_capabilities", json!({}))
            .map_err(std::io::Error::other)?;
        Ok(monitor)
    }

    fn read(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Gives a command and waits for its answer; events that come in between are skipped.
    pub(super) fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, Error> {
        let request = json!({ "execute": command, "arguments": arguments });
        host(
            "monitor does not take a command",
            writeln!(self.stream.get_mut(), "{request}"),
        )?;
        loop {
            let answer = host("monitor does not answer", self.read())?;
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            } else if let Some(error) = answer.get("error") {
                return Err(Error::Monitor {
                    command: command.to_owned(),
                    answer: error.to_string(),
                });
            }
        }
    }
}
