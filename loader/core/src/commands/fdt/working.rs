//! The working devicetree: a blob in RAM, read for each command and written back in place.
//!
//! Nothing is kept between commands, since anything may be written over the blob or loaded in its place. The edits of which scripts make
//! hundreds are tried in the blob itself first.

use crate::context::{CommandError, Context};
use crate::devicetree::{ParseError, ParseErrorKind, Tree, announce, parse_header};
use crate::memory::{Memory, MemoryError};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use hal::{PhysAddr, Region};

/// What a blob that outgrows its place gets beyond its needs, so that not every edit has to look for room.
const GROWTH: u64 = 0x1000;
/// Blobs that are resized end on such a boundary, as U-Boot has it.
const PAGE: u64 = 0x1000;

/// A tree taken from RAM, with the place that it goes back to.
pub(super) struct WorkingTree {
    pub(super) tree: Tree,
    address: PhysAddr,
    total_size: u64,
}

/// The bytes that a blob may have, and what ends them.
struct Room {
    len: u64,
    obstacle: String,
}

impl WorkingTree {
    /// Reads the tree at the address that `fdt addr` has set.
    pub(super) fn load(context: &Context) -> Result<Self, CommandError> {
        Self::at(context, working_address(context)?)
    }

    /// Reads the tree at `address`.
    pub(super) fn at(context: &Context, address: PhysAddr) -> Result<Self, CommandError> {
        let blob = context.memory.bytes_from(address)?;
        let tree = Tree::parse(blob).map_err(|error| bad_blob(&error))?;
        let total_size = u64::from(parse_header(blob).map_err(|error| bad_blob(&error))?.total_size);
        let working = Self {
            tree,
            address,
            total_size,
        };
        let overwritten = context
            .memory
            .file_at(address)
            .is_some_and(|file| file.overwritten_by.is_some());
        if !overwritten {
            return Ok(working);
        }
        match overwriter(&context.memory, address, working.len()?) {
            Some(name) => Err(CommandError::failed(format!(
                "the devicetree at {address} was written over by {name}: load it again"
            ))),
            None => Ok(working),
        }
    }

    /// What the header of the blob says of its length, in bytes.
    pub(super) fn total_size(&self) -> u64 {
        self.total_size
    }

    /// Writes the tree back. It keeps its `totalsize` if it can and grows if it must.
    pub(super) fn store(&self, context: &mut Context) -> Result<(), CommandError> {
        let blob = self.tree.emit_into(0)?;
        let len = u64::try_from(blob.len())?;
        let room = self.room(context)?;
        let total_size = match len <= self.total_size {
            true => self.total_size,
            false => page_end(self.address, len.saturating_add(GROWTH))
                .min(room.len)
                .max(len),
        };
        self.write(context, blob, total_size, &room)
    }

    /// Gives the tree `extra` bytes of room, up to the end of a page. Where there is less it gets that, and the return
    /// value says what is in the way.
    pub(super) fn resize(&self, context: &mut Context, extra: u64) -> Result<Option<String>, CommandError> {
        let blob = self.tree.emit_into(0)?;
        let len = u64::try_from(blob.len())?;
        let room = self.room(context)?;
        let wanted = page_end(self.address, len.saturating_add(extra));
        let total_size = wanted.min(room.len).max(len);
        self.write(context, blob, total_size, &room)?;
        let obstacle = &room.obstacle;
        Ok((total_size < wanted).then(|| format!("{total_size:#x} bytes instead of {wanted:#x}: {obstacle}")))
    }

    /// Copies the tree to `address`, where its blob announces `total_size` bytes.
    pub(super) fn copy_to(self, context: &mut Context, address: PhysAddr, total_size: u64) -> Result<(), CommandError> {
        let copy = Self {
            tree: self.tree,
            address,
            total_size,
        };
        let room = room_at(&context.memory, address)?;
        match total_size > room.len {
            true => Err(no_space(address, total_size, &room)),
            false => copy.write(context, copy.tree.emit_into(0)?, total_size, &room),
        }
    }

    /// Bytes that the tree needs as a blob, without room for more.
    fn len(&self) -> Result<u64, CommandError> {
        Ok(u64::try_from(self.tree.emit(0)?.len())?)
    }

    fn room(&self, context: &Context) -> Result<Room, CommandError> {
        room_at(&context.memory, self.address).map_err(|error| {
            let address = self.address;
            CommandError::failed(format!("{error}\nwork on a copy: fdt move {address} <newaddr>"))
        })
    }

    /// Writes the tree's `blob`, which announces at least `total_size` bytes then.
    fn write(
        &self,
        context: &mut Context,
        mut blob: Vec<u8>,
        total_size: u64,
        room: &Room,
    ) -> Result<(), CommandError> {
        let len = u64::try_from(blob.len())?;
        announce(&mut blob, usize::try_from(total_size.max(len))?)?;
        if len > room.len {
            return Err(no_space(self.address, len, room));
        }
        let name = context
            .memory
            .file_at(self.address)
            .map_or("the devicetree", |file| &file.name)
            .to_string();
        // What the blob announces may by now hold another file: that part is not the blob's any more.
        let len = total_size.min(room.len);
        let claim = context.memory.claim(self.address, len, &name)?;
        context.memory.write(&claim, 0, &blob)?;
        context.memory.record(claim, len);
        Ok(())
    }
}

/// Has `edit` change the working blob itself, whose bytes it gets up to `totalsize`, and says whether it did. It did not if anything about
/// the blob or its place is out of the ordinary: then [`WorkingTree`] does the edit, or has the words for why not.
pub(super) fn edit_in_place(context: &mut Context, edit: impl FnOnce(&mut [u8]) -> bool) -> bool {
    try_in_place(context, edit).unwrap_or(false)
}

fn try_in_place(context: &mut Context, edit: impl FnOnce(&mut [u8]) -> bool) -> Option<bool> {
    let address = context.working_tree?;
    let memory = &mut context.memory;
    let len = u64::from(parse_header(memory.bytes_from(address).ok()?).ok()?.total_size);
    let file = memory.file_at(address);
    let name = file.map_or("the devicetree", |file| &file.name).to_string();
    if file.is_some_and(|file| file.overwritten_by.is_some()) || room_at(memory, address).ok()?.len < len {
        return None;
    }
    let claim = memory.claim(address, len, &name).ok()?;
    let done = memory.bytes_mut(&claim).is_ok_and(edit);
    if done {
        memory.record(claim, len);
    } else {
        memory.abandon(claim, 0);
    }
    Some(done)
}

/// The address that `fdt addr` has set.
pub(super) fn working_address(context: &Context) -> Result<PhysAddr, CommandError> {
    context.working_tree.ok_or_else(|| {
        CommandError::failed(
            "No FDT memory address configured. Please configure\n\
            the FDT address via \"fdt addr <address>\" command.\n\
            Aborting!",
        )
    })
}

/// libfdt's words for what is wrong with a blob, and ours.
pub(super) fn bad_blob(error: &ParseError) -> CommandError {
    let code = match error.kind {
        ParseErrorKind::BadMagic(_) => "FDT_ERR_BADMAGIC",
        ParseErrorKind::BadVersion { .. } => "FDT_ERR_BADVERSION",
        ParseErrorKind::NoHeader(_) | ParseErrorKind::Truncated { .. } => "FDT_ERR_TRUNCATED",
        _ => "FDT_ERR_BADSTRUCTURE",
    };
    CommandError::failed(format!("libfdt fdt_check_header(): {code}\n{error}"))
}

fn no_space(address: PhysAddr, len: u64, room: &Room) -> CommandError {
    let Room { len: room, obstacle } = room;
    CommandError::failed(format!(
        "libfdt: FDT_ERR_NOSPACE\nthe devicetree at {address} needs {len:#x} bytes and has room for {room:#x}: {obstacle}"
    ))
}

/// The length of a blob at `address` that has `len` bytes and ends with a page.
fn page_end(address: PhysAddr, len: u64) -> u64 {
    let end = address.checked_add(len).and_then(|end| end.align_up(PAGE));
    end.map_or(len, |end| end.get().saturating_sub(address.get()))
}

/// How far a blob at `address` may reach: to the next loaded file, reservation or end of RAM.
fn room_at(memory: &Memory, address: PhysAddr) -> Result<Room, MemoryError> {
    let window = memory.window(address)?;
    let next_file = memory.files_in(window).find(|file| file.region.start() > address);
    if let Some(file) = next_file {
        let len = file.region.start().get().saturating_sub(address.get());
        return Ok(Room {
            len,
            obstacle: format!("{} is in the way at {}", file.name, file.region),
        });
    }
    let beyond = Region::new(window.end(), 1).and_then(|beyond| memory.reservation_in(beyond));
    let obstacle = match beyond {
        Some(hit) => format!("{} is in the way at {}", hit.owner, hit.region),
        None => format!("RAM ends at {}", window.end()),
    };
    Ok(Room {
        len: window.len(),
        obstacle,
    })
}

/// The name of what was loaded over the first `len` bytes of the file at `address` after that one was.
fn overwriter(memory: &Memory, address: PhysAddr, len: u64) -> Option<String> {
    let by = memory.file_at(address)?.overwritten_by.as_ref()?;
    let used = Region::new(address, len)?;
    let beyond = memory
        .files()
        .iter()
        .any(|file| file.name == *by && !file.region.overlaps(used));
    (!beyond).then(|| by.clone())
}
