//! What a controller can do: its capabilities registers (HC 2.2.26), and where those are not to be trusted, what is known otherwise.

use super::super::host::Width;
use super::registers::{self, Window, capability};
use super::usdhc;
use hal::NodeInfo;

/// Whose register set a controller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The standard's.
    Standard,
    /// That of NXP's uSDHC, which moved a good part of it.
    Usdhc,
}

/// What is particular to a kind of controller, beyond the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Its registers.
    pub kind: Kind,
    /// Its capabilities registers say nothing that helps: 3.3 V, high speed, and words one by one.
    pub no_capabilities: bool,
    /// The frequency of its clock in Hz that is taken if its node says none, whatever its capabilities say: the highest there is, so that
    /// no card is driven too fast.
    pub base_hertz: Option<u32>,
    /// It loses a write that follows another one within four cycles of a slow card clock.
    pub slow_writes: bool,
    /// It sees RAM at other addresses than the processor does: words go one by one.
    pub no_dma: bool,
    /// No write-protect switch is wired to it.
    pub no_write_protect: bool,
    /// No card detector is wired to it.
    pub no_detector: bool,
}

impl Quirks {
    /// A controller by the book.
    pub const NONE: Self = Self {
        kind: Kind::Standard,
        no_capabilities: false,
        base_hertz: None,
        slow_writes: false,
        no_dma: false,
        no_write_protect: false,
        no_detector: false,
    };
}

/// How data moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// By descriptors, with addresses of 32 bits or, if so `wide`, of 64.
    Adma2 { wide: bool },
    /// From one address, which stops at boundaries.
    Sdma,
    /// The processor moves it.
    Words,
}

/// What a controller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// The version of the specification, counted as its register does: 2 is 3.00.
    pub(super) version: u8,
    /// The frequency of its clock, before its divider.
    pub(super) base_hertz: u32,
    /// The fastest that the board lets it go.
    pub(super) hertz: u32,
    pub(super) high_speed: bool,
    pub(super) width: Width,
    pub(super) mode: Mode,
    /// Bits of the word at [`registers::CONTROL`] for its voltage.
    pub(super) voltage: u32,
}

/// The version of the register for 3.00: the first with a divider of 10 bits and a base clock of 8.
pub(super) const VERSION_3: u8 = 2;
/// The fastest without more than this driver knows: eMMC's high speed.
const FASTEST: u32 = 52_000_000;
/// What is taken for a controller whose clock nobody knows.
const UNKNOWN_HERTZ: u32 = 200_000_000;

impl Capabilities {
    pub(super) fn read(window: &Window, node: &NodeInfo, quirks: Quirks) -> Self {
        let (version, word) = version_and_word(window, quirks);
        let has = |bit| word & bit != 0;
        let slot = &node.mmc;
        let told = base_megahertz(version, word).and_then(|megahertz| megahertz.checked_mul(1_000_000));
        let base_hertz = match quirks.base_hertz {
            None => told.or(node.clock_frequency),
            known => node.clock_frequency.or(known),
        };
        let mode = match quirks.no_dma {
            false if has(capability::ADMA2) => Mode::Adma2 {
                wide: version >= VERSION_3 && has(capability::WIDE_ADDRESSES),
            },
            false if has(capability::SDMA) => Mode::Sdma,
            _ => Mode::Words,
        };
        Self {
            version,
            base_hertz: base_hertz.filter(|hertz| *hertz != 0).unwrap_or(UNKNOWN_HERTZ),
            hertz: slot
                .max_frequency
                .filter(|hertz| *hertz != 0)
                .unwrap_or(FASTEST)
                .min(FASTEST),
            high_speed: has(capability::HIGH_SPEED),
            width: width(slot.bus_width, has(capability::EIGHT_LINES)),
            mode,
            voltage: voltage(word),
        }
    }
}

/// The version, and what its first capabilities register says.
fn version_and_word(window: &Window, quirks: Quirks) -> (u8, u32) {
    let [_, _, version, _] = window.read(registers::VERSION).to_le_bytes();
    match quirks.kind {
        Kind::Standard if quirks.no_capabilities => (version, capability::HIGH_SPEED | capability::VOLTS_3_3),
        Kind::Standard => (version, window.read(registers::CAPABILITIES)),
        Kind::Usdhc => (VERSION_3, usdhc::capabilities(window.read(registers::CAPABILITIES))),
    }
}

fn base_megahertz(version: u8, word: u32) -> Option<u32> {
    let mask = if version >= VERSION_3 { 0xff } else { 0x3f };
    Some(word >> 8 & mask).filter(|megahertz| *megahertz != 0)
}

/// The lines that controller and board have. A board that says nothing of eight has four: the data lines of a slot (mmc-controller.yaml
/// says one, but every slot that this loader has met has four, and a card is asked before more than one is used).
fn width(told: Option<u32>, eight: bool) -> Width {
    match told {
        Some(8) if eight => Width::Eight,
        Some(1) => Width::One,
        _ => Width::Four,
    }
}

fn voltage(word: u32) -> u32 {
    use registers::control;
    match word {
        word if word & capability::VOLTS_3_3 != 0 => control::VOLTS_3_3,
        word if word & capability::VOLTS_3_0 != 0 => control::VOLTS_3_0,
        word if word & capability::VOLTS_1_8 != 0 => control::VOLTS_1_8,
        _ => control::VOLTS_3_3,
    }
}
