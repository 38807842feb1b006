//! Where files go.

use super::*;

#[test]
fn files_lie_behind_xens_bss() {
    // As much as there is, so that something has to lie next to it.
    let (xen, kernel) = (xen(), linux());
    let mut bench = machine(&[region(RAM, 10 * MIB)], &board());
    bench.attach(&[disk(&[("xen.efi", &xen), ("xen.cfg", SHORT), ("Image", &kernel)])]);
    let output = bench.enter("xen boot virtio 0:1 xen.efi");
    assert_eq!(bench.jumps().len(), 1, "{output}");
    assert!(!output.contains("Warning"), "{output}");
    let at = |name: &str| known(&bench).into_iter().find(|(file, _)| file == name).unwrap().1;
    assert_eq!(at("xen.efi").start(), PhysAddr(RAM + 2 * MIB));
    assert!(at("Image").end() <= at("xen.efi").start());
    // The same for one that was loaded by hand.
    let mut bench = machine(&[region(RAM, 10 * MIB)], &board());
    bench.load(RAM + 2 * MIB, "hypervisor", &self::xen());
    bench.attach(&[disk(&[("xen.cfg", SHORT), ("Image", &kernel)])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    assert!(
        modules(&bench, &left(&bench))[0].1.end() <= PhysAddr(RAM + 2 * MIB),
        "{output}"
    );
}

#[test]
fn a_domain_of_one_cell_has_its_files_below_4_gib() {
    let (xen, kernel, config) = (xen(), linux(), one_cell());
    let files: [(&str, &[u8]); 4] = [
        ("xen.cfg", &config),
        ("xen", &xen),
        ("Image", &kernel),
        ("Image-0", &kernel),
    ];
    let high = region(0x1_8000_0000, 32 * MIB);
    let mut bench = machine(&[region(RAM, 16 * MIB), high], &board());
    bench.attach(&[disk(&files)]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let tree = left(&bench);
    let found = modules(&bench, &tree);
    assert_eq!(
        (found[1].0.as_str(), found[0].0.as_str()),
        ("/chosen/domU1/module", "/chosen/module")
    );
    assert!(found[1].1.end().get() <= RAM + 16 * MIB, "{output}");
    assert!(high.covers(found[0].1), "{output}");
    assert_eq!(tree.u32(tree.find("/chosen/domU1").unwrap(), "#address-cells"), Some(1));
    // There is nothing below.
    let mut bench = machine(&[high], &board());
    bench.attach(&[disk(&files)]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let tree = left(&bench);
    assert_eq!(tree.u32(tree.find("/chosen/domU1").unwrap(), "#address-cells"), Some(2));
    assert_eq!(modules(&bench, &tree).len(), 2);
    // A copy of a packed kernel, for the second of two domains.
    let (packed, second) = (
        gzip(&kernel),
        String::from_utf8(config.clone()).unwrap().replace("domu1", "domu2"),
    );
    let both = [&config[..], second.as_bytes()].concat();
    let mut bench = machine(&[high], &board());
    bench.attach(&[disk(&[
        ("xen.cfg", &both),
        ("xen", &xen),
        ("Image", &packed),
        ("Image-0", &kernel),
    ])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    assert_eq!((&found[1].2, &found[2].2), (&packed, &packed));
    assert!(!found[1].1.overlaps(found[2].1));
    // /chosen keeps the one that it has.
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    tree.set_u32(chosen, "#address-cells", 1).unwrap();
    let mut bench = machine(&[high], &tree);
    bench.attach(&[disk(&files)]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1"),
        "** Reading file would overwrite reserved memory **\n\
         Failed to load '/Image-0': 0x2000 bytes of free RAM in one piece below 0x100000000 are needed, and there is no such place left"
            .lines()
            .last()
            .unwrap()
    );
}

#[test]
fn what_xen_gives_away_is_left_alone() {
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    let domain = tree.add(chosen, "domU1").unwrap();
    tree.set_strings(domain, "compatible", &["xen,domain"]).unwrap();
    // In the cells of the root, which nobody repeats: all but the lowest 12 MiB.
    let given = [0, 0x40c0_0000, 0, 0x0140_0000_u32].map(u32::to_be_bytes).concat();
    tree.set(domain, "xen,static-mem", &given).unwrap();
    let (xen, kernel) = (xen(), linux());
    let mut bench = machine(&[region(RAM, 32 * MIB)], &tree);
    let config = [
        SHORT,
        b"domu1_property=address-cells=2\ndomu1_property=size-cells=2\ndomu1_property=memory=20M\nkernel=Image\n",
    ]
    .concat();
    bench.attach(&[disk(&[("xen.cfg", &config), ("xen", &xen), ("Image", &kernel)])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    for (path, place, _) in modules(&bench, &left(&bench)) {
        assert!(place.end().get() <= 0x40c0_0000, "{path} at {place}");
    }
    // Nothing is left.
    let mut tree = tree.clone();
    let given = [0, 0x4000_0000, 0, 0x0200_0000_u32].map(u32::to_be_bytes).concat();
    tree.set(domain, "xen,static-mem", &given).unwrap();
    bench.load(BOARD, "board.dtb", &tree.emit(0).unwrap());
    bench.enter("xen check 0");
    let words = last_words(&mut bench, "xen plan virtio 0:1");
    assert!(
        words.contains("0x800000 bytes of free RAM in one piece are needed"),
        "{words}"
    );
}

#[test]
fn what_somebody_put_into_ram_before_is_left_alone() {
    // As QEMU's guest-loader does: a kernel that no command has loaded.
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    tree.set_u32(chosen, "#address-cells", 2).unwrap();
    tree.set_u32(chosen, "#size-cells", 2).unwrap();
    let node = tree.add(chosen, "module@41600000").unwrap();
    tree.set_strings(node, "compatible", &["multiboot,kernel", "multiboot,module"])
        .unwrap();
    tree.set(
        node,
        "reg",
        &[0, 0x4160_0000, 0, 8192_u32].map(u32::to_be_bytes).concat(),
    )
    .unwrap();
    let (xen, kernel) = (xen(), linux());
    let mut bench = machine(&[region(RAM, 32 * MIB)], &tree);
    bench.load(0x4160_0000, "kernel", &kernel);
    bench.context.memory.forget(PhysAddr(0x4160_0000));
    bench.attach(&[disk(&[("xen.cfg", SHORT), ("xen", &xen), ("Image", &kernel)])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    assert_eq!((found[0].1, &found[0].2), (region(0x4160_0000, 8192), &kernel));
    assert!(!found[1].1.overlaps(found[0].1));
}

#[test]
fn a_file_above_4_gib_widens_the_domain_that_names_it() {
    let high = 0x1_8000_0000;
    let mut bench = machine(&[region(RAM, 16 * MIB), region(high, 16 * MIB)], &board());
    let config = [SHORT, b"domu1_property=address-cells=1\ndomu1_ramdisk=initrd\n"].concat();
    for (at, name, bytes) in [
        (RAM + MIB, "xen.cfg", &config),
        (RAM + 2 * MIB, "xen", &xen()),
        (RAM + 4 * MIB, "Image", &linux()),
        (high, "initrd", &cpio(b'h', 77)),
    ] {
        bench.load(at, name, bytes);
    }
    let output = bench.enter("xen plan 40100000");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    assert_eq!((&found[0].2, &found[1].2), (&linux(), &cpio(b'h', 77)));
}
