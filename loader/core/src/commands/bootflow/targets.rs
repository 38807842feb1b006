//! Which devices are looked at, and in which order.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::block::BlockInterface;

use crate::context::Context;

/// What `boot_targets` is if it is not set.
const DEFAULT: [&str; 3] = ["mmc", "virtio", "dhcp"];

/// More words than this are not looked at.
const MOST: usize = 64;

/// A device to boot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A card or a disk.
    Disk(BlockInterface, u32),
    /// The network: scripts, then menus.
    Dhcp,
    /// The network: menus.
    Pxe,
}

/// The targets that the words name, or else the variable; each once. What names none is said.
pub(super) fn read(context: &mut Context, words: &[&str]) -> Vec<Target> {
    let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let chosen = !words.is_empty() || context.env.get("boot_targets").is_some();
    if words.is_empty() {
        let variable = context.env.get("boot_targets").unwrap_or_default();
        words = variable.split_whitespace().map(ToString::to_string).collect();
    }
    if !chosen {
        words = DEFAULT.map(ToString::to_string).to_vec();
    }
    let mut targets = Vec::new();
    for word in words.iter().take(MOST) {
        for target in named(context, word, chosen) {
            // With dhcp the menus were looked for already.
            let known = targets.contains(&target) || (target == Target::Pxe && targets.contains(&Target::Dhcp));
            if !known {
                targets.push(target);
            }
        }
    }
    targets
}

/// The targets that a word names. Of devices that nobody asked for by name nothing is said if there are none.
fn named(context: &mut Context, word: &str, chosen: bool) -> Vec<Target> {
    match word {
        "dhcp" if !chosen && context.network.is_none() => return Vec::new(),
        "dhcp" => return Vec::from([Target::Dhcp]),
        "pxe" => return Vec::from([Target::Pxe]),
        _ => {}
    }
    let split = BlockInterface::ALL
        .into_iter()
        .find_map(|interface| Some((interface, word.strip_prefix(interface.word())?)));
    let word = word.escape_debug();
    let Some((interface, number)) = split else {
        context.say(format_args!(
            "{word}: there is no such target; mmc, virtio, dhcp and pxe are"
        ));
        return Vec::new();
    };
    if number.is_empty() {
        let numbers = context.storage.numbers(interface);
        return numbers.map(|number| Target::Disk(interface, number)).collect();
    }
    let number = number.parse::<u32>().ok();
    match number.filter(|number| context.storage.has(interface, *number)) {
        Some(number) => Vec::from([Target::Disk(interface, number)]),
        None => {
            context.say(format_args!("{word}: {}", context.storage.there_are(interface)));
            Vec::new()
        }
    }
}
