use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Change, Entries, FormatError, Header, Separator, export, image, import};

/// Entries as lines: `name=value`, `-name`, or `!` and what is wrong.
fn read(entries: Entries<'_>) -> Vec<String> {
    let line = |entry| match entry {
        Ok(Change::Set { name, value }) => format!("{name}={value}"),
        Ok(Change::Unset { name }) => format!("-{name}"),
        Err(error) => format!("! {error}"),
    };
    entries.map(line).collect()
}

fn sealed(content: &[u8], header: Header) -> Vec<u8> {
    let mut image = crc32fast::hash(content).to_le_bytes().to_vec();
    image.resize(header.size(), 0x55);
    image.extend_from_slice(content);
    image
}

#[test]
fn an_image_comes_back_as_it_went() {
    let variables = [("a", "1"), ("b", "x\\y\\\\z"), ("c", "l1\nl2"), ("d", "ä")];
    for (header, size) in [(Header::Plain, 64), (Header::Flagged, 64), (Header::Plain, 34)] {
        let bytes = image(variables.into_iter(), (header, size), 0xff).unwrap();
        assert_eq!(bytes.len(), size);
        let expected = ["a=1", "b=x\\y\\\\z", "c=l1\nl2", "d=ä"];
        assert_eq!(read(import(&bytes, header).unwrap()), expected);
    }
    let full = image(variables.into_iter(), (Header::Flagged, 33), 0).unwrap_err();
    assert_eq!(
        full.to_string(),
        "the environment takes 30 bytes and there is room for 28"
    );
}

/// What U-Boot 2025.01 saved: `x` was set to `a\b`.
#[test]
fn the_layout_is_u_boots() {
    let bytes = image([("arch", "arm"), ("x", "a\\b")].into_iter(), (Header::Plain, 32), 0).unwrap();
    assert_eq!(bytes[4..], *b"arch=arm\0x=a\\\\b\0\0\0\0\0\0\0\0\0\0\0\0\0");
    // `env export -c -s 40 40200000 arch board`, as U-Boot answered.
    let bytes = image(
        [("arch", "arm"), ("board", "qemu-arm")].into_iter(),
        (Header::Plain, 64),
        0,
    )
    .unwrap();
    assert_eq!(bytes[..4], [0x5b, 0xae, 0x46, 0x4d]);
}

#[test]
fn no_variable_is_an_environment_too() {
    let bytes = image(core::iter::empty(), (Header::Plain, 6), 0xff).unwrap();
    assert_eq!(read(import(&bytes, Header::Plain).unwrap()), [""; 0]);
    assert!(image(core::iter::empty(), (Header::Plain, 5), 0xff).is_err());
}

#[test]
fn damaged_images_are_refused() {
    let refused = |bytes: &[u8]| import(bytes, Header::Plain).unwrap_err().to_string();
    for bytes in [&b""[..], b"abc", b"abcd"] {
        assert_eq!(
            refused(bytes),
            format!("{} bytes are too few for an environment", bytes.len())
        );
    }
    let good = sealed(b"a=1\0\0", Header::Plain);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(&bad).starts_with("bad CRC: the environment says "), "bit {bit}");
    }
    assert_eq!(
        refused(&sealed(b"a=1\0b=2", Header::Plain)),
        "the environment has no end: two zero bytes are missing in its 7 bytes"
    );
    assert!(matches!(
        import(&sealed(b"", Header::Flagged), Header::Flagged),
        Err(FormatError::TooShort { len: 5 })
    ));
}

#[test]
fn entries_that_are_none_are_skipped_and_said() {
    let content = b"a=1\0=x\0b c=2\0a=2\0noequals\0e=\0\xff\xfe=1\0f=\xff\0g=x=y\0t=\\\0\0ignored=1\0\0";
    let entries = import(&sealed(content, Header::Plain), Header::Plain).map(read);
    assert_eq!(
        entries.unwrap(),
        [
            "a=1",
            "! \"\" cannot name a variable",
            "! \"b c\" cannot name a variable",
            "a=2",
            "-noequals",
            "-e",
            "! \"\\xff\\xfe\" cannot name a variable",
            "! the value of \"f\" is not UTF-8 text",
            "g=x=y",
            "t=\\",
        ]
    );
    let long = format!("{}=1", "ü".repeat(1000));
    let entries = read(Entries::new(long.as_bytes(), Separator::Newline));
    assert!(entries[0].len() < 200, "{}", entries[0]);
}

#[test]
fn text_has_comments_blanks_and_continued_lines() {
    let text = b"# c\n\n  a=1 \n\t#b=2\nc=x\\\ny\nd=1\\\\\n e\nf=2\r\ng=#\nlast=z";
    assert_eq!(
        read(Entries::new(text, Separator::Newline)),
        ["a=1 ", "c=x\ny", "d=1\\", "-e", "f=2\r", "g=#", "last=z"]
    );
    assert_eq!(
        read(Entries::new(b"a=1\r\nb=2\r\n\r\n#x\r\nc=3\0d=4\n", Separator::CrLf)),
        ["a=1", "b=2", "c=3"]
    );
    assert_eq!(read(Entries::new(b"", Separator::Newline)), [""; 0]);
}

#[test]
fn text_comes_back_as_it_went() {
    let variables = [("a", "l1\nl2\\"), ("b", " x ")];
    let text = export(variables.into_iter(), Separator::Newline);
    assert_eq!(text, b"a=l1\\\nl2\\\\\nb= x \n\0");
    assert_eq!(read(Entries::new(&text, Separator::Newline)), ["a=l1\nl2\\", "b= x "]);
}

/// Every short string over the bytes that mean something ends, without a panic, within its own length.
#[test]
fn anything_can_be_read() {
    const BYTES: &[u8] = b"a=\\\n\0 #\r\xff";
    for number in 0..9usize.pow(6) {
        let text: [u8; 6] = core::array::from_fn(|place| BYTES[number / 9usize.pow(place as u32) % 9]);
        for separator in [Separator::Zero, Separator::Newline, Separator::CrLf] {
            assert!(Entries::new(&text, separator).count() <= text.len());
        }
        let image = sealed(&text, Header::Plain);
        assert!(import(&image, Header::Plain).map_or(0, Iterator::count) <= text.len());
    }
}
