use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::{BusMemory, FakePlatform, Window};
use hal::{BlockIdx, NetDevice, NodeInfo, PhysAddr, Region, Registers};

use super::{Devices, PCI_PROBES, PROBES, needs_uncached, probe};
use crate::block::virtio_blk::model::Disk;
use crate::mmc;
use crate::pci::model::Bar::{High, Io, Memory32, Memory64, None as Unused};
use crate::pci::model::{FakeBus, FakeFunction};
use crate::virtio::model::{Model, PciModel};

#[test]
fn the_tables_are_sorted_without_duplicates() {
    assert!(PROBES.windows(2).all(|pair| pair[0].compatible < pair[1].compatible));
    assert!(PCI_PROBES.windows(2).all(|pair| pair[0].id < pair[1].id));
}

fn slot(number: u64) -> NodeInfo {
    let region = Region::new(PhysAddr(0x0a00_0000 + 0x200 * number), 0x200).unwrap();
    NodeInfo {
        path: alloc::format!("/virtio_mmio@{:x}", region.start().get()),
        compatible: Vec::from(["virtio,mmio".into()]),
        reg: Vec::from([region]),
        ..NodeInfo::default()
    }
}

/// An empty slot of QEMU's virt machine: magic and version are there, the device id is 0.
struct EmptySlot;

impl Registers for EmptySlot {
    fn read8(&self, _offset: usize) -> u8 {
        0
    }
    fn read16(&self, _offset: usize) -> u16 {
        0
    }
    fn read32(&self, offset: usize) -> u32 {
        match offset {
            0 => 0x7472_6976,
            4 => 1,
            _ => 0,
        }
    }
    fn write8(&self, _offset: usize, _value: u8) {}
    fn write16(&self, _offset: usize, _value: u16) {}
    fn write32(&self, _offset: usize, _value: u32) {}
}

/// A function as QEMU's virtio-net-pci shows itself; `tamper` may spoil it.
fn virtio_function(device: u8, tamper: impl FnOnce(&mut FakeFunction)) -> FakeFunction {
    let bars = [Io(32), Memory32(0x1000), Unused, Unused, Memory64(0x4000), High];
    let mut function = FakeFunction::new((0x1af4, 0x1000), device, bars);
    function.set(0x06, &[0x10, 0]);
    function.set(0x34, &[0x84]);
    let mut structure = |register: usize, next: u8, kind: u8, offset: u32, len: u32| {
        function.set(register, &[9, next, 16, kind, 4]);
        function.set(register + 8, &offset.to_le_bytes());
        function.set(register + 12, &len.to_le_bytes());
    };
    structure(0x84, 0x70, 5, 0, 0);
    structure(0x70, 0x60, 2, 0x3000, 0x1000);
    structure(0x60, 0x50, 4, 0x2000, 0x1000);
    structure(0x50, 0x40, 3, 0x1000, 0x1000);
    structure(0x40, 0, 1, 0, 0x1000);
    function.set(0x80, &4_u32.to_le_bytes());
    tamper(&mut function);
    function
}

/// A machine with one PCI host bridge; the memory of every function answers as one virtio network device.
struct Machine {
    bus: Rc<FakeBus>,
    model: Model,
    devices: Devices,
}

fn pci_machine(functions: Vec<FakeFunction>) -> Machine {
    pci_machine_with(functions, |memory| Model::new(memory, false))
}

fn pci_machine_with(functions: Vec<FakeFunction>, model_on: fn(BusMemory) -> Model) -> Machine {
    let bus = FakeBus::new(functions);
    let memory = BusMemory::default();
    let model = model_on(memory.clone());
    let (mapped_bus, mapped_model) = (Rc::clone(&bus), model.clone());
    let platform = FakePlatform::with_memory(memory, move |region| {
        let len = usize::try_from(region.len()).unwrap();
        if region.start().get() == FakeBus::ECAM.0 {
            return Some(Box::new(Window::new(Rc::clone(&mapped_bus), 0, len)) as Box<_>);
        }
        let (_, bar, offset) = mapped_bus.answers(region)?;
        assert_eq!(bar, 4);
        let model = Rc::new(PciModel(mapped_model.clone()));
        Some(Box::new(Window::new(model, usize::try_from(offset).unwrap(), len)))
    });
    let devices = probe(&[FakeBus::node()], &platform);
    Machine { bus, model, devices }
}

fn exchange(device: &mut dyn NetDevice, model: &Model) {
    device.transmit(60, &mut |frame| frame.fill(0xab)).unwrap();
    assert_eq!(model.sent(true).unwrap(), [0xab; 60]);
    assert!(model.deliver(&[0xcd; 90]));
    let mut received = Vec::new();
    assert!(device.receive(&mut |frame| received = frame.to_vec()));
    assert_eq!(received, [0xcd; 90]);
}

#[test]
fn a_network_device_behind_pci() {
    let mut machine = pci_machine(Vec::from([virtio_function(1, |_| ())]));
    assert!(machine.devices.failures.is_empty());
    let device = &mut machine.devices.networks[0];
    assert_eq!(
        (device.name(), device.mac().to_string().as_str()),
        ("virtio-net#0", "52:54:00:12:34:56")
    );
    exchange(device.as_mut(), &machine.model);
    device.shutdown();
    assert_eq!(machine.model.0.borrow().status, 0);
    assert_eq!(
        machine.bus.0.borrow()[0].command() & 7,
        0,
        "off the bus: no DMA after the hand-over"
    );
}

#[test]
fn a_network_device_behind_pci_bridges() {
    let mut function = virtio_function(0, |function| function.set(2, &[0x41, 0x10]));
    function.behind = Some(0);
    let mut machine = pci_machine(Vec::from([FakeFunction::bridge(1), function]));
    exchange(machine.devices.networks[0].as_mut(), &machine.model);
}

#[test]
fn disks_behind_pci() {
    for id in [[0x01, 0x10], [0x42, 0x10]] {
        let function = virtio_function(1, |function| function.set(2, &id));
        let disk = |memory| Model::with_disk(memory, false, Disk::new(8));
        let mut machine = pci_machine_with(Vec::from([function]), disk);
        machine.bus.0.borrow_mut()[0].set(0x2c, &[0xf4, 0x1a]);
        assert!(machine.devices.failures.is_empty());
        let device = &mut machine.devices.disks[0];
        device.rescan(&mut || ()).unwrap();
        let medium = device.medium().unwrap();
        assert_eq!(
            (device.name(), medium.blocks, medium.vendor.as_str()),
            ("virtio-blk#0", 8, "1af4")
        );
        let mut bytes = [0; 1024];
        device.read(BlockIdx(6), &mut bytes, &mut || ()).unwrap();
        assert_eq!(bytes, machine.model.0.borrow().disk.as_ref().unwrap().bytes[6 * 512..]);
        device.shutdown();
        assert_eq!(machine.model.0.borrow().status, 0);
        assert_eq!(machine.bus.0.borrow()[0].command() & 7, 0, "off the bus");
    }
}

/// A PCI bus with card slots, and the controllers behind them.
fn card_machine(slots: u8) -> (Rc<FakeBus>, Rc<RefCell<Vec<mmc::model::Model>>>, Devices) {
    let bars = [Memory32(0x100), Unused, Unused, Unused, Unused, Unused];
    let functions = (1..=slots).map(|device| FakeFunction::new((0x1b36, 0x0007), device, bars));
    let bus = FakeBus::new(functions.collect());
    let models = Rc::new(RefCell::new(Vec::<mmc::model::Model>::new()));
    let (mapped_bus, mapped) = (Rc::clone(&bus), Rc::clone(&models));
    let platform = FakePlatform::new(move |region| {
        let len = usize::try_from(region.len()).unwrap();
        if region.start().get() == FakeBus::ECAM.0 {
            return Some(Box::new(Window::new(Rc::clone(&mapped_bus), 0, len)) as Box<_>);
        }
        let (function, bar, offset) = mapped_bus.answers(region)?;
        assert_eq!((bar, offset, len), (0, 0, 0x100));
        Some(Box::new(mapped.borrow().get(function)?.clone()))
    });
    for slot in 1..=slots {
        let card = mmc::model::card::Card::new(mmc::model::card::Kind::Sdsc, 64 << u32::from(slot));
        let model = mmc::model::Model::new(platform.memory.clone(), Rc::clone(&platform.clock), Some(card));
        models.borrow_mut().push(model);
    }
    let devices = probe(&[FakeBus::node()], &platform);
    (bus, models, devices)
}

#[test]
fn card_slots_behind_pci() {
    let (bus, models, mut devices) = card_machine(2);
    assert!(devices.failures.is_empty());
    for (index, disk) in devices.disks.iter_mut().enumerate() {
        assert_eq!(disk.name(), alloc::format!("sdhci-pci#{index}"));
        disk.rescan(&mut || ()).unwrap();
        assert_eq!(disk.medium().unwrap().blocks, 128 << index);
        let mut bytes = [0; 1024];
        disk.read(BlockIdx(5), &mut bytes, &mut || ()).unwrap();
        assert_eq!(bytes[512..], mmc::model::card::Card::pattern(6));
        disk.shutdown();
        assert_eq!(bus.0.borrow()[index].command() & 7, 0, "off the bus");
        assert!(!models.borrow()[index].is_clock_on());
    }
}

#[test]
fn a_card_slot_behind_pci_that_does_not_answer() {
    let (bus, _, devices) = {
        let bars = [Unused; 6];
        let bus = FakeBus::new(Vec::from([FakeFunction::new((0x1b36, 0x0007), 1, bars)]));
        let mapped = Rc::clone(&bus);
        let platform = FakePlatform::new(move |region| {
            let len = usize::try_from(region.len()).unwrap();
            Some(Box::new(Window::new(Rc::clone(&mapped), 0, len)))
        });
        let devices = probe(&[FakeBus::node()], &platform);
        (bus, (), devices)
    };
    let (path, error) = &devices.failures[0];
    assert_eq!(path, "/pcie@10000000 00:01.0");
    assert_eq!(
        error.to_string(),
        "function 00:01.0: base address register 0 holds no memory"
    );
    assert_eq!(bus.0.borrow()[0].command() & 7, 0);
}

#[test]
fn card_slots_of_the_tree_keep_its_order() {
    let quirks = |probe: &&super::Probe| crate::mmc::sdhci::quirks(probe.compatible).is_some();
    let slots = super::PROBES.iter().filter(quirks);
    assert!(
        slots
            .map(|probe| probe.compatible)
            .eq(crate::mmc::sdhci::COMPATIBLE.iter().map(|(name, _)| *name))
    );
    for (compatible, _) in crate::mmc::sdhci::COMPATIBLE {
        let empty = |memory, clock| mmc::model::Model::new(memory, clock, None);
        let (platform, _) = FakePlatform::around(BusMemory::default(), empty);
        let node = |address: u64| NodeInfo {
            path: alloc::format!("/soc/mmc@{address:x}"),
            compatible: Vec::from([(*compatible).into()]),
            reg: Vec::from([Region::new(PhysAddr(address), 0x100).unwrap()]),
            ..NodeInfo::default()
        };
        let devices = probe(&[node(0xfe34_0000), node(0xfe30_0000)], &platform);
        let names: Vec<_> = devices.disks.iter().map(|disk| disk.name()).collect();
        assert_eq!(names, ["mmc@fe340000", "mmc@fe300000"], "{compatible}");
    }
}

#[test]
fn functions_that_lie_about_their_structures() {
    type Case = (fn(&mut FakeFunction), &'static str);
    let cases: [Case; 5] = [
        (
            |function| function.set(0x06, &[0, 0]),
            "the function has no virtio capability of type 1: a device with disable-modern=on is not supported",
        ),
        (
            |function| function.set(0x44, &[0]),
            "function 00:01.0: base address register 0 holds no memory",
        ),
        (
            |function| function.set(0x44, &[200]),
            "function 00:01.0: base address register 200 holds no memory",
        ),
        (
            |function| function.set(0x48, &0x3001_u32.to_le_bytes()),
            "function 00:01.0: 0x1000 bytes at 0x3001 lie outside base address register 4",
        ),
        (
            |function| function.set(0x48, &u32::MAX.to_le_bytes()),
            "function 00:01.0: 0x1000 bytes at 0xffffffff lie outside base address register 4",
        ),
    ];
    for (tamper, sentence) in cases {
        let machine = pci_machine(Vec::from([virtio_function(1, tamper)]));
        assert!(machine.devices.networks.is_empty());
        let (path, error) = &machine.devices.failures[0];
        assert_eq!(
            (path.as_str(), error.to_string().as_str()),
            ("/pcie@10000000 00:01.0", sentence)
        );
        assert_eq!(
            machine.bus.0.borrow()[0].command() & 7,
            0,
            "what is not used is off the bus"
        );
    }
}

#[test]
fn slots_of_virtio_mmio() {
    let memory = BusMemory::default();
    let model = Model::new(memory.clone(), true);
    let platform = FakePlatform::with_memory(memory, move |region| match region.start().get() {
        0x0a00_0200 => Some(Box::new(model.clone())),
        0x0a00_0000 => Some(Box::new(EmptySlot)),
        _ => None,
    });
    let missing = NodeInfo {
        reg: Vec::new(),
        ..slot(3)
    };
    let devices = probe(&[slot(0), slot(1), slot(2), missing], &platform);
    assert_eq!(devices.networks.len(), 1);
    let failures: Vec<_> = devices
        .failures
        .iter()
        .map(|(path, error)| (path.as_str(), error.to_string()))
        .collect();
    let expected = [
        (
            "/virtio_mmio@a000400",
            "the registers at 0xa000400 cannot be used: nothing answers there, or it is no device's address"
                .to_string(),
        ),
        (
            "/virtio_mmio@a000600",
            "the device's node has no register region of at least 0x100 bytes".to_string(),
        ),
    ];
    assert_eq!(failures, expected);
}

#[test]
fn disks_are_numbered_in_the_order_of_the_slots() {
    let memory = BusMemory::default();
    let models = [8, 0, 16].map(|blocks| match blocks {
        0 => Model::new(memory.clone(), false),
        _ => Model::with_disk(memory.clone(), true, Disk::new(blocks)),
    });
    let platform = FakePlatform::with_memory(memory, move |region| {
        let index = usize::try_from(region.start().get() - 0x0a00_0000).unwrap() / 0x200;
        Some(Box::new(models[index].clone()))
    });
    let mut devices = probe(&[slot(2), slot(1), slot(0)], &platform);
    assert!(devices.failures.is_empty());
    assert_eq!((devices.networks.len(), devices.disks.len()), (1, 2));
    for (index, blocks) in [16, 8].into_iter().enumerate() {
        let disk = &mut devices.disks[index];
        disk.rescan(&mut || ()).unwrap();
        assert_eq!(disk.name(), alloc::format!("virtio-blk#{index}"));
        assert_eq!(disk.medium().unwrap().blocks, blocks);
    }
}

/// The virtual devices see the caches whatever their node says, a controller on the chip if its node says so.
#[test]
fn who_shares_memory_that_is_not_cached() {
    let cases = [
        ("virtio,mmio", false, false),
        ("virtio,mmio", true, false),
        ("cdns,zynqmp-gem", false, true),
        ("cdns,zynqmp-gem", true, false),
        ("brcm,bcm2711-genet-v5", false, true),
        ("brcm,genet-v5", true, false),
        ("fsl,imx8mp-fec", false, true),
        ("fsl,imx8mp-fec", true, false),
        ("arasan,sdhci-8.9a", false, true),
        ("pci-host-ecam-generic", false, true),
        ("pci-host-ecam-generic", true, false),
        ("brcm,bcm2711-emmc2", false, false),
        ("cfi-flash", false, false),
        ("unknown", false, false),
    ];
    for (compatible, dma_coherent, expected) in cases {
        let node = NodeInfo {
            compatible: Vec::from([compatible.into()]),
            dma_coherent,
            ..NodeInfo::default()
        };
        assert_eq!(
            needs_uncached(&[NodeInfo::default(), node]),
            expected,
            "{compatible} {dma_coherent}"
        );
    }
}

#[test]
fn what_the_tree_says_of_the_caches_is_what_the_driver_gets() {
    for dma_coherent in [false, true] {
        let empty = |memory, clock| mmc::model::Model::new(memory, clock, None);
        let (platform, _) = FakePlatform::around(BusMemory::default(), empty);
        let node = NodeInfo {
            path: "/axi/mmc@ff170000".into(),
            compatible: Vec::from(["arasan,sdhci-8.9a".into()]),
            reg: Vec::from([Region::new(PhysAddr(0xff17_0000), 0x1000).unwrap()]),
            dma_coherent,
            ..NodeInfo::default()
        };
        assert!(probe(&[node], &platform).failures.is_empty());
        assert_eq!(platform.given.get(), (!dma_coherent, dma_coherent));
    }
}

#[test]
fn a_node_that_is_no_gem_is_reported() {
    let platform = FakePlatform::new(|_| Some(Box::new(EmptySlot)));
    let node = NodeInfo {
        path: "/ethernet@ff0e0000".into(),
        compatible: Vec::from(["xlnx,zynqmp-gem".into(), "cdns,zynqmp-gem".into(), "cdns,gem".into()]),
        reg: Vec::from([Region::new(PhysAddr(0xff0e_0000), 0x1000).unwrap()]),
        ..NodeInfo::default()
    };
    let devices = probe(&[node], &platform);
    let (path, error) = &devices.failures[0];
    assert_eq!(
        (path.as_str(), error.to_string().as_str()),
        (
            "/ethernet@ff0e0000",
            "the module at 0xff0e0000 has the number 0x00000000, which is no GEM's"
        )
    );
}

#[test]
fn a_node_that_is_no_fec_is_reported() {
    let platform = FakePlatform::new(|_| Some(Box::new(EmptySlot)));
    for compatible in [
        &["fsl,imx8mp-fec", "fsl,imx8mq-fec", "fsl,imx6sx-fec"][..],
        &["fsl,imx8mm-fec", "fsl,imx8mq-fec", "fsl,imx6sx-fec"],
        &["fsl,imx6sx-fec"],
    ] {
        let node = NodeInfo {
            path: "/soc@0/ethernet@30be0000".into(),
            compatible: compatible.iter().map(|name| (*name).into()).collect(),
            reg: Vec::from([Region::new(PhysAddr(0x30be_0000), 0x1_0000).unwrap()]),
            ..NodeInfo::default()
        };
        let devices = probe(&[node], &platform);
        let (path, error) = &devices.failures[0];
        assert_eq!(
            (path.as_str(), error.to_string().as_str()),
            (
                "/soc@0/ethernet@30be0000",
                "what is at 0x30be0000 is no ENET, or has no clock: its registers do not hold what is written to them"
            )
        );
    }
}

#[test]
fn a_node_that_is_no_genet_is_reported() {
    let platform = FakePlatform::new(|_| Some(Box::new(EmptySlot)));
    let node = NodeInfo {
        path: "/scb/ethernet@7d580000".into(),
        compatible: Vec::from(["brcm,bcm2711-genet-v5".into(), "brcm,genet-v5".into()]),
        reg: Vec::from([Region::new(PhysAddr(0xfd58_0000), 0x1_0000).unwrap()]),
        ..NodeInfo::default()
    };
    let devices = probe(&[node], &platform);
    let (path, error) = &devices.failures[0];
    assert_eq!(
        (path.as_str(), error.to_string().as_str()),
        (
            "/scb/ethernet@7d580000",
            "the controller at 0xfd580000 has the revision 0x74726976, which is not GENET version 5"
        )
    );
}

#[test]
fn nodes_without_a_driver_are_left_alone() {
    let platform = FakePlatform::new(|_| panic!("nothing may be mapped"));
    let node = NodeInfo {
        compatible: Vec::from(["qemu,fw-cfg-mmio".into()]),
        ..slot(0)
    };
    let devices = probe(&[node, NodeInfo::default()], &platform);
    assert!(devices.networks.is_empty() && devices.failures.is_empty());
}
