//! Data put where somebody wants them: copied, or unpacked, into claimed RAM, and known as a loaded file from then on.

use alloc::format;

use hal::{PhysAddr, Region};

use crate::boot::handoff::{self, HandoffError};
use crate::boot::plan::Packing;
use crate::context::{CommandError, Context};
use crate::image::gzip;

/// Data, and how they are packed.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Packed {
    pub(in crate::commands) region: Region,
    pub(in crate::commands) packing: Packing,
}

/// Puts the data at `target`, where they are called `name`. Gives the region that they fill.
pub(in crate::commands) fn put(
    context: &mut Context,
    packed: &Packed,
    target: PhysAddr,
    name: &str,
) -> Result<Region, CommandError> {
    let Context { memory, terminal, .. } = context;
    let source = packed.region;
    let len = match packed.packing {
        Packing::Plain => source.len(),
        Packing::Gzip => u64::from(gzip::stated_size(memory.bytes(source)?).unwrap_or(0)),
    };
    let claim = memory.claim(target, len, name)?;
    if packed.packing == Packing::Gzip && claim.region().overlaps(source) {
        let place = claim.region();
        memory.abandon(claim, 0);
        return Err(CommandError::failed(format!(
            "{name} would be unpacked to {place}, over its own packed data at {source}"
        )));
    }
    let mut interrupted = || terminal.interrupted();
    let done = match packed.packing {
        Packing::Plain => handoff::copy(memory, source, &claim, &mut interrupted),
        Packing::Gzip => handoff::unpack(memory, (name, source), &claim, &mut interrupted),
    };
    match done {
        Ok(len) => Ok(memory.record(claim, len)),
        Err(error) => {
            memory.abandon(claim, len);
            Err(match error {
                HandoffError::Interrupted => CommandError::Interrupted,
                other => other.into(),
            })
        }
    }
}
