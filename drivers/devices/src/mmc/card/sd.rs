//! SD cards: standard, high and extended capacity (SD 4.2).

use hal::flash::Meanwhile;

use super::super::command::{Answer, Response, index};
use super::super::host::{Bus, Fault, Host, IDENTIFICATION, Width};
use super::registers::{Identity, Scr, SwitchStatus, sd_blocks};
use super::{Card, Family, Selected, VOLTAGES, power_up, read_register, select, simple};

/// The argument of SEND_IF_COND: 2.7 to 3.6 V, and a pattern that the card is to send back (SD 4.3.13).
const INTERFACE: u32 = 0x1aa;
const INTERFACE_MASK: u32 = 0xfff;
/// SD_SEND_OP_COND: the host knows cards that count blocks, and whether the card is one (SD 4.2.3.1).
const HIGH_CAPACITY: u32 = 1 << 30;
/// SWITCH_FUNC: asks, or does it: group 1 to function 1, the others as they are (SD 4.3.10).
const ASK_HIGH_SPEED: u32 = 0x00ff_fff1;
const SET_HIGH_SPEED: u32 = 0x80ff_fff1;
/// SET_BUS_WIDTH: four lines (SD 4.7.4, table 4-31).
const FOUR_LINES: u32 = 2;
/// The clock of the two timings (SD 6.7).
const DEFAULT_HERTZ: u32 = 25_000_000;
const HIGH_SPEED_HERTZ: u32 = 50_000_000;

/// The SD card that `host` has; `None` if what there is, if anything, is no SD card.
pub(super) fn identify(host: &mut dyn Host, meanwhile: Meanwhile<'_>) -> Result<Option<Card>, Fault> {
    simple(host, index::GO_IDLE, (0, Answer::None), meanwhile)?;
    let new = match simple(host, index::SD_SEND_IF_COND, (INTERFACE, Answer::Short), meanwhile) {
        Ok(answer) if answer.word() & INTERFACE_MASK == INTERFACE => true,
        Ok(_) => return Err(Fault::Unusable("it does not run at the voltage of the slot")),
        // A card before version 2.00, an MMC card, or none.
        Err(Fault::NoAnswer(_)) => false,
        Err(fault) => return Err(fault),
    };
    let capacity = if new { HIGH_CAPACITY } else { 0 };
    let ask = |host: &mut dyn Host, meanwhile: Meanwhile<'_>| {
        let argument = VOLTAGES | capacity;
        let answer = app(host, 0, (index::APP_SEND_OP_COND, argument, Answer::Plain), meanwhile);
        answer.map(Response::word)
    };
    let ocr = match power_up(host, meanwhile, ask) {
        Ok(ocr) => ocr,
        Err(Fault::NoAnswer(_)) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let selected = select(host, None, meanwhile)?;
    let by_block = ocr & HIGH_CAPACITY != 0;
    set_up(host, &selected, by_block, meanwhile).map(Some)
}

/// Does an application command, which another command announces (SD 4.3.9).
fn app(
    host: &mut dyn Host,
    address: u32,
    (index, argument, answer): (u8, u32, Answer),
    meanwhile: Meanwhile<'_>,
) -> Result<Response, Fault> {
    simple(host, index::APP_COMMAND, (address, Answer::Short), meanwhile)?;
    simple(host, index, (argument, answer), meanwhile)
}

/// Sets a selected card to the best bus.
fn set_up(host: &mut dyn Host, selected: &Selected, by_block: bool, meanwhile: Meanwhile<'_>) -> Result<Card, Fault> {
    let blocks = sd_blocks(&selected.csd, by_block).map_err(Fault::Unusable)?;
    let mut bus = Bus {
        hertz: DEFAULT_HERTZ.min(host.abilities().hertz),
        ..IDENTIFICATION
    };
    host.set_bus(bus)?;
    let mut version = "1.0";
    if !selected.locked {
        if !by_block {
            simple(host, index::SET_BLOCK_LENGTH, (512, Answer::Short), meanwhile)?;
        }
        let scr = read_scr(host, selected, meanwhile)?;
        version = scr.version();
        widen(host, selected, scr, (&mut bus, meanwhile))?;
        speed_up(host, selected, scr, (&mut bus, meanwhile))?;
    }
    Ok(Card {
        family: Family::Sd,
        address: selected.address,
        identity: Identity::of_sd(&selected.cid),
        version,
        blocks,
        by_block,
        bus,
        block_length: 512,
        erase_group: 1,
        locked: selected.locked,
    })
}

fn widen(
    host: &mut dyn Host,
    selected: &Selected,
    scr: Scr,
    (bus, meanwhile): (&mut Bus, Meanwhile<'_>),
) -> Result<(), Fault> {
    if scr.has_four_lines() && host.abilities().width >= Width::Four {
        let command = (index::APP_SET_BUS_WIDTH, FOUR_LINES, Answer::Short);
        let answer = app(host, selected.address, command, meanwhile)?;
        if answer.errors().is_none() {
            bus.width = Width::Four;
            host.set_bus(*bus)?;
        }
    }
    Ok(())
}

fn read_scr(host: &mut dyn Host, selected: &Selected, meanwhile: Meanwhile<'_>) -> Result<Scr, Fault> {
    let mut scr = [0; 8];
    simple(host, index::APP_COMMAND, (selected.address, Answer::Short), meanwhile)?;
    read_register(host, index::APP_SEND_SCR, (0, &mut scr), meanwhile)?;
    Ok(Scr(scr))
}

/// Switches to high speed, if card and host can. A card that cannot stays as it is.
fn speed_up(
    host: &mut dyn Host,
    selected: &Selected,
    scr: Scr,
    (bus, meanwhile): (&mut Bus, Meanwhile<'_>),
) -> Result<(), Fault> {
    let abilities = host.abilities();
    if !abilities.high_speed || abilities.hertz <= DEFAULT_HERTZ || !scr.can_switch() {
        return Ok(());
    }
    let mut status = SwitchStatus([0; 64]);
    match read_register(host, index::SWITCH, (ASK_HIGH_SPEED, &mut status.0), meanwhile) {
        Ok(()) if status.has_high_speed() => {}
        // Version 1.10 does not oblige a card to it.
        Ok(()) | Err(Fault::NoAnswer(_) | Fault::Card(_)) => return Ok(()),
        Err(fault) => return Err(fault),
    }
    read_register(host, index::SWITCH, (SET_HIGH_SPEED, &mut status.0), meanwhile)?;
    if !status.is_high_speed() {
        return Ok(());
    }
    let fast = Bus {
        high_speed: true,
        hertz: HIGH_SPEED_HERTZ.min(abilities.hertz),
        ..*bus
    };
    host.set_bus(fast)?;
    // Lines that do not bear it show with the first data.
    match read_scr(host, selected, meanwhile) {
        Ok(again) if again == scr => *bus = fast,
        Err(fault) if !fault.may_pass() => return Err(fault),
        // The card keeps its new timing, which holds for slower clocks as well (SD 6.7).
        _ => host.set_bus(*bus)?,
    }
    Ok(())
}
