//! Good images with some bytes changed, thousands of times, the same in each run: nothing panics, nothing runs on, nothing outside of the volume is
//! touched, and what was written is what is read.

use std::fs;
use std::ops::ControlFlow;

use hal::fakes::{DiskAccess, FakeDisk};
use hal::{BlockDevice, BlockIdx};
use loader_core::fs::{EntryKind, FileSystem, FsError, Unwatched, Volume, mount, read_table};

use crate::ext4::Unclean;
use crate::images::{Dice, Folder, fat, noise, tool};
use crate::partitions::gpt;

/// Blocks in front of the volume and behind it, which nobody may touch.
const MARGIN: u64 = 64;

/// How many requests one round may make.
const PATIENCE: usize = 60_000;

/// A disk with a volume in its midst, and how it was.
struct Bed {
    disk: FakeDisk,
    good: Vec<u8>,
    /// Blocks of the volume where the file system's own data are, by experience.
    vital: Vec<u64>,
}

impl Bed {
    fn new(image: &[u8], vital: impl Iterator<Item = u64>) -> Self {
        let margin = vec![0x77; MARGIN as usize * 512];
        let good = [&margin, image, &margin].concat();
        let disk = FakeDisk::new(good.clone());
        Self {
            disk,
            good,
            vital: vital.collect(),
        }
    }

    fn blocks(&self) -> u64 {
        self.good.len() as u64 / 512 - 2 * MARGIN
    }

    /// Changes some bytes; the blocks that have them.
    fn mutate(&mut self, dice: &mut Dice) -> Vec<u64> {
        let mut touched = Vec::new();
        for _ in 0..=dice.below(6) {
            let block = match dice.below(8) {
                0 => dice.next() % self.blocks(),
                _ => self.vital[dice.below(self.vital.len())],
            } + MARGIN;
            let mut bytes = [0; 512];
            self.disk.read(BlockIdx(block), &mut bytes, &mut || {}).unwrap();
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(512, |last| last + 1);
            let at = dice.below(used);
            let len = [1, 1, 1, 2, 4][dice.below(5)];
            for byte in bytes.iter_mut().skip(at).take(len) {
                *byte = match dice.below(4) {
                    0 => *byte ^ (1 << dice.below(8)),
                    1 => 0,
                    2 => 0xff,
                    _ => dice.next() as u8,
                };
            }
            self.disk.write(BlockIdx(block), &bytes, &mut || {}).unwrap();
            touched.push(block);
        }
        let _ = self.disk.take_accesses();
        touched
    }

    /// Looks at what was done, and makes the disk good again.
    fn settle(&mut self, mut touched: Vec<u64>, round: u32) {
        let accesses = self.disk.take_accesses();
        assert!(accesses.len() < PATIENCE, "round {round}: {} requests", accesses.len());
        for access in accesses {
            let (DiskAccess::Read(first, count) | DiskAccess::Write(first, count)) = access;
            let inside = first.get() >= MARGIN && first.get() + count <= MARGIN + self.blocks();
            assert!(inside, "round {round}: {access:?} is outside of the volume");
            if let DiskAccess::Write(first, count) = access {
                touched.extend(first.get()..first.get() + count);
            }
        }
        for block in touched {
            let at = block as usize * 512;
            self.disk
                .write(BlockIdx(block), &self.good[at..at + 512], &mut || {})
                .unwrap();
        }
        let _ = self.disk.take_accesses();
    }

    fn rounds(&mut self, rounds: u32, work: &mut dyn FnMut(&mut dyn FileSystem)) {
        let mut mounts = 0;
        for round in 0..rounds {
            let mut dice = Dice::new(u64::from(round) + 1);
            let touched = self.mutate(&mut dice);
            let (mut disk, mut watch, blocks) = (self.disk.clone(), Unwatched, self.blocks());
            let volume = Volume::new(&mut disk, &mut watch, (BlockIdx(MARGIN), blocks)).unwrap();
            match mount(volume) {
                Ok(mut fs) => {
                    mounts += 1;
                    work(&mut *fs);
                }
                Err(error) => assert!(error.to_string().len() > 10),
            }
            self.settle(touched, round);
        }
        assert!(mounts > rounds / 20, "{mounts} of {rounds} images were mounted");
    }
}

/// Lists everything, some levels deep, and reads all files.
fn explore(fs: &mut dyn FileSystem) {
    let mut open = vec![(String::new(), 0)];
    let mut seen = 0;
    while let Some((path, depth)) = open.pop() {
        let mut found = Vec::new();
        let result = fs.list(&path, &mut |entry| {
            found.push(entry.clone());
            if found.len() < 300 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        tell(result);
        for entry in found {
            let path = format!("{path}/{}", entry.name);
            seen += 1;
            if entry.kind == EntryKind::Directory && depth < 3 && !entry.name.starts_with('.') && seen < 60 {
                open.push((path.clone(), depth + 1));
            }
            if seen < 60 {
                tell(read(fs, &path));
            }
        }
    }
    tell(read(fs, "dir/sub/../Long Name of a file.txt"));
}

/// Reads a file, as much as there is room for.
fn read(fs: &mut dyn FileSystem, path: &str) -> Result<Vec<u8>, FsError> {
    let file = fs.open(path)?;
    let mut bytes = vec![0; usize::try_from(file.size()).unwrap_or(usize::MAX).min(300_000)];
    fs.read(&file, 0, &mut bytes)?;
    Ok(bytes)
}

/// An error has to be a sentence.
fn tell<T>(result: Result<T, FsError>) {
    if let Err(error) = result {
        assert!(error.to_string().len() > 10);
    }
}

/// Writes, makes, removes; what was written has to be there.
fn change(fs: &mut dyn FileSystem) {
    for (path, seed) in [
        ("dir/Long Name of a file.txt", 90),
        ("boot.scr", 91),
        ("dir/a new one with a name", 92),
        ("NEW", 93),
    ] {
        let bytes = noise(seed, 3000);
        let written = fs.write(path, None, &bytes);
        let read = read(fs, path);
        if let (Ok(()), Ok(read)) = (&written, &read) {
            assert!(*read == bytes, "{path} has something else than was written");
        }
        tell(written);
    }
    tell(fs.write("boot.scr", Some(2000), &noise(94, 2000)));
    tell(fs.make_dir("dir/sub/deeper"));
    tell(fs.make_dir("another directory"));
    tell(fs.remove("dir/Long Name of a file.txt"));
    tell(fs.remove("dir/sub"));
    tell(fs.remove("one"));
}

/// A FAT with some files and directories.
fn fat_image(kib: u32, options: &[&str]) -> Vec<u8> {
    let mut disk = FakeDisk::new(fat(kib, options, &[]));
    crate::images::with(&mut disk, |fs| {
        fs.make_dir("dir").unwrap();
        fs.make_dir("dir/sub").unwrap();
        fs.write("boot.scr", None, &noise(1, 1800)).unwrap();
        fs.write("dir/Long Name of a file.txt", None, &noise(2, 9000)).unwrap();
        fs.write("dir/sub/file", None, &noise(3, 513)).unwrap();
        fs.write("one", None, &noise(4, 70_000)).unwrap();
    });
    disk.bytes()
}

/// The blocks at the beginning that are not empty.
fn used(image: &[u8], most: u64) -> impl Iterator<Item = u64> {
    let blocks: Vec<u64> = (0..most)
        .filter(|block| image[*block as usize * 512..][..512].iter().any(|byte| *byte != 0))
        .collect();
    blocks.into_iter()
}

#[test]
fn fat_images() {
    for (kib, options) in [(2_400, ["-F", "16", "-s", "1"]), (1_000, ["-F", "32", "-s", "1"])] {
        let image = fat_image(kib, &options);
        let vital = used(&image, 180);
        let mut bed = Bed::new(&image, vital);
        bed.rounds(2000, &mut explore);
        bed.rounds(2000, &mut change);
    }
}

#[test]
fn ext4_images() {
    let folder = Folder::new();
    let root = folder.path("root");
    fs::create_dir_all(folder.path("root/dir/sub")).unwrap();
    for (name, size) in [
        ("boot.scr", 1800),
        ("dir/Long Name of a file.txt", 9000),
        ("dir/sub/file", 513),
        ("one", 300_000),
    ] {
        fs::write(folder.path(&format!("root/{name}")), noise(5, size)).unwrap();
    }
    std::os::unix::fs::symlink("dir/sub/file", folder.path("root/link")).unwrap();
    std::os::unix::fs::symlink("./".repeat(40) + "link", folder.path("root/long link")).unwrap();
    for options in [
        &["-t", "ext4"][..],
        &["-t", "ext4", "-O", "^metadata_csum"],
        &["-t", "ext2", "-b", "1024"],
    ] {
        let image = folder.path("ext.img");
        let _ = fs::remove_file(&image);
        tool(
            "mke2fs",
            &[options, &["-q", "-F", "-N", "32", "-d", &root, &image, "1400K"]].concat(),
        );
        let image = folder.read("ext.img");
        let vital = used(&image, 400);
        Bed::new(&image, vital).rounds(1500, &mut explore);
    }
}

#[test]
fn ext4_images_with_a_journal_that_waits() {
    for (options, version) in [
        (&["-t", "ext4", "-O", "^metadata_csum", "-b", "1024"][..], "-c -v 2"),
        (&["-t", "ext3", "-b", "1024"], ""),
    ] {
        let image = Unclean::new(options, version, "").waiting;
        let starts = |block: &u64| image[*block as usize * 512..][..4] == [0xc0, 0x3b, 0x39, 0x98];
        let log: Vec<u64> = (0..image.len() as u64 / 512).filter(starts).collect();
        let vital = used(&image, 700)
            .chain(log.iter().copied().cycle().take(300))
            .collect::<Vec<u64>>();
        Bed::new(&image, vital.into_iter()).rounds(600, &mut explore);
    }
}

#[test]
fn partition_tables() {
    let gpt = gpt();
    let last = gpt.len() as u64 / 512 - 1;
    let mut mbr = vec![0; 1 << 20];
    for (block, entries) in [
        (0, [(0xc, 10, 20), (0x5, 100, 500)]),
        (100, [(0x83, 1, 9), (0x5, 50, 20)]),
        (150, [(0x83, 1, 9), (0, 0, 0)]),
    ] {
        for (at, (kind, start, count)) in (block * 512 + 446..).step_by(16).zip(entries) {
            mbr[at + 4] = kind;
            mbr[at + 8..at + 12].copy_from_slice(&u32::to_le_bytes(start));
            mbr[at + 12..at + 16].copy_from_slice(&u32::to_le_bytes(count));
        }
        mbr[block * 512 + 510..block * 512 + 512].copy_from_slice(&[0x55, 0xaa]);
    }
    for (image, vital) in [(gpt, vec![0, 1, 1, 2, last, last - 32]), (mbr, vec![0, 100, 150])] {
        let mut bed = Bed::new(&image, vital.into_iter());
        for round in 0..3000 {
            let touched = bed.mutate(&mut Dice::new(round));
            let (mut disk, mut watch) = (bed.disk.clone(), Unwatched);
            let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(MARGIN), bed.blocks())).unwrap();
            if let Ok(table) = read_table(&mut volume) {
                assert!(table.partitions.len() <= 1024 && table.warnings.len() < 3000);
            }
            bed.settle(touched, round as u32);
        }
    }
}
