//! Dialogues: what is typed, and what must come back. The expected text was read off U-Boot 2023.01 (Debian), where
//! the two agree; where we say more, the first line is U-Boot's.

use super::{COMMAND, SUB_COMMANDS};
use crate::console::Terminal;
use crate::context::{CommandError, Context, Status};
use crate::devicetree::Tree;
use crate::memory::Memory;
use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use hal::fakes::{FakeConsole, FakeSystem, ManualClock, VecRam};
use hal::{ExceptionLevel, PhysAddr, Region};

const RAM: u64 = 0x4000_0000;
const TREE: u64 = 0x4200_0000;

struct Bench {
    context: Context,
    wire: FakeConsole,
}

impl Bench {
    /// A machine with 64 MiB of RAM and a small tree loaded at `TREE`, which is not the working tree yet.
    fn bare() -> Self {
        let bank = Region::new(PhysAddr(RAM), 64 << 20).unwrap();
        let wire = FakeConsole::default();
        let context = Context::new(
            Terminal::new(Box::new(wire.clone())),
            Rc::new(ManualClock::default()),
            Memory::new(Box::new(VecRam::new(&[bank])), &[bank]),
            Box::new(FakeSystem::new(ExceptionLevel::El2)),
        );
        let mut bench = Self { context, wire };
        let mut tree = Tree::new();
        let root = tree.root();
        tree.set_u32(root, "#size-cells", 2).unwrap();
        tree.set_u32(root, "#address-cells", 2).unwrap();
        let node = tree.add(root, "n").unwrap();
        tree.set_strings(node, "l", &["one", "two"]).unwrap();
        tree.set(node, "e", &[]).unwrap();
        tree.add(node, "x").unwrap();
        bench.load("board.dtb", TREE, &tree.emit(0).unwrap());
        bench
    }

    fn new() -> Self {
        let mut bench = Self::bare();
        assert_eq!(bench.type_line("addr 42000000"), "Working FDT set to 42000000\n");
        bench
    }

    fn load(&mut self, name: &str, address: u64, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap();
        let claim = self.context.memory.claim(PhysAddr(address), len, name).unwrap();
        self.context.memory.write(&claim, 0, bytes).unwrap();
        self.context.memory.record(claim, len);
    }

    /// Runs `fdt` with these words and gives what it printed, or the error it ended with.
    fn run(&mut self, words: &[&str]) -> Result<String, CommandError> {
        let args: Vec<String> = core::iter::once(&"fdt")
            .chain(words)
            .map(|word| word.to_string())
            .collect();
        let result = (COMMAND.run)(&mut self.context, &args);
        let output = self.wire.take_output().replace("\r\n", "\n");
        result.map(|status| {
            assert_eq!(status, Status::Success);
            output
        })
    }

    fn type_line(&mut self, line: &str) -> String {
        self.run(&line.split(' ').collect::<Vec<_>>()).unwrap()
    }

    /// The message that the command fails with.
    fn refused(&mut self, line: &str) -> String {
        match self.run(&line.split(' ').collect::<Vec<_>>()) {
            Err(CommandError::Failed(message)) => message,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn tree(&self) -> Tree {
        Tree::parse(
            self.context
                .memory
                .bytes_from(self.context.working_tree.unwrap())
                .unwrap(),
        )
        .unwrap()
    }
}

#[test]
fn sub_commands_are_sorted_unmistakable_and_in_the_usage() {
    assert!(SUB_COMMANDS.is_sorted_by(|a, b| a.name < b.name));
    let mut names: Vec<_> = SUB_COMMANDS
        .iter()
        .flat_map(|at| at.aliases.iter().chain([&at.name]))
        .collect();
    names.sort_unstable();
    assert!(
        names.is_sorted_by(|a, b| a < b),
        "a name stands for two sub-commands: {names:?}"
    );
    let usage: Vec<_> = SUB_COMMANDS.iter().flat_map(|at| at.usage.lines()).collect();
    assert_eq!(COMMAND.usage.lines().collect::<Vec<_>>(), usage);
}

#[test]
fn wrong_arguments_show_the_usage() {
    let mut bench = Bench::new();
    for words in [&[][..], &[""], &["foo"], &["s", "/n", "x"]] {
        assert_eq!(bench.run(words), Err(CommandError::Usage), "{words:?}");
    }
    for line in [
        "set",
        "set /n",
        "mknode /",
        "rm",
        "rsvmem",
        "rsvmem add 1",
        "memory 1",
        "move",
        "print / a b",
    ] {
        let message = bench.refused(line);
        assert!(
            message.starts_with("fdt - flattened device tree utility commands\n\nUsage:\nfdt "),
            "{line}"
        );
    }
    assert!(
        bench
            .refused("set /n")
            .ends_with("Usage:\nfdt set <path> <prop> [<val>...] - set a property")
    );
}

#[test]
fn addr_shows_and_sets_the_working_tree() {
    let mut bench = Bench::bare();
    assert!(
        bench
            .refused("print")
            .starts_with("No FDT memory address configured. Please configure\nthe FDT")
    );
    assert_eq!(bench.type_line("addr 0x42000000"), "Working FDT set to 42000000\n");
    assert_eq!(bench.type_line("addr"), "Working fdt: 42000000\n");
    let message = bench.refused("addr 41000000");
    assert!(
        message.starts_with("libfdt fdt_check_header(): FDT_ERR_BADMAGIC\n"),
        "{message}"
    );
    assert_eq!(bench.type_line("addr"), "Working fdt: 42000000\n");
    assert!(bench.refused("addr 10000000").contains("is not all RAM"));
    bench.type_line("addr 42000000 2000");
    let expected = "Working FDT set to 42000000\nNew length 256 < existing length 8192, ignoring\n";
    assert_eq!(bench.type_line("addr 42000000 100"), expected);
}

#[test]
fn print_and_list_show_nodes_and_properties() {
    let mut bench = Bench::new();
    let node = "n {\n\te;\n\tl = \"one\", \"two\";\n\tx {\n\t};\n};\n";
    assert_eq!(bench.type_line("print /n"), node);
    assert_eq!(bench.type_line("p /n l"), "l = \"one\", \"two\"\n");
    assert_eq!(bench.type_line("print /n e"), "/n e\n");
    let root = "/ {\n\t#address-cells = <0x00000002>;\n\t#size-cells = <0x00000002>;\n\tn {\n\t};\n};\n";
    assert_eq!(bench.type_line("list"), root);
    assert_eq!(
        bench.refused("print /n nosuch"),
        "libfdt fdt_getprop(): FDT_ERR_NOTFOUND\n/n has no property 'nosuch'"
    );
    let missing = "libfdt fdt_path_offset() returned FDT_ERR_NOTFOUND\n/n/y: /n has no node 'y'";
    assert_eq!(bench.refused("print /n/y"), missing);
    assert!(
        bench
            .refused("print n")
            .starts_with("libfdt fdt_path_offset() returned FDT_ERR_BADPATH\n")
    );
}

#[test]
fn a_generated_script_builds_a_domain() {
    let mut bench = Bench::new();
    for words in [
        &["resize", "1024"][..],
        &["mknode", "/", "chosen"],
        &["mknod", "/chosen", "domU0"],
        &["set", "/chosen/domU0", "compatible", "xen,domain"],
        &["set", "/chosen/domU0", "#address-cells", "<0x2>"],
        &["set", "/chosen/domU0", "memory", "<0", "262144>"],
        &["set", "/chosen/domU0", "vpl011"],
        &["mknod", "/chosen/domU0", "module0x42E00000"],
        &[
            "set",
            "/chosen/domU0/module0x42E00000",
            "reg",
            "<0x0",
            "0x42E00000",
            "0x0",
            "0x1A09FC0",
            ">",
        ],
        &[
            "set",
            "/chosen/domU0/module0x42E00000",
            "compatible",
            "multiboot,kernel",
            "multiboot,module",
        ],
    ] {
        assert_eq!(bench.run(words).unwrap(), "", "{words:?}");
    }
    let expected = "domU0 {\n\tvpl011;\n\tmemory = <0x00000000 0x00040000>;\n\t#address-cells = <0x00000002>;\n\t\
        compatible = \"xen,domain\";\n\tmodule0x42E00000 {\n\t\tcompatible = \"multiboot,kernel\", \
        \"multiboot,module\";\n\t\treg = <0x00000000 0x42e00000 0x00000000 0x01a09fc0>;\n\t};\n};\n";
    assert_eq!(bench.type_line("print /chosen/domU0"), expected);
}

#[test]
fn new_nodes_come_first_as_in_u_boot() {
    let mut bench = Bench::new();
    bench.type_line("mknode / domU0");
    bench.type_line("mknode / domU1");
    let tree = bench.tree();
    let names: Vec<_> = tree.children(tree.root()).map(|id| tree.name(id)).collect();
    assert_eq!(names, ["domU1", "domU0", "n"]);
    let message = bench.refused("mknode / n");
    assert_eq!(
        message,
        "libfdt fdt_add_subnode(): FDT_ERR_EXISTS\n/ already has a node 'n'"
    );
}

#[test]
fn a_bad_value_changes_nothing() {
    let mut bench = Bench::new();
    let message = bench.refused("set /n l <zz>");
    assert!(message.starts_with("Sorry, I could not convert \"zz\""), "{message}");
    assert_eq!(bench.type_line("print /n l"), "l = \"one\", \"two\"\n");
}

#[test]
fn nodes_and_properties_are_removed() {
    let mut bench = Bench::new();
    bench.type_line("rm /n l");
    bench.type_line("rm /n/x");
    assert_eq!(bench.type_line("print /n"), "n {\n\te;\n};\n");
    let message = bench.refused("rm /n l");
    assert_eq!(
        message,
        "libfdt fdt_delprop(): FDT_ERR_NOTFOUND\n/n has no property 'l'"
    );
    assert!(bench.refused("rm /").contains("root"));
}

#[test]
fn the_header_is_shown() {
    let mut bench = Bench::new();
    bench.type_line("resize");
    bench.type_line("bootcpu 1a");
    bench.type_line("rsvmem add 50000000 2000");
    let text = bench.type_line("header");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "magic:\t\t\t0xd00dfeed");
    assert_eq!(lines[1], "totalsize:\t\t0x1000 (4096)");
    assert_eq!(lines[2], "off_dt_struct:\t\t0x48");
    assert_eq!(
        lines[5..8],
        ["version:\t\t17", "last_comp_version:\t16", "boot_cpuid_phys:\t0x1a"]
    );
    assert_eq!(lines[10..], ["number mem_rsv:\t\t0x1", ""]);
}

#[test]
fn reservations_are_listed_added_and_removed() {
    let mut bench = Bench::new();
    bench.type_line("rsvmem add 50000000 2000");
    bench.type_line("rsvmem add 44000000 1234");
    bench.type_line("rsvmem delete 0");
    let expected = "index\t\t   start\t\t    size\n------------------------------------------------\n    \
        0\t0000000044000000\t0000000000001234\n";
    assert_eq!(bench.type_line("rsvmem print"), expected);
    assert!(
        bench
            .refused("rsvmem delete 9")
            .starts_with("libfdt fdt_del_mem_rsv(): FDT_ERR_NOTFOUND\n")
    );
    assert!(bench.refused("rsvmem add 50000000 0").contains("0x50000000 + 0x0"));
}

#[test]
fn memory_and_chosen_are_made_when_missing() {
    let mut bench = Bench::new();
    bench.type_line("memory 40000000 20000000");
    assert_eq!(bench.tree().memory().unwrap(), [(0x4000_0000, 0x2000_0000)]);
    bench.type_line("memory 80000000 1000");
    assert_eq!(bench.tree().memory().unwrap(), [(0x8000_0000, 0x1000)]);
    bench.type_line("chosen 44000000 1234");
    bench.type_line("chosen 44000000 2000");
    let tree = bench.tree();
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.u64(chosen, "linux,initrd-start"), Some(0x4400_0000));
    assert_eq!(tree.u64(chosen, "linux,initrd-end"), Some(0x4400_2000));
    assert_eq!(
        tree.reservations().iter().map(|at| at.size).collect::<Vec<_>>(),
        [0x2000]
    );
}

#[test]
fn the_tree_grows_when_it_must() {
    let mut bench = Bench::new();
    let long = "x".repeat(0x2000);
    bench.run(&["set", "/n", "long", &long]).unwrap();
    assert_eq!(
        bench.tree().str(bench.tree().find("/n").unwrap(), "long"),
        Some(long.as_str())
    );
    let file = bench.context.memory.file_at(PhysAddr(TREE)).unwrap();
    assert_eq!((file.name.as_str(), file.region.len() % 0x1000), ("board.dtb", 0));
    assert!(file.overwritten_by.is_none());
}

#[test]
fn the_tree_does_not_grow_over_what_is_in_the_way() {
    let mut bench = Bench::new();
    bench.load("Image", TREE + 0x800, &[0x55; 0x100]);
    bench
        .context
        .memory
        .reserve(Region::new(PhysAddr(0x4300_0000), 0x1000).unwrap(), "the loader");
    let before = bench.tree().emit(0).unwrap();
    let message = bench.run(&["set", "/n", "long", &"x".repeat(0x1000)]).unwrap_err();
    let CommandError::Failed(message) = message else {
        panic!("{message:?}")
    };
    assert!(
        message.starts_with("libfdt: FDT_ERR_NOSPACE\nthe devicetree at 0x42000000 needs 0x1"),
        "{message}"
    );
    assert!(
        message.ends_with("has room for 0x800: Image is in the way at 0x42000800..0x42000900"),
        "{message}"
    );
    assert_eq!(bench.tree().emit(0).unwrap(), before);
    let said = bench.type_line("resize 1024");
    let expected = "fdt resize: 0x800 bytes instead of 0x2000: Image is in the way at 0x42000800..0x42000900\n";
    assert_eq!(said, expected);
    assert!(
        bench
            .context
            .memory
            .file_at(PhysAddr(TREE + 0x800))
            .unwrap()
            .overwritten_by
            .is_none()
    );

    let message = bench.refused("move 42000000 42fff800 1000");
    assert!(
        message.ends_with("room for 0x800: the loader is in the way at 0x43000000..0x43001000"),
        "{message}"
    );
    let message = bench.refused("move 42000000 43fff800 1000");
    assert!(message.ends_with("room for 0x800: RAM ends at 0x44000000"), "{message}");
    assert!(bench.refused("move 42000000 43000000").contains("the loader"));
}

#[test]
fn a_tree_that_was_written_over_is_not_edited() {
    let mut bench = Bench::new();
    let len = bench.context.memory.file_at(PhysAddr(TREE)).unwrap().region.len();
    bench.load("initrd", TREE + len - 2, b"s\0");
    assert_eq!(
        bench.refused("set /n new <1>"),
        "the devicetree at 0x42000000 was written over by initrd: load it again"
    );
}

#[test]
fn move_copies_and_leaves_the_original() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.type_line("move 42000000 41000000 10000"),
        "Working FDT set to 41000000\n"
    );
    bench.type_line("set /n new <1>");
    assert!(bench.type_line("header").contains("totalsize:\t\t0x10000 (65536)"));
    bench.type_line("addr 42000000");
    assert!(bench.refused("print /n new").contains("FDT_ERR_NOTFOUND"));
    let message = bench.refused("move 42000000 41000000 10");
    assert!(message.starts_with("New length 0x10 < existing length 0x"), "{message}");
}

#[test]
fn numbers_are_hexadecimal() {
    let mut bench = Bench::new();
    for word in ["xyz", "", "0x", "-1", "10000000000000000"] {
        let message = bench.refused(&format!("addr {word}"));
        assert!(message.contains(&format!("'{word}'")), "{message}");
    }
}

#[test]
fn get_puts_values_into_variables() {
    let mut bench = Bench::new();
    bench.type_line("set /n a <1>");
    bench.type_line("set /n r <0xab 0xcdef 3>");
    bench.type_line("mknode / x");
    for (line, expected) in [
        ("get value v /n a", "0x00000001"),
        ("get val v /n l", "one"),
        ("get value v /n l", "one"),
        ("get value v /n l 1", "two"),
        ("get value v /n r", "000000ab0000cdef00000003"),
        ("get value v /n r 1", "0x0000CDEF"),
        ("get name v / 0", "x"),
        ("get name v / 1", "n"),
        ("get size v /n r", "c"),
        ("get size v /", "2"),
        ("header get v totalsize", "1000"),
        ("header get v version", "11"),
    ] {
        bench.type_line("resize");
        assert_eq!(bench.type_line(line), "");
        assert_eq!(bench.context.env.get("v"), Some(expected), "{line}");
    }
    bench.type_line("get value v /n e");
    assert_eq!(bench.context.env.get("v"), None);
    for (line, expected) in [
        (
            "get value v /n nosuch",
            "libfdt fdt_getprop(): FDT_ERR_NOTFOUND\n/n has no property 'nosuch'",
        ),
        ("get value v /n l 2", "there is no index 2, the property has 2 values"),
        ("get name v /n 9", "libfdt node not found\n/n has no child 9, it has 1"),
        ("header get v nosuch", "the header has no member 'nosuch'"),
    ] {
        assert_eq!(bench.refused(line), expected);
    }
}

#[test]
fn get_addr_points_at_the_value() {
    let mut bench = Bench::new();
    for line in ["mknode / n@1", "set /n@1 l wrong", "set / model board"] {
        bench.type_line(line);
    }
    for (line, expected) in [("get addr v /n l", "one\0two\0"), ("get addr v / model", "board\0")] {
        bench.type_line(line);
        let address = bench.context.env.hex("v").unwrap();
        let region = Region::new(PhysAddr(address), u64::try_from(expected.len()).unwrap()).unwrap();
        assert_eq!(bench.context.memory.bytes(region).unwrap(), expected.as_bytes());
    }
}

#[test]
fn an_overlay_is_applied_and_its_blob_stays() {
    const BASE: &[u8] = include_bytes!("../../../../../tests/fixtures/overlay/base.dtb");
    const SENSOR: &[u8] = include_bytes!("../../../../../tests/fixtures/overlay/sensor.dtb");
    let mut bench = Bench::bare();
    bench.load("board.dtb", 0x4100_0000, BASE);
    bench.load("sensor.dtbo", 0x4180_0000, SENSOR);
    bench.type_line("addr 41000000");
    bench.type_line("resize 1048576");
    assert_eq!(bench.type_line("apply 41800000"), "");
    assert_eq!(
        bench.type_line("print /soc/i2c@9010000/sensor@48 reg"),
        "reg = <0x00000048>\n"
    );
    let place = Region::new(PhysAddr(0x4180_0000), u64::try_from(SENSOR.len()).unwrap()).unwrap();
    assert_eq!(bench.context.memory.bytes(place).unwrap(), SENSOR);
    bench.type_line("addr 42000000");
    let before = bench.tree().emit(0).unwrap();
    let refused = bench.refused("ap 41800000");
    let words = "failed on fdt_overlay_apply(): FDT_ERR_NOTFOUND\nsensor.dtbo at 0x41800000: the overlay refers to the label 'uart0'";
    assert!(refused.starts_with(words), "{refused}");
    assert_eq!(bench.tree().emit(0).unwrap(), before);
    assert!(
        bench
            .refused("apply 41900000")
            .starts_with("libfdt fdt_check_header(): FDT_ERR_BADMAGIC\n")
    );
}

#[test]
fn question_marks_keep_the_cells_that_are_there() {
    let mut bench = Bench::new();
    bench.type_line("set /n r <1 2 3>");
    bench.type_line("set /n r <? 5 ?>");
    assert_eq!(
        bench.type_line("print /n r"),
        "r = <0x00000001 0x00000005 0x00000003>\n"
    );
    assert!(
        bench
            .refused("set /n new <?>")
            .contains("the property has 0 bytes, so there is no cell 0")
    );
}

/// What is written into the blob between two commands counts: nothing is remembered.
#[test]
fn another_blob_at_the_same_place_is_seen() {
    let mut bench = Bench::new();
    bench.type_line("resize");
    bench.type_line("set /n a <1>");
    let mut other = Tree::new();
    let node = other.add(other.root(), "other").unwrap();
    other.set_u32(node, "b", 7).unwrap();
    bench.load("other.dtb", TREE, &other.emit(0x100).unwrap());
    bench.type_line("set /other b <8>");
    bench.type_line("mknode /other new");
    assert!(
        bench
            .refused("set /n a <2>")
            .starts_with("libfdt fdt_path_offset() returned FDT_ERR_NOTFOUND")
    );
    assert_eq!(
        bench.type_line("print /other"),
        "other {\n\tb = <0x00000008>;\n\tnew {\n\t};\n};\n"
    );
    let total_size = Region::new(PhysAddr(TREE + 4), 4).unwrap();
    let claim = bench.context.memory.claim(total_size.start(), 4, "mw").unwrap();
    bench.context.memory.write(&claim, 0, &[0xff; 4]).unwrap();
    bench.context.memory.abandon(claim, 0);
    assert!(
        bench
            .refused("set /other b <9>")
            .starts_with("libfdt fdt_check_header(): FDT_ERR_TRUNCATED")
    );
}

#[test]
fn a_quiet_addr_says_nothing() {
    let mut bench = Bench::bare();
    assert_eq!(bench.type_line("addr -q 42000000"), "");
    assert_eq!(bench.type_line("addr"), "Working fdt: 42000000\n");
    let args = ["fdt", "addr", "-q", "43000000"].map(ToString::to_string);
    assert_eq!((COMMAND.run)(&mut bench.context, &args), Ok(Status::Failure));
    assert_eq!(bench.wire.take_output(), "");
}

#[test]
fn the_loaders_own_tree_is_named() {
    let mut bench = Bench::new();
    assert_eq!(bench.refused("addr -c"), "the loader was given no devicetree");
    bench.context.env.set_hex("fdtcontroladdr", 0x7edb_6db0);
    for line in ["addr -c", "addr -q -c", "addr -c -q"] {
        assert_eq!(bench.type_line(line), "Control fdt: 7edb6db0\n");
    }
    assert!(
        bench
            .refused("addr -c 42000000")
            .starts_with("the loader's own devicetree stays")
    );
    assert_eq!(bench.context.env.get("fdtaddr"), Some("42000000"));
}

#[test]
fn a_tree_in_reserved_memory_is_read_and_copied_but_not_edited() {
    let mut bench = Bench::new();
    bench
        .context
        .memory
        .reserve(Region::new(PhysAddr(TREE), 0x1000).unwrap(), "the loader's devicetree");
    assert_eq!(bench.type_line("print /n e"), "/n e\n");
    let message = bench.refused("set /n new <1>");
    assert!(
        message.contains("runs into the loader's devicetree at 0x42000000..0x42001000"),
        "{message}"
    );
    assert!(
        message.ends_with("\nwork on a copy: fdt move 0x42000000 <newaddr>"),
        "{message}"
    );
    bench.type_line("move 42000000 41000000");
    bench.type_line("set /n new <1>");
}

#[test]
fn ctrl_c_ends_a_listing() {
    let mut bench = Bench::new();
    bench.wire.type_in("\x03");
    assert_eq!(bench.run(&["print"]), Err(CommandError::Interrupted));
}
