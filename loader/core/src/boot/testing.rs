//! A machine for the tests of this module, with RAM as on a board.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use hal::{ExceptionLevel, PhysAddr, Ram, Region};

use super::place::Loaded;
use super::plan::Packing;
use super::prepare::{Draft, Prepared, Request, prepare};
use super::{Finding, Severity};
use crate::devicetree::Tree;
use crate::image::arm64::tests::image;
use crate::memory::Memory;

/// RAM that costs the host only the pages that are touched: vectors of zeros come from it untouched.
struct LazyRam(Vec<(Region, Vec<u8>)>);

fn range(bank: Region, part: Region) -> Option<core::ops::Range<usize>> {
    let start = usize::try_from(part.start().get().checked_sub(bank.start().get())?).ok()?;
    bank.covers(part)
        .then(|| start..start + usize::try_from(part.len()).unwrap())
}

impl Ram for LazyRam {
    fn bytes(&self, region: Region) -> Option<&[u8]> {
        self.0.iter().find_map(|(bank, bytes)| bytes.get(range(*bank, region)?))
    }

    fn bytes_mut(&mut self, region: Region) -> Option<&mut [u8]> {
        self.0
            .iter_mut()
            .find_map(|(bank, bytes)| bytes.get_mut(range(*bank, region)?))
    }
}

pub(super) fn region(start: u64, len: u64) -> Region {
    Region::new(PhysAddr(start), len).unwrap()
}

/// 1 GiB at 0x40000000, as QEMU's virt machine has with `-m 1G`; the loader in the top 16 MiB.
pub(super) const VIRT: (u64, u64, u64) = (0x4000_0000, 0x4000_0000, 0x7f00_0000);
/// The low bank of a ZCU102.
pub(super) const ZYNQMP: (u64, u64, u64) = (0, 0x7ff0_0000, 0x7ef0_0000);

/// A machine (first bank's start and length, the loader's start) with files at addresses, loaded in that order.
pub(super) fn machine((start, len, loader): (u64, u64, u64), files: &[(u64, &str, Vec<u8>)]) -> Memory {
    let bank = region(start, len);
    let banks = [bank, region(0x8_0000_0000, 0x8000_0000)];
    let banks = if start == 0 { &banks[..] } else { &banks[..1] };
    let backed = |bank: &Region| (*bank, vec![0; usize::try_from(bank.len()).unwrap()]);
    let ram = LazyRam(banks.iter().map(backed).collect());
    let mut memory = Memory::new(Box::new(ram), banks);
    memory.reserve(Region::from_bounds(PhysAddr(loader), bank.end()).unwrap(), "the loader");
    for (at, name, bytes) in files {
        load(&mut memory, *at, name, bytes);
    }
    memory
}

pub(super) fn load(memory: &mut Memory, at: u64, name: &str, bytes: &[u8]) {
    let len = u64::try_from(bytes.len()).unwrap();
    let claim = memory.claim(PhysAddr(at), len, name).unwrap();
    memory.write(&claim, 0, bytes).unwrap();
    memory.record(claim, len);
}

/// Something that looks like Xen: an `Image` of 1.2 MiB in memory, 4 KiB of file.
pub(super) fn xen() -> Vec<u8> {
    let mut bytes = image(0, 0x13_0000, 0xa, 4096);
    bytes[1000..1016].copy_from_slice(b"xen,xen-bootargs");
    bytes
}

/// A kernel of `len` bytes that takes 16 MiB in memory.
pub(super) fn kernel(len: usize) -> Vec<u8> {
    image(0, 0x100_0000, 0xa, len)
}

/// A ramdisk of `len` bytes.
pub(super) fn cpio(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    bytes[..6].copy_from_slice(b"070701");
    bytes
}

/// The image of the file at `at`, to be started there.
pub(super) fn loaded(memory: &Memory, at: u64) -> Loaded {
    let file = memory.file_at(PhysAddr(at)).unwrap();
    let (name, source) = (file.name.clone(), file.region);
    Loaded {
        name,
        source,
        packing: Packing::Plain,
        wanted: Some(PhysAddr(at)),
        raw_entry: None,
    }
}

pub(super) fn request(memory: &Memory, image: u64, tree: u64) -> Request {
    let tree = memory.file_at(PhysAddr(tree)).unwrap().region;
    Request {
        image: loaded(memory, image),
        ramdisk: None,
        tree: Draft::Loaded(tree),
        bootargs: None,
    }
}

/// Prepares the start of the image at `image` with the tree at `tree`, at EL2.
pub(super) fn run(memory: &Memory, image: u64, tree: u64) -> Prepared {
    prepare(memory, ExceptionLevel::El2, request(memory, image, tree)).unwrap()
}

/// The sentences of that severity.
pub(super) fn sentences(findings: &[Finding], severity: Severity) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.sentence.clone())
        .collect()
}

/// All findings as they are printed.
pub(super) fn printed(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

/// The `reg` of the node at `path`, decoded.
pub(super) fn reg(tree: &Tree, path: &str) -> Vec<(u64, u64)> {
    tree.reg(tree.find(path).unwrap_or_else(|| panic!("no node {path}")))
        .unwrap()
}

/// Turns `edit` loose on a tree that is given as a blob.
pub(super) fn edited(blob: &[u8], edit: impl FnOnce(&mut Tree)) -> Vec<u8> {
    let mut tree = Tree::parse(blob).unwrap();
    edit(&mut tree);
    tree.emit(0).unwrap()
}
