//! From text to lines.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::findings::{Findings, shown};
use super::key::{self, Key};
use super::{
    Config, ConfigError, DefaultLine, FileLine, GLOBAL, Header, Line, MAX_FILE, MAX_LINE, MAX_LINES, Place, Position,
};

/// What may stand around words.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

pub(super) fn parse(source: &str, text: &[u8]) -> Result<Config, ConfigError> {
    if text.len() > MAX_FILE {
        return Err(ConfigError::TooLarge {
            file: source.to_string(),
            size: text.len(),
        });
    }
    let mut parser = Parser {
        source,
        findings: Findings::new(source),
        sections: Vec::new(),
        indices: BTreeMap::new(),
        section: None,
        lines: Vec::new(),
        default: None,
        chain: None,
        said: 0,
        tab: false,
    };
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        let place = parser.place(Position { line: 1, column: 1 });
        return Err(ConfigError::Utf16 { place });
    }
    let rest = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    for (raw, number) in (RawLines { rest }).zip(1..) {
        parser.raw_line(&raw, number)?;
    }
    Ok(parser.finish())
}

/// `FILE [args]`: the file's name up to the first blank, and what follows.
pub(super) fn file_line(value: &str, at: Position) -> Option<FileLine> {
    let (file, args) = value.split_once(BLANKS).unwrap_or((value, ""));
    let args = args.trim_matches(BLANKS);
    (!file.is_empty()).then(|| FileLine {
        file: file.to_string(),
        args: (!args.is_empty()).then(|| args.to_string()),
        at,
    })
}

/// A line as it stands in the file.
struct RawLine<'a> {
    bytes: &'a [u8],
    /// Whether something ends it.
    ended: bool,
}

/// Lines, which end with LF, CR LF or CR.
struct RawLines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for RawLines<'a> {
    type Item = RawLine<'a>;

    fn next(&mut self) -> Option<RawLine<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (bytes, behind) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = behind.strip_prefix(b"\r\n").or(behind.get(1..)).unwrap_or_default();
        Some(RawLine {
            bytes,
            ended: end.is_some(),
        })
    }
}

/// The column of what stands behind these bytes, from 1. In what is no text each byte that cannot go on a character counts.
fn column_behind(bytes: &[u8]) -> u32 {
    let characters = bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    u32::try_from(characters).unwrap_or(u32::MAX).saturating_add(1)
}

struct Parser<'a> {
    source: &'a str,
    findings: Findings<'a>,
    sections: Vec<Header>,
    /// Where a section of that name stands among them.
    indices: BTreeMap<String, usize>,
    section: Option<usize>,
    lines: Vec<Line>,
    default: Option<DefaultLine>,
    chain: Option<FileLine>,
    /// Lines so far that say something.
    said: usize,
    /// Whether a tab inside a line was told.
    tab: bool,
}

impl Parser<'_> {
    fn place(&self, at: Position) -> Place {
        Place {
            file: self.source.to_string(),
            at,
        }
    }

    fn finish(self) -> Config {
        Config {
            source: self.source.to_string(),
            sections: self.sections,
            lines: self.lines,
            default: self.default.filter(|default| !default.name.is_empty()),
            chain: self.chain,
            findings: self.findings.finish(),
        }
    }

    fn raw_line(&mut self, raw: &RawLine<'_>, number: u32) -> Result<(), ConfigError> {
        let start = Position {
            line: number,
            column: 1,
        };
        if raw.bytes.len() > MAX_LINE {
            return Err(ConfigError::LongLine {
                place: self.place(start),
                len: raw.bytes.len(),
            });
        }
        // In comments too: for Xen a control character ends the comment, and what follows it counts.
        let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        if let Some(at) = raw.bytes.iter().position(is_control) {
            let byte = raw.bytes.get(at).copied().unwrap_or_default();
            return Err(ConfigError::Control {
                place: self.place(position(raw.bytes, at, number)),
                code: byte.into(),
            });
        }
        let content = raw.bytes.split(|byte| *byte == b'#').next().unwrap_or_default();
        let trimmed = content.trim_ascii_start();
        if trimmed.is_empty() || trimmed.starts_with(b";") {
            return Ok(());
        }
        self.said = self.said.saturating_add(1);
        if self.said > MAX_LINES {
            let place = self.place(start);
            return Err(ConfigError::TooManyLines { place });
        }
        let text = self.text(content, number)?;
        let comment = content.len() < raw.bytes.len();
        self.differences(text, raw.ended || comment, number);
        self.line(text, comment, number)
    }

    /// The text of the line without its comment; its control characters of one byte have been looked for.
    fn text<'t>(&self, bytes: &'t [u8], number: u32) -> Result<&'t str, ConfigError> {
        let text = core::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            ConfigError::NotText {
                place: self.place(position(bytes, at, number)),
                byte: bytes.get(at).copied().unwrap_or_default(),
            }
        })?;
        let mut characters = text.char_indices();
        match characters.find(|(_, character)| character.is_control() && *character != '\t') {
            None => Ok(text),
            Some((at, character)) => Err(ConfigError::Control {
                place: self.place(position(bytes, at, number)),
                code: character.into(),
            }),
        }
    }

    /// Notes what Xen's stub reads otherwise.
    fn differences(&mut self, text: &str, ended: bool, number: u32) {
        let words = text.trim_matches(BLANKS);
        let before = text.len().saturating_sub(text.trim_start_matches(BLANKS).len());
        if let Some(at) = words.find('\t').filter(|_| !self.tab) {
            self.tab = true;
            let at = position(text.as_bytes(), before.saturating_add(at), number);
            self.findings.note(
                at,
                format_args!("a tab is a blank here, while Xen's EFI stub ends the line there"),
            );
        }
        if !ended {
            let at = position(text.as_bytes(), before, number);
            self.findings.note(
                at,
                format_args!("the last line has no newline; it is read here, while Xen's EFI stub ignores it"),
            );
        }
    }

    fn line(&mut self, text: &str, comment: bool, number: u32) -> Result<(), ConfigError> {
        let line = text.trim_start_matches(BLANKS);
        let before = text.len().saturating_sub(line.len());
        let at = position(text.as_bytes(), before, number);
        if let Some(header) = line.strip_prefix('[') {
            return self.header(header, at);
        }
        let Some((spelled, rest)) = line.split_once('=') else {
            let why = if comment { "; a '#' begins a comment" } else { "" };
            let line = shown(line.trim_end_matches(BLANKS));
            self.findings
                .warn(at, format_args!("'{line}' has no '=' and is ignored{why}"));
            return Ok(());
        };
        let key = spelled.trim_end_matches(BLANKS);
        let value = rest.trim_start_matches(BLANKS);
        let value_at = position(text.as_bytes(), text.len().saturating_sub(value.len()), number);
        let line = Line {
            section: self.section,
            key: key.to_string(),
            at,
            value: value.trim_end_matches(BLANKS).to_string(),
            value_at,
        };
        self.key(line, key.len() < spelled.len())
    }

    fn header(&mut self, header: &str, at: Position) -> Result<(), ConfigError> {
        let Some((spelled, rest)) = header.split_once(']') else {
            let place = self.place(at);
            return Err(ConfigError::OpenHeader { place });
        };
        let name = spelled.trim_matches(BLANKS);
        if name.is_empty() {
            let place = self.place(at);
            return Err(ConfigError::NoName { place });
        }
        if name != spelled {
            let name = shown(name);
            self.findings
                .warn(at, format_args!("Xen's EFI stub wants no blanks within [{name}]"));
        }
        let rest = rest.trim_matches(BLANKS);
        if !rest.is_empty() {
            let (name, rest) = (shown(name), shown(rest));
            self.findings
                .warn(at, format_args!("'{rest}' behind [{name}] is ignored"));
        }
        self.section = Some(self.enter(name, at));
        Ok(())
    }

    /// The index of the section that begins here or goes on.
    fn enter(&mut self, name: &str, at: Position) -> usize {
        let index = self.indices.get(name).copied();
        let first = index.and_then(|index| self.sections.get(index));
        if let (Some(index), Some(first)) = (index, first) {
            let (name, line) = (shown(name), first.at.line);
            self.findings.warn(
                at,
                format_args!(
                    "[{name}] begins in line {line} and goes on here; Xen's EFI stub reads its first part only"
                ),
            );
            return index;
        }
        let index = self.sections.len();
        self.indices.insert(name.to_string(), index);
        self.sections.push(Header {
            name: name.to_string(),
            at,
        });
        index
    }

    fn key(&mut self, line: Line, blank: bool) -> Result<(), ConfigError> {
        // What is wrong with a domain's name is said when its section is read.
        let known = key::classify(&line.key);
        let name = shown(&line.key);
        if blank && known != Ok(Key::Unknown) {
            self.findings.warn(
                line.at,
                format_args!("Xen's EFI stub wants no blank between '{name}' and '='"),
            );
        }
        match known {
            Ok(Key::Default | Key::Chain) if !self.is_global() => {
                self.findings.warn(
                    line.at,
                    format_args!("'{name}' counts in [{GLOBAL}] only and is ignored"),
                );
            }
            Ok(Key::Default) => self.default(&line),
            Ok(Key::Chain) => self.chain(&line)?,
            Ok(Key::X86) => {
                self.findings
                    .warn(line.at, format_args!("'{name}' is for PCs and means nothing here"));
            }
            Ok(Key::Unknown) => self.unknown(&line),
            _ => self.lines.push(line),
        }
        Ok(())
    }

    fn is_global(&self) -> bool {
        let header = self.section.and_then(|index| self.sections.get(index));
        header.is_some_and(|header| header.name == GLOBAL)
    }

    fn default(&mut self, line: &Line) {
        if let Some(first) = &self.default {
            return self.second(line, first.at.line);
        }
        if line.value.is_empty() {
            self.findings
                .warn(line.value_at, format_args!("'default' names no section and is ignored"));
        }
        self.default = Some(DefaultLine {
            name: line.value.clone(),
            at: line.value_at,
        });
    }

    fn chain(&mut self, line: &Line) -> Result<(), ConfigError> {
        if let Some(first) = &self.chain {
            self.second(line, first.at.line);
            return Ok(());
        }
        let Some(file) = file_line(&line.value, line.value_at) else {
            let place = self.place(line.value_at);
            let key = line.key.clone();
            return Err(ConfigError::NoFile { place, key });
        };
        if let Some(args) = &file.args {
            let (file, args) = (shown(&file.file), shown(args));
            self.findings.warn(
                line.value_at,
                format_args!("'{args}' behind the file '{file}' of 'chain' is ignored"),
            );
        }
        self.chain = Some(file);
        Ok(())
    }

    fn second(&mut self, line: &Line, first: u32) {
        let key = shown(&line.key);
        self.findings.warn(
            line.at,
            format_args!("'{key}' stands in line {first} already, which counts"),
        );
    }

    fn unknown(&mut self, line: &Line) {
        let key = shown(&line.key);
        match key::similar(&line.key) {
            Some(similar) => self.findings.warn(
                line.at,
                format_args!("unknown key '{key}' is ignored; did you mean {similar}?"),
            ),
            None => self
                .findings
                .warn(line.at, format_args!("unknown key '{key}' is ignored")),
        }
    }
}

/// The place of a line's byte.
fn position(line: &[u8], at: usize, number: u32) -> Position {
    Position {
        line: number,
        column: column_behind(line.get(..at).unwrap_or(line)),
    }
}
