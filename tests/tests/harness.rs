//! Debian's U-Boot boots the same scenarios: what the other tests use is sound, and does what a person's files do.

use qemu::Machine;
use qemu::boots::{self, Kernel, Sizes};
use system_tests::{folder, load, start, u_boot};

#[test]
fn u_boot_boots_two_domains() {
    let name = "u-boot-two-domains";
    let machine = Machine::load("virt").unwrap();
    let boot = boots::two_domains(&folder(name), &machine, Sizes::Exact, Kernel::Gzip).unwrap();
    let mut console = load(machine.firmware(u_boot()), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}

#[test]
fn u_boot_boots_the_documents_block() {
    let name = "u-boot-document";
    let machine = Machine::load("virt").unwrap();
    let boot = boots::document(&folder(name), &machine, Sizes::Exact, Kernel::Plain).unwrap();
    let mut console = load(machine.firmware(u_boot()), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}

#[test]
fn u_boot_boots_linux() {
    let name = "u-boot-linux";
    let boot = boots::linux(&folder(name), Kernel::Plain).unwrap();
    let mut console = load(Machine::load("virt").unwrap().firmware(u_boot()), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}

/// Why the sizes in the tree matter: with the document's own size Xen does not start a compressed dom0, nor says why.
#[test]
fn u_boot_with_the_documents_sizes_fails_on_compressed_kernels() {
    let name = "u-boot-unknown-sizes";
    let machine = Machine::load("virt").unwrap();
    let boot = boots::document(&folder(name), &machine, Sizes::Unknown, Kernel::Gzip).unwrap();
    let mut console = load(machine.firmware(u_boot()), &boot, name).unwrap();
    console.send_line(&boot.start).unwrap();
    console
        .expect("Could not set up DOM0 guest OS", system_tests::GUESTS_TIMEOUT)
        .unwrap();
}
