//! Runs sessions of `tests/differential` beside U-Boot and shows what differs: for those who write them.
//!
//! `cargo run -p system-tests --bin compare -- [--sim] [--write] NAME..`; with `--sim` only the simulation runs beside U-Boot, and `--write`
//! writes what differs into the session, where a person then puts the reasons.

use std::process::ExitCode;
use std::time::Instant;

use system_tests::differential::{Report, cases, folder, in_qemu, names, rewrite, simulated, u_boot};

fn main() -> ExitCode {
    let (options, mut wanted): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    if wanted.is_empty() {
        wanted = names();
    }
    let has = |option: &str| options.iter().any(|given| given == option);
    let mut wrong = 0;
    for name in wanted {
        let start = Instant::now();
        let (cases, theirs, in_simulation) = (cases(&name), u_boot(&name), simulated(&name));
        let mut reports = Vec::new();
        let ours = if has("--sim") { &in_simulation } else { &in_qemu(&name) };
        reports.push(Report::beside_u_boot(&cases, &theirs, ours));
        if !has("--sim") {
            reports.push(Report::in_simulation(&cases, ours, &in_simulation));
        }
        if has("--write") {
            let path = folder().join(&name).with_extension("txt");
            let text = std::fs::read_to_string(&path).expect("it was read before");
            std::fs::write(&path, rewrite(&text, &cases, &theirs, ours)).expect("the session can be written");
        }
        for report in reports {
            println!("{name}: {report}");
            wrong += report.differences.len();
        }
        println!("{name}: {:.1} s", start.elapsed().as_secs_f32());
    }
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
