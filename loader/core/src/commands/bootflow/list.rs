//! The list of what can be booted.

use alloc::vec::Vec;

use super::scan::{self, Partition};
use super::targets::Target;
use crate::context::{CommandError, Context};

/// Something that can be booted.
pub(super) struct Found {
    method: &'static str,
    partition: Partition,
    file: &'static str,
}

/// Everything that is on the disks among the targets. What a server has is not asked.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C.
pub(super) fn all(context: &mut Context, targets: &[Target]) -> Result<Vec<Found>, CommandError> {
    let mut found = Vec::new();
    for target in targets {
        match target {
            Target::Disk(interface, device) => {
                let partitions = scan::partitions(context, *interface, *device);
                let place = alloc::format!("{} {device:x}", interface.word());
                for partition in scan::said(context, &place, partitions)?.unwrap_or_default() {
                    found.extend(on(context, partition)?);
                }
            }
            Target::Dhcp | Target::Pxe => {
                context.say(format_args!("network: what its server has is seen when it is booted"));
            }
        }
    }
    Ok(found)
}

fn on(context: &mut Context, partition: Partition) -> Result<impl Iterator<Item = Found>, CommandError> {
    let place = alloc::format!("{partition}");
    let methods = scan::look(context, partition);
    let methods = scan::said(context, &place, methods)?.unwrap_or_default();
    Ok(methods.into_iter().filter_map(move |(method, file)| {
        Some(Found {
            method: method.name,
            partition,
            file: file?,
        })
    }))
}

/// Prints the list, in columns as U-Boot has them.
pub(super) fn show(context: &mut Context, found: &[Found]) {
    const RULE: &str = "---  -----------  --------  ----  ------------------------  ----------------";
    context.say(format_args!(
        "Seq  Method       Uclass    Part  Name                      Filename\n{RULE}"
    ));
    for (
        number,
        Found {
            method,
            partition,
            file,
        },
    ) in found.iter().enumerate()
    {
        let uclass = partition.interface.word();
        let name = alloc::format!("{partition}");
        let part = partition.number;
        context.say(format_args!(
            "{number:3x}  {method:<11}  {uclass:<8}  {part:4x}  {name:<24}  {file}"
        ));
    }
    context.say(format_args!("{RULE}"));
}
