//! The largest manifest that is taken, and that a larger one is refused without being read.

use super::{assert_manifest, with_parts};
use crate::util::image::image;
use crate::util::raw::{Raw, RawResponse};
use crate::util::registry::{Settings, TestRegistry};
use registry::spec::manifest::MANIFEST_BYTES_MAX;
use registry::spec::media_type::OCI_MANIFEST;

/// `image(1)` with so much space behind it that it has this length.
fn padded(length: usize) -> Vec<u8> {
    let mut bytes = image(1).to_string().into_bytes();
    bytes.extend(vec![b' '; length - bytes.len()]);
    bytes
}

fn head(tag: &str, framing: &str) -> String {
    format!(
        "PUT /v2/a/manifests/{tag} HTTP/1.1\r\nHost: x\r\nContent-Type: {OCI_MANIFEST}\r\n{framing}\r\n\r\n"
    )
}

fn assert_too_large(response: &RawResponse, limit: usize) {
    assert_eq!(response.status, 413, "{}", response.text());
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["errors"][0]["code"], "MANIFEST_INVALID");
    let message = body["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains(&limit.to_string()) && message.contains("manifestbytes"),
        "{message}"
    );
}

/// Sends a body in chunks of HTTP until it ends or the server has closed.
fn send_chunks(raw: &mut Raw, body: &[u8]) {
    for chunk in body.chunks(100_000) {
        raw.send(format!("{:x}\r\n", chunk.len()))
            .send(chunk)
            .send("\r\n");
    }
    raw.send("0\r\n\r\n");
}

#[test]
fn exactly_the_limit_is_taken_and_a_byte_more_is_not() {
    let registry = with_parts();
    let limit = MANIFEST_BYTES_MAX as usize;
    assert_eq!(limit, 4 * 1024 * 1024);
    let whole = padded(limit);
    let mut raw = Raw::connect(registry.address);
    raw.send(head("whole", &format!("Content-Length: {limit}")))
        .send(&whole);
    assert_eq!(raw.response().status, 201);
    assert_manifest(&registry, "whole", OCI_MANIFEST, &whole);
    raw.send(head("chunked", "Transfer-Encoding: chunked"));
    send_chunks(&mut raw, &whole);
    assert_eq!(raw.response().status, 201);
    assert_manifest(&registry, "chunked", OCI_MANIFEST, &whole);
    let before = registry.tree();
    let mut raw = Raw::connect(registry.address);
    raw.send(head("more", &format!("Content-Length: {}", limit + 1)));
    assert_too_large(&raw.response(), limit);
    let mut raw = Raw::connect(registry.address);
    raw.send(head("more", "Transfer-Encoding: chunked"));
    send_chunks(&mut raw, &padded(limit + 1));
    assert_too_large(&raw.response(), limit);
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn a_manifest_that_says_it_is_too_large_is_not_read() {
    let registry = TestRegistry::start();
    for length in ["4194305", "1000000000000", "9223372036854775807"] {
        // Nothing of the body is ever sent: the response comes without it, and asks for none.
        let mut raw = Raw::connect(registry.address);
        let framing = format!("Content-Length: {length}\r\nExpect: 100-continue");
        raw.send(head("v1", &framing));
        let response = raw.response();
        assert_too_large(&response, MANIFEST_BYTES_MAX as usize);
        assert_eq!(response.header("Connection"), Some("close"));
        raw.expect_end();
    }
}

#[test]
fn a_manifest_that_is_welcome_is_asked_for() {
    let registry = with_parts();
    let bytes = padded(10_000);
    let mut raw = Raw::connect(registry.address);
    raw.send(head("v1", "Content-Length: 10000\r\nExpect: 100-continue"));
    assert_eq!(raw.response().status, 100);
    assert_eq!(raw.send(&bytes).response().status, 201);
    assert_manifest(&registry, "v1", OCI_MANIFEST, &bytes);
}

#[test]
fn the_limit_is_configured() {
    let registry = Settings::default()
        .set("HTTP_LIMITS_MANIFESTBYTES", "2KiB")
        .start();
    registry.push_parts("a", 1);
    let put = |tag: &str, length: usize| {
        let mut raw = Raw::connect(registry.address);
        raw.send(head(tag, &format!("Content-Length: {length}")))
            .send(padded(length))
            .response()
    };
    assert_eq!(put("v1", 2048).status, 201);
    assert_manifest(&registry, "v1", OCI_MANIFEST, &padded(2048));
    assert_too_large(&put("v2", 2049), 2048);
    registry.head("/v2/a/manifests/v2").expect(404);
}

#[test]
fn a_manifest_that_broke_off_is_not_stored() {
    let registry = with_parts();
    let before = registry.tree();
    let bytes = image(1).to_string().into_bytes();
    let mut raw = Raw::connect(registry.address);
    let framing = format!("Content-Length: {}", bytes.len() + 1);
    raw.send(head("v1", &framing)).send(&bytes).finish();
    assert_eq!(raw.response().status, 400);
    assert!(registry.tree() == before, "something was written");
}
