//! The same command lines for Slipway and for U-Boot: `tests/differential/README.md` says how, and how to add to them.

use std::collections::BTreeSet;

use system_tests::differential::{Report, cases, names, simulated};

/// One test for each session, so that they run beside one another.
macro_rules! sessions {
    ($($name:ident),* $(,)?) => {
        const SESSIONS: &[&str] = &[$(stringify!($name)),*];

        /// Beside U-Boot, in QEMU and in the simulation.
        #[cfg(feature = "qemu")]
        mod beside_u_boot {
            $(#[test] fn $name() { super::beside_u_boot(stringify!($name)); })*
        }
    };
}

sessions!(
    conditions,
    environment,
    expressions,
    fdt,
    fit,
    images,
    language,
    memory,
    misc,
    network,
    pxe,
    setexpr,
    storage,
    system,
    variables
);

#[cfg(feature = "qemu")]
fn beside_u_boot(name: &str) {
    use system_tests::differential::{in_qemu, u_boot};

    let (cases, ours) = (cases(name), in_qemu(name));
    let report = Report::beside_u_boot(&cases, &u_boot(name), &ours);
    assert!(report.differences.is_empty(), "{name}: {report}");
    let report = Report::in_simulation(&cases, &ours, &simulated(name));
    assert!(report.differences.is_empty(), "{name}: {report}");
}

#[test]
fn every_file_has_its_test() {
    assert_eq!(
        names(),
        SESSIONS,
        "the list in sessions! is that of tests/differential/*.txt"
    );
}

/// Without QEMU, hence for every change: what is meant to differ from U-Boot has not changed.
#[test]
fn what_differs_on_purpose_is_as_it_was() {
    for name in SESSIONS {
        let report = Report::of_intended(&cases(name), &simulated(name));
        assert!(report.differences.is_empty(), "{name}: {report}");
    }
}

/// Each difference has its reason in the documentation, and each reason there is one of a difference.
#[test]
fn every_difference_has_its_reason() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../loader/docs/differences.md");
    let document = std::fs::read_to_string(path).unwrap();
    let headings: BTreeSet<String> = document
        .lines()
        .filter_map(|line| Some(line.strip_prefix("### ")?.to_owned()))
        .collect();
    let all = SESSIONS.iter().flat_map(|name| cases(name));
    let used: BTreeSet<String> = all.filter_map(|case| Some(case.intended?.reason)).collect();
    assert_eq!(
        headings, used,
        "the headings of loader/docs/differences.md are the reasons in tests/differential"
    );
}
