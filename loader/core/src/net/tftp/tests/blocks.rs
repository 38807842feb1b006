//! Blocks in order and out of it.

use super::*;

#[test]
fn a_server_without_options_sends_the_first_block_at_once() {
    let mut bench = Bench::new(Options::default());
    assert_eq!(bench.data(1, &[7; 512]), ack(1));
    assert_eq!(bench.data(2, b"end"), ack(2));
    assert_eq!(bench.size(), 515);
    assert_eq!(bench.place.bytes, [&[7; 512][..], b"end"].concat());
}

#[test]
fn a_file_of_whole_blocks_ends_with_an_empty_one() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0tsize\x008\0");
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    assert_eq!(bench.client.outcome(), None);
    assert_eq!(bench.data(2, b""), ack(2));
    assert_eq!(bench.size(), 8);
    let mut empty = Bench::agreed(SMALL, b"blksize\x008\0tsize\x000\0");
    assert_eq!(empty.data(1, b""), ack(1));
    assert_eq!(empty.size(), 0);
}

#[test]
fn blocks_that_cannot_be_next_change_nothing() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    for block in [0, 5, 6, 0x7fff, 0x8001, 0xffff] {
        assert_eq!(bench.data(block, b"evil"), None, "{block}");
    }
    assert!(bench.place.bytes.is_empty());
    assert_eq!(bench.data(1, b"good"), ack(1));
}

#[test]
fn malformed_packets_change_nothing() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    for bytes in [
        &b""[..],
        b"\0",
        b"\0\x03\0",
        b"\0\x01f\0octet\0",
        b"\0\x04\0\x01",
        b"\0\x05",
        b"\xff\xff\xff\xff",
    ] {
        assert_eq!(bench.from(TID, bytes), None);
    }
    assert_eq!(bench.data(1, b"good"), ack(1));
}

#[test]
fn in_lock_step_a_duplicate_is_not_acknowledged_twice() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    for _ in 0..50 {
        assert_eq!(bench.data(1, b"12345678"), None);
    }
    // The acknowledgement was lost and the server repeats itself: answered once.
    bench.now = bench.now + Duration::from_millis(150);
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    assert_eq!(bench.data(1, b"12345678"), None);
    assert_eq!(bench.data(2, b"end"), ack(2));
    assert_eq!(bench.place.bytes, b"12345678end");
}

#[test]
fn a_window_is_acknowledged_at_its_end() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    for block in 1..=3 {
        assert_eq!(bench.data(block, b"12345678"), None);
    }
    assert_eq!(bench.data(4, b"12345678"), ack(4));
    assert_eq!(bench.data(5, b"12345678"), None);
    assert_eq!(bench.data(6, b"x"), ack(6));
    assert_eq!(bench.size(), 41);
}

#[test]
fn a_gap_is_answered_once() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    assert_eq!(bench.data(1, b"11111111"), None);
    assert_eq!(bench.data(3, b"33333333"), ack(1));
    assert_eq!(bench.data(4, b"44444444"), None);
    assert_eq!(bench.data(3, b"33333333"), None);
    // The server goes back to the block after the acknowledged one; the window counts from there.
    for block in 2..=4 {
        assert_eq!(bench.data(block, b"22222222"), None);
    }
    assert_eq!(bench.data(5, b"55555555"), ack(5));
    assert_eq!(bench.place.bytes.len(), 40);
    assert_eq!(bench.data(7, b"7"), ack(5));
    assert_eq!(bench.wait(200), ack(5), "the server did not hear");
    assert_eq!(bench.data(7, b"7"), ack(5), "and now lost block 6 again");
}

#[test]
fn block_numbers_wrap_to_0() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    for index in 1..=65_535_u32 {
        bench.data(u16::try_from(index).unwrap(), &[1; 8]);
    }
    assert_eq!(bench.data(0, &[2; 8]), ack(0));
    assert_eq!(bench.data(1, &[3; 4]), ack(1));
    assert_eq!(bench.size(), 65_536 * 8 + 4);
    assert_eq!(bench.place.bytes[65_535 * 8..], [&[2; 8][..], &[3; 4]].concat());
}

#[test]
fn in_lock_step_block_numbers_may_wrap_to_1() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    for index in 1..=65_535_u32 {
        bench.data(u16::try_from(index).unwrap(), &[1; 8]);
    }
    assert_eq!(bench.data(1, &[2; 8]), ack(1));
    assert_eq!(bench.data(2, &[3; 4]), ack(2));
    assert_eq!(bench.size(), 65_536 * 8 + 4);
}

#[test]
fn the_last_block_is_acknowledged_again_when_it_comes_again() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(bench.data(1, b"x"), ack(1));
    assert_eq!(bench.data(1, b"x"), None, "a copy made by the network");
    bench.now = bench.now + Duration::from_secs(1);
    assert_eq!(bench.data(1, b"x"), ack(1), "the server did not hear");
    assert_eq!(bench.data(2, b"x"), None);
    assert_eq!(bench.size(), 1);
}

#[test]
fn a_flood_of_duplicates_does_not_keep_a_dead_transfer_alive() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    bench.data(1, b"12345678");
    let mut answers = 0;
    for _ in 0..200_000 {
        answers += usize::from(bench.data(1, b"12345678").is_some());
        bench.now = bench.now + Duration::from_micros(1000);
        answers += usize::from(bench.client.poll(bench.now).is_some());
        if bench.client.outcome().is_some() {
            break;
        }
        if bench.client.progress().0 == 0 {
            return assert!(answers < 200, "{answers}");
        }
    }
    panic!("the transfer neither began anew nor ended");
}

/// Packets that are nearly right: the worst for a parser.
#[test]
fn random_packets_neither_panic_nor_store_outside_the_room() {
    let mut seed = 1_u64;
    let mut random = |limit: u64| {
        seed = seed
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (seed >> 33) % limit
    };
    let words: [&[u8]; 9] = [
        b"blksize",
        b"8",
        b"windowsize",
        b"tsize",
        b"timeout",
        b"4",
        b"",
        b"65536",
        b"99999999999999999999",
    ];
    let mut complete = 0;
    for _ in 0..20_000 {
        let mut bench = Bench::new(WINDOW);
        bench.place.room = random(100);
        for _ in 0..random(30) {
            let mut packet = alloc::vec![0, u8::try_from(random(8)).unwrap()];
            if packet[1] == 6 {
                for _ in 0..random(6) {
                    packet.extend_from_slice(words[usize::try_from(random(9)).unwrap()]);
                    packet.push(0);
                }
            } else {
                packet.extend_from_slice(&[0, u8::try_from(random(6)).unwrap()]);
                packet.resize(4 + usize::try_from(random(2) * 504 + random(10)).unwrap(), b'x');
            }
            packet.truncate(packet.len() - usize::try_from(random(20) / 19).unwrap());
            let from = if random(10) == 0 {
                SocketAddrV4::new(SERVER, 1)
            } else {
                TID
            };
            let _ = bench.from(from, &packet);
            let _ = bench.wait(random(300));
        }
        assert!(bench.place.bytes.len() as u64 <= bench.place.room);
        if let Some(Ok(outcome)) = bench.client.outcome() {
            complete += 1;
            assert_eq!(outcome.size, bench.place.bytes.len() as u64);
        }
    }
    assert!(
        complete > 100,
        "the packets are too random to be a test: {complete} transfers were completed"
    );
}
