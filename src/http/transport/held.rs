//! What a response holds in memory until its client has read it.

use super::super::message::rejection::Rejection;
use super::super::message::response::{Body, Response, Segment};
use super::tls::SEND_BYTES;
use super::wire::Wire;
use super::write::SMALL_BYTES;
use crate::memory::{Share, Use};

/// Counts the bytes of a response that a slow client would keep in memory; where there is no room for them
/// another response says so.
pub(in crate::http) fn count_response(wire: &Wire<'_>, response: Response) -> Response {
    let mut held = match &response.body {
        Body::Bytes(bytes) => bytes.len(),
        Body::Shared(bytes) => bytes.len(),
        Body::Segments(segments) => segments.iter().map(Segment::held).sum(),
        Body::Empty | Body::Stream(..) => 0,
    };
    let headers = response.headers.iter();
    held = headers.fold(held, |held, (_, value)| held.saturating_add(value.len()));
    if held <= SMALL_BYTES || response.share.is_some() {
        return response;
    }
    if wire.is_secure() {
        held = held.saturating_add(held.min(SEND_BYTES));
    }
    let mut share = Share::new(wire.memory(), Use::Client);
    match share.set(held) {
        true => response.counted(share),
        false => Rejection::NO_MEMORY.to_response(),
    }
}
