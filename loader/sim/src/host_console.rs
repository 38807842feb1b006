//! The host's terminal as the machine's serial console.

use std::cell::Cell;
use std::io::{self, IsTerminal, Read};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use hal::Console;
use loader_core::console::terminal::CTRL_C;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::output::Output;
use crate::power::{End, Ending};

/// Ctrl-]: leaves the console, as in telnet.
const LEAVE: u8 = 0x1d;

/// The terminal as bytes: no echo, no lines, Ctrl-C for the loader. Dropping it brings the old settings back.
pub(crate) struct RawMode(Termios);

impl RawMode {
    /// Switches the terminal at stdin over; `None` if stdin is none.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn enter() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let cooked = tcgetattr(&stdin)?;
        let mut raw = cooked.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw)?;
        // Where a panic aborts, nothing is dropped.
        let (saved, previous) = (cooked.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            restore(&saved);
            previous(info);
        }));
        Ok(Some(Self(cooked)))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore(&self.0);
    }
}

fn restore(settings: &Termios) {
    // There is nobody left to tell.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
}

/// The bytes that come from stdin.
pub(crate) struct Input {
    bytes: Receiver<u8>,
    ended: Rc<Cell<bool>>,
}

impl Input {
    /// Reads stdin from now on, in a thread of its own: a read waits, a console must not. The flag tells its end.
    pub(crate) fn open() -> (Self, Rc<Cell<bool>>) {
        let (sender, bytes) = mpsc::channel();
        thread::spawn(move || {
            let mut typed = io::stdin().lock().bytes();
            while let Some(Ok(byte)) = typed.next() {
                if sender.send(byte).is_err() {
                    return;
                }
            }
        });
        let ended = Rc::new(Cell::new(false));
        let input = Self {
            bytes,
            ended: Rc::clone(&ended),
        };
        (input, ended)
    }

    fn next(&self) -> Option<u8> {
        match self.bytes.try_recv() {
            Ok(byte) => Some(byte),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.ended.set(true);
                None
            }
        }
    }
}

/// The console. Once the machine has come to its end it is silent, and sends one Ctrl-C: that ends what still runs.
pub(crate) struct HostConsole {
    output: Output,
    input: Option<Input>,
    /// Whether a new line needs its CR: only a terminal in raw mode wants it.
    keeps_cr: bool,
    ending: Ending,
    has_interrupted: bool,
}

impl HostConsole {
    /// A console that prints to `output`, and reads `input` if anything is to be typed.
    pub(crate) fn new(output: Output, ending: Ending, input: Option<Input>) -> Self {
        let keeps_cr = input.is_some() && io::stdin().is_terminal();
        Self {
            output,
            input,
            keeps_cr,
            ending,
            has_interrupted: false,
        }
    }
}

impl Console for HostConsole {
    fn write(&mut self, bytes: &[u8]) {
        if self.ending.is_set() {
            return;
        }
        let text: Vec<u8> = bytes
            .iter()
            .copied()
            .filter(|byte| self.keeps_cr || *byte != b'\r')
            .collect();
        self.output.write(&text);
        if self.input.is_some() {
            self.flush();
        }
    }

    fn read(&mut self) -> Option<u8> {
        if self.ending.is_set() {
            return (!std::mem::replace(&mut self.has_interrupted, true)).then_some(CTRL_C);
        }
        let byte = self.input.as_ref()?.next();
        if byte == Some(LEAVE) {
            self.ending.set(End::Left);
            return self.read();
        }
        byte
    }

    fn flush(&mut self) {
        self.output.flush();
    }
}
