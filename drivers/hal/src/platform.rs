//! What a driver's probe gets from the machine.

use alloc::boxed::Box;
use alloc::rc::Rc;

use crate::addr::Region;
use crate::clock::Clock;
use crate::dma::{DmaMemory, StreamingDma};
use crate::registers::Registers;

/// The services that a driver needs beside its node of the device tree.
///
/// Memory is given out for devices that see the processor's caches. For one that does not, the probe hands the driver what
/// [`Platform::without_coherence`] gives: the driver's code is the same.
pub trait Platform {
    /// Maps a device's registers. `None` if the region holds RAM, lies outside the address space, or has nothing that answers: a device
    /// tree that says so is wrong, or of another machine.
    ///
    /// To find out, the first register may be read: of what is mapped so, that must do no harm.
    fn map(&self, region: Region) -> Option<Box<dyn Registers>>;

    /// Memory of at least `len` bytes to share with a device; `None` if there is not so much.
    fn dma(&self, len: usize) -> Option<Box<dyn DmaMemory>>;

    /// What lends the caller's memory to a device for one transfer.
    fn streaming(&self) -> Rc<dyn StreamingDma>;

    /// The clock, for deadlines.
    fn clock(&self) -> Rc<dyn Clock>;

    /// The same machine for a device that does not see the caches: it shares memory that is not cached, and lends less readily.
    fn without_coherence(&self) -> Box<dyn Platform + '_>;
}
