//! Tests: the examples of the document and of its revisions, and what people get wrong in them.

mod errors;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{HyperlaunchError, lower};
use crate::devicetree::Tree;
use crate::finding::Finding;
use crate::xen::config::Section;
use crate::xen::testing::{complaints, modules, names, notes, printed, text, tree};

/// Lowers and returns the tree with the findings.
fn lowered(source: &str, section: Option<&Section>) -> (Tree, Vec<Finding>) {
    let (mut tree, mut findings) = (tree(source), Vec::new());
    assert_eq!(lower(&mut tree, section, &mut findings), Ok(true));
    (tree, findings)
}

fn error(source: &str, section: Option<&Section>) -> String {
    lower(&mut tree(source), section, &mut Vec::new())
        .unwrap_err()
        .to_string()
}

/// A configuration with one guest.
fn guest(inside: &str) -> String {
    format!(
        "chosen {{ hypervisor {{ compatible = \"hypervisor,xen\"; guest@1 {{ compatible = \"xen,domain\"; {inside} }}; }}; }};"
    )
}

/// "Multiboot x86 Configuration" of the document, its nodes numbered as a compiler of device trees wants it.
const MULTIBOOT: &str = r#"
    chosen {
        hypervisor {
            #address-cells = <1>;
            #size-cells = <0>;
            compatible = "hypervisor,xen";

            // Configuration container
            config {
                compatible = "xen,config";
                module@0 { compatible = "module,microcode", "multiboot,module"; mb-index = <1>; };
                module@1 { compatible = "module,xsm-policy", "multiboot,module"; mb-index = <2>; };
            };

            // Boot Domain definition
            domain@1 {
                compatible = "xen,domain";
                domid = <0x7FF5>;
                functions = <0x00000001>;
                memory = <0x0 0x20000>;
                cpus = <1>;
                module@0 { compatible = "module,kernel", "multiboot,module"; mb-index = <3>; };
                module@1 { compatible = "module,ramdisk", "multiboot,module"; mb-index = <4>; };
                module@2 { compatible = "module,config", "multiboot,module"; mb-index = <5>; };
            };

            // Classic Dom0 definition
            domain@0 {
                compatible = "xen,domain";
                domid = <0>;
                permissions = <3>;
                functions = <0xC0000006>;
                mode = <5>; /* 64 BIT, PV */
                domain-uuid = [B3 FB 98 FB 8F 9F 67 A3];
                cpus = <1>;
                memory = <0x0 0x20000>;
                security-id = "dom0_t";
                module@0 {
                    compatible = "module,kernel", "multiboot,module";
                    mb-index = <6>;
                    bootargs = "console=hvc0";
                };
                module@1 { compatible = "module,ramdisk", "multiboot,module"; mb-index = <7>; };
            };
        };
    };"#;

/// "The multiboot modules supplied when using the above config would be, in order", but for the configuration itself.
const CHAIN: [&str; 7] = [
    "ucode.bin",
    "xenpolicy",
    "boot-kernel console=ttyAMA0",
    "boot-ramdisk",
    "boot.cfg",
    "dom0-kernel root=/dev/sda1",
    "dom0-ramdisk",
];

/// What Xen reads of it.
const LOWERED: &str = r#"chosen {
	xen,xen-bootargs = "dom0_mem=131072K dom0_max_vcpus=1";
	#address-cells = <0x00000002>;
	#size-cells = <0x00000001>;
	module@0 {
		compatible = "multiboot,kernel", "multiboot,module";
		xen,uefi-binary = "dom0-kernel";
		bootargs = "console=hvc0";
	};
	module@1 {
		compatible = "multiboot,ramdisk", "multiboot,module";
		xen,uefi-binary = "dom0-ramdisk";
	};
	module@2 {
		compatible = "xen,xsm-policy", "multiboot,module";
		xen,uefi-binary = "xenpolicy";
	};
	domain {
		xen,enhanced = "enabled";
		vpl011;
		cpus = <0x00000001>;
		memory = <0x00000000 0x00020000>;
		compatible = "xen,domain";
		#address-cells = <0x00000002>;
		#size-cells = <0x00000002>;
		module@0 {
			bootargs = "console=ttyAMA0";
			compatible = "multiboot,kernel", "multiboot,module";
			xen,uefi-binary = "boot-kernel";
		};
		module@1 {
			compatible = "multiboot,ramdisk", "multiboot,module";
			xen,uefi-binary = "boot-ramdisk";
		};
	};
};
"#;

#[test]
fn the_multiboot_example_becomes_dom0_and_a_domain() {
    let (tree, findings) = lowered(MULTIBOOT, Some(&modules(&CHAIN)));
    assert_eq!(printed(&tree, "/chosen"), LOWERED);
    assert_eq!(
        complaints(&findings),
        [
            "Warning: /chosen/hypervisor/domain@1 has FUNCTION_BOOT (the others do not wait for it), which only dom0 has with \
             Xen 4.17 to 4.20 on Arm; it becomes an ordinary domain",
            "Warning: /chosen/hypervisor/config/module@0 (\"module,microcode\", \"multiboot,module\") is left out: microcode is for \
             x86 processors and means nothing on Arm",
            "Warning: /chosen/hypervisor/domain@1/module@2 (\"module,config\", \"multiboot,module\") is left out: Xen on Arm hands no \
             configuration to a domain",
        ]
    );
    assert_eq!(
        notes(&findings),
        [
            "/chosen/hypervisor/domain@0: domain-uuid is left out; Xen on Arm does not read one from the tree",
            "/chosen/hypervisor/domain@1 asks for number 32757; Xen on Arm numbers domains in the order of their nodes, this one is 1",
            "/chosen/hypervisor/domain@0 is dom0, whose size only Xen's command line can say: dom0_mem=131072K added to it",
            "/chosen/hypervisor/domain@0 is dom0, whose size only Xen's command line can say: dom0_max_vcpus=1 added to it",
        ]
    );
}

/// "Module Arm Configuration" of the later revision, its modules at addresses of their own and numbered.
const BY_ADDRESS: &str = r#"
    #address-cells = <2>;
    #size-cells = <2>;
    chosen {
        hypervisor {
            compatible = "hypervisor,xen";
            config {
                compatible = "xen,config";
                bootargs = "flask=silo";
                module { compatible = "module,xsm-policy"; module-addr = <0x0000ff00 0x80>; };
            };
            // Unbounded Domain definition
            dom0 {
                compatible = "xen,domain";
                domid = <0>;
                role = <9>;
                mode = <12>; /* 64 BIT, PVH */
                memory = <0x0 0x20000>;
                cpus = <1>;
                kernel { compatible = "module,kernel"; module-addr = <0x48000000 0x80>; };
                initrd { compatible = "module,ramdisk"; module-addr = <0x1 0x00000000 0x90>; };
            };
            // Guest definition
            dom1 {
                compatible = "xen,domain";
                domid = <0>;
                role = <0>;
                capability = <1>;
                mode = <12>; /* 64 BIT, PVH */
                cpus = <1>;
                memory = "1024M";
                security-id = "dom0_t";
                kernel { compatible = "module,kernel"; module-addr = <0x4a000000 0x80>; bootargs = "console=hvc0"; };
                initrd { compatible = "module,ramdisk"; module-addr = <0x8 0x00000000 0x1 0x90>; };
            };
        };
    };"#;

#[test]
fn addresses_are_written_in_the_cells_of_the_new_parent() {
    let (tree, findings) = lowered(BY_ADDRESS, None);
    let reg = |path| tree.reg(tree.find(path).unwrap()).unwrap();
    assert_eq!(reg("/chosen/module@48000000"), [(0x4800_0000, 0x80)]);
    assert_eq!(reg("/chosen/module@100000000"), [(0x1_0000_0000, 0x90)]);
    assert_eq!(reg("/chosen/module@ff00"), [(0xff00, 0x80)]);
    assert_eq!(reg("/chosen/dom1/module@4a000000"), [(0x4a00_0000, 0x80)]);
    assert_eq!(reg("/chosen/dom1/module@800000000"), [(0x8_0000_0000, 0x1_0000_0090)]);
    assert_eq!(
        text(&tree, "/chosen", "xen,xen-bootargs"),
        Some("flask=silo dom0_mem=131072K dom0_max_vcpus=1")
    );
    assert_eq!(tree.u64(tree.find("/chosen/dom1").unwrap(), "memory"), Some(1 << 20));
    assert_eq!(
        complaints(&findings),
        [
            "Warning: /chosen/hypervisor/dom1/kernel: bootargs say console=hvc0; a guest of Xen on Arm has console=ttyAMA0 (vpl011)"
        ]
    );
}

#[test]
fn the_later_words_mean_the_same() {
    let source = r#"chosen { hypervisor {
        compatible = "hypervisor,xen", "xen,x86";
        dom0 { compatible = "xen,domain"; capabilities = <7>; memory = "1G"; cpus = <2>;
            k { compatible = "multiboot,kernel", "multiboot,module"; module-index = <1>; };
            r { compatible = "multiboot,ramdisk", "multiboot,module"; module-index = <2>; };
        };
        dom1 { compatible = "xen,domain"; domid = <1>; memory = <0x40000>;
            #address-cells = <1>; #size-cells = <1>;
            k@0 { compatible = "multiboot,kernel", "multiboot,module"; reg = <0x50000000 0x1000>; };
            d@0 { compatible = "multiboot,device-tree", "multiboot,module"; xen,uefi-binary = "part.dtb"; };
            e@0 { compatible = "module,ramdisk"; uefi,binary = "rd"; };
        };
    }; };"#;
    let (tree, findings) = lowered(source, Some(&modules(&["Image", "initrd"])));
    assert_eq!(text(&tree, "/chosen/module@1", "xen,uefi-binary"), Some("initrd"));
    let dom1 = "/chosen/dom1";
    assert_eq!(names(&tree, dom1), ["module@50000000", "module@0", "module@1"]);
    assert_eq!(
        text(&tree, &format!("{dom1}/module@0"), "xen,uefi-binary"),
        Some("part.dtb")
    );
    assert_eq!(
        text(&tree, &format!("{dom1}/module@0"), "compatible"),
        Some("multiboot,device-tree")
    );
    assert_eq!(text(&tree, &format!("{dom1}/module@1"), "uefi,binary"), Some("rd"));
    let dom1 = tree.find(dom1).unwrap();
    assert_eq!(
        (tree.u64(dom1, "memory"), tree.u32(dom1, "cpus")),
        (Some(0x4_0000), Some(1))
    );
    assert_eq!(complaints(&findings), [""; 0]);
}

#[test]
fn what_dom0less_knows_survives() {
    let source = guest(
        r#"memory = <0 4096>; nr_spis = <32>; xen,enhanced = "disabled"; vpl011; #xen,static-mem-address-cells = <1>;
        xen,static-mem = <0x30000000 0x20000000>; sve = <128>; passthrough = "enabled"; l: v0 { compatible = "xen,vcpu"; id = <0>;
        hard-affinity = "4-7"; deep { er { x = <&l>; }; }; }; e { compatible = "xen,evtchn-v1"; };"#,
    );
    let (tree, findings) = lowered(&source, None);
    let expected = r#"guest {
	nr_spis = <0x00000020>;
	xen,enhanced = "disabled";
	vpl011;
	#xen,static-mem-address-cells = <0x00000001>;
	xen,static-mem = <0x30000000 0x20000000>;
	sve = <0x00000080>;
	passthrough = "enabled";
	cpus = <0x00000001>;
	memory = <0x00000000 0x00001000>;
	compatible = "xen,domain";
	#address-cells = <0x00000002>;
	#size-cells = <0x00000002>;
	v0 {
		phandle = <0x00000001>;
		compatible = "xen,vcpu";
		id = <0x00000000>;
		hard-affinity = "4-7";
		deep {
			er {
				x = <0x00000001>;
			};
		};
	};
	e {
		compatible = "xen,evtchn-v1";
	};
};
"#;
    assert_eq!(printed(&tree, "/chosen/guest"), expected);
    assert_eq!(names(&tree, "/chosen"), ["guest"]);
    assert_eq!(complaints(&findings), [""; 0]);
}

#[test]
fn without_a_dom0_no_xenstore_is_asked_for() {
    let enhanced = |source: &str, section: Option<&Section>| {
        let (tree, _) = lowered(source, section);
        text(&tree, "/chosen/guest", "xen,enhanced").map(ToString::to_string)
    };
    let source = guest("");
    assert_eq!(enhanced(&source, None).as_deref(), Some("no-xenstore"));
    let with_kernel = Section {
        kernel: Some(crate::xen::testing::file("Image")),
        ..Section::default()
    };
    assert_eq!(enhanced(&source, Some(&with_kernel)).as_deref(), Some("enabled"));
    let module = "chosen { module@1 { compatible = \"xen,linux-zimage\", \"xen,multiboot-module\"; };";
    assert_eq!(
        enhanced(&source.replacen("chosen {", module, 1), None).as_deref(),
        Some("enabled")
    );
    let policy = "chosen { module@1 { compatible = \"xen,xsm-policy\", \"multiboot,module\"; };";
    assert_eq!(
        enhanced(&source.replacen("chosen {", policy, 1), None).as_deref(),
        Some("no-xenstore")
    );
}

/// Domains `a` and so on with the properties given; the one that became dom0 has no node of its own.
fn dom0_of(domains: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut source = "chosen { hypervisor { compatible = \"hypervisor,xen\";".to_string();
    for (name, properties) in domains {
        source += &format!("{name} {{ compatible = \"xen,domain\"; {properties} }};");
    }
    let (tree, findings) = lowered(&(source + "}; };"), None);
    (names(&tree, "/chosen"), complaints(&findings))
}

#[test]
fn dom0_is_the_one_with_the_rights() {
    let both = [("a", "permissions = <1>;"), ("b", "permissions = <2>;")];
    let (left, complaints) = dom0_of(&both);
    assert_eq!(left, ["a"]);
    assert_eq!(
        complaints,
        [
            "Warning: /chosen/hypervisor/a has PERMISSION_CONTROL, which only dom0 has with Xen 4.17 to 4.20 on Arm; \
             it becomes an ordinary domain"
        ]
    );
    for rights in [
        "functions = <0x80000000>;",
        "permissions = <1>;",
        "role = <1>;",
        "role = <2>;",
        "role = <4>;",
        "capabilities = <2>;",
    ] {
        assert_eq!(
            dom0_of(&[("dom0", "domid = <0>;"), ("b", rights)]).0,
            ["dom0"],
            "{rights}"
        );
    }
}

#[test]
fn without_rights_name_and_number_decide() {
    assert_eq!(dom0_of(&[("a", "domid = <0>;"), ("dom0", "")]).0, ["a"]);
    assert_eq!(dom0_of(&[("a", "domid = <0>;"), ("b", "domid = <1>;")]).0, ["b"]);
    assert_eq!(dom0_of(&[("a", ""), ("b", "domid = <1>;")]).0, ["a", "b"]);
    // The revision's guest asks for the next free number, and says that it has no role.
    assert_eq!(dom0_of(&[("a", "domid = <0>; role = <0>;")]).0, ["a"]);
    let (left, complaints) = dom0_of(&[("a", "domid = <0>;"), ("b", "domid = <0>;")]);
    assert_eq!(left, ["a", "b"]);
    assert_eq!(
        complaints,
        [
            "Warning: /chosen/hypervisor/a and /chosen/hypervisor/b both have domid = <0> and no rights, so neither is dom0; \
             permissions = <3> would make one"
        ]
    );
}

#[test]
fn names_are_made_unique_without_their_unit_addresses() {
    let source = r#"chosen { domain { compatible = "xen,domain"; }; hypervisor { compatible = "hypervisor,xen";
        domain@1 { compatible = "xen,domain"; }; domain@2 { compatible = "xen,domain"; }; modules { compatible = "xen,domain"; };
        hypervisor { compatible = "xen,domain"; }; off { compatible = "xen,domain"; status = "disabled"; };
    }; };"#;
    let (tree, findings) = lowered(source, None);
    assert_eq!(
        names(&tree, "/chosen"),
        ["domain", "domain-2", "domain-3", "modules-2", "hypervisor-2"]
    );
    assert_eq!(
        notes(&findings),
        ["/chosen/hypervisor/off: its status says that it is not to be used; left out"]
    );
}

#[test]
fn xens_command_line_keeps_what_it_says() {
    let line = |chosen: &str| {
        let source = format!(
            "chosen {{ {chosen} hypervisor {{ compatible = \"hypervisor,xen\"; bootargs = \"sync_console\"; dom0 {{ \
             compatible = \"xen,domain\"; memory = <0 4096>; cpus = <2>; k {{ compatible = \"module,kernel\"; \
             module-addr = <1 2>; bootargs = \"ro\"; }}; }}; }}; }};"
        );
        let (tree, _) = lowered(&source, None);
        text(&tree, "/chosen", "xen,xen-bootargs")
            .map(ToString::to_string)
            .unwrap()
    };
    assert_eq!(line(""), "sync_console dom0_mem=4096K dom0_max_vcpus=2");
    let told = line("xen,xen-bootargs = \"dom0_mem=1G com1=9600\";");
    assert_eq!(told, "dom0_mem=1G com1=9600 sync_console dom0_max_vcpus=2");
    // The kernel has a command line of its own, so this one was Xen's and has to stay it.
    assert_eq!(
        line("bootargs = \"loglvl=all\";"),
        "loglvl=all sync_console dom0_mem=4096K dom0_max_vcpus=2"
    );
}

#[test]
fn bootargs_is_xens_only_beside_dom0s() {
    let line = |chosen: &str| {
        let source = format!(
            "chosen {{ bootargs = \"of whom\"; {chosen} hypervisor {{ compatible = \"hypervisor,xen\"; dom0 {{ \
             compatible = \"xen,domain\"; cpus = <2>; }}; }}; }};"
        );
        let (tree, _) = lowered(&source, None);
        text(&tree, "/chosen", "xen,xen-bootargs").map(ToString::to_string)
    };
    assert_eq!(line("").as_deref(), Some("dom0_max_vcpus=2"));
    let told = line("xen,dom0-bootargs = \"ro\";");
    assert_eq!(told.as_deref(), Some("of whom dom0_max_vcpus=2"));
}

#[test]
fn the_domains_own_command_line_is_its_kernels() {
    let source = guest(
        "bootargs = \"of the domain\"; a { compatible = \"module,kernel\"; mb-index = <1>; }; b { compatible = \"module,ramdisk\"; \
         mb-index = <1>; };",
    );
    let bootargs = |line: &str, at: &str| {
        let (tree, _) = lowered(&source, Some(&modules(&[line])));
        text(&tree, &format!("/chosen/guest/module@{at}"), "bootargs").map(ToString::to_string)
    };
    assert_eq!(bootargs("Image", "0").as_deref(), Some("of the domain"));
    assert_eq!(bootargs("Image of the line", "0").as_deref(), Some("of the line"));
    assert_eq!(bootargs("Image of the line", "1"), None);
}

#[test]
fn dom0s_other_words_are_named() {
    let source = r#"chosen { hypervisor { compatible = "hypervisor,xen"; dom0 { compatible = "xen,domain"; permissions = <3>; vpl011;
        nr_spis = <3>; security-id = "mine_t"; e: ec { compatible = "xen,evtchn-v1"; xen,evtchn = <10 &e>; };
        v { compatible = "xen,vcpu"; };
    }; }; };"#;
    let (tree, findings) = lowered(source, None);
    assert_eq!(names(&tree, "/chosen"), ["ec"]);
    assert_eq!(tree.phandle(tree.find("/chosen/ec").unwrap()), Some(1));
    assert_eq!(
        complaints(&findings),
        [
            "Warning: /chosen/hypervisor/dom0: Xen on Arm has no place for vpl011, nr_spis, v of this domain; left out",
            "Warning: /chosen/hypervisor/dom0: security-id \"mine_t\" is left out; Xen on Arm labels the domains that it makes itself",
        ]
    );
}

#[test]
fn memory_has_many_forms() {
    let forms = [
        ("<131072>", 131_072),
        ("<0x0 0x20000>", 0x2_0000),
        ("<0x40000000 0x20000>", 0x2_0000),
        ("<0x0 0x40000000 0x0 0x20000>", 0x2_0000),
        ("<0x0 0x10000 0x0 0x20000>", 0x2_0000),
        ("<0x8 0x0 0x1 0x0>", 0x1_0000_0000),
        ("\"16M\"", 16 << 10),
        ("\"min:64M\", \"max:128M\"", 128 << 10),
        ("\"min:64M | max:128M | 32M\"", 128 << 10),
        ("\"0x100\"", 256),
    ];
    for (form, expected) in forms {
        let (tree, _) = lowered(&guest(&format!("memory = {form};")), None);
        assert_eq!(
            tree.u64(tree.find("/chosen/guest").unwrap(), "memory"),
            Some(expected),
            "{form}"
        );
    }
}

#[test]
fn other_trees_stay_as_they_are() {
    for source in [
        "",
        "chosen { };",
        "chosen { hypervisor { compatible = \"hypervisor,other\"; }; };",
        "hypervisor { compatible = \"hypervisor,xen\"; };",
    ] {
        let (mut tree, mut findings) = (tree(source), Vec::new());
        let before = tree.print(tree.root()).to_string();
        assert_eq!(lower(&mut tree, None, &mut findings), Ok(false));
        assert_eq!((tree.print(tree.root()).to_string(), findings.len()), (before, 0));
    }
}
