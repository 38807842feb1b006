use alloc::vec;
use alloc::vec::Vec;

use hal::fakes::FakeDisk;

use super::super::super::field::put;
use super::super::super::{Unwatched, Volume};
use super::super::bpb;
use super::{Disk, Length, Run};

const FAT_SECTORS: usize = 130;
const CLUSTERS: usize = FAT_SECTORS * 128 - 2;

/// A FAT32 of one sector per cluster whose table takes three windows.
fn image(link: impl Fn(usize) -> u32) -> Vec<u8> {
    let sectors = 2 + FAT_SECTORS + CLUSTERS;
    let mut bytes = vec![0; sectors * 512];
    put(&mut bytes, 0, &[0xeb, 0x3c, 0x90]);
    put(&mut bytes, 11, &[0, 2, 1, 2, 0, 1]);
    put(&mut bytes, 32, &u32::try_from(sectors).unwrap().to_le_bytes());
    put(&mut bytes, 36, &u32::try_from(FAT_SECTORS).unwrap().to_le_bytes());
    put(&mut bytes, 44, &[2, 0, 0, 0, 1, 0]);
    put(&mut bytes, 510, &[0x55, 0xaa]);
    for cluster in 2..CLUSTERS + 2 {
        put(&mut bytes, 1024 + cluster * 4, &link(cluster).to_le_bytes());
    }
    bytes
}

fn chain(image: Vec<u8>, (first, length): (u32, Length)) -> Result<Vec<(u32, u32)>, alloc::string::String> {
    let sector: [u8; 512] = image.first_chunk().copied().unwrap();
    let (mut disk, mut watch) = (FakeDisk::new(image), Unwatched);
    let volume = Volume::whole(&mut disk, &mut watch).unwrap();
    let geometry = bpb::read(&sector, volume.blocks()).unwrap();
    let runs = Disk::new(volume, geometry).chain(first, length, "file");
    let pair = |run: Run| (run.first, run.count);
    runs.map(|runs| runs.into_iter().map(pair).collect())
        .map_err(|error| alloc::format!("{error}"))
}

#[test]
fn a_chain_in_a_row_is_one_run_through_all_windows() {
    let last = CLUSTERS + 1;
    let straight = |cluster| {
        if cluster == last {
            0x0fff_ffff
        } else {
            0xf000_0001 + cluster as u32
        }
    };
    let all = u64::try_from(CLUSTERS).unwrap();
    let whole = (2, u32::try_from(CLUSTERS).unwrap());
    assert_eq!(chain(image(straight), (2, Length::Exactly(all))), Ok(vec![whole]));
    // The last cluster of the volume has a successor that is none.
    let open = |cluster| cluster as u32 + 1;
    let error = chain(image(open), (2, Length::Exactly(all))).unwrap_err();
    assert_eq!(
        error,
        "the FAT is damaged at cluster 16640: the chain of 'file' leads to it, and there is no such cluster"
    );
}

#[test]
fn a_row_ends_where_the_chain_has_to() {
    let straight = |cluster| cluster as u32 + 1;
    let why = "the chain of 'file' goes on behind 5 clusters: it is a loop, or the size is wrong";
    let long = |link: fn(usize) -> u32, first, cluster| {
        let error = chain(image(link), (first, Length::Exactly(5))).unwrap_err();
        assert_eq!(error, alloc::format!("the FAT is damaged at cluster {cluster}: {why}"));
    };
    long(straight, 10, 14);
    long(|_| 3, 3, 3);
}

#[test]
fn rows_of_all_lengths_begin_and_end_where_links_jump() {
    // Rows of 1, 2, 3 .. clusters, each with a gap of one behind it.
    let (mut starts, mut at, mut len) = (Vec::new(), 2, 1);
    while at + len < CLUSTERS {
        starts.push((at, len));
        at += len + 1;
        len += 1;
    }
    let link = |cluster: usize| {
        let row = starts.partition_point(|(start, _)| *start <= cluster) - 1;
        let (start, len) = starts[row];
        match starts.get(row + 1) {
            Some((next, _)) if cluster + 1 >= start + len => *next as u32,
            None if cluster + 1 >= start + len => 0x0fff_ffff,
            _ => cluster as u32 + 1,
        }
    };
    let total: usize = starts.iter().map(|(_, len)| len).sum();
    let expected: Vec<(u32, u32)> = starts.iter().map(|(at, len)| (*at as u32, *len as u32)).collect();
    let length = Length::Exactly(u64::try_from(total).unwrap());
    assert_eq!(chain(image(link), (2, length)), Ok(expected));
}
