//! Objects that arrive in any number of requests, and become visible at once when they are whole.

use super::{Key, ObjectReader, Result, Version, Write};
use crate::time::parse_rfc_3339;
use std::io;
use std::ops::ControlFlow;
use std::time::SystemTime;

/// Longest text of the time when an upload was started.
pub(super) const STARTED_AT_BYTES_MAX: u64 = 64;

/// How far an upload is, as any process finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// Bytes that would be resumed with.
    pub length: u64,
    /// Whose they are: another when another process took the upload over.
    pub version: Version,
}

/// What the owner of an upload wants to know when it is resumed: the state of a running hash.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// What kind of note it is: the name of the hash.
    pub kind: &'a str,
    /// The state.
    pub content: &'a [u8],
}

/// Who is given back what an upload holds.
pub trait Replay {
    /// The note that was made when the upload had `length` bytes. Where it is of use the bytes that follow come next,
    /// otherwise all of them.
    ///
    /// A driver gives a note only where it knows that the bytes before `length` are those that it was made of.
    fn restore(&mut self, length: u64, note: Note<'_>) -> bool;

    /// The next bytes; none while those are copied that a note tells of. Nothing more is read once it breaks, and the
    /// driver's own error does not matter then.
    fn bytes(&mut self, bytes: &[u8]) -> ControlFlow<()>;
}

/// An upload that this process goes on with: bytes are written behind those that it has.
///
/// It is kept between requests, and holds no file and no connection open after a checkpoint. Dropping it loses at
/// most what came after the last one; [`super::Driver::discard`] removes it from the store.
pub trait Upload: io::Write + Send {
    /// Bytes that it has.
    fn length(&self) -> u64;

    /// What [`super::Driver::upload_state`] finds as long as no other process takes it over.
    fn version(&self) -> Version;

    /// Goes back to `length`, if it has more, and goes on from there. Every length since the last checkpoint can be gone
    /// back to, and every checkpoint; others are an error of kind `Unsupported` where a driver cannot cut there.
    /// [`super::Error::is_changed`] when another process took the upload over.
    fn rewind(&mut self, length: u64) -> Result<()>;

    /// Any process can resume from here, though only [`Upload::publish`] is durable. [`super::Error::is_changed`] when
    /// another took the upload over: then nothing of this one counts.
    fn checkpoint(&mut self, note: Note<'_>) -> Result<()>;

    /// The bytes that it has, to be read again. May be slow: an object store has to put them together for that.
    fn reader(&mut self) -> Result<ObjectReader>;

    /// Makes the bytes the object `to`, replacing what is there in one step, and writes the links to it. All is durable
    /// when it returns; before that, and after an error, any of it may be there. What is published is what
    /// was written here, or nothing: [`super::Error::is_changed`] when another process took the upload over.
    ///
    /// After an error the upload is what it was, and can go on.
    fn publish(&mut self, to: &Key, links: &[Write<'_>]) -> Result<()>;
}

/// The time that a `startedat` says.
pub(super) fn parse_started_at(text: &[u8]) -> Option<SystemTime> {
    std::str::from_utf8(text).ok().and_then(parse_rfc_3339)
}
