//! What cards say of themselves: CID, CSD, SCR, EXT_CSD and the status of a switch, decoded (SD 5, eMMC 7). Nothing here asks a card.

use alloc::format;
use alloc::string::String;

use embedded_sdmmc_types::sdcard::cid::Cid;
use embedded_sdmmc_types::sdcard::csd::Csd;

use hal::block::BLOCK_SIZE;

use crate::block::printable;

/// Who made a card, and what it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mmc) struct Identity {
    pub(in crate::mmc) manufacturer: u8,
    pub(in crate::mmc) oem: u16,
    pub(in crate::mmc) name: String,
    /// Major and minor.
    pub(in crate::mmc) revision: String,
    pub(in crate::mmc) serial: u32,
}

impl Identity {
    /// Of an SD card's CID (SD 5.2).
    pub(in crate::mmc) fn of_sd(register: &[u8; 16]) -> Self {
        // Its checksum stays with the controller, which has checked it.
        let cid = Cid::new_unchecked(register);
        let [_, _, _, _, _, _, _, _, revision, ..] = *register;
        Self {
            manufacturer: cid.manufacturer_id(),
            oem: cid.oem_id(),
            name: printable(&cid.product_name_bytes()).trim_end().into(),
            revision: format!("{}.{}", revision >> 4, revision & 0xf),
            serial: cid.product_serial_number(),
        }
    }

    /// Of an MMC card's CID (eMMC 7.2): a longer name, and the OEM in one byte.
    pub(in crate::mmc) fn of_mmc(register: &[u8; 16]) -> Self {
        let [manufacturer, kind, oem, name @ .., _, _, _, _, _, _, _] = *register;
        let [_, _, _, _, _, _, _, _, _, revision, a, b, c, d, ..] = *register;
        let name: [u8; 6] = name;
        Self {
            manufacturer,
            oem: u16::from_be_bytes([kind, oem]),
            name: printable(&name).trim_end().into(),
            revision: format!("{}.{}", revision >> 4, revision & 0xf),
            serial: u32::from_be_bytes([a, b, c, d]),
        }
    }
}

/// A field of a register of 128 bits, by its highest and lowest bit as the specifications count.
fn bits(register: &[u8; 16], high: u32, low: u32) -> u32 {
    let width = high.saturating_sub(low).saturating_add(1);
    let mask = 1u64.checked_shl(width).map_or(u64::MAX, |end| end.saturating_sub(1));
    let shifted = u128::from_be_bytes(*register).checked_shr(low).unwrap_or(0) & u128::from(mask);
    u32::try_from(shifted).unwrap_or(u32::MAX)
}

/// The blocks of an SD card, by its CSD (SD 5.3).
///
/// # Errors
/// What is odd about it.
pub(in crate::mmc) fn sd_blocks(register: &[u8; 16], by_block: bool) -> Result<u64, &'static str> {
    const ODD: &str = "its CSD register is of a structure that its kind of card does not have";
    let csd = Csd::new_unchecked(register).map_err(|_| ODD)?;
    match (&csd, by_block) {
        (Csd::V1(csd), false) => {
            let len = csd.read_block_length();
            len.map_err(|_| "its CSD register says that its blocks are none of 512, 1024 and 2048 bytes")?;
        }
        (Csd::V2(_) | Csd::V3(_), true) => {}
        _ => return Err(ODD),
    }
    // The count in bytes: the crate's count in blocks overflows for the largest card there is (CSD version 2, C_SIZE 0x3fffff).
    let block = u64::try_from(BLOCK_SIZE).unwrap_or(1);
    Ok(csd.card_capacity_bytes() / block)
}

/// The CSD of an MMC card (eMMC 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mmc) struct MmcCsd {
    /// SPEC_VERS: 4 for all that have an EXT_CSD.
    pub(in crate::mmc) version: u32,
    /// Blocks; `None` if they are too many to be counted here, and the EXT_CSD says it.
    pub(in crate::mmc) blocks: Option<u64>,
    /// The size of an erase group, in blocks.
    pub(in crate::mmc) erase_group: u32,
    /// READ_BL_LEN in bytes.
    pub(in crate::mmc) block_length: u32,
}

impl MmcCsd {
    pub(in crate::mmc) fn new(register: &[u8; 16]) -> Self {
        const TOO_MANY: u32 = 0xfff;
        let size = bits(register, 73, 62);
        let shift = bits(register, 49, 47)
            .saturating_add(2)
            .saturating_add(bits(register, 83, 80));
        let bytes = u64::from(size)
            .saturating_add(1)
            .checked_shl(shift)
            .filter(|_| size != TOO_MANY);
        let erase = |value: u32| value.saturating_add(1);
        Self {
            version: bits(register, 125, 122),
            blocks: bytes.map(|bytes| bytes / u64::try_from(BLOCK_SIZE).unwrap_or(1)),
            erase_group: erase(bits(register, 46, 42)).saturating_mul(erase(bits(register, 41, 37))),
            block_length: 1u32.checked_shl(bits(register, 83, 80)).unwrap_or(0),
        }
    }
}

/// What of the EXT_CSD is used (eMMC 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mmc) struct ExtCsd {
    pub(in crate::mmc) revision: u8,
    /// DEVICE_TYPE: timings that the card knows.
    pub(in crate::mmc) timings: u8,
    /// SEC_COUNT.
    pub(in crate::mmc) blocks: u32,
    /// The size of an erase group in blocks, if the card uses the one for high capacity.
    pub(in crate::mmc) erase_group: Option<u32>,
}

impl ExtCsd {
    /// DEVICE_TYPE: high speed up to 26 MHz, and up to 52 MHz.
    pub(in crate::mmc) const HS_26: u8 = 1 << 0;
    pub(in crate::mmc) const HS_52: u8 = 1 << 1;

    pub(in crate::mmc) fn new(register: &[u8; BLOCK_SIZE]) -> Self {
        const ERASE_GROUP_DEF: usize = 175;
        const REVISION: usize = 192;
        const DEVICE_TYPE: usize = 196;
        const SEC_COUNT: usize = 212;
        const HC_ERASE_GROUP_SIZE: usize = 224;
        let byte = |at: usize| register.get(at).copied().unwrap_or(0);
        let blocks = register.get(SEC_COUNT..).and_then(|rest| rest.first_chunk());
        // In units of 512 KiB.
        let large_groups = byte(ERASE_GROUP_DEF) & 1 != 0 && byte(HC_ERASE_GROUP_SIZE) != 0;
        Self {
            revision: byte(REVISION),
            timings: byte(DEVICE_TYPE),
            blocks: blocks.map_or(0, |bytes| u32::from_le_bytes(*bytes)),
            erase_group: large_groups.then(|| u32::from(byte(HC_ERASE_GROUP_SIZE)).saturating_mul(1024)),
        }
    }
}

/// The version of the MMC standard that a card follows.
pub(in crate::mmc) fn mmc_version(csd: &MmcCsd, ext_csd: Option<&ExtCsd>) -> &'static str {
    match (csd.version, ext_csd.map(|ext_csd| ext_csd.revision)) {
        (0, _) => "1.2",
        (1, _) => "1.4",
        (2, _) => "2.2",
        (3, _) => "3.0",
        (_, Some(8..)) => "5.1",
        (_, Some(7)) => "5.0",
        (_, Some(6)) => "4.5",
        (_, Some(5)) => "4.4.1",
        (_, Some(4)) => "4.4",
        (_, Some(3)) => "4.3",
        (_, Some(2)) => "4.2",
        (_, Some(1)) => "4.1",
        _ => "4.0",
    }
}

/// The SCR of an SD card (SD 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mmc) struct Scr(pub(in crate::mmc) [u8; 8]);

impl Scr {
    /// The version of the SD specifications that the card follows.
    pub(in crate::mmc) fn version(self) -> &'static str {
        let [first, _, third, fourth, ..] = self.0;
        let spec_3 = third & 0x80 != 0;
        let spec_4 = third & 0x04 != 0;
        let spec_x = (third & 0x03) << 2 | fourth >> 6;
        match (first & 0xf, spec_3) {
            (0, _) => "1.0",
            (1, _) => "1.10",
            (2, false) => "2.0",
            (2, true) => match (spec_x, spec_4) {
                (0, false) => "3.0",
                (0, true) => "4.0",
                (1, _) => "5.0",
                (2, _) => "6.0",
                (3, _) => "7.0",
                (4, _) => "8.0",
                _ => "9.0",
            },
            _ => "1.0",
        }
    }

    /// Whether data can go over four lines.
    pub(in crate::mmc) fn has_four_lines(self) -> bool {
        let [_, second, ..] = self.0;
        second & 0b0100 != 0
    }

    /// Whether the card has the command to switch functions: version 1.10 and later.
    pub(in crate::mmc) fn can_switch(self) -> bool {
        let [first, ..] = self.0;
        first & 0xf >= 1
    }
}

/// What a card says of a switch of functions (SD 4.3.10.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mmc) struct SwitchStatus(pub(in crate::mmc) [u8; 64]);

impl SwitchStatus {
    /// Whether group 1 has function 1, the timing of high speed.
    pub(in crate::mmc) fn has_high_speed(&self) -> bool {
        self.0.get(13).is_some_and(|byte| byte & 0b10 != 0)
    }

    /// Whether function 1 of group 1 is, or would be, the one in use.
    pub(in crate::mmc) fn is_high_speed(&self) -> bool {
        self.0.get(16).is_some_and(|byte| byte & 0xf == 1)
    }
}

#[cfg(test)]
mod tests;
