//! What scripts need to know of a board, as assignments for a shell.
//!
//! `board-schema FOLDER PACKAGES`: reads the board's folder; `PACKAGES` is where the device trees of packages are.

use std::path::Path;
use std::process::ExitCode;

use board_schema::{Folder, Tree};

/// A word for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The assignments for a board.
fn facts(folder: &Path, packages: &Path) -> Result<String, board_schema::BoardError> {
    let board = Folder::read(folder)?.board;
    let tree = board.tree.map(|tree| match tree {
        Tree::File(file) => folder.join(file),
        Tree::Package(file) => packages.join(file),
    });
    let tree = tree.map_or(String::new(), |tree| tree.display().to_string());
    let load = board.load.map_or(String::new(), |load| format!("{:#x}", load.address));
    Ok(format!("tree={}\nload={}\n", quoted(&tree), quoted(&load)))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, packages] = arguments.as_slice() else {
        eprintln!("usage: board-schema FOLDER PACKAGES");
        return ExitCode::FAILURE;
    };
    match facts(Path::new(folder), Path::new(packages)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
