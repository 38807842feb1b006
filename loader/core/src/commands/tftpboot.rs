//! `tftpboot`: fetches a file by TFTP.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::Ipv4Addr;
use core::time::Duration;

use hal::{Clock, PhysAddr, Region};

use super::Command;
use super::meter::{Meter, figures};
use super::network::{self, Parts, Place, not_set, print};
use crate::console::Terminal;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::Environment;
use crate::net::exchange::Progress;
use crate::net::tftp::{MAX_BLOCK, MIN_BLOCK, Options, Outcome, TftpError};
use crate::net::{Fetch, FetchError, NetError, Network};
use crate::source::{self, Destination, FileSource, RamSink, SourceError};

pub(crate) const COMMAND: Command = Command {
    name: "tftpboot",
    aliases: &["tftp", "tftpb"],
    summary: "load a file over the network by TFTP",
    usage: "[loadAddress] [[hostIPaddr:]bootfilename]",
    help: "Fetches a file from hostIPaddr ($serverip if it is not given) to loadAddress ($loadaddr), as the machine ipaddr,\n\
        netmask, gatewayip. bootfilename is $bootfile if it is not given. Sets filesize and fileaddr.\n\
        The transfer uses blocks of tftpblocksize bytes (1468) and windows of tftpwindowsize blocks (64) if the server agrees,\n\
        and sends again after tftptimeout milliseconds (200, growing to 5 s). Nothing is written outside free RAM.",
    examples: &["tftpboot 0x40200000 boot.scr", "tftpb ${loadaddr} 10.0.2.2:images/xen"],
    repeatable: true,
    run,
};

/// What to load, and where to.
pub(super) struct Load {
    address: PhysAddr,
    server: Ipv4Addr,
    file: String,
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let load = parse(context, args, None)?;
    tftp(context, &load)?;
    Ok(Status::Success)
}

/// Reads `[loadAddress] [[hostIPaddr:]bootfilename]`; what is not given comes from the environment, the name at last from `name`.
pub(super) fn parse(context: &mut Context, args: Args<'_>, name: Option<String>) -> Result<Load, CommandError> {
    let Place { address, name: file } = Place::read(context, args)?;
    let file = file.or(name).ok_or_else(|| not_set("bootfile"))?;
    let server = match server_and_name(&file) {
        (Some(server), _) => Some(server),
        (None, _) => network::address(&context.env, "serverip")?,
    };
    let server = server.ok_or_else(|| not_set("serverip"))?;
    let file = server_and_name(&file).1.to_string();
    Ok(Load { address, server, file })
}

/// Takes `hostIPaddr:name` apart; other colons belong to the name.
pub(super) fn server_and_name(text: &str) -> (Option<Ipv4Addr>, &str) {
    let named = text
        .split_once(':')
        .and_then(|(host, name)| Some((host.parse().ok()?, name)));
    named.map_or((None, text), |(server, name)| (Some(server), name))
}

/// What follows our address when packets go through a router.
pub(super) fn through(gateway: Option<Ipv4Addr>) -> String {
    gateway.map_or(String::new(), |gateway| format!("; sending through gateway {gateway}"))
}

/// What a place that can be asked says about a file that it does not have or give. It may have another.
pub(super) struct Refused(pub(super) String);

impl From<Refused> for CommandError {
    fn from(Refused(why): Refused) -> Self {
        Self::Failed(why)
    }
}

/// Fetches the file and says how it went; gives its place.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C; everything else that goes wrong.
pub(super) fn tftp(context: &mut Context, load: &Load) -> Result<Region, CommandError> {
    let destination = Destination::At(load.address);
    Ok(fetch(context, (load.server, &load.file), destination)??)
}

/// As [`tftp`], for a file that may lie elsewhere, and for those who ask for another one if the server refuses this one.
///
/// # Errors
/// As [`tftp`], without what the server says.
pub(super) fn fetch(
    context: &mut Context,
    (server, file): (Ipv4Addr, &str),
    destination: Destination<'_>,
) -> Result<Result<Region, Refused>, CommandError> {
    let (options, first_wait) = options(context)?;
    let settings = network::configure(context)?;
    let via = settings.route(server)?;
    network::announce(context)?;
    let via = through(via);
    let own = settings.address();
    context.say(format_args!("TFTP from server {server}; our IP address is {own}{via}"));
    context.say(format_args!("Filename '{}'.", file.escape_debug()));
    if let Some(address) = destination.address() {
        context.say(format_args!("Load address: {address}"));
    }
    let fetch = Fetch {
        server,
        file: file.to_string(),
        options,
        first_wait,
    };
    let asked = transfer(context, &fetch, destination)?;
    if let Ok(region) = asked {
        network::arrived(context, region);
    }
    Ok(asked)
}

fn transfer(
    context: &mut Context,
    fetch: &Fetch,
    destination: Destination<'_>,
) -> Result<Result<Region, Refused>, CommandError> {
    let Parts {
        network,
        terminal,
        memory,
        clock,
    } = network::parts(context)?;
    let mut file = TftpFile {
        network,
        terminal,
        clock,
        fetch,
    };
    match source::load(memory, &mut file, destination) {
        Ok(region) => Ok(Ok(region)),
        Err(SourceError::Refused(why)) => Ok(Err(Refused(why))),
        Err(SourceError::Stopped) => Err(network::stopped(terminal)),
        Err(SourceError::NoRoom(error)) => Err(TftpError::from(error).into()),
        Err(error) => Err(error.into()),
    }
}

/// A file on a TFTP server.
struct TftpFile<'a> {
    network: &'a mut Network,
    terminal: &'a mut Terminal,
    clock: &'a dyn Clock,
    fetch: &'a Fetch,
}

impl FileSource for TftpFile<'_> {
    fn name(&self) -> &str {
        &self.fetch.file
    }

    /// The server says it once it is asked for the file.
    fn size(&self) -> Option<u64> {
        None
    }

    fn fetch(&mut self, sink: &mut RamSink<'_>) -> Result<u64, SourceError> {
        print(self.terminal, format_args!("Loading: *\x08"));
        let start = self.clock.now();
        let mut meter = Meter::new(self.terminal);
        match self.network.fetch(self.fetch, sink, &mut meter) {
            Ok(Outcome { size, restarts, .. }) => {
                meter.show(Progress {
                    received: size,
                    size: Some(size),
                });
                figures(self.terminal, size, self.clock.now().since(start));
                print(self.terminal, format_args!("done\n"));
                if restarts > 0 {
                    print(
                        self.terminal,
                        format_args!("The server lost the transfer; it was begun anew {restarts} times\n"),
                    );
                }
                Ok(size)
            }
            Err(FetchError::Network(NetError::Stopped)) => Err(SourceError::Stopped),
            Err(error) => {
                print(self.terminal, format_args!("\n"));
                Err(reason(&error))
            }
        }
    }
}

/// Whether the server says that it does not give the file, or there is another reason.
fn reason(error: &FetchError) -> SourceError {
    let why = error.to_string();
    match error {
        FetchError::Tftp(TftpError::Server { .. }) => SourceError::Refused(why),
        _ => SourceError::Failed(why),
    }
}

/// The options that the environment asks for, and the first wait.
pub(super) fn options(context: &mut Context) -> Result<(Options, Option<Duration>), CommandError> {
    let mut options = Options::default();
    if let Some(size) = decimal(&context.env, "tftpblocksize", MIN_BLOCK.into())? {
        options.block_size = u16::try_from(size).unwrap_or(MAX_BLOCK).min(MAX_BLOCK);
        if size > MAX_BLOCK.into() {
            context.say(format_args!(
                "tftpblocksize {size} does not fit a frame: blocks of {MAX_BLOCK} bytes are used"
            ));
        }
    }
    if let Some(size) = decimal(&context.env, "tftpwindowsize", 1)? {
        options.window_size = u16::try_from(size).unwrap_or(u16::MAX);
    }
    let wait = decimal(&context.env, "tftptimeout", 10)?.map(Duration::from_millis);
    if let Some(wait) = wait {
        options.timeout = u8::try_from(wait.as_secs()).unwrap_or(u8::MAX).max(1);
    }
    Ok((options, wait))
}

/// The decimal number in the variable `name`, at least `least`; `None` if it is not set.
fn decimal(env: &Environment, name: &str, least: u64) -> Result<Option<u64>, CommandError> {
    let Some(text) = env.get(name) else { return Ok(None) };
    let number = text.trim().parse::<u64>().ok().filter(|number| *number >= least);
    let wrong = || CommandError::failed(format!("{name} is '{text}', which is not a number from {least} up"));
    number.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, SocketAddrV4};

    use super::reason;
    use crate::net::tftp::{ErrorCode, TftpError};
    use crate::net::{FetchError, NetError};
    use crate::source::SourceError;

    /// A server that is not there, or makes no sense, will not be better with another file.
    #[test]
    fn only_what_the_server_says_is_a_refusal() {
        let server = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), 69);
        let refused = FetchError::Tftp(TftpError::Server {
            code: ErrorCode(1),
            text: "File not found".into(),
        });
        assert_eq!(
            reason(&refused),
            SourceError::Refused("TFTP error: 'File not found' (1)".into())
        );
        let size = TftpError::Size {
            announced: 10,
            received: 9,
        };
        for error in [
            FetchError::Tftp(TftpError::Unreachable { server }),
            FetchError::Tftp(size),
            FetchError::Network(NetError::Stopped),
        ] {
            assert!(matches!(reason(&error), SourceError::Failed(_)), "{error}");
        }
    }
}
