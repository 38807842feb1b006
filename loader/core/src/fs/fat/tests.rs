use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use hal::block::BlockFault;
use hal::fakes::{DiskAccess, FakeDisk};

use super::super::field::{le32, put};
use super::super::{FileSystem, FsError, Unwatched, Volume, VolumeError, mount};
use super::{FatError, name};

/// Where things are on the small file systems of these tests: one sector per cluster.
struct Image {
    bytes: Vec<u8>,
    fat: usize,
    wide: bool,
    data: usize,
}

/// An empty FAT32 of 100 clusters, or the smallest FAT16; each with one allocation table.
fn empty(wide: bool) -> Image {
    let (clusters, fat_sectors, root_entries) = if wide { (100, 1, 0) } else { (4085, 16, 32) };
    let reserved = if wide { 2 } else { 1 };
    let data = reserved + fat_sectors + root_entries / 16;
    let total = data + clusters;
    let mut bytes = vec![0; total * 512];
    put(&mut bytes, 0, &[0xeb, 0x3c, 0x90]);
    put(&mut bytes, 11, &[0, 2, 1, reserved as u8, 0, 1]);
    put(&mut bytes, 17, &(root_entries as u16).to_le_bytes());
    put(&mut bytes, 32, &(total as u32).to_le_bytes());
    put(&mut bytes, 510, &[0x55, 0xaa]);
    let mut image = Image {
        bytes,
        fat: reserved * 512,
        wide,
        data: data * 512,
    };
    if wide {
        put(&mut image.bytes, 36, &(fat_sectors as u32).to_le_bytes());
        put(&mut image.bytes, 44, &[2, 0, 0, 0, 1, 0]);
        put(&mut image.bytes, 512, b"RRaA");
        put(&mut image.bytes, 512 + 484, b"rrAa");
        put(&mut image.bytes, 512 + 488, &[99, 0, 0, 0, 2, 0, 0, 0]);
        put(&mut image.bytes, 1022, &[0x55, 0xaa]);
        image.link(2, 0x0fff_ffff);
    } else {
        put(&mut image.bytes, 22, &(fat_sectors as u16).to_le_bytes());
    }
    image.link(0, 0x0fff_fff8);
    image.link(1, 0x0fff_ffff);
    image
}

impl Image {
    /// Sets what stands in the table for a cluster.
    fn link(&mut self, cluster: usize, value: u32) {
        if self.wide {
            put(&mut self.bytes, self.fat + cluster * 4, &value.to_le_bytes());
        } else {
            put(&mut self.bytes, self.fat + cluster * 2, &value.to_le_bytes()[..2]);
        }
    }

    fn root(&self) -> usize {
        if self.wide { self.data } else { self.data - 1024 }
    }

    /// Puts an entry into a slot of the root directory: name, attributes, cluster, size.
    fn entry(&mut self, slot: usize, name: &[u8; 11], (attributes, cluster, size): (u8, u32, u32)) {
        let at = self.root() + slot * 32;
        put(&mut self.bytes, at, name);
        put(&mut self.bytes, at + 11, &[attributes]);
        let [low, next, high, highest] = cluster.to_le_bytes();
        put(&mut self.bytes, at + 20, &[high, highest]);
        put(&mut self.bytes, at + 26, &[low, next]);
        put(&mut self.bytes, at + 28, &size.to_le_bytes());
    }

    fn with<T>(&self, work: impl FnOnce(&mut dyn FileSystem) -> T) -> Result<T, FsError> {
        let (mut disk, mut watch) = (FakeDisk::new(self.bytes.clone()), Unwatched);
        let mut fs = mount(Volume::whole(&mut disk, &mut watch)?)?;
        Ok(work(&mut *fs))
    }

    fn open(&self, path: &str) -> String {
        match self.with(|fs| fs.open(path)) {
            Ok(Ok(file)) => format!("{} bytes", file.size()),
            Ok(Err(error)) | Err(error) => error.to_string(),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FsError> {
        self.with(|fs| {
            let mut names = Vec::new();
            fs.list(path, &mut |entry| {
                names.push(entry.name.clone());
                ControlFlow::Continue(())
            })
            .map(|()| names)
        })?
    }
}

/// What is said of a boot sector with `value` at `at`.
fn refused(wide: bool, at: usize, value: &[u8]) -> String {
    let mut image = empty(wide);
    put(&mut image.bytes, at, value);
    let error = image.with(|_| ()).unwrap_err().to_string();
    let said = error.strip_prefix("the FAT file system cannot be used: ");
    said.unwrap_or(&error).to_string()
}

#[test]
fn boot_sectors_that_make_no_sense_are_refused() {
    assert_eq!(empty(true).with(|fs| fs.kind()), Ok("fat"));
    assert_eq!(empty(false).with(|fs| fs.kind()), Ok("fat"));
    for wide in [true, false] {
        let clusters = refused(wide, 13, &[0]);
        assert_eq!(
            clusters,
            "it has 0 sectors per cluster; that has to be a power of two up to 128"
        );
        assert_eq!(
            refused(wide, 11, &[0, 16]),
            "its sectors have 4096 bytes; only 512 are supported"
        );
        assert!(
            refused(wide, 32, &u32::MAX.to_le_bytes()).contains("it has 4294967295 sectors, and the partition only ")
        );
        assert!(refused(wide, 32, &[3, 0, 0, 0]).starts_with("its 3 sectors have no room for "));
        assert!(refused(wide, 14, &[0xff, 0xff]).contains(" have no room for "));
        assert!(refused(wide, 17, &[5, 0]).starts_with("its root directory has 5 entries"));
        // What does not even look like one.
        for (at, value) in [
            (0, &[0, 0][..]),
            (13, &[3]),
            (14, &[0, 0]),
            (16, &[0]),
            (16, &[3]),
            (510, &[0, 0]),
        ] {
            assert!(
                refused(wide, at, value).starts_with("there is no file system that is known"),
                "{at}"
            );
        }
    }
    for root in [0, 1, 102, 0x0fff_ffff, u32::MAX] {
        let said = refused(true, 44, &root.to_le_bytes());
        assert_eq!(
            said,
            format!("its root directory begins at cluster {root}, which does not exist")
        );
    }
    assert_eq!(
        refused(true, 42, &[1, 0]),
        "it is of version 0x0001; only version 0 is known"
    );
    assert_eq!(refused(true, 40, &[0x81, 0]), "it has 1 FATs; 1 or 2 are possible");
    assert!(refused(true, 36, &[0, 0, 0, 0]).starts_with("its FATs of 0 sectors are too short for 101 clusters"));
    assert!(refused(true, 36, &u32::MAX.to_le_bytes()).contains("have no room for"));
    assert!(refused(false, 22, &[15, 0]).starts_with("its FATs of 15 sectors are too short for 4086 clusters"));
    assert_eq!(
        refused(false, 13, &[2]),
        "it is a FAT12 (2042 clusters), which is not supported; FAT16 and FAT32 are"
    );
}

#[test]
fn truncated_images_are_refused_or_read_as_far_as_they_go() {
    for wide in [true, false] {
        let image = empty(wide);
        for blocks in 0..image.bytes.len() / 512 {
            let image = Image {
                bytes: image.bytes[..blocks * 512].to_vec(),
                ..empty(wide)
            };
            assert!(image.with(|_| ()).is_err(), "{blocks}");
        }
    }
}

/// An image with a file of 1300 bytes in clusters 10, 11, 12.
fn with_file(wide: bool) -> Image {
    let mut image = empty(wide);
    image.entry(0, b"FILE       ", (0x20, 10, 1300));
    image.link(10, 11);
    image.link(11, 12);
    image.link(12, 0x0fff_ffff);
    image
}

#[test]
fn damaged_chains_are_told_with_file_and_cluster() {
    for wide in [true, false] {
        let mut image = with_file(wide);
        assert_eq!(image.open("file"), "1300 bytes");
        let end = if wide { 102 } else { 4087 };
        let mut say = |cluster: usize, value: u32| {
            image.link(cluster, value);
            assert_eq!(image.with(|fs| fs.size("file")), Ok(Ok(1300)), "it is in the directory");
            let said = image.open("file");
            let said = said
                .strip_prefix("the FAT is damaged at cluster ")
                .unwrap_or(&said)
                .to_string();
            for (cluster, link) in [(10, 11), (11, 12), (12, 0x0fff_ffff)] {
                image.link(cluster, link);
            }
            said
        };
        let long = "12: the chain of 'file' goes on behind 3 clusters: it is a loop, or the size is wrong";
        assert_eq!(say(12, 10), long);
        assert_eq!(say(12, 12), long);
        assert_eq!(say(12, 13), long);
        assert_eq!(
            say(11, 10),
            "10: the chain of 'file' goes on behind 3 clusters: it is a loop, or the size is wrong"
        );
        assert_eq!(
            say(10, 0x0fff_fff8),
            "10: the chain of 'file' ends there, after 1 of 3 clusters"
        );
        assert_eq!(
            say(11, 0),
            "11: the chain of 'file' leads there, and it is marked as free"
        );
        assert_eq!(
            say(11, 0x0fff_fff7),
            "11: the chain of 'file' leads there, and it is marked as bad"
        );
        for nowhere in [1, end, end + 1, 0x0fff_fff0] {
            let shown = if wide { nowhere } else { nowhere & 0xffff };
            assert_eq!(
                say(11, nowhere),
                format!("{shown}: the chain of 'file' leads to it, and there is no such cluster")
            );
        }
        for first in [0, 1, end] {
            image.entry(0, b"FILE       ", (0x20, first, 1300));
            assert!(image.open("file").contains("there is no such cluster"));
        }
        image.entry(0, b"FILE       ", (0x20, 10, u32::MAX));
        assert!(image.open("file").contains("ends there, after 3 of 8388608 clusters"));
        image.entry(0, b"FILE       ", (0x20, 10, 0));
        assert_eq!(image.open("file"), "0 bytes");
    }
}

#[test]
fn cross_linked_files_are_told_where_it_shows() {
    for wide in [true, false] {
        // Another file's chain runs into this one's. With that size, nothing is wrong with either by itself.
        let mut image = with_file(wide);
        image.entry(1, b"OTHER      ", (0x20, 20, 1024));
        image.link(20, 12);
        assert_eq!(
            (image.open("file"), image.open("other")),
            ("1300 bytes".into(), "1024 bytes".into())
        );
        image.entry(1, b"OTHER      ", (0x20, 20, 512));
        assert!(
            image
                .open("other")
                .contains("at cluster 20: the chain of 'other' goes on behind 1 clusters")
        );
        // Removing one takes clusters from the other, which is told, and not read short.
        let (mut disk, mut watch) = (FakeDisk::new(image.bytes.clone()), Unwatched);
        let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
        fs.remove("other").unwrap();
        let error = fs.open("file").unwrap_err().to_string();
        assert_eq!(
            error,
            "the FAT is damaged at cluster 12: the chain of 'file' leads there, and it is marked as free"
        );
    }
}

#[test]
fn directories_that_loop_are_told() {
    for wide in [true, false] {
        let mut image = empty(wide);
        // One that contains itself, one whose chain is a loop, one that is nowhere, one at the root's place.
        image.entry(0, b"SELF       ", (0x10, 20, 0));
        image.link(20, 0x0fff_ffff);
        let at = image.data + 18 * 512;
        let own = image.bytes[image.root()..image.root() + 32].to_vec();
        put(&mut image.bytes, at, &own);
        image.entry(1, b"LOOP       ", (0x10, 30, 0));
        image.link(30, 31);
        image.link(31, 30);
        for cluster in [28, 29] {
            let at = image.data + cluster * 512;
            image.bytes[at..at + 512].fill(0xe5);
        }
        image.entry(2, b"NOWHERE    ", (0x10, 0, 0));
        assert_eq!(image.list("self/self/self/self").unwrap(), ["SELF"]);
        assert!(
            image
                .open("loop/x")
                .contains("the chain of 'loop/x' goes on behind 4096 clusters"),
            "{}",
            image.open("loop/x")
        );
        assert!(
            image
                .list("nowhere")
                .unwrap_err()
                .to_string()
                .contains("there is no such cluster")
        );
        assert!(image.with(|fs| fs.remove("self")).unwrap().is_err());
        assert!(image.with(|fs| fs.write("loop/x", None, b"x")).unwrap().is_err());
    }
    // The root itself.
    let mut image = empty(true);
    image.link(2, 2);
    let root = image.data;
    image.bytes[root..root + 512].fill(0xe5);
    assert!(
        image
            .open("x")
            .contains("the chain of 'x' goes on behind 4096 clusters")
    );
}

#[test]
fn the_root_is_read_for_the_label_when_somebody_asks() {
    for wide in [true, false] {
        let mut image = with_file(wide);
        image.entry(1, b"CARD       ", (0x08, 0, 0));
        assert_eq!(image.with(|fs| fs.label()), Ok(Ok("CARD".into())));
        let (mut disk, mut watch) = (FakeDisk::new(image.bytes.clone()), Unwatched);
        let root = u64::try_from(image.root() / 512).unwrap();
        disk.break_blocks(root..root + 1, BlockFault::Crc);
        let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
        let error = fs.label().unwrap_err();
        assert!(matches!(error.volume(), Some(VolumeError::Device(_))), "{error}");
    }
    // Where the medium is sound and the root is not, there is what the boot sector says.
    let mut image = empty(true);
    put(&mut image.bytes, 66, b"\x29\0\0\0\0BOOT       ");
    image.link(2, 0);
    assert_eq!(image.with(|fs| fs.label()), Ok(Ok("BOOT".into())));
}

/// An entry with a piece of a long name.
fn piece(number: u8, sum: u8, text: &[u16]) -> [u8; 32] {
    let mut entry = [0; 32];
    put(&mut entry, 0, &[number]);
    put(&mut entry, 11, &[0x0f, 0, sum]);
    for (place, unit) in [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30].into_iter().zip(text) {
        put(&mut entry, place, &unit.to_le_bytes());
    }
    entry
}

#[test]
fn long_names_that_do_not_fit_count_for_nothing() {
    let sum = name::checksum(b"SHORT      ");
    let a = [u16::from(b'a'); 13];
    let cases: [(&[[u8; 32]], &str); 11] = [
        (&[piece(0x41, sum, &a[..3])], "aaa"),
        (&[piece(0x42, sum, &a[..1]), piece(1, sum, &a)], "aaaaaaaaaaaaaa"),
        // A wrong checksum, a missing piece, a wrong order, no first piece, no end.
        (&[piece(0x41, sum ^ 1, &a)], "SHORT"),
        (&[piece(0x43, sum, &a), piece(1, sum, &a)], "SHORT"),
        (&[piece(0x42, sum, &a), piece(2, sum, &a), piece(1, sum, &a)], "SHORT"),
        (&[piece(1, sum, &a)], "SHORT"),
        (&[piece(0x42, sum, &a)], "SHORT"),
        // Numbers that cannot be, and another name in between.
        (&[piece(0x40, sum, &a)], "SHORT"),
        (&[piece(0x5f, sum, &a)], "SHORT"),
        (&[piece(0x42, sum, &a), piece(1, sum ^ 1, &a)], "SHORT"),
        // Half a surrogate pair, at each end of a piece: the crate's own decoder panics on such.
        (&[piece(0x42, sum, &[0xdc00; 13]), piece(1, sum, &[0xd800; 13])], ""),
    ];
    for (pieces, expected) in cases {
        let mut image = empty(true);
        for (slot, piece) in pieces.iter().enumerate() {
            let at = image.root() + slot * 32;
            put(&mut image.bytes, at, piece);
        }
        image.entry(pieces.len(), b"SHORT      ", (0x20, 0, 0));
        let names = image.list("/").unwrap();
        if expected.is_empty() {
            assert!(
                names[0].contains('\u{fffd}') && names[0].contains('\u{10000}'),
                "{names:?}"
            );
        } else {
            assert_eq!(names, [expected]);
            assert_eq!(image.open("short"), "0 bytes");
        }
    }
}

#[test]
fn short_names_are_shown_as_other_systems_do() {
    assert_eq!(name::shown(b"KERNEL  IMG", 0), "KERNEL.IMG");
    assert_eq!(name::shown(b"KERNEL  IMG", 0x08), "kernel.IMG");
    assert_eq!(name::shown(b"KERNEL  IMG", 0x18), "kernel.img");
    assert_eq!(name::shown(b"A B     C  ", 0), "A B.C");
    assert_eq!(name::shown(b"\x05BC        ", 0), "\u{e5}BC");
    assert_eq!(name::shown(b"           ", 0), "");
}

#[test]
fn new_names_get_short_ones_that_are_free() {
    let mut taken = BTreeSet::new();
    for expected in ["LONGNA~1TXT", "LONGNA~2TXT", "LONGNA~3TXT"] {
        let new = name::new("long name.of.file.txt", || Ok(taken.clone())).unwrap();
        assert_eq!(new.short.escape_ascii().to_string(), expected);
        assert_eq!(new.long.len(), 2);
        taken.insert(new.short);
    }
    // A directory can have no more than 65536 entries.
    for (used, expected) in [(4..=99, "LONG~100TXT"), (100..=65_535, "LO~65536TXT")] {
        for number in used {
            let tail = format!("~{number}");
            let mut short = *b"LONGNAMETXT";
            short[8 - tail.len()..8].copy_from_slice(tail.as_bytes());
            taken.insert(short);
        }
        let new = name::new("long name.txt", || Ok(taken.clone())).unwrap();
        assert_eq!(new.short.escape_ascii().to_string(), expected);
    }
}

#[test]
fn who_needs_no_other_name_does_not_ask_for_those_that_are_taken() {
    let asked = || -> Result<_, FatError> { panic!("the directory is read for nothing") };
    let new = name::new("boot.scr", asked).unwrap();
    assert_eq!((&new.short, new.long.len()), (b"BOOT    SCR", 0));
    // Nor does a name that cannot be.
    assert!(name::new("A:", asked).is_err());
}

#[test]
fn a_wrong_count_of_free_clusters_does_no_harm() {
    for (free, next) in [(0, 0), (u32::MAX, u32::MAX), (1, 5), (1_000_000, 101), (50, 102)] {
        let mut image = empty(true);
        put(
            &mut image.bytes,
            1024 - 24,
            &[u32::to_le_bytes(free), u32::to_le_bytes(next)].concat(),
        );
        let (mut disk, mut watch) = (FakeDisk::new(image.bytes), Unwatched);
        let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
        for round in 0..5_u8 {
            fs.write("file", None, &[round; 3000]).unwrap();
            let file = fs.open("file").unwrap();
            let mut bytes = vec![0; 3000];
            fs.read(&file, 0, &mut bytes).unwrap();
            assert_eq!(bytes, [round; 3000]);
        }
        drop(fs);
        let noted = le32(&disk.bytes(), 1024 - 24);
        assert!(noted == u32::MAX || noted <= 100 || noted == free, "{noted}");
    }
}

#[test]
fn a_damaged_old_chain_is_freed_only_as_far_as_it_is_sound() {
    // The old file's chain leads to a free cluster, which the new file may get.
    let mut image = with_file(true);
    image.link(12, 13);
    put(&mut image.bytes, 1024 - 20, &13_u32.to_le_bytes());
    let (mut disk, mut watch) = (FakeDisk::new(image.bytes), Unwatched);
    let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
    fs.write("file", None, &[7; 2000]).unwrap();
    let file = fs.open("file").unwrap();
    let mut bytes = vec![0; 2000];
    fs.read(&file, 0, &mut bytes).unwrap();
    assert_eq!(bytes, [7; 2000]);
}

#[test]
fn of_several_tables_the_active_one_is_used() {
    let mut image = with_file(true);
    // Two tables, the second one counts, and is not mirrored.
    image.bytes.splice(1536..1536, vec![0; 512]);
    let second = image.bytes[1024..1536].to_vec();
    put(&mut image.bytes, 1536, &second);
    image.bytes[1024..1536].fill(0xff);
    put(&mut image.bytes, 16, &[2]);
    put(&mut image.bytes, 40, &[0x81, 0]);
    put(&mut image.bytes, 32, &104_u32.to_le_bytes());
    assert_eq!(image.open("file"), "1300 bytes");
    let (mut disk, mut watch) = (FakeDisk::new(image.bytes), Unwatched);
    let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
    fs.write("file", None, &[7; 2000]).unwrap();
    drop(fs);
    assert_eq!(disk.bytes()[1024..1536], [0xff; 512]);
}

#[test]
fn a_directory_grows_behind_an_end_that_does_not_fit() {
    // 15 slots of the root's only cluster are used: a name of two slots needs another cluster.
    let mut image = empty(true);
    for slot in 0..15 {
        let name = format!("F{slot:<10}");
        image.entry(slot, name.as_bytes().first_chunk().unwrap(), (0x20, 0, 0));
    }
    let (mut disk, mut watch) = (FakeDisk::new(image.bytes), Unwatched);
    let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
    fs.write("A long one", None, b"1").unwrap();
    fs.write("short", None, b"2").unwrap();
    let mut names = Vec::new();
    fs.list("/", &mut |entry| {
        names.push(entry.name.clone());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(names.len(), 17);
    assert_eq!(names[15..], ["short", "A long one"]);
}

#[test]
fn rubbish_behind_the_end_of_a_directory_stays_unseen() {
    for wide in [true, false] {
        for used in 0..16 {
            let mut image = empty(wide);
            let root = image.root();
            image.bytes[root..root + 512].fill(b'X');
            for slot in 0..used {
                image.entry(
                    slot,
                    format!("F{slot:<10}").as_bytes().first_chunk().unwrap(),
                    (0x20, 0, 0),
                );
            }
            image.bytes[root + used * 32] = 0;
            if !wide {
                image.bytes[root + 512..root + 1024].fill(b'Y');
            }
            let (mut disk, mut watch) = (FakeDisk::new(image.bytes), Unwatched);
            let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
            fs.write("A name of two", None, b"").unwrap();
            let mut count = 0;
            fs.list("/", &mut |_| {
                count += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(count, used + 1, "{wide} {used}");
        }
    }
}

#[test]
fn other_file_systems_are_refused_by_name() {
    for (at, signature, name) in super::super::detect::OTHERS {
        let mut bytes = vec![0; 0x1_1000];
        put(&mut bytes, usize::try_from(*at).unwrap(), signature);
        let (mut disk, mut watch) = (FakeDisk::new(bytes), Unwatched);
        let error = mount(Volume::whole(&mut disk, &mut watch).unwrap()).err().unwrap();
        assert_eq!(error, FsError::Unsupported(name));
        assert!(
            error
                .to_string()
                .starts_with(&format!("the volume has {name}, which is not supported"))
        );
    }
    let mut disk = FakeDisk::zeroed(1);
    let mut watch = Unwatched;
    assert_eq!(
        mount(Volume::whole(&mut disk, &mut watch).unwrap()).err(),
        Some(FsError::Unknown)
    );
}

#[test]
fn reading_touches_nothing() {
    let image = with_file(true);
    let (mut disk, mut watch) = (FakeDisk::new(image.bytes), Unwatched);
    let log = disk.clone();
    let mut fs = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
    let file = fs.open("file").unwrap();
    fs.read(&file, 0, &mut [0; 1300]).unwrap();
    assert!(fs.open("none").is_err());
    assert!(
        log.take_accesses()
            .iter()
            .all(|access| matches!(access, DiskAccess::Read(..)))
    );
}
