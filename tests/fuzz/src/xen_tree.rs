//! Trees in any form that describes a boot of Xen, as the fuzzer makes them up.

use hal::{PhysAddr, Region};
use loader_core::boot::room::{FilesRoom, Need};
use loader_core::devicetree::Tree;
use loader_core::xen::config::{Config, Section};
use loader_core::xen::module::FILE;
use loader_core::xen::plan::{self, Plan, SettleError};

/// The most nodes of a tree that is looked at: what takes long is not what is looked for.
const NODES: usize = 512;

/// Numbers that look random and are the same every time (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A place for a file: mostly below 4 GiB or just above, at times anywhere.
    fn place(&mut self) -> Region {
        let (shape, start, len) = (self.next(), self.next(), self.next());
        let start = match shape % 4 {
            0 => start,
            1 => (1 << 32) - (start & 0x1fff),
            _ => start & 0x1_ffff_f000,
        };
        let len = if shape & 16 == 0 { len & 0xff_ffff } else { len };
        let region = Region::new(PhysAddr(start), len);
        region
            .or_else(|| Region::new(PhysAddr(start), 0))
            .expect("no byte ends where it begins")
    }
}

/// A tree, and behind it a `xen.cfg`: the plan of it, and each of its files somewhere.
pub(super) fn xen_tree(data: &[u8]) {
    let Ok(tree) = Tree::parse(data) else { return };
    if tree.nodes().count() > NODES {
        return;
    }
    let section = section(data);
    let mut findings = Vec::new();
    let plan = match plan::make(tree, section.as_ref(), &mut findings) {
        Ok(plan) => plan,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    room(&plan);
    let Plan { mut tree, files } = plan;
    let seed = data.iter().fold(1, |seed: u64, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    let mut numbers = Numbers(seed | 1);
    for wanted in &files {
        assert!(!wanted.file.is_empty() && !wanted.file.contains(char::is_control));
        assert!(!wanted.users.is_empty() && (wanted.widens || !wanted.anywhere));
        let place = numbers.place();
        match plan::settle(&mut tree, &wanted.users, place) {
            Ok(()) => {}
            Err(SettleError::Edit(_)) => return,
            Err(error) => {
                // Two cells each hold anything.
                let cells = |node| (tree.address_cells(node), tree.size_cells(node));
                let above = wanted.users.iter().filter_map(|node| tree.parent(*node));
                assert!(above.map(cells).any(|cells| cells != (2, 2)), "{error}");
                return;
            }
        }
        for node in &wanted.users {
            assert_eq!(tree.reg(*node), Ok(vec![(place.start().get(), place.len())]));
        }
    }
    assert!(
        tree.nodes()
            .all(|node| tree.property(node, FILE).is_none() || !below_chosen(&tree, node))
    );
    if let Ok(blob) = tree.emit(0) {
        assert!(Tree::parse(&blob).is_ok(), "what was planned cannot be read");
    }
}

fn below_chosen(tree: &Tree, node: loader_core::devicetree::NodeId) -> bool {
    tree.path(node).starts_with("/chosen/")
}

/// The section of what lies behind the tree, if it has one that can be read.
fn section(data: &[u8]) -> Option<Section> {
    let len = data.get(4..8)?.try_into().ok().map(u32::from_be_bytes)?;
    let rest = data.get(usize::try_from(len).ok()?..).filter(|rest| !rest.is_empty())?;
    Config::parse("xen.cfg", rest).ok()?.section(None).ok()
}

/// What the tree leaves free is found in any case.
fn room(plan: &Plan) {
    let memory = super::machine().0.memory;
    let mut room = FilesRoom::new(&memory, &plan.tree);
    for (need, size) in [
        (Need::Other, Some(1)),
        (Need::Kernel, Some(0x1000)),
        (Need::Ramdisk, None),
    ] {
        if let Ok(place) = loader_core::source::Room::place(&mut room.slot(need, true), size) {
            assert_eq!(memory.check(place), Ok(()));
            room.take(need, place);
        }
    }
}
