//! `qemu run BOARD`: a board's firmware on an interactive console. `qemu demo`: Xen and two domains over TFTP.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use qemu::boots::{self, Kernel, Sizes};
use qemu::{Firmware, GuestReport, Machine, Nic};

const USAGE: &str = "\
usage: qemu run BOARD --firmware FILE [OPTION..]
       qemu demo --firmware FILE
options:
  --firmware FILE   flat image, started as qemu/machines says
  --kernel          load the image to RAM instead, as a kernel
  --tftp FOLDER     files on the TFTP server 10.0.2.2
  --env FILE        flash bank 1, where saveenv keeps the environment; made if it is not there
  --card FILE       image of an SD card (scripts/make-sd); may be given again for the next slot
  --disk FILE       raw image of a virtio disk; may be given again for the next disk
  --cpu MODEL       cortex-a53, cortex-a57, cortex-a72, max
  --smp N           number of CPUs
  --memory SIZE     as 512M, 2G
  --gic N           interrupt controller, 2 or 3
  --el1             no virtualization extension: start at EL1
  --el3             the security extension: start at EL3, for an image that begins with TF-A";

/// What any step may fail with; its text is for the person at the terminal.
type AnyError = Box<dyn std::error::Error>;

/// How long the demonstration waits for a guest.
const GUEST_TIMEOUT: Duration = Duration::from_secs(240);

/// The options of the command line.
#[derive(Default)]
struct Options {
    firmware: Option<PathBuf>,
    as_kernel: bool,
    tftp: Option<PathBuf>,
    env: Option<PathBuf>,
    cards: Vec<PathBuf>,
    disks: Vec<PathBuf>,
    cpu: Option<String>,
    smp: Option<u32>,
    memory: Option<String>,
    gic: Option<u32>,
    el1: bool,
    el3: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, AnyError> {
        let mut options = Self::default();
        while let Some(option) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{option} needs a value\n{USAGE}"))
            };
            match option.as_str() {
                "--firmware" => options.firmware = Some(value()?.into()),
                "--kernel" => options.as_kernel = true,
                "--tftp" => options.tftp = Some(value()?.into()),
                "--env" => options.env = Some(value()?.into()),
                "--card" => options.cards.push(value()?.into()),
                "--disk" => options.disks.push(value()?.into()),
                "--cpu" => options.cpu = Some(value()?),
                "--smp" => options.smp = Some(value()?.parse()?),
                "--memory" => options.memory = Some(value()?),
                "--gic" => options.gic = Some(value()?.parse()?),
                "--el1" => options.el1 = true,
                "--el3" => options.el3 = true,
                _ => return Err(format!("unknown option {option}\n{USAGE}").into()),
            }
        }
        Ok(options)
    }

    fn apply(self, mut machine: Machine) -> Result<Machine, AnyError> {
        let firmware = self.firmware.ok_or_else(|| format!("--firmware is missing\n{USAGE}"))?;
        machine = if self.as_kernel {
            machine.firmware(Firmware::Kernel(firmware))
        } else {
            machine.boards_firmware(firmware)
        };
        machine = machine.nic(Nic::User { tftp: self.tftp });
        if let Some(image) = self.env {
            flash_image(&image)?;
            machine = machine.flash(&image);
        }
        machine = self.cards.iter().fold(machine, |machine, image| machine.card(image));
        machine = self.disks.iter().fold(machine, |machine, image| machine.disk(image));
        for (value, set) in [
            (self.cpu, Machine::cpu as fn(_, &str) -> _),
            (self.memory, Machine::memory),
        ] {
            if let Some(value) = value {
                machine = set(machine, &value);
            }
        }
        for (value, set) in [(self.smp, Machine::smp as fn(_, u32) -> _), (self.gic, Machine::gic)] {
            if let Some(value) = value {
                machine = set(machine, value);
            }
        }
        for (wanted, set) in [(self.el1, Machine::el1 as fn(_) -> _), (self.el3, Machine::el3)] {
            if wanted {
                machine = set(machine);
            }
        }
        Ok(machine)
    }
}

/// Makes the image of a flash bank if it is not there: as long as the bank, and empty.
fn flash_image(path: &Path) -> Result<(), AnyError> {
    const BANK: u64 = 64 << 20;
    if !path.exists() {
        let file = std::fs::File::create(path);
        let made = file.and_then(|file| file.set_len(BANK));
        made.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Becomes QEMU, on this terminal.
fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), AnyError> {
    let board = arguments.next().ok_or(USAGE)?;
    let machine = Options::parse(arguments)?.apply(Machine::of_board(&board)?)?;
    let error = Command::new("qemu-system-aarch64")
        .args(machine.arguments())
        .args(["-serial", "mon:stdio"])
        .exec();
    Err(format!("qemu-system-aarch64 cannot be started: {error} (scripts/setup installs it)").into())
}

/// Boots two domains while the console is shown, and says what came of it.
fn demo(arguments: impl Iterator<Item = String>) -> Result<(), AnyError> {
    let machine = Options::parse(arguments)?.apply(Machine::of_board("qemu-virt")?)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/qemu-scenarios/demo");
    let boot = boots::two_domains(&folder, &machine, Sizes::Unknown, Kernel::Gzip)?;
    let start = Instant::now();
    let mut console = machine
        .nic(Nic::User {
            tftp: Some(boot.scenario.folder().to_owned()),
        })
        .spawn("demo")?;
    console.show(true);
    console.prompt()?;
    for line in ["setenv autoload no", "dhcp"]
        .into_iter()
        .chain(boot.loads.iter().map(String::as_str))
    {
        console.command(line)?;
    }
    console.send_line(&boot.start)?;
    let reports = GuestReport::expect(&mut console, boot.guests.len(), GUEST_TIMEOUT)?;
    let seconds = start.elapsed().as_secs_f64();
    for (name, size) in &boot.guests {
        let report = reports
            .get(name)
            .ok_or_else(|| format!("{name} did not report itself"))?;
        if report.ramdisk != *size {
            return Err(format!("{name} was given a ramdisk of {} bytes, not {size}", report.ramdisk).into());
        }
    }
    let names: Vec<_> = reports
        .values()
        .map(|r| format!("{} (Linux {})", r.name, r.kernel))
        .collect();
    // What happened is the last line.
    console.show(false);
    println!(
        "\n\ndemo: {} came up on Xen, {seconds:.1} s after reset, each with a ramdisk of its exact size",
        names.join(" and ")
    );
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some("run") => run(arguments),
        Some("demo") => demo(arguments).map_err(|error| format!("\n\ndemo: failed: {error}").into()),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
