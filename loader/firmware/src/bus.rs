//! Single accesses at any address, faults caught: for `md` and `mw`, and to find out whether a device is there.

use hal::system::BusFault;
use hal::{PhysAddr, Region, Width};

/// What the accesses of `exceptions.s` return in x0 and x1.
#[repr(C)]
struct Outcome {
    value: u64,
    syndrome: u64,
}

unsafe extern "C" {
    fn bus_settle() -> Outcome;
    fn bus_load_8(address: u64) -> Outcome;
    fn bus_load_16(address: u64) -> Outcome;
    fn bus_load_32(address: u64) -> Outcome;
    fn bus_load_64(address: u64) -> Outcome;
    fn bus_store_8(address: u64, value: u64) -> Outcome;
    fn bus_store_16(address: u64, value: u64) -> Outcome;
    fn bus_store_32(address: u64, value: u64) -> Outcome;
    fn bus_store_64(address: u64, value: u64) -> Outcome;
}

/// Takes an SError that an earlier stage left pending, and gives its syndrome: the first device that is looked for would count as absent for it,
/// or whoever is started would get it.
pub(crate) fn settle() -> Option<u64> {
    // SAFETY: touches no memory; an SError is caught (`handle_exception`).
    let syndrome = unsafe { bus_settle() }.syndrome;
    (syndrome != 0).then_some(syndrome)
}

/// Reads one value; a misaligned or refused access is an error.
pub(crate) fn read(address: PhysAddr, width: Width) -> Result<u64, BusFault> {
    let load = match width {
        Width::Byte => bus_load_8,
        Width::Half => bus_load_16,
        Width::Word => bus_load_32,
        Width::Double => bus_load_64,
    };
    check_alignment(address, width)?;
    // SAFETY: a fault is caught (`handle_exception`). A read may have side effects on a device: that is what the person at
    // the console asked for, or harmless with the device that is looked for. Rust's own data is only looked at, by an opaque call.
    outcome(address, unsafe { load(address.get()) })
}

/// Whether something answers where `registers` begin, which is read. A region without a byte asks nobody.
pub(crate) fn answers(registers: Region) -> bool {
    Width::widest_at_start(registers).is_none_or(|width| read(registers.start(), width).is_ok())
}

/// Writes one value; a misaligned or refused access is an error. The caller keeps it off the loader's own memory.
pub(crate) fn write(address: PhysAddr, width: Width, value: u64) -> Result<(), BusFault> {
    let store = match width {
        Width::Byte => bus_store_8,
        Width::Half => bus_store_16,
        Width::Word => bus_store_32,
        Width::Double => bus_store_64,
    };
    check_alignment(address, width)?;
    // SAFETY: a fault is caught; `hal::System::bus_write` demands that this is not the loader's memory, so no Rust object
    // changes.
    outcome(address, unsafe { store(address.get(), value) }).map(|_| ())
}

/// Device memory takes only aligned accesses; say so before the hardware does.
fn check_alignment(address: PhysAddr, width: Width) -> Result<(), BusFault> {
    /// ESR of a data abort at the same level with an alignment fault (EC 0x25, DFSC 0x21).
    const ALIGNMENT_FAULT: u64 = 0x9600_0021;
    if address.is_aligned(width.bytes()) {
        Ok(())
    } else {
        Err(BusFault {
            address,
            syndrome: ALIGNMENT_FAULT,
        })
    }
}

fn outcome(address: PhysAddr, outcome: Outcome) -> Result<u64, BusFault> {
    match outcome.syndrome {
        0 => Ok(outcome.value),
        syndrome => Err(BusFault { address, syndrome }),
    }
}
