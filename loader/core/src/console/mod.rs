//! The console: what people and lab tools type and read.

pub mod terminal;

pub use terminal::Terminal;
