//! Walks a program's threads through a text, all of them one character at a time.
//!
//! No two threads of one character stand at the same instruction: the one that came first is preferred to all that the other could
//! find. So there are never more threads than instructions.

use alloc::vec::Vec;

use super::parse::Instruction;
use super::{GROUPS, Match, Patience, RegexError};

/// Where each group begins and ends.
type Slots = [Option<usize>; GROUPS * 2];

/// A thread: the instruction that it is at, and the places that it has seen.
#[derive(Clone)]
struct Thread {
    at: usize,
    slots: Slots,
}

/// A thread that has seen nothing.
const FIRST: Thread = Thread {
    at: 0,
    slots: [None; GROUPS * 2],
};

/// The threads of one character, by preference.
struct Threads {
    list: Vec<Thread>,
    /// For each instruction, when a thread was last there.
    seen: Vec<usize>,
    /// What is still to be followed: kept to be used again.
    pending: Vec<Thread>,
}

/// A place in the text.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    end: bool,
    /// Tells the places apart in [`Threads::seen`].
    number: usize,
}

/// The first match at or after `from`.
pub(super) fn find(
    program: &[Instruction],
    (text, from): (&str, usize),
    patience: &mut Patience<'_>,
) -> Result<Option<Match>, RegexError> {
    let mut now = Threads::new(program.len());
    let mut next = Threads::new(program.len());
    let mut best = None;
    let mut rest = text.get(from..).unwrap_or_default().chars();
    let mut place = Place {
        at: from,
        end: rest.as_str().is_empty(),
        number: 1,
    };
    loop {
        match best {
            Some(_) if now.list.is_empty() => break,
            Some(_) => {}
            None => {
                now.add(program, FIRST, place);
            }
        }
        let c = rest.next();
        let after = Place {
            at: place.at.saturating_add(c.map_or(0, char::len_utf8)),
            end: rest.as_str().is_empty(),
            number: place.number.saturating_add(1),
        };
        next.list.clear();
        for thread in now.list.drain(..) {
            let (steps, goes_on) = match (program.get(thread.at), c) {
                (Some(Instruction::Match), _) => {
                    // What follows in the list is preferred less than this match.
                    best = Some(thread.slots);
                    break;
                }
                (Some(Instruction::Set(set)), Some(c)) => (set.steps(), set.has(c)),
                (Some(Instruction::Any), Some(_)) => (1, true),
                _ => (1, false),
            };
            let followed = match goes_on {
                true => next.add(program, forward(thread, 1), after),
                false => 0,
            };
            patience.take(steps.saturating_add(followed), text)?;
        }
        core::mem::swap(&mut now, &mut next);
        if c.is_none() {
            break;
        }
        place = after;
    }
    Ok(best.map(|slots| matched(&slots)))
}

fn forward(thread: Thread, distance: isize) -> Thread {
    Thread {
        at: thread.at.saturating_add_signed(distance),
        ..thread
    }
}

fn matched(slots: &Slots) -> Match {
    let group = |number: usize| {
        let begin = number.saturating_mul(2);
        let place = |slot: usize| slots.get(slot).copied().flatten();
        Some(place(begin)?..place(begin.saturating_add(1))?)
    };
    Match {
        groups: core::array::from_fn(group),
    }
}

impl Threads {
    fn new(instructions: usize) -> Self {
        Self {
            list: Vec::with_capacity(instructions),
            seen: alloc::vec![0; instructions],
            pending: Vec::new(),
        }
    }

    /// Adds the thread, or those that it becomes before it needs a character. How many instructions that took.
    fn add(&mut self, program: &[Instruction], thread: Thread, place: Place) -> usize {
        let mut steps = 0_usize;
        self.pending.push(thread);
        while let Some(mut thread) = self.pending.pop() {
            steps = steps.saturating_add(1);
            match self.seen.get_mut(thread.at) {
                Some(seen) if *seen != place.number => *seen = place.number,
                _ => continue,
            }
            match program.get(thread.at) {
                Some(Instruction::Jump(distance)) => self.pending.push(forward(thread, *distance)),
                Some(Instruction::Split(first, second)) => {
                    self.pending.push(forward(thread.clone(), *second));
                    self.pending.push(forward(thread, *first));
                }
                Some(Instruction::Save(slot)) => {
                    if let Some(slot) = thread.slots.get_mut(*slot) {
                        *slot = Some(place.at);
                    }
                    self.pending.push(forward(thread, 1));
                }
                Some(Instruction::Start) if place.at == 0 => self.pending.push(forward(thread, 1)),
                Some(Instruction::End) if place.end => self.pending.push(forward(thread, 1)),
                Some(Instruction::Start | Instruction::End) | None => {}
                Some(_) => self.list.push(thread),
            }
        }
        steps
    }
}
