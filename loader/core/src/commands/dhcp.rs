//! `dhcp`: gets an address, and the boot file.

use alloc::format;
use alloc::string::ToString;
use core::fmt::Write;
use core::net::Ipv4Addr;

use hal::Instant;

use super::network::{self, Parts, flow};
use super::{Command, tftpboot};
use crate::console::Terminal;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::EnvError;
use crate::net::NetError;
use crate::net::dhcp::{Lease, LeaseError};
use crate::net::exchange::{Flow, Progress, Watch};

pub(crate) const COMMAND: Command = Command {
    name: "dhcp",
    // In U-Boot's builds that have both, bootp asks by DHCP, too.
    aliases: &["bootp"],
    summary: "get an address by DHCP and load the boot file",
    usage: "[loadAddress] [[hostIPaddr:]bootfilename]",
    help: "Sets ipaddr, netmask, gatewayip, dnsip, dnsip2, ntpserverip, serverip, hostname, domain, rootpath and bootfile to what a\n\
        DHCP server gives. Then it loads the boot file as tftpboot does, unless autoload is set to something that does not begin with\n\
        y, t or 1. If that fails, the command fails, but the addresses stay.",
    examples: &[
        "setenv autoload no; dhcp",
        "dhcp ${scriptaddr} boot.scr && source ${scriptaddr}",
    ],
    repeatable: true,
    run,
};

/// Prints a line for each broadcast.
struct Broadcasts<'a> {
    terminal: &'a mut Terminal,
    shown: u64,
}

impl Watch for Broadcasts<'_> {
    fn tick(&mut self, _now: Instant, progress: Progress) -> Flow {
        while self.shown < progress.received {
            self.shown = self.shown.saturating_add(1);
            // The terminal cannot fail.
            let _ = writeln!(self.terminal, "BOOTP broadcast {}", self.shown);
        }
        flow(self.terminal)
    }
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Usage);
    }
    let lease = acquire(context)?;
    if !wants_file(context.env.get("autoload")) {
        return Ok(Status::Success);
    }
    let [a, b, c, d] = lease.address.octets();
    let invented = format!("{a:02X}{b:02X}{c:02X}{d:02X}.img");
    if args.len() < 3 && context.env.get("bootfile").is_none() {
        context.say(format_args!("*** Warning: no boot file name; using '{invented}'"));
    }
    let load = tftpboot::parse(context, args, Some(invented))?;
    tftpboot::tftp(context, &load)?;
    Ok(Status::Success)
}

/// Gets an address, and sets what the server gives.
///
/// # Errors
/// If no server answers, or the machine has no network device.
pub(super) fn acquire(context: &mut Context) -> Result<Lease, CommandError> {
    let lease = lease(context)?;
    keep(context, &lease)?;
    Ok(lease)
}

fn lease(context: &mut Context) -> Result<Lease, CommandError> {
    let mac = network::mac(context)?;
    let start = context.clock.now();
    let Parts { network, terminal, .. } = network::parts(context)?;
    let mut broadcasts = Broadcasts { terminal, shown: 0 };
    let lease = network.lease(mac, &mut broadcasts).map_err(|error| match error {
        LeaseError::Network(NetError::Stopped) => network::stopped(broadcasts.terminal),
        other => other.into(),
    })?;
    let millis = context.clock.now().since(start).as_millis();
    context.say(format_args!(
        "DHCP client bound to address {} ({millis} ms)",
        lease.address
    ));
    Ok(lease)
}

/// Puts what the server gave into the environment; what it did not give stays as it is.
fn keep(context: &mut Context, lease: &Lease) -> Result<(), EnvError> {
    let server = match (lease.boot_server, context.env.get("serverip")) {
        (Some(server), _) => Some(server),
        (None, Some(_)) => None,
        (None, None) => Some(lease.server),
    };
    let text = |address: Option<Ipv4Addr>| address.map(|address| address.to_string());
    let values = [
        ("ipaddr", Some(lease.address.to_string())),
        ("netmask", Some(lease.netmask.to_string())),
        ("gatewayip", text(lease.gateway)),
        ("dnsip", text(lease.dns)),
        ("dnsip2", text(lease.dns2)),
        ("ntpserverip", text(lease.ntp)),
        ("serverip", text(server)),
        ("hostname", lease.hostname.clone()),
        ("domain", lease.domain.clone()),
        ("rootpath", lease.root_path.clone()),
        ("bootfile", lease.boot_file.clone()),
    ];
    for (name, value) in values {
        let Some(value) = value else { continue };
        match context.assign(name, &value) {
            // A lab that write-protects an address means it: the other values of the lease are still wanted.
            Err(error @ (EnvError::ReadOnly { .. } | EnvError::Changed { .. } | EnvError::Type { .. })) => {
                context.say(format_args!("{error}"));
            }
            other => other?,
        }
    }
    Ok(())
}

/// Whether `autoload` lets the boot file be loaded: unset, or a yes as U-Boot understands it.
fn wants_file(autoload: Option<&str>) -> bool {
    autoload.is_none_or(|value| value.starts_with(['1', 'y', 'Y', 't', 'T']))
}
