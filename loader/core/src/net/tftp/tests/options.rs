//! What is asked for and agreed on.

use super::*;

#[test]
fn the_request_is_written_with_its_options_and_without() {
    let mut bench = Bench::new(Options::default());
    let mut buffer = [0; super::super::MAX_SENT];
    let len = bench.client.write(Message::Request, &mut buffer).unwrap();
    assert_eq!(&buffer[..20], b"\0\x01boot.scr\0octet\0tsi");
    assert!(len > 20);
    // The server knows options, but does not want them (RFC 2347).
    let again = bench.from(TID, b"\0\x05\0\x08no options\0");
    assert_eq!(
        again,
        Some(Transmit {
            to: SocketAddrV4::new(SERVER, SERVER_PORT),
            message: Message::Request
        })
    );
    assert_eq!(bench.client.write(Message::Request, &mut buffer), Some(17));
    assert_eq!(bench.data(1, b"x"), ack(1));
    assert_eq!(bench.size(), 1);
}

#[test]
fn a_second_refusal_of_options_is_final() {
    let mut bench = Bench::new(Options::default());
    assert!(bench.from(TID, b"\0\x05\0\x08no\0").is_some());
    assert_eq!(bench.from(TID, b"\0\x05\0\x08no\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: 'no' (8)");
}

#[test]
fn a_name_too_long_for_a_request_is_refused() {
    let file: String = core::iter::repeat_n('a', 512).collect();
    let server = SocketAddrV4::new(SERVER, SERVER_PORT);
    let request = Request {
        server,
        file,
        options: PLAIN,
        first_wait: None,
        local_port: LOCAL_PORT,
    };
    assert_eq!(
        Client::start(request, Instant::default()).unwrap_err(),
        TftpError::NameTooLong(512)
    );
}

#[test]
fn a_bad_answer_to_the_options_gets_error_8() {
    let lists: [&[u8]; 10] = [
        b"blksize\x009\0",
        b"blksize\x000\0",
        b"blksize\0-1\0",
        b"windowsize\x005\0",
        b"windowsize\x000\0",
        b"tsize\x0099999999999999999999\0",
        b"blksize\0\0",
        b"blksize\x008",
        b"utimeout\x001\0",
        b"blksize\x008\0blksize\x008\0",
    ];
    for list in lists {
        let mut bench = Bench::new(WINDOW);
        let sent = bench.from(TID, &[b"\0\x06", list].concat());
        assert_eq!(error_sent(sent), Some((TID, 8)), "{list:?}");
        assert!(matches!(bench.error(), TftpError::Options(_)), "{list:?}");
        assert!(bench.place.bytes.is_empty());
    }
}

#[test]
fn an_empty_list_of_options_means_none() {
    let mut bench = Bench::agreed(WINDOW, b"");
    assert_eq!(bench.data(1, &[1; 512]), ack(1));
    assert_eq!(bench.data(2, b""), ack(2));
    assert_eq!(bench.size(), 512);
}

#[test]
fn a_repeated_answer_to_the_options_is_acknowledged_after_a_while_only() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), None);
    bench.now = bench.now + Duration::from_millis(150);
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), ack(0));
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    bench.now = bench.now + Duration::from_millis(150);
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), None);
}

#[test]
fn a_wrong_size_is_an_error() {
    let mut short = Bench::agreed(SMALL, b"blksize\x008\0tsize\x0010\0");
    short.data(1, b"12345678");
    assert_eq!(error_sent(short.data(2, b"x")), Some((TID, 0)));
    assert_eq!(
        short.error().to_string(),
        "TFTP error: the server announced 10 bytes and sent 9"
    );
    let mut long = Bench::agreed(SMALL, b"blksize\x008\0tsize\x0010\0");
    long.data(1, b"12345678");
    assert_eq!(error_sent(long.data(2, b"123")), Some((TID, 0)));
    assert_eq!(long.place.bytes.len(), 8);
}

#[test]
fn a_block_longer_than_agreed_is_an_error() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(error_sent(bench.data(1, b"123456789")), Some((TID, 4)));
    assert_eq!(
        bench.error().to_string(),
        "TFTP error: block 1 has 9 bytes, but blocks of 8 were agreed on"
    );
    assert!(bench.place.bytes.is_empty());
}

#[test]
fn a_file_without_room_is_refused_before_its_first_byte() {
    let mut announced = Bench::new(SMALL);
    announced.place.room = 9;
    assert_eq!(
        error_sent(announced.from(TID, b"\0\x06blksize\x008\0tsize\x0010\0")),
        Some((TID, 3))
    );
    assert!(matches!(announced.error(), TftpError::Memory(_)));
    let mut endless = Bench::new(SMALL);
    endless.place.room = 700;
    assert_eq!(endless.data(1, &[0; 512]), ack(1));
    assert_eq!(error_sent(endless.data(2, &[0; 512])), Some((TID, 3)));
    assert_eq!(endless.place.bytes.len(), 512);
}
