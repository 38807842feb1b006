//! Dialogues over the fixtures; the expected lines are those of U-Boot 2025.01, where it accepts the image.

use alloc::string::String;
use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use crate::commands::start::tests::{Bench as Start, linux, tree};
use crate::commands::testing::{Bench, RAM};
use crate::devicetree::Tree;
use crate::image::fit::tests::{EXTERNAL, LINUX, OLD, POSITION, RAMDISK};
use crate::image::gzip::tests::gzip;

const MULTI: &[u8] = include_bytes!("../../../../../tests/fixtures/fit/multi.uimage");
const MULTI_GZIP: &[u8] = include_bytes!("../../../../../tests/fixtures/fit/multi-gzip.uimage");

fn loaded(name: &str, file: &[u8]) -> Bench {
    let mut bench = Bench::new();
    load(&mut bench, name, file);
    bench
}

fn load(bench: &mut Bench, name: &str, file: &[u8]) {
    bench.load(RAM, name, file);
    bench.context.env.set_hex("fileaddr", RAM);
}

fn bytes(bench: &Bench, start: u64, len: usize) -> Vec<u8> {
    let region = Region::new(PhysAddr(start), u64::try_from(len).unwrap()).unwrap();
    bench.context.memory.bytes(region).unwrap().to_vec()
}

/// The file with a byte of the first script changed.
fn damaged() -> Vec<u8> {
    let mut file = LINUX.to_vec();
    let at = file.windows(14).position(|text| text == b"echo script of").unwrap();
    file[at + 3] ^= 1;
    file
}

#[test]
fn scripts_of_a_fit_run() {
    for file in [LINUX, EXTERNAL, POSITION] {
        let mut bench = loaded("boot.fit", file);
        bench.dialogue(
            "\
=> source
## Executing script at 40000000
crc32+ script of the FIT
=> source 40000000
## Executing script at 40000000
crc32+ script of the FIT
=> source 40000000:script-2
## Executing script at 40000000
sha384+ sha512+ the other script
=> source 40000000#conf-2
## Executing script at 40000000
sha384+ sha512+ the other script
=> source :script-1
## Executing script at 40000000
crc32+ script of the FIT
=> source \\#conf-2
## Executing script at 40000000
sha384+ sha512+ the other script
=> source 40000000#; printenv ran
## Executing script at 40000000
crc32+ script of the FIT
ran=1
",
        );
    }
    let mut tree = Tree::parse(LINUX).unwrap();
    let images = tree.find("/images").unwrap();
    tree.set_strings(images, "default", &["script-2"]).unwrap();
    let mut bench = loaded("default.fit", &tree.emit(0).unwrap());
    bench.dialogue(
        "\
=> source
## Executing script at 40000000
crc32+ script of the FIT
=> source 40000000:
## Executing script at 40000000
sha384+ sha512+ the other script
",
    );
    let mut bench = loaded("old.fit", OLD);
    bench.dialogue(
        "\
=> source 40000000#conf@2
## Executing script at 40000000
sha384+ sha512+ the other script
",
    );
}

#[test]
fn what_is_no_script_of_a_fit_is_refused() {
    let mut bench = loaded("boot.fit", LINUX);
    for (line, words) in [
        (
            "source 40000000:nothere",
            "Can't find 'nothere' FIT subimage\nboot.fit at 0x40000000: it has no image 'nothere'; there are: kernel-1, ",
        ),
        ("source 40000000:script", "Can't find 'script' FIT subimage\n"),
        ("source 40000000#nothere", "Could not find config nothere\n"),
        (
            "source 40000000#conf-3",
            "Could not find config conf-3\nboot.fit at 0x40000000: configuration 'conf-3' names no script",
        ),
        (
            "source 40000000:kernel-1",
            "Not a script image\nboot.fit at 0x40000000: 'kernel-1' has the type 'kernel'",
        ),
    ] {
        let output = bench.enter(line);
        let refusal = output.strip_prefix("## Executing script at 40000000\n").unwrap();
        assert!(refusal.starts_with(words), "{line}: {output}");
    }
    load(&mut bench, "damaged.fit", &damaged());
    bench.dialogue(
        "\
=> source 40000000:script-1
## Executing script at 40000000
crc32 error!
Bad hash value for 'hash-1' hash node in 'script-1' image node
Bad Data Hash
damaged.fit at 0x40000000: the crc32 of 'script-1' is 7c62529b, the FIT says 4a90c268
=> printenv ran
## Error: \"ran\" not defined
",
    );
}

#[test]
fn images_are_extracted_and_then_known_as_files() {
    for file in [LINUX, EXTERNAL, POSITION] {
        let mut bench = loaded("boot.fit", file);
        bench.dialogue(
            "\
=> imxtract 40000000 ramdisk-1 40100000
## Copying 'ramdisk-1' subimage from FIT image at 40000000 ...
sha1+    Loading part 0 ... OK
=> printenv filesize
filesize=ce
=> imxtract 40000000 kernel-1 40200000
## Copying 'kernel-1' subimage from FIT image at 40000000 ...
sha256+ crc32+    Uncompressing part 0 ... OK
=> printenv filesize
filesize=2000
=> imxtract 40000000 script-1; printenv filesize
## Copying 'script-1' subimage from FIT image at 40000000 ...
crc32+ 
filesize=24
",
        );
        assert_eq!(bytes(&bench, 0x4010_0000, RAMDISK.len()), RAMDISK);
        assert_eq!(bytes(&bench, 0x4020_0800, 16), b"kernel contents!");
        let files = bench.context.memory.files().iter();
        let named: Vec<(String, u64)> = files.map(|file| (file.name.clone(), file.region.len())).collect();
        assert_eq!(named[1], ("boot.fit:ramdisk-1".into(), 0xce));
        assert_eq!(named[2], ("boot.fit:kernel-1".into(), 0x2000));
        let at = bench.context.env.hex("fileaddr").unwrap();
        assert_eq!(bytes(&bench, at, 24), b"echo script of the FIT\ns");
    }
}

#[test]
fn parts_of_a_uimage_are_extracted() {
    let mut bench = loaded("multi.ub", MULTI);
    bench.dialogue(
        "\
=> imxtract 40000000 2 40100000; printenv filesize fileaddr
## Copying part 2 from legacy image at 40000000 ...
   Verifying Checksum ... OK
   Loading part 2 ... OK
filesize=24
fileaddr=40002120
=> imxtract 40000000 1; printenv filesize fileaddr
## Copying part 1 from legacy image at 40000000 ...
   Verifying Checksum ... OK
filesize=ce
fileaddr=40002050
=> imxtract 40000000 7 40100000
## Copying part 7 from legacy image at 40000000 ...
   Verifying Checksum ... OK
Bad Image Part
multi.ub at 0x40000000 has no part 7, it has 3
",
    );
    assert_eq!(bytes(&bench, 0x4010_0000, 11), b"echo script");
    load(&mut bench, "multi-gzip.ub", MULTI_GZIP);
    bench.dialogue(
        "\
=> imxtract 40000000 1 40100000; printenv filesize fileaddr
## Copying part 1 from legacy image at 40000000 ...
   Verifying Checksum ... OK
   Uncompressing part 1 ... OK
filesize=2000
fileaddr=400000a4
",
    );
    assert_eq!(bytes(&bench, 0x4010_0800, 16), b"kernel contents!");
    assert!(bench.enter("imxtract 40000000 1").contains("Must specify load address"));
    assert!(
        bench
            .enter("imxtract 40000000 1 40000010")
            .contains("over its own packed data")
    );
    let cut = MULTI_GZIP.len() - 20;
    load(&mut bench, "cut.ub", &MULTI_GZIP[..cut]);
    assert!(bench.enter("imxtract 40000000 1 40100000").contains("Bad Data CRC"));
}

#[test]
fn what_cannot_be_extracted_is_refused() {
    let mut bench = loaded("boot.fit", LINUX);
    for (line, words) in [
        ("imxtract 40000000", "No FIT subimage unit name\n"),
        ("imxtract 40000000 0 40100000", "Can't find '0' FIT subimage\n"),
        (
            "imxtract 40000000 :script-1 40100000",
            "Can't find ':script-1' FIT subimage\n",
        ),
        (
            "imxtract 40800000 script-1 40100000",
            "Invalid image type for imxtract\n0x40800000 holds unknown data",
        ),
        (
            "imxtract 40000000 script-1 40f00000",
            "runs into the loader at 0x40f00000..0x41000000",
        ),
        ("imxtract 40000000 kernel-1 40000000", "over its own packed data"),
    ] {
        let output = bench.enter(line);
        assert!(output.contains(words), "{line}: {output}");
        assert_eq!(bench.enter("echo $?"), "1\n");
    }
    assert_eq!(bench.context.memory.files().len(), 1);
    load(&mut bench, "damaged.fit", &damaged());
    let output = bench.enter("imxtract 40000000 script-1 40100000");
    assert!(
        output
            .contains("crc32 error!\nBad hash value for 'hash-1' hash node in 'script-1' image node\nBad Data Hash\n"),
        "{output}"
    );
    assert!(!bytes(&bench, 0x4010_0000, 4).starts_with(b"ec"));
}

#[test]
fn iminfo_describes_and_verifies() {
    let mut bench = loaded("boot.fit", LINUX);
    let output = bench.enter("iminfo 40000000");
    let expected = "
## Checking Image at 40000000 ...
   FIT image found
   FIT description: Linux, three configurations
   Created:         2023-11-14  22:13:20 UTC
    Image 0 (kernel-1)
     Description:  Linux
     Created:      2023-11-14  22:13:20 UTC
     Type:         Kernel Image
     Compression:  gzip compressed
     Data Start:   0x400000c4
     Data Size:    87 Bytes = 87 Bytes
     Architecture: AArch64
     OS:           Linux
     Load Address: 0x40600000
     Entry Point:  0x40600000
     Hash algo:    sha256
     Hash value:   5637baece2b0b9d41d7beb11c2201f9771f5f4cae4c65777a7605df70e6e8200
     Hash algo:    crc32
     Hash value:   c890d45d
    Image 1 (ramdisk-1)
";
    assert!(output.starts_with(expected), "{output}");
    let expected = "    Default Configuration: 'conf-1'
    Configuration 0 (conf-1)
     Description:  Kernel, tree and ramdisk
     Kernel:       kernel-1
     Init Ramdisk: ramdisk-1
     FDT:          fdt-1
    Configuration 1 (conf-2)
     Description:  Kernel, tree and a module
     Kernel:       kernel-1
     FDT:          fdt-1
     Loadables:    module-1
    Configuration 2 (conf-3)
     Description:  An overlay
     Kernel:       unavailable
     FDT:          fdt-2
";
    assert!(output.contains(expected), "{output}");
    assert!(
        output.contains("   Hash(es) for Image 5 (script-2): sha384+ sha512+ \n"),
        "{output}"
    );
    assert_eq!(bench.enter("echo $?"), "0\n");
    load(&mut bench, "damaged.fit", &damaged());
    let output = bench.enter("iminfo 40000000");
    assert!(output.contains("(script-1): crc32 error!\nBad hash value for 'hash-1' hash node in 'script-1' image node\nBad hash in FIT image!\n"), "{output}");
    load(&mut bench, "board.dtb", &Tree::new().emit(0).unwrap());
    let output = bench.enter("iminfo 40000000");
    assert!(output.ends_with("   FIT image found\nBad FIT image format!\nboard.dtb at 0x40000000: it is a device tree, and no FIT: it has no node /images\n"), "{output}");
}

/// A FIT over the contents that `start`'s machine can boot.
pub(crate) fn bootable(change: impl FnOnce(&mut Tree)) -> Vec<u8> {
    let mut fit = Tree::parse(LINUX).unwrap();
    for (path, data) in [
        ("/images/kernel-1", gzip(&linux())),
        ("/images/fdt-1", tree().emit(0).unwrap()),
    ] {
        let node = fit.find(path).unwrap();
        fit.set(node, "data", &data).unwrap();
        let hashes: Vec<_> = fit.children(node).collect();
        for hash in hashes {
            fit.remove(hash).unwrap();
        }
        let hash = fit.add(node, "hash-1").unwrap();
        fit.set_strings(hash, "algo", &["crc32"]).unwrap();
        fit.set_u32(hash, "value", crc32fast::hash(&data)).unwrap();
    }
    change(&mut fit);
    fit.emit(0).unwrap()
}

const FIT: u64 = 0x4080_0000;

fn start(file: &[u8], line: &str) -> (Start, String) {
    let mut bench = Start::new();
    bench.load(FIT, "boot.fit", file);
    let output = bench.type_line(line);
    (bench, output)
}

#[test]
fn a_configuration_is_booted() {
    for line in [
        "bootm 40800000#conf-1",
        "bootm 40800000",
        "bootm 40800000:kernel-1 40800000:ramdisk-1 40800000:fdt-1",
        "bootm 40800000#conf-1 40800000#conf-1 40800000",
    ] {
        let (bench, output) = start(&bootable(|_| {}), line);
        let jump = bench.jump().unwrap_or_else(|| panic!("{line}: {output}"));
        assert_eq!(jump.entry, PhysAddr(0x4060_0000));
        let tree = bench.tree_at(jump.device_tree);
        let chosen = tree.find("/chosen").unwrap();
        let initrd = [
            tree.u64(chosen, "linux,initrd-start").unwrap(),
            tree.u64(chosen, "linux,initrd-end").unwrap(),
        ];
        let region = Region::from_bounds(PhysAddr(initrd[0]), PhysAddr(initrd[1])).unwrap();
        assert_eq!(bench.context.memory.bytes(region).unwrap(), RAMDISK, "{line}");
        assert!(
            output.contains("   Trying 'kernel-1' kernel subimage\n     Description:  Linux\n"),
            "{output}"
        );
        assert!(
            output.contains("   Verifying Hash Integrity ... crc32+ OK\n"),
            "{output}"
        );
        assert!(
            output.contains("## Loading ramdisk from FIT Image at 40800000 ...\n"),
            "{output}"
        );
    }
    let (bench, output) = start(&bootable(|_| {}), "bootm 40800000#conf-1 - 42800000");
    let jump = bench.jump().unwrap_or_else(|| panic!("{output}"));
    let tree = bench.tree_at(jump.device_tree);
    assert_eq!(tree.property(tree.find("/chosen").unwrap(), "linux,initrd-start"), None);
}

#[test]
fn loadables_and_overlays_come_along() {
    let (bench, output) = start(&bootable(|_| {}), "bootm 40800000#conf-2");
    assert!(bench.jump().is_some(), "{output}");
    let file = bench.context.memory.file_at(PhysAddr(0x4300_0000)).unwrap();
    assert_eq!((file.name.as_str(), file.region.len()), ("boot.fit:module-1", 0xce));
    assert!(output.contains("   Loading loadables from 0x4080"), "{output}");
    let (bench, output) = start(&bootable(|_| {}), "bootm 40800000#conf-1#conf-3");
    let jump = bench.jump().unwrap_or_else(|| panic!("{output}"));
    let tree = bench.tree_at(jump.device_tree);
    assert!(tree.property(tree.find("/chosen").unwrap(), "by-overlay").is_some());
}

#[test]
fn what_of_a_fit_cannot_be_booted_is_refused() {
    for (line, words) in [
        (
            "bootm 40800000#nothere",
            "## Loading kernel from FIT Image at 40800000 ...\nCould not find configuration node\nERROR: can't get kernel image!\nboot.fit at 0x40800000: it has no configuration 'nothere'",
        ),
        (
            "bootm 40800000:nothere",
            "Could not find subimage node type 'kernel'\nERROR: can't get kernel image!\n",
        ),
        (
            "bootm 40800000#nothing",
            "Could not find subimage node type 'kernel'\nERROR: can't get kernel image!\n",
        ),
        (
            "bootm 40800000:ramdisk-1",
            "No Linux AArch64 Kernel Image Image\nERROR: can't get kernel image!\nboot.fit:ramdisk-1 has the type 'ramdisk'",
        ),
        (
            "bootm 40800000:kernel-1 40800000:nothere",
            "Could not find subimage node type 'ramdisk'\nRamdisk image is corrupt or invalid\n",
        ),
        (
            "bootm 40800000:kernel-1 40800000:fdt-1",
            "No Linux AArch64 Ramdisk Image\nRamdisk image is corrupt or invalid\n",
        ),
        (
            "bootm 40800000:kernel-1 - 40800000:ramdisk-1",
            "No Linux AArch64 Flat Device Tree Image\nCould not find a valid device tree\n",
        ),
        (
            "bootm 42800000#conf-1",
            "Bad FIT image format\nERROR: can't get kernel image!\nvirt.dtb at 0x42800000: it is a device tree, and no FIT",
        ),
        (
            "booti 40800000#conf-1",
            "booti starts what lies at an address; bootm starts a part of the FIT at 0x40800000",
        ),
    ] {
        let (bench, output) = start(&bootable(|_| {}), line);
        assert!(output.contains(words), "{line}: {output}");
        assert_eq!(bench.jump(), None);
    }
}

#[test]
fn a_kernel_that_cannot_be_trusted_or_unpacked_is_refused() {
    type Bent = (&'static str, fn(&mut Tree), &'static str);
    let bent: [Bent; 4] = [
        (
            "a hash",
            |fit| {
                fit.set_u32(fit.find("/images/kernel-1/hash-1").unwrap(), "value", 1)
                    .unwrap()
            },
            "Bad hash value for 'hash-1'",
        ),
        (
            "an algorithm",
            |fit| {
                fit.set_strings(fit.find("/images/kernel-1/hash-1").unwrap(), "algo", &["sha3"])
                    .unwrap()
            },
            "there is no hash algorithm 'sha3' here",
        ),
        (
            "a compression",
            |fit| {
                fit.set_strings(fit.find("/images/kernel-1").unwrap(), "compression", &["lzma"])
                    .unwrap()
            },
            "Unimplemented compression type lzma",
        ),
        (
            "an architecture",
            |fit| {
                fit.set_strings(fit.find("/images/kernel-1").unwrap(), "arch", &["arm"])
                    .unwrap()
            },
            "Unsupported Architecture arm",
        ),
    ];
    for (what, change, words) in bent {
        let (bench, output) = start(&bootable(change), "bootm 40800000");
        assert!(output.contains(words), "{what}: {output}");
        assert_eq!(bench.jump(), None);
    }
}

#[test]
fn a_signature_is_named_and_not_verified() {
    let signed = bootable(|fit| {
        let node = fit.find("/images/kernel-1").unwrap();
        let signature = fit.add(node, "signature-1").unwrap();
        fit.set_strings(signature, "algo", &["sha256,rsa2048"]).unwrap();
        fit.set_strings(signature, "key-name-hint", &["dev\x1b[2J"]).unwrap();
    });
    let (bench, output) = start(&signed, "bootm 40800000");
    assert!(bench.jump().is_some(), "{output}");
    assert!(
        output.contains("   Verifying Hash Integrity ... crc32+ sha256,rsa2048:dev?[2J- OK\n"),
        "{output}"
    );
}
