//! A TFTP server over a map of files, without sockets: RFC 1350 with the options of RFC 2347, 2348, 2349 and 7440.
//!
//! It shares no code with the client that it tests.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddrV4;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use hal::Instant;

/// What kind of server it is.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Whether it knows options at all; if not it ignores them.
    pub options: bool,
    /// Whether it answers a request with options by error 8.
    pub refuses_options: bool,
    /// The largest block that it grants.
    pub max_block: u16,
    /// The largest window that it grants; 1 leaves the option out.
    pub max_window: u16,
    /// The block number that follows 65535.
    pub wrap_to: u16,
    /// When it sends again, unless the client's `timeout` option says otherwise.
    pub timeout: Duration,
    /// Whether it answers a repeated acknowledgement by sending again: the Sorcerer's Apprentice (RFC 1123 section 4.2.3.1).
    pub apprentice: bool,
    /// Adds this to the size that it announces.
    pub size_lie: i64,
    /// Whether it refuses to be written to.
    pub read_only: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            options: true,
            refuses_options: false,
            max_block: 65464,
            max_window: 64,
            wrap_to: 0,
            timeout: Duration::from_secs(1),
            apprentice: false,
            size_lie: 0,
            read_only: false,
        }
    }
}

/// A datagram from one of the server's ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The server's port.
    pub from_port: u16,
    /// The client.
    pub to: SocketAddrV4,
    /// The bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct Session {
    client: SocketAddrV4,
    file: Rc<Vec<u8>>,
    block: usize,
    window: u64,
    timeout: Duration,
    /// The OACK, until it is acknowledged.
    oack: Option<Vec<u8>>,
    /// The last acknowledged block, counted from 1 without wrap.
    acknowledged: u64,
    /// The last block sent.
    sent: u64,
    again_at: Instant,
    tries: u32,
}

/// The server.
#[derive(Debug)]
pub struct TftpServer {
    files: BTreeMap<String, Rc<Vec<u8>>>,
    folder: Option<PathBuf>,
    habits: Habits,
    sessions: BTreeMap<u16, Session>,
    uploads: BTreeMap<u16, Upload>,
    next_port: u16,
    requests: u64,
}

impl TftpServer {
    const MAX_TRIES: u32 = 20;

    /// A server without files.
    #[must_use]
    pub fn new(habits: Habits) -> Self {
        Self {
            files: BTreeMap::new(),
            folder: None,
            habits,
            sessions: BTreeMap::new(),
            uploads: BTreeMap::new(),
            next_port: 40000,
            requests: 0,
        }
    }

    /// Gives it a file.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_owned(), Rc::new(bytes));
    }

    /// Has it serve the host's files in and below `folder`, as they are at the time of a request.
    pub fn serve(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    /// Makes it forget all transfers, as a restart does.
    pub fn restart(&mut self) {
        self.sessions.clear();
        self.uploads.clear();
    }

    /// How many read requests it has seen.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Whether it has a transfer on `port`.
    #[must_use]
    pub fn listens(&self, port: u16) -> bool {
        port == 69 || self.sessions.contains_key(&port) || self.uploads.contains_key(&port)
    }

    /// A file that it has, given or written.
    #[must_use]
    pub fn stored(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|file| file.as_slice())
    }

    /// When [`TftpServer::poll`] has something to do.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.sessions.values().map(|session| session.again_at).min()
    }

    /// Takes a datagram from a client and gives the answers.
    pub fn receive(&mut self, client: SocketAddrV4, port: u16, bytes: &[u8], now: Instant) -> Vec<Datagram> {
        if port == 69 {
            return self.request(client, bytes, now);
        }
        let from = |bytes| {
            vec![Datagram {
                from_port: port,
                to: client,
                bytes,
            }]
        };
        let error = |code, text| from(error(code, text));
        if let Some(upload) = self.uploads.get_mut(&port).filter(|upload| upload.client == client) {
            let answer = upload.receive(bytes);
            if upload.done {
                self.files.insert(upload.name.clone(), Rc::new(upload.file.clone()));
            }
            return answer.map_or(Vec::new(), from);
        }
        let Some(session) = self.sessions.get_mut(&port).filter(|session| session.client == client) else {
            return if bytes.starts_with(&[0, 5]) {
                Vec::new()
            } else {
                error(5, "Unknown transfer ID")
            };
        };
        match bytes {
            [0, 4, high, low] => {
                let number = u16::from_be_bytes([*high, *low]);
                let packets = session.acknowledge(number, &self.habits, now);
                let done = session.done();
                if done {
                    self.sessions.remove(&port);
                }
                packets
                    .into_iter()
                    .map(|bytes| Datagram {
                        from_port: port,
                        to: client,
                        bytes,
                    })
                    .collect()
            }
            _ => {
                self.sessions.remove(&port);
                Vec::new()
            }
        }
    }

    /// Sends again what was not acknowledged in time.
    pub fn poll(&mut self, now: Instant) -> Vec<Datagram> {
        let mut out = Vec::new();
        for (port, session) in &mut self.sessions {
            if session.again_at <= now {
                session.tries += 1;
                session.sent = session.acknowledged;
                let packets = session.window(self.habits.wrap_to, now);
                let to = session.client;
                out.extend(packets.into_iter().map(|bytes| Datagram {
                    from_port: *port,
                    to,
                    bytes,
                }));
            }
        }
        self.sessions.retain(|_, session| session.tries < Self::MAX_TRIES);
        out
    }

    fn request(&mut self, client: SocketAddrV4, bytes: &[u8], now: Instant) -> Vec<Datagram> {
        let port = self.next_port;
        self.next_port = self.next_port.checked_add(1).unwrap_or(40000);
        self.requests += 1;
        let reply = |bytes| {
            vec![Datagram {
                from_port: port,
                to: client,
                bytes,
            }]
        };
        let (rest, write) = match bytes {
            [0, 1, rest @ ..] => (rest, false),
            [0, 2, rest @ ..] => (rest, true),
            _ => return reply(error(4, "Illegal TFTP operation")),
        };
        let words: Vec<String> = rest
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        let [name, _mode, options @ ..] = words.as_slice() else {
            return reply(error(4, "Illegal TFTP operation"));
        };
        let asked: Vec<(&str, &str)> = options
            .chunks_exact(2)
            .map(|pair| (pair[0].as_str(), pair[1].as_str()))
            .collect();
        if write && self.habits.read_only {
            return reply(error(2, "Access violation"));
        }
        if self.habits.refuses_options && !asked.is_empty() {
            return reply(error(8, "Option negotiation failed"));
        }
        if write {
            let (upload, answer) = Upload::begin(client, name, &asked, &self.habits);
            self.uploads.insert(port, upload);
            return reply(answer);
        }
        let file = match self.file(name) {
            Ok(file) => file,
            Err((code, text)) => return reply(error(code, &text)),
        };
        let mut session = Session::new(client, file, self.habits.timeout);
        if self.habits.options {
            session.negotiate(&asked, &self.habits);
        }
        let packets = session.window(self.habits.wrap_to, now);
        self.sessions.insert(port, session);
        packets
            .into_iter()
            .map(|bytes| Datagram {
                from_port: port,
                to: client,
                bytes,
            })
            .collect()
    }

    /// The file of that name, or the error packet's code and text.
    fn file(&self, name: &str) -> Result<Rc<Vec<u8>>, (u8, String)> {
        let not_found = || (1, "File not found".to_owned());
        if let Some(file) = self.files.get(name) {
            return Ok(Rc::clone(file));
        }
        let folder = self.folder.as_ref().ok_or_else(not_found)?;
        // As servers that change their root do: /x is x, and nothing is above.
        let path = Path::new(name.trim_start_matches('/'));
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err((2, "Access violation".to_owned()));
        }
        match std::fs::read(folder.join(path)) {
            Ok(bytes) => Ok(Rc::new(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(not_found()),
            Err(error) => Err((0, error.to_string())),
        }
    }
}

/// A file that a client writes.
#[derive(Debug)]
struct Upload {
    client: SocketAddrV4,
    name: String,
    file: Vec<u8>,
    block: usize,
    /// Blocks stored.
    stored: u64,
    done: bool,
}

impl Upload {
    /// A transfer, and the answer to its request.
    fn begin(client: SocketAddrV4, name: &str, asked: &[(&str, &str)], habits: &Habits) -> (Self, Vec<u8>) {
        let mut upload = Self {
            client,
            name: name.to_owned(),
            file: Vec::new(),
            block: 512,
            stored: 0,
            done: false,
        };
        let mut oack = vec![0, 6];
        for (name, value) in asked.iter().filter(|_| habits.options) {
            let granted = match *name {
                "tsize" | "timeout" => (*value).to_owned(),
                "blksize" => {
                    upload.block = value.parse::<usize>().unwrap_or(512).min(habits.max_block.into());
                    upload.block.to_string()
                }
                _ => continue,
            };
            oack.extend_from_slice(format!("{name}\0{granted}\0").as_bytes());
        }
        let answer = if oack.len() > 2 { oack } else { vec![0, 4, 0, 0] };
        (upload, answer)
    }

    /// Takes a block and acknowledges the last one that it has.
    fn receive(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (number, data) = match bytes {
            [0, 3, high, low, data @ ..] => (u16::from_be_bytes([*high, *low]), data),
            _ => return None,
        };
        if number == on_wire(self.stored + 1, 0) && !self.done {
            self.file.extend_from_slice(data);
            self.stored += 1;
            self.done = data.len() < self.block;
        } else if number != on_wire(self.stored, 0) {
            return None;
        }
        Some([&[0, 4], &on_wire(self.stored, 0).to_be_bytes()[..]].concat())
    }
}

impl Session {
    fn new(client: SocketAddrV4, file: Rc<Vec<u8>>, timeout: Duration) -> Self {
        let again_at = Instant::default();
        Self {
            client,
            file,
            block: 512,
            window: 1,
            timeout,
            oack: None,
            acknowledged: 0,
            sent: 0,
            again_at,
            tries: 0,
        }
    }

    fn negotiate(&mut self, asked: &[(&str, &str)], habits: &Habits) {
        let mut oack = vec![0, 6];
        for (name, value) in asked {
            let value: u64 = value.parse().unwrap_or(0);
            let granted = match *name {
                "tsize" => self.file.len() as i64 + habits.size_lie,
                "blksize" => value.min(habits.max_block.into()) as i64,
                "windowsize" if habits.max_window > 1 => value.min(habits.max_window.into()) as i64,
                "timeout" => value as i64,
                _ => continue,
            };
            match *name {
                "blksize" => self.block = granted as usize,
                "windowsize" => self.window = granted as u64,
                "timeout" => self.timeout = Duration::from_secs(value),
                _ => {}
            }
            oack.extend_from_slice(format!("{name}\0{granted}\0").as_bytes());
        }
        self.oack = (oack.len() > 2).then_some(oack);
    }

    /// The number of the last block: the first one shorter than the others.
    fn last(&self) -> u64 {
        (self.file.len() / self.block) as u64 + 1
    }

    fn done(&self) -> bool {
        self.oack.is_none() && self.acknowledged == self.last()
    }

    fn window(&mut self, wrap_to: u16, now: Instant) -> Vec<Vec<u8>> {
        self.again_at = now + self.timeout;
        if let Some(oack) = &self.oack {
            return vec![oack.clone()];
        }
        let end = (self.acknowledged + self.window).min(self.last());
        let blocks = self.sent + 1..=end;
        self.sent = end;
        blocks.map(|block| self.data(block, wrap_to)).collect()
    }

    fn data(&self, block: u64, wrap_to: u16) -> Vec<u8> {
        let start = (block as usize - 1) * self.block;
        let end = (start + self.block).min(self.file.len());
        [
            &[0, 3],
            &on_wire(block, wrap_to).to_be_bytes()[..],
            &self.file[start..end],
        ]
        .concat()
    }

    fn acknowledge(&mut self, number: u16, habits: &Habits, now: Instant) -> Vec<Vec<u8>> {
        if self.oack.is_some() {
            if number != 0 {
                return Vec::new();
            }
            self.oack = None;
            self.tries = 0;
            return self.window(habits.wrap_to, now);
        }
        let meant = (self.acknowledged..=self.sent)
            .rev()
            .find(|block| on_wire(*block, habits.wrap_to) == number);
        let Some(block) = meant else { return Vec::new() };
        let repeated = block == self.acknowledged;
        if repeated && self.window == 1 && !habits.apprentice {
            return Vec::new();
        }
        self.acknowledged = block;
        self.sent = block;
        self.tries = if repeated { self.tries } else { 0 };
        if self.done() {
            Vec::new()
        } else {
            self.window(habits.wrap_to, now)
        }
    }
}

/// The number that a block, counted from 1, has in its packet.
fn on_wire(block: u64, wrap_to: u16) -> u16 {
    let cycle = 65536 - u64::from(wrap_to);
    let number = if block < 65536 {
        block
    } else {
        (block - 65536) % cycle + u64::from(wrap_to)
    };
    number as u16
}

fn error(code: u8, text: &str) -> Vec<u8> {
    [&[0, 5, 0, code], text.as_bytes(), &[0]].concat()
}
