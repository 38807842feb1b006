//! Which file system a volume has.

use alloc::boxed::Box;

use super::volume::{Volume, VolumeError};
use super::{FsError, Mounted, ext4, fat};

/// What is known and not supported: where its signature is, the signature, what people call it.
pub(super) const OTHERS: &[(u64, &[u8], &str)] = &[
    (3, b"EXFAT   ", "exFAT"),
    (3, b"NTFS    ", "NTFS"),
    (0, b"hsqs", "squashfs"),
    (0, b"XFSB", "XFS"),
    (0, b"LUKS\xba\xbe", "a LUKS container"),
    (512, b"LABELONE", "an LVM physical volume"),
    (1024, &[0xe2, 0xe1, 0xf5, 0xe0], "EROFS"),
    (1024, &[0x10, 0x20, 0xf5, 0xf2], "F2FS"),
    (4086, b"SWAPSPACE2", "swap space"),
    (0x8001, b"CD001", "ISO 9660"),
    (0x1_0040, b"_BHRfS_M", "btrfs"),
];

/// Finds out what file system the volume has, checks that it makes sense, and gives it.
///
/// # Errors
/// [`FsError::Unknown`]; [`FsError::Unsupported`] with the name of the file system; [`FsError::Fat`], [`FsError::Ext4`] if it is damaged.
pub fn mount(mut volume: Volume<'_>) -> Result<Mounted<'_>, FsError> {
    let mut sector = [0; 512];
    volume.read_blocks(0, &mut sector)?;
    if fat::is_boot_sector(&sector) {
        return Ok(Box::new(fat::Fat::mount(volume, &sector)?));
    }
    let magic = ext4::MAGIC.to_le_bytes();
    if has(&mut volume, ext4::MAGIC_AT, &magic)? {
        return Ok(Box::new(ext4::Ext4::mount(volume)?));
    }
    // Last: what a former file system left behind between the files of a FAT or an ext4 says nothing.
    for (at, signature, name) in OTHERS {
        if has(&mut volume, *at, signature)? {
            return Err(FsError::Unsupported(name));
        }
    }
    Err(FsError::Unknown)
}

/// Whether `signature`, of up to 10 bytes, is there.
fn has(volume: &mut Volume<'_>, at: u64, signature: &[u8]) -> Result<bool, VolumeError> {
    let mut found = [0; 10];
    match volume.read(at, &mut found) {
        Ok(()) => Ok(found.starts_with(signature)),
        // A small volume.
        Err(VolumeError::Outside { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
