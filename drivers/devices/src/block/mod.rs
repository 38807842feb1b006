//! Block devices that need no card protocol, and what all block devices share.

pub mod virtio_blk;

use hal::block::{BLOCK_SIZE, BlockFault, BlockIdx, Medium};

/// What is wrong with an access to `len` bytes from block `first` of `medium`, if anything.
pub(crate) fn check(medium: &Medium, first: BlockIdx, len: usize) -> Option<BlockFault> {
    if !len.is_multiple_of(BLOCK_SIZE) {
        return Some(BlockFault::Length(len));
    }
    let end = first.checked_add(block_count(len));
    let inside = end.is_some_and(|end| end.get() <= medium.blocks);
    (!inside).then_some(BlockFault::OutOfRange(medium.blocks))
}

/// How many blocks `len` bytes are.
pub(crate) fn block_count(len: usize) -> u64 {
    u64::try_from(len / BLOCK_SIZE).unwrap_or(u64::MAX)
}

/// Does `work` on one chunk after the other until one fails. Each is whole blocks, the first of them at `first`.
///
/// # Errors
/// What `work` says.
pub(crate) fn walk<C: AsRef<[u8]>, E>(
    first: BlockIdx,
    chunks: impl Iterator<Item = C>,
    mut work: impl FnMut(BlockIdx, C) -> Result<(), E>,
) -> Result<(), E> {
    let mut block = first;
    for chunk in chunks {
        let blocks = block_count(chunk.as_ref().len());
        work(block, chunk)?;
        block = block.checked_add(blocks).unwrap_or(block);
    }
    Ok(())
}
