//! What the end-to-end tests share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use qemu::boots::Boot;
use qemu::{Console, ConsoleError, Firmware, Machine, Nic};

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

/// Starts the machine with a boot's TFTP folder, and loads its files at the prompt. Returns what each line answered.
///
/// # Errors
/// [`ConsoleError`] if the machine does not answer.
pub fn load(machine: Machine, boot: &Boot, name: &str) -> Result<(Console, Vec<String>), ConsoleError> {
    let tftp = Some(boot.scenario.folder().to_owned());
    let mut console = machine.nic(Nic::User { tftp }).spawn(name)?;
    console.prompt()?;
    let lines = ["setenv autoload no", "dhcp", "setenv serverip 10.0.2.2"].map(str::to_owned);
    let answers = lines
        .iter()
        .chain(&boot.loads)
        .map(|line| console.command(line))
        .collect::<Result<_, _>>()?;
    Ok((console, answers))
}
