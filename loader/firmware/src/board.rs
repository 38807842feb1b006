//! The board that this image was built for, from its folder in `board-configs/` by `build.rs`.

include!(concat!(env!("OUT_DIR"), "/board.rs"));
