//! The commands: one file each, and one sorted table.
//!
//! To add a command: a file with `pub(crate) const COMMAND: Command`, its `mod` line and its [`COMMANDS`] line below.

mod access;
mod askenv;
mod base;
mod bdinfo;
mod blkcache;
mod blocks;
mod boot;
mod bootflow;
mod booti;
mod bootm;
mod buses;
mod cat;
mod checksum;
mod cls;
mod cmp;
mod coninfo;
mod cp;
mod crc32;
mod date;
mod dcache;
mod dhcp;
mod disk;
mod dns;
mod echo;
mod editenv;
mod env;
mod eraseenv;
mod exception;
mod exit;
mod fatinfo;
mod fatmkdir;
mod fatrm;
mod fdt;
mod fit;
mod fpga;
mod fstype;
mod go;
mod grepenv;
mod hash;
mod help;
mod history;
mod icache;
mod iminfo;
mod imxtract;
mod itest;
mod legacy;
mod load;
mod loadb;
mod loadx;
mod loady;
mod ls;
mod md;
mod md5sum;
mod meminfo;
mod menu;
mod meter;
mod mm;
mod mmc;
mod ms;
mod mtest;
mod mw;
mod net;
mod network;
mod nm;
mod operand;
mod origin;
mod panic;
mod part;
mod partitions;
mod pause;
mod ping;
mod poweroff;
mod printenv;
mod pxe;
mod random;
mod reset;
mod run;
mod save;
mod saveenv;
mod serial;
mod setenv;
mod setexpr;
mod sha1sum;
mod sha256sum;
mod showvar;
mod size;
mod sleep;
mod sntp;
mod source;
mod start;
mod sysboot;
mod test;
mod tftpboot;
mod tftpput;
mod time;
mod truth;
mod unzip;
mod version;
mod virtio;
mod wdt;
mod wget;
mod xen;

pub use access::Display;

use alloc::string::String;
use alloc::vec::Vec;

use crate::context::{Args, CommandResult, Context};

/// A command: its name, its texts and the function that runs it.
#[derive(Debug)]
pub struct Command {
    /// The name, as typed.
    pub name: &'static str,
    /// Other names that mean the same. Unique prefixes of a name work without being listed.
    pub aliases: &'static [&'static str],
    /// One line for the list that `help` prints; no full stop.
    pub summary: &'static str,
    /// The argument forms after the name, one a line; empty for none.
    pub usage: &'static str,
    /// What it does, in sentences, for `help NAME` and the manual.
    pub help: &'static str,
    /// Lines that a person could type.
    pub examples: &'static [&'static str],
    /// Whether an empty line runs it again.
    pub repeatable: bool,
    /// Runs it.
    pub run: fn(&mut Context, Args<'_>) -> CommandResult,
}

impl Command {
    /// How the command is used, in the form that U-Boot has: its summary, then a line for each form of its arguments.
    #[must_use]
    pub fn usage_text(&self) -> String {
        let form = |arguments: &str| {
            let blank = if arguments.is_empty() { "" } else { " " };
            alloc::format!("{}{blank}{arguments}", self.name)
        };
        let mut forms: Vec<String> = self.usage.split('\n').map(form).collect();
        forms.insert(0, alloc::format!("{} - {}\n\nUsage:", self.name, self.summary));
        forms.join("\n")
    }
}

/// All commands, sorted by name.
pub const COMMANDS: &[Command] = &[
    askenv::COMMAND,
    base::COMMAND,
    bdinfo::COMMAND,
    blkcache::COMMAND,
    boot::COMMAND,
    boot::BOOTD,
    bootflow::COMMAND,
    booti::COMMAND,
    bootm::COMMAND,
    cat::COMMAND,
    cls::COMMAND,
    cmp::COMMAND,
    coninfo::COMMAND,
    cp::COMMAND,
    crc32::COMMAND,
    date::COMMAND,
    dcache::COMMAND,
    dhcp::COMMAND,
    dns::COMMAND,
    echo::COMMAND,
    editenv::COMMAND,
    env::COMMAND,
    eraseenv::COMMAND,
    exception::COMMAND,
    exit::COMMAND,
    load::EXT4LOAD,
    ls::EXT4LS,
    size::EXT4SIZE,
    truth::FALSE,
    fatinfo::COMMAND,
    load::FATLOAD,
    ls::FATLS,
    fatmkdir::COMMAND,
    fatrm::COMMAND,
    size::FATSIZE,
    save::FATWRITE,
    fdt::COMMAND,
    fpga::COMMAND,
    fatinfo::FSINFO,
    fstype::COMMAND,
    fstype::FSUUID,
    go::COMMAND,
    grepenv::COMMAND,
    hash::COMMAND,
    help::COMMAND,
    history::COMMAND,
    icache::COMMAND,
    iminfo::COMMAND,
    imxtract::COMMAND,
    itest::COMMAND,
    load::COMMAND,
    loadb::COMMAND,
    loadx::COMMAND,
    loady::COMMAND,
    ls::COMMAND,
    md::COMMAND,
    md5sum::COMMAND,
    meminfo::COMMAND,
    mm::COMMAND,
    mmc::COMMAND,
    mmc::MMCINFO,
    ms::COMMAND,
    mtest::COMMAND,
    mw::COMMAND,
    net::COMMAND,
    nm::COMMAND,
    panic::COMMAND,
    part::COMMAND,
    pause::COMMAND,
    buses::PCI,
    ping::COMMAND,
    poweroff::COMMAND,
    printenv::COMMAND,
    pxe::COMMAND,
    random::COMMAND,
    blocks::READ,
    reset::COMMAND,
    run::COMMAND,
    save::COMMAND,
    saveenv::COMMAND,
    buses::SCSI,
    setenv::COMMAND,
    setexpr::COMMAND,
    sha1sum::COMMAND,
    sha256sum::COMMAND,
    showvar::COMMAND,
    size::COMMAND,
    sleep::COMMAND,
    sntp::COMMAND,
    source::COMMAND,
    sysboot::COMMAND,
    test::COMMAND,
    tftpboot::COMMAND,
    tftpput::COMMAND,
    time::COMMAND,
    truth::TRUE,
    unzip::COMMAND,
    buses::USB,
    version::COMMAND,
    virtio::COMMAND,
    wdt::COMMAND,
    wget::COMMAND,
    blocks::WRITE,
    xen::COMMAND,
];

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests;
