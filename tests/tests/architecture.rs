//! The layers import downwards only: each crate of the workspace may depend on what stands here and on nothing else of it.

use std::process::Command;

use serde_json::Value;

/// Who may depend on whom. `firmware` needs `board-schema` to build, not to run.
const ALLOWED: &[(&str, &[&str])] = &[
    ("board-schema", &[]),
    ("devices", &["hal"]),
    ("firmware", &["board-schema (build)", "devices", "hal", "loader-core"]),
    ("hal", &[]),
    ("loader-core", &["hal"]),
    ("qemu", &[]),
    ("slipway-sim", &["board-schema", "devices", "hal", "loader-core"]),
    (
        "system-tests",
        &["board-schema", "devices", "hal", "loader-core", "qemu", "slipway-sim"],
    ),
];

/// What cargo says of the workspace's own crates.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    metadata["packages"].as_array().expect("packages are a list").clone()
}

/// A dependency on a crate of the workspace, named with its kind unless it is an ordinary or a test's.
fn edge(dependency: &Value) -> Option<String> {
    dependency["path"].as_str()?;
    let name = dependency["name"].as_str()?.to_owned();
    match dependency["kind"].as_str() {
        Some("build") => Some(name + " (build)"),
        _ => Some(name),
    }
}

#[test]
fn crates_depend_downwards_only() {
    let packages = packages();
    assert_eq!(
        packages.len(),
        ALLOWED.len(),
        "a crate came or went: say here what it may depend on"
    );
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let allowed = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("crate {name} has no place in the layers"));
        for edge in package["dependencies"].as_array().unwrap().iter().filter_map(edge) {
            assert!(
                allowed.contains(&edge.as_str()),
                "crate {name} must not depend on {edge}"
            );
        }
    }
}
