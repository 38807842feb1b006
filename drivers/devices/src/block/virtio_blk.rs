//! The virtio block device (virtio 1.2, section 5.2), on any transport.
//!
//! Requests are as large as the device takes, and as many at a time as its queue holds: the loader reads whole files, and a request that is
//! waited for costs far more than its bytes. The bytes go straight to where the caller wants them, if the platform
//! [lends](hal::StreamingDma) them, else by way of a buffer of the driver's, one request after the other. A device that ends none in time
//! is reset: it then has no claim on the caller's bytes.

mod format;
mod requests;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use hal::block::{BLOCK_SIZE, BlockDevice, BlockError, BlockFault, BlockIdx, BlockInterface, Medium};
use hal::flash::Meanwhile;
use hal::{Platform, ReadPiece, StreamingDma};

use crate::block::{check, printable, walk};
use crate::virtio::{self, Transport, VirtioError};

use format::{Data, Request, config, feature, request, status};
use requests::{Failed, Requests};

/// The length of the device's serial number (5.2.6).
const SERIAL_LEN: usize = 20;

/// A virtio block device that runs.
pub struct VirtioBlk {
    name: String,
    requests: Requests,
    streaming: Rc<dyn StreamingDma>,
    medium: Option<Medium>,
}

impl VirtioBlk {
    /// Resets the device behind `transport` and starts it under the name `name`.
    ///
    /// # Errors
    /// [`VirtioError`] if the device does not do what the standard asks, or there is no memory. It is left reset.
    pub fn start(name: String, transport: Box<dyn Transport>, platform: &dyn Platform) -> Result<Self, VirtioError> {
        Ok(Self {
            name,
            requests: Requests::start(transport, platform)?,
            streaming: platform.streaming(),
            medium: None,
        })
    }

    fn error(&self, block: Option<BlockIdx>, fault: BlockFault) -> BlockError {
        BlockError {
            device: self.name.clone(),
            block,
            fault,
        }
    }

    fn check(&self, first: BlockIdx, len: usize) -> Result<(), BlockError> {
        check((&self.name, self.requests.running), self.medium.as_ref(), (first, len))
    }

    /// Reads a piece that is not lent to the device.
    fn read_by_buffer(&mut self, first: BlockIdx, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), Failed> {
        walk(first, bytes.chunks_mut(self.requests.buffer_len()), |block, chunk| {
            let read = self.read_to_buffer(block, chunk, &mut *meanwhile);
            read.map_err(|fault| (block, fault))
        })
    }

    fn read_to_buffer(
        &mut self,
        first: BlockIdx,
        chunk: &mut [u8],
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), BlockFault> {
        let data = self.requests.buffer(chunk.len(), true)?;
        self.request(request::READ, first, data, meanwhile)?;
        chunk.copy_from_slice(self.requests.buffer_bytes(chunk.len())?);
        Ok(())
    }

    /// Writes whole blocks.
    fn write_some(&mut self, first: BlockIdx, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), Failed> {
        if let Some(address) = self.streaming.lend_to_read(bytes) {
            let data = Data {
                address,
                len: bytes.len(),
                device_writes: false,
            };
            let mut requests = self.requests.limits.requests(request::WRITE, first, data);
            return self.requests.run(&mut requests, meanwhile);
        }
        walk(first, bytes.chunks(self.requests.buffer_len()), |block, chunk| {
            let written = self.write_from_buffer(block, chunk, &mut *meanwhile);
            written.map_err(|fault| (block, fault))
        })
    }

    fn write_from_buffer(&mut self, first: BlockIdx, chunk: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockFault> {
        self.requests.buffer_bytes_mut(chunk.len())?.copy_from_slice(chunk);
        let data = self.requests.buffer(chunk.len(), false)?;
        self.request(request::WRITE, first, data, meanwhile)
    }

    fn request(&mut self, kind: u32, first: BlockIdx, data: Data, meanwhile: Meanwhile<'_>) -> Result<(), BlockFault> {
        let data = Some(data);
        self.requests.request(Request { kind, first, data }, meanwhile)
    }

    /// The serial number, if the device has one.
    fn serial(&mut self, meanwhile: Meanwhile<'_>) -> Result<String, BlockFault> {
        self.requests.buffer_bytes_mut(SERIAL_LEN)?.fill(0);
        let data = self.requests.buffer(SERIAL_LEN, true)?;
        match self.request(request::GET_ID, BlockIdx(0), data, meanwhile) {
            Ok(()) => {
                let text = self.requests.buffer_bytes(SERIAL_LEN)?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(printable(text))
            }
            Err(BlockFault::Device(status)) if status == u32::from(status::UNSUPPORTED) => Ok(String::new()),
            Err(fault) => Err(fault),
        }
    }

    fn find_medium(&mut self, meanwhile: Meanwhile<'_>) -> Result<Medium, BlockFault> {
        let capacity = virtio::config64(self.requests.transport.as_ref(), config::CAPACITY);
        let blocks = capacity.ok_or(BlockFault::Unusable("its capacity changes while it is read"))?;
        let block_len = u64::try_from(BLOCK_SIZE).unwrap_or(1);
        if blocks == 0 {
            return Err(BlockFault::Unusable("it holds no block"));
        }
        if blocks.checked_mul(block_len).is_none() {
            return Err(BlockFault::Unusable(
                "it says that it has more bytes than can be counted",
            ));
        }
        let serial = self.serial(meanwhile)?;
        let facts = if serial.is_empty() {
            Vec::new()
        } else {
            Vec::from([("Serial", serial)])
        };
        Ok(Medium {
            blocks,
            read_only: self.requests.features & feature::READ_ONLY != 0,
            vendor: self.requests.transport.vendor(),
            product: "VirtIO Block Device".to_owned(),
            revision: String::new(),
            facts,
        })
    }
}

impl BlockDevice for VirtioBlk {
    fn name(&self) -> &str {
        &self.name
    }

    fn interface(&self) -> BlockInterface {
        BlockInterface::Virtio
    }

    fn medium(&self) -> Option<&Medium> {
        self.medium.as_ref()
    }

    fn rescan(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.medium = None;
        if !self.requests.running {
            return Err(self.error(None, BlockFault::Stopped));
        }
        let medium = self.find_medium(meanwhile).map_err(|fault| self.error(None, fault))?;
        self.medium = Some(medium);
        Ok(())
    }

    /// What the host's cache takes some milliseconds for, and its disk a tenth of a second.
    fn request_blocks(&self) -> usize {
        (64 << 20) / BLOCK_SIZE
    }

    fn read(&mut self, first: BlockIdx, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.read_scattered(&mut [ReadPiece { first, bytes }], meanwhile)
    }

    fn read_scattered(&mut self, pieces: &mut [ReadPiece<'_>], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        for piece in &*pieces {
            self.check(piece.first, piece.bytes.len())?;
        }
        let streaming = Rc::clone(&self.streaming);
        let lend = |piece: &mut ReadPiece<'_>| streaming.lend_to_fill(piece.bytes);
        let lent: Vec<_> = pieces.iter_mut().map(lend).collect();
        let limits = self.requests.limits;
        let mut requests = pieces.iter().zip(&lent).flat_map(|(piece, address)| {
            let data = address.map(|address| Data {
                address,
                len: piece.bytes.len(),
                device_writes: true,
            });
            data.into_iter()
                .flat_map(move |data| limits.requests(request::READ, piece.first, data))
        });
        let mut done = self.requests.run(&mut requests, &mut *meanwhile);
        for (piece, address) in pieces.iter_mut().zip(lent) {
            match address {
                Some(address) => streaming.take_back(piece.bytes, address),
                None if done.is_ok() => done = self.read_by_buffer(piece.first, piece.bytes, &mut *meanwhile),
                None => {}
            }
        }
        done.map_err(|(block, fault)| self.error(Some(block), fault))
    }

    fn write(&mut self, first: BlockIdx, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.check(first, bytes.len())?;
        if self.medium.as_ref().is_some_and(|medium| medium.read_only) {
            return Err(self.error(Some(first), BlockFault::ReadOnly));
        }
        let done = self.write_some(first, bytes, &mut *meanwhile);
        done.map_err(|(block, fault)| self.error(Some(block), fault))?;
        if self.requests.features & feature::FLUSH == 0 {
            return Ok(());
        }
        let flush = Request {
            kind: request::FLUSH,
            first: BlockIdx(0),
            data: None,
        };
        let flushed = self.requests.request(flush, meanwhile);
        flushed.map_err(|fault| self.error(None, fault))
    }

    fn shutdown(&mut self) {
        self.medium = None;
        self.requests.shutdown();
    }
}

#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod tests;
