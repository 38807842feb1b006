//! What a flash says of itself (JEDEC JESD68.01, Common Flash Interface).

use alloc::vec::Vec;
use core::time::Duration;

use super::CfiError;

/// Offsets in the query data, in words of the chip (JESD68.01, tables 2 to 4).
const MAGIC: u8 = 0x10;
const COMMAND_SET: u8 = 0x13;
const EXTENDED: u8 = 0x15;
const WORD_TIME: u8 = 0x1f;
const BUFFER_TIME: u8 = 0x20;
const ERASE_TIME: u8 = 0x21;
const WORD_FACTOR: u8 = 0x23;
const BUFFER_FACTOR: u8 = 0x24;
const ERASE_FACTOR: u8 = 0x25;
const SIZE: u8 = 0x27;
const BUFFER: u8 = 0x2a;
const REGIONS: u8 = 0x2c;
const FIRST_REGION: u8 = 0x2d;

/// Intel's extended command set, with block erase, status register and buffered programming.
const INTEL: u16 = 0x0001;
const INTEL_STANDARD: u16 = 0x0003;
/// In Intel's extended table: blocks are locked and unlocked one by one, at once.
const INSTANT_LOCK: u8 = 1 << 5;

/// The longest waits that are believed; a chip that says more is taken at these.
const LONGEST_PROGRAM: Duration = Duration::from_secs(1);
const LONGEST_ERASE: Duration = Duration::from_secs(30);
/// The shortest: emulated chips say less than an emulator can take.
const SHORTEST: Duration = Duration::from_millis(100);

/// Equal erase blocks of a chip that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) count: u64,
    /// In bytes of one chip.
    pub(super) size: u64,
}

/// A chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chip {
    /// In bytes.
    pub(super) size: u64,
    /// How much is programmed at a time, in bytes; 0 without a buffer.
    pub(super) buffer: usize,
    /// Its erase blocks from the start.
    pub(super) blocks: Vec<Blocks>,
    /// How long programming a word or a buffer may take.
    pub(super) program: Duration,
    /// How long erasing a block may take.
    pub(super) erase: Duration,
    /// Whether blocks have locks that open at once.
    pub(super) locks: bool,
}

impl Chip {
    /// Reads the query data; `byte` gives the one at an offset.
    pub(super) fn read(byte: impl Fn(u8) -> u8) -> Result<Self, CfiError> {
        if [0, 1, 2].map(|at: u8| byte(MAGIC.wrapping_add(at))) != *b"QRY" {
            return Err(CfiError::Silent);
        }
        let half = |at: u8| u16::from_le_bytes([byte(at), byte(at.wrapping_add(1))]);
        let command_set = half(COMMAND_SET);
        if ![INTEL, INTEL_STANDARD].contains(&command_set) {
            return Err(CfiError::CommandSet(command_set));
        }
        let size = power(byte(SIZE)).ok_or(CfiError::Geometry)?;
        let buffer = match half(BUFFER) {
            0 => 0,
            exponent => u8::try_from(exponent).ok().and_then(power).ok_or(CfiError::Geometry)?,
        };
        let micros = |typical, factor| time(byte(typical), byte(factor));
        let buffer_time = micros(BUFFER_TIME, BUFFER_FACTOR);
        let erase = time(byte(ERASE_TIME), byte(ERASE_FACTOR)).saturating_mul(1000);
        Ok(Self {
            size,
            buffer: usize::try_from(buffer).unwrap_or(0),
            blocks: blocks(size, byte(REGIONS), |at| half(FIRST_REGION.wrapping_add(at)))?,
            program: micros(WORD_TIME, WORD_FACTOR)
                .max(buffer_time)
                .clamp(SHORTEST, LONGEST_PROGRAM),
            erase: erase.clamp(SHORTEST, LONGEST_ERASE),
            locks: locks(half(EXTENDED), &byte),
        })
    }
}

/// The erase blocks, which must fill the chip.
fn blocks(size: u64, regions: u8, half: impl Fn(u8) -> u16) -> Result<Vec<Blocks>, CfiError> {
    // More would not fit the part of the table that every chip has to itself.
    const MOST: u8 = 4;
    if !(1..=MOST).contains(&regions) {
        return Err(CfiError::Geometry);
    }
    let read = |region: u8| {
        let at = region.wrapping_mul(4);
        Blocks {
            count: u64::from(half(at)).saturating_add(1),
            // In units of 256 bytes; 0 stands for half of one.
            size: match half(at.wrapping_add(2)) {
                0 => 128,
                units => u64::from(units).saturating_mul(256),
            },
        }
    };
    let blocks: Vec<Blocks> = (0..regions).map(read).collect();
    let total = blocks
        .iter()
        .map(|blocks| blocks.count.saturating_mul(blocks.size))
        .fold(0, u64::saturating_add);
    if total == size {
        Ok(blocks)
    } else {
        Err(CfiError::Geometry)
    }
}

/// Whether the extended table says that blocks have locks.
fn locks(table: u16, byte: &impl Fn(u8) -> u8) -> bool {
    // A table further up is not in the query data that is read; none of the chips with this command set has one there.
    let Some(table) = u8::try_from(table).ok().filter(|table| *table >= FIRST_REGION) else {
        return false;
    };
    let at = |offset: u8| byte(table.wrapping_add(offset));
    [at(0), at(1), at(2)] == *b"PRI" && at(5) & INSTANT_LOCK != 0
}

fn power(exponent: u8) -> Option<u64> {
    1u64.checked_shl(u32::from(exponent)).filter(|_| exponent < 40)
}

/// Two to the power of `typical`, by two to the power of `factor`, in microseconds.
fn time(typical: u8, factor: u8) -> Duration {
    let exponent = typical.saturating_add(factor).min(40);
    Duration::from_micros(1u64.checked_shl(u32::from(exponent)).unwrap_or(u64::MAX))
}
