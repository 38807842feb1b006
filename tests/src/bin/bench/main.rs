//! Measures Slipway beside Debian's U-Boot: same QEMU, same options, same files, in alternation.
//!
//! Run by `scripts/bench` in a network namespace of its own, where a tap interface and `atftpd` can be had without rights.
//! Prints a table in Markdown: medians of the rounds, and the ratio of Slipway to U-Boot.

mod session;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use qemu::boots::{self, Kernel, Sizes};
use qemu::disks::{DiskImage, Format, Scheme};
use qemu::network::{Tap, TftpServer, WebServer};
use qemu::{Firmware, Guests, Machine, Nic, Scenario};

use session::Session;
use system_tests::noise;
use table::{Kind, Row, Table};

/// A loader under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loader {
    /// Debian's package u-boot-qemu.
    UBoot,
    /// This project.
    Slipway,
}

/// Where things are.
struct Bench {
    rounds: usize,
    /// Only rows with this in their name are measured.
    only: String,
    u_boot: PathBuf,
    slipway: PathBuf,
    folder: PathBuf,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HOST: &str = "10.9.0.1";
const BOARD: &str = "10.9.0.2";
/// The same on the second interface: two with the same network would take each other's answers.
const WEB_HOST: &str = "10.9.1.1";
const WEB_BOARD: &str = "10.9.1.2";
const LARGE: usize = 32 << 20;
const SMALL: usize = 8 << 20;
const HUGE: usize = 64 << 20;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: bench SLIPWAY.BIN U-BOOT.BIN FOLDER [ROUNDS [ROWS]]";
    let mut path = || arguments.next().map(PathBuf::from).ok_or(usage);
    let (slipway, u_boot, folder) = (path()?, path()?, path()?);
    let rounds = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let bench = Bench {
        rounds,
        only: arguments.next().unwrap_or_default(),
        u_boot,
        slipway,
        folder,
    };
    let mut table = Table::default();
    bench.sizes(&mut table)?;
    bench.prompt(&mut table)?;
    bench.shell(&mut table)?;
    bench.idle(&mut table)?;
    bench.fdt_set(&mut table)?;
    bench.built_in_server(&mut table)?;
    bench.real_server(&mut table)?;
    bench.web_server(&mut table)?;
    bench.disks(&mut table)?;
    bench.card(&mut table)?;
    bench.raspberry_pi(&mut table)?;
    bench.xen(&mut table)?;
    println!("\n{table}");
    Ok(())
}

impl Bench {
    fn machine(&self, loader: Loader, nic: Nic) -> Result<Machine> {
        let image = match loader {
            Loader::UBoot => &self.u_boot,
            Loader::Slipway => &self.slipway,
        };
        Ok(Machine::load("virt")?.nic(nic).firmware(Firmware::Bios(image.clone())))
    }

    /// The same with another U-Boot.
    fn beside(&self, u_boot: PathBuf) -> Self {
        Self {
            u_boot,
            slipway: self.slipway.clone(),
            folder: self.folder.clone(),
            rounds: self.rounds,
            only: self.only.clone(),
        }
    }

    /// Runs `measure` for both loaders in each round, the first one changing from round to round.
    fn alternate(&self, mut measure: impl FnMut(Loader) -> Result<Option<f64>>) -> Result<[Vec<Option<f64>>; 2]> {
        let mut found = [Vec::new(), Vec::new()];
        for round in 0..self.rounds {
            let order = if round % 2 == 0 {
                [Loader::UBoot, Loader::Slipway]
            } else {
                [Loader::Slipway, Loader::UBoot]
            };
            for loader in order {
                found[loader as usize].push(measure(loader)?);
            }
        }
        Ok(found)
    }

    fn row(
        &self,
        table: &mut Table,
        name: &str,
        kind: Kind,
        measure: impl FnMut(Loader) -> Result<Option<f64>>,
    ) -> Result<()> {
        if !name.contains(&self.only) {
            return Ok(());
        }
        eprintln!("bench: {name}");
        let [u_boot, slipway] = self.alternate(measure)?;
        table.push(Row {
            name: name.to_owned(),
            kind,
            u_boot,
            slipway,
        });
        Ok(())
    }

    fn sizes(&self, table: &mut Table) -> Result<()> {
        let size = |path: &Path| std::fs::metadata(path).map(|file| file.len() as f64 / 1024.0);
        let (u_boot, slipway) = (vec![Some(size(&self.u_boot)?)], vec![Some(size(&self.slipway)?)]);
        table.push(Row {
            name: "image size".into(),
            kind: Kind::KiB,
            u_boot,
            slipway,
        });
        Ok(())
    }

    fn prompt(&self, table: &mut Table) -> Result<()> {
        self.row(table, "QEMU's start to prompt", Kind::Seconds, |loader| {
            let machine = self.machine(loader, Nic::User { tftp: None })?;
            table::options("all rows", &machine);
            let mut session = Session::start(&machine)?;
            session.reach_prompt()?;
            Ok(Some(session.since_start().as_secs_f64()))
        })
    }

    fn shell(&self, table: &mut Table) -> Result<()> {
        let name = "shell: 10 000 rounds of while/test/setexpr";
        self.row(table, name, Kind::Seconds, |loader| {
            let mut session = Session::start(&self.machine(loader, Nic::None)?)?;
            session.reach_prompt()?;
            session.command("setenv i 0")?;
            // setexpr counts in hexadecimal, and test takes that for hexadecimal only after 0x.
            let taken = session.duration("while test 0x$i -lt 0x2710; do setexpr i $i + 1; done")?;
            session.send("echo rounds: $i")?;
            session.wait(b"\nrounds: 2710\r\n", Duration::from_secs(5))?;
            Ok(Some(taken.as_secs_f64()))
        })
    }

    /// What a machine costs its host that has nothing to do.
    fn idle(&self, table: &mut Table) -> Result<()> {
        self.row(table, "`sleep 2`, CPU time of QEMU", Kind::Seconds, |loader| {
            let mut session = Session::start(&self.machine(loader, Nic::None)?)?;
            session.reach_prompt()?;
            session.processor_time("sleep 2; echo \"en\"ded", "ended")
        })
    }

    /// QEMU's own tree with 70 more nodes in front, so that /chosen comes last; then a property is set with a new value each time.
    fn fdt_set(&self, table: &mut Table) -> Result<()> {
        let quarter = "0123456789abcdef".repeat(16);
        self.row(table, "`fdt set`: 500 on a 60 KiB tree", Kind::Seconds, |loader| {
            let mut session = Session::start(&self.machine(loader, Nic::None)?)?;
            session.reach_prompt()?;
            session.command("fdt addr ${fdtcontroladdr}; fdt move ${fdtcontroladdr} 0x48000000 0x200000")?;
            session.command(&format!("setenv quarter {quarter}"))?;
            session.command("setenv ten 0 1 2 3 4 5 6 7 8 9")?;
            let value = "${quarter} ${quarter} ${quarter}";
            for tens in 0..7 {
                let line = format!("for i in ${{ten}}; do fdt mknode / pad{tens}$i; fdt set /pad{tens}$i text {value}; done");
                session.command(&line)?;
            }
            let set = "fdt set /chosen xen,bench <0x0 0x40${a}${b}${c}000 0x0 0x1000>";
            let line = format!(
                "for a in 0 1 2 3 4; do for b in ${{ten}}; do for c in ${{ten}}; do {set}; done; done; done; echo sets' done'"
            );
            let begin = std::time::Instant::now();
            session.send(&line)?;
            session.wait(b"sets done", Duration::from_secs(120))?;
            Ok(Some(session.last_seen(begin).as_secs_f64()))
        })
    }

    fn built_in_server(&self, table: &mut Table) -> Result<()> {
        let scenario = Scenario::create(&self.folder.join("files"))?;
        scenario.write("large", &noise(LARGE, 0))?;
        scenario.write("small", &noise(SMALL, 0))?;
        let tftp = Some(scenario.folder().to_owned());
        self.row(table, "TFTP, QEMU's built-in server", Kind::MiBPerSecond, |loader| {
            let mut session = Session::start(&self.machine(loader, Nic::User { tftp: tftp.clone() })?)?;
            session.reach_prompt()?;
            session.network("10.0.2.15", "10.0.2.2")?;
            session.rate("tftpboot 0x42000000 large", LARGE)
        })
    }

    fn real_server(&self, table: &mut Table) -> Result<()> {
        let tap = Tap::create("bench0", &format!("{HOST}/24"))?;
        let _server = TftpServer::start(
            &Guests::open()?.atftpd(),
            HOST,
            &self.folder.join("files").canonicalize()?,
        )?;
        let nic = || Nic::Tap {
            interface: tap.interface().to_owned(),
        };
        for window in [1, 16, 64] {
            let name = format!("TFTP, atftpd, block 1468, window {window}");
            self.row(table, &name, Kind::MiBPerSecond, |loader| {
                let mut session = Session::start(&self.machine(loader, nic())?)?;
                session.reach_prompt()?;
                session.network(BOARD, HOST)?;
                session.command("setenv tftpblocksize 1468")?;
                session.command(&format!("setenv tftpwindowsize {window}"))?;
                session.rate("tftpboot 0x42000000 large", LARGE)
            })?;
        }
        self.row(
            table,
            "TFTP, atftpd, each loader's defaults",
            Kind::MiBPerSecond,
            |loader| {
                let mut session = Session::start(&self.machine(loader, nic())?)?;
                session.reach_prompt()?;
                session.network(BOARD, HOST)?;
                session.rate("tftpboot 0x42000000 large", LARGE)
            },
        )
    }

    /// U-Boot 2023.01 has no wget, so the newest one that Debian has stands in for it.
    fn web_server(&self, table: &mut Table) -> Result<()> {
        let guests = Guests::open()?;
        let scenario = Scenario::create(&self.folder.join("web"))?;
        scenario.write("huge", &noise(HUGE, 0))?;
        let tap = Tap::create("bench1", &format!("{WEB_HOST}/24"))?;
        let places = (scenario.folder(), &*self.folder.join("nginx"));
        let _server = WebServer::start(&guests.nginx(), WEB_HOST, places)?;
        let newest = self.beside(guests.u_boot());
        let name = "HTTP, nginx, 64 MiB (U-Boot 2025.01)";
        newest.row(table, name, Kind::MiBPerSecond, |loader| {
            let nic = Nic::Tap {
                interface: tap.interface().to_owned(),
            };
            let mut session = Session::start(&newest.machine(loader, nic)?)?;
            session.reach_prompt()?;
            session.network(WEB_BOARD, WEB_HOST)?;
            session.rate("wget 0x42000000 /huge", HUGE)
        })
    }

    /// The same disk for both: a file of 64 MiB on FAT in a row and in pieces of four clusters, on ext4, and the blocks as such; and Slipway
    /// beside itself, the file beside as many blocks.
    fn disks(&self, table: &mut Table) -> Result<()> {
        const BLOCKS: &str = "virtio read 0x42000000 0 20000";
        const FILE: &str = "load virtio 0:1 0x42000000 huge";
        let rows = [
            ("`load virtio`, 64 MiB, FAT32", FILE),
            (
                "`load virtio`, 64 MiB, FAT32 in pieces",
                "load virtio 0:1 0x42000000 pieces",
            ),
            ("`load virtio`, 64 MiB, ext4", "load virtio 0:2 0x42000000 huge"),
            ("`virtio read`, 64 MiB", BLOCKS),
        ];
        let beside = "`load virtio`, FAT32 (right) beside `virtio read`, 64 MiB";
        if !rows.iter().any(|(name, _)| name.contains(&self.only)) && !beside.contains(&self.only) {
            return Ok(());
        }
        let image = self.disk_image()?;
        for (name, command) in rows {
            self.row(table, name, Kind::MiBPerSecond, |loader| {
                self.disk_rate(&image, loader, command)
            })?;
        }
        self.row(table, beside, Kind::MiBPerSecond, |side| {
            let command = match side {
                Loader::UBoot => BLOCKS,
                Loader::Slipway => FILE,
            };
            self.disk_rate(&image, Loader::Slipway, command)
        })
    }

    /// The rate of a command on a machine of its own, done often in one line: 64 MiB are there in the time that some keys take. Before that it
    /// is done once, so that what either loader caches counts.
    fn disk_rate(&self, image: &DiskImage, loader: Loader, command: &str) -> Result<Option<f64>> {
        const TIMES: usize = 32;
        let machine = self.machine(loader, Nic::None)?.disk(image.path());
        let mut session = Session::start(&machine)?;
        session.reach_prompt()?;
        session.command("virtio scan")?;
        session.command(command)?;
        let times = vec!["1"; TIMES].join(" ");
        // None fails unnoticed, and the echo of what is typed is not what is waited for.
        let line = format!("for i in {times}; do {command} || setenv failed 1; done; echo \"en\"ded$failed");
        session.rate_until(&line, TIMES * HUGE, "ended\r\n")
    }

    fn disk_image(&self) -> Result<DiskImage> {
        let folder = self.folder.join("disk");
        let _ = std::fs::remove_dir_all(&folder);
        let content = folder.join("content");
        std::fs::create_dir_all(&content)?;
        let formats = [(Format::Fat32(8), 300), (Format::Ext4, 100)];
        let image = DiskImage::create(&folder.join("disk.img"), Scheme::Mbr, &formats)?;
        let huge = content.join("huge");
        std::fs::write(&huge, noise(HUGE, 0))?;
        image.add(0, &[&huge])?;
        image.fill_ext4(1, &content)?;
        // Files of four clusters, every second of them removed, leave 64 MiB of gaps for the file in pieces.
        let filler = folder.join("filler");
        std::fs::create_dir_all(&filler)?;
        let names: Vec<String> = (0..8400).map(|index| format!("{index}")).collect();
        for name in &names {
            std::fs::write(filler.join(name), [0; 16384])?;
        }
        image.add(0, &[&filler])?;
        let gone: Vec<String> = names.iter().step_by(2).map(|name| format!("filler/{name}")).collect();
        for some in gone.chunks(500) {
            image.remove(0, some)?;
        }
        let pieces = folder.join("pieces");
        std::fs::rename(&huge, &pieces)?;
        image.add(0, &[&pieces])?;
        // What the host still has to write would be in the way of what is measured.
        std::fs::File::open(image.path())?.sync_all()?;
        Ok(image)
    }

    /// Debian's U-Boot for this machine knows no SD cards: one that does stands in for it, and Slipway's files stand beside as many blocks.
    /// QEMU's model of a card takes about 0.2 s of the host's time for each MiB, whoever reads it.
    fn card(&self, table: &mut Table) -> Result<()> {
        const FILE: (&str, &str) = ("load mmc 0:1 0x42000000 four", "4194304 bytes read");
        const BLOCKS: (&str, &str) = ("mmc read 0x42000000 1000 2000", "8192 blocks read: OK");
        let names = [
            "SD on PCI: `load mmc`, 4 MiB, QEMU's CPU time",
            "SD on PCI: `load mmc` (right) beside `mmc read`, 4 MiB",
        ];
        if !names.iter().any(|name| name.contains(&self.only)) {
            return Ok(());
        }
        let image = four_mib_on_a_card(&self.folder.join("card"))?;
        let start = |bench: &Self, loader| -> Result<Session> {
            let mut session = Session::start(&bench.machine(loader, Nic::None)?.card(image.path()))?;
            session.reach_prompt()?;
            session.command("mmc dev 0")?;
            Ok(session)
        };
        let with_cards = self.beside(Guests::open()?.u_boot_cards());
        self.row(table, names[0], Kind::Seconds, |loader| {
            start(&with_cards, loader)?.processor_time(FILE.0, FILE.1)
        })?;
        self.row(table, names[1], Kind::MiBPerSecond, |side| {
            let (line, closing) = match side {
                Loader::UBoot => BLOCKS,
                Loader::Slipway => FILE,
            };
            start(self, Loader::Slipway)?.rate_until(line, 4 << 20, closing)
        })
    }

    /// The same card on a machine whose U-Boot knows it: no DMA there, the processor moves every word.
    fn raspberry_pi(&self, table: &mut Table) -> Result<()> {
        let name = "SD on raspi4b: `load mmc`, 4 MiB, QEMU's CPU time";
        if !name.contains(&self.only) {
            return Ok(());
        }
        let boards = self.slipway.parent().and_then(Path::parent).ok_or("no boards")?;
        let board = boards.join("raspi4b");
        let tree = Guests::open()?.device_trees().join("broadcom/bcm2711-rpi-4-b.dtb");
        let image = four_mib_on_a_card(&self.folder.join("raspi4b"))?;
        self.row(table, name, Kind::Seconds, |loader| {
            let firmware = match loader {
                Loader::UBoot => Guests::open()?.u_boot_rpi(),
                Loader::Slipway => board.join("slipway.bin"),
            };
            let machine = Machine::of_board("raspi4b")?.boards_firmware(firmware);
            let machine = machine.card(image.path()).extra(["-dtb".as_ref(), tree.as_os_str()]);
            let mut session = Session::start(&machine)?;
            if loader == Loader::UBoot {
                session = session.with_prompt(b"\nU-Boot> ");
            }
            session.reach_prompt()?;
            session.command("mmc dev 1")?;
            session.processor_time("load mmc 1:1 0x2000000 four", "4194304 bytes read")
        })
    }

    fn xen(&self, table: &mut Table) -> Result<()> {
        // Exact sizes: U-Boot does not mend them. Both loaders get the same files and the same lines.
        let plain = self.machine(Loader::Slipway, Nic::None)?;
        let boot = boots::two_domains(&self.folder.join("xen"), &plain, Sizes::Exact, Kernel::Plain)?;
        self.row(table, "QEMU's start to Xen's first line", Kind::Seconds, |loader| {
            let nic = Nic::User {
                tftp: Some(boot.scenario.folder().to_owned()),
            };
            let mut session = Session::start(&self.machine(loader, nic)?)?;
            session.reach_prompt()?;
            session.network("10.0.2.15", "10.0.2.2")?;
            for line in &boot.loads {
                session.command(line)?;
            }
            session.send(&boot.start)?;
            session.wait(b"Xen version 4.17", Duration::from_secs(60))?;
            Ok(Some(session.since_start().as_secs_f64()))
        })
    }
}

/// A card whose first partition, FAT32, has the file `four`.
fn four_mib_on_a_card(folder: &Path) -> Result<DiskImage> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join("four");
    std::fs::write(&file, noise(4 << 20, 0))?;
    let image = DiskImage::create(&folder.join("sd.img"), Scheme::Mbr, &[(Format::Fat32(8), 300)])?;
    image.add(0, &[&file])?;
    Ok(image)
}
