//! A question and its answer in one UDP datagram each, asked again of each server in turn: what DNS and SNTP share.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::Instant;

use super::exchange::{Envelope, Exchange, Outbox, Progress, Route, Watch};
use super::frame::Ipv4Frame;
use super::stack::{NetError, Network};

/// How long an answer may take in all.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);

/// The first wait for an answer; it doubles up to [`LONGEST_WAIT`] when each server was asked.
const FIRST_WAIT: Duration = Duration::from_secs(1);

const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// What is asked, without an idea of how.
pub(super) trait Question {
    /// Writes the question into `buffer` and gives its length.
    fn write(&mut self, now: Instant, buffer: &mut [u8]) -> Option<usize>;

    /// Takes a datagram that came from a server's port to ours.
    fn take(&mut self, answer: &[u8], now: Instant) -> Verdict;
}

/// What an answer was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not the answer to our question: it changes nothing.
    Stray,
    /// It answers.
    Answer,
    /// This server does not help; another one may.
    NextServer,
    /// Another question has to be asked before there is an answer.
    AskOn,
}

/// Whom to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Servers<'a> {
    pub(super) addresses: &'a [Ipv4Addr],
    pub(super) port: u16,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// There is an answer.
    Answered,
    /// No server helped, the last one of all by its own word.
    Refused,
    /// Nobody answered.
    Silence,
}

struct Query<'a> {
    question: &'a mut dyn Question,
    servers: Servers<'a>,
    /// Our address and port.
    own: SocketAddrV4,
    /// The server asked last, as a place in the list.
    server: usize,
    /// Servers that said that they do not help.
    refusals: usize,
    started: Instant,
    due: Instant,
    wait: Duration,
    /// Whether the question is out.
    waiting: bool,
    ending: Option<Ending>,
}

impl Network {
    /// Asks until there is an answer.
    pub(super) fn ask(
        &mut self,
        question: &mut dyn Question,
        servers: Servers<'_>,
        watch: &mut dyn Watch,
    ) -> Result<Ending, NetError> {
        let settings = *self.settings();
        for server in servers.addresses {
            settings.route(*server)?;
        }
        self.wait_for_link(watch)?;
        let started = self.clock().now();
        let mut query = Query {
            question,
            servers,
            own: SocketAddrV4::new(settings.address(), self.free_port()),
            server: 0,
            refusals: 0,
            started,
            due: started,
            wait: FIRST_WAIT,
            waiting: false,
            ending: None,
        };
        self.run(&mut query, watch)?;
        Ok(query.ending.unwrap_or(Ending::Silence))
    }
}

impl Query<'_> {
    fn peer(&self) -> Option<SocketAddrV4> {
        let address = self.servers.addresses.get(self.server)?;
        Some(SocketAddrV4::new(*address, self.servers.port))
    }

    fn next_server(&mut self) {
        self.server = self.server.saturating_add(1);
        if self.server >= self.servers.addresses.len() {
            self.server = 0;
            self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    }

    /// Notes that the server asked last does not help.
    fn refused(&mut self, now: Instant) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= self.servers.addresses.len() {
            self.ending = Some(Ending::Refused);
        }
        self.next_server();
        self.at_once(now);
    }

    /// Has the question asked at the next look at the clock.
    fn at_once(&mut self, now: Instant) {
        self.due = now;
        self.waiting = false;
    }
}

impl Exchange for Query<'_> {
    fn receive(&mut self, frame: &Ipv4Frame<'_>, now: Instant, _outbox: &mut Outbox) -> bool {
        if frame.destination != *self.own.ip() || self.ending.is_some() {
            return false;
        }
        if let Some((source, destination)) = frame.port_unreachable() {
            let about_us = source == self.own;
            if about_us && Some(destination) == self.peer() && self.waiting {
                self.refused(now);
            }
            return about_us;
        }
        let ours = |datagram: &super::frame::Datagram<'_>| datagram.destination.port() == self.own.port();
        let Some(datagram) = frame.datagram().filter(ours) else {
            return false;
        };
        let known =
            self.servers.addresses.contains(datagram.source.ip()) && datagram.source.port() == self.servers.port;
        let Some(payload) = datagram.verified().filter(|_| known) else {
            return true;
        };
        match self.question.take(payload, now) {
            Verdict::Stray => {}
            Verdict::Answer => self.ending = Some(Ending::Answered),
            Verdict::NextServer => self.refused(now),
            Verdict::AskOn => self.at_once(now),
        }
        true
    }

    fn poll(&mut self, now: Instant, outbox: &mut Outbox) {
        if now.since(self.started) >= PATIENCE {
            self.ending.get_or_insert(Ending::Silence);
        }
        if self.ending.is_some() || now < self.due {
            return;
        }
        // Who was asked and did not answer may have got another Ethernet address.
        let route = if self.waiting {
            Route::LookupAgain
        } else {
            Route::Lookup
        };
        if self.waiting {
            self.next_server();
        }
        self.due = now + self.wait;
        self.waiting = true;
        let Some(destination) = self.peer() else { return };
        let envelope = Envelope {
            source_port: self.own.port(),
            destination,
            route,
        };
        let question = &mut self.question;
        outbox.put(envelope, |buffer| question.write(now, buffer));
    }

    fn abort(&mut self, _outbox: &mut Outbox) {}

    fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}
