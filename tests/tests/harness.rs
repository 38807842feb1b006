//! Debian's U-Boot boots the same scenarios: what the other tests use is sound, and does what a person's files do.

use qemu::boots::{self, Boot, Kernel, Sizes};
use qemu::{GuestReport, Machine};
use system_tests::{GUESTS_TIMEOUT, folder, load, u_boot};

fn boot(machine: Machine, boot: &Boot, name: &str) {
    let (mut console, _) = load(machine.firmware(u_boot()), boot, name).unwrap();
    console.send_line(&boot.start).unwrap();
    let reports = GuestReport::expect(&mut console, boot.guests.len(), GUESTS_TIMEOUT).unwrap();
    for (name, ramdisk) in &boot.guests {
        let report = &reports[name];
        assert_eq!(report.ramdisk, *ramdisk, "{report:?}");
        assert!(report.cmdline.ends_with(&format!("guest={name}")), "{report:?}");
        assert_eq!(report.hypervisor, if name == "dom0" { "xen" } else { "none" });
    }
}

#[test]
fn u_boot_boots_two_domains() {
    let name = "harness-two-domains";
    let machine = Machine::load("virt").unwrap();
    let files = boots::two_domains(&folder(name), &machine, Sizes::Exact, Kernel::Gzip).unwrap();
    boot(machine, &files, name);
}

#[test]
fn u_boot_boots_the_documents_block() {
    let name = "harness-document";
    let machine = Machine::load("virt").unwrap();
    let files = boots::document(&folder(name), &machine, Sizes::Exact, Kernel::Plain).unwrap();
    boot(machine, &files, name);
}
