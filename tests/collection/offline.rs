//! `registry garbage-collect`.

use super::collected;
use crate::util::image::{artifact, bytes, config, image, index, layer, sha256, sha512};
use crate::util::registry::TestRegistry;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const SIGNATURE: &str = "application/vnd.example.signature+json";

fn digest(manifest: &Value) -> String {
    sha256(manifest.to_string().as_bytes())
}

fn revision(digest: &str) -> String {
    let digest = digest.replace(':', "/");
    format!("repositories/a/_manifests/revisions/{digest}")
}

/// Whether the image of a seed can be pulled whole from a repository.
fn can_pull(registry: &TestRegistry, name: &str, seed: u64) -> bool {
    let manifest = digest(&image(seed));
    let statuses = [
        registry.get(&format!("/v2/{name}/manifests/{manifest}")),
        registry.get(&format!("/v2/{name}/blobs/{}", sha256(&config(seed)))),
        registry.get(&format!("/v2/{name}/blobs/{}", sha256(&layer(seed)))),
    ]
    .map(|response| response.status);
    assert!(statuses == [200; 3] || statuses == [404; 3], "{statuses:?}");
    statuses == [200; 3]
}

#[test]
fn what_a_manifest_names_stays_and_the_rest_goes() {
    let mut registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    registry.push_image("b/c", "v1", 2);
    let gone = registry.push_image("a", "v2", 3);
    registry.push_blob("a", &bytes(9, 500));
    registry
        .delete(&format!("/v2/a/manifests/{gone}"))
        .expect(202);
    let said = collected(&mut registry, &[], 0);
    for blob in [
        gone,
        sha256(&layer(3)),
        sha256(&config(3)),
        sha256(&bytes(9, 500)),
    ] {
        let line = format!("blob eligible for deletion: {blob}\n");
        assert_eq!(said.matches(&line).count(), 1, "{line} {said}");
        assert!(!registry.blob_file(&blob).exists());
        assert!(!registry.blob_file(&blob).parent().unwrap().exists());
        let link = format!("repositories/a/_layers/{}", blob.replace(':', "/"));
        assert!(!registry.file(&link).exists(), "{link}");
    }
    assert!(said.contains("removed: 4 blobs"), "{said}");
    let mut registry = registry.restart();
    assert!(can_pull(&registry, "a", 1) && can_pull(&registry, "b/c", 2));
    let said = collected(&mut registry, &[], 0);
    assert!(said.contains("removed: 0 blobs with 0 bytes"), "{said}");
}

#[test]
fn blobs_that_another_repository_names_stay_there_and_only_the_link_goes() {
    let mut registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    registry.push_parts("b", 1);
    let said = collected(&mut registry, &[], 0);
    assert!(said.contains("removed: 0 blobs"), "{said}");
    assert!(said.contains("2 layer links"), "{said}");
    let registry = registry.restart();
    assert!(can_pull(&registry, "a", 1));
    registry
        .get(&format!("/v2/b/blobs/{}", sha256(&layer(1))))
        .expect(404);
}

#[test]
fn a_dry_run_says_what_would_go_and_changes_nothing() {
    let mut registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    registry.put_manifest("a", "v1", &json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}));
    registry.push_blob("a", &bytes(9, 500));
    registry.stop();
    let before = registry.tree();
    for options in [
        &["--dry-run"][..],
        &["-d", "-m"],
        &["--dry-run", "--delete-untagged"],
    ] {
        let said = collected(&mut registry, options, 0);
        assert!(said.contains("would be removed: "), "{said}");
        let is_untagged = options.len() > 1;
        let manifest = format!("a: manifest eligible for deletion: {}\n", digest(&image(1)));
        assert_eq!(said.contains(&manifest), is_untagged, "{said}");
        let layer = format!("blob eligible for deletion: {}\n", sha256(&layer(1)));
        assert_eq!(said.contains(&layer), is_untagged, "{said}");
        assert!(said.contains(&sha256(&bytes(9, 500))));
        assert_eq!(registry.tree(), before);
    }
}

#[test]
fn without_tags_go_manifests_to_which_no_tag_leads_but_no_children_and_no_signatures() {
    let mut registry = TestRegistry::start();
    for seed in 1..=6 {
        registry.push_parts("a", seed);
    }
    let put = |manifest: &Value| {
        let digest = digest(manifest);
        registry.put_manifest("a", &digest, manifest).expect(201);
        digest
    };
    // A child of a child, its signature, and the signature of that.
    let child = put(&image(1));
    let signature = put(&artifact(2, SIGNATURE, &image(1)));
    let countersigned = put(&artifact(3, SIGNATURE, &artifact(2, SIGNATURE, &image(1))));
    let inner = index(&[("amd64", &image(1))]);
    let nested = put(&inner);
    let mut outer = index(&[]);
    outer["manifests"] = json!([{"mediaType": inner["mediaType"], "digest": digest(&inner), "size": inner.to_string().len()}]);
    registry.put_manifest("a", "v1", &outer).expect(201);
    // Nothing leads to these: an image, what refers to it, and what refers to something that was never there.
    let untagged = put(&image(4));
    let its_signature = put(&artifact(5, SIGNATURE, &image(4)));
    let orphan = put(&artifact(6, SIGNATURE, &image(99)));
    let said = collected(&mut registry, &["-m", "-q"], 0);
    assert_eq!(said, "");
    for kept in [&child, &signature, &countersigned, &nested, &digest(&outer)] {
        assert!(registry.file(&revision(kept)).exists(), "{kept}");
        assert!(registry.blob_file(kept).exists());
    }
    for gone in [&untagged, &its_signature, &orphan] {
        assert!(!registry.file(&revision(gone)).exists(), "{gone}");
        assert!(!registry.blob_file(gone).exists());
    }
    for seed in 1..=6 {
        assert_eq!(
            registry.blob_file(&sha256(&layer(seed))).exists(),
            seed <= 3,
            "{seed}"
        );
    }
    let subject = |digest: &str| {
        format!(
            "repositories/a/_manifests/referrers/{}",
            digest.replace(':', "/")
        )
    };
    assert!(registry.file(&subject(&child)).exists());
    assert!(!registry.file(&subject(&untagged)).exists());
    let registry = registry.restart();
    let referrers = registry
        .get(&format!("/v2/a/referrers/{child}"))
        .expect(200)
        .json();
    assert_eq!(referrers["manifests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_tag_that_was_moved_forgets_what_it_named_once_that_is_gone() {
    let mut registry = TestRegistry::start();
    let first = registry.push_image("a", "v1", 1);
    registry.push_image("a", "v1", 2);
    let history = format!(
        "repositories/a/_manifests/tags/v1/index/{}",
        first.replace(':', "/")
    );
    assert!(registry.file(&history).exists());
    collected(&mut registry, &["--delete-untagged"], 0);
    assert!(!registry.file(&history).exists());
    let registry = registry.restart();
    assert!(can_pull(&registry, "a", 2) && !can_pull(&registry, "a", 1));
}

#[test]
fn content_under_sha512_and_what_distribution_stores_for_it_stay() {
    let mut registry = TestRegistry::start();
    let (ours, theirs) = (bytes(1, 700), bytes(2, 700));
    let started = registry.post("/v2/a/blobs/uploads/").expect(202);
    let location = format!("{}&digest={}", started.header("Location"), sha512(&ours));
    registry.put(&location, &[], &ours).expect(201);
    // Distribution keeps it under its sha256, and links the one to the other.
    let stored = registry.push_blob("b", &theirs);
    let link = |digest: &str| format!("repositories/a/_layers/{}/link", digest.replace(':', "/"));
    registry.plant(&link(&sha512(&theirs)), &stored);
    let blob = |digest: String| json!({"mediaType": "application/octet-stream", "digest": digest, "size": 700});
    let mut manifest = image(1);
    registry.push_parts("a", 1);
    manifest["layers"] = json!([blob(sha512(&ours)), blob(sha512(&theirs))]);
    registry.put_manifest("a", "v1", &manifest).expect(201);
    let by_sha512 = sha512(manifest.to_string().as_bytes());
    registry
        .put_manifest("a", &by_sha512, &manifest)
        .expect(201);
    collected(&mut registry, &[], 0);
    let registry = registry.restart();
    for digest in [sha512(&ours), sha512(&theirs)] {
        registry.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    }
    registry
        .get(&format!("/v2/a/manifests/{by_sha512}"))
        .expect(200);
    registry.get("/v2/a/manifests/v1").expect(200);
    registry.get(&format!("/v2/b/blobs/{stored}")).expect(404);
}

#[test]
fn children_that_are_in_the_index_only_and_layers_of_a_build_cache_stay() {
    let mut registry = TestRegistry::start();
    registry.push_parts("a", 1);
    registry.push_image("b", "v1", 2);
    // The manifest of b is no manifest of a, but an index of a names it, as the cache does with layers.
    let manifest = image(2).to_string().into_bytes();
    registry.push_blob("a", &manifest);
    let mut cache = index(&[("amd64", &image(2))]);
    cache["manifests"].as_array_mut().unwrap().push(json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha256(&layer(1)), "size": 10_000
    }));
    registry.put_manifest("a", "cache", &cache).expect(201);
    registry.delete("/v2/b/manifests/v1").expect(202);
    let gone = format!("/v2/b/manifests/{}", digest(&image(2)));
    registry.delete(&gone).expect(202);
    collected(&mut registry, &["-m"], 0);
    for kept in [
        sha256(&layer(1)),
        sha256(&layer(2)),
        sha256(&config(2)),
        sha256(&manifest),
    ] {
        assert!(registry.blob_file(&kept).exists(), "{kept}");
    }
    assert!(!registry.blob_file(&sha256(&config(1))).exists());
}

#[test]
fn only_what_is_old_enough_goes_and_uploads_stay() {
    let mut registry = TestRegistry::start();
    let (old, young) = (bytes(1, 500), bytes(2, 500));
    registry.push_blob("a", &old);
    super::age(&registry.root);
    registry.push_blob("a", &young);
    let started = registry.post("/v2/a/blobs/uploads/").expect(202);
    let location = started.header("Location").to_owned();
    let continued = registry.patch(&location, &[], b"abc").expect(202);
    let location = continued.header("Location").to_owned();
    let said = collected(&mut registry, &["--older-than", "24h"], 0);
    assert!(said.contains("removed: 1 blobs with 500 bytes"), "{said}");
    assert!(!registry.blob_file(&sha256(&old)).exists());
    assert!(registry.blob_file(&sha256(&young)).exists());
    collected(&mut registry, &[], 0);
    assert!(!registry.blob_file(&sha256(&young)).exists());
    let registry = registry.restart();
    registry
        .put(&format!("{location}&digest={}", sha256(b"abc")), &[], b"")
        .expect(201);
}

#[test]
fn empty_directories_temporary_files_and_repositories_without_anything_go() {
    let mut registry = TestRegistry::start();
    let gone = registry.push_image("a/b", "v1", 1);
    registry.push_image("c", "v1", 2);
    registry
        .delete(&format!("/v2/a/b/manifests/{gone}"))
        .expect(202);
    registry.plant(
        "repositories/c/_manifests/tags/x/current/link.0123456789abcdef-1.tmp",
        "",
    );
    registry.plant("blobs/sha256/aa/data.0123456789abcdef-1.tmp", "x");
    // Also what was written by a clock that was ahead.
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
    super::set_modified(&registry.root.join("docker"), tomorrow);
    let said = collected(&mut registry, &[], 0);
    assert!(said.contains("2 temporary files"), "{said}");
    assert!(!registry.file("repositories/a").exists());
    assert!(!registry.file("repositories/c/_manifests/tags/x").exists());
    assert!(!registry.file("blobs/sha256/aa").exists());
    let registry = registry.restart();
    let catalog = registry.get("/v2/_catalog").expect(200).json();
    assert_eq!(catalog, json!({"repositories": ["c"]}));
    registry.push_image("a/b", "v1", 1);
}
