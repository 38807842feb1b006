//! The receiving window (RFC 7440): which block is next, and when to acknowledge.

use super::error::TftpError;
use super::options::Agreed;

/// What a block is to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The next one in order.
    Next,
    /// A later one of the same window, the first sign that one was lost.
    Gap,
    /// One that is there already.
    Duplicate,
    /// One that tells nothing: after a gap that is known, or one that the server cannot send yet.
    Stray,
}

/// Where a transfer stands.
#[derive(Clone, Debug)]
pub(super) struct Window {
    agreed: Agreed,
    /// The number of the next block, as it is on the wire.
    expected: u16,
    /// The number of the last block in order; 0 before the first.
    last: u16,
    /// Blocks in order since the last acknowledgement.
    unacknowledged: u16,
    /// Whether the present gap was answered.
    gap_known: bool,
    received: u64,
    blocks: u64,
    complete: bool,
}

impl Window {
    pub(super) fn new(agreed: Agreed) -> Self {
        Self {
            agreed,
            expected: 1,
            last: 0,
            unacknowledged: 0,
            gap_known: false,
            received: 0,
            blocks: 0,
            complete: false,
        }
    }

    pub(super) fn agreed(&self) -> Agreed {
        self.agreed
    }

    /// Bytes in order.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The number of the last block in order, as it is on the wire.
    pub(super) fn last(&self) -> u16 {
        self.last
    }

    /// Whether the last block, the first one shorter than the others, is there.
    pub(super) fn complete(&self) -> bool {
        self.complete
    }

    /// What block number `block` is. After 65535 comes 0; in lock-step also 1, since some servers count so.
    pub(super) fn arrival(&mut self, block: u16) -> Arrival {
        if self.expected == 0 && block == 1 && self.agreed.window_size == 1 {
            self.expected = 1;
        }
        let ahead = block.wrapping_sub(self.expected);
        if ahead == 0 {
            Arrival::Next
        } else if ahead < self.agreed.window_size {
            let known = core::mem::replace(&mut self.gap_known, true);
            if known { Arrival::Stray } else { Arrival::Gap }
        } else if ahead >= 0x8000 {
            Arrival::Duplicate
        } else {
            Arrival::Stray
        }
    }

    /// Whether the next block may have `len` bytes.
    ///
    /// # Errors
    /// [`TftpError::LongBlock`] if it is over the agreed size, [`TftpError::Size`] if the file would be longer than announced.
    pub(super) fn admit(&self, len: usize) -> Result<(), TftpError> {
        if len > usize::from(self.agreed.block_size) {
            let block = self.blocks.saturating_add(1);
            return Err(TftpError::LongBlock {
                block,
                len,
                block_size: self.agreed.block_size,
            });
        }
        let received = self.received.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        match self.agreed.size {
            Some(announced) if received > announced => Err(TftpError::Size { announced, received }),
            _ => Ok(()),
        }
    }

    /// Notes that the next block, of `len` bytes, is stored. Gives the number to acknowledge if it is time.
    pub(super) fn advance(&mut self, len: usize) -> Option<u16> {
        self.received = self.received.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        self.blocks = self.blocks.saturating_add(1);
        self.last = self.expected;
        self.expected = self.expected.wrapping_add(1);
        self.unacknowledged = self.unacknowledged.saturating_add(1);
        self.gap_known = false;
        self.complete = len < usize::from(self.agreed.block_size);
        let now = self.complete || self.unacknowledged >= self.agreed.window_size;
        now.then(|| self.acknowledge())
    }

    /// The number to acknowledge now: the server continues after it.
    pub(super) fn acknowledge(&mut self) -> u16 {
        self.unacknowledged = 0;
        self.last
    }

    /// The number to acknowledge after silence. The server sends the window anew, so a gap in it is a new one.
    pub(super) fn acknowledge_again(&mut self) -> u16 {
        self.gap_known = false;
        self.acknowledge()
    }

    /// Whether all that was announced came.
    ///
    /// # Errors
    /// [`TftpError::Size`] if not.
    pub(super) fn check_size(&self) -> Result<(), TftpError> {
        match self.agreed.size {
            Some(announced) if announced != self.received => Err(TftpError::Size {
                announced,
                received: self.received,
            }),
            _ => Ok(()),
        }
    }
}
