//! Quotas: what would go over one is refused, and everything else works.

use crate::util::image::{bytes, config, image, layer, sha256};
use crate::util::raw::Raw;
use crate::util::registry::{RawResponse, Settings, TestRegistry};
use crate::util::tree::quick_directory;
use serde_json::json;
use std::path::Path;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn with_quota(quota: &str) -> Settings {
    Settings::default().set("STORAGE_MAINTENANCE_QUOTA", quota)
}

fn push(registry: &TestRegistry, name: &str, content: &[u8]) -> RawResponse {
    let path = format!("/v2/{name}/blobs/uploads/?digest={}", sha256(content));
    registry.call("POST", &path, &[], Some(content))
}

fn message(response: &RawResponse) -> String {
    let message = response.json()["errors"][0]["message"].clone();
    message.as_str().unwrap().to_owned()
}

/// Whether a blob of that length fits into a repository; it is deleted again.
fn fits(registry: &TestRegistry, name: &str, length: usize) -> bool {
    let content = bytes(99, length);
    let response = push(registry, name, &content);
    if response.status == 403 {
        response.expect_error(403, "DENIED");
        return false;
    }
    response.expect(201);
    let path = format!("/v2/{name}/blobs/{}", sha256(&content));
    registry.delete(&path).expect(202);
    true
}

/// Checks how many bytes more a repository may have.
#[track_caller]
fn expect_room(registry: &TestRegistry, name: &str, room: usize) {
    assert!(fits(registry, name, room), "{room} bytes fit into {name}");
    assert!(!fits(registry, name, room + 1), "not one byte more fits");
}

#[test]
fn what_goes_over_a_quota_is_refused_with_what_is_used() {
    let registry = with_quota("{rules: [{repositories: ['team/**', one], bytes: 100KiB}]}").start();
    push(&registry, "team/a", &bytes(1, 60 * KIB)).expect(201);
    let refused = push(&registry, "team/b", &bytes(2, 50 * KIB)).expect_error(403, "DENIED");
    let text = "quota of team/**, one: 60 KiB of 100 KiB are used, and this blob has 50 KiB (storage.maintenance.quota)";
    assert_eq!(message(&refused), text);
    let path = format!("/v2/team/b/blobs/{}", sha256(&bytes(2, 50 * KIB)));
    registry.get(&path).expect(404);
    // Other repositories have no quota, and what fits fits.
    push(&registry, "other", &bytes(2, 50 * KIB)).expect(201);
    push(&registry, "one", &bytes(3, 40 * KIB)).expect(201);
    // It is full: whatever costs nothing still works.
    push(&registry, "team/b", &bytes(1, 60 * KIB)).expect(201);
    push(&registry, "team/b", &bytes(4, 1)).expect_error(403, "DENIED");
    push(&registry, "team/b", &[]).expect(201);
    registry.get(&path.replace("team/b", "other")).expect(200);
}

#[test]
fn all_ways_to_push_are_counted() {
    let registry = with_quota("{bytes: 1MiB}").start();
    let content = bytes(5, MIB + KIB);
    let digest = sha256(&content);
    let begin = || {
        registry
            .post("/v2/a/blobs/uploads/")
            .header("Location")
            .to_owned()
    };
    // In one request, in two, in chunks, and in chunks of a length that is not said before.
    push(&registry, "a", &content).expect_error(403, "DENIED");
    let put = format!("{}&digest={digest}", begin());
    let refused = registry
        .put(&put, &[], &content)
        .expect_error(403, "DENIED");
    assert!(message(&refused).starts_with("quota of this registry: 0 bytes of 1 MiB are used"));
    let patched = registry.patch(&begin(), &[], &content).expect(202);
    let put = format!("{}&digest={digest}", patched.header("Location"));
    registry.put(&put, &[], b"").expect_error(403, "DENIED");
    let put = format!("{}&digest={digest}", begin());
    let streamed = registry.stream("PUT", &put, &mut &content[..]);
    streamed.expect_error(403, "DENIED");
    // A manifest counts as well, whichever way it is named.
    let (config, layer) = (config(1), layer(1));
    push(&registry, "a", &config).expect(201);
    push(&registry, "a", &layer).expect(201);
    let manifest = image(1).to_string();
    let room = MIB - config.len() - layer.len();
    expect_room(&registry, "a", room);
    push(&registry, "b", &bytes(6, room - manifest.len() + 1)).expect(201);
    registry
        .put_manifest("a", "v1", &image(1))
        .expect_error(403, "DENIED");
    registry.get("/v2/a/manifests/v1").expect(404);
    let path = format!(
        "/v2/b/blobs/{}",
        sha256(&bytes(6, room - manifest.len() + 1))
    );
    registry.delete(&path).expect(202);
    registry.put_manifest("a", "v1", &image(1)).expect(201);
    let room = room - manifest.len();
    expect_room(&registry, "a", room);
    // Another tag costs nothing.
    registry.put_manifest("a", "v2", &image(1)).expect(201);
    expect_room(&registry, "b", room);
}

#[test]
fn a_mount_costs_where_the_blob_is_new() {
    let rules =
        "{rules: [{repositories: ['a/*'], bytes: 10KiB}, {repositories: ['b/*'], bytes: 5KiB}]}";
    let registry = with_quota(rules).start();
    let content = bytes(1, 6 * KIB);
    push(&registry, "a/x", &content).expect(201);
    let mount = |name: &str| {
        let digest = sha256(&content);
        registry.post(&format!(
            "/v2/{name}/blobs/uploads/?mount={digest}&from=a/x"
        ))
    };
    mount("a/y").expect(201);
    expect_room(&registry, "a/y", 4 * KIB);
    mount("b/y").expect_error(403, "DENIED");
    let path = format!("/v2/b/y/blobs/{}", sha256(&content));
    registry.get(&path).expect(404);
}

#[test]
fn what_is_deleted_is_given_back_once_nobody_links_it() {
    let registry = with_quota("{bytes: 100KiB}").start();
    let content = bytes(1, 60 * KIB);
    let path = |name: &str| format!("/v2/{name}/blobs/{}", sha256(&content));
    for name in ["a", "b"] {
        push(&registry, name, &content).expect(201);
    }
    registry.delete(&path("a")).expect(202);
    registry.delete(&path("a")).expect(404);
    expect_room(&registry, "c", 40 * KIB);
    registry.delete(&path("b")).expect(202);
    expect_room(&registry, "c", 100 * KIB);
    // A manifest with its tags.
    let digest = registry.push_image("a", "v1", 1);
    let length = image(1).to_string().len();
    let parts = config(1).len() + layer(1).len();
    expect_room(&registry, "a", 100 * KIB - parts - length);
    registry.delete("/v2/a/manifests/v1").expect(202);
    expect_room(&registry, "a", 100 * KIB - parts - length);
    registry
        .delete(&format!("/v2/a/manifests/{digest}"))
        .expect(202);
    expect_room(&registry, "a", 100 * KIB - parts);
    // A repository.
    registry.push_image("a", "v1", 1);
    registry.delete("/v2/a/").expect(202);
    expect_room(&registry, "a", 100 * KIB);
}

#[test]
fn it_is_right_again_after_a_restart_and_a_lower_quota_refuses_only_what_is_new() {
    let directory = quick_directory();
    let root: &Path = directory.path();
    let content = bytes(1, 60 * KIB);
    {
        let registry = with_quota("{bytes: 100KiB}").root(root).start();
        push(&registry, "a", &content).expect(201);
        push(&registry, "b/c", &content).expect(201);
        push(&registry, "b/c", &bytes(2, 10 * KIB)).expect(201);
    }
    {
        let registry = with_quota("{bytes: 100KiB}").root(root).start();
        expect_room(&registry, "d", 30 * KIB);
        let path = format!("/v2/b/c/blobs/{}", sha256(&bytes(2, 10 * KIB)));
        registry.delete(&path).expect(202);
        expect_room(&registry, "d", 40 * KIB);
    }
    let registry = with_quota("{bytes: 1KiB}").root(root).start();
    let refused = push(&registry, "a", b"new").expect_error(403, "DENIED");
    assert!(message(&refused).contains("60 KiB of 1 KiB are used"));
    push(&registry, "a", &content).expect(201);
    push(&registry, "new", &content).expect(201);
    let path = format!("/v2/a/blobs/{}", sha256(&content));
    registry.get(&path).expect(200);
    registry.delete(&path).expect(202);
}

#[test]
fn what_cannot_fit_is_refused_before_it_is_sent() {
    let registry = with_quota("{bytes: 1MiB}").start();
    push(&registry, "a", b"counted").expect(201);
    let digest = sha256(b"never sent");
    let location = registry
        .post("/v2/a/blobs/uploads/")
        .header("Location")
        .to_owned();
    for (method, path) in [
        ("POST", format!("/v2/a/blobs/uploads/?digest={digest}")),
        ("PUT", format!("{location}&digest={digest}")),
    ] {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"
        );
        let response = Raw::connect(registry.address).send(head).response();
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(
            (response.status, &body["errors"][0]["code"]),
            (403, &json!("DENIED"))
        );
    }
    // The session is as it was.
    registry.get(&location).expect(204);
}

#[test]
fn pushes_at_the_same_time_do_not_share_the_same_room() {
    let registry = with_quota("{bytes: 300KiB}").start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let push = |seed: u64| {
            let (registry, name) = (&registry, format!("r{}", seed % 3));
            scope.spawn(move || push(registry, &name, &bytes(seed, 99 * KIB)).status)
        };
        let pushes: Vec<_> = (1..=12).map(push).collect();
        pushes
            .into_iter()
            .map(|push| push.join().unwrap())
            .collect()
    });
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(201), count(403)), (3, 9), "{statuses:?}");
    expect_room(&registry, "x", 3 * KIB);
}
