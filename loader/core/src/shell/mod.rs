//! The command language: U-Boot's dialect of hush.

pub mod number;
