use hal::{PhysAddr, Region};

use crate::commands::start::tests::{Bench, KERNEL, RAMDISK, TREE, linux};
use crate::image::gzip::tests::gzip;
use crate::image::uimage::{Compression, Type, tests::uimage};

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.load(KERNEL, "Image", &linux());
    bench
}

#[test]
fn a_plain_linux_starts() {
    let mut bench = bench();
    bench.load(RAMDISK, "initrd.gz", b"070701ramdisk");
    bench.context.env.set("bootargs", "console=ttyAMA0 quiet").unwrap();
    let output = bench.type_line("booti 40400000 43000000:d 42800000");
    assert_eq!(
        output,
        "\
domain  module   file          address  size
Linux   image    Image      0x40400000  8192
Linux   dtb                 0x42800000  4452
Linux   ramdisk  initrd.gz  0x43000000    13

0x0040000000..0x0044000000     64 MiB  RAM
0x0040400000..0x0040410000     64 KiB    Image (with BSS)
0x0042800000..0x0042801164    4.3 KiB    the device tree
0x0043000000..0x004300000d   13 Bytes    initrd.gz (ramdisk)

Starting kernel ...

"
    );
    let jump = bench.jump().unwrap();
    assert_eq!((jump.entry, jump.device_tree), (PhysAddr(KERNEL), PhysAddr(TREE)));
    assert!(jump.clean.contains(&Region::new(PhysAddr(KERNEL), 0x1_0000).unwrap()));
    let tree = bench.tree_at(jump.device_tree);
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.str(chosen, "bootargs"), Some("console=ttyAMA0 quiet"));
    assert_eq!(tree.u64(chosen, "linux,initrd-end"), Some(RAMDISK + 13));
}

#[test]
fn the_tree_may_come_from_fdt_addr_or_the_machine() {
    let mut first = bench();
    first.context.working_tree = Some(PhysAddr(TREE));
    first.type_line("booti 40400000");
    assert_eq!(first.jump().unwrap().device_tree, PhysAddr(TREE));
    let mut second = bench();
    second.context.env.set_hex("fdtcontroladdr", TREE);
    second.type_line("booti 40400000 -");
    assert_eq!(second.jump().unwrap().device_tree, PhysAddr(TREE));
    let mut none = bench();
    let output = none.type_line("booti 40400000");
    assert!(
        output.starts_with("ERROR: Did not find a cmdline Flattened Device Tree\n"),
        "{output}"
    );
    assert_eq!(none.jump(), None);
}

#[test]
fn a_packed_image_is_unpacked_and_started() {
    let mut bench = Bench::new();
    bench.load(0x4100_0000, "Image.gz", &gzip(&linux()));
    let output = bench.type_line("booti 0x0x41000000 - 42800000");
    assert!(
        output.starts_with("Warning: '0x0x41000000' has its 0x twice"),
        "{output}"
    );
    let jump = bench.jump().unwrap();
    let region = Region::new(jump.entry, 8192).unwrap();
    assert_eq!(bench.context.memory.bytes(region).unwrap(), linux());
    assert!(jump.entry.is_aligned(0x20_0000));
}

#[test]
fn a_packed_file_that_is_no_image_is_refused() {
    let mut bench = Bench::new();
    bench.load(
        RAMDISK,
        "rootfs.gz",
        &gzip(b"070701 is how a cpio archive begins, and so does this ramdisk here"),
    );
    let output = bench.type_line("booti 43000000 - 42800000");
    assert!(
        output.starts_with("Bad Linux ARM64 Image magic!\nrootfs.gz at 0x43000000: the magic at offset 56 is"),
        "{output}"
    );
    assert_eq!(bench.jump(), None);
}

#[test]
fn a_packed_image_of_unknown_length_is_refused() {
    let mut bench = Bench::new();
    let file = gzip(&linux());
    let claim = bench
        .context
        .memory
        .claim(PhysAddr(0x4100_0000), 0x1000, "by hand")
        .unwrap();
    bench.context.memory.write(&claim, 0, &file).unwrap();
    bench.context.memory.abandon(claim, 0x1000);
    let output = bench.type_line("booti 41000000 - 42800000");
    assert!(
        output.starts_with("kernel_comp_addr_r or kernel_comp_size is not provided!\n"),
        "{output}"
    );
    bench
        .context
        .env
        .set_hex("kernel_comp_size", u64::try_from(file.len()).unwrap());
    bench.type_line("booti 41000000 - 42800000");
    assert!(bench.jump().is_some());
}

#[test]
fn words_that_lab_tools_wait_for() {
    let mut bench = bench();
    bench.load(0x4100_0000, "zeros", &[0; 4096]);
    for (line, words) in [
        (
            "booti 41000000 - 42800000",
            "Bad Linux ARM64 Image magic!\n0x41000000 holds unknown data ([00, 00, 00, 00])",
        ),
        (
            "booti 40400000 43100000 42800000",
            "Wrong Ramdisk Image Format\nRamdisk image is corrupt or invalid\nnothing was",
        ),
        (
            "booti 40400000 90000000 42800000",
            "Wrong Ramdisk Image Format\nRamdisk image is corrupt or invalid\n",
        ),
        (
            "booti 40400000 - 41000000",
            "ERROR: Did not find a cmdline Flattened Device Tree\n0x41000000..0x41001000: the devicetree is not usable",
        ),
        (
            "booti 40400000 - 43100000",
            "ERROR: Did not find a cmdline Flattened Device Tree\n0x43100000: the devicetree is not usable",
        ),
        (
            "booti 40400000 40401000:1000 42800000",
            "ERROR: RD image overlaps OS image",
        ),
        ("booti 50000000 - 42800000", "Bad Linux ARM64 Image magic!\n"),
    ] {
        let output = bench.type_line(line);
        assert!(output.contains(words), "{line}: {output}");
        assert_eq!(bench.jump(), None, "{line}");
    }
    assert_eq!(bench.type_line("booti 40400000 - 42800000 1"), "(Usage)\n");
    assert_eq!(bench.type_line("booti"), "(Usage)\n");
    assert_eq!(bench.type_line("booti zz"), "'zz' is not a hexadecimal number\n");
}

#[test]
fn a_wrapped_ramdisk_is_verified_and_unwrapped() {
    let file = uimage(Type::RAMDISK, Compression::NONE, 0, b"070701ramdisk");
    let mut first = bench();
    first.load(RAMDISK, "initrd.u-boot", &file);
    let output = first.type_line("booti 40400000 43000000 42800000");
    assert!(
        output.starts_with("## Loading init Ramdisk from Legacy Image at 43000000 ...\n   Image Name:   sample\n"),
        "{output}"
    );
    assert!(output.contains("\n   Verifying Checksum ... OK\n"), "{output}");
    let tree = first.tree_at(PhysAddr(TREE));
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.u64(chosen, "linux,initrd-start"), Some(RAMDISK + 64));
    assert_eq!(tree.u64(chosen, "linux,initrd-end"), Some(RAMDISK + 77));

    for (at, words) in [
        (10, "Bad Header Checksum\n"),
        (70, "   Verifying Checksum ... Bad Data CRC\n"),
    ] {
        let mut second = bench();
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        second.load(RAMDISK, "initrd.u-boot", &damaged);
        let output = second.type_line("booti 40400000 43000000 42800000");
        assert!(output.contains(words), "{output}");
        assert!(output.contains("Ramdisk image is corrupt or invalid\n"), "{output}");
        assert_eq!(second.jump(), None);
    }
    let mut third = bench();
    third.load(
        RAMDISK,
        "boot.scr",
        &uimage(Type::SCRIPT, Compression::NONE, 0, &[0; 8]),
    );
    let output = third.type_line("booti 40400000 43000000 42800000");
    assert!(
        output.contains("No Linux AArch64 Ramdisk Image\nRamdisk image is corrupt or invalid\n"),
        "{output}"
    );
}

#[test]
fn an_image_that_was_never_loaded_is_as_long_as_it_says() {
    let mut bench = Bench::new();
    let claim = bench.context.memory.claim(PhysAddr(KERNEL), 8192, "by hand").unwrap();
    bench.context.memory.write(&claim, 0, &linux()).unwrap();
    bench.context.memory.abandon(claim, 8192);
    bench.type_line("booti 40400000 - 42800000");
    assert_eq!(bench.jump().unwrap().entry, PhysAddr(KERNEL));
}

#[test]
fn a_refused_boot_writes_nothing() {
    let mut bench = bench();
    let ram = |bench: &Bench| {
        bench
            .context
            .memory
            .bytes(Region::new(PhysAddr(0x4000_0000), 64 << 20).unwrap())
            .unwrap()
            .to_vec()
    };
    bench.load(KERNEL + 0x1000, "late", b"070701");
    let before = ram(&bench);
    let output = bench.type_line("booti 40400000 - 42800000");
    assert!(
        output.ends_with("Image is not started: 1 error above; nothing was written\n"),
        "{output}"
    );
    assert!(before == ram(&bench));
}

#[test]
fn what_was_found_is_kept_until_the_next_boot() {
    let mut bench = bench();
    // It is moved to where the protocol allows it.
    bench.load(KERNEL + 0x100, "Image", &linux());
    let output = bench.type_line("booti 40400100 - 42800000");
    let context = &bench.context;
    let prepared = context.prepared.as_ref().unwrap();
    assert!(!context.findings.is_empty() && context.findings == prepared.findings);
    assert!(
        output.starts_with(&alloc::format!("{}\n", context.findings[0])),
        "{output}"
    );
    // The next one does not come so far.
    bench.load(KERNEL, "Image", b"no image");
    bench.type_line("booti 40400000 - 43000000");
    bench.load(TREE, "virt.dtb", b"no tree");
    bench.load(KERNEL, "Image", &linux());
    bench.type_line("booti 40400000 - 42800000");
    assert_eq!((&bench.context.prepared, bench.context.findings.len()), (&None, 0));
}
