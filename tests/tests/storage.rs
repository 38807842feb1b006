//! Cards and disks with images that people's tools made: what is loaded is what was put there, and real Xen boots from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qemu::boots::{self, Boot, Kernel, Sizes};
use qemu::disks::{DiskImage, Format, Scheme};
use qemu::{Console, Firmware, Machine};
use sha2::{Digest, Sha256};
use system_tests::{assert_placed, folder, noise, slipway, start};

/// Where files are loaded to.
const ADDRESS: u64 = 0x4400_0000;

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

fn prompt(machine: Machine, name: &str) -> Console {
    let mut console = machine.spawn(name).unwrap();
    console.prompt().unwrap();
    console
}

/// A new folder for a test's images.
fn fresh(name: &str) -> PathBuf {
    let folder = folder(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes files of these sizes into `folder`, some of them below others.
fn write_files(folder: &Path, sizes: &[usize]) -> Vec<(String, Vec<u8>)> {
    let deep = folder.join("boot/A long name of a folder");
    fs::create_dir_all(&deep).unwrap();
    let mut files = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let name = match index % 3 {
            0 => format!("f{size}"),
            1 => format!("boot/file of {size} bytes"),
            _ => format!("boot/A long name of a folder/Größe {size}.bin"),
        };
        let bytes = noise(*size, index as u64);
        fs::write(folder.join(&name), &bytes).unwrap();
        files.push((name, bytes));
    }
    files
}

/// Loads a file and compares its hash, taken by the firmware, with that of what was put on the disk.
fn load_and_compare(console: &mut Console, volume: &str, (name, bytes): (&str, &[u8])) {
    let answer = console
        .command(&format!("load {volume} {ADDRESS:#x} \"{name}\""))
        .unwrap();
    let read = format!("{} bytes read in ", bytes.len());
    assert!(answer.contains(&read), "{volume} {name}: {answer}");
    if bytes.is_empty() {
        return;
    }
    let answer = console
        .command(&format!("sha256sum {ADDRESS:#x} {:#x}", bytes.len()))
        .unwrap();
    let expected: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(answer.contains(&expected), "{volume} {name}: {answer}, not {expected}");
}

/// The top-level entries of a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

fn add_all(image: &DiskImage, volume: usize, folder: &Path) {
    let entries = entries(folder);
    let entries: Vec<&Path> = entries.iter().map(PathBuf::as_path).collect();
    image.add(volume, &entries).unwrap();
}

/// Fills a FAT volume with small files, removes every second one, and puts `file` into the gaps.
fn add_fragmented(image: &DiskImage, volume: usize, file: &Path) {
    let folder = file.parent().unwrap().join("filler");
    fs::create_dir_all(&folder).unwrap();
    let names: Vec<String> = (0..200).map(|index| format!("filler{index}")).collect();
    for name in &names {
        fs::write(folder.join(name), [0xee; 9000]).unwrap();
    }
    add_all(image, volume, &folder);
    let gone: Vec<String> = names.iter().step_by(2).cloned().collect();
    image.remove(volume, &gone).unwrap();
    image.add(volume, &[file]).unwrap();
}

/// Loads a part of a file of the first disk.
fn load_a_part(console: &mut Console, (name, bytes): &(String, Vec<u8>)) {
    let part = console.command(&format!(
        "load virtio 0:1 {ADDRESS:#x} \"{name}\" 100 20; md.b {ADDRESS:#x} 4"
    ));
    let part = part.unwrap();
    let expected = bytes[0x20..0x24]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        part.contains("256 bytes read in ") && part.contains(&expected),
        "{part}"
    );
}

#[test]
fn files_on_virtio_disks_arrive_whole() {
    let name = "storage-virtio";
    let here = fresh(name);
    let content = here.join("content");
    let mut files = write_files(
        &content,
        &[0, 1, 511, 512, 513, 4095, 4096, 4097, 65_536, (5 << 20) + 3],
    );
    let fat = DiskImage::create(
        &here.join("fat.img"),
        Scheme::Mbr,
        &[(Format::Fat32(1), 48), (Format::Fat16(8), 48), (Format::Ext4, 48)],
    )
    .unwrap();
    let gpt = DiskImage::create(
        &here.join("gpt.img"),
        Scheme::Gpt,
        &[(Format::Fat32(8), 300), (Format::Ext4, 48)],
    )
    .unwrap();
    let whole = DiskImage::create(&here.join("whole.img"), Scheme::Whole, &[(Format::Fat32(2), 80)]).unwrap();
    let scattered = here.join("scattered");
    fs::write(&scattered, noise(1_500_000, 99)).unwrap();
    for (image, volume) in [(&fat, 0), (&gpt, 0), (&whole, 0)] {
        add_fragmented(image, volume, &scattered);
        add_all(image, volume, &content);
    }
    fat.add(1, &[&scattered]).unwrap();
    add_all(&fat, 1, &content);
    fs::write(content.join("scattered"), noise(1_500_000, 99)).unwrap();
    fat.fill_ext4(2, &content).unwrap();
    gpt.fill_ext4(1, &content).unwrap();
    files.push(("scattered".to_owned(), noise(1_500_000, 99)));

    // QEMU numbers the last one first.
    let mut console = prompt(machine().disk(whole.path()).disk(gpt.path()).disk(fat.path()), name);
    for volume in [
        "virtio 0:1",
        "virtio 0:2",
        "virtio 0:3",
        "virtio 1",
        "virtio 1#ESP",
        "virtio 1:2",
        "virtio 2",
        "virtio 2:0",
    ] {
        for (name, bytes) in &files {
            load_and_compare(&mut console, volume, (name, bytes));
        }
    }
    load_a_part(&mut console, &files[4]);
}

#[test]
fn a_quarter_gibibyte_arrives_whole() {
    let name = "storage-large";
    let here = fresh(name);
    let large = here.join("large");
    let bytes = noise(256 << 20, 7);
    fs::write(&large, &bytes).unwrap();
    let image = DiskImage::create(
        &here.join("disk.img"),
        Scheme::Gpt,
        &[(Format::Fat32(8), 300), (Format::Ext4, 300)],
    )
    .unwrap();
    image.add(0, &[&large]).unwrap();
    let content = here.join("content");
    fs::create_dir_all(&content).unwrap();
    fs::rename(&large, content.join("large")).unwrap();
    image.fill_ext4(1, &content).unwrap();
    let mut console = prompt(machine().disk(image.path()), name);
    for volume in ["virtio 0:1", "virtio 0:2"] {
        load_and_compare(&mut console, volume, ("large", &bytes));
    }
    fs::remove_dir_all(&here).unwrap();
}

/// Saves a file of the first card to both, and removes another.
fn save_and_remove(console: &mut Console, (name, bytes): &(String, Vec<u8>)) {
    load_and_compare(console, "mmc 0:1", (name, bytes));
    for line in [
        format!("save mmc 0:1 {ADDRESS:#x} saved.bin 1001"),
        format!("save mmc 1:2 {ADDRESS:#x} f1 1001"),
        "fatmkdir mmc 0:1 new".to_owned(),
        format!("fatwrite mmc 0:1 {ADDRESS:#x} \"new/a long name.bin\" 200"),
    ] {
        let answer = console.command(&format!("{line}; echo status $?")).unwrap();
        assert!(answer.contains("status 0"), "{line}: {answer}");
    }
    let answer = console
        .command("fatrm mmc 0:1 f1; test -e mmc 0:1 f1; echo status $?")
        .unwrap();
    assert!(answer.contains("status 1"), "{answer}");
}

#[test]
fn files_on_cards_arrive_whole_and_are_saved() {
    let name = "storage-card";
    let here = fresh(name);
    let content = here.join("content");
    let files = write_files(&content, &[1, 512, 4097, 300_000]);
    // A card of less than 2 GiB is addressed by the byte, one of 4 GiB by the block.
    let small = DiskImage::create(&here.join("small.img"), Scheme::Mbr, &[(Format::Fat32(1), 40)]).unwrap();
    let large = DiskImage::create(
        &here.join("large.img"),
        Scheme::Gpt,
        &[(Format::Ext4, 16), (Format::Fat32(8), 3000)],
    )
    .unwrap();
    add_all(&small, 0, &content);
    large.fill_ext4(0, &content).unwrap();
    add_all(&large, 1, &content);

    let empty = ["-device", "sdhci-pci"];
    let mut console = prompt(machine().card(small.path()).card(large.path()).extra(empty), name);
    for volume in ["mmc 0:1", "mmc 1:1", "mmc 1:2"] {
        for (name, bytes) in &files {
            load_and_compare(&mut console, volume, (name, bytes));
        }
    }
    let answer = console.command("mmc dev 1; mmc info").unwrap();
    assert!(
        answer.contains("mmc1 is current device") && answer.contains("High Capacity: Yes"),
        "{answer}"
    );
    assert!(answer.contains("Capacity: 4 GiB"), "{answer}");
    let answer = console.command("ls mmc 2:1").unwrap();
    assert!(answer.contains("no card present"), "{answer}");

    save_and_remove(&mut console, &files[2]);
    drop(console);
    for (image, volume) in [(&small, 0), (&large, 1)] {
        assert_eq!(image.check(volume).unwrap(), "");
    }
    assert_eq!(small.read(0, "saved.bin").unwrap(), files[2].1);
    assert_eq!(large.read(1, "f1").unwrap(), files[2].1);
    assert_eq!(small.read(0, "new/a long name.bin").unwrap(), files[2].1[..0x200]);
    assert!(small.read(0, "f1").is_err(), "it was removed");
}

/// Loads the files of a boot from a volume, and starts it.
fn boot_from(machine: Machine, volume: &str, boot: &Boot, name: &str) {
    let mut console = prompt(machine, name);
    for line in &boot.loads {
        let line = line.replacen("tftpb", &format!("load {volume}"), 1);
        let answer = console.command(&line).unwrap();
        assert!(answer.contains(" bytes read in "), "{line}: {answer}");
    }
    start(&mut console, boot).unwrap();
    assert_placed(&console.transcript(), boot);
}

#[test]
fn two_domains_boot_from_a_card() {
    let name = "storage-boot-card";
    let here = fresh(name);
    let boot = boots::two_domains(&here.join("files"), &machine(), Sizes::Unknown, Kernel::Plain).unwrap();
    let image = DiskImage::create(&here.join("sd.img"), Scheme::Mbr, &[(Format::Fat32(1), 60)]).unwrap();
    add_all(&image, 0, boot.scenario.folder());
    boot_from(machine().card(image.path()), "mmc 0:1", &boot, name);
}

#[test]
fn two_domains_boot_from_ext4_on_a_virtio_disk() {
    let name = "storage-boot-ext4";
    let here = fresh(name);
    let boot = boots::two_domains(&here.join("files"), &machine(), Sizes::Unknown, Kernel::Plain).unwrap();
    let image = DiskImage::create(&here.join("disk.img"), Scheme::Gpt, &[(Format::Ext4, 60)]).unwrap();
    image.fill_ext4(0, boot.scenario.folder()).unwrap();
    boot_from(machine().disk(image.path()), "virtio 0", &boot, name);
}

#[test]
fn ctrl_c_stops_a_load_from_a_card() {
    let name = "storage-stop";
    let here = fresh(name);
    let image = DiskImage::create(&here.join("sd.img"), Scheme::Mbr, &[(Format::Fat32(8), 300)]).unwrap();
    fs::write(here.join("large"), noise(100 << 20, 3)).unwrap();
    image.add(0, &[&here.join("large")]).unwrap();
    let mut console = prompt(machine().card(image.path()), name);
    console.send_line(&format!("load mmc 0:1 {ADDRESS:#x} large")).unwrap();
    // A hundred MiB take a card in QEMU half a minute.
    std::thread::sleep(Duration::from_secs(2));
    console.send(b"\x03").unwrap();
    let answer = console.expect("=> ", Duration::from_secs(5)).unwrap();
    for word in ["Failed to load", "Can't set", "** ", "bytes read"] {
        assert!(!answer.contains(word), "it ended before: {answer}");
    }
    let answer = console.command("meminfo").unwrap();
    assert!(!answer.contains("large"), "{answer}");
    let answer = console.command(&format!("load mmc 0:1 {ADDRESS:#x} large 1000"));
    assert!(
        answer.unwrap().contains("4096 bytes read"),
        "the card takes commands again"
    );
}
