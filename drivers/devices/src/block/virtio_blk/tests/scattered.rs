//! Many requests in flight.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use hal::ReadPiece;
use hal::block::{BlockDevice, BlockError, BlockFault, BlockIdx};

use super::super::VirtioBlk;
use super::super::model::{Disk, Fault};
use super::{Setup, USUAL, faults, read, setups, started, take_seen, try_start};
use crate::virtio::model::Model;

/// First blocks and numbers of blocks.
type Places = [(u64, usize)];

/// Reads pieces, each to bytes of its own.
fn gather(device: &mut VirtioBlk, places: &Places, meanwhile: &mut dyn FnMut()) -> Result<Vec<Vec<u8>>, BlockError> {
    let mut bytes: Vec<_> = places.iter().map(|(_, blocks)| vec![0xee; blocks * 512]).collect();
    let pieces = places.iter().zip(&mut bytes);
    let mut pieces: Vec<_> = pieces
        .map(|((first, _), bytes)| ReadPiece {
            first: BlockIdx(*first),
            bytes,
        })
        .collect();
    device.read_scattered(&mut pieces, meanwhile)?;
    Ok(bytes)
}

fn expected(model: &Model, places: &Places) -> Vec<Vec<u8>> {
    let state = model.0.borrow();
    let bytes = &state.disk.as_ref().unwrap().bytes;
    let piece = |(first, blocks): &(u64, usize)| bytes[*first as usize * 512..][..blocks * 512].to_vec();
    places.iter().map(piece).collect()
}

/// Reads pieces, which must be right.
fn check(model: &Model, device: &mut VirtioBlk, places: &Places) {
    let bytes = gather(device, places, &mut || ()).unwrap();
    assert!(bytes == expected(model, places));
}

/// So many pieces all over a disk of 1000 blocks, of 1 to 3 blocks.
fn scattered(count: u64) -> Vec<(u64, usize)> {
    (0..count).map(|at| (at * 389 % 997, 1 + at as usize % 3)).collect()
}

fn change(model: &Model, change: impl FnOnce(&mut Disk)) {
    change(model.0.borrow_mut().disk.as_mut().unwrap());
}

fn take_batches(model: &Model) -> Vec<usize> {
    core::mem::take(&mut model.0.borrow_mut().disk.as_mut().unwrap().batches)
}

#[test]
fn pieces_are_read_together_with_one_notification() {
    for legacy in [false, true] {
        let (model, mut device) = started(&Setup { legacy, ..USUAL }, Disk::new(1000));
        check(&model, &mut device, &scattered(64));
        assert_eq!(take_batches(&model), [64]);
        let seen = take_seen(&model).into_iter();
        let seen: Vec<_> = seen.map(|seen| (seen.sector, seen.len / 512)).collect();
        assert_eq!(seen, scattered(64));
        check(&model, &mut device, &scattered(200));
        assert_eq!(take_batches(&model), [85, 85, 30], "three descriptors each of 256");
    }
}

#[test]
fn nothing_is_nothing() {
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    check(&model, &mut device, &[]);
    check(&model, &mut device, &[(5, 0), (1000, 0)]);
    assert!(take_batches(&model).is_empty());
    check(&model, &mut device, &[(5, 0), (7, 2), (9, 0)]);
    assert_eq!(take_batches(&model), [1]);
}

#[test]
fn requests_end_in_any_order() {
    for setup in setups() {
        let (model, mut device) = started(&setup, Disk::new(1000));
        for seed in 1..20 {
            change(&model, |disk| (disk.shuffle, disk.at_once) = (seed, usize::MAX));
            check(&model, &mut device, &scattered(300));
            // Some at a time, while others are added.
            change(&model, |disk| disk.at_once = 1 + seed as usize % 7);
            let places = scattered(90 + seed * 7);
            let bytes = gather(&mut device, &places, &mut || model.go_on()).unwrap();
            assert!(bytes == expected(&model, &places));
        }
        assert_eq!(model.0.borrow().resets, 1);
    }
}

#[test]
fn the_queue_is_filled_again_before_it_is_empty() {
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    change(&model, |disk| disk.at_once = 1);
    let bytes = gather(&mut device, &scattered(200), &mut || model.go_on()).unwrap();
    assert!(bytes == expected(&model, &scattered(200)));
    let batches = take_batches(&model);
    assert_eq!(batches[..2], [85, 43], "when half of them are done");
    assert!(batches.len() < 10, "{batches:?}");
}

/// QEMU makes one request of those that adjoin, and has one thread do it.
#[test]
fn a_long_read_is_shared_out_and_no_two_shares_adjoin() {
    // Blocks, those that one request may have, and how many requests that makes.
    for (blocks, most, requests) in [
        ((4 << 11) - 1, u32::MAX, 1),
        (4 << 11, u32::MAX, 4),
        (4 << 11, 2048, 5),
        (40 << 11, u32::MAX, 8),
        ((40 << 11) + 9, u32::MAX, 8),
        (4 << 11, 1024, 8),
    ] {
        let mut disk = Disk::new(blocks);
        (disk.seg_max, disk.size_max) = (1, most.saturating_mul(512));
        let (model, mut device) = started(&USUAL, disk);
        check(&model, &mut device, &[(0, blocks)]);
        let seen = take_seen(&model);
        assert_eq!(seen.len(), requests, "{blocks} {most}");
        assert_eq!(take_batches(&model), [requests]);
        let adjoin = |two: &[super::Seen]| two[1].sector == two[0].sector + two[0].len as u64 / 512;
        // Shares smaller than that would cost more than they gain.
        let may = most < 2048;
        assert!(seen.windows(2).all(|two| may || !adjoin(two)), "{blocks} {most}");
    }
}

#[test]
fn small_queues_and_requests_of_many_descriptors() {
    for (limit, most) in [(4, 1), (8, 2), (16, 5), (256, 85), (1024, 85)] {
        let (model, device) = try_start(&USUAL, Disk::new(1000), |model| model.0.borrow_mut().limit = limit);
        let mut device = device.unwrap();
        device.rescan(&mut || ()).unwrap();
        take_batches(&model);
        for _ in 0..10 {
            check(&model, &mut device, &scattered(100));
        }
        assert_eq!(take_batches(&model).into_iter().max(), Some(most));
    }
    // Requests of two pieces of a block and a half, hence of up to four descriptors.
    let mut disk = Disk::new(1000);
    (disk.seg_max, disk.size_max, disk.shuffle) = (2, 768, 77);
    let (model, mut device) = started(&USUAL, disk);
    for _ in 0..10 {
        check(&model, &mut device, &scattered(200));
        check(&model, &mut device, &[(1, 500), (0, 1), (7, 300)]);
    }
    assert!(take_batches(&model).contains(&64));
}

#[test]
fn pieces_that_are_not_lent_are_read_all_the_same() {
    let setup = Setup {
        lends: false,
        least: 1024,
        ..USUAL
    };
    let (model, mut device) = started(&setup, Disk::new(1000));
    check(&model, &mut device, &scattered(30));
    let batches = take_batches(&model);
    assert_eq!((batches[0], batches.len()), (20, 11), "those of one block come last");
    faults(&model, &[Fault::Status(1)]);
    let error = gather(&mut device, &scattered(30), &mut || ()).unwrap_err();
    assert_eq!(error.block, Some(BlockIdx(389)));
    assert_eq!(take_batches(&model), [20], "none is read after a failure");
}

#[test]
fn nothing_is_read_if_one_piece_cannot_be() {
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    for (first, blocks) in [(1000, 1), (999, 2), (u64::MAX, 1), (1 << 55, 1)] {
        let error = gather(&mut device, &[(1, 1), (first, blocks), (2, 1)], &mut || ()).unwrap_err();
        assert_eq!(error.block, Some(BlockIdx(first)));
        assert_eq!(error.fault, BlockFault::OutOfRange(1000));
    }
    let (mut whole, mut odd) = ([0; 512], [0; 100]);
    let piece = |first, bytes| ReadPiece {
        first: BlockIdx(first),
        bytes,
    };
    let mut pieces = [piece(1, &mut whole[..]), piece(2, &mut odd[..])];
    let error = device.read_scattered(&mut pieces, &mut || ()).unwrap_err();
    assert_eq!((error.block, error.fault), (Some(BlockIdx(2)), BlockFault::Length(100)));
    assert!(take_seen(&model).is_empty());
}

#[test]
fn one_of_many_fails() {
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    let places = scattered(64);
    let mut list = vec![Fault::None; 64];
    (list[40], list[50]) = (Fault::Status(1), Fault::Status(2));
    faults(&model, &list);
    let error = gather(&mut device, &places, &mut || ()).unwrap_err();
    let sentence = "virtio-blk#0, block 605: the device failed, with status 0x1";
    assert_eq!((error.to_string().as_str(), places[40].0), (sentence, 605));
    assert_eq!(model.0.borrow().resets, 1, "all have ended, no reset is needed");
    check(&model, &mut device, &places);
    // A long piece's error names the block of its request.
    change(&model, |disk| disk.seen.clear());
    let mut disk = Disk::new(1000);
    (disk.seg_max, disk.size_max) = (1, 4096);
    let (model, mut device) = started(&USUAL, disk);
    faults(&model, &[Fault::None, Fault::None, Fault::None, Fault::Status(1)]);
    let error = gather(&mut device, &[(3, 1), (100, 50)], &mut || ()).unwrap_err();
    assert_eq!(error.block, Some(BlockIdx(116)));
}

#[test]
fn after_a_failure_no_more_are_begun() {
    let (model, device) = try_start(&USUAL, Disk::new(1000), |model| model.0.borrow_mut().limit = 8);
    let mut device = device.unwrap();
    device.rescan(&mut || ()).unwrap();
    take_seen(&model);
    faults(&model, &[Fault::None, Fault::None, Fault::Status(1)]);
    assert!(gather(&mut device, &scattered(64), &mut || ()).is_err());
    assert_eq!(take_seen(&model).len(), 4, "two at a time");
    check(&model, &mut device, &scattered(64));
}

#[test]
fn a_disk_that_stops_in_the_middle_is_reset_and_goes_on() {
    for legacy in [false, true] {
        let (model, mut device) = started(&Setup { legacy, ..USUAL }, Disk::new(1000));
        let places = scattered(64);
        for (silent, block) in [(64, 0), (60, 559), (1, 579)] {
            let mut list = vec![Fault::None; 64 - silent];
            list.extend(vec![Fault::Silence; silent]);
            faults(&model, &list);
            let mut turns = 0;
            let error = gather(&mut device, &places, &mut || turns += 1).unwrap_err();
            assert_eq!(
                (error.block, error.fault),
                (Some(BlockIdx(block)), BlockFault::Timeout(0))
            );
            assert_eq!(places[64 - silent].0, block, "the first that it did not end");
            assert!((20_000..60_000).contains(&turns), "{turns} turns of a millisecond");
            check(&model, &mut device, &places);
        }
        assert_eq!(model.0.borrow().resets, 4);
    }
}

#[test]
fn a_disk_that_is_slow_has_time_for_each_request() {
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    change(&model, |disk| disk.at_once = 0);
    let mut turns = 0;
    let slow = &mut || {
        turns += 1;
        if turns % 20_000 == 0 {
            change(&model, |disk| disk.at_once = 1);
            model.go_on();
            change(&model, |disk| disk.at_once = 0);
        }
    };
    let places = scattered(5);
    assert!(gather(&mut device, &places, slow).unwrap() == expected(&model, &places));
    assert_eq!(model.0.borrow().resets, 1, "five times 20 seconds, and the limit is 30");
}

#[test]
fn a_disk_that_stops_and_does_not_come_back_is_stopped() {
    let silent = [Fault::None, Fault::None, Fault::Silence, Fault::Silence];
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    faults(&model, &silent);
    model.0.borrow_mut().hangs = true;
    let error = gather(&mut device, &scattered(4), &mut || ()).unwrap_err();
    assert_eq!(error.fault, BlockFault::Timeout(0));
    let error = gather(&mut device, &scattered(4), &mut || ()).unwrap_err();
    assert_eq!(error.fault, BlockFault::Stopped);
}

#[test]
fn used_rings_that_lie() {
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    let places = scattered(100);
    // Requests that are ended twice, or end with a length that cannot be.
    faults(&model, &[Fault::Twice, Fault::WildLength].repeat(50));
    check(&model, &mut device, &places);
    check(&model, &mut device, &places);
    assert_eq!(model.0.borrow().resets, 1);
    // Requests that it does not have are ended, and one of those that it has is not.
    let mut list = vec![Fault::None; 30];
    list[7] = Fault::OtherRequests;
    faults(&model, &list);
    let error = gather(&mut device, &places[..30], &mut || ()).unwrap_err();
    assert_eq!(
        (error.block, error.fault),
        (Some(BlockIdx(places[7].0)), BlockFault::Timeout(0))
    );
    // A request is ended that it has not done: it may still be at it.
    change(&model, |disk| disk.at_once = 0);
    let error = gather(&mut device, &places[..30], &mut || model.give_back(0, 3, 512)).unwrap_err();
    assert_eq!(
        (error.block, error.fault),
        (Some(BlockIdx(places[1].0)), BlockFault::Device(0xff))
    );
    assert_eq!(model.0.borrow().resets, 3);
    // Nothing but nonsense, without an end.
    let mut id = 0u32;
    let nonsense = &mut || {
        for _ in 0..300 {
            id = id.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            model.give_back(0, id | 0x100, id);
        }
    };
    let error = gather(&mut device, &places[..30], nonsense).unwrap_err();
    assert_eq!(error.fault, BlockFault::Timeout(0));
    change(&model, |disk| disk.at_once = usize::MAX);
    check(&model, &mut device, &places);
}

#[test]
fn a_stopped_disk_reads_nothing() {
    let (model, mut device) = started(&USUAL, Disk::new(1000));
    device.shutdown();
    let error = gather(&mut device, &scattered(3), &mut || ()).unwrap_err();
    assert_eq!(error.fault, BlockFault::Stopped);
    assert_eq!(read(&mut device, 0, 1), Err(BlockFault::Stopped));
    assert!(take_seen(&model).is_empty());
}
