//! The data directory goes while the registry runs, may only be read, or holds what a process that was killed left
//! behind.

use crate::util::image::{artifact, bytes, image, sha256};
use crate::util::program::Program;
use crate::util::registry::{Settings, TestRegistry};
use crate::util::tree::quick_directory;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

#[test]
fn data_that_is_gone_is_unavailable_and_nothing_is_made_in_its_place() {
    let directory = quick_directory();
    let (root, away) = (directory.path().join("data"), directory.path().join("away"));
    let registry = Settings::default().root(&root).start();
    let digest = registry.push_image("a", "v1", 1);
    let blob = sha256(&bytes(1, 100));
    let session = registry.post("/v2/a/blobs/uploads/").expect(202);
    let session = session.header("Location").to_owned();
    let check = |registry: &TestRegistry| {
        for path in [
            "/v2/a/manifests/v1",
            "/v2/a/tags/list",
            "/v2/_catalog",
            "/v2/none/tags/list",
            &format!("/v2/a/manifests/{digest}"),
            &format!("/v2/a/blobs/{blob}"),
            &format!("/v2/a/referrers/{digest}"),
        ] {
            registry.get(path).expect_error(503, "UNAVAILABLE");
        }
        registry.get("/").expect(503);
        registry
            .post("/v2/a/blobs/uploads/")
            .expect_error(503, "UNAVAILABLE");
        registry
            .post(&format!("/v2/a/blobs/uploads/?mount={blob}&from=b"))
            .expect_error(503, "UNAVAILABLE");
        registry
            .patch(&session, &[], b"x")
            .expect_error(503, "UNAVAILABLE");
        registry
            .put_manifest("a", "v2", &image(1))
            .expect_error(503, "UNAVAILABLE");
        registry
            .delete("/v2/a/manifests/v1")
            .expect_error(503, "UNAVAILABLE");
        registry
            .delete(&format!("/v2/a/manifests/{digest}"))
            .expect_error(503, "UNAVAILABLE");
    };
    fs::rename(&root, &away).unwrap();
    check(&registry);
    assert!(!root.exists());
    // As an unmounted volume leaves it.
    fs::create_dir(&root).unwrap();
    check(&registry);
    assert!(fs::read_dir(&root).unwrap().next().is_none());
    fs::remove_dir(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    registry.get("/v2/a/manifests/v1").expect(200);
    registry.put_manifest("a", "v2", &image(1)).expect(201);
}

#[test]
fn temporary_files_of_a_process_that_was_killed_go_when_they_are_old() {
    let directory = quick_directory();
    let root = directory.path().join("data");
    let tag = root.join("docker/registry/v2/repositories/a/_manifests/tags/x/current");
    fs::create_dir_all(&tag).unwrap();
    let hour = Duration::from_secs(3600);
    for (name, age) in [
        ("link.0123456789abcdef-1.tmp", 2 * hour),
        ("link.0123456789abcdef-2.tmp", hour / 2),
        ("link", 2 * hour),
    ] {
        let file = File::create(tag.join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    let start = |maintenance: &str| {
        let text = format!(
            "version: 0.1\nhttp: {{addr: '127.0.0.1:0'}}\nstorage:\n  filesystem: {{rootdirectory: '{}'}}\n  \
             maintenance: {{{maintenance}}}\n",
            root.display()
        );
        Program::start(directory.path(), &text, &[])
    };
    let mut program = start("uploadpurging: {enabled: false}");
    program.wait_for("temporary files of a killed process: removed 1");
    let mut left: Vec<_> = fs::read_dir(&tag)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(left, ["link", "link.0123456789abcdef-2.tmp"]);
}

/// When the directories were changed last.
fn times(directory: &Path) -> Vec<SystemTime> {
    let mut found = vec![fs::metadata(directory).unwrap().modified().unwrap()];
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(times(&entry.path()));
        }
    }
    found
}

#[test]
fn nothing_at_all_is_written_in_read_only_mode() {
    let mut registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    registry
        .put_manifest("a", "x", &artifact(1, "a/a", &image(1)))
        .expect(201);
    let session = registry.post("/v2/a/blobs/uploads/").expect(202);
    let session = session.header("Location").to_owned();
    registry.stop();
    let index = registry.file("repositories/a/_manifests/referrers");
    fs::remove_dir_all(index).unwrap();
    let before = (registry.tree(), times(&registry.root));
    let reader = Settings::default()
        .root(&registry.root)
        .set("STORAGE_MAINTENANCE_READONLY_ENABLED", "true")
        .start();
    for _ in 0..2 {
        let response = reader
            .get(&format!("/v2/a/referrers/{subject}"))
            .expect(200);
        assert_eq!(response.json()["manifests"].as_array().unwrap().len(), 1);
    }
    reader.get("/").expect(200);
    reader.get("/v2/_catalog").expect(200);
    reader.get(&session).expect(204);
    reader.delete(&session).expect(405);
    drop(reader);
    assert!((registry.tree(), times(&registry.root)) == before);
}
