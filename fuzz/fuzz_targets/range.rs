//! `Range`, `If-Range` and `If-None-Match`, whatever they hold: what is selected exists, and is no more than the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::http::range::{self, RANGES_MAX, Selection};

fuzz_target!(|input: (u64, &str)| {
    let (length, text) = input;
    let tag = "\"sha256:0123\"";
    let _ = range::if_range(Some(text), tag);
    let _ = range::if_none_match(text, tag);
    for text in [text, &format!("bytes={text}")] {
        if let Selection::Partial(pieces) = range::select(Some(text), length) {
            assert!(!pieces.is_empty() && pieces.len() <= RANGES_MAX);
            let within = |(offset, count): &(u64, u64)| {
                *count > 0 && offset.checked_add(*count).is_some_and(|end| end <= length)
            };
            assert!(pieces.iter().all(within), "{pieces:?} of {length}");
            let sum = pieces.iter().try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count));
            assert!(sum.is_some_and(|sum| sum <= length));
        }
    }
});
