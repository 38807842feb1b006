use alloc::vec;
use alloc::vec::Vec;

use hal::block::{BlockError, BlockFault};
use hal::fakes::FakeDisk;

use super::file::{File, Piece};
use super::volume::{Unwatched, Volume, VolumeError};
use super::{Ext4Error, FatError, FsError, MAX_PATH, components};

#[test]
fn paths_are_divided_by_both_slashes() {
    let parts = |path: &'static str| components(path).unwrap().collect::<Vec<&str>>();
    assert_eq!(parts("/boot//./Image"), ["boot", "Image"]);
    assert_eq!(parts("boot\\dtb/../x."), ["boot", "dtb", "..", "x."]);
    assert_eq!(parts(""), [""; 0]);
    let long = "x".repeat(MAX_PATH + 1);
    assert_eq!(components(&long).err(), Some(FsError::Path(MAX_PATH + 1)));
}

#[test]
fn a_failure_of_the_medium_is_found_in_any_error() {
    let aborted = VolumeError::Aborted;
    for error in [
        FsError::Volume(aborted.clone()),
        FsError::Fat(FatError::Volume(aborted.clone())),
        FsError::Ext4(Ext4Error::Volume(aborted.clone())),
    ] {
        assert_eq!(error.volume(), Some(&aborted));
        assert_eq!(alloc::format!("{error}"), "Abort");
    }
    assert_eq!(FsError::Unknown.volume(), None);
    let fault = BlockFault::NoMedium;
    let device = BlockError {
        device: "mmc".into(),
        block: None,
        fault,
    };
    assert_eq!(alloc::format!("{}", VolumeError::from(device)), "mmc: no card present");
}

#[test]
fn pieces_and_what_is_between_them_are_read() {
    let mut disk = FakeDisk::new((0..20 * 512).map(|at| (at / 7) as u8).collect());
    let image = disk.bytes();
    let piece = |at, place, len| Piece { at, place, len };
    // A hole, bytes, a hole, bytes from further in front, others right behind them, a hole up to the end.
    let pieces = vec![piece(1000, 512, 700), piece(2000, 100, 50), piece(2050, 5000, 2000)];
    let mut expected = vec![0; 5000];
    expected[1000..1700].copy_from_slice(&image[512..1212]);
    expected[2000..2050].copy_from_slice(&image[100..150]);
    expected[2050..4050].copy_from_slice(&image[5000..7000]);
    let file = File::new("file", 5000, pieces);
    let mut watch = Unwatched;
    let mut volume = Volume::whole(&mut disk, &mut watch).unwrap();
    for offset in (0..5000)
        .step_by(37)
        .chain([999, 1000, 1699, 1700, 1999, 2049, 2050, 4049, 4050, 5000])
    {
        for len in [0, 1, 50, 301, 1024, 5000] {
            let mut bytes = vec![0xaa; len];
            let result = file.read(&mut volume, offset as u64, &mut bytes);
            if offset + len > 5000 {
                assert!(matches!(result, Err(FsError::BeyondFile { .. })));
            } else {
                assert_eq!(result, Ok(()));
                assert!(bytes == expected[offset..offset + len], "{offset} {len}");
            }
        }
    }
    assert!(file.read(&mut volume, u64::MAX, &mut []).is_err());
    assert_eq!(
        [0, 1000, 1699, 1700, 2049, 2050, 4050].map(|at| file.place(at)),
        [None, Some(512), Some(1211), None, Some(149), Some(5000), None]
    );
}
