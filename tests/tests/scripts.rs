//! Scripts that generators wrote for U-Boot boot Xen and its guests unchanged; U-Boot itself runs them too, so the scripts are right.

use qemu::boots::Boot;
use qemu::generated::{Dialect, dom0_and_domain};
use qemu::{Firmware, GuestReport, Machine, Nic};
use system_tests::{GUESTS_TIMEOUT, assert_placed, folder, slipway, start, u_boot};

fn prepare(name: &str, dialect: Dialect) -> Boot {
    dom0_and_domain(&folder(name), &Machine::load("virt").unwrap(), dialect).unwrap()
}

/// Loads the packed script and runs it; each module must be at the address that the generator meant, with its exact size.
fn boots(name: &str, dialect: Dialect) {
    let boot = prepare(name, dialect);
    let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()));
    let mut console = system_tests::load(machine, &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
    let transcript = console.transcript();
    assert_placed(&transcript, &boot);
    // The generator knew the sizes: there was nothing to correct, or to complain of.
    for word in ["Note:", "Warning:", "corrected"] {
        assert!(!transcript.contains(word), "{word}:\n{transcript}");
    }
}

fn boots_with_u_boot(name: &str, dialect: Dialect) {
    let boot = prepare(name, dialect);
    let machine = Machine::load("virt").unwrap().firmware(u_boot());
    let mut console = system_tests::load(machine, &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}

#[test]
fn image_builders_script() {
    boots("script-static", Dialect::Static);
}

#[test]
fn image_builders_script_with_computed_addresses() {
    boots("script-computed", Dialect::Computed);
}

#[test]
fn xen_genboots_script() {
    boots("script-genboot", Dialect::Genboot);
}

#[test]
fn u_boot_runs_image_builders_script() {
    boots_with_u_boot("script-static-u-boot", Dialect::Static);
}

#[test]
fn u_boot_runs_image_builders_script_with_computed_addresses() {
    boots_with_u_boot("script-computed-u-boot", Dialect::Computed);
}

/// What Xen's own continuous integration types at the first prompt, where autoboot has led to it by itself: one line, to an address where
/// the machine's own tree was.
#[test]
fn the_line_of_xens_continuous_integration() {
    let name = "script-xen-ci";
    let boot = prepare(name, Dialect::Static);
    let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()));
    let mut console = machine
        .nic(Nic::User {
            tftp: Some(boot.scenario.folder().to_owned()),
        })
        .spawn(name)
        .unwrap();
    // Autoboot finds a boot.scr there; what CI wants is seen without it.
    console.prompt().unwrap();
    console
        .send_line("  virtio scan; dhcp; tftpb 0x40000000 boot.scr; source 0x40000000")
        .unwrap();
    GuestReport::expect(&mut console, boot.guests.len(), GUESTS_TIMEOUT).unwrap();
}

/// The same script as text, loaded by the board's own boot command's neighbour: `source` without an address.
#[test]
fn a_script_as_text() {
    let name = "script-text";
    let mut boot = prepare(name, Dialect::Static);
    boot.loads = vec!["tftpb ${scriptaddr} boot.source".into()];
    boot.start = "source".into();
    let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()));
    let mut console = system_tests::load(machine, &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}
