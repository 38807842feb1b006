//! The arm64 `Image`: the 64-byte header in front of Linux and Xen (Linux `Documentation/arch/arm64/booting.rst`,
//! part 4).
//!
//! The image must lie at a 2 MiB-aligned base plus `text_offset`, with `image_size` bytes free from there on: its BSS
//! is not in the file, so the file's own length says too little.

use thiserror::Error;

use super::{array, length};

/// The base of an image is a multiple of this (booting.rst: "2MB aligned base address").
pub const ALIGNMENT: u64 = 0x20_0000;

/// Bytes of the header.
pub const HEADER_LEN: u64 = 64;

const MAGIC: [u8; 4] = *b"ARM\x64";
const MAGIC_OFFSET: usize = 56;

/// What images older than Linux 3.17 mean when they leave `image_size` zero.
const OLD_TEXT_OFFSET: u64 = 0x8_0000;

/// Room given to an image that does not state its size: booting.rst asks for "as much memory as possible".
const OLD_IMAGE_ROOM: u64 = 0x100_0000;

/// Why bytes are not an arm64 `Image` that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// Fewer bytes than the header has.
    #[error("{0} bytes are too few for the 64-byte header of an arm64 Image")]
    Short(u64),
    /// The magic number is missing.
    #[error("the magic at offset 56 is {found:02x?}, an arm64 Image has {MAGIC:02x?} (\"ARM\\x64\") there")]
    Magic {
        /// What stands in its place.
        found: [u8; 4],
    },
    /// A big-endian kernel: the loader's tree and registers are little-endian, as are all boards it knows.
    #[error("the image is big-endian (flags {0:#x}), only little-endian images can be started")]
    BigEndian(u64),
    /// Header fields whose sum leaves the address space.
    #[error("text_offset {text_offset:#x} and image_size {image_size:#x} do not fit in the address space")]
    Size {
        /// Header field at offset 8.
        text_offset: u64,
        /// Header field at offset 16.
        image_size: u64,
    },
}

/// The fields of a header that decide where the image may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    text_offset: u64,
    image_size: u64,
    flags: u64,
}

impl Header {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// [`Error::Short`], [`Error::Magic`], [`Error::BigEndian`] or [`Error::Size`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let short = Error::Short(length(bytes));
        let found = array::<4>(bytes, MAGIC_OFFSET).ok_or(short)?;
        if found != MAGIC {
            return Err(Error::Magic { found });
        }
        let field = |offset| array::<8>(bytes, offset).map(u64::from_le_bytes).ok_or(short);
        let header = Self {
            text_offset: field(8)?,
            image_size: field(16)?,
            flags: field(24)?,
        };
        if header.flags & 1 != 0 {
            return Err(Error::BigEndian(header.flags));
        }
        let Self {
            text_offset,
            image_size,
            ..
        } = header;
        let end = text_offset.checked_add(image_size).filter(|end| *end <= u64::MAX / 2);
        end.map(|_| header).ok_or(Error::Size {
            text_offset,
            image_size,
        })
    }

    /// Distance of the image's first byte from its 2 MiB-aligned base.
    #[must_use]
    pub fn text_offset(&self) -> u64 {
        if self.image_size == 0 {
            OLD_TEXT_OFFSET
        } else {
            self.text_offset
        }
    }

    /// Bytes the running image takes from its first byte on, BSS included, for a file of `file_len` bytes.
    #[must_use]
    pub fn memory_size(&self, file_len: u64) -> u64 {
        let stated = if self.image_size == 0 {
            file_len.saturating_add(OLD_IMAGE_ROOM)
        } else {
            self.image_size
        };
        stated.max(file_len)
    }

    /// Whether the image may lie anywhere in RAM (flag bit 3); otherwise RAM below its base is lost to it.
    #[must_use]
    pub fn may_lie_anywhere(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Whether an image at `address` lies as the protocol asks.
    #[must_use]
    pub fn fits_at(&self, address: u64) -> bool {
        address
            .checked_sub(self.text_offset())
            .is_some_and(|base| base.is_multiple_of(ALIGNMENT))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::{Error, Header};

    /// An `Image` file of `file_len` bytes.
    pub(crate) fn image(text_offset: u64, image_size: u64, flags: u64, file_len: usize) -> Vec<u8> {
        let mut bytes = vec![0x1f; file_len];
        bytes[8..16].copy_from_slice(&text_offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&image_size.to_le_bytes());
        bytes[24..32].copy_from_slice(&flags.to_le_bytes());
        bytes[56..60].copy_from_slice(b"ARM\x64");
        bytes
    }

    #[test]
    fn size_includes_the_bss() {
        let header = Header::parse(&image(0, 0x11_0000, 0xa, 4096)).unwrap();
        assert_eq!(header.memory_size(4096), 0x11_0000);
        assert_eq!(header.memory_size(0x12_0000), 0x12_0000);
        assert!(header.may_lie_anywhere());
        assert!(header.fits_at(0x4020_0000));
        assert!(!header.fits_at(0x4000_1000));
    }

    #[test]
    fn an_old_image_without_a_size_goes_to_0x80000() {
        let header = Header::parse(&image(0, 0, 0, 64)).unwrap();
        assert_eq!(header.text_offset(), 0x8_0000);
        assert!(header.fits_at(0x8_0000));
        assert!(!header.fits_at(0));
        assert_eq!(header.memory_size(64), 64 + 0x100_0000);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert_eq!(Header::parse(&[0; 59]), Err(Error::Short(59)));
        assert_eq!(Header::parse(&[7; 64]), Err(Error::Magic { found: [7; 4] }));
        assert_eq!(Header::parse(&image(0, 1, 1, 64)), Err(Error::BigEndian(1)));
        assert!(matches!(
            Header::parse(&image(u64::MAX, 2, 0, 64)),
            Err(Error::Size { .. })
        ));
        assert!(matches!(
            Header::parse(&image(0, u64::MAX, 0, 64)),
            Err(Error::Size { .. })
        ));
    }

    #[test]
    fn the_sentence_shows_what_was_found() {
        let text = alloc::format!("{}", Header::parse(&[0x42; 64]).unwrap_err());
        assert_eq!(
            text,
            "the magic at offset 56 is [42, 42, 42, 42], an arm64 Image has [41, 52, 4d, 64] (\"ARM\\x64\") there"
        );
    }
}
