//! The firmware's memcpy, memmove and memset, run as a Linux program under QEMU's user emulation.

use std::path::Path;
use std::process::Command;

use system_tests::folder;

#[test]
fn every_length_and_alignment_is_as_a_byte_loop() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = folder("memory-routines");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("cases");
    let built = Command::new("aarch64-linux-gnu-gcc")
        .args(["-O0", "-static", "-nostdlib", "-ffreestanding", "-x", "c"])
        .arg(root.join("tests/fixtures/memory/cases.c"))
        .args(["-x", "assembler"])
        .arg(root.join("loader/firmware/src/memory.s"))
        .arg("-o")
        .arg(&program)
        .status()
        .unwrap();
    assert!(built.success());
    let run = Command::new("qemu-aarch64").arg(&program).status().unwrap();
    assert_eq!(run.code(), Some(0), "1: memcpy, 2: memmove, 3: memset");
}
