use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use hal::block::{BlockDevice, BlockFault, BlockIdx, BlockInterface};
use hal::fakes::{BusMemory, FakePlatform};
use hal::{Clock, DmaMemory, NodeInfo, PhysAddr, Platform, Region, Registers, StreamingDma};

use super::VirtioBlk;
use super::model::{Disk, Fault, Seen};
use crate::virtio::mmio::MmioTransport;
use crate::virtio::model::Model;
use crate::virtio::{BLOCK, VERSION_1, VirtioError};

/// A machine that lends no memory, or not less than so many bytes: everything else goes by way of the driver's own.
struct Selfish(FakePlatform, usize);

struct Lender(Rc<dyn StreamingDma>, usize);

impl StreamingDma for Lender {
    fn lend_to_fill(&self, bytes: &mut [u8]) -> Option<PhysAddr> {
        (bytes.len() >= self.1).then(|| self.0.lend_to_fill(bytes))?
    }
    fn take_back(&self, bytes: &mut [u8], address: PhysAddr) {
        assert!(bytes.len() >= self.1, "{address} was not lent");
        self.0.take_back(bytes, address);
    }
    fn lend_to_read(&self, bytes: &[u8]) -> Option<PhysAddr> {
        (bytes.len() >= self.1).then(|| self.0.lend_to_read(bytes))?
    }
}

impl Platform for Selfish {
    fn map(&self, region: Region) -> Option<Box<dyn Registers>> {
        self.0.map(region)
    }
    fn dma(&self, len: usize) -> Option<Box<dyn DmaMemory>> {
        self.0.dma(len)
    }
    fn streaming(&self) -> Rc<dyn StreamingDma> {
        Rc::new(Lender(self.0.streaming(), self.1))
    }
    fn clock(&self) -> Rc<dyn Clock> {
        self.0.clock()
    }
    fn without_coherence(&self) -> Box<dyn Platform + '_> {
        panic!("the probe decides that")
    }
}

fn node() -> NodeInfo {
    NodeInfo {
        path: "/virtio_mmio@a003c00".into(),
        reg: Vec::from([Region::new(PhysAddr(0x0a00_3c00), 0x200).unwrap()]),
        ..NodeInfo::default()
    }
}

struct Setup {
    legacy: bool,
    lends: bool,
    /// Bytes that a machine which does not lend does lend.
    least: usize,
}

const USUAL: Setup = Setup {
    legacy: false,
    lends: true,
    least: usize::MAX,
};

/// Every way in which a driver can reach a disk.
fn setups() -> impl Iterator<Item = Setup> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(legacy, lends)| Setup { legacy, lends, ..USUAL })
}

fn try_start(setup: &Setup, disk: Disk, change: impl FnOnce(&Model)) -> (Model, Result<VirtioBlk, VirtioError>) {
    let device = |memory, _| Model::with_disk(memory, setup.legacy, disk);
    let (platform, model) = FakePlatform::around(BusMemory::default(), device);
    change(&model);
    let (transport, id) = MmioTransport::open(&node(), &platform).unwrap().unwrap();
    assert_eq!(id, BLOCK);
    let name = "virtio-blk#0".into();
    let device = if setup.lends {
        VirtioBlk::start(name, Box::new(transport), &platform)
    } else {
        VirtioBlk::start(name, Box::new(transport), &Selfish(platform, setup.least))
    };
    (model, device)
}

/// A disk that has been looked at.
fn started(setup: &Setup, disk: Disk) -> (Model, VirtioBlk) {
    let (model, device) = try_start(setup, disk, |_| ());
    let mut device = device.unwrap();
    device.rescan(&mut || ()).unwrap();
    let mut state = model.0.borrow_mut();
    let disk = state.disk.as_mut().unwrap();
    disk.seen.clear();
    disk.batches.clear();
    drop(state);
    (model, device)
}

fn faults(model: &Model, faults: &[Fault]) {
    model
        .0
        .borrow_mut()
        .disk
        .as_mut()
        .unwrap()
        .faults
        .extend(faults.iter().copied());
}

fn take_seen(model: &Model) -> Vec<Seen> {
    core::mem::take(&mut model.0.borrow_mut().disk.as_mut().unwrap().seen)
}

fn read(device: &mut VirtioBlk, first: u64, blocks: usize) -> Result<Vec<u8>, BlockFault> {
    let mut bytes = vec![0xee; blocks * 512];
    let done = device.read(BlockIdx(first), &mut bytes, &mut || ());
    done.map(|()| bytes).map_err(|error| error.fault)
}

#[test]
fn a_disk_is_what_it_says() {
    for setup in setups() {
        let (model, device) = try_start(&setup, Disk::new(100), |_| ());
        let mut device = device.unwrap();
        let version = if setup.legacy { 0 } else { VERSION_1 };
        assert_eq!(model.0.borrow().accepted, 1 << 2 | 1 << 9 | version);
        assert_eq!(
            (device.name(), device.interface()),
            ("virtio-blk#0", BlockInterface::Virtio)
        );
        assert_eq!(device.medium(), None, "nobody has looked");
        assert_eq!(read(&mut device, 0, 1), Err(BlockFault::NoMedium));
        device.rescan(&mut || ()).unwrap();
        let medium = device.medium().unwrap();
        assert_eq!((medium.blocks, medium.read_only), (100, false));
        assert_eq!(
            (medium.vendor.as_str(), medium.product.as_str()),
            ("QEMU", "VirtIO Block Device")
        );
        assert_eq!(medium.facts, [("Serial", "slipway-test-disk-00".to_string())]);
    }
}

#[test]
fn serial_numbers_that_are_none() {
    let mut disk = Disk::new(8);
    disk.serial = b"";
    assert!(started(&USUAL, disk).1.medium().unwrap().facts.is_empty());
    let mut disk = Disk::new(8);
    disk.serial = b"\x1b[2Jab\xff\x07\0trailing rest";
    let (_, device) = started(&USUAL, disk);
    assert_eq!(
        device.medium().unwrap().facts,
        [("Serial", "[2Jab".to_string())],
        "no control characters"
    );
}

#[test]
fn blocks_are_read_and_written_with_one_request() {
    for setup in setups() {
        let (model, mut device) = started(&setup, Disk::new(100));
        let before = model.0.borrow().disk.as_ref().unwrap().bytes.clone();
        assert_eq!(read(&mut device, 7, 93).unwrap(), before[7 * 512..]);
        let seen = |kind, sector, blocks: usize, pieces| Seen {
            kind,
            sector,
            len: blocks * 512,
            pieces,
        };
        assert_eq!(take_seen(&model), [seen(0, 7, 93, 1)]);
        let new = vec![0x5a; 3 * 512];
        device.write(BlockIdx(10), &new, &mut || ()).unwrap();
        assert_eq!(take_seen(&model), [seen(1, 10, 3, 1), seen(4, 0, 0, 0)]);
        let state = model.0.borrow();
        let disk = state.disk.as_ref().unwrap();
        assert_eq!(disk.bytes[..10 * 512], before[..10 * 512]);
        assert_eq!(disk.bytes[10 * 512..13 * 512], new);
        assert_eq!(disk.bytes[13 * 512..], before[13 * 512..]);
        assert!(!disk.dirty, "what was written is on the medium");
    }
}

#[test]
fn a_disk_without_a_cache_is_not_told_to_empty_it() {
    let mut disk = Disk::new(8);
    disk.flushes = false;
    let (model, mut device) = started(&USUAL, disk);
    device.write(BlockIdx(0), &[1; 512], &mut || ()).unwrap();
    assert_eq!(take_seen(&model).len(), 1);
}

#[test]
fn limits_of_the_disk_are_kept() {
    // Pieces, bytes in each, and the requests for 40 blocks.
    let cases: [(u32, u32, &[usize]); 6] = [
        (1, 4096, &[4096, 4096, 4096, 4096, 4096]),
        (0, 8192, &[8192, 8192, 4096]),
        (2, 10_000, &[19_968, 512]),
        (3, 1000, &[2560, 2560, 2560, 2560, 2560, 2560, 2560, 2560]),
        (254, 64, &[15_872, 4608]),
        (u32::MAX, u32::MAX, &[20_480]),
    ];
    for (seg_max, size_max, requests) in cases {
        for lends in [true, false] {
            let mut disk = Disk::new(40);
            (disk.seg_max, disk.size_max) = (seg_max, size_max);
            let bytes = disk.bytes.clone();
            let (model, mut device) = started(&Setup { lends, ..USUAL }, disk);
            assert_eq!(read(&mut device, 0, 40).unwrap(), bytes);
            let lens: Vec<_> = take_seen(&model).iter().map(|seen| seen.len).collect();
            assert_eq!(lens, requests, "{seg_max} {size_max}");
        }
    }
}

#[test]
fn a_disk_that_takes_less_than_a_block_is_refused() {
    for (seg_max, size_max) in [(1, 511), (0, 100), (3, 170), (254, 0x1), (u32::MAX, 2)] {
        let mut disk = Disk::new(40);
        (disk.seg_max, disk.size_max) = (seg_max, size_max);
        let (model, device) = try_start(&USUAL, disk, |_| ());
        let Err(VirtioError::RequestTooSmall { bytes, .. }) = device.map(|_| ()) else {
            panic!("{seg_max} {size_max}");
        };
        assert_eq!(bytes, size_max);
        assert_eq!(model.0.borrow().status, 0, "left reset");
    }
}

#[test]
fn large_transfers_take_few_requests() {
    let blocks = 40 << 11;
    for (lends, most) in [(true, 8), (false, 640)] {
        let (model, mut device) = started(&Setup { lends, ..USUAL }, Disk::new(blocks));
        let bytes = read(&mut device, 0, blocks).unwrap();
        assert!(bytes == model.0.borrow().disk.as_ref().unwrap().bytes);
        assert_eq!(take_seen(&model).len(), most);
    }
}

#[test]
fn accesses_that_cannot_be() {
    let (model, mut device) = started(&USUAL, Disk::new(100));
    for (first, blocks) in [(100, 1), (99, 2), (u64::MAX, 1), (u64::MAX - 1, 2), (1 << 55, 1)] {
        assert_eq!(read(&mut device, first, blocks), Err(BlockFault::OutOfRange(100)));
        let written = device.write(BlockIdx(first), &vec![0; blocks * 512], &mut || ());
        assert_eq!(written.unwrap_err().fault, BlockFault::OutOfRange(100));
    }
    let mut odd = [0; 513];
    let error = device.read(BlockIdx(3), &mut odd, &mut || ()).unwrap_err();
    assert_eq!((error.fault, error.block), (BlockFault::Length(513), Some(BlockIdx(3))));
    assert_eq!(
        error.to_string(),
        "virtio-blk#0, block 3: 513 bytes are not whole blocks of 512"
    );
    assert_eq!(read(&mut device, 100, 0), Ok(Vec::new()));
    assert!(take_seen(&model).is_empty());
}

#[test]
fn a_read_only_disk_is_not_written() {
    let mut disk = Disk::new(8);
    disk.read_only = true;
    let (model, mut device) = started(&USUAL, disk);
    assert!(device.medium().unwrap().read_only);
    let error = device.write(BlockIdx(0), &[0; 512], &mut || ()).unwrap_err();
    assert_eq!(error.fault, BlockFault::ReadOnly);
    assert!(take_seen(&model).is_empty());
}

#[test]
fn a_disk_that_reports_errors_goes_on() {
    for setup in setups() {
        let (model, mut device) = started(&setup, Disk::new(8));
        faults(&model, &[Fault::Status(1), Fault::Status(2)]);
        assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Device(1)));
        assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Device(2)));
        assert!(read(&mut device, 0, 8).is_ok());
        assert_eq!(model.0.borrow().resets, 1, "no reset is needed");
        faults(&model, &[Fault::None, Fault::Status(1)]);
        let error = device.write(BlockIdx(0), &[0; 512], &mut || ()).unwrap_err();
        assert_eq!(
            (error.block, error.fault),
            (None, BlockFault::Device(1)),
            "the flush failed"
        );
    }
}

#[test]
fn an_error_names_the_block_of_its_request() {
    let mut disk = Disk::new(40);
    (disk.seg_max, disk.size_max) = (1, 4096);
    let (model, mut device) = started(&USUAL, disk);
    faults(&model, &[Fault::None, Fault::None, Fault::Status(1)]);
    let mut bytes = vec![0; 40 * 512];
    let error = device.read(BlockIdx(0), &mut bytes, &mut || ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "virtio-blk#0, block 16: the device failed, with status 0x1"
    );
}

#[test]
fn a_disk_that_is_silent_is_reset_in_time_and_goes_on() {
    for setup in setups() {
        let (model, mut device) = started(&setup, Disk::new(8));
        for fault in [Fault::Silence, Fault::Silence, Fault::OtherRequests] {
            faults(&model, &[fault]);
            let mut turns = 0;
            let mut bytes = [0; 512];
            let error = device.read(BlockIdx(2), &mut bytes, &mut || turns += 1).unwrap_err();
            assert_eq!((error.block, error.fault), (Some(BlockIdx(2)), BlockFault::Timeout(0)));
            assert!((20_000..30_000).contains(&turns), "{turns} turns of a millisecond");
        }
        assert_eq!(model.0.borrow().resets, 4);
        assert!(read(&mut device, 0, 8).is_ok());
        faults(&model, &[Fault::Silence]);
        let error = device.write(BlockIdx(2), &[1; 512], &mut || ()).unwrap_err();
        assert_eq!(error.fault, BlockFault::Timeout(1));
        assert!(read(&mut device, 2, 1).is_ok());
    }
}

#[test]
fn a_disk_that_does_not_come_back_is_stopped() {
    let (model, mut device) = started(&USUAL, Disk::new(8));
    faults(&model, &[Fault::Silence]);
    model.0.borrow_mut().hangs = true;
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Timeout(0)));
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Stopped));
    assert_eq!(device.rescan(&mut || ()).unwrap_err().fault, BlockFault::Stopped);
    assert_eq!(device.medium(), None);
}

#[test]
fn a_disk_that_comes_back_as_another_is_stopped() {
    let (model, mut device) = started(&USUAL, Disk::new(8));
    faults(&model, &[Fault::Silence]);
    model.0.borrow_mut().features &= !(1 << 9);
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Timeout(0)));
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Stopped));
    assert_eq!(model.0.borrow().status, 0);
}

#[test]
fn a_disk_that_lies_about_its_answers() {
    let (model, mut device) = started(&USUAL, Disk::new(8));
    let bytes = model.0.borrow().disk.as_ref().unwrap().bytes.clone();
    faults(&model, &[Fault::WildLength]);
    assert_eq!(read(&mut device, 0, 8).unwrap(), bytes, "the length is not believed");
    faults(&model, &[Fault::NoStatus]);
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Device(0xff)));
    assert_eq!(model.0.borrow().resets, 2, "it may still be at it");
    faults(&model, &[Fault::Status(77)]);
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Device(77)));
    faults(&model, &[Fault::Twice]);
    assert!(read(&mut device, 0, 1).is_ok());
    assert_eq!(read(&mut device, 3, 2).unwrap(), bytes[3 * 512..5 * 512]);
    assert_eq!(model.0.borrow().resets, 3);
}

#[test]
fn capacities_that_cannot_be() {
    let cases = [
        (0, "it holds no block"),
        (1 << 55, "it says that it has more bytes than can be counted"),
        (u64::MAX, "it says that it has more bytes than can be counted"),
    ];
    for (capacity, why) in cases {
        let mut disk = Disk::new(8);
        disk.capacity = capacity;
        let (_, device) = try_start(&USUAL, disk, |_| ());
        let mut device = device.unwrap();
        assert_eq!(device.rescan(&mut || ()).unwrap_err().fault, BlockFault::Unusable(why));
        assert_eq!(read(&mut device, 0, 1), Err(BlockFault::NoMedium));
    }
    for legacy in [false, true] {
        let (model, mut device) = started(&Setup { legacy, ..USUAL }, Disk::new(8));
        model.0.borrow().restless.set(true);
        let why = "its capacity changes while it is read";
        assert_eq!(device.rescan(&mut || ()).unwrap_err().fault, BlockFault::Unusable(why));
        model.0.borrow().restless.set(false);
    }
}

#[test]
fn a_disk_that_grows_is_seen_to() {
    let (model, mut device) = started(&USUAL, Disk::new(8));
    model.0.borrow_mut().config[0] = 9;
    model.0.borrow_mut().disk.as_mut().unwrap().bytes.extend([7; 512]);
    assert_eq!(read(&mut device, 8, 1), Err(BlockFault::OutOfRange(8)));
    device.rescan(&mut || ()).unwrap();
    assert_eq!(read(&mut device, 8, 1).unwrap(), [7; 512]);
}

#[test]
fn a_disk_that_cannot_start() {
    let (model, device) = try_start(&USUAL, Disk::new(8), |model| model.0.borrow_mut().limit = 3);
    assert_eq!(device.err(), Some(VirtioError::QueueTooSmall { queue: 0, limit: 3 }));
    assert_eq!(model.0.borrow().status, 0);
    let (_, device) = try_start(&USUAL, Disk::new(8), |model| model.0.borrow_mut().agrees = false);
    assert!(matches!(device.err(), Some(VirtioError::FeaturesRefused { .. })));
}

#[test]
fn the_smallest_queue_is_enough() {
    let (model, device) = try_start(&USUAL, Disk::new(64), |model| model.0.borrow_mut().limit = 4);
    let mut device = device.unwrap();
    device.rescan(&mut || ()).unwrap();
    let bytes = model.0.borrow().disk.as_ref().unwrap().bytes.clone();
    for _ in 0..70_000 / 64 {
        assert_eq!(read(&mut device, 0, 64).unwrap(), bytes);
    }
}

#[test]
fn shutdown_stops_the_device() {
    let (model, mut device) = started(&USUAL, Disk::new(8));
    device.shutdown();
    assert_eq!(model.0.borrow().status, 0);
    assert!(!model.0.borrow().queues[0].running);
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Stopped));
    let error = device.write(BlockIdx(0), &[0; 512], &mut || ()).unwrap_err();
    assert_eq!(error.fault, BlockFault::Stopped);
    let resets = model.0.borrow().resets;
    device.shutdown();
    assert_eq!(model.0.borrow().resets, resets, "once");
}

mod scattered;
