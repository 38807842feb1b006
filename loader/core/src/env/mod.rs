//! The environment: named strings that scripts, commands and people share.
//!
//! [`format`](mod@format) is what it is as bytes, [`flags`] who may change what in it, [`place`] where a board keeps it, [`storage`] how
//! it outlives a reset there, and [`persist`] what the person is told when it is loaded and saved.

pub mod flags;
pub mod format;
pub mod persist;
pub mod place;
pub mod storage;

pub use persist::Persistence;
pub use place::{BlockPlace, Copies, FatPlace, FlashPlace, Place};
pub use storage::Storage;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use flags::{Access, FLAGS_VARIABLE, Flags};
use thiserror::Error;

/// Why a variable cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvError {
    /// The name is empty or has a character that would break `printenv` or `${}`.
    #[error("\"{name}\" cannot name a variable: a name is printable, without blank and without '='")]
    BadName {
        /// The name, escaped.
        name: String,
    },
    /// The value holds a zero byte, which ends a variable.
    #[error("the value of \"{name}\" has a zero byte")]
    BadValue {
        /// The variable.
        name: String,
    },
    /// The value is not of the variable's type.
    #[error(
        "## Error: flags type check failure for \"{name}\" <= \"{value}\" (type: {letter})\n\
        ## Error inserting \"{name}\" variable, errno=1"
    )]
    Type {
        /// The variable.
        name: String,
        /// What it was to be set to.
        value: String,
        /// The type's letter.
        letter: char,
    },
    /// The variable's flags do not let it change.
    #[error("## Error: Can't {verb} \"{name}\"\n## Error inserting \"{name}\" variable, errno=1")]
    ReadOnly {
        /// The variable.
        name: String,
        /// `create` or `overwrite`.
        verb: &'static str,
    },
    /// The variable may only be changed from its default.
    #[error(
        "oldval: {old}  defval: {default}\n## Error: Can't overwrite \"{name}\"\n\
        ## Error inserting \"{name}\" variable, errno=1"
    )]
    Changed {
        /// The variable.
        name: String,
        /// What it holds.
        old: String,
        /// Its default.
        default: String,
    },
    /// The variable's flags do not let it go.
    #[error("## Error: Can't delete \"{name}\"")]
    Kept {
        /// The variable.
        name: String,
    },
    /// All variables together would exceed [`Environment::LIMIT`].
    #[error("the environment is full: {name} needs {needed} bytes and {room} are left")]
    Full {
        /// The variable that was to be set.
        name: String,
        /// What it takes, in bytes.
        needed: usize,
        /// What there is, in bytes.
        room: usize,
    },
    /// There are as many variables as there may be.
    #[error(
        "the environment is full: {name} would be one more than {} variables",
        Environment::MOST
    )]
    TooMany {
        /// The variable that was to be set.
        name: String,
    },
}

/// The variables, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// What all variables take, kept up to date: loops set a variable in each round.
    len: usize,
}

impl Environment {
    /// How many bytes all variables may take, as `name=value` with a terminator each.
    pub const LIMIT: usize = 256 * 1024;

    /// How many variables there may be: a small one takes twenty times its bytes of the heap.
    pub const MOST: usize = 4096;

    /// The variables of a `default.env`: one `name=value` a line; empty lines and lines that begin with `#` do not count.
    #[must_use]
    pub fn from_defaults(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let variables = lines.filter_map(|line| line.split_once('='));
        let variables: BTreeMap<String, String> = variables
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let lens = variables.iter().map(|(name, value)| entry_len(name, value));
        let len = lens.fold(0, usize::saturating_add);
        Self { variables, len }
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Sets `name`, whatever its flags say. An empty value unsets it.
    ///
    /// # Errors
    /// [`EnvError`] if the name cannot be one, or there is no room.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), EnvError> {
        if value.is_empty() {
            self.remove(name);
            return Ok(());
        }
        self.put(name, value)
    }

    /// Sets or unsets `name` for a person or a script, if its flags let them.
    ///
    /// # Errors
    /// [`EnvError`], with U-Boot's words about flags.
    pub fn change(&mut self, name: &str, value: Option<&str>, rules: Rules<'_>) -> Result<(), EnvError> {
        self.check_flags(name, value, rules)?;
        match value {
            Some(value) => self.put(name, value),
            None => {
                self.remove(name);
                Ok(())
            }
        }
    }

    fn remove(&mut self, name: &str) {
        if let Some(value) = self.variables.remove(name) {
            self.len = self.len.saturating_sub(entry_len(name, &value));
        }
    }

    /// The flags of `name`.
    #[must_use]
    pub fn flags(&self, name: &str) -> Flags {
        flags::of(name, self.get(FLAGS_VARIABLE))
    }

    fn check_flags(&self, name: &str, value: Option<&str>, rules: Rules<'_>) -> Result<(), EnvError> {
        let Flags { kind, access } = self.flags(name);
        if access == Access::Any && value.is_none_or(|value| kind.allows(value)) {
            return Ok(());
        }
        let (old, default) = (self.get(name), rules.defaults.and_then(|defaults| defaults.get(name)));
        let name = name.to_string();
        let Some(value) = value else {
            let free = rules.force || old.is_none();
            return if free { Ok(()) } else { Err(EnvError::Kept { name }) };
        };
        if !kind.allows(value) {
            let (value, letter) = (value.to_string(), kind.letter());
            return Err(EnvError::Type { name, value, letter });
        }
        let verb = if old.is_some() { "overwrite" } else { "create" };
        match (access, old) {
            _ if rules.force => Ok(()),
            (Access::ReadOnly, _) | (Access::WriteOnce, Some(_)) => Err(EnvError::ReadOnly { name, verb }),
            (Access::ChangeDefault, Some(old)) if default != Some(old) => Err(EnvError::Changed {
                name,
                old: old.to_string(),
                default: default.unwrap_or_default().to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn put(&mut self, name: &str, value: &str) -> Result<(), EnvError> {
        if !is_name(name) {
            return Err(EnvError::BadName {
                name: name.escape_debug().to_string(),
            });
        }
        if value.contains('\0') {
            return Err(EnvError::BadValue { name: name.to_string() });
        }
        if self.variables.len() >= Self::MOST && self.get(name).is_none() {
            return Err(EnvError::TooMany { name: name.to_string() });
        }
        let needed = entry_len(name, value);
        let old = self.get(name).map_or(0, |old| entry_len(name, old));
        let others = self.len.saturating_sub(old);
        let room = Self::LIMIT.saturating_sub(others);
        if needed > room {
            return Err(EnvError::Full {
                name: name.to_string(),
                needed,
                room,
            });
        }
        match self.variables.get_mut(name) {
            Some(place) => value.clone_into(place),
            None => {
                self.variables.insert(name.to_string(), value.to_string());
            }
        }
        self.len = others.saturating_add(needed);
        Ok(())
    }

    /// Sets `name` to a number in bare hexadecimal, as `filesize` and `fileaddr` are. The loader's own names fit.
    pub fn set_hex(&mut self, name: &str, value: u64) {
        let _ = self.set(name, &alloc::format!("{value:x}"));
    }

    /// The number that `name` holds, hexadecimal with or without `0x`.
    #[must_use]
    pub fn hex(&self, name: &str) -> Option<u64> {
        let value = self.get(name)?.trim();
        let digits = value
            .strip_prefix("0x")
            .or_else(|| value.strip_prefix("0X"))
            .unwrap_or(value);
        u64::from_str_radix(digits, 16).ok()
    }

    /// All variables, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether `name` is left out of what `printenv` lists: it begins with a dot.
    #[must_use]
    pub fn is_hidden(name: &str) -> bool {
        name.starts_with('.')
    }

    /// What all variables take, in bytes, as `name=value` with a terminator each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no variable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }
}

/// By which rules a person or a script changes a variable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// Whether flags about access do not count: `-f`.
    pub force: bool,
    /// The default environment.
    pub defaults: Option<&'a Environment>,
}

/// Whether a variable may be called so: printable, without blank and without `=`.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'=')
}

fn entry_len(name: &str, value: &str) -> usize {
    name.len().saturating_add(value.len()).saturating_add(2)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::Environment;

    #[test]
    fn defaults_are_lines() {
        let env = Environment::from_defaults("# comment\n\nbootdelay=2\nbootcmd=dhcp; a=b\n");
        assert_eq!(env.get("bootcmd"), Some("dhcp; a=b"));
        assert_eq!(env.iter().count(), 2);
    }

    #[test]
    fn an_empty_value_unsets() {
        let mut env = Environment::default();
        env.set("a", "1").unwrap();
        env.set("a", "").unwrap();
        assert!(env.is_empty());
    }

    #[test]
    fn names_and_room_are_checked() {
        let mut env = Environment::default();
        assert!(env.set("a=b", "1").is_err());
        assert!(env.set("", "1").is_err());
        env.set("big", &"x".repeat(Environment::LIMIT - 5)).unwrap();
        let error = env.set("b", "y").unwrap_err().to_string();
        assert_eq!(error, "the environment is full: b needs 4 bytes and 0 are left");
        env.set("big", "small").unwrap();
        assert_eq!(env.len(), "big=small\0".len());
    }

    #[test]
    fn the_length_is_that_of_all_variables() {
        let mut env = Environment::from_defaults("a=1\nbb=22\n");
        for (name, value) in [
            ("a", "11"),
            ("c", "3"),
            ("bb", ""),
            ("none", ""),
            ("a", "x"),
            ("a=b", "x"),
        ] {
            let _ = env.set(name, value);
            let summed: usize = env.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
            assert_eq!(env.len(), summed, "{name}={value}");
        }
        assert_eq!(env.len(), 8);
    }

    #[test]
    fn there_may_be_so_many_variables_and_no_more() {
        let mut env = Environment::default();
        for number in 0..Environment::MOST {
            env.set(&alloc::format!("v{number}"), "1").unwrap();
        }
        let error = env.set("w", "1").unwrap_err().to_string();
        assert_eq!(
            error,
            "the environment is full: w would be one more than 4096 variables"
        );
        env.set("v7", "2").unwrap();
    }

    #[test]
    fn numbers_are_hexadecimal() {
        let mut env = Environment::default();
        env.set_hex("filesize", 0x1a09fc0);
        assert_eq!(env.get("filesize"), Some("1a09fc0"));
        env.set("loadaddr", "0x40200000").unwrap();
        assert_eq!(env.hex("loadaddr"), Some(0x4020_0000));
    }
}
