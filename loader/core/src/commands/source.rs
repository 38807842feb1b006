//! `source`: a script that was loaded to RAM.

use alloc::string::{String, ToString};
use core::fmt::Display;

use super::Command;
use super::fit::{self, Part, Selector};
use super::legacy::Refusal;
use super::start::{file_at, readable};
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::image::fit::Use;
use crate::image::{script, uimage};
use crate::shell::{self, SOURCE_LIMIT};

pub(crate) const COMMAND: Command = Command {
    name: "source",
    aliases: &[],
    summary: "run script from memory",
    usage: "[addr][:[image]|#[configuration]]",
    help: "Runs the script at addr, by default ${fileaddr}, else ${loadaddr}: a uImage made by `mkimage -T script` \
           (both CRCs are verified), a script image of a FIT (its hashes are verified), by its name, or the one that \
           the configuration names, or a file of plain text as it was loaded. The script ends at its end or at \
           `exit`; $? is that of its last command.",
    examples: &[
        "tftpb 0x42000000 boot.fit; source 0x42000000:boot_scr",
        "tftpb 0x40200000 boot.scr; source 0x40200000",
        "tftpb 0x40200000 boot.txt && source",
    ],
    repeatable: false,
    run,
};

/// U-Boot's words for what is no script; lab tools know them.
const NOT_A_SCRIPT: &str = "Wrong image format for \"source\" command";

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let word = match args {
        [_] => "",
        [_, word] => word.as_str(),
        _ => return Err(CommandError::Usage),
    };
    let default = ["fileaddr", "loadaddr"].iter().find_map(|name| context.env.hex(name));
    if word.is_empty() && default.is_none() {
        return Err(CommandError::Usage);
    }
    let selector = Selector::parse(context, word, default)?;
    let at = selector.address.get();
    context.say(format_args!("## Executing script at {at:08x}"));
    let script = if fit::is_fit(context, selector.address) {
        in_fit(context, &selector)?
    } else {
        script(context, &selector)?
    };
    shell::execute(context, &script)
}

fn script(context: &Context, selector: &Selector) -> Result<String, CommandError> {
    let address = selector.address;
    let file = file_at(context, address);
    let name = file.as_ref().map_or("what is", |file| &file.name);
    let refused =
        |why: &dyn Display| CommandError::failed(alloc::format!("{NOT_A_SCRIPT}\n{name} at {address}: {why}"));
    if selector.part != Part::Default {
        return Err(refused(&"it is no FIT, which alone has parts with names"));
    }
    let bytes = readable(context, address)?;
    // Without a header only the end of the loaded file says where the text ends.
    if file.is_none() && !bytes.starts_with(&uimage::MAGIC) {
        return Err(refused(&"it is no uImage, and no file was loaded there"));
    }
    let text = script::text(bytes).map_err(|error| refused(&error))?;
    short_enough(text).map_err(|why| refused(&why))
}

/// A copy of the script, unless the shell would refuse it: a copy of a large file would take more than the heap has before it came to that.
fn short_enough(text: &str) -> Result<String, String> {
    match text.len() {
        len if len > SOURCE_LIMIT => Err(alloc::format!(
            "{len} bytes of script are over the limit of {SOURCE_LIMIT}"
        )),
        _ => Ok(text.to_string()),
    }
}

/// The script of a FIT that the selector names: an image, or what the configuration has as its script.
fn in_fit(context: &mut Context, selector: &Selector) -> Result<String, CommandError> {
    let closed = |Refusal { words, sentence }: Refusal| CommandError::failed(alloc::format!("{words}\n{sentence}"));
    let loaded = fit::open(context, selector.address).map_err(closed)?;
    let (file, at) = (&loaded.file.name, selector.address);
    let refused = |words: &str, why: &dyn Display| closed(Refusal::new(words, format_args!("{file} at {at}: {why}")));
    let of = |name: Option<&str>| {
        loaded
            .fit
            .configuration(name)
            .and_then(|found| found.first(Use::SCRIPT))
    };
    let image = match &selector.part {
        // Without a name: what /images says, or else what the configuration has.
        Part::Image(name) if name.is_empty() => loaded
            .fit
            .default_image()
            .map_or_else(|| of(None), |name| loaded.fit.image(name))
            .map_err(|error| refused("No FIT subimage unit name", &error)),
        Part::Image(name) => loaded
            .fit
            .image(name)
            .map_err(|error| refused(&alloc::format!("Can't find '{name}' FIT subimage"), &error)),
        Part::Configuration(name) => {
            of(Some(name)).map_err(|error| refused(&alloc::format!("Could not find config {name}"), &error))
        }
        Part::Default => of(None).map_err(|error| refused("No FIT subimage unit name", &error)),
    }?;
    if image.kind() != "script" {
        let why = alloc::format!("'{}' has the type '{}', not 'script'", image.name(), image.kind());
        return Err(refused("Not a script image", &why));
    }
    let region = fit::verify(context, &loaded, &image).map_err(|error| error.closed_by("Bad Data Hash"))?;
    let text = script::text(context.memory.bytes(region)?).map_err(|error| refused(NOT_A_SCRIPT, &error))?;
    short_enough(text).map_err(|why| refused(NOT_A_SCRIPT, &why))
}

#[cfg(test)]
mod tests {
    use hal::PhysAddr;

    use crate::commands::testing::{Bench, RAM};
    use crate::context::Status;
    use crate::image::uimage::tests::{seal, uimage};
    use crate::image::uimage::{Compression, Type};

    fn load(bench: &mut Bench, name: &str, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap();
        let claim = bench.context.memory.claim(PhysAddr(RAM), len, name).unwrap();
        bench.context.memory.write(&claim, 0, bytes).unwrap();
        bench.context.memory.record(claim, len);
        bench.context.env.set_hex("fileaddr", RAM);
    }

    fn script(text: &str) -> alloc::vec::Vec<u8> {
        let len = u32::try_from(text.len()).unwrap().to_be_bytes();
        let data = [len.as_slice(), &[0; 4], text.as_bytes()].concat();
        uimage(Type::SCRIPT, Compression::NONE, 0, &data)
    }

    #[test]
    fn a_packed_script_and_plain_text_run() {
        let mut bench = Bench::new();
        for file in [script("x=7\necho got $x\nfalse"), b"x=7\necho got $x\nfalse\n".to_vec()] {
            load(&mut bench, "boot.scr", &file);
            assert_eq!(bench.enter("source"), "## Executing script at 40000000\ngot 7\n");
            assert_eq!(bench.context.shell.status, Status::Failure);
        }
        assert_eq!(
            bench.enter("source 0x40000000; echo $?"),
            "## Executing script at 40000000\ngot 7\n1\n"
        );
    }

    #[test]
    fn a_script_that_runs_itself_ends() {
        let mut bench = Bench::new();
        load(&mut bench, "boot.scr", b"source");
        assert!(
            bench
                .enter("source")
                .contains("scripts run one another more than 16 deep")
        );
    }

    #[test]
    fn what_is_no_script_is_refused() {
        let mut bench = Bench::new();
        let refused = |bench: &mut Bench| {
            let output = bench.enter("source");
            let (executing, rest) = output.split_once('\n').unwrap();
            assert_eq!(executing, "## Executing script at 40000000");
            assert!(rest.starts_with(super::NOT_A_SCRIPT), "{output}");
            output
        };
        bench.context.env.set_hex("loadaddr", RAM);
        assert!(refused(&mut bench).contains("no file was loaded there"));
        let large = alloc::vec![b' '; super::SOURCE_LIMIT + 1];
        for file in [large.clone(), script(core::str::from_utf8(&large).unwrap())] {
            load(&mut bench, "large", &file);
            assert!(
                refused(&mut bench).contains("large at 0x40000000: 65537 bytes of script are over the limit of 65536")
            );
        }
        load(&mut bench, "noise", b"a\0b");
        assert!(refused(&mut bench).contains("noise at 0x40000000: it is neither text nor a script made by mkimage"));
        load(
            &mut bench,
            "rd.ub",
            &uimage(Type::RAMDISK, Compression::NONE, 0, b"data"),
        );
        assert!(refused(&mut bench).contains("not a script"));
        let mut damaged = script("echo never");
        *damaged.last_mut().unwrap() ^= 1;
        load(&mut bench, "damaged.scr", &damaged);
        assert!(refused(&mut bench).contains("damaged.scr"));
        let mut endless = script("echo never");
        endless[64..68].copy_from_slice(&[0xff; 4]);
        seal(&mut endless);
        load(&mut bench, "endless.scr", &endless);
        refused(&mut bench);
    }
}
