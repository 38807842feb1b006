//! `crc32`: the CRC-32 of a part of memory.

use alloc::format;

use super::Command;
use super::checksum::{Job, address_of, store, stored};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::digest::Algorithm;

pub(crate) const COMMAND: Command = Command {
    name: "crc32",
    aliases: &[],
    summary: "checksum calculation",
    usage: "address count [addr]\n\
        -v address count crc",
    help: "Prints the CRC-32 (IEEE 802.3) of count bytes, and writes it to addr, its highest byte first. With -v it is compared\n\
        with crc, or with the four bytes at an address after a *, and only a difference is told.",
    examples: &["crc32 ${fileaddr} ${filesize}", "crc32 -v 40200000 1000 e3661d7c"],
    repeatable: true,
    run,
};

const ALGORITHM: Algorithm = Algorithm::Crc32;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    match args {
        [_, option, address, len, crc] if option == "-v" => {
            let job = Job::new(context, ALGORITHM, (address, len))?;
            let expected = match crc.strip_prefix('*') {
                Some(place) => {
                    let place = address_of(context, place)?;
                    stored(context, ALGORITHM, place)?
                }
                None => typed(context, crc)?.to_be_bytes().to_vec(),
            };
            job.verify(context, &expected)
        }
        [_, option, ..] if option == "-v" => Err(CommandError::Usage),
        [_, address, len] => {
            Job::new(context, ALGORITHM, (address, len))?.show(context)?;
            Ok(Status::Success)
        }
        [_, address, len, target] => {
            let job = Job::new(context, ALGORITHM, (address, len))?;
            let target = address_of(context, target.strip_prefix('*').unwrap_or(target))?;
            let sum = job.show(context)?;
            store(context, target, &sum)?;
            Ok(Status::Success)
        }
        _ => Err(CommandError::Usage),
    }
}

fn typed(context: &mut Context, crc: &str) -> Result<u32, CommandError> {
    let value = context.hexadecimal(crc)?;
    u32::try_from(value).map_err(|_| CommandError::failed(format!("'{crc}' has more than the 32 bits of a CRC-32")))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn it_answers_as_u_boot_does() {
        // Read off U-Boot 2025.01 with CRC32_VERIFY.
        Bench::new().dialogue(
            "\
=> mw.b 40210000 5 100; mw.b 40210040 6
=> crc32 40210000 100; echo $?
crc32 for 40210000 ... 402100ff ==> e3661d7c
0
=> crc32 40210000 100 40230000; echo $?
crc32 for 40210000 ... 402100ff ==> e3661d7c
0
=> md 40230000 1
40230000: 7c1d66e3                             .f.|
=> mw 40230000 0; crc32 40210000 100 *40230000; md 40230000 1
crc32 for 40210000 ... 402100ff ==> e3661d7c
40230000: 7c1d66e3                             .f.|
=> crc32 -v 40210000 100 40230000; echo $?
crc32 for 40210000 ... 402100ff ==> e3661d7c != 40230000 ** ERROR **
1
=> crc32 -v 40210000 100 *40230000; echo $?
0
=> crc32 -v 40210000 100 e3661d7c; echo $?
0
=> mw 40230000 0; crc32 -v 40210000 100 *40230000; echo $?
crc32 for 40210000 ... 402100ff ==> e3661d7c != 00000000 ** ERROR **
1
=> crc32 -v 40210000 100; echo $?
crc32 - checksum calculation

Usage:
crc32 address count [addr]
crc32 -v address count crc
1
",
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut bench = Bench::new();
        for line in ["crc32", "crc32 40210000", "crc32 -v", "crc32 1 2 3 4"] {
            assert!(bench.enter(line).contains("Usage:"), "{line}");
        }
        bench.dialogue(
            "\
=> crc32 40210000 0; echo $?
0 bytes at 0x40210000: there is nothing to sum up
1
=> crc32 40210000 100 foo
'foo' is not a hexadecimal number
=> crc32 -v 40210000 100 123456789; echo $?
'123456789' has more than the 32 bits of a CRC-32
1
=> crc32 900000000 4; echo $?
nothing answers at 0x900000000 (ESR 0x96000010)
1
",
        );
    }

    #[test]
    fn a_long_range_is_summed_up_in_pieces() {
        let mut bench = Bench::new();
        let zeros = bench.enter("mw.b 40100001 0 300003; crc32 40100001 300003");
        let expected = crc32fast::hash(&alloc::vec![0; 0x30_0003]);
        assert_eq!(
            zeros,
            alloc::format!("crc32 for 40100001 ... 40400003 ==> {expected:08x}\n")
        );
    }
}
