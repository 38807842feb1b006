//! Files from outside must not use up the loader's heap: there is no coming back from that. The worst that the limits let through is
//! measured here against a share of the 15.5 MiB that the firmware has.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use loader_core::devicetree::Tree;
use loader_core::shell::{PIECE_LIMIT, SOURCE_LIMIT, parser};

/// Counts the bytes in use, and the most there were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// What an allocation takes at least on the loader's heap.
const GRAIN: usize = 16;

fn rounded(len: usize) -> usize {
    len.next_multiple_of(GRAIN)
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(rounded(layout.size()), Ordering::Relaxed) + rounded(layout.size());
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(rounded(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// What one piece of work may take: the rest is for what else there is, and for gaps.
const BUDGET: usize = 10 << 20;

/// One measurement at a time.
static TURN: Mutex<()> = Mutex::new(());

/// The most that `work` had in use at once, in bytes. The default `realloc` allocates before it frees, as on the loader's heap.
fn most(work: impl FnOnce()) -> usize {
    let before = IN_USE.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    work();
    MOST.load(Ordering::Relaxed) - before
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A blob around a structure and a strings block.
fn blob(structs: &[u8], strings: &[u8]) -> Vec<u8> {
    let strings_at = 56 + structs.len();
    let total = strings_at + strings.len();
    let header = [
        0xd00d_feed,
        total,
        56,
        strings_at,
        40,
        17,
        16,
        0,
        strings.len(),
        structs.len(),
    ];
    let mut blob = words(&header.map(|word| u32::try_from(word).unwrap()));
    blob.resize(56, 0);
    blob.extend(structs);
    blob.extend(strings);
    blob
}

/// A tree of `nodes` nodes below the root, with `properties` properties of `len` bytes in each.
fn tree(nodes: usize, properties: usize, len: usize) -> Vec<u8> {
    let mut structs = words(&[1, 0]);
    for node in 0..nodes {
        structs.extend(words(&[1]));
        structs.extend(format!("n{node:06}\0").bytes());
        for property in 0..properties {
            structs.extend(words(&[
                3,
                u32::try_from(len).unwrap(),
                u32::try_from(property * 6).unwrap(),
            ]));
            structs.extend(vec![1; len.next_multiple_of(4)]);
        }
        structs.extend(words(&[2]));
    }
    structs.extend(words(&[2, 9]));
    let strings: Vec<u8> = (0..properties)
        .flat_map(|property| format!("{property:05}\0").into_bytes())
        .collect();
    blob(&structs, &strings)
}

#[test]
fn the_largest_trees_are_read_and_written() {
    let _turn = TURN.lock().unwrap();
    let shapes = [
        (8000, 0, 0),
        (8000, 4, 0),
        (6400, 5, 4),
        (8000, 3, 40),
        (1, 32_767, 0),
        (1, 1, (2 << 20) - 64),
        (1, 98, 20_000),
    ];
    for (nodes, properties, len) in shapes {
        let blob = tree(nodes, properties, len);
        let taken = most(|| {
            let tree = Tree::parse(&blob).unwrap();
            assert!(tree.emit(4096).is_ok());
        });
        assert!(
            taken < BUDGET,
            "{nodes} nodes, {properties} properties of {len} bytes: {taken}"
        );
    }
}

#[test]
fn larger_trees_are_refused_in_time() {
    let _turn = TURN.lock().unwrap();
    for (nodes, properties, len) in [(65_000, 0, 0), (65_000, 2, 4), (1, 1, 7 << 20), (20, 20_000, 0)] {
        let blob = tree(nodes, properties, len);
        let taken = most(|| assert!(Tree::parse(&blob).is_err()));
        assert!(
            taken < BUDGET,
            "{nodes} nodes, {properties} properties of {len} bytes: {taken}"
        );
    }
}

#[test]
fn the_worst_scripts_are_parsed() {
    let _turn = TURN.lock().unwrap();
    for piece in [
        "a;",
        "$a",
        "a ",
        "\"\"a",
        "a=a;",
        "a=$a ",
        "if a;then b;fi;",
        "${a:-b}",
        "a;a&&",
        "for a in a a;do a;done;",
    ] {
        let source = piece.repeat(SOURCE_LIMIT / piece.len());
        let taken = most(|| drop(parser::parse(&source)));
        let half = piece.repeat(PIECE_LIMIT / piece.len());
        let largest = most(|| drop(parser::parse(&half)));
        assert!(taken.max(largest) < BUDGET, "{piece}: {taken}, {largest}");
    }
}
