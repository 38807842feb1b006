//! Real Linux by the boot order: from a card, from disks, over the network; by menus and by scripts; untouched from reset on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use qemu::forms::{self, Form};
use qemu::{Console, Firmware, GuestReport, Guests, ImageKind, Machine, Nic, Scenario};
use system_tests::{GUESTS_TIMEOUT, folder, slipway};

/// How long the loader may take to the line that is waited for.
const WAIT: std::time::Duration = std::time::Duration::from_secs(60);

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

/// A folder with a kernel and a ramdisk, and the ramdisk's size.
fn files(name: &str) -> (Scenario, u64) {
    let guests = Guests::open().unwrap();
    let scenario = Scenario::create(&folder(name)).unwrap();
    scenario.copy("Image", &guests.kernel()).unwrap();
    let ramdisk = scenario.write("initrd", &guests.ramdisk("linux").unwrap()).unwrap();
    for sub in ["extlinux", "boot/extlinux", "pxelinux.cfg"] {
        fs::create_dir_all(scenario.folder().join(sub)).unwrap();
    }
    (scenario, ramdisk)
}

/// A label that starts Linux with a word of its own.
fn label(name: &str) -> String {
    format!("label {name}\n kernel /Image\n initrd /initrd\n append console=ttyAMA0 rdinit=/init guest={name}\n")
}

/// Linux comes up with the ramdisk, and with the command line of that label.
fn comes_up(console: &mut Console, ramdisk: u64, label: &str) {
    let reports = GuestReport::expect(console, 1, GUESTS_TIMEOUT).unwrap();
    let report = &reports["linux"];
    assert_eq!(report.ramdisk, ramdisk);
    assert!(report.cmdline.ends_with(&format!("guest={label}")), "{report:?}");
}

/// The lines stand in the transcript, in this order.
fn assert_lines(console: &Console, lines: &[&str]) {
    let transcript = console.transcript().replace('\r', "");
    let mut rest = transcript.as_str();
    for line in lines {
        let at = rest
            .find(line)
            .unwrap_or_else(|| panic!("no {line:?} there:\n{transcript}"));
        rest = &rest[at + line.len()..];
    }
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn make_sd(args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/make-sd");
    run(Command::new(script).args(args))
}

/// The image of a card with the folder's files.
fn card(scenario: &Scenario) -> PathBuf {
    let image = scenario.folder().with_extension("card.img");
    let args = [
        "qemu-virt",
        scenario.folder().to_str().unwrap(),
        image.to_str().unwrap(),
    ];
    let output = make_sd(&args);
    assert!(output.status.success(), "{output:?}");
    let last = String::from_utf8(output.stdout).unwrap();
    assert_eq!(last.lines().last(), image.to_str());
    image
}

/// A disk without partitions that is an ext4 with the folder's files.
fn ext4(scenario: &Scenario) -> PathBuf {
    let image = scenario.folder().with_extension("ext4.img");
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("mke2fs");
    command.env("PATH", path).args(["-q", "-F", "-t", "ext4", "-d"]);
    let output = run(command.arg(scenario.folder()).arg(&image).arg("64M"));
    assert!(output.status.success(), "{output:?}");
    image
}

#[test]
fn a_menu_on_a_card() {
    let (scenario, ramdisk) = files("extlinux-card");
    let menu = format!("default second\n{}{}", label("first"), label("second"));
    scenario.write("extlinux/extlinux.conf", menu.as_bytes()).unwrap();
    let machine = machine().card(&card(&scenario));
    let mut console = machine.spawn("extlinux-card").unwrap();
    comes_up(&mut console, ramdisk, "second");
    let lines = [
        "mmc 0:1: boot.scr ... not there\n",
        "mmc 0:1: extlinux.conf ... Found /extlinux/extlinux.conf\n",
        "Retrieving file: /extlinux/extlinux.conf\n",
        "2:\tsecond\n",
        "Retrieving file: /Image\n",
        "Retrieving file: /initrd\n",
        "append: console=ttyAMA0 rdinit=/init guest=second\n",
        "\nStarting kernel ...\n",
    ];
    assert_lines(&console, &lines);
}

#[test]
fn a_menu_on_an_ext4_disk_waits_for_a_choice() {
    let (scenario, ramdisk) = files("extlinux-ext4");
    let menu = format!("menu title Which?\ntimeout 9000\n{}{}", label("first"), label("second"));
    scenario.write("boot/extlinux/extlinux.conf", menu.as_bytes()).unwrap();
    let mut console = machine().disk(&ext4(&scenario)).spawn("extlinux-ext4").unwrap();
    console
        .expect("Which?\r\n1:\tfirst\r\n2:\tsecond\r\nEnter choice: ", WAIT)
        .unwrap();
    console.send(b"2\r").unwrap();
    comes_up(&mut console, ramdisk, "second");
    assert_lines(
        &console,
        &["virtio 0:0: extlinux.conf ... Found /boot/extlinux/extlinux.conf\n"],
    );
}

/// The card's menu starts nothing, the first disk has nothing, the second one has a script for U-Boot.
#[test]
fn what_does_not_start_is_passed_over() {
    let (broken, _) = files("extlinux-broken");
    broken
        .write("extlinux/extlinux.conf", b"label one\n kernel /nothere\n")
        .unwrap();
    let (empty, _) = files("extlinux-empty");
    let (scenario, ramdisk) = files("extlinux-script");
    let script = "\
load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} ${prefix}Image
load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} ${prefix}initrd
setenv bootargs console=ttyAMA0 rdinit=/init guest=script
booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdtcontroladdr}
";
    scenario.write("boot.txt", script.as_bytes()).unwrap();
    scenario.wrap("boot.scr", "boot.txt", ImageKind::Script).unwrap();
    // The disk that is added last is the first one.
    let machine = machine()
        .card(&card(&broken))
        .disk(&card(&scenario))
        .disk(&ext4(&empty));
    let mut console = machine.spawn("extlinux-script").unwrap();
    comes_up(&mut console, ramdisk, "script");
    let lines = [
        "mmc 0:1: extlinux.conf ... Found /extlinux/extlinux.conf\n",
        "Skipping one for failure retrieving kernel\n",
        "No label of the menu could be started\n",
        "virtio 0:0: extlinux.conf ... not there\n",
        "virtio 1:1: boot.scr ... Found U-Boot script /boot.scr\n",
        "## Executing script at 40200000\n",
    ];
    assert_lines(&console, &lines);
}

/// No card, no disk: DHCP, no script there, and a menu by TFTP.
#[test]
fn a_menu_by_tftp() {
    let (scenario, ramdisk) = files("extlinux-pxe");
    let menu = format!("include more\n{}", label("first"));
    scenario.write("pxelinux.cfg/default-arm", menu.as_bytes()).unwrap();
    scenario
        .write("more", b"say Hello from the server\ntimeout 10\n")
        .unwrap();
    let nic = Nic::User {
        tftp: Some(scenario.folder().to_owned()),
    };
    let mut console = machine().nic(nic).spawn("extlinux-pxe").unwrap();
    comes_up(&mut console, ramdisk, "first");
    let lines = [
        "DHCP client bound to address 10.0.2.15",
        "dhcp: boot.scr.uimg ... not there\n",
        "dhcp: boot.scr ... not there\n",
        "Retrieving file: pxelinux.cfg/01-52-54-00-12-34-56\n",
        "Retrieving file: pxelinux.cfg/0A00020F\n",
        "Config file 'pxelinux.cfg/default-arm' found\n",
        "Retrieving file: more\n",
        "Hello from the server\n",
        "1:\tfirst\n",
        "\nStarting kernel ...\n",
    ];
    assert_lines(&console, &lines);
}

/// The server's files are right: U-Boot starts them too.
#[test]
fn u_boot_starts_the_same_menu_by_tftp() {
    let (scenario, ramdisk) = files("extlinux-pxe-u-boot");
    scenario
        .write("pxelinux.cfg/default-arm", label("first").as_bytes())
        .unwrap();
    let u_boot = Firmware::Bios(Guests::open().unwrap().u_boot());
    let machine = Machine::load("virt").unwrap().firmware(u_boot);
    let mut console = system_tests::online(machine, scenario.folder(), "extlinux-pxe-u-boot").unwrap();
    let answer = console.command("pxe get").unwrap();
    assert!(answer.contains("Retrieving file: pxelinux.cfg/default-arm"), "{answer}");
    console.send_line("pxe boot").unwrap();
    comes_up(&mut console, ramdisk, "first");
}

/// A FIT's configuration, chosen by its name; its tree is the FIT's own.
#[test]
fn a_fit_by_sysboot() {
    let boot = qemu::boots::linux_fit(&folder("extlinux-fit"), &machine()).unwrap();
    let menu = "label fit\n kernel ../linux.itb#conf-1\n append console=ttyAMA0 rdinit=/init guest=linux\n";
    fs::create_dir(boot.scenario.folder().join("extlinux")).unwrap();
    boot.scenario.write("extlinux/extlinux.conf", menu.as_bytes()).unwrap();
    let mut console = machine().disk(&ext4(&boot.scenario)).spawn("extlinux-fit").unwrap();
    console.prompt().unwrap();
    let list = console.command("bootflow list").unwrap();
    assert!(list.contains("  0  extlinux     virtio       0  virtio 0:0"), "{list}");
    console
        .send_line("sysboot virtio 0 ext4 ${pxefile_addr_r} /extlinux/extlinux.conf")
        .unwrap();
    comes_up(&mut console, boot.guests[0].1, "linux");
    assert_lines(&console, &["Using 'conf-1' configuration\n", "sha256+ OK\n"]);
}

#[test]
fn a_machine_with_nothing_to_boot_comes_to_its_prompt() {
    let mut console = machine().spawn("extlinux-nothing").unwrap();
    console
        .expect("Nothing was booted: no target is left\r\n=> ", WAIT)
        .unwrap();
}

/// Names, sizes and places that cannot be are refused before anything is written; what is made is whole.
#[test]
fn cards_are_made_of_what_fits() {
    let (scenario, _) = files("extlinux-make-sd");
    let folder = scenario.folder().to_str().unwrap();
    let image = scenario.folder().with_extension("sized.img");
    let image = image.to_str().unwrap();
    let _ = fs::remove_file(image);
    let refused = |args: &[&str], why: &str| {
        let output = make_sd(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(why), "{args:?}: {said}");
        assert!(!Path::new(image).exists());
    };
    refused(&[], "usage: scripts/make-sd");
    refused(&["--size"], "usage: scripts/make-sd");
    refused(&["nosuchboard", folder, image], "where BOARD is one of: ");
    refused(&["qemu-virt", "/nosuchfolder", image], "/nosuchfolder is no directory");
    refused(&["qemu-virt", folder, "/dev/null"], "/dev/null is no file");
    refused(
        &["--size", "big", "qemu-virt", folder, image],
        "--size big: a size is a number of MiB",
    );
    refused(
        &["--size", "32", "qemu-virt", folder, image],
        "a card has at least 64 MiB",
    );
    refused(
        &["--size", "2048G", "qemu-virt", folder, image],
        "larger than a partition table",
    );
    fs::File::create(scenario.folder().join("large"))
        .unwrap()
        .set_len(70 << 20)
        .unwrap();
    refused(
        &["--size", "64", "qemu-virt", folder, image],
        "MiB, and the card has 64",
    );
    fs::File::create(scenario.folder().join("large"))
        .unwrap()
        .set_len(4 << 30)
        .unwrap();
    refused(&["qemu-virt", folder, image], "larger than a file on FAT can be");
    fs::remove_file(scenario.folder().join("large")).unwrap();
    fs::write(scenario.folder().join("IMAGE"), b"").unwrap();
    refused(&["qemu-virt", folder, image], "differ only in the case of letters");
    fs::remove_file(scenario.folder().join("IMAGE")).unwrap();
    let output = make_sd(&["--size", "100", "qemu-virt", folder, image]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("QEMU takes no such card: 100 is no power of two"),
        "{said}"
    );
    assert_eq!(fs::metadata(image).unwrap().len(), 100 << 20);
}

/// Xen's configuration, on a card and on a server, where there is neither a script nor a menu.
#[test]
fn xen_by_its_configuration() {
    let boot = forms::boot(&folder("boot-order-xen"), &machine(), Form::Config).unwrap();
    let check = |console: &mut Console| {
        let reports = GuestReport::expect(console, 2, GUESTS_TIMEOUT).unwrap();
        for (name, ramdisk) in &boot.guests {
            assert_eq!(reports[name].ramdisk, *ramdisk);
        }
    };
    let mut console = machine()
        .card(&card(&boot.scenario))
        .spawn("boot-order-xen-card")
        .unwrap();
    check(&mut console);
    let lines = [
        "mmc 0:1: extlinux.conf ... not there\n",
        "mmc 0:1: xen.cfg ... Found /xen.cfg\n",
        "Retrieving file: /Image\n",
        "\nStarting kernel ...\n",
    ];
    assert_lines(&console, &lines);
    let nic = Nic::User {
        tftp: Some(boot.scenario.folder().to_owned()),
    };
    let mut console = machine().nic(nic).spawn("boot-order-xen-tftp").unwrap();
    check(&mut console);
    let lines = [
        "Config file not found\n",
        "Retrieving file: xen.cfg\n",
        "\nStarting kernel ...\n",
    ];
    assert_lines(&console, &lines);
}
