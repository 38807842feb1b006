//! Folders as cards and disks: plans and scans of what is in them, and what is said of those that cannot be.

use std::fs;

mod lab;

use lab::{Lab, Run, cpio, image, xen};

const CONFIG: &[u8] = include_bytes!("golden/xen.cfg");
const PRINTED: &str = include_str!("golden/two-domains.txt");
const REPORT: &str = include_str!("golden/two-domains.json");

/// A lab with that configuration and its files below `at`.
fn lab(name: &str, at: &str) -> Lab {
    let lab = Lab::new(name);
    lab.add(&format!("{at}/xen.cfg"), CONFIG);
    lab.add(&format!("{at}/xen.efi"), &xen());
    lab.add(&format!("{at}/Image"), &image(0x100_0000, 1_176_281));
    lab.add(&format!("{at}/guests/domU1.cpio.gz"), &cpio(986_273));
    lab.add(&format!("{at}/guests/domU2.cpio.gz"), &cpio(1_100_000));
    lab
}

/// The report of a plan, its files as they are called below `at`.
fn report(lab: &Lab, at: &str) -> String {
    let report = fs::read_to_string(lab.path("out.json")).unwrap();
    report.replace(&format!("\"file\": \"{at}"), "\"file\": \"")
}

fn is_clean(run: &Run) -> bool {
    run.status == 0 && run.errors.is_empty()
}

/// As from a server: what is loaded, where it lies, who gets it.
#[test]
fn an_xen_cfg_is_planned_from_a_folder() {
    for (option, device) in [("--card", "mmc"), ("--disk", "virtio")] {
        let lab = lab("folder-plan", "sd");
        lab.add("plan.txt", format!("xen plan {device} 0:1").as_bytes());
        let run = lab.run(&[option, "sd/", "--json=out.json", "--svg=out.svg", "plan.txt"]);
        assert!(is_clean(&run), "{run:?}");
        assert_eq!(report(&lab, "/"), REPORT, "{option}");
        let picture = fs::read_to_string(lab.path("out.svg")).unwrap();
        roxmltree::Document::parse(&picture).unwrap();
    }
}

#[test]
fn folders_in_folders_have_their_names() {
    let at = "/Boot files/lab 1/";
    let lab = lab("folder-nested", "sd/Boot files/lab 1");
    lab.add(
        "plan.txt",
        b"ls mmc 0:1 '/Boot files'; xen plan mmc 0:1 '/Boot files/lab 1/xen.cfg'",
    );
    let run = lab.run(&["--card", "sd", "--json=out.json", "plan.txt"]);
    assert!(is_clean(&run), "{run:?}");
    assert!(
        run.output.contains(" lab 1/\n\n0 file(s), 3 dir(s)\n"),
        "{}",
        run.output
    );
    assert_eq!(report(&lab, at), REPORT);
    let (_, plan) = run.output.split_once("Note: ").unwrap();
    let [plan, expected] = [&plan.replace(at, ""), &PRINTED["Note: ".len()..]].map(words);
    assert_eq!(plan, expected);
}

/// The text without the width of its columns.
fn words(text: &str) -> String {
    text.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn what_a_card_can_boot_is_found_and_booted() {
    let lab = lab("folder-scan", "sd");
    lab.add("scan.txt", b"bootflow scan -b mmc0");
    let run = lab.run(&["--card", "sd", "--dtb-out=out.dtb", "scan.txt"]);
    assert!(is_clean(&run), "{run:?}");
    assert!(
        run.output.contains("mmc 0:1: xen.cfg ... Found /xen.cfg\n"),
        "{}",
        run.output
    );
    assert!(run.output.contains("\nJump to 0x7e400000 at EL2"), "{}", run.output);
    assert!(lab.path("out.dtb").exists());
}

#[test]
fn what_is_written_is_on_the_card_and_not_in_the_folder() {
    let lab = lab("folder-write", "sd");
    lab.add(
        "write.txt",
        b"save mmc 0:1 $fdtcontroladdr new.dtb 40; size mmc 0:1 new.dtb; test $filesize = 40 && rm mmc 0:1 xen.cfg && ls mmc 0:1",
    );
    let run = lab.run(&["--card", "sd", "write.txt"]);
    assert!(is_clean(&run), "{run:?}");
    assert!(
        run.output.contains(" new.dtb\n") && !run.output.contains("xen.cfg\n"),
        "{}",
        run.output
    );
    assert_eq!(fs::read(lab.path("sd/xen.cfg")).unwrap(), CONFIG);
    assert_eq!(fs::read_dir(lab.path("sd")).unwrap().count(), 4);
}

#[test]
fn a_folder_that_cannot_be_a_card_is_named_before_anything_runs() {
    let lab = lab("folder-errors", "sd");
    lab.add("plan.txt", b"echo not run; xen plan mmc 0:1");
    lab.add("sd/guests/what?.gz", b"");
    let refused = |expected: &str| {
        for option in ["--card", "--disk"] {
            let run = lab.run(&[option, "sd", "plan.txt"]);
            let expected = format!("slipway-sim: {expected}\n");
            assert_eq!(
                (run.status, run.output.as_str(), run.errors),
                (2, "", expected),
                "{option}"
            );
        }
    };
    refused("\"sd/guests/what?.gz\": FAT cannot hold a name with '?' in it");
    fs::remove_file(lab.path("sd/guests/what?.gz")).unwrap();
    let large = fs::File::create(lab.path("sd/guests/root.img")).unwrap();
    large.set_len(5 << 30).unwrap();
    refused("sd/guests/root.img: 5368709120 bytes, and a file on FAT has at most 4 GiB less one");
    fs::remove_file(lab.path("sd/guests/root.img")).unwrap();
    lab.add("sd/IMAGE", b"");
    refused("sd/Image: on FAT this is the name of another one in the same folder");
}
