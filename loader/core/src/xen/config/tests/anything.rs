//! Any bytes, and how long they take.

use super::*;

/// Numbers that are made up, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }
}

/// Pieces of which files are made that get far.
const PIECES: &[&str] = &[
    "[global]\n",
    "default=",
    "chain=",
    "[a]",
    "[b]\n",
    "\n",
    "\n",
    "\n",
    "\r",
    "\r\n",
    "=",
    " ",
    "\t",
    "#",
    ";",
    "a",
    "b",
    "ä",
    "[",
    "]",
    "options=",
    "kernel=",
    "ramdisk=",
    "xsm=",
    "xen=",
    "dtb=",
    "binary=",
    "module=",
    "domu",
    "0",
    "1",
    "9999999999",
    "_",
    "initrd=",
    "_kernel=",
    "_dtb=",
    "_property=",
    "kernel",
    "\u{feff}",
    "cpus=2",
    "\ndomu1_kernel=a\n",
    "\ndomu01_property=b\n",
    "\nd_kernel=a\n",
];

/// Whatever the bytes: no panic, errors with the file's name, limits kept, and a section that says the same when it is written anew.
#[test]
fn anything_is_read_or_refused() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut domains) = (0, 0);
    for round in 0..20_000 {
        let mut text = Vec::new();
        for _ in 0..numbers.below(30) {
            // Most files are made of pieces, and some of those have a byte that does not belong there.
            if round % 4 == 0 || round % 4 == 1 && numbers.below(20) == 0 {
                text.push(u8::try_from(numbers.below(256)).unwrap());
            } else {
                text.extend_from_slice(PIECES[numbers.below(PIECES.len())].as_bytes());
            }
        }
        let config = match Config::parse("xen.cfg", &text) {
            Ok(config) => config,
            Err(error) => {
                assert!(error.to_string().starts_with("xen.cfg:"), "{error}");
                continue;
            }
        };
        let wanted: Vec<String> = config.sections().map(Into::into).collect();
        for wanted in wanted
            .iter()
            .map(|name| Some(name.as_str()))
            .chain([None, Some("global")])
        {
            match config.section(wanted) {
                Ok(section) => {
                    assert!(config.has_section(wanted));
                    let kernels = section.domains.iter().filter(|domain| domain.kernel.is_some()).count();
                    let kernels = kernels + usize::from(section.kernel.is_some());
                    assert_eq!(config.has_kernel(wanted), kernels != 0, "{text:?}");
                    let text = written(&section);
                    assert_eq!(written(&self::section(&text)), text);
                    read += 1;
                    domains += section.domains.len();
                }
                Err(error) => assert!(error.to_string().starts_with("xen.cfg:"), "{error}"),
            }
        }
    }
    assert!(
        read > 10_000 && domains > 500,
        "{read} sections with {domains} domains are too few"
    );
}

/// A file that says what the section says.
fn written(section: &Section) -> String {
    let mut lines = Vec::new();
    lines.extend(section.options.iter().map(|options| format!("options={options}")));
    let mut add = |key: &str, file: Option<&FileLine>| {
        lines.extend(file.map(|line| format!("{key}={} {}", line.file, line.args.as_deref().unwrap_or_default())));
    };
    add("xen", section.xen.as_ref());
    add("kernel", section.kernel.as_ref());
    add("ramdisk", section.ramdisk.as_ref());
    add("xsm", section.xsm.as_ref());
    add("dtb", section.dtb.as_ref());
    for module in &section.modules {
        add("module", Some(module));
    }
    for domain in &section.domains {
        add(&format!("{}_kernel", domain.name), domain.kernel.as_ref());
        add(&format!("{}_ramdisk", domain.name), domain.ramdisk.as_ref());
        add(&format!("{}_dtb", domain.name), domain.dtb.as_ref());
    }
    for domain in &section.domains {
        for property in &domain.properties {
            let value = property
                .value
                .as_ref()
                .map(|value| format!("={value}"))
                .unwrap_or_default();
            lines.push(format!("{}_property={}{value}", domain.name, property.name));
        }
    }
    lines.extend(
        section
            .binaries
            .iter()
            .map(|binary| format!("binary={} {}", binary.file, binary.key)),
    );
    lines.push(String::new());
    lines.join("\n")
}

/// The worst that the limits let through takes no longer than a look at it; what is quadratic in it would take minutes.
#[test]
fn the_time_is_linear() {
    let each = |line: &dyn Fn(usize) -> String| -> String { (0..MAX_LINES).map(line).collect() };
    let wide = MAX_FILE / MAX_LINES - 20;
    for text in [
        "x".repeat(8_000_000),
        "\n".repeat(MAX_FILE),
        "\r".repeat(MAX_FILE),
        format!("{}\n", " ".repeat(MAX_LINE)).repeat(31),
        format!("{}\n", "=".repeat(MAX_LINE)).repeat(31),
        format!("{}\n", "_".repeat(MAX_LINE)).repeat(31),
        format!("domu{}1_kernel=a\n", "0".repeat(8_000)).repeat(31),
        format!("domu{}_kernel=a\n", "9".repeat(8_000)),
        each(&|index| format!("[{}{index}]\n", "s".repeat(wide))),
        each(&|index| format!("binary=f {}{index}\n", "k".repeat(wide))),
        each(&|index| format!("domu{}_property={}\n", index % 64, "p".repeat(30))),
        each(&|index| format!("domu{}{}_property=p\n", "0".repeat(index % 40), index % 64)),
        each(&|index| format!("k{index}=\n")),
        each(&|index| format!("[s{index}]\n")),
        each(&|_| "kernel=a\n".to_string()),
    ] {
        let start = Instant::now();
        if let Ok(config) = Config::parse("xen.cfg", text.as_bytes()) {
            let _ = config.section(None);
            let _ = config.section(Some("s4095"));
            let _ = config.has_kernel(None);
        }
        let took = start.elapsed();
        assert!(
            took < Duration::from_secs(2),
            "{took:?} for {:?}",
            &text[..40.min(text.len())]
        );
    }
    assert_eq!(
        Config::parse("xen.cfg", &[b'x'; 8_000_000]).unwrap_err(),
        ConfigError::TooLarge {
            file: "xen.cfg".into(),
            size: 8_000_000
        }
    );
}
