//! Manifests that are refused: each with words that say why, and nothing stored.

use super::{put, with_parts};
use crate::util::image::{bytes, descriptor, image, index};
use registry::spec::media_type::{
    DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA_1, DOCKER_SCHEMA_1_SIGNED, OCI_INDEX, OCI_MANIFEST,
};
use serde_json::{Value, json};

/// `image(1)` with one member changed; `null` removes it.
fn with(pointer: &str, value: Value) -> Vec<u8> {
    let mut manifest = image(1);
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = manifest
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    match value {
        Value::Null => drop(parent.remove(member)),
        value => drop(parent.insert(member.to_owned(), value)),
    }
    manifest.to_string().into_bytes()
}

/// A manifest of docker's first kind.
fn schema_1() -> Value {
    json!({"schemaVersion": 1, "name": "a", "tag": "v1", "architecture": "amd64",
           "fsLayers": [{"blobSum": crate::util::image::sha256(b"x")}],
           "history": [{"v1Compatibility": "{}"}],
           "signatures": [{"protected": "x", "signature": "y"}]})
}

#[test]
fn what_is_wrong_with_a_manifest_is_said() {
    let registry = with_parts();
    let before = registry.tree();
    let small = descriptor("a/b", b"x");
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(1000), "]".repeat(1000));
    let deep_object = format!("{}1{}", "{\"x\":".repeat(1000), "}".repeat(1000));
    let deep_open = "[".repeat(1_000_000);
    let shape = "an index has `manifests`";
    for (media_type, manifest, why) in [
        (OCI_MANIFEST, Vec::new(), "bad JSON"),
        (OCI_MANIFEST, b"{".to_vec(), "bad JSON"),
        (OCI_MANIFEST, b"[]".to_vec(), "bad JSON"),
        (OCI_MANIFEST, b"null".to_vec(), "bad JSON"),
        (OCI_MANIFEST, b"{}{}".to_vec(), "bad JSON"),
        (OCI_MANIFEST, b"{\"schemaVersion\":2,}".to_vec(), "bad JSON"),
        (OCI_MANIFEST, b"\xef\xbb\xbf{}".to_vec(), "bad JSON"),
        (OCI_MANIFEST, b"{\"a\":\"\xff\"}".to_vec(), "bad JSON"),
        (OCI_MANIFEST, bytes(1, 1000), "bad JSON"),
        (OCI_MANIFEST, deep.into_bytes(), "nested more than 100 deep"),
        (
            OCI_MANIFEST,
            deep_object.into_bytes(),
            "nested more than 100 deep",
        ),
        (
            OCI_MANIFEST,
            deep_open.into_bytes(),
            "nested more than 100 deep",
        ),
        (
            OCI_MANIFEST,
            with("/schemaVersion", Value::Null),
            "schemaVersion must be 2",
        ),
        (
            OCI_MANIFEST,
            with("/schemaVersion", json!(3)),
            "schemaVersion must be 2",
        ),
        (OCI_MANIFEST, with("/schemaVersion", json!("2")), "bad JSON"),
        (
            OCI_MANIFEST,
            with("/mediaType", json!(OCI_INDEX)),
            "must be equal",
        ),
        (
            OCI_INDEX,
            image(1).to_string().into_bytes(),
            "must be equal",
        ),
        (
            DOCKER_MANIFEST,
            image(1).to_string().into_bytes(),
            "must be equal",
        ),
        (
            "text/plain",
            with("/mediaType", Value::Null),
            "is not supported",
        ),
        (
            OCI_INDEX,
            with("/mediaType", Value::Null),
            "must have `manifests`",
        ),
        (OCI_MANIFEST, with("/manifests", json!([])), shape),
        (
            OCI_MANIFEST,
            with("/config", Value::Null),
            "must have a `config`",
        ),
        (OCI_MANIFEST, with("/config", json!({})), "missing field"),
        (
            OCI_MANIFEST,
            with("/config/digest", json!("sha256:12")),
            "64 lower-case hex",
        ),
        (
            OCI_MANIFEST,
            with("/config/digest", json!("md5:12")),
            "unsupported",
        ),
        (OCI_MANIFEST, with("/config/size", json!(-1)), "bad JSON"),
        (OCI_MANIFEST, with("/layers", json!({})), "bad JSON"),
        (
            OCI_MANIFEST,
            with("/subject", json!({"digest": "x", "size": 1})),
            "algorithm:hex",
        ),
        (
            OCI_MANIFEST,
            with("/annotations", json!({"a": 1})),
            "bad JSON",
        ),
    ] {
        let refused = put(&registry, "v1", media_type, &manifest);
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        let message = refused.json()["errors"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(why), "{message:?} does not say {why:?}");
    }
    for (media_type, extra) in [
        (OCI_INDEX, "layers"),
        (OCI_INDEX, "config"),
        (DOCKER_LIST, "layers"),
    ] {
        let mut both = index(&[]);
        both["mediaType"] = json!(media_type);
        both[extra] = if extra == "config" {
            small.clone()
        } else {
            json!([small])
        };
        let refused = put(&registry, "v1", media_type, both.to_string().as_bytes());
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        assert!(
            refused.json()["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains(shape)
        );
    }
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn an_array_is_no_manifest_and_no_descriptor() {
    let registry = with_parts();
    let manifest = image(1);
    let (config, layers) = (&manifest["config"], &manifest["layers"]);
    let members = json!([
        2,
        OCI_MANIFEST,
        config,
        layers,
        null,
        null,
        null,
        null,
        null,
        {}
    ]);
    let members = members.to_string().into_bytes();
    let in_order = json!([
        config["mediaType"],
        config["digest"],
        config["size"],
        [],
        null,
        null,
        {}
    ]);
    let layer = json!([in_order]);
    for bytes in [members, with("/config", in_order), with("/layers", layer)] {
        let refused = put(&registry, "v1", OCI_MANIFEST, &bytes);
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        let message = refused.json()["errors"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains("expected an object"), "{message}");
    }
}

#[test]
fn schema_1_is_refused_with_a_way_out() {
    let registry = with_parts();
    let before = registry.tree();
    for media_type in [
        DOCKER_SCHEMA_1,
        DOCKER_SCHEMA_1_SIGNED,
        DOCKER_MANIFEST,
        OCI_MANIFEST,
    ] {
        for typed in [false, true] {
            let mut manifest = schema_1();
            if typed {
                manifest["mediaType"] = json!(media_type);
            }
            let refused = put(&registry, "v1", media_type, manifest.to_string().as_bytes());
            let refused = refused.expect_error(400, "MANIFEST_INVALID");
            let message = refused.json()["errors"][0]["message"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(
                message.contains("schema 1") && message.contains("push it as"),
                "{message}"
            );
        }
    }
    let hidden = with("/fsLayers", json!([]));
    put(&registry, "v1", OCI_MANIFEST, &hidden).expect_error(400, "MANIFEST_INVALID");
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let registry = with_parts();
    let manifest = image(1).to_string();
    for doubled in ["mediaType", "layers", "config"] {
        let value = image(1)[doubled].to_string();
        let text = format!("{{\"{doubled}\":{value},{}", &manifest[1..]);
        let refused = put(&registry, "v1", OCI_MANIFEST, text.as_bytes());
        refused.expect_error(400, "MANIFEST_INVALID");
    }
}

#[test]
fn what_was_refused_does_not_move_the_tag() {
    let registry = with_parts();
    put(
        &registry,
        "v1",
        OCI_MANIFEST,
        image(1).to_string().as_bytes(),
    )
    .expect(201);
    put(&registry, "v1", OCI_MANIFEST, b"{").expect(400);
    let missing = image(9).to_string();
    put(&registry, "v1", OCI_MANIFEST, missing.as_bytes()).expect(400);
    super::assert_manifest(
        &registry,
        "v1",
        OCI_MANIFEST,
        image(1).to_string().as_bytes(),
    );
}
