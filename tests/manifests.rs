//! Manifests: what is taken and given back byte for byte, by tag and by digest, and how it goes.

mod accept;
mod large;
mod lenient;
mod references;
mod refused;
mod together;

use crate::util::image::{artifact, bytes, descriptor, image, index, sha256, sha512};
use crate::util::registry::{RawResponse, TestRegistry};
use registry::spec::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

/// Puts bytes as a manifest of repository `a`.
fn put(registry: &TestRegistry, reference: &str, media_type: &str, bytes: &[u8]) -> RawResponse {
    let path = format!("/v2/a/manifests/{reference}");
    registry.put(&path, &[("Content-Type", media_type)], bytes)
}

/// Checks that a manifest comes back, by this reference, as it was pushed.
#[track_caller]
fn assert_manifest(registry: &TestRegistry, reference: &str, media_type: &str, bytes: &[u8]) {
    let path = format!("/v2/a/manifests/{reference}");
    let response = registry.get(&path).expect(200);
    assert!(response.body == bytes, "other bytes");
    let digest = if reference.starts_with("sha512") {
        sha512(bytes)
    } else {
        sha256(bytes)
    };
    let head = registry.head(&path).expect(200);
    for response in [&response, &head] {
        assert_eq!(response.header("Content-Type"), media_type);
        assert_eq!(response.header("Docker-Content-Digest"), digest);
        assert_eq!(response.header("ETag"), format!("\"{digest}\""));
        assert_eq!(response.header("Content-Length"), bytes.len().to_string());
    }
}

/// A registry whose repository `a` has the parts of `image(1)` and `image(2)`.
fn with_parts() -> TestRegistry {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    registry.push_parts("a", 2);
    registry
}

/// The image of a seed in docker's words.
fn docker_image(seed: u64) -> Value {
    let mut manifest = image(seed);
    manifest["mediaType"] = json!(DOCKER_MANIFEST);
    manifest["config"]["mediaType"] = json!("application/vnd.docker.container.image.v1+json");
    manifest["layers"][0]["mediaType"] = json!("application/vnd.docker.image.rootfs.diff.tar.gzip");
    manifest
}

#[test]
fn every_kind_of_manifest_comes_back_as_it_was_pushed() {
    let registry = with_parts();
    let mut list = index(&[("amd64", &docker_image(1))]);
    list["mediaType"] = json!(DOCKER_LIST);
    list["manifests"][0]["mediaType"] = json!(DOCKER_MANIFEST);
    let inner = index(&[("amd64", &image(1)), ("arm64", &image(2))]);
    let mut nested = index(&[("amd64", &image(1))]);
    nested["manifests"][0] = descriptor(OCI_INDEX, inner.to_string().as_bytes());
    let mut with_data = image(1);
    with_data["config"]["data"] = json!("e30=");
    with_data["layers"][0]["annotations"] = json!({"title": "\u{e9}\n"});
    let mut custom = image(2);
    custom["x-custom"] = json!({"deep": [1.50, null, {"a": "\u{1F600}"}]});
    for (tag, media_type, manifest) in [
        ("image", OCI_MANIFEST, image(1)),
        ("docker", DOCKER_MANIFEST, docker_image(1)),
        ("list", DOCKER_LIST, list),
        ("image2", OCI_MANIFEST, image(2)),
        ("index", OCI_INDEX, inner),
        ("nested", OCI_INDEX, nested),
        ("empty", OCI_INDEX, index(&[])),
        (
            "artifact",
            OCI_MANIFEST,
            artifact(1, "application/x-sbom", &image(1)),
        ),
        ("data", OCI_MANIFEST, with_data),
        ("custom", OCI_MANIFEST, custom),
    ] {
        let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
        // Children are named by the digest of their compact form: push that as well.
        put(&registry, tag, media_type, manifest.to_string().as_bytes()).expect(201);
        let created = put(&registry, tag, media_type, &bytes).expect(201);
        let digest = sha256(&bytes);
        assert_eq!(
            created.header("Location"),
            format!("/v2/a/manifests/{digest}")
        );
        assert_eq!(created.header("Docker-Content-Digest"), digest);
        assert_manifest(&registry, tag, media_type, &bytes);
        assert_manifest(&registry, &digest, media_type, &bytes);
    }
}

#[test]
fn the_bytes_are_kept_whatever_their_form() {
    let registry = with_parts();
    let plain = image(1).to_string();
    for bytes in [
        format!(" \r\n\t{plain}\n\n"),
        plain.replace("\":", "\" : "),
        plain.replace("schemaVersion", "schema\\u0056ersion"),
        format!("{{\"extra\":1,\"extra\":2,{}", &plain[1..]),
    ] {
        put(&registry, "v1", OCI_MANIFEST, bytes.as_bytes()).expect(201);
        assert_manifest(&registry, "v1", OCI_MANIFEST, bytes.as_bytes());
    }
}

#[test]
fn the_type_may_be_said_in_one_place_only() {
    let registry = with_parts();
    let mut untyped = image(1);
    untyped.as_object_mut().unwrap().remove("mediaType");
    let untyped = untyped.to_string().into_bytes();
    put(&registry, "untyped", OCI_MANIFEST, &untyped).expect(201);
    assert_manifest(&registry, "untyped", OCI_MANIFEST, &untyped);
    registry
        .put("/v2/a/manifests/nowhere", &[], &untyped)
        .expect(201);
    assert_manifest(&registry, "nowhere", OCI_MANIFEST, &untyped);
    let typed = image(1).to_string().into_bytes();
    registry
        .put("/v2/a/manifests/body", &[], &typed)
        .expect(201);
    assert_manifest(&registry, "body", OCI_MANIFEST, &typed);
    let parameters = format!("{OCI_MANIFEST}; charset=utf-8");
    put(&registry, "parameters", &parameters, &typed).expect(201);
    assert_manifest(&registry, "parameters", OCI_MANIFEST, &typed);
}

#[test]
fn a_push_by_digest_is_checked_in_its_algorithm() {
    let registry = with_parts();
    let bytes = image(1).to_string().into_bytes();
    for digest in [sha256(&bytes), sha512(&bytes)] {
        put(&registry, &digest, OCI_MANIFEST, &bytes[..]).expect(201);
        assert_manifest(&registry, &digest, OCI_MANIFEST, &bytes);
        let tagged = put(&registry, &format!("{digest}?tag=t"), OCI_MANIFEST, &bytes).expect(201);
        assert_eq!(tagged.header("Docker-Content-Digest"), digest);
        let by_tag = registry.get("/v2/a/manifests/t").expect(200);
        assert_eq!(by_tag.header("Docker-Content-Digest"), digest);
        registry
            .delete(&format!("/v2/a/manifests/{digest}"))
            .expect(202);
        registry
            .get("/v2/a/manifests/t")
            .expect_error(404, "MANIFEST_UNKNOWN");
    }
    let before = registry.tree();
    for wrong in [sha256(b"other"), sha512(b"other")] {
        let refused = put(&registry, &format!("{wrong}?tag=u"), OCI_MANIFEST, &bytes);
        let refused = refused.expect_error(400, "DIGEST_INVALID");
        assert!(refused.json()["errors"][0]["detail"].is_string());
    }
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn more_tags_than_an_answer_can_name_are_refused_before_anything_is_made() {
    let registry = with_parts();
    let bytes = image(1).to_string().into_bytes();
    let digest = sha256(&bytes);
    // 15 tags of 128 bytes and one of 98, with two bytes between them: 2048 together.
    let fits: Vec<String> = (0..15).map(|number| format!("t{number:0127}")).collect();
    let fits = [&fits[..], &["x".repeat(98)]].concat();
    let path = |tags: &[String]| format!("{digest}?tag={}", tags.join("&tag="));
    let longer = [&fits[..15], &["x".repeat(99)]].concat();
    let before = registry.tree();
    for tags in [&longer, &[&fits[..], &["y".to_owned()]].concat()] {
        put(&registry, &path(tags), OCI_MANIFEST, &bytes).expect_error(414, "TAG_INVALID");
    }
    assert!(registry.tree() == before, "something was written");
    // The same tag again takes no room.
    let twice = [&fits[..], &fits[..]].concat();
    let created = put(&registry, &path(&twice), OCI_MANIFEST, &bytes).expect(201);
    let line = created.header("OCI-Tag");
    assert_eq!((line.len(), line), (2048, &*fits.join(", ")));
    for tag in &fits {
        assert_manifest(&registry, tag, OCI_MANIFEST, &bytes);
    }
}

#[test]
fn a_push_by_digest_may_name_tags() {
    let registry = with_parts();
    let bytes = image(1).to_string().into_bytes();
    let digest = sha256(&bytes);
    let many: Vec<String> = (0..30).map(|number| format!("t{number:02}")).collect();
    let query = many
        .iter()
        .map(|tag| format!("tag={tag}"))
        .collect::<Vec<_>>()
        .join("&");
    let created = put(
        &registry,
        &format!("{digest}?{query}&tag=t00"),
        OCI_MANIFEST,
        &bytes,
    );
    let named = created.expect(201);
    assert_eq!(
        named.all("OCI-Tag"),
        [many.join(", ")],
        "each once, on one line"
    );
    for tag in &many {
        assert_manifest(&registry, tag, OCI_MANIFEST, &bytes);
    }
    let before = registry.tree();
    for bad in ["", "-x", "a%2Fb", "..", &"x".repeat(129)] {
        let path = format!("{digest}?tag=fine&tag={bad}");
        put(&registry, &path, OCI_MANIFEST, &bytes).expect_error(400, "TAG_INVALID");
    }
    assert!(registry.tree() == before, "something was written");
    let by_tag = put(&registry, "v1?tag=v2", OCI_MANIFEST, &bytes).expect(201);
    assert_eq!(
        by_tag.find("OCI-Tag"),
        None,
        "the spec has tags for a push by digest alone"
    );
    registry.head("/v2/a/manifests/v2").expect(404);
}

#[test]
fn a_tag_moves_and_what_it_named_stays() {
    let registry = TestRegistry::start();
    let first = registry.push_image("a", "v1", 1);
    let second = registry.push_image("a", "v1", 2);
    let tag = registry.get("/v2/a/manifests/v1").expect(200);
    assert_eq!(tag.header("Docker-Content-Digest"), second);
    assert_manifest(
        &registry,
        &first,
        OCI_MANIFEST,
        image(1).to_string().as_bytes(),
    );
    registry.push_image("a", "v1", 1);
    let tag = registry.get("/v2/a/manifests/v1").expect(200);
    assert_eq!(tag.header("Docker-Content-Digest"), first);
    let registry = registry.restart();
    let tag = registry.get("/v2/a/manifests/v1").expect(200);
    assert_eq!(tag.header("Docker-Content-Digest"), first);
}

#[test]
fn a_client_that_has_a_manifest_is_told_so() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "v1", 1);
    for reference in ["v1", &digest] {
        let path = format!("/v2/a/manifests/{reference}");
        let ask = |method: &str, known: &str| {
            registry.call(method, &path, &[("If-None-Match", known)], None)
        };
        for known in [
            &format!("\"{digest}\""),
            &format!("W/\"{digest}\""),
            &digest,
            "*",
        ] {
            let response = ask("GET", known).expect(304);
            assert_eq!(response.header("Docker-Content-Digest"), digest);
            assert!(response.body.is_empty());
            ask("HEAD", known).expect(304);
        }
        ask("GET", &format!("\"{}\"", sha256(b"other"))).expect(200);
    }
    registry.push_image("a", "v1", 2);
    let known = format!("\"{digest}\"");
    let path = "/v2/a/manifests/v1";
    registry
        .call("GET", path, &[("If-None-Match", &known)], None)
        .expect(200);
}

#[test]
fn deleting_a_tag_keeps_the_manifest() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "v1", 1);
    registry.put_manifest("a", "v2", &image(1)).expect(201);
    registry.delete("/v2/a/manifests/v1").expect(202);
    registry
        .get("/v2/a/manifests/v1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    registry.get("/v2/a/manifests/v2").expect(200);
    registry
        .get(&format!("/v2/a/manifests/{digest}"))
        .expect(200);
    let again = registry
        .delete("/v2/a/manifests/v1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    assert_eq!(again.json()["errors"][0]["detail"], "unknown tag=v1");
}

#[test]
fn deleting_a_manifest_deletes_every_tag_that_names_it() {
    let registry = TestRegistry::start();
    let (gone, kept) = (
        registry.push_image("a", "v1", 1),
        registry.push_image("a", "v2", 2),
    );
    registry.push_image("b", "v1", 1);
    // More than one step of the walk, and more than one thread's share in each.
    for number in 0..1300 {
        let digest = if number % 10 == 3 { &kept } else { &gone };
        registry.plant_tag("a", &format!("t{number:04}"), digest);
    }
    registry.plant("repositories/a/_manifests/tags/t0500x/current/link", "");
    registry
        .delete(&format!("/v2/a/manifests/{gone}"))
        .expect(202);
    registry
        .get(&format!("/v2/a/manifests/{gone}"))
        .expect_error(404, "MANIFEST_UNKNOWN");
    registry
        .get("/v2/a/manifests/v1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    let list = registry.get("/v2/a/tags/list").expect(200).json();
    let tags: Vec<&str> = list["tags"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(Value::as_str)
        .collect();
    let numbers = (0..1300).filter(|number| number % 10 == 3);
    let expected: Vec<String> = numbers.map(|number| format!("t{number:04}")).collect();
    assert_eq!(tags[..130], expected);
    assert_eq!(tags[130..], ["v2"]);
    registry.get("/v2/b/manifests/v1").expect(200);
    let again = registry.delete(&format!("/v2/a/manifests/{gone}"));
    again.expect_error(404, "MANIFEST_UNKNOWN");
    registry.put_manifest("a", "v1", &image(1)).expect(201);
    assert_eq!(
        registry.get("/v2/a/manifests/v1").expect(200).body,
        image(1).to_string().as_bytes()
    );
}

#[test]
fn a_damaged_manifest_is_not_served_and_can_be_pushed_again_or_deleted() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "v1", 1);
    for damaged in [&b""[..], b"{\"schemaVersion\":2}", &bytes(1, 500)] {
        std::fs::write(registry.blob_file(&digest), damaged).unwrap();
        for reference in ["v1", &digest] {
            let response = registry.get(&format!("/v2/a/manifests/{reference}"));
            if damaged.is_empty() {
                // As a crash of distribution leaves it: missing, so that clients push it again.
                response.expect_error(404, "MANIFEST_UNKNOWN");
                continue;
            }
            let response = response.expect_error(500, "UNKNOWN");
            assert_eq!(response.json()["errors"][0]["detail"], digest);
        }
        registry.put_manifest("a", "v1", &image(1)).expect(201);
        assert_manifest(
            &registry,
            "v1",
            OCI_MANIFEST,
            image(1).to_string().as_bytes(),
        );
    }
    std::fs::write(registry.blob_file(&digest), "damaged").unwrap();
    registry
        .delete(&format!("/v2/a/manifests/{digest}"))
        .expect(202);
    registry
        .get("/v2/a/manifests/v1")
        .expect_error(404, "MANIFEST_UNKNOWN");
}
