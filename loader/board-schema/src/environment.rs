//! The table `[environment]`: where the environment is saved.
//!
//! What a value alone can be wrong about is told when it is read, with its line.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de};

/// The largest environment, in bytes.
const MAX_SIZE: u64 = 0x10_0000;

/// Bytes of a block.
const BLOCK: u64 = 512;

/// The kinds of places: the key `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A NOR flash.
    Flash,
    /// Files on a FAT file system.
    Fat,
    /// Blocks of a card or a disk.
    Block,
}

/// Where the environment is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environment {
    /// In a NOR flash.
    Flash(FlashEnvironment),
    /// In files on a FAT file system: `CONFIG_ENV_IS_IN_FAT`.
    Fat(FatEnvironment),
    /// In blocks of a card or a disk: `CONFIG_ENV_IS_IN_MMC`.
    Block(BlockEnvironment),
}

/// A place in a NOR flash that the device tree has as `cfi-flash`. Offsets count from the flash's start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FlashEnvironment {
    /// [`Kind::Flash`].
    pub kind: Kind,
    /// Address of the flash: the start of a region of the node's `reg`.
    pub address: u64,
    /// Offset of the environment: `CONFIG_ENV_ADDR` or `CONFIG_ENV_OFFSET`, and the start of an erase block.
    pub offset: u64,
    /// Size of each copy: `CONFIG_ENV_SIZE`. The rest of its last erase block belongs to it.
    pub size: u64,
    /// Offset of a second copy with U-Boot's flag byte in both: `CONFIG_ENV_OFFSET_REDUND`.
    pub redundant_offset: Option<u64>,
    /// Offset of a second copy that U-Boot does not know of: the first stays as U-Boot without redundancy has it.
    pub backup_offset: Option<u64>,
}

/// One file, or two with U-Boot's flag byte.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FatEnvironment {
    /// [`Kind::Fat`].
    pub kind: Kind,
    /// The device and its partition: `CONFIG_ENV_FAT_INTERFACE` and `CONFIG_ENV_FAT_DEVICE_AND_PART`.
    pub device: Device,
    /// The path of the file: `CONFIG_ENV_FAT_FILE`.
    #[serde(deserialize_with = "path")]
    pub file: String,
    /// The path of the second file: `CONFIG_ENV_FAT_FILE_REDUND`.
    #[serde(default, deserialize_with = "some_path")]
    pub redundant_file: Option<String>,
    /// Size of each: `CONFIG_ENV_SIZE`.
    #[serde(deserialize_with = "size")]
    pub size: u64,
}

/// One or two copies outside all partitions. Offsets count from the device's first byte.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BlockEnvironment {
    /// [`Kind::Block`].
    pub kind: Kind,
    /// The device, without a partition: `CONFIG_SYS_MMC_ENV_DEV`.
    #[serde(deserialize_with = "whole_device")]
    pub device: Device,
    /// Offset of the environment: `CONFIG_ENV_OFFSET`.
    #[serde(deserialize_with = "blocks")]
    pub offset: u64,
    /// Size of each copy: `CONFIG_ENV_SIZE`.
    #[serde(deserialize_with = "size_in_blocks")]
    pub size: u64,
    /// Offset of a second copy with U-Boot's flag byte in both: `CONFIG_ENV_OFFSET_REDUND`.
    #[serde(default, deserialize_with = "some_blocks")]
    pub redundant_offset: Option<u64>,
    /// Offset of a second copy that U-Boot does not know of: the first stays as U-Boot without redundancy has it.
    #[serde(default, deserialize_with = "some_blocks")]
    pub backup_offset: Option<u64>,
}

/// The kinds of devices that commands know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// `mmc`.
    Mmc,
    /// `virtio`.
    Virtio,
}

/// Which volume of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volume {
    /// Nothing behind the number: partition 1, or the whole device if it has no table.
    Default,
    /// `:auto`: the first that is marked as bootable, or else the first.
    Auto,
    /// `:1`; 0 is the whole device.
    Number(u32),
    /// `#name`.
    Name(String),
}

/// A device and which volume of it, as commands take them in two words: `mmc 0:1`. Numbers are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Device {
    /// Its interface.
    pub interface: Interface,
    /// Its number.
    pub number: u32,
    /// Which volume of it.
    pub volume: Volume,
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("\"{text}\" is no device: {why}");
        let words = text.split_once(' ');
        let (interface, place) = words.ok_or_else(|| wrong("expected an interface and a number, such as mmc 0:1"))?;
        let interface = match interface {
            "mmc" => Interface::Mmc,
            "virtio" => Interface::Virtio,
            _ => return Err(wrong("the interfaces are mmc and virtio")),
        };
        let hexadecimal = |digits: &str, what| {
            let number = u32::from_str_radix(digits, 16)
                .ok()
                .filter(|_| !digits.starts_with('+'));
            number.ok_or_else(|| wrong(what))
        };
        let (number, volume) = match (place.split_once('#'), place.split_once(':')) {
            (Some((number, name)), _) if !name.is_empty() => (number, Volume::Name(name.to_owned())),
            (Some(_), _) => return Err(wrong("there is no name behind #")),
            (None, Some((number, ""))) => (number, Volume::Default),
            (None, Some((number, "auto"))) => (number, Volume::Auto),
            (None, Some((number, part))) => {
                let part = hexadecimal(part, "a partition is a hexadecimal number, or auto")?;
                (number, Volume::Number(part))
            }
            (None, None) => (place, Volume::Default),
        };
        Ok(Self {
            interface,
            number: hexadecimal(number, "its number is no hexadecimal number")?,
            volume,
        })
    }
}

fn whole_device<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Device, D::Error> {
    let device = Device::deserialize(deserializer)?;
    match device.volume {
        Volume::Default => Ok(device),
        _ => Err(D::Error::custom(
            "kind \"block\" counts from the start of the device: name no partition",
        )),
    }
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = u64::deserialize(deserializer)?;
    if (0x10..=MAX_SIZE).contains(&size) {
        return Ok(size);
    }
    Err(D::Error::custom(format!(
        "{size:#x} is not between 0x10 and {MAX_SIZE:#x}"
    )))
}

fn size_in_blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(size(deserializer)?)
}

fn blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(u64::deserialize(deserializer)?)
}

fn some_blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    blocks(deserializer).map(Some)
}

fn whole<E: de::Error>(bytes: u64) -> Result<u64, E> {
    if bytes.is_multiple_of(BLOCK) {
        return Ok(bytes);
    }
    Err(E::custom(format!(
        "{bytes:#x} is no multiple of {BLOCK:#x}, the size of a block"
    )))
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    if parts(&path).next().is_some() {
        return Ok(path);
    }
    Err(D::Error::custom(format!("\"{path}\" is no path of a file")))
}

fn some_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    path(deserializer).map(Some)
}

/// The names that a path goes through, alike for FAT, which does not know capitals from small letters.
fn parts(path: &str) -> impl Iterator<Item = String> + '_ {
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    parts.map(str::to_lowercase)
}

impl Environment {
    /// What contradicts itself, as a sentence.
    pub(crate) fn contradiction(&self) -> Option<String> {
        match self {
            Self::Flash(flash) => two_seconds(flash.redundant_offset, flash.backup_offset),
            Self::Block(block) => two_seconds(block.redundant_offset, block.backup_offset).or_else(|| overlap(block)),
            Self::Fat(fat) => {
                let second = fat.redundant_file.as_deref()?;
                let same = parts(&fat.file).eq(parts(second));
                same.then(|| format!("environment has the same file \"{second}\" twice"))
            }
        }
    }
}

fn two_seconds(redundant: Option<u64>, backup: Option<u64>) -> Option<String> {
    let both = redundant.zip(backup);
    both.map(|_| "environment has redundant-offset and backup-offset; there is one second copy".to_owned())
}

fn overlap(block: &BlockEnvironment) -> Option<String> {
    let (first, size) = (block.offset, block.size);
    let second = block.redundant_offset.or(block.backup_offset)?;
    let overlap = first.abs_diff(second) < size;
    overlap.then(|| format!("environment's copies at {first:#x} and {second:#x} overlap: each has {size:#x} bytes"))
}

#[cfg(test)]
mod tests;
