//! What requests of a virtio block device are made of (5.2.6), and how large the device lets them be (5.2.4).

use hal::PhysAddr;
use hal::block::{BLOCK_SIZE, BlockIdx};

use crate::block::block_count;
use crate::virtio::{Transport, VirtioError};

/// Features (5.2.3).
pub(super) mod feature {
    pub(crate) const SIZE_MAX: u64 = 1 << 1;
    pub(crate) const SEG_MAX: u64 = 1 << 2;
    pub(crate) const READ_ONLY: u64 = 1 << 5;
    pub(crate) const FLUSH: u64 = 1 << 9;
    pub(crate) const WANTED: u64 = SIZE_MAX | SEG_MAX | READ_ONLY | FLUSH;
}

/// Offsets in the device's configuration (5.2.4).
pub(super) mod config {
    pub(crate) const CAPACITY: usize = 0;
    pub(crate) const SIZE_MAX: usize = 8;
    pub(crate) const SEG_MAX: usize = 12;
}

/// Types of requests (5.2.6).
pub(super) mod request {
    pub(crate) const READ: u32 = 0;
    pub(crate) const WRITE: u32 = 1;
    pub(crate) const FLUSH: u32 = 4;
    pub(crate) const GET_ID: u32 = 8;
}

/// Results of requests (5.2.6).
pub(super) mod status {
    pub(crate) const OK: u8 = 0;
    pub(crate) const IO_ERROR: u8 = 1;
    pub(crate) const UNSUPPORTED: u8 = 2;
    /// What the driver puts there, and no device: it has written nothing.
    pub(crate) const NONE: u8 = 0xff;
}

/// Header and status.
const OVERHEAD: u16 = 2;
/// The most bytes in one request: enough that more are no faster, and few enough that each ends well within the time that it may take.
const REQUEST_BYTES: u32 = 16 << 20;
/// What is read at once from this many bytes on is [`SHARES`] requests, so that a device with several processors or disks behind it does
/// some of them side by side.
const SHARED: usize = 4 << 20;
const SHARES: usize = 8;
/// No share is less: beside this much, what a request costs by itself is nothing.
const SHARE: usize = 1 << 20;

/// How much data a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes in one piece.
    pub(super) piece: u32,
    /// Bytes in all, whole blocks.
    pub(super) request: usize,
}

impl Limits {
    pub(super) fn read(transport: &dyn Transport, features: u64, parts: u16) -> Result<Self, VirtioError> {
        let piece = match features & feature::SIZE_MAX {
            0 => REQUEST_BYTES,
            _ => transport.config32(config::SIZE_MAX).min(REQUEST_BYTES),
        };
        let pieces = match features & feature::SEG_MAX {
            0 => 1,
            _ => transport.config32(config::SEG_MAX),
        };
        let usable = pieces.min(u32::from(parts.saturating_sub(OVERHEAD)));
        let bytes = piece.saturating_mul(usable).min(REQUEST_BYTES);
        let blocks = usize::try_from(bytes).unwrap_or(0) / BLOCK_SIZE;
        if blocks == 0 {
            return Err(VirtioError::RequestTooSmall { pieces, bytes: piece });
        }
        Ok(Self {
            piece,
            request: blocks.saturating_mul(BLOCK_SIZE),
        })
    }

    /// Requests of `kind` for the blocks from `first` on, which are all of `data`.
    ///
    /// Shares of a long read overlap by a block, which is read twice: QEMU makes one request of those that adjoin, and has one thread copy
    /// all their bytes.
    pub(super) fn requests(self, kind: u32, first: BlockIdx, data: Data) -> impl Iterator<Item = Request> {
        let (share, overlap) = self.share(&data);
        (0..data.len).step_by(share.max(1)).map(move |done| {
            // Neither sum is too large: the blocks are on the medium, the bytes in memory.
            let first = first.checked_add(block_count(done)).unwrap_or(first);
            let address = u64::try_from(done).ok().and_then(|done| data.address.checked_add(done));
            let data = Data {
                address: address.unwrap_or(PhysAddr(u64::MAX)),
                len: data.len.saturating_sub(done).min(share.saturating_add(overlap)),
                ..data
            };
            let data = Some(data);
            Request { kind, first, data }
        })
    }

    /// The bytes from the beginning of one request for `data` to that of the next, and those that both of them read.
    fn share(self, data: &Data) -> (usize, usize) {
        if !data.device_writes || data.len < SHARED || self.request < SHARE {
            return (self.request, 0);
        }
        let share = data.len.div_ceil(SHARES).next_multiple_of(BLOCK_SIZE).max(SHARE);
        (share.min(self.request.saturating_sub(BLOCK_SIZE)), BLOCK_SIZE)
    }

    /// How many descriptors `request` takes.
    pub(super) fn parts(self, request: &Request) -> usize {
        let piece = usize::try_from(self.piece).unwrap_or(usize::MAX).max(1);
        let pieces = request.data.map_or(0, |data| data.len.div_ceil(piece));
        pieces.saturating_add(usize::from(OVERHEAD))
    }
}

/// The data of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    pub(super) address: PhysAddr,
    pub(super) len: usize,
    pub(super) device_writes: bool,
}

/// Something for the device to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) kind: u32,
    pub(super) first: BlockIdx,
    pub(super) data: Option<Data>,
}

impl Request {
    /// How many bytes of data it has.
    pub(super) fn len(&self) -> usize {
        self.data.map_or(0, |data| data.len)
    }
}
