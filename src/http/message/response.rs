//! What a handler returns; only the engine decides how it is sent (sendfile, buffer, chunked).

use crate::memory::Share;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use tiny_http::StatusCode;

/// A status, headers and a body. `Date`, `Content-Length`, `Transfer-Encoding` and `Connection` are
/// the engine's; a handler never sets them.
pub struct Response {
    pub(in crate::http) status: StatusCode,
    pub(in crate::http) headers: Vec<(Cow<'static, str>, String)>,
    pub(in crate::http) body: Body,
    /// The share of the memory for clients that its body takes; given back after it was sent.
    pub(in crate::http) share: Option<Share>,
}

/// The bytes of a response. For HEAD the engine sends the length and no bytes.
pub enum Body {
    /// No bytes. Sent with `Content-Length: 0` where the status allows it.
    Empty,
    /// Owned bytes.
    Bytes(Vec<u8>),
    /// Bytes shared with a cache.
    Shared(Arc<[u8]>),
    /// Pieces in order: ranges of files, and the text between them.
    Segments(Vec<Segment>),
    /// A reader, with its length when known; without it the response is chunked.
    Stream(Box<dyn Read + Send>, Option<u64>),
}

/// One piece of a [`Body::Segments`].
pub enum Segment {
    /// Literal bytes.
    Bytes(Vec<u8>),
    /// `length` bytes from `offset` of bytes that are in memory anyway.
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
    /// A response without headers and body.
    pub fn new(status: u16) -> Response {
        Response {
            status: StatusCode(status),
            headers: Vec::new(),
            body: Body::Empty,
            share: None,
        }
    }

    /// Adds a header. Control characters in the value are dropped: a value can never end its line.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        let mut value = value.into();
        value.retain(|c| c == '\t' || !c.is_control());
        self.headers.push((name.into(), value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Says that the memory of the body is already counted, by this share. It is given back after the response
    /// was sent. Without one, the engine counts bytes beyond 16 KiB, or does not send them.
    #[must_use]
    pub fn counted(mut self, share: Share) -> Self {
        self.share = Some(share);
        self
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status.0
    }
}

/// The reason phrase of a status.
pub(in crate::http) fn reason(status: u16) -> &'static str {
    StatusCode(status).default_reason_phrase()
}

impl Segment {
    /// How many bytes it is.
    pub(in crate::http) fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Segment::Shared { .. } => u64::try_from(self.shared().len()).unwrap_or(u64::MAX),
            Segment::File { length, .. } => *length,
        }
    }

    /// Bytes of it that are in memory for this response only.
    pub(in crate::http) fn held(&self) -> usize {
        match self {
            Segment::Bytes(bytes) => bytes.len(),
            Segment::Shared { .. } | Segment::File { .. } => 0,
        }
    }

    /// The bytes of [`Segment::Shared`].
    #[expect(
        clippy::indexing_slicing,
        reason = "a handler that names bytes beyond the end has a bug"
    )]
    pub(in crate::http) fn shared(&self) -> &[u8] {
        match self {
            Segment::Shared {
                bytes,
                offset,
                length,
            } => &bytes[*offset..*offset + *length],
            Segment::Bytes(_) | Segment::File { .. } => &[],
        }
    }
}
