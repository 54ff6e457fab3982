//! Referrers that other writers of the layout took and this registry would not: listed as far as they can
//! be read, and what cannot be read is said in the log once.

use super::{SBOM, descriptors, digests, listed, sorted};
use crate::util::image::{artifact, image, sha256};
use crate::util::program::Program;
use crate::util::raw::Raw;
use crate::util::registry::TestRegistry;
use crate::util::tree::quick_directory;
use serde_json::{Value, json};
use std::fs;

/// Puts a manifest of repository `a` where distribution would have, and gives its digest.
fn plant(registry: &TestRegistry, bytes: &[u8]) -> String {
    let digest = sha256(bytes);
    let blob = registry.blob_file(&digest);
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::write(blob, bytes).unwrap();
    let hex = digest.replace(':', "/");
    let link = format!("repositories/a/_manifests/revisions/{hex}/link");
    registry.plant(&link, &digest);
    digest
}

/// An artifact that refers to `image(1)`, after a change of its text.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let mut manifest = artifact(1, SBOM, &image(1));
    manifest["annotations"] = json!({"a": "b"});
    manifest["layers"][0]["annotations"] = json!({"c": "d"});
    let text = manifest.to_string();
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn what_others_stored_is_listed_as_they_read_it() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    let b = json!({"a": "b"});
    let empty = json!({"a": ""});
    let size = format!("\"size\":{}", image(1).to_string().len());
    let table = [
        ("\"b\"", "null", SBOM, empty),
        ("\"d\"", "null", SBOM, b.clone()),
        ("\"b\"", "\"\\udfff\"", SBOM, json!({"a": "\u{fffd}"})),
        ("\"d\"", "\"\\ud83d\"", SBOM, b.clone()),
        ("{\"a\":\"b\"}", "null", SBOM, Value::Null),
        (
            "{\"a\":\"b\"}",
            "{\"a\":[],\"e\":\"f\"}",
            SBOM,
            json!({"e": "f"}),
        ),
        ("{\"a\":\"b\"}", "\"none\"", SBOM, Value::Null),
        (
            "\"layers\":",
            "\"manifests\":null,\"layers\":",
            SBOM,
            b.clone(),
        ),
        ("\"layers\":[", "\"layers\":[null,7,", SBOM, b.clone()),
        (
            "\"schemaVersion\":2",
            "\"schemaVersion\":\"2\"",
            SBOM,
            b.clone(),
        ),
        ("\"schemaVersion\":2,", "", SBOM, b.clone()),
        (&size, "\"size\":1.5e0", SBOM, b.clone()),
        (&size, "\"size\":null", SBOM, b.clone()),
        ("\"subject\":{", "\"SUBJECT\":{", SBOM, b.clone()),
        (
            "\"subject\":{",
            "\"subject\":{\"digest\":\"x\",",
            SBOM,
            b.clone(),
        ),
        (
            "{",
            "{\"subject\":null,\"artifactType\":\"x/y\",",
            SBOM,
            b.clone(),
        ),
        ("\"artifactType\"", "\"artifacttype\"", SBOM, b),
    ];
    let mut expected = Vec::new();
    for (from, to, artifact_type, annotations) in table {
        let bytes = changed(from, to);
        let digest = plant(&registry, &bytes);
        registry
            .get(&format!("/v2/a/manifests/{digest}"))
            .expect(200);
        expected.push((digest, bytes.len(), artifact_type, annotations));
    }
    // What cannot be read hides nothing else, and can be deleted.
    let lost = changed("\"subject\":{", "\"subject\":7,\"x\":{");
    let lost = plant(&registry, &lost);
    let response = registry.get(&format!("/v2/a/referrers/{subject}"));
    let found = descriptors(&response.expect(200));
    for (digest, size, artifact_type, annotations) in &expected {
        let one = found.iter().find(|one| one["digest"] == **digest);
        let one = one.unwrap_or_else(|| panic!("{digest} is not listed"));
        assert_eq!(one["size"], *size);
        assert_eq!(one["artifactType"], *artifact_type);
        assert_eq!(one["annotations"], *annotations);
    }
    let all = expected.iter().map(|one| one.0.clone()).collect();
    assert_eq!(digests(&found), sorted(all));
    for digest in [&lost, &expected[0].0] {
        registry
            .delete(&format!("/v2/a/manifests/{digest}"))
            .expect(202);
    }
    assert_eq!(listed(&registry, &subject).len(), expected.len() - 1);
}

#[test]
fn a_manifest_beyond_the_limit_hides_no_other() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    let padding = " ".repeat(5 * 1024 * 1024);
    let large = plant(&registry, &changed("{", &format!("{{{padding}")));
    let small = plant(&registry, &changed("\"b\"", "\"c\""));
    assert_eq!(listed(&registry, &subject), [small]);
    registry
        .delete(&format!("/v2/a/manifests/{large}"))
        .expect(202);
}

#[test]
fn what_cannot_be_read_is_said_once() {
    let registry = TestRegistry::start();
    let subject = registry.push_image("a", "v1", 1);
    let partly = plant(&registry, &changed("\"b\"", "7"));
    let lost = plant(
        &registry,
        &changed("\"subject\":{", "\"subject\":7,\"x\":{"),
    );
    let damaged = plant(&registry, &changed("\"b\"", "\"e\""));
    fs::write(registry.blob_file(&damaged), "damaged").unwrap();
    let directory = quick_directory();
    let text = format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
         storage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
        registry.root.display()
    );
    let mut program = Program::start(directory.path(), &text, &[]);
    let mut connection = Raw::connect(program.address());
    for _ in 0..2 {
        let response = connection
            .request(&format!("/v2/a/referrers/{subject}"))
            .response();
        assert_eq!(response.status, 200);
        assert!(response.text().contains(&partly), "{}", response.text());
    }
    let ends = [
        format!("manifest {partly} of a is listed among the referrers of {subject} without what"),
        format!("manifest {lost} of a has a subject without a digest"),
        format!("manifest {damaged} of a cannot be read"),
    ];
    for end in &ends {
        program.wait_for(end);
    }
    program.end_orderly();
    program.read_all();
    for end in &ends {
        let lines = program.lines.iter().filter(|line| line.contains(end));
        assert_eq!(lines.count(), 1, "{end}");
    }
}
