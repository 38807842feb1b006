//! A session with firmware in QEMU.

use std::time::Duration;

use qemu::{Console, Firmware, Machine, Nic};
use regex::bytes::Regex;

use super::{Answer, Case, ENVIRONMENT, Session, WITH_DISKS, disks, files, normalise};
use crate::folder;

/// Marks the line that asks for the status.
pub(super) const MARK: &str = "@@";

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a machine is silent that waits.
const QUIET: Duration = Duration::from_millis(700);

/// Stands behind the output of a line that did not end by itself.
const OVERDUE: &str = "(ended by Ctrl-C)\n";

pub(super) struct QemuSession {
    console: Console,
    /// The prompt at the start of a line, or the one of a line that is not complete, at the very end of the output.
    prompt: Regex,
    /// The prompt behind output that has no line end; what a command prints may look like it until the rest has come.
    weak_prompt: Regex,
    /// As `prompt`, or a question.
    question: Regex,
    status: Regex,
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a constant: {error}"))
}

impl QemuSession {
    /// Starts the machine and brings its variables to what a session begins with.
    pub(super) fn start(firmware: Firmware, name: &str) -> Self {
        let nic = Nic::User { tftp: Some(files()) };
        let machine = Machine::load("virt")
            .expect("qemu/machines has it")
            .firmware(firmware)
            .nic(nic);
        let machine = match name.ends_with(WITH_DISKS) {
            // QEMU numbers the last disk first.
            true => disks::make(&folder(name))
                .iter()
                .rev()
                .fold(machine, |machine, disk| machine.disk(disk.path())),
            false => machine,
        };
        let mut console = machine.spawn(name).expect("QEMU starts");
        console.prompt().expect("the firmware comes to its prompt");
        let present = console.command("printenv").expect("printenv");
        let present: Vec<(&str, &str)> = present.lines().filter_map(|line| line.split_once('=')).collect();
        for (name, _) in &present {
            if ENVIRONMENT.iter().all(|(wanted, _)| wanted != name) {
                console.command(&format!("setenv {name}")).expect("setenv");
            }
        }
        for (name, value) in ENVIRONMENT {
            if !present.contains(&(name, value)) {
                console.command(&format!("setenv {name} {value}")).expect("setenv");
            }
        }
        Self {
            console,
            prompt: regex(r"(?s-u)^.*?\n(=> |> )\z"),
            weak_prompt: regex(r"(?s-u)^.*?=> \z"),
            question: regex(r"(?s-u)^.*?(\n=> |\n> | \? |\n[^\n]*([^0-9a-f\n]:|\?) ?)\z"),
            status: regex(&format!(r"(?s-u)^echo \$\? {MARK}\r*\n(\S+) {MARK}\r*\n=> \z")),
        }
    }

    /// Types a line and waits for a prompt; with Ctrl-C if it does not come.
    fn enter(&mut self, line: &str, last: bool) -> Result<String, String> {
        self.type_in(format!("{line}\r").as_bytes())?;
        let end = if last { &self.prompt } else { &self.question };
        let tries = [(end, QUIET), (&self.weak_prompt, QUIET), (end, PATIENCE)];
        for (end, patience) in tries {
            if let Ok(groups) = self.console.expect_regex(end, patience) {
                return Ok(groups.into_iter().next().unwrap_or_default());
            }
        }
        Ok(self.interrupt()? + OVERDUE)
    }

    /// Types Ctrl-C and waits for the prompt.
    fn interrupt(&mut self) -> Result<String, String> {
        self.type_in(b"\x03")?;
        let groups = self.console.expect_regex(&self.weak_prompt, PATIENCE);
        let groups = groups.map_err(|_| format!("no prompt within {} s, Ctrl-C or not", PATIENCE.as_secs()))?;
        Ok(groups.into_iter().next().unwrap_or_default())
    }

    /// Asks for the status.
    fn status(&mut self) -> Result<String, String> {
        self.type_in(format!("echo $? {MARK}\r").as_bytes())?;
        match self.console.expect_regex(&self.status, PATIENCE) {
            Ok(groups) => Ok(groups.get(1).cloned().unwrap_or_default()),
            Err(_) => Err("no answer to echo $?".into()),
        }
    }

    fn type_in(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.console.send(bytes).map_err(|error| error.to_string())
    }
}

impl Session for QemuSession {
    fn answer(&mut self, case: &Case) -> Result<Answer, String> {
        let mut raw = self.enter(&case.line, case.replies.is_empty())?;
        for (reply, left) in case.replies.iter().zip((0..case.replies.len()).rev()) {
            raw += &self.enter(reply, left == 0)?;
        }
        if !raw.ends_with("=> ") && !raw.ends_with(OVERDUE) {
            raw += &self.interrupt()?;
        }
        let status = self.status()?;
        let raw = raw.replace('\r', "");
        let raw = raw.strip_suffix("=> ").unwrap_or(&raw);
        let raw = raw.strip_prefix(&format!("{}\n", case.line)).unwrap_or(raw);
        Ok(Answer {
            output: normalise(raw),
            status,
        })
    }
}
