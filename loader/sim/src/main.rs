//! `slipway-sim`: runs a boot script up to the jump, or gives a console.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use slipway_sim::options::{self, Command};

/// What the arguments or the files that they name are no good for.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let result = match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            // A reader that has gone away wants no help.
            let _ = std::io::stdout().write_all(options::HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run(options)) => slipway_sim::run(&options).map_err(|error| (error.is_usage(), error.to_string())),
        Err(error) => Err((true, error.to_string())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((is_usage, message)) => {
            let _ = writeln!(std::io::stderr(), "slipway-sim: {message}");
            if is_usage {
                ExitCode::from(USAGE_ERROR)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
