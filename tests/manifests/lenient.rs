//! Manifests as Go programs write them: `null` is absent, half a surrogate pair is a character that is
//! lost, names are taken in any case. And the one rule of types: what is taken is given back with the
//! type it came with.

use super::{assert_manifest, docker_image, put, with_parts};
use crate::util::image::{artifact, image, index};
use registry::spec::manifest::OCI_ARTIFACT;
use registry::spec::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

/// A manifest with a member changed, at any depth.
fn with(mut manifest: Value, pointer: &str, value: Value) -> Vec<u8> {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = manifest.pointer_mut(parent).unwrap();
    let parent = parent.as_object_mut().unwrap();
    parent.insert(member.to_owned(), value);
    manifest.to_string().into_bytes()
}

#[test]
fn null_is_absent_wherever_a_member_is_optional() {
    let registry = with_parts();
    let subject = artifact(1, "application/x-sbom", &image(2));
    let children = index(&[("amd64", &image(1))]);
    registry.put_manifest("a", "one", &image(1)).expect(201);
    let docker_list = with(index(&[]), "/mediaType", json!(DOCKER_LIST));
    let docker_list: Value = serde_json::from_slice(&docker_list).unwrap();
    for (media_type, manifest) in [
        (OCI_INDEX, with(index(&[]), "/manifests", Value::Null)),
        (DOCKER_LIST, with(docker_list, "/manifests", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/layers", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/manifests", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/mediaType", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/subject", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/artifactType", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/annotations", Value::Null)),
        (
            OCI_MANIFEST,
            with(image(1), "/annotations", json!({"a": null})),
        ),
        (OCI_MANIFEST, with(image(1), "/fsLayers", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/unknown", Value::Null)),
        (OCI_MANIFEST, with(image(1), "/layers/0/urls", Value::Null)),
        (
            OCI_MANIFEST,
            with(image(1), "/layers/0/annotations", Value::Null),
        ),
        (
            OCI_MANIFEST,
            with(image(1), "/layers/0/annotations", json!({"a": null})),
        ),
        (
            OCI_MANIFEST,
            with(image(1), "/layers/0/mediaType", Value::Null),
        ),
        (
            OCI_MANIFEST,
            with(image(1), "/layers/0/platform", Value::Null),
        ),
        (OCI_MANIFEST, with(subject, "/subject/urls", Value::Null)),
        (
            OCI_INDEX,
            with(children.clone(), "/manifests/0/platform", Value::Null),
        ),
        (
            OCI_INDEX,
            with(children.clone(), "/manifests/0/platform/os", Value::Null),
        ),
        (
            OCI_INDEX,
            with(children, "/manifests/0/platform/architecture", Value::Null),
        ),
    ] {
        put(&registry, "v1", media_type, &manifest).expect(201);
        assert_manifest(&registry, "v1", media_type, &manifest);
    }
}

#[test]
fn half_a_surrogate_pair_is_taken_and_listed_as_the_character_that_is_lost() {
    let registry = with_parts();
    let subject = registry.push_image("a", "subject", 2);
    let manifest = artifact(1, "application/x-sbom", &image(2));
    let manifest = with(manifest, "/annotations", json!({"half": "HALF"}));
    let text = String::from_utf8(manifest).unwrap();
    let bytes = text.replace("HALF", "a\\ud83d").into_bytes();
    put(&registry, "v1", OCI_MANIFEST, &bytes).expect(201);
    assert_manifest(&registry, "v1", OCI_MANIFEST, &bytes);
    let listed = registry.get(&format!("/v2/a/referrers/{subject}"));
    let listed = listed.expect(200).json();
    let annotations = &listed["manifests"][0]["annotations"];
    assert_eq!(*annotations, json!({"half": "a\u{fffd}"}));
}

#[test]
fn names_are_read_in_any_case_and_doubled_in_any_case() {
    let registry = with_parts();
    let text = image(1).to_string();
    let capital = text.replace("\"config\"", "\"Config\"");
    let capital = capital.replace("\"digest\"", "\"DIGEST\"");
    put(&registry, "v1", OCI_MANIFEST, capital.as_bytes()).expect(201);
    assert_manifest(&registry, "v1", OCI_MANIFEST, capital.as_bytes());
    let missing = image(9).to_string().replace("\"config\"", "\"Config\"");
    let refused = put(&registry, "v1", OCI_MANIFEST, missing.as_bytes());
    refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    for other in ["Config", "CONFIG"] {
        let doubled = format!("{{\"{other}\":{},{}", image(2)["config"], &text[1..]);
        let refused = put(&registry, "v1", OCI_MANIFEST, doubled.as_bytes());
        let refused = refused.expect_error(400, "MANIFEST_INVALID");
        let said = refused.json()["errors"][0]["message"].to_string();
        assert!(said.contains("duplicate field"), "{said}");
    }
}

#[test]
fn what_could_not_be_given_back_with_its_type_is_refused_with_what_to_add() {
    let registry = with_parts();
    registry.put_manifest("a", "one", &image(1)).expect(201);
    let before = registry.tree();
    let list = index(&[("amd64", &image(1))]);
    let withdrawn = json!({"blobs": image(1)["layers"]});
    for own in [None, Some(Value::Null), Some(json!(""))] {
        for (media_type, manifest) in [
            (DOCKER_MANIFEST, docker_image(1)),
            (DOCKER_MANIFEST, image(1)),
            (DOCKER_LIST, list.clone()),
            (OCI_ARTIFACT, withdrawn.clone()),
            // An index without manifests does not look like one.
            (OCI_INDEX, json!({"schemaVersion": 2, "manifests": null})),
        ] {
            let mut manifest = manifest;
            let members = manifest.as_object_mut().unwrap();
            members.remove("mediaType");
            members.extend(own.clone().map(|own| ("mediaType".to_owned(), own)));
            let bytes = manifest.to_string().into_bytes();
            let refused = put(&registry, "v1", media_type, &bytes);
            let refused = refused.expect_error(400, "MANIFEST_INVALID").json();
            let said = refused["errors"][0]["message"].as_str().unwrap();
            let cure = format!("add \"mediaType\": \"{media_type}\"");
            assert!(said.contains(&cure), "{said}");
        }
    }
    assert!(registry.tree() == before, "something was written");
    for (media_type, manifest) in [(OCI_MANIFEST, image(2)), (OCI_INDEX, list)] {
        let mut manifest = manifest;
        manifest.as_object_mut().unwrap().remove("mediaType");
        let bytes = manifest.to_string().into_bytes();
        put(&registry, "v1", media_type, &bytes).expect(201);
        assert_manifest(&registry, "v1", media_type, &bytes);
        registry.put("/v2/a/manifests/v2", &[], &bytes).expect(201);
        assert_manifest(&registry, "v2", media_type, &bytes);
    }
}
