//! What is done with the bytes that the fuzzer makes up, and what must hold afterwards. The corpus is replayed through the same functions by
//! `tests/tests/fuzz_corpus.rs`.

#[path = "network.rs"]
mod answers;
#[path = "xen_config.rs"]
mod config;
#[path = "disks.rs"]
mod disks;
#[path = "xen_tree.rs"]
mod trees;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use hal::fakes::{FakeSystem, ManualClock, VecRam};
use hal::{Console, ExceptionLevel, PhysAddr, Region};
use loader_core::boot::extlinux;
use loader_core::console::terminal::CTRL_C;
use loader_core::console::{Repl, Terminal};
use loader_core::context::{CommandError, CommandResult, Context, Status};
use loader_core::devicetree::Tree;
use loader_core::memory::Memory;
use loader_core::shell::{self, lookup, parser};
use loader_core::source::SourceError;

/// First address and length of the RAM; the loader has the last [`LOADER`] bytes of it.
const RAM: (u64, u64) = (0x4000_0000, 0x8_0000);
const LOADER: u64 = 0x1_0000;

/// Where input is put, and where what comes of it goes.
const INPUT: u64 = RAM.0 + 0x1000;
const OUTPUT: u64 = RAM.0 + 0x4_0000;

/// How often a command may look for Ctrl-C before it is there: nothing runs for ever.
const PATIENCE: u32 = 400;

/// The magic that a device tree begins with.
const TREE: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];

/// A small tree for the scripts that come without one.
const FIXTURE: &[u8] = include_bytes!("../../fixtures/devicetree/symbols.dtb");

/// A console whose typist loses patience. Clones share what is typed and shown.
#[derive(Clone, Default)]
struct Keyboard {
    typed: Rc<RefCell<VecDeque<u8>>>,
    shown: Rc<RefCell<Vec<u8>>>,
    looks: Rc<RefCell<u32>>,
}

impl Console for Keyboard {
    fn write(&mut self, bytes: &[u8]) {
        let mut shown = self.shown.borrow_mut();
        // Only the end is looked at.
        if shown.len() > 4096 {
            shown.drain(..2048);
        }
        shown.extend_from_slice(bytes);
    }

    fn read(&mut self) -> Option<u8> {
        if let Some(byte) = self.typed.borrow_mut().pop_front() {
            return Some(byte);
        }
        let mut looks = self.looks.borrow_mut();
        *looks += 1;
        looks.is_multiple_of(PATIENCE).then_some(CTRL_C)
    }

    fn flush(&mut self) {}
}

/// A machine with little of everything.
fn machine() -> (Context, Keyboard) {
    let (start, len) = RAM;
    let bank = Region::new(PhysAddr(start), len).expect("an address space of 64 bits");
    let loader = Region::new(PhysAddr(start + len - LOADER), LOADER).expect("an address space of 64 bits");
    let mut memory = Memory::new(Box::new(VecRam::new(&[bank])), &[bank]);
    memory.reserve(loader, "the loader");
    let keyboard = Keyboard::default();
    let system = Box::new(FakeSystem::new(ExceptionLevel::El2));
    let clock = Rc::new(ManualClock::with_step(1000));
    let mut context = Context::new(Terminal::new(Box::new(keyboard.clone())), clock, memory, system);
    for (name, value) in [
        ("loadaddr", "40001000"),
        ("a", "1"),
        ("b", "echo b"),
        ("self", "run self; run self"),
    ] {
        context.env.set(name, value).expect("an environment of a few");
    }
    (context, keyboard)
}

/// Puts a file where a command would have loaded it.
fn load(context: &mut Context, at: u64, bytes: &[u8]) {
    let Ok(claim) = context.memory.claim(PhysAddr(at), bytes.len() as u64, "file") else {
        return;
    };
    context
        .memory
        .write(&claim, 0, bytes)
        .expect("it is as long as claimed");
    context.memory.record(claim, bytes.len() as u64);
}

/// Runs a command with these words; it need not be there yet.
fn command(context: &mut Context, words: &[&str]) -> Option<CommandResult> {
    let entry = lookup::find(context.commands, words.first()?)?;
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    Some((entry.run)(context, &words))
}

/// The RAM that the loader lives in must be as it was; the shell must still run commands.
fn settle(context: &mut Context) {
    let (start, len) = RAM;
    let loader = Region::new(PhysAddr(start + len - LOADER), LOADER).expect("an address space of 64 bits");
    let bytes = context.memory.bytes(loader).expect("RAM");
    assert!(
        bytes.iter().all(|byte| *byte == VecRam::PATTERN),
        "the loader was written over"
    );
    context.terminal.interrupted();
    let result = match shell::execute(context, "true") {
        // The typist lost patience just now; then there are many looks until the next time.
        Err(CommandError::Interrupted) => shell::execute(context, "true"),
        result => result,
    };
    assert_eq!(result, Ok(Status::Success));
}

/// A script: lexer, parser, expansion, execution.
pub fn shell(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let parsed = parser::parse(&source);
    if parsed.is_ok() && !source.ends_with('\\') {
        assert_eq!(
            parser::parse(&format!("{source}\n")),
            parsed,
            "a line end at the end changes what is meant"
        );
        assert!(
            parser::parse(&format!("true\n{source}")).is_ok(),
            "a command before it makes it wrong"
        );
    }
    if let Err(error) = &parsed {
        assert!(!error.report(&source).is_empty());
    }
    let (mut context, _keyboard) = machine();
    let _ = shell::execute(&mut context, &source);
    settle(&mut context);
}

/// Keys at the prompt, in any order.
pub fn console(data: &[u8]) {
    let (mut context, keyboard) = machine();
    let mut repl = Repl::default();
    for piece in [data, b"\x03", b"echo still here\r"] {
        // The typist's patience begins anew, so that it does not end while the last line is typed.
        *keyboard.looks.borrow_mut() = 0;
        keyboard.typed.borrow_mut().extend(piece);
        while repl.poll(&mut context) {}
    }
    let shown = keyboard.shown.borrow();
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.ends_with("still here\r\n=> "), "no prompt: {shown:?}");
    drop(context);
}

/// Variables from RAM: text, binary, and binary with a checksum. What was imported comes back from what it exports.
pub fn env_import(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let form = ["-t", "-b", "-c"][usize::from(kind % 3)];
    let mut file = data.to_vec();
    if form == "-c" && kind & 0x80 != 0 && file.len() > 4 {
        let sum = crc32fast::hash(&file[4..]).to_le_bytes();
        file[..4].copy_from_slice(&sum);
    }
    let (mut context, _keyboard) = machine();
    load(&mut context, INPUT, &file);
    let (at, size) = (format!("{INPUT:x}"), format!("{:x}", file.len()));
    let words: &[&str] = match kind & 0x40 {
        0 => &["env", "import", form, &at, &size],
        _ => &["env", "import", "-d", form, &at, &size],
    };
    if !matches!(command(&mut context, words), Some(Ok(Status::Success))) {
        return settle(&mut context);
    }
    let imported: Vec<(String, String)> = context
        .env
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let out = format!("{OUTPUT:x}");
    if let Some(Ok(Status::Success)) = command(&mut context, &["env", "export", "-b", "-s", "20000", &out]) {
        let size = context.env.get("filesize").unwrap_or_default().to_owned();
        let result = command(&mut context, &["env", "import", "-d", "-b", &out, &size]);
        assert_eq!(
            result,
            Some(Ok(Status::Success)),
            "what was exported cannot be imported"
        );
        let again = |name: &str| context.env.get(name).map(str::to_owned);
        for (name, value) in imported
            .iter()
            .filter(|(name, _)| name != "filesize" && name != "fileaddr")
        {
            assert_eq!(again(name).as_ref(), Some(value), "{name}");
        }
    }
    settle(&mut context);
}

/// A pattern, a replacement and a subject, with a newline between them.
pub fn setexpr_regex(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '\n');
    let (pattern, by) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let subject = parts.next().unwrap_or_default();
    let (mut context, _keyboard) = machine();
    for form in ["sub", "gsub"] {
        let _ = command(&mut context, &["setexpr", "r", form, pattern, by, subject]);
    }
    let _ = command(&mut context, &["setexpr", "f", "fmt", pattern, by, subject]);
    let _ = command(&mut context, &["setexpr", "n", pattern, by, subject]);
    settle(&mut context);
}

/// Lines for `fdt`, then a tree, then another one that they may apply to it.
pub fn fdt(data: &[u8]) {
    let magics: Vec<usize> = data
        .windows(4)
        .enumerate()
        .filter(|(_, word)| *word == TREE)
        .map(|(at, _)| at)
        .collect();
    let tree = magics.first().map_or(data.len(), |at| *at);
    let overlay = magics.get(1).map_or(data.len(), |at| *at);
    let (script, blob, overlay) = (&data[..tree], &data[tree..overlay], &data[overlay..]);
    let blob = if blob.is_empty() { FIXTURE } else { blob };
    if let Ok(tree) = Tree::parse(blob) {
        let written = tree.emit(0).expect("what was read can be written");
        let again = Tree::parse(&written).expect("what was written can be read");
        assert_eq!(
            again.emit(0).as_ref(),
            Ok(&written),
            "a tree changes when it is read and written"
        );
    }
    let (mut context, _keyboard) = machine();
    load(&mut context, INPUT, blob);
    load(&mut context, OUTPUT, overlay);
    let addr = format!("fdt addr {INPUT:x}");
    let _ = shell::execute(&mut context, &addr);
    let valid = context.working_tree.is_some() && Tree::parse(blob).is_ok();
    for line in String::from_utf8_lossy(script).lines().take(16) {
        let _ = shell::execute(&mut context, &format!("fdt {line}"));
        context.terminal.interrupted();
    }
    if let Some(at) = context.working_tree.filter(|_| valid) {
        let bytes = context.memory.bytes_from(at).expect("the working tree is in RAM");
        assert!(Tree::parse(bytes).is_ok(), "the commands have left a damaged tree");
    }
    settle(&mut context);
}

/// Everything that reads an image, on the same bytes.
fn image(data: &[u8], part: &str) {
    let (mut context, _keyboard) = machine();
    load(&mut context, INPUT, data);
    let (at, out) = (format!("{INPUT:x}"), format!("{OUTPUT:x}"));
    let named = format!("{at}:{part}");
    let configured = format!("{at}#{part}");
    let lines: [&[&str]; 9] = [
        &["iminfo", &at],
        &["imxtract", &at, "0", &out],
        &["imxtract", &at, part, &out],
        &["imxtract", &at, part],
        &["unzip", &at, &out, "8000"],
        &["source", &at],
        &["source", &named],
        &["source", &configured],
        &["bootm", &named],
    ];
    for words in lines {
        let _ = command(&mut context, words);
        context.terminal.interrupted();
    }
    let _ = command(&mut context, &["bootm", &at]);
    settle(&mut context);
}

/// A uImage: a script, a kernel, several files. With right checksums if the first byte is odd.
pub fn uimage(data: &[u8]) {
    const HEADER: usize = 64;
    let Some((kind, data)) = data.split_first() else { return };
    let mut file = data.to_vec();
    if kind & 1 == 1 && file.len() >= HEADER {
        let size = u32::try_from(file.len() - HEADER).expect("a short file");
        file[..4].copy_from_slice(&[0x27, 0x05, 0x19, 0x56]);
        file[12..16].copy_from_slice(&size.to_be_bytes());
        let sum = crc32fast::hash(&file[HEADER..]);
        file[24..28].copy_from_slice(&sum.to_be_bytes());
        file[4..8].fill(0);
        let sum = crc32fast::hash(&file[..HEADER]);
        file[4..8].copy_from_slice(&sum.to_be_bytes());
    }
    image(&file, "1");
}

/// A tree of images.
pub fn fit(data: &[u8]) {
    image(data, "script-1");
    image(data, "conf-1");
}

/// A boot menu, and the files that it includes: what a byte that no text has divides. Then the menu at the prompt of a machine that has no
/// files to start.
pub fn extlinux(data: &[u8]) {
    let mut files = data.split(|byte| *byte == 0xff);
    let first = files.next().unwrap_or_default();
    let mut fetched = 0;
    let mut include = |_: &str| {
        fetched += 1;
        let file = files.next().map(<[u8]>::to_vec);
        file.ok_or(SourceError::Failed("there is no such file".into()))
    };
    let parsed = extlinux::parse("menu", first, &mut include);
    assert!(fetched <= extlinux::MAX_INCLUDES);
    match parsed {
        Ok(menu) => {
            assert!(menu.labels.len() <= extlinux::MAX_LABELS);
            for label in &menu.labels {
                assert_eq!(
                    menu.position(&label.name).map(|index| &menu.labels[index].name),
                    Some(&label.name)
                );
                assert!(!label.shown().contains('\n') && label.overlays.len() <= extlinux::MAX_OVERLAYS);
                let append = label.append.as_deref().unwrap_or_default();
                let expanded = extlinux::expand(append, &|_| Some("value"));
                assert!(expanded.is_none_or(|line| line.len() <= extlinux::MAX_LINE));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let (mut context, keyboard) = machine();
    for (name, value) in [
        ("localcmd", "echo local"),
        ("kernel_addr_r", "40040000"),
        ("fdt_addr_r", "40040000"),
    ] {
        context.env.set(name, value).expect("an environment of a few");
    }
    load(&mut context, INPUT, first);
    keyboard.typed.borrow_mut().extend(*b"1\rx\r");
    let _ = command(&mut context, &["pxe", "boot", "40001000"]);
    let steers = keyboard.shown.borrow().contains(&0x1b);
    assert!(!steers, "what the menu says steers the terminal");
    settle(&mut context);
}

/// What servers answer: DHCP, TFTP, DNS, SNTP, ping.
pub fn network(data: &[u8]) {
    answers::network(data);
}

/// What a web server sends.
pub fn http(data: &[u8]) {
    answers::http(data);
}

/// A disk with a partition table.
pub fn partition(data: &[u8]) {
    disks::partition(data);
}

/// A FAT file system, read and written.
pub fn fat(data: &[u8]) {
    disks::fat(data);
}

/// An ext2, ext3 or ext4 file system.
pub fn ext4(data: &[u8]) {
    disks::ext4(data);
}

/// A `xen.cfg`, and each of its sections.
pub fn xen_config(data: &[u8]) {
    config::xen_config(data);
}

/// A tree that describes a boot of Xen, and what a `xen.cfg` behind it adds.
pub fn xen_tree(data: &[u8]) {
    trees::xen_tree(data);
}
