//! What `loadb`, `loadx` and `loady` share: the console's line on one side of a protocol, claimed RAM on the other.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use hal::{Clock, Deadline, Instant, PhysAddr};

use crate::console::terminal::RawLine;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::memory::{Claim, Memory, MemoryError};
use crate::serial::{Input, Receiver, SerialError};
use crate::shell::number;

/// The line's speed, where `baudrate` does not say it.
const BAUD: u64 = 115_200;

/// How long the sender may take to begin, where `loadxy_timeout` does not say it.
const BEGIN_SECONDS: u64 = 90;

/// How long the line has to be silent after a transfer that failed: what is still sent must not be taken for commands.
const QUIET: Duration = Duration::from_secs(1);

/// How long that is waited for.
const QUIET_LIMIT: Duration = Duration::from_secs(30);

/// How long the end of the sender's last line may take after a transfer that went well.
const LINE_END_LIMIT: Duration = Duration::from_millis(50);

/// Why no file was loaded.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Line(#[from] SerialError),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("no sender began within {seconds} s; loadxy_timeout sets another time")]
    NoSender { seconds: u64 },
}

/// Receives a file to where the arguments say, with the protocol of that name.
pub(super) fn load(
    context: &mut Context,
    args: Args<'_>,
    (protocol, receiver): (&str, &mut dyn Receiver),
) -> CommandResult {
    let start = arguments(context, args)?;
    // Said before the sender is started, not after the first block.
    context.memory.window(start)?;
    let baud = baud(context);
    let at = start.get();
    context.say(format_args!(
        "## Ready for binary ({protocol}) download to 0x{at:08X} at {baud} bps..."
    ));
    match receive(context, start, (protocol, receiver)) {
        Ok(size) => {
            context.env.set_hex("filesize", size);
            context.env.set_hex("fileaddr", at);
            context.say(format_args!("## Total Size      = 0x{size:08x} = {size} Bytes"));
            context.say(format_args!("## Start Addr      = 0x{at:08X}"));
            Ok(Status::Success)
        }
        Err(LoadError::Line(SerialError::Interrupted)) => Err(CommandError::Interrupted),
        Err(error) => Err(CommandError::failed(format!(
            "## Binary ({protocol}) download aborted: {error}"
        ))),
    }
}

/// Where the file goes. The speed can only be the one that there is.
fn arguments(context: &mut Context, args: Args<'_>) -> Result<PhysAddr, CommandError> {
    let (address, speed) = match args {
        [_] => (None, None),
        [_, address] => (Some(address), None),
        [_, address, speed] => (Some(address), Some(speed)),
        _ => return Err(CommandError::Usage),
    };
    let address = address.map(|word| context.hexadecimal(word)).transpose()?;
    let address = address
        .or_else(|| context.env.hex("loadaddr"))
        .ok_or(CommandError::Usage)?;
    let baud = baud(context);
    match speed.map(|word| number::decimal(word)).transpose()? {
        Some(speed) if speed != 0 && speed != baud => Err(CommandError::failed(format!(
            "the console stays at {baud} baud: it cannot be switched to {speed} for a transfer"
        ))),
        _ => Ok(PhysAddr(address)),
    }
}

fn baud(context: &Context) -> u64 {
    let set = context.env.get("baudrate");
    set.and_then(|text| number::decimal(text).ok()).unwrap_or(BAUD)
}

fn receive(
    context: &mut Context,
    start: PhysAddr,
    (protocol, receiver): (&str, &mut dyn Receiver),
) -> Result<u64, LoadError> {
    let seconds = context
        .env
        .get("loadxy_timeout")
        .and_then(|text| number::decimal(text).ok());
    let seconds = seconds.unwrap_or(BEGIN_SECONDS);
    let clock = context.clock.as_ref();
    let begin = Deadline::after(clock.now(), Duration::from_secs(seconds));
    let mut transfer = Transfer {
        line: context.terminal.raw(),
        clock,
        begin: (seconds > 0).then_some((begin, seconds)),
        silent_since: None,
    };
    let mut file = File {
        memory: &mut context.memory,
        start,
        protocol,
        name: None,
        claim: None,
        written: 0,
    };
    let result = transfer.run(receiver, &mut file);
    let result = result.and_then(|()| Ok(file.finish(receiver.size())?));
    match &result {
        Ok(_) => transfer.end_line(),
        Err(error) => {
            if !matches!(error, LoadError::Line(_)) {
                transfer.line.write(receiver.farewell());
            }
            file.abandon();
            transfer.drain();
        }
    }
    result
}

/// The line during a transfer.
struct Transfer<'a> {
    line: RawLine<'a>,
    clock: &'a dyn Clock,
    /// When the sender must have begun, and after how many seconds that is.
    begin: Option<(Deadline, u64)>,
    /// When the line was first found empty, since the last byte.
    silent_since: Option<Instant>,
}

impl Transfer<'_> {
    fn run(&mut self, receiver: &mut dyn Receiver, file: &mut File<'_>) -> Result<(), LoadError> {
        let mut input = Input::Begin;
        loop {
            if file.name.is_none() {
                file.name = receiver.name().map(String::from);
            }
            let action = receiver.feed(input);
            if !action.data.is_empty() {
                file.append(action.data)?;
            }
            if !action.reply.is_empty() {
                self.line.write(action.reply);
            }
            if let Some(end) = action.end {
                return Ok(end?);
            }
            input = self.next(receiver)?;
        }
    }

    /// The next byte, or the silence that the receiver waits for.
    fn next(&mut self, receiver: &dyn Receiver) -> Result<Input, LoadError> {
        let patience = receiver.patience();
        loop {
            if let Some(byte) = self.line.read() {
                self.silent_since = None;
                return Ok(Input::Byte(byte));
            }
            let now = self.clock.now();
            let since = *self.silent_since.get_or_insert(now);
            match self.begin {
                Some((begin, seconds)) if !receiver.has_begun() && begin.expired(now) => {
                    return Err(LoadError::NoSender { seconds });
                }
                _ => {}
            }
            if now.since(since) >= patience {
                self.silent_since = None;
                return Ok(Input::Silence);
            }
            core::hint::spin_loop();
        }
    }

    /// Takes the end of the sender's last line: it is no Enter.
    fn end_line(&mut self) {
        let deadline = Deadline::after(self.clock.now(), LINE_END_LIMIT);
        while !deadline.expired(self.clock.now()) {
            match self.line.read() {
                Some(b'\r' | b'\n') | None => core::hint::spin_loop(),
                Some(other) => return self.line.put_back(other),
            }
        }
    }

    /// Drops what is still sent, until it stops.
    fn drain(&mut self) {
        let limit = Deadline::after(self.clock.now(), QUIET_LIMIT);
        let mut quiet = Deadline::after(self.clock.now(), QUIET);
        loop {
            let now = self.clock.now();
            if quiet.expired(now) || limit.expired(now) {
                return;
            }
            if self.line.read().is_some() {
                quiet = Deadline::after(now, QUIET);
            }
        }
    }
}

/// The RAM that the file grows in, up to the next thing in the way.
struct File<'a> {
    memory: &'a mut Memory,
    start: PhysAddr,
    protocol: &'a str,
    /// As the sender told it.
    name: Option<String>,
    claim: Option<Claim>,
    written: u64,
}

impl File<'_> {
    /// The claim, from now on if there was none. A file without a name is called as its protocol.
    fn claim(&mut self) -> Result<Claim, MemoryError> {
        if let Some(claim) = self.claim.take() {
            return Ok(claim);
        }
        let room = self.memory.window(self.start)?.len();
        self.memory
            .claim(self.start, room, self.name.as_deref().unwrap_or(self.protocol))
    }

    fn append(&mut self, data: &[u8]) -> Result<(), MemoryError> {
        let claim = self.claim()?;
        let result = self.memory.write(&claim, self.written, data);
        self.claim = Some(claim);
        result?;
        let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(len);
        Ok(())
    }

    fn finish(&mut self, size: u64) -> Result<u64, MemoryError> {
        let claim = self.claim()?;
        Ok(self.memory.record(claim, size).len())
    }

    fn abandon(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.memory.abandon(claim, self.written);
        }
    }
}

#[cfg(test)]
mod tests;
