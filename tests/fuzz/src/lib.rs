//! What the fuzzer calls: `tests/fuzz/README.md` says how.

pub mod targets;
