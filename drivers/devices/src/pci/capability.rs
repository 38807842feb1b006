//! The list of capabilities (PCI Express Base Specification, 7.5.1.1.11 and 7.5.3).

use super::ecam::{Function, header};

/// The status bit that says there is a list.
const CAPABILITIES_LIST: u16 = 1 << 4;
/// The list lies between byte 64 and byte 256, each entry on a dword: no list without a loop is longer.
const LONGEST_LIST: u8 = 48;

/// A capability: its id and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The capability's id.
    pub id: u8,
    /// Its first register.
    pub register: u16,
}

/// The function's capabilities in the order of the list. A pointer into the header, or a list that runs in a circle,
/// ends it.
pub fn capabilities(function: &Function) -> impl Iterator<Item = Capability> + '_ {
    let listed = function.read16(header::STATUS) & CAPABILITIES_LIST != 0;
    let mut next = if listed {
        function.read8(header::CAPABILITIES)
    } else {
        0
    };
    let mut left = LONGEST_LIST;
    core::iter::from_fn(move || {
        let register = u16::from(next & !3);
        if register < 0x40 {
            return None;
        }
        left = left.checked_sub(1)?;
        next = function.read8(register + 1);
        Some(Capability {
            id: function.read8(register),
            register,
        })
    })
}
