use alloc::vec::Vec;
use core::cell::RefCell;

use hal::{Registers, Reset};

use crate::reset::{device, driver_for};

/// Registers that do nothing without the password, and write down what they do.
struct Model {
    control: u32,
    status: u32,
    writes: RefCell<Vec<(usize, u32)>>,
}

impl Registers for Model {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        match offset {
            0x1c => self.control,
            0x20 => self.status,
            _ => panic!("read of {offset:#x}"),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        assert_eq!(value >> 24, 0x5a, "the password of {offset:#x}");
        self.writes.borrow_mut().push((offset, value & 0xff_ffff));
    }
}

/// What is written when `ask` asks.
fn writes(control: u32, status: u32, ask: impl Fn(&dyn Reset)) -> Vec<(usize, u32)> {
    let model = Model {
        control,
        status,
        writes: RefCell::default(),
    };
    ask(&device(driver_for("brcm,bcm2711-pm").unwrap(), &model).unwrap());
    model.writes.into_inner()
}

#[test]
fn a_reset_is_of_everything_and_keeps_other_bits() {
    let expected = [(0x24, 10), (0x1c, 0x126)];
    assert_eq!(writes(0x116, 0x1000, |device| device.reset()), expected);
    // What reads back of the password is not written twice.
    assert_eq!(writes(0x5a00_0116, 0x1000, |device| device.reset()), expected);
}

#[test]
fn off_is_a_reset_to_the_partition_that_stays_off() {
    assert_eq!(
        writes(0x102, 0x1001, |device| device.power_off()),
        [(0x20, 0x1555), (0x24, 10), (0x1c, 0x122)]
    );
}
