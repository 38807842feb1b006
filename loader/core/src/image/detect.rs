//! What a file is, by its first bytes: for sentences such as "0x40400000 holds gzip data, not an arm64 Image".

use core::fmt;

use super::{array, gzip, uimage};

/// A kind of file that people load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// arm64 `Image`: Linux or Xen.
    Arm64Image,
    /// Legacy uImage, with its 64-byte header.
    LegacyImage,
    /// gzip stream (RFC 1952).
    Gzip,
    /// Flattened device tree; a FIT image looks the same from its first bytes.
    DeviceTree,
    /// cpio archive, new ASCII or old binary form: a ramdisk.
    Cpio,
    /// XSM/FLASK policy.
    XsmPolicy,
    /// 32-bit Arm `zImage`.
    ZImage,
    /// ext2, ext3 or ext4 file system: a ramdisk of the old kind.
    Ext,
    /// ELF file.
    Elf,
    /// PE file without an arm64 `Image` header: an EFI application.
    Pe,
    /// xz, zstd, LZ4, bzip2 or LZMA data, by name.
    Compressed(&'static str),
    /// Nothing known; the first four bytes.
    Unknown([u8; 4]),
}

/// Magic numbers at fixed offsets, the most telling first: an EFI-enabled `Image` starts with `MZ` as well.
const MAGICS: &[(usize, &[u8], Kind)] = &[
    (56, b"ARM\x64", Kind::Arm64Image),
    (0, &uimage::MAGIC, Kind::LegacyImage),
    (0, &gzip::MAGIC, Kind::Gzip),
    (0, &[0xd0, 0x0d, 0xfe, 0xed], Kind::DeviceTree),
    (0, b"070701", Kind::Cpio),
    (0, b"070702", Kind::Cpio),
    (0, &[0xc7, 0x71], Kind::Cpio),
    (0, &[0x8c, 0xff, 0x7c, 0xf9], Kind::XsmPolicy),
    (36, &[0x18, 0x28, 0x6f, 0x01], Kind::ZImage),
    (0, b"\x7fELF", Kind::Elf),
    (0, b"MZ", Kind::Pe),
    (0, b"\xfd7zXZ\0", Kind::Compressed("xz")),
    (0, &[0x28, 0xb5, 0x2f, 0xfd], Kind::Compressed("zstd")),
    (0, &[0x04, 0x22, 0x4d, 0x18], Kind::Compressed("LZ4")),
    (0, &[0x02, 0x21, 0x4c, 0x18], Kind::Compressed("LZ4")),
    (0, b"BZh", Kind::Compressed("bzip2")),
    (0x438, &[0x53, 0xef], Kind::Ext),
    (0, &[0x5d, 0, 0], Kind::Compressed("LZMA")),
];

/// Bytes at the start of a file that [`kind`] looks at.
pub const LOOKED_AT: usize = 0x440;

/// Names the kind of the file that starts with `bytes`, the first [`LOOKED_AT`] or all of them.
#[must_use]
pub fn kind(bytes: &[u8]) -> Kind {
    let matches = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let found = MAGICS.iter().find(|(offset, magic, _)| matches(*offset, magic));
    let start = || array(bytes, 0).unwrap_or_default();
    found.map_or_else(|| Kind::Unknown(start()), |(_, _, kind)| *kind)
}

/// Names the kind of what is in the gzip `file`, of which no more than that is unpacked.
///
/// # Errors
/// Those of [`gzip::peek`].
pub fn packed_kind(file: &[u8]) -> Result<Kind, gzip::Error> {
    let mut start = [0; LOOKED_AT];
    let shown = gzip::peek(file, &mut start)?;
    Ok(kind(start.get(..shown).unwrap_or_default()))
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm64Image => f.write_str("an arm64 Image"),
            Self::LegacyImage => f.write_str("a legacy uImage"),
            Self::Gzip => f.write_str("gzip data"),
            Self::DeviceTree => f.write_str("a device tree or FIT"),
            Self::Cpio => f.write_str("a cpio archive"),
            Self::XsmPolicy => f.write_str("an XSM policy"),
            Self::ZImage => f.write_str("a 32-bit Arm zImage"),
            Self::Ext => f.write_str("an ext file system"),
            Self::Elf => f.write_str("an ELF file"),
            Self::Pe => f.write_str("a PE (EFI) file"),
            Self::Compressed(name) => write!(f, "{name} data"),
            Self::Unknown(start) => write!(f, "unknown data ({start:02x?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::arm64;
    use super::{Kind, kind};

    #[test]
    fn an_efi_enabled_image_is_an_image() {
        let mut image = arm64::tests::image(0, 0x1000, 0xa, 64);
        image[..2].copy_from_slice(b"MZ");
        assert_eq!(kind(&image), Kind::Arm64Image);
        image[56] = 0;
        assert_eq!(kind(&image), Kind::Pe);
    }

    #[test]
    fn files_by_their_first_bytes() {
        assert_eq!(kind(&[0x1f, 0x8b, 8]), Kind::Gzip);
        assert_eq!(kind(b"070701000"), Kind::Cpio);
        assert_eq!(kind(&[0xd0, 0x0d, 0xfe, 0xed, 0]), Kind::DeviceTree);
        assert_eq!(kind(&[0x27, 0x05, 0x19, 0x56]), Kind::LegacyImage);
        assert_eq!(kind(b"\x28\xb5\x2f\xfd").to_string(), "zstd data");
    }

    #[test]
    fn unknown_bytes_are_shown() {
        assert_eq!(
            kind(&[0xde, 0xad, 0xbe, 0xef, 1]).to_string(),
            "unknown data ([de, ad, be, ef])"
        );
        assert_eq!(kind(&[]), Kind::Unknown([0; 4]));
    }
}
