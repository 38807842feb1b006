//! Registers and bits, after those that have published them: the FreeBSD and NetBSD drivers (`if_genetreg.h`, `bcmgenetreg.h`).

/// Bytes of registers that the driver uses: those of the transmit DMA end below.
pub(super) const LEN: u64 = 0x5100;

pub(super) const REVISION: usize = 0x000; // SYS_REV_CTRL
pub(super) const PORT: usize = 0x004; // SYS_PORT_CTRL
pub(super) const RECEIVE_FLUSH: usize = 0x008; // SYS_RBUF_FLUSH_CTRL
pub(super) const RGMII: usize = 0x08c; // EXT_RGMII_OOB_CTRL
/// Of both interrupt controllers (INTRL2): write 1 to clear, write 1 to mask.
pub(super) const INTERRUPT_CLEAR: [usize; 2] = [0x208, 0x248];
pub(super) const INTERRUPT_MASK: [usize; 2] = [0x210, 0x250];
pub(super) const RECEIVE_BUFFER: usize = 0x300; // RBUF_CTRL
pub(super) const TRANSMIT_BUFFER_SIZE: usize = 0x3b4; // RBUF_TBUF_SIZE_CTRL
pub(super) const TRANSMIT_BUFFER: usize = 0x600; // TBUF_CTRL
pub(super) const COMMAND: usize = 0x808; // UMAC_CMD
pub(super) const ADDRESS_0: usize = 0x80c; // UMAC_MAC0: the first four bytes, the first on top
pub(super) const ADDRESS_1: usize = 0x810; // UMAC_MAC1: the last two
pub(super) const FRAME_LIMIT: usize = 0x814; // UMAC_MAX_FRAME_LEN
pub(super) const TRANSMIT_FLUSH: usize = 0xb34; // UMAC_TX_FLUSH
pub(super) const COUNTERS: usize = 0xd80; // UMAC_MIB_CTRL
pub(super) const MANAGEMENT: usize = 0xe14; // UMAC_MDIO_CMD
pub(super) const FILTERS: usize = 0xe50; // UMAC_MDF_CTRL: filter 0 has the highest bit
/// UMAC_MDF_ADDR of filter 0: the first two bytes of the address, then a word with the others.
pub(super) const FILTER: usize = 0xe54;
pub(super) const FILTER_COUNT: usize = 17;

/// Both DMAs: the descriptors come first, ring 16 (the one that is used if nobody sorts frames) and the common registers after them.
pub(super) const RECEIVE_DMA: usize = 0x2000;
pub(super) const TRANSMIT_DMA: usize = 0x4000;

/// Bits of SYS_PORT_CTRL.
pub(super) mod port {
    /// A gigabit PHY on the pins.
    pub(crate) const EXTERNAL_GIGABIT: u32 = 3;
}

/// Bits of SYS_RBUF_FLUSH_CTRL.
pub(super) mod receive_flush {
    pub(crate) const RESET: u32 = 1 << 1;
}

/// Bits of EXT_RGMII_OOB_CTRL.
pub(super) mod rgmii {
    pub(crate) const LINK: u32 = 1 << 4;
    /// The state of the link does not come by the pins (out-of-band signalling).
    pub(crate) const NO_OOB: u32 = 1 << 5;
    pub(crate) const ENABLE: u32 = 1 << 6;
    /// The controller does not delay the transmit clock.
    pub(crate) const NO_DELAY: u32 = 1 << 16;
}

/// Bits of RBUF_CTRL and TBUF_CTRL.
pub(super) mod buffer {
    /// A block of 64 bytes with the status lies before each frame.
    pub(crate) const STATUS_BLOCK: u32 = 1 << 0;
    /// Two bytes lie before each frame that came, so that its IP header is aligned.
    pub(crate) const ALIGN: u32 = 1 << 1;
}

/// Bits of UMAC_CMD.
pub(super) mod command {
    pub(crate) const TRANSMIT: u32 = 1 << 0;
    pub(crate) const RECEIVE: u32 = 1 << 1;
    pub(crate) const SPEED_100: u32 = 1 << 2;
    pub(crate) const SPEED_1000: u32 = 2 << 2;
    pub(crate) const IGNORE_PAUSE: u32 = 1 << 8;
    pub(crate) const HALF_DUPLEX: u32 = 1 << 10;
    pub(crate) const RESET: u32 = 1 << 13;
    /// With a reset: the MAC runs on its own clock, as a PHY without a link may give none.
    pub(crate) const LOOP: u32 = 1 << 15;
    pub(crate) const SEND_NO_PAUSE: u32 = 1 << 28;
    /// All that runs, whatever the link. Nobody has told the other side that pauses are understood here.
    pub(crate) const RUN: u32 = TRANSMIT | RECEIVE | IGNORE_PAUSE | SEND_NO_PAUSE;
    /// What speed and duplex mode are in.
    pub(crate) const LINK: u32 = 3 << 2 | HALF_DUPLEX;
}

/// Bits of UMAC_MIB_CTRL.
pub(super) mod counters {
    pub(crate) const RESET: u32 = 7;
}

/// Fields of UMAC_MDIO_CMD.
pub(super) mod management {
    pub(crate) const BUSY: u32 = 1 << 29;
    pub(crate) const FAILED: u32 = 1 << 28;
    pub(crate) const READ: u32 = 2 << 26;
    pub(crate) const WRITE: u32 = 1 << 26;
    pub(crate) const PHY_SHIFT: u32 = 21;
    pub(crate) const REGISTER_SHIFT: u32 = 16;
}

/// A DMA, relative to where it begins.
pub(super) mod dma {
    /// Descriptors, all of them in ring 16.
    pub(crate) const COUNT: u16 = 256;
    /// Bytes of a descriptor: length and status, then the lower and the upper half of the address.
    pub(crate) const DESCRIPTOR: usize = 12;
    pub(crate) const ADDRESS_LOW: usize = 4;
    pub(crate) const ADDRESS_HIGH: usize = 8;

    const RING: usize = 0xc00 + 16 * 0x40;
    /// Where the device is, in words of descriptors: a receiver writes, a transmitter reads.
    pub(crate) const DEVICE_POINTER: usize = RING;
    /// What the device counts: frames that came, or that were sent. The driver cannot set it (U-Boot, `bcmgenet.c`).
    pub(crate) const DEVICE_INDEX: usize = RING + 0x08;
    /// What the driver counts: frames that it took, or that it gave.
    pub(crate) const DRIVER_INDEX: usize = RING + 0x0c;
    pub(crate) const SIZE: usize = RING + 0x10;
    pub(crate) const START: usize = RING + 0x14;
    pub(crate) const END: usize = RING + 0x1c;
    /// Of the transmitter: frames until it tells of them.
    pub(crate) const DONE_THRESHOLD: usize = RING + 0x24;
    /// Of the receiver: when to ask the other side for a pause. Of the transmitter: the time between two frames.
    pub(crate) const FLOW: usize = RING + 0x28;
    pub(crate) const DRIVER_POINTER: usize = RING + 0x2c;
    /// Upper halves of START, END and the pointers.
    pub(crate) const HIGH: [usize; 4] = [RING + 0x04, RING + 0x18, RING + 0x20, RING + 0x30];

    const COMMON: usize = 0x1040;
    pub(crate) const RINGS: usize = COMMON;
    pub(crate) const CONTROL: usize = COMMON + 0x04;
    pub(crate) const STATUS: usize = COMMON + 0x08;
    pub(crate) const BURST: usize = COMMON + 0x0c;

    /// Bits of CONTROL.
    pub(crate) const ENABLE: u32 = 1 << 0;
    pub(crate) const ENABLE_RING: u32 = 1 << 17;
    /// Bit of RINGS.
    pub(crate) const RING_16: u32 = 1 << 16;
    /// Bit of STATUS.
    pub(crate) const STOPPED: u32 = 1 << 0;

    /// SIZE: descriptors and bytes of a buffer.
    pub(crate) const SIZE_SHIFT: u32 = 16;
    /// FLOW of the receiver: pauses end with 5 free buffers and begin with 16, as all drivers have it.
    pub(crate) const PAUSES: u32 = 5 << 16 | 16;
    pub(crate) const BURST_8: u32 = 8;
}

/// The first word of a descriptor.
pub(super) mod status {
    pub(crate) const LENGTH_SHIFT: u32 = 16;
    pub(crate) const LENGTH: u32 = 0xfff;
    pub(crate) const FIRST: u32 = 1 << 13;
    pub(crate) const LAST: u32 = 1 << 14;
    /// Of a frame that came: overrun, check sequence, symbol, alignment, too long.
    pub(crate) const ERRORS: u32 = 0x1f;
    /// Of a frame to send: the controller appends the check sequence; the queue tag that stands for none.
    pub(crate) const APPEND_FCS: u32 = 1 << 6;
    pub(crate) const NO_TAG: u32 = 0x3f << 7;
}
