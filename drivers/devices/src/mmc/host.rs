//! What a host controller does for the card behind it.

use alloc::rc::Rc;
use core::time::Duration;

use hal::block::BlockFault;
use hal::flash::Meanwhile;
use hal::{Clock, PhysAddr};

use super::command::{Command, Response};
use crate::wait::{Poll, wait_working};

/// How many lines data goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    One,
    Four,
    Eight,
}

impl Width {
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// How card and controller talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bus {
    /// The card clock, in Hz, at most.
    pub(super) hertz: u32,
    pub(super) width: Width,
    /// Whether both sides use the timing of high speed (SD 4.3.10, eMMC 6.6.2).
    pub(super) high_speed: bool,
}

/// The bus on which every card is identified (SD 4.2, eMMC 6.4).
pub(super) const IDENTIFICATION: Bus = Bus {
    hertz: 400_000,
    width: Width::One,
    high_speed: false,
};

/// What a host can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    /// The fastest clock, in Hz.
    pub(super) hertz: u32,
    pub(super) width: Width,
    pub(super) high_speed: bool,
    /// Whether it moves data by itself.
    pub(super) dma: bool,
    /// How many blocks one command may have.
    pub(super) blocks: usize,
}

/// Where the data of a command is.
#[derive(Debug)]
pub(super) enum Data<'a> {
    /// In memory that was lent for the controller to write into.
    Fill(PhysAddr, usize),
    /// In memory that was lent for the controller to read.
    Drain(PhysAddr, usize),
    /// The processor reads the words one by one.
    Read(&'a mut [u8]),
    /// The processor writes the words one by one.
    Write(&'a [u8]),
}

impl Data<'_> {
    /// The same once more, for a command that is done again.
    pub(super) fn again(&mut self) -> Data<'_> {
        match self {
            Self::Fill(address, len) => Data::Fill(*address, *len),
            Self::Drain(address, len) => Data::Drain(*address, *len),
            Self::Read(bytes) => Data::Read(bytes),
            Self::Write(bytes) => Data::Write(bytes),
        }
    }

    /// How many bytes there are: up to a block, or whole blocks.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Fill(_, len) | Self::Drain(_, len) => *len,
            Self::Read(bytes) => bytes.len(),
            Self::Write(bytes) => bytes.len(),
        }
    }

    /// Whether it comes from the card.
    pub(super) fn is_read(&self) -> bool {
        matches!(self, Self::Fill(..) | Self::Read(_))
    }
}

/// Why a command, or something else that a host was to do, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no card, or it was taken out since the host was last powered up.
    Absent,
    /// The card did not answer the command of this number.
    NoAnswer(u32),
    /// The data of the command of this number did not begin, or a busy card did not end.
    DataTimeout(u32),
    /// The controller did not end the command of this number.
    Stuck(u32),
    /// An answer or data arrived damaged.
    Crc,
    /// The controller failed, with this status of its own.
    Controller(u32),
    /// The card failed, with these bits of its status.
    Card(u32),
    /// The card is none that can be used.
    Unusable(&'static str),
    /// The driver's own memory is missing.
    Memory,
    /// The host was shut down.
    Stopped,
}

impl Fault {
    /// Whether it may be different the next time.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::NoAnswer(_) | Self::DataTimeout(_) | Self::Crc)
    }
}

impl From<Fault> for BlockFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Absent => Self::NoMedium,
            Fault::NoAnswer(command) | Fault::DataTimeout(command) | Fault::Stuck(command) => Self::Timeout(command),
            Fault::Crc => Self::Crc,
            Fault::Controller(status) | Fault::Card(status) => Self::Device(status),
            Fault::Unusable(why) => Self::Unusable(why),
            Fault::Memory => Self::Memory,
            Fault::Stopped => Self::Stopped,
        }
    }
}

/// A host controller. After an error it is ready for the next command, and has let go of the data.
pub(super) trait Host {
    fn abilities(&self) -> Abilities;

    /// Whether it can reach `len` bytes of lent memory at `address` by itself.
    fn reaches(&self, address: PhysAddr, len: usize) -> bool;

    /// Whether there is a card, as far as it can be told.
    fn is_present(&self, meanwhile: Meanwhile<'_>) -> bool;

    /// Whether the card's switch says that it is not to be written.
    fn is_write_protected(&self) -> bool;

    /// Resets controller and card, and leaves them on the bus for [`IDENTIFICATION`].
    fn power_up(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), Fault>;

    /// Changes the bus; the card has been told.
    fn set_bus(&mut self, bus: Bus) -> Result<(), Fault>;

    /// Does a command; `data` is what it moves. Several blocks end with a STOP command of the controller's own (HC 1.6).
    fn command(
        &mut self,
        command: Command,
        data: Option<Data<'_>>,
        meanwhile: Meanwhile<'_>,
    ) -> Result<Response, Fault>;

    fn clock(&self) -> Rc<dyn Clock>;

    /// Stops controller, clock and DMA for good.
    fn shutdown(&mut self);
}

/// Lets `time` pass.
pub(super) fn pause(clock: &dyn Clock, time: Duration, meanwhile: Meanwhile<'_>) {
    wait_working((clock, Poll::Register), time, meanwhile, || false);
}
