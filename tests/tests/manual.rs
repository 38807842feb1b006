//! The README's command manual is what `help` prints: generated from the same texts, and checked here.
//!
//! `SLIPWAY_UPDATE=1 cargo test -p system-tests --test manual` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use loader_core::commands::COMMANDS;

const BEGIN: &str = "<!-- manual: begin (generated; see tests/tests/manual.rs) -->\n";
const END: &str = "<!-- manual: end -->";

fn manual() -> String {
    let mut text = String::from("\n");
    for command in COMMANDS {
        // Writing to a string does not fail.
        let _ = writeln!(text, "#### {}\n", command.name);
        let _ = writeln!(text, "{}\n", command.help);
        let _ = writeln!(text, "```\n{}", command.usage_text().replace("Usage:\n", ""));
        if !command.aliases.is_empty() {
            let _ = writeln!(text, "\nAlso: {}", command.aliases.join(", "));
        }
        let _ = writeln!(text, "\nExamples:");
        for example in command.examples {
            let _ = writeln!(text, "=> {example}");
        }
        let _ = writeln!(text, "```\n");
    }
    text
}

#[test]
fn the_readme_holds_the_commands_own_texts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has no manual");
    let (held, after) = rest.split_once(END).expect("README.md's manual has no end");
    if std::env::var_os("SLIPWAY_UPDATE").is_some() {
        std::fs::write(&path, [before, BEGIN, &manual(), END, after].concat()).unwrap();
    } else {
        assert!(
            held == manual(),
            "README.md's manual is old: SLIPWAY_UPDATE=1 cargo test -p system-tests --test manual"
        );
    }
}
