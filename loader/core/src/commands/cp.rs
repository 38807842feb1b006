//! `cp`: copies memory.

use alloc::string::String;
use alloc::vec::Vec;

use hal::{PhysAddr, Region, Width};

use super::Command;
use super::access::{PIECE, based_address, check_interrupt, finish, is_ram, objects, read, to_little_endian, width_of};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::memory::Claim;

pub(crate) const COMMAND: Command = Command {
    name: "cp",
    aliases: &[],
    summary: "memory copy",
    usage: "[.b, .w, .l, .q] source target count",
    help: "Copies count objects of 8, 16, 32 or 64 bits. Source and target may overlap. RAM that is reserved is not written;\n\
        devices are read and written with one access for each object. A file that was loaded is known at its new place, too.",
    examples: &["cp.b ${fileaddr} 48000000 ${filesize}", "cp.l 9000000 40200000 4"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [name, source, target, count] = args else {
        return Err(CommandError::Usage);
    };
    let width = width_of(name)?;
    let source = based_address(context, source)?;
    let target = based_address(context, target)?;
    let count = context.hexadecimal(count)?;
    if count == 0 {
        return Err(CommandError::failed("Zero length ???"));
    }
    let (from, to) = (objects(source, count, width)?, objects(target, count, width)?);
    if !is_ram(context, to) {
        return each_object(context, (from, to), width, |context, address, value| {
            Ok(context.system.bus_write(address, width, value)?)
        });
    }
    let claim = context.memory.claim(to.start(), to.len(), "cp")?;
    match context.memory.bytes(from) {
        Ok(_) => copy_ram(context, claim, from),
        Err(_) => copy_device(context, claim, from, width),
    }
}

/// Copies in pieces, from the end if the target begins inside the source.
fn copy_ram(context: &mut Context, claim: Claim, from: Region) -> CommandResult {
    let to = claim.region();
    let backwards = from.contains(to.start());
    let files = files_in(context, from);
    let mut done = 0;
    let mut result = Ok(());
    while done < from.len() && result.is_ok() {
        let len = PIECE.min(from.len().saturating_sub(done));
        let offset = if backwards {
            from.len().saturating_sub(done).saturating_sub(len)
        } else {
            done
        };
        context
            .memory
            .copy(&claim, offset, from.slice(offset, len).unwrap_or(from))?;
        done = done.saturating_add(len);
        result = check_interrupt(context);
    }
    finish(context, claim, if backwards && done > 0 { from.len() } else { done });
    result?;
    if !from.overlaps(to) {
        record(context, &files, to);
    }
    Ok(Status::Success)
}

/// The undamaged files that lie wholly inside `region`, by their offsets from its start.
fn files_in(context: &Context, region: Region) -> Vec<(u64, u64, String)> {
    let whole = context
        .memory
        .files_in(region)
        .filter(|file| file.overwritten_by.is_none() && region.covers(file.region));
    whole
        .map(|file| {
            let offset = file.region.start().get().saturating_sub(region.start().get());
            (offset, file.region.len(), file.name.clone())
        })
        .collect()
}

/// Notes the files that were copied at their new places.
fn record(context: &mut Context, files: &[(u64, u64, String)], to: Region) {
    for (offset, len, name) in files {
        let place = to.slice(*offset, *len);
        let claim = place.and_then(|place| context.memory.claim(place.start(), place.len(), name).ok());
        if let Some(claim) = claim {
            context.memory.record(claim, *len);
        }
    }
}

fn copy_device(context: &mut Context, claim: Claim, from: Region, width: Width) -> CommandResult {
    let to = claim.region();
    let result = each_object(context, (from, to), width, |context, address, value| {
        let offset = address.get().saturating_sub(to.start().get());
        Ok(context.memory.write(&claim, offset, &to_little_endian(value, width))?)
    });
    finish(context, claim, to.len());
    result
}

/// Reads each object of the first region and hands it to `write` with its address in the second.
fn each_object(
    context: &mut Context,
    (from, to): (Region, Region),
    width: Width,
    mut write: impl FnMut(&mut Context, PhysAddr, u64) -> Result<(), CommandError>,
) -> CommandResult {
    let mut offset = 0;
    while offset < from.len() {
        check_interrupt(context)?;
        let places = (from.start().checked_add(offset), to.start().checked_add(offset));
        let (Some(source), Some(target)) = places else { break };
        let value = read(context, source, width)?;
        write(context, target, value)?;
        offset = offset.saturating_add(width.bytes());
    }
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use hal::fakes::SystemEvent;
    use hal::{PhysAddr, Region, Width};

    use crate::commands::testing::{Bench, RAM};
    use crate::context::CommandError;

    #[test]
    fn it_answers_as_u_boot_does() {
        Bench::new().dialogue(
            "\
=> mw.q 40200000 1122334455667788; mw.q 40200008 99aabbccddeeff00
=> cp.b 40200000 40200101 10; echo $?
0
=> md.b 40200100 12
40200100: a5 88 77 66 55 44 33 22 11 00 ff ee dd cc bb aa  ..wfUD3\"........
40200110: 99 a5                                            ..
=> cp.w 40200002 40200200 2; md 40200200 2
40200200: 33445566 a5a5a5a5                    fUD3....
=> cp 40200000 40200000 0; echo $?
Zero length ???
1
=> cp 40200000; echo $?
cp - memory copy

Usage:
cp [.b, .w, .l, .q] source target count
1
",
        );
    }

    #[test]
    fn ranges_may_overlap() {
        let mut bench = Bench::new();
        let len = (3 << 20) + 5;
        let original: Vec<u8> = (0..len).map(|index: u32| (index / 7 % 251) as u8).collect();
        for (from, to) in [(0x10_0000, 0x10_0003), (0x20_0011, 0x20_0000), (0x10_0000, 0x28_0000)] {
            let memory = &mut bench.context.memory;
            let claim = memory.claim(PhysAddr(RAM + from), u64::from(len), "test").unwrap();
            memory.write(&claim, 0, &original).unwrap();
            memory.abandon(claim, 0);
            let line = alloc::format!("cp.b {:x} {:x} {len:x}", RAM + from, RAM + to);
            assert_eq!(bench.enter(&line), "", "{line}");
            let copy = Region::new(PhysAddr(RAM + to), u64::from(len)).unwrap();
            assert!(bench.context.memory.bytes(copy).unwrap() == original, "{line}");
        }
    }

    #[test]
    fn devices_are_read_and_written_object_by_object() {
        let mut bench = Bench::new();
        bench.dialogue(
            "\
=> cp.w 9000010 40200000 2; md.w 40200000 3
40200000: 0010 0012 a5a5                           ......
=> mw.l 40200000 12345678; cp.b 40200000 9000000 2; cp.w 9000010 9000020 1
=> cp 9000ffc 40200100 2; echo $?; md 40200100 2
nothing answers at 0x9001000 (ESR 0x96000010)
1
40200100: 09000ffc a5a5a5a5                    ........
",
        );
        let write = |at, width, value| SystemEvent::Write(PhysAddr(at), width, value);
        let expected = [
            write(0x0900_0000, Width::Byte, 0x78),
            write(0x0900_0001, Width::Byte, 0x56),
            write(0x0900_0020, Width::Half, 0x0010),
        ];
        assert_eq!(bench.system.events()[..], expected[..]);
    }

    #[test]
    fn what_may_not_be_written_is_refused() {
        Bench::new().dialogue(
            "\
=> cp.b 40200000 40effff0 20; echo $?
0x40effff0..0x40f00010 runs into the loader at 0x40f00000..0x41000000
1
=> cp.b 40200000 40fffff0 20; echo $?
0x40fffff0..0x41000010 is not all RAM: the bank there is 0x40000000..0x41000000
1
=> cp 40200000 900000000 1; echo $?
nothing answers at 0x900000000 (ESR 0x96000010)
1
=> cp ffffffffffffffff 40200000 1
0x4 bytes at 0xffffffffffffffff run past the end of the address space
=> cp 40200000 40300000 ffffffffffffffff
0xffffffffffffffff bytes at 0x40200000 run past the end of the address space
",
        );
    }

    #[test]
    fn a_file_is_known_at_its_new_place() {
        let mut bench = Bench::new();
        let memory = &mut bench.context.memory;
        let claim = memory.claim(PhysAddr(RAM), 0x101, "Image").unwrap();
        memory.record(claim, 0x101);
        bench.enter("cp.l 40000000 40200000 41");
        let copy = bench.context.memory.file_at(PhysAddr(RAM + 0x20_0000)).unwrap();
        assert_eq!((copy.name.as_str(), copy.region.len()), ("Image", 0x101));
        bench.enter("cp.b 40000000 40300000 100");
        assert_eq!(bench.context.memory.file_at(PhysAddr(RAM + 0x30_0000)), None);
        bench.enter("cp.b 40100000 40200080 100");
        let memory = &bench.context.memory;
        let copy = memory.file_at(PhysAddr(RAM + 0x20_0000)).unwrap();
        assert_eq!(copy.overwritten_by.as_deref(), Some("cp"));
    }

    #[test]
    fn ctrl_c_ends_it_after_a_piece() {
        let mut bench = Bench::new();
        bench.enter("mw.b 40000000 1 400000; mw.b 40400000 2 400000");
        let result = bench.interrupted("cp.b 40000000 40400000 400000");
        assert_eq!(result, Err(CommandError::Interrupted));
        assert_eq!(
            bench.enter("md.b 407fffff 1"),
            "407fffff: 02                                               .\n"
        );
    }
}
