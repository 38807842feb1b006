//! What the commands that look at memory and change it share: the width of an access, and reading RAM or a device.

use hal::system::BusFault;
use hal::{PhysAddr, Region, Width};

use crate::context::{CommandError, Context};

/// The width that the command's name asks for: `.b`, `.w`, `.l`, `.q`; 32 bits without.
pub(super) fn width_of(name: &str) -> Result<Width, CommandError> {
    match name.split_once('.').map(|(_, suffix)| suffix) {
        None | Some("l") => Ok(Width::Word),
        Some("b") => Ok(Width::Byte),
        Some("w") => Ok(Width::Half),
        Some("q") => Ok(Width::Double),
        Some(_) => Err(CommandError::Usage),
    }
}

/// Reads a value: RAM at any address, a device with one access of this width.
pub(super) fn read(context: &mut Context, address: PhysAddr, width: Width) -> Result<u64, BusFault> {
    let ram = Region::new(address, width.bytes()).and_then(|region| context.memory.bytes(region).ok());
    match ram {
        Some(bytes) => Ok(from_little_endian(bytes)),
        None => context.system.bus_read(address, width),
    }
}

/// The value of up to 8 bytes.
pub(super) fn from_little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
