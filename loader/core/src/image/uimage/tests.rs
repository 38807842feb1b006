use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Arch, Compression, Error, HEADER_LEN, Header, Os, Type, header_crc};

/// A uImage as `mkimage -A arm64 -O linux` makes it: kind, compression, load = entry, data.
pub(crate) fn uimage(kind: Type, compression: Compression, load: u32, data: &[u8]) -> Vec<u8> {
    let mut file = Vec::from([0_u8; HEADER_LEN]);
    file[..4].copy_from_slice(&super::MAGIC);
    file[8..12].copy_from_slice(&0x6920_0000_u32.to_be_bytes());
    file[12..16].copy_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
    file[16..20].copy_from_slice(&load.to_be_bytes());
    file[20..24].copy_from_slice(&load.to_be_bytes());
    file[24..28].copy_from_slice(&crc32fast::hash(data).to_be_bytes());
    file[28..32].copy_from_slice(&[Os::LINUX.0, Arch::ARM64.0, kind.0, compression.0]);
    file[32..38].copy_from_slice(b"sample");
    file.extend_from_slice(data);
    seal(&mut file);
    file
}

/// Writes the header's CRC anew.
pub(crate) fn seal(file: &mut [u8]) {
    let crc = header_crc(file.first_chunk().unwrap());
    file[4..8].copy_from_slice(&crc.to_be_bytes());
}

/// `mkimage -A arm64 -O linux -T ramdisk -C none -n initrd -d FILE`, FILE = "hello\n", at a fixed SOURCE_DATE_EPOCH.
const MKIMAGE: &[u8] = include_bytes!("../../../tests/fixtures/hello.uimage");

#[test]
fn a_file_made_by_mkimage() {
    let header = Header::parse(MKIMAGE).unwrap();
    assert_eq!(header.name, "initrd");
    assert_eq!((header.os, header.arch), (Os::LINUX, Arch::ARM64));
    assert_eq!((header.kind, header.compression), (Type::RAMDISK, Compression::NONE));
    assert_eq!(header.created, 1_700_000_000);
    assert_eq!(header.data(MKIMAGE).unwrap(), b"hello\n");
}

#[test]
fn both_checksums_are_verified() {
    let mut file = uimage(Type::KERNEL, Compression::NONE, 0x4040_0000, b"kernel");
    let header = Header::parse(&file).unwrap();
    file[70 - 1] ^= 1;
    assert!(matches!(header.data(&file), Err(Error::DataCrc { .. })));
    for at in 4..HEADER_LEN {
        let mut copy = file.clone();
        copy[at] ^= 0x80;
        assert!(
            matches!(Header::parse(&copy), Err(Error::HeaderCrc { .. })),
            "byte {at}"
        );
    }
}

#[test]
fn a_file_shorter_than_its_header_says_is_refused() {
    let file = uimage(Type::RAMDISK, Compression::NONE, 0, b"0123456789");
    let header = Header::parse(&file).unwrap();
    assert_eq!(
        header.data(&file[..70]),
        Err(Error::Truncated { stated: 10, present: 6 })
    );
    assert_eq!(Header::parse(&file[..63]), Err(Error::Short(63)));
    assert_eq!(Header::parse(b"070701"), Err(Error::Magic(*b"0707")));
}

#[test]
fn parts_of_a_multi_file_image() {
    let data = [
        &5_u32.to_be_bytes()[..],
        &3_u32.to_be_bytes(),
        &[0; 4],
        b"abcde\0\0\0xyz",
    ]
    .concat();
    let header = Header::parse(&uimage(Type::MULTI, Compression::NONE, 0, &data)).unwrap();
    let (sizes, list_len) = header.parts(&data).unwrap();
    assert_eq!((sizes.as_slice(), list_len), (&[5, 3][..], 12));
    assert_eq!(header.parts(&data[..22]), Err(Error::Parts));
    assert_eq!(header.parts(&[1; 400]), Err(Error::Parts));
    assert_eq!(header.parts(&[]), Err(Error::Parts));
}

#[test]
fn names_from_outside_cannot_drive_the_terminal() {
    let mut file = uimage(Type::KERNEL, Compression::GZIP, 0, b"");
    file[32..40].copy_from_slice(b"a\x1b[2J\r\n\xff");
    seal(&mut file);
    assert_eq!(Header::parse(&file).unwrap().name, "a?[2J???");
}

#[test]
fn numbers_outside_the_tables_are_shown() {
    assert_eq!(Os(255).to_string(), "unknown OS 255");
    assert_eq!(Arch::ARM64.to_string(), "AArch64");
    assert_eq!(Type(99).to_string(), "unknown image type 99");
    assert_eq!(Compression::GZIP.to_string(), "gzip compressed");
}
