//! A card slot, or a soldered eMMC, as a block device.
//!
//! The card is looked for when [`BlockDevice::rescan`] is called and not before: starting the loader does not wait for a card. Data moves
//! with as few commands as the controller lets them have. An answer or data that arrive damaged or not at all are asked for anew, a few
//! times; what the controller does not end is not.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::time::Duration;

use hal::block::{BLOCK_SIZE, BlockDevice, BlockError, BlockFault, BlockIdx, BlockInterface, Medium};
use hal::flash::Meanwhile;
use hal::{Deadline, DmaMemory, PhysAddr, Platform, StreamingDma};

use super::card::Card;
use super::command::{Answer, Command, index};
use super::host::{Data, Fault, Host, pause};
use crate::block::{check, walk};

/// How often a command is done that may go better the next time.
const TRIES: u32 = 4;
/// Bytes of the driver's own that data goes by way of, where memory cannot be lent.
const BUFFER: usize = 64 << 10;
/// How long a card may be busy with what it was given to write. SD 4.6.2.2 wants 500 ms at most; eMMC has no limit.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
const STATUS_PAUSE: Duration = Duration::from_millis(1);

/// A slot and what is in it.
pub struct Slot {
    name: String,
    number: Option<u32>,
    host: Box<dyn Host>,
    streaming: Rc<dyn StreamingDma>,
    buffer: Option<Box<dyn DmaMemory>>,
    card: Option<Card>,
    medium: Option<Medium>,
    running: bool,
}

type Failed = (BlockIdx, Fault);

impl Slot {
    /// The slot behind `host`, called `name`, which the machine's description gives that number. Nobody has looked into it yet.
    pub(super) fn new((name, number): (String, Option<u32>), host: Box<dyn Host>, platform: &dyn Platform) -> Self {
        let dma = host.abilities().dma;
        Self {
            name,
            number,
            host,
            streaming: platform.streaming(),
            // Without it, words go one by one.
            buffer: dma.then(|| platform.dma(BUFFER)).flatten(),
            card: None,
            medium: None,
            running: true,
        }
    }

    fn error(&self, block: Option<BlockIdx>, fault: BlockFault) -> BlockError {
        BlockError {
            device: self.name.clone(),
            block,
            fault,
        }
    }

    fn check(&self, first: BlockIdx, len: usize) -> Result<(), BlockError> {
        check((&self.name, self.running), self.medium.as_ref(), (first, len))
    }

    /// Ends an access: a card that is gone is no medium any more.
    fn end(&mut self, result: Result<(), Failed>) -> Result<(), BlockError> {
        result.map_err(|(block, fault)| {
            if fault == Fault::Absent {
                self.forget();
            }
            self.error(Some(block), fault.into())
        })
    }

    fn forget(&mut self) {
        (self.card, self.medium) = (None, None);
    }

    fn find(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        let host = self.host.as_mut();
        if !host.is_present(meanwhile) {
            return Err(Fault::Absent);
        }
        let mut tries = 1;
        let card = loop {
            let found = host.power_up(meanwhile).and_then(|()| Card::identify(host, meanwhile));
            match found {
                Err(fault) if fault.may_pass() && tries < TRIES => tries += 1,
                other => break other?,
            }
        };
        if card.is_locked() {
            return Err(Fault::Unusable("it is locked with a password"));
        }
        let count = card.blocks();
        if count == 0 || card.argument(count.saturating_sub(1)).is_none() {
            return Err(Fault::Unusable("it has more blocks than commands can name"));
        }
        self.medium = Some(card.medium(host.is_write_protected()));
        self.card = Some(card);
        Ok(())
    }

    /// Does one data command, again if need be.
    fn transfer(&mut self, first: BlockIdx, mut data: Data<'_>, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        let card = self.card.as_ref().ok_or(Fault::Absent)?;
        let argument = card.argument(first.get()).ok_or(Fault::Memory)?;
        let several = data.len() > BLOCK_SIZE;
        let index = match (data.is_read(), several) {
            (true, false) => index::READ_BLOCK,
            (true, true) => index::READ_BLOCKS,
            (false, false) => index::WRITE_BLOCK,
            (false, true) => index::WRITE_BLOCKS,
        };
        let command = Command::new(index, argument, Answer::Short);
        let host = self.host.as_mut();
        let mut tries = 1;
        loop {
            let done = once(host, card, (command, data.again()), meanwhile);
            match done {
                Err(fault) if fault.may_pass() && tries < TRIES => {
                    tries += 1;
                    if let Err(lost) = settle(host, card, meanwhile) {
                        self.forget();
                        return Err(lost);
                    }
                }
                Err(fault) => {
                    // The card is left ready for whatever comes next. If it does not let itself, it is another one, or has to be told
                    // everything anew; the first fault is the one to tell.
                    if settle(host, card, meanwhile).is_err() {
                        self.forget();
                    }
                    return Err(fault);
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Reads as many bytes as one command may have.
    fn read_some(&mut self, first: BlockIdx, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), Failed> {
        let streaming = Rc::clone(&self.streaming);
        let at_first = |fault| (first, fault);
        if !self.host.abilities().dma {
            return self.transfer(first, Data::Read(bytes), meanwhile).map_err(at_first);
        }
        if let Some(address) = streaming.lend_to_fill(bytes) {
            let reached = self.host.reaches(address, bytes.len());
            let done = reached.then(|| self.transfer(first, Data::Fill(address, bytes.len()), meanwhile));
            streaming.take_back(bytes, address);
            if let Some(done) = done {
                return done.map_err(at_first);
            }
        }
        walk(first, bytes.chunks_mut(BUFFER), |block, chunk| {
            let read = self.read_to_buffer(block, chunk, &mut *meanwhile);
            read.map_err(|fault| (block, fault))
        })
    }

    fn read_to_buffer(&mut self, first: BlockIdx, chunk: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        let Some(address) = self.buffer_address(chunk.len()) else {
            return self.transfer(first, Data::Read(chunk), meanwhile);
        };
        self.transfer(first, Data::Fill(address, chunk.len()), meanwhile)?;
        let buffer = self.buffer.as_mut().ok_or(Fault::Memory)?;
        // The bytes must be read after the register that says that they are there.
        buffer.fence();
        chunk.copy_from_slice(buffer.bytes(0, chunk.len()).ok_or(Fault::Memory)?);
        Ok(())
    }

    /// Writes as many bytes as one command may have.
    fn write_some(&mut self, first: BlockIdx, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), Failed> {
        let at_first = |fault| (first, fault);
        if !self.host.abilities().dma {
            return self.transfer(first, Data::Write(bytes), meanwhile).map_err(at_first);
        }
        if let Some(address) = self.streaming.lend_to_read(bytes)
            && self.host.reaches(address, bytes.len())
        {
            let data = Data::Drain(address, bytes.len());
            return self.transfer(first, data, meanwhile).map_err(at_first);
        }
        walk(first, bytes.chunks(BUFFER), |block, chunk| {
            let written = self.write_from_buffer(block, chunk, &mut *meanwhile);
            written.map_err(|fault| (block, fault))
        })
    }

    fn write_from_buffer(&mut self, first: BlockIdx, chunk: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        let Some(address) = self.buffer_address(chunk.len()) else {
            return self.transfer(first, Data::Write(chunk), meanwhile);
        };
        let buffer = self.buffer.as_mut().ok_or(Fault::Memory)?;
        let place = buffer.bytes_mut(0, chunk.len()).ok_or(Fault::Memory)?;
        place.copy_from_slice(chunk);
        buffer.fence();
        self.transfer(first, Data::Drain(address, chunk.len()), meanwhile)
    }

    /// Where the controller sees the driver's own memory, if there is such and it can.
    fn buffer_address(&self, len: usize) -> Option<PhysAddr> {
        let address = self.buffer.as_ref()?.bus_address();
        self.host.reaches(address, len).then_some(address)
    }

    fn command_bytes(&self) -> usize {
        self.host.abilities().blocks.max(1).saturating_mul(BLOCK_SIZE)
    }
}

/// Does one data command and sees to it that the card is content.
fn once(
    host: &mut dyn Host,
    card: &Card,
    (command, data): (Command, Data<'_>),
    meanwhile: Meanwhile<'_>,
) -> Result<(), Fault> {
    let is_read = data.is_read();
    let response = host.command(command, Some(data), meanwhile)?;
    if let Some(errors) = response.errors() {
        return Err(Fault::Card(errors));
    }
    if is_read { Ok(()) } else { ready(host, card, meanwhile) }
}

/// Waits until the card has written what it was given.
fn ready(host: &mut dyn Host, card: &Card, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
    let clock = host.clock();
    let deadline = Deadline::after(clock.now(), WRITE_LIMIT);
    loop {
        let status = card.status(host, meanwhile)?;
        if let Some(errors) = status.errors() {
            return Err(Fault::Card(errors));
        }
        if status.is_ready() {
            return Ok(());
        }
        if deadline.expired(clock.now()) {
            return Err(Fault::Stuck(u32::from(index::SEND_STATUS)));
        }
        pause(clock.as_ref(), STATUS_PAUSE, meanwhile);
    }
}

/// Brings a card back to where it takes data commands, after one went wrong.
fn settle(host: &mut dyn Host, card: &Card, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
    let clock = host.clock();
    let deadline = Deadline::after(clock.now(), WRITE_LIMIT);
    loop {
        let status = card.status(host, meanwhile);
        let moved = match status {
            Ok(status) if status.is_ready() => return Ok(()),
            Ok(status) if status.moves_data() => {
                host.command(Command::new(index::STOP, 0, Answer::Busy), None, meanwhile)
            }
            other => other,
        };
        match moved {
            Err(fault) if !fault.may_pass() => return Err(fault),
            _ => {}
        }
        if deadline.expired(clock.now()) {
            return Err(Fault::NoAnswer(u32::from(index::SEND_STATUS)));
        }
        pause(clock.as_ref(), STATUS_PAUSE, meanwhile);
    }
}

impl BlockDevice for Slot {
    fn name(&self) -> &str {
        &self.name
    }

    fn interface(&self) -> BlockInterface {
        BlockInterface::Mmc
    }

    fn number(&self) -> Option<u32> {
        self.number
    }

    fn medium(&self) -> Option<&Medium> {
        self.medium.as_ref()
    }

    fn rescan(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.forget();
        if !self.running {
            return Err(self.error(None, BlockFault::Stopped));
        }
        self.find(meanwhile).map_err(|fault| self.error(None, fault.into()))
    }

    fn read(&mut self, first: BlockIdx, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.check(first, bytes.len())?;
        let pieces = bytes.chunks_mut(self.command_bytes());
        let done = walk(first, pieces, |block, piece| {
            self.read_some(block, piece, &mut *meanwhile)
        });
        self.end(done)
    }

    fn write(&mut self, first: BlockIdx, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.check(first, bytes.len())?;
        if self.medium.as_ref().is_some_and(|medium| medium.read_only) {
            return Err(self.error(Some(first), BlockFault::ReadOnly));
        }
        let pieces = bytes.chunks(self.command_bytes());
        let done = walk(first, pieces, |block, piece| {
            self.write_some(block, piece, &mut *meanwhile)
        });
        self.end(done)
    }

    fn shutdown(&mut self) {
        if self.running {
            self.running = false;
            self.forget();
            self.host.shutdown();
        }
    }
}
