//! The console: what people and lab tools type and read.

pub mod autoboot;
pub mod complete;
pub mod editor;
pub mod history;
mod pager;
pub mod read_line;
pub mod repl;
mod search;
mod stop_keys;
pub mod terminal;

pub use history::History;
pub use read_line::{read_line, read_line_within};
pub use repl::{Repl, print_banner, run};
pub use terminal::Terminal;

/// What the loader calls itself, once at start and in `version`. Lab tools know a loader by `U-Boot`, a release and a closing
/// parenthesis in one line.
pub const VERSION: &str = concat!("Slipway ", env!("CARGO_PKG_VERSION"), " (speaks U-Boot 2026.10)");
