//! System Device Tree.
