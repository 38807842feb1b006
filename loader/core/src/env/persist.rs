//! Loading and saving the environment, with the words that U-Boot has for it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use hal::{Flash, PhysAddr};

use super::format::{self, Change, EntryError};
use super::storage::{Progress, Saved, Storage, StorageError};
use super::{EnvError, Environment, Place};
use crate::console::Terminal;
use crate::context::{Context, Status};

/// How many of the variables that are left out are named.
const NAMED: usize = 4;

/// What becomes of the environment at a reset.
#[derive(Default)]
pub struct Persistence {
    /// Where it is saved; `None` if nowhere.
    pub storage: Option<Storage>,
    /// Why the place that the board names is not there; empty if it names none.
    pub missing: String,
    /// Whether the environment came from the storage.
    pub is_loaded: bool,
}

impl Persistence {
    /// The board's place, if it names one, in whichever of the flashes it is if it is in one.
    #[must_use]
    pub fn open(place: Option<Place>, flashes: Vec<Box<dyn Flash>>) -> Self {
        let mut opened = Self::default();
        match place.map(|place| Storage::open(place, flashes)) {
            Some(Ok(storage)) => opened.storage = Some(storage),
            Some(Err(error)) => opened.missing = error.to_string(),
            None => {}
        }
        opened
    }

    /// Why nothing can be loaded or saved.
    #[must_use]
    pub fn none(&self) -> String {
        let missing = self.missing.as_str();
        if missing.is_empty() {
            return String::from("no storage for the environment on this board");
        }
        format!("no storage for the environment: {missing}")
    }

    /// How many bytes the variables may take.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.storage.as_ref().map_or(Environment::LIMIT, Storage::capacity)
    }
}

/// Loads the environment from its storage, or takes the default one. Says what it does; without storage there is nothing to say
/// but why.
pub fn load(context: &mut Context) -> Status {
    let Some(mut storage) = context.persistence.storage.take() else {
        context.env = context.default_env.clone();
        if !context.persistence.missing.is_empty() {
            let why = context.persistence.none();
            context.say(format_args!("*** Warning - {why}, using default environment\n"));
        }
        return Status::Failure;
    };
    let _ = write!(context, "Loading Environment from {}... ", storage.kind());
    let result = storage.load(&mut context.storage, &mut Console(&mut context.terminal));
    context.persistence.storage = Some(storage);
    match result {
        Ok(saved) => {
            take(context, &saved);
            context.persistence.is_loaded = true;
            Status::Success
        }
        Err(error) => {
            warn(context, &error);
            context.env = context.default_env.clone();
            context.persistence.is_loaded = false;
            Status::Failure
        }
    }
}

/// Says why the default environment is taken, behind what was begun of the line.
fn warn(context: &mut Context, error: &StorageError) {
    let words = error.words();
    if !words.is_empty() {
        context.say(format_args!("{words}"));
    }
    let why = match error {
        // Nothing more is to be said of a medium that was never written.
        StorageError::Format(_) => String::from("bad CRC"),
        other => other.why(),
    };
    context.say(format_args!("*** Warning - {why}, using default environment\n"));
}

/// The console while a device works. What is typed meanwhile is kept.
struct Console<'a>(&'a mut Terminal);

impl Progress for Console<'_> {
    fn meanwhile(&mut self) {
        self.0.poll();
    }

    fn writing(&mut self, words: &str) {
        let _ = self.0.write_str(words);
    }
}

fn take(context: &mut Context, saved: &Saved) {
    let mut env = Environment::default();
    let mut left_out = LeftOut::default();
    // `Storage::load` gives only what can be read.
    for entry in format::import(&saved.image, saved.header).into_iter().flatten() {
        let result = match entry {
            Ok(Change::Set { name, value }) => env.put(name, &value),
            Ok(Change::Unset { name }) => env.set(name, ""),
            Err(error) => {
                left_out.entry(&error);
                continue;
            }
        };
        result.unwrap_or_else(|error| left_out.variable(&error));
    }
    context.env = env;
    context.say(format_args!("OK"));
    if saved.recovered {
        context.say(format_args!(
            "*** Warning - some problems detected reading environment; recovered successfully\n"
        ));
    }
    left_out.tell(context);
}

/// The first few of the variables that were left out, and how many there were.
#[derive(Default)]
pub(crate) struct LeftOut {
    lines: Vec<String>,
    count: usize,
}

impl LeftOut {
    /// An entry that is no variable.
    pub(crate) fn entry(&mut self, error: &EntryError) {
        self.note(|| format!("## Warning: left out: {error}"));
    }

    /// A variable that was not taken.
    pub(crate) fn variable(&mut self, error: &EnvError) {
        self.note(|| format!("## Warning: left out: {error}"));
    }

    /// A line of its own.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        self.count = self.count.saturating_add(1);
        if self.lines.len() < NAMED {
            self.lines.push(line());
        }
    }

    /// Prints them.
    pub(crate) fn tell(self, context: &mut Context) {
        let more = self.count.saturating_sub(self.lines.len());
        for line in self.lines {
            context.say(format_args!("{line}"));
        }
        if more > 0 {
            context.say(format_args!("## Warning: left out: {more} more"));
        }
    }
}

/// Sets `ethaddr` to the network device's own address. One that was saved stays, and is used; where it is another one, or where the device has
/// none, that is said with U-Boot's words.
pub fn adopt_mac(context: &mut Context) {
    let Some(network) = &context.network else { return };
    let (name, own) = (network.device_name().to_string(), network.device_mac().to_string());
    let own = (own.as_str(), network.device_mac_is_made_up());
    let saved = context.env.get("ethaddr").map(String::from);
    if let Some(warning) = mac_warning(own, saved.as_deref()) {
        context.say(format_args!("\nWarning: {name} {warning}"));
    }
    if saved.is_none() {
        let set = context.env.set("ethaddr", own.0);
        set.unwrap_or_else(|error| context.say(format_args!("{error}")));
    }
}

/// What is odd about a device's `own` address, which may be made up, beside the one that was `saved`.
fn mac_warning((own, made_up): (&str, bool), saved: Option<&str>) -> Option<String> {
    match saved {
        None if made_up => Some(format!("using random MAC address - {own}")),
        Some(saved) if !made_up && !saved.eq_ignore_ascii_case(own) => Some(format!(
            "MAC addresses don't match:\nAddress in ROM is\t\t{own}\nAddress in environment is\t{saved}"
        )),
        _ => None,
    }
}

/// Says where the machine's own tree is: in `fdtcontroladdr`, and in `fdt_addr` if no other place is set there. U-Boot for the Raspberry Pi
/// does so, and most scripts for it begin with `fdt addr ${fdt_addr}` and end with `booti ${kernel_addr_r} - ${fdt_addr}`. What an earlier
/// start has said, and `saveenv` kept, does not count.
pub fn announce_tree(env: &mut Environment, address: PhysAddr) {
    if env.get("fdt_addr").is_none() || env.get("fdt_addr") == env.get("fdtcontroladdr") {
        env.set_hex("fdt_addr", address.get());
    }
    env.set_hex("fdtcontroladdr", address.get());
}

/// Saves the environment.
pub fn save(context: &mut Context) -> Status {
    work(context, "Saving Environment to", |storage, context| {
        let mut console = Console(&mut context.terminal);
        storage.save(&context.env, &mut context.storage, &mut console)
    })
}

/// Erases what was saved: the next start has the default environment.
pub fn erase(context: &mut Context) -> Status {
    work(context, "Erasing Environment on", |storage, context| {
        storage.erase(&mut context.storage, &mut Console(&mut context.terminal))
    })
}

type Work = fn(&mut Storage, &mut Context) -> Result<(), StorageError>;

fn work(context: &mut Context, verb: &str, work: Work) -> Status {
    let Some(mut storage) = context.persistence.storage.take() else {
        let why = context.persistence.none();
        context.say(format_args!("{verb} nowhere... Failed (1)\n{why}"));
        return Status::Failure;
    };
    let _ = write!(context, "{verb} {}... ", storage.kind());
    let result = work(&mut storage, context);
    context.persistence.storage = Some(storage);
    match result {
        Ok(()) => {
            context.say(format_args!("OK"));
            Status::Success
        }
        Err(error) => {
            context.say(format_args!("{}Failed (1)\n{}", error.words(), error.why()));
            Status::Failure
        }
    }
}

#[cfg(test)]
mod tests;
