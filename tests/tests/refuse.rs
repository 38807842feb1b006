//! What is refused, and how it reads: a clear sentence, the prompt back, and nothing written.

use qemu::boots::{self, Boot, Kernel, Sizes};
use qemu::{Console, Firmware, Guests, ImageKind, Machine, Scenario};
use system_tests::{folder, load, online, slipway};

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

/// Where files are loaded for a look.
const SCRATCH: u64 = 0x4800_0000;

/// Types a line that must fail with all of `words`; the prompt must be back and the status 1.
fn refused(console: &mut Console, line: &str, words: &[&str]) {
    let answer = console.command(line).unwrap();
    for word in words {
        assert!(answer.contains(word), "{line}: no {word:?} in the answer: {answer}");
    }
    assert!(!answer.contains("Starting kernel"), "{line}: {answer}");
    assert_eq!(console.command("echo $?").unwrap().trim(), "1", "{line}: {answer}");
}

/// As [`refused`], and the RAM from `address` on must be as it was.
fn refused_unwritten(console: &mut Console, line: &str, words: &[&str], address: u64) {
    let before = console.read_memory(address, 0x10_0000).unwrap();
    refused(console, line, words);
    let after = console.read_memory(address, 0x10_0000).unwrap();
    assert!(before == after, "{line}: RAM at {address:#x} was written");
}

/// Loads a file to [`SCRATCH`].
fn fetch(console: &mut Console, file: &str) {
    let answer = console.command(&format!("tftpb {SCRATCH:#x} {file}")).unwrap();
    assert!(answer.contains("Bytes transferred = "), "{answer}");
}

#[test]
fn loads_that_cannot_be() {
    let name = "refuse-loads";
    let scenario = Scenario::create(&folder(name)).unwrap();
    let guests = Guests::open().unwrap();
    scenario.copy("Image", &guests.kernel()).unwrap();
    scenario.copy("big", &guests.debian_kernel()).unwrap();
    // The same machine with a part of its RAM reserved.
    let reserved = "/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;\
        firmware@60000000 { reg = <0 0x60000000 0 0x200000>; no-map; }; }; };";
    let folder = scenario.folder().to_owned();
    scenario.device_tree("reserved.dtb", &machine(), reserved).unwrap();
    let machine = machine().extra(["-dtb".into(), folder.join("reserved.dtb").into_os_string()]);
    let mut console = online(machine, &folder, name).unwrap();

    refused(
        &mut console,
        "tftpb 0x48000000 no-such-file",
        &["TFTP error: 'File not found' (1)"],
    );
    let overwrites = "TFTP error: trying to overwrite reserved memory...";
    // The loader lies at the top of RAM.
    refused(&mut console, "tftpb 0x7ff00000 Image", &[overwrites, "loader"]);
    // 26 MiB, 14 MiB below the loader: the server says how long the file is before the first byte.
    refused_unwritten(
        &mut console,
        "tftpb 0x7e000000 big",
        &[overwrites, "loader"],
        0x7e00_0000,
    );
    refused_unwritten(
        &mut console,
        "tftpb 0x5ff00000 Image",
        &[overwrites, "firmware"],
        0x5ff0_0000,
    );
    refused_unwritten(
        &mut console,
        "tftpb 0x60000000 Image",
        &[overwrites, "firmware"],
        0x6000_0000,
    );
    refused(&mut console, "tftpb 0x10000000 Image", &[overwrites, "not all RAM"]);
    refused(&mut console, "tftpb 0xffffffffffff0000 Image", &[overwrites]);
    // Nobody has this address.
    console.command("setenv serverip 10.0.2.77").unwrap();
    refused_unwritten(
        &mut console,
        "tftpb 0x48000000 Image",
        &["Retry count exceeded"],
        SCRATCH,
    );
}

#[test]
fn files_that_are_damaged() {
    let name = "refuse-files";
    let scenario = Scenario::create(&folder(name)).unwrap();
    scenario.copy("Image", &Guests::open().unwrap().kernel()).unwrap();
    scenario
        .wrap("uImage", "Image", ImageKind::Kernel(0x4200_0000))
        .unwrap();
    let path = |file: &str| scenario.folder().join(file);
    let damage = |from: &str, to: &str, offset: usize| {
        let mut bytes = std::fs::read(path(from)).unwrap();
        bytes[offset] ^= 0xff;
        scenario.write(to, &bytes).unwrap();
    };
    damage("Image", "Image.magic", 56);
    damage("uImage", "uImage.header", 12);
    damage("uImage", "uImage.data", 64 + 1000);
    scenario.device_tree("whole.dtb", &machine(), "").unwrap();
    let tree = std::fs::read(path("whole.dtb")).unwrap();
    scenario.write("half.dtb", &tree[..tree.len() / 2]).unwrap();

    let mut console = online(machine(), scenario.folder(), name).unwrap();
    let tree = "${fdtcontroladdr}";
    fetch(&mut console, "Image.magic");
    refused(
        &mut console,
        &format!("booti 48000000 - {tree}"),
        &["Bad Linux ARM64 Image magic!"],
    );
    fetch(&mut console, "uImage.header");
    refused(
        &mut console,
        &format!("bootm 48000000 - {tree}"),
        &["Bad Header Checksum"],
    );
    fetch(&mut console, "uImage.data");
    refused(&mut console, &format!("bootm 48000000 - {tree}"), &["Bad Data CRC"]);
    console.command("tftpb 0x41280000 half.dtb").unwrap();
    fetch(&mut console, "Image");
    let words = ["ERROR: Did not find a cmdline Flattened Device Tree"];
    refused(&mut console, "booti 48000000 - 41280000", &words);
}

/// Changes one thing in a boot that would succeed.
fn spoilt(name: &str, spoil: impl FnOnce(&mut Boot)) -> (Console, String) {
    let mut boot = boots::two_domains(&folder(name), &machine(), Sizes::Unknown, Kernel::Plain).unwrap();
    spoil(&mut boot);
    let console = load(machine(), &boot, name).unwrap();
    (console, boot.start)
}

/// Two modules share bytes: the second load spoilt the first.
#[test]
fn a_module_that_a_later_load_overwrote() {
    let (mut console, start) = spoilt("refuse-overwritten", |boot| {
        boot.loads.push("tftpb 0x43080000 Image".into())
    });
    let words = [
        "/chosen/domU1/module@43000000",
        "domU1.cpio.gz",
        "was written over by Image",
    ];
    refused(&mut console, &start, &words);
}

#[test]
fn a_module_that_nobody_loaded() {
    let (mut console, start) = spoilt("refuse-missing", |boot| {
        boot.loads.retain(|line| !line.contains("domU2"))
    });
    refused(&mut console, &start, &["/chosen/domU2/module@45000000"]);
}
