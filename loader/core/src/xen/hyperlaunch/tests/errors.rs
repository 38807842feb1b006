//! What cannot be booted, and the sentences that say why.

use super::{HyperlaunchError, error, format, guest, lower, lowered, modules};
use crate::devicetree::{EditError, Tree};
use crate::xen::graft::{GraftError, MAX_CHOSEN, MAX_DOMAINS, MAX_MODULES};
use crate::xen::testing::{complaints, tree};
use alloc::string::String;
use alloc::vec::Vec;

fn module(inside: &str) -> String {
    guest(&format!("m {{ compatible = \"module,kernel\"; {inside} }};"))
}

#[test]
fn a_module_has_one_place() {
    let at = "/chosen/hypervisor/guest@1/m";
    let two = error(&module("mb-index = <1>; module-addr = <1 2>;"), None);
    assert_eq!(
        two,
        format!("{at} says by mb-index and by module-addr where its bytes are: take one of them out")
    );
    let two = error(&module("module-index = <1>; reg = <0x40000000 0x1000>;"), None);
    assert_eq!(
        two,
        format!("{at} says by module-index and by reg where its bytes are: take one of them out")
    );
    let none = error(&module(""), None);
    assert_eq!(
        none,
        format!("{at} does not say where its bytes are: it needs mb-index, module-addr or xen,uefi-binary")
    );
    // A number for the sake of the unit address is no place.
    assert_eq!(error(&module("reg = <0>;"), None), none);
    for odd in [
        "module-addr = <1>;",
        "module-addr = [00];",
        "module-addr = <1 2 3 4 5>;",
        "module-addr;",
        "reg = <1 2 3 4 5>;",
    ] {
        assert!(
            error(&module(odd), None).contains(" bytes; an address and a size that fit 64 bits are 2, 3 or 4 cells"),
            "{odd}"
        );
    }
}

#[test]
fn a_number_names_a_line() {
    let at = "/chosen/hypervisor/guest@1/m";
    assert_eq!(
        error(&module("mb-index = <3>;"), None),
        format!(
            "{at}: mb-index = <3> is a place in the list of modules, and there is no xen.cfg: \
             write one with a line module=FILE [args] for each, the first is number 1"
        )
    );
    assert_eq!(
        error(&module("module-index = <3>;"), Some(&modules(&["a", "b"]))),
        format!(
            "{at}: module-index = <3>, and xen.cfg has 2 line(s) module=FILE: \
             the first is number 1 (0 is the device tree), so 3 of them are needed"
        )
    );
    assert_eq!(
        error(&module("mb-index = <0>;"), Some(&modules(&["a"]))),
        format!("{at}: mb-index = <0> is the device tree itself; the first line module=FILE is number 1")
    );
    assert_eq!(
        error(&module("mb-index = <0 1>;"), Some(&modules(&["a"]))),
        format!("{at}: mb-index has 8 bytes and is one cell of 4")
    );
    assert!(error(&module("mb-index = <0xffffffff>;"), Some(&modules(&["a"]))).contains("so 4294967295 of them"));
}

#[test]
fn numbers_are_cells() {
    for name in ["cpus", "domid", "functions", "permissions", "role", "capabilities"] {
        let message = error(&guest(&format!("{name} = [00 01];")), None);
        assert_eq!(
            message,
            format!("/chosen/hypervisor/guest@1: {name} has 2 bytes and is one cell of 4")
        );
    }
    for bad in [
        "<0>",
        "<0 0>",
        "<1 2 3>",
        "<1 2 3 4 5>",
        "[00]",
        "\"much\"",
        "\"\"",
        "\"1M\", \"x\"",
        "\"-1\"",
    ] {
        let message = error(&guest(&format!("memory = {bad};")), None);
        assert!(
            message.starts_with("/chosen/hypervisor/guest@1: memory ("),
            "{bad}: {message}"
        );
    }
}

#[test]
fn two_hardware_domains_are_one_too_many() {
    let source = "chosen { hypervisor { compatible = \"hypervisor,xen\"; a { compatible = \"xen,domain\"; permissions = <2>; }; \
                  b { compatible = \"xen,domain\"; functions = <0x80000000>; }; }; };";
    assert_eq!(
        error(source, None),
        "/chosen/hypervisor/a and /chosen/hypervisor/b are both made the hardware domain, and Xen makes one dom0: take it from one of them"
    );
}

#[test]
fn a_policy_and_a_stranger_in_a_domain_are_left_out() {
    let source = guest(
        "a { compatible = \"module,xsm-policy\"; mb-index = <1>; }; b { compatible = \"module,domain-builder\"; }; \
         c { compatible = \"multiboot,module\"; };",
    );
    let (_, findings) = lowered(&source, None);
    let at = "Warning: /chosen/hypervisor/guest@1";
    assert_eq!(
        complaints(&findings),
        [
            format!("{at}/a (\"module,xsm-policy\") is left out: a policy is Xen's, and stands in the config node"),
            format!("{at}/b (\"module,domain-builder\") is left out: Xen on Arm builds the domains itself"),
            format!("{at}/c (\"multiboot,module\") is left out: it is neither a kernel, a ramdisk nor a device tree"),
        ]
    );
}

#[test]
fn an_address_that_the_new_cells_do_not_hold_is_named() {
    let source = "#address-cells = <1>; #size-cells = <1>; chosen { hypervisor { compatible = \"hypervisor,xen\"; dom0 { \
                  compatible = \"xen,domain\"; k { compatible = \"module,kernel\"; module-addr = <1 0 0 16>; }; }; }; };";
    assert_eq!(
        error(source, None),
        "/chosen/hypervisor/dom0/k: 0x100000000 does not fit the 1 cell(s) that #address-cells of /chosen gives it"
    );
}

/// A hypervisor with `count` domains, each with `modules` modules.
fn large(domains: usize, modules: usize) -> Tree {
    let mut tree = tree("chosen { hypervisor { compatible = \"hypervisor,xen\"; }; };");
    let hypervisor = tree.find("/chosen/hypervisor").unwrap();
    for number in 0..domains {
        let domain = tree.add(hypervisor, &format!("domain@{number}")).unwrap();
        tree.set_strings(domain, "compatible", &["xen,domain"]).unwrap();
        for number in 0..modules {
            let module = tree.add(domain, &format!("m{number}")).unwrap();
            tree.set_strings(module, "compatible", &["module,ramdisk"]).unwrap();
            tree.set_strings(module, "xen,uefi-binary", &["f"]).unwrap();
        }
    }
    tree
}

#[test]
fn there_are_bounds() {
    let run = |mut tree: Tree| lower(&mut tree, None, &mut Vec::new());
    assert_eq!(run(large(MAX_DOMAINS, MAX_MODULES)), Ok(true));
    assert_eq!(
        run(large(MAX_DOMAINS + 1, 0)).unwrap_err(),
        HyperlaunchError::Graft(GraftError::TooManyDomains {
            node: "/chosen/hypervisor".into(),
            count: MAX_DOMAINS + 1
        })
    );
    assert_eq!(
        run(large(1, MAX_MODULES + 1)).unwrap_err(),
        HyperlaunchError::Graft(GraftError::TooManyModules {
            node: "/chosen/hypervisor/domain@0".into(),
            count: MAX_MODULES + 1
        })
    );
    let mut crowded = large(1, 1);
    let chosen = crowded.find("/chosen").unwrap();
    for number in 0..MAX_CHOSEN {
        crowded.add(chosen, &format!("n{number}")).unwrap();
    }
    assert!(matches!(
        run(crowded),
        Err(HyperlaunchError::Graft(GraftError::Crowded { .. }))
    ));
}

#[test]
fn a_full_tree_is_an_error() {
    let mut tree = large(1, 1);
    let root = tree.root();
    let mut number = 0;
    while tree.add(root, &format!("n{number}")).is_ok() {
        number += 1;
    }
    let result = lower(&mut tree, None, &mut Vec::new());
    assert_eq!(result, Err(HyperlaunchError::Edit(EditError::TooManyNodes)));
}
