//! What the three commands do, and leave.

use super::*;

#[test]
fn a_configuration_on_a_disk() {
    let mut bench = lab();
    assert_eq!(
        bench.enter_untimed("xen plan virtio 0:1 xen.cfg; echo $?"),
        "\
Retrieving file: xen.cfg
283 bytes read
Retrieving file: xen.efi
4096 bytes read
Retrieving file: Image
8192 bytes read
Retrieving file: initrd
5000 bytes read
Retrieving file: Image-1
7777 bytes read
Retrieving file: initrd-1
6000 bytes read
Note: /memory@40000000 did not say where RAM is: filled in from the machine
domain  module   file         address  size
Xen     image    xen.efi   0x41800000  4096
Xen     dtb                0x41ffe000  5243
dom0    kernel   Image     0x41600000  8192
dom0    ramdisk  initrd    0x417f0000  5000
domU1   kernel   Image-1   0x41400000  7777
domU1   ramdisk  initrd-1  0x417e0000  6000
domU2   kernel   Image     0x41600000  8192

0x0040000000..0x0042000000     32 MiB  RAM
0x0041400000..0x0041401e61    7.6 KiB    Image-1 (/chosen/domU1/module@41400000)
0x0041600000..0x0041602000      8 KiB    Image (/chosen/module@41600000)
0x00417e0000..0x00417e1770    5.9 KiB    initrd-1 (/chosen/domU1/module@417e0000)
0x00417f0000..0x00417f1388    4.9 KiB    initrd (/chosen/module@417f0000)
0x0041800000..0x0041820000    128 KiB    xen.efi (with BSS)
0x0041ffe000..0x0041fff47b    5.1 KiB    the device tree
0
"
    );
}

#[test]
fn every_module_is_where_the_tree_says() {
    let mut bench = lab();
    let output = bench.enter_untimed("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let tree = left(&bench);
    let found = modules(&bench, &tree);
    let expected = [
        ("/chosen/module", linux()),
        ("/chosen/module", cpio(b'0', 5000)),
        ("/chosen/domU1/module", image(0, 0x1_0000, 0xa, 7777)),
        ("/chosen/domU1/module", cpio(b'1', 6000)),
        ("/chosen/domU2/module", linux()),
    ];
    assert_eq!(found.len(), expected.len());
    for ((path, _, bytes), (wanted, content)) in found.iter().zip(&expected) {
        assert_eq!(path, wanted);
        assert_eq!(bytes, content, "{path}");
    }
    // Two domains start the same file.
    assert_eq!(found[0].1, found[4].1);
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.str(chosen, "xen,xen-bootargs"), Some("console=dtuart"));
}

#[test]
fn a_plan_is_started_by_hand() {
    for wrapped in [
        xen(),
        gzip(&xen()),
        uimage(Type::KERNEL, Compression::NONE, 0x4080_0000, &xen()),
    ] {
        let kernel = linux();
        let mut bench = bench(&[("xen.cfg", SHORT), ("xen", &wrapped), ("Image", &kernel)]);
        let output = bench.enter_untimed("xen plan virtio 0:1");
        assert_eq!(bench.status(), Status::Success, "{output}");
        let output = bench.enter("booti ${xen_addr} - ${xen_fdt_addr}");
        assert_eq!(bench.jumps().len(), 1, "{output}");
        let jump = &bench.jumps()[0];
        assert_eq!(Some(jump.entry.get()), bench.context.env.hex("xen_addr"));
        assert_eq!(Some(jump.device_tree.get()), bench.context.env.hex("xen_fdt_addr"));
        assert_eq!(
            bench.context.memory.bytes(region(jump.entry.get(), 4096)).unwrap(),
            xen()
        );
        assert!(!output.contains("Warning"), "{output}");
    }
}

#[test]
fn boot_jumps() {
    let mut bench = lab();
    let output = bench.enter_untimed("xen boot virtio 0:1");
    assert!(output.ends_with("\nStarting kernel ...\n\n"), "{output}");
    assert_eq!(bench.jumps().len(), 1);
    assert!(!output.contains("Warning"), "{output}");
}

#[test]
fn the_next_plan_has_the_ram_of_the_last_one() {
    let mut bench = lab();
    bench.enter("xen plan virtio 0:1");
    let (first, tree) = (known(&bench), left(&bench).emit(0));
    for goal in ["plan", "boot", "plan"] {
        let output = bench.enter(&format!("xen {goal} virtio 0:1"));
        assert_eq!(bench.status(), Status::Success, "{output}");
        assert_eq!(known(&bench), first);
        assert_eq!(left(&bench).emit(0), tree);
    }
    // A file that was loaded over one of them since is somebody's own.
    let (_, place) = first.iter().find(|(name, _)| name == "/initrd").unwrap();
    let (start, own) = (place.start().get(), cpio(b'x', 77));
    bench.load(start, "mine", &own);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let mine = bench.context.memory.file_at(PhysAddr(start)).unwrap();
    assert_eq!((mine.name.as_str(), &mine.overwritten_by), ("mine", &None));
}

#[test]
fn check_says_what_is_wrong_and_leaves_the_map_as_it_is() {
    let mut bench = lab();
    bench.enter("xen plan virtio 0:1");
    let output = bench.enter("xen check virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    assert_eq!(known(&bench), []);
    assert_eq!(bench.context.env.get("xen_addr"), None);
    let mut bench = with_xen(&[("xen.cfg", b"domu1_kernel=Image\ndomu1_property=memory=8M\n")]);
    for goal in ["check", "plan", "boot"] {
        let output = refused(&mut bench, &format!("xen {goal} virtio 0:1"));
        assert!(
            output.ends_with(
                "Error: /chosen/domU1 has no cpus property; Xen stops without it: write cpus = <1>\n\
                 Note: /chosen/domU1 has no vpl011: its console will not be seen\n\
                 /xen.efi is not started: 1 error above; nothing was written\n"
            ),
            "{output}"
        );
    }
}

#[test]
fn a_missing_file_is_named_with_its_module() {
    let mut bench = with_xen(&[("xen.cfg", b"kernel=Image\ndomu1_kernel=nothere\n")]);
    assert_eq!(
        last_words(&mut bench, "xen boot virtio 0:1"),
        "/chosen/domU1/module@0 wants nothere: Failed to load '/nothere': File not found: '/nothere'"
    );
    let mut bench = with_xen(&[("xen.cfg", b"kernel=Image\ndomu1_kernel=sub\n"), ("sub/", b"")]);
    let output = refused(&mut bench, "xen boot virtio 0:1");
    assert!(output.contains("'/sub'"), "{output}");
}

#[test]
fn ctrl_c_at_each_file_leaves_nothing() {
    let before = known(&lab());
    for name in ["/xen.cfg", "/xen.efi", "/Image\r", "/initrd\r", "/Image-1", "/initrd-1"] {
        let text: &'static str = Box::leak(format!("Retrieving file: {name}").into_boxed_str());
        let mut bench = lab();
        assert_eq!(
            bench.interrupted_at(text, "xen boot virtio 0:1"),
            Err(CommandError::Interrupted),
            "{name}"
        );
        assert_eq!(known(&bench), before, "{name}");
        assert_eq!(bench.jumps(), []);
    }
    // While the image is put in its place, which is not where it was loaded.
    let (mut moved, kernel) = (xen(), linux());
    moved[8..16].copy_from_slice(&0x8_0000_u64.to_le_bytes());
    let mut bench = bench(&[("xen.cfg", SHORT), ("xen", &moved), ("Image", &kernel)]);
    assert_eq!(
        bench.interrupted_at("the device tree\r", "xen boot virtio 0:1"),
        Err(CommandError::Interrupted)
    );
    assert_eq!(known(&bench), []);
    assert_eq!(bench.jumps(), []);
}

#[test]
fn wrapped_files_are_what_is_in_them() {
    let wrapped = uimage(Type::RAMDISK, Compression::NONE, 0, &cpio(b'w', 333));
    let (kernel, text) = (gzip(&linux()), [SHORT, b"domu1_ramdisk=initrd.uimg\n"].concat());
    let xen = xen();
    let mut bench = bench(&[
        ("xen.cfg", &text),
        ("xen", &xen),
        ("Image", &kernel),
        ("initrd.uimg", &wrapped),
    ]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    // Xen unpacks kernels, and needs the exact size for that; ramdisks go to the guest as they are.
    assert_eq!(found[0].2, kernel);
    assert_eq!(found[1].2, cpio(b'w', 333));
    assert!(
        output.contains("initrd.uimg is a uImage; reg names the ramdisk behind its 64-byte header"),
        "{output}"
    );
    let mut broken = wrapped;
    broken[100] ^= 1;
    let mut bench = self::bench(&[
        ("xen.cfg", &text),
        ("xen", &xen),
        ("Image", &kernel),
        ("initrd.uimg", &broken),
    ]);
    let output = refused(&mut bench, "xen plan virtio 0:1");
    assert!(output.contains("the uImage /initrd.uimg at "), "{output}");
}

#[test]
fn many_domains() {
    let (xen, kernel) = (xen(), linux());
    let names: Vec<String> = (1..=64).map(|number| format!("r{number}")).collect();
    let ramdisks: Vec<Vec<u8>> = (1..=64).map(|number| cpio(number, 10 + usize::from(number))).collect();
    let group = |number: u32| {
        format!(
            "domu{number}_kernel=Image\ndomu{number}_ramdisk=r{number}\ndomu{number}_dtb=part.dtb\n\
             domu{number}_property=memory=400\ndomu{number}_property=cpus=1\n"
        )
    };
    let text: String = (1..=64).map(group).collect();
    let part = board().emit(0).unwrap();
    let mut files: Vec<(&str, &[u8])> = Vec::from([
        ("xen.cfg", text.as_bytes()),
        ("xen", &xen),
        ("Image", &kernel),
        ("part.dtb", &part),
    ]);
    files.extend(names.iter().map(String::as_str).zip(ramdisks.iter().map(Vec::as_slice)));
    let mut bench = bench(&files);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    assert_eq!(asked(&output).len(), 2 + 1 + 1 + 64 + 1);
    let found = modules(&bench, &left(&bench));
    assert_eq!(found.len(), 192);
    for (domain, ramdisk) in found.chunks(3).zip(&ramdisks) {
        assert_eq!((&domain[0].2, &domain[1].2, &domain[2].2), (&kernel, ramdisk, &part));
    }
    assert!(
        output.contains("a Xen built as usual takes 30 and ignores the others"),
        "{output}"
    );
}

#[test]
fn words_that_are_none() {
    let mut bench = with_xen(&[("xen.cfg", SHORT)]);
    for line in [
        "xen",
        "xen boot",
        "xen start virtio 0:1",
        "xen virtio 0:1",
        "xen boot virtio",
        "xen boot virtio 0:1 xen.cfg a b",
        "xen boot 40000000 a b",
        "xen boot tftp xen.cfg a b",
        "xen boot http://10.0.2.2/ a b",
    ] {
        let output = refused(&mut bench, line);
        assert!(output.starts_with("xen - boot Xen by xen.cfg"), "{line}: {output}");
    }
    for (line, words) in [
        ("xen boot usb 0:1", "'usb' is not a hexadecimal number"),
        ("xen boot virtio 7:1", "** Bad device specification virtio 7 **"),
        (
            "xen boot 41000000",
            "nothing was loaded at 0x41000000: load the file before",
        ),
        ("xen boot tftp", "*** ERROR: `serverip' not set"),
        (
            "xen boot https://10.0.2.2/xen.cfg",
            "'https://10.0.2.2/xen.cfg' is not an http:// URL; there is no TLS here",
        ),
    ] {
        let output = refused(&mut bench, line);
        assert!(output.contains(words), "{line}: {output}");
    }
}
