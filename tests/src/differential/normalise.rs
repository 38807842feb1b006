//! What is taken out of an output before it is compared, all of it: how fast the machine was, what it is called, the words of usage texts.

use regex::Regex;

/// What is replaced by what.
const REPLACED: &[(&str, &str)] = &[
    // The names of what runs: banner, network device, disks.
    (r"(?m)^(U-Boot|Slipway) \d.*$", "VERSION"),
    (r"Using \S+ device", "Using NIC device"),
    (r"virtio-blk#\d|/\S+\.img", "DISK"),
    // Usage texts are each loader's own; that one is given, and for which command, is compared.
    (
        r"(?ms)^(\S+) - [^\n]*\n\nUsage:\n.*\z",
        "$1 - SUMMARY\n\nUsage:\nFORMS\n",
    ),
    // How much room the board has for its environment.
    (r"(?m)^(Environment size: \d+)/\d+ bytes", "$1/ROOM bytes"),
    // How long something took, and how fast that was.
    (r"\(\d+ ms\)", "(N ms)"),
    (r"in \d+ ms( \([\d.]+ ([KMG]?i?B|Bytes)/s\))?", "in N ms"),
    (r"Loading: [^\n]*\n(\t[^\n]*\n)?done", "Loading: PROGRESS\ndone"),
    (r"Loading: (\*?\x08?[# ]*)(T )*", "Loading: "),
    (r"[\d.]+ ([KMG]?i?B|Bytes)/s", "RATE"),
    (r"time: [\d.]+ (minutes|seconds).*", "time: N"),
];

/// The normal form of what a machine printed: plain line ends, no control characters, and [`REPLACED`].
#[must_use]
pub fn normalise(raw: &str) -> String {
    let mut text = raw.replace('\r', "");
    for (pattern, by) in REPLACED {
        let pattern = Regex::new(pattern).unwrap_or_else(|error| unreachable!("a constant: {error}"));
        text = pattern.replace_all(&text, *by).into_owned();
    }
    let visible = |c: char| match c.is_control() && c != '\n' {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_speed_and_names_are_taken_out() {
        let u_boot =
            "Using virtio-net#32 device\r\nLoading: ##\n\t 333 KiB/s\r\ndone\r\nBytes transferred = 8 (8 hex)\r\n";
        let ours =
            "Using virtio-net@5 device\r\nLoading: #\n\t 12.5 MiB/s\r\ndone\r\nBytes transferred = 8 (8 hex)\r\n";
        assert_eq!(normalise(u_boot), normalise(ours));
        let usage = "run - run things\n\nUsage:\nrun var [...]\n    - so\n";
        assert_eq!(normalise(usage), "run - SUMMARY\n\nUsage:\nFORMS\n");
        assert_eq!(normalise("a\tb\x08 1 ms\n"), "a\\tb\\u{8} 1 ms\n");
    }
}
