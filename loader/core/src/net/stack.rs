//! One network device with the protocols below TFTP and DHCP.
//!
//! Frames come from the device one at a time and in place. The running [`Exchange`] sees each first: what is for it goes from the
//! device's buffer straight to its end, and its answer goes back the way the frame came. Everything else, if it is for this machine at
//! all, is read in place by smoltcp, which does ARP, ICMP and TCP and sends what has to find its way.

mod sockets;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::net::SocketAddrV4;
use core::time::Duration;

use hal::{Clock, Instant, MacAddr, NetDevice};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::udp;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};
use thiserror::Error;

use super::adapter::{self, Adapter, MAX_FRAME};
use super::exchange::{Exchange, Flow, Outbox, Route, Watch};
use super::fetch::Lingering;
use super::frame::{self, HEADERS, Header, Ipv4Frame};
use super::pace::Pace;
use super::settings::{AddressError, Settings};
use sockets::{echo_socket, identifier, queue, udp_socket};

/// Frames that are answered in a row before somebody looks at the console.
const BATCH: usize = 32;

/// How long a link may take to come up.
const LINK_PATIENCE: Duration = Duration::from_secs(5);

const BROADCAST: MacAddr = MacAddr([0xff; 6]);

/// Why the network cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetError {
    /// An address is wrong or cannot be reached.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No cable, or nobody at its other end.
    #[error("{device}: no link after {} s", LINK_PATIENCE.as_secs())]
    NoLink {
        /// The device's name.
        device: alloc::string::String,
    },
    /// The user stopped it.
    #[error("Abort")]
    Stopped,
}

/// A network device and its protocol stack.
pub struct Network {
    device: Box<dyn NetDevice>,
    clock: Rc<dyn Clock>,
    interface: Interface,
    sockets: SocketSet<'static>,
    udp: SocketHandle,
    echo: SocketHandle,
    identifier: u16,
    queue: adapter::Queue,
    segments: u64,
    settings: Settings,
    outbox: Outbox,
    lingering: Option<Lingering>,
    random: u64,
}

impl Network {
    /// The stack over `device`.
    ///
    /// # Errors
    /// [`AddressError::Mac`] if the device has no address of its own that could be used.
    pub fn new(device: Box<dyn NetDevice>, clock: Rc<dyn Clock>) -> Result<Self, AddressError> {
        let settings = Settings::without_address(device.mac())?;
        let random = clock.entropy();
        let mut queue = Vec::new();
        let interface = interface(settings, random, (clock.now(), &mut queue));
        let mut sockets = SocketSet::new(Vec::new());
        let udp = sockets.add(udp_socket());
        let identifier = identifier(random);
        let echo = sockets.add(echo_socket(identifier));
        Ok(Self {
            device,
            clock,
            interface,
            sockets,
            udp,
            echo,
            identifier,
            queue,
            segments: 0,
            settings,
            outbox: Outbox::default(),
            lingering: None,
            random,
        })
    }

    /// The device's name.
    #[must_use]
    pub fn device_name(&self) -> &str {
        self.device.name()
    }

    /// The device's own Ethernet address.
    #[must_use]
    pub fn device_mac(&self) -> MacAddr {
        self.device.mac()
    }

    /// Whether that address was made up for this start.
    #[must_use]
    pub fn device_mac_is_made_up(&self) -> bool {
        self.device.mac_is_made_up()
    }

    /// The addresses in use.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes on `settings`. If they are new, what ARP found before is forgotten; if they are not, it is kept: smoltcp asks once a
    /// second at most, which the second of two commands would wait for. Who sends again has it forgotten ([`Network::forget_neighbors`]).
    pub fn configure(&mut self, settings: Settings) {
        if self.settings == settings {
            return;
        }
        self.settings = settings;
        self.device.listen_to(settings.mac());
        // A new one, as smoltcp does not ask ARP for a second after it asked last, whatever it was forgotten for.
        let random = self.random();
        let now = self.clock.now();
        self.interface = interface(settings, random, (now, &mut self.queue));
    }

    /// Waits until the link is up.
    ///
    /// # Errors
    /// [`NetError::NoLink`] after five seconds, [`NetError::Stopped`].
    pub fn wait_for_link(&mut self, watch: &mut dyn Watch) -> Result<(), NetError> {
        let start = self.clock.now();
        while !self.device.link_up() {
            let now = self.clock.now();
            if now.since(start) >= LINK_PATIENCE {
                return Err(NetError::NoLink {
                    device: self.device.name().into(),
                });
            }
            if watch.tick(now, super::exchange::Progress::default()) == Flow::Stop {
                return Err(NetError::Stopped);
            }
        }
        Ok(())
    }

    /// Runs `exchange` to its end.
    ///
    /// # Errors
    /// [`NetError::Stopped`] if `watch` says so; the exchange is told.
    pub(super) fn run(&mut self, exchange: &mut dyn Exchange, watch: &mut dyn Watch) -> Result<(), NetError> {
        let mut pace = Pace::new(self.clock.now());
        exchange.poll(pace.now(), &mut self.outbox);
        self.send(pace.now());
        while !exchange.is_over() {
            if self.step(exchange, &mut pace) && watch.tick(pace.now(), exchange.progress()) == Flow::Stop {
                exchange.abort(&mut self.outbox);
                self.send(pace.now());
                return Err(NetError::Stopped);
            }
        }
        Ok(())
    }

    /// Takes one frame, if there is one, and lets time pass. Gives whether a millisecond is over.
    pub(super) fn step(&mut self, exchange: &mut dyn Exchange, pace: &mut Pace) -> bool {
        let received = self.receive(exchange, pace.now());
        self.send(pace.now());
        let tick = pace.step(received, &*self.clock);
        if tick {
            exchange.poll(pace.now(), &mut self.outbox);
            self.send(pace.now());
        }
        if tick || received {
            self.poll_interface(pace.now());
        }
        tick
    }

    /// Takes the frames that have come, up to a batch of them, and lets time pass. Gives whether a millisecond is over.
    pub(super) fn batch(&mut self, pace: &mut Pace) -> bool {
        let mut tick = false;
        for _ in 0..BATCH {
            let received = self.receive(&mut Nothing, pace.now());
            tick |= pace.step(received, &*self.clock);
            if !received {
                break;
            }
        }
        self.send(pace.now());
        self.poll_interface(pace.now());
        tick
    }

    /// Answers what has come in while nothing runs: ARP, ping, a last block that comes again. Bounded; for the prompt's idle loop.
    pub fn serve(&mut self) {
        let now = self.clock.now();
        for _ in 0..BATCH {
            if !self.receive(&mut Nothing, now) {
                break;
            }
            self.send(now);
        }
        self.poll_interface(now);
    }

    /// Stops the device for good.
    pub fn shutdown(&mut self) {
        self.device.shutdown();
    }

    pub(super) fn clock(&self) -> Rc<dyn Clock> {
        Rc::clone(&self.clock)
    }

    /// A number that differs from call to call and from start to start; not a secret.
    pub(super) fn random(&mut self) -> u64 {
        // Knuth's MMIX generator, stirred with the time: the start is the clock's entropy.
        let stirred = self.random ^ self.clock.now().micros();
        self.random = stirred
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        self.random >> 16
    }

    /// Answers repeated last blocks of a transfer that is over, until the next one is.
    pub(super) fn linger(&mut self, lingering: Lingering) {
        self.lingering = Some(lingering);
    }

    /// Has ARP ask anew: who does not answer may have got another Ethernet address.
    pub(super) fn forget_neighbors(&mut self) {
        forget(&mut self.interface);
    }

    /// Has smoltcp send what it has to send.
    pub(super) fn poll_interface(&mut self, now: Instant) {
        let mut adapter = Adapter {
            frame: None,
            queue: &mut self.queue,
        };
        self.interface.poll(smoltcp_time(now), &mut adapter, &mut self.sockets);
        self.flush();
    }

    fn receive(&mut self, exchange: &mut dyn Exchange, now: Instant) -> bool {
        let mac = self.settings.mac();
        let Self {
            device,
            interface,
            sockets,
            queue,
            segments,
            outbox,
            lingering,
            ..
        } = self;
        let received = device.receive(&mut |bytes| {
            let for_us = bytes.starts_with(&mac.0) || bytes.starts_with(&BROADCAST.0);
            if !for_us || bytes.len() > MAX_FRAME {
                return;
            }
            let for_smoltcp = match Ipv4Frame::parse(bytes) {
                Some(frame) if frame.is_tcp() => {
                    *segments = segments.wrapping_add(1);
                    frame.has_right_tcp_checksum()
                }
                Some(frame) => {
                    let taken = exchange.receive(&frame, now, outbox);
                    let mut lingers = || Some(lingering.as_mut()?.receive(&frame, now, outbox));
                    !(taken || lingers().unwrap_or(false))
                }
                None => !frame::is_ipv4(bytes),
            };
            if for_smoltcp {
                let frame = Some(bytes);
                interface.poll_ingress_single(smoltcp_time(now), &mut Adapter { frame, queue }, sockets);
            }
        });
        self.flush();
        received
    }

    /// Sends what smoltcp has made. A frame that the device does not take is lost, as on a wire.
    fn flush(&mut self) {
        for frame in self.queue.drain(..) {
            let _ = self.device.transmit(frame.len(), &mut |place| {
                if place.len() == frame.len() {
                    place.copy_from_slice(&frame);
                }
            });
        }
    }

    /// Sends what is in the outbox. A packet that the device does not take is lost, as on a wire: who sent it will send again.
    fn send(&mut self, now: Instant) {
        let Some((envelope, payload)) = self.outbox.take() else {
            return;
        };
        let destination_mac = match envelope.route {
            Route::Reply(mac) => mac,
            Route::Broadcast => BROADCAST,
            Route::Lookup | Route::LookupAgain => {
                if envelope.route == Route::LookupAgain {
                    forget(&mut self.interface);
                }
                let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.udp);
                queue(socket, &envelope, payload);
                return self.poll_interface(now);
            }
        };
        let source = SocketAddrV4::new(self.settings.address(), envelope.source_port);
        let (source_mac, destination) = (self.settings.mac(), envelope.destination);
        let header = Header {
            source_mac,
            destination_mac,
            source,
            destination,
        };
        let len = HEADERS.saturating_add(payload.len());
        let _ = self.device.transmit(len, &mut |frame| {
            header.write(payload, frame);
        });
    }
}

/// An interface with the addresses of `settings`, that has found nobody by ARP yet.
fn interface(settings: Settings, random_seed: u64, (now, queue): (Instant, &mut adapter::Queue)) -> Interface {
    let mut config = Config::new(hardware(settings.mac()));
    config.random_seed = random_seed;
    let mut interface = Interface::new(config, &mut Adapter { frame: None, queue }, smoltcp_time(now));
    let address = settings.address();
    interface.update_ip_addrs(|addresses| {
        if !address.is_unspecified() {
            // There is room for one: the list is empty.
            let _ = addresses.push(IpCidr::new(address.into(), settings.prefix()));
        }
    });
    if let Some(gateway) = settings.gateway() {
        // As above: the table is empty.
        let _ = interface.routes_mut().add_default_ipv4_route(gateway);
    }
    interface
}

fn forget(interface: &mut Interface) {
    // smoltcp empties its neighbor cache when addresses are set.
    interface.update_ip_addrs(|_| ());
}

/// The exchange of a machine that wants nothing.
pub(super) struct Nothing;

impl Exchange for Nothing {
    fn receive(&mut self, _frame: &Ipv4Frame<'_>, _now: Instant, _outbox: &mut Outbox) -> bool {
        false
    }

    fn poll(&mut self, _now: Instant, _outbox: &mut Outbox) {}

    fn abort(&mut self, _outbox: &mut Outbox) {}

    fn is_over(&self) -> bool {
        true
    }

    fn progress(&self) -> super::exchange::Progress {
        super::exchange::Progress::default()
    }
}

fn hardware(mac: MacAddr) -> HardwareAddress {
    HardwareAddress::Ethernet(EthernetAddress(mac.0))
}

pub(super) fn smoltcp_time(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(i64::try_from(now.micros()).unwrap_or(i64::MAX))
}
