//! `scripts/flash-image`: what a board starts from. What the chips' makers add is stood in for by programs that do nothing; the makers' tools
//! look at their headers only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use system_tests::{built, folder};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// An empty folder for what the maker's tools make.
fn makers(name: &str) -> PathBuf {
    let folder = folder(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn flash_image(board: &str, folder: &Path) -> Output {
    let mut command = Command::new("scripts/flash-image");
    command.arg(board).arg(folder).current_dir(ROOT).output().unwrap()
}

/// What is printed if the file is made, and the file, whose path is in the last line.
fn made(board: &str, folder: &Path) -> (String, PathBuf) {
    let output = flash_image(board, folder);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let image = PathBuf::from(text.lines().last().unwrap());
    (text, image)
}

/// Each of `files` is named, and nothing is made.
fn misses(board: &str, folder: &Path, files: &[&str]) {
    let output = flash_image(board, folder);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{text}");
    for file in files {
        assert!(text.contains(&format!("{file} is missing in DIR")), "{file}: {text}");
    }
}

/// What `program` prints.
fn tool(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}: scripts/setup installs it"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// Whether `whole` has the bytes of the loader.
fn holds(whole: &[u8], board: &str) -> bool {
    let loader = fs::read(built(board, "slipway.bin")).unwrap();
    let begin = &loader[..64];
    let mut starts = (0..whole.len()).filter(|at| whole[*at..].starts_with(begin));
    starts.any(|at| whole[at..].starts_with(&loader))
}

#[test]
fn zynqmp_has_the_loader_behind_tf_a() {
    let folder = makers("flash-zcu102");
    let files = ["fsbl.elf", "pmufw.elf", "bl31.elf"];
    misses("zcu102", &folder, &files);
    for file in files {
        fs::copy(built("zcu102", "slipway-load.elf"), folder.join(file)).unwrap();
    }
    fs::write(folder.join("pmufw.elf"), management_program()).unwrap();
    let (text, image) = made("zcu102", &folder);
    let parts = text.lines().filter(|line| line.contains("Attributes : "));
    let parts: Vec<&str> = parts.map(str::trim).collect();
    assert_eq!(parts, ["Attributes : EL3 secure", "Attributes : EL2"], "{text}");
    assert!(image.ends_with("zcu102/flash/BOOT.BIN"), "{text}");
    assert!(holds(&fs::read(&image).unwrap(), "zcu102"));
    // As the board's README has it for those who use the maker's tool.
    let arguments = ["-arch", "zynqmp", "-image", "boot.bif", "-w", "-o", "by-bootgen.bin"];
    tool("bootgen", &arguments, image.parent().unwrap());
    assert!(holds(
        &fs::read(image.with_file_name("by-bootgen.bin")).unwrap(),
        "zcu102"
    ));
}

/// A program for a chip's management processor, a MicroBlaze: an ELF header, a program header, instructions.
fn management_program() -> Vec<u8> {
    const CODE: [u8; 256] = [0; 256];
    let ident: [u8; 16] = *b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0";
    let start = 0xf020_0000_u32.to_le_bytes();
    let len = 256_u32.to_le_bytes();
    let halves = |values: &[u16]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let words = |values: &[u32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    [
        &ident[..],
        &halves(&[2, 189]),
        &words(&[1]),
        &start,
        &words(&[52, 0, 0]),
        &halves(&[52, 32, 1, 40, 0, 0]),
        &words(&[1, 84]),
        &start,
        &start,
        &len,
        &len,
        &words(&[5, 4]),
        &CODE,
    ]
    .concat()
}

#[test]
fn versal_has_the_loader_behind_tf_a() {
    let folder = makers("flash-versal");
    misses("versal", &folder, &["base.pdi", "bl31.elf"]);
    fs::copy(built("versal", "slipway-load.elf"), folder.join("bl31.elf")).unwrap();
    fs::write(folder.join("plm.elf"), management_program()).unwrap();
    let design = "design: { id_code=0x04ca8093 extended_id_code=0x01 id=0x2\n\
        image { name=pmc_subsys, id=0x1c000001 { id=0x01, type=bootloader, file=plm.elf } } }\n";
    fs::write(folder.join("design.bif"), design).unwrap();
    let arguments = ["-arch", "versal", "-image", "design.bif", "-w", "-o", "base.pdi"];
    tool("bootgen", &arguments, &folder);
    let (text, image) = made("versal", &folder);
    assert!(image.ends_with("versal/flash/BOOT.BIN"), "{text}");
    let listed = tool(
        "bootgen",
        &["-arch", "versal", "-read", image.to_str().unwrap()],
        &folder,
    );
    let (_, loader) = listed
        .split_once("PARTITION HEADER TABLE (apu_subsystem.1)")
        .unwrap_or_else(|| panic!("the loader is the second part: {listed}"));
    for fact in [
        "exec_addr_lo (0x10) : 0x08000000",
        "load_addr_lo (0x18) : 0x08000000",
        "el [el-2]",
        "core [a72-0]",
    ] {
        assert!(loader.contains(fact), "{fact}: {listed}");
    }
    assert!(holds(&fs::read(image).unwrap(), "versal"));
}

#[test]
fn the_raspberry_pi_gets_a_card() {
    let folder = makers("flash-raspi4b");
    fs::write(folder.join("start4.elf"), "the board's firmware").unwrap();
    let (text, image) = made("raspi4b", &folder);
    assert!(image.ends_with("raspi4b/flash/sd.img"), "{text}");
    for (file, missing) in [
        ("start4.elf", false),
        ("fixup4.dat", true),
        ("bcm2711-rpi-4-b.dtb", true),
    ] {
        let said = text.contains(&format!(
            "{file} is not in DIR, and the board does not start without it"
        ));
        assert_eq!(said, missing, "{file}: {text}");
    }
    // The partition begins where make-sd puts it.
    let partition = format!("{}@@1M", image.display());
    for (file, source) in [
        ("kernel8.img", built("raspi4b", "slipway.bin")),
        ("config.txt", Path::new(ROOT).join("board-configs/raspi4b/config.txt")),
        ("start4.elf", folder.join("start4.elf")),
    ] {
        let copy = folder.join("copy");
        tool(
            "mcopy",
            &[
                "-n",
                "-o",
                "-i",
                &partition,
                &format!("::{file}"),
                copy.to_str().unwrap(),
            ],
            &folder,
        );
        assert_eq!(fs::read(copy).unwrap(), fs::read(source).unwrap(), "{file}");
    }
}

/// The flash that is complete is started in `tf_a.rs`.
#[test]
fn the_virt_machine_gets_tf_as_flash_if_all_fits() {
    let folder = makers("flash-qemu-virt");
    let files = ["bl1.bin", "bl2.bin", "bl31.bin"];
    misses("qemu-virt", &folder, &files);
    for file in files {
        fs::write(folder.join(file), vec![0x5a; 0x4_0001]).unwrap();
    }
    let output = flash_image("qemu-virt", &folder);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "BL1 and the FIP overlap");
    assert!(
        errors.contains("fip.bin cannot be at 0x40000: the file before ends at 0x40001"),
        "{errors}"
    );
}
