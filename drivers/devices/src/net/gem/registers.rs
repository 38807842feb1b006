//! Registers and bits (AMD UG585, appendix B.18; UG1087, module GEM).

/// Bytes of registers that the driver uses at most: those of the last priority queue's interrupts end below.
pub(super) const LEN: u64 = 0x700;

pub(super) const CONTROL: usize = 0x000; // network_control
pub(super) const CONFIG: usize = 0x004; // network_config
pub(super) const STATUS: usize = 0x008; // network_status
pub(super) const DMA_CONFIG: usize = 0x010;
pub(super) const TRANSMIT_STATUS: usize = 0x014; // write 1 to clear
pub(super) const RECEIVE_QUEUE: usize = 0x018;
pub(super) const TRANSMIT_QUEUE: usize = 0x01c;
pub(super) const RECEIVE_STATUS: usize = 0x020; // write 1 to clear
pub(super) const INTERRUPT_STATUS: usize = 0x024;
pub(super) const INTERRUPT_DISABLE: usize = 0x02c;
pub(super) const PHY_MAINTENANCE: usize = 0x034;
pub(super) const HASH_LOW: usize = 0x080;
pub(super) const HASH_HIGH: usize = 0x084;
/// Specific addresses 1 to 4: bottom and top. The bottom switches an address off, the top on.
pub(super) const ADDRESS_BOTTOM: usize = 0x088;
pub(super) const ADDRESS_TOP: usize = 0x08c;
pub(super) const ADDRESSES: usize = 4;
pub(super) const MODULE_ID: usize = 0x0fc;
pub(super) const DESIGN_1: usize = 0x280;
pub(super) const DESIGN_6: usize = 0x294;
pub(super) const TRANSMIT_QUEUE_HIGH: usize = 0x4c8;
pub(super) const RECEIVE_QUEUE_HIGH: usize = 0x4d4;
/// Of priority queue 1, one word per queue.
pub(super) const INTERRUPT_STATUS_1: usize = 0x400;
pub(super) const TRANSMIT_QUEUE_1: usize = 0x440;
pub(super) const RECEIVE_QUEUE_1: usize = 0x480;
pub(super) const INTERRUPT_DISABLE_1: usize = 0x620;

/// Bits of network_control.
pub(super) mod control {
    pub(crate) const RECEIVE: u32 = 1 << 2;
    pub(crate) const TRANSMIT: u32 = 1 << 3;
    /// The management port drives MDC and MDIO.
    pub(crate) const MANAGEMENT: u32 = 1 << 4;
    pub(crate) const CLEAR_STATISTICS: u32 = 1 << 5;
    pub(crate) const START_TRANSMIT: u32 = 1 << 9;
    /// All that runs.
    pub(crate) const RUN: u32 = RECEIVE | TRANSMIT | MANAGEMENT;
}

/// Bits of network_config.
pub(super) mod config {
    pub(crate) const SPEED_100: u32 = 1 << 0;
    pub(crate) const FULL_DUPLEX: u32 = 1 << 1;
    pub(crate) const MULTICAST_HASH: u32 = 1 << 6;
    /// Frames of up to 1536 bytes: with a VLAN tag.
    pub(crate) const LONG_FRAMES: u32 = 1 << 8;
    pub(crate) const GIGABIT: u32 = 1 << 10;
    pub(crate) const STRIP_FCS: u32 = 1 << 17;
    /// MDC is the bus clock divided by 224: at most 2.5 MHz (IEEE 802.3, 22.2.2.13) for any bus clock up to 560 MHz.
    pub(crate) const CLOCK_224: u32 = 7 << 18;
    /// The width of the data bus as the chip has it, and what says by which pins the PHY is reached: PCS, SGMII.
    pub(crate) const WIRING: u32 = 1 << 11 | 1 << 27;
    pub(crate) const BUS_WIDTH_SHIFT: u32 = 21;
    /// What the speed and the duplex mode are in.
    pub(crate) const LINK: u32 = SPEED_100 | FULL_DUPLEX | GIGABIT;
}

/// Bits of network_status.
pub(super) mod status {
    pub(crate) const MANAGEMENT_IDLE: u32 = 1 << 2;
}

/// Bits of dma_config.
pub(super) mod dma {
    /// Bursts of up to 16.
    pub(crate) const BURST_16: u32 = 0x10;
    /// All of the packet buffer, for both directions.
    pub(crate) const WHOLE_BUFFER: u32 = 3 << 8 | 1 << 10;
    /// The length of a receive buffer, in units of 64 bytes.
    pub(crate) const BUFFER_SHIFT: u32 = 16;
    pub(crate) const WIDE: u32 = 1 << 30;
}

/// Bits of transmit_status.
pub(super) mod transmit_status {
    pub(crate) const ACTIVE: u32 = 1 << 3;
    pub(crate) const ALL: u32 = 0x1f7;
}

/// Bits of receive_status.
pub(super) mod receive_status {
    pub(crate) const NO_BUFFER: u32 = 1 << 0;
    pub(crate) const OVERRUN: u32 = 1 << 2;
    /// The bus answered a descriptor's or a buffer's access with an error.
    pub(crate) const BUS_ERROR: u32 = 1 << 3;
    pub(crate) const ALL: u32 = 0xf;
}

/// Fields of phy_maintenance, clause 22 (IEEE 802.3, 22.2.4.5).
pub(super) mod maintenance {
    pub(crate) const FRAME: u32 = 1 << 30 | 2 << 16;
    pub(crate) const READ: u32 = 2 << 28;
    pub(crate) const WRITE: u32 = 1 << 28;
    pub(crate) const PHY_SHIFT: u32 = 23;
    pub(crate) const REGISTER_SHIFT: u32 = 18;
}

/// Bits of design_cfg_6.
pub(super) mod design {
    /// The DMA knows descriptors with 64-bit addresses.
    pub(crate) const WIDE: u32 = 1 << 23;
    /// Priority queues 1 to 7.
    pub(crate) const QUEUES: u32 = 0xfe;
}
