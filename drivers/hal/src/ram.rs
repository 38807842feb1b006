//! Main memory as bytes by physical address.

use crate::addr::Region;

/// The machine's RAM, the loader's own part left out.
///
/// Only `loader-core`'s memory map holds one: everybody else writes through a claim.
pub trait Ram {
    /// The bytes of `region`; `None` unless all of it is RAM that the loader does not live in.
    fn bytes(&self, region: Region) -> Option<&[u8]>;

    /// As [`Ram::bytes`], to write.
    fn bytes_mut(&mut self, region: Region) -> Option<&mut [u8]>;
}
