use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Error, Fit, Use};
use crate::devicetree::Tree;
use crate::digest::Digest;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/fit/", $name))
    };
}

pub(crate) const LINUX: &[u8] = fixture!("linux.itb");
pub(crate) const EXTERNAL: &[u8] = fixture!("external.itb");
pub(crate) const POSITION: &[u8] = fixture!("position.itb");
pub(crate) const OLD: &[u8] = fixture!("old.itb");
pub(crate) const RAMDISK: &[u8] = fixture!("ramdisk.cpio");

fn data<'a>(file: &'a [u8], fit: &Fit, name: &str) -> &'a [u8] {
    let (offset, len) = fit.image(name).unwrap().data().unwrap();
    let (offset, len) = (usize::try_from(offset).unwrap(), usize::try_from(len).unwrap());
    &file[offset..offset + len]
}

#[test]
fn what_mkimage_makes_is_read() {
    for file in [LINUX, EXTERNAL, POSITION] {
        let fit = Fit::parse(file).unwrap();
        assert_eq!(fit.description(), Some("Linux, three configurations"));
        assert_eq!(fit.created(), Some(1_700_000_000));
        assert_eq!(fit.images().count(), 7);
        let kernel = fit.configuration(None).unwrap().first(Use::KERNEL).unwrap();
        assert_eq!(
            (kernel.name(), kernel.kind(), kernel.compression()),
            ("kernel-1", "kernel", "gzip")
        );
        assert_eq!((kernel.arch(), kernel.os()), (Some("arm64"), Some("linux")));
        assert_eq!((kernel.load(), kernel.entry()), (Some(0x4060_0000), Some(0x4060_0000)));
        assert_eq!(data(file, &fit, "ramdisk-1"), RAMDISK);
        assert_eq!(data(file, &fit, "kernel-1"), fixture!("Image.gz"));
        assert_eq!(fit.image("module-1").unwrap().load(), Some(0x4300_0000));
        for image in fit.images() {
            for hash in image.hashes() {
                let mut digest = Digest::new(hash.known().unwrap());
                digest.update(data(file, &fit, image.name()));
                assert_eq!(digest.finish(), hash.value, "{} {}", image.name(), hash.algorithm);
            }
        }
    }
}

#[test]
fn names_are_taken_in_full() {
    let old = Fit::parse(OLD).unwrap();
    assert_eq!(old.configuration(Some("conf@2")).unwrap().name(), "conf@2");
    assert_eq!(
        old.configuration(None).unwrap().first(Use::FDT).unwrap().name(),
        "fdt@1"
    );
    assert!(old.image("kernel").is_err() && old.configuration(Some("conf")).is_err());
    let error = Fit::parse(LINUX).unwrap().image("kernel").unwrap_err().to_string();
    assert!(
        error.starts_with("it has no image 'kernel'; there are: kernel-1, ramdisk-1, "),
        "{error}"
    );
}

/// The FIT as a tree with its data in it, changed and written again.
fn changed(change: impl FnOnce(&mut Tree)) -> Vec<u8> {
    let mut tree = Tree::parse(EXTERNAL).unwrap();
    change(&mut tree);
    tree.emit(0).unwrap()
}

#[test]
fn data_outside_the_file_are_refused() {
    let cases: [&[(&str, u32)]; 5] = [
        &[("data-size", 0xffff_ffff)],
        &[("data-offset", 0xffff_fffc)],
        &[("data-position", 0x10_0000)],
        &[("data-position", 0xffff_ffff), ("data-size", 0xffff_ffff)],
        &[("data-offset", 0), ("data-size", 1)],
    ];
    for case in cases {
        let file = changed(|tree| {
            let node = tree.find("/images/ramdisk-1").unwrap();
            case.iter()
                .for_each(|(name, value)| tree.set_u32(node, name, *value).unwrap());
        });
        let fit = Fit::parse(&file).unwrap();
        let error = fit.image("ramdisk-1").unwrap().data().unwrap_err();
        assert!(matches!(error, Error::Outside { .. }), "{case:x?}: {error}");
    }
    let cut = &EXTERNAL[..EXTERNAL.len() - 200];
    let fit = Fit::parse(cut).unwrap();
    assert!(matches!(
        fit.image("module-1").unwrap().data(),
        Err(Error::Outside { .. })
    ));
    assert!(fit.image("kernel-1").unwrap().data().is_ok());
    let file = changed(|tree| {
        let node = tree.find("/images/ramdisk-1").unwrap();
        tree.remove_property(node, "data-size").unwrap();
    });
    let fit = Fit::parse(&file).unwrap();
    assert!(matches!(fit.image("ramdisk-1").unwrap().data(), Err(Error::NoData(_))));
}

#[test]
fn what_is_no_fit_is_refused() {
    assert!(matches!(Fit::parse(b"\xd0\x0d\xfe\xed"), Err(Error::Tree(_))));
    assert_eq!(Fit::parse(&Tree::new().emit(0).unwrap()).unwrap_err(), Error::NoImages);
    let many = changed(|tree| {
        let images = tree.find("/images").unwrap();
        (0..300).for_each(|index| drop(tree.add(images, &alloc::format!("more-{index}"))));
    });
    assert_eq!(Fit::parse(&many).unwrap_err(), Error::TooMany);
    let none = changed(|tree| {
        let node = tree.find("/configurations").unwrap();
        tree.remove_property(node, "default").unwrap();
    });
    let fit = Fit::parse(&none).unwrap();
    let error = fit.configuration(None).unwrap_err().to_string();
    assert!(error.ends_with("there are: conf-1, conf-2, conf-3, nothing"), "{error}");
    let error = fit
        .configuration(Some("nothing"))
        .unwrap()
        .first(Use::KERNEL)
        .unwrap_err();
    assert_eq!(error.to_string(), "configuration 'nothing' names no kernel");
}

/// Values other than an image's data are copied to the heap, so they have a limit.
#[test]
fn only_data_may_be_large() {
    let large = |name: &'static str| {
        let mut tree = Tree::parse(EXTERNAL).unwrap();
        let node = tree.find("/images/ramdisk-1").unwrap();
        tree.set(node, name, &alloc::vec![1; 1 << 20]).unwrap();
        let mut file = tree.emit(0).unwrap();
        // The value grows to 3 MiB in the blob: token, length, name; then the words that are there already move up.
        let token = [[0, 0, 0, 3], (1_u32 << 20).to_be_bytes()].concat();
        let at = file.windows(8).position(|words| words == token).unwrap();
        let more = 2_u32 << 20;
        file[at + 4..at + 8].copy_from_slice(&((1_u32 << 20) + more).to_be_bytes());
        file.splice(at + 12..at + 12, alloc::vec![1; more as usize]);
        for field in [4, 12, 36] {
            let word = u32::from_be_bytes(file[field..field + 4].try_into().unwrap()) + more;
            file[field..field + 4].copy_from_slice(&word.to_be_bytes());
        }
        Fit::parse(&file).map(|fit| fit.image("ramdisk-1").unwrap().data().unwrap().1)
    };
    assert_eq!(large("data"), Ok(3 << 20));
    assert!(matches!(large("description"), Err(Error::Tree(_))));
}

/// Every byte bent: an answer or an error, and data only from within the file.
#[test]
fn bent_files_do_no_harm() {
    for file in [EXTERNAL, LINUX] {
        for at in 0..file.len() {
            let mut bent = file.to_vec();
            bent[at] ^= 0x81;
            let Ok(fit) = Fit::parse(&bent) else { continue };
            for image in fit.images() {
                if let Ok((offset, len)) = image.data() {
                    assert!(offset + len <= u64::try_from(bent.len()).unwrap());
                }
                assert!(image.hashes().count() <= 3);
            }
        }
    }
}
