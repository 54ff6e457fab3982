//! The chunked transfer coding, decoded in place (RFC 9112 7.1).
//!
//! Docker pushes layers this way, so it is a hot path: whole runs of data are moved down over the
//! chunk headers between them; only those headers are scanned byte by byte. The decoder keeps its
//! position between calls, wherever the bytes were split.

use std::io;

/// Bytes of a chunk's header line, its extensions included.
const HEADER_LINE_BYTES_MAX: u32 = 256;

/// A decoder at some position in the coding.
#[derive(Debug)]
pub(in crate::http) struct Decoder {
    state: ChunkState,
    /// Size of the chunk whose header is being read, then what is left of its data.
    left: u64,
    /// Bytes of the current header line.
    line: u32,
    /// Bytes that the trailer section may still have.
    trailer_left: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ChunkState {
    /// Before the first digit of a size.
    Start,
    Digits,
    /// White space that must precede an extension.
    Space,
    Extension,
    HeaderLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerLine,
    TrailerLf,
    LastLf,
    Done,
}

/// What one call did.
#[derive(Debug, PartialEq)]
pub(in crate::http) struct Decoded {
    /// Raw bytes used: all of them, unless the body ended.
    pub(in crate::http) consumed: usize,
    /// Data bytes, now at the front.
    pub(in crate::http) produced: usize,
}

impl Decoder {
    /// At the start of a body with at most that many bytes of trailers.
    pub(in crate::http) fn new(trailer_bytes_max: usize) -> Decoder {
        Decoder {
            state: ChunkState::Start,
            left: 0,
            line: 0,
            trailer_left: trailer_bytes_max,
        }
    }

    /// Whether the last chunk and the trailers were read.
    pub(in crate::http) fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// Decodes raw bytes in place: the data comes to the front of `bytes`. Errors (`InvalidData`): a
    /// malformed size, one beyond 63 bits, a header line or trailers too long.
    pub(in crate::http) fn decode(&mut self, bytes: &mut [u8]) -> io::Result<Decoded> {
        let (mut at, mut produced) = (0, 0);
        while self.state != ChunkState::Done {
            if self.state == ChunkState::Data {
                let here = bytes.len().saturating_sub(at);
                let run = usize::try_from(self.left).unwrap_or(usize::MAX).min(here);
                if at != produced {
                    bytes.copy_within(at..at + run, produced);
                }
                at += run;
                produced += run;
                self.left -= u64::try_from(run).unwrap_or(0);
                if self.left > 0 {
                    break;
                }
                self.state = ChunkState::DataCr;
            }
            let Some(&byte) = bytes.get(at) else { break };
            at += 1;
            self.state = self.step(byte)?;
        }
        Ok(Decoded {
            consumed: at,
            produced,
        })
    }

    /// One byte that is not data.
    fn step(&mut self, byte: u8) -> io::Result<ChunkState> {
        match (self.state, byte) {
            (ChunkState::Start | ChunkState::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.in_line()?;
                self.digit(byte)?;
                Ok(ChunkState::Digits)
            }
            (ChunkState::Digits | ChunkState::Extension, b'\r') => Ok(ChunkState::HeaderLf),
            (ChunkState::Digits | ChunkState::Space, b' ' | b'\t') => {
                self.in_line()?;
                Ok(ChunkState::Space)
            }
            (ChunkState::Digits | ChunkState::Space, b';') => Ok(ChunkState::Extension),
            (ChunkState::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.in_line()?;
                Ok(ChunkState::Extension)
            }
            (ChunkState::HeaderLf, b'\n') => {
                self.line = 0;
                Ok(match self.left {
                    0 => ChunkState::TrailerStart,
                    _ => ChunkState::Data,
                })
            }
            (ChunkState::DataCr, b'\r') => Ok(ChunkState::DataLf),
            (ChunkState::DataLf, b'\n') => Ok(ChunkState::Start),
            (ChunkState::TrailerStart, b'\r') => Ok(ChunkState::LastLf),
            (ChunkState::LastLf, b'\n') => Ok(ChunkState::Done),
            (ChunkState::TrailerStart | ChunkState::TrailerLine, b'\t' | b' '..=b'~' | 0x80..) => {
                self.in_trailer()?;
                Ok(ChunkState::TrailerLine)
            }
            (ChunkState::TrailerLine, b'\r') => Ok(ChunkState::TrailerLf),
            (ChunkState::TrailerLf, b'\n') => {
                self.in_trailer()?;
                Ok(ChunkState::TrailerStart)
            }
            (ChunkState::Start, _) => Err(malformed("a chunk does not start with its size")),
            (ChunkState::Digits | ChunkState::Space, _) => {
                Err(malformed("a chunk's size is malformed"))
            }
            (ChunkState::DataCr | ChunkState::DataLf, _) => {
                Err(malformed("a chunk's data is not followed by CRLF"))
            }
            _ => Err(malformed("a chunk's header or a trailer is malformed")),
        }
    }

    fn digit(&mut self, byte: u8) -> io::Result<()> {
        let digit = char::from(byte).to_digit(16).unwrap_or(0);
        let size = self
            .left
            .checked_mul(16)
            .map(|size| size | u64::from(digit));
        self.left = size
            .filter(|&size| i64::try_from(size).is_ok())
            .ok_or_else(|| malformed("a chunk's size is beyond 63 bits"))?;
        Ok(())
    }

    fn in_line(&mut self) -> io::Result<()> {
        self.line += 1;
        match self.line > HEADER_LINE_BYTES_MAX {
            true => Err(malformed("a chunk's header line is too long")),
            false => Ok(()),
        }
    }

    fn in_trailer(&mut self) -> io::Result<()> {
        let left = self.trailer_left.checked_sub(1);
        self.trailer_left = left.ok_or_else(|| malformed("the trailers are too long"))?;
        Ok(())
    }
}

fn malformed(message: &str) -> io::Error {
    let message = format!("malformed chunked coding: {message}");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `raw` fed in pieces; the data and how many bytes were left over at the end.
    fn decode_pieces(pieces: &[&[u8]]) -> io::Result<(Vec<u8>, usize, bool)> {
        let mut decoder = Decoder::new(64);
        let (mut data, mut over) = (Vec::new(), 0);
        for piece in pieces {
            let mut bytes = piece.to_vec();
            let decoded = decoder.decode(&mut bytes)?;
            over += bytes.len() - decoded.consumed;
            data.extend_from_slice(&bytes[..decoded.produced]);
        }
        Ok((data, over, decoder.is_done()))
    }

    const BODY: &[u8] =
        b"5\r\nhello\r\n1;x=\"y\"\r\n \r\n00C ;a\r\nworld\r\n0\r\n!!\r\n0\r\nA: b\r\nC: d\r\n\r\nGET";

    #[test]
    fn data_is_the_same_wherever_the_bytes_are_cut() {
        let whole = (b"hello world\r\n0\r\n!!".to_vec(), 3, true);
        assert_eq!(decode_pieces(&[BODY]).unwrap(), whole);
        for first in 0..BODY.len() {
            for second in first..BODY.len() {
                let pieces = [&BODY[..first], &BODY[first..second], &BODY[second..]];
                assert_eq!(decode_pieces(&pieces).unwrap(), whole, "{first} {second}");
            }
        }
        let bytes: Vec<&[u8]> = BODY.chunks(1).collect();
        assert_eq!(decode_pieces(&bytes).unwrap(), whole);
    }

    #[test]
    fn a_body_without_its_end_is_not_done() {
        let end = BODY.len() - 3;
        for cut in 0..end {
            assert!(!decode_pieces(&[&BODY[..cut]]).unwrap().2, "{cut}");
        }
    }

    #[test]
    fn malformed_coding_is_rejected() {
        let long_line = [b"1;".as_slice(), &[b'x'; 300], b"\r\na\r\n0\r\n\r\n"].concat();
        let long_trailer = [b"0\r\nA: ".as_slice(), &[b'x'; 64], b"\r\n\r\n"].concat();
        let zeros = [[b'0'; 300].as_slice(), b"\r\n\r\n"].concat();
        let table: &[&[u8]] = &[
            b"\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b" 1\r\na\r\n",
            b"0x1\r\n",
            b";a\r\n",
            b"1 \r\na\r\n0\r\n\r\n",
            b"1 1\r\n",
            b"1\na\r\n0\r\n\r\n",
            b"1\rxa",
            b"1\r\nab\r\n",
            b"1\r\na\n0\r\n\r\n",
            b"1\r\na\rx",
            b"1;a\n",
            b"1;\0\r\n",
            b"0\r\n\n",
            b"0\r\n\rx",
            b"0\r\nA: b\n",
            b"0\r\nA: b\rx",
            b"0\r\n\0: b",
            b"8000000000000000\r\n",
            b"10000000000000001\r\n",
            b"ffffffffffffffffffff\r\n",
            &long_line,
            &long_trailer,
            &zeros,
        ];
        for raw in table {
            let result = decode_pieces(&[raw]);
            let shown = String::from_utf8_lossy(raw);
            assert!(result.is_err(), "{shown:?} gave {result:?}");
        }
    }

    #[test]
    fn a_size_below_two_to_the_63_is_taken() {
        let (data, _, done) = decode_pieces(&[b"7fffffffffffffff\r\nabc"]).unwrap();
        assert_eq!((data.as_slice(), done), (b"abc".as_slice(), false));
    }
}
