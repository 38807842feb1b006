//! `xen` over the network: TFTP and web servers that are good, that do not say how large a file is, and that go away.

use std::time::Duration;

use hal::fakes::SystemEvent;
use hal::{PhysAddr, Region};
use loader_core::context::Status;
use loader_core::devicetree::Tree;
use slipway_sim::lan::{Ending, Faults, HOST, Habits, Reply, TftpServer, WebServer};
use slipway_sim::machine::{Machine, RAM};

/// Where the board's own tree lies.
const BOARD: u64 = RAM + 0x1000;

const CONFIG: &[u8] = b"\
[global]
default=one
[one]
kernel=Image root=/dev/ram0
domu1_kernel=Image-1
domu1_ramdisk=sub/initrd
domu1_property=memory=8M
domu1_property=cpus=1
domu1_property=vpl011
[two]
kernel=Image
";

/// An arm64 `Image` of that many bytes, 64 KiB in memory.
fn image(len: usize) -> Vec<u8> {
    let mut bytes = vec![0x1f; len];
    bytes[8..16].fill(0);
    bytes[16..24].copy_from_slice(&0x1_0000_u64.to_le_bytes());
    bytes[24..32].copy_from_slice(&10_u64.to_le_bytes());
    bytes[56..60].copy_from_slice(b"ARM\x64");
    bytes
}

fn xen() -> Vec<u8> {
    let mut bytes = image(4096);
    bytes[1000..1016].copy_from_slice(b"xen,xen-bootargs");
    bytes
}

fn ramdisk() -> Vec<u8> {
    let mut bytes = vec![b'r'; 50_000];
    bytes[..6].copy_from_slice(b"070701");
    bytes
}

/// The files of the lab, in its folder.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("xen.cfg", CONFIG.to_vec()),
        ("xen", xen()),
        ("Image", image(9000)),
        ("Image-1", image(70_001)),
        ("sub/initrd", ramdisk()),
    ]
}

/// A machine with an address and a tree.
fn machine(faults: Faults, seed: u64) -> Machine {
    let mut machine = Machine::online(faults, seed);
    let mut tree = Tree::new();
    tree.set_u32(tree.root(), "#size-cells", 2).unwrap();
    tree.set_u32(tree.root(), "#address-cells", 2).unwrap();
    machine.load(BOARD, "board.dtb", &tree.emit(0).unwrap());
    machine.context.working_tree = Some(PhysAddr(BOARD));
    machine
}

/// One whose TFTP server has the lab's files in `folder`.
fn lab(folder: &str) -> Machine {
    let machine = machine(Faults::default(), 1);
    for (name, bytes) in files() {
        machine.lan.add_file(&format!("{folder}{name}"), &bytes);
    }
    machine
}

/// One whose web server has them.
fn web(folder: &'static str, answer: impl Fn(&str, &[u8]) -> Reply + 'static) -> Machine {
    let machine = machine(Faults::default(), 1);
    machine.lan.host().web = Some(WebServer::new(HOST, move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let name = path.strip_prefix(folder);
        match files().into_iter().find(|(file, _)| Some(*file) == name) {
            Some((_, bytes)) => answer(request, &bytes),
            None => Reply::new("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Ending::Close),
        }
    }));
    machine
}

/// Which files are asked for.
fn asked(output: &str) -> Vec<&str> {
    let lines = output.lines();
    lines
        .filter_map(|line| line.strip_prefix("Retrieving file: "))
        .collect()
}

fn known(machine: &Machine) -> Vec<(String, Region)> {
    let files = machine.context.memory.files().iter();
    files.map(|file| (file.name.clone(), file.region)).collect()
}

/// The tree of the plan says where the lab's files are, and they are there.
fn check(machine: &Machine, output: &str) {
    assert_eq!(machine.status(), Status::Success, "{output}");
    let at = machine.context.env.hex("xen_fdt_addr").expect("there is a plan");
    let tree = Tree::parse(machine.context.memory.bytes_from(PhysAddr(at)).unwrap()).unwrap();
    let modules = tree
        .nodes()
        .filter(|node| tree.compatible(*node, "multiboot,module"))
        .map(|node| {
            let (start, len) = tree.reg(node).unwrap()[0];
            machine.ram(start, usize::try_from(len).unwrap()).to_vec()
        });
    assert_eq!(modules.collect::<Vec<_>>(), [image(9000), image(70_001), ramdisk()]);
    let at = machine.context.env.hex("xen_addr").expect("there is a plan");
    assert_eq!(machine.ram(at, 4096), xen());
}

#[test]
fn by_tftp() {
    for (folder, line, first) in [
        ("", "xen plan tftp", "xen.cfg"),
        ("", "xen plan tftp xen.cfg", "xen.cfg"),
        ("lab/", "xen plan tftp lab/", "lab/xen.cfg"),
        ("lab/", "xen plan tftp lab/xen.cfg one", "lab/xen.cfg"),
        (
            "lab/",
            "setenv serverip; xen plan tftp 10.0.2.2:lab/xen.cfg",
            "lab/xen.cfg",
        ),
        ("", "setenv serverip; xen plan tftp 10.0.2.2:", "xen.cfg"),
    ] {
        let mut machine = lab(folder);
        let output = machine.enter(line);
        check(&machine, &output);
        let names = ["xen.efi", "xen", "Image-1", "sub/initrd", "Image"].map(|name| format!("{folder}{name}"));
        let mut sorted: Vec<&str> = names.iter().map(String::as_str).chain([first]).collect();
        let mut found = asked(&output);
        assert_eq!(found[0], first);
        sorted.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, sorted, "{line}");
    }
}

#[test]
fn by_http() {
    for (folder, line, first) in [
        ("/", "xen plan http://10.0.2.2", "http://10.0.2.2/xen.cfg"),
        ("/", "xen plan http://10.0.2.2/", "http://10.0.2.2/xen.cfg"),
        (
            "/a/b/",
            "xen plan http://10.0.2.2:8080/a/b/",
            "http://10.0.2.2:8080/a/b/xen.cfg",
        ),
        (
            "/a/b/",
            "xen plan http://10.0.2.2/a/b/xen.cfg one",
            "http://10.0.2.2/a/b/xen.cfg",
        ),
    ] {
        let mut machine = web(folder, |request, file| Reply::file(request, file, "\"1\""));
        let output = machine.enter(line);
        check(&machine, &output);
        let start = first.strip_suffix("xen.cfg").unwrap();
        assert_eq!(asked(&output)[..2], [first, &format!("{start}xen.efi")], "{line}");
    }
}

#[test]
fn names_on_a_web_server() {
    let mut machine = machine(Faults::default(), 1);
    machine.lan.host().web = Some(WebServer::new(HOST, |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        match path {
            "/lab/get?f=x/xen.cfg" => Reply::file(
                request,
                b"kernel=/root/Image\nramdisk=http://10.0.2.2:8080/other/initrd\nxen=../xen\n",
                "\"1\"",
            ),
            "/root/Image" => Reply::file(request, &image(9000), "\"1\""),
            "/other/initrd" => Reply::file(request, &ramdisk(), "\"1\""),
            "/lab/get?f=x/../xen" => Reply::file(request, &xen(), "\"1\""),
            other => panic!("{other}"),
        }
    }));
    let output = machine.enter("xen plan http://10.0.2.2/lab/get?f=x/xen.cfg");
    assert_eq!(machine.status(), Status::Success, "{output}");
    assert_eq!(
        asked(&output)[1..],
        [
            "http://10.0.2.2/lab/get?f=x/../xen",
            "http://10.0.2.2/root/Image",
            "http://10.0.2.2:8080/other/initrd"
        ]
    );
}

#[test]
fn servers_that_do_not_say_how_large_a_file_is() {
    let mut machine = lab("");
    let mut server = TftpServer::new(Habits {
        options: false,
        ..Habits::default()
    });
    for (name, bytes) in files() {
        server.add(name, bytes);
    }
    machine.lan.host().tftp = Some(server);
    for _ in 0..2 {
        let output = machine.enter("xen plan tftp xen.cfg");
        check(&machine, &output);
    }
    let mut machine = web("/", |_, file| {
        Reply::new([b"HTTP/1.1 200 OK\r\n\r\n", file].concat(), Ending::Close)
    });
    for _ in 0..2 {
        let output = machine.enter("xen plan http://10.0.2.2/xen.cfg");
        check(&machine, &output);
    }
}

#[test]
fn what_was_loaded_by_hand_and_the_rest_by_tftp() {
    let mut machine = lab("");
    let (config, first) = (CONFIG.to_vec(), image(70_001));
    machine.load(RAM + 0x10_0000, "lab/xen.cfg", &config);
    machine.load(RAM + 0x20_0000, "lab/Image-1", &first);
    let before = known(&machine);
    let output = machine.enter("xen plan 40100000");
    check(&machine, &output);
    assert_eq!(asked(&output), ["xen.efi", "xen", "Image", "sub/initrd"]);
    machine.enter("xen check 40100000");
    assert_eq!(known(&machine), before);
    // A tree by hand, its configuration from the server.
    let mut tree = Tree::new();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    tree.set(chosen, "xen,uefi-cfg-load", &[]).unwrap();
    tree.set_u32(tree.root(), "#address-cells", 2).unwrap();
    tree.set_u32(tree.root(), "#size-cells", 2).unwrap();
    machine.load(RAM + 0x10_0000, "board.dtb", &tree.emit(0).unwrap());
    let output = machine.enter("xen plan 40100000");
    check(&machine, &output);
    assert_eq!(asked(&output)[..2], ["board.cfg", "xen.cfg"]);
    machine.lan.host().tftp.as_mut().unwrap().add("Image", vec![]);
    machine.context.memory.forget(PhysAddr(RAM + 0x20_0000));
    machine.enter("setenv serverip");
    let output = machine.enter("xen plan 40100000");
    assert!(
        output.contains("and there is no serverip to ask for it; loaded: board.dtb"),
        "{output}"
    );
}

#[test]
fn a_missing_file_is_named_with_its_module() {
    for line in ["xen boot tftp xen.cfg", "xen boot http://10.0.2.2/xen.cfg"] {
        let config = b"kernel=Image\ndomu1_kernel=gone\nxen=xen\n";
        let mut machine = machine(Faults::default(), 1);
        machine.lan.add_file("xen.cfg", config);
        machine.lan.add_file("xen", &xen());
        machine.lan.add_file("Image", &image(9000));
        machine.lan.host().web = Some(WebServer::new(HOST, move |request| {
            match request.split(' ').nth(1).unwrap_or_default() {
                "/xen.cfg" => Reply::file(request, config, "\"1\""),
                "/xen" => Reply::file(request, &xen(), "\"1\""),
                "/Image" => Reply::file(request, &image(9000), "\"1\""),
                _ => Reply::new("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Ending::Close),
            }
        }));
        let before = known(&machine);
        let output = machine.enter(line);
        assert_eq!(machine.status(), Status::Failure);
        assert_eq!(known(&machine), before);
        let last = output.lines().last().unwrap();
        assert!(last.starts_with("/chosen/domU1/module@0 wants gone: "), "{last}");
    }
}

#[test]
fn the_network_is_shut_down_before_the_jump() {
    let mut machine = lab("");
    let output = machine.enter("xen boot tftp");
    assert!(output.ends_with("\nStarting kernel ...\n\n"), "{output}");
    let jumps = machine.system.events();
    assert!(matches!(jumps[..], [SystemEvent::HandOver(_)]));
    assert!(machine.lan.is_shut_down());
}

#[test]
fn ctrl_c_at_any_moment_leaves_nothing() {
    for line in ["xen plan tftp lab/", "xen plan http://10.0.2.2/lab/"] {
        let mut stopped = 0;
        for moment in 1.. {
            let mut machine = web("/lab/", |request, file| Reply::file(request, file, "\"1\""));
            for (name, bytes) in files() {
                machine.lan.add_file(&format!("lab/{name}"), &bytes);
            }
            let before = known(&machine);
            machine.type_after(Duration::from_micros(300 * moment), "\x03");
            let output = machine.enter(line);
            if machine.status() == Status::Success {
                check(&machine, &output);
                break;
            }
            stopped += 1;
            assert_eq!(known(&machine), before, "{output}");
            assert_eq!(machine.context.env.get("xen_addr"), None);
            // The prompt is there, and the next one finds all of it.
            if moment % 8 == 0 {
                let output = machine.enter(line);
                check(&machine, &output);
            }
        }
        assert!(stopped > 5, "{line}: stopped {stopped} times");
    }
}

#[test]
fn a_bad_network_makes_the_same_plan() {
    let plan = |mut machine: Machine| {
        let output = machine.enter("xen plan tftp xen.cfg");
        check(&machine, &output);
        known(&machine)
    };
    let good = plan(lab(""));
    for seed in 1..4 {
        let faults = Faults {
            loss: 10,
            duplicate: 5,
            reorder: 10,
            ..Faults::default()
        };
        let bad = machine(faults, seed);
        for (name, bytes) in files() {
            bad.lan.add_file(name, &bytes);
        }
        assert_eq!(plan(bad), good, "seed {seed}");
    }
}

#[test]
fn servers_that_lie_or_go_away_leave_nothing() {
    for lie in [-1000, 1000] {
        let mut machine = lab("");
        let mut server = TftpServer::new(Habits {
            size_lie: lie,
            ..Habits::default()
        });
        for (name, bytes) in files() {
            server.add(name, bytes);
        }
        machine.lan.host().tftp = Some(server);
        let before = known(&machine);
        let output = machine.enter("xen plan tftp xen.cfg");
        assert_eq!(machine.status(), Status::Failure, "{output}");
        assert_eq!(known(&machine), before);
    }
    let mut machine = lab("");
    let before = known(&machine);
    machine
        .lan
        .after(Duration::from_millis(2), |host| host.unplugged = true);
    let output = machine.enter("xen plan tftp xen.cfg");
    assert_eq!(machine.status(), Status::Failure, "{output}");
    assert_eq!(known(&machine), before);
    // More than there is room for.
    let mut machine = web("/", |_, file| match file.starts_with(b"070701") {
        true => Reply::new(
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            Ending::Silence,
        ),
        false => Reply::new([b"HTTP/1.1 200 OK\r\n\r\n", file].concat(), Ending::Close),
    });
    let before = known(&machine);
    let output = machine.enter("xen plan http://10.0.2.2/xen.cfg");
    assert!(output.contains("bytes of free RAM in one piece are needed"), "{output}");
    assert_eq!(known(&machine), before);
}
