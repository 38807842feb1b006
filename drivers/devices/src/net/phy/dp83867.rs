//! TI's DP83867 (data sheet SNLS484), as many of AMD's boards have it. Out of reset it delays neither clock of an RGMII, unless straps say
//! so, and without delays frames do not come through; a board whose pin RX_CTRL is strapped in mode 1 or 2, which the data sheet does not
//! allow, needs a bit cleared besides. Nobody does either where the loader is in U-Boot's place.

use hal::node::{Ethernet, PhyMode, TiPhy};

use super::{BASIC_CONTROL, Management, ManagementPort, basic};

/// The second word has the revision in its last four bits.
const IDENTIFIER: (u16, u16) = (0x2000, 0xa230);

/// The extended registers are those of MMD 31.
const fn extended(register: u16) -> (u16, u16) {
    (31, register)
}
const CONFIGURATION_4: (u16, u16) = extended(0x31); // CFG4
const RGMII_CONTROL: (u16, u16) = extended(0x32); // RGMIICTL
const RGMII_DELAYS: (u16, u16) = extended(0x86); // RGMIIDCTL

/// CFG4: "INT_TST_MODE_1", which those straps set.
const TEST_MODE: u16 = 1 << 7;
/// RGMIICTL: delay the receive clock, the transmit clock.
const DELAY_RECEIVE: u16 = 1 << 0;
const DELAY_TRANSMIT: u16 = 1 << 1;
/// RGMIIDCTL: by how much, in steps of 0.25 ns, one less than it is. The receive clock in the lower four bits, the transmit clock above.
const LONGEST: u16 = 15;
const TRANSMIT_SHIFT: u32 = 4;
/// What the binding has for a tree that says nothing: 2 ns.
const USUAL: u16 = 7;

/// Whether a PHY that calls itself so is one.
pub(super) fn is_one((first, second): (u16, u16)) -> bool {
    (first, second & 0xfff0) == IDENTIFIER
}

/// Sets the PHY up as `node` says. A tree without `phy-mode` says nothing of delays.
pub(super) fn set_up<P: ManagementPort>(management: &Management<P>, phy: u8, node: &Ethernet) {
    if node.ti_phy.strap_quirk {
        leave_test_mode(management, phy);
    }
    if let Some(delayed) = node.phy_mode.and_then(delayed) {
        // How far before whether.
        management.change_mmd(phy, RGMII_DELAYS, delays(node.ti_phy, delayed));
        management.change_mmd(phy, RGMII_CONTROL, (DELAY_RECEIVE | DELAY_TRANSMIT, delayed));
    }
}

/// Has it negotiate anew if it was in test mode: what it came to is worth nothing.
fn leave_test_mode<P: ManagementPort>(management: &Management<P>, phy: u8) {
    let before = management.change_mmd(phy, CONFIGURATION_4, (TEST_MODE, 0));
    if before.is_none_or(|before| before & TEST_MODE == 0) {
        return;
    }
    let control = management
        .read(phy, BASIC_CONTROL)
        .filter(|control| control & basic::NEGOTIATE != 0);
    if let Some(control) = control {
        management.write(phy, BASIC_CONTROL, control | basic::RESTART);
    }
}

/// Which clocks the PHY delays; `None` for pins that have no such clocks.
fn delayed(mode: PhyMode) -> Option<u16> {
    match mode {
        PhyMode::Mii | PhyMode::Rmii => None,
        PhyMode::Rgmii => Some(0),
        PhyMode::RgmiiId => Some(DELAY_RECEIVE | DELAY_TRANSMIT),
        PhyMode::RgmiiRxId => Some(DELAY_RECEIVE),
        PhyMode::RgmiiTxId => Some(DELAY_TRANSMIT),
    }
}

/// Mask and value of RGMIIDCTL for the clocks that are `delayed`.
fn delays(said: TiPhy, delayed: u16) -> (u16, u16) {
    let steps = |said: Option<u32>| {
        let said = said.and_then(|steps| u16::try_from(steps).ok());
        said.filter(|steps| *steps <= LONGEST).unwrap_or(USUAL)
    };
    let field = |clock: u16, said, shift: u32| match delayed & clock {
        0 => (0, 0),
        _ => (LONGEST << shift, steps(said) << shift),
    };
    let receive = field(DELAY_RECEIVE, said.receive_delay, 0);
    let transmit = field(DELAY_TRANSMIT, said.transmit_delay, TRANSMIT_SHIFT);
    (receive.0 | transmit.0, receive.1 | transmit.1)
}
