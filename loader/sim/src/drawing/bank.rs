//! A bank of RAM: a bar to scale, and beside it a row for each part, enlarged, and for each hole, shortened.

use loader_core::boot::report::size;

use super::parts::Part;
use super::svg::{Rect, Svg, fit};
use crate::report::{Address, Place};

/// The bar.
const BAR: (u64, u64) = (28, 26);
/// The rows.
const ROW: (u64, u64) = (112, 280);
/// Where addresses stand.
const FIGURES: u64 = 406;

const PART_HEIGHT: u64 = 44;
const HOLE_HEIGHT: u64 = 28;
const OVERLAP_HEIGHT: u64 = 24;
const SPACE: u64 = 4;
/// A bar is not lower than this, or nothing could be seen in it.
const LEAST_BAR: u64 = 140;
/// How far a part that overlaps another is moved to the right.
const INDENT: u64 = 16;

enum Row<'a> {
    Part(&'a Part),
    Hole(Place),
    Overlap(&'a str, Place),
}

impl Row<'_> {
    fn height(&self) -> u64 {
        match self {
            Self::Part(_) => PART_HEIGHT,
            Self::Hole(_) => HOLE_HEIGHT,
            Self::Overlap(..) => OVERLAP_HEIGHT,
        }
    }
}

/// What is drawn of a bank, from top to bottom. Nothing is left out: parts and holes together are the bank.
fn rows(bank: Place, parts: &[Part]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut done = bank.start();
    for part in parts {
        let Some(inside) = part.place.within(bank) else {
            continue;
        };
        rows.extend(hole(done, inside.start()));
        rows.extend(part.overlaps.iter().map(|(other, at)| Row::Overlap(other, *at)));
        rows.push(Row::Part(part));
        done = done.max(inside.end());
    }
    rows.extend(hole(done, bank.end()));
    rows
}

fn hole<'a>(start: u64, end: u64) -> Option<Row<'a>> {
    let size = end.checked_sub(start).filter(|size| *size > 0)?;
    let address = Address(start);
    Some(Row::Hole(Place { address, size }))
}

/// Where the addresses of a bank are in its bar.
struct Scale {
    bank: Place,
    top: u64,
    height: u64,
}

impl Scale {
    fn pixels(&self, bytes: u64) -> u64 {
        let pixels = u128::from(bytes) * u128::from(self.height) / u128::from(self.bank.size.max(1));
        u64::try_from(pixels).unwrap_or(self.height)
    }

    /// From where to where a place is; at least a hair.
    fn span(&self, place: Place) -> (u64, u64) {
        const HAIR: u64 = 2;
        let offset = place.start().saturating_sub(self.bank.start()).min(self.bank.size);
        let end = place.end().saturating_sub(self.bank.start()).min(self.bank.size);
        let start = self.pixels(offset).min(self.height - HAIR);
        (self.top + start, self.top + self.pixels(end).max(start + HAIR))
    }
}

/// Draws a bank below `top`; gives where it ends.
pub(super) fn draw(svg: &mut Svg, top: u64, bank: Place, parts: &[Part]) -> u64 {
    let rows = rows(bank, parts);
    svg.text((BAR.0, top + 16), "h2", &format!("RAM, {}", size(bank.size)));
    svg.text((FIGURES, top + 16), "mono", &range(bank));
    let top = top + 28;
    let height = rows.iter().map(|row| row.height() + SPACE).sum::<u64>().max(LEAST_BAR);
    let scale = Scale { bank, top, height };
    let bar = Rect {
        x: BAR.0,
        y: top,
        width: BAR.1,
        height,
    };
    svg.rect(bar, "ram", &format!("{} to scale", range(bank)));
    let mut y = top;
    for row in &rows {
        match row {
            Row::Part(part) => draw_part(svg, y, part, Some(&scale)),
            Row::Hole(place) => draw_hole(svg, y, *place, scale.pixels(place.size) > HOLE_HEIGHT),
            Row::Overlap(other, at) => draw_overlap(svg, y, other, *at),
        }
        y += row.height() + SPACE;
    }
    top + height + 24
}

/// Draws what lies outside of all RAM; gives where it ends.
pub(super) fn draw_lost(svg: &mut Svg, top: u64, parts: &[&Part]) -> u64 {
    svg.text((BAR.0, top + 16), "h2", "Not in RAM");
    let mut y = top + 28;
    for part in parts {
        draw_part(svg, y, part, None);
        y += PART_HEIGHT + SPACE;
    }
    y + 24
}

fn draw_part(svg: &mut Svg, y: u64, part: &Part, scale: Option<&Scale>) {
    let is_within = scale.is_some_and(|scale| part.place.within(scale.bank) == Some(part.place));
    let is_bad = part.is_bad || (part.kind.is_handed_over() && !is_within);
    let class = if is_bad { "bad" } else { part.kind.class() };
    let hint = format!("{} ({})", part.title, part.detail);
    if let Some(scale) = scale {
        let (from, to) = scale.span(part.place);
        let (left, right) = (BAR.0 + BAR.1, ROW.0);
        svg.line(&[(left, from), (right, y), (right, y + PART_HEIGHT), (left, to)], "ray");
        let mark = Rect {
            x: BAR.0,
            y: from,
            width: BAR.1,
            height: to - from,
        };
        svg.rect(mark, class, &hint);
    }
    let indent = if part.overlaps.is_some() { INDENT } else { 0 };
    let (x, width) = (ROW.0 + indent, ROW.1 - indent);
    let row = Rect {
        x,
        y,
        width,
        height: PART_HEIGHT,
    };
    svg.rect(row, class, &hint);
    draw_bss(svg, row, part);
    let room = width - 16;
    svg.text((x + 8, y + 18), "bold", &fit(&part.title, 15, room));
    svg.text((x + 8, y + 35), "small", &fit(&part.detail, 12, room));
    svg.text((FIGURES, y + 18), "mono", &range(part.place));
    svg.text((FIGURES, y + 35), "small grey", &figures(part));
}

/// Hatches the share of an image that is BSS, at its end.
fn draw_bss(svg: &mut Svg, row: Rect, part: &Part) {
    let Some(file) = part.file_size else { return };
    let bss = u128::from(part.place.size.saturating_sub(file)) * u128::from(row.height);
    let bss = bss.div_ceil(u128::from(part.place.size.max(1)));
    let height = u64::try_from(bss).unwrap_or(row.height).clamp(3, row.height);
    let hatched = Rect {
        y: row.y + row.height - height,
        height,
        ..row
    };
    svg.rect(
        hatched,
        "bss",
        "BSS: RAM that the image takes and the file does not have",
    );
}

fn figures(part: &Part) -> String {
    let bytes = part.place.size;
    match part.file_size {
        Some(file) => format!(
            "{}: file {file} bytes, BSS {}",
            size(bytes),
            size(bytes.saturating_sub(file))
        ),
        None if bytes.is_multiple_of(1024) => size(bytes),
        None => format!("{} ({bytes} bytes)", size(bytes)),
    }
}

fn draw_hole(svg: &mut Svg, y: u64, place: Place, is_shortened: bool) {
    let (left, right, middle) = (ROW.0, ROW.0 + ROW.1, y + HOLE_HEIGHT / 2);
    let frame = Rect {
        x: left,
        y,
        width: ROW.1,
        height: HOLE_HEIGHT,
    };
    svg.rect(frame, "free", "");
    let text = format!("free: {}", size(place.size));
    svg.text((left + ROW.1 / 2, middle + 4), "small grey middle", &text);
    if is_shortened {
        for x in [left + 6, right - 66] {
            for y in [middle - 4, middle + 2] {
                let points: Vec<(u64, u64)> = (0..=6).map(|step| (x + step * 10, y + (step % 2) * 5)).collect();
                svg.line(&points, "break");
            }
        }
    }
    svg.text((FIGURES, middle + 4), "mono grey", &range(place));
}

fn draw_overlap(svg: &mut Svg, y: u64, other: &str, at: Place) {
    let band = Rect {
        x: ROW.0,
        y,
        width: ROW.1,
        height: OVERLAP_HEIGHT,
    };
    svg.rect(band, "overlap", other);
    let text = fit(&format!("overlaps {other}"), 12, ROW.1 - 16);
    svg.text((ROW.0 + 8, y + 16), "small white", &text);
    svg.text((FIGURES, y + 16), "mono error", &range(at));
}

fn range(place: Place) -> String {
    format!("{:#012x}..{:#012x}", place.start(), place.end())
}
