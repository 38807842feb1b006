//! The descriptor table of an ADMA2 transfer (HC 1.13.3).

use alloc::boxed::Box;

use hal::{DmaMemory, PhysAddr};

/// Bytes per descriptor. A multiple of the alignment of every kind of descriptor, and half of what a length of 16 bits can say, so that 0
/// for 65536 is not needed, which some controllers do not know.
const PIECE: usize = 32 << 10;
/// Bytes of a table: 128 descriptors of addresses of 32 bits, at least 85 of 64 bits.
pub(super) const TABLE_LEN: usize = 1024;
/// The most bytes that one transfer can have, whatever the descriptors: 1 MiB, 2048 blocks. More blocks per command are no faster.
pub(super) const TRANSFER_LEN: usize = 32 * PIECE;

/// Descriptor attributes: valid, end of the table, moves data.
const VALID: u32 = 1 << 0;
const END: u32 = 1 << 1;
const MOVE: u32 = 0b10 << 4;

/// Whether descriptors can name `len` bytes at `address`.
pub(super) fn reaches(address: PhysAddr, len: usize, wide: bool) -> bool {
    let narrow = is_low(address, len) && address.is_aligned(4);
    let far = wide && end(address, len).is_some() && address.is_aligned(8);
    len <= TRANSFER_LEN && (narrow || far)
}

fn end(address: PhysAddr, len: usize) -> Option<PhysAddr> {
    address.checked_add(u64::try_from(len).ok()?)
}

/// Whether `len` bytes at `address` lie below 4 GiB.
fn is_low(address: PhysAddr, len: usize) -> bool {
    end(address, len).is_some_and(|end| end.get() <= 1 << 32)
}

/// A table of descriptors in shared memory.
pub(super) struct Table(Box<dyn DmaMemory>);

impl Table {
    pub(super) fn new(memory: Box<dyn DmaMemory>) -> Self {
        Self(memory)
    }

    pub(super) fn address(&self) -> PhysAddr {
        self.0.bus_address()
    }

    /// Whether the table itself lies below 4 GiB.
    pub(super) fn is_low(&self) -> bool {
        is_low(self.address(), TABLE_LEN)
    }

    /// Whether `len` bytes at `address` need descriptors with addresses of 64 bits.
    pub(super) fn needs_wide(&self, address: PhysAddr, len: usize) -> bool {
        !is_low(address, len) || !self.is_low()
    }

    /// Describes `len` bytes at `address`, which [`reaches`] and are some. Shows the controller the table, and all that was written before.
    pub(super) fn describe(&mut self, address: PhysAddr, len: usize, wide: bool) -> Option<()> {
        let step = if wide { 12 } else { 8 };
        let mut place = 0usize;
        let mut done = 0usize;
        while done < len {
            let rest = len.saturating_sub(done);
            let piece = rest.min(PIECE);
            let last = if piece == rest { END } else { 0 };
            let length = u32::try_from(piece).ok()?.checked_shl(16)?;
            let (low, high) = address.checked_add(u64::try_from(done).ok()?)?.halves();
            if place.checked_add(step)? > TABLE_LEN {
                return None;
            }
            self.0.write32(place, length | MOVE | VALID | last);
            self.0.write32(place.checked_add(4)?, low);
            if wide {
                self.0.write32(place.checked_add(8)?, high);
            }
            place = place.checked_add(step)?;
            done = done.saturating_add(piece);
        }
        self.0.fence();
        Some(())
    }
}
