//! From the lines of a section to what they mean.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::findings::{Findings, shown};
use super::key::{self, Key, MAX_NAME, NumberError, Once, Part};
use super::parse::{BLANKS, file_line};
use super::{
    Binary, Config, ConfigError, DomainLines, FileLine, GLOBAL, Line, MAX_DOMAINS, Place, Position, PropertyLine,
    Scope, Section,
};

pub(super) fn read(config: &Config, scope: Scope) -> Result<Section, ConfigError> {
    let mut reader = Reader {
        config,
        section: Section {
            source: config.source.clone(),
            ..Section::default()
        },
        findings: Findings::new(&config.source),
        once: BTreeMap::new(),
        binaries: BTreeMap::new(),
        modules: None,
        owners: Vec::new(),
        zeros: BTreeSet::new(),
    };
    match scope {
        Scope::All => reader.tell_mixed(),
        Scope::Section(chosen) => reader.tell_apart(chosen),
    }
    for line in config.lines.iter().filter(|line| scope.contains(line)) {
        reader.line(line)?;
    }
    reader.section.findings = reader.findings.finish();
    Ok(reader.section)
}

/// Whether a line in `section` is about what belongs to `owner`, whose it becomes if it is nobody's yet.
fn belongs(owner: &mut Option<usize>, section: Option<usize>) -> bool {
    section.is_none_or(|section| *owner.get_or_insert(section) == section)
}

struct Reader<'a> {
    config: &'a Config,
    section: Section,
    findings: Findings<'a>,
    /// The line that counts of each key that counts once.
    once: BTreeMap<&'a str, &'a Line>,
    /// The first line of each key of a binary, and the file in it.
    binaries: BTreeMap<&'a str, (&'a Line, &'a str)>,
    /// The section that has the modules. If headers are ignored, those of others are passed over.
    modules: Option<usize>,
    /// The section of each domain: the same holds for what others say about it.
    owners: Vec<Option<usize>>,
    /// Domains that are written with zeros and have been told.
    zeros: BTreeSet<&'a str>,
}

impl<'a> Reader<'a> {
    /// Warns about lines that count though they seem not to: those of several sections, none of which was chosen.
    fn tell_mixed(&mut self) {
        let lines = self.config.lines.iter();
        let sections: BTreeSet<usize> = lines.filter_map(|line| self.section_of(line)).collect();
        if sections.len() > 1 {
            self.findings.warn_of_file(format_args!(
                "no section was asked for, and no 'default' in [{GLOBAL}] names one: of each key the first line counts, \
                 whatever section it is in"
            ));
        }
    }

    /// Warns about lines that do not count though they seem to: those before any section, and those about all of them.
    fn tell_apart(&mut self, chosen: usize) {
        let chosen = self.name(chosen);
        if chosen == GLOBAL {
            return;
        }
        let chosen = shown(chosen);
        for line in &self.config.lines {
            let stands = match line.section.map(|index| self.name(index)) {
                None => "before any section",
                Some(GLOBAL) => "in [global]",
                Some(_) => continue,
            };
            let key = shown(&line.key);
            self.findings.warn(
                line.at,
                format_args!("'{key}' stands {stands} and is no part of [{chosen}]"),
            );
        }
    }

    fn name(&self, index: usize) -> &'a str {
        let header = self.config.sections.get(index);
        header.map_or("", |header| header.name.as_str())
    }

    /// The section of a line, if it has one that is not about all of them.
    fn section_of(&self, line: &Line) -> Option<usize> {
        line.section.filter(|index| self.name(*index) != GLOBAL)
    }

    /// Whether two lines are in sections of which only one can be meant.
    fn apart(&self, one: &Line, other: &Line) -> bool {
        let sections = self.section_of(one).zip(self.section_of(other));
        sections.is_some_and(|(one, other)| one != other)
    }

    fn line(&mut self, line: &'a Line) -> Result<(), ConfigError> {
        let known = key::classify(&line.key).map_err(|error| {
            let (place, key) = (self.place(line.at), shown(&line.key));
            match error {
                NumberError::Missing => ConfigError::NoNumber { place, key },
                NumberError::TooLarge => ConfigError::LargeNumber { place, key },
            }
        })?;
        match known {
            Key::Once(which) => self.once(line, which),
            Key::Binary => self.binary(line),
            Key::Module => self.module(line),
            Key::Domain(name, part) => self.domain(line, name, part),
            // Of these no lines are kept.
            Key::Default | Key::Chain | Key::X86 | Key::Unknown => Ok(()),
        }
    }

    fn place(&self, at: Position) -> Place {
        self.config.place(at)
    }

    fn file(&self, line: &Line) -> Result<FileLine, ConfigError> {
        file_line(&line.value, line.value_at).ok_or_else(|| ConfigError::NoFile {
            place: self.place(line.value_at),
            key: shown(&line.key),
        })
    }

    fn once(&mut self, line: &'a Line, which: Once) -> Result<(), ConfigError> {
        if let Some(first) = self.once.get(line.key.as_str()).copied() {
            if !self.apart(first, line) {
                self.findings.warn(
                    line.at,
                    format_args!("'{}' stands in line {} already, which counts", line.key, first.at.line),
                );
            }
            return Ok(());
        }
        self.once.insert(&line.key, line);
        match which {
            Once::Options => self.section.options = Some(line.value.clone()),
            Once::Xen => self.section.xen = Some(self.file_alone(line)?),
            Once::Kernel => self.section.kernel = Some(self.file(line)?),
            Once::Ramdisk => self.section.ramdisk = Some(self.file_alone(line)?),
            Once::Dtb => self.section.dtb = Some(self.file_alone(line)?),
            // The proposals' examples leave it empty.
            Once::Xsm if line.value.is_empty() => {
                self.findings
                    .warn(line.value_at, format_args!("'xsm' names no file: there is no policy"));
            }
            Once::Xsm => self.section.xsm = Some(self.file_alone(line)?),
        }
        Ok(())
    }

    /// A file for which arguments mean nothing: what stands behind it may be the rest of a name with a blank.
    fn file_alone(&mut self, line: &Line) -> Result<FileLine, ConfigError> {
        let file = self.file(line)?;
        if let Some(args) = &file.args {
            let (key, name, args) = (shown(&line.key), shown(&file.file), shown(args));
            self.findings.warn(
                line.value_at,
                format_args!(
                    "'{args}' behind the file '{name}' of '{key}' means nothing; a file's name ends at a blank"
                ),
            );
        }
        Ok(file)
    }

    fn binary(&mut self, line: &'a Line) -> Result<(), ConfigError> {
        let mut words = line.value.split(BLANKS).filter(|word| !word.is_empty());
        let (Some(file), Some(key), None) = (words.next(), words.next(), words.next()) else {
            return Err(ConfigError::BinaryWords {
                place: self.place(line.value_at),
                words: line.value.split(BLANKS).filter(|word| !word.is_empty()).count(),
            });
        };
        let Some((first, other)) = self.binaries.get(key).copied() else {
            self.binaries.insert(key, (line, file));
            self.section.binaries.push(Binary {
                file: file.to_string(),
                key: key.to_string(),
                at: line.value_at,
            });
            return Ok(());
        };
        if self.apart(first, line) {
            return Ok(());
        }
        if other != file {
            return Err(ConfigError::BinaryTwice {
                place: self.place(line.value_at),
                key: shown(key),
                first: shown(other),
                line: first.at.line,
                file: shown(file),
            });
        }
        let key = shown(key);
        self.findings.warn(
            line.at,
            format_args!("the binary '{key}' stands in line {} already", first.at.line),
        );
        Ok(())
    }

    fn module(&mut self, line: &Line) -> Result<(), ConfigError> {
        let section = self.section_of(line);
        if belongs(&mut self.modules, section) {
            let file = self.file(line)?;
            self.section.modules.push(file);
        }
        Ok(())
    }

    fn domain(&mut self, line: &'a Line, name: String, part: Part) -> Result<(), ConfigError> {
        self.tell_zeros(line, &name);
        let Some(index) = self.domain_index(line, name)? else {
            return Ok(());
        };
        let mut property = None;
        let mut file = None;
        match part {
            Part::Property => property = Some(self.property(line)?),
            Part::Kernel => file = Some(self.file(line)?),
            Part::Ramdisk | Part::Dtb => file = Some(self.file_alone(line)?),
        }
        let place = self.place(line.at);
        let Some(domain) = self.section.domains.get_mut(index) else {
            return Ok(());
        };
        domain.properties.extend(property);
        let slot = match part {
            Part::Property => return Ok(()),
            Part::Kernel => &mut domain.kernel,
            Part::Ramdisk => &mut domain.ramdisk,
            Part::Dtb => &mut domain.dtb,
        };
        if let Some(first) = slot {
            return Err(ConfigError::DomainTwice {
                place,
                key: shown(&line.key),
                line: first.at.line,
            });
        }
        *slot = file;
        Ok(())
    }

    fn tell_zeros(&mut self, line: &'a Line, name: &str) {
        let spelled = line.key.rsplit_once('_').map_or("", |(spelled, _)| spelled);
        if spelled != name && self.zeros.insert(spelled) {
            let spelled = shown(spelled);
            self.findings
                .warn(line.at, format_args!("the domain '{spelled}' is the same as '{name}'"));
        }
    }

    /// Where the domain stands among those of the section; `None` if another section of the file has named it before.
    fn domain_index(&mut self, line: &Line, name: String) -> Result<Option<usize>, ConfigError> {
        let section = self.section_of(line);
        let domains = &mut self.section.domains;
        if let Some(index) = domains.iter().position(|domain| domain.name == name) {
            let owner = self.owners.get_mut(index);
            return Ok(owner.is_some_and(|owner| belongs(owner, section)).then_some(index));
        }
        let index = domains.len();
        if index >= MAX_DOMAINS {
            let place = self.place(line.at);
            return Err(ConfigError::TooManyDomains { place });
        }
        domains.push(DomainLines {
            name,
            at: line.at,
            kernel: None,
            ramdisk: None,
            dtb: None,
            properties: Vec::new(),
        });
        self.owners.push(section);
        Ok(Some(index))
    }

    /// `NAME[=VALUE]`.
    fn property(&mut self, line: &Line) -> Result<PropertyLine, ConfigError> {
        let (name, value) = match line.value.split_once('=') {
            Some((name, value)) => (name.trim_end_matches(BLANKS), Some(value.trim_start_matches(BLANKS))),
            None => (line.value.as_str(), None),
        };
        let may_stand = |character: char| character.is_ascii_alphanumeric() || ",._+?#-".contains(character);
        let wrong = name.chars().zip(0..).find(|(character, _)| !may_stand(*character));
        if let Some((character, before)) = wrong {
            let mut place = self.place(line.value_at);
            place.at.column = place.at.column.saturating_add(before);
            return Err(ConfigError::PropertyCharacter { place, character });
        }
        let place = self.place(line.value_at);
        match name.len() {
            0 => Err(ConfigError::NoProperty { place }),
            1..=MAX_NAME => Ok(PropertyLine {
                name: name.to_string(),
                value: value.map(ToString::to_string),
                at: line.value_at,
            }),
            len => Err(ConfigError::LongProperty { place, len }),
        }
    }
}
