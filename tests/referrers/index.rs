//! The index of referrers on disk: it is only a short cut, and the list is right without it.

use super::{SBOM, SIGNATURE, descriptors, digest, digests, listed, sorted};
use super::{with_referrers, with_sha512_referrer};
use crate::util::image::{artifact, image};
use serde_json::json;
use std::fs;

#[test]
fn the_list_survives_a_restart() {
    let (registry, subject, referrers) = with_referrers(3);
    let registry = registry.restart();
    assert_eq!(listed(&registry, &subject), referrers);
    let another = artifact(1, SIGNATURE, &image(1));
    registry.put_manifest("a", "x", &another).expect(201);
    let all = sorted([referrers, vec![digest(&another)]].concat());
    assert_eq!(listed(&registry, &subject), all);
    assert_eq!(listed(&registry.restart(), &subject), all);
}

#[test]
fn a_tree_without_the_index_is_indexed_when_asked() {
    let (mut registry, subject, referrers) = with_referrers(3);
    let index = registry.file("repositories/a/_manifests/referrers");
    registry.stop();
    fs::remove_dir_all(&index).unwrap();
    let registry = registry.restart();
    assert_eq!(listed(&registry, &subject), referrers);
    assert_eq!(
        registry.files("repositories/a/_manifests/referrers").len(),
        3
    );
    // A damaged manifest among them hides nothing but itself.
    let mut registry = registry;
    registry.stop();
    fs::remove_dir_all(&index).unwrap();
    fs::write(registry.blob_file(&referrers[1]), "damaged").unwrap();
    let registry = registry.restart();
    assert_eq!(
        listed(&registry, &subject),
        [referrers[0].clone(), referrers[2].clone()]
    );
}

#[test]
fn an_index_that_cannot_be_written_is_kept_in_memory() {
    let (mut registry, subject, referrers) = with_referrers(3);
    let index = registry.file("repositories/a/_manifests/referrers");
    registry.stop();
    fs::remove_dir_all(&index).unwrap();
    // A file in its place refuses every write, as a read-only directory does, also to root.
    fs::write(&index, "").unwrap();
    let registry = registry.restart();
    for _ in 0..2 {
        assert_eq!(listed(&registry, &subject), referrers);
    }
    let page = registry
        .get(&format!("/v2/a/referrers/{subject}?n=2"))
        .expect(200);
    assert_eq!(digests(&descriptors(&page)), referrers[..2]);
    assert!(page.find("Link").is_some());
}

#[test]
fn an_index_that_is_partly_in_memory_is_listed_whole() {
    let (mut registry, subject, referrers) = with_referrers(1);
    let long = with_sha512_referrer(&registry);
    let home = "repositories/a/_manifests";
    let of_subject = format!("{home}/referrers/{}", subject.replace(':', "/"));
    registry.stop();
    // More on disk than one step of the walk, and one that cannot be written there.
    let mut all = referrers;
    for number in 0..520 {
        let mut referrer = artifact(1, SBOM, &image(1));
        referrer["annotations"] = json!({"planted": number.to_string()});
        let digest = digest(&referrer);
        let hex = digest.replace(':', "/");
        let blob = registry.blob_file(&digest);
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(blob, referrer.to_string()).unwrap();
        registry.plant(&format!("{home}/revisions/{hex}/link"), &digest);
        registry.plant(&format!("{of_subject}/{hex}/link"), &digest);
        all.push(digest);
    }
    let blocked = registry.file(&format!("{of_subject}/sha512"));
    fs::remove_dir_all(&blocked).unwrap();
    fs::write(&blocked, "").unwrap();
    let registry = registry.restart();
    let all: Vec<String> = sorted(all).into_iter().chain([long]).collect();
    assert!(listed(&registry, &subject) == all);
}
