//! The layout: directories that the real distribution wrote are served as they are, and what we write is
//! what distribution reads, path for path and byte for byte. `tests/data/README.md` tells of the trees.

use crate::util::image::{bytes, config, image, layer, sha256};
use crate::util::registry::{Settings, TestRegistry};
use crate::util::tree::quick_directory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A copy of a tree, with the empty directories that git does not keep.
pub fn tree(version: &str) -> (TempDir, Value) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(version);
    let expected: Value =
        serde_json::from_slice(&fs::read(data.join("expected.json")).unwrap()).unwrap();
    let root = quick_directory();
    for file in files(&data.join("docker")) {
        let to = root.path().join("docker").join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(data.join("docker").join(&file), to).unwrap();
    }
    for directory in expected["empty_directories"].as_array().unwrap() {
        fs::create_dir_all(root.path().join(directory.as_str().unwrap())).unwrap();
    }
    (root, expected)
}

/// Every file below a directory, by its path from there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut directories) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push(path.strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn entries<'a>(repository: &'a Value, kind: &str) -> &'a Vec<Value> {
    repository[kind].as_array().unwrap()
}

fn check_served(registry: &TestRegistry, name: &str, repository: &Value) {
    let tags = repository["tags"].as_object().unwrap();
    let listed = registry
        .get(&format!("/v2/{name}/tags/list"))
        .expect(200)
        .json();
    let names: Vec<&String> = tags.keys().collect();
    assert_eq!(listed["tags"], serde_json::json!(names), "{name}");
    for (tag, digest) in tags {
        let response = registry
            .get(&format!("/v2/{name}/manifests/{tag}"))
            .expect(200);
        assert_eq!(response.header("Docker-Content-Digest"), digest);
        assert_eq!(sha256(&response.body), *digest.as_str().unwrap());
    }
    for manifest in entries(repository, "manifests") {
        let digest = manifest["digest"].as_str().unwrap();
        let response = registry
            .get(&format!("/v2/{name}/manifests/{digest}"))
            .expect(200);
        assert_eq!(sha256(&response.body), digest);
        assert_eq!(response.body.len(), manifest["size"]);
        assert_eq!(response.header("Content-Type"), manifest["media_type"]);
    }
    for blob in entries(repository, "blobs") {
        let digest = blob["digest"].as_str().unwrap();
        let response = registry
            .get(&format!("/v2/{name}/blobs/{digest}"))
            .expect(200);
        assert_eq!(
            (sha256(&response.body).as_str(), &blob["size"]),
            (digest, &response.body.len().into())
        );
    }
}

fn serves_the_tree(version: &str) {
    let (root, expected) = tree(version);
    let registry = Settings::default().root(root.path()).start();
    let catalog = registry.get("/v2/_catalog").expect(200).json();
    for (name, repository) in expected["repositories"].as_object().unwrap() {
        let listed = catalog["repositories"].as_array().unwrap();
        assert!(
            listed.iter().any(|one| one == name),
            "{name} is in {catalog}"
        );
        check_served(&registry, name, repository);
    }
}

#[test]
fn a_folder_of_distribution_2_8_is_served_as_it_is() {
    serves_the_tree("distribution-2.8");
}

#[test]
fn a_folder_of_distribution_3_is_served_as_it_is() {
    serves_the_tree("distribution-3");
}

#[test]
fn a_blob_that_distribution_stored_under_another_algorithm_is_served() {
    let (root, expected) = tree("distribution-3");
    let registry = Settings::default().root(root.path()).start();
    let alias = &entries(&expected["repositories"]["a"], "aliases")[0];
    let (digest, stored) = (
        alias["digest"].as_str().unwrap(),
        alias["stored_as"].as_str().unwrap(),
    );
    let response = registry.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert_eq!(response.header("Docker-Content-Digest"), digest);
    assert_eq!(sha256(&response.body), stored);
}

#[test]
fn an_upload_that_distribution_left_unfinished_is_finished() {
    for version in ["distribution-2.8", "distribution-3"] {
        let (root, expected) = tree(version);
        let registry = Settings::default().root(root.path()).start();
        let id = entries(&expected["repositories"]["a"], "uploads")[0]["id"]
            .as_str()
            .unwrap();
        let first = fs::read(registry.file(&format!("repositories/a/_uploads/{id}/data"))).unwrap();
        let location = format!("/v2/a/blobs/uploads/{id}");
        assert_eq!(registry.get(&location).expect(204).header("Range"), "0-999");
        let rest = bytes(7, 5000);
        let whole = [first, rest.clone()].concat();
        let digest = sha256(&whole);
        registry
            .put(&format!("{location}?digest={digest}"), &[], &rest)
            .expect(201);
        assert!(
            registry
                .get(&format!("/v2/a/blobs/{digest}"))
                .expect(200)
                .body
                == whole
        );
        assert!(
            !registry
                .file(&format!("repositories/a/_uploads/{id}"))
                .exists()
        );
    }
}

#[test]
fn what_a_crash_of_distribution_left_hides_nothing_and_is_healed_by_a_push() {
    let (root, expected) = tree("distribution-3");
    let registry = Settings::default().root(root.path()).start();
    // `cut` has an empty link: not listed, 404, and a push of the tag makes it right.
    registry
        .get("/v2/crashed/manifests/cut")
        .expect_error(404, "MANIFEST_UNKNOWN");
    let digest = expected["repositories"]["crashed"]["tags"]["whole"]
        .as_str()
        .unwrap();
    let manifest = registry
        .get(&format!("/v2/crashed/manifests/{digest}"))
        .expect(200);
    let content_type = manifest.header("Content-Type");
    let put = registry.put(
        "/v2/crashed/manifests/cut",
        &[("Content-Type", content_type)],
        &manifest.body,
    );
    put.expect(201);
    let listed = registry.get("/v2/crashed/tags/list").expect(200).json();
    assert_eq!(listed["tags"], serde_json::json!(["cut", "whole"]));
    // What was deleted stays deleted, though its directories are there.
    let gone = "sha256:99bfd66fa339a80edfb0fd61a0c30a1fe1ffa9ae14b2f9800c0cbab7f4e4156c";
    registry
        .get(&format!("/v2/deleted/manifests/{gone}"))
        .expect_error(404, "MANIFEST_UNKNOWN");
}

#[test]
fn referrers_that_distribution_took_in_are_found() {
    for version in ["distribution-2.8", "distribution-3"] {
        let (root, expected) = tree(version);
        let registry = Settings::default().root(root.path()).start();
        for (name, tag) in [("a", "oci"), ("a/b", "v1")] {
            let subject = expected["repositories"][name]["tags"][tag]
                .as_str()
                .unwrap();
            let response = registry
                .get(&format!("/v2/{name}/referrers/{subject}"))
                .expect(200)
                .json();
            let found = response["manifests"].as_array().unwrap();
            assert_eq!(found.len(), 1, "{version} {name}: {response}");
            let digest = found[0]["digest"].as_str().unwrap();
            let referrer = registry
                .get(&format!("/v2/{name}/manifests/{digest}"))
                .expect(200);
            assert_eq!(referrer.json()["subject"]["digest"], subject);
        }
    }
}

#[test]
fn a_schema_1_manifest_that_distribution_took_in_is_served_as_it_is_stored() {
    let (root, expected) = tree("distribution-2.8");
    let registry = Settings::default().root(root.path()).start();
    let digest = expected["schema1"][0]["digest"].as_str().unwrap();
    let response = registry.get("/v2/old/manifests/schema1").expect(200);
    assert_eq!(sha256(&response.body), digest);
    let unsigned = "application/vnd.docker.distribution.manifest.v1+json";
    assert_eq!(response.header("Content-Type"), unsigned);
}

/// Path and content of every file that a push of [`image`] 1 as `team/app:v1` must leave.
fn distribution_tree() -> BTreeMap<String, Vec<u8>> {
    let manifest = image(1).to_string().into_bytes();
    let mut files = BTreeMap::new();
    let home = "repositories/team/app";
    for content in [&manifest, &config(1), &layer(1)] {
        let digest = sha256(content);
        let hex = &digest[7..];
        files.insert(
            format!("blobs/sha256/{}/{hex}/data", &hex[..2]),
            content.clone(),
        );
        let place = match content == &manifest {
            true => format!("{home}/_manifests/revisions/sha256/{hex}/link"),
            false => format!("{home}/_layers/sha256/{hex}/link"),
        };
        files.insert(place, digest.clone().into_bytes());
    }
    let digest = sha256(&manifest);
    let tag = format!("{home}/_manifests/tags/v1");
    files.insert(format!("{tag}/current/link"), digest.clone().into_bytes());
    files.insert(
        format!("{tag}/index/sha256/{}/link", &digest[7..]),
        digest.into_bytes(),
    );
    files
}

#[test]
fn a_push_leaves_exactly_the_files_that_distribution_would() {
    let registry = TestRegistry::start();
    registry.push_image("team/app", "v1", 1);
    let base = registry.file("");
    let written: BTreeMap<String, Vec<u8>> = files(&base)
        .into_iter()
        .map(|file| {
            let content = fs::read(base.join(&file)).unwrap();
            (file.to_str().unwrap().replace('\\', "/"), content)
        })
        .collect();
    let expected = distribution_tree();
    assert_eq!(
        written.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    assert!(written == expected, "a file has another content");
}
