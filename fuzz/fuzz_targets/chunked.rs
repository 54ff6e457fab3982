//! The chunked coding, whatever it holds and wherever it is cut: the data is the same as in one piece.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::http::fuzzing;

fuzz_target!(|input: (u8, &[u8])| fuzzing::chunked(input.1, usize::from(input.0) + 1));
