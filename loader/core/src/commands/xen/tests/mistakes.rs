//! What is said before the jump.

use super::*;

#[test]
fn what_people_get_wrong_is_said_before_the_jump() {
    let ramdisk = cpio(b'r', 64);
    for (edit, sentence) in [
        (
            "domu1_kernel=initrd\n",
            "initrd is a cpio archive; Xen starts an arm64 Image",
        ),
        (
            "domu1_ramdisk=Image\n",
            "Image is an arm64 Image; a ramdisk is expected",
        ),
        ("domu1_dtb=initrd\n", "initrd is a cpio archive, not a device tree"),
        ("domu1_kernel=empty\n", "the module at "),
        (
            "domu1_property=memory=0x1000000\n",
            "memory = 16777216 KiB is more than the machine's 32768 KiB; if bytes were meant, write 16384",
        ),
        (
            "domu1_property=memory=32\n",
            "memory = 32 KiB do not hold the domain's own files",
        ),
        ("domu1_property=cpus=0\n", "cpus = 0; a domain has from 1 to 128"),
        (
            "domu1_property=size-cells=0\n",
            "0x2000 does not fit the 0 cell(s) that #size-cells of /chosen/domU1 gives it",
        ),
        (
            "domu1_property=address-cells=7\n",
            "#address-cells is 7, only 1 to 3 can be used",
        ),
        (
            "domu2_kernel=Image\ndomu2_property=memory=30M\ndomu2_property=cpus=1\n",
            "the domains ask for 38912 KiB together, the machine has 32768 KiB",
        ),
    ] {
        let replaced = edit.split_once('=').map_or("", |(key, _)| key);
        let kept = core::str::from_utf8(SHORT).unwrap().lines();
        let kept = kept.filter(|line| !line.starts_with(replaced) || replaced == "domu1_property");
        let text: String = kept.map(|line| format!("{line}\n")).collect::<String>() + edit;
        let mut bench = with_xen(&[("xen.cfg", text.as_bytes()), ("initrd", &ramdisk), ("empty", b"")]);
        let output = refused(&mut bench, "xen boot virtio 0:1");
        assert!(output.contains(sentence), "{text}\n{output}");
    }
    let mut bench = with_xen(&[("xen.cfg", b"options=a\n")]);
    let output = refused(&mut bench, "xen boot virtio 0:1");
    assert!(output.contains("Xen would have nothing to start"), "{output}");
    let mut bench = with_xen(&[("xen.cfg", b"xen=Image\nkernel=Image\n")]);
    let output = bench.enter("xen plan virtio 0:1");
    assert!(output.contains("Image does not look like Xen"), "{output}");
    let mut bench = with_xen(&[("xen.cfg", b"xen=initrd\nkernel=Image\n"), ("initrd", &ramdisk)]);
    let output = refused(&mut bench, "xen plan virtio 0:1");
    assert!(output.contains("Bad Linux ARM64 Image magic!"), "{output}");
}

#[test]
fn what_is_wrong_in_a_tree_is_said_before_the_jump() {
    let (kernel, ramdisk) = (linux(), cpio(b'r', 100));
    let run = |edit: &dyn Fn(&mut Tree)| {
        let mut tree = keys_tree();
        edit(&mut tree);
        let blob = tree.emit(0).unwrap();
        let mut bench = with_xen(&[("domu-kernel", &kernel), ("domA-ramdisk", &ramdisk), ("lab.dtb", &blob)]);
        (bench.enter("xen plan virtio 0:1 lab.dtb"), bench.status())
    };
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU2/module@2").unwrap();
        tree.set_strings(node, "compatible", &["multiboot,kernel", "multiboot,module"])
            .unwrap();
        tree.set_strings(node, "uefi,binary", &["domu-kernel"]).unwrap();
    });
    assert_eq!(status, Status::Failure);
    assert!(output.contains("Error: domU2 has two kernels, "), "{output}");
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU2").unwrap();
        tree.remove_property(node, "#address-cells").unwrap();
    });
    assert_eq!(status, Status::Success, "{output}");
    assert!(
        output.contains(
            "Warning: /chosen/domU2 has no #address-cells; Xen then goes by the node above: 2 and 1 cells, now written into it\n"
        ),
        "{output}"
    );
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU2/module@1").unwrap();
        tree.remove(node).unwrap();
    });
    assert_eq!(status, Status::Failure);
    assert!(output.contains("Error: /chosen/domU2 has no kernel: "), "{output}");
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU1/module@1").unwrap();
        tree.set(node, "uefi,binary", b"a\0b\0").unwrap();
    });
    assert_eq!(status, Status::Failure);
    assert!(
        output.ends_with(
            "/chosen/domU1/module@1: uefi,binary is no name of a file: one string of printable characters is expected\n"
        ),
        "{output}"
    );
}

#[test]
fn a_tree_that_describes_too_much_has_nothing_loaded_for_it() {
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    for index in 0..600_u32 {
        let node = tree.add(chosen, &format!("module@{index:x}")).unwrap();
        tree.set_strings(node, "compatible", &["multiboot,ramdisk", "multiboot,module"])
            .unwrap();
        tree.set_strings(node, "xen,uefi-binary", &[&format!("file-{index}")])
            .unwrap();
    }
    let blob = tree.emit(0).unwrap();
    let mut bench = bench(&[("xen", &xen()), ("many.dtb", &blob)]);
    let output = bench.enter_untimed("xen check virtio 0:1 many.dtb");
    assert_eq!(asked(&output), ["many.dtb"]);
    assert!(output.contains("the limit is 512"), "{output}");
}
