//! How the bytes of an object get into a response: from its file, from memory, or by way of this program.

use crate::driver::Object;
use crate::http::{Body, Segment};
use std::io::{self, Read};

/// A piece of a body.
pub(super) enum BodyPiece {
    /// What stands between ranges.
    Text(Vec<u8>),
    /// So many bytes of the object, from an offset on.
    Range(u64, u64),
}

/// All bytes of an object.
pub(super) fn whole(object: &Object) -> Body {
    match object {
        Object::Bytes(bytes) => Body::Shared(bytes.clone()),
        _ => range(object, 0, object.length()),
    }
}

/// A range of an object.
pub(super) fn range(object: &Object, offset: u64, length: u64) -> Body {
    match segment(object, offset, length) {
        Some(segment) => Body::Segments(vec![segment]),
        None => Body::Stream(Box::new(object.range(offset, length)), Some(length)),
    }
}

/// Pieces of an object, one after the other.
pub(super) fn pieces(object: &Object, pieces: Vec<BodyPiece>) -> Body {
    if let Object::Remote(_) = object {
        return stream(object, pieces);
    }
    let segments = pieces.into_iter().filter_map(|piece| match piece {
        BodyPiece::Text(text) => Some(Segment::Bytes(text)),
        BodyPiece::Range(offset, length) => segment(object, offset, length),
    });
    Body::Segments(segments.collect())
}

/// A range as the engine sends it by itself; `None` for what another server has.
fn segment(object: &Object, offset: u64, length: u64) -> Option<Segment> {
    match object {
        Object::File { file, .. } => Some(Segment::File {
            file: file.clone(),
            offset,
            length,
        }),
        Object::Bytes(bytes) => Some(Segment::Shared {
            bytes: bytes.clone(),
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            length: usize::try_from(length).unwrap_or(usize::MAX),
        }),
        Object::Remote(_) => None,
    }
}

/// What another server sends passes through this program.
fn stream(object: &Object, pieces: Vec<BodyPiece>) -> Body {
    let length = |piece: &BodyPiece| match piece {
        BodyPiece::Text(text) => text.len() as u64,
        BodyPiece::Range(_, count) => *count,
    };
    let length = pieces.iter().map(length).sum();
    let readers = pieces.into_iter().map(|piece| reader(object, piece));
    let readers: Vec<_> = readers.collect();
    let stream = Sequence(readers.into_iter().peekable());
    Body::Stream(Box::new(stream), Some(length))
}

type PieceReader = Box<dyn Read + Send>;

fn reader(object: &Object, piece: BodyPiece) -> PieceReader {
    match piece {
        BodyPiece::Text(text) => Box::new(io::Cursor::new(text)),
        BodyPiece::Range(offset, count) => Box::new(object.range(offset, count)),
    }
}

/// Readers, one after the other.
struct Sequence(std::iter::Peekable<std::vec::IntoIter<PieceReader>>);

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::object_store::ObjectStore;
    use crate::driver::{Driver, Key, Write};

    #[test]
    fn an_object_on_another_server_is_streamed_with_its_length() {
        let store = ObjectStore::default();
        let key = Key::new("a/data");
        store
            .write(&[Write::new(key.clone(), b"0123456789")])
            .unwrap();
        let object = store.open(&key, 0).unwrap().unwrap();
        assert!(matches!(object, Object::Remote(_)));
        let several = vec![
            BodyPiece::Text(b"<".to_vec()),
            BodyPiece::Range(1, 3),
            BodyPiece::Text(b"|".to_vec()),
            BodyPiece::Range(8, 2),
            BodyPiece::Text(b">".to_vec()),
        ];
        for (body, expected) in [
            (whole(&object), "0123456789"),
            (range(&object, 3, 4), "3456"),
            (pieces(&object, several), "<123|89>"),
        ] {
            let Body::Stream(mut reader, Some(length)) = body else {
                panic!("{expected}: it is not streamed");
            };
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!((text.as_str(), length), (expected, expected.len() as u64));
        }
    }
}
