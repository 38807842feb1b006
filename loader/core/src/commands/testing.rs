//! A machine at whose console tests type.

pub(crate) mod disks;
mod stopper;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use hal::fakes::{FakeConsole, FakeDisk, FakeSystem, ManualClock, SystemEvent, VecRam};
use hal::{BlockDevice, ExceptionLevel, HandOver, PhysAddr, Region};

use crate::console::{Repl, Terminal};
use crate::context::{CommandResult, Context, Status};
use crate::memory::Memory;
use crate::storage::Storage;

use stopper::Stopper;

/// First address of the RAM.
pub(crate) const RAM: u64 = 0x4000_0000;

/// A machine with 16 MiB of RAM, the last of them the loader's, and its console.
pub(crate) struct Bench {
    pub(crate) context: Context,
    pub(crate) wire: FakeConsole,
    pub(crate) system: FakeSystem,
    pub(crate) repl: Repl,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bank = Region::new(PhysAddr(RAM), 16 << 20).unwrap();
        let wire = FakeConsole::default();
        let system = FakeSystem::new(ExceptionLevel::El2);
        let mut memory = Memory::new(Box::new(VecRam::new(&[bank])), &[bank]);
        memory.reserve(Region::new(PhysAddr(RAM + (15 << 20)), 1 << 20).unwrap(), "the loader");
        let context = Context::new(
            Terminal::new(Box::new(wire.clone())),
            Rc::new(ManualClock::with_step(1000)),
            memory,
            Box::new(system.clone()),
        );
        Self {
            context,
            wire,
            system,
            repl: Repl::default(),
        }
    }

    /// Gives the machine these disks.
    pub(crate) fn attach(&mut self, disks: &[FakeDisk]) {
        let disks = disks.iter().map(|disk| Box::new(disk.clone()) as Box<dyn BlockDevice>);
        self.context.storage = Storage::new(disks.collect());
    }

    /// Puts a file into RAM as if it had been loaded.
    pub(crate) fn load(&mut self, at: u64, name: &str, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap();
        let claim = self.context.memory.claim(PhysAddr(at), len, name).unwrap();
        self.context.memory.write(&claim, 0, bytes).unwrap();
        self.context.memory.record(claim, len);
    }

    /// The jumps that the machine was told to make.
    pub(crate) fn jumps(&self) -> Vec<HandOver> {
        let jump = |event| match event {
            SystemEvent::HandOver(request) => Some(request),
            _ => None,
        };
        self.system.events().into_iter().filter_map(jump).collect()
    }

    /// Types the text and gives all that comes back, with plain line ends.
    pub(crate) fn type_in(&mut self, text: &str) -> String {
        self.wire.type_in(text);
        while self.repl.poll(&mut self.context) {}
        self.wire.take_output().replace("\r\n", "\n")
    }

    /// Types a line and gives what it printed: without its echo, and without the prompt that follows.
    pub(crate) fn enter(&mut self, line: &str) -> String {
        let output = self.type_in(&alloc::format!("{line}\r"));
        let output = output.strip_prefix(line).and_then(|rest| rest.strip_prefix('\n'));
        let output = output.unwrap_or_else(|| panic!("{line} is not echoed"));
        let answer = output.strip_suffix("=> ");
        answer
            .unwrap_or_else(|| panic!("no prompt after {line}: {output:?}"))
            .into()
    }

    /// As [`Bench::enter`], without the times that loading took.
    pub(crate) fn enter_untimed(&mut self, line: &str) -> String {
        let output = self.enter(line);
        let lines = output.lines().map(|line| match line.split_once(" bytes read in ") {
            Some((bytes, _)) => alloc::format!("{bytes} bytes read\n"),
            None => alloc::format!("{line}\n"),
        });
        lines.collect()
    }

    /// Types each line of a dialogue that follows a prompt, and compares what comes back with the lines after it.
    #[track_caller]
    pub(crate) fn dialogue(&mut self, dialogue: &str) {
        let mut parts = dialogue.split("\n=> ").peekable();
        let first = parts.peek().and_then(|first| first.strip_prefix("=> "));
        assert!(first.is_some(), "a dialogue begins with a prompt");
        while let Some(part) = parts.next() {
            let part = part.strip_prefix("=> ").unwrap_or(part);
            // What was split off belongs to all parts but the last.
            let end = if parts.peek().is_some() { "\n" } else { "" };
            let part = alloc::format!("{part}{end}");
            let (line, expected) = part.split_once('\n').unwrap();
            assert_eq!(self.enter(line), expected, "after: {line}");
        }
    }

    /// Runs one command, its words blank-separated, when Ctrl-C was typed just before.
    pub(crate) fn interrupted(&mut self, line: &str) -> CommandResult {
        self.wire.type_in("\x03");
        self.run(line)
    }

    /// Runs one command, its words blank-separated, at a console where Ctrl-C is typed once `text` stands there.
    pub(crate) fn interrupted_at(&mut self, text: &'static str, line: &str) -> CommandResult {
        self.stop_at(text);
        self.run(line)
    }

    /// Has Ctrl-C typed once `text` stands at the console.
    pub(crate) fn stop_at(&mut self, text: &'static str) {
        self.context.terminal = Terminal::new(Box::new(Stopper::new(self.wire.clone(), text)));
    }

    fn run(&mut self, line: &str) -> CommandResult {
        let words: Vec<String> = line.split(' ').map(String::from).collect();
        let name = words.first().and_then(|word| word.split('.').next());
        let command = self.context.commands.iter().find(|command| Some(command.name) == name);
        (command.unwrap().run)(&mut self.context, &words)
    }

    pub(crate) fn status(&self) -> Status {
        self.context.shell.status
    }
}
