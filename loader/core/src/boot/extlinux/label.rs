//! A label: one thing that may be started, and the keys that describe it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::parse::leading;
use super::{Error, MAX_OVERLAYS, Place};

/// Something that may be started. Paths are as they stand in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The name, by which `default` knows it.
    pub name: String,
    /// The line that the menu shows for it, if that is not the name.
    pub text: Option<String>,
    /// The kernel or FIT.
    pub kernel: Option<String>,
    /// What follows the FIT's name from a `#` on: the configuration.
    pub configuration: Option<String>,
    /// The kernel's command line, with its variables not yet expanded.
    pub append: Option<String>,
    /// The ramdisk.
    pub initrd: Option<String>,
    /// The device tree.
    pub fdt: Option<String>,
    /// The folder that has the device trees of many boards.
    pub fdt_dir: Option<String>,
    /// Overlays, in the order in which they are applied.
    pub overlays: Vec<String>,
    /// Bit 0: the addresses are appended to the command line; bit 1: the Ethernet address is.
    pub ip_append: u64,
    /// Nothing is loaded: the variable `localcmd` is run, or, if the number is negative, nothing at all.
    pub local_boot: Option<i64>,
    /// Whether the kernel is to get a random number for its own address.
    pub kaslr_seed: bool,
}

/// What became of a key.
pub(super) enum Taken {
    /// It was taken.
    Yes,
    /// It has no value, and without one it means nothing.
    NoValue,
    /// It is none of a label's.
    Unknown,
}

impl Label {
    /// The line that the menu shows.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.text.as_deref().unwrap_or(&self.name)
    }

    /// Takes a key, which is in small letters, and its value. Of keys that stand there twice U-Boot takes the first for some and the last
    /// for others; so it is here.
    pub(super) fn set(&mut self, key: &str, value: Option<&str>, place: &Place) -> Result<Taken, Error> {
        match key {
            "kaslrseed" => {
                self.kaslr_seed = true;
                return Ok(Taken::Yes);
            }
            "localboot" => {
                // What begins with no number is 0, as for U-Boot.
                self.local_boot = Some(value.and_then(leading).unwrap_or_default());
                return Ok(Taken::Yes);
            }
            "kernel" | "linux" | "fit" | "append" | "initrd" | "fdt" | "devicetree" | "fdtdir" | "devicetreedir"
            | "fdtoverlays" | "devicetree-overlay" | "ipappend" => {}
            _ => return Ok(Taken::Unknown),
        }
        match value {
            Some(value) => self.set_value(key, value, place).map(|()| Taken::Yes),
            None => Ok(Taken::NoValue),
        }
    }

    fn set_value(&mut self, key: &str, value: &str, place: &Place) -> Result<(), Error> {
        let first = |field: &mut Option<String>| {
            field.get_or_insert_with(|| value.to_string());
        };
        match key {
            "append" => {
                self.append = Some(value.to_string());
                let initrd = value.split_whitespace().find_map(|word| word.strip_prefix("initrd="));
                if self.initrd.is_none() {
                    self.initrd = initrd.filter(|path| !path.is_empty()).map(ToString::to_string);
                }
            }
            "initrd" => first(&mut self.initrd),
            "fdt" | "devicetree" => first(&mut self.fdt),
            "fdtdir" | "devicetreedir" => first(&mut self.fdt_dir),
            "fdtoverlays" | "devicetree-overlay" if self.overlays.is_empty() => {
                self.overlays = overlays(value, place)?;
            }
            // What begins with no number is 0, as for U-Boot.
            "ipappend" => self.ip_append = leading(value).unwrap_or_default().cast_unsigned(),
            "kernel" | "linux" | "fit" => {
                let (path, configuration) = match value.find('#').and_then(|at| value.split_at_checked(at)) {
                    Some((path, configuration)) => (path, Some(configuration.to_string())),
                    None => (value, None),
                };
                self.kernel = Some(path.to_string());
                self.configuration = configuration;
            }
            _ => {}
        }
        Ok(())
    }
}

fn overlays(value: &str, place: &Place) -> Result<Vec<String>, Error> {
    let names = value.split_whitespace();
    if names.clone().count() > MAX_OVERLAYS {
        return Err(Error::TooManyOverlays { place: place.clone() });
    }
    Ok(names.map(ToString::to_string).collect())
}
