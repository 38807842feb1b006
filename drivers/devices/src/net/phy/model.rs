//! PHYs on a management bus, for tests of controllers.

use alloc::collections::{BTreeMap, VecDeque};

/// The registers of the PHY of QEMU's boards, an 88E1111: link up at 1000 Mbit/s.
pub(in crate::net) fn phy() -> [u16; 32] {
    let mut words = [0; 32];
    words[0] = 0x1140;
    words[1] = 0x796d;
    words[2] = 0x0141;
    words[3] = 0x0cc2;
    words[4] = 0x01e1;
    words[5] = 0xcde1;
    words[9] = 0x0300;
    words[10] = 0x7c00;
    words
}

/// A management bus.
#[derive(Default)]
pub(in crate::net) struct Bus {
    /// PHYs by address.
    pub(in crate::net) phys: BTreeMap<u8, [u16; 32]>,
    /// What register 1 of a PHY says the next times it is read.
    pub(in crate::net) latched: VecDeque<u16>,
    /// Frames that went over it.
    pub(in crate::net) frames: usize,
    /// Registers of MMD 31 of all PHYs, by number, and the one that was selected.
    pub(in crate::net) extended: BTreeMap<u16, u16>,
    selected: u16,
}

/// MMD control when MMD data holds the number of a register of MMD 31, and when it holds what is in it.
const NUMBER: u16 = 0x001f;
const HOLDS: u16 = 0x401f;

impl Bus {
    /// With a [`phy`] at `address`.
    pub(in crate::net) fn with_phy(address: u8) -> Self {
        Self {
            phys: [(address, phy())].into(),
            ..Self::default()
        }
    }

    /// What a register holds; `None` if no PHY has the address.
    pub(in crate::net) fn read(&mut self, address: u32, register: u32) -> Option<u32> {
        self.frames += 1;
        let words = self.phys.get(&u8::try_from(address).unwrap())?;
        if (register, words[13]) == (14, HOLDS) {
            return self.extended.get(&self.selected).copied().map(u32::from);
        }
        let latched = (register == 1).then(|| self.latched.pop_front()).flatten();
        Some(latched.unwrap_or(words[register as usize]).into())
    }

    /// Sets a register of the PHY at the address, if there is one.
    pub(in crate::net) fn write(&mut self, address: u32, register: u32, value: u32) {
        self.frames += 1;
        if let Some(words) = self.phys.get_mut(&u8::try_from(address).unwrap()) {
            let value = u16::try_from(value).unwrap();
            match (register, words[13]) {
                (14, NUMBER) => self.selected = value,
                (14, HOLDS) => *self.extended.get_mut(&self.selected).unwrap() = value,
                _ => words[register as usize] = value,
            }
        }
    }
}
