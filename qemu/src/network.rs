//! A network between QEMU and the host's own servers.
//!
//! Made of a tap interface in the network namespace of the calling process. Start that process with
//! `unshare --map-root-user --net` and it needs no rights, disturbs nothing, and leaves nothing behind.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

/// A running server; dropping it ends it.
#[derive(Debug)]
struct Server {
    child: Child,
}

impl Server {
    /// How long it may take to listen.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Starts `program`, which ends with the calling thread at the latest, and waits until it listens at `place`.
    fn start(program: &Path, place: Place, arguments: impl FnOnce(&mut Command)) -> Result<Self, Error> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        arguments(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let failed = |source| Error::Start {
            program: program.display().to_string(),
            source,
        };
        let mut server = Self {
            child: command.spawn().map_err(failed)?,
        };
        let deadline = Instant::now() + Self::PATIENCE;
        while !place.is_taken().map_err(failed)? {
            if let Some(status) = server.child.try_wait().map_err(failed)? {
                return Err(failed(io::Error::other(format!("it ended at once: {status}"))));
            }
            if Instant::now() > deadline {
                return Err(failed(io::Error::other(format!("it does not listen at {place:?}"))));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
struct Place {
    protocol: &'static str,
    address: Ipv4Addr,
    port: u16,
}

impl Place {
    fn new(protocol: &'static str, address: &str, port: u16) -> Result<Self, Error> {
        let address = address.parse().map_err(|_| Error::Start {
            program: format!("a {protocol} server"),
            source: io::Error::other(format!("{address} is not an IPv4 address")),
        })?;
        Ok(Self {
            protocol,
            address,
            port,
        })
    }

    /// Whether a socket of the calling process's namespace is bound to it, by the kernel's table (proc_net(5)): to send a server
    /// a packet before it listens would make the kernel answer for it that nobody does.
    fn is_taken(self) -> io::Result<bool> {
        let table = std::fs::read_to_string(format!("/proc/self/net/{}", self.protocol))?;
        let address = u32::from_ne_bytes(self.address.octets());
        let local = format!("{address:08X}:{:04X}", self.port);
        Ok(table
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(local.as_str())))
    }
}

/// A running TFTP server, `atftpd`; dropping it ends it.
#[derive(Debug)]
pub struct TftpServer {
    _server: Server,
}

impl TftpServer {
    /// Starts it on the usual port of an address.
    ///
    /// # Errors
    /// [`Error::Start`] if it cannot be started.
    pub fn start(atftpd: &Path, address: &str, folder: &Path) -> Result<Self, Error> {
        let server = Server::start(atftpd, Place::new("udp", address, 69)?, |command| {
            command.args(["--daemon", "--no-fork", "--user", "root", "--group", "root"]);
            command
                .args(["--bind-address", address, "--logfile", "/dev/null"])
                .arg(folder);
        })?;
        Ok(Self { _server: server })
    }
}

/// A running web server, `nginx`; dropping it ends it.
#[derive(Debug)]
pub struct WebServer {
    _server: Server,
}

impl WebServer {
    /// Starts it on port 80 of an address with the files of `folder`. What it keeps for itself goes to `work`;
    /// `/moved` is a redirect to `/here`.
    ///
    /// # Errors
    /// [`Error::Start`] if it cannot be started, or does not listen.
    pub fn start(nginx: &Path, address: &str, (folder, work): (&Path, &Path)) -> Result<Self, Error> {
        let failed = |source| Error::Start {
            program: nginx.display().to_string(),
            source,
        };
        std::fs::create_dir_all(work).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        let work = work.canonicalize().map_err(failed)?;
        let config = work.join("nginx.conf");
        std::fs::write(&config, Self::config(address, &folder, &work)).map_err(failed)?;
        let server = Server::start(nginx, Place::new("tcp", address, 80)?, |command| {
            command.arg("-e").arg(work.join("error.log")).arg("-c").arg(&config);
        })?;
        Ok(Self { _server: server })
    }

    fn config(address: &str, folder: &Path, work: &Path) -> String {
        let (folder, work) = (folder.display(), work.display());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {work}/{kind};\n"))
            .concat();
        format!(
            "daemon off;\nmaster_process off;\nuser root root;\npid {work}/pid;\nevents {{ }}\n\
            http {{\nsendfile on;\naccess_log off;\n{temporary}\
            server {{\nlisten {address}:80;\nroot {folder};\n\
            location = /moved {{ return 302 http://{address}/here; }}\n}}\n}}\n"
        )
    }
}

/// A running DNS server, `dnsmasq`; dropping it ends it.
#[derive(Debug)]
pub struct NameServer {
    _server: Server,
}

impl NameServer {
    /// Starts it on the usual port of an address. It knows `hosts` by name and address, and `aliases` by alias and name, and no other.
    ///
    /// # Errors
    /// [`Error::Start`] if it cannot be started.
    pub fn start(address: &str, hosts: &[(&str, &str)], aliases: &[(&str, &str)]) -> Result<Self, Error> {
        let server = Server::start(Path::new("dnsmasq"), Place::new("udp", address, 53)?, |command| {
            command.args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
            command.args(["--bind-interfaces", "--listen-address", address, "--local=/lan/"]);
            command.args(
                hosts
                    .iter()
                    .map(|(name, address)| format!("--host-record={name},{address}")),
            );
            command.args(aliases.iter().map(|(alias, name)| format!("--cname={alias},{name}")));
        })?;
        Ok(Self { _server: server })
    }
}
