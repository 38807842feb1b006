//! Commands to cards and their answers (SD 4.7 and 4.9; eMMC 6.10 and 6.12).

/// What a card answers (SD 4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing.
    None,
    /// R1, R6, R7: 48 bits with a checksum.
    Short,
    /// R1b: as R1, and busy until the card is done.
    Busy,
    /// R2: 136 bits, CID or CSD.
    Long,
    /// R3: 48 bits without a checksum, the OCR.
    Plain,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Its number, 0 to 63.
    pub(super) index: u8,
    /// Its argument.
    pub(super) argument: u32,
    /// What the card answers.
    pub(super) answer: Answer,
}

impl Command {
    pub(super) const fn new(index: u8, argument: u32, answer: Answer) -> Self {
        Self {
            index,
            argument,
            answer,
        }
    }

    /// Its number, as errors have it.
    pub(super) fn number(self) -> u32 {
        u32::from(self.index)
    }
}

/// Numbers of commands. Those of SD alone are `SD_`, those of MMC `MMC_`; application commands follow [`index::APP_COMMAND`].
pub(super) mod index {
    pub(crate) const GO_IDLE: u8 = 0;
    pub(crate) const MMC_SEND_OP_COND: u8 = 1;
    pub(crate) const ALL_SEND_CID: u8 = 2;
    pub(crate) const RELATIVE_ADDRESS: u8 = 3;
    pub(crate) const SWITCH: u8 = 6;
    pub(crate) const SELECT: u8 = 7;
    pub(crate) const SD_SEND_IF_COND: u8 = 8;
    pub(crate) const MMC_SEND_EXT_CSD: u8 = 8;
    pub(crate) const SEND_CSD: u8 = 9;
    pub(crate) const STOP: u8 = 12;
    pub(crate) const SEND_STATUS: u8 = 13;
    pub(crate) const SET_BLOCK_LENGTH: u8 = 16;
    pub(crate) const READ_BLOCK: u8 = 17;
    pub(crate) const READ_BLOCKS: u8 = 18;
    pub(crate) const WRITE_BLOCK: u8 = 24;
    pub(crate) const WRITE_BLOCKS: u8 = 25;
    pub(crate) const APP_COMMAND: u8 = 55;
    pub(crate) const APP_SET_BUS_WIDTH: u8 = 6;
    pub(crate) const APP_SEND_OP_COND: u8 = 41;
    pub(crate) const APP_SEND_SCR: u8 = 51;
}

/// What a card answered, as the controller keeps it: of a long answer bits 127 to 8, of others bits 39 to 8 in the first word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Response(pub(super) [u32; 4]);

/// Bits of the card status that say that something went wrong (SD 4.10.1, table 4-42; eMMC 6.13).
const STATUS_ERRORS: u32 = 0xfc79_0000;
/// The card is locked with a password.
const STATUS_LOCKED: u32 = 1 << 25;
/// An MMC card did not do the switch that it was asked for (eMMC 6.13).
const STATUS_SWITCH_ERROR: u32 = 1 << 7;
const STATUS_READY_FOR_DATA: u32 = 1 << 8;
/// The state of a selected card that waits for data commands.
const STATE_TRANSFER: u32 = 4;
/// The states of a card that sends data, and of one that takes data.
const STATE_DATA: u32 = 5;
const STATE_RECEIVE: u32 = 6;

impl Response {
    /// A short answer's 32 bits.
    pub(super) fn word(self) -> u32 {
        let [word, ..] = self.0;
        word
    }

    /// A long answer: the register's 16 bytes, the first one first. Its last byte, the checksum, the controller keeps to itself.
    pub(super) fn register(self) -> [u8; 16] {
        let [a, b, c, d] = self.0.map(u128::from);
        (a << 8 | b << 40 | c << 72 | d << 104).to_be_bytes()
    }

    /// What the card status complains of, if anything.
    pub(super) fn errors(self) -> Option<u32> {
        let errors = self.word() & STATUS_ERRORS;
        (errors != 0).then_some(errors)
    }

    pub(super) fn is_locked(self) -> bool {
        self.word() & STATUS_LOCKED != 0
    }

    pub(super) fn switch_failed(self) -> bool {
        self.word() & STATUS_SWITCH_ERROR != 0
    }

    /// Whether the card waits for the next data command.
    pub(super) fn is_ready(self) -> bool {
        self.word() & STATUS_READY_FOR_DATA != 0 && self.state() == STATE_TRANSFER
    }

    /// Whether the card is in the midst of data.
    pub(super) fn moves_data(self) -> bool {
        matches!(self.state(), STATE_DATA | STATE_RECEIVE)
    }

    /// The state of the card as it received the command.
    fn state(self) -> u32 {
        self.word() >> 9 & 0xf
    }
}

#[cfg(test)]
mod tests {
    use super::Response;

    #[test]
    fn a_long_answer_is_the_register_without_its_checksum() {
        let response = Response([0x0d0e_0f10 >> 8, 0x0809_0a0b, 0x0405_0607, 0x0001_0203]);
        let bytes = response.register();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0x0d, 0x0e, 0x0f, 0]);
    }

    #[test]
    fn a_status_that_says_where_the_card_is_complains_of_nothing() {
        assert_eq!(Response([0x900, 0, 0, 0]).errors(), None);
        assert!(Response([0x900, 0, 0, 0]).is_ready());
        assert!(!Response([0x800, 0, 0, 0]).is_ready());
        assert!(!Response([0xf00, 0, 0, 0]).is_ready());
        assert_eq!(
            Response([1 << 25 | 0x900, 0, 0, 0]).errors(),
            None,
            "a locked card answers"
        );
        for bit in [31, 30, 29, 26, 22, 21, 20, 19, 16] {
            assert_eq!(Response([0x900 | 1 << bit, 0, 0, 0]).errors(), Some(1 << bit));
        }
    }
}
