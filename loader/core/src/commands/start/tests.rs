//! A machine at whose prompt a line is typed: what is printed, and what becomes of the machine.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::fakes::{FakeConsole, FakeSystem, ManualClock, SystemEvent, VecRam};
use hal::{ExceptionLevel, HandOver, PhysAddr, Region};

use crate::commands::COMMANDS;
use crate::console::Terminal;
use crate::context::{CommandError, Context, Status};
use crate::devicetree::Tree;
use crate::image::arm64::tests::image;
use crate::memory::Memory;

const RAM: u64 = 0x4000_0000;

/// Where the tests load what.
pub(crate) const KERNEL: u64 = 0x4040_0000;
pub(crate) const RAMDISK: u64 = 0x4300_0000;
pub(crate) const TREE: u64 = 0x4280_0000;

pub(crate) struct Bench {
    pub(crate) context: Context,
    wire: FakeConsole,
    system: FakeSystem,
}

impl Bench {
    /// A machine with 64 MiB of RAM, at EL2, with a tree loaded.
    pub(crate) fn new() -> Self {
        let bank = Region::new(PhysAddr(RAM), 64 << 20).unwrap();
        let wire = FakeConsole::default();
        let system = FakeSystem::new(ExceptionLevel::El2);
        let memory = Memory::new(Box::new(VecRam::new(&[bank])), &[bank]);
        let terminal = Terminal::new(Box::new(wire.clone()));
        let context = Context::new(
            terminal,
            Rc::new(ManualClock::default()),
            memory,
            Box::new(system.clone()),
        );
        let mut bench = Self { context, wire, system };
        bench.load(TREE, "virt.dtb", &tree().emit(0).unwrap());
        bench
    }

    pub(crate) fn load(&mut self, at: u64, name: &str, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap();
        let claim = self.context.memory.claim(PhysAddr(at), len, name).unwrap();
        self.context.memory.write(&claim, 0, bytes).unwrap();
        self.context.memory.record(claim, len);
    }

    /// Runs a line of plain words. What was printed, and the error's message as the shell will print it.
    pub(crate) fn type_line(&mut self, line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(ToString::to_string).collect();
        let command = COMMANDS.iter().find(|command| command.name == words[0]).unwrap();
        let result = (command.run)(&mut self.context, &words);
        let output = self.wire.take_output().replace("\r\n", "\n");
        match result {
            Ok(Status::Success) => output,
            Ok(Status::Failure) => output + "(failure)\n",
            Err(CommandError::Failed(message)) => output + &message + "\n",
            Err(other) => output + &alloc::format!("({other:?})\n"),
        }
    }

    /// The jump that the machine was told to make, if any.
    pub(crate) fn jump(&self) -> Option<HandOver> {
        self.system.events().into_iter().find_map(|event| match event {
            SystemEvent::HandOver(request) => Some(request),
            _ => None,
        })
    }

    /// The tree that was handed over.
    pub(crate) fn tree_at(&self, at: PhysAddr) -> Tree {
        Tree::parse(self.context.memory.bytes_from(at).unwrap()).unwrap()
    }
}

/// A tree with 64 MiB of RAM and an empty `/chosen`.
pub(crate) fn tree() -> Tree {
    let mut tree = Tree::new();
    let root = tree.root();
    tree.set_u32(root, "#size-cells", 2).unwrap();
    tree.set_u32(root, "#address-cells", 2).unwrap();
    let memory = tree.add(root, "memory@40000000").unwrap();
    tree.set_strings(memory, "device_type", &["memory"]).unwrap();
    tree.set(memory, "reg", &tree.encode_reg(root, RAM, 64 << 20).unwrap())
        .unwrap();
    tree.add(root, "chosen").unwrap();
    tree
}

/// A Linux `Image`: 8 KiB of file, 64 KiB in memory.
pub(crate) fn linux() -> Vec<u8> {
    image(0, 0x1_0000, 0xa, 8192)
}
