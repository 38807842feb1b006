//! Lookups against scripted packets: what a server, a stranger or an attacker may send.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{Found, Lookup, Name};
use crate::net::query::Verdict;

const ID: u16 = 0x1234;

fn lookup(name: &str) -> Lookup {
    Lookup::new(Name::parse(name).unwrap(), ID)
}

fn labels(name: &str) -> Vec<u8> {
    Name::parse(name).unwrap().0
}

/// A packet with flags and raw records behind the question for `name`.
fn packet(name: &[u8], flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap();
    let numbers = [ID, flags, 1, count, 0, 0];
    let header: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    [&header, name, &[0, 1, 0, 1], &records.concat()].concat()
}

fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    [
        name,
        &kind.to_be_bytes(),
        &[0, 1, 0, 0, 0, 60],
        &len.to_be_bytes(),
        data,
    ]
    .concat()
}

fn address(name: &[u8], last: u8) -> Vec<u8> {
    record(name, 1, &[10, 0, 2, last])
}

fn alias(name: &[u8], target: &[u8]) -> Vec<u8> {
    record(name, 5, target)
}

const FOUND: Found = Found::Address(Ipv4Addr::new(10, 0, 2, 9));

#[test]
fn the_question_is_written() {
    let mut buffer = [0xee; 100];
    let len = lookup("www.Example").ask(&mut buffer).unwrap();
    assert_eq!(&buffer[..12], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&buffer[12..len], b"\x03www\x07example\0\0\x01\0\x01");
    assert_eq!(lookup("www.example").ask(&mut buffer[..len - 1]), None);
}

#[test]
fn names_are_checked() {
    let long = format!("{}.{}", "a".repeat(63), "b".repeat(63));
    for name in ["a", "a.", "x-1.y_2", &long, &format!("{long}.{}", "c".repeat(63))] {
        assert!(Name::parse(name).is_ok(), "{name}");
    }
    let longest = format!("{long}.{}.{}", "c".repeat(63), "d".repeat(61));
    assert_eq!((Name::parse(&longest).unwrap().0.len(), longest.len()), (255, 253));
    for name in [
        "",
        ".",
        "a..b",
        ".a",
        "a b",
        "\u{e4}",
        "a:b",
        &"a".repeat(64),
        &format!("{longest}d"),
    ] {
        let error = Name::parse(name).unwrap_err().to_string();
        assert!(error.contains("is not a host name"), "{name}: {error}");
    }
}

#[test]
fn an_address_is_found_directly_and_through_aliases() {
    let pointer = &[0xc0, 12];
    for records in [
        Vec::from([address(pointer, 9)]),
        Vec::from([address(&labels("WWW.lan"), 9), address(pointer, 8)]),
        Vec::from([
            record(pointer, 16, b"text"),
            address(&labels("other"), 8),
            address(pointer, 9),
        ]),
        Vec::from([alias(pointer, &labels("a.lan")), address(&labels("a.lan"), 9)]),
        Vec::from([
            address(&labels("b"), 9),
            alias(&labels("a"), &labels("b")),
            alias(pointer, &labels("a")),
        ]),
    ] {
        let mut lookup = lookup("www.lan");
        assert_eq!(
            lookup.answer(&packet(&labels("www.lan"), 0x8180, &records)),
            Verdict::Answer
        );
        assert_eq!(lookup.result(), Some(FOUND));
    }
}

#[test]
fn an_alias_without_its_address_is_asked_for() {
    let mut lookup = lookup("www.lan");
    let first = packet(&labels("www.lan"), 0x8180, &[alias(&[0xc0, 12], &labels("a.lan"))]);
    assert_eq!(lookup.answer(&first), Verdict::AskOn);
    assert_eq!(lookup.answer(&first), Verdict::Stray, "it was answered");
    let mut buffer = [0; 100];
    let len = lookup.ask(&mut buffer).unwrap();
    assert_eq!(
        (&buffer[..2], &buffer[12..len - 4]),
        (&[0x12, 0x35][..], &labels("a.lan")[..])
    );
    let mut second = packet(&labels("a.lan"), 0x8180, &[address(&[0xc0, 12], 9)]);
    second[1] += 1;
    assert_eq!(lookup.answer(&second), Verdict::Answer);
    assert_eq!(lookup.result(), Some(FOUND));
}

#[test]
fn aliases_in_a_circle_and_long_chains_end() {
    let circle = [alias(&labels("a"), &labels("b")), alias(&labels("b"), &labels("a"))];
    let mut lookup = lookup("a");
    assert_eq!(lookup.answer(&packet(&labels("a"), 0x8180, &circle)), Verdict::Answer);
    assert_eq!(lookup.result(), Some(Found::Aliases));
}

#[test]
fn names_without_an_address_are_told_from_servers_that_do_not_help() {
    for (flags, verdict, result) in [
        (0x8183, Verdict::Answer, Some(Found::Nothing)),
        (0x8180, Verdict::Answer, Some(Found::Nothing)),
        (0x8182, Verdict::NextServer, None),
        (0x8185, Verdict::NextServer, None),
        (0x818f, Verdict::NextServer, None),
    ] {
        let mut lookup = lookup("www.lan");
        assert_eq!(
            lookup.answer(&packet(&labels("www.lan"), flags, &[])),
            verdict,
            "{flags:x}"
        );
        assert_eq!(lookup.result(), result);
    }
}

#[test]
fn what_is_not_the_answer_changes_nothing() {
    let good = packet(&labels("www.lan"), 0x8180, &[address(&[0xc0, 12], 9)]);
    let with = |at: usize, byte: u8| {
        let mut packet = good.clone();
        packet[at] = byte;
        packet
    };
    for packet in [
        Vec::new(),
        good[..11].to_vec(),
        good[..20].to_vec(),
        with(0, 0),
        with(2, 0x01),
        with(2, 0x91),
        with(5, 0),
        with(5, 2),
        with(13, b'v'),
        with(22, 28),
        with(24, 3),
    ] {
        let mut lookup = lookup("www.lan");
        assert_eq!(lookup.answer(&packet), Verdict::Stray, "{packet:?}");
        assert_eq!(lookup.result(), None);
    }
}

#[test]
fn pointers_in_circles_and_cut_records_give_nothing() {
    let question = labels("www.lan");
    let end = u8::try_from(12 + question.len() + 4).unwrap();
    for records in [
        Vec::from([address(&[0xc0, end], 9)]),
        Vec::from([address(&[0xc0, end + 2], 9)]),
        Vec::from([address(&[0xff, 0xff], 9)]),
        Vec::from([address(&[0x40, 0], 9)]),
        Vec::from([alias(&[0xc0, 12], &[0xc0, end + 12])]),
        Vec::from([alias(&[0xc0, 12], &[0x3f, b'x'])]),
        Vec::from([record(&[0xc0, 12], 1, &[10, 0, 2])]),
        Vec::from([[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0xff, 0xff].to_vec()]),
    ] {
        let mut lookup = lookup("www.lan");
        assert_eq!(lookup.answer(&packet(&question, 0x8180, &records)), Verdict::Answer);
        assert_eq!(lookup.result(), Some(Found::Nothing), "{records:?}");
    }
}

#[test]
fn no_packet_panics() {
    let seeds = [
        packet(&labels("www.lan"), 0x8180, &[address(&[0xc0, 12], 9)]),
        packet(
            &labels("www.lan"),
            0x8180,
            &[alias(&[0xc0, 12], &labels("a")), address(&labels("a"), 9)],
        ),
        packet(&labels("www.lan"), 0x8183, &[]),
    ];
    let mut state = 1_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut found = 0;
    for _ in 0..20_000 {
        let mut lookup = lookup("www.lan");
        for _ in 0..1 + below(3) {
            let mut packet = seeds[below(seeds.len())].clone();
            for _ in 0..below(5) {
                let at = below(packet.len());
                packet[at] = [0xc0, 0, 0xff, u8::try_from(below(256)).unwrap()][below(4)];
            }
            packet.truncate(packet.len() - below(2) * below(packet.len()));
            lookup.answer(&packet);
        }
        found += u32::from(matches!(lookup.result(), Some(Found::Address(_))));
    }
    assert!(found > 2000, "{found}: the mutations are no test");
}
