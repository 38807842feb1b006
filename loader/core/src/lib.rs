//! The boot loader without its hardware: everything that can be wrong on a host.
//!
//! Layers, imports go down only: [`commands`] over `shell`, `console`, `env` and `boot`; those over `source`, `storage`, `net`, `fs`,
//! `image`, `devicetree`; those over [`digest`], [`memory`] and the traits of the `hal` crate. A command sees the machine through a [`context::Context`]; time is a
//! parameter or comes from its clock, RAM is written only through a [`memory::Claim`].
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )
)]

extern crate alloc;

pub mod boot;
pub mod calendar;
pub mod commands;
pub mod console;
pub mod context;
pub mod devicetree;
pub mod digest;
pub mod env;
pub mod finding;
pub mod fs;
pub mod image;
pub mod memory;
pub mod net;
pub mod serial;
pub mod shell;
pub mod source;
pub mod storage;
pub mod xen;
