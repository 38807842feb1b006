//! Overlays: the same as `fdtoverlay` makes, and what does not fit is named.

use super::listing;
use crate::devicetree::{OverlayError, Tree};
use alloc::string::ToString;
use alloc::vec::Vec;

macro_rules! fixture {
    ($name:literal) => {
        Tree::parse(include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/overlay/",
            $name,
            ".dtb"
        )))
        .unwrap()
    };
}

fn applied(mut base: Tree, overlays: impl IntoIterator<Item = Tree>) -> Tree {
    for overlay in overlays {
        base.apply(overlay).unwrap();
    }
    base
}

#[test]
fn fdtoverlay_gives_the_same() {
    for (ours, theirs) in [
        (applied(fixture!("base"), [fixture!("sensor")]), fixture!("base+sensor")),
        (applied(fixture!("base"), [fixture!("path")]), fixture!("base+path")),
        (applied(fixture!("plain"), [fixture!("path")]), fixture!("plain+path")),
        (
            applied(fixture!("base"), [fixture!("sensor"), fixture!("path")]),
            fixture!("base+sensor+path"),
        ),
    ] {
        assert_eq!(listing(&ours), listing(&theirs));
    }
}

#[test]
fn a_phandle_in_use_is_kept() {
    let before = fixture!("base");
    let clock = before.phandle(before.find("/soc/clock").unwrap());
    let tree = applied(fixture!("base"), [fixture!("relabel")]);
    assert_eq!(tree.phandle(tree.find("/soc/clock").unwrap()), clock);
    let uses = |path: &str| tree.cells(tree.find(path).unwrap(), "clocks").unwrap()[0];
    assert_eq!(Some(uses("/soc/serial@9000000")), clock);
    assert_eq!(Some(uses("/soc/user")), clock);
}

/// An overlay of one fragment; `change` bends it.
fn bent(change: impl FnOnce(&mut Tree)) -> OverlayError {
    let mut overlay = fixture!("sensor");
    change(&mut overlay);
    fixture!("base").apply(overlay).unwrap_err()
}

fn set(path: &'static str, name: &'static str, value: &'static [u8]) -> impl FnOnce(&mut Tree) {
    move |tree| tree.set(tree.find(path).unwrap(), name, value).unwrap()
}

#[test]
fn what_does_not_fit_is_named() {
    let cases: Vec<(OverlayError, &str)> = Vec::from([
        (
            fixture!("plain").apply(fixture!("sensor")).unwrap_err(),
            "the overlay refers to the label 'uart0' and the base has no /__symbols__",
        ),
        (
            fixture!("base").apply(fixture!("base")).unwrap_err(),
            "it is no overlay",
        ),
        (
            bent(set("/__fixups__", "nosuch", b"/fragment@0:target:0\0")),
            "the label 'nosuch', and the base has none",
        ),
        (
            bent(set("/__fixups__", "uart0", b"/fragment@0:target:4\0")),
            "__fixups__ has '/fragment@0:target:4'",
        ),
        (
            bent(set("/__fixups__", "uart0", b"/fragment@0:target\0")),
            "__fixups__ has '/fragment@0:target'",
        ),
        (
            bent(set("/__fixups__", "uart0", b"/fragment@9:target:0\0")),
            "__fixups__ has '/fragment@9:target:0'",
        ),
        (
            bent(set(
                "/__local_fixups__/fragment@0/__overlay__",
                "assigned-clocks",
                &[0xff; 4],
            )),
            "__local_fixups__ has '/fragment@0/__overlay__:assigned-clocks:4294967295'",
        ),
        (
            bent(set("/fragment@2", "target-path", b"/nowhere\0")),
            "/fragment@2 is for /nowhere, and the base has no such node",
        ),
        (
            bent(|tree| {
                tree.remove_property(tree.find("/fragment@2").unwrap(), "target-path")
                    .unwrap()
            }),
            "/fragment@2 has neither target nor target-path",
        ),
        (
            bent(set("/fragment@2", "target", &[0, 0, 0x12, 0x34])),
            "/fragment@2 is for the node with phandle 0x1234, and the base has none",
        ),
        (
            bent(set(
                "/fragment@2/__overlay__/regulator",
                "phandle",
                &[0xff, 0xff, 0xff, 0xfe],
            )),
            "do not fit in 32 bits",
        ),
    ]);
    for (error, sentence) in cases {
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

/// Every word of the blob replaced: an answer or an error, no panic.
#[test]
fn bent_overlays_do_no_harm() {
    let blob = fixture!("sensor").emit(0).unwrap();
    for at in (0..blob.len() - 3).step_by(4) {
        for word in [[0; 4], [0xff; 4], [0, 0, 0, 1]] {
            let mut bent = blob.clone();
            bent[at..at + 4].copy_from_slice(&word);
            if let Ok(overlay) = Tree::parse(&bent) {
                let mut base = fixture!("base");
                if base.apply(overlay).is_ok() {
                    Tree::parse(&base.emit(0).unwrap()).unwrap();
                }
            }
        }
    }
}
