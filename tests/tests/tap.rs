//! Transfers from `atftpd`, a TFTP server that knows every option, over a tap interface.

use std::os::unix::fs::PermissionsExt;

use qemu::{Console, Guests, Scenario};
use system_tests::folder;
use system_tests::lan::{HOST, Lab, in_namespace};

/// Sets the transfer's options, loads a file with them and compares every byte.
fn transfer(console: &mut Console, block: u32, window: u32, file: &str, expected: &[u8]) {
    console
        .command(&format!("setenv tftpblocksize {block}; setenv tftpwindowsize {window}"))
        .unwrap();
    let answer = console
        .command(&format!("mw.b 48000000 0 3000000; tftpb 48000000 {file}"))
        .unwrap();
    let line = format!("Bytes transferred = {} ({:x} hex)", expected.len(), expected.len());
    assert!(answer.contains(&line), "block size {block}, window {window}: {answer}");
    let memory = console
        .read_memory(0x4800_0000, u64::try_from(expected.len()).unwrap())
        .unwrap();
    assert!(
        memory == expected,
        "block size {block}, window {window}: RAM differs from the file"
    );
}

#[test]
fn files_arrive_whole_with_every_option() {
    in_namespace("files_arrive_whole_with_every_option", || {
        let name = "tap";
        let guests = Guests::open().unwrap();
        let scenario = Scenario::create(&folder(name)).unwrap();
        scenario.copy("small", &guests.kernel()).unwrap();
        scenario.copy("big", &guests.debian_kernel()).unwrap();
        let (small, big) = (
            std::fs::read(guests.kernel()).unwrap(),
            std::fs::read(guests.debian_kernel()).unwrap(),
        );
        let mut lab = Lab::start(name, &scenario);
        let answer = lab.console.command(&format!("ping {HOST}")).unwrap();
        assert!(answer.contains(&format!("host {HOST} is alive")), "{answer}");
        for (block, window) in [(512, 1), (512, 64), (1468, 1), (1468, 16), (1468, 64)] {
            transfer(&mut lab.console, block, window, "small", &small);
        }
        transfer(&mut lab.console, 1468, 64, "big", &big);
    });
}

/// The block number has 16 bits: 40 MiB in blocks of 512 bytes go beyond it.
#[test]
fn a_file_of_more_than_65535_blocks_arrives_whole() {
    in_namespace("a_file_of_more_than_65535_blocks_arrives_whole", || {
        let scenario = Scenario::create(&folder("tap-wrap")).unwrap();
        let words = (0_u32..10 << 20).map(|word| word.wrapping_mul(0x9e37_79b9));
        let expected: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        scenario.write("wrap", &expected).unwrap();
        transfer(
            &mut Lab::start("tap-wrap", &scenario).console,
            512,
            16,
            "wrap",
            &expected,
        );
    });
}

/// atftpd writes only where everybody may: into a file that is there.
#[test]
fn memory_is_written_to_a_server() {
    in_namespace("memory_is_written_to_a_server", || {
        let name = "tap-put";
        let guests = Guests::open().unwrap();
        let scenario = Scenario::create(&folder(name)).unwrap();
        scenario.copy("kernel", &guests.kernel()).unwrap();
        let expected = std::fs::read(guests.kernel()).unwrap();
        let mut lab = Lab::start(name, &scenario);
        for (block, file) in [(512, "copy-512"), (1468, "copy-1468")] {
            scenario.write(file, b"").unwrap();
            let path = scenario.folder().join(file);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
            let line = format!(
                "setenv tftpblocksize {block}; tftpboot 48000000 kernel; tftpput 48000000 ${{filesize}} {file}"
            );
            let answer = lab.console.command(&line).unwrap();
            let line = format!("done\nBytes transferred = {0} ({0:x} hex)", expected.len());
            assert!(
                answer.contains(&line) && answer.contains(&format!("TFTP to server {HOST}")),
                "{answer}"
            );
            assert!(
                std::fs::read(&path).unwrap() == expected,
                "{file} differs from what was sent"
            );
        }
        let answer = lab.console.command("tftpput 48000000 100 no/such/folder").unwrap();
        assert!(answer.contains("TFTP error: '"), "{answer}");
        assert_eq!(lab.console.command("echo $?").unwrap().trim(), "1");
    });
}
