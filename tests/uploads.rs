//! Upload sessions: every way to push, and every way to get it wrong.

mod broken;
mod purge;
mod refused;
mod shared;
mod together;

use crate::util::image::{bytes, sha256, sha512};
use crate::util::pace::wait_until;
use crate::util::raw::{self, Raw};
use crate::util::registry::{RawResponse, TestRegistry};

/// A path of no session.
const UNKNOWN: &str = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000";

/// Starts a session of repository `a` that has these bytes; gives its newest location.
fn session(registry: &TestRegistry, content: &[u8]) -> String {
    let started = registry.post("/v2/a/blobs/uploads/").expect(202);
    let location = started.header("Location").to_owned();
    match content.is_empty() {
        true => location,
        false => patch(registry, &location, content),
    }
}

/// Adds bytes to a session; gives its new location.
fn patch(registry: &TestRegistry, location: &str, content: &[u8]) -> String {
    let added = registry.patch(location, &[], content).expect(202);
    added.header("Location").to_owned()
}

/// A location without the offset that it was given for: the path of the session.
fn path_of(location: &str) -> &str {
    location.split('?').next().unwrap()
}

/// Completes a session with a last part.
fn complete(registry: &TestRegistry, location: &str, digest: &str, last: &[u8]) -> RawResponse {
    registry.put(&format!("{location}&digest={digest}"), &[], last)
}

/// Begins a request with a body, sends some of it, and waits until the session has that.
fn half_sent(registry: &TestRegistry, request: &str, location: &str, sent: &[u8]) -> Raw {
    let mut raw = Raw::connect(registry.address);
    let head = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    raw.send(head).send(sent);
    let there = format!("0-{}", sent.len() - 1);
    wait_until("the session has what was sent", || {
        registry.get(location).expect(204).header("Range") == there
    });
    raw
}

/// Checks how far a session is.
#[track_caller]
fn assert_reached(registry: &TestRegistry, location: &str, length: usize) {
    let status = registry.get(location).expect(204);
    assert_eq!(
        status.header("Range"),
        format!("0-{}", length.saturating_sub(1))
    );
    let newest = format!("{}?offset={length}", path_of(location));
    assert_eq!(status.header("Location"), newest);
}

/// Checks that a blob is there, whole, and that no session is left on disk.
#[track_caller]
fn assert_stored(registry: &TestRegistry, digest: &str, content: &[u8]) {
    let blob = registry.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert!(blob.body == content, "{} bytes", blob.body.len());
    assert_no_session(registry);
}

/// Checks that nothing of any session of repository `a` is left on disk, not even a directory.
#[track_caller]
fn assert_no_session(registry: &TestRegistry) {
    let tree = registry.tree();
    let left: Vec<_> = tree
        .keys()
        .filter(|path| path.contains("/_uploads/"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Sends a body in chunks of HTTP, with further headers.
fn chunked(
    registry: &TestRegistry,
    (method, path): (&str, &str),
    headers: &str,
    body: &[u8],
) -> raw::RawResponse {
    let mut raw = Raw::connect(registry.address);
    raw.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    ));
    for chunk in body.chunks(3) {
        raw.send(format!("{:x}\r\n", chunk.len()))
            .send(chunk)
            .send("\r\n");
    }
    raw.send("0\r\n\r\n").answer_to(method)
}

#[test]
fn every_way_to_push_leaves_the_blob_and_nothing_else() {
    let registry = TestRegistry::start();
    for (way, length) in [(0, 0), (1, 0), (2, 1), (3, 300_000), (4, 300_000), (5, 9)].into_iter() {
        let content = bytes(way, length);
        let (half, digest) = (length / 2, sha256(&content));
        let created = match way {
            0 => complete(&registry, &session(&registry, b""), &digest, b""),
            1 => registry.post(&format!("/v2/a/blobs/uploads/?digest={digest}")),
            2 => complete(&registry, &session(&registry, b""), &digest, &content),
            3 => complete(&registry, &session(&registry, &content), &digest, b""),
            4 => complete(
                &registry,
                &session(&registry, &content[..half]),
                &digest,
                &content[half..],
            ),
            _ => {
                let location = format!("{}&digest={digest}", session(&registry, b""));
                registry.stream("PUT", &location, &mut &content[..])
            }
        };
        let created = created.expect(201);
        assert_eq!(created.header("Location"), format!("/v2/a/blobs/{digest}"));
        assert_eq!(created.header("Docker-Content-Digest"), digest);
        assert_stored(&registry, &digest, &content);
    }
}

#[test]
fn a_session_can_be_committed_under_either_algorithm() {
    let registry = TestRegistry::start();
    let content = bytes(1, 10_000);
    let (short, long) = (sha256(&content), sha512(&content));
    for query in ["", "?digest-algorithm=sha512", "?digest-algorithm=sha256"] {
        for digest in [&short, &long] {
            let started = registry
                .post(&format!("/v2/a/blobs/uploads/{query}"))
                .expect(202);
            let location = started.header("Location");
            let location = patch(&registry, location, &content[..4000]);
            complete(&registry, &location, digest, &content[4000..]).expect(201);
            assert_stored(&registry, digest, &content);
            registry
                .delete(&format!("/v2/a/blobs/{digest}"))
                .expect(202);
        }
    }
    let unknown = registry.post("/v2/a/blobs/uploads/?digest-algorithm=blake3");
    unknown.expect_error(400, "DIGEST_INVALID");
    assert_no_session(&registry);
}

#[test]
fn a_wrong_offset_is_refused_and_the_session_goes_on() {
    let registry = TestRegistry::start();
    let (content, digest) = (b"0123456789", sha256(b"0123456789"));
    let location = session(&registry, &content[..4]);
    for range in [
        "0-5",
        "3-8",
        "5-10",
        "18446744073709551610-18446744073709551615",
    ] {
        for (method, query) in [
            ("PATCH", String::new()),
            ("PUT", format!("&digest={digest}")),
        ] {
            let path = format!("{location}{query}");
            let headers = [("Content-Range", range)];
            let refused = registry.call(method, &path, &headers, Some(&content[4..]));
            let refused = refused.expect_error(416, "RANGE_INVALID");
            assert_eq!(refused.header("Range"), "0-3");
            assert_eq!(refused.header("Location"), location);
            assert_eq!(refused.json()["errors"][0]["detail"]["offset"], 4);
            assert_reached(&registry, &location, 4);
        }
    }
    registry
        .patch(&location, &[("Content-Range", "4-6")], &content[4..7])
        .expect(202);
    // A range says where its bytes belong, whatever the location was given for.
    let path = format!("{location}&digest={digest}");
    registry
        .put(&path, &[("Content-Range", "7-9")], &content[7..])
        .expect(201);
    assert_stored(&registry, &digest, content);
}

#[test]
fn a_range_that_is_not_the_body_is_refused_and_the_session_goes_on() {
    let registry = TestRegistry::start();
    let digest = sha256(b"01234567");
    let location = session(&registry, b"0123");
    for (range, status, code) in [
        ("4-6", 400, "SIZE_INVALID"),
        ("4-8", 400, "SIZE_INVALID"),
        ("0-18446744073709551615", 416, "RANGE_INVALID"),
        ("7-4", 416, "RANGE_INVALID"),
        ("4", 416, "RANGE_INVALID"),
        ("4-", 416, "RANGE_INVALID"),
        ("-7", 416, "RANGE_INVALID"),
        ("+4-7", 416, "RANGE_INVALID"),
        ("4-7x", 416, "RANGE_INVALID"),
        ("four-seven", 416, "RANGE_INVALID"),
        (
            "99999999999999999999-99999999999999999999",
            416,
            "RANGE_INVALID",
        ),
    ] {
        for path in [location.clone(), format!("{location}&digest={digest}")] {
            let method = if path == location { "PATCH" } else { "PUT" };
            let response = registry.call(method, &path, &[("Content-Range", range)], Some(b"4567"));
            response.expect_error(status, code);
            assert_reached(&registry, &location, 4);
        }
    }
    complete(&registry, &location, &digest, b"4567").expect(201);
    assert_stored(&registry, &digest, b"01234567");
}

#[test]
fn a_stream_that_is_not_its_range_is_refused_and_leaves_nothing() {
    let mut registry = TestRegistry::start();
    let (content, digest) = (bytes(2, 1000), sha256(&bytes(2, 1000)));
    let location = session(&registry, &content[..4]);
    for (range, sent) in [("4-9", 5), ("4-9", 7), ("4-9", 900), ("4-999", 0)] {
        let query = format!("{location}&digest={digest}");
        for target in [("PATCH", &location[..]), ("PUT", &query)] {
            let header = format!("Content-Range: {range}\r\n");
            let refused = chunked(&registry, target, &header, &content[4..4 + sent]);
            assert_eq!(refused.status, 400, "{}", refused.text());
            assert!(
                refused.text().contains("SIZE_INVALID"),
                "{}",
                refused.text()
            );
            assert_reached(&registry, &location, 4);
        }
        // Nor on the disk, which is what counts after a restart.
        registry = registry.restart();
        assert_reached(&registry, &location, 4);
    }
    let target = ("PATCH", &location[..]);
    let right = chunked(&registry, target, "Content-Range: 4-9\r\n", &content[4..10]);
    assert_eq!((right.status, right.header("Range")), (202, Some("0-9")));
    let location = right.header("Location").unwrap();
    complete(&registry, location, &digest, &content[10..]).expect(201);
    assert_stored(&registry, &digest, &content);
}

#[test]
fn a_commit_that_fails_leaves_the_session_as_it_was() {
    let mut registry = TestRegistry::start();
    for (digest, other) in [
        (sha256(b"right"), sha512(b"other")),
        (sha512(b"right"), sha256(b"other")),
    ] {
        let location = session(&registry, b"ri");
        // With the wrong bytes, and without any.
        for (last, length) in [(&b"ong"[..], 2), (b"", 2), (b"ght", 2)] {
            let asked = if last == b"ght" { &other } else { &digest };
            let refused = complete(&registry, &location, asked, last);
            let refused = refused.expect_error(400, "DIGEST_INVALID");
            assert!(refused.json()["errors"][0]["detail"].is_string());
            assert_reached(&registry, &location, length);
        }
        registry = registry.restart();
        assert_reached(&registry, &location, 2);
        registry
            .get(&format!("/v2/a/blobs/{digest}"))
            .expect_error(404, "BLOB_UNKNOWN");
        complete(&registry, &location, &digest, b"ght").expect(201);
        assert_stored(&registry, &digest, b"right");
    }
}

#[test]
fn a_whole_blob_of_another_digest_leaves_nothing() {
    let registry = TestRegistry::start();
    for digest in [sha256(b"right"), sha512(b"right")] {
        let whole = format!("/v2/a/blobs/uploads/?digest={digest}");
        let refused = registry.call("POST", &whole, &[], Some(b"wrong"));
        refused.expect_error(400, "DIGEST_INVALID");
        assert_no_session(&registry);
        assert_eq!(registry.files(""), [""; 0], "no blob, no link");
    }
}

#[test]
fn a_commit_without_a_right_digest_keeps_the_session() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"0123");
    let upper = sha256(b"01234").to_uppercase();
    for query in [
        "",
        "&digest=",
        "&digest=latest",
        "&digest=sha256:12",
        "&digest=md5:d41d8cd98f00b204e9800998ecf8427e",
        "&other=x",
        &format!("&digest={upper}"),
        &format!("&digest=sha256:{}", &upper[7..]),
    ] {
        let refused = registry.put(&format!("{location}{query}"), &[], b"4");
        refused.expect_error(400, "DIGEST_INVALID");
        assert_reached(&registry, &location, 4);
    }
    complete(&registry, &location, &sha256(b"01234"), b"4").expect(201);
    assert_stored(&registry, &sha256(b"01234"), b"01234");
}

#[test]
fn a_session_belongs_to_its_repository() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"0123");
    let digest = sha256(b"0123");
    let before = registry.tree();
    for foreign in [
        location.replacen("/a/", "/b/", 1),
        location.replacen("/a/", "/a/a/", 1),
        UNKNOWN.into(),
    ] {
        for (method, query) in [
            ("GET", ""),
            ("HEAD", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("PUT", "?digest="),
        ] {
            let digest = if query.is_empty() { "" } else { &digest };
            let path = format!("{}{query}{digest}", path_of(&foreign));
            let body = ["PATCH", "PUT"].contains(&method).then_some(&b""[..]);
            let response = registry.call(method, &path, &[], body).expect(404);
            if method != "HEAD" {
                let response = response.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
                assert!(response.json()["errors"][0]["detail"].is_string());
            }
        }
    }
    assert!(registry.tree() == before, "something was written");
    complete(&registry, &location, &digest, b"").expect(201);
}

#[test]
fn a_cancelled_session_is_gone_at_once() {
    let registry = TestRegistry::start();
    for content in [&b""[..], b"0123"] {
        let location = session(&registry, content);
        assert_reached(&registry, &location, content.len());
        registry.delete(&location).expect(204);
        registry
            .get(&location)
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        registry
            .delete(&location)
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        let digest = sha256(content);
        complete(&registry, &location, &digest, b"").expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        assert_no_session(&registry);
    }
}

#[test]
fn a_committed_session_is_gone() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"0123");
    let digest = sha256(b"0123");
    complete(&registry, &location, &digest, b"").expect(201);
    complete(&registry, &location, &digest, b"").expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    registry
        .patch(&location, &[], b"x")
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    registry
        .get(&location)
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    assert_stored(&registry, &digest, b"0123");
}
