//! Which manifest a client gets that asks by tag for an index, by what it says it accepts.

use crate::util::image::{artifact, image, index};
use crate::util::registry::TestRegistry;
use registry::spec::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

/// The media type of what the tag gives to a client with this `Accept`; it must be whole.
fn given(registry: &TestRegistry, reference: &str, accept: &[&str]) -> (String, Value) {
    let headers: Vec<_> = accept.iter().map(|value| ("Accept", *value)).collect();
    let path = format!("/v2/a/manifests/{reference}");
    let response = registry.call("GET", &path, &headers, None).expect(200);
    let head = registry.call("HEAD", &path, &headers, None).expect(200);
    assert_eq!(
        head.header("Docker-Content-Digest"),
        response.header("Docker-Content-Digest")
    );
    assert_eq!(
        head.header("Content-Length"),
        response.body.len().to_string()
    );
    (response.header("Content-Type").to_owned(), response.json())
}

/// A registry with the index `multi` of two images, arm64 first.
fn with_index() -> (TestRegistry, Value) {
    let registry = TestRegistry::start();
    registry.push_image("a", "one", 1);
    registry.push_image("a", "two", 2);
    let index = index(&[("arm64", &image(2)), ("amd64", &image(1))]);
    registry.put_manifest("a", "multi", &index).expect(201);
    (registry, index)
}

#[test]
fn a_client_that_takes_an_index_or_says_nothing_gets_the_index() {
    let (registry, index) = with_index();
    let both = format!("{OCI_MANIFEST}, {OCI_INDEX}");
    let weighed = format!("{OCI_MANIFEST};q=0.5 , {OCI_INDEX};q=0.9");
    let any = format!("{OCI_MANIFEST}, */*;q=0.1");
    for accept in [
        &[][..],
        &["*/*"],
        &["application/*"],
        &["application/json"],
        &[""],
        &[OCI_INDEX],
        &[&both],
        &[&weighed],
        &[&any],
        &[OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX],
        &[DOCKER_MANIFEST],
    ] {
        let given = given(&registry, "multi", accept);
        assert_eq!(given, (OCI_INDEX.to_owned(), index.clone()), "{accept:?}");
    }
}

#[test]
fn a_client_that_takes_single_manifests_only_gets_that_of_linux_amd64() {
    let (registry, index) = with_index();
    for accept in [&[OCI_MANIFEST][..], &[DOCKER_MANIFEST, OCI_MANIFEST]] {
        let given = given(&registry, "multi", accept);
        assert_eq!(given, (OCI_MANIFEST.to_owned(), image(1)), "{accept:?}");
    }
    let by_digest = crate::util::image::sha256(index.to_string().as_bytes());
    let given = given(&registry, &by_digest, &[OCI_MANIFEST]);
    assert_eq!(
        given,
        (OCI_INDEX.to_owned(), index),
        "whoever names the digest means it"
    );
}

#[test]
fn an_old_docker_gets_an_image_of_a_list() {
    let registry = TestRegistry::start();
    let docker = super::docker_image(1);
    registry.push_parts("a", 1);
    registry.put_manifest("a", "one", &docker).expect(201);
    let mut list = index(&[("amd64", &docker)]);
    list["mediaType"] = json!(DOCKER_LIST);
    list["manifests"][0]["mediaType"] = json!(DOCKER_MANIFEST);
    registry.put_manifest("a", "multi", &list).expect(201);
    let one = (DOCKER_MANIFEST.to_owned(), docker);
    assert_eq!(given(&registry, "multi", &[DOCKER_MANIFEST]), one);
    assert_eq!(given(&registry, "multi", &[DOCKER_LIST]).0, DOCKER_LIST);
    assert_eq!(
        given(&registry, "multi", &[OCI_INDEX]).0,
        DOCKER_LIST,
        "no child is accepted"
    );
}

#[test]
fn an_index_without_linux_amd64_is_given_as_it_is() {
    let registry = TestRegistry::start();
    registry.push_image("a", "one", 1);
    let mut windows = index(&[("amd64", &image(1))]);
    windows["manifests"][0]["platform"]["os"] = json!("windows");
    registry.put_manifest("a", "windows", &windows).expect(201);
    let mut unnamed = index(&[("amd64", &image(1))]);
    unnamed["manifests"][0]
        .as_object_mut()
        .unwrap()
        .remove("platform");
    registry.put_manifest("a", "unnamed", &unnamed).expect(201);
    for tag in ["windows", "unnamed"] {
        assert_eq!(given(&registry, tag, &[OCI_MANIFEST]).0, OCI_INDEX, "{tag}");
    }
}

#[test]
fn a_child_that_was_deleted_leaves_the_index() {
    let (registry, index) = with_index();
    let child = index["manifests"][1]["digest"].as_str().unwrap();
    registry
        .delete(&format!("/v2/a/manifests/{child}"))
        .expect(202);
    assert_eq!(
        given(&registry, "multi", &[OCI_MANIFEST]),
        (OCI_INDEX.to_owned(), index)
    );
}

#[test]
fn a_single_manifest_is_never_hidden() {
    let registry = TestRegistry::start();
    registry.push_image("a", "image", 1);
    let artifact = artifact(1, "application/x-sbom", &image(1));
    registry
        .put_manifest("a", "artifact", &artifact)
        .expect(201);
    for tag in ["image", "artifact"] {
        for accept in [
            &[][..],
            &[DOCKER_MANIFEST],
            &[DOCKER_LIST, OCI_INDEX],
            &["text/html"],
            &["x"],
        ] {
            assert_eq!(
                given(&registry, tag, accept).0,
                OCI_MANIFEST,
                "{tag} {accept:?}"
            );
        }
    }
}

#[test]
fn validators_are_those_of_what_is_given() {
    let (registry, index) = with_index();
    let child = format!("\"{}\"", index["manifests"][1]["digest"].as_str().unwrap());
    let whole = registry
        .head("/v2/a/manifests/multi")
        .header("ETag")
        .to_owned();
    let ask = |accept: &str, known: &str| {
        let headers = [("Accept", accept), ("If-None-Match", known)];
        registry
            .call("GET", "/v2/a/manifests/multi", &headers, None)
            .status
    };
    assert_eq!(ask(OCI_MANIFEST, &child), 304);
    assert_eq!(ask(OCI_MANIFEST, &whole), 200);
    assert_eq!(ask(OCI_INDEX, &whole), 304);
    assert_eq!(ask(OCI_INDEX, &child), 200);
}
