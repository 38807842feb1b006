//! Disk images, made by the tools that people make them with: sfdisk and sgdisk, mkfs.fat and mtools, mkfs.ext4.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{self, Error};

/// Bytes of a block.
const BLOCK: u64 = 512;
/// Where the first partition of [`DiskImage::create`] begins, as every partitioning tool has it.
const FIRST: u64 = 1 << 20;

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// FAT16 with clusters of so many blocks.
    Fat16(u32),
    /// FAT32 with clusters of so many blocks.
    Fat32(u32),
    /// ext4, as mkfs.ext4 makes it today.
    Ext4,
}

/// Which partition table a disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// None: the file system has the whole disk.
    Whole,
    /// An MBR, by sfdisk.
    Mbr,
    /// A GPT, by sgdisk.
    Gpt,
}

/// A raw disk image in a file. Partition identifiers are the same each time.
#[derive(Debug)]
pub struct DiskImage {
    path: PathBuf,
    /// Where each volume begins, and its length, in bytes.
    volumes: Vec<(u64, u64)>,
}

impl DiskImage {
    /// Makes an image at `path` with a partition for each of `formats`, of so many MiB. Its size is a power of two, which SD cards in QEMU
    /// must have.
    ///
    /// # Errors
    /// [`Error`] if a tool is missing or fails.
    pub fn create(path: &Path, scheme: Scheme, formats: &[(Format, u64)]) -> Result<Self, Error> {
        let first = if scheme == Scheme::Whole { 0 } else { FIRST };
        let mut volumes = Vec::new();
        let mut end = first;
        for (_, mib) in formats {
            volumes.push((end, mib << 20));
            end += mib << 20;
        }
        let size = (end + FIRST).next_power_of_two();
        File::create(path)
            .and_then(|file| file.set_len(size))
            .map_err(|source| Error::file(path, source))?;
        let image = Self {
            path: path.to_owned(),
            volumes,
        };
        match scheme {
            Scheme::Whole => {}
            Scheme::Mbr => image.write_mbr(formats)?,
            Scheme::Gpt => image.write_gpt(formats)?,
        }
        for (number, (format, _)) in formats.iter().enumerate() {
            if *format != Format::Ext4 {
                image.make_fat(number, *format)?;
            }
        }
        Ok(image)
    }

    /// The image's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write_mbr(&self, formats: &[(Format, u64)]) -> Result<(), Error> {
        let mut script = String::from("label: dos\nlabel-id: 0x12345678\n");
        for ((format, _), (start, len)) in formats.iter().zip(&self.volumes) {
            let kind = match format {
                Format::Fat16(_) => "e",
                Format::Fat32(_) => "c",
                Format::Ext4 => "83",
            };
            let boot = if *start == FIRST { ",*" } else { "" };
            script += &format!("{},{},{kind}{boot}\n", start / BLOCK, len / BLOCK);
        }
        let mut command = Command::new("sfdisk");
        command
            .args(["--quiet", "--no-reread", "--no-tell-kernel"])
            .arg(&self.path);
        let orders = self.path.with_extension("sfdisk");
        fs::write(&orders, script).map_err(|source| Error::file(&orders, source))?;
        command.stdin(File::open(&orders).map_err(|source| Error::file(&orders, source))?);
        tools::run(&mut command).map(drop)
    }

    fn write_gpt(&self, formats: &[(Format, u64)]) -> Result<(), Error> {
        let mut command = Command::new("sgdisk");
        command.args(["--set-alignment=1", "--disk-guid=11111111-2222-3333-4444-000000000000"]);
        for (index, ((format, _), (start, len))) in formats.iter().zip(&self.volumes).enumerate() {
            let number = index + 1;
            let (kind, name) = match format {
                Format::Ext4 => ("8300", "root fs"),
                _ => ("ef00", "ESP"),
            };
            let last = (start + len) / BLOCK - 1;
            command.arg(format!("--new={number}:{}:{last}", start / BLOCK));
            command.arg(format!("--typecode={number}:{kind}"));
            command.arg(format!("--change-name={number}:{name}"));
            command.arg(format!(
                "--partition-guid={number}:11111111-2222-3333-4444-{number:012}"
            ));
        }
        tools::run(command.arg(&self.path)).map(drop)
    }

    fn make_fat(&self, volume: usize, format: Format) -> Result<(), Error> {
        let (start, len) = self.volumes[volume];
        let (width, cluster) = match format {
            Format::Fat16(cluster) => ("16", cluster),
            Format::Fat32(cluster) => ("32", cluster),
            Format::Ext4 => return Ok(()),
        };
        let mut command = Command::new("mkfs.fat");
        command.args(["-F", width, "-s", &cluster.to_string(), "-n", "BOOT", "-i", "ABCD1234"]);
        command.arg("--offset").arg((start / BLOCK).to_string()).arg(&self.path);
        tools::run(command.arg((len / 1024).to_string())).map(drop)
    }

    /// Copies files and folders into the root of a FAT volume, by mtools.
    ///
    /// # Errors
    /// [`Error`] if mtools fails.
    pub fn add(&self, volume: usize, files: &[&Path]) -> Result<(), Error> {
        let mut command = mtools("mcopy");
        command.args(["-s", "-m", "-i"]).arg(self.place(volume)).args(files);
        tools::run(command.arg("::/")).map(drop)
    }

    /// Removes files from a FAT32 volume, by mtools: what is added next fills the gaps.
    ///
    /// # Errors
    /// [`Error`] if mtools fails.
    pub fn remove(&self, volume: usize, names: &[String]) -> Result<(), Error> {
        let names = names.iter().map(|name| format!("::/{name}"));
        let mut command = mtools("mdel");
        tools::run(command.arg("-i").arg(self.place(volume)).args(names))?;
        self.forget_free_cluster(volume)
    }

    /// Makes the file system information of a FAT32 volume, in its second sector, say nothing about where free clusters are (FAT
    /// specification, FSI_Nxt_Free): mtools would go on behind the last file.
    fn forget_free_cluster(&self, volume: usize) -> Result<(), Error> {
        const NEXT_FREE: u64 = BLOCK + 492;
        let failed = |source| Error::file(&self.path, source);
        let (start, _) = self.volumes[volume];
        let mut file = File::options().write(true).open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(start + NEXT_FREE)).map_err(failed)?;
        file.write_all(&[0xff; 4]).map_err(failed)
    }

    /// Makes an ext4 volume that holds what is in `folder`.
    ///
    /// # Errors
    /// [`Error`] if mkfs.ext4 fails.
    pub fn fill_ext4(&self, volume: usize, folder: &Path) -> Result<(), Error> {
        let (start, len) = self.volumes[volume];
        let mut command = Command::new("mkfs.ext4");
        command.args([
            "-q",
            "-F",
            "-L",
            "ROOT",
            "-U",
            "11111111-2222-3333-4444-555555555555",
            "-d",
        ]);
        command
            .arg(folder)
            .arg("-E")
            .arg(format!("offset={start},hash_seed=11111111-2222-3333-4444-666666666666"));
        tools::run(command.arg(&self.path).arg(format!("{}k", len / 1024))).map(drop)
    }

    /// Reads a file of a FAT volume, by mtools.
    ///
    /// # Errors
    /// [`Error`] if mtools fails.
    pub fn read(&self, volume: usize, name: &str) -> Result<Vec<u8>, Error> {
        let mut command = mtools("mcopy");
        command
            .arg("-i")
            .arg(self.place(volume))
            .arg(format!("::/{name}"))
            .arg("-");
        tools::run(&mut command)
    }

    /// What `fsck.fat` has to say about a FAT volume; empty if it is sound.
    ///
    /// # Errors
    /// [`Error`] if the volume cannot be copied out, or fsck.fat be started.
    pub fn check(&self, volume: usize) -> Result<String, Error> {
        let (start, len) = self.volumes[volume];
        let copy = self.path.with_extension(format!("{volume}.fat"));
        let failed = |source| Error::file(&copy, source);
        let mut from = File::open(&self.path).map_err(failed)?;
        from.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut to = File::create(&copy).map_err(failed)?;
        std::io::copy(&mut from.take(len), &mut to).map_err(failed)?;
        let output = Command::new("fsck.fat").arg("-n").arg(&copy).output();
        let output = output.map_err(|source| Error::Start {
            program: "fsck.fat".to_owned(),
            source,
        })?;
        fs::remove_file(&copy).map_err(failed)?;
        match output.status.success() {
            true => Ok(String::new()),
            false => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        }
    }

    /// How mtools are told of a volume.
    fn place(&self, volume: usize) -> String {
        let (start, _) = self.volumes[volume];
        format!("{}@@{start}", self.path.display())
    }
}

/// One of mtools; they take file names to be in the character set of the locale.
fn mtools(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8");
    command
}
