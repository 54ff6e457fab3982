//! How the bytes of an object get into a response: from its file, from memory, or by way of this program.

use crate::driver::Object;
use crate::http::{Body, Segment};
use std::io::{self, Read};

/// A piece of a body.
pub(super) enum Piece {
    /// What stands between ranges.
    Text(Vec<u8>),
    /// So many bytes of the object, from an offset on.
    Range(u64, u64),
}

/// All bytes of an object.
pub(super) fn whole(object: &Object) -> Body {
    match object {
        Object::Bytes(bytes) => Body::Shared(bytes.clone()),
        _ => body(object, vec![Piece::Range(0, object.length())]),
    }
}

/// Pieces of an object, one after the other.
pub(super) fn body(object: &Object, pieces: Vec<Piece>) -> Body {
    let segment: &dyn Fn(u64, u64) -> Segment = match object {
        Object::Remote(_) => return stream(object, pieces),
        Object::File { file, .. } => &|offset, length| Segment::File {
            file: file.clone(),
            offset,
            length,
        },
        Object::Bytes(bytes) => &|offset, length| Segment::Shared {
            bytes: bytes.clone(),
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            length: usize::try_from(length).unwrap_or(usize::MAX),
        },
    };
    let segments = pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => Segment::Bytes(text),
        Piece::Range(offset, length) => segment(offset, length),
    });
    Body::Segments(segments.collect())
}

/// What another server sends passes through this program.
fn stream(object: &Object, pieces: Vec<Piece>) -> Body {
    let length = |piece: &Piece| match piece {
        Piece::Text(text) => text.len() as u64,
        Piece::Range(_, count) => *count,
    };
    let length = pieces.iter().map(length).sum();
    let readers = pieces.into_iter().map(|piece| reader(object, piece));
    let readers: Vec<_> = readers.collect();
    let stream = Sequence(readers.into_iter().peekable());
    Body::Stream(Box::new(stream), Some(length))
}

type Reader = Box<dyn Read + Send>;

fn reader(object: &Object, piece: Piece) -> Reader {
    match piece {
        Piece::Text(text) => Box::new(io::Cursor::new(text)),
        Piece::Range(offset, count) => Box::new(object.range(offset, count)),
    }
}

/// Readers, one after the other.
struct Sequence(std::iter::Peekable<std::vec::IntoIter<Reader>>);

impl Read for Sequence {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(reader) = self.0.peek_mut() {
            match reader.read(into)? {
                0 => drop(self.0.next()),
                count => return Ok(count),
            }
        }
        Ok(0)
    }
}
