//! Plans of what an `xen.cfg` or a device tree describes, as a CI job makes them: what is printed, the report, the picture, the tree.

use std::fs;
use std::path::Path;

use loader_core::devicetree::Tree;

mod lab;

use lab::{Lab, Run, cpio, image, xen};

/// A configuration with good sections and bad ones.
const CONFIG: &[u8] = include_bytes!("golden/xen.cfg");

/// What `xen plan` prints of its default section.
const PRINTED: &str = include_str!("golden/two-domains.txt");

/// The report of it.
const REPORT: &str = include_str!("golden/two-domains.json");

/// CRC-32 of the tree that is handed over with it.
const TREE_CRC: u32 = 0x1e50_aba7;

/// A lab with that configuration and its files in `files`.
fn lab(name: &str) -> Lab {
    let lab = Lab::new(name);
    lab.add("files/xen.cfg", CONFIG);
    lab.add("files/xen.efi", &xen());
    lab.add("files/Image", &image(0x100_0000, 1_176_281));
    lab.add("files/guests/domU1.cpio.gz", &cpio(986_273));
    lab.add("files/guests/domU2.cpio.gz", &cpio(1_100_000));
    lab
}

fn is_clean(run: &Run) -> bool {
    run.status == 0 && run.errors.is_empty()
}

/// Compares with a file that is kept, or keeps what there is now.
fn check_golden(name: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("SLIPWAY_UPDATE").is_some() {
        fs::write(&path, now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert!(
        now == kept,
        "{name} is old: SLIPWAY_UPDATE=1 cargo test -p slipway-sim --test xen_plan\n{now}"
    );
}

#[test]
fn a_plan_prints_findings_table_and_map_and_nothing_of_the_network() {
    let lab = lab("plan");
    let run = lab.run(&["--files", "files", "xen.cfg"]);
    assert!(is_clean(&run), "{run:?}");
    check_golden("tests/golden/two-domains.txt", &run.output);
}

#[test]
fn a_plan_leaves_the_report_and_the_tree() {
    let lab = lab("report");
    let args = [
        "--files",
        "files",
        "--json",
        "out.json",
        "--dtb-out",
        "out.dtb",
        "xen.cfg",
    ];
    let run = lab.run(&args);
    assert!(is_clean(&run) && run.output == PRINTED, "{run:?}");
    let report = fs::read_to_string(lab.path("out.json")).unwrap();
    check_golden("tests/golden/two-domains.json", &report);
    let blob = fs::read(lab.path("out.dtb")).unwrap();
    let tree = Tree::parse(&blob).unwrap();
    let kernel = tree.find("/chosen/domU1/module@7ec00000").unwrap();
    assert_eq!(tree.reg(kernel).unwrap(), [(0x7ec0_0000, 1_176_281)]);
    assert_eq!(crc32fast::hash(&blob), TREE_CRC, "{:#010x}", crc32fast::hash(&blob));
    // A script that ends with the plan leaves the same.
    lab.add("plan.txt", b"setenv autoload no; dhcp; xen plan tftp xen.cfg");
    let run = lab.run(&[
        "--files",
        "files",
        "--json=two.json",
        "--dtb-out",
        "two.dtb",
        "plan.txt",
    ]);
    assert!(
        is_clean(&run) && run.output.contains("Retrieving file: xen.cfg\n"),
        "{run:?}"
    );
    assert_eq!(fs::read_to_string(lab.path("two.json")).unwrap(), REPORT);
    assert_eq!(fs::read(lab.path("two.dtb")).unwrap(), blob);
}

#[test]
fn stdout_has_the_report_alone() {
    let lab = lab("stdout");
    for args in [&["--json"][..], &["--json", "-"], &["--json=-"]] {
        let args = [&["--files", "files", "xen.cfg"], args].concat();
        let run = lab.run(&args);
        assert_eq!(
            (run.status, run.output.as_str(), run.errors.as_str()),
            (0, REPORT, PRINTED),
            "{args:?}"
        );
    }
    let picture = lab.run(&["--files", "files", "--svg", "-", "xen.cfg"]);
    assert_eq!((picture.status, picture.errors.as_str()), (0, PRINTED));
    roxmltree::Document::parse(&picture.output).unwrap();
    // A transfer that a script makes is not silent, but it is not in the report either.
    lab.add("plan.txt", b"setenv autoload no; dhcp; xen plan tftp xen.cfg; poweroff");
    let run = lab.run(&["--files", "files", "--json", "plan.txt"]);
    assert_eq!((run.status, run.output.as_str()), (0, REPORT), "{run:?}");
    assert!(run.errors.contains("DHCP client bound"), "{run:?}");
}

/// The picture in the documentation is what the program draws.
#[test]
fn the_documented_picture() {
    let lab = lab("picture");
    let run = lab.run(&["--files", "files", "--svg", "memory-map.svg", "xen.cfg"]);
    assert!(is_clean(&run), "{run:?}");
    let drawn = fs::read_to_string(lab.path("memory-map.svg")).unwrap();
    check_golden("../docs/memory-map.svg", &drawn);
}

#[test]
fn a_check_says_what_it_found_and_no_more() {
    let lab = lab("check");
    let note = "Note: /chosen/domU2 has no vpl011: its console will not be seen\n";
    let run = lab.run(&["--files", "files", "--check", "xen.cfg", "--dtb-out", "out.dtb"]);
    assert!(is_clean(&run), "{run:?}");
    assert_eq!(run.output, format!("{note}xen.cfg: nothing forbids the start\n"));
    assert!(lab.path("out.dtb").exists());
    let run = lab.run(&["--files", "files", "--check", "--section", "one-domain", "xen.cfg"]);
    assert!(
        is_clean(&run) && run.output == "xen.cfg: nothing forbids the start\n",
        "{run:?}"
    );
}

#[test]
fn what_cannot_be_started_is_status_1_and_a_sentence() {
    let lab = lab("bad");
    for (section, sentence) in [
        ("no-kernel", "domu1 has no kernel: domu1_kernel=FILE is missing"),
        ("wrong", "/chosen/domU1: cpus = 0; a domain has from 1 to 128"),
        ("wrong", "guests/domU1.cpio.gz is"),
        (
            "missing",
            "/chosen/domU1/module@0 wants Image-nosuch: TFTP error: 'File not found' (1)",
        ),
        ("nosuch", "nosuch"),
    ] {
        for goal in [&["xen.cfg"][..], &["--check", "xen.cfg"]] {
            let args = [
                &[
                    "--files",
                    "files",
                    "--dtb-out",
                    "out.dtb",
                    "--section",
                    section,
                    "--json=out.json",
                ],
                goal,
            ];
            let run = lab.run(&args.concat());
            assert_eq!(
                (run.status, run.errors.as_str()),
                (1, "slipway-sim: xen.cfg: the check failed\n")
            );
            assert!(run.output.contains(sentence), "{section}: {}", run.output);
            assert!(!run.output.contains("Retrieving") && !lab.path("out.dtb").exists());
            let report: serde_json::Value = serde_json::from_slice(&fs::read(lab.path("out.json")).unwrap()).unwrap();
            assert_eq!(report["ok"], false);
            let errors = report["errors"].as_array().unwrap();
            let has = |error: &serde_json::Value| error.as_str().unwrap().contains(sentence);
            assert!(errors.iter().any(has), "{section}: {errors:?}");
            assert_eq!(report["image"].is_null(), section != "wrong", "{section}");
        }
    }
    let run = lab.run(&["--files", "files", "--el1", "--svg", "bad.svg", "xen.cfg"]);
    assert!(run.status == 1 && run.output.contains("needs EL2"), "{run:?}");
    let picture = fs::read_to_string(lab.path("bad.svg")).unwrap();
    assert!(picture.contains("not started: 1 error") && picture.contains("needs EL2"));
}

/// What the script made of it does not count when somebody asks for a report.
#[test]
fn the_report_of_a_script_is_the_last_boots() {
    let lab = lab("script");
    let boot = "setenv autoload no; dhcp; xen plan tftp xen.cfg one-domain; xen check tftp xen.cfg SECTION; true";
    for (section, status, image, errors) in [
        ("two-domains", 0, true, 0),
        ("wrong", 1, true, 3),
        ("no-kernel", 1, false, 1),
    ] {
        lab.add("boot.txt", boot.replace("SECTION", section).as_bytes());
        let run = lab.run(&["--files", "files", "--json", "boot.txt"]);
        let report: serde_json::Value = serde_json::from_str(&run.output).unwrap();
        assert_eq!(
            (run.status, &report["ok"]),
            (status, &(status == 0).into()),
            "{section}: {run:?}"
        );
        assert_eq!(report["image"].is_object(), image, "{section}");
        assert_eq!(
            report["errors"].as_array().unwrap().len(),
            errors,
            "{section}: {report}"
        );
        assert_eq!(lab.run(&["--files", "files", "boot.txt"]).status, 0, "{section}");
    }
    lab.add("boot.txt", b"echo nothing");
    let run = lab.run(&["--json=out.json", "--svg", "out.svg", "boot.txt"]);
    assert_eq!(
        (run.status, run.errors.as_str()),
        (
            1,
            "slipway-sim: no boot command came as far as its checks, so there is nothing to report\n"
        )
    );
    assert!(lab.path("out.json").exists() && lab.path("out.svg").exists());
    let run = lab.run(&["--files", "files", "--json=nosuch/out.json", "xen.cfg"]);
    assert_eq!(run.status, 1);
    assert!(
        run.errors.starts_with("slipway-sim: nosuch/out.json: No such file"),
        "{run:?}"
    );
}

/// A name is one below --files, or any path that leads there.
#[test]
fn where_a_description_may_be() {
    let lab = lab("places");
    let run = lab.run(&["--files", "files", "--dtb-out", "lab.dtb", "xen.cfg"]);
    assert!(is_clean(&run), "{run:?}");
    // The tree of the plan, its domains' files named as in a source.
    let mut tree = Tree::parse(&fs::read(lab.path("lab.dtb")).unwrap()).unwrap();
    for (node, file) in [
        ("module@7ec00000", "Image"),
        ("module@7e300000", "guests/domU1.cpio.gz"),
    ] {
        for domain in ["/chosen/domU1", "/chosen/domU2"] {
            if let Some(node) = tree.find(&format!("{domain}/{node}")) {
                tree.remove_property(node, "reg").unwrap();
                tree.set_strings(node, "xen,uefi-binary", &[file]).unwrap();
            }
        }
    }
    let ramdisk = tree.find("/chosen/domU2").unwrap();
    let ramdisk = tree.children(ramdisk).last().unwrap();
    tree.remove(ramdisk).unwrap();
    let blob = tree.emit(0).unwrap();
    lab.add("files/lab.dtb", &blob);
    lab.add("files/tree", &blob);
    lab.add("files/inner/xen.cfg", CONFIG);
    let absolute = lab.path("files/xen.cfg").display().to_string();
    for input in [
        "xen.cfg",
        "./xen.cfg",
        "files/xen.cfg",
        "./files/../files/xen.cfg",
        &absolute,
        "files/",
        "./files/",
        "lab.dtb",
        "files/lab.dtb",
        "tree",
        "files/tree",
    ] {
        let run = lab.run(&["--files", "files", input]);
        assert!(
            is_clean(&run) && run.output.contains("domU2   kernel   Image"),
            "{input}: {run:?}"
        );
    }
    let run = lab.run(&["--files", "files", "inner/"]);
    assert!(
        run.status == 1 && run.errors.contains("inner/: the check failed"),
        "its files are beside it: {run:?}"
    );
    // One after another, on one machine; a script may set the stage.
    lab.add("stage.txt", b"setenv tftpblocksize 512");
    let run = lab.run(&["--files", "files", "stage.txt", "xen.cfg", "lab.dtb"]);
    assert!(is_clean(&run) && run.output.matches("  RAM\n").count() == 2, "{run:?}");
}

#[test]
fn what_is_wrong_with_a_description_on_the_command_line_is_said() {
    let lab = lab("usage");
    lab.add("outside.cfg", CONFIG);
    lab.add("boot.txt", b"true");
    lab.add("files/empty/Image", b"");
    for (args, message) in [
        (
            &["outside.cfg"][..],
            "outside.cfg: it is not in the folder files (--files)",
        ),
        (&["../usage/outside.cfg"], "it is not in the folder files"),
        (
            &["nosuch.cfg"],
            "nosuch.cfg: there is no such file, neither here nor in files (--files)",
        ),
        (&["/"], "/: it is not in the folder files"),
        (&["empty/"], "empty/: there is no xen.cfg in this folder"),
        (
            &["--check", "boot.txt"],
            "--check is about an xen.cfg or a device tree, and none is given",
        ),
        (&["--section", "x", "boot.txt"], "--section is about an xen.cfg"),
        (&["--section"], "--section needs a value"),
        (
            &["--json", "--svg=-", "xen.cfg"],
            "--json and --svg cannot both be written to stdout",
        ),
    ] {
        let run = lab.run(&[&["--files", "files"], args].concat());
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{args:?}: {run:?}");
        assert!(run.errors.contains(message), "{args:?}: {}", run.errors);
    }
    let run = lab.run(&["--files", "nosuch", "xen.cfg"]);
    assert!(
        run.status == 2 && run.errors.contains("--files nosuch: not a folder"),
        "{run:?}"
    );
}

/// A boot without Xen has an image, a tree, perhaps a ramdisk, and no domains.
#[test]
fn the_report_of_plain_linux() {
    let lab = lab("linux");
    let boot = "setenv autoload no; dhcp; tftpb 0x40400000 Image; tftpb 0x43000000 guests/domU1.cpio.gz
        booti 0x40400000 0x43000000:${filesize} ${fdtcontroladdr}";
    lab.add("boot.txt", boot.as_bytes());
    let run = lab.run(&["--files", "files", "--json", "--svg", "linux.svg", "boot.txt"]);
    assert!(
        run.status == 0 && run.errors.contains("\nJump to 0x40400000"),
        "{run:?}"
    );
    let report: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(report["image"]["xen"], false);
    assert_eq!(report["image"]["address"], "0x40400000");
    assert_eq!(report["ramdisk"]["file"], "guests/domU1.cpio.gz");
    assert_eq!(
        (&report["ramdisk"]["size"], &report["domains"]),
        (&986_273.into(), &serde_json::json!([]))
    );
    assert!(
        fs::read_to_string(lab.path("linux.svg"))
            .unwrap()
            .contains("memory when Image starts")
    );
}
