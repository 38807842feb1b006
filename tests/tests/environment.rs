//! The environment in the flash of QEMU's virt machine: over resets and power-off, beside U-Boot, and with Debian's tools.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use qemu::{Console, Firmware, Machine};
use system_tests::{folder, slipway, u_boot};

/// Size of QEMU's flash bank 1.
const BANK: u64 = 64 << 20;
/// Where the second copy is.
const SECOND: usize = 0x4_0000;

const LOADED: &str = "Loading Environment from Flash... OK";
const DEFAULT: &str = "Loading Environment from Flash... *** Warning - bad CRC, using default environment";

/// A flash image that was never written, in a folder of its own with a configuration for libubootenv's tools.
struct Flash {
    folder: PathBuf,
    image: PathBuf,
}

impl Flash {
    fn new(name: &str) -> Self {
        let folder = folder(name);
        fs::create_dir_all(&folder).unwrap();
        let image = folder.join("flash.img");
        // What an earlier run has left.
        let _ = fs::remove_file(&image);
        fs::File::create(&image).unwrap().set_len(BANK).unwrap();
        let line = format!("{} 0x0 0x40000 0x40000\n", image.display());
        fs::write(folder.join("fw_env.config"), line).unwrap();
        Self { folder, image }
    }

    fn start(&self, firmware: Firmware, name: &str) -> Console {
        let machine = Machine::load("virt").unwrap().firmware(firmware).flash(&self.image);
        let mut console = machine.spawn(name).unwrap();
        console.prompt().unwrap();
        console
    }

    fn slipway(&self, name: &str) -> Console {
        self.start(Firmware::Bios(slipway()), name)
    }

    /// Runs `fw_printenv` or `fw_setenv` on the image.
    fn tool(&self, program: &str, args: &[&str]) -> String {
        run(Command::new(program)
            .arg("-c")
            .arg(self.folder.join("fw_env.config"))
            .args(args))
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        let mut content = fs::read(&self.image).unwrap();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        fs::write(&self.image, content).unwrap();
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn save(console: &mut Console) {
    let answer = console.command("saveenv; echo $?").unwrap();
    assert!(
        answer.starts_with("Saving Environment to Flash... ") && answer.ends_with("OK\n0"),
        "{answer}"
    );
}

fn value(console: &mut Console, name: &str) -> String {
    console.command(&format!("printenv {name}")).unwrap()
}

#[test]
fn what_is_saved_survives_reset_and_power_off() {
    let flash = Flash::new("environment-reset");
    let mut console = flash.slipway("environment-reset");
    assert!(console.transcript().replace('\r', "").contains(DEFAULT));
    console
        .command("setenv note 'one; two' three; setenv bootdelay 7")
        .unwrap();
    save(&mut console);
    let printed = console.command("printenv").unwrap();
    assert!(printed.contains("/262140 bytes"), "{printed}");
    console.send_line("reset").unwrap();
    console.prompt().unwrap();
    assert_eq!(value(&mut console, "note"), "note=one; two three");
    console.system_reset().unwrap();
    console.prompt().unwrap();
    assert_eq!(value(&mut console, "bootdelay"), "bootdelay=7");
    // A reset while the flash is being told something else must not leave it so.
    console.command("setenv note; saveenv").unwrap();
    drop(console);
    let mut again = flash.slipway("environment-restart");
    assert!(again.transcript().contains(LOADED));
    assert_eq!(value(&mut again, "note"), "## Error: \"note\" not defined");
    assert_eq!(value(&mut again, "bootdelay"), "bootdelay=7");
    assert!(value(&mut again, "fdtcontroladdr").starts_with("fdtcontroladdr="));
}

/// Without a drive QEMU's flash is RAM, which outlives a reset.
#[test]
fn a_flash_without_a_drive_lasts_until_power_off() {
    let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()));
    let mut console = machine.spawn("environment-no-drive").unwrap();
    console.prompt().unwrap();
    console.command("setenv note 1; saveenv").unwrap();
    console.send_line("reset").unwrap();
    console.prompt().unwrap();
    assert_eq!(value(&mut console, "note"), "note=1");
    let erased = console.command("env erase; echo $?; env load; echo $?").unwrap();
    assert_eq!(erased, format!("Erasing Environment on Flash... OK\n0\n{DEFAULT}\n\n1"));
}

#[test]
fn debians_tools_read_and_write_it() {
    let flash = Flash::new("environment-tools");
    let mut console = flash.slipway("environment-tools-1");
    console.command("setenv note 'a b  c'; saveenv").unwrap();
    drop(console);
    assert_eq!(flash.tool("fw_printenv", &["note"]), "note=a b  c\n");
    flash.tool("fw_setenv", &["note", "from Linux"]);
    flash.tool("fw_setenv", &["other", "x=y"]);
    let mut console = flash.slipway("environment-tools-2");
    assert_eq!(value(&mut console, "note other"), "note=from Linux\nother=x=y");
    console.command("setenv other; saveenv").unwrap();
    drop(console);
    let all = flash.tool("fw_printenv", &[]);
    assert!(all.contains("note=from Linux\n") && !all.contains("other="), "{all}");
}

#[test]
fn an_image_of_mkenvimage_is_loaded() {
    let flash = Flash::new("environment-mkenvimage");
    let (text, image) = (flash.folder.join("env.txt"), flash.folder.join("env.bin"));
    fs::write(
        &text,
        "# made on the host\nnote=image\nbootdelay=9\nbootcmd=echo hello\n",
    )
    .unwrap();
    let mut command = Command::new("mkenvimage");
    run(command.args(["-s", "0x40000", "-o"]).arg(&image).arg(&text));
    flash.write(0, &fs::read(&image).unwrap());
    let mut console = flash.slipway("environment-mkenvimage");
    assert!(console.transcript().contains(LOADED));
    assert_eq!(value(&mut console, "note bootdelay"), "note=image\nbootdelay=9");
}

/// Power that fails while the first copy is written leaves the second; damage to both, the defaults.
#[test]
fn a_damaged_environment_gives_way_to_its_backup_and_then_to_the_defaults() {
    let flash = Flash::new("environment-damage");
    let mut console = flash.slipway("environment-damage-1");
    console.command("setenv note kept; saveenv").unwrap();
    drop(console);
    flash.write(100, &[0; 5000]);
    let mut console = flash.slipway("environment-damage-2");
    assert!(console.transcript().contains("recovered successfully"));
    assert_eq!(value(&mut console, "note"), "note=kept");
    save(&mut console);
    drop(console);
    for at in [50, SECOND + 50] {
        flash.write(at, b"#");
    }
    let mut console = flash.slipway("environment-damage-3");
    assert!(console.transcript().contains(DEFAULT));
    assert_eq!(value(&mut console, "note"), "## Error: \"note\" not defined");
}

/// QEMU is killed while the environment is saved, again and again: what is loaded is the old or the new.
#[test]
fn power_that_fails_during_a_save_loses_nothing() {
    let flash = Flash::new("environment-power");
    let mut console = flash.slipway("environment-power-0");
    console.command("setenv note 0; saveenv").unwrap();
    for round in 1..=4_u64 {
        console.send_line(&format!("setenv note {round}; saveenv")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(3 * round));
        drop(console);
        console = flash.slipway(&format!("environment-power-{round}"));
        assert!(console.transcript().contains(LOADED), "round {round}");
        let note = value(&mut console, "note");
        let number: u64 = note.strip_prefix("note=").unwrap().parse().unwrap();
        assert!(number == round || number == round - 1, "round {round}: {note}");
        console.command(&format!("setenv note {round}; saveenv")).unwrap();
    }
}

/// Whoever swaps the loader keeps the environment, and whoever swaps back.
#[test]
fn u_boot_and_slipway_read_what_the_other_saved() {
    let flash = Flash::new("environment-u-boot");
    let mut console = flash.start(u_boot(), "environment-u-boot-1");
    console
        .command("setenv note 'from \"U-Boot\"'; setenv path 'a\\\\b'")
        .unwrap();
    let path = value(&mut console, "path");
    save(&mut console);
    drop(console);
    let mut console = flash.slipway("environment-u-boot-2");
    assert!(console.transcript().contains(LOADED));
    assert_eq!(value(&mut console, "note"), "note=from \"U-Boot\"");
    assert_eq!(value(&mut console, "path"), path);
    console.command("setenv note from Slipway").unwrap();
    save(&mut console);
    drop(console);
    let mut console = flash.start(u_boot(), "environment-u-boot-3");
    assert_eq!(value(&mut console, "note"), "note=from Slipway");
    assert_eq!(value(&mut console, "path"), path);
}
