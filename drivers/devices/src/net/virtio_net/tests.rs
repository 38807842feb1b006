use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use hal::fakes::{BusMemory, FakePlatform};
use hal::net::TransmitError;
use hal::{MacAddr, NetDevice, NodeInfo, PhysAddr, Region};

use super::VirtioNet;
use crate::net::bench::{received, send};
use crate::virtio::mmio::MmioTransport;
use crate::virtio::model::{MAC, Model};
use crate::virtio::{ACCESS_PLATFORM, VERSION_1, VirtioError};

fn node() -> NodeInfo {
    let region = Region::new(PhysAddr(0x0a00_3e00), 0x200).unwrap();
    NodeInfo {
        path: "/virtio_mmio@a003e00".into(),
        reg: Vec::from([region]),
        ..NodeInfo::default()
    }
}

/// A device that speaks the old or the new interface, changed by `change`, and what the driver makes of it.
fn try_start(legacy: bool, change: impl FnOnce(&Model)) -> (Model, Result<VirtioNet, VirtioError>) {
    let (platform, model) = FakePlatform::around(BusMemory::default(), |memory, _| Model::new(memory, legacy));
    change(&model);
    let (transport, id) = MmioTransport::open(&node(), &platform).unwrap().unwrap();
    assert_eq!(id, crate::virtio::NETWORK);
    (
        model,
        VirtioNet::start("virtio-net#0".into(), Box::new(transport), &platform),
    )
}

fn started(legacy: bool) -> (Model, VirtioNet) {
    let (model, device) = try_start(legacy, |_| ());
    (model, device.unwrap())
}

#[test]
fn takes_the_features_it_uses_and_no_other() {
    let (model, device) = started(true);
    assert_eq!(model.0.borrow().accepted, 1 << 5 | 1 << 16);
    assert_eq!((device.mac(), device.mac_is_made_up()), (MacAddr(MAC), false));
    let (model, _device) = started(false);
    assert_eq!(model.0.borrow().accepted, 1 << 5 | 1 << 16 | VERSION_1);
    let (model, _device) = try_start(false, |model| model.0.borrow_mut().features |= ACCESS_PLATFORM);
    assert_eq!(
        model.0.borrow().accepted,
        1 << 5 | 1 << 16 | VERSION_1 | ACCESS_PLATFORM
    );
}

#[test]
fn frames_flow_both_ways_many_times_round_the_rings() {
    for legacy in [true, false] {
        let (model, mut device) = started(legacy);
        assert_eq!(model.available(0), 256);
        for number in 0..70_000_u32 {
            let frame = number.to_le_bytes().repeat(15);
            assert!(model.deliver(&frame));
            assert_eq!(received(&mut device).as_deref(), Some(frame.as_slice()));
            send(&mut device, &frame).unwrap();
            assert_eq!(model.sent(true).as_deref(), Some(frame.as_slice()));
        }
        assert_eq!(received(&mut device), None);
        assert_eq!(model.available(0), 256, "every receive buffer is back with the device");
    }
}

#[test]
fn a_burst_fills_every_buffer() {
    let (model, mut device) = started(false);
    for number in 0..256_u16 {
        assert!(model.deliver(&number.to_le_bytes().repeat(750)));
    }
    assert!(!model.deliver(&[0; 60]));
    for number in 0..256_u16 {
        assert_eq!(received(&mut device).unwrap(), number.to_le_bytes().repeat(750));
    }
}

#[test]
fn notifies_only_a_device_that_asks() {
    let (model, mut device) = started(false);
    assert_eq!(model.0.borrow().queues[0].notified, 1, "the first buffers");
    model.want_notification(0, false);
    model.want_notification(1, false);
    for _ in 0..300 {
        model.deliver(&[1; 60]);
        assert!(received(&mut device).is_some());
        send(&mut device, &[2; 60]).unwrap();
        model.sent(true);
    }
    assert_eq!(
        (model.0.borrow().queues[0].notified, model.0.borrow().queues[1].notified),
        (1, 0)
    );
    model.want_notification(1, true);
    send(&mut device, &[3; 60]).unwrap();
    assert_eq!(model.0.borrow().queues[1].notified, 1);
}

#[test]
fn a_device_that_does_not_send_makes_transmit_fail_in_time() {
    let (model, mut device) = started(true);
    for _ in 0..64 {
        send(&mut device, &[0; 60]).unwrap();
    }
    assert_eq!(send(&mut device, &[0; 60]), Err(TransmitError::Busy));
    assert!(model.sent(true).is_some());
    send(&mut device, &[0; 60]).unwrap();
    assert_eq!(send(&mut device, &[0; 60]), Err(TransmitError::Busy));
}

#[test]
fn the_longest_frame_is_1514_bytes() {
    let (model, mut device) = started(false);
    assert_eq!(
        send(&mut device, &[7; 1515]),
        Err(TransmitError::TooLong { len: 1515, limit: 1514 })
    );
    send(&mut device, &[7; 1514]).unwrap();
    assert_eq!(model.sent(true).unwrap(), vec![7; 1514]);
}

#[test]
fn a_short_frame_after_a_long_one_shows_nothing_of_it() {
    let (model, mut device) = started(false);
    for _ in 0..64 {
        send(&mut device, &[0xff; 1514]).unwrap();
        model.sent(true);
    }
    send(&mut device, &[1; 60]).unwrap();
    assert_eq!(model.sent(true).unwrap(), vec![1; 60]);
}

#[test]
fn entries_that_a_broken_device_makes_up_do_no_harm() {
    let (model, mut device) = started(false);
    model.give_back(0, 256, 100);
    model.give_back(0, u32::MAX, 100);
    assert_eq!(received(&mut device), None, "buffers that do not exist");
    model.give_back(0, 0, 5);
    assert_eq!(received(&mut device), Some(Vec::new()), "shorter than its header");
    model.give_back(0, 1, u32::MAX);
    assert_eq!(
        received(&mut device).unwrap().len(),
        2048 - 12,
        "longer than its buffer"
    );
}

#[test]
fn a_transmit_buffer_that_the_device_never_had_is_not_used_twice() {
    let (model, mut device) = started(false);
    model.give_back(1, 3, 0);
    model.give_back(1, 3, 0);
    for number in 0..64 {
        send(&mut device, &[number; 60]).unwrap();
    }
    assert_eq!(send(&mut device, &[64; 60]), Err(TransmitError::Busy));
    for number in 0..64 {
        assert_eq!(model.sent(false).unwrap(), vec![number; 60]);
    }
}

#[test]
fn a_queue_as_small_as_the_device_allows() {
    let (model, device) = try_start(true, |model| model.0.borrow_mut().limit = 5);
    let mut device = device.unwrap();
    assert_eq!(model.available(0), 4);
    for _ in 0..20 {
        assert!(model.deliver(&[4; 60]));
        assert!(received(&mut device).is_some());
    }
    let (model, device) = try_start(true, |model| model.0.borrow_mut().limit = 0);
    assert_eq!(device.err(), Some(VirtioError::QueueTooSmall { queue: 0, limit: 0 }));
    assert_eq!(model.0.borrow().status, 0, "what cannot be used is left reset");
}

#[test]
fn a_device_that_refuses_its_own_features() {
    let (model, device) = try_start(false, |model| model.0.borrow_mut().agrees = false);
    let features = 1 << 5 | 1 << 16 | VERSION_1;
    assert_eq!(device.err(), Some(VirtioError::FeaturesRefused { features }));
    assert_eq!(model.0.borrow().status, 0);
}

#[test]
fn a_device_that_hangs_in_reset() {
    let (_, device) = try_start(true, |model| {
        model.0.borrow_mut().hangs = true;
        model.0.borrow_mut().status = 7;
    });
    assert_eq!(device.err(), Some(VirtioError::NoReset { status: 7 }));
}

#[test]
fn a_device_without_an_address_gets_a_local_one() {
    let (_, device) = try_start(true, |model| model.0.borrow_mut().features &= !(1 << 5));
    let device = device.unwrap();
    let MacAddr([first, ..]) = device.mac();
    assert_eq!(first & 3, 2, "locally administered, unicast");
    assert!(device.mac_is_made_up());
}

#[test]
fn the_link() {
    let (model, mut device) = started(false);
    assert!(device.link_up());
    model.0.borrow_mut().config[6] = 0;
    assert!(!device.link_up());
    let (_, silent) = try_start(false, |model| {
        model.0.borrow_mut().features &= !(1 << 16);
        model.0.borrow_mut().config[6] = 0;
    });
    assert!(silent.unwrap().link_up());
}

#[test]
fn shutdown_stops_the_device() {
    let (model, mut device) = started(false);
    model.deliver(&[1; 60]);
    device.shutdown();
    assert_eq!(model.0.borrow().status, 0);
    assert!(!model.0.borrow().queues[0].running);
    assert_eq!(received(&mut device), None);
    assert_eq!(send(&mut device, &[0; 60]), Err(TransmitError::Stopped));
    let resets = model.0.borrow().resets;
    device.shutdown();
    assert_eq!(model.0.borrow().resets, resets, "once");
}
