//! MMC cards and eMMC (eMMC 6.4 to 6.6).

use core::time::Duration;

use hal::Deadline;
use hal::block::BLOCK_SIZE;
use hal::flash::Meanwhile;

use super::super::command::{Answer, Response, index};
use super::super::host::{Abilities, Bus, Fault, Host, IDENTIFICATION, Width, pause};
use super::registers::{ExtCsd, Identity, MmcCsd, mmc_version};
use super::{Card, Family, POWER_UP_PAUSE, Selected, VOLTAGES, power_up, read_register, select, simple};

/// SEND_OP_COND: the host counts blocks; and the bits of the OCR that say how the card counts (eMMC 7.1).
const SECTOR_MODE: u32 = 1 << 30;
const ACCESS_MODE: u32 = 0b11 << 29;
/// The address that the card is given. 0 is none, and 1 is what a card has after power up.
const ADDRESS: u16 = 2;
/// SWITCH: writes a byte of the EXT_CSD (eMMC 6.6.1).
const WRITE_BYTE: u32 = 0b11 << 24;
const BUS_WIDTH: u32 = 183 << 16;
const HS_TIMING: u32 = 185 << 16;
/// Clocks: without and with the timing of high speed (eMMC 10.5).
const DEFAULT_HERTZ: u32 = 20_000_000;
const DEFAULT_HERTZ_4: u32 = 26_000_000;
const HIGH_SPEED_HERTZ: u32 = 52_000_000;
/// SPEC_VERS of the cards that have an EXT_CSD.
const HAS_EXT_CSD: u32 = 4;
/// How long a switch may take: more than the longest that GENERIC_CMD6_TIME can say (eMMC 7.4.40), and there is none in older cards.
const SWITCH_LIMIT: Duration = Duration::from_secs(3);

/// The MMC card that `host` has; `None` if none answers.
pub(super) fn identify(host: &mut dyn Host, meanwhile: Meanwhile<'_>) -> Result<Option<Card>, Fault> {
    simple(host, index::GO_IDLE, (0, Answer::None), meanwhile)?;
    let ask = |host: &mut dyn Host, meanwhile: Meanwhile<'_>| {
        let argument = VOLTAGES | SECTOR_MODE;
        let answer = simple(host, index::MMC_SEND_OP_COND, (argument, Answer::Plain), meanwhile);
        answer.map(Response::word)
    };
    let ocr = match power_up(host, meanwhile, ask) {
        Ok(ocr) => ocr,
        Err(Fault::NoAnswer(_)) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let selected = select(host, Some(ADDRESS), meanwhile)?;
    let by_block = ocr & ACCESS_MODE == SECTOR_MODE;
    set_up(host, &selected, by_block, meanwhile).map(Some)
}

/// Sets a selected card to the best bus.
fn set_up(host: &mut dyn Host, selected: &Selected, by_block: bool, meanwhile: Meanwhile<'_>) -> Result<Card, Fault> {
    let csd = MmcCsd::new(&selected.csd);
    let abilities = host.abilities();
    let modern = csd.version >= HAS_EXT_CSD;
    let hertz = if modern { DEFAULT_HERTZ_4 } else { DEFAULT_HERTZ };
    let mut bus = Bus {
        hertz: hertz.min(abilities.hertz),
        ..IDENTIFICATION
    };
    host.set_bus(bus)?;
    let mut ext_csd = None;
    if !selected.locked {
        if !by_block {
            simple(host, index::SET_BLOCK_LENGTH, (512, Answer::Short), meanwhile)?;
        }
        if modern {
            let found = read_ext_csd(host, meanwhile)?;
            ext_csd = Some(found);
            speed_up(host, selected, found, (&mut bus, meanwhile))?;
            widen(host, selected, found, (&mut bus, meanwhile))?;
        }
    }
    let counted = ext_csd.map(|ext_csd| u64::from(ext_csd.blocks)).filter(|_| by_block);
    let blocks = counted.filter(|blocks| *blocks != 0).or(csd.blocks);
    Ok(Card {
        family: Family::Mmc,
        address: selected.address,
        identity: Identity::of_mmc(&selected.cid),
        version: mmc_version(&csd, ext_csd.as_ref()),
        blocks: blocks.ok_or(Fault::Unusable("neither its CSD nor its EXT_CSD says how large it is"))?,
        by_block,
        bus,
        block_length: csd.block_length,
        erase_group: ext_csd
            .and_then(|ext_csd| ext_csd.erase_group)
            .unwrap_or(csd.erase_group),
        locked: selected.locked,
    })
}

fn read_ext_csd(host: &mut dyn Host, meanwhile: Meanwhile<'_>) -> Result<ExtCsd, Fault> {
    let mut register = [0; BLOCK_SIZE];
    read_register(host, index::MMC_SEND_EXT_CSD, (0, &mut register), meanwhile)?;
    Ok(ExtCsd::new(&register))
}

/// Writes a byte of the EXT_CSD. Whether the card took it.
fn switch(host: &mut dyn Host, selected: &Selected, argument: u32, meanwhile: Meanwhile<'_>) -> Result<bool, Fault> {
    let command = (WRITE_BYTE | argument, Answer::Busy);
    simple(host, index::SWITCH, command, meanwhile)?;
    let clock = host.clock();
    let deadline = Deadline::after(clock.now(), SWITCH_LIMIT);
    loop {
        let status = simple(host, index::SEND_STATUS, (selected.address, Answer::Short), meanwhile)?;
        if status.switch_failed() {
            return Ok(false);
        }
        if status.is_ready() {
            return Ok(true);
        }
        if deadline.expired(clock.now()) {
            return Err(Fault::DataTimeout(u32::from(index::SWITCH)));
        }
        pause(clock.as_ref(), POWER_UP_PAUSE, meanwhile);
    }
}

/// Switches to the timing of high speed, if card and host can.
fn speed_up(
    host: &mut dyn Host,
    selected: &Selected,
    ext_csd: ExtCsd,
    (bus, meanwhile): (&mut Bus, Meanwhile<'_>),
) -> Result<(), Fault> {
    let abilities = host.abilities();
    let known = ext_csd.timings & (ExtCsd::HS_26 | ExtCsd::HS_52) != 0;
    if known && abilities.high_speed && switch(host, selected, HS_TIMING | 1 << 8, meanwhile)? {
        let fast = ext_csd.timings & ExtCsd::HS_52 != 0;
        let hertz = if fast { HIGH_SPEED_HERTZ } else { DEFAULT_HERTZ_4 };
        let fast = Bus {
            high_speed: true,
            hertz: hertz.min(abilities.hertz),
            ..*bus
        };
        host.set_bus(fast)?;
        // Lines that do not bear it show with the first data.
        if read_ext_csd(host, meanwhile).is_ok_and(|again| again == ext_csd) {
            *bus = fast;
        } else {
            host.set_bus(*bus)?;
            switch(host, selected, HS_TIMING, meanwhile)?;
        }
    }
    Ok(())
}

/// The widths that a host has, the widest first, and what the card is told for them (eMMC 7.4.67).
fn widths(abilities: Abilities) -> impl Iterator<Item = (Width, u32)> {
    [(Width::Eight, 2), (Width::Four, 1)]
        .into_iter()
        .filter(move |(width, _)| *width <= abilities.width)
}

/// Takes the widest bus over which the card's own register still arrives: nothing tells how many lines the board has between the two.
fn widen(
    host: &mut dyn Host,
    selected: &Selected,
    known: ExtCsd,
    (bus, meanwhile): (&mut Bus, Meanwhile<'_>),
) -> Result<(), Fault> {
    for (width, code) in widths(host.abilities()) {
        if !switch(host, selected, BUS_WIDTH | code << 8, meanwhile)? {
            continue;
        }
        host.set_bus(Bus { width, ..*bus })?;
        if read_ext_csd(host, meanwhile).is_ok_and(|again| again == known) {
            bus.width = width;
            return Ok(());
        }
        host.set_bus(*bus)?;
        switch(host, selected, BUS_WIDTH, meanwhile)?;
    }
    Ok(())
}
