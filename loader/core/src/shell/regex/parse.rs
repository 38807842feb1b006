//! From a pattern to a program.
//!
//! Jumps are relative, so that a piece of program can be moved to make room before it: a quantifier or `|` is seen only after what it
//! works on.

use alloc::vec::Vec;
use core::iter::Peekable;
use core::str::Chars;

use super::{GROUPS, PATTERN_LIMIT, PROGRAM_LIMIT, RegexError};

/// How deep groups may stand within one another.
const DEPTH: u8 = 32;

/// A step of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// One character of the set.
    Set(Set),
    /// Any character.
    Any,
    /// The start of the text.
    Start,
    /// The end of the text.
    End,
    /// Remembers the place.
    Save(usize),
    /// Goes on at both of these distances; the first is preferred.
    Split(isize, isize),
    /// Goes on at this distance.
    Jump(isize),
    /// The end of the pattern.
    Match,
}

/// Some characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    ranges: Vec<(char, char)>,
    negated: bool,
}

impl Set {
    fn of(c: char) -> Self {
        Self {
            ranges: alloc::vec![(c, c)],
            negated: false,
        }
    }

    pub(super) fn has(&self, c: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != self.negated
    }

    /// How long a look at it takes.
    pub(super) fn steps(&self) -> usize {
        self.ranges.len()
    }
}

/// The characters that `\s` stands for.
const SPACES: &[(char, char)] = &[('\t', '\r'), (' ', ' ')];

/// The program of a pattern.
pub(super) fn program(pattern: &str) -> Result<Vec<Instruction>, RegexError> {
    let len = pattern.len();
    if len > PATTERN_LIMIT {
        return Err(RegexError::TooLong { len });
    }
    let mut parser = Parser {
        rest: pattern.chars().peekable(),
        at: 0,
        len,
        groups: 0,
        depth: 0,
        program: Vec::new(),
    };
    parser.emit(Instruction::Save(0))?;
    parser.alternatives()?;
    if parser.rest.peek().is_some() {
        let at = parser.at.saturating_add(1);
        return Err(RegexError::ClosedGroup { at });
    }
    parser.emit(Instruction::Save(1))?;
    parser.emit(Instruction::Match)?;
    Ok(parser.program)
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    /// How many characters were taken.
    at: usize,
    /// The pattern's length in bytes.
    len: usize,
    groups: usize,
    depth: u8,
    program: Vec<Instruction>,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.at = self.at.saturating_add(1);
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.rest.peek() == Some(&wanted);
        if there {
            self.next();
        }
        there
    }

    fn emit(&mut self, instruction: Instruction) -> Result<(), RegexError> {
        self.insert(self.program.len(), instruction)
    }

    fn insert(&mut self, place: usize, instruction: Instruction) -> Result<(), RegexError> {
        if self.program.len() >= PROGRAM_LIMIT {
            return Err(RegexError::TooLong { len: self.len });
        }
        self.program.insert(place.min(self.program.len()), instruction);
        Ok(())
    }

    /// The distance from `start` to the program's end.
    fn distance(&self, start: usize) -> isize {
        let distance = self.program.len().saturating_sub(start);
        // No more than `PROGRAM_LIMIT`.
        isize::try_from(distance).unwrap_or_default()
    }

    /// `a|b|c`, up to a `)` or the end.
    fn alternatives(&mut self) -> Result<(), RegexError> {
        let mut start = self.program.len();
        self.sequence()?;
        // Jumps from the ends of alternatives to behind the last one, to be filled in.
        let mut ends = Vec::new();
        while self.eat('|') {
            let over = self.distance(start).saturating_add(2);
            self.insert(start, Instruction::Split(1, over))?;
            ends.push(self.program.len());
            self.emit(Instruction::Jump(0))?;
            start = self.program.len();
            self.sequence()?;
        }
        for end in ends {
            let distance = self.distance(end);
            if let Some(place) = self.program.get_mut(end) {
                *place = Instruction::Jump(distance);
            }
        }
        Ok(())
    }

    fn sequence(&mut self) -> Result<(), RegexError> {
        while let Some(next) = self.rest.peek().copied().filter(|next| !matches!(next, '|' | ')')) {
            let start = self.program.len();
            self.next();
            match next {
                '^' => self.emit(Instruction::Start)?,
                '$' => self.emit(Instruction::End)?,
                '.' => self.emit(Instruction::Any)?,
                '(' => self.group()?,
                '[' => {
                    let set = self.set()?;
                    self.emit(Instruction::Set(set))?;
                }
                '\\' => {
                    let set = self.escape()?;
                    self.emit(Instruction::Set(set))?;
                }
                '*' | '+' | '?' => {
                    let (quantifier, at) = (next, self.at);
                    return Err(RegexError::NothingToRepeat { quantifier, at });
                }
                letter => self.emit(Instruction::Set(Set::of(letter)))?,
            }
            self.quantifier(start)?;
        }
        Ok(())
    }

    /// What follows `(`, up to and with `)`. Beyond the ninth a group only holds together.
    fn group(&mut self) -> Result<(), RegexError> {
        let opened = self.at;
        if self.depth == DEPTH {
            return Err(RegexError::TooDeep { limit: DEPTH });
        }
        self.depth = self.depth.saturating_add(1);
        self.groups = self.groups.saturating_add(1);
        let slot = self.groups.saturating_mul(2);
        let remembered = self.groups < GROUPS;
        if remembered {
            self.emit(Instruction::Save(slot))?;
        }
        self.alternatives()?;
        if !self.eat(')') {
            return Err(RegexError::OpenGroup { at: opened });
        }
        if remembered {
            self.emit(Instruction::Save(slot.saturating_add(1)))?;
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// Repeats what was put to the program since `start`, if a quantifier follows.
    fn quantifier(&mut self, start: usize) -> Result<(), RegexError> {
        let Some(quantifier @ ('*' | '+' | '?')) = self.rest.peek().copied() else {
            return Ok(());
        };
        self.next();
        let reluctant = self.eat('?');
        let split = |go: isize, leave: isize| match reluctant {
            true => Instruction::Split(leave, go),
            false => Instruction::Split(go, leave),
        };
        let len = self.distance(start);
        match quantifier {
            '?' => self.insert(start, split(1, len.saturating_add(1)))?,
            '+' => self.emit(split(len.saturating_neg(), 1))?,
            _ => {
                self.insert(start, split(1, len.saturating_add(2)))?;
                self.emit(Instruction::Jump(len.saturating_add(1).saturating_neg()))?;
            }
        }
        match self.rest.peek().copied() {
            Some(quantifier @ ('*' | '+' | '?')) => {
                let at = self.at.saturating_add(1);
                Err(RegexError::NothingToRepeat { quantifier, at })
            }
            _ => Ok(()),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Set, RegexError> {
        let at = self.at;
        let incomplete = RegexError::BadEscape { at };
        Ok(match self.next().ok_or_else(|| incomplete.clone())? {
            's' => Set {
                ranges: SPACES.to_vec(),
                negated: false,
            },
            'S' => Set {
                ranges: SPACES.to_vec(),
                negated: true,
            },
            'd' => Set {
                ranges: alloc::vec![('0', '9')],
                negated: false,
            },
            'x' => {
                let mut digit = || self.next().and_then(|digit| digit.to_digit(16));
                let digits = digit().zip(digit()).ok_or(incomplete)?;
                let code = digits.0.saturating_mul(16).saturating_add(digits.1);
                Set::of(char::from_u32(code).unwrap_or_default())
            }
            letter => Set::of(letter),
        })
    }

    /// What follows `[`, up to and with `]`. A `]` that comes first is a letter, and so is a `-` that has not two neighbours.
    fn set(&mut self) -> Result<Set, RegexError> {
        let at = self.at;
        let mut set = Set {
            ranges: Vec::new(),
            negated: self.eat('^'),
        };
        let mut first_one = true;
        loop {
            let next = self.next().ok_or(RegexError::OpenSet { at })?;
            if next == ']' && !first_one {
                return Ok(set);
            }
            first_one = false;
            let mut first = next;
            if next == '\\' {
                let escaped = self.escape()?;
                match escaped.ranges.as_slice() {
                    [(one, last)] if one == last && !escaped.negated => first = *one,
                    _ => {
                        add(&mut set, escaped);
                        continue;
                    }
                }
            }
            let last = self.range_end(first)?;
            set.ranges.push((first, last));
        }
    }

    /// The last character of a range that begins with `first`, which may stand alone.
    fn range_end(&mut self, first: char) -> Result<char, RegexError> {
        let mut ahead = self.rest.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|last| last != ']');
        if !is_range {
            return Ok(first);
        }
        let at = self.at;
        self.next();
        let last = match self.next() {
            Some('\\') => self.escape()?.ranges.first().map_or(first, |(last, _)| *last),
            last => last.unwrap_or(first),
        };
        match last < first {
            true => Err(RegexError::BackwardRange { first, last, at }),
            false => Ok(last),
        }
    }
}

/// Adds the characters of `other`: of a negated one what lies between its ranges.
fn add(set: &mut Set, other: Set) {
    if !other.negated {
        set.ranges.extend(other.ranges);
        return;
    }
    let mut next = '\0';
    for (first, last) in other.ranges {
        if let Some(before) = previous(first).filter(|before| *before >= next) {
            set.ranges.push((next, before));
        }
        next = following(last);
    }
    set.ranges.push((next, char::MAX));
}

fn previous(c: char) -> Option<char> {
    u32::from(c).checked_sub(1).and_then(char::from_u32)
}

fn following(c: char) -> char {
    u32::from(c)
        .checked_add(1)
        .and_then(char::from_u32)
        .unwrap_or(char::MAX)
}
