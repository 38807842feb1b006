//! From text to a menu, line by line.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::label::Taken;
use super::{Error, Label, MAX_DEPTH, MAX_FILE, MAX_INCLUDES, MAX_LABELS, MAX_LINE, Menu, Place};
use crate::source::SourceError;

/// Fetches the file that an `include` names.
pub type Include<'a> = dyn FnMut(&str) -> Result<Vec<u8>, SourceError> + 'a;

/// Reads the menu in `text`, which is the file called `name`. A zero byte ends it.
///
/// # Errors
/// [`enum@Error`] with the line.
pub fn parse(name: &str, text: &[u8], include: &mut Include<'_>) -> Result<Menu, Error> {
    let mut parser = Parser {
        menu: Menu::default(),
        open: Vec::new(),
        included: 0,
    };
    parser.open(name, text.to_vec())?;
    while let Some((place, line)) = parser.next_line()? {
        parser.line(&line, &place, include)?;
    }
    Ok(parser.menu)
}

/// A file that is being read.
struct File {
    name: Rc<str>,
    text: Vec<u8>,
    /// Where the next line begins.
    at: usize,
    /// The number of the last line.
    line: usize,
}

struct Parser {
    menu: Menu,
    /// The files that are being read: the last is included in the one before.
    open: Vec<File>,
    included: usize,
}

impl Parser {
    fn open(&mut self, name: &str, mut text: Vec<u8>) -> Result<(), Error> {
        let end = text.iter().position(|byte| *byte == 0);
        text.truncate(end.unwrap_or(text.len()));
        if text.len() > MAX_FILE {
            return Err(Error::TooLarge {
                file: name.to_string(),
                size: text.len(),
            });
        }
        self.open.push(File {
            name: name.into(),
            text,
            at: 0,
            line: 0,
        });
        Ok(())
    }

    /// The next line of the innermost file, without its end.
    fn next_line(&mut self) -> Result<Option<(Place, String)>, Error> {
        while let Some(file) = self.open.last_mut() {
            let rest = file.text.get(file.at..).filter(|rest| !rest.is_empty());
            let Some(rest) = rest else {
                self.open.pop();
                continue;
            };
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            file.at = file.at.saturating_add(line.len()).saturating_add(1);
            file.line = file.line.saturating_add(1);
            let place = Place {
                file: Rc::clone(&file.name),
                line: file.line,
            };
            if line.len() > MAX_LINE {
                return Err(Error::LongLine { place, len: line.len() });
            }
            return match core::str::from_utf8(line) {
                Ok(line) => Ok(Some((place, line.trim().to_string()))),
                Err(_) => Err(Error::NotText { place }),
            };
        }
        Ok(None)
    }

    fn line(&mut self, line: &str, place: &Place, include: &mut Include<'_>) -> Result<(), Error> {
        let (key, value) = key_and_value(line);
        let Some(key) = key else { return Ok(()) };
        match (key.as_str(), value) {
            ("menu", value) => return self.menu(value, place, include),
            ("include", Some(path)) => return self.include(path, place, include),
            ("label", name) => return self.label(name, place),
            ("default" | "ontimeout", Some(name)) => self.menu.default = Some(name.to_string()),
            ("timeout", Some(text)) => match leading(text).and_then(|tenths| u32::try_from(tenths).ok()) {
                Some(tenths) => self.menu.timeout = tenths,
                None => self.skipped("timeout, which wants a number of tenths of a second", place),
            },
            ("prompt", Some(flag)) => self.menu.prompt = leading(flag).map_or(self.menu.prompt, |flag| flag != 0),
            ("say", text) => self.menu.note(text.unwrap_or_default().to_string()),
            ("include" | "default" | "ontimeout" | "timeout" | "prompt", None) => self.no_value(&key, place),
            (_, value) => return self.label_key(&key, value, place),
        }
        Ok(())
    }

    /// A key that is no menu's may be a label's: U-Boot ends the label at one that it does not know, and ignores what follows up to the next
    /// label.
    fn label_key(&mut self, key: &str, value: Option<&str>, place: &Place) -> Result<(), Error> {
        let label = self.menu.labels.last_mut();
        match label.map_or(Ok(Taken::Unknown), |label| label.set(key, value, place))? {
            Taken::Yes => {}
            Taken::NoValue => self.no_value(key, place),
            Taken::Unknown => self.skipped(&format!("unknown command: {key}"), place),
        }
        Ok(())
    }

    fn label(&mut self, name: Option<&str>, place: &Place) -> Result<(), Error> {
        let name = name.ok_or_else(|| Error::NoName { place: place.clone() })?;
        if self.menu.labels.len() == MAX_LABELS {
            return Err(Error::TooManyLabels { place: place.clone() });
        }
        self.menu.labels.push(Label {
            name: name.to_string(),
            ..Label::default()
        });
        Ok(())
    }

    fn menu(&mut self, line: Option<&str>, place: &Place, include: &mut Include<'_>) -> Result<(), Error> {
        let (key, value) = key_and_value(line.unwrap_or_default());
        let key = key.unwrap_or_default();
        let Menu { labels, prompt, .. } = &mut self.menu;
        let label = labels.last_mut();
        // A menu with any line about itself is shown.
        *prompt |= label.is_none() || matches!(key.as_str(), "title" | "include" | "background");
        match (key.as_str(), value, label) {
            ("title", Some(title), _) => self.menu.title = Some(title.to_string()),
            ("include", Some(path), _) => return self.include(path, place, include),
            ("label", Some(text), Some(label)) => label.text = Some(text.to_string()),
            ("default", _, Some(label)) => {
                let name = label.name.clone();
                self.menu.default.get_or_insert(name);
            }
            // There is no screen for a picture.
            ("background", Some(_), _) => {}
            _ => self.skipped(&format!("malformed menu command: {}", line.unwrap_or_default()), place),
        }
        Ok(())
    }

    fn include(&mut self, path: &str, place: &Place, include: &mut Include<'_>) -> Result<(), Error> {
        let (place, path) = (place.clone(), path.to_string());
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::TooDeep { place, path });
        }
        if self.included >= MAX_INCLUDES {
            return Err(Error::TooManyIncludes { place, path });
        }
        self.included = self.included.saturating_add(1);
        let text = include(&path).map_err(|why| Error::include(place, &path, why))?;
        self.open(&path, text)
    }

    fn skipped(&mut self, what: &str, place: &Place) {
        self.menu.note(format!("Ignoring {what} ({place})"));
    }

    fn no_value(&mut self, key: &str, place: &Place) {
        self.skipped(&format!("{key}, which has no value"), place);
    }
}

/// The first word of a line in small letters, and what follows it; a value that would begin with `#` is a comment.
fn key_and_value(line: &str) -> (Option<String>, Option<&str>) {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return (None, None);
    }
    let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let value = value.trim_start();
    let value = (!value.is_empty() && !value.starts_with('#')).then_some(value);
    (Some(key.to_ascii_lowercase()), value)
}

/// The number that `text` begins with, whatever stands behind it: decimal, or hexadecimal after `0x`, as U-Boot reads one. `None` if it
/// begins with none; what is too large is the largest that there is.
pub(super) fn leading(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (radix, digits) = hexadecimal.map_or((10, digits), |digits| (16, digits));
    let mut digits = digits.chars().map_while(|digit| digit.to_digit(radix)).peekable();
    digits.peek()?;
    let value = digits.fold(0_i64, |value, digit| {
        value.saturating_mul(i64::from(radix)).saturating_add(i64::from(digit))
    });
    Some(if text.starts_with('-') {
        value.saturating_neg()
    } else {
        value
    })
}
