//! A machine to be: what its description says, what the caller changes, and the QEMU command line that follows.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::console::{self, Console};

/// A machine's description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The description cannot be read.
    #[error("machine description {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The description is not valid.
    #[error("machine description {path} is not valid: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// No description is for the board.
    #[error("no machine in qemu/machines is for board {board}")]
    NoMachine {
        /// The board.
        board: String,
    },
}

/// How the machine gets at the network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Nic {
    /// No network card.
    None,
    /// QEMU's built-in network, 10.0.2.0/24: DHCP, and TFTP at 10.0.2.2 if a folder is given.
    User {
        /// Folder that the built-in TFTP server offers.
        tftp: Option<PathBuf>,
    },
    /// A tap interface that exists already (see [`crate::network`]).
    Tap {
        /// Name of the interface.
        interface: String,
    },
}

/// Which network card the machine has.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum NicModel {
    /// None that QEMU has.
    None,
    /// A network controller of the chip; those with a smaller number are connected to nothing.
    Onboard(usize),
    /// virtio network on PCI.
    VirtioPci,
    /// virtio network on MMIO, virtio 1 registers.
    VirtioMmio,
    /// virtio network on MMIO, registers of the draft before virtio 1 (QEMU's default).
    VirtioMmioLegacy,
}

/// What the machine runs first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Firmware {
    /// Flat image mapped at the reset address (`-bios`).
    Bios(PathBuf),
    /// Image loaded to RAM by QEMU, which hands over a device tree in x0 (`-kernel`) if it has one.
    Kernel(PathBuf),
    /// Image loaded to this address, where the first CPU starts, with 0 in x0: as TF-A starts its BL33.
    Loader(PathBuf, u64),
}

/// How a machine starts a board's firmware.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Start {
    /// [`Firmware::Bios`].
    Bios,
    /// [`Firmware::Kernel`].
    Kernel,
    /// [`Firmware::Loader`] at this address.
    Loader(u64),
}

/// Where a machine's card slot is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum CardSlot {
    /// On PCI: each card gets a controller of its own.
    #[default]
    Pci,
    /// On the board, QEMU's SD interface of this number.
    Index(u32),
    /// On the board, QEMU's SD bus of this number, where each slot is a bus.
    SdBus(u32),
    /// On the board, the bus at this path, which QEMU connects to no interface.
    Bus(String),
}

/// Where a disk's image hangs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Drive {
    /// A virtio disk on the board's own bus.
    Virtio,
    /// A card in the board's slot, or one of its own behind an SD host controller on PCI.
    Card,
}

/// What `machines/NAME.toml` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Description {
    /// The board of `board-configs/` whose firmware runs on this machine.
    board: String,
    /// QEMU's machine type.
    machine: String,
    /// How it starts the firmware.
    start: Start,
    /// Whether EL2 is there only if it is asked for (`virtualization=on`).
    #[serde(default)]
    virtualization_option: bool,
    /// Absent where the chip has the CPUs that it has.
    cpu: Option<String>,
    /// RAM as QEMU's `-m` takes it.
    memory: String,
    smp: u32,
    /// Whether a kernel is handed the tree that is built into it, whose RAM QEMU corrects: it makes no tree for the machine itself.
    #[serde(default)]
    hand_over_tree: bool,
    /// Version of the interrupt controller, where there is a choice.
    gic: Option<u32>,
    nic: NicModel,
    #[serde(default)]
    card: CardSlot,
    /// Which serial port has the console, from 0.
    #[serde(default)]
    console: usize,
}

/// A machine to be started: a description, with the caller's changes.
#[derive(Clone, Debug)]
pub struct Machine {
    description: Description,
    el2: bool,
    el3: bool,
    nic: Nic,
    firmware: Option<Firmware>,
    flash: Option<PathBuf>,
    drives: Vec<(Drive, PathBuf)>,
    extra: Vec<OsString>,
}

impl Machine {
    /// Reads the description `qemu/machines/NAME.toml`.
    ///
    /// # Errors
    /// [`Error::Read`] if there is none of that name, [`Error::Parse`] if it is not valid.
    pub fn load(name: &str) -> Result<Self, Error> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("machines")
            .join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let description = toml::from_str(&text).map_err(|source| Error::Parse { path, source })?;
        Ok(Self {
            description,
            el2: true,
            el3: false,
            nic: Nic::None,
            firmware: None,
            flash: None,
            drives: Vec::new(),
            extra: Vec::new(),
        })
    }

    /// The machine that runs a board's firmware.
    ///
    /// # Errors
    /// [`Error::NoMachine`] if no description names the board, and as [`Machine::load`].
    pub fn of_board(board: &str) -> Result<Self, Error> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("machines");
        let unreadable = |source| Error::Read {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let machine = Self::load(&path.file_stem().unwrap_or_default().to_string_lossy())?;
            if machine.description.board == board {
                return Ok(machine);
            }
        }
        Err(Error::NoMachine {
            board: board.to_owned(),
        })
    }

    /// Sets the CPU model, as QEMU's `-cpu` takes it.
    pub fn cpu(mut self, cpu: &str) -> Self {
        self.description.cpu = Some(cpu.to_owned());
        self
    }

    /// Sets the size of RAM, as QEMU's `-m` takes it.
    pub fn memory(mut self, memory: &str) -> Self {
        self.description.memory = memory.to_owned();
        self
    }

    /// Sets the number of CPUs.
    pub fn smp(mut self, cpus: u32) -> Self {
        self.description.smp = cpus;
        self
    }

    /// Sets the version of the interrupt controller: 2 or 3.
    pub fn gic(mut self, version: u32) -> Self {
        self.description.gic = Some(version);
        self
    }

    /// Leaves the virtualization extension out: firmware starts at EL1.
    pub fn el1(mut self) -> Self {
        self.el2 = false;
        self
    }

    /// Adds the security extension (`secure=on`): firmware starts at EL3, and nothing of QEMU's answers PSCI calls.
    pub fn el3(mut self) -> Self {
        self.el3 = true;
        self
    }

    /// Sets which serial port has the console, from 0.
    pub fn console(mut self, port: usize) -> Self {
        self.description.console = port;
        self
    }

    /// Connects the network.
    pub fn nic(mut self, nic: Nic) -> Self {
        self.nic = nic;
        self
    }

    /// Sets the model of the network card.
    pub fn nic_model(mut self, model: NicModel) -> Self {
        self.description.nic = model;
        self
    }

    /// Sets the board's firmware, a flat image, which is started as the description says.
    pub fn boards_firmware(self, image: PathBuf) -> Self {
        let firmware = match self.description.start {
            Start::Bios => Firmware::Bios(image),
            Start::Kernel => Firmware::Kernel(image),
            Start::Loader(address) => Firmware::Loader(image, address),
        };
        self.firmware(firmware)
    }

    /// Sets what the machine runs first.
    pub fn firmware(mut self, firmware: Firmware) -> Self {
        self.firmware = Some(firmware);
        self
    }

    /// Puts an image of 64 MiB into flash bank 1, behind the firmware's.
    pub fn flash(mut self, image: &Path) -> Self {
        self.flash = Some(image.to_owned());
        self
    }

    /// Adds a virtio disk (virtio-mmio) that holds a raw image, written in place; may be called again for another one.
    ///
    /// QEMU fills the board's slots from the last one down, and they are numbered from the first one up: of several disks the one that is
    /// added last is `virtio 0`.
    pub fn disk(mut self, image: &Path) -> Self {
        self.drives.push((Drive::Virtio, image.to_owned()));
        self
    }

    /// Adds an SD card: in the board's slot, or, where the board has none, behind an SD host controller of its own on PCI; that may be called
    /// again for the next slot.
    ///
    /// QEMU refuses an image whose size is no power of two.
    pub fn card(mut self, image: &Path) -> Self {
        self.drives.push((Drive::Card, image.to_owned()));
        self
    }

    /// Adds arguments to QEMU's command line.
    pub fn extra<I: IntoIterator<Item = A>, A: Into<OsString>>(mut self, arguments: I) -> Self {
        self.extra.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The QEMU command line, without the console's part.
    pub fn arguments(&self) -> Vec<OsString> {
        let description = &self.description;
        let mut arguments: Vec<OsString> = vec!["-machine".into(), self.machine_option("").into()];
        let memory = Some(&description.memory);
        for (option, value) in [("-cpu", description.cpu.as_ref()), ("-m", memory)] {
            arguments.extend(value.into_iter().flat_map(|value| [option.into(), value.into()]));
        }
        arguments.extend(["-smp".into(), description.smp.to_string().into()]);
        arguments.extend(["-display", "none", "-audio", "none"].map(Into::into));
        match &self.firmware {
            Some(Firmware::Bios(path)) => arguments.extend(["-bios".into(), path.into()]),
            Some(Firmware::Kernel(path)) => {
                arguments.extend(["-kernel".into(), path.into()]);
                if description.hand_over_tree {
                    // Where scripts/build puts it.
                    arguments.extend(["-dtb".into(), path.with_file_name("built-in.dtb").into()]);
                }
            }
            Some(Firmware::Loader(path, address)) => {
                let loader = format!("loader,file={},addr={address:#x},force-raw=on,cpu-num=0", escaped(path));
                arguments.extend(["-device".into(), loader.into()]);
            }
            None => {}
        }
        if let Some(image) = &self.flash {
            let mut drive: OsString = "if=pflash,format=raw,index=1,file=".into();
            drive.push(escaped(image));
            arguments.extend(["-drive".into(), drive]);
        }
        self.drive_arguments(&mut arguments);
        self.network_arguments(&mut arguments);
        arguments.extend(self.extra.iter().cloned());
        // The caller's serial port is the next one.
        for _ in 0..description.console {
            arguments.extend(["-serial", "null"].map(Into::into));
        }
        arguments
    }

    /// The value of `-machine`; `more` is appended to it.
    fn machine_option(&self, more: &str) -> String {
        let description = &self.description;
        let mut option = description.machine.clone();
        if description.virtualization_option {
            option += if self.el2 {
                ",virtualization=on"
            } else {
                ",virtualization=off"
            };
        }
        if self.el3 {
            option += ",secure=on";
        }
        if let Some(gic) = description.gic {
            option += &format!(",gic-version={gic}");
        }
        option + more
    }

    fn drive_arguments(&self, arguments: &mut Vec<OsString>) {
        for (number, (kind, image)) in self.drives.iter().enumerate() {
            let none = format!("none,id=drive{number}");
            let (interface, devices) = match (kind, &self.description.card) {
                (Drive::Virtio, _) => (none, vec![format!("virtio-blk-device,drive=drive{number}")]),
                // QEMU puts the card into the first slot that is empty, and that is the one just added.
                (Drive::Card, CardSlot::Pci) => {
                    (none, vec!["sdhci-pci".into(), format!("sd-card,drive=drive{number}")])
                }
                (Drive::Card, CardSlot::Index(index)) => (format!("sd,index={index}"), Vec::new()),
                (Drive::Card, CardSlot::SdBus(bus)) => (format!("sd,bus={bus}"), Vec::new()),
                (Drive::Card, CardSlot::Bus(bus)) => (none, vec![format!("sd-card,drive=drive{number},bus={bus}")]),
            };
            let drive = format!("if={interface},format=raw,file={}", escaped(image));
            arguments.extend(["-drive".into(), drive.into()]);
            for device in devices {
                arguments.extend(["-device".into(), device.into()]);
            }
        }
        // With a network card its model says whether virtio-mmio is of the old kind; without one it is as real devices are.
        if self.nic == Nic::None && self.drives.iter().any(|(kind, _)| *kind == Drive::Virtio) {
            arguments.extend(["-global".into(), "virtio-mmio.force-legacy=false".into()]);
        }
    }

    fn network_arguments(&self, arguments: &mut Vec<OsString>) {
        let model = self.description.nic;
        let mut netdev: OsString = match &self.nic {
            _ if model == NicModel::None => return arguments.extend(["-nic", "none"].map(Into::into)),
            Nic::None => return arguments.extend(["-nic", "none"].map(Into::into)),
            Nic::User { .. } => "user,id=net0".into(),
            Nic::Tap { interface } => format!("tap,id=net0,ifname={interface},script=no,downscript=no").into(),
        };
        if let Nic::User { tftp: Some(folder) } = &self.nic {
            netdev.push(",tftp=");
            netdev.push(escaped(folder));
        }
        // The card's option ROM is for PC firmware, and is a package of its own: do without.
        let (device, legacy) = match model {
            NicModel::None => return,
            NicModel::Onboard(before) => {
                for _ in 0..before {
                    arguments.extend(["-nic", "hubport,hubid=9"].map(Into::into));
                }
                return arguments.extend(["-nic".into(), netdev]);
            }
            NicModel::VirtioPci => ("virtio-net-pci,netdev=net0,romfile=", false),
            NicModel::VirtioMmio => ("virtio-net-device,netdev=net0", false),
            NicModel::VirtioMmioLegacy => ("virtio-net-device,netdev=net0", true),
        };
        arguments.extend(["-netdev".into(), netdev, "-device".into(), device.into()]);
        arguments.extend(["-global".into(), format!("virtio-mmio.force-legacy={legacy}").into()]);
    }

    /// The command that starts QEMU. The kernel ends QEMU if the thread that started it ends first.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "qemu-system-aarch64"])
            .args(self.arguments());
        command
    }

    /// Starts the machine. `name` names its transcript, `target/qemu-logs/NAME.log`.
    ///
    /// # Errors
    /// [`console::Error`] if QEMU cannot be started or does not answer on its monitor.
    pub fn spawn(&self, name: &str) -> Result<Console, console::Error> {
        Console::start(self.command(), name)
    }

    /// The device tree that QEMU generates for this machine when firmware is loaded, without starting it.
    ///
    /// With no firmware QEMU adds a GPIO block whose driver hangs guests, hence the stand-in for one.
    ///
    /// # Errors
    /// [`crate::ToolError`] if QEMU fails.
    pub fn dump_dtb(&self, to: &Path) -> Result<(), crate::ToolError> {
        let stand_in = to.with_extension("firmware");
        let failed = |source| crate::ToolError::Start {
            program: "qemu-system-aarch64".into(),
            source,
        };
        std::fs::write(&stand_in, [0; 64]).map_err(failed)?;
        let machine = self.clone().nic(Nic::None);
        let mut command = Command::new("qemu-system-aarch64");
        command.args(machine.firmware(Firmware::Bios(stand_in.clone())).arguments());
        command
            .arg("-machine")
            .arg(self.machine_option(&format!(",dumpdtb={}", to.display())));
        let result = crate::tools::run(&mut command).map(drop);
        std::fs::remove_file(&stand_in).map_err(failed)?;
        result
    }
}

/// A path as the value of an option, which a comma ends unless it is doubled.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machine: &Machine) -> String {
        let arguments: Vec<_> = machine
            .arguments()
            .iter()
            .map(|a| a.to_string_lossy().into_owned())
            .collect();
        arguments.join(" ")
    }

    #[test]
    fn the_description_gives_the_command_line() {
        let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios("f.bin".into()));
        assert_eq!(
            line(&machine),
            "-machine virt,virtualization=on,gic-version=2 -cpu cortex-a57 -m 1G -smp 2 -display none -audio none \
             -bios f.bin -nic none"
        );
        let flash = machine.flash(Path::new("a,b.img"));
        assert!(line(&flash).contains("-bios f.bin -drive if=pflash,format=raw,index=1,file=a,,b.img -nic none"));
    }

    #[test]
    fn the_caller_overrides_the_description() {
        let machine = Machine::load("virt")
            .unwrap()
            .cpu("max")
            .memory("8G")
            .smp(8)
            .gic(3)
            .el1()
            .el3();
        let machine = machine
            .firmware(Firmware::Kernel("f.bin".into()))
            .extra(["-d", "guest_errors"]);
        assert_eq!(
            line(&machine),
            "-machine virt,virtualization=off,secure=on,gic-version=3 -cpu max -m 8G -smp 8 -display none -audio none \
             -kernel f.bin -nic none -d guest_errors"
        );
    }

    #[test]
    fn each_network_has_its_card() {
        let user = Machine::load("virt").unwrap().nic(Nic::User {
            tftp: Some("/srv".into()),
        });
        assert!(line(&user).contains("-netdev user,id=net0,tftp=/srv -device virtio-net-pci,netdev=net0,romfile="));
        let tap = user
            .nic(Nic::Tap {
                interface: "tap7".into(),
            })
            .nic_model(NicModel::VirtioMmioLegacy);
        assert!(
            line(&tap).contains("-netdev tap,id=net0,ifname=tap7,script=no,downscript=no -device virtio-net-device")
        );
        assert!(line(&tap).contains("-global virtio-mmio.force-legacy=true"));
        let modern = tap.nic_model(NicModel::VirtioMmio);
        assert!(line(&modern).contains("-global virtio-mmio.force-legacy=false"));
    }

    #[test]
    fn disks_and_cards_have_their_drives() {
        let machine = Machine::load("virt").unwrap().disk(Path::new("a,b.img"));
        let machine = machine.card(Path::new("sd.img")).disk(Path::new("c.img"));
        assert!(line(&machine).contains(
            "-drive if=none,id=drive0,format=raw,file=a,,b.img -device virtio-blk-device,drive=drive0 \
             -drive if=none,id=drive1,format=raw,file=sd.img -device sdhci-pci -device sd-card,drive=drive1 \
             -drive if=none,id=drive2,format=raw,file=c.img -device virtio-blk-device,drive=drive2 \
             -global virtio-mmio.force-legacy=false -nic none"
        ));
        let networked = machine
            .nic(Nic::User { tftp: None })
            .nic_model(NicModel::VirtioMmioLegacy);
        assert_eq!(line(&networked).matches("force-legacy").count(), 1);
        let card = Machine::load("virt").unwrap().card(Path::new("sd.img"));
        assert!(!line(&card).contains("force-legacy"));
    }

    #[test]
    fn boards_start_their_firmware_and_have_their_own_slots() {
        let user = || Nic::User {
            tftp: Some("/srv".into()),
        };
        let board = |name| {
            let machine = Machine::load(name).unwrap().boards_firmware("f,.bin".into());
            line(&machine.nic(user()).card(Path::new("sd.img")))
        };
        assert_eq!(
            board("zcu102"),
            "-machine xlnx-zcu102,virtualization=on -m 4G -smp 2 -display none -audio none \
             -device loader,file=f,,.bin,addr=0x8000000,force-raw=on,cpu-num=0 \
             -drive if=sd,index=1,format=raw,file=sd.img -nic hubport,hubid=9 -nic hubport,hubid=9 -nic hubport,hubid=9 \
             -nic user,id=net0,tftp=/srv"
        );
        assert_eq!(
            board("versal"),
            "-machine xlnx-versal-virt -m 2G -smp 4 -display none -audio none -kernel f,.bin \
             -drive if=sd,index=0,format=raw,file=sd.img -nic user,id=net0,tftp=/srv"
        );
        assert_eq!(
            board("raspi4b"),
            "-machine raspi4b -m 2G -smp 4 -display none -audio none -kernel f,.bin \
             -drive if=none,id=drive0,format=raw,file=sd.img -device sd-card,drive=drive0,bus=/generic-sdhci/sd-bus \
             -nic none -serial null"
        );
        assert_eq!(
            board("imx8mp-evk"),
            "-machine imx8mp-evk -m 6G -smp 4 -display none -audio none -kernel f,.bin -dtb built-in.dtb \
             -drive if=sd,bus=1,format=raw,file=sd.img -nic user,id=net0,tftp=/srv -serial null"
        );
    }

    #[test]
    fn an_unknown_machine_or_field_is_an_error() {
        let message = Machine::load("no-such-machine").unwrap_err().to_string();
        assert!(message.contains("machines/no-such-machine.toml"), "{message}");
        toml::from_str::<Description>("machine = \"virt\"\nspeed = 1").unwrap_err();
        Machine::of_board("qemu-virt").unwrap();
        assert_eq!(
            Machine::of_board("x").unwrap_err().to_string(),
            "no machine in qemu/machines is for board x"
        );
    }
}
