//! Where a boot menu or a configuration came from, and hence where the files that it names are: a volume of a card or a disk, a TFTP
//! server, a web server, RAM.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use hal::{PhysAddr, Region};

use super::disk::Selector;
use super::start::File;
use super::tftpboot::{self, Refused};
use super::{load, network, wget};
use crate::context::{CommandError, Context};
use crate::memory::LoadedFile;
use crate::source::{Destination, Part};

/// A place that has files.
#[derive(Clone, Debug)]
enum Place {
    /// A volume, and the only kind of file system that will do, or an empty word.
    Volume(Selector, &'static str),
    /// A TFTP server; without an address, the one that the environment names.
    Tftp(Option<Ipv4Addr>),
    /// A web server, up to the slash behind its name: `http://10.0.2.2:8000`.
    Web(String),
    /// What was loaded before, and for everything else the TFTP server that the environment names.
    Loaded,
}

/// A place that has files, and the folder there that names without a slash in front begin in.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    place: Place,
    folder: String,
}

impl Origin {
    /// The volume that has the menu `file`.
    pub(super) fn volume(selector: Selector, kind: &'static str, file: &str) -> Self {
        Self {
            place: Place::Volume(selector, kind),
            folder: folder_of(file).to_string(),
        }
    }

    /// The TFTP server `server`, or the one that the environment names, which `bootfile` lies on.
    pub(super) fn tftp(server: Option<Ipv4Addr>, bootfile: &str) -> Self {
        Self {
            place: Place::Tftp(server),
            folder: folder_of(bootfile).to_string(),
        }
    }

    /// The web server that has what `url` names, which begins with `http://`.
    pub(super) fn web(url: &str) -> Self {
        let (_, behind) = url.split_once("://").unwrap_or(("", url));
        let path = behind.find('/').map_or("", |at| behind.get(at..).unwrap_or_default());
        Self {
            place: Place::Web(url.strip_suffix(path).unwrap_or(url).to_string()),
            folder: folder_of(path).to_string(),
        }
    }

    /// What was loaded by hand.
    pub(super) fn loaded() -> Self {
        Self {
            place: Place::Loaded,
            folder: String::new(),
        }
    }

    /// Whether it is RAM.
    pub(super) fn is_loaded(&self) -> bool {
        matches!(self.place, Place::Loaded)
    }

    /// The name that the place knows a file by. On a TFTP server the folder comes before any name, as U-Boot has it.
    fn resolve(&self, path: &str) -> String {
        match &self.place {
            Place::Volume(..) if path.starts_with('/') => path.to_string(),
            Place::Web(_) if path.contains("://") => path.to_string(),
            Place::Web(server) if path.starts_with('/') => format!("{server}{path}"),
            Place::Web(server) => {
                let slash = if self.folder.is_empty() { "/" } else { "" };
                format!("{server}{slash}{}{path}", self.folder)
            }
            _ => format!("{}{path}", self.folder),
        }
    }

    /// Loads a file to `address`, and says so with U-Boot's words.
    ///
    /// # Errors
    /// As the command that loads from there.
    pub(super) fn retrieve(&self, context: &mut Context, path: &str, address: PhysAddr) -> Result<File, CommandError> {
        Ok(self.ask(context, path, Destination::At(address))??)
    }

    /// As [`Origin::retrieve`], for those who ask for another file if this one is not there.
    ///
    /// # Errors
    /// As the command that loads from there.
    pub(super) fn ask(
        &self,
        context: &mut Context,
        path: &str,
        destination: Destination<'_>,
    ) -> Result<Result<File, Refused>, CommandError> {
        // What goes wrong is in the error, which somebody else prints.
        let before = context.terminal.is_silent();
        context.terminal.set_silent(before || context.quiet);
        let asked = self.ask_aloud(context, path, destination);
        context.terminal.set_silent(before);
        asked
    }

    fn ask_aloud(
        &self,
        context: &mut Context,
        path: &str,
        destination: Destination<'_>,
    ) -> Result<Result<File, Refused>, CommandError> {
        let name = self.resolve(path);
        if !self.is_loaded() {
            context.say(format_args!("Retrieving file: {name}"));
        }
        let asked = match &self.place {
            Place::Loaded => return among_loaded(context, &name, destination),
            Place::Volume(selector, kind) => {
                let file = (name.as_str(), Part::default());
                load::load(context, (selector, kind), file, destination)?
            }
            Place::Web(_) => wget::fetch(context, &name, destination)?,
            Place::Tftp(server) => by_tftp(context, *server, &name, destination)?,
        };
        Ok(asked.map(|region| File { name, region }))
    }
}

fn by_tftp(
    context: &mut Context,
    server: Option<Ipv4Addr>,
    name: &str,
    destination: Destination<'_>,
) -> Result<Result<Region, Refused>, CommandError> {
    let server = match server {
        Some(server) => server,
        None => network::server(&context.env, "serverip")?,
    };
    tftpboot::fetch(context, (server, name), destination)
}

/// The file that was loaded under that name; else the server's.
fn among_loaded(
    context: &mut Context,
    name: &str,
    destination: Destination<'_>,
) -> Result<Result<File, Refused>, CommandError> {
    if let Some(file) = loaded_as(context, name)? {
        return Ok(Ok(file));
    }
    if context.network.is_some() && context.env.get("serverip").is_some() {
        context.say(format_args!("Retrieving file: {name}"));
        let asked = by_tftp(context, None, name, destination)?;
        return Ok(asked.map(|region| File {
            name: name.to_string(),
            region,
        }));
    }
    let names: Vec<&str> = context.memory.files().iter().map(|file| file.name.as_str()).collect();
    let why = format!(
        "{name} was not loaded, and there is no serverip to ask for it; loaded: {}",
        names.join(", ")
    );
    Ok(Err(Refused(why)))
}

/// The file that was loaded under that name, or else under that name in another folder.
///
/// # Errors
/// If there are several: they are as good as one another.
fn loaded_as(context: &Context, name: &str) -> Result<Option<File>, CommandError> {
    let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
    let all = || context.memory.files().iter();
    let mut alike: Vec<&LoadedFile> = all().filter(|file| file.name == name).collect();
    if alike.is_empty() {
        alike = all().filter(|file| base(&file.name) == base(name)).collect();
    }
    // What was written over is told by the checks, but is not what is meant if there is another.
    if alike.iter().any(|file| file.overwritten_by.is_none()) {
        alike.retain(|file| file.overwritten_by.is_none());
    }
    // The same bytes twice are as good as once.
    let bytes = |file: &LoadedFile| context.memory.bytes(file.region);
    if let Some((first, others)) = alike.split_first()
        && others.iter().all(|other| bytes(other) == bytes(first))
    {
        alike.truncate(1);
    }
    match alike.as_slice() {
        [] => Ok(None),
        [file] => Ok(Some(File {
            name: file.name.clone(),
            region: file.region,
        })),
        [first, second, ..] => Err(CommandError::failed(format!(
            "{name} may be {} at {} or {} at {}: load one of them only, or say which by its whole name",
            first.name,
            first.region.start(),
            second.name,
            second.region.start()
        ))),
    }
}

/// U-Boot's words, in menus, for a variable that has to be set.
pub(super) fn missing(variable: &str) -> CommandError {
    CommandError::failed(format!("missing environment variable: {variable}"))
}

/// A file's name up to its last slash.
pub(super) fn folder_of(file: &str) -> &str {
    let end = file.rfind('/').map_or(0, |slash| slash.saturating_add(1));
    file.get(..end).unwrap_or_default()
}
