use alloc::string::ToString;
use alloc::vec::Vec;

use super::super::testing::{event, play};
use super::super::{Input, RETRIES, Receiver, SerialError};
use super::coding::{self, Check, Settings};
use super::{Kermit, LONGEST};

fn packet(number: u8, kind: u8, data: &[u8], check: Check) -> Vec<u8> {
    let mut bytes = Vec::new();
    coding::packet(&mut bytes, (number & 63, kind), data, check);
    bytes
}

fn reply(number: u8, kind: u8, check: Check) -> Vec<u8> {
    packet(number, kind, &[], check)
}

/// What a sender offers, up to CHKT and REPT, and the check that follows from it.
fn started(offer: &[u8], check: Check) -> Kermit {
    let mut receiver = Kermit::default();
    assert_eq!(event(&mut receiver, Input::Begin).reply, b"");
    let answer = play(&mut receiver, &packet(0, b'S', offer, Check::Sum)).reply;
    assert_eq!(answer[3], b'Y', "{answer:?}");
    let name = play(&mut receiver, &packet(1, b'F', b"IMAGE.BIN", check));
    assert_eq!(name.reply, reply(1, b'Y', check));
    assert_eq!(receiver.name(), Some("IMAGE.BIN"));
    receiver
}

const PLAIN: &[u8] = b"~* @-#N1";

/// What G-Kermit 2.01 sends and takes.
#[test]
fn packets_are_those_of_g_kermit() {
    assert_eq!(packet(0, b'N', &[], Check::Sum), b"\x01# N3\r");
    assert_eq!(packet(1, b'Y', &[], Check::Sum), b"\x01#!Y?\r");
}

/// 0x2189 for CRC-16/KERMIT over "123456789".
#[test]
fn checks_are_those_of_the_catalogue() {
    assert_eq!(Check::Crc.verified(b"123456789\x22\x26\x29"), Some(9));
    assert_eq!(Check::Crc.verified(b"123456789\x22\x26\x2a"), None);
    // The sum is 477: 0b111_011101; folded to six bits, 29 + 3.
    assert_eq!(Check::LongSum.verified(b"123456789\x27\x3d"), Some(9));
    assert_eq!(Check::Sum.verified(b"123456789\x40"), Some(9));
    assert_eq!(Check::Sum.verified(b""), None);
}

#[test]
fn a_file_arrives_with_each_check() {
    for (offer, check) in [
        (&b"~* @-#N1"[..], Check::Sum),
        (b"~* @-#N2", Check::LongSum),
        (b"~* @-#N3", Check::Crc),
        (b"~*", Check::Sum),
    ] {
        let mut receiver = started(offer, check);
        let attributes = play(&mut receiver, &packet(2, b'A', b"!\"10", check));
        assert_eq!(attributes.reply, reply(2, b'Y', check));
        let data = play(&mut receiver, &packet(3, b'D', b"abc#M#J##\xe9", check));
        assert_eq!(data.data, b"abc\r\n#\xe9");
        assert_eq!(data.reply, reply(3, b'Y', check));
        assert_eq!(
            play(&mut receiver, &packet(4, b'Z', b"", check)).reply,
            reply(4, b'Y', check)
        );
        let end = play(&mut receiver, &packet(5, b'B', b"", check));
        assert_eq!((end.reply, end.end), (reply(5, b'Y', check), Some(Ok(()))));
        assert_eq!(receiver.size(), 7);
    }
}

#[test]
fn prefixes_for_the_eighth_bit_and_for_repetition() {
    let (settings, answer) = Settings::agreed(b"~* @-#&1~", LONGEST);
    assert_eq!(&answer[6..], b"Y1~");
    for (coded, plain) in [
        (&b"&A&#M##&##"[..], &b"\xc1\x8d#\xa3"[..]),
        (b"~%x~#&#@~$#~!", b"xxxxx\x80\x80\x80~~~~!"),
        (b"#?#\xbf#&#~", b"\x7f\xff&~"),
        (b"ab~", b"ab"),
        (b"ab~&", b"ab"),
        (b"ab#", b"ab"),
        (b"ab&", b"ab"),
        (b"ab~\x01x", b"ab"),
    ] {
        let mut out = Vec::new();
        settings.decode(coded, &mut out);
        assert_eq!(out, plain, "{coded:?}");
    }
    let (_, answer) = Settings::agreed(b"~* @-#Y3 ", LONGEST);
    assert_eq!(&answer[6..], b"N3 ", "the line carries eight bits");
}

/// A long packet as G-Kermit makes it: length 0, then the extended header with a check of its own.
fn long_packet(number: u8, data: &[u8]) -> Vec<u8> {
    let len = u8::try_from((data.len() + 3) / 95).unwrap();
    let rest = u8::try_from((data.len() + 3) % 95).unwrap();
    let mut bytes = alloc::vec![b' ', number + 32, b'D', len + 32, rest + 32];
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes.push((sum.wrapping_add(sum >> 6) & 63) + 32);
    bytes.extend(data);
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_KERMIT).checksum(&bytes);
    bytes.extend([crc >> 12, crc >> 6 & 63, crc & 63].map(|bits| u8::try_from(bits).unwrap() + 32));
    bytes.insert(0, 1);
    bytes.push(b'\r');
    bytes
}

#[test]
fn long_packets_are_offered_to_who_knows_them() {
    let mut receiver = Kermit::default();
    let answer = play(&mut receiver, &packet(0, b'S', b"~* @-#Y3~\"!~~", Check::Sum)).reply;
    // 2048 is 21 * 95 + 53.
    assert_eq!(&answer[11..17], b"3~\" 5U");
    play(&mut receiver, &packet(1, b'F', b"f", Check::Crc));
    let data = [b'x'; LONGEST - 3];
    let played = play(&mut receiver, &long_packet(2, &data));
    assert_eq!(
        (played.data.as_slice(), played.reply),
        (&data[..], reply(2, b'Y', Check::Crc))
    );
    let beyond = play(&mut receiver, &long_packet(3, &[b'x'; LONGEST]));
    assert_eq!(beyond.reply, reply(3, b'N', Check::Crc));
}

#[test]
fn a_damaged_or_cut_packet_is_asked_for_again() {
    let whole = packet(2, b'D', b"data", Check::Sum);
    for position in 1..whole.len() - 1 {
        let mut receiver = started(PLAIN, Check::Sum);
        let mut bytes = whole.clone();
        bytes[position] ^= 0x02;
        let mut replies = play(&mut receiver, &bytes).reply;
        if replies.is_empty() {
            replies = event(&mut receiver, Input::Silence).reply;
        }
        assert!(
            replies.starts_with(&reply(2, b'N', Check::Sum)),
            "{position}: {replies:?}"
        );
        let again = play(&mut receiver, &whole);
        assert_eq!(
            (again.data.as_slice(), again.reply),
            (&b"data"[..], reply(2, b'Y', Check::Sum))
        );
    }
    let mut receiver = started(PLAIN, Check::Sum);
    play(&mut receiver, &whole[..5]);
    assert_eq!(play(&mut receiver, &whole).data, b"data", "a mark begins anew");
}

#[test]
fn a_packet_that_comes_twice_is_answered_and_stored_once() {
    let mut receiver = started(PLAIN, Check::Sum);
    let data = packet(2, b'D', b"data", Check::Sum);
    let first = play(&mut receiver, &data);
    let second = play(&mut receiver, &data);
    assert_eq!((second.data.as_slice(), second.reply), (&[][..], first.reply));
    assert_eq!(receiver.size(), 4);
    let start = play(
        &mut started(PLAIN, Check::Sum),
        &packet(1, b'F', b"IMAGE.BIN", Check::Sum),
    );
    assert_eq!(start.reply, reply(1, b'Y', Check::Sum));
}

#[test]
fn numbers_go_round() {
    let mut receiver = started(PLAIN, Check::Sum);
    for number in 2..200 {
        let played = play(&mut receiver, &packet(number, b'D', b"x", Check::Sum));
        assert_eq!(played.reply, reply(number & 63, b'Y', Check::Sum));
    }
    assert_eq!(receiver.size(), 198);
}

#[test]
fn a_sender_that_does_not_begin_is_called() {
    let mut receiver = Kermit::default();
    for _ in 0..50 {
        assert_eq!(event(&mut receiver, Input::Silence).reply, b"\x01# N3\r");
    }
    assert!(!receiver.has_begun());
    let stray = play(&mut receiver, b"=> loadb\r\n");
    assert_eq!((stray.reply.as_slice(), stray.end), (&b""[..], None));
}

#[test]
fn a_dead_sender_is_given_up() {
    let mut receiver = started(PLAIN, Check::Sum);
    for _ in 1..RETRIES {
        assert_eq!(event(&mut receiver, Input::Silence).reply, reply(2, b'N', Check::Sum));
    }
    let played = event(&mut receiver, Input::Silence);
    assert_eq!(played.reply, packet(2, b'E', b"Cancelled", Check::Sum));
    let end = played.end.unwrap().unwrap_err();
    assert_eq!(
        end.to_string(),
        "10 errors in a row after 0 bytes; the last one: no packet came"
    );
}

#[test]
fn either_side_may_end_it() {
    let mut receiver = started(PLAIN, Check::Sum);
    let end = play(&mut receiver, &packet(2, b'E', b"disk full", Check::Sum)).end;
    assert_eq!(
        end.unwrap().unwrap_err().to_string(),
        "the sender cancelled the transfer: disk full"
    );
    let mut receiver = started(PLAIN, Check::Sum);
    let played = play(&mut receiver, b"\x03");
    assert_eq!(played.end, Some(Err(SerialError::Interrupted)));
    assert_eq!(played.reply, packet(2, b'E', b"Cancelled", Check::Sum));
    let mut receiver = started(PLAIN, Check::Sum);
    let end = play(&mut receiver, &packet(2, b'Z', b"D", Check::Sum)).end;
    assert_eq!(
        end.unwrap().unwrap_err().to_string(),
        "the sender cancelled the transfer: it discarded the file"
    );
    let mut receiver = Kermit::default();
    play(&mut receiver, &packet(0, b'S', PLAIN, Check::Sum));
    let end = play(&mut receiver, &packet(1, b'B', b"", Check::Sum)).end;
    assert!(end.unwrap().is_err(), "nothing was sent");
}

#[test]
fn a_second_file_is_refused_and_the_first_stays() {
    let mut receiver = started(PLAIN, Check::Sum);
    play(&mut receiver, &packet(2, b'D', b"abc", Check::Sum));
    play(&mut receiver, &packet(3, b'Z', b"", Check::Sum));
    let played = play(&mut receiver, &packet(4, b'F', b"SECOND", Check::Sum));
    assert_eq!(played.end, Some(Ok(())));
    assert_eq!(played.reply, packet(4, b'E', b"Cancelled", Check::Sum));
    assert_eq!((receiver.name(), receiver.size()), (Some("IMAGE.BIN"), 3));
}

/// Whatever comes, the receiver neither panics nor makes more of it than repetition can.
#[test]
fn anything_may_come() {
    let mut seed = 7_u32;
    for round in 0..200 {
        let mut receiver = match round % 2 {
            0 => Kermit::default(),
            _ => started(PLAIN, Check::Sum),
        };
        for _ in 0..3000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let input = match seed >> 28 {
                0 => Input::Silence,
                1 => Input::Byte(1),
                2 => Input::Byte(b' '),
                3 => Input::Byte(b'D'),
                _ => Input::Byte(u8::try_from(seed >> 16 & 0x7f).unwrap()),
            };
            let action = receiver.feed(input);
            assert!(action.data.len() <= LONGEST * 94);
            if action.end.is_some() {
                break;
            }
        }
    }
}
