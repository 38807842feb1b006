use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Error, Label, MAX_FILE, MAX_INCLUDES, MAX_LABELS, MAX_LINE, MAX_OVERLAYS, Menu, expand, parse};
use crate::source::SourceError;

fn no_file(path: &str) -> Result<Vec<u8>, SourceError> {
    Err(SourceError::Failed(format!("File not found: '{path}'")))
}

fn menu(text: &str) -> Menu {
    parse("menu", text.as_bytes(), &mut no_file).unwrap()
}

fn refused(text: impl AsRef<[u8]>) -> String {
    parse("menu", text.as_ref(), &mut no_file).unwrap_err().to_string()
}

fn label(text: &str) -> Label {
    let menu = menu(&format!("label x\n{text}"));
    assert_eq!(menu.notes, Vec::<String>::new());
    menu.labels.into_iter().next().unwrap()
}

/// What Debian's `u-boot-update` writes.
#[test]
fn debians_file() {
    let text = "\
## /boot/extlinux/extlinux.conf
##
## IMPORTANT WARNING

default l0
menu title U-Boot menu
prompt 1
timeout 50


label l0
\tmenu label Debian GNU/Linux 12 (bookworm) 6.1.0-18-arm64
\tlinux /boot/vmlinuz-6.1.0-18-arm64
\tinitrd /boot/initrd.img-6.1.0-18-arm64
\tfdtdir /usr/lib/linux-image-6.1.0-18-arm64/

\tappend root=/dev/vda1 ro quiet

label l0r
\tmenu label Debian GNU/Linux 12 (bookworm) 6.1.0-18-arm64 (rescue target)
\tlinux /boot/vmlinuz-6.1.0-18-arm64
\tappend root=/dev/vda1 ro single
";
    for text in [text.to_string(), text.replace('\n', "\r\n")] {
        let menu = menu(&text);
        assert_eq!(menu.title.as_deref(), Some("U-Boot menu"));
        assert_eq!((menu.timeout, menu.prompt), (50, true));
        assert_eq!(menu.default.as_deref(), Some("l0"));
        assert_eq!(menu.notes, Vec::<String>::new());
        let [first, second] = &menu.labels[..] else {
            panic!("two labels")
        };
        assert_eq!(
            *first,
            Label {
                name: "l0".into(),
                text: Some("Debian GNU/Linux 12 (bookworm) 6.1.0-18-arm64".into()),
                kernel: Some("/boot/vmlinuz-6.1.0-18-arm64".into()),
                initrd: Some("/boot/initrd.img-6.1.0-18-arm64".into()),
                fdt_dir: Some("/usr/lib/linux-image-6.1.0-18-arm64/".into()),
                append: Some("root=/dev/vda1 ro quiet".into()),
                ..Label::default()
            }
        );
        assert_eq!(second.name, "l0r");
    }
}

#[test]
fn keys_have_their_other_names_and_any_case() {
    let long = label("LINUX a\nDeviceTree b\ndevicetreedir c\ndevicetree-overlay d  e\n");
    let short = label("kernel a\nfdt b\nfdtdir c\nfdtoverlays d e\n");
    assert_eq!(long, short);
    assert_eq!(long.overlays, ["d", "e"]);
    assert_eq!(
        label("fit a\nfdt b\nfdtdir c\nfdtoverlays d e").kernel.as_deref(),
        Some("a")
    );
}

#[test]
fn of_keys_that_come_twice_the_one_counts_that_counts_for_u_boot() {
    let twice =
        label("kernel a\nkernel b\nappend c\nappend d\ninitrd e\ninitrd f\nfdt g\nfdt h\nfdtoverlays i\nfdtoverlays j");
    let once = label("kernel b\nappend d\ninitrd e\nfdt g\nfdtoverlays i");
    assert_eq!(twice, once);
    let menu = menu("default a\nlabel a\nlabel a\n menu label second");
    assert_eq!(menu.position("a"), Some(1));
    assert_eq!(menu.position("b"), None);
}

#[test]
fn the_default_is_the_last_line_that_names_one() {
    for (text, default) in [
        ("default a\nlabel b\nmenu default", "a"),
        ("label b\nmenu default\nlabel c\nmenu default", "b"),
        ("label b\nmenu default\ndefault a", "a"),
        ("default a\nontimeout c", "c"),
    ] {
        assert_eq!(menu(text).default.as_deref(), Some(default), "{text}");
    }
    assert_eq!(menu("label b").default, None);
}

#[test]
fn a_menu_with_a_line_about_itself_is_shown() {
    for (text, prompt) in [
        ("", false),
        ("prompt 0", false),
        ("prompt 1", true),
        ("prompt x", false),
        ("menu title T", true),
        ("menu background picture.bmp", true),
        ("menu hidden", true),
        ("label a\nmenu label A", false),
        ("label a\nmenu title T", true),
        ("label a\nmenu hidden", false),
        ("menu title T\nprompt 0", false),
        ("menu title T\nprompt x", true),
        ("prompt 0\nmenu title T", true),
    ] {
        assert_eq!(menu(text).prompt, prompt, "{text}");
    }
}

#[test]
fn an_initrd_may_stand_in_the_command_line() {
    let initrd = |text: &str| label(text).initrd;
    assert_eq!(initrd("append a initrd=/rd b").as_deref(), Some("/rd"));
    assert_eq!(initrd("append initrd=/rd").as_deref(), Some("/rd"));
    assert_eq!(initrd("initrd first\nappend initrd=/rd").as_deref(), Some("first"));
    assert_eq!(initrd("append initrd=/rd\ninitrd second").as_deref(), Some("/rd"));
    assert_eq!(initrd("append initrd="), None);
    assert_eq!(initrd("append noinitrd=/rd"), None);
}

#[test]
fn a_fits_configuration_follows_its_name() {
    let fit = label("kernel /image.itb#conf-1#overlay");
    assert_eq!(fit.kernel.as_deref(), Some("/image.itb"));
    assert_eq!(fit.configuration.as_deref(), Some("#conf-1#overlay"));
    assert_eq!(label("kernel /a#b\nkernel /c").configuration, None);
}

#[test]
fn numbers_are_read_as_u_boot_reads_them() {
    assert_eq!(label("localboot 1").local_boot, Some(1));
    assert_eq!(label("localboot -1").local_boot, Some(-1));
    assert_eq!(label("localboot").local_boot, Some(0));
    assert_eq!(label("localboot x").local_boot, Some(0));
    assert_eq!(label("ipappend 3").ip_append, 3);
    assert_eq!(label("ipappend x").ip_append, 0);
    assert_eq!(label("ipappend -1").ip_append, u64::MAX);
    assert!(label("kaslrseed").kaslr_seed);
}

/// U-Boot takes the number that the rest of the line begins with, and no notice of what follows.
#[test]
fn what_follows_a_number_is_ignored() {
    assert_eq!(menu("timeout 50 #x").timeout, 50);
    assert_eq!(menu("timeout 50 tenths").timeout, 50);
    assert_eq!(menu("timeout 010").timeout, 10);
    assert_eq!(menu("timeout 0x10").timeout, 16);
    assert!(menu("prompt 1 # shown").prompt);
    assert!(menu("prompt 2x").prompt);
    assert!(!menu("prompt 0 1").prompt);
    assert_eq!(label("localboot -1 x").local_boot, Some(-1));
    assert_eq!(label("localboot 1#").local_boot, Some(1));
    assert_eq!(label("localboot - 1").local_boot, Some(0));
    assert_eq!(label("ipappend 3 x").ip_append, 3);
}

#[test]
fn numbers_that_are_too_large_do_not_wrap() {
    let digits = "9".repeat(40);
    assert_eq!(label(&format!("localboot {digits}")).local_boot, Some(i64::MAX));
    assert_eq!(label(&format!("localboot -{digits}")).local_boot, Some(-i64::MAX));
    for timeout in ["4294967296", "-1", "-", "0x", "+1", "#1", &digits] {
        let menu = menu(&format!("timeout 7\ntimeout {timeout}"));
        assert_eq!((menu.timeout, menu.notes.len()), (7, 1), "{timeout}");
    }
}

#[test]
fn what_is_left_out_is_noted_with_its_line() {
    let menu = menu(
        "bogus line\n\
         timeout soon\n\
         timeout\n\
         kernel before-any-label\n\
         menu frobnicate\n\
         label a # no comment\n\
         \tfrob 3\n\
         \tappend still its own\n\
         \tkernel # nothing\n\
         \tmenu label\n\
         \tinclude\n\
         \tsay hello  there\n\
         say\n",
    );
    assert_eq!(
        menu.notes,
        [
            "Ignoring unknown command: bogus (menu, line 1)",
            "Ignoring timeout, which wants a number of tenths of a second (menu, line 2)",
            "Ignoring timeout, which has no value (menu, line 3)",
            "Ignoring unknown command: kernel (menu, line 4)",
            "Ignoring malformed menu command: frobnicate (menu, line 5)",
            "Ignoring unknown command: frob (menu, line 7)",
            "Ignoring kernel, which has no value (menu, line 9)",
            "Ignoring malformed menu command: label (menu, line 10)",
            "Ignoring include, which has no value (menu, line 11)",
            "hello  there",
            "",
        ]
    );
    assert_eq!(menu.labels[0].name, "a # no comment");
    assert_eq!(menu.labels[0].append.as_deref(), Some("still its own"));
}

#[test]
fn notes_are_bounded() {
    let menu = menu(&"frob\n".repeat(1000));
    assert_eq!((menu.notes.len(), menu.more_notes), (32, 968));
}

#[test]
fn a_zero_byte_ends_the_text() {
    let menu = menu("label a\0label b\n\u{0}");
    assert_eq!(menu.labels.len(), 1);
}

#[test]
fn files_are_included_where_the_line_stands() {
    let mut asked = Vec::new();
    let mut include = |path: &str| {
        asked.push(path.to_string());
        Ok(match path {
            "one" => b"label one\nkernel /one\ninclude two".to_vec(),
            _ => b"append of one\nlabel two\nbogus\n".to_vec(),
        })
    };
    let text = b"menu include one\nappend of two\nlabel three";
    let menu = parse("menu", text, &mut include).unwrap();
    assert_eq!(asked, ["one", "two"]);
    let names: Vec<(&str, Option<&str>)> = menu
        .labels
        .iter()
        .map(|label| (label.name.as_str(), label.append.as_deref()))
        .collect();
    assert_eq!(
        names,
        [("one", Some("of one")), ("two", Some("of two")), ("three", None)]
    );
    assert_eq!(menu.notes, ["Ignoring unknown command: bogus (two, line 3)"]);
    assert!(menu.prompt);
}

#[test]
fn includes_end() {
    let mut endless = |_: &str| Ok(b"include menu".to_vec());
    let error = parse("menu", b"\ninclude menu", &mut endless).unwrap_err();
    assert_eq!(
        error.to_string(),
        "menu, line 1: 'menu' is not included: files of a boot menu include one another at most 4 deep"
    );
    let many = "include x\n".repeat(MAX_INCLUDES + 1);
    let error = parse("menu", many.as_bytes(), &mut |_| Ok(Vec::new())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "menu, line 17: 'x' is not included: a boot menu has at most 16 further files"
    );
    assert_eq!(
        refused("label a\n include x"),
        "menu, line 2: 'x' cannot be included: File not found: 'x'"
    );
    let stopped = parse("menu", b"include x", &mut |_| Err(SourceError::Stopped));
    assert_eq!(stopped, Err(Error::Stopped));
}

#[test]
fn sizes_are_bounded() {
    let large = "\n".repeat(MAX_FILE + 1);
    assert_eq!(
        refused(&large),
        "menu has 65537 bytes, a file of a boot menu at most 65536"
    );
    assert_eq!(parse("menu", &large.as_bytes()[1..], &mut no_file), Ok(Menu::default()));
    let error = parse("menu", b"include x", &mut |_| Ok(large.clone().into_bytes())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x has 65537 bytes, a file of a boot menu at most 65536"
    );
    let line = "a".repeat(MAX_LINE + 1);
    assert_eq!(
        refused(format!("\nsay {line}")),
        "menu, line 2: the line has 4101 bytes, a line of a boot menu at most 4096"
    );
    let labels = "label x\n".repeat(MAX_LABELS + 1);
    assert_eq!(refused(labels), "menu, line 65: a boot menu has at most 64 labels");
    let overlays = "x ".repeat(MAX_OVERLAYS + 1);
    assert_eq!(
        refused(format!("label x\nfdtoverlays {overlays}")),
        "menu, line 2: a label has at most 32 overlays"
    );
}

#[test]
fn what_is_no_text_is_refused() {
    assert_eq!(refused(b"label \xff"), "menu, line 1: the line is not text in UTF-8");
    assert_eq!(refused("label"), "menu, line 1: the label has no name");
    assert_eq!(refused("label # one"), "menu, line 1: the label has no name");
}

/// Read off U-Boot 2025.01.
#[test]
fn variables_are_expanded_as_in_u_boot() {
    let value = |name: &str| (name == "a").then_some("0x40400000");
    for (text, expanded) in [
        (
            r#"a='b ${a}' "c ${a}" $a $(a) \${a} [${nosuch}] \x $$ ${unfinished"#,
            r#"a=b ${a} "c 0x40400000" $a 0x40400000 ${a} [] x $$ "#,
        ),
        (r"\\ \", r"\ "),
        (r"'a\' b' c", r"a\' b c"),
        ("'open ${a}", "open ${a}"),
        ("$", "$"),
        ("${}", ""),
        ("${a)}x", "x"),
    ] {
        assert_eq!(expand(text, &value).as_deref(), Some(expanded), "{text}");
    }
    let long = "x".repeat(MAX_LINE / 2);
    let value = |_: &str| Some(long.as_str());
    assert_eq!(expand("${a}${a}", &value).map(|text| text.len()), Some(MAX_LINE));
    assert_eq!(expand("${a}${a} ", &value), None);
    assert_eq!(expand(&"'".repeat(3), &value).as_deref(), Some(""));
}
