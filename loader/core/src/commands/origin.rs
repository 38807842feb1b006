//! Where a boot menu came from, and hence where the files that it names are: a volume of a card or a disk, a TFTP server.

use alloc::format;
use alloc::string::{String, ToString};

use hal::PhysAddr;

use super::disk::Selector;
use super::start::File;
use super::tftpboot::{self, Refused};
use super::{load, network};
use crate::context::{CommandError, Context};

/// A place that has files.
#[derive(Clone, Debug)]
enum Place {
    /// A volume, and the only kind of file system that will do, or an empty word.
    Volume(Selector, &'static str),
    /// The server that the environment names.
    Tftp,
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

    /// The TFTP server, which `bootfile` lies on.
    pub(super) fn tftp(bootfile: &str) -> Self {
        Self {
            place: Place::Tftp,
            folder: folder_of(bootfile).to_string(),
        }
    }

    /// The name that the place knows a file by. On a server the folder comes before any name, as U-Boot has it.
    fn resolve(&self, path: &str) -> String {
        match self.place {
            Place::Volume(..) if path.starts_with('/') => path.to_string(),
            _ => format!("{}{path}", self.folder),
        }
    }

    /// Loads a file to `address`, and says so with U-Boot's words.
    ///
    /// # Errors
    /// As the command that loads from there.
    pub(super) fn retrieve(&self, context: &mut Context, path: &str, address: PhysAddr) -> Result<File, CommandError> {
        Ok(self.ask(context, path, address)??)
    }

    /// As [`Origin::retrieve`], for those who ask for another file if a server refuses this one. A volume never does: there it is an error
    /// if a file is absent.
    ///
    /// # Errors
    /// As the command that loads from there.
    pub(super) fn ask(
        &self,
        context: &mut Context,
        path: &str,
        address: PhysAddr,
    ) -> Result<Result<File, Refused>, CommandError> {
        let name = self.resolve(path);
        context.say(format_args!("Retrieving file: {name}"));
        let asked = match &self.place {
            Place::Volume(selector, kind) => Ok(load::whole(context, (selector, kind), &name, address)?),
            Place::Tftp => {
                let server = network::server(&context.env, "serverip")?;
                let load = tftpboot::Load {
                    address,
                    server,
                    file: name.clone(),
                };
                tftpboot::ask(context, &load)?
            }
        };
        Ok(asked.map(|region| File { name, region }))
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
