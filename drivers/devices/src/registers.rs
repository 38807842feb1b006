//! The registers that a node of the device tree names.

use alloc::boxed::Box;

use hal::{NodeInfo, PhysAddr, Platform, Region, Registers};

/// Why they cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistersError {
    /// The node has none, or too few.
    #[error("the device's node has no register region of at least {expected:#x} bytes")]
    Missing {
        /// The bytes that the registers take.
        expected: u64,
    },
    /// The platform does not map them.
    #[error("the registers at {0} cannot be used: nothing answers there, or it is no device's address")]
    Unmapped(PhysAddr),
}

/// The first region of `node`, which has at least `expected` bytes.
pub(crate) fn region(node: &NodeInfo, expected: u64) -> Result<Region, RegistersError> {
    let region = node.reg.first().filter(|region| region.len() >= expected);
    region.copied().ok_or(RegistersError::Missing { expected })
}

/// The registers in `region`.
pub(crate) fn map(region: Region, platform: &dyn Platform) -> Result<Box<dyn Registers>, RegistersError> {
    platform.map(region).ok_or(RegistersError::Unmapped(region.start()))
}

/// The registers in the first region of `node`, which has at least `expected` bytes, and where they are.
pub(crate) fn open(
    node: &NodeInfo,
    expected: u64,
    platform: &dyn Platform,
) -> Result<(PhysAddr, Box<dyn Registers>), RegistersError> {
    let region = region(node, expected)?;
    Ok((region.start(), map(region, platform)?))
}
