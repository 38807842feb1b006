//! The results as a table of medians and ratios.

use std::fmt;
use std::sync::Once;

use qemu::Machine;

/// What a row's numbers are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Seconds: less is better.
    Seconds,
    /// MiB/s: more is better.
    MiBPerSecond,
    /// KiB: less is better.
    KiB,
}

/// One thing that was measured, for both loaders; a run that failed is `None`.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) u_boot: Vec<Option<f64>>,
    pub(crate) slipway: Vec<Option<f64>>,
}

/// All rows.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds a row.
    pub(crate) fn push(&mut self, row: Row) {
        self.0.push(row);
    }
}

/// Prints QEMU's options once, so that a figure never stands without them.
pub(crate) fn options(what: &str, machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let words: Vec<_> = machine
            .arguments()
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        eprintln!(
            "bench: QEMU options of {what}, but for -bios and -netdev: {}",
            words.join(" ")
        );
    });
}

/// The median; `None` if any run failed.
fn median(runs: &[Option<f64>]) -> Option<f64> {
    let mut runs: Vec<f64> = runs.iter().copied().collect::<Option<_>>()?;
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied()
}

impl Kind {
    fn show(self, value: Option<f64>) -> String {
        match (self, value) {
            (_, None) => "fails".to_owned(),
            (Self::Seconds, Some(value)) => format!("{value:.3} s"),
            (Self::MiBPerSecond, Some(value)) => format!("{value:.1} MiB/s"),
            (Self::KiB, Some(value)) => format!("{value:.0} KiB"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | U-Boot | Slipway | Slipway / U-Boot |")?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        for Row {
            name,
            kind,
            u_boot,
            slipway,
        } in &self.0
        {
            let (u_boot, slipway) = (median(u_boot), median(slipway));
            let ratio = u_boot
                .zip(slipway)
                .map_or("-".to_owned(), |(u_boot, slipway)| format!("{:.2}x", slipway / u_boot));
            writeln!(
                f,
                "| {name} | {} | {} | {ratio} |",
                kind.show(u_boot),
                kind.show(slipway)
            )?;
        }
        Ok(())
    }
}
