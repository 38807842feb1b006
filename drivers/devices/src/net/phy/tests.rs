use core::cell::RefCell;

use hal::node::{Ethernet, PhyMode, TiPhy};

use super::model::{Bus, phy};
use super::{Link, Management, ManagementPort, Request, Wire, forced, negotiated};

impl ManagementPort for &RefCell<Bus> {
    fn exchange(&self, phy: u8, register: u8, request: Request) -> Option<u16> {
        let mut bus = self.borrow_mut();
        let (phy, register) = (phy.into(), register.into());
        if let Request::Write(value) = request {
            bus.write(phy, register, value.into());
            return Some(value);
        }
        Some(bus.read(phy, register).map_or(0xffff, |word| word as u16))
    }
}

fn stated(phy: Option<u32>) -> Ethernet {
    Ethernet {
        phy,
        ..Ethernet::default()
    }
}

#[test]
fn the_best_that_both_sides_can() {
    // What QEMU's 88E1111 says, and others by the tables of clauses 28 and 40.
    for (gigabit, base, expected) in [
        ((0x0300, 0x7c00), (0x01e1, 0xcde1), Link::new(1000, true)),
        ((0x0100, 0x0400), (0x01e1, 0xcde1), Link::new(1000, false)),
        ((0x0300, 0), (0x01e1, 0x41e1), Link::new(100, true)),
        ((0, 0x7c00), (0x01e1, 0x40a1), Link::new(100, false)),
        ((0, 0), (0x0061, 0x01e1), Link::new(10, true)),
        ((0, 0), (0x01e1, 0x0021), Link::new(10, false)),
        ((0, 0), (0, 0), Link::new(10, false)),
    ] {
        assert_eq!(negotiated(gigabit, base), expected, "{gigabit:x?} {base:x?}");
    }
}

#[test]
fn a_speed_that_was_set() {
    assert_eq!(forced(0x0140), Link::new(1000, true));
    assert_eq!(forced(0x2000), Link::new(100, false));
    assert_eq!(forced(0x0100), Link::new(10, true));
}

#[test]
fn a_phy_is_found_wherever_it_is() {
    for (said, there) in [
        (Some(12), 12),
        (Some(12), 23),
        (None, 0),
        (None, 31),
        (Some(32), 5),
        (Some(u32::MAX), 5),
    ] {
        let bus = RefCell::new(Bus::with_phy(there));
        let found = Management(&bus).attach(&stated(said));
        assert_eq!(found, (Wire::Phy(there), Some(Link::GIGABIT)), "{said:?} {there}");
        bus.borrow_mut().phys.get_mut(&there).unwrap()[1] = 0x7949;
        assert_eq!(Management(&bus).link(there), None, "{said:?} {there}");
    }
}

#[test]
fn a_bus_without_a_phy() {
    let bus = RefCell::new(Bus::default());
    // It may be held at zero as well.
    for phys in [[].into(), [(3, [0; 32])].into()] {
        bus.borrow_mut().phys = phys;
        assert_eq!(Management(&bus).attach(&stated(Some(3))), (Wire::Fixed, None));
    }
}

#[test]
fn the_phy_of_the_tree_goes_before_another() {
    let bus = RefCell::new(Bus::with_phy(3));
    bus.borrow_mut().phys.insert(12, phy());
    assert_eq!(Management(&bus).attach(&stated(Some(12))).0, Wire::Phy(12));
}

#[test]
fn a_link_that_was_lost_and_is_back_is_up() {
    let bus = RefCell::new(Bus::with_phy(23));
    bus.borrow_mut().latched.push_back(0x7949);
    assert_eq!(Management(&bus).link(23), Some(Link::GIGABIT));
    // The PHY is gone: the bus floats.
    bus.borrow_mut().phys.clear();
    assert_eq!(Management(&bus).link(23), None);
}

#[test]
fn a_phy_that_sleeps_is_woken_and_one_that_was_set_is_left_alone() {
    for (control, expected) in [(0x1940, 0x1340), (0x1540, 0x1340), (0x1140, 0x1140), (0x2100, 0x2100)] {
        let bus = RefCell::new(Bus::with_phy(23));
        bus.borrow_mut().phys.get_mut(&23).unwrap()[0] = control;
        Management(&bus).attach(&stated(None));
        assert_eq!(bus.borrow().phys[&23][0], expected, "{control:#x}");
    }
}

/// A DP83867 at address 12 out of reset, with RX_CTRL strapped in mode 1.
fn ti_bus() -> RefCell<Bus> {
    let mut bus = Bus::with_phy(12);
    let words = bus.phys.get_mut(&12).unwrap();
    (words[2], words[3]) = (0x2000, 0xa231);
    bus.extended = [(0x31, 0x10b0), (0x32, 0x00d0), (0x86, 0x0077)].into();
    RefCell::new(bus)
}

fn ti_node(phy_mode: Option<PhyMode>, ti_phy: TiPhy) -> Ethernet {
    Ethernet {
        phy_mode,
        ti_phy,
        ..stated(Some(12))
    }
}

/// What a DP83867 has in CFG4, RGMIICTL, RGMIIDCTL and basic control after `node` was attached.
fn ti_registers(bus: &RefCell<Bus>, node: &Ethernet) -> [u16; 4] {
    Management(bus).attach(node);
    let bus = bus.borrow();
    let extended = |register| bus.extended[&register];
    [extended(0x31), extended(0x32), extended(0x86), bus.phys[&12][0]]
}

/// Delays as the ZCU102's tree has them, which AMD's own stack sets as 0xa8 and 0xd3.
const ZCU102: TiPhy = TiPhy {
    receive_delay: Some(8),
    transmit_delay: Some(10),
    strap_quirk: true,
};

#[test]
fn a_ti_phy_is_set_up_as_the_tree_says() {
    let bus = ti_bus();
    let node = ti_node(Some(PhyMode::RgmiiId), ZCU102);
    assert_eq!(ti_registers(&bus, &node), [0x1030, 0x00d3, 0x00a8, 0x1340]);
    // Done already: the link stays.
    bus.borrow_mut().phys.get_mut(&12).unwrap()[0] = 0x1140;
    assert_eq!(ti_registers(&bus, &node), [0x1030, 0x00d3, 0x00a8, 0x1140]);
}

#[test]
fn a_ti_phy_delays_the_clocks_that_the_mode_names() {
    let said = TiPhy {
        strap_quirk: false,
        ..ZCU102
    };
    for (mode, control, delays) in [
        (None, 0x00d0, 0x0077),
        (Some(PhyMode::Rmii), 0x00d0, 0x0077),
        (Some(PhyMode::Rgmii), 0x00d0, 0x0077),
        (Some(PhyMode::RgmiiRxId), 0x00d1, 0x0078),
        (Some(PhyMode::RgmiiTxId), 0x00d2, 0x00a7),
    ] {
        let found = ti_registers(&ti_bus(), &ti_node(mode, said));
        assert_eq!(found, [0x10b0, control, delays, 0x1140], "{mode:?}");
    }
    // Without delays in the tree, or with those that the register does not have, it is 2 ns.
    for wrong in [None, Some(16), Some(u32::MAX)] {
        let said = TiPhy {
            receive_delay: wrong,
            transmit_delay: wrong,
            strap_quirk: false,
        };
        let bus = ti_bus();
        bus.borrow_mut().extended.insert(0x86, 0);
        let found = ti_registers(&bus, &ti_node(Some(PhyMode::RgmiiId), said));
        assert_eq!(found[1..3], [0x00d3, 0x0077], "{wrong:?}");
    }
    // One whose delays the straps switched on, behind traces that delay.
    let bus = ti_bus();
    bus.borrow_mut().extended.insert(0x32, 0x00d3);
    assert_eq!(ti_registers(&bus, &ti_node(Some(PhyMode::Rgmii), said))[1], 0x00d0);
}

#[test]
fn no_other_phy_is_set_up_as_tis() {
    let bus = ti_bus();
    bus.borrow_mut().phys.get_mut(&12).unwrap()[3] = 0xa241;
    let found = ti_registers(&bus, &ti_node(Some(PhyMode::RgmiiId), ZCU102));
    assert_eq!(found, [0x10b0, 0x00d0, 0x0077, 0x1140]);
}
