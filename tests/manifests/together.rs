//! Manifests and tags pushed, pulled and deleted at the same time: nothing fails, nothing is half there.

use crate::util::image::{image, sha256};
use crate::util::registry::TestRegistry;
use std::sync::Barrier;
use std::thread;

/// Runs each of these in a thread of its own, so many times, started together.
fn together(rounds: usize, acts: &[&(dyn Fn() + Sync)]) {
    let barrier = Barrier::new(acts.len());
    thread::scope(|scope| {
        for act in acts {
            scope.spawn(|| {
                barrier.wait();
                (0..rounds).for_each(|_| act());
            });
        }
    });
}

fn assert_one_of(status: u16, expected: &[u16]) {
    assert!(expected.contains(&status), "{status}, not of {expected:?}");
}

#[test]
fn a_tag_that_is_pushed_and_deleted_at_once_is_whole_or_gone() {
    let registry = TestRegistry::start();
    let digests = [1, 2].map(|seed| registry.push_image("a", "v1", seed));
    let put = |seed| registry.put_manifest("a", "v1", &image(seed)).status;
    let get = || {
        let response = registry.get("/v2/a/manifests/v1");
        assert_one_of(response.status, &[200, 404]);
        if response.status == 200 {
            assert!(
                digests.contains(&sha256(&response.body)),
                "a manifest that nobody pushed"
            );
        }
    };
    let list = || {
        let body = registry.get("/v2/a/tags/list").expect(200).json();
        assert!(body["tags"].as_array().unwrap().len() <= 1, "{body}");
    };
    together(
        20,
        &[
            &|| assert_one_of(put(1), &[201]),
            &|| assert_one_of(put(2), &[201]),
            &|| assert_one_of(registry.delete("/v2/a/manifests/v1").status, &[202, 404]),
            &|| assert_one_of(registry.delete("/v2/a/manifests/v1").status, &[202, 404]),
            &get,
            &list,
        ],
    );
    assert_eq!(put(1), 201);
    let response = registry.get("/v2/a/manifests/v1").expect(200);
    assert_eq!(response.body, image(1).to_string().as_bytes());
}

#[test]
fn a_manifest_that_is_pushed_and_deleted_at_once_is_whole_or_gone() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "v1", 1);
    let by_digest = format!("/v2/a/manifests/{digest}");
    let blob = format!("/v2/a/blobs/{}", registry.push_blob("a", b"blob"));
    together(
        20,
        &[
            &|| assert_one_of(registry.put_manifest("a", "v1", &image(1)).status, &[201]),
            &|| assert_one_of(registry.put_manifest("a", "v2", &image(1)).status, &[201]),
            &|| assert_one_of(registry.delete(&by_digest).status, &[202, 404]),
            &|| assert_one_of(registry.delete(&by_digest).status, &[202, 404]),
            &|| assert_one_of(registry.get(&by_digest).status, &[200, 404]),
            &|| drop(registry.push_blob("a", b"blob")),
            &|| assert_one_of(registry.delete(&blob).status, &[202, 404]),
            &|| assert_one_of(registry.get(&blob).status, &[200, 404]),
        ],
    );
    registry.put_manifest("a", "v1", &image(1)).expect(201);
    registry.get(&by_digest).expect(200);
    registry.delete(&by_digest).expect(202);
    registry
        .get("/v2/a/manifests/v1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    let left: Vec<String> = registry
        .files("")
        .into_iter()
        .filter(|file| file.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
