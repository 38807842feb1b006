//! Tests: the proposal's example, the reply's topology, and nodes that only look like them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::lower;
use crate::devicetree::Tree;
use crate::finding::Finding;
use crate::xen::testing::{complaints, names, notes, printed, text, tree};

fn lowered(source: &str) -> (Tree, Vec<Finding>) {
    let (mut tree, mut findings) = (tree(source), Vec::new());
    assert_eq!(lower(&mut tree, &mut findings), Ok(true));
    (tree, findings)
}

#[test]
fn the_proposals_example_is_what_xen_takes() {
    for compatible in [
        r#""multiboot,module", "multiboot,kernel""#,
        r#""multiboot,kernel", "multiboot,module""#,
    ] {
        let source = format!(
            "chosen {{ bootargs = \"dom0_mem=128M loglvl=all guest_loglvl=all\"; stdout-path = \"/pl011@9000000\"; \
             module@0x47000000 {{ bootargs = \"console=hvc0\"; compatible = {compatible}; reg = <0x00 0x47000000 0x00 0xe47a00>; }}; }};"
        );
        let mut tree = tree(&source);
        let before = printed(&tree, "/");
        assert_eq!(lower(&mut tree, &mut Vec::new()), Ok(false));
        assert_eq!(printed(&tree, "/"), before);
    }
}

#[test]
fn a_backslash_is_split() {
    let source = r#"chosen { module@1 { compatible = "multiboot,module\0multiboot,kernel"; };
        domain1 { compatible = "xen,domain"; m { compatible = "multiboot,module\0multiboot,ramdisk\0"; }; };
        other { compatible = "a\0b"; }; };"#;
    let (tree, findings) = lowered(source);
    let strings = |path| tree.strings(tree.find(path).unwrap(), "compatible").collect::<Vec<_>>();
    assert_eq!(strings("/chosen/module@1"), ["multiboot,module", "multiboot,kernel"]);
    assert_eq!(strings("/chosen/domain1/m"), ["multiboot,module", "multiboot,ramdisk"]);
    assert_eq!(strings("/chosen/other"), ["a\\0b"]);
    assert_eq!(
        notes(&findings),
        [
            "/chosen/module@1: compatible was one string with a backslash in it; now \"multiboot,module\", \"multiboot,kernel\"",
            "/chosen/domain1/m: compatible was one string with a backslash in it; now \"multiboot,module\", \"multiboot,ramdisk\"",
        ]
    );
}

/// What Xen reads of the topology in the test below.
const LOWERED: &str = r#"chosen {
	xen,xen-bootargs = "dom0_mem=262144K dom0_max_vcpus=2";
	#address-cells = <0x00000002>;
	#size-cells = <0x00000002>;
	domain1 {
		compatible = "xen,domain";
		memory = <0x00000000 0x00020000>;
		m {
			compatible = "multiboot,kernel", "multiboot,module";
		};
	};
	domU2@7 {
		compatible = "xen,domain", "mine";
		m {
			compatible = "multiboot,module";
		};
	};
	module@e00000 {
		compatible = "multiboot,kernel", "multiboot,module";
		reg = <0x00000000 0x00e00000 0x00000000 0x00001000>;
		bootargs = "ro";
	};
	module@f00000 {
		compatible = "multiboot,module";
		reg = <0x00000000 0x00f00000 0x00000000 0x00002000>;
		bootargs = "b";
	};
	module@0 {
		compatible = "xen,xsm-policy";
		xen,uefi-binary = "policy";
	};
	e {
		compatible = "xen,evtchn-v1";
	};
};
"#;

#[test]
fn domain0_is_dom0_and_the_others_are_domains() {
    let source = r#"#address-cells = <2>; #size-cells = <2>; chosen {
        domain0 { memory = <0 0x40000>; cpus = <2>; nr_spis = <3>; x { }; e { compatible = "xen,evtchn-v1"; };
            module@e00000 { compatible = "multiboot,kernel", "multiboot,module"; reg = <0x0 0xe00000 0x0 0x1000>; bootargs = "ro"; };
            module@2 { compatible = "multiboot,module"; reg = <0xf00000 0x2000>; bootargs = "b"; };
            module@3 { compatible = "xen,xsm-policy"; xen,uefi-binary = "policy"; reg = <0 0>; };
        };
        domain1 { memory = <0 0x20000>; m { compatible = "multiboot,kernel", "multiboot,module"; }; };
        domU2@7 { compatible = "mine"; m { compatible = "multiboot,module"; }; };
    };"#;
    let (tree, findings) = lowered(source);
    assert_eq!(printed(&tree, "/chosen"), LOWERED);
    assert_eq!(
        complaints(&findings),
        [
            "Warning: /chosen/domain0: Xen on Arm has no place for nr_spis, x of dom0; left out",
            "Warning: /chosen/domain1 has modules and is not \"xen,domain\"; Xen makes a domain of it only then: added",
            "Warning: /chosen/domU2@7 has modules and is not \"xen,domain\"; Xen makes a domain of it only then: added",
        ]
    );
    assert_eq!(
        notes(&findings).first().map(String::as_str),
        Some("/chosen/domain0 is dom0: its modules are moved to /chosen, where Xen looks for them")
    );
}

#[test]
fn its_command_line_is_its_kernels() {
    let source = "chosen { dom0 { bootargs = \"ro\"; k { compatible = \"multiboot,kernel\"; reg = <1 2>; }; \
                  r { compatible = \"multiboot,ramdisk\"; reg = <3 4>; }; }; };";
    let (tree, _) = lowered(source);
    assert_eq!(names(&tree, "/chosen"), ["module@1", "module@3"]);
    assert_eq!(text(&tree, "/chosen/module@1", "bootargs"), Some("ro"));
    assert_eq!(text(&tree, "/chosen/module@3", "bootargs"), None);
}

/// The words of Xen 4.4 say what a module is without the word that says that it is one.
#[test]
fn old_words_alone_make_a_module() {
    let (tree, _) = lowered("chosen { domain0 { k { compatible = \"xen,linux-zimage\"; reg = <1 2>; }; }; };");
    assert_eq!(names(&tree, "/chosen"), ["module@1"]);
    assert_eq!(text(&tree, "/chosen/module@1", "compatible"), Some("xen,linux-zimage"));
}

/// Xen looks for the command line of "domU@1" under the name "domU".
#[test]
fn a_domain_with_a_command_line_has_no_unit_address() {
    let kernel = |line: &str| format!("k {{ compatible = \"multiboot,kernel\", \"multiboot,module\"; {line} }};");
    let (one, none) = (kernel("bootargs = \"ro\";"), kernel(""));
    let source = format!(
        "chosen {{ domU@1 {{ compatible = \"xen,domain\"; {one} }}; domU@2 {{ compatible = \"xen,domain\"; {none} }}; \
         domU-3 {{ }}; domU@3 {{ compatible = \"xen,domain\"; {one} }}; module@4 {{ bootargs = \"ro\"; }}; domain@5 {{ {one} }}; \
         domain1@6 {{ {one} }}; }};"
    );
    let (tree, findings) = lowered(&source);
    assert_eq!(
        names(&tree, "/chosen"),
        [
            "domU-1",
            "domU@2",
            "domU-3",
            "domU-3-2",
            "module@4",
            "domain@5",
            "domain1-6"
        ]
    );
    assert_eq!(
        complaints(&findings)[..2],
        [
            "Warning: /chosen/domain1@6 has modules and is not \"xen,domain\"; Xen makes a domain of it only then: added",
            "Warning: /chosen/domU@1: Xen does not find the kernel's command line of a domain with a unit address; it is called domU-1 now",
        ]
    );
    let (tree, _) = lowered(&format!(
        "chosen {{ domU@1 {{ compatible = \"xen,domain\"; {one} }}; }};"
    ));
    assert_eq!(names(&tree, "/chosen"), ["domU-1"]);
}

#[test]
fn a_node_with_memory_or_processors_is_a_domain_whatever_its_name() {
    for (property, is_one) in [
        ("memory = <0 1>;", true),
        ("cpus = <1>;", true),
        ("nr_spis = <1>;", false),
    ] {
        let mut tree = tree(&format!(
            "chosen {{ guest {{ {property} m {{ compatible = \"multiboot,kernel\", \"multiboot,module\"; }}; }}; }};"
        ));
        assert_eq!(lower(&mut tree, &mut Vec::new()), Ok(is_one));
        let guest = tree.find("/chosen/guest").unwrap();
        assert_eq!(tree.compatible(guest, "xen,domain"), is_one, "{property}");
    }
}

#[test]
fn what_only_looks_like_it_stays() {
    for node in [
        "domain0 { compatible = \"xen,domain\"; m { compatible = \"multiboot,kernel\"; }; };",
        "domain0 { m { compatible = \"other\"; }; };",
        "domain { m { compatible = \"multiboot,kernel\"; }; };",
        "domainX1 { m { compatible = \"multiboot,kernel\"; }; };",
        "domain1 { status = \"disabled\"; m { compatible = \"multiboot,kernel\"; }; };",
        "modules { m { compatible = \"multiboot,kernel\"; }; };",
    ] {
        let mut tree = tree(&format!("chosen {{ {node} }};"));
        let before = printed(&tree, "/");
        assert_eq!(lower(&mut tree, &mut Vec::new()), Ok(false), "{node}");
        assert_eq!(printed(&tree, "/"), before);
    }
    assert_eq!(lower(&mut tree(""), &mut Vec::new()), Ok(false));
}

#[test]
fn what_cannot_be_is_named() {
    let error = |source: &str| lower(&mut tree(source), &mut Vec::new()).unwrap_err().to_string();
    let module = "m { compatible = \"multiboot,kernel\"; reg = <1 2>; };";
    assert_eq!(
        error(&format!("chosen {{ dom0 {{ {module} }}; domain0 {{ {module} }}; }};")),
        "/chosen/dom0 and /chosen/domain0 are both dom0 by their names: call one of them domain1, or make it \"xen,domain\""
    );
    assert_eq!(
        error("chosen { dom0 { m { compatible = \"multiboot,kernel\"; }; }; };"),
        "/chosen/dom0/m: reg has 0 bytes; an address and a size that fit 64 bits are 2, 3 or 4 cells of 4 bytes"
    );
    let modules: String = (0..33)
        .map(|number| format!("m{number} {{ compatible = \"multiboot,kernel\"; reg = <1 2>; }};"))
        .collect();
    assert_eq!(
        error(&format!("chosen {{ dom0 {{ {modules} }}; }};")),
        "/chosen/dom0 has 33 modules, Xen takes 32 at most"
    );
    let domains: String = (1..=65)
        .map(|number| format!("domain{number} {{ {module} }};"))
        .collect();
    assert_eq!(
        error(&format!("chosen {{ {domains} }};")),
        "/chosen describes 65 domains, at most 64 are taken"
    );
}
