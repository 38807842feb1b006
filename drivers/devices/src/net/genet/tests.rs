use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use hal::fakes::BusMemory;
use hal::net::TransmitError;
use hal::node::{Ethernet, FixedLink, PhyMode};
use hal::{Clock, MacAddr, NetDevice, NodeInfo, PhysAddr, Region};

use super::model::Model;
use super::{BCM2711, Genet, GenetError};
use crate::net::bench::{self, BROADCAST, Network, frame, frames_flow_both_ways, received, send};
use crate::net::phy::model::phy;

const MAC: [u8; 6] = [0xdc, 0xa6, 0x32, 4, 5, 6];
const COMMAND: usize = 0x808;
/// Bits of speed and duplex mode.
const LINK: u32 = 1 << 10 | 3 << 2;
const RECEIVE: usize = 0x2000;
const TRANSMIT: usize = 0x4000;

fn node(ethernet: Ethernet) -> NodeInfo {
    NodeInfo {
        path: "/scb/ethernet@7d580000".into(),
        compatible: Vec::from([BCM2711.into()]),
        reg: Vec::from([Region::new(PhysAddr(0xfd58_0000), 0x1_0000).unwrap()]),
        ethernet,
        ..NodeInfo::default()
    }
}

fn wired() -> Ethernet {
    Ethernet {
        mac: Some(MacAddr(MAC)),
        phy: Some(1),
        ..Ethernet::default()
    }
}

type Machine = bench::Machine<Model, Genet, GenetError>;

fn machine(node: &NodeInfo, change: impl FnOnce(&Model)) -> Machine {
    machine_with(BusMemory::default(), node, change)
}

fn machine_with(memory: BusMemory, node: &NodeInfo, change: impl FnOnce(&Model)) -> Machine {
    Machine::new(memory, (Model::new, change), |platform| Genet::start(node, platform))
}

fn started() -> (Model, Genet) {
    let machine = machine(&node(wired()), |_| ());
    (machine.model, machine.device.unwrap())
}

/// More often round than the counts of 16 bits go.
#[test]
fn frames_flow_both_ways_many_times_round_the_rings_and_the_counts() {
    let (model, mut genet) = started();
    frames_flow_both_ways(&model, &mut genet, (MAC, 70_000));
}

/// The counts are the device's own: firmware that booted from the network leaves them anywhere.
#[test]
fn counts_go_on_from_where_they_are() {
    for (count, sets_counts) in [(0, false), (7, false), (255, false), (0xfff0, false), (300, true)] {
        let machine = machine(&node(wired()), |model| {
            model.set_counts(RECEIVE, count);
            model.set_counts(TRANSMIT, count.wrapping_add(100));
            // Frames that came while nobody looked are not ours.
            model.set(RECEIVE + 0x100c, u32::from(count.wrapping_sub(3)));
            model.0.borrow_mut().sets_counts = sets_counts;
        });
        let (model, mut genet) = (machine.model, machine.device.unwrap());
        assert_eq!(received(&mut genet), None, "{count}");
        for number in 0..600 {
            assert!(model.deliver(&frame(MAC, 100, number)));
            assert_eq!(received(&mut genet), Some(frame(MAC, 100, number)), "{count}");
            send(&mut genet, &frame(MAC, 100, number)).unwrap();
            assert_eq!(model.sent(), Some(frame(MAC, 100, number)), "{count}");
        }
    }
}

#[test]
fn a_frame_costs_one_reading_to_receive_and_none_to_send() {
    let (model, mut genet) = started();
    for number in 0..200 {
        assert!(model.deliver(&frame(MAC, 1514, number)));
    }
    let count = || (model.0.borrow().reads, model.0.borrow().writes);
    let before = count();
    for _ in 0..200 {
        assert!(received(&mut genet).is_some());
    }
    assert_eq!(count(), (before.0 + 201, before.1 + 200));
    let before = count();
    for _ in 0..64 {
        send(&mut genet, &[1; 60]).unwrap();
    }
    assert_eq!(count(), (before.0, before.1 + 128));
}

#[test]
fn a_full_ring_drops_frames_and_goes_on() {
    let (model, mut genet) = started();
    for round in 0..3 {
        for number in 0..256 {
            assert!(model.deliver(&frame(MAC, 1514, number)), "{number}");
        }
        assert!(!model.deliver(&frame(MAC, 100, 256)), "there is no room");
        for number in 0..256 {
            assert_eq!(received(&mut genet), Some(frame(MAC, 1514, number)), "round {round}");
        }
        assert_eq!(received(&mut genet), None);
    }
}

/// Words that a device may write, or a broken one.
#[test]
fn what_is_no_whole_frame_is_dropped_and_its_buffer_used_again() {
    let (model, mut genet) = started();
    let whole = 3 << 13;
    let cases = [
        0,
        whole,
        whole | 1 << 16,
        whole | 2 << 16,
        whole | 2049 << 16,
        whole | 0xfff << 16,
        1 << 13 | 102 << 16,
        1 << 14 | 102 << 16,
        !whole,
        u32::MAX,
    ];
    let errors = (0..5).map(|bit| whole | 102 << 16 | 1 << bit);
    let cases: Vec<u32> = cases.into_iter().chain(errors).collect();
    for _ in 0..50 {
        for status in &cases {
            assert!(model.give_back(&[0xee; 64], *status));
            assert_eq!(received(&mut genet), Some(Vec::new()), "{status:#x}");
        }
    }
    assert!(model.give_back(&[0xee; 2048], whole | 2048 << 16));
    assert_eq!(received(&mut genet), Some(vec![0xee; 2046]));
    assert!(model.give_back(&[0xee; 3], whole | 3 << 16 | 0xf000_9fe0));
    assert_eq!(received(&mut genet), Some(vec![0xee; 1]), "other bits say nothing");
}

#[test]
fn a_frame_over_several_buffers_is_dropped_whole() {
    let (model, mut genet) = started();
    assert!(model.deliver(&frame(MAC, 4000, 1)));
    assert!(model.deliver(&frame(MAC, 90, 2)));
    for _ in 0..2 {
        assert_eq!(received(&mut genet), Some(Vec::new()));
    }
    assert_eq!(received(&mut genet), Some(frame(MAC, 90, 2)));
}

#[test]
fn a_count_of_more_frames_than_there_are_buffers_is_not_believed() {
    for count in [257, 0x8000, 0xffff] {
        let (model, mut genet) = started();
        assert!(model.deliver(&frame(MAC, 100, 1)));
        model.set_counts(RECEIVE, count);
        model.set(RECEIVE + 0x100c, 0);
        assert_eq!(received(&mut genet), None, "{count}");
        assert_eq!(received(&mut genet), None, "{count}");
        for number in 0..300 {
            assert!(model.deliver(&frame(MAC, 100, number)));
            assert_eq!(received(&mut genet), Some(frame(MAC, 100, number)), "{count}");
        }
    }
}

/// The upper half of the register counts what was dropped.
#[test]
fn dropped_frames_do_not_count() {
    let (model, mut genet) = started();
    model.set(RECEIVE + 0x1008, 0xffff_0000);
    assert_eq!(received(&mut genet), None);
    assert!(model.deliver(&frame(MAC, 100, 1)));
    assert_eq!(received(&mut genet), Some(frame(MAC, 100, 1)));
}

#[test]
fn whose_frames_come_in() {
    let (model, mut genet) = started();
    let other = [2, 0, 0, 0, 0, 8];
    assert!(model.deliver(&frame(MAC, 60, 0)));
    assert!(model.deliver(&frame(BROADCAST, 60, 0)));
    assert!(!model.deliver(&frame(other, 60, 0)), "somebody else's");
    assert!(!model.deliver(&frame([1, 0, 0x5e, 0, 0, 1], 60, 0)), "a group's");
    assert!(!model.deliver(&frame([0; 6], 60, 0)), "an empty filter's");
    genet.listen_to(MacAddr(other));
    assert!(model.deliver(&frame(other, 60, 0)));
    assert!(model.deliver(&frame(BROADCAST, 60, 0)));
    assert!(!model.deliver(&frame(MAC, 60, 0)));
    assert_eq!((model.word(0x80c), model.word(0x810)), (0x0200_0000, 8));
    assert_eq!(genet.mac(), MacAddr(MAC), "its own stays");
}

#[test]
fn the_address_is_the_trees_else_the_firmwares_else_made_up() {
    let set = |model: &Model| {
        model.set(0x80c, 0xdca6_3201);
        model.set(0x810, 0x0203);
    };
    let unnamed = Ethernet { mac: None, ..wired() };
    let mac = |ethernet, change: &dyn Fn(&Model)| {
        let device = machine(&node(ethernet), change).device.unwrap();
        (device.mac(), device.mac_is_made_up())
    };
    assert_eq!(mac(wired(), &set), (MacAddr(MAC), false));
    assert_eq!(mac(unnamed, &set), (MacAddr([0xdc, 0xa6, 0x32, 1, 2, 3]), false));
    let group = |model: &Model| model.set(0x80c, 0xdda6_3201);
    let in_reset = |model: &Model| {
        set(model);
        model.set(0x008, 2);
    };
    for change in [&group as &dyn Fn(&Model), &in_reset, &|_| ()] {
        let (MacAddr([first, ..]), made_up) = mac(unnamed, change);
        assert_eq!((first, made_up), (2, true));
    }
}

#[test]
fn pins_are_set_on_the_chip_that_is_known_and_left_alone_elsewhere() {
    let found = |model: &Model| {
        model.set(0x004, 0x10);
        model.set(0x08c, 0x0001_0021);
    };
    let pins = |node: &NodeInfo| {
        let machine = machine(node, found);
        assert_eq!(machine.device.unwrap().name(), "ethernet@7d580000");
        (machine.model.word(0x004), machine.model.word(0x08c))
    };
    let known = node(wired());
    assert_eq!(pins(&known), (3, 0x51), "RGMII, a link, the transmit clock delayed");
    let other = NodeInfo {
        compatible: Vec::from(["brcm,genet-v5".into()]),
        ..known
    };
    assert_eq!(pins(&other), (0x10, 0x0001_0021));
}

/// What a firmware before us had set does not matter.
#[test]
fn the_controller_delays_its_clock_unless_the_board_does() {
    let cases = [
        (Some(PhyMode::Rgmii), 0x0001_0051),
        (Some(PhyMode::RgmiiId), 0x51),
        (Some(PhyMode::RgmiiRxId), 0x51),
        (Some(PhyMode::RgmiiTxId), 0x51),
        (None, 0x51),
    ];
    for (phy_mode, expected) in cases {
        for found in [1, 0x0001_0021] {
            let ethernet = Ethernet { phy_mode, ..wired() };
            let machine = machine(&node(ethernet), |model| model.set(0x08c, found));
            drop(machine.device.unwrap());
            assert_eq!(machine.model.word(0x08c), expected, "{phy_mode:?} {found:#x}");
        }
    }
}

/// An operating system before us may have wanted more before each frame.
#[test]
fn the_format_of_frames_is_set() {
    let machine = machine(&node(wired()), |model| {
        model.set(0x300, 5);
        model.set(0x600, 0x81);
        model.set(0x814, 9000);
    });
    let (model, genet) = (machine.model, machine.device.unwrap());
    assert_eq!((model.word(0x300), model.word(0x600)), (6, 0x80));
    assert_eq!((model.word(0x814), model.word(0x3b4)), (1522, 1));
    assert_eq!(model.word(COMMAND) >> 6 & 1, 0, "the FCS stays out of memory");
    drop(genet);
}

#[test]
fn the_controller_is_as_fast_as_the_link() {
    let cases = [
        ((0x1140, 0xcde1, 0x7c00), 2 << 2),
        ((0x1140, 0xcde1, 0), 1 << 2),
        ((0x1140, 0x40a1, 0), 1 << 2 | 1 << 10),
        ((0x1140, 0x0061, 0), 0),
        ((0x1140, 0x0021, 0), 1 << 10),
        ((0x2100, 0, 0), 1 << 2),
    ];
    for ((control, partner, gigabit), expected) in cases {
        let set = |model: &Model| {
            let mut words = phy();
            (words[0], words[5], words[10]) = (control, partner, gigabit);
            model.0.borrow_mut().mdio.phys = [(1, words)].into();
        };
        let at_start = machine(&node(wired()), set);
        drop(at_start.device.unwrap());
        assert_eq!(at_start.model.word(COMMAND) & LINK, expected, "{partner:#x}");
        let (model, mut later) = started();
        set(&model);
        assert!(later.link_up());
        assert_eq!(model.word(COMMAND) & LINK, expected, "{partner:#x}");
        assert!(model.deliver(&frame(MAC, 60, 1)), "it still runs");
    }
}

#[test]
fn a_link_that_comes_later_is_waited_for() {
    let machine = machine(&node(wired()), |model| {
        model.0.borrow_mut().mdio.phys.get_mut(&1).unwrap()[1] = 0x7949;
    });
    let (model, mut genet) = (machine.model, machine.device.unwrap());
    assert!(!genet.link_up());
    // Negotiation is not over yet.
    model.0.borrow_mut().mdio.phys.get_mut(&1).unwrap()[1] = 0x794d;
    assert!(!genet.link_up());
    model.0.borrow_mut().mdio.phys.get_mut(&1).unwrap()[1] = 0x796d;
    assert!(genet.link_up());
}

/// What is done with a PHY is tested beside `phy.rs`.
#[test]
fn a_phy_is_read_and_written_over_the_port() {
    let machine = machine(&node(wired()), |model| {
        let mut asleep = phy();
        asleep[0] = 0x1940;
        model.0.borrow_mut().mdio.phys = [(31, asleep)].into();
    });
    let (model, mut genet) = (machine.model, machine.device.unwrap());
    assert_eq!(model.0.borrow().mdio.phys[&31][0], 0x1340, "it is awake");
    assert!(genet.link_up());
    model.0.borrow_mut().mdio.phys.clear();
    assert!(!genet.link_up(), "it is gone");
}

#[test]
fn without_a_phy_the_link_counts_as_up() {
    let machine = machine(&node(wired()), |model| model.0.borrow_mut().mdio.phys.clear());
    assert!(machine.device.unwrap().link_up());
    assert_eq!(machine.model.word(COMMAND) & LINK, 2 << 2);
}

#[test]
fn a_fixed_link_has_no_phy() {
    let link = FixedLink {
        speed: 100,
        full_duplex: true,
    };
    let ethernet = Ethernet {
        fixed_link: Some(link),
        ..wired()
    };
    let machine = machine(&node(ethernet), |_| ());
    let mut genet = machine.device.unwrap();
    assert!(genet.link_up());
    assert_eq!(machine.model.word(COMMAND) & LINK, 1 << 2);
    assert_eq!(machine.model.0.borrow().mdio.frames, 0);
    genet.shutdown();
    assert!(!genet.link_up(), "nobody listens");
}

#[test]
fn a_management_port_that_hangs_costs_one_wait() {
    let machine = machine(&node(wired()), |model| model.0.borrow_mut().port_hangs = true);
    assert!(machine.device.unwrap().link_up(), "nobody says that it is not");
    assert!(machine.clock.now().micros() < 200_000);
}

#[test]
fn a_transmitter_that_does_not_send_is_reported_in_time_and_works_again() {
    let (model, mut genet) = started();
    model.0.borrow_mut().holds_frames = true;
    for _ in 0..64 {
        send(&mut genet, &[1; 60]).unwrap();
    }
    assert_eq!(send(&mut genet, &[2; 60]), Err(TransmitError::Busy));
    model.0.borrow_mut().holds_frames = false;
    for number in 0..200 {
        send(&mut genet, &[number; 60]).unwrap();
        assert_eq!(model.sent(), Some(vec![number; 60]));
    }
    assert!(
        model.deliver(&frame(MAC, 60, 1)),
        "and nothing happened to the receiver"
    );
    assert!(received(&mut genet).is_some());
}

#[test]
fn a_transmitter_that_neither_sends_nor_stops_keeps_its_buffers() {
    let (model, mut genet) = started();
    model.0.borrow_mut().holds_frames = true;
    model.0.borrow_mut().never_stops = Some(TRANSMIT);
    for _ in 0..64 {
        send(&mut genet, &[1; 60]).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(send(&mut genet, &[2; 60]), Err(TransmitError::Busy));
    }
    model.0.borrow_mut().never_stops = None;
    model.0.borrow_mut().holds_frames = false;
    assert_eq!(send(&mut genet, &[2; 60]), Err(TransmitError::Busy), "it stops at last");
    send(&mut genet, &[3; 60]).unwrap();
    assert_eq!(model.sent(), Some(vec![3; 60]));
}

#[test]
fn a_device_that_is_slow_keeps_the_order_of_frames() {
    let (model, mut genet) = started();
    for round in 0..20 {
        model.0.borrow_mut().holds_frames = true;
        for number in 0..64 {
            send(&mut genet, &frame(MAC, 80, round << 8 | number)).unwrap();
        }
        model.0.borrow_mut().holds_frames = false;
        model.0.borrow_mut().send();
        for number in 0..64 {
            assert_eq!(model.sent(), Some(frame(MAC, 80, round << 8 | number)));
        }
    }
}

#[test]
fn a_device_that_says_it_sent_what_it_was_not_given_is_not_believed() {
    let (model, mut genet) = started();
    model.0.borrow_mut().holds_frames = true;
    for _ in 0..64 {
        send(&mut genet, &[1; 60]).unwrap();
    }
    for count in [65, 0x8000, 0xffff] {
        model.set(TRANSMIT + 0x1008, count);
        model.set(TRANSMIT + 0x1000, count % 256 * 3);
        let before = model.word(TRANSMIT + 0x100c);
        assert_eq!(send(&mut genet, &[2; 60]), Err(TransmitError::Busy), "{count:#x}");
        assert_ne!(model.word(TRANSMIT + 0x100c), before, "it begins anew");
        for _ in 0..64 {
            send(&mut genet, &[1; 60]).unwrap();
        }
    }
}

#[test]
fn short_frames_are_filled_with_zeros_and_the_longest_has_1514_bytes() {
    let (model, mut genet) = started();
    // What lies in the buffers from before must not leave with a frame.
    for _ in 0..64 {
        send(&mut genet, &[7; 1514]).unwrap();
        assert_eq!(model.sent(), Some(vec![7; 1514]));
    }
    for len in [0, 1, 42, 59, 60] {
        send(&mut genet, &vec![9; len]).unwrap();
        let mut expected = vec![9; len];
        expected.resize(60, 0);
        assert_eq!(model.sent(), Some(expected));
    }
    let error = TransmitError::TooLong { len: 1515, limit: 1514 };
    assert_eq!(send(&mut genet, &[7; 1515]), Err(error));
}

#[test]
fn after_the_shutdown_the_device_uses_no_memory() {
    let (model, mut genet) = started();
    send(&mut genet, &[1; 60]).unwrap();
    genet.shutdown();
    assert_eq!(model.word(COMMAND), 0);
    for at in [RECEIVE, TRANSMIT] {
        assert_eq!((model.word(at + 0x1040), model.word(at + 0x1044)), (0, 0), "{at:#x}");
    }
    for mask in [0x210, 0x250] {
        assert_eq!(model.word(mask), u32::MAX, "interrupts at {mask:#x}");
    }
    assert!(!model.deliver(&frame(MAC, 60, 1)));
    let writes = model.0.borrow().writes;
    assert_eq!(send(&mut genet, &[1; 60]), Err(TransmitError::Stopped));
    assert_eq!(received(&mut genet), None);
    assert!(!genet.link_up());
    genet.listen_to(MacAddr([2; 6]));
    genet.shutdown();
    assert_eq!(model.0.borrow().writes, writes, "nothing is written any more");
}

#[test]
fn a_shutdown_ends_although_the_device_does_not_stop() {
    let machine = machine(&node(wired()), |_| ());
    let (model, mut genet) = (machine.model, machine.device.unwrap());
    model.0.borrow_mut().never_stops = Some(RECEIVE);
    let before = machine.clock.now().micros();
    genet.shutdown();
    assert!(machine.clock.now().micros() - before < 200_000);
    assert_eq!(model.word(COMMAND), 0);
}

#[test]
fn what_runs_is_stopped_and_reset_before_it_gets_memory() {
    let machine = machine(&node(wired()), |model| {
        model.set(COMMAND, 0xb);
        for at in [RECEIVE, TRANSMIT] {
            model.set(at + 0x1040, 0x1_ffff);
            model.set(at + 0x1044, 0x3_ffff);
            model.set(at + 0x1048, 0);
        }
    });
    let mut genet = machine.device.unwrap();
    assert_eq!(machine.model.0.borrow().resets, 1);
    for at in [RECEIVE, TRANSMIT] {
        assert_eq!(machine.model.word(at + 0x1044), 1 << 17 | 1, "other rings are off");
    }
    assert!(machine.model.deliver(&frame(MAC, 60, 1)));
    assert!(received(&mut genet).is_some());
}

#[test]
fn a_device_that_does_not_stop_gets_no_memory() {
    for dma in [RECEIVE, TRANSMIT] {
        let machine = machine(&node(wired()), |model| model.0.borrow_mut().never_stops = Some(dma));
        assert_eq!(machine.device.err(), Some(GenetError::NoStop { dma, status: 0 }));
        assert_eq!(machine.model.word(COMMAND), 0);
        assert_eq!(machine.model.word(RECEIVE + 4), 0);
        assert_eq!(machine.model.word(TRANSMIT + 4), 0);
    }
}

#[test]
fn what_is_no_genet_of_version_5() {
    for revision in [0, 0x0500_0000, 0x0100_0000, u32::MAX] {
        let machine = machine(&node(wired()), |model| model.set(0, revision));
        let address = PhysAddr(0xfd58_0000);
        assert_eq!(
            machine.device.err(),
            Some(GenetError::NotVersion5 { address, revision })
        );
        assert_eq!(machine.model.0.borrow().writes, 0, "it is left alone");
    }
    let error = machine(&NodeInfo::default(), |_| ()).device.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the device's node has no register region of at least 0x5100 bytes"
    );
}

/// Addresses have 40 bits, and 4 GiB is no border.
#[test]
fn memory_beyond_the_devices_reach_is_not_used() {
    let at = |start| machine_with(BusMemory::at(PhysAddr(start)), &node(wired()), |_| ());
    for start in [0xffff_f000, (1 << 40) - 640 * 1024] {
        let machine = at(start);
        let (model, mut genet) = (machine.model, machine.device.unwrap());
        for number in 0..300 {
            assert!(model.deliver(&frame(MAC, 1000, number)));
            assert_eq!(received(&mut genet), Some(frame(MAC, 1000, number)));
            send(&mut genet, &frame(MAC, 700, number)).unwrap();
            assert_eq!(model.sent(), Some(frame(MAC, 700, number)));
        }
    }
    let start = (1 << 40) - 639 * 1024;
    let machine = at(start);
    assert_eq!(machine.device.err(), Some(GenetError::OutOfReach(PhysAddr(start))));
    assert_eq!(machine.model.word(COMMAND), 0);
}
