//! From reset to the guests' shells: DHCP, TFTP, a device tree with wrong sizes, real Xen, real Linux.

use loader_core::devicetree::Tree;
use qemu::boots::{self, Boot, Kernel, Sizes};
use qemu::dts::{Chosen, Domain, Module};
use qemu::{Firmware, Guests, Machine};
use system_tests::{GUESTS_TIMEOUT, assert_placed, folder, load, slipway, start};

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

/// Boots what `prepare` makes; the printed table must give each module's exact size, and each guest its own ramdisk.
fn boot(name: &str, prepare: impl FnOnce(&std::path::Path, &Machine) -> Result<Boot, boots::Error>) {
    let boot = prepare(&folder(name), &machine()).unwrap();
    let mut console = load(machine(), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
    assert_placed(&console.transcript(), &boot);
}

#[test]
fn two_domains_whose_sizes_the_tree_does_not_know() {
    boot("two-domains", |folder, machine| {
        boots::two_domains(folder, machine, Sizes::Unknown, Kernel::Plain)
    });
}

/// What lies in memory when Xen takes over: the machine is stopped at the jump and its tree read back.
#[test]
fn the_tree_at_the_jump_is_true() {
    let name = "tree-at-the-jump";
    let boot = boots::two_domains(&folder(name), &machine(), Sizes::Unknown, Kernel::Plain).unwrap();
    let mut console = load(machine(), &boot, name).unwrap();
    console.send_line(&boot.start).unwrap();
    console.expect("Starting kernel ...", GUESTS_TIMEOUT).unwrap();
    console.monitor("stop", serde_json::json!({})).unwrap();
    let (_, address) = boot.start.rsplit_once(" 0x").expect("the tree is the last word");
    let blob = console
        .read_memory(u64::from_str_radix(address, 16).unwrap(), 0x1_0000)
        .unwrap();
    let tree = Tree::parse(&blob).unwrap();
    assert_eq!(boot.modules.len(), 4);
    for placed in &boot.modules {
        let path = format!("/chosen/{}/module@{:x}", placed.domain, placed.address);
        let node = tree.find(&path).unwrap_or_else(|| panic!("no node {path}"));
        assert_eq!(tree.reg(node).unwrap(), [(placed.address, placed.size)], "{path}");
    }
}

#[test]
fn two_domains_with_compressed_kernels() {
    boot("two-domains-gzip", |folder, machine| {
        boots::two_domains(folder, machine, Sizes::Unknown, Kernel::Gzip)
    });
}

#[test]
fn the_documents_block() {
    boot("document", |folder, machine| {
        boots::document(folder, machine, Sizes::Unknown, Kernel::Plain)
    });
}

/// U-Boot fails here: see `harness.rs`.
#[test]
fn the_documents_block_with_compressed_kernels() {
    boot("document-gzip", |folder, machine| {
        boots::document(folder, machine, Sizes::Unknown, Kernel::Gzip)
    });
}

/// What people write that is not what Xen reads, but has one meaning (`qemu/src/slips.rs`).
#[test]
fn a_tree_with_slips() {
    boot("slips", qemu::slips::boot);
}

#[test]
fn linux_by_itself() {
    boot("linux", |folder, _| boots::linux(folder, Kernel::Plain));
}

#[test]
fn compressed_linux_by_itself() {
    boot("linux-gzip", |folder, _| boots::linux(folder, Kernel::Gzip));
}

/// Xen's file ends before its image does: with U-Boot, what is loaded right behind the file is zeroed with Xen's `.bss`.
#[test]
fn a_module_in_xens_bss() {
    let size = std::fs::metadata(Guests::open().unwrap().xen()).unwrap().len();
    let address = 0x4140_0000 + size.next_multiple_of(0x1000);
    boot("xen-bss", |folder, machine| {
        let mut boot = boots::two_domains(folder, machine, Sizes::Unknown, Kernel::Plain)?;
        let domain = Domain {
            name: "domU1".into(),
            memory_kib: 128 * 1024,
            cpus: 1,
            kernel: Module::of_unknown_size(0x4200_0000),
            ramdisk: Module::of_unknown_size(address),
            bootargs: "console=ttyAMA0 rdinit=/init guest=domU1".into(),
            enhanced: false,
        };
        let chosen = Chosen {
            cells: 2,
            xen_bootargs: "console=dtuart dtuart=/pl011@9000000".into(),
            dom0: None,
            domains: vec![domain],
        };
        boot.scenario.device_tree("virt.dtb", machine, &chosen.source())?;
        boot.loads.retain(|line| !line.contains("domU"));
        boot.loads.push(format!("tftpb {address:#x} domU1.cpio.gz"));
        boot.guests.truncate(1);
        boot.modules.truncate(2);
        boot.modules[1].address = address;
        Ok(boot)
    });
}

#[test]
fn linux_starts_at_el1_and_xen_is_refused() {
    let name = "el1";
    let boot = boots::linux(&folder(name), Kernel::Plain).unwrap();
    let mut console = load(machine().el1(), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();

    let name = "el1-xen";
    let boot = boots::two_domains(&folder(name), &machine(), Sizes::Unknown, Kernel::Plain).unwrap();
    let mut console = load(machine().el1(), &boot, name).unwrap();
    let answer = console.command(&boot.start).unwrap();
    assert!(
        answer.contains("is Xen and needs EL2, this machine runs at EL1"),
        "{answer}"
    );
    assert!(!console.transcript().contains("Starting kernel"));
}

/// The machine comes back from a reset while its RAM is full of what was loaded, and boots again.
#[test]
fn a_second_boot_after_a_warm_reset() {
    let name = "warm-reset";
    let boot = boots::two_domains(&folder(name), &machine(), Sizes::Unknown, Kernel::Gzip).unwrap();
    let mut console = load(machine(), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
    console.system_reset().unwrap();
    console.prompt().unwrap();
    for line in ["setenv autoload no", "dhcp"]
        .into_iter()
        .chain(boot.loads.iter().map(String::as_str))
    {
        console.command(line).unwrap();
    }
    console.send_line(&boot.start).unwrap();
    console.expect("Starting kernel", GUESTS_TIMEOUT).unwrap();
    console.expect("SLIPWAY-GUEST domU", GUESTS_TIMEOUT).unwrap();
}
