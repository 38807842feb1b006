//! A card in words, as U-Boot's `mmc info` has them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::block::{BLOCK_SIZE, Medium};

use super::{Card, Family, size};

/// The timing in U-Boot's words.
fn mode(card: &Card) -> &'static str {
    match (card.family, card.bus.high_speed) {
        (_, false) => "MMC legacy",
        (Family::Sd, true) => "SD High Speed (50MHz)",
        (Family::Mmc, true) if card.bus.hertz > 26_000_000 => "MMC High Speed (52MHz)",
        (Family::Mmc, true) => "MMC High Speed (26MHz)",
    }
}

pub(super) fn medium(card: &Card, read_only: bool) -> Medium {
    let identity = &card.identity;
    let block = u64::try_from(BLOCK_SIZE).unwrap_or(1);
    let high_capacity = if card.by_block { "Yes" } else { "No" };
    let version = match card.family {
        Family::Sd => "SD version",
        Family::Mmc => "MMC version",
    };
    let facts: Vec<(&'static str, String)> = Vec::from([
        ("Manufacturer ID", format!("{:x}", identity.manufacturer)),
        ("OEM", format!("{:x}", identity.oem)),
        ("Name", identity.name.clone()),
        ("Bus Speed", card.bus.hertz.to_string()),
        ("Mode", mode(card).into()),
        ("Rd Block Len", card.block_length.to_string()),
        (version, card.version.into()),
        ("High Capacity", high_capacity.into()),
        ("Bus Width", format!("{}-bit", card.bus.width.bits())),
        (
            "Erase Group Size",
            size(u64::from(card.erase_group).saturating_mul(block)),
        ),
    ]);
    Medium {
        blocks: card.blocks,
        read_only,
        vendor: format!("Man {:06x} Snr {:08x}", identity.manufacturer, identity.serial),
        product: identity.name.clone(),
        revision: identity.revision.clone(),
        facts,
    }
}
