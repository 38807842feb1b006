//! Images that other people's tools make and judge.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use hal::BlockDevice;
use hal::fakes::FakeDisk;
use loader_core::fs::{FileSystem, Unwatched, Volume, Watch, mount};

/// A folder that is gone at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("file-systems-{}-{number}", std::process::id());
        // In memory where there is such a place: the tools flush what they write, hundreds of times here.
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() {
            memory
        } else {
            PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        };
        let path = parent.join(name);
        fs::create_dir_all(&path).expect("a folder below the target folder");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").into()
    }

    /// Writes a file, and gives its path.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).expect("room for a file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file that a tool has made")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a tool; its output, however it ends.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> Output {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(tool)
        .args(arguments)
        .envs([
            ("PATH", path.as_str()),
            ("MTOOLS_SKIP_CHECK", "1"),
            ("LC_ALL", "C.UTF-8"),
        ])
        .output();
    output.unwrap_or_else(|error| {
        panic!("{tool} cannot be run ({error}): scripts/setup installs dosfstools, mtools, e2fsprogs, gdisk and fdisk")
    })
}

/// Runs a tool that has to succeed.
pub(crate) fn tool(tool: &str, arguments: &[&str]) {
    let output = run(tool, arguments);
    let text = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{tool} {arguments:?}: {}",
        String::from_utf8_lossy(&text)
    );
}

/// Bytes without a pattern that a mistake could hit.
pub(crate) fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed.into());
    (0..len.div_ceil(8))
        .flat_map(|_| dice.next().to_le_bytes())
        .take(len)
        .collect()
}

/// Random numbers, the same in each run (xorshift64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A FAT file system of so many KiB, made with these options, with files.
pub(crate) fn fat(kib: u32, options: &[&str], files: &[(&str, &[u8])]) -> Vec<u8> {
    let folder = Folder::new();
    let image = folder.path("fat.img");
    let size = kib.to_string();
    tool("mkfs.fat", &[options, &["-C", &image, &size]].concat());
    add(&folder, &image, files);
    folder.read("fat.img")
}

/// Copies files to a FAT image, and makes the folders that they are in.
fn add(folder: &Folder, image: &str, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let mut parts: Vec<&str> = name.split('/').collect();
        parts.pop();
        for depth in 1..=parts.len() {
            let _ = run(
                "mmd",
                &["-i", image, "-D", "s", &format!("::{}", parts[..depth].join("/"))],
            );
        }
        let source = folder.file("source", bytes);
        tool("mcopy", &["-o", "-i", image, &source, &format!("::{name}")]);
    }
}

/// What `fsck.fat` says, without its own name and its summary.
pub(crate) fn fsck_fat(image: &[u8]) -> Vec<String> {
    let folder = Folder::new();
    let path = folder.file("checked.img", image);
    let output = run("fsck.fat", &["-n", &path]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let own =
        |line: &&str| !line.starts_with("fsck.fat ") && !line.contains("clusters") || line.contains("unused clusters");
    text.lines().filter(own).map(str::to_owned).collect()
}

/// Does something with the file system on a disk.
pub(crate) fn with<T>(disk: &mut dyn BlockDevice, work: impl FnOnce(&mut dyn FileSystem) -> T) -> T {
    watched(disk, &mut Unwatched, work)
}

/// As [`with`], while somebody looks on.
pub(crate) fn watched<T>(
    disk: &mut dyn BlockDevice,
    watch: &mut dyn Watch,
    work: impl FnOnce(&mut dyn FileSystem) -> T,
) -> T {
    let volume = Volume::whole(disk, watch).expect("a medium");
    let mut mounted = mount(volume).unwrap_or_else(|error| panic!("{error}"));
    work(&mut *mounted)
}

/// A file of an image.
pub(crate) fn content(disk: &mut FakeDisk, path: &str) -> Result<Vec<u8>, loader_core::fs::FsError> {
    with(disk, |fs| {
        let file = fs.open(path)?;
        let mut bytes = vec![0xaa; usize::try_from(file.size()).unwrap()];
        fs.read(&file, 0, &mut bytes)?;
        Ok(bytes)
    })
}
