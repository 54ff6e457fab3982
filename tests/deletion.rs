//! Deleting repositories, over HTTP and with `registry delete`.

use crate::process::{err, out};
use crate::util::driver::{Watch, Watched};
use crate::util::image::{artifact, config, image, layer, sha256};
use crate::util::registry::{Settings, TestRegistry};
use crate::util::storage;
use crate::util::tree::quick_directory;
use crate::verify::{Configuration, verify};
use registry::driver::{Driver, Key, Memory, Write};
use registry::spec::{Algorithm, Name};
use registry::storage::{Error, Storage, layout};
use serde_json::json;
use std::io;
use std::sync::Arc;

/// What is below the directory of repositories.
fn repositories(registry: &TestRegistry) -> Vec<String> {
    let catalog = registry.get("/v2/_catalog").expect(200).json();
    serde_json::from_value(catalog["repositories"].clone()).unwrap()
}

#[test]
fn a_repository_is_deleted_with_all_that_is_in_it_and_nothing_else() {
    let registry = TestRegistry::start();
    for name in ["team/app", "team/app/sub", "team/app-b", "team/other"] {
        registry.push_image(name, "v1", 1);
    }
    registry.push_image("team/app", "v2", 2);
    let signature = artifact(3, "a/b", &image(1));
    registry.push_parts("team/app", 3);
    registry
        .put_manifest("team/app", "signature", &signature)
        .expect(201);
    let session = registry.post("/v2/team/app/blobs/uploads/").expect(202);
    registry
        .patch(session.header("Location"), &[], b"bytes")
        .expect(202);
    let below = registry.post("/v2/team/app/sub/blobs/uploads/").expect(202);

    registry.delete("/v2/team/app/").expect(202);
    assert_eq!(
        repositories(&registry),
        ["team/app-b", "team/app/sub", "team/other"]
    );
    registry
        .get("/v2/team/app/tags/list")
        .expect_error(404, "NAME_UNKNOWN");
    registry
        .get("/v2/team/app/manifests/v1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    let manifest = sha256(image(1).to_string().as_bytes());
    registry
        .get(&format!("/v2/team/app/manifests/{manifest}"))
        .expect(404);
    let blob = sha256(&layer(1));
    registry
        .get(&format!("/v2/team/app/blobs/{blob}"))
        .expect(404);
    let referrers = registry
        .get(&format!("/v2/team/app/referrers/{manifest}"))
        .expect(200);
    assert_eq!(referrers.json()["manifests"], json!([]));
    registry
        .get(session.header("Location"))
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    registry
        .patch(session.header("Location"), &[], b"more")
        .expect(404);
    let left: Vec<String> = std::fs::read_dir(registry.file("repositories/team/app"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["sub"]);

    registry
        .delete("/v2/team/app/")
        .expect_error(404, "NAME_UNKNOWN");
    registry.get("/v2/team/app/sub/manifests/v1").expect(200);
    registry.get(below.header("Location")).expect(204);
    registry
        .get(&format!("/v2/team/other/blobs/{blob}"))
        .expect(200);
    verify(&registry.root, &[]).expect_clean();
    // It can be pushed again, and then has nothing of what it had.
    registry.push_image("team/app", "v1", 2);
    let tags = registry.get("/v2/team/app/tags/list").expect(200).json();
    assert_eq!(tags["tags"], json!(["v1"]));
    let referrers = registry
        .get(&format!("/v2/team/app/referrers/{manifest}"))
        .expect(200);
    assert_eq!(referrers.json()["manifests"], json!([]));
}

#[test]
fn the_last_repository_of_a_team_leaves_no_directory() {
    let registry = TestRegistry::start();
    registry.push_image("deep/er/app", "v1", 1);
    registry.post("/v2/only/uploads/blobs/uploads/").expect(202);
    registry.delete("/v2/deep/er/app/").expect(202);
    registry.delete("/v2/only/uploads/").expect(202);
    let left = std::fs::read_dir(registry.file("repositories")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn only_the_right_method_and_path_delete_and_only_where_deleting_is_on() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    for (method, path, status) in [
        ("DELETE", "/v2/a", 404),
        ("GET", "/v2/a/", 404),
        ("PUT", "/v2/a/", 404),
        ("POST", "/v2/a/", 404),
        ("DELETE", "/v2/A/", 404),
        ("DELETE", "/v2/_catalog/", 308),
        ("DELETE", "/v2/", 405),
        ("DELETE", "/v2//", 308),
        // A script whose variable is empty.
        ("DELETE", "/v2/a/manifests/", 404),
        ("DELETE", "/v2/a/blobs/", 404),
        ("DELETE", "/v2/a/tags/list/", 308),
        ("DELETE", "/v2/a/blobs/uploads/", 405),
    ] {
        let response = registry.call(method, path, &[], None);
        assert_eq!(response.status, status, "{method} {path}");
    }
    let allowed = registry.call("OPTIONS", "/v2/a/", &[], None).expect(200);
    assert_eq!(allowed.header("Allow"), "DELETE, OPTIONS");
    registry.get("/v2/a/manifests/v1").expect(200);
    for (variable, value) in [
        ("STORAGE_DELETE_ENABLED", "false"),
        ("STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
    ] {
        let off = Settings::default()
            .root(&registry.root)
            .set(variable, value)
            .start();
        let refused = off.delete("/v2/a/").expect_error(405, "UNSUPPORTED");
        assert_eq!(refused.header("Allow"), "OPTIONS");
        off.get("/v2/a/manifests/v1").expect(200);
    }
}

#[test]
fn a_push_at_the_same_time_is_whole_or_refused() {
    let registry = TestRegistry::start();
    std::thread::scope(|scope| {
        let pushes = scope.spawn(|| {
            for round in 0..30 {
                for content in [config(1), layer(1)] {
                    let path = format!("/v2/a/blobs/uploads/?digest={}", sha256(&content));
                    let posted = registry.call("POST", &path, &[], Some(&content));
                    assert!([201, 404].contains(&posted.status), "{}", posted.status);
                }
                let put = registry.put_manifest("a", &format!("v{round}"), &image(1));
                assert!([201, 400].contains(&put.status), "{}", put.status);
            }
        });
        while !pushes.is_finished() {
            let deleted = registry.delete("/v2/a/");
            assert!([202, 404].contains(&deleted.status), "{}", deleted.status);
            let catalog = repositories(&registry);
            assert!(catalog.is_empty() || catalog == ["a"], "{catalog:?}");
        }
        pushes.join().unwrap();
    });
    let found = verify(&registry.root, &[]);
    assert_eq!(found.code, 0, "{found}");
}

fn storage(driver: &Memory) -> Storage {
    storage::open(Arc::new(driver.clone()))
}

#[test]
fn a_deletion_that_the_power_cuts_shows_all_or_nothing_and_is_finished_by_another() {
    let name: Name = "team/app".parse().unwrap();
    let digest = Algorithm::Sha256.digest(b"x");
    let tags = ["v1", "v2"].map(|tag| layout::tag_current(&name, &tag.parse().unwrap()));
    let filled = || {
        let driver = Memory::default();
        let links = [
            layout::revision_link(&name, &digest),
            layout::layer_link(&name, &digest),
        ];
        for link in links.into_iter().chain(tags.clone()) {
            driver
                .write(&[Write::new(link, digest.as_str().as_bytes())])
                .unwrap();
        }
        driver
    };
    let mut is_done = false;
    for cut in 0.. {
        let driver = filled();
        driver.stop_after(cut);
        let outcome = storage(&driver).delete_repository(&name);
        let after = driver.after_power_loss();
        let own = storage(&after);
        let (tags, _) = own.tags(&name, "", 9).unwrap();
        let is_there = own.has_repository(&name).unwrap();
        assert_eq!(tags.len(), if is_there { 2 } else { 0 }, "{cut}");
        let (catalog, _) = own.repositories("", "", 9).unwrap();
        assert_eq!(catalog.len(), usize::from(is_there), "{cut}");
        if outcome.is_ok() {
            assert!(!is_there, "{cut}");
            is_done = true;
        } else {
            own.delete_repository(&name).unwrap();
        }
        let again = own.delete_repository(&name);
        assert!(matches!(again, Err(Error::RepositoryUnknown)), "{cut}");
        let left = after.list(&layout::repositories(), "", 9);
        assert!(left.unwrap().is_empty(), "{cut}");
        if is_done {
            assert!(cut > 3, "{cut}");
            break;
        }
    }
}

#[test]
fn the_command_deletes_what_it_is_told_and_says_so() {
    let mut registry = TestRegistry::start();
    let first = registry.push_image("team/app", "v1", 1);
    registry.push_image("team/app", "v1-alias", 1);
    registry.push_image("team/app", "v2", 2);
    registry.push_image("team/app/sub", "v1", 1);
    registry.post("/v2/team/app/blobs/uploads/").expect(202);
    let configuration = Configuration::of(&registry.root);
    let path = configuration.path();
    let delete =
        |target: &str| crate::process::registry(&["delete", path.to_str().unwrap(), target], &[]);

    let tree = registry.tree();
    let refused = delete("team/app");
    assert_eq!(refused.status.code(), Some(1));
    let said = err(&refused);
    assert!(
        said.contains("is using") && said.contains("DELETE /v2/NAME/"),
        "{said}"
    );
    assert!(registry.tree() == tree);
    registry.stop();

    for (target, said) in [
        (
            "team/app:v2",
            "deleted the tag v2 of team/app, which named sha256:".to_owned(),
        ),
        (
            &format!("team/app@{first}"),
            format!("deleted the manifest {first} of team/app and its tags v1, v1-alias"),
        ),
        (
            "team/app",
            "deleted the repository team/app: tags 0, manifests 1, unfinished uploads 1".to_owned(),
        ),
    ] {
        let output = delete(target);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(out(&output).starts_with(&said), "{}", out(&output));
        // A second time it is not there.
        let tree = registry.tree();
        let output = delete(target);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(1), ""));
        assert!(
            err(&output).starts_with("error: there is no "),
            "{}",
            err(&output)
        );
        assert!(registry.tree() == tree);
    }
    let registry = registry.restart();
    assert_eq!(repositories(&registry), ["team/app/sub"]);
    registry.get("/v2/team/app/sub/manifests/v1").expect(200);
}

#[test]
fn what_cannot_be_meant_is_refused_and_touches_nothing() {
    let directory = quick_directory();
    let missing = directory.path().join("missing");
    let configuration = Configuration::of(&missing);
    let path = configuration.path();
    let path = path.to_str().unwrap();
    for (words, code, said) in [
        (&["delete"][..], 2, "Required positional arguments"),
        (&["delete", path], 2, "Required positional arguments"),
        (
            &["delete", path, "Team/App"],
            2,
            "allowed: NAME, NAME:TAG or NAME@DIGEST",
        ),
        (
            &["delete", path, r"team\app"],
            2,
            "allowed: NAME, NAME:TAG or NAME@DIGEST",
        ),
        (
            &["delete", path, "../../etc"],
            2,
            "allowed: NAME, NAME:TAG or NAME@DIGEST",
        ),
        (
            &["delete", path, "team/app"],
            1,
            "does not exist (storage.filesystem.rootdirectory)",
        ),
        (&["delete", "none.yml", "team/app"], 1, "none.yml"),
    ] {
        let output = crate::process::registry(words, &[]);
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        assert!(err(&output).contains(said), "{words:?}: {}", err(&output));
    }
    assert!(!missing.exists());
    std::fs::create_dir(&missing).unwrap();
    let output = crate::process::registry(&["delete", path, "team/app"], &[]);
    assert_eq!(err(&output), "error: there is no repository team/app\n");
}

/// Upload sessions that cannot be removed.
struct Kept;

impl Watch for Kept {
    fn before(&self, operation: &'static str, key: &Key, _bytes: usize) -> io::Result<()> {
        let is_kept =
            ["remove", "discard"].contains(&operation) && key.to_string().contains("_uploads");
        match is_kept {
            true => Err(io::Error::other("broken")),
            false => Ok(()),
        }
    }
}

#[test]
fn a_repository_whose_sessions_cannot_be_removed_is_not_said_to_be_deleted() {
    let driver = Watched::new(Arc::new(Kept));
    let name: Name = "a".parse().unwrap();
    let id = "2b7b7b4e-4f0e-4c1e-9d4b-3d3f5a1f0c11".parse().unwrap();
    let started = layout::upload(&name, &id).child("startedat");
    let write = Write::new(started, b"2026-11-26T10:00:00Z");
    driver.disk.write(&[write]).unwrap();
    let refused = storage::open(Arc::new(driver.clone())).delete_repository(&name);
    assert!(matches!(refused, Err(Error::Driver(_))), "{refused:?}");
    let healthy = storage(&driver.disk);
    healthy.delete_repository(&name).unwrap();
    let gone = healthy.delete_repository(&name);
    assert!(matches!(gone, Err(Error::RepositoryUnknown)), "{gone:?}");
}
