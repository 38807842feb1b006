//! `hash`: any digest of a part of memory.

use super::Command;
use super::checksum;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::digest::Algorithm;

pub(crate) const COMMAND: Command = Command {
    name: "hash",
    aliases: &[],
    summary: "compute hash message digest",
    usage: "algorithm address count [[*]hash_dest]\n\
        -v algorithm address count [*]hash",
    help: "Prints the digest of count bytes, and writes it to the address after a *, or as digits to a variable. With -v it is\n\
        compared with what is at the address or in the variable, or with the digits themselves, and only a difference is told.\n\
        The algorithms are crc32, md5, sha1, sha256, sha384 and sha512.",
    examples: &[
        "hash sha256 ${fileaddr} ${filesize}",
        "hash -v sha1 40200000 1000 expected_sum",
    ],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words = args.get(1..).unwrap_or_default();
    let verifies = words.first().is_some_and(|word| word == "-v");
    let name = words.get(usize::from(verifies)).ok_or(CommandError::Usage)?;
    let count = words.len().saturating_sub(usize::from(verifies));
    if count < 3 {
        return Err(CommandError::Usage);
    }
    let Some(algorithm) = Algorithm::named(&name.to_ascii_lowercase()) else {
        context.say(format_args!("Unknown hash algorithm '{name}'"));
        return Err(CommandError::Usage);
    };
    let mut rest = words.to_vec();
    rest.remove(usize::from(verifies));
    checksum::run(context, algorithm, &rest)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::context::{CommandError, Status};

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.enter("mw.b 40210000 5 100; mw.b 40210040 6; mw.b 40230000 0 100");
        bench
    }

    #[test]
    fn it_answers_as_u_boot_does() {
        // Read off U-Boot 2025.01 with HASH_VERIFY.
        bench().dialogue(
            "\
=> hash sha256 40210000 100; echo $?
sha256 for 40210000 ... 402100ff ==> 933fcd6c1422617d0f393f7e76e5afefd3da8b5ccfa1158b5b2a0514d7d5acc9
0
=> hash sha256 40210000 100 foo; printenv foo
sha256 for 40210000 ... 402100ff ==> 933fcd6c1422617d0f393f7e76e5afefd3da8b5ccfa1158b5b2a0514d7d5acc9
foo=933fcd6c1422617d0f393f7e76e5afefd3da8b5ccfa1158b5b2a0514d7d5acc9
=> hash sha256 40210000 100 40230000; echo $?
sha256 for 40210000 ... 402100ff ==> 933fcd6c1422617d0f393f7e76e5afefd3da8b5ccfa1158b5b2a0514d7d5acc9
0
=> printenv 40230000
40230000=933fcd6c1422617d0f393f7e76e5afefd3da8b5ccfa1158b5b2a0514d7d5acc9
=> hash sha256 40210000 100 *40230000; md.b 40230000 21
sha256 for 40210000 ... 402100ff ==> 933fcd6c1422617d0f393f7e76e5afefd3da8b5ccfa1158b5b2a0514d7d5acc9
40230000: 93 3f cd 6c 14 22 61 7d 0f 39 3f 7e 76 e5 af ef  .?.l.\"a}.9?~v...
40230010: d3 da 8b 5c cf a1 15 8b 5b 2a 05 14 d7 d5 ac c9  ...\\....[*......
40230020: 00                                               .
=> hash -v sha256 40210000 100 foo; echo $?
0
=> hash -v sha256 40210000 100 *40230000; echo $?
0
=> hash crc32 40210000 100 foo; printenv foo
crc32 for 40210000 ... 402100ff ==> e3661d7c
foo=e3661d7c
=> hash -v crc32 40210000 100 12345678; echo $?
crc32 for 40210000 ... 402100ff ==> e3661d7c != 12345678 ** ERROR **
1
=> hash md5 40210000 100; echo $?
md5 for 40210000 ... 402100ff ==> a1b14980adbede2de37a5cd24faf3315
0
=> hash SHA1 40210000 100; echo $?
sha1 for 40210000 ... 402100ff ==> d4dcb011e6d5e2f18364f03d2d627f9d0fa93c4e
0
=> hash sha384 40210000 100
sha384 for 40210000 ... 402100ff ==> d5831440d2d377c68e46e6ab4d1239ca706bc1e53775256983f119ed5bc874a4b7eb67ed9b9e55c620108e654e4a0b27
=> hash sha512 40210000 100
sha512 for 40210000 ... 402100ff ==> d2e00969749bf09d38d18e32a13ec5915eb93ceea805f3878fa7601c189ad3f5ed0854761ea91064561a0635ff63a5581338a425f2c97f0d5adfdf3b1856df92
=> hash -v sha1 40210000 100 nope; echo $?
Expected 40 hex digits in env var
ERROR: nope does not contain a valid sha1 sum
1
",
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut bench = bench();
        assert!(
            bench
                .enter("hash nope 40210000 100")
                .starts_with("Unknown hash algorithm 'nope'\nhash - compute")
        );
        for line in [
            "hash",
            "hash sha1",
            "hash sha1 40210000",
            "hash -v sha1 40210000 100",
            "hash sha1 1 2 3 4",
        ] {
            assert!(
                bench
                    .enter(line)
                    .starts_with("hash - compute hash message digest\n\nUsage:\n"),
                "{line}"
            );
            assert_eq!(bench.status(), Status::Failure);
        }
        bench.dialogue(
            "\
=> hash sha1 40210000 100 *foo; echo $?
'foo' is not a hexadecimal number
1
=> hash sha1 40210000 0; echo $?
0 bytes at 0x40210000: there is nothing to sum up
1
=> hash sha1 40210000 100 *40efffff; echo $?
sha1 for 40210000 ... 402100ff ==> d4dcb011e6d5e2f18364f03d2d627f9d0fa93c4e
0x40efffff..0x40f00013 runs into the loader at 0x40f00000..0x41000000
1
=> hash md5 40fffff0 20; echo $?
nothing answers at 0x41000000 (ESR 0x96000010)
1
=> hash md5 ffffffffffffffff 20
0x20 bytes at 0xffffffffffffffff run past the end of the address space
",
        );
        assert_eq!(
            bench.interrupted("hash md5 40210000 100"),
            Err(CommandError::Interrupted)
        );
    }

    #[test]
    fn the_commands_of_one_digest_each() {
        // Read off U-Boot 2025.01 with MD5SUM_VERIFY and SHA1SUM_VERIFY; it has no sha256sum.
        bench().dialogue(
            "\
=> md5sum 40210000 100; echo $?
md5 for 40210000 ... 402100ff ==> a1b14980adbede2de37a5cd24faf3315
0
=> md5sum 40210000 100 foo; printenv foo
md5 for 40210000 ... 402100ff ==> a1b14980adbede2de37a5cd24faf3315
foo=a1b14980adbede2de37a5cd24faf3315
=> md5sum -v 40210000 100 foo; echo $?
0
=> md5sum -v 40210000 100 *40230000; echo $?
md5 for 40210000 ... 402100ff ==> a1b14980adbede2de37a5cd24faf3315 != 00000000000000000000000000000000 ** ERROR **
1
=> md5sum -v 40210000 100 00000000000000000000000000000000; echo $?
md5 for 40210000 ... 402100ff ==> a1b14980adbede2de37a5cd24faf3315 != 00000000000000000000000000000000 ** ERROR **
1
=> sha1sum 40210000 100 *40230000; sha1sum -v 40210000 100 *40230000; echo $?
sha1 for 40210000 ... 402100ff ==> d4dcb011e6d5e2f18364f03d2d627f9d0fa93c4e
0
=> sha1sum -v 40210000 100 d4dcb011e6d5e2f18364f03d2d627f9d0fa93c4e; echo $?
0
=> sha256sum 40210000 100
sha256 for 40210000 ... 402100ff ==> 933fcd6c1422617d0f393f7e76e5afefd3da8b5ccfa1158b5b2a0514d7d5acc9
=> base 10
Base Address: 0x00000010
=> md5sum 40210000 10
md5 for 40210000 ... 4021000f ==> af52282db55243f4c147ba5d7fb1155a
",
        );
    }

    #[test]
    fn devices_are_read_with_words() {
        // The window answers each word with its address.
        bench().dialogue(
            "\
=> mw 40200000 09000010; mw 40200004 09000014; mw.w 40200008 18
=> hash crc32 40200000 9; hash crc32 9000010 9
crc32 for 40200000 ... 40200008 ==> 3a08154a
crc32 for 09000010 ... 09000018 ==> 3a08154a
",
        );
    }
}
