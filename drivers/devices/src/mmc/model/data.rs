//! Data on its way between the card, the controller and RAM.

use super::*;

impl State {
    pub(super) fn move_data(&mut self, value: u32, phase: Phase) {
        assert!(value & command::HAS_DATA != 0, "nobody takes the card's data");
        let block = *self.word(reg::BLOCK);
        let several = value & command::SEVERAL != 0;
        assert_eq!(several, value & command::COUNT_BLOCKS != 0);
        assert_eq!(several, value & command::AUTO_STOP != 0);
        assert_eq!(
            value & command::READ != 0,
            !matches!(phase, Phase::Write(_)),
            "the direction"
        );
        let size = (block & 0xfff) as usize;
        if let Phase::Register(bytes) = &phase {
            assert_eq!((bytes.len(), several), (size, false));
        }
        *self.word(reg::PRESENT) |= present::DATA_BUSY;
        self.transfer = Some(Transfer {
            phase,
            size,
            left: if several { (block >> 16) as usize } else { 1 },
            done: 0,
            words: VecDeque::new(),
            mode: value,
        });
        if value & command::DMA == 0 {
            return self.next_words();
        }
        let select = *self.word(reg::CONTROL) & control::DMA_MASK;
        self.dma_selects.push(select);
        match select {
            0 => {
                self.sdma_next = u64::from(*self.word(reg::SDMA_ADDRESS));
                self.sdma();
            }
            control::ADMA2_32 => self.adma(false),
            control::ADMA2_64 => self.adma(true),
            _ => panic!("a kind of DMA that is none: {select:#x}"),
        }
    }

    /// The next block from the card, or nothing after a fault.
    fn take_block(&mut self) -> Option<Vec<u8>> {
        let narrow = self.is_bus_wrong();
        let hertz = self.hertz();
        let unbearable = self.bearable_hertz.is_some_and(|bearable| hertz > bearable);
        let zeros = narrow && self.card.as_ref().is_some_and(|card| card.zeros);
        let Some(transfer) = &mut self.transfer else {
            return None;
        };
        let card = self.card.as_mut()?;
        let at = transfer.done;
        let bytes = match &transfer.phase {
            Phase::Register(bytes) => bytes.clone(),
            Phase::Read(first) | Phase::Write(first) => card.block(first + at as u64),
        };
        let fault = match card.fault {
            CardFault::DamagedData(bad) if bad == at => 1 << 21,
            CardFault::NoData(bad) if bad == at => status::DATA_TIMEOUT,
            CardFault::Adma => status::ADMA,
            _ if narrow && !zeros || unbearable => 1 << 21,
            _ => 0,
        };
        if fault == status::ADMA {
            self.words[reg::ADMA_ERROR / 4] = 3;
        }
        if fault != 0 {
            self.transfer = None;
            self.tell(fault);
            return None;
        }
        transfer.done += 1;
        transfer.left -= 1;
        Some(if zeros { vec![0; bytes.len()] } else { bytes })
    }

    /// Whether controller and card drive the bus differently, or over lines that the board does not have.
    fn is_bus_wrong(&mut self) -> bool {
        let word = *self.word(reg::CONTROL);
        let width = match word & (control::FOUR_LINES | control::EIGHT_LINES) {
            0 => 1,
            control::FOUR_LINES => 4,
            _ => 8,
        };
        self.card
            .as_ref()
            .is_some_and(|card| card.width != width || card.lines < width)
    }

    fn give_block(&mut self, bytes: &[u8]) -> bool {
        let before = self.transfer.as_ref().map(|transfer| transfer.done as u64);
        if self.take_block().is_none() {
            return false;
        }
        if let (Some(Transfer { phase, .. }), Some(before), Some(card)) = (&self.transfer, before, &mut self.card) {
            let Phase::Write(first) = phase else {
                panic!("the card sends")
            };
            card.write(first + before, bytes);
        }
        true
    }

    /// The last block is through.
    fn finish(&mut self) {
        let transfer = self.transfer.take();
        let stops = transfer.is_some_and(|transfer| transfer.mode & command::AUTO_STOP != 0);
        let Some(card) = &mut self.card else { return };
        if stops {
            card.seen.push((12, 0));
        }
        card.stop();
        if card.fault == CardFault::Stuck {
            return;
        }
        *self.word(reg::PRESENT) &= !present::DATA_BUSY;
        self.tell(status::TRANSFER_DONE);
    }

    fn left(&self) -> usize {
        self.transfer.as_ref().map_or(0, |transfer| transfer.left)
    }

    fn is_write(&self) -> bool {
        matches!(
            &self.transfer,
            Some(Transfer {
                phase: Phase::Write(_),
                ..
            })
        )
    }

    fn next_words(&mut self) {
        if self.left() == 0 {
            return self.finish();
        }
        if self.is_write() {
            return self.tell(status::WRITE_READY);
        }
        if let Some(block) = self.take_block() {
            if let Some(transfer) = &mut self.transfer {
                transfer.words = block.into();
            }
            self.tell(status::READ_READY);
        }
    }

    pub(super) fn read_data(&mut self) -> u32 {
        assert_eq!(*self.word(reg::STATUS) & status::READ_READY, 0, "to be cleared first");
        let transfer = self.transfer.as_mut().expect("no data is on its way");
        let bytes = [(); 4].map(|()| transfer.words.pop_front().expect("the buffer is empty"));
        if transfer.words.is_empty() {
            self.next_words();
        }
        u32::from_le_bytes(bytes)
    }

    pub(super) fn write_data(&mut self, value: u32) {
        let transfer = self.transfer.as_mut().expect("no data is on its way");
        transfer.words.extend(value.to_le_bytes());
        if transfer.words.len() == transfer.size {
            let block: Vec<u8> = core::mem::take(&mut transfer.words).into();
            if self.give_block(&block) {
                self.next_words();
            }
        }
    }

    /// Moves a block to or from memory. Whether it went well.
    fn block_by_dma(&mut self, address: u64) -> bool {
        let place = PhysAddr(address);
        if self.is_write() {
            let mut block = vec![0; 512];
            self.memory.read(place, &mut block);
            return self.give_block(&block);
        }
        let Some(block) = self.take_block() else { return false };
        self.memory.write(place, &block);
        true
    }

    pub(super) fn sdma(&mut self) {
        assert_eq!(*self.word(reg::BLOCK) >> 12 & 7, 7, "boundaries of 512 KiB");
        while self.left() > 0 {
            if !self.block_by_dma(self.sdma_next) {
                return;
            }
            let before = self.sdma_next;
            self.sdma_next += 512;
            if before >> 19 != self.sdma_next >> 19 && self.left() > 0 {
                self.sdma_next &= !0x7_ffff;
                return self.tell(status::DMA_BOUNDARY);
            }
        }
        self.finish();
    }

    fn adma(&mut self, wide: bool) {
        let low = u64::from(*self.word(reg::ADMA_ADDRESS));
        let high = u64::from(*self.word(reg::ADMA_ADDRESS + 4));
        let mut place = low | high << 32;
        loop {
            let at = PhysAddr(place);
            let head = self.memory.number::<4>(at);
            let tail = PhysAddr(at.get() + 4);
            let address = if wide {
                self.memory.number::<8>(tail)
            } else {
                self.memory.number::<4>(tail)
            };
            let len = head >> 16;
            assert_eq!(head & 0x39, 0x21, "valid, and moves data");
            assert!(len != 0 && len.is_multiple_of(512) && address.is_multiple_of(if wide { 8 } else { 4 }));
            for block in 0..len / 512 {
                if !self.block_by_dma(address + block * 512) {
                    return;
                }
            }
            place += if wide { 12 } else { 8 };
            if head & 2 != 0 {
                assert_eq!(self.left(), 0, "the descriptors end before the blocks do");
                return self.finish();
            }
        }
    }
}
