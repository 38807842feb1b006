//! What the network commands share: addresses from the environment, and what is printed while something runs.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::Ipv4Addr;
use core::time::Duration;

use hal::{Clock, Instant, MacAddr, PhysAddr, Region};

use crate::console::Terminal;
use crate::context::{Args, CommandError, Context};
use crate::env::Environment;
use crate::memory::Memory;
use crate::net::dns::DnsError;
use crate::net::exchange::{Flow, Progress, Watch};
use crate::net::{NetError, Network, Settings};
use crate::shell::number;

/// The parts of the machine that a network command works with at a time.
pub(super) struct Parts<'a> {
    pub(super) network: &'a mut Network,
    pub(super) terminal: &'a mut Terminal,
    pub(super) memory: &'a mut Memory,
    pub(super) clock: &'a dyn Clock,
}

/// The device and what it works with.
///
/// # Errors
/// If the machine has no device.
pub(super) fn parts(context: &mut Context) -> Result<Parts<'_>, CommandError> {
    let Context {
        terminal,
        memory,
        network,
        clock,
        ..
    } = context;
    let missing = "No ethernet found.\nThe machine has no network device that there is a driver for";
    let network = network.as_mut().ok_or_else(|| CommandError::failed(missing))?;
    Ok(Parts {
        network,
        terminal,
        memory,
        clock: &**clock,
    })
}

/// Takes on the addresses of the environment.
///
/// # Errors
/// If there is no device, or an address is missing or wrong.
pub(super) fn configure(context: &mut Context) -> Result<Settings, CommandError> {
    let mac = mac(context)?;
    let env = &context.env;
    let own = address(env, "ipaddr")?.ok_or_else(|| not_set("ipaddr"))?;
    let mut settings = Settings::without_address(mac)?.with_address(own, address(env, "netmask")?)?;
    if let Some(gateway) = address(env, "gatewayip")? {
        settings = settings.with_gateway(gateway)?;
    }
    parts(context)?.network.configure(settings);
    Ok(settings)
}

/// Says which device is used.
pub(super) fn announce(context: &mut Context) -> Result<(), CommandError> {
    let Parts { network, terminal, .. } = parts(context)?;
    // The terminal cannot fail.
    let _ = writeln!(terminal, "Using {} device", network.device_name());
    Ok(())
}

/// Our Ethernet address: `ethaddr`, which is set to the device's own if it is not set.
///
/// # Errors
/// If it is not an address, or there is no device.
pub(super) fn mac(context: &mut Context) -> Result<MacAddr, CommandError> {
    let own = parts(context)?.network.device_mac();
    match context.env.get("ethaddr") {
        Some(text) => parse_mac(text).ok_or_else(|| {
            CommandError::failed(format!(
                "ethaddr is '{text}', which is not an Ethernet address as 52:54:00:12:34:56"
            ))
        }),
        None => {
            context.assign("ethaddr", &own.to_string())?;
            Ok(own)
        }
    }
}

/// An Ethernet address as PXELINUX writes it: behind the hardware type of Ethernet (RFC 1700), with dashes.
pub(super) fn dashed(mac: MacAddr) -> String {
    format!("01-{}", mac.to_string().replace(':', "-"))
}

fn parse_mac(text: &str) -> Option<MacAddr> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(MacAddr(bytes))
}

/// The IPv4 address in the variable `name`; `None` if it is not set.
///
/// # Errors
/// If it is set to something else.
pub(super) fn address(env: &Environment, name: &str) -> Result<Option<Ipv4Addr>, CommandError> {
    let Some(text) = env.get(name) else { return Ok(None) };
    let address = text.trim().parse();
    address
        .map(Some)
        .map_err(|_| CommandError::failed(format!("{name} is '{text}', which is not an IPv4 address")))
}

/// The server that `variable` names, or `serverip`.
///
/// # Errors
/// If neither is set, or not to an address.
pub(super) fn server(env: &Environment, variable: &str) -> Result<Ipv4Addr, CommandError> {
    let own = address(env, variable)?;
    let server = own.map_or_else(|| address(env, "serverip"), |own| Ok(Some(own)))?;
    server.ok_or_else(|| not_set("serverip"))
}

/// The address of `host`, which is one or a name that a DNS server knows. [`configure`] comes before.
///
/// # Errors
/// If there is no server, or it does not know the name.
pub(super) fn resolve(context: &mut Context, host: &str) -> Result<Ipv4Addr, CommandError> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let mut servers = Vec::new();
    for variable in ["dnsip", "dnsip2"] {
        servers.extend(address(&context.env, variable)?);
    }
    let failed = format!("dns lookup of {} failed, check setup", host.escape_debug());
    if servers.is_empty() {
        let missing = "*** ERROR: DNS server address not given";
        return Err(CommandError::Failed(format!("{missing}\n{failed}")));
    }
    let Parts { network, terminal, .. } = parts(context)?;
    network
        .look_up(host, &servers, &mut Quiet(terminal))
        .map_err(|error| match error {
            DnsError::Network(NetError::Stopped) => stopped(terminal),
            DnsError::NotFound(_) => CommandError::Failed(format!("DNS: host not found\n{failed}: {error}")),
            _ => CommandError::Failed(format!("{failed}: {error}")),
        })
}

/// `[loadAddress] [name]` as the commands that load a file take them; what is not given comes from the environment.
pub(super) struct Place {
    /// Where the file shall lie.
    pub(super) address: PhysAddr,
    /// Its name, as typed or from `bootfile`.
    pub(super) name: Option<String>,
}

impl Place {
    /// Reads a command's arguments.
    ///
    /// # Errors
    /// [`CommandError::Usage`] for too many; if there is no address.
    pub(super) fn read(context: &mut Context, args: Args<'_>) -> Result<Self, CommandError> {
        let (place, name) = match args {
            [_] => (None, None),
            [_, only] if number::hexadecimal(only).is_ok() => (Some(only), None),
            [_, only] => (None, Some(only)),
            [_, place, name] => (Some(place), Some(name)),
            _ => return Err(CommandError::Usage),
        };
        let place = place.map(|place| context.hexadecimal(place)).transpose()?;
        let address = place
            .or_else(|| context.env.hex("loadaddr"))
            .ok_or_else(|| not_set("loadaddr"))?;
        let name = name.map(String::as_str).or_else(|| context.env.get("bootfile"));
        Ok(Self {
            address: PhysAddr(address),
            name: name.map(ToString::to_string),
        })
    }
}

/// U-Boot's words for a variable that has to be set.
pub(super) fn not_set(name: &str) -> CommandError {
    CommandError::failed(format!("*** ERROR: `{name}' not set"))
}

/// Watches for Ctrl-C and prints nothing.
pub(super) struct Quiet<'a>(pub(super) &'a mut Terminal);

impl Watch for Quiet<'_> {
    fn tick(&mut self, _now: Instant, _progress: Progress) -> Flow {
        flow(self.0)
    }
}

/// Whether Ctrl-C was typed.
pub(super) fn flow(terminal: &mut Terminal) -> Flow {
    if terminal.interrupted() {
        Flow::Stop
    } else {
        Flow::Continue
    }
}

/// Prints what is not a whole line.
pub(super) fn print(terminal: &mut Terminal, text: fmt::Arguments<'_>) {
    // The terminal cannot fail.
    let _ = terminal.write_fmt(text);
}

/// The figures below the marks of a transfer: size, rate and time.
pub(super) fn figures(terminal: &mut Terminal, size: u64, took: Duration) {
    let micros = took.as_micros().max(1);
    let rate = u128::from(size)
        .saturating_mul(1_000_000)
        .checked_div(micros)
        .and_then(|rate| u64::try_from(rate).ok());
    let (rate, millis) = (Size(rate.unwrap_or(u64::MAX)), took.as_millis());
    print(terminal, format_args!("  {}\n\t {rate}/s ({millis} ms)\n", Size(size)));
}

/// Says that a file has arrived, and sets `filesize` and `fileaddr`.
pub(super) fn arrived(context: &mut Context, region: Region) {
    let size = region.len();
    context.say(format_args!("Bytes transferred = {size} ({size:x} hex)"));
    context.env.set_hex("filesize", size);
    context.env.set_hex("fileaddr", region.start().get());
}

/// How a command ends when the user stopped its transfer.
pub(super) fn stopped(terminal: &mut Terminal) -> CommandError {
    print(terminal, format_args!("\nAbort\n"));
    CommandError::Interrupted
}

/// A number of bytes as people read it, as U-Boot prints it.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let Some((shift, unit)) = units.into_iter().find(|(shift, _)| self.0 >> shift != 0) else {
            return write!(f, "{} Bytes", self.0);
        };
        let tenths = u128::from(self.0).saturating_mul(10) >> shift;
        let (whole, tenth) = (tenths / 10, tenths % 10);
        match tenth {
            0 => write!(f, "{whole} {unit}"),
            _ => write!(f, "{whole}.{tenth} {unit}"),
        }
    }
}

/// The marks of a transfer: one `#` for each fiftieth of the file, or for each 256 KiB of a file of unknown size; `T` for five seconds of
/// silence.
pub(super) struct Meter<'a> {
    terminal: &'a mut Terminal,
    marks: u64,
    received: u64,
    moved: Option<Instant>,
    /// Whether a silence stands in the line.
    waited: bool,
}

impl<'a> Meter<'a> {
    /// Marks of a file of known size.
    const MARKS: u64 = 50;
    /// Bytes for a mark of a file of unknown size.
    const STRIDE: u64 = 256 * 1024;
    /// Marks in a line.
    const LINE: u64 = 65;
    /// How long a transfer may stand still before that is shown.
    const STILL: Duration = Duration::from_secs(5);

    pub(super) fn new(terminal: &'a mut Terminal) -> Self {
        Self {
            terminal,
            marks: 0,
            received: 0,
            moved: None,
            waited: false,
        }
    }

    /// Prints the marks that are missing.
    pub(super) fn show(&mut self, progress: Progress) {
        let due = match progress.size {
            Some(size) => progress
                .received
                .saturating_mul(Self::MARKS)
                .checked_div(size)
                .unwrap_or(Self::MARKS),
            None => progress.received.div_ceil(Self::STRIDE),
        };
        while self.marks < due {
            self.marks = self.marks.saturating_add(1);
            self.print("#");
            if self.marks.is_multiple_of(Self::LINE) {
                self.print("\n\t ");
            }
        }
    }

    /// Ends a line with marks, if there is one.
    pub(super) fn end_line(&mut self) {
        if self.marks > 0 || self.waited {
            self.print("\n");
        }
    }

    fn print(&mut self, text: &str) {
        // The terminal cannot fail.
        let _ = self.terminal.write_str(text);
    }
}

impl Watch for Meter<'_> {
    fn tick(&mut self, now: Instant, progress: Progress) -> Flow {
        let moved = *self.moved.get_or_insert(now);
        if progress.received != self.received {
            self.received = progress.received;
            self.moved = Some(now);
            self.show(progress);
        } else if now.since(moved) >= Self::STILL {
            self.moved = Some(now);
            self.waited = true;
            self.print("T ");
        }
        flow(self.terminal)
    }

    /// A line of its own: the marks begin below it.
    fn note(&mut self, line: &str) {
        self.end_line();
        self.print(line);
        self.print("\n");
        self.marks = 0;
        self.waited = false;
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::string::ToString;

    use hal::fakes::FakeConsole;
    use hal::{Instant, MacAddr};

    use super::{Meter, Size, parse_mac};
    use crate::console::Terminal;
    use crate::net::exchange::{Flow, Progress, Watch};

    #[test]
    fn sizes_are_printed_as_u_boot_does() {
        for (bytes, text) in [
            (0, "0 Bytes"),
            (1023, "1023 Bytes"),
            (1024, "1 KiB"),
            (27_349_504, "26 MiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn ethernet_addresses_have_six_pairs_of_digits() {
        assert_eq!(
            parse_mac("52:54:00:12:34:5F"),
            Some(MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x5f]))
        );
        for text in [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:56:78",
            "5:54:00:12:34:56",
            "+5:54:00:12:34:5g",
            "525400123456",
        ] {
            assert_eq!(parse_mac(text), None, "{text}");
        }
    }

    fn marks(progress: &[(u64, u64, Option<u64>)]) -> alloc::string::String {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        let mut meter = Meter::new(&mut terminal);
        for (seconds, received, size) in progress {
            let now = Instant::from_micros(seconds * 1_000_000);
            assert_eq!(
                meter.tick(
                    now,
                    Progress {
                        received: *received,
                        size: *size
                    }
                ),
                Flow::Continue
            );
        }
        wire.take_output()
    }

    #[test]
    fn a_known_size_makes_fifty_marks() {
        assert_eq!(
            marks(&[(0, 0, Some(1000)), (0, 10, Some(1000)), (0, 45, Some(1000))]),
            "##"
        );
        assert_eq!(marks(&[(0, 1000, Some(1000))]), "#".repeat(50));
        assert_eq!(marks(&[(0, u64::MAX, Some(u64::MAX))]).len(), 1, "no overflow");
    }

    #[test]
    fn an_unknown_size_makes_lines_of_marks() {
        let expected = ["#".repeat(65), "\r\n\t ".to_string(), "#".to_string()].concat();
        assert_eq!(marks(&[(0, 66 * 256 * 1024, None)]), expected);
        assert_eq!(marks(&[(0, 1, None)]), "#");
    }

    #[test]
    fn silence_is_shown() {
        assert_eq!(
            marks(&[(0, 0, None), (4, 0, None), (6, 0, None), (9, 0, None), (12, 0, None)]),
            "T T "
        );
    }
}
