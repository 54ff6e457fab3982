//! What a handler answers; the engine alone decides how it leaves (sendfile, buffer, chunked).

use super::StatusCode;
use crate::memory::Share;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// A status, fields and a body. `Date`, `Content-Length`, `Transfer-Encoding` and `Connection` are
/// the engine's; a handler never sets them.
pub struct Response {
    pub(super) status: StatusCode,
    pub(super) fields: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Body,
    /// What of the memory for clients its body takes; given back when it was sent.
    pub(super) share: Option<Share>,
}

/// The bytes of an answer. On HEAD the engine sends the length and no bytes.
pub enum Body {
    /// No bytes. Sent with `Content-Length: 0` where the status allows it.
    Empty,
    /// Owned bytes.
    Bytes(Vec<u8>),
    /// Bytes shared with a cache.
    Shared(Arc<[u8]>),
    /// Pieces in order: ranges of files, and the text between them.
    Segments(Vec<Segment>),
    /// A reader, with its length when known; without it the answer is chunked.
    Stream(Box<dyn Read + Send>, Option<u64>),
}

/// One piece of a [`Body::Segments`].
pub enum Segment {
    /// Literal bytes.
    Bytes(Vec<u8>),
    /// `length` bytes from `offset` of some that are in memory anyway.
    Shared {
        /// All of them.
        bytes: Arc<[u8]>,
        /// First byte.
        offset: usize,
        /// Number of bytes.
        length: usize,
    },
    /// `length` bytes of an immutable file from `offset`.
    File {
        /// The open file; its own cursor is not used.
        file: Arc<File>,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

impl Response {
    /// An answer without fields and body.
    pub fn new(status: u16) -> Response {
        Response {
            status: StatusCode(status),
            fields: Vec::new(),
            body: Body::Empty,
            share: None,
        }
    }

    /// Adds a field. Control characters in the value are dropped: a value can never end its line.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        let mut value = value.into();
        value.retain(|c| c == '\t' || !c.is_control());
        self.fields.push((name.into(), value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Says that the memory of the body is counted already, by this share. It is given back when the answer
    /// was sent. Bytes of more than 16 KiB without one are counted by the engine, or not sent.
    #[must_use]
    pub fn counted(mut self, share: Share) -> Self {
        self.share = Some(share);
        self
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status.0
    }

    /// The first field of that name (case-insensitive).
    pub fn field(&self, name: &str) -> Option<&str> {
        let same = |field: &&(Cow<'static, str>, String)| field.0.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }
}

/// The reason phrase of a status.
pub(super) fn reason(status: u16) -> &'static str {
    StatusCode(status).default_reason_phrase()
}
