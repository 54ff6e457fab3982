//! Two registries on one directory: an old container and a new one during an update, replicas on one volume. What is
//! published is what was hashed, and whoever serves a request counts what the other did.

use super::{
    assert_no_session, assert_reached, assert_stored, complete, half_sent, patch, path_of, session,
};
use crate::util::image::{bytes, image, sha256, sha512};
use crate::util::registry::{Settings, TestRegistry};
use std::sync::Barrier;
use std::thread;

/// Two registries over one directory.
fn two() -> (TestRegistry, TestRegistry) {
    let first = TestRegistry::start();
    let second = Settings::default().root(&first.root).start();
    (first, second)
}

#[test]
fn a_session_goes_on_at_either_of_them() {
    let (first, second) = two();
    let content = bytes(1, 600_000);
    for digest in [sha256(&content), sha512(&content)] {
        let location = session(&first, &content[..100_000]);
        assert_reached(&second, &location, 100_000);
        let location = patch(&second, &location, &content[100_000..300_000]);
        assert_reached(&first, &location, 300_000);
        let location = patch(&first, &location, &content[300_000..400_000]);
        let location = patch(&second, &location, &content[400_000..500_000]);
        complete(&first, &location, &digest, &content[500_000..]).expect(201);
        assert_stored(&second, &digest, &content);
        second.get(path_of(&location)).expect(404);
    }
    // Each request elsewhere, as behind a balancer.
    let (content, digest) = (b"small", sha256(b"small"));
    let location = session(&first, b"");
    let location = patch(&second, &location, content);
    complete(&first, &location, &digest, b"").expect(201);
    let location = session(&first, b"");
    complete(&second, &location, &digest, content).expect(201);
    first.patch(path_of(&location), &[], b"x").expect(404);
    assert_stored(&first, &digest, content);
}

#[test]
fn bytes_that_the_other_replaced_are_not_published_under_their_old_digest() {
    let (first, second) = two();
    let (good, evil) = (bytes(1, 50_000), bytes(2, 50_000));
    let digest = sha256(&good);
    first.push_blob("b", &good);
    for round in 0..20 {
        let started = session(&first, b"");
        let location = patch(&first, &started, &good);
        // As many bytes, at the location that was given for the start.
        second.patch(&started, &[], &evil).expect(202);
        match round % 2 {
            0 => complete(&first, &location, &digest, b"").expect_error(400, "DIGEST_INVALID"),
            _ => complete(&first, &location, &sha256(&evil), b"").expect(201),
        };
        let stored = first.get(&format!("/v2/b/blobs/{digest}")).expect(200);
        assert!(stored.body == good);
        first.delete(path_of(&location));
    }
}

#[test]
fn what_is_still_arriving_at_one_is_not_written_into_what_the_other_published() {
    let (first, second) = two();
    let (good, evil) = (bytes(1, 300_000), bytes(2, 700_000));
    let location = session(&first, b"");
    let mut open = half_sent(&first, &format!("PATCH {location}"), &location, &good);
    let there = second.get(path_of(&location)).expect(204);
    complete(&second, there.header("Location"), &sha256(&good), b"").expect(201);
    assert_eq!(open.send(&evil).answer_to("PATCH").status, 404);
    assert_stored(&first, &sha256(&good), &good);
}

#[test]
fn nothing_is_acknowledged_that_went_to_a_file_which_the_other_replaced() {
    let (first, second) = two();
    let content = bytes(1, 1_000_000);
    let location = session(&first, b"");
    let mut open = half_sent(
        &first,
        &format!("PATCH {location}"),
        &location,
        &content[..200_000],
    );
    let there = second.get(path_of(&location)).expect(204);
    let taken = there.header("Location");
    let location = patch(&second, taken, &content[200_000..400_000]);
    let response = open.send(&content[200_000..]).answer_to("PATCH");
    assert_eq!(response.status, 416, "{}", response.text());
    assert_eq!(response.header("Range"), Some("0-399999"));
    complete(&first, &location, &sha256(&content), &content[400_000..]).expect(201);
    assert_stored(&second, &sha256(&content), &content);
}

#[test]
fn a_session_that_the_other_cancelled_is_gone() {
    let (first, second) = two();
    for content in [&b""[..], b"0123"] {
        let location = session(&first, content);
        second.delete(&location).expect(204);
        first
            .patch(&location, &[], b"4")
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        first.get(&location).expect(404);
        assert_no_session(&first);
    }
}

#[test]
fn a_tag_that_comes_at_one_while_its_manifest_is_deleted_at_the_other_goes_with_it_or_stays_whole()
{
    let (first, second) = two();
    first.push_parts("a", 1);
    for _ in 0..40 {
        let digest = first.put_manifest("a", "v1", &image(1)).expect(201);
        let digest = digest.header("Docker-Content-Digest").to_owned();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                first
                    .delete(&format!("/v2/a/manifests/{digest}"))
                    .expect(202)
            });
            start.wait();
            second.put_manifest("a", "v2", &image(1)).expect(201);
        });
        let tags = first.get("/v2/a/tags/list").json()["tags"].clone();
        for tag in tags.as_array().into_iter().flatten() {
            let tag = tag.as_str().unwrap();
            assert_eq!(tag, "v2");
            second.get(&format!("/v2/a/manifests/{tag}")).expect(200);
        }
    }
}
