//! Referrers: what is listed under a subject, filtered and paged, and how the list stays right.

mod index;
mod stored;
mod work;

use crate::util::effort::effort;
use crate::util::image::{artifact, descriptor, image, index, sha256, sha512};
use crate::util::registry::{RawResponse, TestRegistry};
use registry::spec::media_type::{OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

const SBOM: &str = "application/vnd.example.sbom.v1";
const SIGNATURE: &str = "application/vnd.example.signature+json";

/// The digest of a manifest as [`TestRegistry::put_manifest`] sends it.
fn digest(manifest: &Value) -> String {
    sha256(manifest.to_string().as_bytes())
}

/// The descriptors of an response, whose form is checked.
fn descriptors(response: &RawResponse) -> Vec<Value> {
    assert_eq!(response.header("Content-Type"), OCI_INDEX);
    let body = response.json();
    assert_eq!(
        (&body["schemaVersion"], &body["mediaType"]),
        (&json!(2), &json!(OCI_INDEX))
    );
    body["manifests"].as_array().unwrap().clone()
}

/// The digests of the referrers in repository `a`.
fn listed(registry: &TestRegistry, subject: &str) -> Vec<String> {
    let response = registry
        .get(&format!("/v2/a/referrers/{subject}"))
        .expect(200);
    assert_eq!(response.find("Link"), None);
    digests(&descriptors(&response))
}

fn digests(descriptors: &[Value]) -> Vec<String> {
    descriptors
        .iter()
        .map(|one| one["digest"].as_str().unwrap().to_owned())
        .collect()
}

fn sorted(mut digests: Vec<String>) -> Vec<String> {
    digests.sort();
    digests
}

/// A registry whose repository `a` has `image(1)` and so many artifacts that refer to it; and the
/// digests of the artifacts, in order.
fn with_referrers(count: u64) -> (TestRegistry, String, Vec<String>) {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    let mut referrers = Vec::new();
    for number in 0..count {
        let mut referrer = artifact(1, SBOM, &image(1));
        referrer["annotations"] = json!({"number": number.to_string()});
        registry
            .put_manifest("a", &digest(&referrer), &referrer)
            .expect(201);
        referrers.push(digest(&referrer));
    }
    (registry, subject, sorted(referrers))
}

#[test]
fn each_referrer_is_listed_with_its_type_and_annotations() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    let typed = artifact(1, SBOM, &image(1));
    let mut by_config = artifact(1, "", &image(1));
    by_config["annotations"] = Value::Null;
    let mut untyped_index = index(&[("amd64", &image(1))]);
    untyped_index["subject"] = typed["subject"].clone();
    untyped_index["annotations"] = json!({"a": "b", "\u{e9}": "\""});
    let mut typed_index = untyped_index.clone();
    typed_index["artifactType"] = json!(SIGNATURE);
    for (manifest, artifact_type) in [
        (typed, Some(SBOM)),
        (by_config, Some("application/vnd.oci.image.config.v1+json")),
        (untyped_index, None),
        (typed_index, Some(SIGNATURE)),
    ] {
        let before = listed(&registry, &subject);
        let created = registry
            .put_manifest("a", "referrer", &manifest)
            .expect(201);
        assert_eq!(created.header("OCI-Subject"), subject);
        let response = registry
            .get(&format!("/v2/a/referrers/{subject}"))
            .expect(200);
        let descriptors = descriptors(&response);
        let found = descriptors
            .iter()
            .find(|one| one["digest"] == *digest(&manifest))
            .unwrap();
        let mut expected = json!({
            "mediaType": manifest["mediaType"],
            "digest": digest(&manifest),
            "size": manifest.to_string().len(),
        });
        if let Some(artifact_type) = artifact_type {
            expected["artifactType"] = json!(artifact_type);
        }
        if manifest["annotations"].is_object() {
            expected["annotations"] = manifest["annotations"].clone();
        }
        assert_eq!(*found, expected);
        assert_eq!(descriptors.len(), before.len() + 1);
    }
    let all = listed(&registry, &subject);
    assert_eq!(all, sorted(all.clone()), "in the order of their digests");
}

#[test]
fn a_filter_gives_one_type_and_says_so() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    for artifact_type in [SBOM, SIGNATURE] {
        let referrer = artifact(1, artifact_type, &image(1));
        registry.put_manifest("a", "x", &referrer).expect(201);
    }
    registry
        .put_manifest("a", "y", &artifact(1, "", &image(1)))
        .expect(201);
    let filtered = |query: &str| {
        let response = registry
            .get(&format!("/v2/a/referrers/{subject}?{query}"))
            .expect(200);
        (
            descriptors(&response),
            response.find("OCI-Filters-Applied").map(str::to_owned),
        )
    };
    let applied = Some("artifactType".to_owned());
    let config = "application%2Fvnd.oci.image.config.v1%2Bjson";
    for (query, count) in [
        (format!("artifactType={SBOM}"), 1),
        (format!("artifactType={}", SIGNATURE.replace('+', "%2B")), 1),
        (format!("artifactType={config}"), 1),
        (format!("artifactType={}", SIGNATURE), 0),
        ("artifactType=application/none".to_owned(), 0),
        ("artifactType=%2A".to_owned(), 0),
    ] {
        let (found, filters) = filtered(&query);
        assert_eq!((found.len(), filters), (count, applied.clone()), "{query}");
    }
    for query in ["", "artifactType=", "other=x"] {
        let (found, filters) = filtered(query);
        assert_eq!((found.len(), filters), (3, None), "{query}");
    }
}

#[test]
fn who_has_no_referrers_has_an_empty_list() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    for path in [
        format!("a/referrers/{subject}"),
        format!("a/referrers/{}", sha256(b"unknown")),
        format!("a/referrers/{}", sha512(b"unknown")),
        format!("no/such/referrers/{subject}"),
    ] {
        let response = registry.get(&format!("/v2/{path}")).expect(200);
        assert_eq!(response.json()["manifests"], json!([]), "{path}");
    }
    let upper = subject.to_uppercase().replace("SHA256", "sha256");
    for bad in [
        "v1",
        "sha256:",
        "sha256:12",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        &upper,
    ] {
        let response = registry.get(&format!("/v2/a/referrers/{bad}"));
        let response = response.expect_error(400, "DIGEST_INVALID");
        assert_eq!(response.json()["errors"][0]["detail"], bad);
    }
}

#[test]
fn a_subject_may_come_after_its_referrer_or_never() {
    let registry = TestRegistry::start();
    registry.push_parts("a", 1);
    let referrer = artifact(1, SBOM, &image(2));
    let created = registry.put_manifest("a", "sbom", &referrer).expect(201);
    let subject = digest(&image(2));
    assert_eq!(created.header("OCI-Subject"), subject);
    assert_eq!(listed(&registry, &subject), [digest(&referrer)]);
    registry
        .get(&format!("/v2/a/manifests/{subject}"))
        .expect_error(404, "MANIFEST_UNKNOWN");
    assert_eq!(registry.push_image("a", "v2", 2), subject);
    assert_eq!(listed(&registry, &subject), [digest(&referrer)]);
    registry
        .delete(&format!("/v2/a/manifests/{subject}"))
        .expect(202);
    assert_eq!(
        listed(&registry, &subject),
        [digest(&referrer)],
        "it outlives its subject"
    );
}

#[test]
fn a_referrer_of_another_repository_is_not_listed() {
    let (registry, subject, referrers) = with_referrers(1);
    registry.push_image("b", "v1", 1);
    let response = registry
        .get(&format!("/v2/b/referrers/{subject}"))
        .expect(200);
    assert!(descriptors(&response).is_empty());
    assert_eq!(listed(&registry, &subject), referrers);
}

#[test]
fn a_deleted_referrer_is_gone_at_once() {
    let (registry, subject, mut referrers) = with_referrers(4);
    while let Some(referrer) = referrers.pop() {
        registry
            .delete(&format!("/v2/a/manifests/{referrer}"))
            .expect(202);
        assert_eq!(listed(&registry, &subject), referrers);
    }
    let again = artifact(1, SIGNATURE, &image(1));
    registry.put_manifest("a", "again", &again).expect(201);
    assert_eq!(listed(&registry, &subject), [digest(&again)]);
    // A tag on it is no reason to stay; without it, it stays.
    registry.delete("/v2/a/manifests/again").expect(202);
    assert_eq!(listed(&registry, &subject), [digest(&again)]);
    let registry = registry.restart();
    registry
        .delete(&format!("/v2/a/manifests/{}", digest(&again)))
        .expect(202);
    assert_eq!(listed(&registry, &subject), [""; 0]);
}

#[test]
fn links_lead_through_all_referrers_once() {
    let (registry, subject, referrers) = with_referrers(7);
    let long = with_sha512_referrer(&registry);
    let all: Vec<String> = referrers.into_iter().chain([long]).collect();
    for filter in ["", "artifactType=application%2Fvnd.example.sbom.v1&"] {
        for n in [1, 2, 3, 8, 9] {
            let mut path = format!("/v2/a/referrers/{subject}?{filter}n={n}");
            let mut found = Vec::new();
            loop {
                let response = registry.get(&path).expect(200);
                let page = descriptors(&response);
                assert!(!page.is_empty() && page.len() <= n, "{} of {n}", page.len());
                assert_eq!(
                    response.find("OCI-Filters-Applied").is_some(),
                    !filter.is_empty()
                );
                found.extend(digests(&page));
                let Some(link) = response.find("Link") else {
                    break;
                };
                let (url, relation) = link.split_once(">; ").unwrap();
                assert_eq!(relation, "rel=\"next\"");
                path = url.strip_prefix('<').unwrap().to_owned();
            }
            assert_eq!(found, all, "{n} at a time");
        }
    }
    let none = registry
        .get(&format!("/v2/a/referrers/{subject}?n=0"))
        .expect(200);
    assert!(descriptors(&none).is_empty() && none.find("Link").is_none());
    let after = registry
        .get(&format!("/v2/a/referrers/{subject}?last={}", all[5]))
        .expect(200);
    assert_eq!(digests(&descriptors(&after)), all[6..]);
}

/// Pushes a referrer to `image(1)` under its sha512; gives that digest.
fn with_sha512_referrer(registry: &TestRegistry) -> String {
    let mut referrer = artifact(1, SBOM, &image(1));
    referrer["annotations"] = json!({"long": "yes"});
    let digest = sha512(referrer.to_string().as_bytes());
    registry.put_manifest("a", &digest, &referrer).expect(201);
    digest
}

#[test]
fn a_long_list_is_cut_into_pages_of_a_size_that_clients_take() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    let mut expected = Vec::new();
    for number in 0..effort(3, 7) {
        let mut referrer = artifact(1, SBOM, &image(1));
        referrer["annotations"] = json!({"text": number.to_string().repeat(1_400_000)});
        registry.put_manifest("a", "x", &referrer).expect(201);
        expected.push(digest(&referrer));
    }
    let mut path = format!("/v2/a/referrers/{subject}");
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let response = registry.get(&path).expect(200);
        assert!(response.body.len() <= 4 * 1024 * 1024);
        found.extend(digests(&descriptors(&response)));
        pages += 1;
        let Some(link) = response.find("Link") else {
            break;
        };
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    // Two of these in a page.
    let count = expected.len().div_ceil(2);
    assert_eq!((found, pages), (sorted(expected), count));
}

#[test]
fn an_artifact_without_parts_of_its_own_refers_too() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    registry.push_blob("a", b"{}");
    let empty = descriptor("application/vnd.oci.empty.v1+json", b"{}");
    let referrer = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": SBOM,
        "config": empty, "layers": [empty],
        "subject": descriptor(OCI_MANIFEST, image(1).to_string().as_bytes())});
    registry.put_manifest("a", "sbom", &referrer).expect(201);
    assert_eq!(listed(&registry, &subject), [digest(&referrer)]);
    // Pushed again, by tag and by digest, it is listed once.
    registry.put_manifest("a", "sbom", &referrer).expect(201);
    registry
        .put_manifest("a", &digest(&referrer), &referrer)
        .expect(201);
    assert_eq!(listed(&registry, &subject), [digest(&referrer)]);
}
