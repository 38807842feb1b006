//! Boot menus from a TFTP server, on a machine in memory.

use hal::fakes::SystemEvent;
use loader_core::context::Status;
use slipway_sim::lan::Faults;
use slipway_sim::machine::Machine;

/// A machine with an address and the places that menus need.
fn machine() -> Machine {
    let mut machine = Machine::online(Faults::default(), 1);
    for (name, value) in [
        ("pxefile_addr_r", "40100000"),
        ("kernel_addr_r", "40400000"),
        ("ramdisk_addr_r", "41000000"),
        ("scriptaddr", "40200000"),
    ] {
        machine.context.env.set(name, value).unwrap();
    }
    machine
}

/// The lines that name a file which is asked for.
fn asked(output: &str) -> Vec<&str> {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("Retrieving file: "))
        .collect()
}

#[test]
fn menus_are_looked_for_in_pxelinuxs_order() {
    let mut machine = machine();
    machine.enter("setenv arch arm; setenv board b; setenv pxeuuid 550e8400-e29b-41d4-a716-446655440000");
    machine.enter("setenv ethaddr 52:54:00:12:34:AB; setenv bootfile images/boot.img");
    let output = machine.enter("pxe get");
    let expected = [
        "550e8400-e29b-41d4-a716-446655440000",
        "01-52-54-00-12-34-ab",
        "0A00020F",
        "0A00020",
        "0A0002",
        "0A000",
        "0A00",
        "0A0",
        "0A",
        "0",
        "default-arm",
        "default",
    ];
    let expected: Vec<String> = expected
        .iter()
        .map(|name| format!("images/pxelinux.cfg/{name}"))
        .collect();
    assert_eq!(asked(&output), expected);
    assert!(
        output.ends_with("TFTP error: 'File not found' (1)\nConfig file not found\n"),
        "{output}"
    );
    assert_eq!(machine.status(), Status::Failure);
    machine.lan.add_file("images/pxelinux.cfg/0A00", b"label x\n");
    let output = machine.enter("pxe get");
    assert_eq!(asked(&output), expected[..7]);
    assert!(
        output.ends_with("Config file 'images/pxelinux.cfg/0A00' found\n"),
        "{output}"
    );
    assert_eq!(machine.status(), Status::Success);
}

#[test]
fn a_menu_is_started_with_files_of_its_server() {
    let mut machine = machine();
    machine.enter("setenv bootfile dir/x; setenv localcmd 'echo local ${bootargs}'");
    let menu = b"include more\nlabel one\nkernel /nothere\nappend 1\nlabel two\nappend 2\nipappend 3\nlocalboot 0\n";
    machine.lan.add_file("dir/pxelinux.cfg/default", menu);
    machine.lan.add_file("dir/more", b"default one\n");
    assert!(machine.enter("pxe get").ends_with("found\n"));
    let output = machine.enter("pxe boot");
    // On a server the folder comes before any name, as in U-Boot.
    assert_eq!(asked(&output), ["dir/more", "dir//nothere"]);
    assert!(
        output.ends_with("Skipping one for failure retrieving kernel\n2:\ttwo\nlocal 2\n"),
        "{output}"
    );
}

#[test]
fn the_ethernet_address_is_appended() {
    let mut machine = machine();
    machine.lan.add_file("kernel", b"no kernel");
    let menu = b"label one\nkernel kernel\nipappend 3\n";
    machine.lan.add_file("pxelinux.cfg/default", menu);
    machine.enter("setenv ethaddr 52:54:00:12:34:56; setenv gatewayip 10.0.2.2; pxe get");
    let output = machine.enter("pxe boot");
    let line = "append:  ip=10.0.2.15:10.0.2.2:10.0.2.2:255.255.255.0 BOOTIF=01-52-54-00-12-34-56\n";
    assert!(output.contains(line), "{output}");
    assert_eq!(machine.context.env.get("bootargs"), None, "the label failed");
    let jumped = machine.system.events();
    assert!(!jumped.iter().any(|event| matches!(event, SystemEvent::HandOver(_))));
}

#[test]
fn a_server_that_is_not_there_is_asked_once() {
    let mut machine = machine();
    machine.lan.host().tftp = None;
    let output = machine.enter("pxe get");
    assert_eq!(asked(&output).len(), 1, "{output}");
    assert!(output.ends_with("refuses: nothing listens on that port\n"), "{output}");
    assert_eq!(machine.status(), Status::Failure);
    let output = machine.enter("setenv serverip 10.0.2.99; pxe get");
    assert_eq!(asked(&output).len(), 1, "{output}");
    machine.enter("setenv serverip");
    assert_eq!(machine.enter("pxe get"), "*** ERROR: `serverip' not set\n");
    machine.enter("setenv ipaddr");
    assert_eq!(machine.enter("pxe get"), "*** ERROR: `ipaddr' not set\n");
}

/// What a scan of the network does, with the addresses left to DHCP.
fn scan(machine: &mut Machine, line: &str) -> String {
    machine.enter("setenv ipaddr; setenv serverip");
    let output = machine.enter(line);
    let shown = [
        "Filename ",
        "TFTP error",
        "SCRIPT",
        "booted",
        "local",
        "Nothing",
        "dhcp:",
        "pxe:",
        "Config",
        "DHCP",
    ];
    let lines = output
        .lines()
        .filter(|line| shown.iter().any(|start| line.starts_with(start)));
    let lines = lines.map(|line| line.split_once(" (").map_or(line, |(line, _)| line));
    lines.map(|line| format!("{line}\n")).collect()
}

const BOUND: &str = "DHCP client bound to address 10.0.2.15\n";

#[test]
fn the_network_is_asked_for_a_script_and_then_for_a_menu() {
    let mut machine = machine();
    machine.enter("setenv localcmd echo local");
    machine.lan.add_file("boot.scr", b"echo booted");
    let uimg = "Filename 'boot.scr.uimg'.\nTFTP error: 'File not found'\ndhcp: boot.scr.uimg ... not there\n";
    let script = "Filename 'boot.scr'.\n";
    assert_eq!(
        scan(&mut machine, "bootflow scan -b"),
        format!("{BOUND}{uimg}{script}booted\n")
    );
    assert_eq!(machine.status(), Status::Success);

    machine.lan.add_file("boot.scr", b"echo booted; false");
    machine
        .lan
        .add_file("pxelinux.cfg/0A00020F", b"label one\nlocalboot 1\n");
    let menu = "Filename 'pxelinux.cfg/01-52-54-00-12-34-56'.\nTFTP error: 'File not found'\n\
        Filename 'pxelinux.cfg/0A00020F'.\nConfig file 'pxelinux.cfg/0A00020F' found\nlocal\n";
    machine.enter("setenv ethaddr 52:54:00:12:34:56");
    let failed = "booted\nSCRIPT FAILED: continuing...\n";
    assert_eq!(
        scan(&mut machine, "bootflow scan -b dhcp pxe"),
        format!("{BOUND}{uimg}{script}{failed}{menu}")
    );
    assert_eq!(scan(&mut machine, "bootflow scan -b pxe"), format!("{BOUND}{menu}"));
}

#[test]
fn the_name_of_the_script_may_be_given() {
    let mut machine = machine();
    machine.lan.add_file("mine", b"echo booted");
    machine.lan.add_file("my.scr", b"echo booted");
    machine.lan.host().dhcp.as_mut().unwrap().offer().boot_file = Some("my.scr".into());
    assert_eq!(
        scan(&mut machine, "bootflow scan -b"),
        format!("{BOUND}Filename 'my.scr'.\nbooted\n")
    );
    machine.enter("setenv boot_script_dhcp mine");
    assert_eq!(
        scan(&mut machine, "bootflow scan -b"),
        format!("{BOUND}Filename 'mine'.\nbooted\n")
    );
    machine.enter("setenv boot_script_dhcp");
    machine.lan.host().dhcp.as_mut().unwrap().offer().boot_file = Some("pxelinux.0".into());
    machine.lan.add_file("boot.scr.uimg", b"echo booted");
    assert_eq!(
        scan(&mut machine, "bootflow scan -b"),
        format!("{BOUND}Filename 'boot.scr.uimg'.\nbooted\n")
    );
}

#[test]
fn without_a_server_the_network_is_left() {
    let mut machine = machine();
    machine.lan.host().tftp = None;
    let output = scan(&mut machine, "bootflow scan -b");
    assert!(
        output.starts_with(&format!("{BOUND}Filename 'boot.scr.uimg'.\ndhcp: TFTP error: ")),
        "{output}"
    );
    assert!(output.ends_with("Nothing was booted: no target is left\n"), "{output}");
    assert_eq!(output.matches("Filename").count(), 1, "{output}");
    machine.enter("setenv scriptaddr");
    let output = scan(&mut machine, "bootflow scan -b");
    assert!(output.contains("dhcp: *** ERROR: `scriptaddr' not set\n"), "{output}");
}

#[test]
fn without_an_address_the_network_is_left() {
    let mut machine = machine();
    machine.lan.set_link(false);
    let output = scan(&mut machine, "bootflow scan -b dhcp");
    assert!(
        output.starts_with("dhcp: ") && output.ends_with("Nothing was booted: no target is left\n"),
        "{output}"
    );
    assert_eq!(machine.status(), Status::Failure);
}
