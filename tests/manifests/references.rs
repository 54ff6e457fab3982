//! What a manifest names must be there, unless it lies elsewhere or the configuration says otherwise.

use crate::util::image::{descriptor, image, index, sha256};
use crate::util::registry::{RawResponse, Settings, TestRegistry};
use serde_json::{Value, json};

/// The digests that an error names as missing.
fn missing(response: RawResponse) -> Vec<String> {
    let body = response.expect_error(400, "MANIFEST_BLOB_UNKNOWN").json();
    let digest = |error: &Value| {
        assert_eq!(error["code"], "MANIFEST_BLOB_UNKNOWN");
        error["detail"].as_str().unwrap().to_owned()
    };
    body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(digest)
        .collect()
}

/// `image(1)` with a layer of this type and these URLs, whose bytes nobody has.
fn with_foreign_layer(media_type: &str, urls: &[&str]) -> Value {
    let mut manifest = image(1);
    let mut layer = descriptor(media_type, b"a base layer of Windows");
    if !urls.is_empty() {
        layer["urls"] = json!(urls);
    }
    manifest["layers"].as_array_mut().unwrap().insert(0, layer);
    manifest
}

const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const OCI_NONDISTRIBUTABLE: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const URL: &str = "https://mcr.example/windows/base.tar.gz";

#[test]
fn each_missing_blob_is_named() {
    let registry = TestRegistry::start();
    let mut manifest = image(1);
    let other = descriptor(OCI_LAYER, b"another layer");
    manifest["layers"].as_array_mut().unwrap().push(other);
    let digests = [
        &manifest["config"],
        &manifest["layers"][0],
        &manifest["layers"][1],
    ];
    let digests = digests.map(|part| part["digest"].as_str().unwrap().to_owned());
    assert_eq!(
        missing(registry.put_manifest("a", "v1", &manifest)),
        digests
    );
    registry.push_parts("b", 1);
    let elsewhere = registry.put_manifest("a", "v1", &manifest);
    assert_eq!(
        missing(elsewhere),
        digests,
        "another repository's blobs do not count"
    );
    registry.push_parts("a", 1);
    assert_eq!(
        missing(registry.put_manifest("a", "v1", &manifest)),
        digests[2..]
    );
    registry
        .get("/v2/a/manifests/v1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    registry
        .get("/v2/a/tags/list")
        .expect_error(404, "NAME_UNKNOWN");
    registry.push_blob("a", b"another layer");
    registry.put_manifest("a", "v1", &manifest).expect(201);
}

#[test]
fn each_missing_manifest_of_an_index_is_named() {
    let registry = TestRegistry::start();
    let index = index(&[("amd64", &image(1)), ("arm64", &image(2))]);
    let digest = |seed| sha256(image(seed).to_string().as_bytes());
    assert_eq!(
        missing(registry.put_manifest("a", "v1", &index)),
        [digest(1), digest(2)]
    );
    registry.push_image("a", "one", 1);
    registry.push_image("b", "two", 2);
    assert_eq!(
        missing(registry.put_manifest("a", "v1", &index)),
        [digest(2)]
    );
    registry.push_image("a", "two", 2);
    registry.put_manifest("a", "v1", &index).expect(201);
}

#[test]
fn an_index_may_hold_layers_as_build_caches_do() {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    let cache = json!({"schemaVersion": 2, "mediaType": registry::spec::media_type::OCI_INDEX,
        "manifests": [image(1)["layers"][0], image(1)["config"]]});
    registry.put_manifest("a", "cache", &cache).expect(201);
}

#[test]
fn layers_that_lie_elsewhere_are_not_asked_for() {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    for (media_type, urls) in [
        (DOCKER_FOREIGN, &[URL][..]),
        (DOCKER_FOREIGN, &[]),
        (OCI_NONDISTRIBUTABLE, &[URL, "http://second.example/base"]),
        (OCI_NONDISTRIBUTABLE, &[]),
        (
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            &[URL],
        ),
        (OCI_LAYER, &[URL]),
    ] {
        let manifest = with_foreign_layer(media_type, urls);
        registry.put_manifest("a", "windows", &manifest).expect(201);
        let stored = registry.get("/v2/a/manifests/windows").expect(200);
        assert_eq!(stored.json(), manifest, "{media_type}");
    }
    let plain = with_foreign_layer(OCI_LAYER, &[]);
    assert_eq!(missing(registry.put_manifest("a", "v1", &plain)).len(), 1);
    let blob = sha256(b"a base layer of Windows");
    registry
        .get(&format!("/v2/a/blobs/{blob}"))
        .expect_error(404, "BLOB_UNKNOWN");
}

#[test]
fn urls_must_be_of_the_web() {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    for url in [
        "",
        "file:///etc/passwd",
        "ftp://a.example/b",
        "//a.example/b",
        "https://a.example/#b",
        "https://a.example/b\r\nc",
    ] {
        let manifest = with_foreign_layer(DOCKER_FOREIGN, &[URL, url]);
        let refused = registry.put_manifest("a", "v1", &manifest);
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        assert_eq!(refused.json()["errors"][0]["detail"], url);
    }
}

#[test]
fn urls_are_allowed_and_denied_by_configuration() {
    let allow = "[^https://good.example/, ^https://fine.example/]";
    let registry = Settings::default()
        .set("VALIDATION_MANIFESTS_URLS_ALLOW", allow)
        .set("VALIDATION_MANIFESTS_URLS_DENY", "[secret]")
        .start();
    registry.push_parts("a", 1);
    let put = |url: &str| {
        let manifest = with_foreign_layer(OCI_NONDISTRIBUTABLE, &[url]);
        registry.put_manifest("a", "v1", &manifest)
    };
    for url in ["https://good.example/x", "https://fine.example/x"] {
        put(url).expect(201);
    }
    for url in [
        "https://bad.example/x",
        "http://good.example/x",
        "https://good.example/secret",
    ] {
        let refused = put(url).expect_error(400, "MANIFEST_INVALID");
        let error = &refused.json()["errors"][0];
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("validation.manifests.urls")
        );
        assert_eq!(error["detail"], url);
    }
    let none = Settings::default()
        .set("VALIDATION_MANIFESTS_URLS_DENY", "['.*']")
        .start();
    none.push_parts("a", 1);
    let manifest = with_foreign_layer(DOCKER_FOREIGN, &[URL]);
    none.put_manifest("a", "v1", &manifest)
        .expect_error(400, "MANIFEST_INVALID");
    none.put_manifest("a", "v1", &image(1)).expect(201);
}

#[test]
fn an_index_may_be_sparse_where_that_is_configured() {
    let digest = |seed| sha256(image(seed).to_string().as_bytes());
    let three = index(&[
        ("amd64", &image(1)),
        ("arm64", &image(2)),
        ("s390x", &image(3)),
    ]);
    let platforms = "VALIDATION_MANIFESTS_INDEXES_PLATFORMS";
    let none = Settings::default().set(platforms, "none").start();
    none.put_manifest("a", "v1", &three).expect(201);
    assert_eq!(none.get("/v2/a/manifests/v1").expect(200).json(), three);
    assert_eq!(
        missing(none.put_manifest("a", "v2", &image(1))).len(),
        2,
        "an image is none"
    );

    let list = "[{architecture: amd64, os: linux}, {architecture: arm64, os: linux}]";
    let some = Settings::default()
        .set(platforms, "list")
        .set("VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST", list)
        .start();
    assert_eq!(
        missing(some.put_manifest("a", "v1", &three)),
        [digest(1), digest(2)]
    );
    some.push_image("a", "one", 1);
    some.push_image("a", "two", 2);
    some.put_manifest("a", "v1", &three).expect(201);
    let mut unnamed = three.clone();
    unnamed["manifests"][2]
        .as_object_mut()
        .unwrap()
        .remove("platform");
    assert_eq!(missing(some.put_manifest("a", "v2", &unnamed)), [digest(3)]);
    some.get(&format!("/v2/a/manifests/{}", digest(3)))
        .expect_error(404, "MANIFEST_UNKNOWN");
}

#[test]
fn nothing_is_asked_for_when_validation_is_off() {
    let registry = Settings::default()
        .set("VALIDATION_DISABLED", "true")
        .start();
    registry.put_manifest("a", "image", &image(1)).expect(201);
    let index = index(&[("amd64", &image(2))]);
    registry.put_manifest("a", "index", &index).expect(201);
    let foreign = with_foreign_layer(DOCKER_FOREIGN, &["file:///c:/base"]);
    registry.put_manifest("a", "foreign", &foreign).expect(201);
    for (tag, manifest) in [("image", image(1)), ("index", index), ("foreign", foreign)] {
        assert_eq!(
            registry
                .get(&format!("/v2/a/manifests/{tag}"))
                .expect(200)
                .json(),
            manifest
        );
    }
    let broken = registry.put("/v2/a/manifests/v1", &[], b"{");
    broken.expect_error(400, "MANIFEST_INVALID");
}
