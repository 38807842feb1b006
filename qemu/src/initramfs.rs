//! A guest's root file system in memory: a gzip'ed cpio archive in the "newc" format that Linux unpacks at start.

use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
const SYMBOLIC_LINK: u32 = 0o120_777;

/// Most folders in one another that [`folder`] follows: far more than a root file system of ours has.
const MAX_DEPTH: usize = 16;

/// The guest reports itself. `NAME` is replaced by the guest's name.
///
/// Lines stay below 128 characters, since Xen cuts longer ones of a domain's console; they end in a full stop, since the
/// end of dom0's line may come late. Dom0's characters mix with the other domains' lines, so it repeats itself.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
cell() { echo "0x0$(hexdump -v -e '1/1 "%02x"' "/sys/firmware/devicetree/base/chosen/linux,initrd-$1" 2>/dev/null)"; }
ramdisk=$(($(cell end) - $(cell start)))
memory=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
hypervisor=$(cat /sys/hypervisor/type 2>/dev/null || echo none)
report() {
    echo "SLIPWAY-GUEST NAME cmdline $(cat /proc/cmdline)."
    echo "SLIPWAY-GUEST NAME up, kernel $(uname -r), memory $memory kB, cpus $(nproc), ramdisk $ramdisk bytes," \
        "hypervisor $hypervisor."
}
report
if [ "$hypervisor" = xen ]; then
    sleep 3
    report
fi
"#;

/// How each guest's init ends.
const SHELL: &str = "while :; do setsid cttyhack sh; done\n";

/// One entry of the archive.
struct Entry<'a> {
    path: &'a str,
    mode: u32,
    /// Major and minor number of a device.
    device: (u32, u32),
    /// A file's contents; a symbolic link's target.
    data: &'a [u8],
}

impl<'a> Entry<'a> {
    fn new(path: &'a str, mode: u32, data: &'a [u8]) -> Self {
        Self {
            path,
            mode,
            device: (0, 0),
            data,
        }
    }
}

/// What a ramdisk is made of.
pub(crate) struct Contents<'a> {
    /// A static busybox.
    pub busybox: &'a [u8],
    /// The guest's name.
    pub name: &'a str,
    /// What init does after its report and before it gives a shell, in busybox's shell; `NAME` is replaced by the guest's name.
    pub task: &'a str,
    /// A folder that is put into the root folder.
    pub root: Option<&'a Path>,
}

impl Contents<'_> {
    /// Builds the ramdisk.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn build(&self) -> io::Result<Vec<u8>> {
        let init = [INIT, self.task, SHELL].concat().replace("NAME", self.name);
        let mut archive = Vec::new();
        for path in ["bin", "dev", "proc", "sys"] {
            append(&mut archive, &Entry::new(path, DIRECTORY, &[]));
        }
        // The kernel opens /dev/console for init before anything could mount /dev.
        let console = Entry {
            device: (5, 1),
            ..Entry::new("dev/console", CHARACTER_DEVICE, &[])
        };
        append(&mut archive, &console);
        append(&mut archive, &Entry::new("bin/busybox", PROGRAM, self.busybox));
        append(&mut archive, &Entry::new("init", PROGRAM, init.as_bytes()));
        if let Some(root) = self.root {
            folder(&mut archive, root, "", MAX_DEPTH)?;
        }
        append(&mut archive, &Entry::new("TRAILER!!!", 0, &[]));
        Ok(gzip(&archive))
    }
}

/// Appends what is in a folder of the host at `path` of the archive: each folder before what is in it, all in the order of their names,
/// every file as a program.
fn folder(archive: &mut Vec<u8>, from: &Path, path: &str, depth: usize) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other("too many folders in one another"));
    }
    let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if path.is_empty() {
            name
        } else {
            format!("{path}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            append(archive, &Entry::new(&path, DIRECTORY, &[]));
            folder(archive, &entry.path(), &path, depth - 1)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path())?.into_os_string().into_vec();
            append(archive, &Entry::new(&path, SYMBOLIC_LINK, &target));
        } else {
            append(archive, &Entry::new(&path, PROGRAM, &fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// Compresses as `gzip -9n` does: the same input gives the same bytes.
pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}

/// Appends an entry: header of 13 hexadecimal fields (cpio(5), "New ASCII Format"), name, data, each padded to 4 bytes.
fn append(archive: &mut Vec<u8>, entry: &Entry<'_>) {
    let inode = archive.len();
    let (mode, size, name_size) = (entry.mode, entry.data.len(), entry.path.len() + 1);
    let (major, minor) = entry.device;
    let (uid, gid, links, mtime, zero) = (0, 0, 1, 0, 0);
    let header = format!(
        "070701{inode:08x}{mode:08x}{uid:08x}{gid:08x}{links:08x}{mtime:08x}{size:08x}\
         {zero:08x}{zero:08x}{major:08x}{minor:08x}{name_size:08x}{zero:08x}"
    );
    archive.extend(header.as_bytes());
    archive.extend(entry.path.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend(entry.data);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, create_dir_all, remove_dir_all, write};
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::*;

    /// A fresh folder of the host.
    fn fresh(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("slipway-initramfs-{name}-{}", std::process::id()));
        create_dir(&folder).unwrap();
        folder
    }

    fn archive(root: Option<&Path>) -> Vec<u8> {
        let contents = Contents {
            busybox: b"not a real busybox",
            name: "domU7",
            task: "echo NAME works\n",
            root,
        };
        let mut archive = Vec::new();
        flate2::read::GzDecoder::new(contents.build().unwrap().as_slice())
            .read_to_end(&mut archive)
            .unwrap();
        archive
    }

    fn contains(archive: &[u8], text: &str) -> bool {
        archive.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn cpio_lists_what_was_put_in() {
        let root = fresh("listed");
        create_dir_all(root.join("usr/lib")).unwrap();
        write(root.join("usr/lib/libz.so.1.2"), "a library").unwrap();
        symlink("libz.so.1.2", root.join("usr/lib/libz.so.1")).unwrap();
        write(root.join("fstab"), "").unwrap();
        let archive = archive(Some(&root));
        remove_dir_all(root).unwrap();
        assert!(contains(&archive, "SLIPWAY-GUEST domU7 up"));

        let cpio = Command::new("cpio")
            .args(["--list", "--verbose", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut cpio) = cpio else {
            return eprintln!("cpio is not installed: listing not compared");
        };
        cpio.stdin.take().unwrap().write_all(&archive).unwrap();
        let listing = cpio.wait_with_output().unwrap();
        assert!(listing.status.success());
        let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
        let kinds_and_names: Vec<_> = listing
            .lines()
            .map(|line| (&line[..1], line.rsplit_once(" 1970 ").unwrap().1))
            .collect();
        let expected = [
            ("d", "bin"),
            ("d", "dev"),
            ("d", "proc"),
            ("d", "sys"),
            ("c", "dev/console"),
            ("-", "bin/busybox"),
            ("-", "init"),
            ("-", "fstab"),
            ("d", "usr"),
            ("d", "usr/lib"),
            ("l", "usr/lib/libz.so.1 -> libz.so.1.2"),
            ("-", "usr/lib/libz.so.1.2"),
        ];
        assert_eq!(kinds_and_names, expected, "{listing}");
    }

    #[test]
    fn a_task_comes_between_the_report_and_the_shell() {
        let text = String::from_utf8_lossy(&archive(None)).into_owned();
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}"));
        assert!(at("    report\nfi\n") < at("echo domU7 works\n"));
        assert!(at("echo domU7 works\n") < at(SHELL));
    }

    #[test]
    fn a_folder_that_is_not_there_or_too_deep_is_an_error() {
        let root = fresh("deep");
        let build = |root: &Path| {
            let (busybox, name, task) = (b"".as_slice(), "domU7", "");
            Contents {
                busybox,
                name,
                task,
                root: Some(root),
            }
            .build()
        };
        create_dir_all(root.join("d/".repeat(MAX_DEPTH - 1))).unwrap();
        build(&root).unwrap();
        create_dir_all(root.join("d/".repeat(MAX_DEPTH))).unwrap();
        let deep = build(&root).unwrap_err();
        remove_dir_all(&root).unwrap();
        assert_eq!(deep.to_string(), "too many folders in one another");
        assert_eq!(build(&root).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
