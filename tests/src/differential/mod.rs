//! The same command lines for Slipway and for U-Boot, and what comes of them.
//!
//! A file in `tests/differential` is one session: its lines are typed one after another at a machine that was just started, and the output
//! and the status of each are compared. U-Boot runs beside, in QEMU; nothing of it is recorded. Where Slipway differs on purpose, the line
//! says so and holds what Slipway is to print instead; the reasons stand in `loader/docs/differences.md`.

mod case;
mod disks;
mod normalise;
mod qemu_session;
mod report;
mod rewrite;
mod sim_session;

use std::path::{Path, PathBuf};

use qemu::{Firmware, Guests};

pub use case::{Case, CaseError, Intended, parse};
pub use normalise::normalise;
pub use report::{Difference, Report};
pub use rewrite::rewrite;

use crate::slipway;

/// What a line gave: its output in its normal form, and `$?`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// Normalised output.
    pub output: String,
    /// What `echo $?` gave.
    pub status: String,
}

/// Something to type at.
pub trait Session {
    /// Types a line and the lines that answer its questions; gives what came back.
    ///
    /// # Errors
    /// A sentence if the machine does not come back to its prompt.
    fn answer(&mut self, case: &Case) -> Result<Answer, String>;
}

/// The variables that both sides begin a session with.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("baudrate", "115200"),
    ("bootdelay", "2"),
    ("ethaddr", "52:54:00:12:34:56"),
    ("gatewayip", "10.0.2.2"),
    ("ipaddr", "10.0.2.15"),
    ("loadaddr", "40200000"),
    ("netmask", "255.255.255.0"),
    ("serverip", "10.0.2.2"),
    ("stderr", "serial"),
    ("stdin", "serial"),
    ("stdout", "serial"),
];

/// The folder of the sessions.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("differential")
}

/// The files that both sides can fetch by TFTP.
pub(crate) fn files() -> PathBuf {
    folder().join("files")
}

/// The session whose machine has disks.
pub(crate) const WITH_DISKS: &str = "storage";

/// The names of all sessions, sorted.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder())
        .expect("tests/differential is there")
        .flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".txt")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The lines of a session.
///
/// # Panics
/// If the file cannot be read, or is not in the form that `tests/differential/README.md` describes.
#[must_use]
pub fn cases(name: &str) -> Vec<Case> {
    let path = folder().join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All answers of a session, up to the first line that does not come back.
fn answers(session: &mut dyn Session, cases: &[Case]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for case in cases {
        match session.answer(case) {
            Ok(answer) => answers.push(answer),
            Err(sentence) => {
                let output = format!("{sentence}\n");
                answers.push(Answer {
                    output,
                    status: "none".into(),
                });
                break;
            }
        }
    }
    answers
}

/// What the simulation answers.
#[must_use]
pub fn simulated(name: &str) -> Vec<Answer> {
    answers(&mut sim_session::SimSession::start(name), &cases(name))
}

/// What the newest U-Boot that Debian has answers.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn u_boot(name: &str) -> Vec<Answer> {
    let guests = Guests::open().expect("scripts/setup fetched U-Boot");
    let firmware = Firmware::Bios(guests.u_boot());
    let mut session = qemu_session::QemuSession::start(firmware, &format!("differential-u-boot-{name}"));
    answers(&mut session, &cases(name))
}

/// What Slipway answers in QEMU.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn in_qemu(name: &str) -> Vec<Answer> {
    let firmware = Firmware::Bios(slipway());
    let mut session = qemu_session::QemuSession::start(firmware, &format!("differential-slipway-{name}"));
    answers(&mut session, &cases(name))
}
