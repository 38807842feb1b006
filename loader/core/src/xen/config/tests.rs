extern crate std;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::time::{Duration, Instant};

use super::{
    Config, ConfigError, FileLine, MAX_DOMAINS, MAX_FILE, MAX_FINDINGS, MAX_LINE, MAX_LINES, Position, Section, names,
};
use crate::xen::testing::{KEYS, sentences};

mod anything;
mod wrong;

fn config(text: impl AsRef<[u8]>) -> Config {
    Config::parse("xen.cfg", text.as_ref()).unwrap()
}

/// The section that is read if none is asked for.
fn section(text: impl AsRef<[u8]>) -> Section {
    config(text).section(None).unwrap()
}

/// The sentence that refuses the file or its section.
fn refused(text: impl AsRef<[u8]>) -> String {
    let section = Config::parse("xen.cfg", text.as_ref()).and_then(|config| config.section(None));
    section.unwrap_err().to_string()
}

/// What is found in the file and in its section.
fn found(text: impl AsRef<[u8]>) -> Vec<String> {
    let config = config(text);
    let section = config.section(None).unwrap();
    sentences(&[config.findings(), &section.findings].concat())
}

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

fn file(file: &str, args: Option<&str>, at: Position) -> FileLine {
    FileLine {
        file: file.into(),
        args: args.map(Into::into),
        at,
    }
}

fn kernel(text: impl AsRef<[u8]>) -> Option<String> {
    section(text).kernel.map(|kernel| kernel.file)
}

/// The example of efi.pandoc.
const DOCUMENT: &str = "\
[global]
default=sle11sp2

[sle11sp2]
options=console=vga,com1 com1=57600 loglvl=all noreboot
kernel=vmlinuz-3.0.31-0.4-xen [domain 0 command line options]
ramdisk=initrd-3.0.31-0.4-xen
";

#[test]
fn the_documents_example() {
    for text in [
        DOCUMENT.to_string(),
        DOCUMENT.replace('\n', "\r\n"),
        DOCUMENT.replace('\n', "\r"),
        format!("\u{feff}{DOCUMENT}"),
    ] {
        let config = config(&text);
        assert_eq!(config.default_section(), Some("sle11sp2"));
        assert_eq!(config.sections().collect::<Vec<_>>(), ["sle11sp2"]);
        assert_eq!((config.chain(), config.findings()), (None, &[][..]));
        let expected = Section {
            source: "xen.cfg".into(),
            options: Some("console=vga,com1 com1=57600 loglvl=all noreboot".into()),
            kernel: Some(file(
                "vmlinuz-3.0.31-0.4-xen",
                Some("[domain 0 command line options]"),
                at(6, 8),
            )),
            ramdisk: Some(file("initrd-3.0.31-0.4-xen", None, at(7, 9))),
            ..Section::default()
        };
        assert_eq!(config.section(None), Ok(expected.clone()));
        assert_eq!(config.section(Some("sle11sp2")), Ok(expected));
    }
}

/// The example of the proposal for domains.
#[test]
fn the_proposal_for_domains() {
    let text = "\
[global]
default=xen_dom0less

[xen_dom0less]
# Xen boot arguments
options=noreboot console=dtuart dtuart=serial0 bootscrub=0
# Xen device tree
dtb=fvp.dtb

# Guest 1
domu1_kernel=Image-domu1.bin console=ttyAMA0 root=/dev/ram0 rw
domu1_property=cpus=1
domu1_property=memory=0xC0000
domu1_dtb=domu.dtb

# Guest 2
domu2_kernel=Image-domu2.bin console=ttyAMA0 root=/dev/ram0 rw
domu2_property=cpus=1
domu2_property=memory=0x100000
domu2_property=vpl011
domu2_property=address-cells=1
";
    let section = section(text);
    assert_eq!(section.findings, []);
    assert_eq!(section.dtb, Some(file("fvp.dtb", None, at(8, 5))));
    assert_eq!(section.kernel, None);
    let [one, two] = &section.domains[..] else {
        panic!("two domains")
    };
    assert_eq!((one.name.as_str(), one.at), ("domu1", at(11, 1)));
    let args = Some("console=ttyAMA0 root=/dev/ram0 rw");
    assert_eq!(one.kernel, Some(file("Image-domu1.bin", args, at(11, 14))));
    assert_eq!(one.dtb, Some(file("domu.dtb", None, at(14, 11))));
    assert_eq!((&one.ramdisk, &two.dtb), (&None, &None));
    let properties: Vec<_> = two
        .properties
        .iter()
        .map(|line| (line.name.as_str(), line.value.as_deref(), line.at))
        .collect();
    assert_eq!(
        properties,
        [
            ("cpus", Some("1"), at(18, 16)),
            ("memory", Some("0x100000"), at(19, 16)),
            ("vpl011", None, at(20, 16)),
            ("address-cells", Some("1"), at(21, 16)),
        ]
    );
}

/// The example of the proposal for binaries, with its empty `xsm=` as it came through the mail.
#[test]
fn the_proposal_for_binaries() {
    let section = section(KEYS);
    let binaries: Vec<_> = section
        .binaries
        .iter()
        .map(|binary| (binary.file.as_str(), binary.key.as_str(), binary.at))
        .collect();
    assert_eq!(
        binaries,
        [
            ("vmlinuz-guest", "domu-kernel", at(10, 8)),
            ("ramdisk-domA.img", "domA-ramdisk", at(11, 8)),
            ("ramdisk-domB.img", "domB-ramdisk", at(12, 8)),
        ]
    );
    assert_eq!(section.xsm, None);
    assert_eq!(
        sentences(&section.findings),
        ["Warning: xen.cfg:8:5: 'xsm' names no file: there is no policy"]
    );
    assert_eq!(section.dtb.unwrap().file, "devtree.dtb");
}

#[test]
fn every_key_of_a_section() {
    let section = section("xen=xen.gz\nxsm=policy\ndtb=a.dtb\nmodule=one a  b\nmodule=two\nmodule=one\n");
    assert_eq!(section.xen, Some(file("xen.gz", None, at(1, 5))));
    assert_eq!(section.xsm, Some(file("policy", None, at(2, 5))));
    assert_eq!(
        section.modules,
        [
            file("one", Some("a  b"), at(4, 8)),
            file("two", None, at(5, 8)),
            file("one", None, at(6, 8)),
        ]
    );
    assert_eq!(section.findings, []);
    let nothing = Section {
        source: "xen.cfg".into(),
        ..Section::default()
    };
    assert_eq!(self::section(""), nothing);
}

#[test]
fn comments_and_blanks() {
    for text in [
        "kernel=a",
        "  \t kernel=a \t # b\n",
        "# x\n; y\n \t;kernel=x\n#kernel=x\nkernel=a#b\n",
        "\n\r\n\r\r\nkernel=a\r\n",
        "kernel=  a  \n",
        "kernel = a\n",
        "kernel\t=\ta\n",
    ] {
        assert_eq!(kernel(text).as_deref(), Some("a"), "{text:?}");
    }
    // A semicolon is one at the beginning only, and the value may hold a second '='.
    let section = section("options=a;b=c ; d\nkernel=a ;b\n");
    assert_eq!(section.options.as_deref(), Some("a;b=c ; d"));
    assert_eq!(section.kernel, Some(file("a", Some(";b"), at(2, 8))));
    // What a comment says in another encoding does not matter.
    assert_eq!(kernel(b"# f\xfcr\n;f\xfcr\nkernel=a # f\xfcr\n").as_deref(), Some("a"));
    assert_eq!(kernel("kernel=Ä/ö x\n").as_deref(), Some("Ä/ö"));
    assert_eq!(self::section("options=\n").options.as_deref(), Some(""));
}

#[test]
fn columns_are_characters_and_lines_end_in_three_ways() {
    let section = section("# ä\r\n\u{20}\u{20}kernel =\ta\rdtb=b\n\nxsm=c\r\r\nramdisk=d\n");
    assert_eq!(section.kernel.unwrap().at, at(2, 12));
    assert_eq!(section.dtb.unwrap().at, at(3, 5));
    assert_eq!(section.xsm.unwrap().at, at(5, 5));
    assert_eq!(section.ramdisk.unwrap().at, at(7, 9));
    assert_eq!(refused("\u{feff}kernel=a\nxen=\n"), "xen.cfg:2:5: 'xen' names no file");
    assert_eq!(
        found("\u{feff}ä=b\n"),
        ["Warning: xen.cfg:1:1: unknown key 'ä' is ignored"]
    );
    assert_eq!(
        refused("d_property=ä\n"),
        "xen.cfg:1:12: 'ä' cannot stand in a property's name"
    );
    assert_eq!(
        refused("options=ää\u{85}\n"),
        "xen.cfg:1:11: the control character 0x85 is not text"
    );
}

#[test]
fn the_section_is_the_persons_then_the_defaults_then_the_whole_file() {
    let text = "[global]\ndefault=b\n[a]\nkernel=1\n[b]\nkernel=2\n[c]\noptions=x\n";
    let config = config(text);
    let of = |wanted| config.section(wanted).unwrap().kernel.map(|kernel| kernel.file);
    assert_eq!(of(Some("a")).as_deref(), Some("1"));
    assert_eq!(of(None).as_deref(), Some("2"));
    assert_eq!(of(Some("c")), None);
    assert_eq!(config.sections().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(
        kernel(text.replace("default=b\n", "")).as_deref(),
        Some("1"),
        "without a default the first line of the file counts"
    );
    // Before any header, and outside of [global], there is no default.
    for text in [
        "default=b\n[a]\nkernel=1\n[b]\nkernel=2\n",
        "[a]\ndefault=b\nkernel=1\n[b]\nkernel=2\n",
    ] {
        assert_eq!(kernel(text).as_deref(), Some("1"), "{text}");
    }
    assert_eq!(kernel("[global]\ndefault=\n[a]\nkernel=1\n").as_deref(), Some("1"));
    // It may be any section, and the name may hold anything.
    assert_eq!(kernel("[global]\ndefault=global\nkernel=1\n").as_deref(), Some("1"));
    assert_eq!(
        kernel("[global]\ndefault=a b[c\n[a b[c]\nkernel=1\n").as_deref(),
        Some("1")
    );
    assert_eq!(
        kernel("[x]\nkernel=1\n[global]\ndefault=y\n[y]\nkernel=2").as_deref(),
        Some("2")
    );
}

#[test]
fn a_section_that_comes_again_goes_on() {
    let text = "[global]\ndefault=a\n[a]\noptions=x\n[b]\nkernel=1\n[a]\nkernel=2\n";
    let config = config(text);
    assert_eq!(config.sections().collect::<Vec<_>>(), ["a", "b"]);
    let section = config.section(None).unwrap();
    assert_eq!(section.options.as_deref(), Some("x"));
    assert_eq!(section.kernel.unwrap().file, "2");
    assert_eq!(
        sentences(config.findings()),
        ["Warning: xen.cfg:7:1: [a] begins in line 3 and goes on here; Xen's EFI stub reads its first part only"]
    );
    assert_eq!(
        refused("[global]\ndefault=a\n[a]\nd_kernel=x\n[b]\n[a]\nd_kernel=y\n"),
        "xen.cfg:7:1: 'd_kernel' stands in line 4 already, and a domain has one"
    );
}

#[test]
fn a_chain_is_followed_if_there_is_no_kernel() {
    let config =
        config("[global]\nchain=other.cfg\n[a]\nkernel=1\n[b]\noptions=x\n[c]\ndomu1_kernel=x\n[d]\ndomu_kernel=x\n");
    assert_eq!(config.chain(), Some(&file("other.cfg", None, at(2, 7))));
    let asked = |wanted| (config.has_section(wanted), config.has_kernel(wanted));
    assert_eq!(asked(Some("a")), (true, true));
    assert_eq!(asked(Some("b")), (true, false));
    assert_eq!(asked(Some("c")), (true, true));
    assert_eq!(
        asked(Some("d")),
        (true, true),
        "the mistake is told instead of the other file read"
    );
    assert_eq!(asked(Some("e")), (false, false));
    assert_eq!(asked(None), (true, true));
    assert!(!self::config("[a]\ndomu1_dtb=d\n[b]\ndomu1_kernel=k\n").has_kernel(None));
    let config = self::config("[global]\ndefault=e\nchain=x y\n");
    assert_eq!((config.has_section(None), config.has_kernel(None)), (false, false));
    assert_eq!(
        sentences(config.findings()),
        ["Warning: xen.cfg:3:7: 'y' behind the file 'x' of 'chain' is ignored"]
    );
    assert_eq!(self::config("").chain(), None);
}

#[test]
fn domains_have_a_number_or_the_name_of_a_node() {
    let longest = "n".repeat(31);
    for (key, name) in [
        ("domu0", "domu0"),
        ("domu4294967295", "domu4294967295"),
        ("domu0000000000000000000007", "domu7"),
        ("domU1", "domU1"),
        ("domua", "domua"),
        ("domu-1", "domu-1"),
        ("my_dom", "my_dom"),
        ("a,b.c_d+e-f", "a,b.c_d+e-f"),
        ("domu1_kernel", "domu1_kernel"),
        (&longest, &longest),
    ] {
        let section = section(format!("{key}_kernel=k a\n{key}_ramdisk=r\n{key}_property=cpus=2\n"));
        let [domain] = &section.domains[..] else {
            panic!("{key}: a domain")
        };
        assert_eq!(domain.name, name);
        assert_eq!(domain.kernel.as_ref().unwrap().args.as_deref(), Some("a"));
        assert_eq!(domain.ramdisk.as_ref().unwrap().file, "r");
        assert_eq!(domain.properties.len(), 1);
    }
    let long = "n".repeat(32);
    for key in ["", "a b", "a/b", "dom@1", "ä", &long] {
        let text = format!("{key}_kernel=k\n");
        assert_eq!(section(&text).domains, [], "{key}");
        let [finding] = &found(&text)[..] else {
            panic!("{key}: a warning")
        };
        let start = format!("Warning: xen.cfg:1:1: unknown key '{key}_kernel' is ignored");
        assert!(finding.starts_with(&start), "{finding}");
    }
}

#[test]
fn domains_stand_in_the_order_of_their_first_lines() {
    let section = section(
        "b_property=x\ndomu2_kernel=k\nb_kernel=k\na_dtb=d\ndomu02_ramdisk=r\ndomu002_dtb=d\ndomu02_property=x\n",
    );
    let names: Vec<_> = section.domains.iter().map(|domain| domain.name.as_str()).collect();
    assert_eq!(names, ["b", "domu2", "a"]);
    assert!(section.domains[1].ramdisk.is_some() && section.domains[1].dtb.is_some());
    assert_eq!(
        sentences(&section.findings),
        [
            "Warning: xen.cfg:5:1: the domain 'domu02' is the same as 'domu2'",
            "Warning: xen.cfg:6:1: the domain 'domu002' is the same as 'domu2'",
        ]
    );
}

#[test]
fn properties_are_kept_as_text() {
    let longest = "p".repeat(31);
    for (line, name, value) in [
        ("cpus=2", "cpus", Some("2")),
        ("vpl011", "vpl011", None),
        ("vpl011=", "vpl011", Some("")),
        ("memory = 0 0x20000", "memory", Some("0 0x20000")),
        ("bootargs=console=ttyAMA0 rw", "bootargs", Some("console=ttyAMA0 rw")),
        ("xen,enhanced=\"no-xenstore\"", "xen,enhanced", Some("\"no-xenstore\"")),
        ("a.b_c+d?e-f,G7=/x", "a.b_c+d?e-f,G7", Some("/x")),
        (&longest, &longest, None),
    ] {
        let section = section(format!("domu1_property={line}\ndomu1_property={line}\n"));
        let properties = &section.domains[0].properties;
        assert_eq!(properties.len(), 2, "{line}: any number of times");
        assert_eq!(
            (properties[1].name.as_str(), properties[1].value.as_deref()),
            (name, value)
        );
        assert_eq!(properties[1].at, at(2, 16));
    }
}

/// Without a section that counts, each thing is what one section says.
#[test]
fn ignored_headers_do_not_mix_domains_and_modules() {
    let text = "\
options=first
[a]
kernel=1
module=a1
domu1_kernel=a x
binary=one k
[b]
options=second
kernel=2
module=b1
domu1_kernel=b
domu1_ramdisk=b
domu1_property=cpus=4
domu2_kernel=b
binary=two k
binary=two l
[a]
module=a2
domu1_property=cpus=2
";
    let config = config(text);
    let section = config.section(None).unwrap();
    assert_eq!(section.options.as_deref(), Some("first"));
    assert_eq!(section.kernel.unwrap().file, "1");
    let modules: Vec<_> = section.modules.iter().map(|module| module.file.as_str()).collect();
    assert_eq!(modules, ["a1", "a2"]);
    let [one, two] = &section.domains[..] else {
        panic!("two domains")
    };
    assert_eq!(one.kernel, Some(file("a", Some("x"), at(5, 14))));
    assert_eq!((&one.ramdisk, one.properties.len()), (&None, 1));
    assert_eq!(two.name, "domu2");
    let binaries: Vec<_> = section
        .binaries
        .iter()
        .map(|binary| (binary.key.as_str(), binary.file.as_str()))
        .collect();
    assert_eq!(binaries, [("k", "one"), ("l", "two")]);
    assert_eq!(
        sentences(&section.findings),
        [
            "Warning: xen.cfg: no section was asked for, and no 'default' in [global] names one: of each key the first line counts, \
             whatever section it is in",
            "Warning: xen.cfg:8:1: 'options' stands in line 1 already, which counts",
        ]
    );
    // One section with lines is clear enough, and so is the person's.
    assert_eq!(found("[global]\noptions=x\n[a]\nkernel=1\n[b]\n"), Vec::<String>::new());
    assert_eq!(
        sentences(&config.section(Some("b")).unwrap().findings),
        ["Warning: xen.cfg:1:1: 'options' stands before any section and is no part of [b]"]
    );
}

#[test]
fn lines_outside_of_sections_go_with_each_if_headers_are_ignored() {
    let shared = section(
        "domu1_property=x\nmodule=a\n[global]\ndomu1_dtb=d\n[a]\ndomu1_kernel=a\nmodule=b\n[b]\nmodule=c\ndomu1_kernel=b\n",
    );
    let domain = &shared.domains[0];
    assert_eq!(
        (domain.kernel.as_ref().unwrap().file.as_str(), domain.properties.len()),
        ("a", 1)
    );
    assert!(domain.dtb.is_some() && shared.modules.len() == 2);
}

#[test]
fn the_names_of_the_file() {
    for (image, expected) in [
        (
            "xen-4.2-unstable.efi",
            &["xen-4.2-unstable.cfg", "xen-4.2.cfg", "xen-4.cfg", "xen.cfg"][..],
        ),
        ("xen.efi", &["xen.cfg"]),
        ("XEN.EFI", &["XEN.cfg", "xen.cfg"]),
        ("boot.efi", &["boot.cfg", "xen.cfg"]),
        (
            "/EFI/my.xen/xen_a.efi",
            &["/EFI/my.xen/xen_a.cfg", "/EFI/my.xen/xen.cfg"],
        ),
        ("/x.efi", &["/x.cfg", "/xen.cfg"]),
        (
            "xen-4.17-arm64",
            &["xen-4.17-arm64.cfg", "xen-4.17.cfg", "xen-4.cfg", "xen.cfg"],
        ),
        ("xen", &["xen.cfg"]),
        ("xen.gz", &["xen.gz.cfg", "xen.cfg"]),
        ("a--b.efi", &["a--b.cfg", "a-.cfg", "a.cfg", "xen.cfg"]),
        ("-.efi", &["-.cfg", "xen.cfg"]),
        (".efi", &["xen.cfg"]),
        ("", &["xen.cfg"]),
        ("dir/", &["dir/xen.cfg"]),
        ("öefi", &["öefi.cfg", "xen.cfg"]),
        ("ö.x.efi", &["ö.x.cfg", "ö.cfg", "xen.cfg"]),
        ("xen.cfg", &["xen.cfg.cfg", "xen.cfg"]),
        ("xen-a.b/x", &["xen-a.b/x.cfg", "xen-a.b/xen.cfg"]),
    ] {
        assert_eq!(names(image).collect::<Vec<_>>(), expected, "{image:?}");
    }
}
