//! The fuzzer's corpus, and what it once found, through the functions that the fuzzer calls: without a fuzzer, hence for every change.

#[expect(unreachable_pub, reason = "the fuzzer's own crate exports them")]
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::path::Path;

/// A target's name, and what it does with its bytes.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("console", targets::console),
    ("env_import", targets::env_import),
    ("ext4", targets::ext4),
    ("extlinux", targets::extlinux),
    ("fat", targets::fat),
    ("fdt", targets::fdt),
    ("fit", targets::fit),
    ("http", targets::http),
    ("network", targets::network),
    ("partition", targets::partition),
    ("setexpr_regex", targets::setexpr_regex),
    ("shell", targets::shell),
    ("uimage", targets::uimage),
    ("xen_config", targets::xen_config),
    ("xen_tree", targets::xen_tree),
];

/// How large the corpus may be, in bytes: it lives in the repository.
const LIMIT: u64 = 1 << 20;

#[test]
fn the_corpus_is_passed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut size = 0;
    for (name, target) in TARGETS {
        let files = std::fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut inputs = 0;
        for file in files {
            let path = file.unwrap().path();
            let data = std::fs::read(&path).unwrap();
            size += data.len() as u64;
            inputs += 1;
            // What is printed is shown with the failure only.
            println!("{}", path.display());
            target(&data);
        }
        assert!(inputs > 0, "{name} has no seeds");
    }
    assert!(size < LIMIT, "the corpus has {size} bytes");
    let folders = std::fs::read_dir(corpus).unwrap().count();
    assert_eq!(folders, TARGETS.len(), "each folder of the corpus is a target's");
}
