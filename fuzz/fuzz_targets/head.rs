//! Heads of requests, whatever they hold: each is parsed or refused, the same again after another one, and what is
//! taken has no line end in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::http::fuzzing;

fuzz_target!(|bytes: &[u8]| fuzzing::head(bytes));
