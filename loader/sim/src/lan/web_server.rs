//! A web server on smoltcp's TCP, whose answers a test writes: to the byte, with the end of the connection that it wants.

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;

use hal::Instant;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpCidr};

/// The ports that it listens at.
const PORTS: [u16; 2] = [80, 8080];

/// Connections that each port takes at a time.
const BACKLOG: usize = 4;

const BUFFER: usize = 256 * 1024;

/// What a server sends, and what it does then.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The bytes, head and all.
    pub bytes: Vec<u8>,
    /// What happens behind them.
    pub end: Ending,
}

/// What a server does behind its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It closes the connection.
    Close,
    /// It resets the connection.
    Reset,
    /// Nothing.
    Silence,
}

impl Reply {
    /// Bytes, and the connection's end behind them.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>, end: Ending) -> Self {
        let bytes = bytes.into();
        Self { bytes, end }
    }

    /// What a good server answers: the whole of `file`, or the rest that the request asks for if `tag` is still the file's.
    #[must_use]
    pub fn file(request: &str, file: &[u8], tag: &str) -> Self {
        let field = |name: &str| request.lines().find_map(|line| line.strip_prefix(name));
        let same = field("If-Range: ").is_none_or(|asked| asked == tag);
        let from = field("Range: bytes=").and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
        let head = match from.filter(|from| same && *from < file.len()) {
            Some(from) => format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n",
                file.len() - 1,
                file.len()
            ),
            None => "HTTP/1.1 200 OK\r\n".to_owned(),
        };
        let body = match head.starts_with("HTTP/1.1 206") {
            true => &file[from.unwrap_or(0)..],
            false => file,
        };
        let head = format!("{head}ETag: {tag}\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::new([head.as_bytes(), body].concat(), Ending::Close)
    }

    /// The same, cut after `len` bytes by a reset.
    #[must_use]
    pub fn cut(mut self, len: usize) -> Self {
        if self.bytes.len() > len {
            self.bytes.truncate(len);
            self.end = Ending::Reset;
        }
        self
    }
}

type Answer = Box<dyn FnMut(&str) -> Reply>;

/// The server.
pub struct WebServer {
    interface: Interface,
    sockets: SocketSet<'static>,
    connections: Vec<Connection>,
    wire: Wire,
    answer: Answer,
    next: Option<Instant>,
    requests: Vec<String>,
}

struct Connection {
    handle: SocketHandle,
    port: u16,
    request: Vec<u8>,
    reply: Option<Reply>,
    sent: usize,
}

/// IP packets in and out.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

impl WebServer {
    /// A server at `address` that gives each request to `answer`.
    ///
    /// # Panics
    /// Never: its sockets are new.
    #[must_use]
    pub fn new(address: Ipv4Addr, answer: impl FnMut(&str) -> Reply + 'static) -> Self {
        Self::with_room(address, Box::new(answer), BUFFER)
    }

    /// A server at `address` whose window is always closed: no byte of a request gets in.
    ///
    /// # Panics
    /// Never: its sockets are new.
    #[must_use]
    pub fn deaf(address: Ipv4Addr) -> Self {
        Self::with_room(address, Box::new(|_| Reply::new("", Ending::Silence)), 0)
    }

    fn with_room(address: Ipv4Addr, answer: Answer, room: usize) -> Self {
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = 7;
        let mut interface = Interface::new(config, &mut wire, smoltcp::time::Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let _ = addresses.push(IpCidr::new(address.into(), 0));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let ports = PORTS.into_iter().flat_map(|port| [port; BACKLOG]);
        let connections = ports
            .map(|port| {
                let buffer = |len| tcp::SocketBuffer::new(vec![0; len]);
                let mut socket = tcp::Socket::new(buffer(room), buffer(BUFFER));
                socket.listen(port).expect("a new socket");
                Connection {
                    handle: sockets.add(socket),
                    port,
                    request: Vec::new(),
                    reply: None,
                    sent: 0,
                }
            })
            .collect();
        Self {
            interface,
            sockets,
            connections,
            wire,
            answer,
            next: None,
            requests: Vec::new(),
        }
    }

    /// The requests that it got.
    #[must_use]
    pub fn requests(&self) -> &[String] {
        &self.requests
    }

    /// When it has something to do.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Takes a packet.
    pub fn receive(&mut self, packet: &[u8]) {
        self.wire.incoming.push_back(packet.to_vec());
    }

    /// Lets time pass, and gives the packets that it sends.
    pub fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let time = smoltcp::time::Instant::from_micros(now.micros() as i64);
        self.interface.poll(time, &mut self.wire, &mut self.sockets);
        for connection in &mut self.connections {
            let socket = self.sockets.get_mut(connection.handle);
            connection.serve(socket, &mut self.answer, &mut self.requests);
        }
        self.interface.poll(time, &mut self.wire, &mut self.sockets);
        let next = self.interface.poll_at(time, &self.sockets);
        self.next = next.map(|next| Instant::from_micros(next.total_micros().max(0) as u64).max(now));
        std::mem::take(&mut self.wire.outgoing)
    }
}

impl Connection {
    fn serve(&mut self, socket: &mut tcp::Socket<'static>, answer: &mut Answer, requests: &mut Vec<String>) {
        if !socket.is_open() || socket.state() == tcp::State::TimeWait {
            socket.abort();
            (self.reply, self.sent) = (None, 0);
            self.request.clear();
            let _ = socket.listen(self.port);
            return;
        }
        while socket.can_recv() {
            let _ = socket.recv(|bytes| {
                self.request.extend_from_slice(bytes);
                (bytes.len(), ())
            });
        }
        if self.reply.is_none() && self.request.ends_with(b"\r\n\r\n") {
            let request = String::from_utf8_lossy(&self.request).into_owned();
            self.reply = Some(answer(&request));
            requests.push(request);
        }
        let Some(reply) = &self.reply else { return };
        if socket.can_send() && self.sent < reply.bytes.len() {
            self.sent += socket.send_slice(&reply.bytes[self.sent..]).unwrap_or(0);
        }
        // A reset throws away what is on its way.
        let all_out = self.sent == reply.bytes.len() && socket.send_queue() == 0;
        match reply.end {
            Ending::Close if self.sent == reply.bytes.len() => socket.close(),
            Ending::Reset if all_out => socket.abort(),
            _ => {}
        }
    }
}

impl fmt::Debug for WebServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebServer").field("requests", &self.requests).finish()
    }
}

struct Incoming(Vec<u8>);

struct Outgoing<'a>(&'a mut Vec<Vec<u8>>);

impl Device for Wire {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _now: smoltcp::time::Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let packet = self.incoming.pop_front()?;
        Some((Incoming(packet), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _now: smoltcp::time::Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let result = write(&mut packet);
        self.0.push(packet);
        result
    }
}
