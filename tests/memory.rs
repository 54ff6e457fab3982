//! What is held in memory for clients has a bound, whatever they send, ask for and do not read.

#[cfg(target_os = "linux")]
mod highest;

use crate::util::image::{descriptor, image, sha256};
use crate::util::pace::wait_until;
use crate::util::raw::Raw;
use crate::util::registry::{Settings, TestRegistry};
use registry::spec::media_type::OCI_MANIFEST;
use serde_json::json;
use std::fs;

const MIB: usize = 1024 * 1024;

/// `image(1)`, padded to that many bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut bytes = image(1).to_string().into_bytes();
    bytes.extend(vec![b' '; length - bytes.len()]);
    bytes
}

/// The head of a push of a manifest.
fn put_head(reference: &str, length: usize) -> String {
    format!(
        "PUT /v2/a/manifests/{reference} HTTP/1.1\r\nHost: x\r\nContent-Type: {OCI_MANIFEST}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

#[test]
fn large_pushes_beyond_the_memory_are_refused_with_503_and_small_ones_go_on() {
    let registry = Settings::default()
        .set("HTTP_LIMITS_MEMORY", "32MiB")
        .set("HTTP_LIMITS_MANIFESTBYTES", "1500KiB")
        .start();
    registry.push_parts("a", 1);
    let body = padded(1500 * 1024);
    let mut held = Vec::new();
    let refused = loop {
        assert!(held.len() < 32, "nothing is refused");
        let mut raw = Raw::connect(registry.address);
        raw.send(put_head("large", body.len()))
            .send(&body[..body.len() - 1]);
        // It has read all that came, or has refused it.
        let mut next = Raw::connect(registry.address);
        next.send(put_head("large", body.len())).send(&body);
        let response = next.answer_to("PUT");
        if response.status == 503 {
            break response;
        }
        assert_eq!(response.status, 201, "{}", response.text());
        held.push(raw);
    };
    assert_eq!(refused.header("Retry-After"), Some("1"));
    assert!(refused.text().contains("http.limits.memory"));
    assert!(held.len() >= 4, "{}", held.len());
    registry.put_manifest("a", "small", &image(1)).expect(201);
    registry.get("/v2/a/manifests/small").expect(200);
    drop(held);
    // What they held comes back as soon as the server sees that they went.
    wait_until("there is memory again", || {
        let mut raw = Raw::connect(registry.address);
        raw.send(put_head("large", body.len())).send(&body);
        let status = raw.answer_to("PUT").status;
        assert!([201, 503].contains(&status), "{status}");
        status == 201
    });
}

#[test]
fn a_large_manifest_is_checked_before_it_is_sent_from_its_file() {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    let bytes = padded(MIB);
    let digest = sha256(&bytes);
    let headers = [("Content-Type", OCI_MANIFEST)];
    registry
        .put("/v2/a/manifests/v1", &headers, &bytes)
        .expect(201);
    for reference in ["v1", &digest] {
        let response = registry
            .get(&format!("/v2/a/manifests/{reference}"))
            .expect(200);
        assert!(response.body == bytes);
        assert_eq!(response.header("Content-Type"), OCI_MANIFEST);
        assert_eq!(response.header("Docker-Content-Digest"), digest);
        let head = registry
            .head(&format!("/v2/a/manifests/{reference}"))
            .expect(200);
        assert_eq!(head.header("Content-Length"), MIB.to_string());
    }
    let damaged = [&bytes[..MIB - 1], b"\n"].concat();
    fs::write(registry.blob_file(&digest), damaged).unwrap();
    let response = registry.get("/v2/a/manifests/v1");
    response.expect_error(500, "UNKNOWN");
}

#[test]
fn the_first_hundred_missing_things_are_named_and_all_are_counted_once() {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    let missing = |number: usize| descriptor("a/b", number.to_string().as_bytes());
    let mut manifest = image(1);
    let mut push = |count: usize| {
        let twice: Vec<_> = (0..2 * count).map(|number| missing(number / 2)).collect();
        manifest["layers"] = json!(twice);
        let response = registry.put_manifest("a", "v1", &manifest);
        let body = response.expect_error(400, "MANIFEST_BLOB_UNKNOWN").json();
        body["errors"].as_array().unwrap().clone()
    };
    for (count, named) in [(1, 1), (100, 100), (101, 100), (300, 100)] {
        let errors = push(count);
        assert_eq!(errors.len(), named);
        for (number, error) in errors.iter().enumerate() {
            assert_eq!(error["detail"], missing(number)["digest"]);
            let message = error["message"].as_str().unwrap();
            let is_counted = message.contains(&format!(" {count} ")) && message.contains(" 100 ");
            assert_eq!(is_counted, count > named, "{message}");
        }
    }
}

#[test]
fn what_a_client_wrote_is_cut_in_an_error() {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    let long = "%01".repeat(20_000);
    for path in [
        format!("/v2/{long}/tags/list"),
        format!("/v2/{long}"),
        format!("/v2/a/manifests/{long}"),
        format!("/v2/a/blobs/{long}"),
        format!("/v2/a/tags/list?n={long}"),
        format!("/v2/a/referrers/{}?last={long}", sha256(b"")),
    ] {
        let mut raw = Raw::connect(registry.address);
        let response = raw.request(&path).response();
        assert!((400..500).contains(&response.status), "{}", response.status);
        assert!(response.body.len() < 10_000, "{}", response.body.len());
    }
    let long = "\u{7f}".repeat(MIB);
    for (from, to) in [
        (OCI_MANIFEST, long.as_str()),
        ("sha256:", &long),
        (
            "\"schemaVersion\":2",
            &format!("\"schemaVersion\":\"{long}\""),
        ),
    ] {
        let body = image(1).to_string().replacen(from, to, 1);
        let mut raw = Raw::connect(registry.address);
        raw.send(put_head("v1", body.len())).send(&body);
        let response = raw.answer_to("PUT");
        assert_eq!(response.status, 400);
        assert!(response.body.len() < 20_000, "{}", response.body.len());
    }
}
