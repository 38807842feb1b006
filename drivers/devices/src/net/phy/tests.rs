use super::{Link, forced, negotiated};

#[test]
fn the_best_that_both_sides_can() {
    // What QEMU's 88E1111 says, and others by the tables of clauses 28 and 40.
    for (gigabit, base, expected) in [
        ((0x0300, 0x7c00), (0x01e1, 0xcde1), Link::new(1000, true)),
        ((0x0100, 0x0400), (0x01e1, 0xcde1), Link::new(1000, false)),
        ((0x0300, 0), (0x01e1, 0x41e1), Link::new(100, true)),
        ((0, 0x7c00), (0x01e1, 0x40a1), Link::new(100, false)),
        ((0, 0), (0x0061, 0x01e1), Link::new(10, true)),
        ((0, 0), (0x01e1, 0x0021), Link::new(10, false)),
        ((0, 0), (0, 0), Link::new(10, false)),
    ] {
        assert_eq!(negotiated(gigabit, base), expected, "{gigabit:x?} {base:x?}");
    }
}

#[test]
fn a_speed_that_was_set() {
    assert_eq!(forced(0x0140), Link::new(1000, true));
    assert_eq!(forced(0x2000), Link::new(100, false));
    assert_eq!(forced(0x0100), Link::new(10, true));
}
