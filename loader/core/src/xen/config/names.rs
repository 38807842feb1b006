//! What the file is called.

use alloc::format;
use alloc::string::String;
use core::iter;

/// The extension of an EFI program.
const PROGRAM: &str = ".efi";

/// The name of last resort, without its extension.
const LAST: &str = "xen";

/// The files that may be the configuration of Xen's file `image`, in its folder, in the order in which they are looked for: its name with
/// `.cfg` in place of `.efi`, then the same without its last part, from `.`, `-` or `_` on, and so on; then `xen.cfg`
/// (`docs/misc/efi.pandoc`). None comes twice.
///
/// To a name without `.efi` the extension is added, as to `xen-4.17-arm64` of a distribution. Other than for Xen's stub, `xen.cfg` is looked
/// for whatever the image's name begins with.
pub fn names(image: &str) -> impl Iterator<Item = String> {
    let (folder, name) = match image.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name),
        None => (String::new(), image),
    };
    let first = without_extension(name);
    let stems = iter::successors(Some(first), |stem| shorter(stem)).filter(|stem| !stem.is_empty());
    // Each is a part of the one before: the only name that may come again is the last.
    let last = Some(LAST).filter(|last| first.split(['.', '-', '_']).next() != Some(last));
    stems.chain(last).map(move |stem| format!("{folder}{stem}.cfg"))
}

fn without_extension(name: &str) -> &str {
    let split = name
        .len()
        .checked_sub(PROGRAM.len())
        .and_then(|at| name.split_at_checked(at));
    match split {
        Some((stem, extension)) if extension.eq_ignore_ascii_case(PROGRAM) => stem,
        _ => name,
    }
}

fn shorter(stem: &str) -> Option<&str> {
    stem.rfind(['.', '-', '_']).and_then(|at| stem.get(..at))
}
