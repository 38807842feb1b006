//! Devices that reset the machine. A driver is added with its file, the `mod` line beside it, and a line in [`RESETS`].
//!
//! They have no state and need no memory: a panic uses them.

pub mod bcm2835_pm;

use hal::{Registers, Reset};

/// A driver for a device of that `compatible`.
pub struct ResetDriver {
    /// The string that the node's `compatible` list has.
    pub compatible: &'static str,
    /// The bytes of registers that it needs.
    pub len: u64,
    run: fn(&dyn Registers, Ask),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Reset,
    PowerOff,
}

/// Drivers by `compatible`, sorted.
pub const RESETS: &[ResetDriver] = &[
    ResetDriver {
        compatible: "brcm,bcm2711-pm",
        len: bcm2835_pm::LEN,
        run: bcm2835_pm::run,
    },
    ResetDriver {
        compatible: "brcm,bcm2835-pm",
        len: bcm2835_pm::LEN,
        run: bcm2835_pm::run,
    },
    ResetDriver {
        compatible: "brcm,bcm2835-pm-wdt",
        len: bcm2835_pm::LEN,
        run: bcm2835_pm::run,
    },
];

/// Which of [`RESETS`] drives a node that is called so.
#[must_use]
pub fn driver_for(compatible: &str) -> Option<usize> {
    RESETS
        .binary_search_by_key(&compatible, |driver| driver.compatible)
        .ok()
}

/// The device behind these registers, which a driver of [`RESETS`] drives; `None` if there is no driver of that number.
pub fn device<'a>(driver: usize, registers: &'a dyn Registers) -> Option<impl Reset + 'a> {
    let run = RESETS.get(driver)?.run;
    Some(Device { run, registers })
}

struct Device<'a> {
    run: fn(&dyn Registers, Ask),
    registers: &'a dyn Registers,
}

impl Reset for Device<'_> {
    fn reset(&self) {
        (self.run)(self.registers, Ask::Reset);
    }

    fn power_off(&self) {
        (self.run)(self.registers, Ask::PowerOff);
    }
}

#[cfg(test)]
mod tests {
    use super::{RESETS, driver_for};

    #[test]
    fn the_table_is_sorted() {
        assert!(RESETS.is_sorted_by(|a, b| a.compatible < b.compatible));
        assert_eq!(driver_for("brcm,bcm2835-pm"), Some(1));
        assert_eq!(driver_for("brcm,bcm2835"), None);
    }
}
