//! The files that `scripts/setup` fetched: Xen, kernels, busybox, device trees; and what a guest says of itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::bytes::Regex;

use crate::console::{self, Console};
use crate::initramfs::Contents;

/// A guest file is missing.
#[derive(Debug, thiserror::Error)]
#[error("guest file {path} cannot be read: {source} (scripts/setup makes it)")]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub source: std::io::Error,
}

/// The folder of guest files.
#[derive(Clone, Debug)]
pub struct Guests {
    cache: PathBuf,
}

impl Guests {
    /// Finds the folder as `scripts/setup` does: `$SLIPWAY_CACHE`, else `~/.cache/slipway`.
    ///
    /// # Errors
    /// [`Error`] if no guest files are there.
    pub fn open() -> Result<Self, Error> {
        let home = || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache/slipway");
        let cache = std::env::var_os("SLIPWAY_CACHE").map_or_else(home, PathBuf::from);
        let guests = Self { cache };
        let path = guests.kernel();
        match path.metadata() {
            Ok(_) => Ok(guests),
            Err(source) => Err(Error { path, source }),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.cache.join("guests").join(name)
    }

    /// Debian's Xen 4.17, an arm64 `Image`.
    pub fn xen(&self) -> PathBuf {
        self.file("xen")
    }

    /// The small Linux kernel (4 MB), an arm64 `Image`.
    pub fn kernel(&self) -> PathBuf {
        self.file("Image")
    }

    /// The small Linux kernel, gzip'ed.
    pub fn kernel_gz(&self) -> PathBuf {
        self.file("Image.gz")
    }

    /// Debian's kernel for virtual machines (27 MB), an arm64 `Image`.
    pub fn debian_kernel(&self) -> PathBuf {
        self.file("Image-debian")
    }

    /// The folder of Debian's device trees, in sub-folders by vendor; those of a newer kernel in `newer`.
    pub fn device_trees(&self) -> PathBuf {
        self.file("dtbs")
    }

    /// U-Boot 2025.01 for QEMU's `virt` machine, as Debian's next release has it: newer than the `u-boot-qemu` that is installed.
    pub fn u_boot(&self) -> PathBuf {
        self.cache.join("host/u-boot-2025.bin")
    }

    /// Debian's U-Boot for the Raspberry Pi.
    pub fn u_boot_rpi(&self) -> PathBuf {
        self.cache.join("host/u-boot-rpi.bin")
    }

    /// A U-Boot for the virt machine that reads cards, which Debian's does not; `scripts/setup bench` builds it.
    pub fn u_boot_cards(&self) -> PathBuf {
        self.cache.join("host/u-boot-cards.bin")
    }

    /// TF-A's BL31 for the Raspberry Pi 4.
    pub fn tf_a_rpi4(&self) -> PathBuf {
        self.cache.join("host/tf-a-rpi4.bin")
    }

    /// The folder of TF-A's stages for the virt machine: `bl1.bin`, `bl2.bin`, `bl31.bin`.
    pub fn tf_a_qemu(&self) -> PathBuf {
        self.cache.join("host/tf-a-qemu")
    }

    /// The TFTP server `atftpd`.
    pub fn atftpd(&self) -> PathBuf {
        self.cache.join("host/atftpd")
    }

    /// The web server `nginx`.
    pub fn nginx(&self) -> PathBuf {
        self.cache.join("host/nginx")
    }

    /// A ramdisk for the guest `name`: it prints the line that [`GuestReport::expect`] waits for, then gives a shell.
    ///
    /// # Errors
    /// [`Error`] if busybox is missing.
    pub fn ramdisk(&self, name: &str) -> Result<Vec<u8>, Error> {
        self.ramdisk_of(name, "", None)
    }

    /// A ramdisk for dom0 with Xen's tools: after its report it plugs a network card into domain 1, and says what came of each step.
    ///
    /// # Errors
    /// [`Error`] if busybox or the tools are missing.
    pub fn pv_dom0_ramdisk(&self, name: &str) -> Result<Vec<u8>, Error> {
        self.ramdisk_of(name, include_str!("pv_dom0.sh"), Some(&self.file("xen-tools")))
    }

    /// A ramdisk for a domain that waits, after its report, for the network card that dom0 plugs in, and says what it sees of it.
    ///
    /// # Errors
    /// [`Error`] if busybox is missing.
    pub fn pv_domain_ramdisk(&self, name: &str) -> Result<Vec<u8>, Error> {
        self.ramdisk_of(name, include_str!("pv_domain.sh"), None)
    }

    /// A ramdisk for a domain that says, after its report, what it sees of the device that is passed through to it.
    ///
    /// # Errors
    /// [`Error`] if busybox is missing.
    pub fn device_ramdisk(&self, name: &str) -> Result<Vec<u8>, Error> {
        self.ramdisk_of(name, include_str!("passthrough.sh"), None)
    }

    fn ramdisk_of(&self, name: &str, task: &str, root: Option<&Path>) -> Result<Vec<u8>, Error> {
        let path = self.file("busybox");
        let busybox = std::fs::read(&path).map_err(|source| Error { path, source })?;
        let contents = Contents {
            busybox: &busybox,
            name,
            task,
            root,
        };
        let path = root.unwrap_or(&self.cache).to_owned();
        contents.build().map_err(|source| Error { path, source })
    }
}

/// What a guest says of itself when its shell is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GuestReport {
    /// Name given to its ramdisk.
    pub name: String,
    /// Kernel release.
    pub kernel: String,
    /// `MemTotal`, in KiB.
    pub memory_kib: u64,
    /// Number of CPUs.
    pub cpus: u32,
    /// Size of the ramdisk that its device tree names, in bytes; 0 if it names none.
    pub ramdisk: u64,
    /// `xen` where the kernel finds a hypervisor node in its device tree, else `none`.
    pub hypervisor: String,
    /// Command line.
    pub cmdline: String,
}

impl GuestReport {
    /// Waits until that many guests have reported themselves on the console, and returns what they said, by name.
    ///
    /// # Errors
    /// As [`Console::expect`], if one of them does not within `timeout` after the one before.
    pub fn expect(
        console: &mut Console,
        guests: usize,
        timeout: Duration,
    ) -> Result<BTreeMap<String, Self>, console::Error> {
        let mut reports = BTreeMap::new();
        while reports.len() < guests {
            let groups = console.expect_regex(&up_line(), timeout)?;
            let report = Self::from_groups(&groups, &console.transcript());
            reports.insert(report.name.clone(), report);
        }
        Ok(reports)
    }

    /// Reads the groups of [`up_line`]; the command line stands in an earlier line of the transcript.
    fn from_groups(groups: &[String], transcript: &str) -> Self {
        let text = |index: usize| groups.get(index).cloned().unwrap_or_default();
        // The expression lets digits pass only: a number that does not fit reads as 0 and fails the caller's comparison.
        let number = |index| text(index).parse().unwrap_or(0);
        let name = text(1);
        let start = format!("SLIPWAY-GUEST {name} cmdline ");
        let line = transcript
            .rsplit_once(&start)
            .map_or("", |(_, rest)| rest.lines().next().unwrap_or(""));
        // A line of another domain may follow before dom0's line ends.
        let line = line.split("(XEN)").next().unwrap_or("").trim_end();
        Self {
            kernel: text(2),
            memory_kib: number(3),
            cpus: text(4).parse().unwrap_or(0),
            ramdisk: number(5),
            hypervisor: text(6),
            cmdline: line.strip_suffix('.').unwrap_or(line).to_owned(),
            name,
        }
    }
}

/// The line by which a guest says that its shell is there, Xen's prefix before it or not.
fn up_line() -> Regex {
    let pattern =
        r"SLIPWAY-GUEST (\S+) up, kernel (\S+), memory (\d+) kB, cpus (\d+), ramdisk (\d+) bytes, hypervisor (\w+)\.";
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a constant: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_behind_xens_prefix() {
        let text = "(XEN) DOM1: SLIPWAY-GUEST domU1 cmdline console=ttyAMA0 ip=10.0.0.1.\r\r\n\
            SLIPWAY-GUEST dom0 cmdline console=hvc0.(XEN) DOM1: \r\r\n\r\n\
            (XEN) DOM1: SLIPWAY-GUEST domU1 up, kernel 6.1.192, memory 120520 kB, cpus 2, ramdisk 987654 bytes, hypervisor none.";
        let captures = up_line().captures(text.as_bytes()).unwrap();
        let groups: Vec<_> = captures
            .iter()
            .map(|g| String::from_utf8_lossy(g.unwrap().as_bytes()).into_owned())
            .collect();
        let expected = GuestReport {
            name: "domU1".into(),
            kernel: "6.1.192".into(),
            memory_kib: 120_520,
            cpus: 2,
            ramdisk: 987_654,
            hypervisor: "none".into(),
            cmdline: "console=ttyAMA0 ip=10.0.0.1".into(),
        };
        assert_eq!(GuestReport::from_groups(&groups, text), expected);
        let dom0 = ["", "dom0", "", "", "", "", ""].map(str::to_owned);
        assert_eq!(GuestReport::from_groups(&dom0, text).cmdline, "console=hvc0");
    }
}
