//! What lies behind the header of a legacy uImage, for modules that have to do without it.

use alloc::string::ToString;
use alloc::vec::Vec;

use hal::Region;

use super::super::Finding;
use super::super::plan::Role;
use super::super::survey::Entry;
use super::{PatchError, contents};
use crate::image::{detect, uimage};
use crate::memory::{LoadedFile, Memory};

/// The ramdisk or kernel behind a uImage's header, both CRCs verified.
///
/// Xen hands ramdisks to guests as they are. Of a kernel it reads the header, but does not unpack the file before 4.18, and since then loads
/// it to the load address, which for a board's uImage is one of the board and not of the guest (`docs/misc/arm/booting.txt`).
pub(super) fn module(
    memory: &Memory,
    (path, entry): (&str, &Entry),
    (region, file): (Region, Option<&LoadedFile>),
    findings: &mut Vec<Finding>,
) -> Result<Region, PatchError> {
    let role = Role::from(entry.kind);
    if !matches!(role, Role::Ramdisk | Role::Kernel) || contents(memory, region) != detect::Kind::LegacyImage {
        return Ok(region);
    }
    let name = file.map_or_else(|| region.start().to_string(), |file| file.name.clone());
    let damaged = |source| PatchError::Wrapping {
        node: path.to_string(),
        file: name.clone(),
        at: region.start(),
        source,
    };
    let bytes = memory.bytes(region).unwrap_or_default();
    let header = uimage::Header::parse(bytes).map_err(damaged)?;
    header.data(bytes).map_err(damaged)?;
    let inside = header.data_region(region).unwrap_or(region);
    if role == Role::Kernel && !may_be_unwrapped(memory, inside, (entry, &header)) {
        return Ok(region);
    }
    findings.push(Finding::note(format_args!(
        "{path}: {name} is a uImage; reg names the {role} behind its 64-byte header"
    )));
    Ok(inside)
}

/// Whether a kernel needs no more than an `Image`'s own header. What is none has nothing but the uImage's; and who gives a plain one for a
/// domain a load address in a guest's RAM means it.
fn may_be_unwrapped(memory: &Memory, inside: Region, (entry, header): (&Entry, &uimage::Header)) -> bool {
    match contents(memory, inside) {
        detect::Kind::Arm64Image => entry.domain == 0 || header.load < GUEST_RAM,
        detect::Kind::Gzip => {
            let packed = memory.bytes(inside).unwrap_or_default();
            detect::packed_kind(packed) == Ok(detect::Kind::Arm64Image)
        }
        _ => false,
    }
}

/// Where RAM begins in Xen's guests (`GUEST_RAM0_BASE`).
const GUEST_RAM: u32 = 0x4000_0000;

/// The data of a uImage without damage, else all of it.
pub(super) fn ramdisk(memory: &Memory, file: Region) -> Region {
    let bytes = memory.bytes(file).unwrap_or_default();
    let header = uimage::Header::parse(bytes)
        .ok()
        .filter(|header| header.data(bytes).is_ok());
    header.and_then(|header| header.data_region(file)).unwrap_or(file)
}
