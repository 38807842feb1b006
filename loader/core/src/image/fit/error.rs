//! What can be wrong with a FIT.

use alloc::string::String;

use thiserror::Error;

use super::MAX_IMAGES;
use crate::devicetree::ParseError;

/// Why a FIT, or a part of it, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The tree is none.
    #[error(transparent)]
    Tree(#[from] ParseError),
    /// A tree that is no FIT.
    #[error("it is a device tree, and no FIT: it has no node /images")]
    NoImages,
    /// More than anybody needs.
    #[error("it has more than {MAX_IMAGES} images or configurations")]
    TooMany,
    /// No such image.
    #[error("it has no image '{name}'; there are: {present}")]
    NoImage {
        /// The name asked for.
        name: String,
        /// The names that there are.
        present: String,
    },
    /// No such configuration.
    #[error("it has no configuration '{name}'; there are: {present}")]
    NoConfiguration {
        /// The name asked for.
        name: String,
        /// The names that there are.
        present: String,
    },
    /// No configuration was named, and none is the default.
    #[error("no configuration was named, and /configurations has no default; there are: {present}")]
    NoDefault {
        /// The names that there are.
        present: String,
    },
    /// The configuration has no image of that kind.
    #[error("configuration '{configuration}' names no {property}")]
    NotNamed {
        /// The configuration.
        configuration: String,
        /// The property that it lacks.
        property: &'static str,
    },
    /// An image without data.
    #[error("image '{0}' has no data")]
    NoData(String),
    /// Data outside the file.
    #[error("the data of image '{name}', {len:#x} bytes at {offset:#x}, are not in the file's {file:#x} bytes")]
    Outside {
        /// The image.
        name: String,
        /// Where the data should begin, from the FIT's start.
        offset: u64,
        /// Bytes that there should be.
        len: u64,
        /// Bytes that the file has.
        file: u64,
    },
}
