//! FIT images on a whole machine: Xen and its guests as ImageBuilder packs them, and Linux by a configuration.

use qemu::boots::{self, Boot};
use qemu::generated::{Dialect, dom0_and_domain};
use qemu::{Firmware, Machine};
use system_tests::{assert_placed, folder, load, slipway, start, u_boot};

fn image_builder(name: &str) -> Boot {
    dom0_and_domain(&folder(name), &Machine::load("virt").unwrap(), Dialect::Fit).unwrap()
}

fn linux(name: &str, firmware: Firmware) -> String {
    let machine = Machine::load("virt").unwrap().firmware(firmware);
    let boot = boots::linux_fit(&folder(name), &machine).unwrap();
    let mut console = load(machine, &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
    console.transcript()
}

/// The script takes every file out of the FIT; each is known by its name, place and size then.
#[test]
fn image_builders_fit() {
    let name = "fit-imagebuilder";
    let boot = image_builder(name);
    let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()));
    let mut console = load(machine, &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
    let transcript = console.transcript();
    assert_placed(&transcript, &boot);
    for word in ["Note:", "Warning:", "corrected"] {
        assert!(!transcript.contains(word), "{word}:\n{transcript}");
    }
}

/// The FIT is right: U-Boot starts it too.
#[test]
fn u_boot_starts_image_builders_fit() {
    let name = "fit-imagebuilder-u-boot";
    let boot = image_builder(name);
    let machine = Machine::load("virt").unwrap().firmware(u_boot());
    let mut console = load(machine, &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}

#[test]
fn linux_by_a_configuration() {
    let transcript = linux("fit-linux", Firmware::Bios(slipway()));
    for line in [
        "   Using 'conf-1' configuration",
        "   Verifying Hash Integrity ... sha256+ OK",
        "   Verifying Hash Integrity ... sha1+ OK",
    ] {
        assert!(transcript.contains(line), "{line}:\n{transcript}");
    }
}

#[test]
fn u_boot_starts_linux_by_a_configuration() {
    linux("fit-linux-u-boot", u_boot());
}
