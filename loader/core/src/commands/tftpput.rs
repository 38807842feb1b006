//! `tftpput`: writes a part of memory to a TFTP server.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::Ipv4Addr;

use hal::{PhysAddr, Region};

use super::Command;
use super::meter::{Meter, figures};
use super::network::{self, Parts, not_set, print};
use super::tftpboot;
use crate::console::Terminal;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::memory::MemoryError;
use crate::net::exchange::Progress;
use crate::net::{FetchError, NetError, Store};

pub(crate) const COMMAND: Command = Command {
    name: "tftpput",
    aliases: &[],
    summary: "TFTP put command, for uploading files to a server",
    usage: "Address Size [[hostIPaddr:]filename]",
    help: "Sends Size bytes at Address to hostIPaddr ($serverip if it is not given), which stores them as filename. Without a name\n\
        it is $bootfile, or made of our address, as C0A80028.img. The variables tftpblocksize and tftptimeout count as for\n\
        tftpboot. Many servers write only into files that exist and that everybody may write.",
    examples: &[
        "tftpput ${fileaddr} ${filesize} 10.0.2.2:copy",
        "tftpput 0x40200000 1000 dump.bin",
    ],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (address, size, name) = match args {
        [_, address, size] => (address, size, None),
        [_, address, size, name] => (address, size, Some(name)),
        _ => return Err(CommandError::Usage),
    };
    let (start, len) = (PhysAddr(context.hexadecimal(address)?), context.hexadecimal(size)?);
    let region = Region::new(start, len).ok_or(MemoryError::Wraps { start, len })?;
    let (options, first_wait) = tftpboot::options(context)?;
    let settings = network::configure(context)?;
    let (server, file) = target(context, name.map(String::as_str), settings.address())?;
    let via = settings.route(server)?;
    context.memory.bytes(region)?;
    network::announce(context)?;
    context.say(format_args!(
        "TFTP to server {server}; our IP address is {}{}",
        settings.address(),
        tftpboot::through(via)
    ));
    context.say(format_args!("Filename '{}'.", file.escape_debug()));
    context.say(format_args!("Save address: {start}"));
    context.say(format_args!("Save size:    {len:#x}"));
    let Parts {
        network,
        terminal,
        memory,
        clock,
    } = network::parts(context)?;
    let store = Store {
        server,
        file,
        bytes: memory.bytes(region)?,
        options,
        first_wait,
    };
    print(terminal, format_args!("Saving: *\x08"));
    let begun = clock.now();
    let mut meter = Meter::new(terminal);
    if let Err(error) = network.store(&store, &mut meter) {
        return Err(failure(terminal, &error));
    }
    meter.show(Progress {
        received: len,
        size: Some(len),
    });
    figures(terminal, len, clock.now().since(begun));
    print(terminal, format_args!("done\n"));
    context.say(format_args!("Bytes transferred = {len} ({len:x} hex)"));
    Ok(Status::Success)
}

fn failure(terminal: &mut Terminal, error: &FetchError) -> CommandError {
    match error {
        FetchError::Network(NetError::Stopped) => network::stopped(terminal),
        other => {
            print(terminal, format_args!("\n"));
            CommandError::failed(other.to_string())
        }
    }
}

/// The server, and the file's name there.
fn target(context: &Context, name: Option<&str>, own: Ipv4Addr) -> Result<(Ipv4Addr, String), CommandError> {
    let [a, b, c, d] = own.octets();
    let name = name
        .or_else(|| context.env.get("bootfile"))
        .map_or_else(|| format!("{a:02X}{b:02X}{c:02X}{d:02X}.img"), ToString::to_string);
    let (server, file) = tftpboot::server_and_name(&name);
    let server = match server {
        Some(server) => Some(server),
        None => network::address(&context.env, "serverip")?,
    };
    Ok((server.ok_or_else(|| not_set("serverip"))?, file.to_string()))
}
