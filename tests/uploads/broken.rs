//! Connections that break, servers that stop, and files that were damaged: what came is kept, what
//! was not promised is not there, and a new push heals.

use super::{assert_no_session, assert_reached, assert_stored, complete, session};
use crate::util::image::{bytes, sha256, sha512};
use crate::util::raw::{Answer, Raw};
use crate::util::registry::{Settings, TestRegistry};
use std::fs;

/// Announces a body, sends only a part of it, and goes away. The answer, which nobody would read in
/// life, says that the server is done with it.
fn break_off(registry: &TestRegistry, request: &str, length: usize, sent: &[u8]) -> Answer {
    let mut raw = Raw::connect(registry.address);
    let head = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    raw.send(head).send(sent).finish().answer_to("PUT")
}

#[test]
fn a_chunk_that_broke_off_is_kept_and_goes_on() {
    let registry = TestRegistry::start();
    let (content, digest) = (bytes(1, 900_000), sha256(&bytes(1, 900_000)));
    let location = session(&registry, &content[..1000]);
    let broken = break_off(
        &registry,
        &format!("PATCH {location}"),
        899_000,
        &content[1000..400_000],
    );
    assert_eq!(broken.status, 400);
    assert_reached(&registry, &location, 400_000);
    let put = format!("PUT {location}?digest={digest}");
    let broken = break_off(&registry, &put, 500_000, &content[400_000..600_000]);
    assert_eq!(broken.status, 400);
    assert_reached(&registry, &location, 600_000);
    let field = [("Content-Range", "600000-799999")];
    registry
        .patch(&location, &field, &content[600_000..800_000])
        .expect(202);
    complete(&registry, &location, &digest, &content[800_000..]).expect(201);
    assert_stored(&registry, &digest, &content);
}

#[test]
fn a_stream_that_broke_off_is_kept_and_goes_on() {
    let registry = TestRegistry::start();
    let digest = sha256(b"0123456789");
    let location = session(&registry, b"01");
    let mut raw = Raw::connect(registry.address);
    let head =
        format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    raw.send(head).send("3\r\n234\r\n8\r\n567").finish();
    assert_eq!(raw.answer_to("PATCH").status, 400);
    assert_reached(&registry, &location, 8);
    complete(&registry, &location, &digest, b"89").expect(201);
    assert_stored(&registry, &digest, b"0123456789");
}

#[test]
fn a_whole_blob_that_broke_off_leaves_nothing() {
    let registry = TestRegistry::start();
    let content = bytes(2, 300_000);
    // The digest is right for what was sent: only the length says that there was more.
    for digest in [sha256(&content), sha512(&content)] {
        let post = format!("POST /v2/a/blobs/uploads/?digest={digest}");
        let broken = break_off(&registry, &post, 300_001, &content);
        assert_eq!(broken.status, 400);
        let put = format!("PUT {}?digest={digest}", session(&registry, b""));
        assert_eq!(break_off(&registry, &put, 300_001, &content).status, 400);
        registry.head(&format!("/v2/a/blobs/{digest}")).expect(404);
        let path = put.split(['?', ' ']).nth(1).unwrap();
        assert_reached(&registry, path, 300_000);
        registry.delete(path).expect(204);
        assert_no_session(&registry);
        assert_eq!(registry.files(""), [""; 0]);
    }
}

#[test]
fn a_session_goes_on_after_a_restart() {
    let mut registry = TestRegistry::start();
    let content = bytes(3, 50_000);
    for (query, digest) in [
        ("", sha256(&content)),
        ("", sha512(&content)),
        ("?digest-algorithm=sha512", sha512(&content)),
        ("?digest-algorithm=sha512", sha256(&content)),
    ] {
        let started = registry
            .post(&format!("/v2/a/blobs/uploads/{query}"))
            .expect(202);
        let location = started.field("Location").to_owned();
        registry = registry.restart();
        assert_reached(&registry, &location, 0);
        registry
            .patch(
                &location,
                &[("Content-Range", "0-9999")],
                &content[..10_000],
            )
            .expect(202);
        let patch = format!("PATCH {location}");
        let broken = break_off(&registry, &patch, 20_000, &content[10_000..20_000]);
        assert_eq!(broken.status, 400);
        registry = registry.restart();
        let wrong = registry.patch(&location, &[("Content-Range", "10000-10001")], b"xx");
        assert_eq!(
            wrong.expect_error(416, "RANGE_INVALID").field("Range"),
            "0-19999"
        );
        registry
            .patch(&location, &[], &content[20_000..30_000])
            .expect(202);
        registry = registry.restart();
        assert_reached(&registry, &location, 30_000);
        complete(&registry, &location, &digest, &content[30_000..]).expect(201);
        assert_stored(&registry, &digest, &content);
        registry = registry.restart();
        assert_stored(&registry, &digest, &content);
        registry
            .delete(&format!("/v2/a/blobs/{digest}"))
            .expect(202);
    }
}

#[test]
fn a_session_that_was_resumed_still_checks_its_digest() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"0123");
    let registry = registry.restart();
    let refused = complete(&registry, &location, &sha256(b"0123457"), b"456");
    refused.expect_error(400, "DIGEST_INVALID");
    registry
        .get(&location)
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(registry.files(""), [""; 0]);
    let location = session(&registry, b"0123");
    let registry = registry.restart();
    registry.delete(&location).expect(204);
    assert_no_session(&registry);
}

#[test]
fn more_sessions_than_are_kept_in_memory_finish() {
    let registry = Settings::default().set("HTTP_LIMITS_UPLOADS", "2").start();
    let content: Vec<Vec<u8>> = (0..7).map(|seed| bytes(seed, 5000)).collect();
    let sessions: Vec<String> = content.iter().map(|_| session(&registry, b"")).collect();
    for (first, last) in [(0, 1000), (1000, 2500), (2500, 4999)] {
        for (location, content) in sessions.iter().zip(&content) {
            let range = format!("{first}-{}", last - 1);
            let part = &content[first..last];
            registry
                .patch(location, &[("Content-Range", &range)], part)
                .expect(202);
        }
    }
    for (number, (location, content)) in sessions.iter().zip(&content).enumerate() {
        assert_reached(&registry, location, 4999);
        let digest = if number % 2 == 0 {
            sha256(content)
        } else {
            sha512(content)
        };
        complete(&registry, location, &digest, &content[4999..]).expect(201);
        let blob = registry.get(&format!("/v2/a/blobs/{digest}")).expect(200);
        assert!(blob.body == *content);
    }
    assert_no_session(&registry);
}

#[test]
fn pushing_again_heals_a_damaged_blob() {
    let registry = TestRegistry::start();
    let content = bytes(4, 20_000);
    let digest = registry.push_blob("a", &content);
    let file = registry.blob_file(&digest);
    let mut flipped = content.clone();
    flipped[10_000] ^= 1;
    for damaged in [&content[..5000], b"", &flipped] {
        for way in ["put", "post", "from another repository"] {
            fs::write(&file, damaged).unwrap();
            match way {
                "put" => drop(registry.push_blob("a", &content)),
                "post" => {
                    let path = format!("/v2/a/blobs/uploads/?digest={digest}");
                    registry
                        .call("POST", &path, &[], Some(&content))
                        .expect(201);
                }
                _ => drop(registry.push_blob("b", &content)),
            }
            assert!(fs::read(&file).unwrap() == content, "{way}");
            assert_stored(&registry, &digest, &content);
        }
    }
    let link = registry.file(&format!(
        "repositories/a/_layers/{}/link",
        digest.replace(':', "/")
    ));
    for broken in ["", "sha256:", "\0\0\0\0"] {
        fs::write(&link, broken).unwrap();
        registry
            .get(&format!("/v2/a/blobs/{digest}"))
            .expect_error(404, "BLOB_UNKNOWN");
        registry.push_blob("a", &content);
        assert_stored(&registry, &digest, &content);
    }
}
