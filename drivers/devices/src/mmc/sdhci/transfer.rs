//! How data moves: by ADMA2, by SDMA, or word by word (HC 3.7.2).

use core::time::Duration;

use hal::PhysAddr;
use hal::block::BLOCK_SIZE;
use hal::flash::Meanwhile;

use super::super::command::Command;
use super::super::host::{Data, Fault};
use super::Sdhci;
use super::capabilities::{Kind, Mode};
use super::registers::{self, command, status};

/// How long the data of a command may take in all: 1 MiB at 100 KiB/s.
const DATA_LIMIT: Duration = Duration::from_secs(10);
/// How long a block may take. SD 4.6.2: 100 ms to read, 500 ms to write; slower under emulation on a busy host.
const BLOCK_LIMIT: Duration = Duration::from_secs(3);
/// The boundaries at which SDMA stops, the widest apart: 512 KiB (HC 2.2.2).
const SDMA_BOUNDARY: u64 = 512 << 10;

impl Sdhci {
    /// Sets the controller up for data. Gives the lower half of the word that begins the command (HC 2.2.5).
    pub(super) fn prepare(&mut self, data: &Data<'_>) -> Result<u32, Fault> {
        let len = data.len();
        let (size, count) = match len <= BLOCK_SIZE {
            true => (len, 1),
            false => (BLOCK_SIZE, len / BLOCK_SIZE),
        };
        if size == 0 || !len.is_multiple_of(size) {
            return Err(Fault::Memory);
        }
        let size = u32::try_from(size).map_err(|_| Fault::Memory)?;
        let blocks = u16::try_from(count).map_err(|_| Fault::Memory)?;
        let dma = match data {
            Data::Fill(address, len) | Data::Drain(address, len) => {
                self.prepare_dma(*address, *len)?;
                command::DMA
            }
            Data::Read(_) | Data::Write(_) => 0,
        };
        if self.kind == Kind::Usdhc {
            self.prepare_usdhc(size, dma != 0);
        }
        let boundary = self.layout.sdma_boundary;
        self.window
            .write(registers::BLOCK, size | boundary | u32::from(blocks) << 16);
        let direction = if data.is_read() { command::READ } else { 0 };
        let several = match blocks {
            1 => 0,
            _ => command::SEVERAL | command::COUNT_BLOCKS | command::AUTO_STOP,
        };
        Ok(dma | direction | several)
    }

    fn prepare_dma(&mut self, address: PhysAddr, len: usize) -> Result<(), Fault> {
        match self.capabilities.mode {
            Mode::Words => return Err(Fault::Memory),
            Mode::Sdma => {
                self.window.change(registers::CONTROL, self.layout.dma_mask, 0);
                self.window.write(registers::SDMA_ADDRESS, address.halves().0);
            }
            Mode::Adma2 { wide } => {
                let table = self.table.as_mut().ok_or(Fault::Memory)?;
                let wide = wide && table.needs_wide(address, len);
                table.describe(address, len, wide).ok_or(Fault::Memory)?;
                let (low, high) = table.address().halves();
                let select = if wide {
                    self.layout.adma2_64
                } else {
                    self.layout.adma2_32
                };
                self.window.change(registers::CONTROL, self.layout.dma_mask, select);
                self.window.write(registers::ADMA_ADDRESS, low);
                if wide {
                    self.window.write(registers::ADMA_ADDRESS.saturating_add(4), high);
                }
            }
        }
        Ok(())
    }

    /// Waits until the controller has moved all data by itself.
    pub(super) fn follow_dma(
        &self,
        command: Command,
        (address, len): (PhysAddr, usize),
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), Fault> {
        let end = u64::try_from(len).ok().and_then(|len| address.checked_add(len));
        let end = end.ok_or(Fault::Memory)?.get();
        if self.capabilities.mode != Mode::Sdma {
            return self
                .wait_for(command, (status::TRANSFER_DONE, DATA_LIMIT), meanwhile)
                .map(drop);
        }
        let wanted = status::TRANSFER_DONE | status::DMA_BOUNDARY;
        let mut next = address.get();
        // One more than there can be: a controller may stop at a boundary where the data ends, too.
        for _ in 0..=len.div_ceil(BLOCK_SIZE) {
            let bits = self.wait_for(command, (wanted, DATA_LIMIT), meanwhile)?;
            if bits & status::TRANSFER_DONE != 0 {
                return Ok(());
            }
            self.window.write(registers::STATUS, status::DMA_BOUNDARY);
            next = (next / SDMA_BOUNDARY).saturating_add(1).saturating_mul(SDMA_BOUNDARY);
            if next < end {
                // It goes on where it is told to.
                let address = u32::try_from(next).map_err(|_| Fault::Memory)?;
                self.window.write(registers::SDMA_ADDRESS, address);
            }
        }
        Err(Fault::Controller(status::DMA_BOUNDARY))
    }

    /// Waits until the buffer has a block, or room for one.
    fn wait_for_buffer(&self, command: Command, ready: u32, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        match self.kind {
            Kind::Standard => self.wait_for(command, (ready, BLOCK_LIMIT), meanwhile).map(drop),
            Kind::Usdhc => self.watch_buffer(command, (ready, BLOCK_LIMIT), meanwhile),
        }
    }

    /// Reads the data word by word.
    pub(super) fn read_words(&self, command: Command, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        for (index, block) in bytes.chunks_mut(BLOCK_SIZE).enumerate() {
            self.wait_for_buffer(command, status::READ_READY, meanwhile)?;
            turn(index, meanwhile);
            // Before the data: its last word makes the controller fetch the next block, which says the same.
            self.window.write(registers::STATUS, status::READ_READY);
            for word in block.chunks_mut(4) {
                let data = self.window.read(registers::DATA).to_le_bytes();
                word.copy_from_slice(data.get(..word.len()).unwrap_or_default());
            }
        }
        self.wait_for(command, (status::TRANSFER_DONE, BLOCK_LIMIT), meanwhile)?;
        Ok(())
    }

    /// Writes the data word by word.
    pub(super) fn write_words(&self, command: Command, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        for (index, block) in bytes.chunks(BLOCK_SIZE).enumerate() {
            self.wait_for_buffer(command, status::WRITE_READY, meanwhile)?;
            turn(index, meanwhile);
            self.window.write(registers::STATUS, status::WRITE_READY);
            for word in block.chunks(4) {
                let mut data = [0; 4];
                for (to, from) in data.iter_mut().zip(word) {
                    *to = *from;
                }
                self.window.write(registers::DATA, u32::from_le_bytes(data));
            }
        }
        self.wait_for(command, (status::TRANSFER_DONE, BLOCK_LIMIT), meanwhile)?;
        Ok(())
    }
}

/// Lets the console have its turn before every 32nd block. Each block is waited for too shortly for a turn, and 32 take about a millisecond.
fn turn(index: usize, meanwhile: Meanwhile<'_>) {
    if index % 32 == 31 {
        meanwhile();
    }
}
