//! The disks of the session about storage.

use std::fs;
use std::path::Path;

use qemu::disks::{DiskImage, Format, Scheme};

/// Makes the disks in `folder`: first one with an MBR, a FAT32, an ext4 and an empty partition, then one with a GPT and a FAT16.
///
/// # Panics
/// If a tool that scripts/setup installs is missing.
pub(super) fn make(folder: &Path) -> [DiskImage; 2] {
    let _ = fs::remove_dir_all(folder);
    let content = folder.join("content");
    fs::create_dir_all(content.join("dir/sub")).expect("the folder can be made");
    let files: [(&str, &[u8]); 4] = [
        ("hello.txt", b"hello world\n"),
        ("a.bin", &[7; 100_000]),
        ("dir/A long name.txt", b"long\n"),
        ("dir/sub/s.txt", b"echo from script\n"),
    ];
    for (name, bytes) in files {
        fs::write(content.join(name), bytes).expect("the file can be written");
    }
    let mbr = [(Format::Fat32(1), 40), (Format::Ext4, 16)];
    let mbr = DiskImage::create(&folder.join("mbr.img"), Scheme::Mbr, &mbr).expect("scripts/setup");
    let entries = ["dir", "a.bin", "hello.txt"].map(|name| content.join(name));
    for entry in &entries {
        mbr.add(0, &[entry]).expect("scripts/setup");
    }
    std::os::unix::fs::symlink("dir/sub/s.txt", content.join("link")).expect("a link can be made");
    mbr.fill_ext4(1, &content).expect("scripts/setup");
    let gpt = [(Format::Fat16(4), 16), (Format::Fat16(8), 40)];
    let gpt = DiskImage::create(&folder.join("gpt.img"), Scheme::Gpt, &gpt).expect("scripts/setup");
    gpt.add(0, &[&content.join("hello.txt")]).expect("scripts/setup");
    [mbr, gpt]
}
