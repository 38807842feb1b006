//! Reset to prompt on every shape of the machine, and in every way of being started.

use std::time::Duration;

use qemu::boots::{self, Kernel};
use qemu::{Console, Firmware, Guests, Machine, Nic, NicModel, Scenario};
use system_tests::{GUESTS_TIMEOUT, folder, load, online, slipway, start, u_boot};

const COMMAND: Duration = Duration::from_secs(30);

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

fn prompt(machine: &Machine, name: &str) -> Console {
    let mut console = machine.spawn(name).unwrap();
    console.prompt().unwrap();
    assert!(console.command("version").unwrap().starts_with("Slipway "));
    console
}

/// CPU, interrupt controller, number of CPUs, RAM in MiB: each value of each with at least two of the others.
const SHAPES: &[(&str, u32, u32, u64)] = &[
    ("cortex-a53", 2, 1, 512),
    ("cortex-a53", 3, 8, 8192),
    ("cortex-a57", 2, 2, 1024),
    ("cortex-a57", 3, 4, 2048),
    ("cortex-a72", 2, 4, 4096),
    ("cortex-a72", 3, 1, 512),
    ("max", 2, 8, 8192),
    ("max", 3, 2, 3072),
];

#[test]
fn every_shape_of_the_machine_comes_to_the_prompt() {
    for (cpu, gic, smp, mebibytes) in SHAPES {
        let name = format!("start-{cpu}-gic{gic}-smp{smp}-{mebibytes}M");
        let machine = machine().cpu(cpu).gic(*gic).smp(*smp).memory(&format!("{mebibytes}M"));
        let mut console = prompt(&machine, &name);
        let answer = console.command("bdinfo").unwrap();
        let size = format!("-> size     = {:#018x}", mebibytes << 20);
        assert!(
            answer.contains("-> start    = 0x0000000040000000") && answer.contains(&size),
            "{name}: {answer}"
        );
        drop(console);
        prompt(&machine.el1(), &format!("{name}-el1"));
    }
}

/// A loader that waits leaves the host's processors alone, with each interrupt controller and at each exception level.
#[test]
fn the_processor_sleeps_while_the_loader_waits() {
    for gic in [2, 3] {
        let machine = machine().gic(gic).smp(1);
        for (machine, level) in [(machine.clone(), "el2"), (machine.el1(), "el1")] {
            let mut console = prompt(&machine, &format!("start-sleeps-gic{gic}-{level}"));
            let before = console.ticks().unwrap();
            console.command("sleep 1").unwrap();
            let taken = console.ticks().unwrap() - before;
            assert!(taken < 75, "GIC {gic} {level}: {taken} of 100 ticks");
            leaves_the_controller_as_it_was(&mut console);
        }
    }
}

/// A program that returns the distributor's control register (GICD_CTLR) finds it otherwise than the loader has it before and after.
fn leaves_the_controller_as_it_was(console: &mut Console) {
    // mov x1, #0x8000000; ldr w0, [x1]; ret
    let program = "mw.l 40200000 d2a10001; mw.l 40200004 b9400020; mw.l 40200008 d65f03c0; go 40200000";
    let mut number = |line: &str, before: &str| {
        let answer = console.command(line).unwrap();
        let behind = answer
            .split_once(before)
            .and_then(|(_, rest)| rest.split_whitespace().next());
        let number = behind.and_then(|word| u32::from_str_radix(word, 16).ok());
        number.unwrap_or_else(|| panic!("{line}: {answer}"))
    };
    let own = number("md.l 8000000 1", "08000000: ");
    let found = number(program, "rc = 0x");
    assert!(found & own == found && found != own, "{own:#x} {found:#x}");
    assert_eq!(number("md.l 8000000 1", "08000000: "), own);
}

/// Out of the secure flash, which EL2 does not see: what comes after needs to know that TF-A is missing, and the second flash is there as ever.
#[test]
fn at_el3_the_prompt_comes_with_a_warning() {
    for (cpu, gic) in [("cortex-a57", 2), ("max", 3)] {
        let machine = machine().cpu(cpu).gic(gic).el3();
        let mut console = prompt(&machine, &format!("start-el3-{cpu}"));
        let transcript = console.transcript();
        for line in ["), at EL2", "Warning: started at EL3, without TF-A"] {
            assert!(transcript.contains(line), "no {line:?} in {transcript}");
        }
        let answer = console.command("md.l 0 1; saveenv; reset").unwrap();
        for line in [
            "nothing answers at 0x0",
            "Saving Environment to Flash... OK",
            "the loader was started at EL3",
        ] {
            assert!(answer.contains(line), "no {line:?} in {answer}");
        }
    }
}

#[test]
fn a_kernel_of_qemu_comes_to_the_prompt() {
    let machine = machine().firmware(Firmware::Kernel(slipway()));
    prompt(&machine, "start-kernel");
    prompt(&machine.el1(), "start-kernel-el1");
}

/// Started by U-Boot, and then what U-Boot would have been asked for.
#[test]
fn u_boot_starts_the_loader_and_the_loader_starts_linux() {
    let name = "start-u-boot";
    let boot = boots::linux(&folder(name), Kernel::Plain).unwrap();
    boot.scenario.copy("slipway.bin", &slipway()).unwrap();
    let machine = Machine::load("virt").unwrap().firmware(u_boot());
    let mut console = online(machine, boot.scenario.folder(), name).unwrap();
    console.command("tftpb 0x40400000 slipway.bin").unwrap();
    console.send_line("booti 0x40400000 - ${fdtcontroladdr}").unwrap();
    console.expect("Slipway ", GUESTS_TIMEOUT).unwrap();
    console.prompt().unwrap();
    for line in ["setenv autoload no", "dhcp"]
        .into_iter()
        .chain(boot.loads.iter().map(String::as_str))
    {
        console.command(line).unwrap();
    }
    start(&mut console, &boot).unwrap();
}

#[test]
fn a_reset_comes_back_to_the_prompt() {
    let mut console = prompt(&machine(), "start-reset");
    console.send_line("reset").unwrap();
    console.prompt().unwrap();
    console.system_reset().unwrap();
    console.prompt().unwrap();
    console.send_line("poweroff").unwrap();
    assert!(console.wait_end(GUESTS_TIMEOUT).unwrap().success());
}

#[test]
fn every_network_card_gets_an_address_and_files() {
    for (model, name) in [
        (NicModel::VirtioPci, "card-pci"),
        (NicModel::VirtioMmio, "card-mmio"),
        (NicModel::VirtioMmioLegacy, "card-mmio-legacy"),
    ] {
        let boot = boots::linux(&folder(name), Kernel::Plain).unwrap();
        drop(load(machine().nic_model(model), &boot, name).unwrap());
    }
}

/// RAM above 4 GiB takes files, and they arrive whole.
#[test]
fn a_file_above_4_gib_arrives_whole() {
    let name = "start-high-ram";
    let scenario = Scenario::create(&folder(name)).unwrap();
    let kernel = Guests::open().unwrap().kernel();
    scenario.copy("Image", &kernel).unwrap();
    let expected = std::fs::read(&kernel).unwrap();
    let mut console = online(machine().memory("8G"), scenario.folder(), name).unwrap();
    let answer = console.command("tftpb 0x200000000 Image").unwrap();
    assert!(
        answer.contains(&format!("Bytes transferred = {} ({0:x} hex)", expected.len())),
        "{answer}"
    );
    let size = u64::try_from(expected.len()).unwrap();
    assert!(
        console.read_memory(0x2_0000_0000, size).unwrap() == expected,
        "RAM differs from the file"
    );
}

#[test]
fn a_machine_without_a_network_card_says_so() {
    let mut console = prompt(&machine().nic(Nic::None), "start-no-card");
    let answer = console.command("dhcp").unwrap();
    assert!(!answer.trim().is_empty(), "no word about the missing card");
    assert_eq!(console.command("echo $?").unwrap().trim(), "1");
}

/// Every kind of fault is caught, reported with the registers, and ends in a reset that comes back to the prompt.
#[test]
fn faults_are_reported_and_reset() {
    let mut console = machine().spawn("start-faults").unwrap();
    console.prompt().unwrap();
    let faults = [
        ("undefined", "unknown instruction or register"),
        ("breakpoint", "BRK"),
        ("execute", "instruction abort"),
        ("stack", "data abort"),
        ("write", "data abort"),
    ];
    for (fault, class) in faults {
        console.send_line(&format!("exception {fault}")).unwrap();
        let report = console.expect("### resetting", COMMAND).unwrap();
        for part in [class, "ESR 0x", "ELR 0x", "FAR 0x", "x30 0x", "in slipway.elf at 0x"] {
            assert!(report.contains(part), "{fault}: no {part:?} in {report}");
        }
        console.prompt().unwrap();
    }
}
