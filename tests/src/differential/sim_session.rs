//! A session with the simulation.

use std::time::Duration;

use hal::BlockDevice;
use hal::block::BlockInterface;
use loader_core::storage::Storage;
use slipway_sim::disk::FileDisk;
use slipway_sim::lan::Faults;
use slipway_sim::machine::Machine;

use super::qemu_session::MARK;
use super::{Answer, Case, ENVIRONMENT, Session, WITH_DISKS, disks, files, normalise};
use crate::folder;

/// How long a line may take, in simulated time: then Ctrl-C is typed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct SimSession(Machine);

impl SimSession {
    /// A machine with the session's variables. RAM is what QEMU's is: zero.
    pub(super) fn start(name: &str) -> Self {
        let mut machine = Machine::new(Faults::default(), 0);
        machine.lan.serve(files());
        if name == WITH_DISKS {
            let disks = disks::make(&folder("differential-simulation-storage"));
            let disks = disks.iter().map(|disk| {
                let disk = FileDisk::open(disk.path(), BlockInterface::Virtio).expect("it was just made");
                Box::new(disk.named("QEMU", "VirtIO Block Device")) as Box<dyn BlockDevice>
            });
            machine.context.storage = Storage::new(disks.collect());
        }
        for (name, value) in ENVIRONMENT {
            machine.enter(&format!("setenv {name} {value}"));
        }
        machine.enter("mw.q 40200000 0 80000");
        Self(machine)
    }
}

impl Session for SimSession {
    fn answer(&mut self, case: &Case) -> Result<Answer, String> {
        self.0.type_after(PATIENCE, "\x03");
        // All is typed ahead: a command that asks must not find nothing.
        let typed = std::iter::once(&case.line).chain(&case.replies);
        let typed: Vec<&str> = typed.map(String::as_str).collect();
        let raw = self.0.enter(&typed.join("\r"));
        let raw = raw.replace('\r', "");
        let raw = raw.strip_prefix(&format!("{}\n", case.line)).unwrap_or(&raw).to_owned();
        // Ctrl-C, as the other session types it at a line that is not complete.
        let raw = match raw == "> " || raw.ends_with("\n> ") {
            true => raw + self.0.press("\x03").trim_end_matches("=> "),
            false => raw,
        };
        let output = normalise(&raw);
        let status = self.0.enter(&format!("echo $? {MARK}"));
        let status = status.split_whitespace().next().unwrap_or_default().to_owned();
        Ok(Answer { output, status })
    }
}
