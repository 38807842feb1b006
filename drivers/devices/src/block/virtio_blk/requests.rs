//! Requests of a virtio block device (5.2.6), as many at a time as its queue holds, and what becomes of a device that does not answer.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::time::Duration;

use hal::block::{BlockFault, BlockIdx};
use hal::flash::Meanwhile;
use hal::{Clock, DmaMemory, Platform};

use crate::virtio::request::{Part, RequestQueue, Ticket};
use crate::virtio::{self, Transport, VirtioError};
use crate::wait::{Poll, wait_working};

use super::format::{Data, Limits, Request, feature, status};

const QUEUE: u16 = 0;
/// A header, a piece of data and a status at least. 256, all that QEMU has, hold 85 requests of one piece each, and make a request of
/// 16 MiB even of a device that takes pieces of 64 KiB.
const QUEUE_SIZES: core::ops::RangeInclusive<u16> = 4..=1 << QUEUE_BITS;
const QUEUE_BITS: u32 = 8;
/// How long the device may take until it ends one of its requests: a disk that has to start up, behind a busy host.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// What no device reads in less than a millisecond.
const LARGE: usize = 4 << 20;

/// Where things are in the memory that is shared all the time. Each request has the header and the status of its ticket's number.
mod shared {
    use super::{QUEUE_BITS, Ticket};

    const HEADERS: usize = 0;
    pub(super) const HEADER_LEN: u32 = 16;
    const STATUSES: usize = 16 << QUEUE_BITS;
    /// Data that cannot go straight to the caller's memory.
    pub(super) const DATA: usize = STATUSES + (2 << QUEUE_BITS);
    pub(super) const DATA_LEN: usize = 64 << 10;

    pub(super) fn header(ticket: Ticket) -> usize {
        HEADERS.saturating_add(ticket.index().saturating_mul(16))
    }

    /// A byte, and one to spare.
    pub(super) fn status(ticket: Ticket) -> usize {
        STATUSES.saturating_add(ticket.index().saturating_mul(2))
    }
}

/// A request that the device has.
#[derive(Clone, Copy, Debug)]
struct Given {
    /// How many it was given before it since the driver started.
    order: u64,
    request: Request,
}

/// The first block of a request that failed, and why it did.
pub(super) type Failed = (BlockIdx, BlockFault);

/// A device that does requests.
pub(super) struct Requests {
    pub(super) transport: Box<dyn Transport>,
    clock: Rc<dyn Clock>,
    queue: RequestQueue,
    /// The requests that the device has, each where its ticket's number says. Between calls it has none.
    given: Vec<Option<Given>>,
    /// How many it was given so far.
    count: u64,
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
                given: vec![None; usize::from(queue.parts())],
                count: 0,
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

    /// Does `requests`, in any order. After the first that fails no more are begun.
    ///
    /// # Errors
    /// [`Failed`]; the device then has no claim on the data of any of them any more.
    pub(super) fn run(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), Failed> {
        let mut waiting = requests.peekable();
        let mut done = Ok(());
        loop {
            if done.is_ok() {
                done = self.offer(&mut waiting);
            }
            let with_device = self.queue.with_device();
            if with_device == 0 {
                return done;
            }
            // The device has half of them to go on with while it is given more.
            let more = done.is_ok() && waiting.peek().is_some();
            let few = if more { with_device / 2 } else { 0 };
            let ended = self.wait(few, &mut *meanwhile);
            done = done.and(ended);
        }
    }

    /// Does one request. Errors are those of [`Requests::run`].
    pub(super) fn request(&mut self, request: Request, meanwhile: Meanwhile<'_>) -> Result<(), BlockFault> {
        let done = self.run(&mut core::iter::once(request), meanwhile);
        done.map_err(|(_, fault)| fault)
    }

    /// Gives the device as many requests as there is room for.
    ///
    /// # Errors
    /// [`Failed`] of one that it cannot be given.
    fn offer(&mut self, waiting: &mut Peekable<&mut dyn Iterator<Item = Request>>) -> Result<(), Failed> {
        let before = self.queue.with_device();
        let mut offered = Ok(());
        while offered.is_ok()
            && let Some(request) = waiting.next_if(|request| self.queue.room(self.limits.parts(request)).is_some())
        {
            offered = self.offer_one(request).map_err(|fault| (request.first, fault));
        }
        if self.queue.with_device() > before {
            self.shared.fence();
            self.queue.publish(self.transport.as_mut());
        }
        match waiting.peek().filter(|_| self.queue.with_device() == 0) {
            Some(request) => offered.and(Err((request.first, BlockFault::Memory))),
            None => offered,
        }
    }

    fn offer_one(&mut self, request: Request) -> Result<(), BlockFault> {
        if !self.running {
            return Err(BlockFault::Stopped);
        }
        let ticket = self.queue.room(self.limits.parts(&request)).ok_or(BlockFault::Memory)?;
        let parts = self.parts(ticket, &request).ok_or(BlockFault::Memory)?;
        let header = shared::header(ticket);
        self.shared.write32(header, request.kind);
        self.shared.write32(header.saturating_add(4), 0);
        self.shared.write64(header.saturating_add(8), request.first.get());
        self.shared.write16(shared::status(ticket), u16::from(status::NONE));
        let order = self.count;
        *self.given.get_mut(ticket.index()).ok_or(BlockFault::Memory)? = Some(Given { order, request });
        self.count = order.saturating_add(1);
        self.queue.offer(&parts);
        Ok(())
    }

    /// Waits until the device has no more than `few` requests, or has ended none for [`REQUEST_LIMIT`].
    ///
    /// # Errors
    /// [`Failed`] of the first that it ended badly, or of the one that it has had for longest. If it may still be at one, it has been
    /// reset.
    fn wait(&mut self, few: u16, meanwhile: Meanwhile<'_>) -> Result<(), Failed> {
        let (queue, shared, given) = (&mut self.queue, &self.shared, &mut self.given);
        let before = queue.with_device();
        let mut failed = None;
        let mut sane = true;
        let bytes: usize = given.iter().flatten().map(|given| given.request.len()).sum();
        let poll = if bytes < LARGE { Poll::Memory } else { Poll::MemoryLong };
        let in_time = wait_working((self.clock.as_ref(), poll), REQUEST_LIMIT, meanwhile, || {
            while let Some(ticket) = queue.take_done() {
                let [result, _] = shared.read16(shared::status(ticket)).to_le_bytes();
                let ended = given.get_mut(ticket.index()).and_then(Option::take);
                sane &= matches!(result, status::OK | status::IO_ERROR | status::UNSUPPORTED);
                if result != status::OK {
                    let first = ended.map_or(BlockIdx(0), |given| given.request.first);
                    failed.get_or_insert((first, BlockFault::Device(u32::from(result))));
                }
            }
            !sane || queue.with_device() <= few
        });
        let stuck = !in_time && self.queue.with_device() == before;
        if stuck {
            let oldest = self.given.iter().flatten().min_by_key(|given| given.order);
            let (first, kind) = oldest.map_or((BlockIdx(0), 0), |given| (given.request.first, given.request.kind));
            failed = Some((first, BlockFault::Timeout(kind)));
        }
        if stuck || !sane {
            self.restart();
        }
        failed.map_or(Ok(()), Err)
    }

    /// A request's descriptors: header, data in pieces, status.
    fn parts(&self, ticket: Ticket, request: &Request) -> Option<Vec<Part>> {
        let start = self.shared.bus_address();
        let at = |offset| start.checked_add(u64::try_from(offset).ok()?);
        let mut parts = Vec::with_capacity(self.limits.parts(request));
        parts.push(Part {
            address: at(shared::header(ticket))?,
            len: shared::HEADER_LEN,
            device_writes: false,
        });
        let mut rest = request.data.filter(|data| data.len > 0);
        while let Some(data) = rest {
            let len = u32::try_from(data.len).unwrap_or(u32::MAX).min(self.limits.piece);
            parts.push(Part {
                address: data.address,
                len,
                device_writes: data.device_writes,
            });
            let left = data.len.saturating_sub(usize::try_from(len).ok()?);
            let behind = data.address.checked_add(u64::from(len))?;
            rest = (left > 0 && len > 0).then_some(Data {
                address: behind,
                len: left,
                ..data
            });
        }
        parts.push(Part {
            address: at(shared::status(ticket))?,
            len: 1,
            device_writes: true,
        });
        Some(parts)
    }

    /// Takes everything back from a device that does not answer, and starts it anew. One that does not come back is stopped.
    fn restart(&mut self) {
        self.given.fill(None);
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
            self.queue.forget();
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
