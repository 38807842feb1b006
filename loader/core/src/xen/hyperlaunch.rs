//! Hyperlaunch.
