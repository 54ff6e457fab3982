//! The bytes that were read from a connection and not used yet.
//!
//! Small while the connection is idle (thousands of idle connections must cost little), grown to a bound
//! that the caller sets and never to a number that the client announced.

/// Bytes when idle: enough for the head of nearly every request.
pub(in crate::http) const BUFFER_BYTES: usize = 4096;

/// Unused bytes from `start` to `end` of a zeroed storage.
pub(in crate::http) struct ReceiveBuffer {
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReceiveBuffer {
    /// An empty one.
    pub(in crate::http) fn new() -> ReceiveBuffer {
        ReceiveBuffer {
            storage: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
        }
    }

    /// What was read and not used yet.
    #[expect(
        clippy::indexing_slicing,
        reason = "start and end stay within the storage, in this order"
    )]
    pub(in crate::http) fn bytes(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    /// Whether nothing is left.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Marks the first `count` bytes as used.
    pub(in crate::http) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Moves bytes to the front of `into`; returns how many.
    pub(in crate::http) fn take(&mut self, into: &mut [u8]) -> usize {
        let count = self.copy_to(into);
        self.consume(count);
        count
    }

    /// Copies bytes to the front of `into` without using them up; returns how many.
    pub(in crate::http) fn copy_to(&self, into: &mut [u8]) -> usize {
        let count = self.bytes().len().min(into.len());
        let (to, from) = (into.split_at_mut(count).0, self.bytes().split_at(count).0);
        to.copy_from_slice(from);
        count
    }

    /// Bytes of memory beyond those when idle.
    pub(in crate::http) fn grown(&self) -> usize {
        self.storage.capacity().saturating_sub(BUFFER_BYTES)
    }

    /// What [`ReceiveBuffer::grown`] will be after a call of [`ReceiveBuffer::room`].
    pub(in crate::http) fn grown_for_room(&self, bytes_max: usize) -> usize {
        let is_full = self.start == 0 && self.end == self.storage.len();
        match is_full && self.end < bytes_max {
            true => self.next_length(bytes_max).saturating_sub(BUFFER_BYTES),
            false => self.grown(),
        }
    }

    fn next_length(&self, bytes_max: usize) -> usize {
        let doubled = self.storage.len().saturating_mul(2);
        doubled.min(bytes_max).max(BUFFER_BYTES)
    }

    /// Room to read into: what is free, or more by growing up to `bytes_max` in all. Empty when that
    /// many bytes are waiting already.
    #[expect(clippy::indexing_slicing, reason = "the end stays within the storage")]
    pub(in crate::http) fn room(&mut self, bytes_max: usize) -> &mut [u8] {
        if self.start > 0 {
            self.storage.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.storage.len() && self.end < bytes_max {
            let length = self.next_length(bytes_max);
            self.storage.reserve_exact(length.saturating_sub(self.end));
            self.storage.resize(length, 0);
        }
        &mut self.storage[self.end..]
    }

    /// Says that `count` bytes were read into [`ReceiveBuffer::room`].
    pub(in crate::http) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.storage.len());
    }

    /// Appends bytes to those that wait.
    pub(in crate::http) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.storage.truncate(self.end);
        self.storage.extend_from_slice(bytes);
        self.end = self.storage.len();
    }

    /// Gives memory back when the connection becomes idle.
    pub(in crate::http) fn shrink(&mut self) {
        if self.is_empty() && self.storage.len() != BUFFER_BYTES {
            *self = ReceiveBuffer::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut buffer = ReceiveBuffer::new();
        let room = buffer.room(8192);
        room[..5].copy_from_slice(b"hello");
        buffer.filled(5);
        buffer.consume(2);
        buffer.push(b"!!");
        let mut out = [0; 4];
        assert_eq!(buffer.take(&mut out), 4);
        assert_eq!(&out, b"llo!");
        assert_eq!(buffer.bytes(), b"!");
    }

    #[test]
    fn room_ends_at_the_bound_and_memory_is_given_back_when_idle() {
        let mut buffer = ReceiveBuffer::new();
        for expected in [4096, 4096, 1808] {
            let room = buffer.room(10_000).len();
            assert_eq!(room, expected);
            buffer.filled(room);
        }
        assert!(buffer.room(10_000).is_empty());
        buffer.consume(10_000);
        buffer.shrink();
        assert_eq!(buffer.storage.len(), BUFFER_BYTES);
    }
}
