//! HTTP messages, without any input or output: heads and what frames a body, responses, targets, ranges (RFC 9110, RFC 9112).

pub(super) mod chunked;
pub(super) mod client;
pub(super) mod excerpt;
pub(super) mod forwarded;
pub(super) mod framing;
pub(super) mod head;
pub mod range;
pub(super) mod rejection;
pub(super) mod request;
pub(super) mod request_line;
pub(super) mod response;
pub(super) mod response_head;
pub(super) mod scan;
pub mod target;
