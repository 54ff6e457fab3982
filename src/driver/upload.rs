//! Uploads: objects that arrive in any number of requests and become visible in one step once they are complete.

use super::{Key, ObjectReader, Result, Version, Write};
use crate::time::parse_rfc_3339;
use std::io;
use std::ops::ControlFlow;
use std::time::SystemTime;

/// Longest `startedat` that is read, in bytes.
pub(super) const STARTED_AT_BYTES_MAX: u64 = 64;

/// The state of an upload, as any process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// Bytes with which it would be resumed.
    pub length: u64,
    /// Identifies the owner: it changes when another process takes the upload over.
    pub version: Version,
}

/// What the owner of an upload wants back when it is resumed: the state of a running hash.
#[derive(Clone, Copy, Debug)]
pub struct UploadNote<'a> {
    /// The name of the hash algorithm.
    pub kind: &'a str,
    /// The state of the hash.
    pub content: &'a [u8],
}

/// Receives what an upload contains when it is resumed.
pub trait Replay {
    /// The note of the checkpoint at `length`. If this returns `true`, only the bytes after `length` follow, otherwise all of
    /// them.
    ///
    /// A driver passes a note only if it knows that the first `length` bytes are those for which it was made.
    fn restore(&mut self, length: u64, note: UploadNote<'_>) -> bool;

    /// The next bytes; empty while bytes are copied that a note covers. A break stops the driver, whose own error is
    /// irrelevant then.
    fn bytes(&mut self, bytes: &[u8]) -> ControlFlow<()>;
}

/// An upload that this process writes to. Bytes are appended.
///
/// It is kept between requests and holds neither a file nor a connection open after a checkpoint. Dropping it loses at
/// most what was written since the last checkpoint; [`super::Driver::discard`] removes it from the store.
pub trait Upload: io::Write + Send {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// What [`super::Driver::upload_state`] returns unless another process has taken the upload over.
    fn version(&self) -> Version;

    /// Truncates it to `length`. Every driver supports lengths from the last checkpoint on, and those of earlier checkpoints; for
    /// others it may return an error of kind `Unsupported`. [`super::Error::is_changed`] if another process has taken
    /// the upload over.
    fn rewind(&mut self, length: u64) -> Result<()>;

    /// Lets any process resume from here; only [`Upload::publish`] is durable, though. [`super::Error::is_changed`] if
    /// another process has taken the upload over.
    fn checkpoint(&mut self, note: UploadNote<'_>) -> Result<()>;

    /// Reads its bytes again. May be slow: an object store has to assemble them first.
    fn reader(&mut self) -> Result<ObjectReader>;

    /// Makes its bytes the object `to`, replacing an existing one in one step, and writes the links to it. All of that is
    /// durable when this returns; after an error any of it may have been done. Only bytes that were written through this
    /// value are published: [`super::Error::is_changed`] if another process has taken the upload over.
    ///
    /// After an error the upload can be continued, unless the object was made already.
    fn publish(&mut self, to: &Key, links: &[Write<'_>]) -> Result<()>;
}

/// Parses the content of a `startedat`.
pub(super) fn parse_started_at(text: &[u8]) -> Option<SystemTime> {
    std::str::from_utf8(text).ok().and_then(parse_rfc_3339)
}
