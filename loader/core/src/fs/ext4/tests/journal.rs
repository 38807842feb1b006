//! The journal of a file system that was not unmounted.

use super::*;

/// Flags of a tag: the block is escaped, it does not count, it is the last one; none has a UUID behind it.
const ESCAPED: u32 = 1 | 2;
const PLAIN: u32 = 2;
const DELETED: u32 = 4 | 2;
const LAST: u32 = 8 | 2;

/// An image that was not unmounted, with a journal of eight blocks from block 101 on, whose log begins at the given one.
fn unclean(start: u32) -> Image {
    let mut image = Image::new();
    image.put(1, 0x60, &[0x46]);
    image.put(1, 0xe0, &[8]);
    image.inode(8, (0x8180, 9 * 1024, 0x8_0000), &extents(0, &[(0, 9, 100)]));
    log(&mut image, 0, (4, 0), &[1024, 9, 1, 1, start]);
    image
}

/// Puts a block into the journal: its kind and sequence, and what follows.
fn log(image: &mut Image, at: usize, (kind, sequence): (u32, u32), words: &[u32]) {
    let words = [&[0xc03b_3998, kind, sequence], words].concat();
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    image.put(100 + at, 0, &bytes);
}

/// What the file begins with, and its second block.
fn seen(image: &Image) -> (u8, u8) {
    let bytes = image.read("file").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((bytes[1023], bytes[2047]), (bytes[0], bytes[1024]));
    (bytes[0], bytes[1024])
}

fn fill(image: &mut Image, block: usize, byte: u8) {
    image.0[block * BLOCK..][..BLOCK].fill(byte);
}

#[test]
fn a_log_goes_round_the_end_of_the_journal() {
    let mut image = unclean(7);
    log(&mut image, 7, (1, 1), &[30, PLAIN, 31, LAST]);
    fill(&mut image, 108, 0x77);
    fill(&mut image, 101, 0x78);
    log(&mut image, 2, (2, 1), &[]);
    assert_eq!(seen(&image), (0x77, 0x78));
    image
        .with(|fs| {
            let expected = "The file system was not unmounted: 2 of its blocks are read from its journal.";
            assert_eq!(fs.warnings(), [expected]);
            assert_eq!(fs.open("file").unwrap().pieces(), 3);
        })
        .unwrap();
    // Without the commit, or with that of another transaction, it counts for nothing.
    log(&mut image, 2, (2, 2), &[]);
    assert_eq!(seen(&image), (30, 31));
}

/// Fast commits have the last blocks of the journal: 256 if it does not say how many.
#[test]
fn a_log_goes_round_where_fast_commits_begin() {
    let whole = extents(0, &[(0, 9, 100), (9, 85, 110), (94, 85, 110), (179, 85, 110)]);
    for (said, blocks) in [(1, 9), (0, 264)] {
        let mut image = unclean(7);
        image.inode(8, (0x8180, blocks * 1024, 0x8_0000), &whole);
        log(&mut image, 0, (4, 0), &[1024, blocks as u32, 1, 1, 7, 0, 0, 0x20]);
        image.put(100, 0x54, &u32::to_be_bytes(said));
        log(&mut image, 7, (1, 1), &[30, PLAIN, 31, LAST]);
        // The block behind the last one of the log, and the first one.
        fill(&mut image, 108, 0x66);
        fill(&mut image, 101, 0x77);
        fill(&mut image, 102, 0x78);
        log(&mut image, 3, (2, 1), &[]);
        assert_eq!(seen(&image), (0x77, 0x78), "{said}");
    }
}

#[test]
fn of_several_transactions_the_last_counts() {
    let mut image = unclean(1);
    log(&mut image, 1, (1, 1), &[30, PLAIN, 31, LAST]);
    fill(&mut image, 102, 0x50);
    fill(&mut image, 103, 0x51);
    log(&mut image, 4, (2, 1), &[]);
    log(&mut image, 5, (1, 2), &[30, LAST]);
    fill(&mut image, 106, 0x60);
    log(&mut image, 7, (2, 2), &[]);
    assert_eq!(seen(&image), (0x60, 0x51));
    // A revocation takes back what is older, and nothing newer.
    let mut image = unclean(1);
    log(&mut image, 1, (1, 1), &[30, PLAIN, 31, LAST]);
    fill(&mut image, 102, 0x50);
    fill(&mut image, 103, 0x51);
    log(&mut image, 4, (2, 1), &[]);
    log(&mut image, 5, (5, 2), &[20, 30]);
    log(&mut image, 6, (2, 2), &[]);
    assert_eq!(seen(&image), (30, 0x51));
    let mut image = unclean(1);
    log(&mut image, 1, (5, 1), &[20, 30]);
    log(&mut image, 2, (2, 1), &[]);
    log(&mut image, 3, (1, 2), &[30, LAST]);
    fill(&mut image, 104, 0x50);
    log(&mut image, 5, (2, 2), &[]);
    assert_eq!(seen(&image), (0x50, 31));
}

#[test]
fn tags_that_lead_nowhere_count_for_nothing() {
    let mut image = unclean(1);
    log(
        &mut image,
        1,
        (1, 1),
        &[200, PLAIN, 1, PLAIN, u32::MAX, PLAIN, 30, DELETED, 31, LAST],
    );
    fill(&mut image, 105, 0x33);
    fill(&mut image, 106, 0x44);
    log(&mut image, 7, (2, 1), &[]);
    assert_eq!(seen(&image), (30, 0x44));
    // A log that is full of descriptors, each with more tags than there are blocks.
    let mut image = unclean(3);
    for at in 1..9 {
        log(&mut image, at, (1, 1), &[30, PLAIN, 31, PLAIN].repeat(60));
    }
    assert_eq!(seen(&image), (30, 31));
    // Revocations that say that they are longer than a block.
    let mut image = unclean(1);
    log(&mut image, 1, (5, 1), &[u32::MAX, 30]);
    log(&mut image, 2, (5, 1), &[0]);
    log(&mut image, 3, (2, 1), &[]);
    assert_eq!(seen(&image), (30, 31));
}

#[test]
fn blocks_that_are_escaped_have_their_magic_back() {
    // Of directories and inodes any part is read so; of a file it is refused.
    let mut image = unclean(1);
    log(&mut image, 1, (1, 1), &[30, ESCAPED | LAST]);
    fill(&mut image, 102, 0);
    log(&mut image, 3, (2, 1), &[]);
    assert_eq!(
        image.error("file"),
        "'file' cannot be read from the ext4 file system: its block 30 waits in the journal in another form"
    );
    let (mut disk, mut watch) = (FakeDisk::new(image.0), Unwatched);
    let volume = Volume::whole(&mut disk, &mut watch).unwrap();
    let moved = [(
        30,
        super::super::journal::Moved {
            place: 102 * 1024,
            escaped: true,
        },
    )]
    .into();
    let mut store = super::super::journal::Store {
        volume,
        moved,
        block_size: 1024,
    };
    let mut bytes = [0xaa; 2051];
    store.read(30 * 1024 - 1, &mut bytes).unwrap();
    assert_eq!(bytes[..6], [0, 0xc0, 0x3b, 0x39, 0x98, 0]);
    assert_eq!(bytes[1024..1026], [0, 31]);
    store.read(30 * 1024 + 2, &mut bytes[..5]).unwrap();
    assert_eq!(bytes[..5], [0x39, 0x98, 0, 0, 0]);
}

#[test]
fn a_journal_that_is_nowhere_is_told() {
    for (journal, map) in [
        (0, extents(0, &[(0, 9, 100)])),
        (65, extents(0, &[])),
        (8, extents(0, &[(0, 9, 199)])),
        (8, vec![0; 60]),
    ] {
        let mut image = unclean(1);
        image.put(1, 0xe0, &[journal]);
        image.inode(8, (0x8180, 9 * 1024, 0x8_0000), &map);
        let said = image.with(|fs| fs.warnings().to_vec()).unwrap();
        assert!(
            said[0].starts_with("The file system was not unmounted, and its journal is left alone: "),
            "{said:?}"
        );
        assert_eq!(seen(&image), (30, 31));
    }
}
