//! `Content-Range` of a chunk, whatever it holds: the chunk is taken or refused, never with 500.
#![no_main]

mod served;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (length, range) = input;
    if range.contains(['\r', '\n']) {
        return;
    }
    // As it is, and with the length that the range would need.
    let body = "x".repeat(usize::from(length % 64));
    let head = format!(
        "PATCH {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Range: {range}\r\nContent-Length: {}\r\n\r\n{body}",
        served::session(),
        body.len()
    );
    served::exchange(head.as_bytes());
});
