//! What is told of a file, and what is refused.

use super::*;
use crate::finding::Finding;

/// What is taken, or passed over, with a word about it.
const FOUND: &[(&str, &str)] = &[
    (
        "\n\nkernal=x\n",
        "Warning: xen.cfg:3:1: unknown key 'kernal' is ignored; did you mean kernel?",
    ),
    (
        "Kernel=x\n",
        "Warning: xen.cfg:1:1: unknown key 'Kernel' is ignored; did you mean kernel?",
    ),
    (
        "  initrd = x\n",
        "Warning: xen.cfg:1:3: unknown key 'initrd' is ignored; did you mean ramdisk?",
    ),
    (
        "domu3_kernl=x\n",
        "Warning: xen.cfg:1:1: unknown key 'domu3_kernl' is ignored; did you mean domu3_kernel?",
    ),
    (
        "domu03_initrd=x\n",
        "Warning: xen.cfg:1:1: unknown key 'domu03_initrd' is ignored; did you mean domu3_ramdisk?",
    ),
    (
        "domu3_memory=x\n",
        "Warning: xen.cfg:1:1: unknown key 'domu3_memory' is ignored",
    ),
    ("zzz=x\n", "Warning: xen.cfg:1:1: unknown key 'zzz' is ignored"),
    ("=x\n", "Warning: xen.cfg:1:1: unknown key '' is ignored"),
    ("a b = c\n", "Warning: xen.cfg:1:1: unknown key 'a b' is ignored"),
    (
        "ucode=x\n",
        "Warning: xen.cfg:1:1: 'ucode' is for PCs and means nothing here",
    ),
    (
        "[global]\nvideo=gfx-1024x768\n",
        "Warning: xen.cfg:2:1: 'video' is for PCs and means nothing here",
    ),
    (
        "gfx-mode=x\n",
        "Warning: xen.cfg:1:1: 'gfx-mode' is for PCs and means nothing here",
    ),
    ("kernel\n", "Warning: xen.cfg:1:1: 'kernel' has no '=' and is ignored"),
    (
        "domu#_kernel=x\n",
        "Warning: xen.cfg:1:1: 'domu' has no '=' and is ignored; a '#' begins a comment",
    ),
    (
        "kernel =x\n",
        "Warning: xen.cfg:1:1: Xen's EFI stub wants no blank between 'kernel' and '='",
    ),
    (
        "[ a ]\n",
        "Warning: xen.cfg:1:1: Xen's EFI stub wants no blanks within [a]",
    ),
    ("[a] b\n", "Warning: xen.cfg:1:1: 'b' behind [a] is ignored"),
    ("[a]]\n", "Warning: xen.cfg:1:1: ']' behind [a] is ignored"),
    (
        "kernel=a\nkernel=b\n",
        "Warning: xen.cfg:2:1: 'kernel' stands in line 1 already, which counts",
    ),
    (
        "options=a\n\noptions=a\n",
        "Warning: xen.cfg:3:1: 'options' stands in line 1 already, which counts",
    ),
    (
        "[global]\ndefault=a\ndefault=b\n[a]\n",
        "Warning: xen.cfg:3:1: 'default' stands in line 2 already, which counts",
    ),
    (
        "[global]\nchain=a\nchain=b\n",
        "Warning: xen.cfg:3:1: 'chain' stands in line 2 already, which counts",
    ),
    (
        "[global]\ndefault=\n",
        "Warning: xen.cfg:2:9: 'default' names no section and is ignored",
    ),
    (
        "default=a\n",
        "Warning: xen.cfg:1:1: 'default' counts in [global] only and is ignored",
    ),
    (
        "[a]\nchain=a\n",
        "Warning: xen.cfg:2:1: 'chain' counts in [global] only and is ignored",
    ),
    (
        "[global]\ndefault=a\noptions=x\n[a]\n",
        "Warning: xen.cfg:3:1: 'options' stands in [global] and is no part of [a]",
    ),
    (
        "ramdisk=my disk.img\n",
        "Warning: xen.cfg:1:9: 'disk.img' behind the file 'my' of 'ramdisk' means nothing; a file's name ends at a blank",
    ),
    (
        "d_dtb=my tree\n",
        "Warning: xen.cfg:1:7: 'tree' behind the file 'my' of 'd_dtb' means nothing; a file's name ends at a blank",
    ),
    (
        "binary=a k\nbinary=a k\n",
        "Warning: xen.cfg:2:1: the binary 'k' stands in line 1 already",
    ),
    (
        "kernel=a\tb\tc\n",
        "Note: xen.cfg:1:9: a tab is a blank here, while Xen's EFI stub ends the line there",
    ),
    (
        "kernel=a",
        "Note: xen.cfg:1:1: the last line has no newline; it is read here, while Xen's EFI stub ignores it",
    ),
    (
        "\n [a]",
        "Note: xen.cfg:2:2: the last line has no newline; it is read here, while Xen's EFI stub ignores it",
    ),
];

#[test]
fn warnings_and_notes() {
    for (text, expected) in FOUND {
        assert_eq!(found(text), [*expected], "{text:?}");
    }
    assert_eq!(
        found("my\tkey\n")[1],
        "Warning: xen.cfg:1:1: 'my key' has no '=' and is ignored"
    );
    for text in [
        "kernel=a\r",
        "kernel=a#",
        "kernel=a\n\t",
        "#",
        "\tkernel=a\t#\tb\n",
        "\tkernel=a \t\n",
        "[a]#b\n",
    ] {
        assert_eq!(found(text), Vec::<String>::new(), "{text:?}");
    }
}

/// What is refused, and the sentence.
const REFUSED: &[(&str, &str)] = &[
    ("a=b\n\0\n", "xen.cfg:2:1: the control character 0x00 is not text"),
    ("# \u{1b}[2J\n", "xen.cfg:1:3: the control character 0x1b is not text"),
    (
        "kernel=a\u{b}options=b\n",
        "xen.cfg:1:9: the control character 0x0b is not text",
    ),
    ("kernel=\u{7f}\n", "xen.cfg:1:8: the control character 0x7f is not text"),
    ("[a\u{9b}]\n", "xen.cfg:1:3: the control character 0x9b is not text"),
    ("[a\nkernel=x\n", "xen.cfg:1:1: the section's header has no ']'"),
    (" [a#]\n", "xen.cfg:1:2: the section's header has no ']'"),
    ("[]\n", "xen.cfg:1:1: the section has no name"),
    ("[ \t]\n", "xen.cfg:1:1: the section has no name"),
    ("kernel=\n", "xen.cfg:1:8: 'kernel' names no file"),
    ("kernel = # a\n", "xen.cfg:1:10: 'kernel' names no file"),
    ("ramdisk=\n", "xen.cfg:1:9: 'ramdisk' names no file"),
    ("dtb=\n", "xen.cfg:1:5: 'dtb' names no file"),
    ("xen=\n", "xen.cfg:1:5: 'xen' names no file"),
    ("module=\n", "xen.cfg:1:8: 'module' names no file"),
    ("[global]\nchain=\n", "xen.cfg:2:7: 'chain' names no file"),
    ("domu1_kernel=\n", "xen.cfg:1:14: 'domu1_kernel' names no file"),
    ("domu1_ramdisk=\n", "xen.cfg:1:15: 'domu1_ramdisk' names no file"),
    ("domu1_dtb=\n", "xen.cfg:1:11: 'domu1_dtb' names no file"),
    (
        "binary=\n",
        "xen.cfg:1:8: 'binary' wants two words, FILE KEY, and has 0",
    ),
    (
        "binary=a\n",
        "xen.cfg:1:8: 'binary' wants two words, FILE KEY, and has 1",
    ),
    (
        "binary=a b\tc  d\n",
        "xen.cfg:1:8: 'binary' wants two words, FILE KEY, and has 4",
    ),
    (
        "binary=a k\nbinary=b k\n",
        "xen.cfg:2:8: the binary 'k' is 'a' in line 1, and cannot be 'b' too",
    ),
    (
        "domu_kernel=a\n",
        "xen.cfg:1:1: 'domu_kernel' lacks the number of its domain, as in 'domu1_kernel'",
    ),
    (
        "[a]\n  domu_property=a\n",
        "xen.cfg:2:3: 'domu_property' lacks the number of its domain, as in 'domu1_kernel'",
    ),
    (
        "domu4294967296_kernel=a\n",
        "xen.cfg:1:1: the number in 'domu4294967296_kernel' is larger than 4294967295",
    ),
    (
        "domu1_kernel=a\ndomu1_kernel=a\n",
        "xen.cfg:2:1: 'domu1_kernel' stands in line 1 already, and a domain has one",
    ),
    (
        "domu1_ramdisk=a\n\ndomu01_ramdisk=b\n",
        "xen.cfg:3:1: 'domu01_ramdisk' stands in line 1 already, and a domain has one",
    ),
    (
        "d_dtb=a\nd_dtb=a\n",
        "xen.cfg:2:1: 'd_dtb' stands in line 1 already, and a domain has one",
    ),
    (
        "domu1_property=#address-cells=1\n",
        "xen.cfg:1:16: the property has no name; as a '#' begins a comment, '#address-cells' is written 'address-cells'",
    ),
    (
        "domu1_property==1\n",
        "xen.cfg:1:16: the property has no name; as a '#' begins a comment, '#address-cells' is written 'address-cells'",
    ),
    (
        "domu1_property=a/b=1\n",
        "xen.cfg:1:17: '/' cannot stand in a property's name",
    ),
    (
        "domu1_property=\"a\"=1\n",
        "xen.cfg:1:16: '\"' cannot stand in a property's name",
    ),
    (
        "domu1_property='a'=1\n",
        "xen.cfg:1:16: ''' cannot stand in a property's name",
    ),
    (
        "domu1_property=a b=1\n",
        "xen.cfg:1:17: a blank cannot stand in a property's name",
    ),
    (
        "domu1_property=a\tb=1\n",
        "xen.cfg:1:17: a blank cannot stand in a property's name",
    ),
    (
        "domu1_property=abcdefghijklmnopqrstuvwxyz012345=1\n",
        "xen.cfg:1:16: the property's name has 32 characters, and such a name at most 31",
    ),
    (
        "[global]\ndefault=x\n",
        "xen.cfg:2:9: there is no section [x], which 'default' names; the file has no sections",
    ),
    (
        "[global]\ndefault=x \n[a]\n[b]\n",
        "xen.cfg:2:9: there is no section [x], which 'default' names; there is [a], [b]",
    ),
];

#[test]
fn bad_input_is_refused_with_its_place() {
    for (text, expected) in REFUSED {
        assert_eq!(refused(text), *expected, "{text:?}");
    }
    for (text, expected) in [
        (&b"kernel=\xff\n"[..], "xen.cfg:1:8: the byte 0xff is not text in UTF-8"),
        (b"\xc3\xa4=\xc3", "xen.cfg:1:3: the byte 0xc3 is not text in UTF-8"),
        (b"a\n[\x80]\n", "xen.cfg:2:2: the byte 0x80 is not text in UTF-8"),
        (b"a=\xed\xa0\x80\n", "xen.cfg:1:3: the byte 0xed is not text in UTF-8"),
        (
            b"\xff\xfek\0e\0",
            "xen.cfg:1:1: the file is text in UTF-16, and UTF-8 is wanted",
        ),
        (
            b"\xfe\xff\0k\0e",
            "xen.cfg:1:1: the file is text in UTF-16, and UTF-8 is wanted",
        ),
    ] {
        assert_eq!(refused(text), expected, "{text:?}");
    }
}

#[test]
fn a_mistake_in_one_section_leaves_the_others_usable() {
    let config = config("[global]\ndefault=a\n[a]\nkernel=\n[b]\nkernel=x\n[c]\ndomu_kernel=x\n");
    assert!(config.section(None).is_err() && config.section(Some("c")).is_err());
    assert_eq!(config.section(Some("b")).unwrap().kernel.unwrap().file, "x");
}

#[test]
fn a_section_that_is_not_there_is_refused_with_those_that_are() {
    let refused = |text: &str, wanted| config(text).section(Some(wanted)).unwrap_err().to_string();
    assert_eq!(
        refused("kernel=x\n", "a"),
        "xen.cfg: there is no section [a]; the file has no sections"
    );
    assert_eq!(
        refused("[global]\n[b]\n", "a"),
        "xen.cfg: there is no section [a]; there is [b]"
    );
    assert_eq!(refused("[b]\n", ""), "xen.cfg: there is no section []; there is [b]");
    assert_eq!(
        refused("[b]\n", "\u{1b}[2J\t\u{9b}"),
        "xen.cfg: there is no section [?[2J ?]; there is [b]"
    );
    let many: String = (0..10).map(|index| format!("[{index}]\n")).collect();
    assert_eq!(
        refused(&many, "x"),
        "xen.cfg: there is no section [x]; there is [0], [1], [2], [3], [4], [5], [6], [7], and 2 more"
    );
    let eight: String = (0..8).map(|index| format!("[{index}]\n")).collect();
    assert!(refused(&eight, "x").ends_with("[6], [7]"));
    let long = "n".repeat(1000);
    assert_eq!(
        refused(&format!("[{long}]\n"), &format!("{long}x")),
        format!(
            "xen.cfg: there is no section [{0}...]; there is [{0}...]",
            "n".repeat(64)
        )
    );
}

#[test]
fn limits_are_what_they_say() {
    let padded = |len: usize| {
        let mut text = b"kernel=x\n".to_vec();
        text.resize(len, b'\n');
        text
    };
    assert_eq!(kernel(padded(MAX_FILE)).as_deref(), Some("x"));
    assert_eq!(
        refused(padded(MAX_FILE + 1)),
        "xen.cfg: the file has 262145 bytes, a configuration at most 262144"
    );

    let line = |len: usize| format!("a=b\nkernel={}", "x".repeat(len - "kernel=".len()));
    assert_eq!(kernel(line(MAX_LINE)).unwrap().len(), MAX_LINE - "kernel=".len());
    assert_eq!(
        refused(line(MAX_LINE + 1)),
        "xen.cfg:2:1: the line has 8193 bytes, a line of a configuration at most 8192"
    );
    // A comment is as much of a line as anything.
    assert!(refused(format!("#{}", "x".repeat(MAX_LINE))).starts_with("xen.cfg:1:1: the line has 8193 bytes"));

    for said in ["a=b\n", "[a]\n", "a\n", "module=x\n"] {
        assert!(Config::parse("xen.cfg", said.repeat(MAX_LINES).as_bytes()).is_ok());
        assert_eq!(
            refused(format!("\n#\n;\n{}", said.repeat(MAX_LINES + 1))),
            "xen.cfg:4100:1: a configuration has at most 4096 lines that are neither blank nor comments"
        );
    }

    let domains = |count: usize| -> String { (0..count).map(|index| format!("domu{index}_property=x\n")).collect() };
    assert_eq!(section(domains(MAX_DOMAINS)).domains.len(), MAX_DOMAINS);
    assert_eq!(
        refused(domains(MAX_DOMAINS + 1)),
        "xen.cfg:65:1: a section has at most 64 domains"
    );
}

#[test]
fn findings_are_bounded_and_the_rest_is_counted() {
    let config = config("x=y\n".repeat(100));
    assert_eq!(config.findings().len(), MAX_FINDINGS + 1);
    assert_eq!(
        config.findings()[MAX_FINDINGS],
        Finding::note("xen.cfg: 68 more findings are not shown")
    );
    let section = section("options=y\n".repeat(101));
    assert_eq!(section.findings.len(), MAX_FINDINGS + 1);
    let long = format!("{}=x\n", "k".repeat(5000));
    assert_eq!(
        found(long),
        [format!(
            "Warning: xen.cfg:1:1: unknown key '{}...' is ignored",
            "k".repeat(64)
        )]
    );
}
