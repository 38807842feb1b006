//! Sizes as Xen writes them on its command line: `512M`.

/// The size in KiB, rounded up. Without a unit the number is KiB, as for Xen's own `dom0_mem=`; units are `B K M G T` in either case,
/// hexadecimal numbers begin with `0x`. `None` for anything else and for what does not fit 64 bits.
pub(super) fn kib(text: &str) -> Option<u64> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((text, 10), |digits| (digits, 16));
    let end = digits.find(|at: char| !at.is_digit(radix)).unwrap_or(digits.len());
    let (digits, unit) = digits.split_at_checked(end)?;
    let number = u64::from_str_radix(digits, radix).ok()?;
    let shift = match unit {
        "B" | "b" => return Some(number.div_ceil(1 << 10)),
        "" | "K" | "k" => 0,
        "M" | "m" => 10,
        "G" | "g" => 20,
        "T" | "t" => 30,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::kib;

    #[test]
    fn sizes_are_kib_unless_they_have_a_unit() {
        let known = [
            ("131072", 131_072),
            ("0x20000", 131_072),
            ("128M", 131_072),
            ("128m", 131_072),
            ("2G", 2 << 20),
            ("1T", 1 << 30),
            ("64K", 64),
            ("1025B", 2),
            ("0xbM", 11 << 10),
        ];
        for (text, expected) in known {
            assert_eq!(kib(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_none() {
        for text in [
            "",
            "M",
            "0x",
            "-1",
            "+1",
            "1P",
            "12 M",
            "18446744073709551616",
            "18014398509481984M",
            "1MiB",
            "\u{664}",
        ] {
            assert_eq!(kib(text), None, "{text}");
        }
    }
}
