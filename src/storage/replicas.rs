//! The whole storage over an object store, as replicas without any state of their own would use it: whatever one began another
//! goes on with, and whatever fails is asked for again.

mod hash_states;

use super::*;
use crate::driver::object_store::{Faults, ObjectStore};
use crate::spec::CheckedManifest;
use crate::spec::validation::Validation;
use crate::spec::{Algorithm, Reference, UploadId};
use crate::storage::tests::{chunk, roomy_options};
use serde_json::json;
use std::io::Read;
use std::thread;

/// How often a client tries at most.
const TRIES: usize = 40;

fn storage(store: &ObjectStore) -> Storage {
    Storage::new(Arc::new(store.clone()), roomy_options())
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn tags(texts: &[&str]) -> Vec<Tag> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// So many bytes, no part of which looks like another.
fn bytes(seed: u8, count: usize) -> Vec<u8> {
    (0..count)
        .map(|at| (at / 251) as u8 ^ (at % 251) as u8 ^ seed)
        .collect()
}

/// Whether a blob of a repository can be read.
fn has_blob(storage: &Storage, name: &Name, digest: &Digest) -> Result<bool> {
    match storage.blob(name, digest) {
        Ok(_) => Ok(true),
        Err(Error::BlobUnknown) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A client that is told of a failure tries again.
fn patiently<T>(act: impl Fn() -> Result<T>) -> T {
    for _ in 1..TRIES {
        match act() {
            Err(Error::Driver(error)) => assert!(error.is_unreachable(), "{error}"),
            other => return other.unwrap(),
        }
    }
    act().unwrap()
}

/// Adds bytes to a session, whatever has been lost of earlier tries.
fn append(storage: &Storage, id: &UploadId, content: &[u8], end: usize) -> Result<()> {
    let length = storage.upload_length(&name("a"), id)?;
    let mut rest = &content[length as usize..end.max(length as usize)];
    let added = chunk(&mut rest, Offset::Location(length));
    match storage.append_upload(&name("a"), id, added) {
        Ok(length) => {
            assert_eq!(length, end as u64);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Pushes a blob in chunks, each of which goes to the next replica.
fn push(replicas: [&Storage; 2], content: &[u8], algorithm: Algorithm) -> Digest {
    let [one, other] = replicas;
    let digest = algorithm.digest(content);
    for _ in 0..TRIES {
        let id = patiently(|| one.start_upload(&name("a"), Algorithm::Sha256, None));
        let (third, rest) = (content.len() / 3, content.len() / 3 * 2);
        patiently(|| append(one, &id, content, third));
        patiently(|| append(other, &id, content, rest));
        let committed = {
            let length = patiently(|| one.upload_length(&name("a"), &id));
            let mut last = &content[length as usize..];
            let last = chunk(&mut last, Offset::Location(length));
            one.commit_upload(&name("a"), &id, &digest, last)
        };
        match committed {
            Ok(()) => return digest,
            // The answer was lost, and with it the session; or it never was there.
            Err(Error::Driver(error)) if error.is_unreachable() => {
                let has_blob = patiently(|| has_blob(one, &name("a"), &digest));
                if has_blob {
                    return digest;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no push succeeded");
}

fn put(storage: &Storage, manifest: &serde_json::Value, names: &[&str]) -> Digest {
    let bytes = manifest.to_string().into_bytes();
    let checked = CheckedManifest::check(&bytes, None, None).unwrap();
    let tagging = Tagging {
        tags: &tags(names),
        may_move: true,
    };
    let rules = Validation::default();
    patiently(|| storage.put_manifest(&name("a"), &checked, tagging, &rules));
    checked.digest().clone()
}

fn descriptor(media_type: &str, content: &[u8]) -> serde_json::Value {
    let digest = Algorithm::Sha256.digest(content);
    json!({"mediaType": media_type, "digest": digest.as_str(), "size": content.len()})
}

fn image(layer: &[u8]) -> serde_json::Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    })
}

fn read(storage: &Storage, digest: &Digest) -> Vec<u8> {
    patiently(|| {
        let mut content = Vec::new();
        let blob = storage.blob(&name("a"), digest)?;
        let read = blob.reader().read_to_end(&mut content);
        read.map_err(|error| driver::Error::new(&layout::blob_data(digest), error))?;
        Ok(content)
    })
}

/// Everything that a registry is asked for, at two replicas in turn.
fn do_everything(store: &ObjectStore) {
    let (one, other) = (&storage(store), &storage(store));
    let (layer, small) = (bytes(1, 10_000), bytes(2, 7));
    for (content, algorithm) in [
        (&layer, Algorithm::Sha256),
        (&small, Algorithm::Sha256),
        (&layer, Algorithm::Sha512),
        (&b"{}".to_vec(), Algorithm::Sha256),
    ] {
        let digest = push([one, other], content, algorithm);
        assert!(read(other, &digest) == *content);
    }
    let digest = Algorithm::Sha256.digest(&layer);
    let whole = bytes(3, 5000);
    patiently(|| {
        let body = &mut &whole[..];
        let body = chunk(body, Offset::Unstated);
        one.put_blob(&name("a"), &Algorithm::Sha256.digest(&whole), body)
    });
    assert!(read(other, &Algorithm::Sha256.digest(&whole)) == whole);

    let first = put(one, &image(&layer), &["v1", "v1-x", "v1.2", "v10"]);
    let second = put(other, &image(&small), &["latest", "v1"]);
    let (found, more) = patiently(|| other.tags(&name("a"), "", 3));
    assert_eq!((found, more), (tags(&["latest", "v1", "v1-x"]), true));
    let (found, _) = patiently(|| one.tags(&name("a"), "v1-x", 9));
    assert_eq!(found, tags(&["v1.2", "v10"]));
    let stored = patiently(|| one.manifest(&name("a"), &Reference::Tag(tags(&["v1"]).remove(0))));
    assert_eq!(stored.digest, second);

    let mut artifact = image(&small);
    artifact["subject"] = descriptor("application/json", image(&layer).to_string().as_bytes());
    let artifact = put(other, &artifact, &[]);
    let query = ReferrersQuery {
        subject: &first,
        artifact_type: None,
        after: None,
        entries_max: 10,
        bytes_max: 10_000,
    };
    let referrers = patiently(|| one.referrers(&name("a"), &query));
    let text = String::from_utf8(referrers.json).unwrap();
    assert!(text.contains(artifact.as_str()), "{text}");

    for mounted in ["a-b", "a/b", "a.b"] {
        let mounted = name(mounted);
        assert!(patiently(|| {
            one.mount_blob(&mounted, &digest, Some(&name("a")))
        }));
        assert!(patiently(|| has_blob(other, &mounted, &digest)));
    }
    patiently(|| other.delete_blob(&name("a"), &digest).or_else(gone));
    assert!(!patiently(|| has_blob(one, &name("a"), &digest)));
    let (found, _) = patiently(|| other.repositories("", "", 9));
    assert_eq!(found, [name("a")]);

    patiently(|| {
        one.delete_tag(&name("a"), &tags(&["v1-x"])[0])
            .or_else(gone)
    });
    patiently(|| other.delete_manifest(&name("a"), &first).or_else(gone));
    let (found, _) = patiently(|| one.tags(&name("a"), "", 9));
    assert_eq!(found, tags(&["latest", "v1"]));
}

/// What was to be removed is gone already: an earlier try did it.
fn gone(error: Error) -> Result<()> {
    match error {
        Error::BlobUnknown | Error::ManifestUnknown | Error::UploadUnknown => Ok(()),
        error => Err(error),
    }
}

#[test]
fn an_object_store_does_everything_and_keeps_no_upload() {
    let store = ObjectStore::default();
    do_everything(&store);
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn a_driver_that_tries_again_hides_failures_and_lost_answers() {
    for (unavailable_every, lost_every) in [(3, 0), (0, 3), (5, 7), (7, 5)] {
        let store = ObjectStore::default();
        store.fail(Faults {
            unavailable_every,
            lost_every,
        });
        do_everything(&store);
        store.fail(Faults::default());
        assert_eq!(store.open_uploads(), 0);
    }
}

#[test]
fn clients_who_try_again_get_there_when_the_driver_does_not() {
    // Beside each other: each waits until a session has an age.
    let get_there = |unavailable_every, lost_every| {
        let store = ObjectStore::default().that_gives_up();
        store.fail(Faults {
            unavailable_every,
            lost_every,
        });
        do_everything(&store);
        store.fail(Faults::default());
        // What is left of what failed is purged.
        let purge = Purge {
            age: Duration::ZERO,
            dry_run: false,
            may_continue: &|| true,
        };
        thread::sleep(Duration::from_millis(1100));
        storage(&store).purge_uploads(&purge).unwrap();
        let left = store.open_uploads();
        assert!(left <= unavailable_every.max(lost_every), "{left}");
    };
    thread::scope(|scope| {
        for (unavailable_every, lost_every) in [(29, 0), (0, 31), (37, 41)] {
            scope.spawn(move || get_there(unavailable_every, lost_every));
        }
    });
}

#[test]
fn a_chunk_that_is_sent_again_replaces_what_was_not_known_to_have_arrived() {
    let store = ObjectStore::default();
    let (one, other) = (storage(&store), storage(&store));
    let content = bytes(4, 9000);
    let digest = Algorithm::Sha256.digest(&content);
    let a = name("a");
    for replica in [&one, &other] {
        let id = one.start_upload(&a, Algorithm::Sha256, None).unwrap();
        let send = |storage: &Storage, range: std::ops::Range<usize>| {
            let offset = Offset::Location(range.start as u64);
            storage.append_upload(&a, &id, chunk(&mut &content[range], offset))
        };
        assert_eq!(send(&one, 0..2500).unwrap(), 2500);
        assert_eq!(send(&one, 2500..6000).unwrap(), 6000);
        // The answer is lost; the client has heard of 2500 bytes, and may try elsewhere.
        assert_eq!(send(replica, 2500..7000).unwrap(), 7000);
        // No place that was ever given.
        let refused = send(&other, 5000..9000);
        assert!(
            matches!(refused, Err(Error::WrongOffset { length: 7000 })),
            "{refused:?}"
        );
        let mut last = &content[7000..];
        let last = chunk(&mut last, Offset::Location(7000));
        replica.commit_upload(&a, &id, &digest, last).unwrap();
        assert!(read(&other, &digest) == content);
    }
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn of_two_replicas_on_one_session_the_slower_is_told() {
    let store = ObjectStore::default();
    let (one, other) = (storage(&store), storage(&store));
    let (a, content) = (name("a"), bytes(5, 3000));
    let id = one.start_upload(&a, Algorithm::Sha256, None).unwrap();
    let add = |storage: &Storage, offset: usize| {
        let place = Offset::Location(offset as u64);
        storage.append_upload(&a, &id, chunk(&mut &content[offset..offset + 1000], place))
    };
    add(&one, 0).unwrap();
    // A body that the other replica overtakes while it is being read.
    struct Overtaken<'o>(&'o [u8], Box<dyn FnMut() + 'o>);
    impl Read for Overtaken<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                (self.1)();
            }
            self.0.read(into)
        }
    }
    let overtake = Box::new(|| assert_eq!(add(&other, 1000).unwrap(), 2000));
    let mut body = Overtaken(&content[1000..1500], overtake);
    let outcome = one.append_upload(&a, &id, chunk(&mut body, Offset::Location(1000)));
    assert!(
        matches!(outcome, Err(Error::Superseded { length: 2000 })),
        "{outcome:?}"
    );
    assert_eq!(one.upload_length(&a, &id).unwrap(), 2000);
    let mut last = &content[2000..];
    let last = chunk(&mut last, Offset::Location(2000));
    let digest = Algorithm::Sha256.digest(&content);
    one.commit_upload(&a, &id, &digest, last).unwrap();
    assert!(read(&other, &digest) == content);
    let gone = other.upload_length(&a, &id);
    assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
}

#[test]
fn a_session_is_cancelled_and_purged_at_either() {
    let store = ObjectStore::default();
    let (one, other) = (storage(&store), storage(&store));
    let a = name("a");
    for _ in 0..2 {
        let id = one.start_upload(&a, Algorithm::Sha256, None).unwrap();
        let body = &mut &bytes(6, 2500)[..];
        one.append_upload(&a, &id, chunk(body, Offset::Unstated))
            .unwrap();
        other.cancel_upload(&a, &id).unwrap();
        let gone = one.upload_length(&a, &id);
        assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
        assert_eq!(store.open_uploads(), 0);
    }
    let id = one.start_upload(&a, Algorithm::Sha256, None).unwrap();
    let purge = |age| {
        let purge = Purge {
            age,
            dry_run: false,
            may_continue: &|| true,
        };
        other.purge_uploads(&purge).unwrap()
    };
    assert_eq!(purge(Duration::from_secs(3600)).seen, 1);
    assert_eq!(one.upload_length(&a, &id).unwrap(), 0);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(purge(Duration::ZERO).purged, 1);
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn a_tag_that_never_moves_names_one_manifest_without_any_lock() {
    let store = ObjectStore::default();
    for round in 0..10 {
        let tag = tags(&[&format!("t{round}")]);
        let outcomes: Vec<_> = thread::scope(|scope| {
            let put = |seed: u8| {
                let bytes = json!({"schemaVersion": 2, "manifests": [], "seed": seed}).to_string();
                let checked = CheckedManifest::check(bytes.as_bytes(), None, None).unwrap();
                let tagging = Tagging {
                    tags: &tag,
                    may_move: false,
                };
                let rules = Validation::disabled();
                let put = storage(&store).put_manifest(&name("a"), &checked, tagging, &rules);
                (checked.digest().clone(), put)
            };
            // Half of them say the same.
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || put(n / 2))).collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let named = storage(&store).tag(&name("a"), &tag[0]).unwrap().unwrap();
        for (digest, outcome) in outcomes {
            match outcome {
                Ok(()) => assert_eq!(digest, named),
                Err(Error::TagExists(_)) => assert_ne!(digest, named),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
