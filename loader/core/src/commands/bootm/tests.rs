use hal::{PhysAddr, Region};

use crate::commands::start::tests::{Bench, KERNEL, linux};
use crate::image::gzip::tests::gzip;
use crate::image::uimage::{Arch, Compression, Type, tests};

fn started(file: &[u8]) -> (Bench, alloc::string::String) {
    let mut bench = Bench::new();
    bench.load(KERNEL, "xen.ub", file);
    let output = bench.type_line("bootm 40400000 - 42800000");
    (bench, output)
}

#[test]
fn a_payload_moves_down_over_its_own_header() {
    let (bench, output) = started(&tests::uimage(Type::KERNEL, Compression::NONE, 0x4040_0000, &linux()));
    assert!(
        output.starts_with(
            "\
## Booting kernel from Legacy Image at 40400000 ...
   Image Name:   sample
   Created:      2025-11-21   6:00:32 UTC
   Image Type:   AArch64 Linux Kernel Image (uncompressed)
   Data Size:    8192 Bytes = 8 KiB
   Load Address: 40400000
   Entry Point:  40400000
   Verifying Checksum ... OK
"
        ),
        "{output}"
    );
    let jump = bench.jump().unwrap();
    assert_eq!(jump.entry, PhysAddr(KERNEL));
    assert_eq!(
        bench
            .context
            .memory
            .bytes(Region::new(jump.entry, 8192).unwrap())
            .unwrap(),
        linux()
    );
}

#[test]
fn a_load_address_that_the_protocol_forbids_is_moved() {
    let (bench, output) = started(&tests::uimage(Type::KERNEL, Compression::NONE, 0x4180_8000, &linux()));
    assert!(
        output.contains("Note: Moving Image from 0x40400040 to 0x41a00000, end=0x41a10000\n"),
        "{output}"
    );
    assert_eq!(bench.jump().unwrap().entry, PhysAddr(0x41a0_0000));
}

#[test]
fn a_load_address_outside_ram_is_not_used() {
    let (bench, output) = started(&tests::uimage(Type::KERNEL, Compression::NONE, 0x8_0000, &linux()));
    assert!(bench.jump().unwrap().entry > PhysAddr(0x4000_0000), "{output}");
}

#[test]
fn a_packed_payload_is_unpacked_to_its_load_address() {
    let (bench, _) = started(&tests::uimage(
        Type::KERNEL,
        Compression::GZIP,
        0x4100_0000,
        &gzip(&linux()),
    ));
    let jump = bench.jump().unwrap();
    assert_eq!(jump.entry, PhysAddr(0x4100_0000));
    assert_eq!(
        bench
            .context
            .memory
            .bytes(Region::new(jump.entry, 8192).unwrap())
            .unwrap(),
        linux()
    );
}

#[test]
fn words_that_lab_tools_wait_for() {
    let good = tests::uimage(Type::KERNEL, Compression::NONE, 0x4040_0000, &linux());
    let mut header = good.clone();
    header[20] ^= 1;
    let mut data = good.clone();
    data[5000] ^= 1;
    let mut arm = good.clone();
    arm[29] = Arch::ARM.0;
    tests::seal(&mut arm);
    let mut lzma = good.clone();
    lzma[31] = 3;
    tests::seal(&mut lzma);
    for (file, words) in [
        (
            linux(),
            "Wrong Image Format for bootm command\nERROR: can't get kernel image!\n0x40400000 holds an arm64 Image, not a uImage; booti starts it",
        ),
        (
            header,
            "Bad Header Checksum\nERROR: can't get kernel image!\n0x40400000: the header's CRC-32 is",
        ),
        (
            data,
            "   Verifying Checksum ... Bad Data CRC\nERROR: can't get kernel image!\nxen.ub at 0x40400000: the data's CRC-32 is",
        ),
        (
            good[..5000].to_vec(),
            "xen.ub at 0x40400000: the header promises 8192 bytes of data, 4936 are there",
        ),
        (
            arm,
            "Unsupported Architecture 0x2\nERROR: can't get kernel image!\nxen.ub at 0x40400000 is marked as ARM, not AArch64: \
             wrap it again with mkimage -A arm64",
        ),
        (lzma, "Unimplemented compression type 3\n"),
        (
            tests::uimage(Type::RAMDISK, Compression::NONE, 0, b"070701"),
            "Wrong Image Type for bootm command\nERROR: can't get kernel image!\nxen.ub at 0x40400000 is a RAMDisk Image, not a kernel",
        ),
    ] {
        let (bench, output) = started(&file);
        assert!(output.contains(words), "{words}: {output}");
        assert_eq!(bench.jump(), None);
    }
}

#[test]
fn a_payload_that_is_no_image_starts_at_its_entry() {
    let mut file = tests::uimage(Type::KERNEL, Compression::NONE, 0x4100_0000, &[0x1f; 4096]);
    file[20..24].copy_from_slice(&0x4100_0800_u32.to_be_bytes());
    tests::seal(&mut file);
    let (bench, _) = started(&file);
    assert_eq!(bench.jump().unwrap().entry, PhysAddr(0x4100_0800));
    let (bench, _) = started(&tests::uimage(
        Type::KERNEL_NOLOAD,
        Compression::NONE,
        0x10,
        &[0x1f; 4096],
    ));
    assert_eq!(bench.jump().unwrap().entry, PhysAddr(KERNEL + 64 + 0x10));
    for entry in [0x4100_1000_u32, 0x40ff_fffc, 0x4100_0002] {
        file[20..24].copy_from_slice(&entry.to_be_bytes());
        tests::seal(&mut file);
        let (bench, output) = started(&file);
        let words = alloc::format!(
            "xen.ub would be started at {entry:#x}, which is no instruction of the image at 0x41000000..0x41001000"
        );
        assert!(output.contains(&words), "{output}");
        assert_eq!(bench.jump(), None);
    }
    let (bench, output) = started(&tests::uimage(Type::KERNEL, Compression::NONE, 0x8_0000, &[0x1f; 4096]));
    assert!(
        output.contains("xen.ub must lie at 0x80000..0x81000, but 0x80000..0x81000 is not all RAM"),
        "{output}"
    );
    assert_eq!(bench.jump(), None);
}

/// Headers, gzip streams and images with anything in them, some with their checksums made right again: each is started or refused with
/// a sentence, and none of it panics.
#[test]
fn files_with_anything_in_them() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 8).unwrap() % limit
    };
    let extremes = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0x4040_0000, 0xffff_fff0];
    let mut bench = Bench::new();
    for round in 0..400 {
        let compression = [Compression::NONE, Compression::GZIP][round % 2];
        let mut data = if round % 2 == 1 { gzip(&linux()) } else { linux() };
        for _ in 0..below(4) {
            // The first 64 bytes hold what is decided by.
            let end = [64, data.len() - 4][below(2)];
            let at = below(end.min(data.len() - 4));
            let value = [extremes[below(7)].to_be_bytes(), extremes[below(7)].to_le_bytes()][below(2)];
            data[at..at + 4].copy_from_slice(&value);
        }
        if below(4) == 0 {
            data.truncate(4 + below(data.len() - 4));
        }
        if round % 25 == 0 {
            bench = Bench::new();
        }
        bench.load(KERNEL, "bare", &data);
        let answers =
            ["booti 40400000 - 42800000", "iminfo 40400000", "source 40400000"].map(|line| bench.type_line(line));
        assert!(answers.iter().all(|answer| !answer.is_empty()), "round {round}");
        let kind = [
            Type::KERNEL,
            Type::KERNEL_NOLOAD,
            Type::RAMDISK,
            Type::SCRIPT,
            Type::MULTI,
        ][below(5)];
        let mut file = tests::uimage(kind, compression, extremes[below(7)], &data);
        for _ in 0..below(3) {
            let field = below(15) * 4 + 4;
            file[field..field + 4].copy_from_slice(&extremes[below(7)].to_be_bytes());
        }
        if below(4) != 0 {
            tests::seal(&mut file);
        }
        bench.load(KERNEL, "wrapped", &file);
        let lines = [
            "iminfo 40400000",
            "source 40400000",
            "booti 40400000 40400000 42800000",
            "bootm 40400000 - 42800000",
        ];
        let answers = lines.map(|line| bench.type_line(line));
        assert!(answers.iter().all(|answer| !answer.is_empty()), "round {round}");
    }
}
