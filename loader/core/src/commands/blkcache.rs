//! `blkcache`: what cards and disks were asked for.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::storage::Statistics;

pub(crate) const COMMAND: Command = Command {
    name: "blkcache",
    aliases: &[],
    summary: "block device statistics",
    usage: "show\n\
        configure <blocks> <entries>",
    help: "show prints how often each card and disk was read and written, and how many blocks of 512 bytes that were, and counts from\n\
        zero again. There is no cache: files are read in a few long requests, straight to where they stay. So configure has nothing\n\
        to do, and succeeds for scripts that have it.",
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
                } = statistics;
                let word = interface.word();
                context.say(format_args!(
                    "{word} {number:x}: {reads} reads of {blocks_read} blocks, {writes} writes of {blocks_written} blocks"
                ));
            }
            Ok(Status::Success)
        }
        [_, configure, blocks, entries] if configure == "configure" => {
            context.hexadecimal(blocks)?;
            context.hexadecimal(entries)?;
            Ok(Status::Success)
        }
        _ => Err(CommandError::Usage),
    }
}

#[cfg(test)]
mod tests {
    use hal::fakes::FakeDisk;

    use crate::commands::testing::Bench;

    #[test]
    fn reads_and_writes_are_counted() {
        let mut bench = Bench::new();
        bench.attach(&[FakeDisk::zeroed(64), FakeDisk::zeroed(64).as_card()]);
        bench.dialogue(
            "\
=> blkcache show
mmc 0: 0 reads of 0 blocks, 0 writes of 0 blocks
virtio 0: 0 reads of 0 blocks, 0 writes of 0 blocks
=> read virtio 0:0 40200000 0 10; write virtio 0:0 40200000 8 4; write virtio 0:0 40200000 0 1; blkcache show
mmc 0: 0 reads of 0 blocks, 0 writes of 0 blocks
virtio 0: 1 reads of 16 blocks, 2 writes of 5 blocks
=> blkcache show
mmc 0: 0 reads of 0 blocks, 0 writes of 0 blocks
virtio 0: 0 reads of 0 blocks, 0 writes of 0 blocks
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
mmc 0: 1 reads of 2 blocks, 0 writes of 0 blocks
virtio 0: 0 reads of 0 blocks, 1 writes of 1 blocks
virtio 1: 1 reads of 3 blocks, 0 writes of 0 blocks
",
        );
    }
}
