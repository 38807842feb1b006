//! NOR flashes with the Common Flash Interface (JEDEC JESD68.01) and Intel's command set, one chip or several side by side.
//!
//! A bank of `bank-width` bytes is made of chips of that width or less; each access reaches all of them, so a command is written in
//! every chip's lane, and a status is that of every chip. Between the operations here the flash reads as memory: whatever ends an
//! operation, the read-array command is the last.
//!
//! AMD's command set (0x0002) is not here: no board of ours has such a flash, and QEMU's machines have Intel's.

mod query;

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use hal::flash::{FlashError, FlashFault, Meanwhile};
use hal::{Clock, Flash, NodeInfo, Platform, Region, Registers};

use crate::wait::wait_until;
use query::Chip;

/// What such flashes are called in device trees.
pub const COMPATIBLE: &str = "cfi-flash";

/// Commands (JESD68.01; Intel, AP-646 "Common Flash Interface and Command Sets", tables 5 and 6).
mod command {
    pub(super) const QUERY: u32 = 0x98;
    pub(super) const READ_ARRAY: u32 = 0xff;
    pub(super) const READ_ID: u32 = 0x90;
    pub(super) const CLEAR_STATUS: u32 = 0x50;
    pub(super) const ERASE: u32 = 0x20;
    pub(super) const PROGRAM: u32 = 0x40;
    pub(super) const PROGRAM_BUFFER: u32 = 0xe8;
    pub(super) const CONFIRM: u32 = 0xd0;
    pub(super) const LOCK_SETUP: u32 = 0x60;
    pub(super) const LOCK: u32 = 0x01;
}

/// Where the query command is written, in words.
const QUERY_AT: usize = 0x55;
/// Where a block's lock is read, in words from the block's start.
const LOCK_AT: usize = 2;

/// The status register.
mod status {
    pub(super) const READY: u32 = 1 << 7;
    pub(super) const ERASE_ERROR: u32 = 1 << 5;
    pub(super) const PROGRAM_ERROR: u32 = 1 << 4;
    pub(super) const LOW_VOLTAGE: u32 = 1 << 3;
    pub(super) const LOCKED: u32 = 1 << 1;
}

/// Why a flash is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CfiError {
    /// Not a width of 1, 2 or 4 bytes.
    #[error("its bank-width of {0} bytes is none of 1, 2 and 4")]
    BankWidth(u32),
    /// Nothing answers to the query command.
    #[error("nothing there answers as a CFI flash")]
    Silent,
    /// Another command set.
    #[error("its command set {0:#06x} is not Intel's, 0x0001 or 0x0003")]
    CommandSet(u16),
    /// The query data make no sense.
    #[error("its own description of its blocks does not add up")]
    Geometry,
}

/// Chips side by side.
#[derive(Clone, Copy, Debug)]
struct Lanes {
    /// Of the bank, in bytes.
    width: usize,
    /// Of each chip, in bytes.
    chip: usize,
}

impl Lanes {
    /// Of the ways in which chips make a bank of `width` bytes.
    fn all(width: usize) -> impl Iterator<Item = Self> {
        [1, 2, 4]
            .into_iter()
            .filter(move |chip| *chip <= width)
            .map(move |chip| Self { width, chip })
    }

    fn count(self) -> usize {
        self.width.checked_div(self.chip).unwrap_or(1)
    }

    /// The value in every chip's lane.
    fn spread(self, value: u32) -> u32 {
        self.shifts()
            .fold(0, |word, shift| word | value.checked_shl(shift).unwrap_or(0))
    }

    /// What every chip says, all bits that any of them sets.
    fn any(self, word: u32) -> u32 {
        self.shifts()
            .fold(0, |bits, shift| bits | word.checked_shr(shift).unwrap_or(0))
            & 0xff
    }

    /// The bits that all chips set.
    fn common(self, word: u32) -> u32 {
        self.shifts()
            .fold(0xff, |bits, shift| bits & word.checked_shr(shift).unwrap_or(0))
    }

    fn shifts(self) -> impl Iterator<Item = u32> {
        let bits = u32::try_from(self.chip.saturating_mul(8)).unwrap_or(32);
        let count = u32::try_from(self.count()).unwrap_or(1);
        (0..count).map(move |lane| lane.saturating_mul(bits))
    }
}

/// A bank of chips.
struct Bank {
    registers: Box<dyn Registers>,
    lanes: Lanes,
}

impl Bank {
    /// Reads a word of the bank; `offset` is a multiple of its width.
    fn read(&self, offset: usize) -> u32 {
        match self.lanes.width {
            1 => u32::from(self.registers.read8(offset)),
            2 => u32::from(self.registers.read16(offset)),
            _ => self.registers.read32(offset),
        }
    }

    fn write(&self, offset: usize, word: u32) {
        let [low, high, ..] = word.to_le_bytes();
        match self.lanes.width {
            1 => self.registers.write8(offset, low),
            2 => self.registers.write16(offset, u16::from_le_bytes([low, high])),
            _ => self.registers.write32(offset, word),
        }
    }

    /// Gives all chips a command, at `offset`.
    fn command(&self, offset: usize, command: u32) {
        self.write(offset, self.lanes.spread(command));
    }

    /// Asks the chips what they are.
    fn query(&self) -> Result<Chip, CfiError> {
        let word = |at: usize| at.saturating_mul(self.lanes.width);
        self.command(0, command::READ_ARRAY);
        self.command(word(QUERY_AT), command::QUERY);
        // All chips must give the same answer, or they are no such chips: then none of the bytes is right.
        let byte = |at: u8| {
            let data = self.read(word(usize::from(at)));
            let [low, ..] = data.to_le_bytes();
            if data == self.lanes.spread(u32::from(low)) {
                low
            } else {
                0
            }
        };
        let chip = Chip::read(byte);
        self.command(0, command::READ_ARRAY);
        chip
    }
}

/// A flash that was found.
pub struct CfiFlash {
    name: String,
    region: Region,
    bank: Bank,
    chip: Chip,
    clock: Rc<dyn Clock>,
}

/// A region of a node, and the flash in it or why it is not used.
pub type Found = (Region, Result<CfiFlash, CfiError>);

/// The flashes of a node, one for each of its regions that the platform maps: what was found, or why it is not used. A platform may
/// keep a flash to itself that the loader was started from.
///
/// # Errors
/// [`CfiError::BankWidth`] if the node's width is none.
pub fn find(node: &NodeInfo, platform: &dyn Platform) -> Result<Vec<Found>, CfiError> {
    let widths = match node.bank_width {
        None => &[4, 2, 1][..],
        Some(1) => &[1],
        Some(2) => &[2],
        Some(4) => &[4],
        Some(other) => return Err(CfiError::BankWidth(other)),
    };
    let mapped = node
        .reg
        .iter()
        .copied()
        .filter(|region| platform.map(*region).is_some());
    Ok(mapped
        .map(|region| (region, CfiFlash::open(region, widths, platform)))
        .collect())
}

impl CfiFlash {
    fn open(region: Region, widths: &[usize], platform: &dyn Platform) -> Result<Self, CfiError> {
        let mut last = CfiError::Silent;
        for lanes in widths.iter().flat_map(|width| Lanes::all(*width)) {
            let registers = platform.map(region).ok_or(CfiError::Silent)?;
            let bank = Bank { registers, lanes };
            match bank.query() {
                Ok(chip) => {
                    let name = format!("cfi-flash@{:x}", region.start().get());
                    let size = chip.size.saturating_mul(u64::try_from(lanes.count()).unwrap_or(1));
                    // What lies behind the chips is not theirs; a chip of which only a part is decoded is used as far as that.
                    let region = region.slice(0, size).unwrap_or(region);
                    let clock = platform.clock();
                    return Ok(Self {
                        name,
                        region,
                        bank,
                        chip,
                        clock,
                    });
                }
                Err(CfiError::Silent) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn error(&self, offset: u64, fault: FlashFault) -> FlashError {
        let start = self.region.start();
        let address = start.checked_add(offset).unwrap_or(start);
        FlashError { address, fault }
    }

    /// The offset as the registers take it, if `len` bytes there are the flash's.
    fn place(&self, offset: u64, len: usize) -> Result<usize, FlashError> {
        let region = u64::try_from(len).ok().and_then(|len| self.region.slice(offset, len));
        let place = region.and_then(|_| usize::try_from(offset).ok());
        place.ok_or_else(|| self.error(offset, FlashFault::OutOfRange))
    }

    /// The word that holds `offset`.
    fn align(&self, offset: usize) -> usize {
        offset.saturating_sub(offset.checked_rem(self.bank.lanes.width).unwrap_or(0))
    }

    /// Waits until all chips are ready; then what any of them complains of.
    fn wait(&self, offset: usize, limit: Duration, meanwhile: Meanwhile<'_>) -> Result<(), FlashFault> {
        let lanes = self.bank.lanes;
        let ready = || {
            meanwhile();
            lanes.common(self.bank.read(offset)) & status::READY != 0
        };
        if !wait_until(self.clock.as_ref(), limit, ready) {
            return Err(FlashFault::Timeout);
        }
        let bits = lanes.any(self.bank.read(offset));
        let both = status::ERASE_ERROR | status::PROGRAM_ERROR;
        match bits {
            bits if bits & status::LOCKED != 0 => Err(FlashFault::Locked),
            bits if bits & status::LOW_VOLTAGE != 0 => Err(FlashFault::Voltage),
            bits if bits & both == both => Err(FlashFault::Sequence),
            bits if bits & status::ERASE_ERROR != 0 => Err(FlashFault::Erase),
            bits if bits & status::PROGRAM_ERROR != 0 => Err(FlashFault::Program),
            _ => Ok(()),
        }
    }

    /// Does `work` on the block at `block` with its lock open; the lock is as before at the end, and the flash reads as memory.
    fn unlocked(
        &self,
        block: usize,
        meanwhile: Meanwhile<'_>,
        work: impl FnOnce(&Self, Meanwhile<'_>) -> Result<(), FlashFault>,
    ) -> Result<(), FlashFault> {
        let locked = self.chip.locks && self.is_locked(block);
        let result = self.set_lock(block, command::CONFIRM, locked, meanwhile);
        let result = result.and_then(|()| {
            self.bank.command(block, command::CLEAR_STATUS);
            work(self, meanwhile)
        });
        // Whatever was: a status that stays would be taken for that of the next operation.
        self.bank.command(block, command::CLEAR_STATUS);
        let relocked = self.set_lock(block, command::LOCK, locked, meanwhile);
        self.bank.command(block, command::READ_ARRAY);
        result.and(relocked)
    }

    fn is_locked(&self, block: usize) -> bool {
        let at = LOCK_AT.saturating_mul(self.bank.lanes.width);
        self.bank.command(block, command::READ_ID);
        let lock = self.bank.lanes.any(self.bank.read(block.saturating_add(at)));
        self.bank.command(block, command::READ_ARRAY);
        lock & 1 != 0
    }

    fn set_lock(&self, block: usize, to: u32, wanted: bool, meanwhile: Meanwhile<'_>) -> Result<(), FlashFault> {
        if !wanted {
            return Ok(());
        }
        self.bank.command(block, command::LOCK_SETUP);
        self.bank.command(block, to);
        self.wait(block, self.chip.program, meanwhile)
    }

    /// Programs whole words, at most as many as the buffer takes.
    fn program_words(&self, at: usize, words: &[u32], meanwhile: Meanwhile<'_>) -> Result<(), FlashFault> {
        let width = self.bank.lanes.width;
        let offsets = (0..words.len()).map(|word| at.saturating_add(word.saturating_mul(width)));
        // A single word goes without the buffer: QEMU's chips take no buffer of one (QEMU 10.0, pflash_cfi01).
        if words.len() == 1 || self.chip.buffer < self.bank.lanes.chip.saturating_mul(2) {
            for (offset, word) in offsets.zip(words).filter(|(_, word)| **word != self.blank()) {
                self.bank.command(offset, command::PROGRAM);
                self.bank.write(offset, *word);
                self.wait(offset, self.chip.program, meanwhile)?;
            }
            return Ok(());
        }
        // Once: a chip beside this one that is ready would take the command for its count.
        self.bank.command(at, command::PROGRAM_BUFFER);
        self.wait(at, self.chip.program, meanwhile)?;
        let count = u32::try_from(words.len().saturating_sub(1)).unwrap_or(0);
        self.bank.command(at, count);
        for (offset, word) in offsets.zip(words) {
            self.bank.write(offset, *word);
        }
        self.bank.command(at, command::CONFIRM);
        self.wait(at, self.chip.program, meanwhile)
    }

    /// A word that programs nothing.
    fn blank(&self) -> u32 {
        self.bank.lanes.spread(
            u32::MAX
                .checked_shr(32_u32.saturating_sub(self.lane_bits()))
                .unwrap_or(u32::MAX),
        )
    }

    fn lane_bits(&self) -> u32 {
        u32::try_from(self.bank.lanes.chip.saturating_mul(8)).unwrap_or(32)
    }

    /// How many bytes of the bank are programmed at a time.
    fn piece(&self) -> usize {
        let lanes = self.bank.lanes;
        self.chip.buffer.max(lanes.chip).saturating_mul(lanes.count())
    }

    /// The word at `at`, of the bytes that begin at `start`; bytes that are not among them program nothing.
    fn word(&self, at: usize, (start, bytes): (usize, &[u8])) -> u32 {
        let mut word = [0; 4];
        for (lane, byte) in word.iter_mut().enumerate().take(self.bank.lanes.width) {
            let index = at.saturating_add(lane).checked_sub(start);
            *byte = index.and_then(|index| bytes.get(index)).copied().unwrap_or(0xff);
        }
        u32::from_le_bytes(word)
    }
}

impl Flash for CfiFlash {
    fn name(&self) -> &str {
        &self.name
    }

    fn region(&self) -> Region {
        self.region
    }

    fn erase_block(&self, offset: u64) -> Option<Range<u64>> {
        self.place(offset, 1).ok()?;
        let chips = u64::try_from(self.bank.lanes.count()).ok()?;
        let mut start = 0u64;
        for blocks in &self.chip.blocks {
            let size = blocks.size.checked_mul(chips)?;
            let end = start.checked_add(size.checked_mul(blocks.count)?)?;
            if offset < end {
                let before = offset.checked_sub(start)?.checked_div(size)?.checked_mul(size)?;
                let block = start.checked_add(before)?;
                return Some(block..block.checked_add(size)?);
            }
            start = end;
        }
        None
    }

    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), FlashError> {
        let start = self.place(offset, bytes.len())?;
        let end = start.saturating_add(bytes.len());
        let mut at = self.align(start);
        let mut rest = bytes;
        while at < end {
            let word = self.bank.read(at).to_le_bytes();
            let first = start.saturating_sub(at);
            let part = word.get(first..self.bank.lanes.width).unwrap_or_default();
            let len = part.len().min(rest.len());
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(part.get(..len).unwrap_or_default());
            rest = later;
            at = at.saturating_add(self.bank.lanes.width);
        }
        Ok(())
    }

    fn program(&mut self, offset: u64, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), FlashError> {
        let start = self.place(offset, bytes.len())?;
        let end = start.saturating_add(bytes.len());
        let (piece, width) = (self.piece(), self.bank.lanes.width);
        let mut at = self.align(start);
        while at < end {
            // Up to the next boundary of the buffer, which no operation may cross.
            let next = at
                .saturating_add(piece.saturating_sub(at.checked_rem(piece).unwrap_or(0)))
                .min(end);
            let words = (at..next).step_by(width).map(|at| self.word(at, (start, bytes)));
            let words: Vec<u32> = words.collect();
            if words.iter().any(|word| *word != self.blank()) {
                let work = |flash: &Self, meanwhile: Meanwhile<'_>| flash.program_words(at, &words, meanwhile);
                let done = self.unlocked(self.block_at(at), meanwhile, work);
                done.map_err(|fault| self.error(u64::try_from(at).unwrap_or(offset), fault))?;
            }
            at = next;
        }
        Ok(())
    }

    fn erase(&mut self, offset: u64, meanwhile: Meanwhile<'_>) -> Result<(), FlashError> {
        let block = self.block_at(self.place(offset, 1)?);
        let done = self.unlocked(block, meanwhile, |flash, meanwhile| {
            flash.bank.command(block, command::ERASE);
            flash.bank.command(block, command::CONFIRM);
            flash.wait(block, flash.chip.erase, meanwhile)
        });
        done.map_err(|fault| self.error(u64::try_from(block).unwrap_or(offset), fault))
    }
}

impl CfiFlash {
    /// The start of the erase block that holds `at`, which is within the flash.
    fn block_at(&self, at: usize) -> usize {
        let block = u64::try_from(at).ok().and_then(|at| self.erase_block(at));
        block.and_then(|block| usize::try_from(block.start).ok()).unwrap_or(at)
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
