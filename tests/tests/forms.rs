//! Every way to say which files Xen shall start, on real Xen with real guests; and the same from the simulator, to the byte.

use std::path::Path;

use loader_core::devicetree::parse_header;
use qemu::boots::Boot;
use qemu::forms::{self, Form};
use qemu::{Console, Firmware, Machine};
use regex::Regex;
use slipway_sim::options::Options;
use system_tests::{folder, load, slipway, start};

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

/// Plans the boot, compares the tree with the simulator's, boots, and waits for the guests.
fn boots_as_simulated(name: &str, form: Form) {
    let boot = forms::boot(&folder(name), &machine(), form).unwrap();
    let mut console = load(machine(), &boot, name).unwrap();
    let simulated = simulated(&boot);
    let planned = planned(&mut console, &boot);
    assert!(
        planned == simulated,
        "the trees differ: {} and {} bytes",
        planned.len(),
        simulated.len()
    );
    start(&mut console, &boot).unwrap();
}

/// The tree that the firmware leaves in RAM when it stops before the jump.
fn planned(console: &mut Console, boot: &Boot) -> Vec<u8> {
    let line = boot.start.replace("xen boot", "xen plan");
    let answer = console.command(&line).unwrap();
    let row = Regex::new(r"Xen +dtb +0x([0-9a-f]+) +([0-9]+)").unwrap();
    let groups = row.captures(&answer).unwrap_or_else(|| panic!("no tree in {answer}"));
    let address = u64::from_str_radix(&groups[1], 16).unwrap();
    let blob = console.read_memory(address, groups[2].parse().unwrap()).unwrap();
    assert_eq!(parse_header(&blob).unwrap().total_size as usize, blob.len());
    blob
}

/// The tree that the simulator hands over for the same folder and the same lines.
fn simulated(boot: &Boot) -> Vec<u8> {
    let folder = boot.scenario.folder();
    let lines = ["setenv autoload no", "dhcp"];
    let lines = lines.into_iter().chain(boot.loads.iter().map(String::as_str));
    let script: Vec<&str> = lines.chain([boot.start.as_str()]).collect();
    let script_file = folder.join("simulated.txt");
    std::fs::write(&script_file, script.join("\n")).unwrap();
    let tree = folder.join("simulated.dtb");
    simulate(folder, script_file.as_path(), tree.as_path());
    std::fs::read(tree).unwrap()
}

fn simulate(files: &Path, script: &Path, tree: &Path) {
    let options = Options {
        files: files.to_owned(),
        dtb_out: Some(tree.to_owned()),
        inputs: vec![script.to_owned()],
        ..Options::default()
    };
    slipway_sim::run(&options).unwrap();
}

/// Only the machine knows its tree, so there is nothing to compare it with.
#[test]
fn domains_in_the_configuration() {
    let name = "form-config";
    let boot = forms::boot(&folder(name), &machine(), Form::Config).unwrap();
    let mut console = load(machine(), &boot, name).unwrap();
    let reports = start(&mut console, &boot).unwrap();
    assert_eq!(reports["domU2"].cpus, 2);
    assert!(console.transcript().contains("xen.cfg"));
}

#[test]
fn keys_of_binaries() {
    boots_as_simulated("form-keys", Form::Keys);
}

#[test]
fn a_tree_that_names_its_files() {
    boots_as_simulated("form-names", Form::Names);
}

#[test]
fn a_tree_that_names_its_files_and_asks_for_the_configuration() {
    boots_as_simulated("form-names-and-config", Form::NamesAndConfig);
}

#[test]
fn hyperlaunch() {
    boots_as_simulated("form-hyperlaunch", Form::Hyperlaunch);
}

#[test]
fn a_system_device_tree() {
    boots_as_simulated("form-system-dt", Form::SystemDeviceTree);
}

/// Loaded by hand, with sizes that are not true.
#[test]
fn domains_of_the_specifications_proposal() {
    let name = "form-domains";
    let boot = forms::boot(&folder(name), &machine(), Form::Domains).unwrap();
    let mut console = load(machine(), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}
