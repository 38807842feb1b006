//! Commands about file systems that differ by name: which one it is, the command says, and not the word that was typed.

use std::rc::Rc;

use hal::fakes::{FakeConsole, FakeDisk, FakeSystem, ManualClock, VecRam};
use hal::{ExceptionLevel, PhysAddr, Region};
use loader_core::commands::COMMANDS;
use loader_core::console::Terminal;
use loader_core::context::{CommandError, CommandResult, Context, Status};
use loader_core::memory::Memory;
use loader_core::shell::lookup;
use loader_core::storage::Storage;

use crate::images::{Folder, fat, tool};

/// What a line does on a machine with this disk, and what it prints.
fn typed(line: &str, disk: &FakeDisk) -> (CommandResult, String) {
    let bank = Region::new(PhysAddr(0x4000_0000), 1 << 20).unwrap();
    let wire = FakeConsole::default();
    let mut context = Context::new(
        Terminal::new(Box::new(wire.clone())),
        Rc::new(ManualClock::with_step(1000)),
        Memory::new(Box::new(VecRam::new(&[bank])), &[bank]),
        Box::new(FakeSystem::new(ExceptionLevel::El2)),
    );
    context.storage = Storage::new(vec![Box::new(disk.clone())]);
    let words: Vec<String> = line.split(' ').map(String::from).collect();
    let command = lookup::find(COMMANDS, &words[0]).unwrap();
    ((command.run)(&mut context, &words), wire.take_output())
}

#[test]
fn fatinfo_wants_fat_however_it_is_abbreviated() {
    let folder = Folder::new();
    let image = folder.path("ext.img");
    tool("mke2fs", &["-t", "ext4", "-q", "-F", "-L", "ROOTFS", &image, "4M"]);
    let ext4 = FakeDisk::new(folder.read("ext.img"));
    let fat = FakeDisk::new(fat(4096, &["-F", "16", "-s", "1", "-n", "BOOT"], &[]));
    for word in ["fatinfo", "fatinf", "fati"] {
        let (result, _) = typed(&format!("{word} virtio 0"), &ext4);
        let why = "virtio 0 has ext4, not fat".to_string();
        assert_eq!(result, Err(CommandError::Failed(why)), "{word}");
        let (result, output) = typed(&format!("{word} virtio 0"), &fat);
        assert_eq!(result, Ok(Status::Success), "{word}");
        assert!(output.contains("\"BOOT\""), "{output}");
    }
    for word in ["fsinfo", "fsi"] {
        let (result, output) = typed(&format!("{word} virtio 0"), &ext4);
        assert_eq!(result, Ok(Status::Success), "{word}");
        assert!(output.contains("Filesystem: ext4 \"ROOTFS\""), "{output}");
    }
}
