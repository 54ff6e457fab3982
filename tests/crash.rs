//! The power goes: what was acknowledged is there afterwards, and what was not is seen by nobody.
//!
//! The storage runs over a driver in memory that cuts the power before any given durable step and
//! forgets what was not synced; every step of a push and of a delete is tried.

mod history;

use crate::util::image::{bytes, config, descriptor, image, layer};
use crate::util::storage;
use registry::driver::Memory;
use registry::spec::CheckedManifest;
use registry::spec::manifest::Manifest;
use registry::spec::validation::Validation;
use registry::spec::{Algorithm, Digest, Name, Reference, Tag};
use registry::storage::{Chunk, Offset, Result, Storage, Tagging};
use std::io::Read;
use std::sync::Arc;

fn storage(driver: &Memory) -> Storage {
    storage::open(Arc::new(driver.clone()))
}

fn name() -> Name {
    "team/app".parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn chunk(body: &mut dyn Read) -> Chunk<'_> {
    Chunk {
        body,
        offset: Offset::Unstated,
        length: None,
        stop: Arc::default(),
    }
}

fn push_blob(storage: &Storage, content: &[u8]) -> Result<Digest> {
    let digest = Algorithm::Sha256.digest(content);
    let id = storage.start_upload(&name(), Algorithm::Sha256, None)?;
    let (mut first, mut second) = content.split_at(content.len() / 2);
    storage.append_upload(&name(), &id, chunk(&mut first))?;
    storage.commit_upload(&name(), &id, &digest, chunk(&mut second))?;
    Ok(digest)
}

fn push_image(storage: &Storage, seed: u64, tags: &[Tag]) -> Result<Digest> {
    push_blob(storage, &config(seed))?;
    push_blob(storage, &layer(seed))?;
    put_manifest(storage, &image(seed), tags)
}

fn put_manifest(storage: &Storage, value: &serde_json::Value, tags: &[Tag]) -> Result<Digest> {
    let content = value.to_string().into_bytes();
    let manifest = CheckedManifest::check(&content, None, None).unwrap();
    let tagging = Tagging {
        tags,
        may_move: true,
    };
    storage.put_manifest(&name(), &manifest, tagging, &Validation::default())?;
    Ok(manifest.digest().clone())
}

/// Checks that an image is there as a whole.
fn check_image(storage: &Storage, seed: u64, reference: &Reference) {
    let stored = storage.manifest(&name(), reference).unwrap();
    assert_eq!(
        &*storage.bytes(&stored).unwrap(),
        image(seed).to_string().as_bytes()
    );
    for content in [config(seed), layer(seed)] {
        let blob = storage
            .blob(&name(), &Algorithm::Sha256.digest(&content))
            .unwrap();
        let mut read = Vec::new();
        blob.reader().read_to_end(&mut read).unwrap();
        assert!(read == content);
    }
}

/// Everything that a client can see is whole, wherever the power went.
fn check_nothing_is_half_there(storage: &Storage) {
    let (tags, _) = storage.tags(&name(), "", 100).unwrap();
    for tag in tags {
        let stored = storage.manifest(&name(), &Reference::Tag(tag)).unwrap();
        let bytes = storage.bytes(&stored).unwrap();
        let manifest = Manifest::parse(&bytes, None).unwrap();
        for reference in manifest.references() {
            let blob = storage.blob(&name(), &reference.digest).unwrap();
            assert_eq!(blob.length(), reference.size);
        }
    }
    for seed in [1, 2] {
        for content in [config(seed), layer(seed)] {
            let digest = Algorithm::Sha256.digest(&content);
            if let Ok(blob) = storage.blob(&name(), &digest) {
                assert_eq!(
                    blob.length(),
                    content.len() as u64,
                    "a blob is seen in part"
                );
            }
        }
    }
}

#[test]
fn an_acknowledged_image_survives_and_one_in_the_making_is_not_seen() {
    let steps = {
        let driver = Memory::default();
        push_image(&storage(&driver), 2, &[tag("v2")]).unwrap();
        driver.steps()
    };
    assert!(steps > 5, "the power is cut at every one of {steps} steps");
    for (cut, reordered) in (0..=steps).flat_map(|cut| [(cut, false), (cut, true)]) {
        let driver = Memory::default();
        push_image(&storage(&driver), 1, &[tag("v1")]).unwrap();
        if reordered {
            driver.reorder();
        }
        driver.stop_after(cut);
        let outcome = push_image(&storage(&driver), 2, &[tag("v2")]);
        assert_eq!(outcome.is_ok(), cut == steps);
        let after = storage(&driver.after_power_loss());
        check_image(&after, 1, &Reference::Tag(tag("v1")));
        check_nothing_is_half_there(&after);
        if let Ok(digest) = outcome {
            check_image(&after, 2, &Reference::Tag(tag("v2")));
            check_image(&after, 2, &Reference::Digest(digest));
        }
        // The client tries again, and everything is right.
        push_image(&after, 2, &[tag("v2")]).unwrap();
        check_image(&after, 2, &Reference::Tag(tag("v2")));
    }
}

#[test]
fn a_tag_that_is_moved_names_the_old_image_or_the_new_one() {
    for cut in 0.. {
        let driver = Memory::default();
        driver.reorder();
        let before = push_image(&storage(&driver), 1, &[tag("latest")]).unwrap();
        let own = storage(&driver);
        push_blob(&own, &config(2)).unwrap();
        push_blob(&own, &layer(2)).unwrap();
        driver.stop_after(cut);
        let outcome = put_manifest(&own, &image(2), &[tag("latest")]);
        let after = storage(&driver.after_power_loss());
        let named = after.tag(&name(), &tag("latest")).unwrap().unwrap();
        check_nothing_is_half_there(&after);
        match outcome {
            Ok(digest) => {
                assert_eq!(named, digest);
                return;
            }
            Err(_) => check_image(
                &after,
                if named == before { 1 } else { 2 },
                &Reference::Digest(named),
            ),
        }
    }
}

#[test]
fn a_deleted_image_stays_deleted() {
    for cut in 0.. {
        let driver = Memory::default();
        let own = storage(&driver);
        let digest = push_image(&own, 1, &[tag("a"), tag("b")]).unwrap();
        driver.stop_after(cut);
        let outcome = own.delete_manifest(&name(), &digest);
        let after = storage(&driver.after_power_loss());
        check_nothing_is_half_there(&after);
        if outcome.is_ok() {
            assert!(after.manifest(&name(), &Reference::Digest(digest)).is_err());
            assert_eq!(after.tags(&name(), "", 10).unwrap().0, []);
            return;
        }
    }
}

#[test]
fn a_referrer_is_listed_exactly_when_it_was_acknowledged() {
    let subject = image(1);
    let mut artifact = image(2);
    artifact["subject"] = descriptor("application/json", subject.to_string().as_bytes());
    let subject = Algorithm::Sha256.digest(subject.to_string().as_bytes());
    for cut in 0.. {
        let driver = Memory::default();
        driver.reorder();
        let own = storage(&driver);
        push_image(&own, 2, &[]).unwrap();
        driver.stop_after(cut);
        let outcome = put_manifest(&own, &artifact, &[]);
        let after = storage(&driver.after_power_loss());
        let query = registry::storage::ReferrersQuery {
            subject: &subject,
            artifact_type: None,
            after: None,
            entries_max: 10,
            bytes_max: 10_000,
        };
        let found = after.referrers(&name(), &query).unwrap().json;
        let found = format!("[{}]", String::from_utf8(found).unwrap());
        let found: Vec<serde_json::Value> = serde_json::from_str(&found).unwrap();
        let digests = found.iter().map(|one| one["digest"].as_str().unwrap());
        let digests: Vec<Digest> = digests.map(|text| text.parse().unwrap()).collect();
        if let Ok(digest) = outcome {
            assert_eq!(digests, [digest]);
            return;
        }
        // It may have become durable without being acknowledged; then it is whole.
        for digest in digests {
            after.manifest(&name(), &Reference::Digest(digest)).unwrap();
        }
    }
}

#[test]
fn what_was_not_synced_is_lost_in_this_model() {
    // The model itself must be able to show a fault: bytes that were only written are gone.
    let driver = Memory::default();
    let own = storage(&driver);
    let id = own.start_upload(&name(), Algorithm::Sha256, None).unwrap();
    own.append_upload(&name(), &id, chunk(&mut &bytes(1, 100)[..]))
        .unwrap();
    assert_eq!(own.upload_length(&name(), &id).unwrap(), 100);
    assert!(
        storage(&driver.after_power_loss())
            .upload_length(&name(), &id)
            .is_err()
    );
}
