//! Every devicetree of Debian's arm64 kernel packages, read and written again: `dtc` must see the same tree in both.
//!
//! `scripts/setup` puts the trees into the cache. Without the cache the test says so and passes, except in CI.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs, thread};

use loader_core::devicetree::Tree;
use qemu::Guests;

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "dtb") {
            found.push(path);
        }
    }
}

/// The tree in `blob` as `dtc` writes it.
fn source_of(blob: &Path) -> Result<Vec<u8>, String> {
    let output = Command::new("dtc")
        .args(["-q", "-I", "dtb", "-O", "dts"])
        .arg(blob)
        .output();
    let output = output.map_err(|error| format!("dtc: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn check(original: &Path, scratch: &Path) -> Result<(), String> {
    let blob = fs::read(original).map_err(|error| error.to_string())?;
    let tree = Tree::parse(&blob).map_err(|error| error.to_string())?;
    let written = tree.emit(0x400).map_err(|error| error.to_string())?;
    fs::write(scratch, &written).map_err(|error| error.to_string())?;
    if source_of(original)? == source_of(scratch)? {
        Ok(())
    } else {
        Err("dtc sees another tree".into())
    }
}

#[test]
fn every_tree_of_debians_kernel_survives_a_round_trip() {
    let mut blobs = Vec::new();
    match Guests::open() {
        Ok(guests) => collect(&guests.device_trees(), &mut blobs),
        Err(error) if env::var_os("CI").is_none() => return eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    }
    assert!(
        blobs.len() > 700,
        "only {} trees in the cache: run scripts/setup",
        blobs.len()
    );
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (worker, part) in blobs.chunks(blobs.len().div_ceil(2)).enumerate() {
            let failures = &failures;
            scope.spawn(move || {
                let scratch = env::temp_dir().join(format!("slipway-corpus-{}-{worker}.dtb", std::process::id()));
                for blob in part {
                    if let Err(error) = check(blob, &scratch) {
                        failures.lock().unwrap().push(format!("{}: {error}", blob.display()));
                    }
                }
                let _ = fs::remove_file(&scratch);
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} trees failed:\n{}",
        failures.len(),
        blobs.len(),
        failures.join("\n")
    );
    println!("{} devicetrees read and written without a difference", blobs.len());
}
