//! What the end-to-end tests share.

pub mod differential;
pub mod lan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qemu::boots::{Boot, Placed};
use qemu::disks::{DiskImage, Format, Scheme};
use qemu::{Console, ConsoleError, Firmware, GuestReport, Machine, Nic};

/// How long guests may take from Xen's start to their shells, on a busy machine without hardware acceleration.
pub const GUESTS_TIMEOUT: Duration = Duration::from_secs(240);

/// Debian's U-Boot for QEMU's `virt` machine: the peer that the same scenarios must boot with.
pub fn u_boot() -> Firmware {
    Firmware::Bios("/usr/lib/u-boot/qemu_arm64/u-boot.bin".into())
}

/// The folder of a scenario, below cargo's folder for tests' files.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/qemu-scenarios")
        .join(name)
}

/// Bytes that nothing compresses and nobody mistakes for those of another seed (a 64-bit xorshift).
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d ^ seed;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len.div_ceil(8)).flatten().take(len).collect()
}

/// The firmware that `scripts/build qemu-virt` made.
///
/// # Panics
/// If it was not built.
pub fn slipway() -> PathBuf {
    built("qemu-virt", "slipway.bin")
}

/// A card whose only partition, FAT32, has these files of a scenario.
///
/// # Panics
/// If a tool that scripts/setup installs is missing.
pub fn card_with(boot: &Boot, files: [&str; 4]) -> DiskImage {
    let here = boot.scenario.folder();
    let formats = [(Format::Fat32(1), 40)];
    let image = DiskImage::create(&here.join("sd.img"), Scheme::Mbr, &formats).expect("scripts/setup");
    let files = files.map(|file| here.join(file));
    let files = files.each_ref().map(PathBuf::as_path);
    image.add(0, &files).expect("scripts/setup");
    image
}

/// A file that `scripts/build BOARD` made.
///
/// # Panics
/// If it was not built.
pub fn built(board: &str, file: &str) -> PathBuf {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/boards");
    let path = boards.join(board).join(file);
    assert!(
        path.exists(),
        "{} is missing: run scripts/build {board}",
        path.display()
    );
    path
}

/// Starts the machine with a TFTP folder, waits for the prompt and gets an address.
///
/// # Errors
/// [`ConsoleError`] if the machine does not answer.
pub fn online(machine: Machine, tftp: &Path, name: &str) -> Result<Console, ConsoleError> {
    let mut console = machine
        .nic(Nic::User {
            tftp: Some(tftp.to_owned()),
        })
        .spawn(name)?;
    console.prompt()?;
    console.command("setenv autoload no")?;
    let answer = console.command("dhcp")?;
    assert!(answer.contains("DHCP client bound to address 10.0.2.15"), "{answer}");
    Ok(console)
}

/// As [`online`], then types the lines of a boot that load its files.
///
/// # Errors
/// [`ConsoleError`] if the machine does not answer.
///
/// # Panics
/// If a transfer fails.
pub fn load(machine: Machine, boot: &Boot, name: &str) -> Result<Console, ConsoleError> {
    let mut console = online(machine, boot.scenario.folder(), name)?;
    for line in &boot.loads {
        let answer = console.command(line)?;
        let transferred = answer.contains("Bytes transferred = ");
        assert!(transferred || !line.starts_with("tftp"), "{line}: {answer}");
    }
    Ok(console)
}

/// Types the line that starts a boot, waits for its guests, and compares what they were given with what was loaded.
///
/// # Errors
/// [`ConsoleError`] if a guest does not come up.
///
/// # Panics
/// If a guest was given another ramdisk or another command line.
pub fn start(console: &mut Console, boot: &Boot) -> Result<BTreeMap<String, GuestReport>, ConsoleError> {
    console.send_line(&boot.start)?;
    let reports = GuestReport::expect(console, boot.guests.len(), GUESTS_TIMEOUT)?;
    for (name, ramdisk) in &boot.guests {
        let report = &reports[name];
        assert_eq!(report.ramdisk, *ramdisk, "{report:?}");
        assert!(report.cmdline.ends_with(&format!("guest={name}")), "{report:?}");
        assert_eq!(
            report.hypervisor,
            if name == "dom0" || boot.enhanced { "xen" } else { "none" },
            "{report:?}"
        );
    }
    Ok(reports)
}

/// The table that was printed before the jump must give each module of the boot at its address, with its exact size.
///
/// # Panics
/// If it does not.
pub fn assert_placed(transcript: &str, boot: &Boot) {
    for Placed {
        domain,
        role,
        file,
        address,
        size,
    } in &boot.modules
    {
        let (address, size) = (format!("{address:#x}"), size.to_string());
        let row = [domain.as_str(), role, file, &address, &size];
        let found = transcript.lines().any(|line| line.split_whitespace().eq(row));
        assert!(found, "no line {row:?} in the table:\n{transcript}");
    }
}
