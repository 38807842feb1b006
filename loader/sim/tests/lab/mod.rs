//! A folder with a lab's files, and `slipway-sim` as a person or a CI job runs it there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A lab's folder.
pub(crate) struct Lab(PathBuf);

impl Lab {
    /// An empty one.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run has left.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn add(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Runs the program in the folder.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway-sim"));
        command.args(args).current_dir(&self.0);
        command
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// An arm64 `Image` of `len` bytes that takes `memory` bytes.
pub(crate) fn image(memory: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0x1f; len];
    bytes[8..16].fill(0);
    bytes[16..24].copy_from_slice(&memory.to_le_bytes());
    bytes[24..32].copy_from_slice(&0xa_u64.to_le_bytes());
    bytes[56..60].copy_from_slice(b"ARM\x64");
    bytes
}

/// Something that looks like Xen.
pub(crate) fn xen() -> Vec<u8> {
    let mut xen = image(0x13_0000, 900_000);
    xen[1000..1016].copy_from_slice(b"xen,xen-bootargs");
    xen
}

/// A ramdisk of `len` bytes.
pub(crate) fn cpio(len: usize) -> Vec<u8> {
    let mut ramdisk = vec![0; len];
    ramdisk[..6].copy_from_slice(b"070701");
    ramdisk
}
