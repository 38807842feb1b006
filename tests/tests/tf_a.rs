//! Trusted Firmware-A, as Debian builds it, in front of the loader.

use std::fs;
use std::path::Path;
use std::time::Duration;

use qemu::{Guests, Machine, forms};
use system_tests::{built, card_with, folder, start};

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
    console.expect("PSCI_SYSTEM_RESET", Duration::from_secs(60)).unwrap();
    console.prompt().unwrap();
    start(&mut console, &boot).unwrap();
    let transcript = console.transcript();
    assert!(transcript.contains("Brought up 4 CPUs"), "{transcript}");
}
