//! `xen.cfg` as the fuzzer makes it up.

use loader_core::finding::Finding;
use loader_core::xen::config::{Config, FileLine, MAX_DOMAINS, MAX_FINDINGS, MAX_LINES, Section};

/// What the file is called.
const NAME: &str = "xen.cfg";

/// How many of a file's sections are read: each looks at all lines.
const SECTIONS: usize = 64;

/// A file, and each of its sections.
pub(super) fn xen_config(data: &[u8]) {
    let config = match Config::parse(NAME, data) {
        Ok(config) => config,
        Err(error) => return message(&error.to_string()),
    };
    look(config.findings());
    let headers: Vec<String> = config.sections().take(SECTIONS).map(Into::into).collect();
    for wanted in headers
        .iter()
        .map(|name| Some(name.as_str()))
        .chain([None, Some("global")])
    {
        match config.section(wanted) {
            Ok(section) => {
                assert!(config.has_section(wanted));
                look(&section.findings);
                check(&section);
                let kernel = section.kernel.is_some() || section.domains.iter().any(|domain| domain.kernel.is_some());
                assert_eq!(config.has_kernel(wanted), kernel);
            }
            Err(error) => message(&error.to_string()),
        }
    }
}

/// A sentence names the file and does not steer the terminal.
fn message(sentence: &str) {
    assert!(sentence.starts_with("xen.cfg:"), "{sentence:?} does not name the file");
    assert!(!sentence.contains(char::is_control), "{sentence:?} steers the terminal");
    assert!(sentence.len() < 2048, "{sentence:?} is too long");
}

fn look(findings: &[Finding]) {
    assert!(findings.len() <= MAX_FINDINGS + 1);
    for finding in findings {
        message(&finding.sentence);
    }
}

/// The limits hold, and a file that says the same means the same.
fn check(section: &Section) {
    assert!(section.domains.len() <= MAX_DOMAINS);
    assert!(section.modules.len() + section.binaries.len() <= MAX_LINES);
    for domain in &section.domains {
        let mut properties = domain.properties.iter();
        assert!((1..=31).contains(&domain.name.len()));
        assert!(properties.all(|property| (1..=31).contains(&property.name.len())));
    }
    let text = written(section);
    let again = Config::parse(NAME, text.as_bytes()).and_then(|config| config.section(None));
    let again = again.unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!(written(&again), text);
}

/// `KEY=FILE [args]`.
fn file_line(lines: &mut Vec<String>, key: &str, line: Option<&FileLine>) {
    let Some(FileLine { file, args, .. }) = line else {
        return;
    };
    assert!(!file.is_empty() && !file.contains([' ', '\t']), "{file:?}");
    match args {
        Some(args) => lines.push(format!("{key}={file} {args}")),
        None => lines.push(format!("{key}={file}")),
    }
}

/// A file that says what the section says.
fn written(section: &Section) -> String {
    let mut lines = Vec::new();
    lines.extend(section.options.iter().map(|options| format!("options={options}")));
    file_line(&mut lines, "xen", section.xen.as_ref());
    file_line(&mut lines, "kernel", section.kernel.as_ref());
    file_line(&mut lines, "ramdisk", section.ramdisk.as_ref());
    file_line(&mut lines, "xsm", section.xsm.as_ref());
    file_line(&mut lines, "dtb", section.dtb.as_ref());
    for module in &section.modules {
        file_line(&mut lines, "module", Some(module));
    }
    for domain in &section.domains {
        let name = &domain.name;
        file_line(&mut lines, &format!("{name}_kernel"), domain.kernel.as_ref());
        file_line(&mut lines, &format!("{name}_ramdisk"), domain.ramdisk.as_ref());
        file_line(&mut lines, &format!("{name}_dtb"), domain.dtb.as_ref());
        for property in &domain.properties {
            let value = property.value.iter().map(|value| format!("={value}"));
            lines.push(format!(
                "{name}_property={}{}",
                property.name,
                value.collect::<String>()
            ));
        }
    }
    let binaries = section.binaries.iter();
    lines.extend(binaries.map(|binary| format!("binary={} {}", binary.file, binary.key)));
    lines.push(String::new());
    lines.join("\n")
}
