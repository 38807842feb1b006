//! `wget` from nginx, and names from dnsmasq, over a tap interface.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use qemu::network::{NameServer, WebServer};
use qemu::{Guests, Scenario};
use system_tests::folder;
use system_tests::lan::{HOST, Lab, in_namespace};

const LARGE: usize = 64 << 20;

/// A machine beside a web server that has a large file, and the file.
fn lab(name: &str) -> (Lab, WebServer, Vec<u8>) {
    let scenario = Scenario::create(&folder(name)).unwrap();
    let words = (0..u32::try_from(LARGE / 4).unwrap()).map(|word| word.wrapping_mul(0x9e37_79b9));
    let large: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    scenario.write("large", &large).unwrap();
    let lab = Lab::start(name, &scenario);
    let work = folder(&format!("{name}-nginx"));
    let nginx = Guests::open().unwrap().nginx();
    let web = WebServer::start(&nginx, HOST, (scenario.folder(), &work)).unwrap();
    (lab, web, large)
}

/// Loads the large file by `line` and compares every byte.
fn transfer(lab: &mut Lab, line: &str, expected: &[u8]) -> String {
    lab.console.command("mw.b 48000000 5a 4000000").unwrap();
    let answer = lab.console.command(line).unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK\n"), "{answer}");
    assert!(
        answer.contains(", Transfer Successful\nBytes transferred = 67108864 (4000000 hex)"),
        "{answer}"
    );
    let memory = lab.console.read_memory(0x4800_0000, LARGE as u64).unwrap();
    assert!(memory == expected, "{line}: RAM differs from the file");
    let variables = lab.console.command("echo $? $filesize $fileaddr").unwrap();
    assert_eq!(variables.trim(), "0 4000000 48000000");
    answer
}

#[test]
fn files_come_from_nginx() {
    in_namespace("files_come_from_nginx", || {
        let (mut lab, _web, large) = lab("http");
        let answer = transfer(&mut lab, &format!("wget 48000000 {HOST}:/large"), &large);
        println!("{answer}");
        transfer(
            &mut lab,
            &format!("setenv loadaddr 48000000; wget http://{HOST}/large"),
            &large,
        );
        for (path, error) in [
            (
                "nosuch",
                format!("{HOST}:80 does not give '/nosuch': HTTP/1.1 404 Not Found"),
            ),
            (
                "moved",
                format!("'/moved' has moved to 'http://{HOST}/here'; redirects are not followed"),
            ),
        ] {
            let answer = lab.console.command(&format!("wget 48000000 /{path}")).unwrap();
            assert!(answer.contains(&error), "{answer}");
            assert_eq!(lab.console.command("echo $?").unwrap().trim(), "1");
        }
        let answer = lab.console.command(&format!("wget http://{HOST}:81/large")).unwrap();
        assert!(
            answer.contains(&format!("{HOST}:81 refuses the connection")),
            "{answer}"
        );
    });
}

/// Passes connections at port 8080 on to the web server, and cuts each after some bytes of the answer. Gives the number of connections.
fn cutting_proxy(limit: u64) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind((HOST, 8080)).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            pass_on(client, limit);
        }
    });
    connections
}

fn pass_on(mut client: TcpStream, limit: u64) {
    let mut server = TcpStream::connect((HOST, 80)).unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 2048];
    while !request.ends_with(b"\r\n\r\n") {
        match client.read(&mut buffer) {
            Ok(len @ 1..) => request.extend_from_slice(&buffer[..len]),
            _ => return,
        }
    }
    server.write_all(&request).unwrap();
    // The client may be gone.
    let _ = std::io::copy(&mut server.take(limit), &mut client);
}

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    in_namespace("a_broken_connection_goes_on_where_it_broke", || {
        let (mut lab, _web, large) = lab("http-cut");
        let connections = cutting_proxy(10_000_000);
        let answer = transfer(&mut lab, &format!("wget 48000000 http://{HOST}:8080/large"), &large);
        assert!(answer.contains("; going on from byte "), "{answer}");
        assert!(!answer.contains("anew"), "{answer}");
        assert_eq!(connections.load(Ordering::Relaxed), 7, "{answer}");
    });
}

#[test]
fn names_come_from_dnsmasq() {
    in_namespace("names_come_from_dnsmasq", || {
        let (mut lab, _web, large) = lab("http-dns");
        let hosts = [("files.lan", HOST), ("other.lan", "10.9.0.7")];
        let _names = NameServer::start(HOST, &hosts, &[("www.lan", "files.lan")]).unwrap();
        for (line, expected) in [
            ("dns files.lan", "*** ERROR: DNS server address not given"),
            (&format!("setenv dnsip {HOST}; dns files.lan"), HOST),
            ("dns www.lan x; echo <$x>", &format!("{HOST}\n<{HOST}>")),
            ("dns other.lan", "10.9.0.7"),
            ("dns nosuch.lan", "DNS: host not found"),
            ("ping www.lan", &format!("host {HOST} is alive")),
        ] {
            let answer = lab.console.command(line).unwrap();
            assert!(answer.contains(expected), "{line}: {answer}");
        }
        transfer(&mut lab, "wget 48000000 http://www.lan/large", &large);
    });
}
