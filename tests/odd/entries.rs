//! Pipes, loops of links and links that are too long, in the data directory of a registry that runs.

#![cfg(unix)]

use crate::util::image::{artifact, bytes, image, sha256};
use crate::util::program::Program;
use crate::util::raw::Raw;
use crate::util::registry::TestRegistry;
use crate::util::tree::quick_directory;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

const TAGS: &str = "repositories/a/_manifests/tags";

/// Puts a named pipe, which nobody writes to, in the place of a file.
fn pipe(path: &Path) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Puts a link that leads to itself in the place of whatever is there.
fn circle(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(path.file_name().unwrap(), path).unwrap();
}

#[test]
fn a_named_pipe_in_the_place_of_a_file_stops_nothing() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "v1", 1);
    registry.push_image("a", "x", 2);
    pipe(&registry.file(&format!("{TAGS}/x/current/link")));
    for _ in 0..2 {
        registry
            .get("/v2/a/manifests/x")
            .expect_error(404, "MANIFEST_UNKNOWN");
        registry.head("/v2/a/manifests/x").expect(404);
        let tags = registry.get("/v2/a/tags/list").expect(200).json();
        assert_eq!(tags["tags"], json!(["v1"]));
    }
    registry.put_manifest("a", "x", &image(1)).expect(201);
    registry.get("/v2/a/manifests/x").expect(200);
    pipe(&registry.file(&format!("{TAGS}/x/current/link")));
    registry.delete("/v2/a/manifests/x").expect(202);

    let content = bytes(5, 1000);
    let blob = format!("/v2/a/blobs/{}", sha256(&content));
    registry.push_blob("a", &content);
    pipe(&registry.blob_file(&sha256(&content)));
    registry.get(&blob).expect_error(500, "UNKNOWN");
    registry.push_blob("a", &content);
    assert!(registry.get(&blob).expect(200).body == content);

    let hex = digest.replace(':', "/");
    let layer = sha256(&content).replace(':', "/");
    for path in [
        format!("repositories/a/_manifests/revisions/{hex}/link"),
        format!("repositories/a/_layers/{layer}/link"),
    ] {
        pipe(&registry.file(&path));
        registry
            .get(&format!("/v2/a/manifests/{digest}"))
            .expect(404);
        registry
            .get(&format!("/v2/a/referrers/{digest}"))
            .expect(200);
        registry.get("/v2/_catalog").expect(200);
    }
    registry.get(&blob).expect_error(404, "BLOB_UNKNOWN");

    // Without the first a session was cancelled elsewhere; the second is replaced.
    for (file, [get, patch]) in [("startedat", [404, 404]), ("data", [204, 202])] {
        let session = registry.post("/v2/a/blobs/uploads/").expect(202);
        let (id, path) = (
            session.header("Docker-Upload-UUID"),
            session.header("Location"),
        );
        pipe(&registry.file(&format!("repositories/a/_uploads/{id}/{file}")));
        registry.get(path).expect(get);
        registry.patch(path, &[], b"bytes").expect(patch);
    }
    // The purge of the next start looks at both.
    let registry = registry.restart();
    registry.get("/v2/a/tags/list").expect(200);
    registry.delete("/v2/a/manifests/v1").expect(202);
}

#[test]
fn loops_of_links_hide_no_repository_and_are_logged_once() {
    let registry = TestRegistry::start();
    for name in ["a", "a/deep", "b", "c", "d/e"] {
        registry.push_image(name, "v1", 1);
    }
    let at = |path: &str| registry.file(&format!("repositories/{path}"));
    circle(&at("loop"));
    circle(&at("c/_manifests"));
    symlink("..", at("a/back")).unwrap();
    symlink("../a", at("a/self")).unwrap();
    symlink("../../d", at("d/e/up")).unwrap();
    fs::write(at("file"), "no folder").unwrap();
    // A link that leads elsewhere is followed.
    symlink("d", at("other")).unwrap();
    let names = json!(["a", "a/deep", "b", "d/e", "other/e"]);
    let directory = quick_directory();
    let text = format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
         storage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
        registry.root.display()
    );
    let mut program = Program::start(directory.path(), &text, &[]);
    let mut connection = Raw::connect(program.address());
    for _ in 0..2 {
        let response = connection.request("/v2/_catalog").response();
        assert_eq!(response.status, 200);
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["repositories"], names);
    }
    for entry in ["loop", "c", "a/back", "a/self"] {
        program.wait_for(&format!("repositories/{entry} is skipped: "));
    }
    program.end_orderly();
    program.read_all();
    for entry in ["loop", "c", "a/back", "a/self"] {
        let told = format!("repositories/{entry} is skipped: ");
        let lines = program.lines.iter().filter(|line| line.contains(&told));
        assert_eq!(lines.count(), 1, "{entry}: {:#?}", program.lines);
    }
}

#[test]
fn a_link_that_is_too_long_or_leads_in_circles_keeps_no_manifest_from_being_deleted() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "v1", 1);
    registry.plant(&format!("{TAGS}/long/current/link"), "x".repeat(5000));
    circle(&registry.file(&format!("{TAGS}/round/current/link")));
    circle(&registry.file(&format!("{TAGS}/rounder")));
    fs::create_dir_all(registry.file(&format!("{TAGS}/folder/current/link"))).unwrap();
    registry.get("/v2/a/tags/list").expect(200);
    registry.get("/v2/a/manifests/long").expect(404);
    registry.get("/v2/a/manifests/folder").expect(404);
    registry
        .delete(&format!("/v2/a/manifests/{digest}"))
        .expect(202);
    registry.get("/v2/a/manifests/v1").expect(404);
    registry.push_image("a", "v2", 1);
    registry.delete("/v2/a/manifests/long").expect(202);
    assert!(!registry.file(&format!("{TAGS}/long")).exists());
}

#[test]
fn a_manifest_that_cannot_be_read_hides_no_other_referrer() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    let mut digests = Vec::new();
    for kind in ["a/a", "b/b", "c/c"] {
        let artifact = artifact(1, kind, &image(1));
        registry
            .put_manifest("a", kind.get(..1).unwrap(), &artifact)
            .expect(201);
        digests.push(sha256(artifact.to_string().as_bytes()));
    }
    let registry = registry.restart();
    circle(&registry.blob_file(&digests[0]));
    let hex = digests[1].replace(':', "/");
    circle(&registry.file(&format!("repositories/a/_manifests/revisions/{hex}/link")));
    for _ in 0..2 {
        let response = registry
            .get(&format!("/v2/a/referrers/{subject}"))
            .expect(200);
        let listed = &response.json()["manifests"];
        assert_eq!(listed.as_array().unwrap().len(), 1);
        assert_eq!(listed[0]["digest"], *digests[2]);
    }
    registry
        .delete(&format!("/v2/a/manifests/{}", digests[0]))
        .expect(202);
}

#[test]
fn a_pipe_as_a_file_of_users_is_refused_at_the_start() {
    let directory = quick_directory();
    let users = directory.path().join("users");
    pipe(&users);
    let path = directory.path().join("config.yml");
    let text = format!(
        "version: 0.1\nhttp: {{addr: '127.0.0.1:0'}}\nstorage: {{inmemory: {{}}}}\n\
         auth: {{htpasswd: {{realm: r, path: '{}'}}}}\n",
        users.display()
    );
    fs::write(&path, text).unwrap();
    for command in ["serve", "check-config"] {
        let output = crate::process::registry(&[command, path.to_str().unwrap()], &[]);
        assert_eq!(output.status.code(), Some(1));
        let said = crate::process::err(&output);
        assert!(said.contains("a named pipe"), "{said}");
    }
}
