use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hal::block::BlockInterface;
use hal::{BlockDevice, BlockIdx};
use loader_core::fs::{Unwatched, Volume, mount};

use super::{CardError, LARGE, MIB, SMALLEST, START, TOO_LARGE, make, size};
use crate::disk::FileDisk;

/// CRC-32 of the card of [`made`].
const CRC: u32 = 0xca1f_6383;

/// The bytes of a card with all that is in `folder`.
fn of_folder(folder: &Path) -> Result<Vec<u8>, CardError> {
    let mut card = FileDisk::with_folder(folder, BlockInterface::Mmc)?;
    let blocks = usize::try_from(card.medium().unwrap().blocks).unwrap();
    let mut bytes = vec![0; blocks * 512];
    card.read(BlockIdx(0), &mut bytes, &mut || {}).unwrap();
    Ok(bytes)
}

/// A folder of the host, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("slipway-sim-card-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn add(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// What is wrong with it, without the folder's own path.
    fn error(&self) -> String {
        let error = of_folder(&self.0).unwrap_err().to_string();
        error.replace(&self.0.display().to_string(), "lab")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const FILES: [(&str, &[u8]); 10] = [
    ("xen.cfg", b"[global]\ndefault=a\n"),
    ("XEN.EFI", &[1; 513]),
    ("empty", b""),
    (".cfg", b"hidden"),
    (".cfg2", b"hidden, too"),
    ("~2.cfg", b"not hidden"),
    ("Guests/.git/HEAD", b"ref"),
    ("Guests/a long name, with ünïcode.cpio.gz", &[7; 10_000]),
    ("Guests/a long name, with more.cpio.gz", &[8; 512]),
    ("Guests/deeper/still/Image", &[9; 70_000]),
];

fn made(name: &str, files: impl Iterator<Item = (&'static str, &'static [u8])>) -> Folder {
    let folder = Folder::new(name);
    files.for_each(|(name, bytes)| folder.add(name, bytes));
    folder
}

fn tool(command: &mut Command) -> Vec<u8> {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout
}

#[test]
fn other_programs_find_the_same_files_and_nothing_to_repair() {
    let folder = made("tools", FILES.into_iter());
    let card = of_folder(&folder.0).unwrap();
    assert_eq!(card.len() as u64, SMALLEST);
    let image = Folder::new("tools-image");
    let (card_path, partition_path) = (image.path("card.img"), image.path("partition.img"));
    fs::write(&card_path, &card).unwrap();
    fs::write(&partition_path, &card[START..]).unwrap();
    let table = tool(Command::new("/sbin/sfdisk").arg("--dump").arg(&card_path));
    let table = String::from_utf8(table).unwrap();
    let partition = "start=        2048, size=      129024, type=c, bootable";
    assert!(
        table.contains("label-id: 0x534c4950") && table.contains(partition),
        "{table}"
    );
    tool(Command::new("/sbin/fsck.fat").arg("-nv").arg(&partition_path));
    for (name, bytes) in FILES {
        let mut mtype = Command::new("mtype");
        mtype.arg("-i").arg(&partition_path).arg(format!("::{name}"));
        assert_eq!(tool(&mut mtype), bytes, "{name}");
    }
}

/// mtools know no characters of two UTF-16 units; FAT has them, and so has the loader.
#[test]
fn a_name_may_have_any_characters() {
    let folder = Folder::new("units");
    folder.add("a \u{1f6a2}.dtb", b"tree");
    let mut card = FileDisk::with_folder(&folder.0, BlockInterface::Mmc).unwrap();
    let mut watch = Unwatched;
    let partition = (BlockIdx(START as u64 / 512), u64::MAX);
    let mut volume = mount(Volume::new(&mut card, &mut watch, partition).unwrap()).unwrap();
    let file = volume.open("/A \u{1f6a2}.DTB").unwrap();
    let mut bytes = [0; 4];
    volume.read(&file, 0, &mut bytes).unwrap();
    assert_eq!((file.size(), &bytes), (4, b"tree"));
}

/// Linux has names of 255 bytes.
#[test]
fn a_name_that_is_too_long_is_an_error() {
    let folder = Folder::new("long");
    folder.add(&"x".repeat(195), b"");
    assert!(of_folder(&folder.0).is_ok());
    folder.add(&"y".repeat(196), b"");
    assert!(
        folder.error().ends_with("it is longer than 195 characters"),
        "{}",
        folder.error()
    );
}

#[test]
fn equal_folders_make_equal_cards() {
    let [one, other] = [made("one", FILES.into_iter()), made("other", FILES.into_iter().rev())];
    let card = of_folder(&one.0).unwrap();
    assert_eq!(crc32fast::hash(&card), CRC, "{:#010x}", crc32fast::hash(&card));
    assert!(card == of_folder(&other.0).unwrap());
    other.add("xen.cfg", b"[global]\ndefault=b\n");
    assert!(card != of_folder(&other.0).unwrap());
}

#[test]
fn the_size_is_that_of_the_content_and_a_quarter_more() {
    assert_eq!(size(0), SMALLEST);
    assert_eq!(size(50 * MIB), SMALLEST);
    assert_eq!(size(51 * MIB), 2 * SMALLEST);
    assert_eq!(size(400 * MIB), LARGE);
    assert!(size(u64::MAX) >= TOO_LARGE);
}

#[test]
fn a_full_card_has_room() {
    let folder = Folder::new("full");
    let big = fs::File::create(folder.path("big")).unwrap();
    big.set_len(50 * MIB).unwrap();
    assert_eq!(of_folder(&folder.0).unwrap().len() as u64, SMALLEST);
}

#[test]
fn a_large_card_has_larger_clusters() {
    let sectors = |size| make("lab".as_ref(), size).unwrap()[START + 13];
    assert_eq!((sectors(LARGE / 2), sectors(LARGE)), (1, 8));
}

#[test]
fn there_are_no_cards_of_a_tib() {
    let error = make("lab".as_ref(), TOO_LARGE).unwrap_err();
    assert_eq!(error.to_string(), "lab: no room for a card of 1048576 MiB in memory");
}

/// The folder itself takes many clusters, which lie between those of the files.
#[test]
fn a_folder_of_many_names_fits() {
    let folder = Folder::new("many");
    (0..300).for_each(|n| folder.add(&format!("one of many, with a long name {n}"), b"x"));
    let image = Folder::new("many-image");
    let partition = image.path("partition.img");
    fs::write(&partition, &of_folder(&folder.0).unwrap()[START..]).unwrap();
    let listed = tool(Command::new("mdir").args(["-b", "-i"]).arg(&partition).arg("::"));
    assert_eq!(String::from_utf8(listed).unwrap().lines().count(), 300);
    tool(Command::new("/sbin/fsck.fat").arg("-nv").arg(&partition));
}

#[test]
fn links_are_followed() {
    let folder = made("links", FILES.into_iter());
    symlink("xen.cfg", folder.path("link.cfg")).unwrap();
    symlink("Guests/deeper", folder.path("down")).unwrap();
    let linked = of_folder(&folder.0).unwrap();
    let plain = made("plain", FILES.into_iter());
    plain.add("link.cfg", FILES[0].1);
    plain.add("down/still/Image", FILES[9].1);
    assert!(linked == of_folder(&plain.0).unwrap());
}

#[test]
fn a_link_that_leads_back_or_nowhere_is_named() {
    let folder = Folder::new("loop");
    folder.add("sub/file", b"");
    symlink("..", folder.path("sub/up")).unwrap();
    let error = folder.error();
    let deep = "/sub/up".repeat(8);
    assert_eq!(
        error,
        format!("lab{deep}/sub: more than 16 folders deep: perhaps a link leads back to a folder above it")
    );
    fs::remove_file(folder.path("sub/up")).unwrap();
    symlink("gone", folder.path("sub/nowhere")).unwrap();
    assert_eq!(
        folder.error(),
        "lab/sub/nowhere: No such file or directory (os error 2)"
    );
}

/// Each of them has links to all of the next one, so that few make many.
#[test]
fn links_that_multiply_come_to_an_end() {
    let folder = Folder::new("multiply");
    for level in 0..10 {
        fs::create_dir(folder.path(&level.to_string())).unwrap();
        for link in 0..if level < 9 { 4 } else { 0 } {
            symlink(format!("../{}", level + 1), folder.path(&format!("{level}/{link}"))).unwrap();
        }
    }
    assert!(
        folder.error().ends_with(": more than 65536 files and folders"),
        "{}",
        folder.error()
    );
}

#[test]
fn sixteen_folders_deep_is_not_too_deep() {
    let folder = Folder::new("deep");
    folder.add(&format!("{}file", "d/".repeat(16)), b"deep");
    assert!(of_folder(&folder.0).is_ok());
    folder.add(&format!("{}file", "d/".repeat(17)), b"deep");
    assert!(folder.error().contains("more than 16 folders deep"));
}

#[test]
fn names_that_fat_cannot_hold_are_errors() {
    for (name, expected) in [
        ("sub/what?", "\"lab/sub/what?\": FAT cannot hold a name with '?' in it"),
        ("a\nb", "\"lab/a\\nb\": FAT cannot hold a name with '\\n' in it"),
        (
            "back\\slash",
            "\"lab/back\\\\slash\": FAT cannot hold a name with '\\\\' in it",
        ),
        ("etc.", "lab/etc.: FAT cannot hold a name that ends in a dot or a space"),
        (
            "blank ",
            "lab/blank : FAT cannot hold a name that ends in a dot or a space",
        ),
    ] {
        let folder = Folder::new("name");
        folder.add(name, b"");
        assert_eq!(folder.error(), expected);
    }
}

#[test]
fn a_name_that_is_no_text_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new("utf8");
    fs::write(folder.0.join(OsStr::from_bytes(b"\xff.txt")), b"").unwrap();
    assert_eq!(
        folder.error(),
        "lab/\u{fffd}.txt: the name is not UTF-8, and those on FAT are Unicode"
    );
}

#[test]
fn two_names_that_are_one_on_fat_are_errors() {
    for (first, second) in [
        ("IMAGE", "Image"),
        ("a folder", "A FOLDER"),
        // The first has got this one as its short name.
        ("LONGER-NAME", "longer~1"),
    ] {
        let folder = Folder::new("twice");
        folder.add(first, b"1");
        folder.add(second, b"2");
        let expected = ": on FAT this is the name of another one in the same folder";
        assert!(folder.error().ends_with(expected), "{first}: {}", folder.error());
    }
}

#[test]
fn what_is_no_file_is_an_error() {
    let folder = Folder::new("special");
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    assert_eq!(
        folder.error(),
        "lab/socket: neither a file nor a folder, nor a link to one"
    );
}

#[test]
fn a_file_of_four_gib_is_too_large() {
    let folder = Folder::new("large");
    let file = fs::File::create(folder.path("disk.img")).unwrap();
    file.set_len(1 << 32).unwrap();
    assert_eq!(
        folder.error(),
        "lab/disk.img: 4294967296 bytes, and a file on FAT has at most 4 GiB less one"
    );
}

/// Fewer names than a whole card may have, but too long ones for one folder.
#[test]
fn a_folder_may_have_too_many_names() {
    let folder = Folder::new("names");
    (0..3121).for_each(|n| folder.add(&format!("sub/{n:0255}"), b""));
    assert_eq!(folder.error(), "lab/sub: more names than a folder on FAT has room for");
}
