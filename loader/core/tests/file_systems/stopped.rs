//! Ctrl-C while FAT is written: all is as it was before, or all is new. There is nothing in between, not even for `fsck.fat`.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use hal::fakes::{DiskAccess, FakeDisk};
use loader_core::fs::{FsError, VolumeError, Watch};

use crate::images::{fsck_fat, noise, watched, with};
use crate::save::{CHANGES, Change, KINDS, exists, is, prepared};

/// How many short requests go by between two looks at the console.
const PHASES: usize = 16;

/// How many pieces [`FRAGMENTED`] has: more blocks of both tables than there are requests between two looks.
const PIECES: usize = 9;

/// Clusters of a piece.
const PIECE: usize = 2;

/// Somebody who types Ctrl-C before the look with this number; `None` while nobody does.
#[derive(Clone, Default)]
struct Typist(Rc<Cell<Option<u32>>>);

impl Watch for Typist {
    fn meanwhile(&mut self) {}

    fn stop(&mut self) -> bool {
        let left = self.0.get();
        self.0.set(left.map(|left| left.saturating_sub(1)));
        left == Some(0)
    }
}

/// Entries of a block of the table of a FAT16.
const ENTRIES: usize = 256;

const FRAGMENTED: Change = Change {
    name: "a file in many pieces removed",
    work: |fs| fs.remove("pieces"),
    old: |disk| is(disk, "pieces", 53, PIECES * PIECE * 512),
    new: |disk| !exists(disk, "pieces"),
};

/// A FAT16 with a file that has clusters in every second block of the table, so that each copy of each block is a request of its own.
fn fragmented() -> Vec<u8> {
    let (kib, options) = KINDS[0];
    let mut disk = prepared(kib, options);
    with(&mut disk, |fs| {
        // What is free between other files; then clusters are taken in their order.
        fs.write("plug", None, &[0; 3000]).unwrap();
        for number in 0..PIECES {
            fs.write(&format!("gap{number}"), None, &vec![0; PIECE * 512]).unwrap();
            let between = vec![0; (2 * ENTRIES - PIECE) * 512];
            fs.write(&format!("between{number}"), None, &between).unwrap();
        }
        for number in 0..PIECES {
            fs.remove(&format!("gap{number}")).unwrap();
        }
        fs.write("pieces", None, &noise(53, PIECES * PIECE * 512)).unwrap();
    });
    let before = disk.bytes();
    let _ = disk.take_accesses();
    with(&mut disk, FRAGMENTED.work).unwrap();
    let is_write = |access: &DiskAccess| matches!(access, DiskAccess::Write(..));
    let writes = disk.take_accesses().iter().filter(|access| is_write(access)).count();
    assert!(writes > PHASES, "{writes} writes: no look falls among them");
    before
}

/// Does a change with so many short requests since the last look, and Ctrl-C before one of those that follow.
fn stopped(disk: &mut FakeDisk, change: &Change, (phase, look): (usize, u32)) -> Result<(), FsError> {
    let typist = Typist::default();
    watched(disk, &mut typist.clone(), |fs| {
        let file = fs.open("behind").unwrap();
        for _ in 0..phase {
            fs.read(&file, 0, &mut [0]).unwrap();
        }
        typist.0.set(Some(look));
        (change.work)(fs)
    })
}

/// Every sixteenth short request has a look before it, so that which of a change's requests have one depends on those before it.
#[test]
fn ctrl_c_leaves_the_old_or_the_new() {
    let mut cases = vec![(fragmented(), &FRAGMENTED)];
    for (kib, options) in [KINDS[0], KINDS[2]] {
        let before = prepared(kib, options).bytes();
        cases.extend(CHANGES.iter().map(|change| (before.clone(), change)));
    }
    let (mut sound, mut stops) = (HashSet::new(), 0);
    for (before, change) in &cases {
        for phase in 0..PHASES {
            for look in 0.. {
                let mut disk = FakeDisk::new(before.clone());
                let result = stopped(&mut disk, change, (phase, look));
                let name = format!("{}, {phase} requests, look {look}: {result:?}", change.name);
                let left = disk.bytes();
                match &result {
                    Ok(()) => assert!((change.new)(&mut disk), "{name}"),
                    Err(error) => {
                        assert_eq!(error.volume(), Some(&VolumeError::Aborted), "{name}");
                        assert!((change.old)(&mut disk), "{name}");
                        stops += 1;
                    }
                }
                if !sound.contains(&left) {
                    assert_eq!(fsck_fat(&left), [""; 0], "{name}");
                    sound.insert(left);
                }
                if result.is_ok() {
                    break;
                }
                assert!(look < 100, "{name}");
            }
        }
    }
    assert!(stops > cases.len(), "{stops} times only was a change stopped");
}
