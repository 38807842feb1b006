//! Where descriptions are, and the files that they name.

use super::*;

#[test]
fn folders_and_the_places_of_distributions() {
    let (xen, kernel) = (xen(), linux());
    for (folder, line, names) in [
        ("", "xen boot virtio 0:1 /", &["/xen.cfg", "/xen.efi", "/Image"][..]),
        ("", "xen boot virtio 0:1 xen.cfg", &["xen.cfg", "xen.efi", "Image"]),
        ("", "xen boot virtio 0:1", &["/xen.cfg", "/xen.efi", "/Image"]),
        (
            "lab/",
            "xen boot virtio 0:1 lab/",
            &["lab/xen.cfg", "lab/xen.efi", "lab/Image"],
        ),
        (
            "boot/",
            "xen boot virtio 0:1",
            &["/xen.cfg", "/boot/xen.cfg", "/boot/xen.efi", "/boot/Image"],
        ),
        (
            "EFI/xen/",
            "xen boot virtio 0:1",
            &[
                "/xen.cfg",
                "/boot/xen.cfg",
                "/EFI/xen/xen.cfg",
                "/EFI/xen/xen.efi",
                "/EFI/xen/Image",
            ],
        ),
    ] {
        let own = ["xen.cfg", "xen.efi", "Image"].map(|name| format!("{folder}{name}"));
        let mut files: Vec<(&str, &[u8])> = Vec::new();
        files.extend((folder == "EFI/xen/").then_some(("EFI/", &b""[..])));
        files.extend((!folder.is_empty()).then_some((folder, &b""[..])));
        files.extend(own.iter().map(String::as_str).zip([SHORT, &xen, &kernel]));
        let mut bench = bench(&files);
        let output = bench.enter(line);
        assert_eq!(bench.status(), Status::Success, "{line}: {output}");
        assert_eq!(asked(&output), names, "{line}");
    }
    let mut bench = with_xen(&[]);
    assert_eq!(
        last_words(&mut bench, "xen boot virtio 0:1"),
        "Failed to load '/EFI/xen/xen.cfg': File not found: '/EFI/xen/xen.cfg'"
    );
}

#[test]
fn names_begin_where_the_configuration_is_or_at_the_root() {
    let (xen, kernel) = (xen(), linux());
    let config = [b"kernel=/Image\nxen=bin/xen\n", SHORT].concat();
    let mut bench = bench(&[
        ("lab/", b""),
        ("lab/bin/", b""),
        ("lab/bin/xen", &xen),
        ("lab/a.cfg", &config),
        ("Image", &kernel),
        ("lab/Image", &cpio(b'n', 8)),
    ]);
    let output = bench.enter("xen plan virtio 0:1 /lab/a.cfg");
    assert_eq!(asked(&output), ["/lab/a.cfg", "/lab/bin/xen", "/Image", "/lab/Image"]);
    assert!(output.contains("/chosen/domU1/module@"), "{output}");
}

#[test]
fn xen_is_looked_for_under_the_configurations_name_first() {
    let mut bench = bench(&[("lab.cfg", SHORT)]);
    let output = refused(&mut bench, "xen plan virtio 0:1 lab.cfg");
    assert_eq!(
        asked(&output),
        ["lab.cfg", "lab.efi", "lab", "xen.efi", "xen", "xen.gz"]
    );
    assert!(
        output.ends_with(
            "Xen was not found under the names lab.efi, lab, xen.efi, xen, xen.gz; the line xen=FILE of a xen.cfg names it: \
             Failed to load 'xen.gz': File not found: 'xen.gz'\n"
        ),
        "{output}"
    );
    // One that was loaded by hand may be called anything, but not where a line names it.
    bench.load(RAM + MIB, "hypervisor", &xen());
    bench.attach(&[disk(&[("lab.cfg", SHORT), ("Image", &linux())])]);
    let output = bench.enter("xen plan virtio 0:1 lab.cfg");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let named = [b"xen=other.efi\n", SHORT].concat();
    bench.attach(&[disk(&[("lab.cfg", &named), ("Image", &linux())])]);
    bench.enter("xen check 0");
    let output = refused(&mut bench, "xen plan virtio 0:1 lab.cfg");
    assert_eq!(asked(&output), ["lab.cfg", "other.efi"]);
    assert!(
        output.ends_with("lab.cfg:1:5: xen=other.efi: Failed to load 'other.efi': File not found: 'other.efi'\n"),
        "{output}"
    );
}

#[test]
fn started_by_xens_image() {
    let (xen, kernel) = (xen(), linux());
    let packed = gzip(&xen);
    let wrapped = uimage(Type::KERNEL, Compression::NONE, 0x4080_0000, &xen);
    for (name, image, config) in [
        ("xen-4.17.efi", &xen, "xen-4.17.cfg"),
        ("xen-4.17.efi", &packed, "xen-4.cfg"),
        ("xen-4.17.efi", &wrapped, "xen.cfg"),
    ] {
        let mut bench = bench(&[(name, image), (config, SHORT), ("Image", &kernel)]);
        let output = bench.enter(&format!("xen boot virtio 0:1 {name}"));
        let mut names = Vec::from([name, "xen-4.17.cfg", "xen-4.cfg", "xen.cfg"]);
        names.truncate(1 + names.iter().position(|name| *name == config).unwrap());
        names.push("Image");
        assert_eq!(asked(&output), names);
        assert_eq!(bench.jumps().len(), 1, "{output}");
        assert!(!output.contains("Warning"), "{output}");
    }
    let mut bench = bench(&[("xen-4.17.efi", &xen)]);
    assert_eq!(
        last_words(&mut bench, "xen boot virtio 0:1 xen-4.17.efi"),
        "xen-4.17.efi has no configuration beside it: Failed to load 'xen.cfg': File not found: 'xen.cfg'"
    );
    // Another one, if the configuration says so.
    let config = [b"xen=debug.efi\n", SHORT].concat();
    let mut bench = self::bench(&[
        ("xen.efi", &xen),
        ("xen.cfg", &config),
        ("debug.efi", &xen),
        ("Image", &kernel),
    ]);
    let output = bench.enter("xen boot virtio 0:1 xen.efi");
    assert_eq!(asked(&output), ["xen.efi", "xen.cfg", "debug.efi", "Image"]);
    assert!(output.contains("debug.efi (with BSS)"), "{output}");
    assert!(!known(&bench).iter().any(|(name, _)| name == "xen.efi"), "{output}");
}

#[test]
fn chains_are_followed() {
    let last = [b"[a]\nkernel=nothere\n[two]\n", SHORT].concat();
    let mut bench = with_xen(&[
        ("xen.cfg", b"[global]\nchain=b.cfg\ndefault=two\n[two]\noptions=a\n"),
        ("b.cfg", b"[global]\nchain=c.cfg\ndefault=a\n"),
        ("c.cfg", &last),
    ]);
    let output = bench.enter("xen plan virtio 0:1 xen.cfg");
    assert_eq!(asked(&output), ["xen.cfg", "b.cfg", "c.cfg", "xen.efi", "Image"]);
    assert_eq!(bench.status(), Status::Success, "{output}");
    // Configurations are read and gone.
    assert!(!known(&bench).iter().any(|(name, _)| name.ends_with(".cfg")));
}

#[test]
fn chains_end() {
    let mut bench = bench(&[
        ("xen.cfg", b"[global]\nchain=b.cfg\n"),
        ("b.cfg", b"[global]\nchain=xen.cfg\n"),
        ("gone.cfg", b"[global]\nchain=nothere.cfg\n"),
    ]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 xen.cfg"),
        "b.cfg:2:7: chain=xen.cfg leads in a circle, or further than 16 files"
    );
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 gone.cfg"),
        "gone.cfg:2:7: chain=nothere.cfg: Failed to load 'nothere.cfg': File not found: 'nothere.cfg'"
    );
    let names: Vec<String> = (0..20).map(|number| format!("{number}.cfg")).collect();
    let texts: Vec<String> = (1..21)
        .map(|number| format!("[global]\nchain={number}.cfg\n"))
        .collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_bytes))
        .collect();
    let mut bench = self::bench(&files);
    let output = refused(&mut bench, "xen plan virtio 0:1 0.cfg");
    assert_eq!(asked(&output).len(), 16);
    assert!(
        output.ends_with("15.cfg:2:7: chain=16.cfg leads in a circle, or further than 16 files\n"),
        "{output}"
    );
}

#[test]
fn sections_by_name_and_by_default() {
    let text = [
        &b"[global]\ndefault=one\n[one]\noptions=1\n"[..],
        SHORT,
        b"[two]\noptions=2\n",
        SHORT,
    ]
    .concat();
    let mut bench = with_xen(&[("xen.cfg", &text)]);
    for (line, options) in [
        ("xen plan virtio 0:1 xen.cfg", "1"),
        ("xen plan virtio 0:1 xen.cfg two", "2"),
        ("xen plan virtio 0:1 / one", "1"),
    ] {
        let output = bench.enter(line);
        assert_eq!(bench.status(), Status::Success, "{output}");
        let tree = left(&bench);
        assert_eq!(
            tree.str(tree.find("/chosen").unwrap(), "xen,xen-bootargs"),
            Some(options)
        );
    }
    bench.enter("xen check 0");
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 xen.cfg three"),
        "xen.cfg: there is no section [three]; there is [one], [two]"
    );
}

#[test]
fn a_tree_of_its_own() {
    let mut tree = board();
    tree.set_strings(tree.root(), "model", &["mine"]).unwrap();
    let (blob, text) = (tree.emit(0).unwrap(), [b"dtb=mine.dtb\n", SHORT].concat());
    let mut bench = with_xen(&[("xen.cfg", &text), ("mine.dtb", &blob)]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(asked(&output), ["/xen.cfg", "/mine.dtb", "/xen.efi", "/Image"]);
    let tree = left(&bench);
    assert_eq!(tree.str(tree.root(), "model"), Some("mine"));
    let mut bench = with_xen(&[("xen.cfg", &text)]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1"),
        "xen.cfg:1:5: dtb=mine.dtb: Failed to load '/mine.dtb': File not found: '/mine.dtb'"
    );
    let mut bench = with_xen(&[("xen.cfg", &text), ("mine.dtb", b"no tree")]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1"),
        "/mine.dtb is no device tree: the devicetree is not usable: 7 bytes are too few for a header of 40 (at offset 0x0)"
    );
    let mut bench = with_xen(&[("xen.cfg", SHORT)]);
    bench.context.working_tree = None;
    let output = refused(&mut bench, "xen plan virtio 0:1");
    assert!(
        output.ends_with("no device tree was named or set by fdt addr\n"),
        "{output}"
    );
}

#[test]
fn the_example_of_keys_boots() {
    let text = b"dtb=devtree.dtb\nkernel=Image [domain 0 command line options]\n\
        binary=vmlinuz-guest domu-kernel\nbinary=ramdisk-domA.img domA-ramdisk\nbinary=ramdisk-domB.img domB-ramdisk\n";
    let (kernel, ramdisk) = (image(0, 0x1_0000, 0xa, 7777), cpio(b'a', 999));
    let files = |tree: &Tree| tree.emit(0).unwrap();
    let (written, meant) = (files(&Tree::parse(KEYS_TREE).unwrap()), files(&keys_tree()));
    let others: [(&str, &[u8]); 3] = [
        ("xen.cfg", text),
        ("vmlinuz-guest", &kernel),
        ("ramdisk-domA.img", &ramdisk),
    ];
    // As it was written memory is in bytes.
    let mut bench = with_xen(&[&others[..], &[("devtree.dtb", &written)]].concat());
    let output = refused(&mut bench, "xen boot virtio 0:1");
    for (domain, kib) in [(1, 134_217_728), (2, 536_870_912)] {
        let sentence =
            format!("Error: /chosen/domU{domain}: memory = {kib} KiB is more than the machine's 32768 KiB\n");
        assert!(output.contains(&sentence), "{output}");
    }
    let mut bench = with_xen(&[&others[..], &[("devtree.dtb", &meant)]].concat());
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    let places: Vec<Region> = found.iter().map(|(_, place, _)| *place).collect();
    assert_eq!(places.len(), 5);
    assert_eq!((places[0], places[1]), (places[2], places[3]));
    assert_eq!((&found[2].2, &found[3].2), (&kernel, &ramdisk));
    assert_eq!(output.matches("vmlinuz-guest\n").count(), 1, "{output}");
}

#[test]
fn a_tree_that_names_its_files() {
    let mut tree = keys_tree();
    let blob = tree.emit(0).unwrap();
    let (kernel, ramdisk) = (linux(), cpio(b'r', 100));
    let files: [(&str, &[u8]); 3] = [("domu-kernel", &kernel), ("domA-ramdisk", &ramdisk), ("lab.dtb", &blob)];
    let mut bench = with_xen(&files);
    let output = bench.enter("xen plan virtio 0:1 lab.dtb");
    assert_eq!(asked(&output), ["lab.dtb", "xen.efi", "domu-kernel", "domA-ramdisk"]);
    assert_eq!(bench.status(), Status::Success, "{output}");
    bench.enter("xen check 0");
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 lab.dtb two"),
        "lab.dtb is a device tree without xen,uefi-cfg-load in /chosen: no configuration is read that could have a section two"
    );
    // With a configuration beside it.
    let chosen = tree.find("/chosen").unwrap();
    tree.set(chosen, "xen,uefi-cfg-load", &[]).unwrap();
    tree.set_strings(chosen, "xen,xen-bootargs", &["old"]).unwrap();
    let blob = tree.emit(0).unwrap();
    let config = b"[one]\noptions=new\nkernel=Image\ndtb=other.dtb\n[two]\noptions=2\n";
    let mut bench = with_xen(&[&files[..2], &[("lab.dtb", &blob), ("lab.cfg", config)]].concat());
    let output = bench.enter("xen plan virtio 0:1 lab.dtb one");
    assert_eq!(
        asked(&output),
        ["lab.dtb", "lab.cfg", "xen.efi", "domu-kernel", "domA-ramdisk", "Image"]
    );
    assert!(
        output.contains(
            "Warning: lab.cfg:4:5: dtb=other.dtb is not read: the tree is lab.dtb, which had the configuration read\n"
        ),
        "{output}"
    );
    let tree = left(&bench);
    assert_eq!(tree.str(chosen, "xen,xen-bootargs"), Some("new"));
    assert_eq!(tree.property(chosen, "xen,uefi-cfg-load"), None);
    let mut bench = with_xen(&[("lab.dtb", &blob)]);
    let output = refused(&mut bench, "xen plan virtio 0:1 lab.dtb");
    assert_eq!(asked(&output), ["lab.dtb", "lab.cfg", "xen.cfg"]);
}

#[test]
fn files_that_were_loaded_by_hand() {
    let mut bench = bench(&[]);
    let (config, other) = ([SHORT, b"kernel=boot/other\n"].concat(), image(0, 0x1_0000, 0xa, 9999));
    for (at, name, bytes) in [
        (0x10_0000, "lab/two.cfg", &config),
        (0x20_0000, "somewhere/hypervisor", &xen()),
        (0x40_0000, "lab/Image", &linux()),
        (0x50_0000, "other", &other),
    ] {
        bench.load(RAM + at, name, bytes);
    }
    let before = known(&bench);
    let output = bench.enter("xen plan 40100000; echo $?");
    assert!(output.ends_with("\n0\n"), "{output}");
    assert_eq!(asked(&output), [""; 0]);
    let found = modules(&bench, &left(&bench));
    assert_eq!((&found[0].2, &found[1].2), (&other, &linux()));
    assert_eq!(found[1].1.start(), PhysAddr(RAM + 0x40_0000));
    // They stay, whatever becomes of the plan.
    bench.enter("xen check 40100000");
    assert_eq!(known(&bench), before);
    bench.context.memory.forget(PhysAddr(RAM + 0x50_0000));
    assert_eq!(
        last_words(&mut bench, "xen plan 40100000"),
        "/chosen/module@0 wants boot/other: boot/other was not loaded, and there is no serverip to ask for it; \
         loaded: board.dtb, lab/two.cfg, somewhere/hypervisor, lab/Image"
    );
    // The name alone may mean several.
    for at in [0x60_0000, 0x70_0000] {
        bench.load(RAM + at, &format!("{at:x}/other"), &other);
    }
    bench.enter("xen plan 40100000");
    assert_eq!(
        modules(&bench, &left(&bench))[0].1.start(),
        PhysAddr(RAM + 0x60_0000),
        "the same bytes twice"
    );
    bench.enter("xen check 0");
    bench.load(RAM + 0x70_0000, "700000/other", &linux());
    assert_eq!(
        last_words(&mut bench, "xen plan 40100000"),
        "boot/other may be 600000/other at 0x40600000 or 700000/other at 0x40700000: load one of them only, or say which by its whole name"
    );
    // One that was written over since is not it.
    bench.load(RAM + 0x60_0004, "something", b"else");
    bench.enter("xen plan 40100000");
    assert_eq!(modules(&bench, &left(&bench))[0].1.start(), PhysAddr(RAM + 0x70_0000));
    bench.load(RAM + 0x80_0000, "boot/other", &other);
    bench.enter("xen plan 40100000");
    assert_eq!(modules(&bench, &left(&bench))[0].1.start(), PhysAddr(RAM + 0x80_0000));
}

#[test]
fn trees_and_images_that_were_loaded_by_hand() {
    let mut bench = bench(&[]);
    for (at, name, bytes) in [
        (0x10_0000, "lab.dtb", &keys_tree().emit(0).unwrap()),
        (0x20_0000, "xen-4.17.efi", &xen()),
        (0x40_0000, "domu-kernel", &linux()),
        (0x50_0000, "domA-ramdisk", &cpio(b'a', 44)),
        (0x60_0000, "xen.cfg", &SHORT.to_vec()),
        (0x70_0000, "Image", &linux()),
    ] {
        bench.load(RAM + at, name, bytes);
    }
    for line in ["xen plan 40100000", "xen plan 40200000"] {
        let before = known(&bench);
        let output = bench.enter(line);
        assert_eq!(bench.status(), Status::Success, "{line}: {output}");
        assert!(!output.contains("Warning"), "{output}");
        bench.enter("xen check 0");
        // Xen itself is where it may run.
        assert_eq!(known(&bench), before);
    }
}

/// The machine's own tree lies in RAM without having been loaded as a file.
#[test]
fn a_tree_that_nobody_loaded() {
    let mut bench = machine(&[region(RAM, 32 * MIB)], &board());
    bench.context.memory.forget(PhysAddr(BOARD));
    let line = format!("xen check {BOARD:#x}");
    assert!(last_words(&mut bench, &line).contains("Xen was not found"));
    let line = format!("xen check {:#x}", BOARD + 0x1000);
    assert!(last_words(&mut bench, &line).contains("nothing was loaded at"));
}
