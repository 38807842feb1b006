use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::ManualClock;
use hal::{Clock, Console, Registers};

use super::{BURST, CadenceUart};

/// Receive errors of the interrupt status and of the byte status.
const OVERRUN: u32 = 1 << 5;
const FRAMING: u32 = 1 << 6;
const PARITY: u32 = 1 << 7;

/// The registers by UG1087, with FIFOs of `depth` characters.
struct State {
    control: u32,
    mode: u32,
    baud: u32,
    masked: u32,
    flags: u32,
    depth: usize,
    /// Characters to send; the line takes one at each reading of the status while `line` is on.
    sending: VecDeque<u8>,
    sent: Vec<u8>,
    line: bool,
    /// What arrived, with the byte's own status.
    received: VecDeque<(u8, u32)>,
    has_byte_status: bool,
    status_reads: usize,
}

#[derive(Clone)]
struct Model(Rc<RefCell<State>>);

impl Model {
    /// As reset leaves it (UG585, B.33).
    fn in_reset() -> Self {
        Self(Rc::new(RefCell::new(State {
            control: 0x128,
            mode: 0,
            baud: 0x28b,
            masked: 0,
            flags: 0,
            depth: 64,
            sending: VecDeque::new(),
            sent: Vec::new(),
            line: true,
            received: VecDeque::new(),
            has_byte_status: true,
            status_reads: 0,
        })))
    }

    /// As a first-stage loader leaves it.
    fn set_up() -> Self {
        let model = Self::in_reset();
        {
            let mut state = model.0.borrow_mut();
            state.control = 0x114;
            state.mode = 0x20;
            state.baud = 62;
        }
        model
    }

    fn open(&self, clock: &Rc<ManualClock>) -> CadenceUart {
        CadenceUart::new(Box::new(self.clone()), Rc::clone(clock) as Rc<dyn Clock>)
    }

    fn arrive(&self, bytes: &[(u8, u32)], flags: u32) {
        let mut state = self.0.borrow_mut();
        state.received.extend(bytes);
        state.flags |= flags;
    }
}

impl Registers for Model {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        match offset {
            0x00 => state.control,
            0x04 => state.mode,
            0x14 => state.flags,
            0x18 => state.baud,
            0x2c => {
                state.status_reads += 1;
                if state.line && state.control & 0x30 == 0x10 {
                    let next = state.sending.pop_front();
                    state.sent.extend(next);
                }
                let flag = |bit: u32, set: bool| u32::from(set) << bit;
                flag(1, state.received.is_empty())
                    | flag(3, state.sending.is_empty())
                    | flag(4, state.sending.len() >= state.depth)
                    | flag(11, !state.sending.is_empty())
            }
            0x30 => state.received.pop_front().map_or(0, |(byte, _)| u32::from(byte)),
            0x48 if state.has_byte_status => state.received.front().map_or(0, |(_, status)| *status),
            0x48 => 0,
            _ => panic!("register {offset:#x} is read"),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match offset {
            0x00 => state.control = value,
            0x04 => {
                assert!(state.sending.is_empty(), "the line changes under a character");
                state.mode = value;
            }
            0x0c => state.masked |= value,
            0x14 => state.flags &= !value,
            0x30 => {
                assert!(state.sending.len() < state.depth, "a full FIFO is written to");
                let [byte, ..] = value.to_le_bytes();
                state.sending.push_back(byte);
            }
            _ => panic!("register {offset:#x} is written"),
        }
    }
}

fn clock() -> Rc<ManualClock> {
    Rc::new(ManualClock::with_step(1000))
}

#[test]
fn out_of_reset_both_directions_are_put_on_without_parity() {
    let model = Model::in_reset();
    let mut console = model.open(&clock());
    console.write(b"hello");
    console.flush();
    let state = model.0.borrow();
    assert_eq!((state.control, state.mode, state.baud), (0x14, 0x20, 0x28b));
    assert_eq!(state.sent, b"hello");
    assert_eq!(state.masked, 0x3fff);
}

#[test]
fn a_line_that_somebody_set_up_is_left_alone() {
    let model = Model::set_up();
    model.0.borrow_mut().mode = 0x80;
    let mut console = model.open(&clock());
    console.write(b"x");
    let state = model.0.borrow();
    assert_eq!((state.control, state.mode, state.baud), (0x114, 0x80, 62));
}

#[test]
fn a_receiver_that_is_off_is_put_on_after_the_last_character_left() {
    for control in [0x110, 0x118, 0x11c] {
        let model = Model::set_up();
        model.0.borrow_mut().control = control;
        model.0.borrow_mut().sending.extend(b"earlier");
        let _console = model.open(&clock());
        let state = model.0.borrow();
        assert_eq!((state.control, state.mode), (0x14, 0x20), "{control:#x}");
        assert_eq!(state.sent, b"earlier");
    }
}

#[test]
fn one_look_at_an_empty_fifo_is_good_for_many_characters() {
    for depth in [BURST, 64] {
        let model = Model::set_up();
        model.0.borrow_mut().depth = depth;
        let text: Vec<u8> = (0..=255).cycle().take(2000).collect();
        let mut console = model.open(&clock());
        console.write(&text[..BURST]);
        assert_eq!(model.0.borrow().status_reads, 1);
        console.write(&text[BURST..]);
        console.flush();
        assert_eq!(model.0.borrow().sent, text, "FIFO of {depth}");
    }
}

#[test]
fn a_dead_line_costs_one_wait_and_a_line_that_wakes_up_is_used_again() {
    let model = Model::set_up();
    model.0.borrow_mut().line = false;
    let clock = clock();
    let mut console = model.open(&clock);
    console.write(&[b'x'; 100]);
    let after_one = clock.now();
    console.write(&[b'x'; 10_000]);
    console.flush();
    let waited = clock.now().since(after_one);
    assert!(waited.as_millis() < 5, "waited {waited:?} again");
    model.0.borrow_mut().line = true;
    console.flush();
    console.write(b"back");
    console.flush();
    assert!(model.0.borrow().sent.ends_with(b"back"));
}

#[test]
fn bytes_arrive_in_order_and_nothing_is_waited_for() {
    let model = Model::set_up();
    let mut console = model.open(&clock());
    assert_eq!(console.read(), None);
    model.arrive(&[(b'a', 0), (0, 0), (0xff, 0)], 0);
    let read: Vec<_> = core::iter::from_fn(|| console.read()).collect();
    assert_eq!(read, [b'a', 0, 0xff]);
}

#[test]
fn a_damaged_character_is_lost_and_no_other() {
    for (flag, status) in [(PARITY, 1), (FRAMING, 2), (FRAMING, 6)] {
        let model = Model::set_up();
        let mut console = model.open(&clock());
        model.arrive(&[(b'a', 0), (b'?', status), (b'b', 0)], flag);
        let read: Vec<_> = core::iter::from_fn(|| console.read()).collect();
        assert_eq!(read, b"ab");
        assert_eq!(model.0.borrow().flags, 0, "the flag goes with the last character");
        model.arrive(&[(0, 0)], 0);
        assert_eq!(console.read(), Some(0), "a zero is not a break any more");
    }
}

#[test]
fn an_old_revision_tells_only_breaks() {
    let model = Model::set_up();
    model.0.borrow_mut().has_byte_status = false;
    let mut console = model.open(&clock());
    model.arrive(&[(b'a', 0), (0, 6), (b'b', 0)], FRAMING);
    let read: Vec<_> = core::iter::from_fn(|| console.read()).collect();
    assert_eq!(read, b"ab");
}

#[test]
fn an_overrun_loses_what_was_lost_and_no_more() {
    let model = Model::set_up();
    let mut console = model.open(&clock());
    model.arrive(&[(b'a', 0), (b'b', 0)], OVERRUN);
    assert_eq!(console.read(), Some(b'a'));
    assert_eq!(model.0.borrow().flags, 0);
    assert_eq!(console.read(), Some(b'b'));
}

#[test]
fn a_line_that_floats_does_not_hold_the_loader() {
    let model = Model::set_up();
    let mut console = model.open(&clock());
    model.arrive(&[(0x55, 2); 1000], FRAMING);
    assert_eq!(console.read(), None);
    assert_eq!(model.0.borrow().received.len(), 1000 - 64);
}
