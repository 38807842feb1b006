use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::super::config::{Config, Section};
use super::super::module::Kind;
use super::{CONFIG_TOO, Plan, Wanted, make, settle};
use crate::devicetree::{NodeId, Tree};
use crate::xen::testing::{KEYS_TREE, sentences, tree};

fn region(start: u64, len: u64) -> Region {
    Region::new(PhysAddr(start), len).unwrap()
}

fn section(text: &str) -> Section {
    Config::parse("xen.cfg", text.as_bytes())
        .unwrap()
        .section(None)
        .unwrap()
}

fn cells(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// The plan, and what was found.
fn planned(tree: Tree, text: &str) -> (Plan, Vec<String>) {
    let mut findings = Vec::new();
    let section = Some(section(text)).filter(|_| !text.is_empty());
    let plan = make(tree, section.as_ref(), &mut findings).unwrap_or_else(|error| panic!("{error}"));
    (plan, sentences(&findings))
}

/// A domain whose children have so many cells for addresses and sizes, with a kernel `Image` and a ramdisk `initrd`.
fn domain(address: u32, size: u32) -> Tree {
    let mut tree = Tree::new();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    let domain = tree.add(chosen, "domU1").unwrap();
    tree.set_strings(domain, "compatible", &["xen,domain"]).unwrap();
    tree.set_u32(domain, "#address-cells", address).unwrap();
    tree.set_u32(domain, "#size-cells", size).unwrap();
    for (name, kind, file) in [("module@1", Kind::Kernel, "Image"), ("ram@2", Kind::Ramdisk, "initrd")] {
        let node = tree.add(domain, name).unwrap();
        tree.set_strings(node, "compatible", &[kind.compatible(), "multiboot,module"])
            .unwrap();
        tree.set_strings(node, "uefi,binary", &[file]).unwrap();
    }
    tree
}

/// A file's name, its modules' paths, what it is, whether it may lie anywhere, and whether it will.
fn shown(plan: &Plan) -> Vec<(&str, String, Option<Kind>, bool, bool)> {
    let wanted = |wanted: &'_ Wanted| {
        let users: Vec<String> = wanted.users.iter().map(|node| plan.tree.path(*node)).collect();
        (users.join(" "), wanted.kind, wanted.anywhere, wanted.widens)
    };
    let files = plan.files.iter();
    files
        .map(|file| {
            let (users, kind, anywhere, widens) = wanted(file);
            (file.file.as_str(), users, kind, anywhere, widens)
        })
        .collect()
}

/// Settles the plan's files, each at its place.
fn settled(plan: Plan, places: &[Region]) -> Result<Tree, String> {
    let Plan { mut tree, files } = plan;
    assert_eq!(files.len(), places.len());
    for (file, place) in files.iter().zip(places) {
        settle(&mut tree, &file.users, *place).map_err(|error| error.to_string())?;
    }
    Ok(tree)
}

fn find(tree: &Tree, path: &str) -> NodeId {
    tree.find(path)
        .unwrap_or_else(|| panic!("no {path} in {}", tree.print(tree.root())))
}

fn value<'a>(tree: &'a Tree, path: &str, name: &str) -> &'a [u8] {
    tree.property(find(tree, path), name).unwrap()
}

#[test]
fn files_are_wanted_once_each_in_the_order_of_the_tree() {
    let text =
        "kernel=vmlinuz a\nramdisk=initrd\nbinary=vmlinuz-guest domu-kernel\nbinary=ramdisk-domA.img domA-ramdisk\n";
    let (plan, findings) = planned(Tree::parse(KEYS_TREE).unwrap(), text);
    assert_eq!(findings, [""; 0]);
    let user = |path: &str| path.to_string();
    assert_eq!(
        shown(&plan),
        [
            (
                "vmlinuz-guest",
                user("/chosen/domU1/module@1 /chosen/domU2/module@1"),
                Some(Kind::Kernel),
                true,
                true
            ),
            (
                "ramdisk-domA.img",
                user("/chosen/domU1/module@2 /chosen/domU2/module@2"),
                Some(Kind::Ramdisk),
                true,
                true
            ),
            ("vmlinuz", user("/chosen/module@0"), Some(Kind::Kernel), true, true),
            ("initrd", user("/chosen/module@1"), Some(Kind::Ramdisk), true, true),
        ]
    );
}

/// Xen takes an untyped module of dom0 for its kernel. Its node does not get more cells, so its file stays below 4 GiB for all.
#[test]
fn a_file_is_what_it_is_to_those_who_say_so() {
    let source = r#"#address-cells = <1>; #size-cells = <1>; chosen {
        module@0 { compatible = "multiboot,module"; xen,uefi-binary = "Image.gz"; };
        domU1 { compatible = "xen,domain"; #address-cells = <1>; #size-cells = <1>;
            module@0 { compatible = "multiboot,kernel", "multiboot,module"; xen,uefi-binary = "Image.gz"; };
            module@1 { compatible = "multiboot,ramdisk", "multiboot,module"; xen,uefi-binary = "initrd"; };
        };
    };"#;
    let (plan, findings) = planned(tree(source), "");
    assert_eq!(findings, [""; 0]);
    let kernels = "/chosen/module@0 /chosen/domU1/module@0".to_string();
    let ramdisk = "/chosen/domU1/module@1".to_string();
    assert_eq!(
        shown(&plan),
        [
            ("Image.gz", kernels, Some(Kind::Kernel), false, false),
            ("initrd", ramdisk, Some(Kind::Ramdisk), false, true),
        ]
    );
}

#[test]
fn what_asks_for_a_configuration_is_taken_away() {
    let mut tree = domain(2, 2);
    let chosen = find(&tree, "/chosen");
    tree.set(chosen, CONFIG_TOO, &[]).unwrap();
    let (plan, _) = planned(tree, "options=noreboot\n");
    assert_eq!(plan.tree.property(chosen, CONFIG_TOO), None);
    assert_eq!(plan.tree.str(chosen, "xen,xen-bootargs"), Some("noreboot"));
}

#[test]
fn cells_are_those_that_xen_goes_by() {
    let mut tree = domain(2, 2);
    let root = tree.root();
    tree.set_u32(root, "#address-cells", 1).unwrap();
    tree.set_u32(root, "#size-cells", 2).unwrap();
    let node = find(&tree, "/chosen/domU1");
    tree.remove_property(node, "#address-cells").unwrap();
    let (plan, findings) = planned(tree, "kernel=vmlinuz\n");
    assert_eq!(
        findings,
        [
            "Warning: /chosen/domU1 has no #address-cells; Xen then goes by the node above: 1 and 2 cells, now written into it"
        ]
    );
    let reach: Vec<(bool, bool)> = plan.files.iter().map(|file| (file.anywhere, file.widens)).collect();
    // A domain's node gets another cell if it must; /chosen does not, whose cells are those of static memory.
    assert_eq!(reach, [(false, true), (false, true), (false, false)]);
    let places = [region(0x4000_0000, 5), region(0x5000_0000, 6), region(0x6000_0000, 7)];
    let tree = settled(plan, &places).unwrap();
    assert_eq!(
        value(&tree, "/chosen/module@60000000", "reg"),
        cells(&[0x6000_0000, 0, 7])
    );
    assert_eq!(value(&tree, "/chosen", "#address-cells"), cells(&[1]));
    assert_eq!(value(&tree, "/chosen", "#size-cells"), cells(&[2]));
    assert_eq!(
        value(&tree, "/chosen/domU1/module@40000000", "reg"),
        cells(&[0x4000_0000, 0, 5])
    );
    // Nothing at all: two and one.
    let mut tree = Tree::new();
    tree.add(tree.root(), "chosen").unwrap();
    let (plan, findings) = planned(tree, "kernel=vmlinuz\n");
    assert_eq!(findings, [""; 0]);
    let tree = settled(plan, &[region(0x1_0000_0000, 7)]).unwrap();
    assert_eq!(value(&tree, "/chosen/module@100000000", "reg"), cells(&[1, 0, 7]));
}

#[test]
fn a_place_is_written_in_the_cells_of_the_node_above() {
    for (address, size, reg) in [
        (1, 1, &[0x7de0_0000, 0x1234][..]),
        (1, 2, &[0x7de0_0000, 0, 0x1234]),
        (2, 1, &[0, 0x7de0_0000, 0x1234]),
        (2, 2, &[0, 0x7de0_0000, 0, 0x1234]),
        (3, 1, &[0, 0, 0x7de0_0000, 0x1234]),
        (3, 2, &[0, 0, 0x7de0_0000, 0, 0x1234]),
    ] {
        let (plan, findings) = planned(domain(address, size), "");
        assert_eq!(findings, [""; 0]);
        let tree = settled(plan, &[region(0x7de0_0000, 0x1234), region(0x7dd0_0000, 0x99)]).unwrap();
        let path = "/chosen/domU1/module@7de00000";
        assert_eq!(value(&tree, path, "reg"), cells(reg), "{address} and {size} cells");
        assert_eq!(tree.property(find(&tree, path), "xen,uefi-binary"), None);
        // What the node was called stays.
        find(&tree, "/chosen/domU1/ram@7dd00000");
        assert_eq!(tree.children(find(&tree, "/chosen/domU1")).len(), 2);
    }
}

#[test]
fn what_does_not_fit_the_cells_is_an_error_that_names_the_module() {
    let (plan, _) = planned(domain(2, 1), "");
    assert_eq!(
        settled(plan, &[region(0x8_0000_0000, 0x1_0000_0000), region(0, 1)]).unwrap_err(),
        "/chosen/domU1/module@1: 0x100000000 does not fit the 1 cell(s) that #size-cells of /chosen/domU1 gives it"
    );
    let (plan, _) = planned(domain(1, 0), "");
    assert_eq!(
        settled(plan, &[region(0x4000_0000, 1), region(0, 1)]).unwrap_err(),
        "/chosen/domU1/module@1: 0x1 does not fit the 0 cell(s) that #size-cells of /chosen/domU1 gives it"
    );
    for (address, size) in [(0, 1), (4, 1), (1, 4), (u32::MAX, u32::MAX)] {
        let (plan, _) = planned(domain(address, size), "");
        let error = settled(plan, &[region(0x4000_0000, 1), region(0x5000_0000, 1)]).unwrap_err();
        assert!(error.starts_with("/chosen/domU1/module@1: /chosen/domU1: #"), "{error}");
    }
    let mut tree = Tree::new();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    tree.set_u32(chosen, "#address-cells", 1).unwrap();
    let (plan, _) = planned(tree, "kernel=Image\n");
    assert_eq!(
        settled(plan, &[region(0x1_0000_0000, 1)]).unwrap_err(),
        "/chosen/module@0: 0x100000000 does not fit the 1 cell(s) that #address-cells of /chosen gives it"
    );
}

#[test]
fn a_domain_of_one_cell_gets_two_if_a_file_lies_above_4_gib() {
    let mut tree = domain(1, 1);
    let (chosen, node) = (find(&tree, "/chosen"), find(&tree, "/chosen/domU1"));
    tree.set_u32(chosen, "#address-cells", 1).unwrap();
    tree.set_u32(chosen, "#size-cells", 1).unwrap();
    let given = cells(&[0x5000_0000, 0x100_0000]);
    tree.set(node, "xen,static-mem", &given).unwrap();
    let dtb = tree.add(node, "module@50000000").unwrap();
    tree.set_strings(dtb, "compatible", &["multiboot,device-tree", "multiboot,module"])
        .unwrap();
    tree.set(dtb, "reg", &cells(&[0x5000_0000, 9])).unwrap();
    let cpu = tree.add(node, "vcpu0").unwrap();
    let damaged = tree.add(node, "module@3").unwrap();
    tree.set(damaged, "reg", &cells(&[1, 2, 3])).unwrap();
    for (name, memory) in [
        ("shared-0", &[0x5000_0000, 0x6000_0000, 0x1000][..]),
        ("shared-1", &[0x6100_0000, 0x1000]),
        ("shared-2", &[1, 2, 3, 4]),
        ("shared-3", &[]),
    ] {
        let shared = tree.add(node, name).unwrap();
        tree.set(shared, "xen,shared-mem", &cells(memory)).unwrap();
    }
    let own = tree.add(node, "shared-4").unwrap();
    tree.set(own, "xen,shared-mem", &cells(&[0x6100_0000, 0x1000])).unwrap();
    tree.set_u32(own, "#xen,shared-mem-address-cells", 1).unwrap();
    let (plan, _) = planned(tree, "");
    let tree = settled(plan, &[region(0x4000_0000, 5), region(0xffff_f000, 0x1001)]).unwrap();
    let domain = |name: &str| ["/chosen/domU1", name].concat();
    assert_eq!(value(&tree, &domain(""), "#address-cells"), cells(&[2]));
    assert_eq!(value(&tree, &domain(""), "#size-cells"), cells(&[1]));
    assert_eq!(
        value(&tree, &domain("/module@40000000"), "reg"),
        cells(&[0, 0x4000_0000, 5])
    );
    assert_eq!(
        value(&tree, &domain("/ram@fffff000"), "reg"),
        cells(&[0, 0xffff_f000, 0x1001])
    );
    assert_eq!(
        value(&tree, &domain("/module@50000000"), "reg"),
        cells(&[0, 0x5000_0000, 9])
    );
    assert_eq!(tree.property(cpu, "reg"), None);
    assert_eq!(tree.property(damaged, "reg"), Some(&cells(&[1, 2, 3])[..]));
    // Static memory is in the cells of /chosen, shared memory in those of the domain unless it has its own.
    assert_eq!(tree.property(node, "xen,static-mem"), Some(&given[..]));
    assert_eq!(value(&tree, "/chosen", "#address-cells"), cells(&[1]));
    for (name, memory) in [
        ("/shared-0", &[0, 0x5000_0000, 0, 0x6000_0000, 0x1000][..]),
        ("/shared-1", &[0, 0x6100_0000, 0x1000]),
        ("/shared-2", &[1, 2, 3, 4]),
        ("/shared-3", &[]),
        ("/shared-4", &[0x6100_0000, 0x1000]),
    ] {
        assert_eq!(value(&tree, &domain(name), "xen,shared-mem"), cells(memory), "{name}");
    }
}

#[test]
fn a_file_that_ends_at_4_gib_is_named_in_one_cell() {
    let (plan, _) = planned(domain(1, 1), "");
    let tree = settled(plan, &[region(0xffff_f000, 0x1000), region(0x4000_0000, 1)]).unwrap();
    assert_eq!(value(&tree, "/chosen/domU1", "#address-cells"), cells(&[1]));
    assert_eq!(
        value(&tree, "/chosen/domU1/module@fffff000", "reg"),
        cells(&[0xffff_f000, 0x1000])
    );
}

#[test]
fn two_modules_of_a_domain_may_be_one_file() {
    let mut tree = domain(2, 1);
    let node = find(&tree, "/chosen/domU1/ram@2");
    tree.rename(node, "module@2").unwrap();
    tree.set_strings(node, "uefi,binary", &["Image"]).unwrap();
    let (plan, _) = planned(tree, "");
    let tree = settled(plan, &[region(0x4000_0000, 5)]).unwrap();
    for path in ["/chosen/domU1/module@40000000", "/chosen/domU1/module@2"] {
        assert_eq!(value(&tree, path, "reg"), cells(&[0, 0x4000_0000, 5]));
    }
}

#[test]
fn many_domains_with_many_files() {
    let mut tree = Tree::new();
    tree.add(tree.root(), "chosen").unwrap();
    let lines = |number: u32| {
        alloc::format!("domu{number}_kernel=k{number}\ndomu{number}_ramdisk=r{number}\ndomu{number}_dtb=d{number}\n")
    };
    let text: String = (1..=64).map(lines).collect();
    let (plan, findings) = planned(tree, &text);
    assert_eq!(findings, [""; 0]);
    assert_eq!(plan.files.len(), 192);
    let places: Vec<Region> = (0..192)
        .map(|number| region(0x4000_0000 + 0x1000 * number, 1))
        .collect();
    let tree = settled(plan, &places).unwrap();
    assert_eq!(
        value(&tree, "/chosen/domU64/module@400bf000", "reg"),
        cells(&[0, 0x400b_f000, 0, 1])
    );
    assert_eq!(tree.emit(0).map(|blob| Tree::parse(&blob).is_ok()), Ok(true));
}
