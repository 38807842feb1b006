//! `wget` at the prompt of a machine in memory: good servers, bad networks, and servers that mean harm.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use hal::PhysAddr;
use hal::fakes::VecRam;
use loader_core::context::Status;
use slipway_sim::lan::{Chance, Ending, Faults, HOST, Reply, WebServer};
use slipway_sim::machine::{Machine, RAM};

const PLACE: u64 = RAM + 0x20_0000;

/// A machine with an address, on a network with a server that answers as `answer` does.
fn machine(faults: Faults, seed: u64, answer: impl FnMut(&str) -> Reply + 'static) -> Machine {
    let mut machine = Machine::online(faults, seed);
    machine.context.env.set("loadaddr", "40200000").unwrap();
    machine.lan.host().web = Some(WebServer::new(HOST, answer));
    machine
}

fn good(answer: impl FnMut(&str) -> Reply + 'static) -> Machine {
    machine(Faults::default(), 1, answer)
}

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    (0..len).map(|_| chance.number() as u8).collect()
}

/// A server of one file under any name.
fn serving(file: &[u8]) -> impl FnMut(&str) -> Reply + use<> {
    let file = file.to_vec();
    move |request| Reply::file(request, &file, "\"1\"")
}

fn requests(machine: &Machine) -> Vec<String> {
    machine.lan.host().web.as_ref().unwrap().requests().to_vec()
}

#[test]
fn a_file_is_loaded_and_reported() {
    let file = bytes(1_234_567, 1);
    let mut machine = good(serving(&file));
    let output = machine.enter("wget 0x40200000 10.0.2.2:/boot/Image");
    let lines: Vec<&str> = output.lines().collect();
    let marks = ["#".repeat(50).as_str(), "  1.1 MiB"].concat();
    assert_eq!(
        lines[..3],
        ["Using sim-net#0 device", "HTTP/1.1 200 OK", &marks],
        "{output}"
    );
    assert!(lines[3].starts_with("\t ") && lines[3].ends_with("ms)"), "{output}");
    assert!(lines[4].starts_with("Packets received ") && lines[4].ends_with(", Transfer Successful"));
    assert_eq!(lines[5..], ["Bytes transferred = 1234567 (12d687 hex)"]);
    assert_eq!(machine.status(), Status::Success);
    assert_eq!(machine.ram(PLACE, file.len()), file);
    assert_eq!(machine.ram(PLACE + file.len() as u64, 16), [VecRam::PATTERN; 16]);
    assert_eq!(machine.ram(PLACE - 16, 16), [VecRam::PATTERN; 16]);
    assert_eq!(machine.context.env.get("filesize"), Some("12d687"));
    assert_eq!(machine.context.env.get("fileaddr"), Some("40200000"));
    let loaded = machine.context.memory.file_at(PhysAddr(PLACE)).unwrap();
    assert_eq!((loaded.name.as_str(), loaded.region.len()), ("boot/Image", 1_234_567));
    assert_eq!(
        requests(&machine),
        [
            "GET /boot/Image HTTP/1.1\r\nHost: 10.0.2.2\r\nUser-Agent: slipway\r\nAccept: */*\r\n\
        Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
        ]
    );
}

#[test]
fn every_form_of_the_arguments() {
    let mut machine = good(serving(b"hello"));
    for (line, request) in [
        ("wget 40200000 10.0.2.2:/a", "GET /a HTTP/1.1\r\nHost: 10.0.2.2\r\n"),
        ("wget 40200000 /a", "GET /a HTTP/1.1\r\nHost: 10.0.2.2\r\n"),
        ("wget x/a", "GET /x/a HTTP/1.1\r\nHost: 10.0.2.2\r\n"),
        ("wget http://10.0.2.2", "GET / HTTP/1.1\r\nHost: 10.0.2.2\r\n"),
        (
            "wget ${loadaddr} http://10.0.2.2:8080/a/b?c",
            "GET /a/b?c HTTP/1.1\r\nHost: 10.0.2.2:8080\r\n",
        ),
        ("setenv bootfile x; wget", "GET /x HTTP/1.1\r\n"),
        ("wget 40200000", "GET /x HTTP/1.1\r\n"),
        ("wget '/a b\"c'", "GET /a%20b\"c HTTP/1.1\r\n"),
        (
            "setenv httpdstp 8080; wget /a",
            "GET /a HTTP/1.1\r\nHost: 10.0.2.2:8080\r\n",
        ),
        ("wget http://10.0.2.2/a", "GET /a HTTP/1.1\r\nHost: 10.0.2.2\r\n"),
        (
            "setenv serverip; setenv httpserverip 10.0.2.2; wget /a",
            "GET /a HTTP/1.1\r\n",
        ),
    ] {
        let output = machine.enter(line);
        assert!(output.ends_with("Bytes transferred = 5 (5 hex)\n"), "{line}: {output}");
        let requests = requests(&machine);
        let last = requests.last().unwrap();
        assert!(last.starts_with(request), "{line}: {last}");
    }
    for (line, error) in [
        (
            "wget https://10.0.2.2/a",
            "'https://10.0.2.2/a' is not an http:// URL; there is no TLS here\n",
        ),
        ("setenv httpdstp 0; wget /a", "httpdstp is '0', which is not a port\n"),
        ("setenv httpdstp; wget 10.0.2.15:/a", "10.0.2.15 is our own address\n"),
        ("setenv httpserverip; wget /a", "*** ERROR: `serverip' not set\n"),
        ("wget 1 2 3", "wget - load a file over the network by HTTP\n"),
    ] {
        let output = machine.enter(line);
        assert!(output.starts_with(error), "{line}: {output}");
        assert_eq!(machine.status(), Status::Failure);
    }
}

#[test]
fn every_way_to_end_a_body() {
    let file = bytes(70_000, 2);
    let chunked = {
        let chunks = file.chunks(997).map(|chunk| {
            let head = format!("{:X};name=\"v\"\r\n", chunk.len());
            [head.as_bytes(), chunk, b"\r\n"].concat()
        });
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n".to_vec();
        [
            head,
            chunks.collect::<Vec<_>>().concat(),
            b"0\r\nTrailer: 1\r\n\r\n".to_vec(),
        ]
        .concat()
    };
    let plain = |head: &str| [head.as_bytes(), &file].concat();
    for (reply, why) in [
        (Reply::new(chunked.clone(), Ending::Close), "chunks"),
        (Reply::new(chunked, Ending::Silence), "chunks, and the connection stays"),
        (
            Reply::new(plain("HTTP/1.0 200 OK\r\n\r\n"), Ending::Close),
            "the connection",
        ),
        (
            Reply::new(plain("HTTP/1.1 200 OK\nContent-Length: 70000\n\n"), Ending::Silence),
            "plain line ends",
        ),
        (
            Reply::new(plain("HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n"), Ending::Reset),
            "a reset behind all",
        ),
        (
            Reply::new(
                plain("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n"),
                Ending::Close,
            ),
            "an interim answer",
        ),
    ] {
        let mut machine = good(move |_| reply.clone());
        let output = machine.enter("wget /f");
        assert!(
            output.ends_with("Bytes transferred = 70000 (11170 hex)\n"),
            "{why}: {output}"
        );
        assert_eq!(machine.ram(PLACE, file.len()), file, "{why}");
    }
    let mut machine = good(|_| Reply::new("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Ending::Close));
    assert!(machine.enter("wget /f").ends_with("Bytes transferred = 0 (0 hex)\n"));
}

#[test]
fn what_a_server_refuses_is_said() {
    for (head, error) in [
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "10.0.2.2:80 does not give '/f': HTTP/1.1 404 Not Found\n",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://10.0.2.9/g\r\n\r\n",
            "'/f' has moved to 'http://10.0.2.9/g'; redirects are not followed: load that (HTTP/1.1 302 Found)\n",
        ),
        (
            "HTTP/1.1 206 Partial Content\r\n\r\n",
            "10.0.2.2:80 does not give '/f': HTTP/1.1 206 Partial Content\n",
        ),
        ("HTTP/1.1 500 \x1b[2J=> \r\n\r\n", "malformed"),
    ] {
        let mut machine = good(move |_| Reply::new(head, Ending::Close));
        let output = machine.enter("wget /f");
        let line = output.lines().last().unwrap();
        assert!(output.ends_with(error) || line.contains(error), "{output}");
        assert_eq!(machine.status(), Status::Failure);
        assert_eq!(machine.context.env.get("filesize"), None);
        assert!(machine.context.memory.files().is_empty());
    }
}

/// Serves each reply, and expects the sentence beside it.
fn harmed_by(replies: &[(&str, &str)]) {
    for (reply, error) in replies {
        let bytes = reply.as_bytes().to_vec();
        let mut machine = good(move |_| Reply::new(bytes.clone(), Ending::Silence));
        let output = machine.enter("wget /f");
        let shown = &reply[..reply.len().min(80)];
        assert!(output.lines().last().unwrap().contains(*error), "{shown:?}: {output}");
        assert!(output.is_ascii() && output.len() < 8000);
        assert_eq!(machine.status(), Status::Failure, "{shown}");
        assert!(machine.context.memory.files().is_empty(), "{shown}");
    }
}

#[test]
fn heads_that_mean_harm_get_a_sentence() {
    let endless = ["HTTP/1.1 200 OK\r\n", &"X: y\r\n".repeat(100_000)].concat();
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100_000);
    harmed_by(&[
        (endless.as_str(), "cannot be read: its head has more than"),
        (&interim, "cannot be read: its head has more than 16384 bytes"),
        (
            "<html>hello</html>",
            "cannot be read: it begins with '<html>h', not with HTTP/1",
        ),
        (
            "HTTP/2.0 200 OK\r\n\r\n",
            "cannot be read: it begins with 'HTTP/2.', not with HTTP/1",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "its Content-Length is '-1'",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "its Content-Length is '99999999999999999999'",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx",
            "trying to overwrite reserved memory... ",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "its Content-Length is '1 and 2'",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both a Content-Length and a Transfer-Encoding",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "its Transfer-Encoding is 'gzip, chunked'",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd",
            "announced 3 bytes and sent more",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n",
            "Retry count exceeded: 10.0.2.2:80 was silent for",
        ),
        (
            "HTTP/1.1 200 OK\r\n",
            "Retry count exceeded: 10.0.2.2:80 was silent for 6",
        ),
    ]);
}

#[test]
fn chunks_that_mean_harm_get_a_sentence() {
    let chunks = |line: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{line}");
    let long_line = chunks(&["1;", &"x".repeat(1000)].concat());
    let trailer = chunks(&["0\r\n", &"X: y\r\n".repeat(10_000)].concat());
    let sizes = chunks("8\r\n12345678\r\nffffffffffffffff\r\nx");
    harmed_by(&[
        (&chunks("\r\n"), "a chunk begins with '\\r\\n', which is not its length"),
        (
            &chunks("-1\r\n"),
            "a chunk begins with '-1\\r\\n', which is not its length",
        ),
        (
            &chunks("11111111111111111\r\n"),
            "a chunk begins with '11111111111111111\\r\\n'",
        ),
        (&chunks("3\r\nabcdef"), "a chunk of 3 bytes does not end after them"),
        (&sizes, "Retry count exceeded"),
        (&long_line, "a chunk begins with '1;xxx"),
        (&trailer, "what follows the last chunk has more than 16384 bytes"),
    ]);
}

#[test]
fn a_server_that_is_not_there() {
    let mut machine = good(serving(b""));
    assert!(
        machine
            .enter("wget http://10.0.2.2:81/f")
            .ends_with("10.0.2.2:81 refuses the connection: nothing listens on that port\n")
    );
    let output = machine.enter("wget http://10.0.2.77/f");
    assert!(output.contains("T T T"), "{output}");
    assert!(
        output.ends_with("Retry count exceeded: 10.0.2.77:80 was silent for 60 s after 0 bytes\n"),
        "{output}"
    );
    // A server that says nothing, and one whose window stays closed, so that it does not even hear.
    let mut machine = good(|_| Reply::new("", Ending::Silence));
    assert!(machine.enter("wget /f").contains("was silent for 60 s"));
    assert_eq!(requests(&machine).len(), 1);
    machine.lan.host().web = Some(WebServer::deaf(HOST));
    assert!(machine.enter("wget /f").contains("was silent for 60 s"));
    assert!(requests(&machine).is_empty());
}

#[test]
fn ctrl_c_ends_it_at_once() {
    let mut machine = good(|_| Reply::new("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx", Ending::Silence));
    machine.type_after(Duration::from_secs(2), "\x03");
    let before = machine.context.clock.now();
    let output = machine.enter("wget /f");
    assert!(output.contains("\nAbort\n"), "{output}");
    assert!(machine.context.clock.now().since(before) < Duration::from_secs(3));
    assert!(machine.context.memory.files().is_empty());
}

#[test]
fn a_broken_connection_is_made_again_and_goes_on() {
    let file = bytes(500_000, 3);
    let (served, cuts) = (file.clone(), Rc::new(Cell::new(0)));
    let count = Rc::clone(&cuts);
    let mut machine = good(move |request| {
        count.set(count.get() + 1);
        Reply::file(request, &served, "\"one\"").cut(100_000)
    });
    let output = machine.enter("wget /f");
    assert!(output.contains("; going on from byte "), "{output}");
    assert!(output.ends_with("Bytes transferred = 500000 (7a120 hex)\n"), "{output}");
    assert!((6..10).contains(&cuts.get()), "{}", cuts.get());
    assert_eq!(machine.ram(PLACE, file.len()), file);
    assert!(requests(&machine)[1].contains("If-Range: \"one\"\r\n"));
}

#[test]
fn no_file_is_made_of_two() {
    let old = bytes(400_000, 4);
    let new = bytes(300_000, 5);
    // The server breaks, and comes back with another file: honest about it, or not.
    for honest in [true, false] {
        let (first, second, turn) = (old.clone(), new.clone(), Cell::new(0));
        let mut machine = good(move |request| {
            turn.set(turn.get() + 1);
            match turn.get() {
                1 => Reply::file(request, &first, "\"old\"").cut(150_000),
                _ if honest => Reply::file(request, &second, "\"new\""),
                // Believes any range to be of its own file.
                _ => {
                    let blind: String = request
                        .lines()
                        .filter(|line| !line.starts_with("If-Range"))
                        .fold(String::new(), |text, line| text + line + "\r\n");
                    Reply::file(&blind, &[&second[..], &[0; 100_000]].concat(), "\"new\"")
                }
            }
        });
        let output = machine.enter("wget /f");
        let len = if honest { new.len() } else { old.len() };
        assert!(output.contains(&format!("Bytes transferred = {len} ")), "{output}");
        assert_eq!(machine.ram(PLACE, new.len()), new, "honest: {honest}");
    }
    // Without proof, everything is loaded anew.
    for tag in ["W/\"1\"", "1"] {
        let (file, turn) = (old.clone(), Cell::new(0));
        let mut machine = good(move |request| {
            turn.set(turn.get() + 1);
            let reply = Reply::file(request, &file, tag);
            if turn.get() < 3 { reply.cut(200_000) } else { reply }
        });
        let output = machine.enter("wget /f");
        assert!(output.contains("bytes; beginning anew\n"), "{output}");
        assert_eq!(machine.ram(PLACE, old.len()), old);
        assert!(requests(&machine).iter().all(|request| !request.contains("Range")));
    }
}

#[test]
fn a_date_proves_as_a_tag_does_if_it_is_old_enough() {
    let file = bytes(200_000, 6);
    for (date, proves) in [
        ("Sun, 06 Nov 1994 08:49:38 GMT", true),
        ("Sun, 06 Nov 1994 08:49:37 GMT", false),
    ] {
        let served = file.clone();
        let turn = Cell::new(0);
        let mut machine = good(move |request| {
            turn.set(turn.get() + 1);
            let modified = "Sun, 06 Nov 1994 08:49:37 GMT";
            let reply = Reply::file(request, &served, modified);
            let text = String::from_utf8_lossy(&reply.bytes[..200]).into_owned();
            let head = text.split("\r\n\r\n").next().unwrap();
            let dated = head.replace("ETag", "Last-Modified") + &format!("\r\nDate: {date}");
            let reply = Reply::new([dated.as_bytes(), &reply.bytes[head.len()..]].concat(), reply.end);
            if turn.get() == 1 { reply.cut(100_000) } else { reply }
        });
        let output = machine.enter("wget /f");
        assert_eq!(output.contains("going on from byte"), proves, "{output}");
        assert_eq!(machine.ram(PLACE, file.len()), file);
    }
}

#[test]
fn connections_that_always_break_end_after_a_while() {
    let mut machine = good(|_| Reply::new("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx", Ending::Reset));
    let output = machine.enter("wget /f");
    assert!(
        output.ends_with("the connection to 10.0.2.2:80 broke 13 times; the last time 1 bytes had come\n"),
        "{output}"
    );
    assert_eq!(requests(&machine).len(), 13);
}

#[test]
fn nothing_is_written_where_nothing_may_be() {
    let file = bytes(2 << 20, 7);
    let mut machine = good(serving(&file));
    for (place, why) in [("43e00000", "the loader"), ("0", "is not all RAM")] {
        let output = machine.enter(&format!("wget {place} /f"));
        assert!(output.contains("trying to overwrite reserved memory... "), "{output}");
        assert!(output.contains(why), "{output}");
        assert_eq!(machine.status(), Status::Failure);
    }
    // A file of unknown size grows up to what is in its way.
    let body = [b"HTTP/1.0 200 OK\r\n\r\n", &file[..]].concat();
    let mut machine = good(move |_| Reply::new(body.clone(), Ending::Close));
    let output = machine.enter("wget 43e80000 /f");
    assert!(
        output.contains("do not fit the 0x80000 bytes claimed at 0x43e80000"),
        "{output}"
    );
}

#[test]
fn bad_networks_deliver_right_bytes_or_a_clear_error() {
    let file = bytes(100_000, 8);
    let mut failed = 0;
    for seed in 0..60 {
        let mut chance = Chance::new(seed);
        let faults = Faults {
            loss: chance.below(16) as u8,
            duplicate: chance.below(16) as u8,
            reorder: chance.below(16) as u8,
            corrupt: chance.below(6) as u8,
            delay: Duration::from_micros(chance.below(4) * 5_000),
        };
        let mut machine = machine(faults, seed, serving(&file));
        let output = machine.enter("wget /f");
        if machine.status() == Status::Success {
            assert_eq!(machine.ram(PLACE, file.len()), file, "seed {seed}");
            assert!(output.ends_with("Bytes transferred = 100000 (186a0 hex)\n"));
        } else {
            failed += 1;
            assert!(
                output.contains("silent") || output.contains("broke"),
                "seed {seed}: {output}"
            );
        }
    }
    assert!(failed <= 3, "{failed} of 60 failed");
}
