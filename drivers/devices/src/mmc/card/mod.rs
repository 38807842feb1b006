//! The card in a slot: found, identified, selected, set to the best bus that both sides know (SD 4.2, eMMC 6.4).

mod describe;
mod emmc;
pub(super) mod registers;
mod sd;

use alloc::string::String;
use core::time::Duration;

use hal::block::Medium;
use hal::flash::Meanwhile;

use super::command::{Answer, Command, Response, index};
use super::host::{Bus, Data, Fault, Host, pause};
use registers::Identity;

/// How long a card may take to power up (SD 4.2.3; eMMC 6.4.3: the same).
const POWER_UP_LIMIT: Duration = Duration::from_secs(1);
/// The time between two questions whether it has, and how many questions there are at most, whatever the clock says.
const POWER_UP_PAUSE: Duration = Duration::from_millis(2);
const POWER_UP_TRIES: u32 = 2000;
/// The voltages from 2.7 to 3.6 V in an OCR (SD 5.1).
const VOLTAGES: u32 = 0x00ff_8000;
/// The bit of an OCR that says that the card has powered up (SD 5.1).
const POWERED_UP: u32 = 1 << 31;

/// The family of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Sd,
    Mmc,
}

/// A card that is selected: it takes data commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    family: Family,
    /// Its address on the bus, as commands have it.
    address: u32,
    identity: Identity,
    version: &'static str,
    blocks: u64,
    /// Whether data commands count blocks, not bytes.
    by_block: bool,
    bus: Bus,
    block_length: u32,
    /// The size of an erase group, in blocks.
    erase_group: u32,
    locked: bool,
}

impl Card {
    /// Finds the card that `host` has, of whatever family. It must have been powered up just now.
    ///
    /// # Errors
    /// [`Fault::Absent`] if no card answers, or any other.
    pub(super) fn identify(host: &mut dyn Host, meanwhile: Meanwhile<'_>) -> Result<Self, Fault> {
        if let Some(card) = sd::identify(host, meanwhile)? {
            return Ok(card);
        }
        emmc::identify(host, meanwhile)?.ok_or(Fault::Absent)
    }

    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// The argument of a data command for block `first`; `None` beyond what a command can say.
    pub(super) fn argument(&self, first: u64) -> Option<u32> {
        let unit = if self.by_block { 1 } else { 512 };
        u32::try_from(first.checked_mul(unit)?).ok()
    }

    /// Asks the card how it is.
    pub(super) fn status(&self, host: &mut dyn Host, meanwhile: Meanwhile<'_>) -> Result<Response, Fault> {
        let command = Command::new(index::SEND_STATUS, self.address, Answer::Short);
        host.command(command, None, meanwhile)
    }

    /// What there is to know of it.
    pub(super) fn medium(&self, read_only: bool) -> Medium {
        describe::medium(self, read_only)
    }
}

/// Does a command without data.
fn simple(
    host: &mut dyn Host,
    index: u8,
    (argument, answer): (u32, Answer),
    meanwhile: Meanwhile<'_>,
) -> Result<Response, Fault> {
    host.command(Command::new(index, argument, answer), None, meanwhile)
}

/// Does a command that reads one of the card's registers as data.
fn read_register(
    host: &mut dyn Host,
    index: u8,
    (argument, bytes): (u32, &mut [u8]),
    meanwhile: Meanwhile<'_>,
) -> Result<(), Fault> {
    let command = Command::new(index, argument, Answer::Short);
    let response = host.command(command, Some(Data::Read(bytes)), meanwhile)?;
    response.errors().map_or(Ok(()), |errors| Err(Fault::Card(errors)))
}

/// Asks `ask` for the OCR until it says that the card has powered up.
fn power_up(
    host: &mut dyn Host,
    meanwhile: Meanwhile<'_>,
    mut ask: impl FnMut(&mut dyn Host, Meanwhile<'_>) -> Result<u32, Fault>,
) -> Result<u32, Fault> {
    let clock = host.clock();
    let deadline = hal::Deadline::after(clock.now(), POWER_UP_LIMIT);
    for _ in 0..POWER_UP_TRIES {
        let ocr = ask(host, meanwhile)?;
        if ocr & POWERED_UP != 0 {
            if ocr & VOLTAGES == 0 {
                return Err(Fault::Unusable("it does not run at the voltage of the slot"));
            }
            return Ok(ocr);
        }
        if deadline.expired(clock.now()) {
            break;
        }
        pause(clock.as_ref(), POWER_UP_PAUSE, meanwhile);
    }
    Err(Fault::Unusable("it does not power up within a second"))
}

/// A card's CID and CSD, and whether it is locked: from the answer to its OCR up to its selection (SD 4.2.3, eMMC 6.4.4).
struct Selected {
    address: u32,
    cid: [u8; 16],
    csd: [u8; 16],
    locked: bool,
}

/// Selects the only card on the bus. `address` is the one that an MMC card is given; an SD card chooses its own.
fn select(host: &mut dyn Host, address: Option<u16>, meanwhile: Meanwhile<'_>) -> Result<Selected, Fault> {
    let cid = simple(host, index::ALL_SEND_CID, (0, Answer::Long), meanwhile)?.register();
    let given = u32::from(address.unwrap_or(0)) << 16;
    let answer = simple(host, index::RELATIVE_ADDRESS, (given, Answer::Short), meanwhile)?;
    let address = match address {
        Some(_) => given,
        None => answer.word() & 0xffff_0000,
    };
    if address == 0 {
        return Err(Fault::Unusable("it takes the address 0, which selects no card"));
    }
    let csd = simple(host, index::SEND_CSD, (address, Answer::Long), meanwhile)?.register();
    let selected = simple(host, index::SELECT, (address, Answer::Busy), meanwhile)?;
    Ok(Selected {
        address,
        cid,
        csd,
        locked: selected.is_locked(),
    })
}

/// A count of bytes as U-Boot prints it: `512 Bytes`, `512 KiB`.
fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => alloc::format!("{} MiB", bytes >> 20),
        bytes if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => alloc::format!("{} KiB", bytes >> 10),
        bytes => alloc::format!("{bytes} Bytes"),
    }
}

#[cfg(test)]
mod tests;
