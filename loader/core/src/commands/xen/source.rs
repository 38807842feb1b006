//! Where a description is: the words behind `xen boot`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::block::BlockInterface;
use hal::{PhysAddr, Region};

use super::super::disk::Selector;
use super::super::origin::Origin;
use super::super::start;
use super::super::tftpboot::server_and_name;
use super::base;
use crate::context::{CommandError, Context};
use crate::devicetree::parse_header;

/// The file that a folder is taken for.
const CONFIG: &str = "xen.cfg";

/// Where a volume may have one: at its root, or where distributions put what the firmware starts.
pub(in super::super) const ON_VOLUMES: &[&str] = &["/xen.cfg", "/boot/xen.cfg", "/EFI/xen/xen.cfg"];

/// The first file of a description.
#[derive(Clone, Debug)]
pub(super) enum First {
    /// The first of these that is there, each with the place that it is in.
    Files(Vec<(Origin, String)>),
    /// What lies there.
    Loaded(PhysAddr),
}

/// Where a description is, and which part of it is meant.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) first: First,
    pub(super) section: Option<String>,
}

impl Source {
    /// The file of that name at a place.
    pub(super) fn file(origin: Origin, file: &str) -> Self {
        Self {
            first: First::Files(Vec::from([(origin, base(file))])),
            section: None,
        }
    }
}

/// Reads the words.
///
/// # Errors
/// [`CommandError::Usage`] if there are too many; if there is no such device or address.
pub(super) fn parse(context: &mut Context, words: &[String]) -> Result<Source, CommandError> {
    let (first, rest) = words.split_first().ok_or(CommandError::Usage)?;
    let (first, rest) = match first.as_str() {
        "tftp" => {
            let (file, rest) = rest.split_first().map_or((CONFIG, rest), |(file, rest)| (file, rest));
            (on_tftp(file), rest)
        }
        url if url.contains("://") => {
            let url = whole_url(url);
            (First::Files(Vec::from([(Origin::web(&url), base(&url))])), rest)
        }
        interface if BlockInterface::ALL.iter().any(|known| known.word() == interface) => {
            on_volume(context, interface, rest)?
        }
        address => (First::Loaded(PhysAddr(context.hexadecimal(address)?)), rest),
    };
    match rest {
        [] => Ok(Source { first, section: None }),
        [section] => Ok(Source {
            first,
            section: Some(section.clone()),
        }),
        _ => Err(CommandError::Usage),
    }
}

/// A folder stands for the configuration in it.
fn whole(path: &str) -> String {
    match path.ends_with('/') {
        true => format!("{path}{CONFIG}"),
        false => path.to_string(),
    }
}

/// The same for a URL, in which a server alone is a folder, too.
fn whole_url(url: &str) -> String {
    let is_server = url.split_once("://").is_some_and(|(_, behind)| !behind.contains('/'));
    match is_server {
        true => whole(&format!("{url}/")),
        false => whole(url),
    }
}

fn on_tftp(file: &str) -> First {
    let (server, path) = server_and_name(file);
    let path = whole(if path.is_empty() { CONFIG } else { path });
    First::Files(Vec::from([(Origin::tftp(server, &path), base(&path))]))
}

fn on_volume<'a>(
    context: &Context,
    interface: &str,
    rest: &'a [String],
) -> Result<(First, &'a [String]), CommandError> {
    let (device, rest) = rest.split_first().ok_or(CommandError::Usage)?;
    let selector = Selector::parse(context, interface, Some(device))?;
    let (paths, rest): (Vec<String>, _) = match rest.split_first() {
        Some((path, rest)) => (Vec::from([whole(path)]), rest),
        None => (ON_VOLUMES.iter().map(ToString::to_string).collect(), rest),
    };
    let place = |path: &String| (Origin::volume(selector.clone(), "", path), base(path));
    Ok((First::Files(paths.iter().map(place).collect()), rest))
}

/// What lies at an address, by its name if it has one. A device tree says its length itself: the machine's own was not loaded by hand.
///
/// # Errors
/// If nothing that has a length is there.
pub(super) fn loaded(context: &Context, address: PhysAddr) -> Result<start::File, CommandError> {
    let tree = || {
        let bytes = start::readable(context, address).ok()?;
        let region = Region::new(address, parse_header(bytes).ok()?.total_size.into())?;
        Some(start::File {
            name: address.to_string(),
            region,
        })
    };
    start::file_at(context, address)
        .or_else(tree)
        .ok_or_else(|| CommandError::failed(format!("nothing was loaded at {address}: load the file before")))
}
