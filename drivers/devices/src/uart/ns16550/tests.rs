use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::ManualClock;
use hal::{Clock, Console, Registers};

use super::{Layout, Ns16550};

/// The registers of a PC16550D at steps of `1 << shift` bytes, with accesses of `width` bytes only.
struct State {
    shift: u32,
    width: usize,
    interrupts: u8,
    line: u8,
    /// Characters of the transmit FIFO that are free; `None` for a line that is dead.
    room: Option<usize>,
    sent: Vec<u8>,
    received: VecDeque<(u8, u8)>,
}

#[derive(Clone)]
struct Model(Rc<RefCell<State>>);

impl Model {
    fn new(shift: u32, width: usize) -> Self {
        Self(Rc::new(RefCell::new(State {
            shift,
            width,
            interrupts: 0xf,
            line: 0x1b,
            room: Some(1),
            sent: Vec::new(),
            received: VecDeque::new(),
        })))
    }

    fn open(&self, name: &str, reg_shift: Option<u32>, reg_io_width: Option<u32>) -> Ns16550 {
        self.open_with(Layout::new(|known| known == name, reg_shift, reg_io_width).unwrap())
    }

    fn open_with(&self, layout: Layout) -> Ns16550 {
        Ns16550::new(Box::new(self.clone()), layout, clock())
    }

    fn register(&self, offset: usize, width: usize) -> usize {
        let state = self.0.borrow();
        assert_eq!(width, state.width, "the bus takes accesses of another width");
        assert_eq!(offset % (1 << state.shift), 0, "{offset:#x}");
        offset >> state.shift
    }

    fn load(&self, offset: usize, width: usize) -> u8 {
        let register = self.register(offset, width);
        let mut state = self.0.borrow_mut();
        match register {
            0 => state.received.pop_front().map_or(0, |(byte, _)| byte),
            3 => state.line,
            5 => {
                let received = state.received.front().map_or(0, |(_, damage)| damage | 1);
                let room = state.room;
                if room == Some(0) {
                    state.room = Some(1);
                }
                received | if matches!(room, Some(1..)) { 0x60 } else { 0 }
            }
            _ => panic!("register {register} is read"),
        }
    }

    fn store(&self, offset: usize, width: usize, value: u8) {
        let register = self.register(offset, width);
        let mut state = self.0.borrow_mut();
        match register {
            0 => {
                let room = state.room.and_then(|room| room.checked_sub(1));
                state.room = Some(room.expect("a full FIFO is written to"));
                state.sent.push(value);
            }
            1 => state.interrupts = value,
            3 => state.line = value,
            _ => panic!("register {register} is written"),
        }
    }
}

impl Registers for Model {
    fn read8(&self, offset: usize) -> u8 {
        self.load(offset, 1)
    }
    fn read16(&self, _offset: usize) -> u16 {
        panic!("no such UART")
    }
    fn read32(&self, offset: usize) -> u32 {
        0xffff_ff00 | u32::from(self.load(offset, 4))
    }
    fn write8(&self, offset: usize, value: u8) {
        self.store(offset, 1, value);
    }
    fn write16(&self, _offset: usize, _value: u16) {
        panic!("no such UART")
    }
    fn write32(&self, offset: usize, value: u32) {
        self.store(offset, 4, u8::try_from(value).unwrap());
    }
}

fn clock() -> Rc<dyn Clock> {
    Rc::new(ManualClock::with_step(1000))
}

#[test]
fn registers_lie_where_the_tree_says() {
    for (name, reg_shift, reg_io_width, shift, width) in [
        ("ns16550a", None, None, 0, 1),
        ("ns16550a", Some(2), None, 2, 1),
        ("snps,dw-apb-uart", Some(2), Some(4), 2, 4),
        ("brcm,bcm2835-aux-uart", None, None, 2, 4),
    ] {
        let model = Model::new(shift, width);
        let mut console = model.open(name, reg_shift, reg_io_width);
        console.write(b"hello");
        console.flush();
        model.0.borrow_mut().received.push_back((b'x', 0));
        assert_eq!(console.read(), Some(b'x'));
        assert_eq!(console.read(), None);
        let state = model.0.borrow();
        assert_eq!(state.sent, b"hello", "{name}");
        assert_eq!(
            (state.interrupts, state.line),
            (0, 0x1b),
            "masked, and the line as it was"
        );
    }
}

#[test]
fn layouts_that_no_such_uart_has() {
    for (reg_shift, reg_io_width) in [
        (None, Some(4)),
        (Some(1), Some(4)),
        (Some(2), Some(2)),
        (Some(9), None),
        (Some(u32::MAX), None),
    ] {
        assert_eq!(Layout::new(|name| name == "ns16550a", reg_shift, reg_io_width), None);
    }
}

#[test]
fn a_line_that_nobody_set_up_becomes_8n1() {
    let model = Model::new(0, 1);
    model.0.borrow_mut().line = 0;
    let _console = model.open("ns16550a", None, None);
    assert_eq!(model.0.borrow().line, 3);
}

#[test]
fn damaged_characters_and_breaks_are_lost_and_an_overrun_is_not_one() {
    let model = Model::new(0, 1);
    let mut console = model.open("ns16550a", None, None);
    let arrived = [(b'a', 2), (b'?', 4), (b'?', 8), (0, 0x18), (b'b', 0)];
    model.0.borrow_mut().received.extend(arrived);
    let read: Vec<_> = core::iter::from_fn(|| console.read()).collect();
    assert_eq!(read, b"ab");
}

#[test]
fn a_dead_line_costs_one_wait() {
    let model = Model::new(0, 1);
    model.0.borrow_mut().room = None;
    let clock = Rc::new(ManualClock::with_step(1000));
    let layout = Layout::new(|_| false, None, None).unwrap();
    let mut console = Ns16550::new(Box::new(model.clone()), layout, Rc::clone(&clock) as Rc<dyn Clock>);
    console.write(b"lost");
    let after_one = clock.now();
    console.write(&[b'x'; 10_000]);
    console.flush();
    assert!(clock.now().since(after_one).as_millis() < 5);
    assert!(model.0.borrow().sent.is_empty());
}

#[test]
fn a_line_that_floats_and_a_device_that_is_not_there() {
    let model = Model::new(0, 1);
    let mut console = model.open("ns16550a", None, None);
    model.0.borrow_mut().received.extend([(0x55, 4); 1000]);
    assert_eq!(console.read(), None);
    assert_eq!(model.0.borrow().received.len(), 1000 - 64);
    model.0.borrow_mut().received = [(0xff, 0xfe); 10].into();
    assert_eq!(console.read(), None);
    assert_eq!(model.0.borrow().received.len(), 10, "an absent device is not read from");
}

#[test]
fn to_ask_whether_it_is_there_loses_no_character() {
    let words = Layout::MINI_UART;
    let bytes = |shift| Layout::new(|name| name == "ns16550a", shift, None).unwrap();
    for (layout, shift, expected) in [
        (words, 2, (12, 4)),
        (bytes(None), 0, (3, 1)),
        (bytes(Some(2)), 2, (12, 1)),
    ] {
        let (offset, len) = layout.quiet();
        assert_eq!((offset, len), expected);
        let model = Model::new(shift, usize::try_from(len).unwrap());
        model.0.borrow_mut().received.push_back((b'a', 0));
        let _ = model.load(usize::try_from(offset).unwrap(), usize::try_from(len).unwrap());
        assert_eq!(model.open_with(layout).read(), Some(b'a'));
    }
}
