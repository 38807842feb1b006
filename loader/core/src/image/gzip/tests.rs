use alloc::vec;
use alloc::vec::Vec;

use super::{Error, Inflater, Progress, header_len, peek, stated_size};

/// `data` as a gzip file with the given flags and optional header fields behind the fixed part.
fn gzip_with(data: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
    file.extend_from_slice(fields);
    if flags & 2 != 0 {
        let crc = crc32fast::hash(&file);
        file.extend_from_slice(&crc.to_le_bytes()[..2]);
    }
    file.extend(miniz_oxide::deflate::compress_to_vec(data, 6));
    file.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
    file.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
    file
}

/// `data` as a plain gzip file.
pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    gzip_with(data, 0, &[])
}

fn unpack(file: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, Error> {
    let mut output = vec![0; room];
    let mut inflater = Inflater::new();
    let body = &file[header_len(file)?..];
    for part in body.chunks(piece).chain([&[][..]]) {
        if let Progress::Done(len) = inflater.feed(part, &mut output)? {
            output.truncate(usize::try_from(len).unwrap());
            return Ok(output);
        }
    }
    unreachable!("the empty piece ends in an error");
}

fn sample() -> Vec<u8> {
    (0..200_000_u32)
        .flat_map(|n| (n.wrapping_mul(n) >> 7).to_le_bytes())
        .collect()
}

#[test]
fn pieces_of_any_size_give_the_same_bytes() {
    let data = sample();
    let file = gzip_with(&data, 0, &[]);
    for piece in [1, 7, 4096, 65536, usize::MAX] {
        assert_eq!(unpack(&file, piece, data.len()).unwrap(), data, "piece {piece}");
    }
    assert_eq!(stated_size(&file), Some(800_000));
}

#[test]
fn every_optional_header_field_is_skipped() {
    let fields = [&[3, 0, 9, 9, 9][..], b"name\0", b"comment\0"].concat();
    assert_eq!(unpack(&gzip_with(b"hello", 0x1e, &fields), 64, 5).unwrap(), b"hello");
    assert_eq!(unpack(&gzip_with(b"hello", 0x08, b"Image\0"), 64, 5).unwrap(), b"hello");
}

#[test]
fn a_wrong_header_crc_is_refused() {
    let mut file = gzip_with(b"hello", 2, &[]);
    file[4] ^= 1;
    assert!(matches!(header_len(&file), Err(Error::HeaderCrc { .. })));
}

#[test]
fn header_fields_that_run_past_the_end_are_refused() {
    assert_eq!(header_len(b"PK"), Err(Error::Magic));
    assert_eq!(header_len(&[0x1f, 0x8b]), Err(Error::Truncated(2)));
    assert_eq!(header_len(&[0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0]), Err(Error::Method(7)));
    assert_eq!(
        header_len(&[0x1f, 0x8b, 8, 0x20, 0, 0, 0, 0, 0, 0]),
        Err(Error::Flags(0x20))
    );
    assert_eq!(
        header_len(&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1]),
        Err(Error::Truncated(13))
    );
    assert_eq!(
        header_len(&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0, b'x']),
        Err(Error::Truncated(11))
    );
}

#[test]
fn output_is_bounded() {
    let file = gzip_with(&vec![0; 1 << 20], 0, &[]);
    assert_eq!(unpack(&file, 4096, (1 << 20) - 1), Err(Error::Room((1 << 20) - 1)));
    assert_eq!(unpack(&file, 4096, 0), Err(Error::Room(0)));
}

#[test]
fn damage_is_found() {
    let file = gzip_with(b"hello, world", 0, &[]);
    let damaged = |from_end: usize| {
        let mut copy = file.clone();
        let at = copy.len() - from_end;
        copy[at] ^= 0x10;
        unpack(&copy, 64, 64)
    };
    assert!(matches!(damaged(1), Err(Error::Length { .. })));
    assert!(matches!(damaged(8), Err(Error::DataCrc { .. })));
    for cut in 11..file.len() {
        assert!(unpack(&file[..cut], 3, 64).is_err(), "cut at {cut}");
    }
    let noise = [&file[..10], &[0xff; 40][..]].concat();
    assert!(matches!(unpack(&noise, 64, 64), Err(Error::Corrupt(_))));
}

#[test]
fn bytes_after_the_member_do_not_matter() {
    let mut file = gzip_with(b"hello", 0, &[]);
    file.extend_from_slice(&[0; 512]);
    assert_eq!(unpack(&file, 64, 16).unwrap(), b"hello");
}

#[test]
fn the_first_bytes_can_be_seen_alone() {
    let data = sample();
    let file = gzip_with(&data, 0, &[]);
    let mut start = [0; 64];
    assert_eq!(peek(&file, &mut start), Ok(64));
    assert_eq!(start, data[..64]);
    assert_eq!(peek(&file[..2000], &mut start), Ok(64));
    assert_eq!(peek(&gzip_with(b"short", 0, &[]), &mut start), Ok(5));
}
