//! Blobs: pushed in every way the spec has, pulled whole and in ranges, mounted, deleted.

use crate::util::image::{bytes, sha256, sha512};
use crate::util::registry::TestRegistry;

#[test]
fn a_blob_comes_back_as_it_was_pushed() {
    let registry = TestRegistry::start();
    let content = bytes(1, 3_000_000);
    let digest = registry.push_blob("a/b", &content);
    let path = format!("/v2/a/b/blobs/{digest}");
    let answer = registry.get(&path).expect(200);
    assert!(answer.body == content);
    assert_eq!(answer.field("Docker-Content-Digest"), digest);
    assert_eq!(answer.field("Content-Type"), "application/octet-stream");
    let head = registry.head(&path).expect(200);
    assert_eq!(head.field("Content-Length"), "3000000");
    assert_eq!(head.field("Accept-Ranges"), "bytes");
    let tag = head.field("ETag");
    let known = registry
        .call("GET", &path, &[("If-None-Match", tag)], None)
        .expect(304);
    assert!(known.body.is_empty());
}

#[test]
fn a_blob_is_pushed_by_one_post() {
    let registry = TestRegistry::start();
    let content = bytes(2, 100_000);
    for digest in [sha256(&content), sha512(&content)] {
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        let created = registry
            .call("POST", &path, &[], Some(&content))
            .expect(201);
        assert_eq!(created.field("Docker-Content-Digest"), digest);
        assert!(registry.get(created.field("Location")).expect(200).body == content);
    }
    let empty = sha256(b"");
    let path = format!("/v2/a/blobs/uploads/?digest={empty}");
    registry.post(&path).expect(201);
    assert!(
        registry
            .get(&format!("/v2/a/blobs/{empty}"))
            .expect(200)
            .body
            .is_empty()
    );
}

#[test]
fn a_blob_is_pushed_in_chunks_and_as_a_stream() {
    let registry = TestRegistry::start();
    let content = bytes(3, 700_001);
    let started = registry.post("/v2/a/blobs/uploads/").expect(202);
    assert_eq!(started.field("Range"), "0-0");
    assert!(
        started
            .field("Location")
            .ends_with(started.field("Docker-Upload-UUID"))
    );
    let mut location = started.field("Location").to_owned();
    for (first, last) in [(0, 99_999), (100_000, 100_000), (100_001, 499_999)] {
        let range = format!("{first}-{last}");
        let part = registry.patch(
            &location,
            &[("Content-Range", &range)],
            &content[first..=last],
        );
        let part = part.expect(202);
        assert_eq!(part.field("Range"), format!("0-{last}"));
        location = part.field("Location").to_owned();
    }
    registry
        .stream("PATCH", &location, &mut &content[500_000..])
        .expect(202);
    let digest = sha256(&content);
    registry
        .put(&format!("{location}?digest={digest}"), &[], b"")
        .expect(201);
    assert!(
        registry
            .get(&format!("/v2/a/blobs/{digest}"))
            .expect(200)
            .body
            == content
    );
}
