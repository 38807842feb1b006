//! `wget`: fetches a file by HTTP.

use alloc::format;
use alloc::string::ToString;
use core::net::SocketAddrV4;

use hal::{Clock, Region};

use super::Command;
use super::meter::{Meter, figures};
use super::network::{self, Parts, Place, not_set, print};
use super::tftpboot::Refused;
use crate::console::Terminal;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::net::exchange::Progress;
use crate::net::http::{DEFAULT_PORT, HttpError, Request, Target};
use crate::net::{DownloadError, Downloaded, NetError, Network};
use crate::source::{self, Destination, FileSource, RamSink, SourceError};

pub(crate) const COMMAND: Command = Command {
    name: "wget",
    aliases: &[],
    summary: "load a file over the network by HTTP",
    usage: "[loadAddress] [[host:]path]\n\
        [loadAddress] http://host[:port]/path",
    help: "Fetches a file from host ($httpserverip or $serverip if it is not given) to loadAddress ($loadaddr). host is an address or a\n\
        name that the server dnsip knows; path is $bootfile if it is not given. The port is 80, or $httpdstp for the first form.\n\
        Sets filesize and fileaddr. Redirects are not followed, but named. A connection that breaks is made again, and what has\n\
        arrived is kept if the server can prove that it sends the rest of the same file. Nothing is written outside free RAM.",
    examples: &[
        "wget ${loadaddr} 192.168.1.2:/boot/Image",
        "wget 0x44000000 http://files.lan:8080/initrd.img",
    ],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let Place { address, name } = Place::read(context, args)?;
    let name = name.ok_or_else(|| not_set("bootfile"))?;
    fetch(context, &name, Destination::At(address))??;
    Ok(Status::Success)
}

/// What to ask whom for.
fn request(context: &mut Context, name: &str) -> Result<Request, CommandError> {
    let Target { host, port, path } = Target::parse(name)?;
    let settings = network::configure(context)?;
    let port = match (port, context.env.get("httpdstp")) {
        (Some(port), _) => port,
        (None, Some(text)) if !name.contains("://") => decimal_port(text)?,
        _ => DEFAULT_PORT,
    };
    let server = match &host {
        Some(host) => network::resolve(context, host)?,
        None => network::server(&context.env, "httpserverip")?,
    };
    settings.route(server)?;
    Ok(Request {
        server: SocketAddrV4::new(server, port),
        host: host.unwrap_or_else(|| server.to_string()),
        path,
    })
}

fn decimal_port(text: &str) -> Result<u16, CommandError> {
    let port = text.trim().parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| CommandError::failed(format!("httpdstp is '{text}', which is not a port")))
}

/// Fetches what `url` names to a place of its own; a server that answers may refuse.
///
/// # Errors
/// As the command, for everything else.
pub(super) fn fetch(
    context: &mut Context,
    url: &str,
    destination: Destination<'_>,
) -> Result<Result<Region, Refused>, CommandError> {
    let request = request(context, url)?;
    network::announce(context)?;
    let asked = transfer(context, request, destination)?;
    if let Ok(region) = asked {
        network::arrived(context, region);
    }
    Ok(asked)
}

fn transfer(
    context: &mut Context,
    request: Request,
    destination: Destination<'_>,
) -> Result<Result<Region, Refused>, CommandError> {
    let Parts {
        network,
        terminal,
        memory,
        clock,
    } = network::parts(context)?;
    let mut file = WebFile {
        network,
        terminal,
        clock,
        request,
    };
    match source::load(memory, &mut file, destination) {
        Ok(region) => Ok(Ok(region)),
        Err(SourceError::Refused(why)) => Ok(Err(Refused(why))),
        Err(SourceError::Stopped) => Err(network::stopped(terminal)),
        Err(SourceError::NoRoom(error)) => Err(HttpError::from(error).into()),
        Err(error) => Err(error.into()),
    }
}

/// A file on a web server.
struct WebFile<'a> {
    network: &'a mut Network,
    terminal: &'a mut Terminal,
    clock: &'a dyn Clock,
    request: Request,
}

impl FileSource for WebFile<'_> {
    fn name(&self) -> &str {
        self.request.path.trim_start_matches('/')
    }

    /// The server says it once it is asked for the file.
    fn size(&self) -> Option<u64> {
        None
    }

    fn fetch(&mut self, sink: &mut RamSink<'_>) -> Result<u64, SourceError> {
        let start = self.clock.now();
        let mut meter = Meter::new(self.terminal);
        match self.network.download(self.request.clone(), sink, &mut meter) {
            Ok(Downloaded { outcome, packets }) => {
                let size = outcome.size;
                meter.show(Progress {
                    received: size,
                    size: Some(size),
                });
                figures(self.terminal, size, self.clock.now().since(start));
                print(
                    self.terminal,
                    format_args!("Packets received {packets}, Transfer Successful\n"),
                );
                Ok(size)
            }
            Err(DownloadError::Network(NetError::Stopped)) => Err(SourceError::Stopped),
            Err(error) => {
                meter.end_line();
                let why = error.to_string();
                Err(match error {
                    DownloadError::Http(HttpError::Status { .. }) => SourceError::Refused(why),
                    _ => SourceError::Failed(why),
                })
            }
        }
    }
}
