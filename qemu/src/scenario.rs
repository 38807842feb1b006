//! A folder that a TFTP server offers: Xen, kernels, ramdisks, and the device tree that belongs to them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::Machine;
use crate::tools;

/// A scenario's folder cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program that makes a file failed.
    #[error(transparent)]
    Tool(#[from] tools::Error),
}

fn file<T>(path: &Path, result: std::io::Result<T>) -> Result<T, Error> {
    result.map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// A folder for one boot, emptied when it is made.
#[derive(Clone, Debug)]
pub struct Scenario {
    folder: PathBuf,
}

/// What a legacy uImage says of its payload.
#[derive(Clone, Copy, Debug)]
pub enum ImageKind {
    /// A kernel, with its load address, which is its entry point too.
    Kernel(u64),
    /// A gzip'ed kernel, with the same.
    PackedKernel(u64),
    /// A ramdisk.
    Ramdisk,
    /// A script.
    Script,
}

impl Scenario {
    /// Makes an empty folder, or empties the one that is there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn create(folder: &Path) -> Result<Self, Error> {
        if folder.exists() {
            file(folder, std::fs::remove_dir_all(folder))?;
        }
        file(folder, std::fs::create_dir_all(folder))?;
        // The TFTP server may run elsewhere, so the path is made absolute.
        Ok(Self {
            folder: file(folder, folder.canonicalize())?,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file; returns its size in bytes.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, name: &str, data: &[u8]) -> Result<u64, Error> {
        let path = self.folder.join(name);
        file(&path, std::fs::write(&path, data))?;
        Ok(u64::try_from(data.len()).unwrap_or(u64::MAX))
    }

    /// Copies a file; returns its size in bytes.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn copy(&self, name: &str, from: &Path) -> Result<u64, Error> {
        file(from, std::fs::copy(from, self.folder.join(name)))
    }

    /// Wraps a file of the folder into a legacy uImage, as U-Boot's `mkimage` does, and writes it as `name`.
    ///
    /// # Errors
    /// [`Error::Tool`] if `mkimage` fails.
    pub fn wrap(&self, name: &str, payload: &str, kind: ImageKind) -> Result<(), Error> {
        let (kind, address, packing) = match kind {
            ImageKind::Kernel(address) => ("kernel", address, "none"),
            ImageKind::PackedKernel(address) => ("kernel", address, "gzip"),
            ImageKind::Ramdisk => ("ramdisk", 0, "none"),
            ImageKind::Script => ("script", 0, "none"),
        };
        let address = format!("{address:#x}");
        let mut command = Command::new("mkimage");
        command.args([
            "-A", "arm64", "-O", "linux", "-C", packing, "-T", kind, "-a", &address, "-e", &address,
        ]);
        command
            .args(["-n", payload, "-d"])
            .arg(self.folder.join(payload))
            .arg(self.folder.join(name));
        Ok(tools::run(&mut command).map(drop)?)
    }

    /// Makes a FIT as `mkimage -f` does, of a source that names files of the folder, and writes it as `name`.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Tool`] if `mkimage` fails.
    pub fn fit(&self, name: &str, source: &str) -> Result<(), Error> {
        let its = self.folder.join(name).with_extension("its");
        file(&its, std::fs::write(&its, source))?;
        let mut command = Command::new("mkimage");
        command.arg("-f").arg(&its).arg(self.folder.join(name));
        Ok(tools::run(&mut command).map(drop)?)
    }

    /// Writes the machine's device tree with `source` appended to its source.
    ///
    /// # Errors
    /// [`Error::Tool`] if QEMU or `dtc` fails.
    pub fn device_tree(&self, name: &str, machine: &Machine, source: &str) -> Result<(), Error> {
        let blob = self.folder.join(name);
        machine.dump_dtb(&blob)?;
        self.board_tree(name, &blob, source)
    }

    /// Writes the device tree in the file `board` with `source` appended to its source.
    ///
    /// # Errors
    /// [`Error::Tool`] if `dtc` fails.
    pub fn board_tree(&self, name: &str, board: &Path, source: &str) -> Result<(), Error> {
        let blob = self.folder.join(name);
        let text = blob.with_extension("dts");
        tools::dtc("dtb", "dts", board, &text)?;
        let machine_source = file(&text, std::fs::read_to_string(&text))?;
        file(&text, std::fs::write(&text, machine_source + source))?;
        tools::dtc("dts", "dtb", &text, &blob)?;
        Ok(())
    }

    /// Writes a device tree of its own, from its source; returns its size in bytes.
    ///
    /// # Errors
    /// [`Error::Tool`] if `dtc` fails.
    pub fn fragment(&self, name: &str, source: &str) -> Result<u64, Error> {
        let blob = self.folder.join(name);
        let text = blob.with_extension("dts");
        file(&text, std::fs::write(&text, source))?;
        tools::dtc("dts", "dtb", &text, &blob)?;
        Ok(file(&blob, std::fs::metadata(&blob))?.len())
    }
}
