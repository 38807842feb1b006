//! A guest's root file system in memory: a gzip'ed cpio archive in the "newc" format that Linux unpacks at start.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// The guest reports itself, then gives a shell. `NAME` is replaced by the guest's name.
///
/// Lines stay below 128 characters, since Xen cuts longer ones of a domain's console; they end in a full stop, since the
/// end of dom0's line may come late. Dom0's characters mix with the other domains' lines, so it repeats itself.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
cell() { echo "0x0$(hexdump -v -e '1/1 "%02x"' "/sys/firmware/devicetree/base/chosen/linux,initrd-$1" 2>/dev/null)"; }
ramdisk=$(($(cell end) - $(cell start)))
memory=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
hypervisor=$(cat /sys/hypervisor/type 2>/dev/null || echo none)
report() {
    echo "SLIPWAY-GUEST NAME cmdline $(cat /proc/cmdline)."
    echo "SLIPWAY-GUEST NAME up, kernel $(uname -r), memory $memory kB, cpus $(nproc), ramdisk $ramdisk bytes," \
        "hypervisor $hypervisor."
}
report
if [ "$hypervisor" = xen ]; then
    sleep 3
    report
fi
while :; do setsid cttyhack sh; done
"#;

/// One entry of the archive.
struct Entry<'a> {
    path: &'a str,
    mode: u32,
    /// Major and minor number of a device.
    device: (u32, u32),
    data: &'a [u8],
}

/// Builds the ramdisk of the guest `name` around a static busybox.
pub(crate) fn build(busybox: &[u8], name: &str) -> Vec<u8> {
    let init = INIT.replace("NAME", name);
    let directory = |path| Entry {
        path,
        mode: DIRECTORY,
        device: (0, 0),
        data: &[],
    };
    let program = |path, data| Entry {
        path,
        mode: PROGRAM,
        device: (0, 0),
        data,
    };
    // The kernel opens /dev/console for init before anything could mount /dev.
    let console = Entry {
        path: "dev/console",
        mode: CHARACTER_DEVICE,
        device: (5, 1),
        data: &[],
    };
    let mut archive = Vec::new();
    for entry in ["bin", "dev", "proc", "sys"].map(directory) {
        append(&mut archive, &entry);
    }
    append(&mut archive, &console);
    append(&mut archive, &program("bin/busybox", busybox));
    append(&mut archive, &program("init", init.as_bytes()));
    append(
        &mut archive,
        &Entry {
            path: "TRAILER!!!",
            mode: 0,
            device: (0, 0),
            data: &[],
        },
    );
    gzip(&archive)
}

/// Compresses as `gzip -9n` does: the same input gives the same bytes.
pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}

/// Appends an entry: header of 13 hexadecimal fields (cpio(5), "New ASCII Format"), name, data, each padded to 4 bytes.
fn append(archive: &mut Vec<u8>, entry: &Entry<'_>) {
    let inode = archive.len();
    let (mode, size, name_size) = (entry.mode, entry.data.len(), entry.path.len() + 1);
    let (major, minor) = entry.device;
    let (uid, gid, links, mtime, zero) = (0, 0, 1, 0, 0);
    let header = format!(
        "070701{inode:08x}{mode:08x}{uid:08x}{gid:08x}{links:08x}{mtime:08x}{size:08x}\
         {zero:08x}{zero:08x}{major:08x}{minor:08x}{name_size:08x}{zero:08x}"
    );
    archive.extend(header.as_bytes());
    archive.extend(entry.path.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend(entry.data);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn cpio_lists_what_was_put_in() {
        let packed = build(b"not a real busybox", "domU7");
        let mut archive = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_end(&mut archive)
            .unwrap();
        assert!(archive.windows(22).any(|w| w == b"SLIPWAY-GUEST domU7 up"));

        let cpio = Command::new("cpio")
            .args(["--list", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut cpio) = cpio else {
            return eprintln!("cpio is not installed: listing not compared");
        };
        cpio.stdin.take().unwrap().write_all(&archive).unwrap();
        let listing = cpio.wait_with_output().unwrap();
        assert!(listing.status.success());
        assert_eq!(
            String::from_utf8_lossy(&listing.stdout),
            "bin\ndev\nproc\nsys\ndev/console\nbin/busybox\ninit\n"
        );
    }
}
