//! Which tree a label gets, and what is laid over it.

use super::*;

#[test]
fn the_tree_of_a_folder_is_the_boards() {
    let own = tree("of the board");
    let files: [(&str, &[u8]); 3] = [("dtbs/", b""), ("dtbs/v/", b""), ("dtbs/v/s-b.dtb", &own)];
    let menu = "label one\nkernel /Image\nfdtdir /dtbs/v\n";
    for (line, path, model) in [
        ("setenv soc s; setenv board b", "/dtbs/v/s-b.dtb", "of the board"),
        (
            "setenv fdtfile s-b.dtb; setenv board x",
            "/dtbs/v/s-b.dtb",
            "of the board",
        ),
        ("setenv board b", "/dtbs/v/b.dtb", "of the machine"),
        ("setenv soc s", "/dtbs/v/s.dtb", "of the machine"),
    ] {
        let mut bench = bench_with(menu, &files);
        bench.enter(line);
        let output = bench.enter_untimed(SYSBOOT);
        assert!(output.contains(&format!("Retrieving file: {path}\n")), "{output}");
        assert_eq!(started(&bench).1, model, "{line}");
    }
    let mut nameless = bench_with(menu, &files);
    let output = nameless.enter_untimed(SYSBOOT);
    assert!(!output.contains("Retrieving file: /dtbs"), "{output}");
    assert_eq!(started(&nameless).1, "of the machine");
}

#[test]
fn without_a_place_for_it_the_machines_tree_is_used() {
    let mut named = bench("label one\nkernel /Image\nfdt /x.dtb\nfdtoverlays /o.dtbo\n");
    named.enter("setenv fdt_addr_r");
    let output = named.enter_untimed(SYSBOOT);
    assert!(
        output.contains("fdt_addr_r is not set: /x.dtb is not loaded\n"),
        "{output}"
    );
    assert!(output.contains("The overlays of one are left out: "), "{output}");
    assert_eq!(started(&named).1, "of the machine");
    let mut own = bench("label one\nkernel /Image\n");
    own.enter("setenv fdtcontroladdr $fdt_addr; setenv fdt_addr");
    own.enter_untimed(SYSBOOT);
    assert_eq!(started(&own).1, "of the machine");
}

#[test]
fn overlays_are_applied_in_order_and_bad_ones_left_out() {
    let (first, second) = (overlay("first"), overlay("second"));
    let files: [(&str, &[u8]); 2] = [("1.dtbo", &first), ("2.dtbo", &second)];
    let menu = "label one\nkernel /Image\nfdt /x.dtb\nfdtoverlays /1.dtbo /nothere /initrd /2.dtbo\n";
    let mut bench = bench_with(menu, &files);
    let output = bench.enter_untimed(SYSBOOT);
    for line in [
        "Failed loading overlay /nothere\n",
        "Failed to apply overlay /initrd, skipping\n",
    ] {
        assert!(output.contains(line), "{output}");
    }
    let tree = Tree::parse(bench.context.memory.bytes_from(bench.jumps()[0].device_tree).unwrap()).unwrap();
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.u32(chosen, "first"), Some(1));
    assert_eq!(tree.u32(chosen, "second"), Some(1));
    let mut placeless = bench_with(menu, &files);
    placeless.enter("setenv fdtoverlay_addr_r");
    let output = placeless.enter_untimed(SYSBOOT);
    assert!(
        output.contains("Invalid fdtoverlay_addr_r for loading overlays\n"),
        "{output}"
    );
    assert_eq!(started(&placeless).1, "of the label");
}
