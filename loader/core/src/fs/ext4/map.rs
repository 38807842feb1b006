//! Where a file's bytes are: its inode, and the tree of extents (ext4) or of block numbers (ext2, ext3) that hangs on it.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use thiserror::Error;

use super::super::field::{bytes, le16, le32};
use super::super::file::{MAX_PIECES, Piece};
use super::super::volume::VolumeError;
use super::Ext4Error;
use super::journal::Store;
use super::superblock::{Superblock, crc32c};

/// Inode flags.
const EXTENTS: u32 = 0x8_0000;
const INLINE_DATA: u32 = 0x1000_0000;
const ENCRYPTED: u32 = 0x800;

/// Bytes of a node's header, and of each entry behind it.
const ENTRY: usize = 12;

/// Levels of a tree of extents.
const MAX_DEPTH: u16 = 5;

/// Longest extent; longer ones are those that nobody has written yet.
const MAX_EXTENT: u16 = 32_768;

/// How many nodes or blocks of block numbers are read for one file: 8 GiB in blocks of 1 KiB without a hole.
const MAX_NODES: u32 = 32_768;

/// What is wrong with the map of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MapFault {
    /// The inode is not where inodes are.
    #[error("its inode {0} does not exist")]
    Inode(u32),
    /// A node of another kind.
    #[error("a node of its extents begins with {0:#06x} in place of 0xf30a")]
    Magic(u16),
    /// A node at a depth where it cannot be.
    #[error("a node of its extents says that it is {0} levels deep, where another depth is due")]
    Depth(u16),
    /// A node with more entries than there is room for.
    #[error("a node of its extents would have {0} entries")]
    Entries(u16),
    /// A node that is damaged.
    #[error("the node of its extents in block {0} has a wrong checksum")]
    Checksum(u64),
    /// Extents that overlap or go back.
    #[error("its extents are out of order at block {0} of the file")]
    Order(u64),
    /// An extent of nothing.
    #[error("an extent has no blocks, at block {0} of the file")]
    Empty(u64),
    /// Blocks that are not there.
    #[error("its block {0} is not on the volume")]
    Outside(u64),
    /// More nodes than a file needs.
    #[error("more than {MAX_NODES} blocks tell where it is")]
    Nodes,
    /// More pieces than are held.
    #[error("it lies in more than {MAX_PIECES} pieces")]
    Pieces,
    /// Bytes in place of a map.
    #[error("its data are in its inode, which is not supported")]
    Inline,
    /// A block of it whose first bytes are not what they are.
    #[error("its block {0} waits in the journal in another form")]
    Journal(u64),
    /// A key is needed.
    #[error("it is encrypted")]
    Encrypted,
}

/// Why there is no map: a fault, or the medium.
enum Failure {
    Fault(MapFault),
    Volume(VolumeError),
}

impl From<MapFault> for Failure {
    fn from(fault: MapFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<VolumeError> for Failure {
    fn from(error: VolumeError) -> Self {
        Self::Volume(error)
    }
}

/// The size of the file with that inode, and where its bytes are.
pub(super) fn read(
    store: &mut Store<'_>,
    superblock: &Superblock,
    (inode, name): (u32, &str),
) -> Result<(u64, Vec<Piece>), Ext4Error> {
    match read_inode(store, superblock, inode) {
        Ok(map) => Ok(map),
        Err(Failure::Volume(error)) => Err(error.into()),
        Err(Failure::Fault(fault)) => Err(Ext4Error::Map {
            name: String::from(name),
            fault,
        }),
    }
}

fn read_inode(store: &mut Store<'_>, superblock: &Superblock, number: u32) -> Result<(u64, Vec<Piece>), Failure> {
    let inode = raw_inode(store, superblock, number)?;
    let size = u64::from(le32(&inode, 0x6c)) << 32 | u64::from(le32(&inode, 4));
    let flags = le32(&inode, 0x20);
    if flags & INLINE_DATA != 0 {
        return Err(MapFault::Inline.into());
    }
    if flags & ENCRYPTED != 0 {
        return Err(MapFault::Encrypted.into());
    }
    let root: [u8; 60] = bytes(&inode, 0x28);
    let seed = superblock.seed.map(|seed| {
        let seed = crc32c(seed, &number.to_le_bytes());
        crc32c(seed, &bytes::<4>(&inode, 0x64))
    });
    let mut map = Map {
        store,
        superblock,
        seed,
        size,
        next: 0,
        nodes: 0,
        pieces: Vec::new(),
    };
    if flags & EXTENTS != 0 {
        map.extents(&root)?;
    } else {
        map.block_numbers(&root)?;
    }
    Ok((size, map.pieces))
}

/// The first 128 bytes of an inode, which all have.
fn raw_inode(store: &mut Store<'_>, superblock: &Superblock, number: u32) -> Result<[u8; 128], Failure> {
    let missing = MapFault::Inode(number);
    let (group, within) = superblock.group_of(number).ok_or(missing)?;
    let table = superblock
        .first_data_block
        .saturating_add(1)
        .saturating_mul(superblock.block_size);
    let at = table.saturating_add(group.saturating_mul(superblock.descriptor_size));
    let mut descriptor = [0; 64];
    let len = usize::try_from(superblock.descriptor_size).unwrap_or(64).min(64);
    store.read(at, descriptor.get_mut(..len).unwrap_or_default())?;
    // A descriptor of 32 bytes leaves the upper half zero.
    let first = u64::from(le32(&descriptor, 0x28)) << 32 | u64::from(le32(&descriptor, 8));
    let offset = within.saturating_mul(superblock.inode_size);
    let block = first
        .checked_add(offset.checked_div(superblock.block_size).unwrap_or(0))
        .ok_or(missing)?;
    if !superblock.has(block, 1) {
        return Err(missing.into());
    }
    let at = first.saturating_mul(superblock.block_size).saturating_add(offset);
    let mut inode = [0; 128];
    store.read(at, &mut inode)?;
    Ok(inode)
}

/// A map in the making.
struct Map<'m, 'a> {
    store: &'m mut Store<'a>,
    superblock: &'m Superblock,
    /// What the checksums of its nodes begin with, if they have any.
    seed: Option<u32>,
    /// Bytes of the file.
    size: u64,
    /// The file's block that is told of next.
    next: u64,
    /// How many nodes were read.
    nodes: u32,
    pieces: Vec<Piece>,
}

/// A node of a tree of extents.
struct Node {
    entries: Vec<u8>,
    depth: u16,
    /// The entry that is next, as an offset.
    at: usize,
}

impl Map<'_, '_> {
    /// Walks the tree of extents whose root is in the inode.
    fn extents(&mut self, root: &[u8]) -> Result<(), Failure> {
        let root = node(root)?;
        if root.depth > MAX_DEPTH {
            return Err(MapFault::Depth(root.depth).into());
        }
        let mut open = vec![root];
        while let Some(node) = open.last_mut() {
            let entry = node.entries.get(node.at..node.at.saturating_add(ENTRY));
            let Some(entry) = entry.map(|entry| bytes::<ENTRY>(entry, 0)) else {
                open.pop();
                continue;
            };
            node.at = node.at.saturating_add(ENTRY);
            let depth = node.depth;
            if depth == 0 {
                self.extent(&entry)?;
                continue;
            }
            let block = u64::from(le16(&entry, 8)) << 32 | u64::from(le32(&entry, 4));
            let child = self.read_node(block)?;
            // Each is one level nearer to the leaves, so that the walk ends.
            if child.depth != depth.saturating_sub(1) {
                return Err(MapFault::Depth(child.depth).into());
            }
            open.push(child);
        }
        Ok(())
    }

    fn read_node(&mut self, block: u64) -> Result<Node, Failure> {
        let raw = self.read_block(block)?;
        let node = node(&raw)?;
        if let Some(seed) = self.seed {
            // It stands behind the room for entries.
            let covered = usize::from(le16(&raw, 4)).saturating_add(1).saturating_mul(ENTRY);
            let sum = raw.get(..covered).map(|covered| crc32c(seed, covered));
            if sum != Some(le32(&raw, covered)) {
                return Err(MapFault::Checksum(block).into());
            }
        }
        Ok(node)
    }

    fn read_block(&mut self, block: u64) -> Result<Vec<u8>, Failure> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            return Err(MapFault::Nodes.into());
        }
        if !self.superblock.has(block, 1) {
            return Err(MapFault::Outside(block).into());
        }
        let size = self.superblock.block_size;
        let mut raw = vec![0; usize::try_from(size).unwrap_or(0)];
        self.store.read(block.saturating_mul(size), &mut raw)?;
        Ok(raw)
    }

    fn extent(&mut self, entry: &[u8; ENTRY]) -> Result<(), Failure> {
        let first = u64::from(le32(entry, 0));
        let len = le16(entry, 4);
        let start = u64::from(le16(entry, 6)) << 32 | u64::from(le32(entry, 8));
        let (count, written) = match len.checked_sub(MAX_EXTENT).filter(|rest| *rest > 0) {
            // Room that was set aside, and reads as zeros.
            Some(rest) => (u64::from(rest), false),
            None => (u64::from(len), true),
        };
        if count == 0 {
            return Err(MapFault::Empty(first).into());
        }
        if first < self.next {
            return Err(MapFault::Order(first).into());
        }
        if !self.superblock.has(start, count) {
            return Err(MapFault::Outside(start).into());
        }
        self.next = first.saturating_add(count);
        if written {
            self.add_moved(first, start, count)
        } else {
            Ok(())
        }
    }

    /// Adds blocks of the file, some of which may be in the journal.
    fn add_moved(&mut self, first: u64, start: u64, count: u64) -> Result<(), Failure> {
        let size = self.superblock.block_size;
        let end = start.saturating_add(count);
        let mut next = start;
        let file_block = |block: u64| first.saturating_add(block.saturating_sub(start));
        while next < end {
            let moved = self.store.moved.range(next..end).next();
            let moved = moved.map(|(block, moved)| (*block, *moved));
            let until = moved.map_or(end, |(block, _)| block);
            self.add(file_block(next), next.saturating_mul(size), until.saturating_sub(next))?;
            next = until;
            if let Some((block, moved)) = moved {
                if moved.escaped {
                    return Err(MapFault::Journal(block).into());
                }
                self.add(file_block(block), moved.place, 1)?;
                next = block.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Adds blocks of the file that begin at byte `place` of the volume, as far as it has bytes there.
    fn add(&mut self, first: u64, place: u64, count: u64) -> Result<(), Failure> {
        let size = self.superblock.block_size;
        let at = first.saturating_mul(size);
        let len = count.saturating_mul(size).min(self.size.saturating_sub(at));
        if len == 0 {
            return Ok(());
        }
        if let Some(last) = self.pieces.last_mut() {
            let follows = last.at.saturating_add(last.len) == at;
            if follows && last.place.saturating_add(last.len) == place {
                last.len = last.len.saturating_add(len);
                return Ok(());
            }
        }
        if self.pieces.len() >= MAX_PIECES {
            return Err(MapFault::Pieces.into());
        }
        self.pieces.push(Piece { at, place, len });
        Ok(())
    }

    /// Walks the block numbers in the inode: twelve of blocks, and one each of blocks of numbers, one, two and three levels deep.
    fn block_numbers(&mut self, root: &[u8]) -> Result<(), Failure> {
        let blocks = self.size.div_ceil(self.superblock.block_size);
        let numbers = |bytes: &[u8]| {
            bytes
                .chunks_exact(4)
                .map(|number| le32(number, 0))
                .collect::<Vec<u32>>()
        };
        let fanout = self.superblock.block_size / 4;
        for (index, number) in (0_u32..).zip(numbers(root)) {
            let mut open = vec![(index.saturating_sub(11), vec![number].into_iter())];
            while let Some((level, rest)) = open.last_mut() {
                let level = *level;
                let Some(number) = rest.next() else {
                    open.pop();
                    continue;
                };
                if self.next >= blocks {
                    return Ok(());
                }
                match (number, level) {
                    (0, _) => self.next = self.next.saturating_add(fanout.saturating_pow(level)),
                    (_, 0) => self.block(number.into())?,
                    (_, _) => {
                        let raw = self.read_block(number.into())?;
                        open.push((level.saturating_sub(1), numbers(&raw).into_iter()));
                    }
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, number: u64) -> Result<(), Failure> {
        if !self.superblock.has(number, 1) {
            return Err(MapFault::Outside(number).into());
        }
        let at = self.next;
        self.next = at.saturating_add(1);
        self.add_moved(at, number, 1)
    }
}

/// A node whose header makes sense.
fn node(raw: &[u8]) -> Result<Node, MapFault> {
    let magic = le16(raw, 0);
    if magic != 0xf30a {
        return Err(MapFault::Magic(magic));
    }
    let (entries, depth) = (le16(raw, 2), le16(raw, 6));
    let len = usize::from(entries).saturating_mul(ENTRY);
    let entries = raw
        .get(ENTRY..ENTRY.saturating_add(len))
        .ok_or(MapFault::Entries(entries))?;
    Ok(Node {
        entries: entries.to_vec(),
        depth,
        at: 0,
    })
}
