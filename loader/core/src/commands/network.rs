//! What the network commands share: addresses from the environment, and what is printed of them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::Ipv4Addr;

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

#[cfg(test)]
mod tests {
    use hal::MacAddr;

    use super::parse_mac;

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
}
