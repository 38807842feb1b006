use crate::commands::start::tests::{Bench, KERNEL, linux};
use crate::image::gzip::tests::gzip;
use crate::image::uimage::{Compression, Type, tests::uimage};

fn info(file: &[u8]) -> alloc::string::String {
    let mut bench = Bench::new();
    bench.load(KERNEL, "file", file);
    bench.type_line("iminfo 40400000")
}

#[test]
fn a_uimage_as_u_boot_shows_it() {
    let parts = [&8_u32.to_be_bytes()[..], &[0; 4], b"echo hi\n"].concat();
    assert_eq!(
        info(&uimage(Type::SCRIPT, Compression::NONE, 0, &parts)),
        "
## Checking Image at 40400000 ...
   Legacy image found
   Image Name:   sample
   Created:      2025-11-21   6:00:32 UTC
   Image Type:   AArch64 Linux Script (uncompressed)
   Data Size:    16 Bytes = 16 Bytes
   Load Address: 00000000
   Entry Point:  00000000
   Contents:
      Image 0: 8 Bytes = 8 Bytes
   Verifying Checksum ... OK
"
    );
}

#[test]
fn damage_is_named() {
    let mut file = uimage(Type::RAMDISK, Compression::NONE, 0, b"070701ramdisk");
    file[70] ^= 1;
    let output = info(&file);
    assert!(
        output.contains("   Verifying Checksum ... Bad Data CRC\nfile at 0x40400000: the data's CRC-32 is"),
        "{output}"
    );
    file[40] ^= 1;
    let output = info(&file);
    assert!(
        output.contains("   Legacy image found\n   Bad Header Checksum\n0x40400000: the header's CRC-32"),
        "{output}"
    );
}

#[test]
fn other_kinds() {
    assert_eq!(
        info(&linux()),
        "
## Checking Image at 40400000 ...
   ARM64 Image found
   Text Offset:  0x0
   Memory Size:  65536 Bytes = 64 KiB
   Placement:    anywhere
"
    );
    assert_eq!(
        info(&gzip(&linux())),
        "
## Checking Image at 40400000 ...
   GZIP data found
   Contents:     an arm64 Image
   Data Size:    8192 Bytes = 8 KiB
"
    );
    let unknown = info(b"hello, world");
    assert!(
        unknown.ends_with("Unknown image format!\n0x40400000 holds unknown data ([68, 65, 6c, 6c])\n"),
        "{unknown}"
    );
}

#[test]
fn several_addresses_and_none() {
    let mut bench = Bench::new();
    bench.load(KERNEL, "Image", &linux());
    assert_eq!(bench.type_line("iminfo"), "(Usage)\n");
    bench.context.env.set_hex("loadaddr", KERNEL);
    let once = bench.type_line("iminfo");
    assert_eq!(
        bench.type_line("iminfo 40400000 40400000"),
        [once.as_str(), &once].concat()
    );
}
