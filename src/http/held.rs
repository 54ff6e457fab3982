//! What an answer holds in memory until its client has taken it.

use super::refusal::Refusal;
use super::response::{Body, Response, Segment};
use super::tls::SEND_BYTES;
use super::wire::Wire;
use super::write::SMALL_BYTES;
use crate::memory::{Share, Use};

/// Counts the bytes of an answer that a slow client would keep in memory; where there is no room for them
/// another answer says so.
pub(super) fn count(wire: &Wire, response: Response) -> Response {
    let mut held = match &response.body {
        Body::Bytes(bytes) => bytes.len(),
        Body::Shared(bytes) => bytes.len(),
        Body::Segments(segments) => segments.iter().map(Segment::held).sum(),
        Body::Empty | Body::Stream(..) => 0,
    };
    let fields = response.fields.iter();
    held = fields.fold(held, |held, (_, value)| held.saturating_add(value.len()));
    if held <= SMALL_BYTES || response.share.is_some() {
        return response;
    }
    if wire.is_secure() {
        held = held.saturating_add(held.min(SEND_BYTES));
    }
    let mut share = Share::new(&wire.shared.memory, Use::Client);
    match share.set(held) {
        true => response.counted(share),
        false => Refusal::no_memory().to_response(),
    }
}

impl Segment {
    /// How many bytes it is.
    pub(super) fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Segment::Shared { .. } => u64::try_from(self.shared().len()).unwrap_or(u64::MAX),
            Segment::File { length, .. } => *length,
        }
    }

    /// Bytes of it that are in memory for this answer alone.
    fn held(&self) -> usize {
        match self {
            Segment::Bytes(bytes) => bytes.len(),
            Segment::Shared { .. } | Segment::File { .. } => 0,
        }
    }

    /// The bytes of one that is shared.
    pub(super) fn shared(&self) -> &[u8] {
        match self {
            Segment::Shared {
                bytes,
                offset,
                length,
            } => {
                let from = bytes.get(*offset..).unwrap_or_default();
                from.get(..*length).unwrap_or(from)
            }
            Segment::Bytes(_) | Segment::File { .. } => &[],
        }
    }
}
