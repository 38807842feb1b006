//! Identification against a card that others made: the mock of `embedded-sdmmc-types`. What it does not do (registers as data, a second
//! question with voltages in it), the host here does. Everything else is tested with a controller, in `sdhci/tests.rs`.

use alloc::rc::Rc;

use embedded_sdmmc_types::sdcard::mock::SdCardMock;
use embedded_sdmmc_types::sdcard::{AcmdId, CardType, CmdId};
use hal::fakes::ManualClock;
use hal::flash::Meanwhile;
use hal::{Clock, PhysAddr};

use super::Card;
use crate::mmc::command::{Answer, Command, Response};
use crate::mmc::host::{Abilities, Bus, Data, Fault, Host, Width};

struct MockHost {
    card: SdCardMock,
    clock: Rc<ManualClock>,
    app: bool,
    asked: bool,
    bus: Option<Bus>,
}

impl MockHost {
    fn new(kind: CardType) -> Self {
        Self {
            card: SdCardMock::new(kind, 0x1234),
            clock: Rc::new(ManualClock::with_step(1000)),
            app: false,
            asked: false,
            bus: None,
        }
    }

    /// Whether the card answers.
    fn pass_on(&mut self, index: u8, argument: u32) -> bool {
        let app = core::mem::take(&mut self.app);
        let id = match (index, app) {
            (0, false) => CmdId::CMD0_GoIdleState,
            (2, false) => CmdId::CMD2_AllSendCid,
            (3, false) => CmdId::CMD3_SendRelativeAddr,
            (7, false) => CmdId::CMD7_SelectCard,
            (8, false) => CmdId::CMD8_SendIfCond,
            (9, false) => CmdId::CMD9_SendCsd,
            (13, false) => CmdId::CMD13_SendStatus,
            (41, true) => {
                // Its second question is one without voltages.
                let again = core::mem::replace(&mut self.asked, true);
                let argument = if again { 0 } else { argument };
                return !self.card.insert_acmd(AcmdId::ACMD41_SdSendOpCond, argument).timeout();
            }
            (6, true) => return !self.card.insert_acmd(AcmdId::ACMD6_SetBusWidth, argument).timeout(),
            (16, false) | (51, true) => return true,
            (55, false) => {
                self.app = true;
                return true;
            }
            _ => return false,
        };
        !self.card.insert_command(id, argument).timeout()
    }
}

impl Host for MockHost {
    fn abilities(&self) -> Abilities {
        Abilities {
            hertz: 52_000_000,
            width: Width::Four,
            high_speed: true,
            dma: false,
            blocks: 1,
        }
    }
    fn reaches(&self, _address: PhysAddr, _len: usize) -> bool {
        false
    }
    fn is_present(&self, _meanwhile: Meanwhile<'_>) -> bool {
        true
    }
    fn is_write_protected(&self) -> bool {
        false
    }
    fn power_up(&mut self, _meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn set_bus(&mut self, bus: Bus) -> Result<(), Fault> {
        self.bus = Some(bus);
        Ok(())
    }
    fn command(
        &mut self,
        command: Command,
        data: Option<Data<'_>>,
        _meanwhile: Meanwhile<'_>,
    ) -> Result<Response, Fault> {
        if !self.pass_on(command.index, command.argument) {
            return Err(Fault::NoAnswer(command.number()));
        }
        if let Some(Data::Read(bytes)) = data {
            bytes.copy_from_slice(&[0x02, 0x35, 0x80, 0, 0, 0, 0, 0]);
            return Ok(Response([0x900, 0, 0, 0]));
        }
        if command.answer == Answer::Long {
            let bits = self.card.read_reply_u128() >> 8;
            return Ok(Response([0, 32, 64, 96].map(|shift| (bits >> shift) as u32)));
        }
        Ok(Response([self.card.read_reply_u32(), 0, 0, 0]))
    }
    fn clock(&self) -> Rc<dyn Clock> {
        Rc::clone(&self.clock) as Rc<dyn Clock>
    }
    fn shutdown(&mut self) {}
}

#[test]
fn a_card_that_others_made_is_identified() {
    let mut host = MockHost::new(CardType::SdhcSdxc);
    let card = Card::identify(&mut host, &mut || ()).unwrap();
    // The CSD of the mock is of a real card of 3.68 GiB: C_SIZE 0x1d69.
    assert_eq!(card.blocks(), (0x1d69 + 1) * 1024);
    let medium = card.medium(false);
    assert_eq!((medium.product.as_str(), medium.revision.as_str()), ("ASTC", "2.0"));
    assert_eq!(medium.vendor, "Man 000012 Snr 00000cef");
    assert_eq!(card.argument(7), Some(7));
    let bus = host.bus.unwrap();
    assert_eq!((bus.width, bus.high_speed), (Width::Four, false), "it cannot switch");
}

#[test]
fn a_card_whose_registers_contradict_each_other_is_not_used() {
    // Version 1 in its answers, and a CSD of high capacity.
    let mut host = MockHost::new(CardType::SD1);
    let fault = Card::identify(&mut host, &mut || ()).unwrap_err();
    assert!(matches!(fault, Fault::Unusable(_)), "{fault:?}");
}
