//! Block devices that need no card protocol, and what all block devices share.

pub mod virtio_blk;

use alloc::string::String;

use hal::BlockError;
use hal::block::{BLOCK_SIZE, BlockFault, BlockIdx, Medium};

/// What is wrong with an access to `len` bytes from block `first` of the device called `name`, which has a medium or none, and runs or not.
pub(crate) fn check(
    (name, running): (&str, bool),
    medium: Option<&Medium>,
    (first, len): (BlockIdx, usize),
) -> Result<(), BlockError> {
    let fault = match medium {
        _ if !running => Some(BlockFault::Stopped),
        None => Some(BlockFault::NoMedium),
        Some(medium) => medium.check(first, len),
    };
    fault.map_or(Ok(()), |fault| {
        Err(BlockError {
            device: name.into(),
            block: Some(first),
            fault,
        })
    })
}

/// Bytes as text for people: what is not printable is left out.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let graphic = bytes.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
    graphic.map(|byte| char::from(*byte)).collect()
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
