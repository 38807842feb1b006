//! A PHY for tests of controllers.

/// The registers of the PHY of QEMU's boards, an 88E1111: link up at 1000 Mbit/s.
pub(in crate::net) fn phy() -> [u16; 32] {
    let mut words = [0; 32];
    words[0] = 0x1140;
    words[1] = 0x796d;
    words[2] = 0x0141;
    words[3] = 0x0cc2;
    words[4] = 0x01e1;
    words[5] = 0xcde1;
    words[9] = 0x0300;
    words[10] = 0x7c00;
    words
}
