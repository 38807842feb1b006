//! Requests of a virtio block device (5.2.6), one at a time, and what becomes of a device that does not answer.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::time::Duration;

use hal::block::{BLOCK_SIZE, BlockFault, BlockIdx};
use hal::flash::Meanwhile;
use hal::{Clock, DmaMemory, PhysAddr, Platform};

use crate::virtio::request::{Part, RequestQueue};
use crate::virtio::{self, Transport, VirtioError};
use crate::wait::{Poll, wait_working};

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

const QUEUE: u16 = 0;
/// A header, a piece of data and a status at least. 128 make a request of 8 MiB even of a device that takes pieces of 64 KiB.
const QUEUE_SIZES: core::ops::RangeInclusive<u16> = 4..=128;
/// Header and status.
const OVERHEAD: u16 = 2;
/// The most bytes in one request: enough that more are no faster, and few enough that each ends well within [`REQUEST_LIMIT`].
const REQUEST_BYTES: u32 = 16 << 20;
/// How long a request may take: a disk that has to start up, behind a busy host.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Where things are in the memory that is shared all the time.
mod shared {
    pub(super) const HEADER: usize = 0;
    pub(super) const HEADER_LEN: u32 = 16;
    pub(super) const STATUS: usize = 16;
    /// Data that cannot go straight to the caller's memory.
    pub(super) const DATA: usize = 512;
    pub(super) const DATA_LEN: usize = 64 << 10;
}

/// How much data a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes in one piece.
    pub(super) piece: u32,
    /// Bytes in all, whole blocks.
    pub(super) request: usize,
}

impl Limits {
    fn read(transport: &dyn Transport, features: u64, parts: u16) -> Result<Self, VirtioError> {
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
}

/// The data of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    pub(super) address: PhysAddr,
    pub(super) len: usize,
    pub(super) device_writes: bool,
}

/// A device that does requests.
pub(super) struct Requests {
    pub(super) transport: Box<dyn Transport>,
    clock: Rc<dyn Clock>,
    queue: RequestQueue,
    shared: Box<dyn DmaMemory>,
    pub(super) features: u64,
    pub(super) limits: Limits,
    pub(super) running: bool,
}

impl Requests {
    /// Resets the device behind `transport` and starts it.
    ///
    /// # Errors
    /// [`VirtioError`]; the device is left reset.
    pub(super) fn start(mut transport: Box<dyn Transport>, platform: &dyn Platform) -> Result<Self, VirtioError> {
        let clock = platform.clock();
        match bring_up(transport.as_mut(), platform, clock.as_ref()) {
            Ok((features, queue, shared, limits)) => Ok(Self {
                transport,
                clock,
                queue,
                shared,
                features,
                limits,
                running: true,
            }),
            Err(error) => {
                // The error that stopped the start says more than a reset that fails after it.
                let _ = virtio::reset(transport.as_mut(), clock.as_ref());
                transport.detach();
                Err(error)
            }
        }
    }

    /// Does one request.
    ///
    /// # Errors
    /// [`BlockFault`]; the device then has no claim on the data any more.
    pub(super) fn request(
        &mut self,
        kind: u32,
        first: BlockIdx,
        data: Option<Data>,
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), BlockFault> {
        if !self.running {
            return Err(BlockFault::Stopped);
        }
        self.shared.write32(shared::HEADER, kind);
        self.shared.write32(shared::HEADER + 4, 0);
        self.shared.write64(shared::HEADER + 8, first.get());
        self.shared.write16(shared::STATUS, u16::from(status::NONE));
        self.shared.fence();
        let parts = self.parts(data).ok_or(BlockFault::Memory)?;
        if !self.queue.submit(&parts, self.transport.as_mut()) {
            return Err(BlockFault::Memory);
        }
        let queue = &mut self.queue;
        if !wait_working((self.clock.as_ref(), Poll::Memory), REQUEST_LIMIT, meanwhile, || {
            queue.is_done()
        }) {
            self.restart();
            return Err(BlockFault::Timeout(kind));
        }
        let [result, _] = self.shared.read16(shared::STATUS).to_le_bytes();
        match result {
            status::OK => Ok(()),
            status::IO_ERROR | status::UNSUPPORTED => Err(BlockFault::Device(u32::from(result))),
            _ => {
                // It has not done the request, and may still be at it.
                self.restart();
                Err(BlockFault::Device(u32::from(result)))
            }
        }
    }

    /// A request's descriptors: header, data in pieces, status.
    fn parts(&self, data: Option<Data>) -> Option<Vec<Part>> {
        let start = self.shared.bus_address();
        let at = |offset| start.checked_add(u64::try_from(offset).ok()?);
        let mut parts = Vec::from([Part {
            address: at(shared::HEADER)?,
            len: shared::HEADER_LEN,
            device_writes: false,
        }]);
        let mut rest = data.filter(|data| data.len > 0);
        while let Some(data) = rest {
            let len = u32::try_from(data.len).unwrap_or(u32::MAX).min(self.limits.piece);
            parts.push(Part {
                address: data.address,
                len,
                device_writes: data.device_writes,
            });
            let left = data.len.saturating_sub(usize::try_from(len).ok()?);
            rest = (left > 0 && len > 0).then_some(Data {
                address: data.address.checked_add(u64::from(len))?,
                len: left,
                ..data
            });
        }
        parts.push(Part {
            address: at(shared::STATUS)?,
            len: 1,
            device_writes: true,
        });
        Some(parts)
    }

    /// Takes everything back from a device that does not answer, and starts it anew. One that does not come back is stopped.
    fn restart(&mut self) {
        let (transport, clock) = (self.transport.as_mut(), self.clock.as_ref());
        let settled = virtio::negotiate(transport, clock, feature::WANTED);
        let same = settled.is_ok_and(|features| features == self.features);
        if same && self.queue.start(transport).is_ok() {
            virtio::start(transport);
        } else {
            self.shutdown();
        }
    }

    /// The driver's own memory for data that cannot go straight to or from the caller's.
    pub(super) fn buffer_len(&self) -> usize {
        self.limits.request.min(shared::DATA_LEN)
    }

    /// Its first `len` bytes as a request's data.
    pub(super) fn buffer(&self, len: usize, device_writes: bool) -> Result<Data, BlockFault> {
        let offset = u64::try_from(shared::DATA).unwrap_or(u64::MAX);
        let address = self
            .shared
            .bus_address()
            .checked_add(offset)
            .ok_or(BlockFault::Memory)?;
        Ok(Data {
            address,
            len,
            device_writes,
        })
    }

    /// What is in it.
    pub(super) fn buffer_bytes(&mut self, len: usize) -> Result<&[u8], BlockFault> {
        self.shared.bytes(shared::DATA, len).ok_or(BlockFault::Memory)
    }

    /// As [`Requests::buffer_bytes`], to write.
    pub(super) fn buffer_bytes_mut(&mut self, len: usize) -> Result<&mut [u8], BlockFault> {
        self.shared.bytes_mut(shared::DATA, len).ok_or(BlockFault::Memory)
    }

    /// Stops the device for good.
    pub(super) fn shutdown(&mut self) {
        if self.running {
            self.running = false;
            // There is nobody left to tell; detaching is what stops a PCI device that does not reset.
            let _ = virtio::reset(self.transport.as_mut(), self.clock.as_ref());
            self.transport.detach();
        }
    }
}

type Started = (u64, RequestQueue, Box<dyn DmaMemory>, Limits);

fn bring_up(transport: &mut dyn Transport, platform: &dyn Platform, clock: &dyn Clock) -> Result<Started, VirtioError> {
    let features = virtio::negotiate(transport, clock, feature::WANTED)?;
    let mut queue = RequestQueue::new(QUEUE, QUEUE_SIZES, transport, platform)?;
    let limits = Limits::read(transport, features, queue.parts())?;
    let bytes = shared::DATA.saturating_add(shared::DATA_LEN);
    let shared = platform.dma(bytes).ok_or(VirtioError::NoMemory(bytes))?;
    queue.start(transport)?;
    virtio::start(transport);
    Ok((features, queue, shared, limits))
}
