use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use hal::fakes::FakePlatform;
use hal::flash::FlashFault;
use hal::{Flash, NodeInfo, PhysAddr, Region};

use super::model::{Bank, Defect, Shape};
use super::{CfiError, CfiFlash, find};

const START: u64 = 0x400_0000;
const BLOCK: usize = 0x400;

const SHAPE: Shape = Shape {
    width: 2,
    block: BLOCK,
    blocks: 4,
    buffer: 6,
    locks: false,
};

fn open_node(bank: &Bank, bank_width: Option<u32>) -> Result<CfiFlash, CfiError> {
    let len = bank.chips.borrow().iter().map(|chip| chip.bytes.len() as u64).sum();
    let node = NodeInfo {
        path: "/flash@0".into(),
        reg: Vec::from([Region::new(PhysAddr(START), len).unwrap()]),
        bank_width,
        ..NodeInfo::default()
    };
    let bank = bank.clone();
    let platform = FakePlatform::new(move |_| Some(Box::new(bank.clone())));
    find(&node, &platform)?.swap_remove(0).1
}

fn open(bank: &Bank) -> CfiFlash {
    let width: usize = bank.chips.borrow().len() * SHAPE.width;
    open_node(bank, Some(width as u32)).unwrap()
}

/// Every bank that chips can make, with a buffer and without, with locks and without.
fn banks() -> Vec<(Shape, usize)> {
    let mut banks = Vec::new();
    for (width, chips) in [(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 1)] {
        for (buffer, locks) in [(0, false), (5, false), (6, true)] {
            let shape = Shape {
                width,
                buffer,
                locks,
                ..SHAPE
            };
            banks.push((shape, chips));
        }
    }
    banks
}

#[test]
fn every_bank_is_found_and_keeps_what_it_is_given() {
    for (shape, chips) in banks() {
        let bank = Bank::new(shape, chips);
        let mut flash = open_node(&bank, Some((shape.width * chips) as u32)).unwrap();
        assert!(bank.is_at_rest(), "{shape:?} {chips}");
        assert_eq!(flash.name(), "cfi-flash@4000000");
        assert_eq!(flash.region().len(), (BLOCK * 4 * chips) as u64);
        let block = (BLOCK * chips) as u64;
        assert_eq!(flash.erase_block(block + 5), Some(block..2 * block));
        assert_eq!(flash.erase_block(4 * block), None);
        let calls = Cell::new(0);
        flash.erase(block + 7, &mut || calls.set(calls.get() + 1)).unwrap();
        assert!(calls.get() > 0, "nothing is done meanwhile");
        let text: Vec<u8> = (0..300usize).map(|at| (at * 7) as u8).collect();
        flash.program(block + 3, &text, &mut || ()).unwrap();
        assert!(bank.is_at_rest(), "{shape:?} {chips}");
        let mut read = vec![0; 310];
        flash.read(block, &mut read).unwrap();
        assert_eq!(read[..3], [0xff; 3]);
        assert_eq!(read[3..303], text[..], "{shape:?} {chips}");
        assert_eq!(read[303..], [0xff; 7]);
        let locked = |chip: &super::model::Chip| chip.locked.iter().all(|locked| *locked == shape.locks);
        assert!(bank.chips.borrow().iter().all(locked), "locks are as before");
    }
}

#[test]
fn programming_only_clears_bits_and_the_neighbours_stay() {
    let bank = Bank::new(SHAPE, 2);
    let mut flash = open(&bank);
    flash.erase(0, &mut || ()).unwrap();
    flash.program(4, &[0x0f], &mut || ()).unwrap();
    flash.program(4, &[0xf1, 0xff], &mut || ()).unwrap();
    let mut read = [0; 8];
    flash.read(0, &mut read).unwrap();
    assert_eq!(read, [0xff, 0xff, 0xff, 0xff, 0x01, 0xff, 0xff, 0xff]);
    let mut next = [0; 2];
    flash.read(2 * BLOCK as u64, &mut next).unwrap();
    assert_eq!(next, [0, 0], "the next block was not erased");
}

#[test]
fn the_width_is_found_where_the_tree_does_not_tell() {
    open_node(&Bank::new(SHAPE, 2), None).unwrap();
}

#[test]
fn blocks_of_several_sizes() {
    let bank = Bank::new(SHAPE, 2);
    // Four small blocks below three large ones, as a boot block chip has.
    bank.tamper(0x2c, &[2, 3, 0, 1, 0, 2, 0, 4, 0]);
    let flash = open(&bank);
    let sizes = [
        (0, 0..0x200),
        (0x7ff, 0x600..0x800),
        (0x800, 0x800..0x1000),
        (0x1fff, 0x1800..0x2000),
    ];
    for (offset, block) in sizes {
        assert_eq!(flash.erase_block(offset), Some(block), "{offset:#x}");
    }
}

#[test]
fn what_is_no_flash_is_refused() {
    let refused = |at: usize, bytes: &[u8]| {
        let bank = Bank::new(SHAPE, 2);
        bank.tamper(at, bytes);
        let error = open_node(&bank, Some(4)).map(drop).unwrap_err();
        assert!(bank.is_at_rest());
        error.to_string()
    };
    assert_eq!(refused(0x10, b"X"), "nothing there answers as a CFI flash");
    assert_eq!(
        refused(0x13, &[2, 0]),
        "its command set 0x0002 is not Intel's, 0x0001 or 0x0003"
    );
    for (at, bytes) in [
        (0x27, &[200][..]),
        (0x27, &[0]),
        (0x2a, &[0, 1]),
        (0x2a, &[77]),
        (0x2c, &[0]),
        (0x2c, &[5]),
        (0x2d, &[0]),
        (0x2f, &[0, 0]),
    ] {
        assert_eq!(
            refused(at, bytes),
            "its own description of its blocks does not add up",
            "{at:#x}"
        );
    }
    let bank = Bank::new(SHAPE, 2);
    assert_eq!(open_node(&bank, Some(3)).map(drop), Err(CfiError::BankWidth(3)));
    let node = NodeInfo {
        reg: Vec::from([Region::new(PhysAddr(START), 0x1000).unwrap()]),
        ..NodeInfo::default()
    };
    let nowhere = find(&node, &FakePlatform::new(|_| None)).unwrap();
    assert!(nowhere.is_empty(), "what is not mapped is not looked at");
}

/// Whatever goes wrong is told with its address, and the flash reads as memory afterwards.
#[test]
fn failures_are_told_and_the_flash_reads_as_memory() {
    let erase = |flash: &mut CfiFlash| flash.erase(2 * BLOCK as u64, &mut || ());
    let program = |flash: &mut CfiFlash| flash.program(2 * BLOCK as u64, &[0; 8], &mut || ());
    for buffer in [0, 6] {
        for (defect, at_erase, at_program) in [
            (Defect::Hangs, Some(FlashFault::Timeout), Some(FlashFault::Timeout)),
            (Defect::LowVoltage, Some(FlashFault::Voltage), Some(FlashFault::Voltage)),
            (Defect::Confused, Some(FlashFault::Sequence), Some(FlashFault::Sequence)),
            (Defect::CannotErase, Some(FlashFault::Erase), None),
            (Defect::CannotProgram, None, Some(FlashFault::Program)),
        ] {
            // One bad chip of two is enough.
            for chip in 0..2 {
                let bank = Bank::new(Shape { buffer, ..SHAPE }, 2);
                let mut flash = open(&bank);
                bank.chips.borrow_mut()[chip].defect = Some(defect);
                let fault = |result: Result<(), hal::flash::FlashError>| result.err().map(|error| error.fault);
                assert_eq!(fault(erase(&mut flash)), at_erase, "{defect:?}");
                assert!(defect == Defect::Hangs || bank.is_at_rest(), "{defect:?}");
                assert_eq!(fault(program(&mut flash)), at_program, "{defect:?}");
                assert!(defect == Defect::Hangs || bank.is_at_rest(), "{defect:?}");
            }
        }
    }
}

#[test]
fn a_lock_that_does_not_open_is_told() {
    let bank = Bank::new(SHAPE, 2);
    let mut flash = open(&bank);
    bank.chips.borrow_mut()[1].locked[1] = true;
    let error = flash.erase(2 * BLOCK as u64, &mut || ()).unwrap_err();
    assert_eq!(error.to_string(), "the flash block is locked, at 0x4000800");
}

#[test]
fn what_lies_outside_is_refused() {
    let mut flash = open(&Bank::new(SHAPE, 2));
    let end = flash.region().len();
    for offset in [end, end - 3, u64::MAX] {
        let error = flash.read(offset, &mut [0; 4]).unwrap_err();
        assert_eq!(error.fault, FlashFault::OutOfRange);
        assert!(flash.program(offset, &[0; 4], &mut || ()).is_err());
    }
    assert!(flash.erase(end, &mut || ()).is_err());
    assert_eq!(
        format!("{}", flash.erase(end, &mut || ()).unwrap_err()),
        "beyond the end of the flash, at 0x4002000"
    );
}
