//! A machine for tests of what controllers reach.

use alloc::boxed::Box;
use alloc::rc::Rc;

use hal::fakes::FakePlatform;
use hal::{Clock, DmaMemory, PhysAddr, Platform, Region, Registers, StreamingDma};

/// A machine whose memory devices see `far` away from where the test's model of it begins.
pub(super) struct Far(pub(super) FakePlatform, pub(super) u64);

struct FarMemory(Box<dyn DmaMemory>, u64);

impl DmaMemory for FarMemory {
    fn bus_address(&self) -> PhysAddr {
        self.0.bus_address().checked_add(self.1).unwrap()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn read16(&self, offset: usize) -> u16 {
        self.0.read16(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        self.0.read32(offset)
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.0.write16(offset, value);
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.0.write32(offset, value);
    }
    fn write64(&mut self, offset: usize, value: u64) {
        self.0.write64(offset, value);
    }
    fn bytes(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        self.0.bytes(offset, len)
    }
    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]> {
        self.0.bytes_mut(offset, len)
    }
    fn fence(&mut self) {
        self.0.fence();
    }
}

impl Platform for Far {
    fn map(&self, region: Region) -> Option<Box<dyn Registers>> {
        self.0.map(region)
    }
    fn dma(&self, len: usize) -> Option<Box<dyn DmaMemory>> {
        Some(Box::new(FarMemory(self.0.dma(len)?, self.1)))
    }
    fn streaming(&self) -> Rc<dyn StreamingDma> {
        panic!("frames are not lent")
    }
    fn clock(&self) -> Rc<dyn Clock> {
        self.0.clock()
    }
    fn without_coherence(&self) -> Box<dyn Platform + '_> {
        panic!("the probe decides that")
    }
}
