//! A network between QEMU and the host's own servers.
//!
//! Made of a tap interface in the network namespace of the calling process. Start that process with
//! `unshare --map-root-user --net` and it needs no rights, disturbs nothing, and leaves nothing behind.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::tools::{self, Error};

/// A tap interface, up and with an address. It goes away with the namespace.
#[derive(Debug)]
pub struct Tap {
    interface: String,
}

impl Tap {
    /// Makes the interface; `address` is the host's, with the prefix length, as in `10.9.0.1/24`.
    ///
    /// # Errors
    /// [`Error`] if the process may not make interfaces.
    pub fn create(interface: &str, address: &str) -> Result<Self, Error> {
        let ip = |arguments: &[&str]| tools::run(Command::new("ip").args(arguments)).map(drop);
        ip(&["link", "set", "lo", "up"])?;
        ip(&["tuntap", "add", interface, "mode", "tap"])?;
        ip(&["address", "add", address, "dev", interface])?;
        ip(&["link", "set", interface, "up"])?;
        Ok(Self {
            interface: interface.to_owned(),
        })
    }

    /// The interface's name.
    pub fn interface(&self) -> &str {
        &self.interface
    }
}

/// A running TFTP server; dropping it ends it.
#[derive(Debug)]
pub struct TftpServer {
    child: Child,
}

impl TftpServer {
    /// Starts `atftpd` on the usual port of an address.
    ///
    /// # Errors
    /// [`Error::Start`] if it cannot be started.
    pub fn start(atftpd: &Path, address: &str, folder: &Path) -> Result<Self, Error> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(atftpd);
        command.args(["--daemon", "--no-fork", "--user", "root", "--group", "root"]);
        command
            .args(["--bind-address", address, "--logfile", "/dev/null"])
            .arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = || atftpd.display().to_string();
        let child = command.spawn().map_err(|source| Error::Start {
            program: program(),
            source,
        })?;
        Ok(Self { child })
    }
}

impl Drop for TftpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
