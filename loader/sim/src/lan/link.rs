//! A wire that loses, copies, reorders, delays and corrupts what it carries: by chance, but the same for the same seed.

use std::collections::BTreeMap;
use std::time::Duration;

use hal::Instant;

/// How bad a wire is. Chances are in percent of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Packets that vanish.
    pub loss: u8,
    /// Packets that come twice.
    pub duplicate: u8,
    /// Packets that are held back behind up to 64 later ones.
    pub reorder: u8,
    /// Packets with one bit flipped.
    pub corrupt: u8,
    /// The time that each packet takes, on top of the [`Link::LATENCY`].
    pub delay: Duration,
}

/// A small generator of pseudo-random numbers (splitmix64): the tests need repeatable chance, not secrets.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A generator that gives the same numbers for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }

    /// True in `percent` of the calls.
    pub fn hits(&mut self, percent: u8) -> bool {
        percent > 0 && self.below(100) < u64::from(percent)
    }
}

/// One direction of a wire.
#[derive(Debug)]
pub struct Link {
    faults: Faults,
    chance: Chance,
    flying: BTreeMap<(Instant, u64), Vec<u8>>,
    carried: u64,
    /// No packet arrives before this: one wire does not overtake itself.
    busy_until: Instant,
}

impl Link {
    /// How long a packet takes at least.
    pub const LATENCY: Duration = Duration::from_micros(40);

    /// The time between two packets sent at once: 1500 bytes at 1 Gbit/s.
    const SPACING: Duration = Duration::from_micros(12);

    /// A wire with the given faults.
    #[must_use]
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self {
            faults,
            chance: Chance::new(seed),
            flying: BTreeMap::new(),
            carried: 0,
            busy_until: Instant::default(),
        }
    }

    /// Puts a packet on the wire.
    pub fn send(&mut self, now: Instant, packet: Vec<u8>) {
        if self.chance.hits(self.faults.loss) {
            return;
        }
        if self.chance.hits(self.faults.duplicate) {
            self.fly(now, packet.clone());
        }
        self.fly(now, packet);
    }

    /// The next packet that has arrived at `now`.
    pub fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next().filter(|due| *due <= now)?;
        self.flying.pop_first().map(|(_, packet)| packet)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.flying.keys().next().map(|(due, _)| *due)
    }

    /// How many packets it has carried.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.carried
    }

    fn fly(&mut self, now: Instant, mut packet: Vec<u8>) {
        if self.chance.hits(self.faults.corrupt) && !packet.is_empty() {
            let bit = self.chance.below(packet.len() as u64 * 8) as usize;
            packet[bit / 8] ^= 1 << (bit % 8);
        }
        self.busy_until = (now + Self::LATENCY + self.faults.delay).max(self.busy_until + Self::SPACING);
        let late = if self.chance.hits(self.faults.reorder) {
            self.chance.below(64) + 1
        } else {
            0
        };
        let due = self.busy_until + Self::SPACING * u32::try_from(late).unwrap_or(0);
        self.carried += 1;
        self.flying.insert((due, self.carried), packet);
    }
}
