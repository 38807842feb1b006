//! A disk in memory, with bad blocks, and whose power fails when a test says so.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::ops::Range;

use crate::block::{BLOCK_SIZE, BlockDevice, BlockError, BlockFault, BlockIdx, BlockInterface, Medium};
use crate::flash::Meanwhile;

/// What a [`FakeDisk`] was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskAccess {
    /// So many blocks were read from a block on.
    Read(BlockIdx, u64),
    /// So many blocks were written from a block on.
    Write(BlockIdx, u64),
}

type BadBlocks = Vec<(Range<u64>, BlockFault)>;

/// A disk in memory. Clones are the same disk, so that a test keeps one hand on it.
#[derive(Clone, Debug)]
pub struct FakeDisk {
    bytes: Rc<RefCell<Vec<u8>>>,
    accesses: Rc<RefCell<Vec<DiskAccess>>>,
    bad: Rc<RefCell<BadBlocks>>,
    /// Blocks that will still be written; `None` while the power holds.
    left: Rc<Cell<Option<u64>>>,
    medium: Option<Medium>,
    interface: BlockInterface,
    number: Option<u32>,
}

impl FakeDisk {
    /// A disk with these bytes, filled up with zeros to whole blocks.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        bytes.resize(bytes.len().next_multiple_of(BLOCK_SIZE), 0);
        let blocks = bytes.len().checked_div(BLOCK_SIZE).unwrap_or(0);
        let medium = Medium {
            blocks: u64::try_from(blocks).unwrap_or(u64::MAX),
            vendor: "Slipway".to_owned(),
            product: "fake disk".to_owned(),
            ..Medium::default()
        };
        Self {
            bytes: Rc::new(RefCell::new(bytes)),
            accesses: Rc::default(),
            bad: Rc::default(),
            left: Rc::default(),
            medium: Some(medium),
            interface: BlockInterface::Virtio,
            number: None,
        }
    }

    /// A disk of `blocks` zeroed blocks.
    #[must_use]
    pub fn zeroed(blocks: usize) -> Self {
        Self::new(vec![0; blocks.saturating_mul(BLOCK_SIZE)])
    }

    /// The same as a card in a slot.
    #[must_use]
    pub fn as_card(mut self) -> Self {
        self.interface = BlockInterface::Mmc;
        self
    }

    /// The same with a number of its own.
    #[must_use]
    pub fn numbered(mut self, number: u32) -> Self {
        self.number = Some(number);
        self
    }

    /// Its bytes as they are now.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    /// What it was asked to do since this was last called.
    #[must_use]
    pub fn take_accesses(&self) -> Vec<DiskAccess> {
        core::mem::take(&mut self.accesses.borrow_mut())
    }

    /// Makes every access to one of `blocks` fail with `fault`.
    pub fn break_blocks(&self, blocks: Range<u64>, fault: BlockFault) {
        self.bad.borrow_mut().push((blocks, fault));
    }

    /// Lets the power fail once `blocks` more blocks are written: each later access times out.
    pub fn fail_power_after(&self, blocks: u64) {
        self.left.set(Some(blocks));
    }

    /// Brings the power back.
    pub fn restore_power(&self) {
        self.left.set(None);
    }

    fn error(&self, block: Option<BlockIdx>, fault: BlockFault) -> BlockError {
        BlockError {
            device: self.name().to_owned(),
            block,
            fault,
        }
    }

    /// The bytes of an access, if it may be done.
    fn place(&self, first: BlockIdx, len: usize) -> Result<Range<usize>, BlockError> {
        let medium = self.medium.as_ref();
        let wrong = medium.map_or(Some(BlockFault::NoMedium), |medium| medium.check(first, len));
        if let Some(fault) = wrong {
            return Err(self.error(Some(first), fault));
        }
        let count = u64::try_from(len.checked_div(BLOCK_SIZE).unwrap_or(0)).unwrap_or(u64::MAX);
        let end = first.get().saturating_add(count);
        for (bad, fault) in self.bad.borrow().iter() {
            let start = bad.start.max(first.get());
            if start < bad.end.min(end) {
                return Err(self.error(Some(BlockIdx(start)), *fault));
            }
        }
        let start = usize::try_from(first.get())
            .unwrap_or(usize::MAX)
            .saturating_mul(BLOCK_SIZE);
        Ok(start..start.saturating_add(len))
    }
}

impl BlockDevice for FakeDisk {
    fn name(&self) -> &str {
        "fake-disk"
    }

    fn interface(&self) -> BlockInterface {
        self.interface
    }

    fn number(&self) -> Option<u32> {
        self.number
    }

    fn medium(&self) -> Option<&Medium> {
        self.medium.as_ref()
    }

    fn rescan(&mut self, _meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        Ok(())
    }

    fn read(&mut self, first: BlockIdx, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        meanwhile();
        let place = self.place(first, bytes.len())?;
        if self.left.get() == Some(0) {
            return Err(self.error(Some(first), BlockFault::Timeout(18)));
        }
        let count = u64::try_from(bytes.len().checked_div(BLOCK_SIZE).unwrap_or(0)).unwrap_or(u64::MAX);
        self.accesses.borrow_mut().push(DiskAccess::Read(first, count));
        if let Some(from) = self.bytes.borrow().get(place) {
            bytes.copy_from_slice(from);
        }
        Ok(())
    }

    fn write(&mut self, first: BlockIdx, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        meanwhile();
        let place = self.place(first, bytes.len())?;
        let count = u64::try_from(bytes.len().checked_div(BLOCK_SIZE).unwrap_or(0)).unwrap_or(u64::MAX);
        self.accesses.borrow_mut().push(DiskAccess::Write(first, count));
        for (index, block) in bytes.chunks(BLOCK_SIZE).enumerate() {
            match self.left.get() {
                None => {}
                Some(0) => return Err(self.error(Some(first), BlockFault::Timeout(25))),
                Some(left) => self.left.set(left.checked_sub(1)),
            }
            let start = place.start.saturating_add(index.saturating_mul(BLOCK_SIZE));
            if let Some(to) = self
                .bytes
                .borrow_mut()
                .get_mut(start..start.saturating_add(block.len()))
            {
                to.copy_from_slice(block);
            }
        }
        Ok(())
    }

    fn shutdown(&mut self) {}
}
