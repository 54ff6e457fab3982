//! Connections that break, servers that stop, and files that were damaged: what came is kept, what
//! was not promised is not there, and a new push heals.

use super::{assert_no_session, assert_reached, assert_stored, complete, patch, path_of, session};
use crate::util::image::{bytes, sha256, sha512};
use crate::util::raw::{Raw, RawResponse};
use crate::util::registry::{Settings, TestRegistry};
use std::fs;

/// Announces a body, sends only a part of it, and goes away. The response, which nobody would read in
/// life, says that the server is done with it.
fn break_off(registry: &TestRegistry, request: &str, length: usize, sent: &[u8]) -> RawResponse {
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
    let location = registry.get(&location).header("Location").to_owned();
    // A commit is all or nothing.
    let put = format!("PUT {location}&digest={digest}");
    let broken = break_off(&registry, &put, 500_000, &content[400_000..600_000]);
    assert_eq!(broken.status, 400);
    assert_reached(&registry, &location, 400_000);
    let location = patch(&registry, &location, &content[400_000..600_000]);
    let header = [("Content-Range", "600000-799999")];
    let added = registry.patch(&location, &header, &content[600_000..800_000]);
    let location = added.expect(202).header("Location").to_owned();
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
    let location = registry.get(&location).header("Location").to_owned();
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
        let put = format!("PUT {}&digest={digest}", session(&registry, b""));
        assert_eq!(break_off(&registry, &put, 300_001, &content).status, 400);
        registry.head(&format!("/v2/a/blobs/{digest}")).expect(404);
        let path = put.split(['?', ' ']).nth(1).unwrap();
        assert_reached(&registry, path, 0);
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
        let location = started.header("Location").to_owned();
        registry = registry.restart();
        assert_reached(&registry, &location, 0);
        registry
            .patch(
                &location,
                &[("Content-Range", "0-9999")],
                &content[..10_000],
            )
            .expect(202);
        let request = format!("PATCH {}", path_of(&location));
        let broken = break_off(&registry, &request, 20_000, &content[10_000..20_000]);
        assert_eq!(broken.status, 400);
        registry = registry.restart();
        let wrong = registry.patch(&location, &[("Content-Range", "10000-10001")], b"xx");
        let wrong = wrong.expect_error(416, "RANGE_INVALID");
        assert_eq!(wrong.header("Range"), "0-19999");
        let location = wrong.header("Location");
        let location = patch(&registry, location, &content[20_000..30_000]);
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
    assert_reached(&registry, &location, 4);
    let registry = registry.restart();
    registry.delete(&location).expect(204);
    assert_eq!(registry.files(""), [""; 0]);
    assert_no_session(&registry);
}

#[test]
fn a_request_that_is_repeated_is_not_appended_a_second_time() {
    let registry = TestRegistry::start();
    let content = bytes(5, 3000);
    let digest = sha256(&content);
    for repeated in ["patch", "put"] {
        let first = session(&registry, b"");
        // The response is lost, and the client sends the same again.
        let second = patch(&registry, &first, &content[..1000]);
        assert_eq!(patch(&registry, &first, &content[..1000]), second);
        let third = patch(&registry, &second, &content[1000..2000]);
        // What the client is known to have heard of stays: it has used the second location.
        let late = registry.patch(&first, &[], &content[..1000]);
        let late = late.expect_error(416, "RANGE_INVALID");
        assert_eq!(late.header("Range"), "0-1999");
        assert_eq!(late.header("Location"), third);
        assert!(third.contains(late.header("Docker-Upload-UUID")));
        // One that broke off in the middle may be repeated, by another kind of request as well.
        let broken = break_off(
            &registry,
            &format!("PATCH {third}"),
            1000,
            &content[2000..2500],
        );
        assert_eq!(broken.status, 400);
        assert_reached(&registry, &third, 2500);
        match repeated {
            "patch" => {
                let last = patch(&registry, &third, &content[2000..]);
                complete(&registry, &last, &digest, b"").expect(201);
            }
            _ => drop(complete(&registry, &third, &digest, &content[2000..]).expect(201)),
        }
        assert_stored(&registry, &digest, &content);
    }
}

#[test]
fn a_repeated_request_is_right_after_a_restart_and_under_both_algorithms() {
    let mut registry = TestRegistry::start();
    let content = bytes(6, 30_000);
    for digest in [sha256(&content), sha512(&content)] {
        let first = session(&registry, b"");
        let second = patch(&registry, &first, &content[..10_000]);
        patch(&registry, &second, &content[10_000..20_000]);
        registry = registry.restart();
        let third = patch(&registry, &second, &content[10_000..20_000]);
        assert_reached(&registry, &third, 20_000);
        complete(&registry, &third, &digest, &content[20_000..]).expect(201);
        assert_stored(&registry, &digest, &content);
        registry
            .delete(&format!("/v2/a/blobs/{digest}"))
            .expect(202);
    }
}

#[test]
fn a_session_whose_file_was_removed_is_unknown() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"0123");
    let id = path_of(&location).rsplit('/').next().unwrap();
    fs::remove_dir_all(registry.file(&format!("repositories/a/_uploads/{id}"))).unwrap();
    let digest = sha256(b"01234");
    complete(&registry, &location, &digest, b"4").expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    registry
        .patch(&location, &[], b"4")
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn a_session_whose_file_was_shortened_goes_on_where_the_disk_ends() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"01234567");
    let id = path_of(&location).rsplit('/').next().unwrap();
    let file = registry.file(&format!("repositories/a/_uploads/{id}/data"));
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(4)
        .unwrap();
    let long = sha512(b"0123456789");
    complete(&registry, &location, &long, b"89").expect_error(416, "RANGE_INVALID");
    assert_reached(&registry, &location, 4);
    let location = registry.get(&location).header("Location").to_owned();
    complete(&registry, &location, &long, b"456789").expect(201);
    assert_stored(&registry, &long, b"0123456789");
}

#[test]
fn more_sessions_than_there_may_be_are_refused_until_others_have_ended() {
    let registry = Settings::default().set("HTTP_LIMITS_UPLOADS", "2").start();
    let (first, second) = (session(&registry, b"0"), session(&registry, b"1"));
    let refused = registry.post("/v2/a/blobs/uploads/");
    let refused = refused.expect_error(503, "UNAVAILABLE");
    assert!(refused.header("Retry-After").parse::<u64>().unwrap() > 0);
    // What needs no session is not refused.
    let whole = format!("/v2/a/blobs/uploads/?digest={}", sha256(b"2"));
    registry.call("POST", &whole, &[], Some(b"2")).expect(201);
    registry.delete(&first).expect(204);
    let third = session(&registry, b"3");
    complete(&registry, &second, &sha256(b"1"), b"").expect(201);
    session(&registry, b"4");
    registry
        .post("/v2/a/blobs/uploads/")
        .expect_error(503, "UNAVAILABLE");
    assert_reached(&registry, &third, 1);
}

#[test]
fn one_address_has_its_share_of_the_sessions() {
    let registry = Settings::default()
        .set("HTTP_LIMITS_UPLOADSPERADDRESS", "2")
        .start();
    let first = session(&registry, b"0");
    session(&registry, b"1");
    let refused = registry.post("/v2/a/blobs/uploads/");
    let refused = refused.expect_error(429, "TOOMANYREQUESTS");
    assert!(refused.header("Retry-After").parse::<u64>().unwrap() > 0);
    complete(&registry, &first, &sha256(b"0"), b"").expect(201);
    session(&registry, b"2");
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
            if damaged.is_empty() {
                // It cannot be what its digest says, so clients are told to push it.
                let path = format!("/v2/a/blobs/{digest}");
                registry.head(&path).expect(404);
                registry.get(&path).expect_error(404, "BLOB_UNKNOWN");
                let mount = format!("/v2/c/blobs/uploads/?mount={digest}&from=a");
                let session = registry.post(&mount).expect(202);
                registry.delete(session.header("Location")).expect(204);
            }
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
