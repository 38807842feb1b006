//! A machine in memory: RAM, a console to type at, and a network.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use hal::fakes::{FakeConsole, FakeSystem, ManualClock, VecRam};
use hal::{Clock, Console, ExceptionLevel, Instant, PhysAddr, Region};
use loader_core::console::{Repl, Terminal};
use loader_core::context::{Context, Status};
use loader_core::memory::Memory;
use loader_core::net::Network;

use crate::lan::{CLIENT, Faults, HOST, Lan, NETMASK};

/// First address of the RAM.
pub const RAM: u64 = 0x4000_0000;

/// A machine with 64 MiB of RAM, the last of them the loader's.
pub struct Machine {
    /// What its commands see.
    pub context: Context,
    /// Its console's other end.
    pub console: FakeConsole,
    /// Its network.
    pub lan: Lan,
    /// What it was asked to do.
    pub system: FakeSystem,
    repl: Repl,
    later: Later,
}

/// What will be typed, and when.
type Later = Rc<Cell<Option<(Instant, &'static str)>>>;

/// The console with a typist who waits for the right moment.
struct Keyboard {
    console: FakeConsole,
    clock: Rc<dyn Clock>,
    later: Later,
}

impl Console for Keyboard {
    fn write(&mut self, bytes: &[u8]) {
        self.console.write(bytes);
    }

    fn read(&mut self) -> Option<u8> {
        if let Some((_, text)) = self.later.get().filter(|(when, _)| *when <= self.clock.now()) {
            self.later.set(None);
            self.console.type_in(text);
        }
        self.console.read()
    }

    fn flush(&mut self) {
        self.console.flush();
    }
}

impl Machine {
    /// A machine at its prompt, on a network with the given faults.
    ///
    /// # Panics
    /// Never: the device's address is a good one.
    #[must_use]
    pub fn new(faults: Faults, seed: u64) -> Self {
        let bank = Region::new(PhysAddr(RAM), 64 << 20).expect("an address space of 64 bits");
        let loader = Region::new(PhysAddr(RAM + (63 << 20)), 1 << 20).expect("an address space of 64 bits");
        let clock = Rc::new(ManualClock::with_step(1));
        let lan = Lan::new(Rc::clone(&clock), faults, seed);
        let console = FakeConsole::default();
        let system = FakeSystem::new(ExceptionLevel::El2);
        let mut memory = Memory::new(Box::new(VecRam::new(&[bank])), &[bank]);
        memory.reserve(loader, "the loader");
        let clock: Rc<dyn Clock> = clock;
        let later = Later::default();
        let (wire, time, text) = (console.clone(), Rc::clone(&clock), Rc::clone(&later));
        let terminal = Terminal::new(Box::new(Keyboard {
            console: wire,
            clock: time,
            later: text,
        }));
        let mut context = Context::new(terminal, Rc::clone(&clock), memory, Box::new(system.clone()));
        context.network = Some(Network::new(lan.device(), clock).expect("a good address"));
        Self {
            context,
            console,
            lan,
            system,
            repl: Repl::default(),
            later,
        }
    }

    /// As [`Machine::new`], with an address.
    ///
    /// # Panics
    /// Never: the environment takes these variables.
    #[must_use]
    pub fn online(faults: Faults, seed: u64) -> Self {
        let mut machine = Self::new(faults, seed);
        let (own, server) = (CLIENT.to_string(), HOST.to_string());
        for (name, value) in [("ipaddr", &*own), ("netmask", NETMASK), ("serverip", &*server)] {
            machine
                .context
                .env
                .set(name, value)
                .expect("names that are none of the loader's");
        }
        machine
    }

    /// Puts a file into RAM as if it had been loaded.
    ///
    /// # Panics
    /// If there is no room for it at `address`.
    pub fn load(&mut self, address: u64, name: &str, bytes: &[u8]) {
        let memory = &mut self.context.memory;
        let len = bytes.len() as u64;
        let claim = memory.claim(PhysAddr(address), len, name).expect("room");
        memory.write(&claim, 0, bytes).expect("what was claimed");
        memory.record(claim, len);
    }

    /// Types a line, lets it run, and gives what it printed: without its echo and the prompt that follows, with plain line ends.
    pub fn enter(&mut self, line: &str) -> String {
        let output = self.press(&format!("{line}\r"));
        let output = output.strip_prefix(line).unwrap_or(&output);
        let output = output.strip_prefix('\n').unwrap_or(output);
        output.strip_suffix("=> ").unwrap_or(output).to_owned()
    }

    /// Presses keys, and gives all that the console shows after them, with plain line ends.
    pub fn press(&mut self, keys: &str) -> String {
        self.console.type_in(keys);
        while self.repl.poll(&mut self.context) {}
        self.console.take_output().replace("\r\n", "\n")
    }

    /// Has `text` typed after `wait` from now.
    pub fn type_after(&mut self, wait: Duration, text: &'static str) {
        self.later.set(Some((self.context.clock.now() + wait, text)));
    }

    /// How the last command ended.
    #[must_use]
    pub fn status(&self) -> Status {
        self.context.shell.status
    }

    /// The bytes of RAM from `address`.
    ///
    /// # Panics
    /// If they are not all RAM.
    #[must_use]
    pub fn ram(&self, address: u64, len: usize) -> &[u8] {
        let region = Region::new(PhysAddr(address), len as u64).expect("an address space of 64 bits");
        self.context.memory.bytes(region).expect("RAM")
    }
}
