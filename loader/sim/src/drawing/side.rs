//! The column beside memory: what each domain has, and what was found.

use loader_core::boot::report::size;

use super::svg::{Rect, Svg, fit, wrap};
use crate::report::{CHOSEN, Domain, Module, Report};

/// The column.
const COLUMN: (u64, u64) = (704, 520);

const PADDING: u64 = 12;
const LINE: u64 = 19;
/// Lines that a finding may take: the whole of a very long one is on the console.
const FINDING_LINES: usize = 6;

/// Draws the column; gives where it ends.
pub(super) fn draw(svg: &mut Svg, top: u64, report: &Report) -> u64 {
    let mut y = top;
    if !report.domains.is_empty() {
        svg.text((COLUMN.0, y + 16), "h2", "Domains");
        y += 28;
    }
    for domain in &report.domains {
        y = draw_domain(svg, y, domain) + 10;
    }
    let found = [
        ("Error", "error", &report.errors),
        ("Warning", "warning", &report.warnings),
        ("Note", "grey", &report.notes),
    ];
    if found.iter().any(|(_, _, sentences)| !sentences.is_empty()) {
        svg.text((COLUMN.0, y + 24), "h2", "Findings");
        y += 36;
    }
    for (label, class, sentences) in found {
        for sentence in sentences {
            y = draw_finding(svg, y, (label, class), sentence);
        }
    }
    y
}

fn draw_domain(svg: &mut Svg, y: u64, domain: &Domain) -> u64 {
    let lines = u64::try_from(domain.modules.len())
        .unwrap_or(u64::MAX)
        .saturating_add(2);
    let (x, right) = (COLUMN.0 + PADDING, COLUMN.0 + COLUMN.1 - PADDING);
    let card = Rect {
        x: COLUMN.0,
        y,
        width: COLUMN.1,
        height: lines * LINE + 14,
    };
    svg.rect(card, "card", "");
    let mut line = y + LINE + 2;
    svg.text((x, line), "bold", &fit(&domain.name, 15, 180));
    svg.text((right, line), "small grey end", &fit(&domain.path, 12, 290));
    line += LINE;
    svg.text((x, line), "small", &fit(&settings(domain), 12, COLUMN.1 - 2 * PADDING));
    for module in &domain.modules {
        line += LINE;
        draw_module(svg, (x, right, line), module);
    }
    card.y + card.height
}

fn draw_module(svg: &mut Svg, (x, right, y): (u64, u64, u64), module: &Module) {
    svg.text((x, y), "small grey", &module.role);
    let file = module.file.as_deref().unwrap_or("(not loaded here)");
    svg.text((x + 72, y), "small", &fit(file, 12, 250));
    svg.text((right, y), "small grey end", &format!("{} bytes", module.place.size));
}

fn settings(domain: &Domain) -> String {
    if domain.path == CHOSEN {
        return "memory and CPUs as Xen's command line says".to_owned();
    }
    let memory = domain
        .memory_kib
        .map_or_else(|| "no memory".to_owned(), |kib| size(kib.saturating_mul(1024)));
    let cpus = match domain.cpus {
        None => "no CPUs".to_owned(),
        Some(1) => "1 CPU".to_owned(),
        Some(cpus) => format!("{cpus} CPUs"),
    };
    let console = if domain.vpl011 { "vpl011" } else { "no vpl011" };
    let enhanced = domain.enhanced.iter().map(|word| format!("enhanced: {word}"));
    let words = [memory, cpus, console.to_owned()].into_iter().chain(enhanced);
    words.collect::<Vec<_>>().join(", ")
}

fn draw_finding(svg: &mut Svg, y: u64, (label, class): (&str, &str), sentence: &str) -> u64 {
    const LABEL: u64 = 76;
    let lines = wrap(sentence, (12, COLUMN.1 - LABEL), FINDING_LINES);
    svg.text((COLUMN.0, y + 16), &format!("small bold {class}"), label);
    let mut line = y;
    for text in &lines {
        svg.text((COLUMN.0 + LABEL, line + 16), "small", text);
        line += 17;
    }
    line + 8
}
