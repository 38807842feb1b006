//! The Power State Coordination Interface (Arm DEN 0022), over `smccc`.

use core::marker::PhantomData;

use smccc::{Call, psci};

pub use smccc::psci::Error;

/// What the PSCI node is called in device trees, all of which name the functions used here by the same numbers. The first PSCI, 0.1
/// (`arm,psci`), had no reset.
pub const COMPATIBLE: &[&str] = &["arm,psci-1.0", "arm,psci-0.2"];

/// How the firmware above is called: the node's `method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduit {
    /// Secure monitor call: firmware at EL3.
    Smc,
    /// Hypervisor call: firmware, or a hypervisor, at EL2.
    Hvc,
}

impl Conduit {
    /// The conduit that a `method` property names; `None` if there is no such conduit.
    #[must_use]
    pub fn from_method(method: &str) -> Option<Self> {
        match method {
            "smc" => Some(Self::Smc),
            "hvc" => Some(Self::Hvc),
            _ => None,
        }
    }
}

/// PSCI through the conduit `C`: `smccc::Smc` or `smccc::Hvc`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Psci<C: Call>(PhantomData<C>);

impl<C: Call> Psci<C> {
    /// PSCI through `C`.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// Resets the machine (DEN 0022, 5.11). Returns only with the reason why not.
    #[must_use]
    pub fn reset(&self) -> Error {
        failed(psci::system_reset::<C>())
    }

    /// Switches the machine off (DEN 0022, 5.10). Returns only with the reason why not.
    #[must_use]
    pub fn power_off(&self) -> Error {
        failed(psci::system_off::<C>())
    }
}

/// A call that must not return, and did. Firmware that answers "success" all the same has not done it.
fn failed(result: Result<(), Error>) -> Error {
    result.err().unwrap_or(Error::InternalFailure)
}

#[cfg(test)]
mod tests {
    use smccc::Call;

    use super::{Conduit, Error, Psci};

    /// Firmware that knows SYSTEM_RESET (0x8400_0009) but denies it, and claims success for SYSTEM_OFF (0x8400_0008).
    struct Refusing;

    impl Call for Refusing {
        fn call32(function: u32, _args: [u32; 7]) -> [u32; 8] {
            let answer: i32 = match function {
                0x8400_0008 => 0,
                0x8400_0009 => -3,
                _ => -1,
            };
            [answer.cast_unsigned(), 0, 0, 0, 0, 0, 0, 0]
        }

        fn call64(_function: u32, _args: [u64; 17]) -> [u64; 18] {
            panic!("reset and power-off are 32-bit calls")
        }
    }

    #[test]
    fn a_refusal_is_reported() {
        assert_eq!(Psci::<Refusing>::new().reset(), Error::Denied);
        assert_eq!(Psci::<Refusing>::new().power_off(), Error::InternalFailure);
    }

    #[test]
    fn methods() {
        assert_eq!(Conduit::from_method("smc"), Some(Conduit::Smc));
        assert_eq!(Conduit::from_method("hvc"), Some(Conduit::Hvc));
        assert_eq!(Conduit::from_method("SMC"), None);
    }
}
