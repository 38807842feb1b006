//! `blkcache`: what cards and disks were asked for.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::storage::{Limits, Statistics};

pub(crate) const COMMAND: Command = Command {
    name: "blkcache",
    aliases: &[],
    summary: "block cache and statistics",
    usage: "show\n\
        configure <blocks> <entries>",
    help: "show prints how often each card and disk was read and written, and how many blocks of 512 bytes that were, and counts from\n\
        zero again. Short reads are kept, and answered from there, while a line or a script runs; at the prompt, by sleep, by a\n\
        write and by a rescan all is forgotten. configure says of how many blocks a read may be that is kept, and how many of them\n\
        are (40 and 20 at first, both hexadecimal as for U-Boot), of which 1 MiB is kept in all at most. 0 entries keep nothing.",
    examples: &["blkcache show; load mmc 0:1 ${kernel_addr_r} Image; blkcache show"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    match args {
        [_, show] if show == "show" => {
            for (interface, number, statistics) in context.storage.take_statistics() {
                let Statistics {
                    reads,
                    blocks_read,
                    writes,
                    blocks_written,
                    kept,
                } = statistics;
                let word = interface.word();
                context.say(format_args!(
                    "{word} {number:x}: {reads} reads of {blocks_read} blocks, {writes} writes of {blocks_written} blocks, {kept} reads answered from what was kept"
                ));
            }
            Ok(Status::Success)
        }
        [_, configure, blocks, entries] if configure == "configure" => {
            let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
            let blocks = number(context.hexadecimal(blocks)?);
            let entries = number(context.hexadecimal(entries)?);
            context.storage.limit_kept(Limits { blocks, entries });
            Ok(Status::Success)
        }
        _ => Err(CommandError::Usage),
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use hal::fakes::FakeDisk;

    use crate::commands::testing::Bench;

    #[test]
    fn reads_and_writes_are_counted() {
        let mut bench = Bench::new();
        bench.attach(&[FakeDisk::zeroed(64), FakeDisk::zeroed(64).as_card()]);
        bench.dialogue(
            "\
=> blkcache show
mmc 0: 0 reads of 0 blocks, 0 writes of 0 blocks, 0 reads answered from what was kept
virtio 0: 0 reads of 0 blocks, 0 writes of 0 blocks, 0 reads answered from what was kept
=> read virtio 0:0 40200000 0 10; write virtio 0:0 40200000 8 4; write virtio 0:0 40200000 0 1; blkcache show
mmc 0: 0 reads of 0 blocks, 0 writes of 0 blocks, 0 reads answered from what was kept
virtio 0: 1 reads of 16 blocks, 2 writes of 5 blocks, 0 reads answered from what was kept
=> blkcache show
mmc 0: 0 reads of 0 blocks, 0 writes of 0 blocks, 0 reads answered from what was kept
virtio 0: 0 reads of 0 blocks, 0 writes of 0 blocks, 0 reads answered from what was kept
=> blkcache configure 8 20; echo $?
0
=> blkcache configure x 20; echo $?
'x' is not a hexadecimal number
1
",
        );
        assert!(bench.enter("blkcache").starts_with("blkcache - "));
    }

    #[test]
    fn a_line_reads_the_same_blocks_once() {
        let mut bench = Bench::new();
        bench.attach(&[FakeDisk::zeroed(64).as_card()]);
        let read = "read mmc 0:0 40200000 0 10";
        let short = "read mmc 0:0 40200000 3 2";
        for (line, reads, kept) in [
            (read.into(), 1, 0),
            (format!("{read}; {read}; {short}"), 1, 2),
            (format!("{read}; sleep 0; {read}"), 2, 0),
            (format!("{read}; mmc rescan; {read}"), 2, 0),
            (format!("{read}; write mmc 0:0 40200000 20 1; {read}"), 2, 0),
            (
                format!("{read}; blkcache configure 2 1; {read}; {read}; {short}; {short}"),
                4,
                1,
            ),
            (format!("blkcache configure 40 0; {read}; {read}"), 2, 0),
        ] {
            // What a prompt does that waits.
            bench.context.idle();
            bench.enter("blkcache show");
            let output = bench.enter(&format!("{line}; blkcache show"));
            let last = output.lines().last().unwrap_or_default();
            assert!(last.starts_with(&format!("mmc 0: {reads} reads of ")), "{line}: {last}");
            assert!(
                last.ends_with(&format!(" {kept} reads answered from what was kept")),
                "{line}: {last}"
            );
        }
    }

    #[test]
    fn each_device_has_its_own_number_and_counts() {
        let mut bench = Bench::new();
        bench.attach(&[
            FakeDisk::zeroed(64),
            FakeDisk::zeroed(64).as_card(),
            FakeDisk::zeroed(64),
        ]);
        bench.dialogue(
            "\
=> read virtio 1:0 40200000 0 3; read mmc 0:0 40200000 0 2; write virtio 0:0 40200000 0 1; blkcache show
mmc 0: 1 reads of 2 blocks, 0 writes of 0 blocks, 0 reads answered from what was kept
virtio 0: 0 reads of 0 blocks, 1 writes of 1 blocks, 0 reads answered from what was kept
virtio 1: 1 reads of 3 blocks, 0 writes of 0 blocks, 0 reads answered from what was kept
",
        );
    }
}
