//! One request of the API, whatever its path, query, headers and body are. The first line of the input is the method's number
//! and what follows `/v2/`; then come headers up to an empty line, and the body.
#![no_main]

mod served;

use libfuzzer_sys::fuzz_target;

const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"];

fuzz_target!(|input: &str| {
    let (head, body) = input.split_once("\n\n").unwrap_or((input, ""));
    let mut lines = head.lines();
    let target = lines.next().unwrap_or_default();
    let number = target.bytes().next().unwrap_or_default();
    let method = METHODS[usize::from(number) % METHODS.len()];
    let rest: String = target.chars().skip(1).collect();
    let mut request = format!("{method} /v2/{rest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for line in lines {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    served::exchange(request.as_bytes());
});
