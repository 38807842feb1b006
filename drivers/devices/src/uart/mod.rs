//! Consoles, and which device tree name is whose.

pub mod cadence;
pub mod imx;
pub mod ns16550;
pub mod pl011;

/// A kind of UART that there is a driver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`cadence::CadenceUart`].
    Cadence,
    /// [`imx::ImxUart`].
    Imx,
    /// [`ns16550::Ns16550`].
    Ns16550,
    /// [`pl011::Pl011`].
    Pl011,
}

/// The kinds by the names that device trees have for them.
pub const KINDS: &[(Kind, &[&str])] = &[
    (Kind::Cadence, cadence::COMPATIBLE),
    (Kind::Imx, imx::COMPATIBLE),
    (Kind::Ns16550, ns16550::COMPATIBLE),
    (Kind::Pl011, pl011::COMPATIBLE),
];

/// The kind of the UART that is `compatible` with one of the names that `is` accepts.
pub fn kind(is: impl Fn(&str) -> bool) -> Option<Kind> {
    let known = |(_, names): &&(Kind, &[&str])| names.iter().any(|name| is(name));
    KINDS.iter().find(known).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind};

    #[test]
    fn uarts_are_known_by_the_names_of_kernel_trees() {
        for (name, expected) in [
            ("arm,pl011", Some(Kind::Pl011)),
            ("xlnx,xuartps", Some(Kind::Cadence)),
            ("cdns,uart-r1p12", Some(Kind::Cadence)),
            ("fsl,imx8mp-uart", Some(Kind::Imx)),
            ("fsl,imx6q-uart", Some(Kind::Imx)),
            ("brcm,bcm2835-aux-uart", Some(Kind::Ns16550)),
            ("snps,dw-apb-uart", Some(Kind::Ns16550)),
            // That of the Layerscape chips, the i.MX 8X and the i.MX 9 is another device.
            ("fsl,imx7ulp-lpuart", None),
            // Xilinx' soft UART is another device.
            ("xlnx,xps-uartlite-1.00.a", None),
        ] {
            assert_eq!(kind(|known| known == name), expected, "{name}");
        }
    }
}
