//! Partition tables, file systems and the environment on a card: on images that other people's tools make, and judged by them.

mod commands;
mod environment;
mod ext4;
mod fat;
mod images;
mod mutation;
mod partitions;
mod save;
mod stopped;
