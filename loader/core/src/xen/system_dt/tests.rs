//! Tests: the specification's examples, ImageBuilder's, and what cannot be understood.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{SystemDtError, Taken, lower};
use crate::devicetree::Tree;
use crate::finding::Finding;
use crate::xen::config::{DomainLines, Section};
use crate::xen::graft::{GraftError, MAX_DOMAINS};
use crate::xen::testing::{complaints, domain, names, notes, printed, text, tree, tree_with_symbols};

fn section(domains: Vec<DomainLines>) -> Section {
    Section {
        source: "xen.cfg".to_string(),
        domains,
        ..Section::default()
    }
}

fn run(mut tree: Tree, section: Option<&Section>) -> (Tree, Vec<Taken>, Vec<Finding>) {
    let mut findings = Vec::new();
    let taken = lower(&mut tree, section, &mut findings).unwrap();
    (tree, taken.unwrap(), findings)
}

fn error(source: &str) -> String {
    lower(&mut tree(source), None, &mut Vec::new()).unwrap_err().to_string()
}

/// The domains of the specification's appendix, with the hardware that they refer to.
const APPENDIX: &str = r#"
    #address-cells = <0x2>;
    #size-cells = <0x2>;
    cpus_a72: cpus { #address-cells = <0x1>; #size-cells = <0x0>; #cpus-mask-cells = <0x1>; compatible = "cpus,cluster"; };
    cpus_r5: cpus-cluster-r5 { #cpus-mask-cells = <0x1>; compatible = "cpus,cluster"; };
    microblaze0: cpus-cluster-microblaze0 { #cpus-mask-cells = <0x1>; compatible = "cpus,cluster"; };
    amba: axi-bus {
        can0: can@ff060000 { };
        ethernet0: ethernet@ff0c0000 { };
        mmc0: sdhci@f1050000 { };
        serial0: serial@ff000000 { };
    };
    domains {
        #address-cells = <0x2>;
        #size-cells = <0x2>;
        subsystem1: domain-1 {
            compatible = "xilinx,subsystem-v1", "openamp,domain-v1";
            cpus = <&cpus_a72 0x3 0x80000003>;
            memory = <0x0 0x500000 0x0 0x7fb00000>;
            #access-flags-cells = <1>;
            access = <&mmc0 0x1>;
            id = <0x3>;
            /* 2: block-desirable */
            firewallconfig-default = <2 8>;
            xen: domain-2 {
                compatible = "openamp,domain-v1";
                cpus = <&cpus_a72 0x3 0x00000002>;
                memory = <0x0 0x500000 0x0 0x7fb00000>;
                id = <0xffff>;
                #access-flags-cells = <0>;
                access = <&mmc0>;
                linux1: domain-3 {
                    compatible = "openamp,domain-v1";
                    cpus = <&cpus_a72 0x3 0x00000001>;
                    memory = <0x0 0x501000 0x0 0x3faff000
                              0x0 0x500000 0x0 0x1000>;
                    id = <0x0>;
                    #access-flags-cells = <0>;
                    access = <&mmc0>;
                };
                linux2: domain-4 {
                    compatible = "openamp,domain-v1";
                    cpus = <&cpus_a72 0x3 0x00000001>;
                    memory = <0x0 0x40000000 0x0 0x40000000
                              0x0 0x500000 0x0 0x1000>;
                    id = <0x1>;
                    access = <&ethernet0 &serial0>;
                    /* 1: block */
                    firewallconfig = <&linux1 1 0>;
                };
            };
        };
        subsystem2: domain-5 {
            compatible = "xilinx,subsystem-v1", "openamp,domain-v1";
            cpus = <&cpus_r5 0x3 0x80000001 &microblaze0 0x1 0x00000000>;
            memory = <0x0 0x100000 0x0 0x400000>;
            id = <0x4>;
            #access-flags-cells = <0x1>;
            access = <&can0 0x0 &ethernet0 0x0 &serial0 0x0>;
            firewallconfig-default = <1 0>;
        };
    };"#;

/// What Xen reads of it, with the lines of the test.
const GUESTS: &str = r#"chosen {
	linux1 {
		vpl011;
		cpus = <0x00000002>;
		memory = <0x00000000 0x000fec00>;
		compatible = "xen,domain";
		#address-cells = <0x00000002>;
		#size-cells = <0x00000002>;
		module@0 {
			bootargs = "console=ttyAMA0";
			xen,uefi-binary = "Image";
			compatible = "multiboot,kernel", "multiboot,module";
		};
		module@1 {
			xen,uefi-binary = "rd1";
			compatible = "multiboot,ramdisk", "multiboot,module";
		};
		module@2 {
			xen,uefi-binary = "mmc.dtb";
			compatible = "multiboot,device-tree", "multiboot,module";
		};
	};
	linux2 {
		vpl011;
		cpus = <0x00000002>;
		memory = <0x00000000 0x00100004>;
		compatible = "xen,domain";
		#address-cells = <0x00000002>;
		#size-cells = <0x00000002>;
		module@0 {
			xen,uefi-binary = "Image";
			compatible = "multiboot,kernel", "multiboot,module";
		};
	};
};
"#;

#[test]
fn the_appendix_has_two_guests() {
    let lines = section(alloc::vec![
        domain("linux1", ["Image console=ttyAMA0", "rd1", "mmc.dtb"]),
        domain("domu1", ["Image", "", ""]),
        domain("domu9", ["Image", "", ""]),
    ]);
    let (tree, taken, findings) = run(tree_with_symbols(APPENDIX), Some(&lines));
    assert_eq!(printed(&tree, "/chosen"), GUESTS);
    assert_eq!(tree.find("/domains"), None);
    let at = |name: &str, path| Taken {
        name: name.to_string(),
        node: tree.find(path).unwrap(),
    };
    assert_eq!(taken, [at("linux1", "/chosen/linux1"), at("domu1", "/chosen/linux2")]);
    assert_eq!(
        complaints(&findings),
        [
            "Warning: /domains/domain-1/domain-2/domain-4 is to have /axi-bus/ethernet@ff0c0000, /axi-bus/serial@ff000000: Xen passes \
             devices through by a partial device tree, named by linux2_dtb=FILE in xen.cfg or by a module",
            "Warning: /domains/domain-5 runs on /cpus-cluster-r5, which Xen does not run on: it is left out, \
             and its memory is only safe if /reserved-memory has it",
        ]
    );
    assert_eq!(
        notes(&findings),
        [
            "/domains/domain-1/domain-2/domain-3: memory is 1043456 KiB; where it lies is for Xen to choose",
            "/domains/domain-1/domain-2/domain-4: memory is 1048580 KiB; where it lies is for Xen to choose",
        ]
    );
}

#[test]
fn without_labels_the_nodes_names_count() {
    let (tree, _, _) = run(tree(APPENDIX), None);
    assert_eq!(names(&tree, "/chosen"), ["domain-3", "domain-4"]);
}

/// ImageBuilder's README.systemdt.
const IMAGE_BUILDER: &str = r#"
    #address-cells = <2>; #size-cells = <2>;
    cpus_a72: cpus { };
    bus { mmc0: sdhci@f1050000 { }; };
    chosen { bootargs = "loglvl=all"; };
    domains {
        xen: domain@2 {
            compatible = "openamp,domain-v1","openamp,hypervisor-v1";
            cpus = <&cpus_a72 0x3 0x00000002>;
            memory = <0x0 0x500000 0x0 0x7fb00000>;
            chosen { bootargs = "console=dtuart"; };
            dom0: domain@3 {
                compatible = "openamp,domain-v1","xen,domain-v2";
                cpus = <&cpus_a72 0x3 0x00000001>;
                memory = <0x0 0x501000 0x0 0x3faff000>;
                xen,kernel = "Image"; xen,initrd = "rd"; xen,kernel-cmdline = "console=hvc0";
            };
            linux1: domain@4 {
                compatible = "openamp,domain-v1","xen,domain-v2";
                cpus = <&cpus_a72 0x3 0x00000001>;
                memory = <0x0 0x501000 0x0 0x3faff000>;
                access = <&mmc0 0x0>;
                xen,enhanced = "enabled"; nr_spis = <64>; unknown;
                vcpu0 { compatible = "xen,vcpu"; id = <0>; };
                reserved-memory { };
                kernel@1 { compatible = "multiboot,kernel", "multiboot,module"; reg = <0x0 0x48000000 0x0 0x1000>; };
                untyped { compatible = "multiboot,module"; };
                chosen { bootargs = "console=ttyAMA0"; };
            };
            linux2: domain@5 {
                compatible = "openamp,domain-v1","xen,domain-v2";
                cpus = <&cpus_a72 0x3 0x00000001>;
                memory = <0x0 0x40000000 0x0 0x40000000>;
                firewallconfig = <&linux1 1 0>;
                k { compatible = "module,kernel"; uefi,binary = "KEY"; bootargs = "own"; };
                d { compatible = "multiboot,device-tree"; reg = <0x8 0x0 0x0 0x1000>; };
            };
        };
    };"#;

#[test]
fn the_domain_that_is_called_dom0_is_dom0() {
    let (tree, taken, findings) = run(tree_with_symbols(IMAGE_BUILDER), None);
    assert_eq!(names(&tree, "/chosen"), ["module@0", "module@1", "linux1", "linux2"]);
    assert_eq!(text(&tree, "/chosen/module@0", "xen,uefi-binary"), Some("Image"));
    assert_eq!(text(&tree, "/chosen/module@0", "bootargs"), Some("console=hvc0"));
    assert_eq!(text(&tree, "/chosen/module@1", "xen,uefi-binary"), Some("rd"));
    // dom0's kernel has a command line of its own, so /chosen/bootargs was Xen's.
    let line = "loglvl=all console=dtuart dom0_mem=1043452K dom0_max_vcpus=2";
    assert_eq!(text(&tree, "/chosen", "xen,xen-bootargs"), Some(line));
    assert_eq!(names(&tree, "/chosen/linux1"), ["module@48000000", "vcpu0"]);
    assert_eq!(
        text(&tree, "/chosen/linux1/module@48000000", "bootargs"),
        Some("console=ttyAMA0")
    );
    assert_eq!(text(&tree, "/chosen/linux1", "xen,enhanced"), Some("enabled"));
    let linux1 = tree.find("/chosen/linux1").unwrap();
    assert_eq!(
        (tree.u32(linux1, "nr_spis"), tree.property(linux1, "unknown")),
        (Some(64), None)
    );
    assert_eq!(names(&tree, "/chosen/linux2"), ["module@0", "module@800000000"]);
    assert_eq!(text(&tree, "/chosen/linux2/module@0", "uefi,binary"), Some("KEY"));
    assert_eq!(text(&tree, "/chosen/linux2/module@0", "bootargs"), Some("own"));
    assert_eq!(taken, []);
    assert_eq!(
        complaints(&findings),
        [
            "Warning: /domains/domain@2/domain@4/untyped is left out: its compatible does not say whether it is a kernel, a ramdisk or a \
             device tree",
            "Warning: /domains/domain@2/domain@4 is to have /bus/sdhci@f1050000, <0x0>: Xen passes devices through by a partial device \
             tree, named by linux1_dtb=FILE in xen.cfg or by a module",
        ]
    );
}

#[test]
fn lines_for_dom0_go_to_chosen() {
    let source = "cpus { }; domains { dom0@7 { compatible = \"openamp,domain-v1\"; cpus = <1>; access = <5>; \
                  chosen { bootargs = \"own\"; }; e { compatible = \"xen,evtchn-v1\"; }; }; \
                  dom0@8 { compatible = \"openamp,domain-v1\"; cpus = <1>; id = <3>; }; };";
    let lines = section(alloc::vec![
        domain("dom0", ["Image", "rd", ""]),
        domain("domu3", ["K args", "", ""])
    ]);
    let (tree, taken, findings) = run(tree(source), Some(&lines));
    assert_eq!(names(&tree, "/chosen"), ["e", "module@0", "module@1", "dom0"]);
    assert_eq!(text(&tree, "/chosen/module@0", "bootargs"), Some("own"));
    assert_eq!(text(&tree, "/chosen/dom0/module@0", "bootargs"), Some("args"));
    let at = |path| tree.find(path).unwrap();
    let taken: Vec<_> = taken.iter().map(|taken| (taken.name.as_str(), taken.node)).collect();
    assert_eq!(taken, [("dom0", at("/chosen")), ("domu3", at("/chosen/dom0"))]);
    assert_eq!(complaints(&findings), [""; 0]);
}

/// A tree with one domain.
fn one(inside: &str) -> String {
    format!(
        "#address-cells = <2>; #size-cells = <2>; a: cpus {{ #cpus-mask-cells = <2>; }}; b: cpus-r5 {{ }}; \
         domains {{ one {{ compatible = \"openamp,domain-v1\"; {inside} }}; }};"
    )
}

#[test]
fn processors_are_counted_where_xen_runs() {
    let count = |cpus: &str| {
        let (tree, _, findings) = run(tree(&one(cpus)), None);
        (
            tree.u32(tree.find("/chosen/one").unwrap(), "cpus"),
            complaints(&findings),
        )
    };
    assert_eq!(count("cpus = <&a 0x1 0xf0 1>;"), (Some(5), Vec::new()));
    assert_eq!(count("cpus = <3>;"), (Some(3), Vec::new()));
    // A cluster that is not in the tree, whose mask has one cell.
    assert_eq!(count("cpus = <0x77 0xf 1>;"), (Some(4), Vec::new()));
    let warning =
        "Warning: /domains/one also runs on /cpus-r5, which Xen does not run on: those processors are left out";
    assert_eq!(
        count("cpus = <&b 0xff 1 &a 0x0 0x3 1>;"),
        (Some(2), alloc::vec![warning.to_string()])
    );
    let warning = "Warning: /domains/one has no cpus; it is given one processor";
    assert_eq!(count(""), (Some(1), alloc::vec![warning.to_string()]));
    for (bad, len) in [
        ("<1 2>", 8),
        ("<&a 1 1>", 12),
        ("<&a 1 1 1 &b>", 20),
        ("[00]", 1),
        ("\"\"", 1),
    ] {
        let expected = format!(
            "/domains/one: cpus has {len} bytes and is a list of <&CLUSTER MASK MODE>, 12 bytes each where the mask has one cell"
        );
        assert_eq!(error(&one(&format!("cpus = {bad};"))), expected, "{bad}");
    }
    for none in ["<0>", "<&a 0 0 1>"] {
        let expected = "/domains/one: the masks in cpus have no bit set, so the domain would have no processor";
        assert_eq!(error(&one(&format!("cpus = {none};"))), expected);
    }
    let many = "&b 1 1 ".repeat(65);
    assert_eq!(
        error(&one(&format!("cpus = <{many}>;"))),
        "/domains/one: cpus has more than 64 entries"
    );
}

#[test]
fn memory_is_the_sum_of_the_sizes() {
    let kib = |memory: &str| {
        let (tree, _, findings) = run(tree(&one(&format!("cpus = <1>; {memory}"))), None);
        (
            tree.u64(tree.find("/chosen/one").unwrap(), "memory"),
            complaints(&findings),
        )
    };
    assert_eq!(kib("memory = <0x0 0x0 0x0 0x8000000>;"), (Some(131_072), Vec::new()));
    assert_eq!(
        kib("#memory-flags-cells = <1>; memory = <0 0 0 1024 7 1 0 0 2047 7>;"),
        (Some(2), Vec::new())
    );
    assert_eq!(
        kib("#address-cells = <1>; #size-cells = <1>; memory = <0x100000 0x100000>;"),
        (Some(1024), Vec::new())
    );
    assert_eq!(kib(""), (None, Vec::new()));
    // The specification's example of shared memory.
    let warning =
        "Warning: /domains/one: memory has 36 bytes, which is no multiple of 16; the zeros at its end are left out";
    let shared = "memory = <0x0 0x0 0x0 0x8000000 0x8 0x0 0x0 0x10000 0x0>;";
    assert_eq!(kib(shared), (Some(131_136), alloc::vec![warning.to_string()]));
    for (bad, len) in [("<1 2 3>", 12), ("<0 0 0 1 2>", 20), ("[00]", 1), ("<0>", 4)] {
        let expected = format!(
            "/domains/one: memory has {len} bytes, which is no multiple of 16 (start, size and flags in the cells that are given)"
        );
        assert_eq!(error(&one(&format!("cpus = <1>; memory = {bad};"))), expected, "{bad}");
    }
    let much = error(&one("cpus = <1>; memory = <0 0 0xffffffff 0xffffffff 0 0 0 1>;"));
    assert_eq!(much, "/domains/one: the sizes in memory are more than 64 bits hold");
}

#[test]
fn odd_cells_are_no_reason_to_stop() {
    for cells in [
        "#address-cells = <0>; #size-cells = <0>;",
        "#address-cells = <0xffffffff>; #memory-flags-cells = <0xffffffff>;",
    ] {
        let (tree, ..) = run(tree(&one(&format!("cpus = <1>; memory = <0 0 0 1024>; {cells}"))), None);
        assert_eq!(tree.u64(tree.find("/chosen/one").unwrap(), "memory"), Some(1));
    }
    let source = one("cpus = <1>; #access-flags-cells = <0xffffffff>; access = <1 2 3>;");
    let (_, _, findings) = run(tree(&source), None);
    assert!(complaints(&findings)[0].starts_with("Warning: /domains/one is to have /cpus: Xen passes devices"));
    let (_, _, findings) = run(
        tree(&one(&format!("cpus = <1>; access = <{}>;", "9 ".repeat(5000)))),
        None,
    );
    assert!(complaints(&findings)[0].contains("<0x9> and 4992 more: Xen passes"));
}

#[test]
fn domains_that_something_refers_to_stay_and_are_no_domains() {
    let source = "cpus { }; bus { firewallconf = <&d 0 0>; }; domains { d: one { \
                  compatible = \"openamp,domain-v1\"; cpus = <1>; e: ec { compatible = \"xen,evtchn-v1\"; }; }; };";
    let (mut tree, _, findings) = run(tree(source), None);
    assert_eq!(names(&tree, "/domains"), ["one"]);
    // No two nodes have the same phandle: the domain's stays where the firewall means it, its sub-node's is with Xen.
    let path = |phandle| tree.find_phandle(phandle).map(|node| tree.path(node)).unwrap();
    assert_eq!(
        (path(1), path(2)),
        ("/domains/one".to_string(), "/chosen/one/ec".to_string())
    );
    assert_eq!(tree.nodes().filter(|node| tree.phandle(*node).is_some()).count(), 2);
    assert_eq!(
        notes(&findings),
        ["/bus refers to a node below /domains, which therefore stays in the tree; Xen does not read it"]
    );
    assert_eq!(lower(&mut tree, None, &mut Vec::new()), Ok(None));
}

#[test]
fn other_trees_stay_as_they_are() {
    for source in [
        "",
        "domains { };",
        "domains { a { compatible = \"openamp,domain-v1,devices\"; }; };",
        "domains { a { compatible = \"openamp,domain-v1\"; status = \"disabled\"; }; };",
    ] {
        let (mut tree, mut findings) = (tree(source), Vec::new());
        let before = tree.print(tree.root()).to_string();
        assert_eq!(lower(&mut tree, None, &mut findings), Ok(None));
        assert_eq!((tree.print(tree.root()).to_string(), findings.len()), (before, 0));
    }
}

#[test]
fn there_are_bounds() {
    let mut tree = tree("cpus { }; domains { };");
    let mut at = tree.find("/domains").unwrap();
    // Side by side, and inside one another as deep as a tree may be.
    for number in 0..=MAX_DOMAINS {
        let domain = tree.add(at, &format!("domain@{number}")).unwrap();
        tree.set_strings(domain, "compatible", &["openamp,domain-v1"]).unwrap();
        tree.set_u32(domain, "cpus", 1).unwrap();
        at = if number < 60 { domain } else { at };
    }
    let run = |tree: &mut Tree| lower(tree, None, &mut Vec::new());
    assert_eq!(
        run(&mut tree).unwrap_err(),
        SystemDtError::Graft(GraftError::TooManyDomains {
            node: "/domains".to_string(),
            count: MAX_DOMAINS + 1
        })
    );
    let last = tree.nodes().last().unwrap();
    tree.remove(last).unwrap();
    assert_eq!(run(&mut tree), Ok(Some(Vec::new())));
    assert_eq!(names(&tree, "/chosen").len(), MAX_DOMAINS);
}
