//! `sha256sum`: the SHA-256 digest of a part of memory.

use super::Command;
use super::checksum;
use crate::context::{Args, CommandResult, Context};
use crate::digest::Algorithm;

pub(crate) const COMMAND: Command = Command {
    name: "sha256sum",
    aliases: &[],
    summary: "compute SHA-256 message digest",
    usage: "address count [[*]sum]\n\
        -v address count [*]sum",
    help: "Prints the SHA-256 digest of count bytes, and writes it to the address after a *, or as digits to a variable. With -v it\n\
        is compared with what is at the address or in the variable, or with the digits themselves, and only a difference is told.",
    examples: &[
        "sha256sum ${fileaddr} ${filesize}",
        "sha256sum -v 40200000 1000 *44000000",
    ],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    checksum::run(context, Algorithm::Sha256, args.get(1..).unwrap_or_default())
}
