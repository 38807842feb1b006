//! The legacy uImage of `mkimage`: a 64-byte big-endian header with two CRC-32s in front of the data.

use alloc::string::String;
use core::fmt;

use hal::Region;
use thiserror::Error;

use super::{array, length};

/// First four bytes of every uImage.
pub const MAGIC: [u8; 4] = [0x27, 0x05, 0x19, 0x56];

/// Bytes of the header.
pub const HEADER_LEN: usize = 64;

/// Entries that the size list of a multi-file image or script may have here.
const MAX_PARTS: usize = 64;

/// Why a uImage cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// Fewer bytes than the header has.
    #[error("{0} bytes are too few for the 64-byte header of a uImage")]
    Short(u64),
    /// The magic number is missing.
    #[error("the file starts with {0:02x?}, a uImage starts with [27, 05, 19, 56]")]
    Magic([u8; 4]),
    /// The header's own checksum is wrong.
    #[error("the header's CRC-32 is {computed:08x}, the header says {stored:08x}")]
    HeaderCrc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The header promises more data than there are.
    #[error("the header promises {stated} bytes of data, {present} are there")]
    Truncated {
        /// Bytes the header promises.
        stated: u64,
        /// Bytes behind the header.
        present: u64,
    },
    /// The data's checksum is wrong.
    #[error("the data's CRC-32 is {computed:08x}, the header says {stored:08x}")]
    DataCrc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The size list of a multi-file image or script does not fit its data.
    #[error("the list of parts at the start of the data is not ended by a zero or promises more than the data hold")]
    Parts,
}

/// The operating system byte (offset 28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Os(pub u8);

impl Os {
    /// Linux; Xen images say so as well.
    pub const LINUX: Self = Self(5);
}

/// The architecture byte (offset 29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arch(pub u8);

impl Arch {
    /// 32-bit Arm.
    pub const ARM: Self = Self(2);
    /// AArch64.
    pub const ARM64: Self = Self(22);
}

/// The image type byte (offset 30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type(pub u8);

impl Type {
    /// A kernel that goes to its load address.
    pub const KERNEL: Self = Self(2);
    /// A ramdisk.
    pub const RAMDISK: Self = Self(3);
    /// Several files, their sizes listed first.
    pub const MULTI: Self = Self(4);
    /// A command script.
    pub const SCRIPT: Self = Self(6);
    /// A kernel that runs wherever it lies.
    pub const KERNEL_NOLOAD: Self = Self(14);
}

/// The compression byte (offset 31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression(pub u8);

impl Compression {
    /// Not compressed.
    pub const NONE: Self = Self(0);
    /// gzip.
    pub const GZIP: Self = Self(1);
}

/// A verified header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Seconds since 1970 (UTC) at which `mkimage` ran.
    pub created: u32,
    /// Bytes of data behind the header.
    pub data_len: u32,
    /// Where the data want to lie; a 32-bit field.
    pub load: u32,
    /// Where to start them; a 32-bit field.
    pub entry: u32,
    /// CRC-32 of the data.
    pub data_crc: u32,
    /// Operating system.
    pub os: Os,
    /// Architecture.
    pub arch: Arch,
    /// Image type.
    pub kind: Type,
    /// Compression of the data.
    pub compression: Compression,
    /// Name, up to 32 bytes, characters that cannot be printed replaced by `?`.
    pub name: String,
}

impl Header {
    /// Reads the header at the start of `bytes` and verifies its CRC.
    ///
    /// # Errors
    /// [`Error::Short`], [`Error::Magic`], [`Error::HeaderCrc`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let short = Error::Short(length(bytes));
        let magic = array::<4>(bytes, 0).ok_or(short)?;
        if magic != MAGIC {
            return Err(Error::Magic(magic));
        }
        let header = array::<HEADER_LEN>(bytes, 0).ok_or(short)?;
        let word = |offset| array(&header, offset).map(u32::from_be_bytes).unwrap_or_default();
        let (stored, computed) = (word(4), header_crc(&header));
        if stored != computed {
            return Err(Error::HeaderCrc { stored, computed });
        }
        let [os, arch, kind, compression] = array(&header, 28).unwrap_or_default();
        Ok(Self {
            created: word(8),
            data_len: word(12),
            load: word(16),
            entry: word(20),
            data_crc: word(24),
            os: Os(os),
            arch: Arch(arch),
            kind: Type(kind),
            compression: Compression(compression),
            name: name(header.get(32..).unwrap_or_default()),
        })
    }

    /// The data behind the header of `file`, their CRC verified.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the file is shorter than the header says, [`Error::DataCrc`].
    pub fn data<'a>(&self, file: &'a [u8]) -> Result<&'a [u8], Error> {
        let body = file.get(HEADER_LEN..).unwrap_or_default();
        let stated = u64::from(self.data_len);
        let data = usize::try_from(self.data_len).ok().and_then(|len| body.get(..len));
        let data = data.ok_or(Error::Truncated {
            stated,
            present: length(body),
        })?;
        let (stored, computed) = (self.data_crc, crc32fast::hash(data));
        if stored == computed {
            Ok(data)
        } else {
            Err(Error::DataCrc { stored, computed })
        }
    }

    /// Where the data lie when the file lies at `file`; `None` if they would not fit there.
    #[must_use]
    pub fn data_region(&self, file: Region) -> Option<Region> {
        file.slice(length(&[0; HEADER_LEN]), u64::from(self.data_len))
    }

    /// Sizes of the parts of a multi-file image or script, from the list at the start of `data`, and the list's own
    /// length with its closing zero; nothing for other types.
    ///
    /// # Errors
    /// [`Error::Parts`] if the list has no end or promises more than there is.
    pub fn parts(&self, data: &[u8]) -> Result<(heapless::Vec<u32, MAX_PARTS>, usize), Error> {
        let mut sizes = heapless::Vec::new();
        if ![Type::MULTI, Type::SCRIPT].contains(&self.kind) {
            return Ok((sizes, 0));
        }
        let mut sum = 0_u64;
        let mut list_len = 0_usize;
        let (words, _) = data.as_chunks::<4>();
        for word in words {
            list_len = list_len.saturating_add(4);
            let size = u32::from_be_bytes(*word);
            if size == 0 {
                let room = length(data.get(list_len..).unwrap_or_default());
                return if sum <= room {
                    Ok((sizes, list_len))
                } else {
                    Err(Error::Parts)
                };
            }
            // Every part but the last is padded to a multiple of 4.
            sum = sum.next_multiple_of(4).saturating_add(u64::from(size));
            sizes.push(size).map_err(|_| Error::Parts)?;
        }
        Err(Error::Parts)
    }
}

/// The header's CRC-32 covers the header with the CRC's own field as zero.
fn header_crc(header: &[u8; HEADER_LEN]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header.get(..4).unwrap_or_default());
    crc.update(&[0; 4]);
    crc.update(header.get(8..).unwrap_or_default());
    crc.finalize()
}

/// The name field up to its first NUL. It comes from outside: a terminal must not obey it.
fn name(field: &[u8]) -> String {
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    let printable = |byte: &u8| {
        if (0x20..0x7f).contains(byte) {
            char::from(*byte)
        } else {
            '?'
        }
    };
    text.iter().map(printable).collect()
}

/// Writes `names[index]`, or a sentence for a number that is not in the table.
fn lookup(f: &mut fmt::Formatter<'_>, what: &str, value: u8, names: &[(u8, &str)]) -> fmt::Result {
    match names.iter().find(|(number, _)| *number == value) {
        Some((_, name)) => f.write_str(name),
        None => write!(f, "unknown {what} {value}"),
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (0, "Invalid OS"),
            (2, "NetBSD"),
            (5, "Linux"),
            (14, "VxWorks"),
            (17, "U-Boot"),
            (25, "ARM Trusted Firmware"),
        ];
        lookup(f, "OS", self.0, &names)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (0, "Invalid ARCH"),
            (2, "ARM"),
            (3, "Intel x86"),
            (7, "PowerPC"),
            (22, "AArch64"),
            (24, "x86_64"),
            (26, "RISC-V"),
        ];
        lookup(f, "architecture", self.0, &names)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (1, "Standalone Program"),
            (2, "Kernel Image"),
            (3, "RAMDisk Image"),
            (4, "Multi-File Image"),
            (5, "Firmware"),
            (6, "Script"),
            (7, "Filesystem Image"),
            (8, "Flat Device Tree"),
            (14, "Kernel Image (no loading done)"),
        ];
        lookup(f, "image type", self.0, &names)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (0, "uncompressed"),
            (1, "gzip compressed"),
            (2, "bzip2 compressed"),
            (3, "lzma compressed"),
            (4, "lzo compressed"),
            (5, "lz4 compressed"),
            (6, "zstd compressed"),
        ];
        lookup(f, "compression", self.0, &names)
    }
}

#[cfg(test)]
pub(crate) mod tests;
