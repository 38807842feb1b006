//! Turns the folder of the board named by `SLIPWAY_BOARD` into constants, and hands the linker its script.

use std::env;
use std::fs;
use std::path::Path;

use board_schema::{Board, Device, EarlyConsole, Environment, Folder, Interface, UartKind, Volume};

fn main() {
    let manifest = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let board = env::var("SLIPWAY_BOARD").unwrap_or_else(|_| "qemu-virt".to_owned());
    let folder = match Folder::read(&Path::new(&manifest).join("../../board-configs").join(&board)) {
        Ok(folder) => folder,
        Err(error) => panic!("{error}"),
    };
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let text = constants(&folder) + &built_in_tree(&folder);
    fs::write(Path::new(&out).join("board.rs"), text).expect("OUT_DIR is writable");
    for file in &folder.files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    println!("cargo:rerun-if-env-changed=SLIPWAY_BOARD");
    println!("cargo:rerun-if-changed=link.ld");
    // One image for every address: the loader applies its own relocations, those in read-only sections included.
    for argument in [
        "-pie",
        "--no-dynamic-linker",
        "-znotext",
        "-zmax-page-size=4096",
        "--build-id=none",
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!(
        "cargo:rustc-link-arg-bins=--defsym=__early_limit={:#x}",
        early_limit(&folder.board)
    );
    println!("cargo:rustc-link-arg-bins=-T{manifest}/link.ld");
}

/// How far image, .bss and early stack may reach (link.ld): where the image is copied out of ROM it has the first 2 MiB of RAM, with 64 KiB of
/// them for the tree and 128 KiB for the early heap; elsewhere only the guard page below the stack is in its way (layout.rs).
fn early_limit(board: &Board) -> u64 {
    if board.rom.is_some() { 0x1d_0000 } else { 0x1f_0000 }
}

fn constants(folder: &Folder) -> String {
    let board = &folder.board;
    [
        constant("The board's name.", "NAME: &str", &format!("{:?}", folder.name)),
        constant(
            "What the board is.",
            "DESCRIPTION: &str",
            &format!("{:?}", board.description),
        ),
        constant(
            "The default environment.",
            "ENVIRONMENT: &str",
            &format!("{:?}", folder.environment),
        ),
        memory(board),
        early_console(&board.early_console),
        constant(
            "Where the environment is saved.",
            "ENVIRONMENT_PLACE: Option<loader_core::env::Place>",
            &board.environment.as_ref().map_or_else(
                || "None".to_owned(),
                |environment| format!("Some({})", place(environment)),
            ),
        ),
    ]
    .concat()
}

fn constant(doc: &str, name: &str, value: &str) -> String {
    format!("/// {doc}\npub(crate) const {name} = {value};\n")
}

fn memory(board: &Board) -> String {
    // An empty ROM region never holds the program counter.
    let (rom_start, rom_end) = board
        .rom
        .as_ref()
        .map_or((0, 0), |rom| (rom.start, rom.start + rom.size));
    let banks = board.memory.bank.iter();
    let banks = banks.map(|bank| format!("({:#x}, {:#x})", bank.start, bank.size));
    let reserved = board.reserved.iter();
    let reserved = reserved.map(|part| format!("({:#x}, {:#x}, {:?})", part.address, part.size, part.name));
    let number = |value: u64| format!("{value:#x}");
    [
        constant("First address of RAM.", "RAM_START: u64", &number(board.memory.start)),
        constant(
            "Banks of RAM, first address and length, for trees that leave them out.",
            "BANKS: &[(u64, u64)]",
            &list(banks),
        ),
        constant(
            "What the loader leaves alone beside what the tree reserves: first address, length, whose it is.",
            "RESERVED: &[(u64, u64, &str)]",
            &list(reserved),
        ),
        constant(
            "First address of the ROM that the loader may start from.",
            "ROM_START: u64",
            &number(rom_start),
        ),
        constant("First address after that ROM.", "ROM_END: u64", &number(rom_end)),
    ]
    .concat()
}

fn early_console(console: &EarlyConsole) -> String {
    let module = match console.kind {
        UartKind::Pl011 => "pl011",
        UartKind::Cadence => "cadence",
        UartKind::Imx => "imx",
        UartKind::MiniUart => "mini_uart",
    };
    let address = constant(
        "Registers of the early console.",
        "EARLY_UART: usize",
        &format!("{:#x}", console.address),
    );
    format!("{address}pub(crate) use crate::early_console::{module} as early_uart;\n")
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("&[{}]", items.collect::<Vec<_>>().join(", "))
}

/// The constant that holds the built-in device tree: the file that `SLIPWAY_TREE` names, which `scripts/build` has made of what the board's
/// folder says.
fn built_in_tree(folder: &Folder) -> String {
    println!("cargo:rerun-if-env-changed=SLIPWAY_TREE");
    let given = env::var("SLIPWAY_TREE").ok().filter(|_| folder.board.tree.is_some());
    if given.is_none() && folder.board.tree.is_some() {
        println!(
            "cargo:warning=this image is without the built-in device tree of {}: scripts/build puts it in",
            folder.name
        );
    }
    const TREE: &str = "/// The built-in device tree.\npub(crate) static TREE: Option<&[u8]>";
    match given {
        None => format!("{TREE} = None;\n"),
        Some(path) => {
            println!("cargo:rerun-if-changed={path}");
            // Trees begin at multiples of 8 (DT spec 5).
            format!(
                "#[repr(C, align(8))]\nstruct Aligned<T: ?Sized>(T);\n\
                 static BLOB: &Aligned<[u8]> = &Aligned(*include_bytes!({path:?}));\n\
                 {TREE} = Some(&BLOB.0);\n"
            )
        }
    }
}

/// The expression for a `loader_core::env::Place`.
fn place(environment: &Environment) -> String {
    const ENV: &str = "loader_core::env";
    match environment {
        Environment::Flash(flash) => format!(
            "{ENV}::Place::Flash({ENV}::FlashPlace {{ flash: hal::PhysAddr({:#x}), offset: {:#x}, size: {:#x}, copies: {} }})",
            flash.address,
            flash.offset,
            flash.size,
            copies(flash.redundant_offset, flash.backup_offset)
        ),
        Environment::Block(block) => format!(
            "{ENV}::Place::Block({ENV}::BlockPlace {{ {}, offset: {:#x}, size: {:#x}, copies: {} }})",
            device(&block.device),
            block.offset,
            block.size,
            copies(block.redundant_offset, block.backup_offset)
        ),
        Environment::Fat(fat) => format!(
            "{ENV}::Place::Fat({ENV}::FatPlace {{ {}, volume: {}, file: {}, redundant: {}, size: {:#x} }})",
            device(&fat.device),
            volume(&fat.device.volume),
            borrowed(&fat.file),
            fat.redundant_file
                .as_deref()
                .map_or_else(|| "None".to_owned(), |file| format!("Some({})", borrowed(file))),
            fat.size
        ),
    }
}

fn copies(redundant: Option<u64>, backup: Option<u64>) -> String {
    let copies = match (redundant, backup) {
        (Some(second), _) => format!("Redundant({second:#x})"),
        (None, Some(second)) => format!("Backup({second:#x})"),
        (None, None) => "Single".to_owned(),
    };
    format!("loader_core::env::Copies::{copies}")
}

fn device(device: &Device) -> String {
    let interface = match device.interface {
        Interface::Mmc => "Mmc",
        Interface::Virtio => "Virtio",
    };
    let number = device.number;
    format!("interface: hal::block::BlockInterface::{interface}, number: {number}")
}

fn volume(volume: &Volume) -> String {
    let which = match volume {
        Volume::Default => "Default".to_owned(),
        Volume::Auto => "Auto".to_owned(),
        Volume::Number(number) => format!("Number({number})"),
        Volume::Name(name) => format!("Name({})", borrowed(name)),
    };
    format!("loader_core::fs::Which::{which}")
}

fn borrowed(text: &str) -> String {
    format!("alloc::borrow::Cow::Borrowed({text:?})")
}
