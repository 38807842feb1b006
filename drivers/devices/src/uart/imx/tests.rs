use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::ManualClock;
use hal::{Clock, Console, Registers};

use super::{DEPTH, ImxUart, REQUESTS_1, REQUESTS_2, REQUESTS_3, REQUESTS_4};

/// Bits of URXD beside the character.
const PARITY: u32 = 1 << 10 | 1 << 14;
const BREAK: u32 = 1 << 11 | 1 << 12 | 1 << 14;
const FRAMING: u32 = 1 << 12 | 1 << 14;
/// The character in the last place of the FIFO.
const LAST: u32 = 1 << 13 | 1 << 14;

/// The registers by the manual.
struct State {
    /// UCR1 to UCR4.
    control: [u32; 4],
    overrun: bool,
    /// Characters to send; the line takes one at each reading of a status while `line` is on.
    sending: VecDeque<u8>,
    sent: Vec<u8>,
    line: bool,
    received: VecDeque<(u8, u32)>,
    status_reads: usize,
    control_writes: usize,
}

impl State {
    fn is_on(&self, direction: u32) -> bool {
        self.control[0] & 1 != 0 && self.control[1] & direction != 0
    }

    fn send(&mut self) {
        self.status_reads += 1;
        if self.line && self.is_on(1 << 2) {
            let next = self.sending.pop_front();
            self.sent.extend(next);
        }
    }
}

#[derive(Clone)]
struct Model(Rc<RefCell<State>>);

impl Model {
    /// As the controls are before.
    fn with(control: [u32; 4]) -> Self {
        Self(Rc::new(RefCell::new(State {
            control,
            overrun: false,
            sending: VecDeque::new(),
            sent: Vec::new(),
            line: true,
            received: VecDeque::new(),
            status_reads: 0,
            control_writes: 0,
        })))
    }

    /// As U-Boot and TF-A leave it: 8N1, RTS ignored.
    fn set_up() -> Self {
        Self::with([1, 0x4027, 0x704, 0x8000])
    }

    fn open(&self, clock: &Rc<ManualClock>) -> ImxUart {
        ImxUart::new(Box::new(self.clone()), Rc::clone(clock) as Rc<dyn Clock>)
    }

    fn arrive(&self, bytes: &[(u8, u32)]) {
        self.0.borrow_mut().received.extend(bytes);
    }
}

impl Registers for Model {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        let flag = |bit: u32, set: bool| u32::from(set) << bit;
        match offset {
            0x00 => {
                assert!(state.is_on(1 << 1), "a bus error: the receiver is off");
                let next = state.received.pop_front();
                next.map_or(0, |(byte, bits)| u32::from(byte) | bits | 1 << 15)
            }
            0x80..=0x8c => state.control[(offset - 0x80) / 4],
            0x98 => {
                state.send();
                let idle = state.sending.is_empty();
                flag(0, !state.received.is_empty()) | flag(1, state.overrun) | flag(3, idle) | flag(14, idle)
            }
            0xb4 => {
                state.send();
                flag(4, state.sending.len() >= 32) | flag(6, state.sending.is_empty())
            }
            _ => panic!("register {offset:#x} is read"),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match offset {
            0x40 => {
                assert!(state.is_on(1 << 2), "a bus error: the transmitter is off");
                assert!(state.sending.len() < 32, "a full FIFO is written to");
                let [byte, ..] = value.to_le_bytes();
                state.sending.push_back(byte);
            }
            0x80..=0x8c => {
                assert!(offset != 0x84 || value & 1 != 0, "the FIFOs are thrown away");
                state.control_writes += 1;
                state.control[(offset - 0x80) / 4] = value;
            }
            // The others of its flags are not ours to clear.
            0x98 => {
                assert_eq!(value, 2);
                state.overrun = false;
            }
            _ => panic!("register {offset:#x} is written"),
        }
    }
}

fn clock() -> Rc<ManualClock> {
    Rc::new(ManualClock::with_step(1000))
}

fn read_all(console: &mut ImxUart) -> Vec<u8> {
    core::iter::from_fn(|| console.read()).collect()
}

#[test]
fn a_line_that_somebody_set_up_is_left_alone() {
    // 7 bits, even parity, 2 stop bits, RTS obeyed; at the receiver's pin an inversion.
    for control in [[1, 0x4027, 0x704, 0x8000], [1, 0x147, 0x706, 0x8200]] {
        let model = Model::with(control);
        let mut console = model.open(&clock());
        console.write(b"x");
        console.flush();
        let state = model.0.borrow();
        assert_eq!((state.control, state.control_writes), (control, 0));
        assert_eq!(state.sent, b"x");
    }
}

/// As QEMU leaves it: the boot ROM has put the transmitter on and nothing else.
#[test]
fn a_direction_that_is_off_is_put_on_and_no_more() {
    for (before, after) in [(0x0004, 0x0007), (0x4023, 0x4027), (0x4165, 0x4167), (0x0061, 0x0067)] {
        let model = Model::with([1, before, 0x700, 0]);
        let mut console = model.open(&clock());
        model.arrive(&[(b'a', 0)]);
        console.write(b"hello");
        console.flush();
        assert_eq!(console.read(), Some(b'a'));
        let state = model.0.borrow();
        assert_eq!(state.control, [1, after, 0x700, 0], "{before:#x}");
        assert_eq!(state.sent, b"hello");
    }
}

#[test]
fn out_of_reset_the_line_is_made_8n1() {
    // The reset values of the manual.
    let model = Model::with([0, 1, 0x700, 0x8000]);
    let mut console = model.open(&clock());
    console.write(b"hello");
    console.flush();
    let state = model.0.borrow();
    assert_eq!(state.control, [1, 0x4027, 0x704, 0x8000]);
    assert_eq!(state.sent, b"hello");
}

/// As Linux leaves it.
#[test]
fn interrupts_and_requests_for_dma_are_masked() {
    let model = Model::with([
        1 | REQUESTS_1,
        0x4027 | REQUESTS_2,
        0x704 | REQUESTS_3,
        0x8000 | REQUESTS_4,
    ]);
    let _console = model.open(&clock());
    assert_eq!(model.0.borrow().control, [1, 0x4027, 0x704, 0x8000]);
}

#[test]
fn one_look_at_an_empty_fifo_is_good_for_many_characters() {
    let model = Model::set_up();
    let text: Vec<u8> = (0..=255).cycle().take(2000).collect();
    let mut console = model.open(&clock());
    console.write(&text[..DEPTH]);
    assert_eq!(model.0.borrow().status_reads, 1);
    console.write(&text[DEPTH..]);
    console.flush();
    assert_eq!(model.0.borrow().sent, text);
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
    model.arrive(&[(b'a', 0), (0, 0), (0xff, 0)]);
    assert_eq!(read_all(&mut console), [b'a', 0, 0xff]);
}

#[test]
fn a_damaged_character_is_lost_and_no_other() {
    for damage in [PARITY, FRAMING, BREAK] {
        let model = Model::set_up();
        let mut console = model.open(&clock());
        model.arrive(&[(b'a', 0), (b'?', damage), (b'b', 0)]);
        assert_eq!(read_all(&mut console), b"ab");
    }
}

/// The 32nd character says that the FIFO was full; what came after it was lost, not the character.
#[test]
fn an_overrun_loses_what_was_lost_and_no_more() {
    let model = Model::set_up();
    let mut console = model.open(&clock());
    model.0.borrow_mut().overrun = true;
    model.arrive(&[(b'a', 0), (b'b', LAST)]);
    assert_eq!(read_all(&mut console), b"ab");
    assert!(!model.0.borrow().overrun);
}

#[test]
fn a_line_that_floats_does_not_hold_the_loader() {
    let model = Model::set_up();
    let mut console = model.open(&clock());
    model.arrive(&[(0x55, FRAMING); 1000]);
    assert_eq!(console.read(), None);
    assert_eq!(model.0.borrow().received.len(), 1000 - DEPTH);
}
