//! What is in the modules' files: each must hold what its role promises.

use alloc::vec::Vec;

use super::super::Finding;
use super::super::place;
use super::super::plan::{Module, Role};
use super::Subject;
use crate::image::detect::{self, Kind};
use crate::image::gzip;

/// A module must hold what its role promises.
pub(super) fn roles(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let modules = subject.layout.plan.modules.iter();
    for module in modules.filter(|module| module.file.is_some()) {
        findings.extend(match module.role {
            Role::Kernel => kernel(subject, module),
            Role::Ramdisk => ramdisk(subject, module),
            Role::DeviceTree if module.contents != Kind::DeviceTree => Some(Finding::error(format_args!(
                "{}: {} is {}, not a device tree",
                module.path,
                module.file_name(),
                module.contents
            ))),
            Role::XsmPolicy if module.contents != Kind::XsmPolicy => Some(Finding::warning(format_args!(
                "{}: {} is {}; an XSM policy is expected",
                module.path,
                module.file_name(),
                module.contents
            ))),
            Role::DeviceTree | Role::XsmPolicy | Role::Other => None,
        });
    }
}

/// What a module of gzip data holds.
fn inside(subject: &Subject<'_>, module: &Module) -> Result<Kind, gzip::Error> {
    detect::packed_kind(subject.memory.bytes(module.region).unwrap_or_default())
}

fn kernel(subject: &Subject<'_>, module: &Module) -> Option<Finding> {
    let (path, file, found) = (&module.path, module.file_name(), module.contents);
    let takes = "Xen starts an arm64 Image, plain, gzip'd or in a uImage, and a 32-bit zImage";
    match found {
        Kind::Arm64Image if place::is_xen(subject.memory, module.region) => Some(Finding::error(format_args!(
            "{path}: {file} is Xen itself, which no domain can run; a kernel is expected"
        ))),
        Kind::Arm64Image | Kind::LegacyImage | Kind::ZImage => None,
        Kind::Gzip => match inside(subject, module) {
            Ok(Kind::Arm64Image | Kind::LegacyImage | Kind::ZImage) => None,
            Ok(inner) => Some(Finding::error(format_args!(
                "{path}: {file} is gzip data, and {inner} when unpacked; {takes}"
            ))),
            Err(error) => Some(Finding::error(format_args!(
                "{path}: {file} cannot be unpacked: {error}"
            ))),
        },
        _ => Some(Finding::error(format_args!("{path}: {file} is {found}; {takes}"))),
    }
}

/// No guest mounts one of these as its root: two files went to each other's place.
fn ramdisk(subject: &Subject<'_>, module: &Module) -> Option<Finding> {
    let (path, file) = (&module.path, module.file_name());
    let is_other = |kind: &Kind| matches!(kind, Kind::Arm64Image | Kind::DeviceTree | Kind::ZImage);
    if is_other(&module.contents) {
        return Some(Finding::error(format_args!(
            "{path}: {file} is {}; a ramdisk is expected",
            module.contents
        )));
    }
    // How a guest takes packed data that are damaged is its own affair: it may know other ways to pack than this.
    let inner = (module.contents == Kind::Gzip).then(|| inside(subject, module).ok())?;
    inner.filter(is_other).map(|inner| {
        Finding::error(format_args!(
            "{path}: {file} is gzip data, and {inner} when unpacked; a ramdisk is expected"
        ))
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::super::super::Severity::Error;
    use super::super::super::testing::{cpio, kernel, load, xen};
    use super::super::tests::{found, virt};
    use crate::image::gzip::tests::gzip;

    /// domU1's kernel and both domains' ramdisk, as found.
    fn errors(image: &[u8], ramdisk: &[u8]) -> Vec<String> {
        let mut memory = virt(|_| {});
        load(&mut memory, 0x4200_0000, "Image-1", image);
        load(&mut memory, 0x4300_0000, "initrd", ramdisk);
        found(&memory, Error)
    }

    #[test]
    fn packed_files_are_looked_into() {
        assert_eq!(errors(&gzip(&kernel(5001)), &gzip(&cpio(3003))), [""; 0]);
        let swapped = errors(&gzip(&cpio(3003)), &gzip(&kernel(5001)));
        assert_eq!(
            swapped[0],
            "/chosen/domU1/module@42000000: Image-1 is gzip data, and a cpio archive when unpacked; Xen starts an arm64 Image, plain, \
             gzip'd or in a uImage, and a 32-bit zImage"
        );
        assert_eq!(
            swapped[1],
            "/chosen/domU1/module@43000000: initrd is gzip data, and an arm64 Image when unpacked; a ramdisk is expected"
        );
    }

    #[test]
    fn a_damaged_kernel_is_no_kernel_and_a_damaged_ramdisk_is_the_guests_affair() {
        let mut damaged = gzip(&kernel(5001));
        damaged[2] = 7;
        assert_eq!(
            errors(&damaged, &damaged),
            [
                "/chosen/domU1/module@42000000: Image-1 cannot be unpacked: the gzip header names method 7, only 8 (deflate) is defined"
            ]
        );
        assert!(errors(&gzip(&gzip(&kernel(5001))), &cpio(64))[0].contains("and gzip data when unpacked"));
    }

    #[test]
    fn xen_is_no_kernel() {
        assert_eq!(
            errors(&xen(), &cpio(64)),
            ["/chosen/domU1/module@42000000: Image-1 is Xen itself, which no domain can run; a kernel is expected"]
        );
    }
}
