//! The words that stop autoboot, where not any key shall.
//!
//! As in U-Boot built for that, `bootstopkey`, `bootdelaykey` and their second forms hold words; `bootstopkeysha256` holds the SHA-256 of one, so
//! that the environment does not tell it.

use alloc::vec::Vec;

use super::autoboot::Autoboot;
use crate::context::Context;
use crate::digest::{Algorithm, Digest};
use crate::env::Environment;

/// What each variable's word leads to.
const WORDS: &[(&str, Autoboot)] = &[
    ("bootdelaykey", Autoboot::Delayed),
    ("bootdelaykey2", Autoboot::Delayed),
    ("bootstopkey", Autoboot::Stopped),
    ("bootstopkey2", Autoboot::Stopped),
];

/// The variable with the hash of a word.
const HASH: &str = "bootstopkeysha256";

/// The longest word that can be typed.
const LONGEST: usize = 256;

/// Whether any key is not enough.
pub(super) fn needs_a_word(env: &Environment) -> bool {
    let mut names = WORDS.iter().map(|(name, _)| *name).chain([HASH]);
    names.any(|name| env.get(name).is_some())
}

/// What is being typed, and what it is compared with.
pub(super) struct StopKeys {
    words: Vec<(Vec<u8>, Autoboot)>,
    hash: Option<[u8; 32]>,
    /// What was typed since the last Enter.
    typed: Vec<u8>,
}

impl StopKeys {
    /// The words that the environment asks for; `None` if any key will do.
    pub(super) fn asked_for(context: &mut Context) -> Option<Self> {
        if !needs_a_word(&context.env) {
            return None;
        }
        let word = |(name, outcome): &(&str, Autoboot)| Some((context.env.get(name)?.into(), *outcome));
        let words = WORDS.iter().filter_map(word).collect();
        let digits = context.env.get(HASH);
        let hash = digits.and_then(hash);
        if digits.is_some() && hash.is_none() {
            context.say(format_args!(
                "{HASH} is not a SHA-256 of 64 hexadecimal digits: no word fits it"
            ));
        }
        Some(Self {
            words,
            hash,
            typed: Vec::new(),
        })
    }

    /// Takes a typed byte; what it leads to if it completes a word. For a word it does not matter what was typed before it; for a hash it does,
    /// up to Enter.
    pub(super) fn typed(&mut self, byte: u8) -> Option<Autoboot> {
        if self.typed.len() == LONGEST {
            self.typed.clear();
        }
        self.typed.push(byte);
        let word = self.words.iter().find(|(word, _)| self.typed.ends_with(word));
        let outcome = word.map(|(_, outcome)| *outcome);
        let outcome = outcome.or_else(|| self.fits_hash().then_some(Autoboot::Stopped));
        if matches!(byte, b'\r' | b'\n') {
            self.typed.clear();
        }
        outcome
    }

    fn fits_hash(&self) -> bool {
        let Some(hash) = self.hash else {
            return false;
        };
        let mut digest = Digest::new(Algorithm::Sha256);
        digest.update(&self.typed);
        // All bytes are compared, so that the time does not tell how many are right.
        let digest = digest.finish();
        let difference = digest.iter().zip(hash).fold(0, |sum, (a, b)| sum | (a ^ b));
        digest.len() == hash.len() && difference == 0
    }
}

fn hash(digits: &str) -> Option<[u8; 32]> {
    let bytes = digits.as_bytes().chunks(2).map(|pair| {
        let pair = core::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.filter(|_| digits.len() == 64)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::autoboot::{Autoboot, count_down};
    use super::hash;
    use crate::commands::testing::Bench;

    /// SHA-256 of "secret" (as sha256sum prints it).
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn count(env: &[(&str, &str)], typed: &str) -> (Autoboot, alloc::string::String) {
        let mut bench = Bench::new();
        bench.context.env.set("bootdelay", "2").unwrap();
        for (name, value) in env {
            bench.context.env.set(name, value).unwrap();
        }
        bench.wire.type_in(typed);
        let outcome = count_down(&mut bench.context);
        (outcome, bench.wire.take_output())
    }

    #[test]
    fn only_the_word_stops_autoboot() {
        let env = [
            ("bootstopkey", "stop!"),
            ("bootdelaykey", "wait"),
            ("bootstopkey2", "halt"),
        ];
        for (typed, outcome) in [
            (" \r\nx\x03", Autoboot::Boot),
            ("stop", Autoboot::Boot),
            ("stostop!", Autoboot::Stopped),
            ("\rstop!", Autoboot::Stopped),
            ("halt", Autoboot::Stopped),
            ("now wait", Autoboot::Delayed),
        ] {
            let (got, output) = count(&env, typed);
            assert_eq!(got, outcome, "{typed:?}");
            assert_eq!(output, "Autoboot in 2 seconds\r\n");
        }
    }

    #[test]
    fn a_word_may_be_known_by_its_hash_alone() {
        let env = [("bootstopkeysha256", SECRET)];
        for (typed, outcome) in [
            ("secret", Autoboot::Stopped),
            ("secre", Autoboot::Boot),
            ("xsecret", Autoboot::Boot),
            ("x\rsecret", Autoboot::Stopped),
        ] {
            assert_eq!(count(&env, typed).0, outcome, "{typed:?}");
        }
        assert_eq!(hash(&SECRET[1..]), None);
        assert_eq!(hash(&SECRET.replace('2', "+")), None);
        let (outcome, output) = count(&[("bootstopkeysha256", "abc")], "abc");
        assert_eq!(outcome, Autoboot::Boot);
        assert!(output.contains("no word fits it"), "{output}");
    }

    #[test]
    fn there_is_no_way_around_the_word() {
        let mut bench = Bench::new();
        for (name, value) in [
            ("bootdelay", "1"),
            ("bootstopkey", "x"),
            ("bootcmd", "sleep 2; echo booted"),
        ] {
            bench.context.env.set(name, value).unwrap();
        }
        bench.wire.type_in("\x03\x03");
        bench.repl.start(&mut bench.context);
        let output = bench.wire.take_output();
        assert!(output.ends_with("\r\nbooted\r\n=> "), "{output:?}");
    }
}
