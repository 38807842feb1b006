//! Registers and bits (NXP i.MX 8M Plus Reference Manual, chapter ENET; the i.MX 6SoloX's has the same), by the manual's names in the comments.

/// Bytes of registers that the driver uses.
pub(super) const LEN: u64 = 0x200;

pub(super) const EVENTS: usize = 0x004; // EIR: write 1 to clear
pub(super) const EVENT_MASK: usize = 0x008; // EIMR
pub(super) const RECEIVE_ACTIVE: usize = 0x010; // RDAR: any value says that there are empty buffers
pub(super) const TRANSMIT_ACTIVE: usize = 0x014; // TDAR: any value says that there are frames to send
pub(super) const CONTROL: usize = 0x024; // ECR
pub(super) const MANAGEMENT: usize = 0x040; // MMFR
pub(super) const MANAGEMENT_SPEED: usize = 0x044; // MSCR
pub(super) const RECEIVE_CONTROL: usize = 0x084; // RCR
pub(super) const TRANSMIT_CONTROL: usize = 0x0c4; // TCR
pub(super) const ADDRESS_LOW: usize = 0x0e4; // PALR: the first four bytes, the first on top
pub(super) const ADDRESS_HIGH: usize = 0x0e8; // PAUR: the last two on top
/// IAUR, IALR, GAUR, GALR: whom else frames may be for, by a hash of the address: one station, and groups.
pub(super) const STATION_HASH: [usize; 2] = [0x118, 0x11c];
pub(super) const GROUP_HASH: [usize; 2] = [0x120, 0x124];
pub(super) const TRANSMIT_WATERMARK: usize = 0x144; // TFWR
pub(super) const RECEIVE_RING: usize = 0x180; // RDSR
pub(super) const TRANSMIT_RING: usize = 0x184; // TDSR
pub(super) const RECEIVE_BUFFER: usize = 0x188; // MRBR: bytes of a buffer
pub(super) const TRUNCATION: usize = 0x1b0; // FTRL: bytes of a frame that come to memory at most

/// Bits of EIR.
pub(super) mod events {
    pub(crate) const ALL: u32 = u32::MAX;
    /// GRA: the transmitter stands.
    pub(crate) const STOPPED: u32 = 1 << 28;
    /// MII: a frame on the management bus is over.
    pub(crate) const MANAGEMENT: u32 = 1 << 23;
}

/// Bits of ECR.
pub(super) mod control {
    pub(crate) const RESET: u32 = 1 << 0;
    /// ETHEREN: off, the DMA begins anew at the start of the rings. A bus error clears it.
    pub(crate) const ENABLE: u32 = 1 << 1;
    /// SPEED: 1000 Mbit/s.
    pub(crate) const GIGABIT: u32 = 1 << 5;
    /// DBSWP: descriptors are little-endian. Without EN1588 they have 8 bytes.
    pub(crate) const LITTLE_ENDIAN: u32 = 1 << 8;
    /// "Must be set to" what they are after a reset.
    pub(crate) const RESERVED: u32 = 0xffff_f000;
}

/// Bits of RCR.
pub(super) mod receive {
    /// LOOP: nothing goes over the pins. It is set after a reset.
    pub(crate) const LOOP: u32 = 1 << 0;
    /// DRT: nothing is received while something is sent, as half duplex wants it.
    pub(crate) const DEAF_WHILE_SENDING: u32 = 1 << 1;
    /// MII_MODE: "must be set".
    pub(crate) const MII_MODE: u32 = 1 << 2;
    pub(crate) const RGMII: u32 = 1 << 6;
    pub(crate) const RMII: u32 = 1 << 8;
    /// RMII_10T: 10 Mbit/s on RMII and RGMII.
    pub(crate) const SPEED_10: u32 = 1 << 9;
    /// MAX_FL: the longest frame that is no error.
    pub(crate) const LONGEST_SHIFT: u32 = 16;
    /// What says by which pins the PHY is reached.
    pub(crate) const PINS: u32 = RGMII | RMII;
}

/// Bits of TCR.
pub(super) mod transmit {
    /// GTS: stop after the frame that is being sent.
    pub(crate) const STOP: u32 = 1 << 0;
    pub(crate) const FULL_DUPLEX: u32 = 1 << 2;
}

/// Bits of TFWR.
pub(super) mod watermark {
    /// STRFWD: a frame is sent when all of it was fetched.
    pub(crate) const WHOLE_FRAMES: u32 = 1 << 8;
}

/// Fields of MSCR.
pub(super) mod speed {
    /// MII_SPEED, 63: MDC is the bus clock divided by 128, at most 2.5 MHz (IEEE 802.3, 22.2.2.13) for any bus clock up to 320 MHz; the
    /// i.MX 8M's has 266.
    pub(crate) const SLOWEST: u32 = 63 << 1;
    /// HOLDTIME: MDIO is held for 8 cycles of the bus clock: 10 ns (IEEE 802.3, 22.3.4) with any up to 800 MHz.
    pub(crate) const HOLD: u32 = 7 << 8;
}

/// Fields of MMFR, clause 22 (IEEE 802.3, 22.2.4.5).
pub(super) mod management {
    pub(crate) const FRAME: u32 = 1 << 30 | 2 << 16;
    pub(crate) const READ: u32 = 2 << 28;
    pub(crate) const WRITE: u32 = 1 << 28;
    pub(crate) const PHY_SHIFT: u32 = 23;
    pub(crate) const REGISTER_SHIFT: u32 = 18;
}
