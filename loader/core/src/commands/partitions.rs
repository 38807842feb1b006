//! How partition tables are printed.

use hal::block::BlockInterface;

use super::access::check_interrupt;
use super::disk;
use crate::context::{CommandError, Context};
use crate::fs::{Kind, Partition, Scheme, Table};

/// Prints the table of a device, as U-Boot does, and what is wrong with it.
pub(super) fn print(context: &mut Context, interface: BlockInterface, number: u32) -> Result<(), CommandError> {
    let table = disk::table(context, interface, number)?;
    let scheme = match table.scheme {
        Scheme::None => {
            let place = alloc::format!("{} {number:x}", interface.word());
            return Err(CommandError::Failed(alloc::format!(
                "** No partition table - {place} **"
            )));
        }
        Scheme::Mbr => "DOS",
        Scheme::Gpt => "EFI",
    };
    let word = interface.word();
    context.say(format_args!(
        "\nPartition Map for {word} device {number:x}  --   Partition Type: {scheme}\n"
    ));
    rows(context, &table)?;
    for warning in &table.warnings {
        check_interrupt(context)?;
        context.say(format_args!("{warning}"));
    }
    Ok(())
}

fn rows(context: &mut Context, table: &Table) -> Result<(), CommandError> {
    match table.scheme {
        Scheme::Gpt => context.say(format_args!(
            "Part\tStart LBA\tEnd LBA\t\tName\n\tAttributes\n\tType GUID\n\tPartition GUID"
        )),
        _ => context.say(format_args!("Part\tStart Sector\tNum Sectors\tUUID\t\tType")),
    }
    for partition in &table.partitions {
        check_interrupt(context)?;
        let Partition {
            number,
            start,
            blocks,
            name,
            kind,
            uuid,
            attributes,
            ..
        } = partition;
        match kind {
            Kind::Gpt(guid) => {
                let last = start.get().saturating_add(*blocks).saturating_sub(1);
                context.say(format_args!(
                    "{number:3}\t{:#010x}\t{last:#010x}\t\"{name}\"\n\
                    \tattrs:\t{attributes:#018x}\n\ttype:\t{guid}\n\tguid:\t{uuid}",
                    start.get()
                ));
            }
            Kind::Mbr(kind_byte) => {
                let extended = if kind.is_extended() { " Extd" } else { "" };
                let boot = if partition.bootable { " Boot" } else { "" };
                context.say(format_args!(
                    "{number:3}\t{:<10}\t{blocks:<10}\t{uuid}\t{kind_byte:02x}{extended}{boot}",
                    start.get()
                ));
            }
        }
    }
    Ok(())
}
