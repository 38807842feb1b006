//! A local network in memory: a network device for the loader, and the machine that it talks to.
//!
//! The addresses are those of QEMU's user network. Time is a [`ManualClock`]: it moves on, to the next thing that happens, when the loader
//! looks for a frame and there is none.

mod dhcp_server;
mod host;
mod link;
mod tftp_server;
mod web_server;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use hal::fakes::ManualClock;
use hal::net::TransmitError;
use hal::{Clock, Instant, MacAddr, NetDevice};

pub use dhcp_server::{DhcpServer, Offer};
pub use host::{Answers, Host, Service};
pub use link::{Chance, Faults, Link};
pub use tftp_server::{Datagram, Habits, TftpServer};
pub use web_server::{Ending, Reply, WebServer};

/// The host's address.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// The address that the DHCP server gives.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

/// The network's netmask.
pub(crate) const NETMASK: &str = "255.255.255.0";

/// The device's Ethernet address.
pub const CLIENT_MAC: MacAddr = MacAddr([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);

/// How far time moves when nothing is due.
const IDLE: Duration = Duration::from_micros(200);

/// The network. Clones share it.
#[derive(Clone)]
pub struct Lan {
    clock: Rc<ManualClock>,
    host: Rc<RefCell<Host>>,
    wires: Rc<RefCell<Wires>>,
    link_up: Rc<Cell<bool>>,
    running: Rc<Cell<bool>>,
    events: Rc<RefCell<BTreeMap<Instant, Event>>>,
}

type Event = Box<dyn FnOnce(&mut Host)>;

struct Wires {
    to_client: Link,
    to_host: Link,
}

/// The loader's end. It receives what is sent to its address, or to a group, and nothing else.
struct Nic {
    lan: Lan,
    listens_to: MacAddr,
}

impl Lan {
    /// A network whose wires have the given faults.
    #[must_use]
    pub fn new(clock: Rc<ManualClock>, faults: Faults, seed: u64) -> Self {
        let offer = Offer {
            address: CLIENT,
            netmask: Some(Ipv4Addr::new(255, 255, 255, 0)),
            router: Some(HOST),
            boot_server: HOST,
            boot_file: None,
            refusals: 0,
        };
        let host = Host::new(
            vec![HOST],
            DhcpServer::new(HOST, offer),
            TftpServer::new(Habits::default()),
        );
        let wires = Wires {
            to_client: Link::new(faults, seed),
            to_host: Link::new(faults, !seed),
        };
        Self {
            clock,
            host: Rc::new(RefCell::new(host)),
            wires: Rc::new(RefCell::new(wires)),
            link_up: Rc::new(Cell::new(true)),
            running: Rc::new(Cell::new(true)),
            events: Rc::default(),
        }
    }

    /// The device that is on this network.
    #[must_use]
    pub fn device(&self) -> Box<dyn NetDevice> {
        Box::new(Nic {
            lan: self.clone(),
            listens_to: CLIENT_MAC,
        })
    }

    /// The machine at the other end, to look at and to change.
    #[must_use]
    pub fn host(&self) -> RefMut<'_, Host> {
        self.host.borrow_mut()
    }

    /// Gives the TFTP server a file.
    ///
    /// # Panics
    /// If the host's TFTP server was taken away.
    pub fn add_file(&self, name: &str, bytes: &[u8]) {
        self.host()
            .tftp
            .as_mut()
            .expect("there is a server")
            .add(name, bytes.to_vec());
    }

    /// Has the TFTP server serve the host's files in `folder`.
    ///
    /// # Panics
    /// If the host's TFTP server was taken away.
    pub fn serve(&self, folder: PathBuf) {
        self.host().tftp.as_mut().expect("there is a server").serve(folder);
    }

    /// Plugs the cable in or out.
    pub fn set_link(&self, up: bool) {
        self.link_up.set(up);
    }

    /// Whether the device on this network was shut down.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        !self.running.get()
    }

    /// Has `event` happen to the host after `wait` from now.
    pub fn after(&self, wait: Duration, event: impl FnOnce(&mut Host) + 'static) {
        self.events.borrow_mut().insert(self.now() + wait, Box::new(event));
    }

    /// Whether the device was not shut down.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.get()
    }

    /// Puts a frame on the wire to the loader, whoever made it.
    pub fn inject(&self, frame: Vec<u8>) {
        self.wires.borrow_mut().to_client.send(self.clock.now(), frame);
    }

    /// Makes the host ask for the Ethernet address of `address`, and ping it.
    pub fn call(&self, address: Ipv4Addr) {
        let host = self.host();
        let frames = [host.arp_request(address), host.echo_request(address)];
        drop(host);
        frames.into_iter().for_each(|frame| self.inject(frame));
    }

    /// Frames that went to the loader and to the host so far.
    #[must_use]
    pub fn carried(&self) -> (u64, u64) {
        let wires = self.wires.borrow();
        (wires.to_client.carried(), wires.to_host.carried())
    }

    /// Lets everything happen that is due, and gives the next frame for the loader.
    fn next_frame(&self) -> Option<Vec<u8>> {
        let now = self.clock.now();
        let (mut host, mut wires) = (self.host.borrow_mut(), self.wires.borrow_mut());
        self.happen(now, &mut host);
        let mut answers = host.poll(now);
        while let Some(frame) = wires.to_host.arrived(now) {
            answers.extend(host.receive(&frame, now));
        }
        if !self.link_up.get() || host.unplugged {
            answers.clear();
        }
        for answer in answers {
            wires.to_client.send(now, answer);
        }
        let frame = wires.to_client.arrived(now).filter(|_| self.link_up.get());
        if frame.is_none() {
            let times = [
                host.next(),
                wires.to_client.next(),
                wires.to_host.next(),
                Some(now + IDLE),
            ];
            let next = times.into_iter().flatten().min().unwrap_or(now);
            self.clock.advance(next - now);
        }
        frame
    }

    fn happen(&self, now: Instant, host: &mut Host) {
        let mut events = self.events.borrow_mut();
        while let Some(event) = events.first_entry().filter(|event| *event.key() <= now) {
            event.remove()(host);
        }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }
}

impl NetDevice for Nic {
    fn name(&self) -> &str {
        "sim-net#0"
    }

    fn mac(&self) -> MacAddr {
        CLIENT_MAC
    }

    fn listen_to(&mut self, mac: MacAddr) {
        self.listens_to = mac;
    }

    fn link_up(&mut self) -> bool {
        self.lan.clock.advance(IDLE);
        self.lan.link_up.get()
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        let frame = self.lan.running.get().then(|| self.lan.next_frame()).flatten();
        let is_ours = |frame: &Vec<u8>| {
            let is_group = frame.first().is_some_and(|first| first & 1 != 0);
            is_group || frame.starts_with(&self.listens_to.0)
        };
        frame.filter(is_ours).inspect(|frame| sink(frame)).is_some()
    }

    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), TransmitError> {
        const LIMIT: usize = 1514;
        if !self.lan.running.get() {
            return Err(TransmitError::Stopped);
        }
        if len > LIMIT {
            return Err(TransmitError::TooLong { len, limit: LIMIT });
        }
        let mut frame = vec![0xee; len];
        fill(&mut frame);
        self.lan.wires.borrow_mut().to_host.send(self.lan.now(), frame);
        Ok(())
    }

    fn shutdown(&mut self) {
        self.lan.running.set(false);
    }
}
