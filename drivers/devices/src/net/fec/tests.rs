use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use hal::fakes::BusMemory;
use hal::net::TransmitError;
use hal::node::{Ethernet, FixedLink, PhyMode};
use hal::{Clock, MacAddr, NetDevice, NodeInfo, PhysAddr, Region};

use super::model::{Model, Sending};
use super::{Fec, FecError};
use crate::net::bench::{self, BROADCAST, Network, frame, frames_flow_both_ways, poll_idle, received, send};
use crate::net::phy::model::phy;
use crate::net::polls::POLLS_PER_LOOK;

const MAC: [u8; 6] = [0x02, 0x04, 0x9f, 4, 5, 6];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 8];
const ADDRESS: PhysAddr = PhysAddr(0x30be_0000);
const ECR: usize = 0x024;
const RCR: usize = 0x084;
const TCR: usize = 0x0c4;

fn node(ethernet: Ethernet) -> NodeInfo {
    NodeInfo {
        path: "/soc@0/bus@30800000/ethernet@30be0000".into(),
        reg: Vec::from([Region::new(ADDRESS, 0x1_0000).unwrap()]),
        ethernet,
        ..NodeInfo::default()
    }
}

fn wired() -> Ethernet {
    Ethernet {
        mac: Some(MacAddr(MAC)),
        phy: Some(1),
        phy_mode: Some(PhyMode::RgmiiId),
        ..Ethernet::default()
    }
}

type Machine = bench::Machine<Model, Fec, FecError>;

fn machine(node: &NodeInfo, change: impl FnOnce(&Model)) -> Machine {
    machine_with(BusMemory::default(), node, change)
}

fn machine_with(memory: BusMemory, node: &NodeInfo, change: impl FnOnce(&Model)) -> Machine {
    Machine::new(memory, (Model::new, change), |platform| Fec::start(node, platform))
}

fn started() -> (Model, Fec) {
    let machine = machine(&node(wired()), |_| ());
    (machine.model, machine.device.unwrap())
}

/// Speed and duplex mode, as (RMII_10T, ECR.SPEED, FDEN).
fn link(model: &Model) -> (u32, u32, u32) {
    (
        model.word(RCR) >> 9 & 1,
        model.word(ECR) >> 5 & 1,
        model.word(TCR) >> 2 & 1,
    )
}

#[test]
fn frames_flow_both_ways_many_times_round_the_rings() {
    let (model, mut fec) = started();
    frames_flow_both_ways(&model, &mut fec, (MAC, 1500));
}

#[test]
fn a_frame_costs_no_register_to_receive_and_one_writing_to_send() {
    let (model, mut fec) = started();
    let count = || (model.0.borrow().reads, model.0.borrow().writes);
    let before = count();
    for number in 0..1000 {
        assert!(model.deliver(&frame(MAC, 1514, number)));
        assert!(received(&mut fec).is_some());
        send(&mut fec, &frame(MAC, 60, number)).unwrap();
    }
    assert_eq!(count(), (before.0, before.1 + 1000));
}

#[test]
fn a_receiver_that_found_no_buffer_is_started_again() {
    let (model, mut fec) = started();
    for round in 0..3 {
        for number in 0..256 {
            assert!(model.deliver(&frame(MAC, 1514, number)), "a window of 64 blocks fits");
        }
        assert!(!model.deliver(&frame(MAC, 100, 256)), "lost: there is no room");
        for number in 0..256 {
            assert_eq!(received(&mut fec), Some(frame(MAC, 1514, number)), "round {round}");
        }
        assert!(!model.deliver(&frame(MAC, 100, 0)), "the device still waits");
        assert_eq!(received(&mut fec), None);
    }
    assert!(model.deliver(&frame(MAC, 100, 1)));
    assert_eq!(received(&mut fec), Some(frame(MAC, 100, 1)));
}

#[test]
fn a_few_frames_do_not_have_the_device_asked() {
    let (model, mut fec) = started();
    let count = || (model.0.borrow().reads, model.0.borrow().writes);
    let before = count();
    for number in 0..100 {
        assert!(model.deliver(&frame(MAC, 100, number)));
    }
    while received(&mut fec).is_some() {}
    for _ in 0..POLLS_PER_LOOK - 2 {
        assert_eq!(received(&mut fec), None);
    }
    assert_eq!(count(), before);
}

#[test]
fn a_receiver_that_stands_without_a_full_ring_is_started_in_the_end() {
    let (model, mut fec) = started();
    model.stall();
    assert!(!model.deliver(&frame(MAC, 60, 1)));
    poll_idle(&mut fec);
    assert!(model.deliver(&frame(MAC, 60, 1)));
    assert_eq!(received(&mut fec), Some(frame(MAC, 60, 1)));
}

#[test]
fn after_a_bus_error_all_begins_anew() {
    let (model, mut fec) = started();
    fec.listen_to(MacAddr(OTHER));
    for number in 0..5 {
        assert!(model.deliver(&frame(OTHER, 100, number)));
        assert!(received(&mut fec).is_some());
        send(&mut fec, &[1; 60]).unwrap();
    }
    model.bus_error();
    send(&mut fec, &[2; 60]).unwrap();
    poll_idle(&mut fec);
    model.0.borrow_mut().sent.clear();
    for number in 0..300 {
        assert!(model.deliver(&frame(OTHER, 100, number)), "it listens as before");
        assert_eq!(received(&mut fec), Some(frame(OTHER, 100, number)));
        send(&mut fec, &frame(MAC, 100, number)).unwrap();
        assert_eq!(model.sent(), Some(frame(MAC, 100, number)));
    }
    assert!(fec.link_up(), "the management port works");
}

/// Words that a device may write, or a broken one.
#[test]
fn what_is_no_whole_frame_is_dropped_and_its_buffer_used_again() {
    let (model, mut fec) = started();
    let last = 1 << 27;
    let cases = [0, 100, last, last | 4, last | 1537, last | 0xffff, !last, u32::MAX];
    let errors = [0, 1, 2, 4, 5].map(|bit| last | 104 | 1 << (16 + bit));
    for _ in 0..50 {
        for status in cases.iter().chain(&errors) {
            assert!(model.give_back(&[0xee; 64], *status));
            assert_eq!(received(&mut fec), Some(Vec::new()), "{status:#x}");
        }
    }
    assert!(model.give_back(&[0xee; 1536], last | 1536));
    assert_eq!(received(&mut fec), Some(vec![0xee; 1532]));
    assert!(model.give_back(&[0xee; 5], last | 5 | 0x17c8_0000));
    assert_eq!(received(&mut fec), Some(vec![0xee; 1]), "other bits say nothing");
}

#[test]
fn a_frame_that_is_too_long_is_dropped_whole() {
    let (model, mut fec) = started();
    assert!(model.deliver(&frame(MAC, 1518, 1)), "with a VLAN tag");
    for len in [1519, 1533, 4000] {
        assert!(model.deliver(&frame(MAC, len, 1)));
    }
    assert!(model.deliver(&frame(MAC, 90, 2)));
    assert_eq!(received(&mut fec), Some(frame(MAC, 1518, 1)));
    for _ in 0..3 {
        assert_eq!(received(&mut fec), Some(Vec::new()));
    }
    assert_eq!(received(&mut fec), Some(frame(MAC, 90, 2)));
}

#[test]
fn whose_frames_come_in() {
    let (model, mut fec) = started();
    assert!(model.deliver(&frame(MAC, 60, 0)));
    assert!(model.deliver(&frame(BROADCAST, 60, 0)));
    for last in 0..=255 {
        assert!(model.deliver(&frame([1, 0, 0x5e, 0, 0, last], 60, 0)), "any group");
        assert!(received(&mut fec).is_some());
        assert!(!model.deliver(&frame([2, 0, 0, 0, 1, last], 60, 0)), "nobody else's");
    }
    fec.listen_to(MacAddr(OTHER));
    assert!(model.deliver(&frame(OTHER, 60, 0)));
    assert!(!model.deliver(&frame(MAC, 60, 0)));
    assert_eq!(fec.mac(), MacAddr(MAC), "its own stays");
    assert_eq!(fec.name(), "ethernet@30be0000");
}

#[test]
fn the_address_is_the_trees_else_the_firmwares_else_made_up() {
    let set = |model: &Model| {
        model.set(0x0e4, 0x0004_9f01);
        model.set(0x0e8, 0x0203_8808);
    };
    let unnamed = Ethernet { mac: None, ..wired() };
    let mac = |ethernet, change: &dyn Fn(&Model)| {
        let machine = machine(&node(ethernet), change);
        let device = machine.device.unwrap();
        let mac = device.mac();
        assert!(machine.model.deliver(&frame(mac.0, 60, 1)), "it came through the reset");
        (mac, device.mac_is_made_up())
    };
    assert_eq!(mac(wired(), &set), (MacAddr(MAC), false));
    assert_eq!(mac(unnamed, &set), (MacAddr([0, 4, 0x9f, 1, 2, 3]), false));
    let group = |model: &Model| model.set(0x0e4, 0x0104_9f01);
    for change in [&group as &dyn Fn(&Model), &|_| ()] {
        let (MacAddr([first, ..]), made_up) = mac(unnamed, change);
        assert_eq!((first, made_up), (2, true));
    }
}

#[test]
fn the_pins_are_the_trees_else_the_firmwares() {
    let (mii, rgmii, rmii) = (0, 1 << 6, 1 << 8);
    let cases = [
        (Some(PhyMode::Mii), rgmii, mii),
        (Some(PhyMode::Rmii), rgmii, rmii),
        (Some(PhyMode::Rgmii), 0, rgmii),
        (Some(PhyMode::RgmiiId), rmii, rgmii),
        (Some(PhyMode::RgmiiRxId), 0, rgmii),
        (Some(PhyMode::RgmiiTxId), 0, rgmii),
        (None, rgmii, rgmii),
        (None, rmii, rmii),
        (None, 0, mii),
    ];
    for (phy_mode, found, expected) in cases {
        let ethernet = Ethernet { phy_mode, ..wired() };
        let machine = machine(&node(ethernet), |model| model.set(RCR, 0x05ee_0004 | found));
        let mut fec = machine.device.unwrap();
        let pins = || machine.model.word(RCR) & (rgmii | rmii);
        assert_eq!(pins(), expected, "{phy_mode:?} {found:#x}");
        machine.model.bus_error();
        poll_idle(&mut fec);
        assert_eq!(pins(), expected, "after another start");
    }
}

#[test]
fn the_controller_is_as_fast_as_the_link() {
    let cases = [
        ((0x1140, 0xcde1, 0x7c00), (0, 1, 1)),
        ((0x1140, 0xcde1, 0), (0, 0, 1)),
        ((0x1140, 0x40a1, 0), (0, 0, 0)),
        ((0x1140, 0x0061, 0), (1, 0, 1)),
        ((0x1140, 0x0021, 0), (1, 0, 0)),
        ((0x2100, 0, 0), (0, 0, 1)),
    ];
    for ((control, partner, gigabit), expected) in cases {
        let set = |model: &Model| {
            let mut words = phy();
            (words[0], words[5], words[10]) = (control, partner, gigabit);
            model.0.borrow_mut().mdio.phys = [(1, words)].into();
        };
        let at_start = machine(&node(wired()), set);
        drop(at_start.device.unwrap());
        assert_eq!(link(&at_start.model), expected, "{partner:#x}");
        let (model, mut later) = started();
        set(&model);
        assert!(later.link_up());
        assert_eq!(link(&model), expected, "{partner:#x}");
        assert!(model.deliver(&frame(MAC, 60, 1)), "it still runs");
        assert!(received(&mut later).is_some());
        send(&mut later, &[1; 60]).unwrap();
        assert_eq!(model.sent(), Some(vec![1; 60]));
    }
}

#[test]
fn a_link_that_stays_as_it_is_drops_nothing() {
    let (model, mut fec) = started();
    assert!(model.deliver(&frame(MAC, 60, 1)));
    let resets = model.0.borrow().resets;
    assert!(fec.link_up());
    assert_eq!(model.0.borrow().resets, resets);
    assert_eq!(received(&mut fec), Some(frame(MAC, 60, 1)));
}

#[test]
fn a_link_that_comes_later_is_waited_for() {
    let machine = machine(&node(wired()), |model| {
        model.0.borrow_mut().mdio.phys.get_mut(&1).unwrap()[1] = 0x7949;
    });
    let (model, mut fec) = (machine.model, machine.device.unwrap());
    assert!(!fec.link_up());
    // Negotiation is not over yet.
    model.0.borrow_mut().mdio.phys.get_mut(&1).unwrap()[1] = 0x794d;
    assert!(!fec.link_up());
    model.0.borrow_mut().mdio.phys.get_mut(&1).unwrap()[1] = 0x796d;
    assert!(fec.link_up());
}

/// What is done with a PHY is tested beside `phy.rs`.
#[test]
fn a_phy_is_read_and_written_over_the_port() {
    let machine = machine(&node(wired()), |model| {
        let mut asleep = phy();
        asleep[0] = 0x1940;
        model.0.borrow_mut().mdio.phys = [(31, asleep)].into();
        // A frame that an earlier program began.
        model.set(0x040, 0x5006_ffff);
        model.set(0x004, 1 << 23);
    });
    let (model, mut fec) = (machine.model, machine.device.unwrap());
    assert_eq!(model.0.borrow().mdio.phys[&31][0], 0x1340, "it is awake");
    assert!(fec.link_up());
    model.0.borrow_mut().mdio.phys.clear();
    assert!(!fec.link_up(), "it is gone");
}

#[test]
fn without_a_phy_the_link_is_as_the_firmware_left_it() {
    let rgmii = 1 << 6;
    let cases = [
        ((0x05ee_0004, 1 << 5, 4), (0, 1, 1)),
        ((0x05ee_0004, 0, 4), (0, 0, 1)),
        ((0x05ee_0006, 0, 0), (0, 0, 0)),
        ((0x05ee_0204, 0, 4), (1, 0, 1)),
        // Nobody has set anything: as fast as the pins can.
        ((0x05ee_0001 | rgmii, 0, 0), (0, 1, 1)),
        ((0x05ee_0001, 0, 0), (0, 0, 1)),
    ];
    for ((receive, control, transmit), expected) in cases {
        let ethernet = Ethernet {
            phy_mode: None,
            ..wired()
        };
        let machine = machine(&node(ethernet), |model| {
            model.0.borrow_mut().mdio.phys.clear();
            model.set(RCR, receive);
            model.set(ECR, 0xf000_0000 | control);
            model.set(TCR, transmit);
        });
        assert!(machine.device.unwrap().link_up());
        assert_eq!(link(&machine.model), expected, "{receive:#x}");
    }
}

#[test]
fn a_fixed_link_has_no_phy() {
    let fixed_link = Some(FixedLink {
        speed: 100,
        full_duplex: true,
    });
    let ethernet = Ethernet { fixed_link, ..wired() };
    let machine = machine(&node(ethernet), |_| ());
    let mut fec = machine.device.unwrap();
    assert!(fec.link_up());
    assert_eq!(link(&machine.model), (0, 0, 1));
    fec.shutdown();
    assert!(!fec.link_up(), "nobody listens");
    assert_eq!(machine.model.0.borrow().mdio.frames, 0);
}

#[test]
fn a_management_port_that_hangs_costs_one_wait() {
    let machine = machine(&node(wired()), |model| model.0.borrow_mut().port_hangs = true);
    assert!(machine.device.unwrap().link_up(), "nobody says that it is not");
    assert!(machine.clock.now().micros() < 100_000);
}

#[test]
fn a_transmitter_that_does_not_send_is_reported_in_time_and_works_again() {
    let (model, mut fec) = started();
    model.0.borrow_mut().sending = Sending::Never;
    for _ in 0..64 {
        send(&mut fec, &[1; 60]).unwrap();
    }
    assert_eq!(send(&mut fec, &[2; 60]), Err(TransmitError::Busy));
    model.0.borrow_mut().sending = Sending::AtOnce;
    for number in 0..200 {
        send(&mut fec, &[number; 60]).unwrap();
        assert_eq!(model.sent(), Some(vec![number; 60]));
    }
    assert!(model.deliver(&frame(MAC, 60, 1)), "the receiver was started again");
    assert!(received(&mut fec).is_some());
}

#[test]
fn a_device_that_neither_sends_nor_resets_keeps_its_buffers() {
    let (model, mut fec) = started();
    model.0.borrow_mut().sending = Sending::Never;
    model.0.borrow_mut().never_resets = true;
    model.0.borrow_mut().never_stands = true;
    for _ in 0..64 {
        send(&mut fec, &[1; 60]).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(send(&mut fec, &[2; 60]), Err(TransmitError::Busy));
        assert_eq!(model.word(ECR) & 2, 0, "it is off");
    }
    model.0.borrow_mut().never_resets = false;
    poll_idle(&mut fec);
    assert!(model.deliver(&frame(MAC, 60, 1)), "it is tried again");
}

#[test]
fn a_start_that_was_lost_is_made_again() {
    let (model, mut fec) = started();
    model.0.borrow_mut().sending = Sending::LosesStart;
    send(&mut fec, &[1; 60]).unwrap();
    assert_eq!(model.sent(), None);
    poll_idle(&mut fec);
    assert_eq!(model.sent(), Some(vec![1; 60]));
}

#[test]
fn the_longest_frame_is_1514_bytes() {
    let (model, mut fec) = started();
    let error = TransmitError::TooLong { len: 1515, limit: 1514 };
    assert_eq!(send(&mut fec, &[7; 1515]), Err(error));
    send(&mut fec, &[7; 1514]).unwrap();
    assert_eq!(model.sent(), Some(vec![7; 1514]));
}

#[test]
fn after_the_shutdown_the_device_knows_of_no_memory() {
    for never_stands in [false, true] {
        let (model, mut fec) = started();
        send(&mut fec, &[1; 60]).unwrap();
        fec.listen_to(MacAddr(OTHER));
        model.0.borrow_mut().never_stands = never_stands;
        fec.shutdown();
        assert_eq!(model.word(ECR), 0xf000_0000);
        assert!(!model.deliver(&frame(MAC, 60, 1)));
        assert_eq!((model.word(0x180), model.word(0x184), model.word(0x008)), (0, 0, 0));
        assert_eq!(
            (model.word(0x0e4), model.word(0x0e8)),
            (0x0204_9f04, 0x0506_0000),
            "the address is there for who comes next"
        );
        let writes = model.0.borrow().writes;
        assert_eq!(send(&mut fec, &[1; 60]), Err(TransmitError::Stopped));
        assert_eq!(received(&mut fec), None);
        assert!(!fec.link_up());
        fec.listen_to(MacAddr([2; 6]));
        fec.shutdown();
        assert_eq!(model.0.borrow().writes, writes, "nothing is written any more");
    }
}

#[test]
fn a_frame_that_is_being_sent_is_waited_for_in_bounds() {
    for (never_stands, expected) in [(true, 20_000..30_000), (false, 0..5_000)] {
        let (model, mut fec) = started();
        // The transmitter stood once before: that says nothing of now.
        model.set(0x004, 1 << 28);
        model.0.borrow_mut().never_stands = never_stands;
        let before = fec.clock.now().micros();
        fec.shutdown();
        let waited = fec.clock.now().micros() - before;
        assert!(expected.contains(&waited), "{waited} microseconds");
    }
}

#[test]
fn what_runs_is_stopped_before_it_gets_memory() {
    let machine = machine(&node(wired()), |model| {
        for (register, value) in [(ECR, 0xf000_0132), (RCR, 0x05ee_0044), (TCR, 4), (0x008, u32::MAX)] {
            model.set(register, value);
        }
        model.set(0x044, 0x1a);
    });
    let mut fec = machine.device.unwrap();
    assert!(machine.model.deliver(&frame(MAC, 60, 1)));
    assert!(received(&mut fec).is_some());
}

#[test]
fn a_device_that_does_not_reset_gets_no_memory() {
    let machine = machine(&node(wired()), |model| model.0.borrow_mut().never_resets = true);
    let error = machine.device.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the controller at 0x30be0000 does not reset: its register ECR is 0xf0000001"
    );
    assert_eq!(machine.model.word(0x180), 0);
}

#[test]
fn what_is_no_enet() {
    let machine_ones = machine(&node(wired()), |model| model.set(ECR, u32::MAX));
    assert_eq!(machine_ones.device.err(), Some(FecError::NotThere(ADDRESS)));
    assert_eq!(machine_ones.model.0.borrow().writes, 0, "it is left alone");
    let silent = machine(&node(wired()), |model| model.0.borrow_mut().forgets = true);
    assert_eq!(silent.device.err(), Some(FecError::NotThere(ADDRESS)));
    let nowhere = NodeInfo::default();
    let error = machine(&nowhere, |_| ()).device.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the device's node has no register region of at least 0x200 bytes"
    );
}

#[test]
fn memory_beyond_4_gib_is_not_used() {
    for start in [0xffff_f000, 0x1_0000_0000, 0x8_8000_0000] {
        let start = PhysAddr(start);
        let machine = machine_with(BusMemory::at(start), &node(wired()), |_| ());
        assert_eq!(machine.device.err(), Some(FecError::OutOfReach(start)));
        assert_eq!(machine.model.word(ECR) & 2, 0);
    }
}
