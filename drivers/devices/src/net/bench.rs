//! What tests of Ethernet controllers have in common.

use alloc::rc::Rc;
use alloc::vec::Vec;

use hal::fakes::{BusMemory, FakePlatform, ManualClock};
use hal::net::TransmitError;
use hal::{NetDevice, Registers};

use super::polls::POLLS_PER_LOOK;

pub(super) const BROADCAST: [u8; 6] = [0xff; 6];

/// A frame of `len` bytes to `destination` that no other `seed` has.
pub(super) fn frame(destination: [u8; 6], len: usize, seed: u32) -> Vec<u8> {
    let rest = (0..).flat_map(|word: u32| (seed ^ word << 8).to_le_bytes());
    destination.into_iter().chain(rest).take(len).collect()
}

/// What one poll gives: a frame, nothing of what had come, or that nothing had.
pub(super) fn received(device: &mut dyn NetDevice) -> Option<Vec<u8>> {
    let mut frame = None;
    device
        .receive(&mut |bytes| frame = Some(bytes.to_vec()))
        .then(|| frame.unwrap_or_default())
}

pub(super) fn send(device: &mut dyn NetDevice, bytes: &[u8]) -> Result<(), TransmitError> {
    device.transmit(bytes.len(), &mut |frame| frame.copy_from_slice(bytes))
}

/// So many polls that the driver looks whether the device is well.
pub(super) fn poll_idle(device: &mut dyn NetDevice) {
    for _ in 0..POLLS_PER_LOOK {
        assert_eq!(received(device), None);
    }
}

/// The side of a controller's model where the network is.
pub(super) trait Network {
    /// A frame comes in from the wire. Gives whether it went to memory.
    fn deliver(&self, frame: &[u8]) -> bool;

    /// The oldest frame that was sent.
    fn sent(&self) -> Option<Vec<u8>>;
}

/// A machine with a model of a controller, and what the driver's start gave.
pub(super) struct Machine<M, D, E> {
    pub(super) model: M,
    pub(super) clock: Rc<ManualClock>,
    pub(super) device: Result<D, E>,
}

impl<M: Registers + Clone + 'static, D, E> Machine<M, D, E> {
    /// The driver is started by `start` once `change` was made to the model.
    pub(super) fn new(
        memory: BusMemory,
        (model, change): (fn(BusMemory) -> M, impl FnOnce(&M)),
        start: impl FnOnce(&FakePlatform) -> Result<D, E>,
    ) -> Self {
        let (platform, model) = FakePlatform::around(memory, |memory, _| model(memory));
        change(&model);
        Self {
            model,
            clock: Rc::clone(&platform.clock),
            device: start(&platform),
        }
    }
}

/// As many frames as `count` come in whole and go out whole, of all lengths, and no other does.
pub(super) fn frames_flow_both_ways(model: &impl Network, device: &mut dyn NetDevice, (mac, count): ([u8; 6], u32)) {
    for number in 0..count {
        let frame = frame(mac, 60 + usize::try_from(number).unwrap() % 1455, number);
        assert!(model.deliver(&frame));
        assert_eq!(received(device).as_deref(), Some(frame.as_slice()));
        send(device, &frame).unwrap();
        assert_eq!(model.sent(), Some(frame));
    }
    assert_eq!(received(device), None);
}
