//! How a command is done (HC 3.7): wait for the lines, say it, wait for what comes of it.

use core::time::Duration;

use hal::flash::Meanwhile;

use super::super::command::{Answer, Command, Response, index};
use super::super::host::{Data, Fault};
use super::Sdhci;
use super::capabilities::Kind;
use super::registers::{self, command, present, status};
use crate::wait::{Poll, wait_working};

/// How long the lines may be in use before a command, and how long a command without data may take. A card answers within 64 clocks (SD
/// 4.12); a busy one ends within 500 ms, but for erasures.
const COMMAND_LIMIT: Duration = Duration::from_secs(1);

impl Sdhci {
    /// Does a command. The caller aborts after an error.
    pub(super) fn run(
        &mut self,
        command: Command,
        data: Option<Data<'_>>,
        meanwhile: Meanwhile<'_>,
    ) -> Result<Response, Fault> {
        self.wait_for_lines(command, data.is_some(), meanwhile)?;
        let mode = match &data {
            Some(data) => self.prepare(data)?,
            None => 0,
        };
        self.window.write(registers::STATUS, self.layout.of_commands());
        self.window.write(registers::ARGUMENT, command.argument);
        self.begin(mode, word(command, data.is_some()));
        match data {
            Some(data) => self.follow(command, data, meanwhile)?,
            None => {
                self.wait_for(command, (status::COMMAND_DONE, COMMAND_LIMIT), meanwhile)?;
                if command.answer == Answer::Busy {
                    self.wait_while_busy(command, meanwhile)?;
                }
            }
        }
        Ok(self.response(command))
    }

    fn begin(&self, mode: u32, word: u32) {
        match self.kind {
            Kind::Standard => self.window.write(registers::COMMAND, mode | word),
            Kind::Usdhc => self.begin_usdhc(mode, word),
        }
    }

    /// Waits until the card has done what it answered to.
    fn wait_while_busy(&self, command: Command, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        match self.kind {
            Kind::Standard => self
                .wait_for(command, (status::TRANSFER_DONE, COMMAND_LIMIT), meanwhile)
                .map(drop),
            Kind::Usdhc => self.watch_busy_line(command, COMMAND_LIMIT, meanwhile),
        }
    }

    /// Follows a command's data to its end.
    fn follow(&self, command: Command, data: Data<'_>, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        let done = match data {
            // The end of the data comes after that of the command: one wait for both.
            Data::Fill(address, len) | Data::Drain(address, len) => self.follow_dma(command, (address, len), meanwhile),
            Data::Read(bytes) => self.read_words(command, bytes, meanwhile),
            Data::Write(bytes) => self.write_words(command, bytes, meanwhile),
        };
        match (done, self.response(command).errors()) {
            // No data, because the card does not want to: it has said why.
            (Err(Fault::DataTimeout(_)), Some(errors)) => Err(Fault::Card(errors)),
            (done, _) => done,
        }
    }

    fn response(&self, command: Command) -> Response {
        let word = |index: usize| {
            self.window
                .read(registers::RESPONSE.saturating_add(index.saturating_mul(4)))
        };
        match command.answer {
            Answer::None => Response::default(),
            Answer::Long => Response([word(0), word(1), word(2), word(3)]),
            Answer::Short | Answer::Busy | Answer::Plain => Response([word(0), 0, 0, 0]),
        }
    }

    /// Waits until the lines that a command needs are free, and sees whether there is a card at all.
    fn wait_for_lines(&self, command: Command, has_data: bool, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        let stop = command.index == index::STOP;
        let busy = match has_data || command.answer == Answer::Busy && !stop {
            true => present::COMMAND_BUSY | present::DATA_BUSY,
            false => present::COMMAND_BUSY,
        };
        let mut state = 0;
        let free = wait_working((self.clock.as_ref(), Poll::Register), COMMAND_LIMIT, meanwhile, || {
            state = self.window.read(registers::PRESENT);
            state & busy == 0
        });
        let inserted = state & present::INSERTED != 0;
        let absent = self.detector.works && inserted == self.detector.inverted;
        // A card that is not the one that was there before has not been told of this bus.
        if absent || self.window.read(registers::STATUS) & self.removal() != 0 {
            return Err(Fault::Absent);
        }
        free.then_some(()).ok_or(Fault::Stuck(command.number()))
    }

    /// Waits for any of the bits `wanted` of the status, at most the limit that comes with them. Gives the status.
    pub(super) fn wait_for(
        &self,
        command: Command,
        (wanted, limit): (u32, Duration),
        meanwhile: Meanwhile<'_>,
    ) -> Result<u32, Fault> {
        self.wait_until(command, (|bits| bits & wanted != 0, limit), meanwhile)
    }

    /// Waits until the status, or what else it looks at, is to the liking of the function, at most the limit that comes with it. Gives the
    /// status.
    pub(super) fn wait_until(
        &self,
        command: Command,
        (wanted, limit): (impl Fn(u32) -> bool, Duration),
        meanwhile: Meanwhile<'_>,
    ) -> Result<u32, Fault> {
        let errors = status::ERROR | self.layout.errors;
        let stop = errors | self.removal();
        let mut bits = 0;
        let done = wait_working((self.clock.as_ref(), Poll::Register), limit, meanwhile, || {
            bits = self.window.read(registers::STATUS);
            bits & stop != 0 || wanted(bits)
        });
        if bits & self.removal() != 0 {
            return Err(Fault::Absent);
        }
        if bits & errors != 0 {
            return Err(self.fault(command, bits));
        }
        done.then_some(bits).ok_or(Fault::Stuck(command.number()))
    }

    /// The bit that says that the card was taken out since the controller was powered up: it stays until then.
    pub(super) fn removal(&self) -> u32 {
        if self.detector.works { status::REMOVED } else { 0 }
    }

    /// What the error bits of the status mean.
    fn fault(&self, command: Command, bits: u32) -> Fault {
        let has = |bit| bits & bit != 0;
        if has(status::COMMAND_DAMAGED) || has(status::DATA_DAMAGED) {
            return Fault::Crc;
        }
        if has(status::COMMAND_TIMEOUT) {
            return Fault::NoAnswer(command.number());
        }
        if has(status::DATA_TIMEOUT) {
            return Fault::DataTimeout(command.number());
        }
        if has(status::AUTO_STOP) {
            return Fault::NoAnswer(u32::from(index::STOP));
        }
        if has(self.layout.dma_error) {
            return Fault::Controller(self.window.read(registers::ADMA_ERROR) & 0xff | status::ADMA);
        }
        Fault::Controller(bits & self.layout.errors)
    }
}

/// The upper half of the word that begins a command (HC 2.2.6).
fn word(command: Command, has_data: bool) -> u32 {
    let answer = match command.answer {
        Answer::None => 0,
        Answer::Short => command::ANSWER_48 | command::CHECK_CRC | command::CHECK_INDEX,
        Answer::Busy => command::ANSWER_48_BUSY | command::CHECK_CRC | command::CHECK_INDEX,
        Answer::Long => command::ANSWER_136 | command::CHECK_CRC,
        Answer::Plain => command::ANSWER_48,
    };
    let data = if has_data { command::HAS_DATA } else { 0 };
    let abort = if command.index == index::STOP {
        command::ABORT
    } else {
        0
    };
    let number = u32::from(command.index) & 0x3f;
    answer | data | abort | number << command::INDEX_SHIFT
}
