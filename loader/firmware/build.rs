//! Turns the folder of the board named by `SLIPWAY_BOARD` into constants, and hands the linker its script.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use board_schema::{Board, Environment, Folder, UartKind};

fn main() {
    let manifest = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let board = env::var("SLIPWAY_BOARD").unwrap_or_else(|_| "qemu-virt".to_owned());
    let folder = match Folder::read(&Path::new(&manifest).join("../../board-configs").join(&board)) {
        Ok(folder) => folder,
        Err(error) => panic!("{error}"),
    };
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("board.rs"), constants(&folder)).expect("OUT_DIR is writable");
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
    println!("cargo:rustc-link-arg-bins=-T{manifest}/link.ld");
}

fn constants(folder: &Folder) -> String {
    let board = &folder.board;
    // An empty ROM region never holds the program counter.
    let (rom_start, rom_end) = board
        .rom
        .as_ref()
        .map_or((0, 0), |rom| (rom.start, rom.start + rom.size));
    let mut text = String::new();
    let mut constant = |doc: &str, name: &str, kind: &str, value: String| {
        writeln!(text, "/// {doc}\npub(crate) const {name}: {kind} = {value};").expect("a String takes all");
    };
    constant("The board's name.", "NAME", "&str", format!("{:?}", folder.name));
    constant(
        "What the board is.",
        "DESCRIPTION",
        "&str",
        format!("{:?}", board.description),
    );
    constant(
        "The default environment.",
        "ENVIRONMENT",
        "&str",
        format!("{:?}", folder.environment),
    );
    constant(
        "First address of RAM.",
        "RAM_START",
        "u64",
        format!("{:#x}", board.memory.start),
    );
    constant(
        "First address of the ROM that the loader may start from.",
        "ROM_START",
        "u64",
        format!("{rom_start:#x}"),
    );
    constant(
        "First address after that ROM.",
        "ROM_END",
        "u64",
        format!("{rom_end:#x}"),
    );
    constant(
        "Registers of the early console.",
        "EARLY_UART",
        "usize",
        format!("{:#x}", board.early_console.address),
    );
    match board.early_console.kind {
        UartKind::Pl011 => text.push_str("pub(crate) use crate::early_console::pl011 as early_uart;\n"),
    }
    let place =
        "Where the environment is saved.\npub(crate) const ENVIRONMENT_PLACE: Option<loader_core::env::FlashPlace>";
    writeln!(text, "/// {place} = {};", environment(board)).expect("a String takes all");
    text
}

fn environment(board: &Board) -> String {
    let Some(Environment::Flash(flash)) = &board.environment else {
        return "None".to_owned();
    };
    let copies = match (flash.redundant_offset, flash.backup_offset) {
        (Some(second), _) => format!("Redundant({second:#x})"),
        (None, Some(second)) => format!("Backup({second:#x})"),
        (None, None) => "Single".to_owned(),
    };
    format!(
        "Some(loader_core::env::FlashPlace {{ flash: hal::PhysAddr({:#x}), offset: {:#x}, size: {:#x}, \
         copies: loader_core::env::Copies::{copies} }})",
        flash.address, flash.offset, flash.size
    )
}
