//! What is chosen, and Ctrl-C in place of it.

use super::*;
use crate::boot::extlinux;
use crate::commands::disk::Selector;
use crate::commands::menu::label;
use crate::commands::origin::Origin;
use crate::context::CommandError;

const TWO: &str = "label one\nkernel /Image\nappend 1\nlabel two\nmenu label Second\nkernel /Image\nappend 2\n";

/// Types what is to be typed at the menu, and gives what is printed from it on.
fn choose(bench: &mut Bench, line: &str, keys: &str) -> String {
    let output = bench.type_in(&format!("{line}\r{keys}"));
    let (_, output) = output.split_once(" bytes read in ").unwrap();
    let (_, output) = output.split_once('\n').unwrap();
    output.to_string()
}

#[test]
fn a_choice_is_a_number_or_a_name() {
    let shown = "A Title\n1:\tone\n2:\tSecond\nEnter choice: ";
    for (answer, bootargs) in [("2\r", "2"), (" 1 \r", "1"), ("two\r", "2"), ("\r", "1")] {
        let mut bench = bench(&format!("menu title A Title\ndefault one\n{TWO}"));
        let output = choose(&mut bench, SYSBOOT, answer);
        assert!(
            output.starts_with(&format!("{shown}{}\n", answer.trim_end_matches('\r'))),
            "{output}"
        );
        assert_eq!(started(&bench).2, bootargs, "{answer}");
    }
}

#[test]
fn what_is_no_choice_is_asked_for_again() {
    let mut bench = bench(&format!("prompt 1\n{TWO}"));
    let output = choose(&mut bench, SYSBOOT, "3\r0\rx\r\r2\r");
    let shown = "1:\tone\n2:\tSecond\nEnter choice: ";
    let again = ["3", "0", "x", ""].map(|answer| format!("{shown}{answer}\n{answer} not found\n"));
    assert!(
        output.starts_with(&format!("{}{shown}2\n2:\tSecond\n", again.concat())),
        "{output}"
    );
    assert_eq!(started(&bench).2, "2");
}

#[test]
fn the_time_of_the_menu_chooses_the_default() {
    let mut one = bench(&format!("prompt 1\ntimeout 20\ndefault two\n{TWO}"));
    let output = choose(&mut one, SYSBOOT, "");
    assert!(
        output.starts_with("1:\tone\n2:\tSecond\nEnter choice: \n2:\tSecond\n"),
        "{output}"
    );
    assert_eq!(started(&one).2, "2");
    // Without a default, the labels in their order.
    let mut none = bench(&format!("prompt 1\ntimeout 20\ndefault nosuch\n{TWO}"));
    choose(&mut none, SYSBOOT, "");
    assert_eq!(started(&none).2, "1");
}

#[test]
fn ctrl_c_at_the_menu_leaves_it() {
    let mut bench = Bench::new();
    let menu = extlinux::parse("menu", format!("prompt 1\n{TWO}").as_bytes(), &mut |_| Ok(Vec::new())).unwrap();
    bench.wire.type_in("\x03");
    let result = crate::commands::menu::choose::choose(&mut bench.context, &menu);
    assert_eq!(result, Err(CommandError::Interrupted));
}

#[test]
fn ctrl_c_at_a_file_leaves_the_menu() {
    let mut bench = bench(TWO);
    assert_eq!(bench.interrupted(SYSBOOT), Err(CommandError::Interrupted));
}

/// Each file of a label that has all kinds of them: the label is not one that could not be started, after which the next is tried.
#[test]
fn ctrl_c_at_a_file_of_a_label_leaves_the_menu() {
    let text =
        "label one\nkernel /Image\ninitrd /initrd\nfdt /x.dtb\nfdtoverlays /1.dtbo /2.dtbo\nlabel two\nkernel /Image\n";
    let menu = extlinux::parse("menu", text.as_bytes(), &mut |_| Ok(Vec::new())).unwrap();
    let (first, second) = (overlay("first"), overlay("second"));
    for file in ["/Image", "/initrd", "/x.dtb", "/1.dtbo", "/2.dtbo"] {
        let mut bench = bench_with(text, &[("1.dtbo", &first), ("2.dtbo", &second)]);
        let selector = Selector::parse(&bench.context, "virtio", Some("0:1")).unwrap();
        let origin = Origin::volume(selector, "", "/menu");
        bench.stop_at(file);
        let result = label::start(&mut bench.context, &origin, (1, &menu.labels[0]));
        assert_eq!(result, Err(CommandError::Interrupted), "{file}");
        let output = bench.wire.take_output();
        assert!(output.ends_with(&format!("Retrieving file: {file}\r\n")), "{output}");
        assert_eq!(bench.jumps(), []);
    }
    let mut bench = super::bench(text);
    bench.wire.type_in("\x03");
    let selector = Selector::parse(&bench.context, "virtio", Some("0:1")).unwrap();
    let origin = Origin::volume(selector, "", "/menu");
    let result = label::start(&mut bench.context, &origin, (1, &menu.labels[0]));
    assert_eq!(result, Err(CommandError::Interrupted));
}

#[test]
fn p_asks_and_the_variable_overrides_the_default() {
    let mut asked = bench(TWO);
    let output = choose(&mut asked, &SYSBOOT.replace("sysboot", "sysboot -p"), "2\r");
    assert!(output.contains("Enter choice: 2\n"), "{output}");
    let mut overridden = bench(&format!("default one\n{TWO}"));
    overridden.enter("setenv pxe_label_override two");
    overridden.enter_untimed(SYSBOOT);
    assert_eq!(started(&overridden).2, "2");
    let mut missing = bench(&format!("default two\n{TWO}"));
    missing.enter("setenv pxe_label_override nosuch");
    let output = missing.enter_untimed(SYSBOOT);
    assert!(output.contains("Missing override pxe label: nosuch\n"), "{output}");
    assert_eq!(started(&missing).2, "2");
}
