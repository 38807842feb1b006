//! Arm PrimeCell UART, PL011 (Arm DDI 0183), over Arm's `arm-pl011-uart`.

use alloc::rc::Rc;
use core::time::Duration;

use arm_pl011_uart::{DataBits, Interrupts, LineConfig, Parity, StopBits, Uart};
use hal::{Clock, Console};

use crate::wait::wait_until;

pub use arm_pl011_uart::{PL011Registers, UniqueMmioPointer};

/// What a PL011 is called in device trees.
pub const COMPATIBLE: &[&str] = &["arm,pl011"];

/// Offset and length of a register that can be read at any time.
pub const QUIET: (u64, u64) = (0x18, 4); // UARTFR

const BAUD: u32 = 115_200;
const LINE: LineConfig = LineConfig {
    data_bits: DataBits::Bits8,
    parity: Parity::None,
    stop_bits: StopBits::One,
};

/// How long a byte waits for the transmitter: the whole FIFO of 32 characters takes 2.8 ms at 115200 baud, 33 ms at
/// 9600.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(50);

/// A console on a PL011.
pub struct Pl011<'a> {
    uart: Uart<'a>,
    clock: Rc<dyn Clock>,
    /// The transmitter let a wait run out: do not wait for it again until it moves, or a dead line would stop the
    /// loader for hours.
    stuck: bool,
}

impl<'a> Pl011<'a> {
    /// The UART with `registers`, which runs on a clock of `clock_hz` if that is known.
    ///
    /// With a clock it is set to 115200 8N1 with FIFOs. Without one, or with one that 115200 baud cannot be made of, it
    /// stays as whoever ran before has set it up. Interrupts are masked.
    #[must_use]
    pub fn new(registers: UniqueMmioPointer<'a, PL011Registers>, clock_hz: Option<u32>, clock: Rc<dyn Clock>) -> Self {
        let mut console = Self {
            uart: Uart::new(registers),
            clock,
            stuck: false,
        };
        // What the firmware before us printed must leave before the line changes (DDI 0183, 3.3.8).
        console.flush();
        console.uart.set_interrupt_masks(Interrupts::empty());
        if let Some(hertz) = clock_hz {
            // An impossible divisor is refused before anything is written, and the line stays as it was.
            let _ = console.uart.enable(LINE, BAUD, hertz);
        }
        console
    }

    fn wait(&mut self, done: impl Fn(&Uart<'a>) -> bool) -> bool {
        let uart = &self.uart;
        let arrived = done(uart) || !self.stuck && wait_until(self.clock.as_ref(), TRANSMIT_LIMIT, || done(uart));
        self.stuck = !arrived;
        arrived
    }
}

impl Console for Pl011<'_> {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !self.wait(|uart| !uart.is_tx_fifo_full()) {
                return;
            }
            self.uart.write_word(*byte);
        }
    }

    fn read(&mut self) -> Option<u8> {
        // A character that arrived damaged is taken out of the FIFO and lost. The FIFO holds 32: more damaged ones in a
        // row than that are a line that floats, and are left for the next call.
        for _ in 0..32 {
            if let Ok(byte) = self.uart.read_word() {
                return byte;
            }
        }
        None
    }

    fn flush(&mut self) {
        self.wait(|uart| !uart.is_busy());
    }
}

#[cfg(test)]
mod tests {
    use alloc::rc::Rc;
    use core::cell::RefCell;

    use hal::Console;
    use hal::fakes::ManualClock;

    use super::{PL011Registers, Pl011, UniqueMmioPointer};

    const DR: usize = 0x00;
    const FR: usize = 0x18;
    const IBRD: usize = 0x24;
    const FBRD: usize = 0x28;
    const LCR_H: usize = 0x2c;
    const CR: usize = 0x30;
    const IMSC: usize = 0x38;
    const TX_FULL: u32 = 1 << 5;
    const RX_EMPTY: u32 = 1 << 4;
    const BUSY: u32 = 1 << 3;

    /// Plain memory in the place of the registers: what was written last can be read, and flags are set beforehand.
    struct Fake(RefCell<[u32; 1024]>);

    impl Fake {
        fn with_flags(flags: u32) -> Self {
            let fake = Self(RefCell::new([0; 1024]));
            fake.0.borrow_mut()[FR / 4] = flags;
            fake
        }

        fn run<T>(&self, clock_hz: Option<u32>, clock: &Rc<ManualClock>, test: impl FnOnce(&mut Pl011<'_>) -> T) -> T {
            let mut memory = self.0.borrow_mut();
            let registers: &mut PL011Registers = zerocopy::transmute_mut!(&mut *memory);
            test(&mut Pl011::new(
                UniqueMmioPointer::from(registers),
                clock_hz,
                Rc::clone(clock) as Rc<_>,
            ))
        }

        fn register(&self, offset: usize) -> u32 {
            self.0.borrow()[offset / 4]
        }
    }

    fn clock() -> Rc<ManualClock> {
        Rc::new(ManualClock::with_step(1000))
    }

    /// Divisors as in DDI 0183, 3.3.6: UARTCLK / (16 * baud); for 24 MHz and 115200 baud that is 13.0208, so 13 and
    /// 0.0208 * 64 + 0.5.
    #[test]
    fn a_known_clock_sets_115200_8n1_with_fifos() {
        let fake = Fake::with_flags(RX_EMPTY);
        fake.run(Some(24_000_000), &clock(), |_| ());
        assert_eq!((fake.register(IBRD), fake.register(FBRD)), (13, 1));
        assert_eq!(
            fake.register(LCR_H),
            0b0111_0000,
            "8 bits, no parity, 1 stop bit, FIFOs"
        );
        assert_eq!(fake.register(CR), 0x301, "UART, transmitter and receiver on");
        assert_eq!(fake.register(IMSC), 0);
    }

    #[test]
    fn an_unknown_or_impossible_clock_leaves_the_line_alone() {
        for hertz in [None, Some(0), Some(100_000)] {
            let fake = Fake::with_flags(RX_EMPTY);
            fake.0.borrow_mut()[IBRD / 4] = 39;
            fake.0.borrow_mut()[CR / 4] = 0xb01;
            fake.run(hertz, &clock(), |_| ());
            assert_eq!((fake.register(IBRD), fake.register(CR)), (39, 0xb01), "clock {hertz:?}");
        }
    }

    #[test]
    fn writes_and_reads_bytes() {
        let fake = Fake::with_flags(0);
        fake.run(None, &clock(), |console| console.write(b"ab"));
        assert_eq!(fake.register(DR), u32::from(b'b'));
        assert_eq!(fake.run(None, &clock(), |console| console.read()), Some(b'b'));
        let empty = Fake::with_flags(RX_EMPTY);
        assert_eq!(empty.run(None, &clock(), |console| console.read()), None);
    }

    /// Bit 9 of the data register is a parity error (DDI 0183, table 3-2).
    #[test]
    fn a_damaged_character_is_not_a_byte() {
        let fake = Fake::with_flags(0);
        fake.0.borrow_mut()[DR / 4] = 1 << 9 | u32::from(b'x');
        assert_eq!(fake.run(None, &clock(), |console| console.read()), None);
    }

    #[test]
    fn a_dead_line_costs_one_wait() {
        let fake = Fake::with_flags(TX_FULL);
        let clock = clock();
        fake.run(None, &clock, |console| {
            console.write(b"lost");
            let after_one = hal::Clock::now(clock.as_ref());
            console.write(&[b'x'; 10_000]);
            let waited = hal::Clock::now(clock.as_ref()).since(after_one);
            assert!(waited.as_millis() < 5, "waited {waited:?} again");
        });
        assert_eq!(fake.register(DR), 0, "nothing may be written to a full FIFO");
    }

    #[test]
    fn a_transmitter_that_never_idles_does_not_stop_the_start() {
        let fake = Fake::with_flags(BUSY | RX_EMPTY);
        fake.run(Some(24_000_000), &clock(), |_| ());
        assert_eq!(fake.register(CR), 0x301);
    }
}
