//! What a FIT says of itself, in the lines that U-Boot prints.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Loaded, digits};
use crate::boot::report;
use crate::commands::legacy::utc;
use crate::image::fit::{Configuration, Image, Use};

/// Names in a FIT, and the words for them; what is not here is unknown.
const KINDS: &[(&str, &str)] = &[
    ("copro", "Coprocessor Image"),
    ("filesystem", "Filesystem Image"),
    ("firmware", "Firmware"),
    ("flat_dt", "Flat Device Tree"),
    ("fpga", "FPGA Image"),
    ("kernel", "Kernel Image"),
    ("kernel_noload", "Kernel Image (no loading done)"),
    ("multi", "Multi-File Image"),
    ("ramdisk", "RAMDisk Image"),
    ("script", "Script"),
    ("standalone", "Standalone Program"),
    ("tee", "Trusted Execution Environment Image"),
];
const COMPRESSIONS: &[(&str, &str)] = &[
    ("bzip2", "bzip2 compressed"),
    ("gzip", "gzip compressed"),
    ("lz4", "lz4 compressed"),
    ("lzma", "lzma compressed"),
    ("lzo", "lzo compressed"),
    ("none", "uncompressed"),
    ("zstd", "zstd compressed"),
];
const ARCHITECTURES: &[(&str, &str)] = &[
    ("arm", "ARM"),
    ("arm64", "AArch64"),
    ("riscv", "RISC-V"),
    ("x86", "Intel x86"),
    ("x86_64", "AMD x86_64"),
];
const SYSTEMS: &[(&str, &str)] = &[
    ("arm-trusted-firmware", "ARM Trusted Firmware"),
    ("linux", "Linux"),
    ("tee", "Trusted Execution Environment"),
    ("u-boot", "U-Boot"),
];

/// Kinds of images that U-Boot prints these for.
const WITH_ARCHITECTURE: [&str; 5] = ["kernel", "standalone", "ramdisk", "firmware", "flat_dt"];
const WITH_SYSTEM: [&str; 2] = ["kernel", "ramdisk"];
const WITH_LOAD: [&str; 5] = ["kernel", "standalone", "firmware", "ramdisk", "fpga"];
const WITH_ENTRY: [&str; 3] = ["kernel", "standalone", "ramdisk"];

const UNAVAILABLE: &str = "unavailable";

fn word(table: &[(&str, &'static str)], name: &str, unknown: &'static str) -> &'static str {
    let found = table.iter().find(|(at, _)| *at == name);
    found.map_or(unknown, |(_, word)| *word)
}

/// All of the FIT, for `iminfo`.
pub(in crate::commands) fn describe(loaded: &Loaded) -> Vec<String> {
    let fit = &loaded.fit;
    let mut lines = Vec::from([format!("FIT description: {}", fit.description().unwrap_or(UNAVAILABLE))]);
    lines.extend(fit.created().map(|at| format!("Created:         {}", utc(at))));
    for (index, at) in fit.images().enumerate() {
        lines.push(format!(" Image {index} ({})", at.name()));
        lines.extend(image(loaded, &at));
    }
    lines.extend(
        fit.default_configuration()
            .map(|name| format!(" Default Configuration: '{name}'")),
    );
    for (index, at) in fit.configurations().enumerate() {
        lines.push(format!(" Configuration {index} ({})", at.name()));
        lines.extend(configuration(&at));
    }
    lines
}

/// One image, as `bootm` prints it too.
pub(super) fn image(loaded: &Loaded, image: &Image<'_>) -> Vec<String> {
    let (kind, mut lines) = (image.kind(), Vec::new());
    let mut line = |name: &str, value: &str| lines.push(format!("  {name:<13} {value}"));
    line("Description:", image.description().unwrap_or(UNAVAILABLE));
    // The images were made with the FIT.
    if let Some(created) = loaded.fit.created() {
        line("Created:", &utc(created));
    }
    line("Type:", word(KINDS, kind, "Unknown Image"));
    line(
        "Compression:",
        word(COMPRESSIONS, image.compression(), "unknown compression"),
    );
    match loaded.data(image) {
        Ok(data) => {
            line("Data Start:", &data.start().to_string());
            line(
                "Data Size:",
                &format!("{} Bytes = {}", data.len(), report::size(data.len())),
            );
        }
        Err(error) => line("Data Size:", &format!("{UNAVAILABLE}: {error}")),
    }
    if WITH_ARCHITECTURE.contains(&kind) {
        let arch = image.arch().unwrap_or_default();
        line("Architecture:", word(ARCHITECTURES, arch, "Unknown Architecture"));
    }
    if WITH_SYSTEM.contains(&kind) {
        line("OS:", word(SYSTEMS, image.os().unwrap_or_default(), "Unknown OS"));
    }
    let address = |at: Option<u64>| at.map_or_else(|| UNAVAILABLE.to_string(), |at| format!("{at:#010x}"));
    if WITH_LOAD.contains(&kind) || (kind == "flat_dt" && image.load().is_some()) {
        line("Load Address:", &address(image.load()));
    }
    if WITH_ENTRY.contains(&kind) {
        line("Entry Point:", &address(image.entry()));
    }
    for hash in image.hashes() {
        line("Hash algo:", hash.algorithm);
        line("Hash value:", &digits(hash.value));
    }
    for signature in image.signatures() {
        line("Sign algo:", &signature.to_string());
    }
    lines
}

fn configuration(configuration: &Configuration<'_>) -> Vec<String> {
    const USES: [(&str, &str); 6] = [
        ("Kernel:", "kernel"),
        ("Init Ramdisk:", "ramdisk"),
        ("Firmware:", "firmware"),
        ("FDT:", "fdt"),
        ("FPGA:", "fpga"),
        ("Loadables:", "loadables"),
    ];
    let description = configuration.description().unwrap_or(UNAVAILABLE);
    let mut lines = Vec::from([format!("  Description:  {description}")]);
    if configuration.names(Use::KERNEL).next().is_none() {
        lines.push(format!("  Kernel:       {UNAVAILABLE}"));
    }
    for (title, property) in USES {
        for (index, name) in configuration.names(Use(property)).enumerate() {
            let title = if index == 0 { title } else { "" };
            lines.push(format!("  {title:<13} {name}"));
        }
    }
    for signature in configuration.signatures() {
        lines.push(format!("  Sign algo:    {signature}"));
    }
    lines
}
