//! What the commands that sum up memory share: `crc32`, `md5sum`, `sha1sum`, `sha256sum` and `hash`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use hal::{PhysAddr, Region};

use super::access::{finish, for_each_piece};
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::digest::{Algorithm, Digest};
use crate::memory::MemoryError;

/// What is summed up, and how. The base of the memory commands does not count here, as in U-Boot.
pub(super) struct Job {
    pub(super) algorithm: Algorithm,
    region: Region,
}

impl Job {
    /// The `len` bytes at `address`, both in words.
    pub(super) fn new(
        context: &mut Context,
        algorithm: Algorithm,
        (address, len): (&str, &str),
    ) -> Result<Self, CommandError> {
        let start = PhysAddr(context.hexadecimal(address)?);
        let len = context.hexadecimal(len)?;
        if len == 0 {
            return Err(CommandError::failed(format!(
                "0 bytes at {start}: there is nothing to sum up"
            )));
        }
        let region = Region::new(start, len).ok_or(MemoryError::Wraps { start, len })?;
        Ok(Self { algorithm, region })
    }

    fn sum(&self, context: &mut Context) -> Result<Vec<u8>, CommandError> {
        let mut sum = Digest::new(self.algorithm);
        for_each_piece(context, self.region, |bytes| sum.update(bytes))?;
        Ok(sum.finish().to_vec())
    }

    /// U-Boot's line: the algorithm, the first and the last address, and the sum.
    fn line(&self, sum: &[u8]) -> String {
        let first = self.region.start().get();
        let last = self.region.end().get().saturating_sub(1);
        format!(
            "{} for {first:08x} ... {last:08x} ==> {}",
            self.algorithm.name(),
            hex(sum)
        )
    }

    /// Prints the sum and gives it.
    pub(super) fn show(&self, context: &mut Context) -> Result<Vec<u8>, CommandError> {
        let sum = self.sum(context)?;
        let line = self.line(&sum);
        context.say(format_args!("{line}"));
        Ok(sum)
    }

    /// Compares the sum with what it should be. Nothing is said if it is that.
    pub(super) fn verify(&self, context: &mut Context, expected: &[u8]) -> CommandResult {
        let sum = self.sum(context)?;
        if sum == expected {
            return Ok(Status::Success);
        }
        Err(CommandError::failed(format!(
            "{} != {} ** ERROR **",
            self.line(&sum),
            hex(expected)
        )))
    }
}

/// Runs a command of the form `address count [[*]sum]`, or with `-v` before it `address count [*]sum`: `*` makes the sum an address, without
/// it the sum is a variable, or in place of one its digits.
pub(super) fn run(context: &mut Context, algorithm: Algorithm, words: &[String]) -> CommandResult {
    match words {
        [option, address, len, place] if option == "-v" => {
            let job = Job::new(context, algorithm, (address, len))?;
            let expected = expected(context, algorithm, place)?;
            job.verify(context, &expected)
        }
        [option, ..] if option == "-v" => Err(CommandError::Usage),
        [address, len] => {
            Job::new(context, algorithm, (address, len))?.show(context)?;
            Ok(Status::Success)
        }
        [address, len, place] => {
            let job = Job::new(context, algorithm, (address, len))?;
            let target = place
                .strip_prefix('*')
                .map(|target| address_of(context, target))
                .transpose()?;
            let sum = job.show(context)?;
            match target {
                Some(target) => store(context, target, &sum)?,
                None => context.assign(place, &hex(&sum))?,
            }
            Ok(Status::Success)
        }
        _ => Err(CommandError::Usage),
    }
}

/// The address that a word stands for.
pub(super) fn address_of(context: &mut Context, word: &str) -> Result<PhysAddr, CommandError> {
    Ok(PhysAddr(context.hexadecimal(word)?))
}

/// Writes a sum to memory.
pub(super) fn store(context: &mut Context, target: PhysAddr, sum: &[u8]) -> Result<(), CommandError> {
    let len = u64::try_from(sum.len()).unwrap_or_default();
    let claim = context.memory.claim(target, len, "a checksum")?;
    context.memory.write(&claim, 0, sum)?;
    finish(context, claim, len);
    Ok(())
}

/// The sum at an address.
pub(super) fn stored(context: &mut Context, algorithm: Algorithm, start: PhysAddr) -> Result<Vec<u8>, CommandError> {
    let len = u64::try_from(algorithm.len()).unwrap_or_default();
    let region = Region::new(start, len).ok_or(MemoryError::Wraps { start, len })?;
    let mut sum = Vec::new();
    for_each_piece(context, region, |bytes| sum.extend_from_slice(bytes))?;
    Ok(sum)
}

/// The sum that `word` names: at an address, as digits, or in a variable.
fn expected(context: &mut Context, algorithm: Algorithm, word: &str) -> Result<Vec<u8>, CommandError> {
    if let Some(word) = word.strip_prefix('*') {
        let address = address_of(context, word)?;
        return stored(context, algorithm, address);
    }
    let right = |text: &str| from_hex(text).filter(|sum| sum.len() == algorithm.len());
    let sum = right(word).or_else(|| right(context.env.get(word)?));
    sum.ok_or_else(|| {
        let digits = algorithm.len().saturating_mul(2);
        let name = algorithm.name();
        CommandError::failed(format!(
            "Expected {digits} hex digits in env var\nERROR: {word} does not contain a valid {name} sum"
        ))
    })
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // A `String` takes what is written.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes that an even number of hexadecimal digits stands for.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(nibble(*high)? << 4 | nibble(*low)?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::from_hex;

    #[test]
    fn hexadecimal_text() {
        assert_eq!(from_hex("00fFa1"), Some(vec![0, 0xff, 0xa1]));
        assert_eq!(from_hex(""), Some(vec![]));
        for wrong in ["0", "0g", "é0", "+1"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
