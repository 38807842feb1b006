//! File formats that the loader must understand to start what was fetched: pure readers over byte slices.

pub mod arm64;
pub mod detect;
pub mod fit;
pub mod gzip;
pub mod script;
pub mod uimage;

/// `N` bytes at `offset`; `None` past the end.
fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk::<N>().copied()
}

/// A slice's length as the 64-bit number that addresses and sizes are kept in.
fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
