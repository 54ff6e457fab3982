//! The bytes of a connection, whatever they are: they are answered or refused, never with 500 and never with silence.
#![no_main]

mod served;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| served::exchange(bytes));
