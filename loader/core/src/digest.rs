//! Checksums and hashes by name, fed piece by piece: for image hashes and for the commands that print them.
//!
//! The algorithms are those of crates `crc32fast` and RustCrypto's `md-5`, `sha1`, `sha2`: known answers, no unsafe code of ours, no
//! heap. CRC-32, MD5 and SHA-1 find damage; against an attacker only the SHA-2 family counts.

use core::fmt;

use sha2::Digest as _;

/// Bytes of the longest hash, that of SHA-512.
pub const MAX_LEN: usize = 64;

/// A hash: as many bytes as its algorithm gives. CRC-32 is big-endian, as U-Boot prints and FIT stores it.
pub type Hash = heapless::Vec<u8, MAX_LEN>;

/// An algorithm that a [`Digest`] can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// CRC-32 of IEEE 802.3, as gzip and zip have it.
    Crc32,
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1 (FIPS 180-4).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
}

impl Algorithm {
    /// All of them, the weakest first.
    pub const ALL: [Self; 6] = [
        Self::Crc32,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// The algorithm called `name`, as [`Algorithm::name`] has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Its name at the prompt and in FIT images.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Bytes of its hashes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no hash is empty")]
    pub fn len(self) -> usize {
        match self {
            Self::Crc32 => 4,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A hash being computed.
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    Crc32(crc32fast::Hasher),
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Digest {
    /// A hash before its first byte.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Crc32 => State::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => State::Sha384(sha2::Sha384::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(state) => state.update(bytes),
            State::Md5(state) => state.update(bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The hash of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> Hash {
        match self.0 {
            State::Crc32(state) => hash(&state.finalize().to_be_bytes()),
            State::Md5(state) => hash(&state.finalize()),
            State::Sha1(state) => hash(&state.finalize()),
            State::Sha256(state) => hash(&state.finalize()),
            State::Sha384(state) => hash(&state.finalize()),
            State::Sha512(state) => hash(&state.finalize()),
        }
    }
}

/// No algorithm gives more bytes than fit, so none are lost.
fn hash(bytes: &[u8]) -> Hash {
    bytes.iter().copied().take(MAX_LEN).collect()
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::{Algorithm, Digest};

    fn hexadecimal(algorithm: Algorithm, pieces: &[&[u8]]) -> String {
        let mut digest = Digest::new(algorithm);
        pieces.iter().for_each(|piece| digest.update(piece));
        let hash = digest.finish();
        assert_eq!(hash.len(), algorithm.len(), "{algorithm}");
        hash.iter().map(|byte| alloc::format!("{byte:02x}")).collect()
    }

    #[test]
    fn known_answers_come_out_whole_and_in_pieces() {
        let known = [
            (Algorithm::Crc32, "352441c2"),
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                Algorithm::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                Algorithm::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Algorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ];
        for (algorithm, expected) in known {
            assert_eq!(hexadecimal(algorithm, &[b"abc"]), expected);
            assert_eq!(hexadecimal(algorithm, &[b"a", b"", b"bc"]), expected);
        }
    }

    #[test]
    fn algorithms_are_found_by_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::named("sha3"), None);
        assert_eq!(Algorithm::named("SHA1"), None);
    }
}
