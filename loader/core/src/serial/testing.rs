//! Plays bytes to a receiver and keeps what comes of them.

use alloc::vec::Vec;

use super::{Input, Receiver, SerialError};

/// What a receiver made of what was played to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    pub(super) data: Vec<u8>,
    pub(super) reply: Vec<u8>,
    pub(super) end: Option<Result<(), SerialError>>,
}

impl Played {
    fn add(&mut self, receiver: &mut dyn Receiver, input: Input) {
        assert_eq!(self.end, None, "something is played after the end");
        let action = receiver.feed(input);
        self.data.extend_from_slice(action.data);
        self.reply.extend_from_slice(action.reply);
        self.end = action.end;
    }
}

/// Plays the bytes, up to the end of the transfer.
pub(super) fn play(receiver: &mut dyn Receiver, bytes: &[u8]) -> Played {
    let mut played = Played::default();
    for byte in bytes {
        if played.end.is_none() {
            played.add(receiver, Input::Byte(*byte));
        }
    }
    played
}

/// Plays a silence, or the beginning.
pub(super) fn event(receiver: &mut dyn Receiver, input: Input) -> Played {
    let mut played = Played::default();
    played.add(receiver, input);
    played
}
