use alloc::string::ToString;
use alloc::vec::Vec;

use super::super::testing::{event, play};
use super::super::{Input, RETRIES, Receiver, SerialError};
use super::{ACK, CAN, CRC, EOT, FAREWELL, NAK, Protocol, SOH, STX, Xmodem, checks};

/// A block as a sender makes it.
fn block(number: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = framed(number, data);
    let filled = bytes[3..].to_vec();
    bytes.extend(CRC.checksum(&filled).to_be_bytes());
    bytes
}

fn block_with_sum(number: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = framed(number, data);
    let sum = bytes[3..].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes.push(sum);
    bytes
}

fn framed(number: u8, data: &[u8]) -> Vec<u8> {
    let (start, len) = if data.len() <= 128 { (SOH, 128) } else { (STX, 1024) };
    let mut bytes = alloc::vec![start, number, !number];
    bytes.extend(data);
    bytes.resize(3 + len, 0x1a);
    bytes
}

fn header(text: &[u8]) -> Vec<u8> {
    let mut data = text.to_vec();
    data.resize(128, 0);
    block(0, &data)
}

fn begun(protocol: Protocol) -> Xmodem {
    let mut receiver = Xmodem::new(protocol);
    assert_eq!(event(&mut receiver, Input::Begin).reply, b"C");
    receiver
}

/// A receiver that has block 0 of a file of 200 bytes.
fn with_header() -> Xmodem {
    let mut receiver = begun(Protocol::Ymodem);
    assert_eq!(play(&mut receiver, &header(b"Image\x00200 14 0")).reply, b"\x06C");
    receiver
}

/// "123456789" is what CRC catalogues give the check value of: 0x31c3 for CRC-16/XMODEM.
#[test]
fn checks_are_those_of_the_catalogue() {
    assert!(checks(b"123456789", &[0x31, 0xc3]));
    assert!(checks(&[0xff, 2], &[1]));
    assert!(!checks(b"123456789", &[0x31, 0xc2]));
    assert!(!checks(b"", &[]));
}

#[test]
fn a_ymodem_batch_gives_name_size_and_exact_bytes() {
    let mut receiver = with_header();
    assert_eq!(receiver.name(), Some("Image"));
    let first = play(&mut receiver, &block(1, &[7; 128]));
    assert_eq!((first.data.as_slice(), first.reply.as_slice()), (&[7; 128][..], ACK));
    let second = play(&mut receiver, &block(2, &[0x1a; 72]));
    assert_eq!(
        (second.data.as_slice(), second.reply.as_slice()),
        (&[0x1a; 72][..], ACK)
    );
    assert_eq!(
        play(&mut receiver, &[EOT]).reply,
        b"\x06C",
        "all is there: one EOT is enough"
    );
    let last = play(&mut receiver, &header(b""));
    assert_eq!((last.reply.as_slice(), last.end), (ACK, Some(Ok(()))));
    assert_eq!(receiver.size(), 200);
}

#[test]
fn a_batch_that_is_not_closed_is_complete_all_the_same() {
    let mut receiver = with_header();
    play(&mut receiver, &block(1, &[7; 200]));
    play(&mut receiver, &[EOT]);
    assert_eq!(event(&mut receiver, Input::Silence).reply, b"C");
    assert_eq!(event(&mut receiver, Input::Silence).reply, b"C");
    assert_eq!(event(&mut receiver, Input::Silence).end, Some(Ok(())));
}

#[test]
fn a_second_file_is_refused_and_the_first_stays() {
    let mut receiver = with_header();
    play(&mut receiver, &block(1, &[7; 200]));
    play(&mut receiver, &[EOT]);
    let second = play(&mut receiver, &header(b"initrd\x0099"));
    assert_eq!((second.reply.as_slice(), second.end), (FAREWELL, Some(Ok(()))));
    assert_eq!((receiver.name(), receiver.size()), (Some("Image"), 200));
}

#[test]
fn an_empty_batch_and_a_file_cut_short_are_errors() {
    let mut receiver = begun(Protocol::Ymodem);
    let end = play(&mut receiver, &header(b"")).end.unwrap().unwrap_err();
    assert_eq!(
        end.to_string(),
        "the sender cancelled the transfer: it has no file to send"
    );
    let mut receiver = with_header();
    play(&mut receiver, &block(1, &[7; 128]));
    let played = play(&mut receiver, &[EOT, EOT]);
    let end = played.end.unwrap().unwrap_err();
    assert_eq!(
        end.to_string(),
        "the sender ended after 128 of the 200 bytes that it announced"
    );
}

#[test]
fn an_empty_file_is_a_file() {
    let mut receiver = begun(Protocol::Ymodem);
    play(&mut receiver, &header(b"empty\x000 1 0"));
    play(&mut receiver, &[EOT]);
    assert_eq!(play(&mut receiver, &header(b"")).end, Some(Ok(())));
    assert_eq!(receiver.size(), 0);
}

#[test]
fn xmodem_takes_the_padding_off_its_last_block() {
    let mut receiver = begun(Protocol::Xmodem);
    let mut file = alloc::vec![1; 1024];
    file[1023] = 0x1a;
    assert_eq!(play(&mut receiver, &block(1, &file)).data, file);
    assert_eq!(play(&mut receiver, &block(2, &[2; 100])).data.len(), 128);
    assert_eq!(
        play(&mut receiver, &[EOT]).reply,
        NAK,
        "it might be a damaged start of a block"
    );
    let end = play(&mut receiver, &[EOT]);
    assert_eq!((end.reply.as_slice(), end.end), (ACK, Some(Ok(()))));
    assert_eq!((receiver.name(), receiver.size()), (None, 1124));
}

#[test]
fn a_sender_that_knows_only_sums_is_understood() {
    let mut receiver = begun(Protocol::Xmodem);
    let invitations: Vec<u8> = (0..6)
        .flat_map(|_| event(&mut receiver, Input::Silence).reply)
        .collect();
    assert_eq!(invitations, b"CCC\x15C\x15");
    let early = play(&mut receiver, &block_with_sum(1, &[5; 128]));
    assert_eq!(early.reply, b"", "a second byte of a CRC might follow");
    let late = event(&mut receiver, Input::Silence);
    assert_eq!((late.data.as_slice(), late.reply.as_slice()), (&[5; 128][..], ACK));
    assert_eq!(play(&mut receiver, &block_with_sum(2, &[6; 128])).reply, ACK);
    assert_eq!(play(&mut receiver, &[EOT, EOT]).end, Some(Ok(())));
}

/// The sender had an old invitation in its buffer.
#[test]
fn a_crc_is_understood_after_sums_were_asked_for() {
    let mut receiver = begun(Protocol::Xmodem);
    for _ in 0..4 {
        event(&mut receiver, Input::Silence);
    }
    assert_eq!(play(&mut receiver, &block(1, &[5; 128])).reply, ACK);
}

#[test]
fn block_numbers_go_round() {
    let mut receiver = begun(Protocol::Xmodem);
    for number in 1..600_u32 {
        let data = number.to_le_bytes();
        let played = play(&mut receiver, &block(data[0], &data));
        assert_eq!(
            (&played.data[..4], played.reply.as_slice()),
            (&data[..], ACK),
            "{number}"
        );
    }
}

#[test]
fn a_damaged_block_is_asked_for_again_when_the_line_is_quiet() {
    for (position, what) in [(1, "number"), (2, "complement"), (40, "data"), (132, "check")] {
        let mut receiver = with_header();
        let mut bytes = block(1, &[7; 128]);
        bytes[position] ^= 0x40;
        bytes.extend([SOH, 0x03, 0x03, CAN, CAN]);
        assert_eq!(play(&mut receiver, &bytes).reply, b"", "{what}");
        assert_eq!(event(&mut receiver, Input::Silence).reply, NAK, "{what}");
        assert_eq!(play(&mut receiver, &block(1, &[7; 128])).reply, ACK, "{what}");
    }
}

#[test]
fn a_block_with_a_lost_byte_is_asked_for_again() {
    let mut receiver = with_header();
    let bytes = block(1, &[7; 128]);
    assert_eq!(play(&mut receiver, &bytes[..100]).reply, b"");
    assert_eq!(event(&mut receiver, Input::Silence).reply, NAK);
    assert_eq!(play(&mut receiver, &bytes).reply, ACK);
}

#[test]
fn noise_between_blocks_does_no_harm() {
    let mut receiver = with_header();
    assert_eq!(play(&mut receiver, b"\x00\xff\x15C\x03xyz\x18!").reply, b"");
    assert_eq!(play(&mut receiver, &block(1, &[7; 128])).reply, ACK);
}

#[test]
fn a_block_that_comes_twice_is_stored_once() {
    let mut receiver = with_header();
    assert_eq!(
        play(&mut receiver, &header(b"Image\x00200 14 0")).reply,
        b"\x06C",
        "the header too"
    );
    play(&mut receiver, &block(1, &[7; 128]));
    let again = play(&mut receiver, &block(1, &[7; 128]));
    assert_eq!((again.data.as_slice(), again.reply.as_slice()), (&[][..], ACK));
    play(&mut receiver, &block(2, &[8; 72]));
    play(&mut receiver, &[EOT]);
    assert_eq!(play(&mut receiver, &[EOT]).reply, b"\x06C");
    assert_eq!(receiver.size(), 200);
}

#[test]
fn a_block_out_of_order_ends_it() {
    let mut receiver = with_header();
    let played = play(&mut receiver, &block(3, &[7; 128]));
    assert_eq!(played.reply, FAREWELL);
    let end = played.end.unwrap().unwrap_err();
    assert_eq!(end.to_string(), "packet 3 arrived where packet 1 was due");
}

#[test]
fn can_and_ctrl_c_count_when_they_come_twice() {
    let mut receiver = with_header();
    assert_eq!(play(&mut receiver, &[CAN]).end, None);
    let end = play(&mut receiver, &[CAN]).end.unwrap().unwrap_err();
    assert_eq!(end.to_string(), "the sender cancelled the transfer");
    let mut receiver = with_header();
    assert_eq!(play(&mut receiver, &[3]).end, None);
    let played = play(&mut receiver, &[3]);
    assert_eq!(
        (played.reply.as_slice(), played.end),
        (FAREWELL, Some(Err(SerialError::Interrupted)))
    );
    let mut receiver = begun(Protocol::Xmodem);
    assert_eq!(
        play(&mut receiver, &[3]).end,
        Some(Err(SerialError::Interrupted)),
        "before the first block once is enough"
    );
}

#[test]
fn a_dead_sender_is_given_up() {
    let mut receiver = with_header();
    for _ in 1..RETRIES {
        assert_eq!(event(&mut receiver, Input::Silence).reply, NAK);
    }
    let played = event(&mut receiver, Input::Silence);
    assert_eq!(played.reply, FAREWELL);
    let end = played.end.unwrap().unwrap_err();
    assert_eq!(
        end.to_string(),
        "10 errors in a row after 0 bytes; the last one: no block came"
    );
}

#[test]
fn a_name_is_printable_and_has_an_end() {
    let mut receiver = begun(Protocol::Ymodem);
    play(&mut receiver, &header(b"a\x1b[2Jb\x0012x"));
    assert_eq!(receiver.name(), Some("a[2Jb"));
    let mut receiver = begun(Protocol::Ymodem);
    let mut long = alloc::vec![b'n'; 1024];
    long[1000] = 0;
    assert_eq!(play(&mut receiver, &block(0, &long)).reply, b"\x06C");
    assert_eq!(receiver.name().unwrap().len(), 128);
}

/// Whatever comes, the receiver neither panics nor stores more than came.
#[test]
fn anything_may_come() {
    let mut seed = 1_u32;
    for _ in 0..200 {
        let mut receiver = begun(Protocol::Xmodem);
        let mut stored = 0;
        for _ in 0..3000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let input = match seed >> 29 {
                0 => Input::Silence,
                1 => Input::Byte(SOH),
                _ => Input::Byte(u8::try_from(seed >> 16 & 0xff).unwrap()),
            };
            let action = receiver.feed(input);
            stored += action.data.len();
            if action.end.is_some() {
                break;
            }
        }
        assert!(stored <= 3000);
    }
}
