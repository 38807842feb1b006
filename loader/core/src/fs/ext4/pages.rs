//! What `ext4-view` reads from: pages that are fetched when it misses them.
//!
//! The crate owns its reader, so that the reader cannot borrow the device. A page that is not there is an error to the crate; who called
//! the crate fetches the page and calls again. So Ctrl-C is noticed between pages, and memory is bounded.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use ext4_view::{Ext4Error as LibraryError, Ext4Read};
use thiserror::Error;

use super::super::field::put;
use super::super::volume::VolumeError;
use super::journal::Store;
use super::{Ext4Error, superblock};

/// Bytes of a page.
const PAGE: u64 = 64 * 1024;

/// How many pages are there at most: 4 MiB. Only who reads a directory whole may need more at once.
const MAX_PAGES: usize = 64;

/// Above this, pages are given up before the next lookup.
const ENOUGH: usize = 32;

/// What the crate is told in place of data.
#[derive(Clone, Copy, Debug, Error)]
enum ReadError {
    /// It is fetched now.
    #[error("the page is not there yet")]
    Missing,
    /// The file system leads out of the volume.
    #[error("byte {0} is not on the volume")]
    Outside(u64),
}

/// The pages that are there.
pub(super) struct Pages {
    pages: BTreeMap<u64, Vec<u8>>,
    /// The page that was missed.
    missing: Option<u64>,
    /// Bytes of the volume.
    size: u64,
    /// The superblock as the crate shall see it.
    superblock: [u8; superblock::SIZE],
}

impl Pages {
    /// No pages, of a volume of `size` bytes.
    pub(super) fn new(size: u64, superblock: [u8; superblock::SIZE]) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            pages: BTreeMap::new(),
            missing: None,
            size,
            superblock,
        }))
    }

    fn copy(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let end = start.checked_add(len).filter(|end| *end <= self.size);
        let end = end.ok_or(ReadError::Outside(start))?;
        let (mut at, mut rest) = (start, bytes);
        while at < end {
            let (number, offset) = (at / PAGE, at % PAGE);
            let Some(page) = self.pages.get(&number) else {
                self.missing = Some(number);
                return Err(ReadError::Missing);
            };
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let here = page.get(offset..).unwrap_or_default();
            let count = here.len().min(rest.len());
            if count == 0 {
                return Err(ReadError::Outside(at));
            }
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(here.get(..count).unwrap_or_default());
            rest = later;
            at = at.saturating_add(u64::try_from(count).unwrap_or(0));
        }
        Ok(())
    }

    fn fetch(&mut self, store: &mut Store<'_>, number: u64) -> Result<(), VolumeError> {
        let start = number.saturating_mul(PAGE);
        let len = self.size.saturating_sub(start).min(PAGE);
        let mut page = vec![0; usize::try_from(len).unwrap_or(0)];
        store.read(start, &mut page)?;
        if number == 0 {
            let at = usize::try_from(superblock::AT).unwrap_or(usize::MAX);
            put(&mut page, at, &self.superblock);
        }
        self.pages.insert(number, page);
        Ok(())
    }
}

/// The crate's reader.
pub(super) struct Reader(pub(super) Rc<RefCell<Pages>>);

impl Ext4Read for Reader {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn core::error::Error + Send + Sync + 'static>> {
        Ok(self.0.borrow_mut().copy(start_byte, dst)?)
    }
}

/// Does `work`, which calls the crate, until it misses no page.
pub(super) fn with_pages<T>(
    pages: &RefCell<Pages>,
    store: &mut Store<'_>,
    work: &mut dyn FnMut() -> Result<T, LibraryError>,
) -> Result<Result<T, LibraryError>, Ext4Error> {
    if pages.borrow().pages.len() > ENOUGH {
        pages.borrow_mut().pages.clear();
    }
    store.volume.check()?;
    loop {
        let result = work();
        let missing = pages.borrow_mut().missing.take();
        let Some(number) = missing else { return Ok(result) };
        if pages.borrow().pages.len() >= MAX_PAGES {
            let most = u64::try_from(MAX_PAGES).unwrap_or(u64::MAX).saturating_mul(PAGE);
            return Err(Ext4Error::TooMuch(most / 1024 / 1024));
        }
        pages.borrow_mut().fetch(store, number)?;
    }
}
