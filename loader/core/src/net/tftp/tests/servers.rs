//! Servers that refuse, fall silent, lose a transfer; and strangers.

use super::*;

#[test]
fn a_missing_file_is_reported_in_the_servers_words() {
    let mut bench = Bench::new(Options::default());
    assert_eq!(bench.from(TID, b"\0\x05\0\x01File not found\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: 'File not found' (1)");
    let mut rude = Bench::new(Options::default());
    rude.from(TID, &[b"\0\x05\0\x02\x1b[2J=> \r\n", &[0xff; 400][..]].concat());
    let text = rude.error().to_string();
    assert!(text.starts_with("TFTP error: '\\x1b[2J=> \\r\\n\\xff"), "{text}");
    assert!(text.len() < 600 && text.is_ascii());
}

#[test]
fn a_stranger_gets_error_5_and_the_transfer_goes_on() {
    let mut bench = Bench::new(SMALL);
    let elsewhere = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 99), TID.port());
    assert_eq!(
        error_sent(bench.from(elsewhere, &data(1, b"evil"))),
        Some((elsewhere, 5))
    );
    assert_eq!(
        error_sent(bench.from(TID, &data(0, b"evil"))),
        Some((TID, 5)),
        "no transfer begins with block 0"
    );
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), ack(0));
    let other_port = SocketAddrV4::new(SERVER, 1);
    assert_eq!(
        error_sent(bench.from(other_port, &data(1, b"evil"))),
        Some((other_port, 5))
    );
    assert_eq!(
        error_sent(bench.from(elsewhere, &data(1, b"evil"))),
        Some((elsewhere, 5))
    );
    assert_eq!(bench.from(elsewhere, b"\0\x05\0\x01no\0"), None, "errors get no error");
    assert_eq!(bench.data(1, b"good"), ack(1));
    assert_eq!(bench.place.bytes, b"good");
}

#[test]
fn without_any_server_the_request_is_repeated_and_given_up() {
    let mut bench = Bench::new(Options::default());
    let (sent, took) = bench.silence();
    assert_eq!(sent.len(), 11);
    assert!(sent.iter().all(|transmit| transmit.message == Message::Request));
    assert_eq!(took, Duration::from_secs(40));
    assert_eq!(
        bench.error().to_string(),
        "Retry count exceeded: 10.0.2.2:69 was silent for 40 s after 0 bytes"
    );
}

#[test]
fn a_server_that_falls_silent_is_asked_anew_and_given_up_within_a_minute() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    bench.data(1, b"12345678");
    let (sent, took) = bench.silence();
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(sent[0], ack(1).unwrap());
    assert_eq!(sent.last().unwrap().message, Message::Request);
}

#[test]
fn a_restarted_server_is_asked_anew_from_another_port() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    bench.data(1, b"oldoldol");
    let again = bench.from(TID, b"\0\x05\0\x05Unknown transfer ID\0");
    assert_eq!(again.unwrap().message, Message::Request);
    assert_eq!(bench.client.local_port(), LOCAL_PORT + 1);
    assert_eq!(bench.client.progress(), (0, None));
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), ack(0));
    assert_eq!(bench.data(1, b"new"), ack(1));
    assert_eq!(bench.client.outcome().unwrap().unwrap().restarts, 1);
    assert_eq!(bench.size(), 3);
}

#[test]
fn a_server_that_loses_every_transfer_is_given_up() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    for _ in 0..3 {
        assert!(bench.from(TID, b"\0\x05\0\x05gone\0").is_some());
        bench.from(TID, b"\0\x06blksize\x008\0");
    }
    assert_eq!(bench.from(TID, b"\0\x05\0\x05gone\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: 'gone' (5)");
}

#[test]
fn port_unreachable_counts_for_our_own_packets_only() {
    let mut bench = Bench::new(SMALL);
    assert_eq!(bench.client.unreachable(LOCAL_PORT + 1, SERVER_PORT, bench.now), None);
    assert_eq!(bench.client.unreachable(LOCAL_PORT, 70, bench.now), None);
    assert_eq!(bench.client.outcome(), None);
    assert_eq!(bench.client.unreachable(LOCAL_PORT, SERVER_PORT, bench.now), None);
    assert_eq!(
        bench.error().to_string(),
        "TFTP error: 10.0.2.2:69 refuses: nothing listens on that port"
    );
    let mut died = Bench::agreed(SMALL, b"blksize\x008\0");
    let again = died.client.unreachable(LOCAL_PORT, TID.port(), died.now);
    assert_eq!(again.unwrap().message, Message::Request);
}

#[test]
fn an_abort_tells_the_server() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(error_sent(bench.client.abort()), Some((TID, 0)));
    assert_eq!(bench.error().to_string(), "Abort");
    assert_eq!(bench.data(1, b"12345678"), None);
}
