//! The names that a menu may have on the server, in PXELINUX's order.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use hal::MacAddr;

use super::super::network::dashed;
use crate::env::Environment;

/// The folder of menus.
const FOLDER: &str = "pxelinux.cfg/";

/// The names, the most particular first.
pub(super) fn candidates(env: &Environment, address: Ipv4Addr, mac: MacAddr) -> Vec<String> {
    let mut names: Vec<String> = env.get("pxeuuid").map(ToString::to_string).into_iter().collect();
    names.push(dashed(mac));
    let digits = format!("{:08X}", u32::from(address));
    names.extend(
        (1..=digits.len())
            .rev()
            .filter_map(|len| digits.get(..len))
            .map(ToString::to_string),
    );
    names.extend(defaults(env.get("arch"), env.get("soc"), env.get("board")));
    names.into_iter().map(|name| format!("{FOLDER}{name}")).collect()
}

/// `default` with what is known of the machine, a part less each time.
fn defaults(arch: Option<&str>, soc: Option<&str>, board: Option<&str>) -> Vec<String> {
    let mut names = Vec::from(["default".to_string()]);
    for part in [arch, soc, board].into_iter().map_while(|part| part) {
        let name = names.first().map(|name| format!("{name}-{part}"));
        names.splice(..0, name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::defaults;

    #[test]
    fn a_part_less_each_time() {
        assert_eq!(defaults(None, Some("s"), Some("b")), ["default"]);
        assert_eq!(defaults(Some("arm"), None, Some("b")), ["default-arm", "default"]);
        assert_eq!(
            defaults(Some("arm"), Some("s"), Some("b")),
            ["default-arm-s-b", "default-arm-s", "default-arm", "default"]
        );
    }
}
