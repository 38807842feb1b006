//! The picture of a boot: RAM with all that lies in it, the domains, what was found.

mod bank;
mod parts;
mod side;
mod svg;

use crate::report::Report;
use parts::Part;
use svg::Svg;

const WIDTH: u64 = 1252;
const MARGIN: u64 = 28;
/// Where the columns begin.
const TOP: u64 = 100;

/// What the picture cannot say by itself.
const LEGEND: &str = "Addresses grow downwards. The bar of each bank is to scale; beside it, every part is enlarged, and waves \
                      mark free RAM that is shortened. Hatched: BSS.";

/// Draws the report as SVG.
pub(crate) fn draw(report: &Report) -> String {
    let mut svg = Svg::default();
    let title = title(report);
    svg.text((MARGIN, 40), "h1", &svg::fit(&title, 20, 900));
    let (class, verdict) = match report.errors.len() {
        0 => ("h2 end good", "nothing forbids the start".to_owned()),
        1 => ("h2 end error", "not started: 1 error".to_owned()),
        count => ("h2 end error", format!("not started: {count} errors")),
    };
    svg.text((WIDTH - MARGIN, 40), class, &verdict);
    svg.text((MARGIN, 66), "small grey", LEGEND);
    let parts = parts::all(report);
    let left = draw_memory(&mut svg, report, &parts);
    let right = side::draw(&mut svg, TOP, report);
    svg.finish((WIDTH, left.max(right) + MARGIN), &title)
}

fn title(report: &Report) -> String {
    match &report.image {
        Some(image) => format!("{}: memory when {} starts", report.board, image.file),
        None => format!("{}: memory", report.board),
    }
}

fn draw_memory(svg: &mut Svg, report: &Report, parts: &[Part]) -> u64 {
    let banks = &report.memory.banks;
    let mut y = TOP;
    for bank in banks {
        y = bank::draw(svg, y, *bank, parts);
    }
    let is_lost = |part: &&Part| banks.iter().all(|bank| part.place.within(*bank).is_none());
    let lost: Vec<&Part> = parts.iter().filter(is_lost).collect();
    if lost.is_empty() {
        y
    } else {
        bank::draw_lost(svg, y, &lost)
    }
}

#[cfg(test)]
mod tests;
