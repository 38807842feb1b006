use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::config::{Config, Section};
use super::{lines, names, options};
use crate::devicetree::{NodeId, Tree};
use crate::xen::testing::{KEYS, KEYS_TREE, printed, sentences};

/// The example of the design that lines for domains come from, with the lines that the archive has lost.
const DOMAINS: &str = "\
# Xen boot arguments
options=noreboot console=dtuart dtuart=serial0 bootscrub=0

# Xen device tree
dtb=xen.dtb

# Guest 1
domu1_kernel=Image-domu1.bin console=ttyAMA0 root=/dev/ram0 rw
domu1_ramdisk=initrd-domu1.cpio
domu1_dtb=passthrough.dtb
domu1_property=cpus=1
domu1_property=memory=0xC0000
domu1_property=address-cells=1

# Guest 2
domu2_kernel=Image-domu2.bin console=ttyAMA0 root=/dev/ram0 rw
domu2_property=cpus=2
domu2_property=memory=0x100000
domu2_property=vpl011
";

fn section(text: &str) -> Section {
    Config::parse("xen.cfg", text.as_bytes())
        .unwrap()
        .section(None)
        .unwrap()
}

/// `/chosen/domU1` with a kernel's node `module@1`.
fn tree() -> (Tree, NodeId) {
    let mut tree = Tree::new();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    let domain = tree.add(chosen, "domU1").unwrap();
    tree.set_strings(domain, "compatible", &["xen,domain"]).unwrap();
    let node = tree.add(domain, "module@1").unwrap();
    tree.set_strings(node, "compatible", &["multiboot,kernel", "multiboot,module"])
        .unwrap();
    (tree, node)
}

/// What the names in the tree come to, with the section's keys.
fn named(tree: &mut Tree, section: Option<&Section>) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    names(tree, section, &mut findings).map_err(|error| error.to_string())?;
    Ok(sentences(&findings))
}

/// What the lines come to.
fn followed(tree: &mut Tree, text: &str) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    let section = section(text);
    lines(tree, &section, &[], &mut findings).map_err(|error| error.to_string())?;
    Ok(sentences(&findings))
}

#[test]
fn the_example_of_keys() {
    let mut tree = Tree::parse(KEYS_TREE).unwrap();
    let section = section(KEYS);
    let mut findings = Vec::new();
    options(&mut tree, &section, &mut findings).unwrap();
    names(&mut tree, Some(&section), &mut findings).unwrap();
    lines(&mut tree, &section, &[], &mut findings).unwrap();
    assert_eq!(sentences(&findings), [""; 0]);
    assert_eq!(
        printed(&tree, "/chosen"),
        "\
chosen {
	xen,xen-bootargs = \"console=vga,com1 com1=57600 loglvl=all noreboot\";
	domU1 {
		compatible = \"xen,domain\";
		#address-cells = <0x00000002>;
		#size-cells = <0x00000001>;
		memory = <0x00000000 0x08000000>;
		cpus = <0x00000002>;
		module@1 {
			xen,uefi-binary = \"vmlinuz-guest\";
			compatible = \"multiboot,kernel\", \"multiboot,module\";
			bootargs = \"console=ttyAMA0 init=/bin/sh\";
		};
		module@2 {
			xen,uefi-binary = \"ramdisk-domA.img\";
			compatible = \"multiboot,ramdisk\", \"multiboot,module\";
		};
	};
	domU2 {
		compatible = \"xen,domain\";
		#address-cells = <0x00000003>;
		#size-cells = <0x00000001>;
		memory = <0x00000000 0x20000000>;
		cpus = <0x00000003>;
		module@1 {
			xen,uefi-binary = \"vmlinuz-guest\";
			compatible = \"multiboot,kernel\", \"multiboot,module\";
			bootargs = \"console=ttyAMA0 init=/bin/sh\";
		};
		module@2 {
			xen,uefi-binary = \"ramdisk-domA.img\";
			compatible = \"multiboot,ramdisk\", \"multiboot,module\";
		};
	};
	module@0 {
		bootargs = \"[domain 0 command line options]\";
		xen,uefi-binary = \"vmlinuz-3.0.31-0.4-xen\";
		compatible = \"multiboot,kernel\", \"multiboot,module\";
	};
	module@1 {
		xen,uefi-binary = \"initrd-3.0.31-0.4-xen\";
		compatible = \"multiboot,ramdisk\", \"multiboot,module\";
	};
};
"
    );
}

#[test]
fn the_example_of_lines_for_domains() {
    let mut tree = Tree::new();
    assert_eq!(followed(&mut tree, DOMAINS), Ok(Vec::new()));
    assert_eq!(
        printed(&tree, "/chosen"),
        "\
chosen {
	domU1 {
		memory = <0x00000000 0x000c0000>;
		cpus = <0x00000001>;
		#size-cells = <0x00000002>;
		#address-cells = <0x00000001>;
		compatible = \"xen,domain\";
		module@0 {
			bootargs = \"console=ttyAMA0 root=/dev/ram0 rw\";
			xen,uefi-binary = \"Image-domu1.bin\";
			compatible = \"multiboot,kernel\", \"multiboot,module\";
		};
		module@1 {
			xen,uefi-binary = \"initrd-domu1.cpio\";
			compatible = \"multiboot,ramdisk\", \"multiboot,module\";
		};
		module@2 {
			xen,uefi-binary = \"passthrough.dtb\";
			compatible = \"multiboot,device-tree\", \"multiboot,module\";
		};
	};
	domU2 {
		vpl011;
		memory = <0x00000000 0x00100000>;
		cpus = <0x00000002>;
		#size-cells = <0x00000002>;
		#address-cells = <0x00000002>;
		compatible = \"xen,domain\";
		module@0 {
			bootargs = \"console=ttyAMA0 root=/dev/ram0 rw\";
			xen,uefi-binary = \"Image-domu2.bin\";
			compatible = \"multiboot,kernel\", \"multiboot,module\";
		};
	};
};
"
    );
}

#[test]
fn a_tree_may_name_its_files_without_any_configuration() {
    for property in ["uefi,binary", "xen,uefi-binary"] {
        for section in [None, Some(section("kernel=Image"))] {
            let (mut tree, node) = tree();
            tree.set_strings(node, property, &["vmlinuz-guest"]).unwrap();
            assert_eq!(named(&mut tree, section.as_ref()), Ok(Vec::new()));
            assert_eq!(tree.str(node, "xen,uefi-binary"), Some("vmlinuz-guest"));
            assert_eq!(tree.property(node, "uefi,binary"), None);
        }
    }
}

#[test]
fn a_key_that_nobody_gave_is_told_with_those_that_are_there() {
    let keys = section("binary=vmlinuz-guest domu-kernel\nbinary=ramdisk-domA.img domA-ramdisk\n");
    let (mut tree, node) = tree();
    tree.set_strings(node, "uefi,binary", &["domu-kernle"]).unwrap();
    assert_eq!(
        named(&mut tree, Some(&keys)).unwrap_err(),
        "/chosen/domU1/module@1: uefi,binary = \"domu-kernle\" is none of the keys that xen.cfg gives to files: domA-ramdisk, domu-kernel"
    );
    // What Xen merged is a file's name, whatever keys there are; one of them is taken for what it is.
    tree.remove_property(node, "uefi,binary").unwrap();
    for (name, file) in [("domu-kernle", "domu-kernle"), ("domu-kernel", "vmlinuz-guest")] {
        tree.set_strings(node, "xen,uefi-binary", &[name]).unwrap();
        assert_eq!(named(&mut tree, Some(&keys)), Ok(Vec::new()));
        assert_eq!(tree.str(node, "xen,uefi-binary"), Some(file));
    }
}

#[test]
fn what_is_no_name_of_a_file() {
    let wrong: [&[u8]; 9] = [
        b"",
        b"\0",
        b"Image",
        b"Image\0initrd\0",
        b"Image\0\0",
        b"a\nb\0",
        b"\x1b[2J\0",
        b"Im\xffage\0",
        b"\xff\0Image\0",
    ];
    for property in ["uefi,binary", "xen,uefi-binary"] {
        for value in wrong {
            let (mut tree, node) = tree();
            tree.set(node, property, value).unwrap();
            assert_eq!(
                named(&mut tree, None).unwrap_err(),
                alloc::format!(
                    "/chosen/domU1/module@1: {property} is no name of a file: one string of printable characters is expected"
                ),
                "{value:?}"
            );
        }
    }
}

#[test]
fn two_names_have_to_be_the_same() {
    let (mut tree, node) = tree();
    tree.set_strings(node, "uefi,binary", &["k"]).unwrap();
    tree.set_strings(node, "xen,uefi-binary", &["Image"]).unwrap();
    assert_eq!(
        named(&mut tree, None).unwrap_err(),
        "/chosen/domU1/module@1 names two files, k by uefi,binary and Image by xen,uefi-binary"
    );
    // The key means the file.
    assert_eq!(named(&mut tree, Some(&section("binary=Image k"))), Ok(Vec::new()));
    assert_eq!(tree.str(node, "xen,uefi-binary"), Some("Image"));
    assert_eq!(tree.property(node, "uefi,binary"), None);
}

#[test]
fn a_file_that_is_named_comes_before_a_place() {
    let (mut tree, node) = tree();
    tree.set_strings(node, "uefi,binary", &["Image"]).unwrap();
    tree.set(node, "reg", &[0; 12]).unwrap();
    assert_eq!(
        named(&mut tree, None).unwrap(),
        [
            "Warning: /chosen/domU1/module@1 has a reg beside the name of its file, Image: the file is loaded, and reg is written anew"
        ]
    );
    assert_eq!(tree.property(node, "reg"), None);
}

#[test]
fn a_node_that_is_no_module_names_no_file() {
    let (mut tree, node) = tree();
    tree.set_strings(node, "xen,uefi-binary", &["Image"]).unwrap();
    for compatible in [
        "multiboot,ramdisk",
        "multiboot,module",
        "xen,multiboot-module",
        "xen,linux-zimage",
        "xen,xsm-policy",
    ] {
        tree.set_strings(node, "compatible", &[compatible]).unwrap();
        assert_eq!(named(&mut tree, None), Ok(Vec::new()), "{compatible}");
    }
    for compatible in ["multiboot", "xen,domain", "multiboot,kernel\\0multiboot,module"] {
        tree.set_strings(node, "compatible", &[compatible]).unwrap();
        assert_eq!(
            named(&mut tree, None).unwrap_err(),
            "/chosen/domU1/module@1 names the file Image, but is no module: \
             compatible must be \"multiboot,kernel\", \"multiboot,module\" or alike"
        );
    }
    // What is not below /chosen is nobody's business.
    tree.set_strings(node, "compatible", &["multiboot,module"]).unwrap();
    tree.set(tree.root(), "uefi,binary", b"no string").unwrap();
    assert_eq!(named(&mut tree, None), Ok(Vec::new()));
    assert_eq!(named(&mut Tree::new(), None), Ok(Vec::new()));
}

#[test]
fn the_command_line_of_the_file_wins() {
    let mut tree = Tree::new();
    let mut findings = Vec::new();
    options(&mut tree, &section("kernel=Image"), &mut findings).unwrap();
    assert_eq!(tree.find("/chosen"), None);
    for _ in 0..2 {
        options(&mut tree, &section("options=console=dtuart"), &mut findings).unwrap();
    }
    assert_eq!(sentences(&findings), [""; 0]);
    options(&mut tree, &section("options=noreboot"), &mut findings).unwrap();
    assert_eq!(
        sentences(&findings),
        ["Note: /chosen: options= of xen.cfg take the place of xen,xen-bootargs = \"console=dtuart\""]
    );
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.property(chosen, "xen,xen-bootargs"), Some(&b"noreboot\0"[..]));
}

#[test]
fn a_line_takes_the_place_of_the_module_in_the_tree() {
    let (mut tree, node) = tree();
    tree.set_strings(node, "bootargs", &["old"]).unwrap();
    let chosen = tree.find("/chosen").unwrap();
    for (name, compatible) in [("module@0", "xen,linux-zimage"), ("module@2", "multiboot,ramdisk")] {
        let node = tree.add(chosen, name).unwrap();
        tree.set_strings(node, "compatible", &[compatible]).unwrap();
    }
    let text = "kernel=Image a b\nramdisk=initrd\nxsm=policy\ndomu1_kernel=Image-1\ndomu1_ramdisk=initrd-1\n";
    assert_eq!(
        followed(&mut tree, text).unwrap(),
        [
            "Warning: xen.cfg:1:8: Image takes the place of /chosen/module@0",
            "Warning: xen.cfg:2:9: initrd takes the place of /chosen/module@2",
            "Warning: xen.cfg:4:14: Image-1 takes the place of /chosen/domU1/module@1",
        ]
    );
    assert_eq!(
        printed(&tree, "/chosen"),
        "\
chosen {
	domU1 {
		compatible = \"xen,domain\";
		module@0 {
			xen,uefi-binary = \"Image-1\";
			compatible = \"multiboot,kernel\", \"multiboot,module\";
		};
		module@1 {
			xen,uefi-binary = \"initrd-1\";
			compatible = \"multiboot,ramdisk\", \"multiboot,module\";
		};
	};
	module@0 {
		bootargs = \"a b\";
		xen,uefi-binary = \"Image\";
		compatible = \"multiboot,kernel\", \"multiboot,module\";
	};
	module@1 {
		xen,uefi-binary = \"initrd\";
		compatible = \"multiboot,ramdisk\", \"multiboot,module\";
	};
	module@2 {
		xen,uefi-binary = \"policy\";
		compatible = \"xen,xsm-policy\", \"multiboot,module\";
	};
};
"
    );
}

#[test]
fn lines_find_the_domain_that_is_there() {
    for name in ["domU1", "domu1", "DOMU1", "domU1@0", "domu1@80000000"] {
        let (mut tree, node) = tree();
        let domain = tree.parent(node).unwrap();
        tree.rename(domain, name).unwrap();
        assert_eq!(followed(&mut tree, "domu1_property=vpl011\n"), Ok(Vec::new()), "{name}");
        assert_eq!(tree.property(domain, "vpl011"), Some(&[][..]), "{name}");
        assert_eq!(tree.children(tree.find("/chosen").unwrap()).len(), 1, "{name}");
    }
    // Any name that a node can have.
    let (mut tree, node) = tree();
    let domain = tree.parent(node).unwrap();
    tree.rename(domain, "guest-a").unwrap();
    assert_eq!(followed(&mut tree, "Guest-A_ramdisk=initrd\n"), Ok(Vec::new()));
    assert_eq!(
        tree.str(tree.child(domain, "module@0").unwrap(), "xen,uefi-binary"),
        Some("initrd")
    );
    // A number is the whole number.
    assert_eq!(followed(&mut tree, "domu1_kernel=Image\n"), Ok(Vec::new()));
    assert_eq!(followed(&mut tree, "domu10_kernel=Image\n"), Ok(Vec::new()));
    let names: Vec<&str> = tree
        .children(tree.find("/chosen").unwrap())
        .map(|node| tree.name(node))
        .collect();
    assert_eq!(names, ["guest-a", "domU1", "domU10"]);
}

#[test]
fn lines_that_cannot_be_followed_are_named() {
    for (text, error) in [
        (
            "guest_kernel=Image\n",
            "xen.cfg:1:1: the tree has no domain called guest under /chosen; lines that make one begin with domu and a number",
        ),
        (
            "kernel=Image\n  domu2_ramdisk=initrd\n",
            "xen.cfg:2:3: domu2 has no kernel: domu2_kernel=FILE is missing",
        ),
        (
            "domu2_property=cpus=1\n",
            "xen.cfg:1:1: domu2 has no kernel: domu2_kernel=FILE is missing",
        ),
        (
            "domu1_property=memory=lots\n",
            "xen.cfg:1:16: memory=lots is no size: write KiB (memory=0xC0000), a number with a unit (memory=768M), or two cells \
             (memory=<0 0xC0000>)",
        ),
        (
            "domu3_kernel=Image\n",
            "xen.cfg:1:1: /chosen/domU3 is not \"xen,domain\", and no domain can be made beside it",
        ),
        (
            "domu1_property=compatible=linux,dummy\n",
            "xen.cfg:1:16: /chosen/domU1 has to stay \"xen,domain\"",
        ),
    ] {
        let (mut tree, _) = tree();
        tree.add(tree.find("/chosen").unwrap(), "domU3").unwrap();
        assert_eq!(followed(&mut tree, text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn properties_go_to_the_domain_in_their_order() {
    let (mut tree, node) = tree();
    let text = "domu1_property=cpus=1\ndomu1_property=vpl011\ndomu1_property=cpus=2\ndomu1_property=memory=128M\n\
        domu1_property=size-cells=2\ndomu1_property=xen,enhanced=enabled\ndomu1_property=compatible=\"xen,domain\", \"mine\"\n";
    assert_eq!(followed(&mut tree, text), Ok(Vec::new()));
    let domain = tree.parent(node).unwrap();
    assert_eq!(tree.u32(domain, "cpus"), Some(2));
    assert_eq!(tree.u64(domain, "memory"), Some(131_072));
    assert_eq!(tree.u32(domain, "#size-cells"), Some(2));
    assert_eq!(tree.str(domain, "xen,enhanced"), Some("enabled"));
    assert!(tree.compatible(domain, "mine"));
}
