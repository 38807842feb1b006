//! Boards in QEMU: from reset to the prompt, RAM as it is, a reset that comes back, and a card.

use std::fs;
use std::time::Duration;

use qemu::boots::Kernel;
use qemu::disks::{DiskImage, Format, Scheme};
use qemu::{Console, Firmware, Machine, Scenario, document, forms};
use sha2::{Digest, Sha256};
use system_tests::{GUESTS_TIMEOUT, assert_placed, built, card_with, folder, load, noise, online, start};

/// From a reset or the end of a machine; with other machines beside it.
const RESET: Duration = Duration::from_secs(60);

fn machine(board: &str) -> Machine {
    let machine = Machine::of_board(board).unwrap();
    machine.boards_firmware(built(board, "slipway.bin"))
}

fn prompt(machine: &Machine, name: &str) -> Console {
    let mut console = machine.spawn(name).unwrap();
    console.prompt().unwrap();
    assert!(console.command("version").unwrap().starts_with("Slipway "));
    console
}

/// The start and size of each bank that `bdinfo` prints.
fn banks(console: &mut Console) -> Vec<(u64, u64)> {
    let answer = console.command("bdinfo").unwrap();
    let numbers = |word: &str| -> Vec<u64> {
        let lines = answer.lines().filter_map(|line| line.trim().strip_prefix(word));
        let hex = lines.map(|rest| rest.trim_start_matches([' ', '=']).trim_start_matches("0x").to_owned());
        hex.map(|digits| u64::from_str_radix(&digits, 16).unwrap()).collect()
    };
    numbers("-> start").into_iter().zip(numbers("-> size")).collect()
}

/// What the board's banner, memory map and reset have to be.
fn comes_up(board: &str, expected: &[(u64, u64)]) {
    let name = format!("board-{board}");
    let mut console = prompt(&machine(board), &name);
    let transcript = console.transcript();
    assert!(transcript.contains(&format!("Board: {board} (")), "{transcript}");
    assert!(transcript.contains("), at EL2"), "{transcript}");
    assert_eq!(banks(&mut console), expected, "{board}");
    console.send_line("reset").unwrap();
    console.prompt().unwrap();
    // A fault on the way ends in the same reset.
    console.send_line("exception undefined").unwrap();
    console.expect("### resetting", RESET).unwrap();
    console.prompt().unwrap();
    console.send_line("poweroff").unwrap();
    assert!(console.wait_end(RESET).unwrap().success());
}

#[test]
fn zcu102_comes_to_the_prompt_and_back() {
    let gibibytes = 2 << 30;
    comes_up("zcu102", &[(0, gibibytes), (0x8_0000_0000, gibibytes)]);
}

#[test]
fn versal_comes_to_the_prompt_and_back() {
    comes_up("versal", &[(0, 2 << 30)]);
}

/// Without PSCI: the watchdog resets, and the folder says where RAM is.
#[test]
fn raspi4b_comes_to_the_prompt_and_back() {
    comes_up("raspi4b", &[(0, 0x3b40_0000), (0x4000_0000, 0x4000_0000)]);
}

/// QEMU has no such controller: the first access would be a fault.
#[test]
fn a_device_that_only_the_tree_has_is_named_and_left_alone() {
    let console = prompt(&machine("raspi4b"), "board-raspi4b-absent");
    let transcript = console.transcript();
    let line = "/scb/ethernet@7d580000: not used: the registers at 0xfd580000 cannot be used: nothing answers there";
    assert!(transcript.contains(line), "{transcript}");
    assert!(transcript.contains("No ethernet found."), "{transcript}");
}

/// With the tree that QEMU hands over.
#[test]
fn imx8mp_evk_comes_to_the_prompt_and_back() {
    comes_up("imx8mp-evk", &[(0x4000_0000, 6 << 30)]);
}

/// As TF-A starts it, at its address and with nothing in x0: only that QEMU does so at EL3, where nobody answers PSCI.
#[test]
fn imx8mp_evk_starts_where_tf_a_puts_it() {
    let image = built("imx8mp-evk", "slipway.bin");
    let machine = machine("imx8mp-evk").firmware(Firmware::Loader(image, 0x4020_0000));
    let mut console = prompt(&machine, "board-imx8mp-evk-loader");
    assert_eq!(
        banks(&mut console),
        [(0x4000_0000, 6 << 30)],
        "the built-in tree says so"
    );
    let answer = console.command("bdinfo; reset").unwrap();
    assert!(answer.contains("the loader was started at EL3"), "{answer}");
}

/// U-Boot's SPL and U-Boot start it, and nothing can stop it.
#[test]
fn imx8mp_evk_services_the_watchdog_that_an_earlier_stage_left_running() {
    let name = "board-imx8mp-evk-watchdog";
    let scenario = Scenario::create(&folder(name)).unwrap();
    scenario
        .copy("slipway.bin", &built("imx8mp-evk", "slipway.bin"))
        .unwrap();
    let mut console = online(machine("imx8mp-evk"), scenario.folder(), name).unwrap();
    assert!(!console.transcript().contains("WDT:"));
    console.command("tftpb 0x50000000 slipway.bin").unwrap();
    // With 16 seconds' time.
    console.send_line("mw.w 0x30280000 0x1f34; go 0x50000000").unwrap();
    console
        .expect("WDT:   watchdog@30280000 was left running", RESET)
        .unwrap();
    console.prompt().unwrap();
    console
        .send_line("setenv still here; sleep 20; printenv still")
        .unwrap();
    console.expect("still=here", GUESTS_TIMEOUT).unwrap();
}

/// A tree that is handed over has the say: QEMU fills its `/memory` in.
#[test]
fn a_tree_that_is_handed_over_comes_before_the_one_built_in() {
    let tree = built("raspi4b", "built-in.dtb");
    let machine = machine("raspi4b").extra(["-dtb".as_ref(), tree.as_os_str()]);
    let mut console = prompt(&machine, "board-raspi4b-dtb");
    assert_eq!(banks(&mut console), [(0, 0x3c00_0000)]);
}

/// As a kernel, with ATAGS in x0; as an ELF file; without EL2; and at EL3.
#[test]
fn zcu102_starts_in_every_way() {
    let image = built("zcu102", "slipway.bin");
    let elf = built("zcu102", "slipway-load.elf");
    let board = machine("zcu102");
    prompt(
        &board.clone().firmware(Firmware::Kernel(image)).memory("2G"),
        "board-zcu102-kernel",
    );
    prompt(
        &board.clone().firmware(Firmware::Kernel(elf)).memory("2G"),
        "board-zcu102-elf",
    );
    let mut console = prompt(&board.el1(), "board-zcu102-el1");
    let answer = console.command("bdinfo").unwrap();
    assert!(answer.contains("level       = EL1"), "{answer}");
    drop(console);
    // Then there is no TF-A either, and nobody to answer an SMC.
    let mut console = prompt(&machine("zcu102").el3(), "board-zcu102-el3");
    let answer = console.command("bdinfo; reset").unwrap();
    assert!(answer.contains("level       = EL2"), "{answer}");
    assert!(answer.contains("the loader was started at EL3"), "{answer}");
}

/// None from the stage before, none at the start of RAM, none in the image.
#[test]
fn a_board_without_a_tree_says_so() {
    let image = built("versal", "slipway.bin");
    let machine = Machine::of_board("versal").unwrap();
    let mut console = machine
        .firmware(Firmware::Loader(image, 0x800_0000))
        .spawn("board-versal-no-tree")
        .unwrap();
    let report = console.expect("please reset the board", RESET).unwrap();
    assert!(report.contains("no device tree: x0 is 0x0"), "{report}");
}

/// People load to low RAM, and not over page 0.
#[test]
fn ram_at_0_takes_files_from_the_second_page_on() {
    let mut console = prompt(&machine("zcu102"), "board-zcu102-low");
    let answer = console
        .command("mw.l 0x80000 0x12345678; mw.l 0x1000 0x9abcdef0; md.l 0x80000 1; md.l 0x1000 1")
        .unwrap();
    assert!(answer.contains("00080000: 12345678"), "{answer}");
    assert!(answer.contains("00001000: 9abcdef0"), "{answer}");
    let answer = console.command("mw.l 0 1; echo status $?").unwrap();
    assert!(answer.contains("status 1"), "{answer}");
    // The second bank is RAM as well.
    let answer = console
        .command("mw.q 0x87ffffff8 0x1122334455667788; md.q 0x87ffffff8 1")
        .unwrap();
    assert!(answer.contains("1122334455667788"), "{answer}");
}

/// A small card, and what is on it.
fn card(name: &str) -> (DiskImage, Vec<u8>) {
    let here = folder(name);
    let _ = fs::remove_dir_all(&here);
    fs::create_dir_all(&here).unwrap();
    let image = DiskImage::create(&here.join("sd.img"), Scheme::Mbr, &[(Format::Fat32(1), 40)]).unwrap();
    let bytes = noise(300_001, 3);
    let file = here.join("Image");
    fs::write(&file, &bytes).unwrap();
    image.add(0, &[&file]).unwrap();
    (image, bytes)
}

/// Where files are loaded to on every board but those whose RAM begins later.
const FREE: u64 = 0x200_0000;

/// What was loaded there is these bytes, by the firmware's own hash.
fn assert_hash(console: &mut Console, address: u64, bytes: &[u8]) {
    let answer = console
        .command(&format!("sha256sum {address:#x} {:#x}", bytes.len()))
        .unwrap();
    let expected: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(answer.contains(&expected), "{answer}, not {expected}");
}

/// The board's slot is `mmc NUMBER`; what is read from it is what is on the card, and what is saved arrives there.
fn reads_its_card(board: &str, number: u32, address: u64) {
    let name = format!("board-{board}-card");
    let (image, bytes) = card(&name);
    let mut console = prompt(&machine(board).card(image.path()), &name);
    let answer = console.command(&format!("mmc dev {number}; mmc info")).unwrap();
    assert!(answer.contains(&format!("mmc{number} is current device")), "{answer}");
    assert!(answer.contains("Capacity: 64 MiB"), "{answer}");
    let answer = console.command(&format!("ls mmc {number}:1")).unwrap();
    assert!(answer.contains("300001   Image"), "{answer}");
    let answer = console
        .command(&format!("load mmc {number}:1 {address:#x} Image"))
        .unwrap();
    assert!(answer.contains("300001 bytes read in "), "{answer}");
    assert_hash(&mut console, address, &bytes);
    let answer = console
        .command(&format!(
            "save mmc {number}:1 {address:#x} saved.bin 493e1; echo status $?"
        ))
        .unwrap();
    assert!(answer.contains("status 0"), "{answer}");
    drop(console);
    assert_eq!(image.check(0).unwrap(), "");
    assert!(
        image.read(0, "saved.bin").unwrap() == bytes,
        "{board} saved something else"
    );
}

/// The board's own network controller gets an address and a file, which arrives whole.
#[test]
fn boards_get_files_over_their_network() {
    let boards = [
        ("zcu102", "ethernet@ff0e0000", FREE),
        ("versal", "ethernet@ff0c0000", FREE),
        ("imx8mp-evk", "ethernet@30be0000", 0x4800_0000),
    ];
    for (board, device, address) in boards {
        let name = format!("board-{board}-network");
        let scenario = Scenario::create(&folder(&name)).unwrap();
        let bytes = noise(2_000_003, 5);
        scenario.write("file", &bytes).unwrap();
        let mut console = online(machine(board), scenario.folder(), &name).unwrap();
        assert!(console.transcript().contains(&format!("Net:   {device}")), "{board}");
        let answer = console.command(&format!("tftpb {address:#x} file")).unwrap();
        assert!(answer.contains("Bytes transferred = 2000003 (1e8483 hex)"), "{answer}");
        assert_hash(&mut console, address, &bytes);
    }
}

/// The tree calls the board's slot `mmc0`, though it is the chip's second.
#[test]
fn zcu102_reads_its_card() {
    reads_its_card("zcu102", 0, FREE);
}

#[test]
fn versal_reads_its_card() {
    reads_its_card("versal", 0, FREE);
}

/// Without DMA; Debian's tree has no aliases, and the slot is the second in it.
#[test]
fn raspi4b_reads_its_card() {
    reads_its_card("raspi4b", 1, FREE);
}

/// The tree calls the board's slot `mmc1`, whose registers are not the standard's; the eMMC beside it is not there.
#[test]
fn imx8mp_evk_reads_its_card() {
    reads_its_card("imx8mp-evk", 1, 0x4800_0000);
    let mut console = prompt(&machine("imx8mp-evk"), "board-imx8mp-evk-slots");
    let answer = console.command("mmc list; mmc dev 1; mmc dev 2").unwrap();
    for line in [
        "mmc@30b50000: 1",
        "mmc@30b60000: 2",
        "mmc@30b50000: no card present",
        "mmc@30b60000: no card present",
    ] {
        assert!(answer.contains(line), "no {line:?} in {answer}");
    }
}

/// Into memory beyond 4 GiB, which the controller does not reach.
#[test]
fn imx8mp_evk_loads_where_its_controller_cannot() {
    let name = "board-imx8mp-evk-high";
    let (image, bytes) = card(name);
    let mut console = prompt(&machine("imx8mp-evk").card(image.path()), name);
    console.command("load mmc 1:1 0x140000000 Image").unwrap();
    assert_hash(&mut console, 0x1_4000_0000, &bytes);
}

/// In a file on the card, as the board's folder says.
#[test]
fn boards_keep_their_environment_on_their_card() {
    for board in ["zcu102", "versal"] {
        let name = format!("board-{board}-environment");
        let (image, _) = card(&name);
        let machine = machine(board).card(image.path());
        let mut console = prompt(&machine, &name);
        let answer = console.command("setenv note kept; saveenv; echo status $?").unwrap();
        assert!(answer.contains("status 0"), "{answer}");
        drop(console);
        let mut console = prompt(&machine, &name);
        let answer = console.command("printenv note").unwrap();
        assert!(answer.contains("note=kept"), "{answer}");
    }
}

/// In blocks of the card behind the boot image, as the board's folder says.
#[test]
fn imx8mp_evk_keeps_its_environment_on_its_card() {
    let name = "board-imx8mp-evk-environment";
    let here = folder(name);
    fs::create_dir_all(&here).unwrap();
    let image = here.join("sd.img");
    let _ = fs::remove_file(&image);
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let machine = machine("imx8mp-evk").card(&image);
    let mut console = prompt(&machine, name);
    let answer = console.command("setenv note kept; saveenv; echo status $?").unwrap();
    assert!(answer.contains("status 0"), "{answer}");
    drop(console);
    let blocks = fs::read(&image).unwrap();
    let (before, place) = blocks.split_at(0x40_0000);
    let (place, behind) = place.split_at(0x4000);
    assert!(
        before.iter().chain(behind).all(|byte| *byte == 0),
        "something else was written"
    );
    assert!(place.windows(10).any(|part| part == b"note=kept\0"), "nothing at 4 MiB");
    let mut console = prompt(&machine, name);
    let answer = console.command("printenv note").unwrap();
    assert!(answer.contains("note=kept"), "{answer}");
}

/// The dom0less document's own lines, typed at the board that they were written for, files by its Ethernet, real Xen, both guests.
fn the_document(name: &str, kernel: Kernel) {
    let tree = built("zcu102", "built-in.dtb");
    let boot = document::on_zcu102(&folder(name), &tree, kernel).unwrap();
    let mut console = load(machine("zcu102"), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
    assert_placed(&console.transcript(), &boot);
    let transcript = console.transcript();
    for line in [
        "Warning: '0x0x80000' has its 0x twice; read as 0x80000",
        "/chosen/domU1/module@30000000: the unit address says 0x30000000, reg says 0x3000000",
    ] {
        assert!(transcript.contains(line), "no {line:?} in {transcript}");
    }
}

#[test]
fn the_document_verbatim_on_zcu102() {
    the_document("board-zcu102-document", Kernel::Plain);
}

#[test]
fn the_document_verbatim_on_zcu102_with_packed_kernels() {
    the_document("board-zcu102-document-gzip", Kernel::Gzip);
}

/// Over the board's Ethernet, with the tree that QEMU makes for it.
#[test]
fn versal_boots_xen_with_a_domain() {
    let name = "board-versal-xen";
    let boot = forms::one_domain(&folder(name), "/uart@ff000000").unwrap();
    let mut console = load(machine("versal"), &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
}

/// From its card, with the tree that is built in, whose memory the board's folder knows.
#[test]
fn raspi4b_boots_xen_with_a_domain() {
    let name = "board-raspi4b-xen";
    let mut boot = forms::one_domain(&folder(name), "serial1").unwrap();
    let image = card_with(&boot, ["xen", "Image.gz", "domU1.cpio.gz", "xen.cfg"]);
    let mut console = prompt(&machine("raspi4b").card(image.path()), name);
    boot.start = "xen boot mmc 1:1".to_owned();
    start(&mut console, &boot).unwrap();
}

/// From its card. Xen 4.17 has no driver for the UART and is silent: dom0 has it. QEMU before 10.0.3 does not connect this board's virtual
/// interrupts: with several CPUs dom0 waits for ever for one from another, and with one CPU its kernel's lines, which are printed without, are
/// the last that there is.
#[test]
fn imx8mp_evk_boots_xen_with_dom0() {
    let name = "board-imx8mp-evk-xen";
    let boot = forms::dom0_with_uart(&folder(name), "ttymxc1").unwrap();
    let image = card_with(&boot, ["xen", "Image.gz", "dom0.cpio.gz", "xen.cfg"]);
    let mut console = prompt(&machine("imx8mp-evk").memory("2G").smp(1).card(image.path()), name);
    console.send_line(&boot.start).unwrap();
    console.expect("Run /init as init process", GUESTS_TIMEOUT).unwrap();
    let transcript = console.transcript();
    let (_, ramdisk) = &boot.guests[0];
    for line in [
        "Machine model: NXP i.MX8MPlus EVK board",
        "Xen 4.17 support found",
        "Kernel command line: console=ttymxc1 fw_devlink=off rdinit=/init guest=dom0",
        // In whole pages.
        &format!("Freeing initrd memory: {}K", ramdisk / 4096 * 4),
        "30890000.serial: ttymxc1 at MMIO 0x30890000",
    ] {
        assert!(transcript.contains(line), "no {line:?} in {transcript}");
    }
}
