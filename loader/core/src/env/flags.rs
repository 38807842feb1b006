//! What a variable may hold and who may change it: U-Boot's variable flags.
//!
//! A list such as `ipaddr:i,serial#:so` gives names their flags: a letter for the type, then one for the access. The variable
//! `.flags` holds the person's own list; [`STATIC`] holds what U-Boot gives every board with a network.

use core::fmt;

/// The variable that holds the person's list.
pub const FLAGS_VARIABLE: &str = ".flags";

/// The flags that hold on every board, as U-Boot has them; `\d*` stands for digits or none.
pub const STATIC: &str =
    "eth\\d*addr:mo,ipaddr:i,gatewayip:i,netmask:i,serverip:i,nvlan:d,vlan:d,dnsip:i,serial#:so,.flags:sa";

/// What a variable may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    #[default]
    String,
    /// Decimal digits.
    Decimal,
    /// Hexadecimal digits, `0x` before them or not.
    Hexadecimal,
    /// One of `1yYtT0nNfF`.
    Boolean,
    /// Four numbers between dots.
    IpAddress,
    /// Six bytes between colons.
    MacAddress,
}

/// Who may change a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    #[default]
    Any,
    /// Nobody, unless by force.
    ReadOnly,
    /// Who sets it first.
    WriteOnce,
    /// Who changes it from its default.
    ChangeDefault,
}

/// The flags of a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// What it may hold.
    pub kind: Kind,
    /// Who may change it.
    pub access: Access,
}

/// Every type: its letter, its name, itself.
pub const KINDS: [(char, &str, Kind); 6] = [
    ('s', "string", Kind::String),
    ('d', "decimal", Kind::Decimal),
    ('x', "hexadecimal", Kind::Hexadecimal),
    ('b', "boolean", Kind::Boolean),
    ('i', "IP address", Kind::IpAddress),
    ('m', "MAC address", Kind::MacAddress),
];

/// Every access: its letter, its name, itself.
pub const ACCESSES: [(char, &str, Access); 4] = [
    ('a', "any", Access::Any),
    ('r', "read-only", Access::ReadOnly),
    ('o', "write-once", Access::WriteOnce),
    ('c', "change-default", Access::ChangeDefault),
];

impl Kind {
    /// Its letter.
    #[must_use]
    pub fn letter(self) -> char {
        KINDS
            .iter()
            .find(|(_, _, kind)| *kind == self)
            .map_or('s', |(letter, _, _)| *letter)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|(_, _, kind)| *kind == self)
            .map_or("string", |(_, name, _)| *name)
    }

    /// Whether `value` is of this type.
    #[must_use]
    pub fn allows(self, value: &str) -> bool {
        let groups = |separator: char, count: usize, len: usize, digit: fn(&u8) -> bool| {
            let fits = |group: &str| (1..=len).contains(&group.len()) && group.as_bytes().iter().all(digit);
            value.split(separator).count() == count && value.split(separator).all(fits)
        };
        match self {
            Self::String => true,
            Self::Decimal => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Hexadecimal => {
                let digits = value
                    .strip_prefix("0x")
                    .or_else(|| value.strip_prefix("0X"))
                    .unwrap_or(value);
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            Self::Boolean => value.len() == 1 && value.contains(|c| "1yYtT0nNfF".contains(c)),
            Self::IpAddress => groups('.', 4, 3, u8::is_ascii_digit),
            Self::MacAddress => groups(':', 6, 2, u8::is_ascii_hexdigit),
        }
    }
}

impl Access {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        ACCESSES
            .iter()
            .find(|(_, _, access)| *access == self)
            .map_or("any", |(_, name, _)| *name)
    }
}

/// A letter in a list that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// In the place of the type.
    Kind(char),
    /// In the place of the access.
    Access(char),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(letter) => write!(f, "## Warning: Unknown environment variable type '{letter}'"),
            Self::Access(letter) => {
                write!(f, "## Warning: Unknown environment variable access method '{letter}'")
            }
        }
    }
}

/// The names of a list and their flags, in its order.
pub fn entries(list: &str) -> impl Iterator<Item = (&str, Flags)> {
    pairs(list).map(|(name, letters)| (name, flags(letters)))
}

/// The letters of a list that mean nothing.
pub fn unknown(list: &str) -> impl Iterator<Item = Unknown> {
    pairs(list).flat_map(|(_, letters)| {
        let mut letters = letters.chars();
        let kind = letters
            .next()
            .filter(|letter| KINDS.iter().all(|(known, _, _)| known != letter));
        let access = letters
            .next()
            .filter(|letter| ACCESSES.iter().all(|(known, _, _)| known != letter));
        kind.map(Unknown::Kind).into_iter().chain(access.map(Unknown::Access))
    })
}

fn pairs(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = list
        .split(',')
        .map(|entry| entry.split_once(':').unwrap_or((entry, "")));
    pairs
        .map(|(name, letters)| (name.trim(), letters.trim()))
        .filter(|(name, _)| !name.is_empty())
}

fn flags(letters: &str) -> Flags {
    let mut letters = letters.chars();
    let (kind, access) = (letters.next(), letters.next());
    let find_kind = |letter| {
        KINDS
            .iter()
            .find(|(known, _, _)| *known == letter)
            .map(|(_, _, kind)| *kind)
    };
    let find_access = |letter| {
        ACCESSES
            .iter()
            .find(|(known, _, _)| *known == letter)
            .map(|(_, _, access)| *access)
    };
    Flags {
        kind: kind.and_then(find_kind).unwrap_or_default(),
        access: access.and_then(find_access).unwrap_or_default(),
    }
}

/// The flags of `name`: from the person's `list`, or from [`STATIC`].
#[must_use]
pub fn of(name: &str, list: Option<&str>) -> Flags {
    let find = |list: &str| {
        entries(list)
            .filter(|(pattern, _)| matches(pattern, name))
            .last()
            .map(|(_, flags)| flags)
    };
    list.and_then(find).or_else(|| fixed(name)).unwrap_or_default()
}

/// What [`STATIC`] says of `name`. Scripts set variables in loops: nothing is parsed for it.
fn fixed(name: &str) -> Option<Flags> {
    let any = |kind| Flags {
        kind,
        access: Access::Any,
    };
    let once = |kind| Flags {
        kind,
        access: Access::WriteOnce,
    };
    match name {
        "dnsip" | "gatewayip" | "ipaddr" | "netmask" | "serverip" => Some(any(Kind::IpAddress)),
        "nvlan" | "vlan" => Some(any(Kind::Decimal)),
        "serial#" => Some(once(Kind::String)),
        FLAGS_VARIABLE => Some(any(Kind::String)),
        _ => (name.starts_with("eth") && matches("eth\\d*addr", name)).then(|| once(Kind::MacAddress)),
    }
}

/// Whether `name` is what `pattern` describes: itself, or with digits in the place of `\d*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once("\\d*") {
        None => pattern == name,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::{Access, Flags, Kind, STATIC, entries, fixed, of, unknown};

    #[test]
    fn every_type_knows_its_values() {
        let allowed = [
            (Kind::String, "", true),
            (Kind::Decimal, "0123", true),
            (Kind::Decimal, "", false),
            (Kind::Decimal, "-1", false),
            (Kind::Decimal, "0x1", false),
            (Kind::Decimal, "1.5", false),
            (Kind::Hexadecimal, "0xAb", true),
            (Kind::Hexadecimal, "deadBEEF", true),
            (Kind::Hexadecimal, "0x", false),
            (Kind::Hexadecimal, "0xg", false),
            (Kind::Boolean, "y", true),
            (Kind::Boolean, "F", true),
            (Kind::Boolean, "2", false),
            (Kind::Boolean, "yes", false),
            (Kind::Boolean, "", false),
            (Kind::IpAddress, "1.2.3.4", true),
            (Kind::IpAddress, "1.2.3.400", true),
            (Kind::IpAddress, "1.2.3", false),
            (Kind::IpAddress, "1.2.3.4.5", false),
            (Kind::IpAddress, "1.2..3", false),
            (Kind::IpAddress, "1234.1.1.1", false),
            (Kind::IpAddress, "a.1.1.1", false),
            (Kind::MacAddress, "aA:0:22:33:44:55", true),
            (Kind::MacAddress, "00:11:22:33:44", false),
            (Kind::MacAddress, "00:11:22:33:44:55:66", false),
            (Kind::MacAddress, "00:11:22:33:44:5g", false),
            (Kind::MacAddress, "00-11-22-33-44-55", false),
        ];
        for (kind, value, expected) in allowed {
            assert_eq!(kind.allows(value), expected, "{kind:?} {value:?}");
        }
    }

    #[test]
    fn a_list_gives_flags_and_the_last_entry_counts() {
        let list = "a:d, b:xr ,c,d:so,,a:b";
        assert_eq!(entries(list).count(), 5);
        assert_eq!(of("a", Some(list)).kind, Kind::Boolean);
        let read_only = Flags {
            kind: Kind::Hexadecimal,
            access: Access::ReadOnly,
        };
        assert_eq!(of("b", Some(list)), read_only);
        assert_eq!(of("d", Some(list)).access, Access::WriteOnce);
        assert_eq!(of("nope", Some(list)), Flags::default());
        assert_eq!(of("ethaddr", Some("ethaddr:sa")), Flags::default());
    }

    #[test]
    fn network_variables_have_flags_everywhere() {
        let mac = Flags {
            kind: Kind::MacAddress,
            access: Access::WriteOnce,
        };
        for name in ["ethaddr", "eth0addr", "eth12addr"] {
            assert_eq!(of(name, None), mac);
        }
        for name in ["ethXaddr", "ethaddr2", "eth", "addr", "ipaddr6"] {
            assert_eq!(of(name, None), Flags::default(), "{name}");
        }
        assert_eq!(of("serverip", None).kind, Kind::IpAddress);
    }

    #[test]
    fn the_fixed_flags_are_those_of_the_list() {
        for (pattern, flags) in entries(STATIC) {
            let name = pattern.replace("\\d*", "7");
            assert_eq!(fixed(&name), Some(flags), "{name}");
        }
        for name in ["", "a", "ethaddr2", "ipaddr6", "serial", ".flag"] {
            assert_eq!(fixed(name), None, "{name}");
        }
    }

    #[test]
    fn letters_that_mean_nothing_are_told() {
        let told: Vec<_> = unknown("a:q,b:dz,c:s,d").map(|unknown| unknown.to_string()).collect();
        assert_eq!(
            told,
            [
                "## Warning: Unknown environment variable type 'q'",
                "## Warning: Unknown environment variable access method 'z'"
            ]
        );
    }
}
