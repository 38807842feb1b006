//! Trusted Firmware-A in front of the loader: as Debian builds it for the Raspberry Pi, and the whole of it, from the reset vector on, on
//! QEMU's virt machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use qemu::forms::{self, Form};
use qemu::{Firmware, Guests, Machine};
use system_tests::{built, card_with, folder, online, start};

/// From a reset, or to the machine's end.
const RESET: Duration = Duration::from_secs(60);

/// Where the Raspberry Pi's firmware puts a tree and a kernel, or could.
const TREE: u32 = 0x300_0000;
const LOADER: u32 = 0x8_0000;

/// BL31 as the Pi's firmware leaves an armstub: in its header the magic number is cleared, and there are the tree's address and the kernel's.
fn armstub() -> Vec<u8> {
    let path = Guests::open().unwrap().tf_a_rpi4();
    let mut stub = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run scripts/setup", path.display()));
    assert_eq!(stub[0xf0..0xf4], 0x5afe_570b_u32.to_le_bytes(), "the magic number");
    for (at, value) in [(0xf0, 0), (0xf8, TREE), (0xfc, LOADER)] {
        stub[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    stub
}

/// TF-A makes the console another port in the tree, adds PSCI to it, and reserves its own memory there. `reset` is TF-A's, and it is TF-A that
/// starts Xen's other CPUs. QEMU gives this board a GIC without the security extensions unless it is told, and TF-A's settings would then
/// keep every interrupt from Xen.
#[test]
fn tf_a_starts_the_loader_and_xens_cpus() {
    let name = "tf-a-raspi4b";
    let mut boot = forms::one_domain(&folder(name), "serial0").unwrap();
    boot.start = "xen boot mmc 1:1".to_owned();
    let image = card_with(&boot, ["xen", "Image.gz", "domU1.cpio.gz", "xen.cfg"]);
    let stub = boot.scenario.folder().join("armstub.bin");
    fs::write(&stub, armstub()).unwrap();
    let tree = Guests::open().unwrap().device_trees();
    let tree = tree.join("broadcom/bcm2711-rpi-4-b.dtb");
    let device = |file: &Path, at: u32| format!("loader,file={},addr={at:#x},force-raw=on", file.display());
    let loader = built("raspi4b", "slipway.bin");
    let devices = [device(&stub, 0), device(&loader, LOADER), device(&tree, TREE)];
    let machine = Machine::of_board("raspi4b").unwrap().console(0).card(image.path());
    let machine = machine.extra(devices.iter().flat_map(|device| ["-device", device]));
    let machine = machine.extra(["-global", "arm_gic.has-security-extensions=on"]);

    let mut console = machine.spawn(name).unwrap();
    console.prompt().unwrap();
    let transcript = console.transcript();
    for line in ["BL31: v2.", "Board: raspi4b (Raspberry Pi 4 Model B), at EL2"] {
        assert!(transcript.contains(line), "no {line:?} in {transcript}");
    }
    let answer = console
        .command("fdt addr ${fdtcontroladdr}; fdt list /psci; bdinfo")
        .unwrap();
    assert!(answer.contains("method = \"smc\""), "{answer}");
    assert!(answer.contains("0x0..0x80000 /reserved-memory/atf@0"), "{answer}");
    console.send_line("reset").unwrap();
    console.expect("PSCI_SYSTEM_RESET", RESET).unwrap();
    console.prompt().unwrap();
    start(&mut console, &boot).unwrap();
    let transcript = console.transcript();
    assert!(transcript.contains("Brought up 4 CPUs"), "{transcript}");
}

/// The flash that `scripts/flash-image` makes: BL1 at the reset vector, and a FIP with BL2, BL31 and the loader. Made once, for the script
/// begins anew each time.
static FLASH: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut command = Command::new("scripts/flash-image");
    command.arg("qemu-virt").arg(Guests::open().unwrap().tf_a_qemu());
    let output = command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}: run scripts/setup");
    PathBuf::from(text.lines().last().unwrap())
});

/// The machine with a secure world, which TF-A lives in: RAM of its own, the first flash, a UART and the lines that reset the machine.
fn secure_machine() -> Machine {
    Machine::load("virt")
        .unwrap()
        .firmware(Firmware::Bios(FLASH.clone()))
        .el3()
}

/// What the tree has for the secure world alone is neither RAM nor a device here; the second flash is, and keeps the environment over a
/// reset by TF-A. Xen's other CPUs come up by PSCI.
#[test]
fn the_whole_chain_from_the_reset_vector_to_guests() {
    let name = "tf-a-virt";
    let boot = forms::boot(&folder(name), &secure_machine(), Form::Config).unwrap();
    let environment = boot.scenario.folder().join("env.img");
    fs::File::create(&environment).unwrap().set_len(64 << 20).unwrap();
    let machine = secure_machine().flash(&environment);

    let mut console = online(machine, boot.scenario.folder(), name).unwrap();
    let transcript = console.transcript();
    for line in [
        "BL1: v2.",
        "BL2: v2.",
        "BL31: v2.",
        "Board: qemu-virt (QEMU's virt machine), at EL2",
    ] {
        assert!(transcript.contains(line), "no {line:?} in {transcript}");
    }
    assert!(!transcript.contains("not used"), "{transcript}");
    let answer = console
        .command("fdt addr ${fdtcontroladdr}; fdt list /psci; bdinfo")
        .unwrap();
    assert!(answer.contains("method = \"smc\""), "{answer}");
    assert_eq!(
        answer.matches("-> size     = 0x0000000040000000").count(),
        1,
        "{answer}"
    );
    assert_eq!(
        answer.matches("-> size ").count(),
        1,
        "the secure RAM is no bank: {answer}"
    );
    for (what, address) in [
        ("flash", "0x0"),
        ("RAM", "0xe000000"),
        ("UART", "0x9040000"),
        ("GPIO", "0x90b0000"),
    ] {
        let answer = console.command(&format!("md.l {address} 1")).unwrap();
        assert!(answer.contains("nothing answers at"), "the secure {what}: {answer}");
    }
    console.command("setenv kept over the reset; saveenv").unwrap();
    console.send_line("reset").unwrap();
    console.expect("BL31: v2.", RESET).unwrap();
    console.prompt().unwrap();
    assert_eq!(console.command("printenv kept").unwrap().trim(), "kept=over the reset");
    console.command("setenv autoload no; dhcp").unwrap();
    let reports = start(&mut console, &boot).unwrap();
    assert_eq!(reports["domU2"].cpus, 2, "{reports:?}");
    let transcript = console.transcript();
    assert!(transcript.contains("Brought up 2 CPUs"), "{transcript}");
}

/// TF-A enters the loader at EL1 where there is no EL2; a fault and `poweroff` are its business too.
#[test]
fn tf_a_without_el2_resets_and_powers_off() {
    let mut console = secure_machine().el1().spawn("tf-a-virt-el1").unwrap();
    console.prompt().unwrap();
    assert!(console.transcript().contains("), at EL1"), "{}", console.transcript());
    console.send_line("exception undefined").unwrap();
    console.expect("### resetting", RESET).unwrap();
    console.expect("BL31: v2.", RESET).unwrap();
    console.prompt().unwrap();
    console.send_line("poweroff").unwrap();
    assert!(console.wait_end(RESET).unwrap().success());
}
