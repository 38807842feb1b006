use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use hal::fakes::BusMemory;
use hal::net::TransmitError;
use hal::node::{Ethernet, FixedLink};
use hal::{Clock, MacAddr, NetDevice, NodeInfo, PhysAddr, Region};

use super::model::{Model, Sending};
use super::{Gem, GemError};
use crate::net::bench::{self, BROADCAST, Network, frame, frames_flow_both_ways, poll_idle, received, send};
use crate::net::phy::model::phy;
use crate::net::polls::POLLS_PER_LOOK;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
const SPEED: u32 = 1 << 10 | 3;

fn node(ethernet: Ethernet) -> NodeInfo {
    NodeInfo {
        path: "/axi/ethernet@ff0e0000".into(),
        reg: Vec::from([Region::new(PhysAddr(0xff0e_0000), 0x1000).unwrap()]),
        ethernet,
        ..NodeInfo::default()
    }
}

fn wired() -> Ethernet {
    Ethernet {
        mac: Some(MacAddr(MAC)),
        phy: Some(12),
        ..Ethernet::default()
    }
}

type Machine = bench::Machine<Model, Gem, GemError>;

fn machine(node: &NodeInfo, change: impl FnOnce(&Model)) -> Machine {
    machine_with(BusMemory::default(), node, change)
}

fn machine_with(memory: BusMemory, node: &NodeInfo, change: impl FnOnce(&Model)) -> Machine {
    Machine::new(memory, (Model::new, change), |platform| Gem::start(node, platform))
}

fn started() -> (Model, Gem) {
    let machine = machine(&node(wired()), |_| ());
    (machine.model, machine.device.unwrap())
}

/// With descriptors of 64-bit and of 32-bit addresses, with and without other queues.
#[test]
fn frames_flow_both_ways_many_times_round_the_rings() {
    for design in [0x0080_0002, 0x0080_00ff, 2, 0] {
        let machine = machine(&node(wired()), |model| model.set(0x294, design));
        let (model, mut gem) = (machine.model, machine.device.unwrap());
        assert_eq!(model.word(0x010) >> 30 & 1, design >> 23, "the width of addresses");
        frames_flow_both_ways(&model, &mut gem, (MAC, 1500));
    }
}

#[test]
fn a_frame_costs_no_reading_of_a_register_and_one_writing_to_send() {
    let (model, mut gem) = started();
    let (reads, writes) = (model.0.borrow().reads, model.0.borrow().control_writes);
    for number in 0..1000 {
        assert!(model.deliver(&frame(MAC, 1514, number)));
        assert!(received(&mut gem).is_some());
        send(&mut gem, &frame(MAC, 60, number)).unwrap();
    }
    assert_eq!(model.0.borrow().reads, reads);
    assert_eq!(model.0.borrow().control_writes, writes + 1000);
}

#[test]
fn a_window_of_64_blocks_fits() {
    let (model, mut gem) = started();
    for number in 0..256 {
        assert!(model.deliver(&frame(MAC, 1514, number)), "{number}");
    }
    for number in 0..256 {
        assert_eq!(received(&mut gem), Some(frame(MAC, 1514, number)));
    }
}

#[test]
fn a_receiver_that_found_no_buffer_is_started_again() {
    let (model, mut gem) = started();
    for round in 0..3 {
        for number in 0..256 {
            assert!(model.deliver(&frame(MAC, 100, number)));
        }
        assert!(!model.deliver(&frame(MAC, 100, 256)), "lost: there is no room");
        for number in 0..256 {
            assert_eq!(received(&mut gem), Some(frame(MAC, 100, number)), "round {round}");
        }
        assert!(!model.deliver(&frame(MAC, 100, 0)), "the device still waits");
        assert_eq!(received(&mut gem), None);
        assert_eq!(model.word(0x020), 0);
    }
    assert!(model.deliver(&frame(MAC, 100, 1)));
    assert_eq!(received(&mut gem), Some(frame(MAC, 100, 1)));
}

#[test]
fn a_few_frames_do_not_have_the_device_asked() {
    let (model, mut gem) = started();
    let reads = model.0.borrow().reads;
    for number in 0..100 {
        assert!(model.deliver(&frame(MAC, 100, number)));
    }
    while received(&mut gem).is_some() {}
    for _ in 0..POLLS_PER_LOOK - 2 {
        assert_eq!(received(&mut gem), None);
    }
    assert_eq!(model.0.borrow().reads, reads);
}

#[test]
fn a_bus_error_and_an_overrun_do_not_stop_reception_for_good() {
    for status in [4, 8, 0xf] {
        let (model, mut gem) = started();
        for number in 0..5 {
            assert!(model.deliver(&frame(MAC, 100, number)));
            assert!(received(&mut gem).is_some());
        }
        model.set(0x020, status);
        poll_idle(&mut gem);
        assert_eq!(model.word(0x020), 0, "{status:#x}");
        for number in 0..300 {
            assert!(model.deliver(&frame(MAC, 100, number)));
            assert_eq!(received(&mut gem), Some(frame(MAC, 100, number)));
        }
    }
}

/// Words that a device may write, or a broken one.
#[test]
fn what_is_no_whole_frame_is_dropped_and_its_buffer_used_again() {
    let (model, mut gem) = started();
    let whole = 3 << 14;
    let cases = [
        0,
        whole,
        whole | 1537,
        whole | 0x1fff,
        1 << 14 | 100,
        1 << 15 | 100,
        !whole,
        u32::MAX,
    ];
    for _ in 0..100 {
        for status in cases {
            assert!(model.give_back(&[0xee; 64], status));
            assert_eq!(received(&mut gem), Some(Vec::new()), "{status:#x}");
        }
    }
    assert!(model.give_back(&[0xee; 1536], whole | 1536));
    assert_eq!(received(&mut gem), Some(vec![0xee; 1536]));
    assert!(model.give_back(&[0xee; 1], whole | 1 | 0x8fff_2000));
    assert_eq!(received(&mut gem), Some(vec![0xee; 1]), "other bits say nothing");
}

#[test]
fn a_frame_over_several_buffers_is_dropped_whole() {
    let (model, mut gem) = started();
    assert!(model.deliver(&frame(MAC, 4000, 1)));
    assert!(model.deliver(&frame(MAC, 90, 2)));
    for _ in 0..3 {
        assert_eq!(received(&mut gem), Some(Vec::new()));
    }
    assert_eq!(received(&mut gem), Some(frame(MAC, 90, 2)));
}

#[test]
fn whose_frames_come_in() {
    let (model, mut gem) = started();
    assert!(model.deliver(&frame(MAC, 60, 0)));
    assert!(model.deliver(&frame(BROADCAST, 60, 0)));
    for last in 0..=255 {
        assert!(model.deliver(&frame([1, 0, 0x5e, 0, 0, last], 60, 0)), "any group");
        assert!(received(&mut gem).is_some());
    }
    assert!(!model.deliver(&frame([2, 0, 0, 0, 0, 8], 60, 0)), "somebody else's");
    gem.listen_to(MacAddr([2, 0, 0, 0, 0, 8]));
    assert!(model.deliver(&frame([2, 0, 0, 0, 0, 8], 60, 0)));
    assert!(!model.deliver(&frame(MAC, 60, 0)));
    assert_eq!(gem.mac(), MacAddr(MAC), "its own stays");
}

#[test]
fn the_address_is_the_trees_else_the_firmwares_else_made_up() {
    let set = |model: &Model| {
        model.set(0x088, 0x0403_0200);
        model.set(0x08c, 0x0605);
    };
    let unnamed = Ethernet { mac: None, ..wired() };
    let mac = |ethernet, change: &dyn Fn(&Model)| {
        let device = machine(&node(ethernet), change).device.unwrap();
        (device.mac(), device.mac_is_made_up())
    };
    assert_eq!(mac(wired(), &set), (MacAddr(MAC), false));
    assert_eq!(mac(unnamed, &set), (MacAddr([0, 2, 3, 4, 5, 6]), false));
    let group = |model: &Model| model.set(0x088, 0x0403_0201);
    for change in [&group as &dyn Fn(&Model), &|_| ()] {
        let (MacAddr([first, ..]), made_up) = mac(unnamed, change);
        assert_eq!((first, made_up), (2, true));
    }
}

#[test]
fn frames_are_stripped_of_their_check_sequence_and_copied_for_nobody_else() {
    let (model, gem) = started();
    let config = model.word(0x004);
    assert_eq!(config >> 17 & 1, 1, "FCS");
    assert_eq!(config >> 4 & 1, 0, "copy all");
    assert_eq!(gem.name(), "ethernet@ff0e0000");
}

#[test]
fn without_a_phy_the_link_is_as_the_firmware_left_it() {
    for (found, expected) in [(0x0008_0000, 1 << 10 | 2), (1 << 10, 1 << 10), (3, 3), (1, 1), (2, 2)] {
        let machine = machine(&node(wired()), |model| {
            model.0.borrow_mut().mdio.phys.clear();
            model.set(0x004, found);
        });
        assert!(machine.device.unwrap().link_up());
        assert_eq!(machine.model.word(0x004) & SPEED, expected, "{found:#x}");
    }
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
    let mut gem = machine.device.unwrap();
    assert!(gem.link_up());
    gem.shutdown();
    assert!(!gem.link_up(), "nobody listens");
    assert_eq!(machine.model.word(0x004) & SPEED, 3);
    assert_eq!(machine.model.0.borrow().mdio.frames, 0);
}

#[test]
fn a_management_port_that_hangs_costs_one_wait() {
    let machine = machine(&node(wired()), |model| model.0.borrow_mut().port_hangs = true);
    assert!(machine.device.unwrap().link_up(), "nobody says that it is not");
    assert!(machine.clock.now().micros() < 100_000);
}

#[test]
fn a_link_that_comes_later_sets_the_speed() {
    let machine = machine(&node(wired()), |model| {
        model.0.borrow_mut().mdio.phys.get_mut(&23).unwrap()[1] = 0x7949;
    });
    let (model, mut gem) = (machine.model, machine.device.unwrap());
    assert!(!gem.link_up());
    // Negotiation is not over yet.
    model.0.borrow_mut().mdio.phys.get_mut(&23).unwrap()[1] = 0x794d;
    assert!(!gem.link_up());
    let hundred = |words: &mut [u16; 32]| (words[1], words[10]) = (0x796d, 0);
    hundred(model.0.borrow_mut().mdio.phys.get_mut(&23).unwrap());
    assert!(gem.link_up());
    assert_eq!(model.word(0x004) & SPEED, 3, "100 Mbit/s, full duplex");
    assert!(model.deliver(&frame(MAC, 60, 1)));
    assert!(received(&mut gem).is_some());
}

/// What is done with a PHY is tested beside `phy.rs`.
#[test]
fn a_phy_is_read_and_written_over_the_port() {
    let machine = machine(&node(wired()), |model| {
        let mut asleep = phy();
        asleep[0] = 0x1940;
        model.0.borrow_mut().mdio.phys = [(31, asleep)].into();
    });
    let (model, mut gem) = (machine.model, machine.device.unwrap());
    assert_eq!(model.0.borrow().mdio.phys[&31][0], 0x1340, "it is awake");
    assert!(gem.link_up());
    model.0.borrow_mut().mdio.phys.clear();
    assert!(!gem.link_up(), "it is gone");
}

#[test]
fn a_transmitter_that_does_not_send_is_reported_in_time_and_works_again() {
    let (model, mut gem) = started();
    model.0.borrow_mut().sending = Sending::Never;
    for _ in 0..64 {
        send(&mut gem, &[1; 60]).unwrap();
    }
    assert_eq!(send(&mut gem, &[2; 60]), Err(TransmitError::Busy));
    model.0.borrow_mut().sending = Sending::AtOnce;
    for number in 0..200 {
        send(&mut gem, &[number; 60]).unwrap();
        assert_eq!(model.sent(), Some(vec![number; 60]));
    }
    assert!(
        model.deliver(&frame(MAC, 60, 1)),
        "and nothing happened to the receiver"
    );
    assert!(received(&mut gem).is_some());
}

#[test]
fn a_transmitter_that_neither_sends_nor_stops_keeps_its_buffers() {
    let (model, mut gem) = started();
    model.0.borrow_mut().sending = Sending::Never;
    model.0.borrow_mut().never_stops = true;
    for _ in 0..64 {
        send(&mut gem, &[1; 60]).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(send(&mut gem, &[2; 60]), Err(TransmitError::Busy));
    }
}

#[test]
fn a_start_that_was_lost_is_made_again() {
    let (model, mut gem) = started();
    model.0.borrow_mut().sending = Sending::LosesStart;
    send(&mut gem, &[1; 60]).unwrap();
    assert_eq!(model.sent(), None);
    poll_idle(&mut gem);
    assert_eq!(model.sent(), Some(vec![1; 60]));
    let writes = model.0.borrow().control_writes;
    poll_idle(&mut gem);
    assert_eq!(model.0.borrow().control_writes, writes, "there is nothing to start");
}

#[test]
fn the_longest_frame_is_1514_bytes() {
    let (model, mut gem) = started();
    let error = TransmitError::TooLong { len: 1515, limit: 1514 };
    assert_eq!(send(&mut gem, &[7; 1515]), Err(error));
    send(&mut gem, &[7; 1514]).unwrap();
    assert_eq!(model.sent(), Some(vec![7; 1514]));
}

#[test]
fn after_the_shutdown_the_device_knows_of_no_memory() {
    let (model, mut gem) = started();
    send(&mut gem, &[1; 60]).unwrap();
    gem.shutdown();
    assert_eq!(model.word(0), 0);
    assert!(!model.deliver(&frame(MAC, 60, 1)));
    for queue in [0x018, 0x01c, 0x440, 0x480] {
        assert_eq!(model.word(queue), 0, "queue at {queue:#x}");
    }
    for mask in [0x02c, 0x620] {
        assert_eq!(model.word(mask), u32::MAX, "interrupts at {mask:#x}");
    }
    let writes = model.0.borrow().control_writes;
    assert_eq!(send(&mut gem, &[1; 60]), Err(TransmitError::Stopped));
    assert_eq!(received(&mut gem), None);
    assert!(!gem.link_up());
    gem.listen_to(MacAddr([2; 6]));
    gem.shutdown();
    assert_eq!(model.0.borrow().control_writes, writes, "nothing is written any more");
}

#[test]
fn what_runs_is_stopped_before_it_gets_memory() {
    let machine = machine(&node(wired()), |model| {
        for (register, value) in [(0, 0x1c), (0x014, 0x29), (0x020, 7), (0x440, 0x1000), (0x480, 0x1000)] {
            model.set(register, value);
        }
        // Its transmitter stops when it is told to.
        model.set(0x014, 0x21);
    });
    let mut gem = machine.device.unwrap();
    assert_eq!((machine.model.word(0x014), machine.model.word(0x020)), (0, 0));
    assert!(machine.model.deliver(&frame(MAC, 60, 1)));
    assert!(received(&mut gem).is_some());
}

#[test]
fn a_device_that_does_not_stop_gets_no_memory() {
    let machine = machine(&node(wired()), |model| model.0.borrow_mut().never_stops = true);
    assert_eq!(machine.device.err(), Some(GemError::NoStop(8)));
    assert_eq!(machine.model.word(0) & 0xc, 0);
    assert_eq!(machine.model.word(0x018), 0);
}

#[test]
fn what_is_no_gem() {
    for number in [0x0001_0200, 0, u32::MAX] {
        let machine = machine(&node(wired()), |model| model.set(0xfc, number));
        let address = PhysAddr(0xff0e_0000);
        assert_eq!(machine.device.err(), Some(GemError::NotGem { address, number }));
        assert_eq!(machine.model.0.borrow().control_writes, 0, "it is left alone");
    }
    let nowhere = NodeInfo::default();
    let error = machine(&nowhere, |_| ()).device.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the device's node has no register region of at least 0x700 bytes"
    );
}

/// A machine whose memory devices see at `start`.
fn machine_at(start: PhysAddr, design: u32) -> Machine {
    machine_with(BusMemory::at(start), &node(wired()), |model| model.set(0x294, design))
}

#[test]
fn memory_beyond_4_gib_takes_wide_descriptors() {
    let start = PhysAddr(0x8_8000_0000);
    let machine = machine_at(start, 0x0080_0002);
    let (model, mut gem) = (machine.model, machine.device.unwrap());
    assert_eq!((model.word(0x4c8), model.word(0x4d4)), (8, 8));
    for number in 0..300 {
        assert!(model.deliver(&frame(MAC, 1000, number)));
        assert_eq!(received(&mut gem), Some(frame(MAC, 1000, number)));
        send(&mut gem, &frame(MAC, 700, number)).unwrap();
        assert_eq!(model.sent(), Some(frame(MAC, 700, number)));
    }
    let machine = machine_at(start, 2);
    assert_eq!(machine.device.err(), Some(GemError::OutOfReach(start)));
    assert_eq!(machine.model.word(0) & 0xc, 0);
}

/// One register has the upper half of the addresses of all rings.
#[test]
fn memory_across_4_gib_is_not_used() {
    let start = PhysAddr(0xffff_f000);
    let machine = machine_at(start, 0x0080_0002);
    assert_eq!(machine.device.err(), Some(GemError::OutOfReach(start)));
}
