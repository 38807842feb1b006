//! What will be started, in one table, and a map of memory at the jump.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::Region;

use super::map::Layout;
use crate::memory::Memory;

/// Columns of the table: domain, module, file, address, size in bytes.
type Row = [String; 5];

/// The table of what is started: domain, module, file, address, exact size in bytes (decimal). One line each.
#[must_use]
pub fn table(layout: &Layout) -> Vec<String> {
    let mut rows = Vec::from([["domain", "module", "file", "address", "size"].map(ToString::to_string)]);
    let host = if layout.image.is_xen { "Xen" } else { "Linux" };
    rows.push(row(
        [host, "image", &layout.image.name],
        layout.image.target.start().get(),
        layout.image.source.len(),
    ));
    rows.push(row([host, "dtb", ""], layout.tree.start().get(), layout.tree.len()));
    for (index, domain) in layout.plan.domains.iter().enumerate() {
        let modules = layout.plan.modules_of(index).map(|module| {
            let words = [domain.name.as_str(), &module.role.to_string(), module.file_name()];
            row(words, module.region.start().get(), module.region.len())
        });
        rows.extend(modules);
        rows.extend(layout.ramdisk.iter().filter(|_| index == 0).map(|ramdisk| {
            let owner = if layout.plan.is_for_xen() { &domain.name } else { host };
            row(
                [owner, "ramdisk", &ramdisk.name],
                ramdisk.region.start().get(),
                ramdisk.region.len(),
            )
        }));
    }
    aligned(&rows)
}

fn row([domain, module, file]: [&str; 3], address: u64, size: u64) -> Row {
    [
        domain.to_string(),
        module.to_string(),
        file.to_string(),
        format!("{address:#x}"),
        size.to_string(),
    ]
}

/// Text columns to the left, numbers to the right, each as wide as its widest entry.
fn aligned(rows: &[Row]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(String::len)
            .max()
            .unwrap_or(0)
    };
    let [w0, w1, w2, w3, w4] = [0, 1, 2, 3, 4].map(width);
    let line = |[domain, module, file, address, size]: &Row| {
        format!("{domain:w0$}  {module:w1$}  {file:w2$}  {address:>w3$}  {size:>w4$}")
    };
    rows.iter().map(line).collect()
}

/// The map of memory: each bank, below it what lies in it by address. One line each.
#[must_use]
pub fn memory_map(layout: &Layout, memory: &Memory) -> Vec<String> {
    let mut entries: Vec<(Region, String)> = layout
        .parts()
        .into_iter()
        .map(|part| (part.region, part.what))
        .collect();
    let reserved = memory
        .reservations()
        .iter()
        .map(|entry| (entry.region, format!("[{}]", entry.owner)));
    entries.extend(reserved);
    entries.sort();
    let mut lines = Vec::new();
    for bank in memory.banks() {
        lines.push(format!("{}  {:>9}  RAM", range(*bank), size(bank.len())));
        let inside = entries.iter().filter(|(region, _)| bank.overlaps(*region));
        lines.extend(inside.map(|(region, what)| format!("{}  {:>9}    {what}", range(*region), size(region.len()))));
    }
    lines
}

fn range(region: Region) -> String {
    format!("{:#012x}..{:#012x}", region.start().get(), region.end().get())
}

/// A length for people, as U-Boot prints it: `1.2 MiB`, `64 KiB`, `12 Bytes`, rounded to a tenth.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return format!("{bytes} Bytes");
    };
    let tenths = (u128::from(bytes) * 10 + u128::from(unit / 2)) / u128::from(unit);
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {name}"),
        (whole, tenth) => format!("{whole}.{tenth} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_for_people() {
        assert_eq!(size(0), "0 Bytes");
        assert_eq!(size(1023), "1023 Bytes");
        assert_eq!(size(0x10_0000), "1 MiB");
        assert_eq!(size(0x13_0000), "1.2 MiB");
        assert_eq!(size(100_000), "97.7 KiB");
        assert_eq!(size((1 << 30) - 1), "1024 MiB");
        assert_eq!(size(u64::MAX), "17179869184 GiB");
    }
}
