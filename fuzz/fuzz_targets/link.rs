//! Links, whatever they hold: each is a digest or counts as missing, for whoever reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::driver::{Driver, Memory, Write};
use registry::spec::{Algorithm, Name, Reference, Tag};
use registry::storage::{Collection, Error, MinimumAge, Storage, StorageOptions, layout};
use std::sync::Arc;
use std::time::Duration;

fuzz_target!(|content: &[u8]| {
    let disk = Memory::default();
    let (name, tag): (Name, Tag) = ("a".parse().expect("a name"), "v1".parse().expect("a tag"));
    let digest = Algorithm::Sha256.digest(b"{}");
    let keys = [
        layout::tag_current(&name, &tag),
        layout::revision_link(&name, &digest),
        layout::layer_link(&name, &digest),
        layout::referrer_link(&name, &digest, &digest),
    ];
    let links = keys.map(|key| Write::new(key, content));
    disk.write(&links).expect("written links");
    let data = Write::new(layout::blob_data(&digest), b"{}");
    disk.write(&[data]).expect("a written blob");
    let options = StorageOptions {
        manifest_bytes_max: 1000,
        ..StorageOptions::default()
    };
    let storage = Storage::new(Arc::new(disk), options);
    let named = storage.tag(&name, &tag).expect("an answer");
    if let Some(named) = &named {
        let text = std::str::from_utf8(content).expect("a digest is text");
        assert_eq!(named.as_str(), text.trim_end());
    }
    let missing = |error: &Error| {
        matches!(error, Error::BlobUnknown | Error::ManifestUnknown | Error::Corrupt(_))
    };
    let read = storage.manifest(&name, &Reference::Digest(digest.clone()));
    assert!(read.as_ref().err().is_none_or(missing));
    let read = storage.blob(&name, &digest);
    assert!(read.as_ref().err().is_none_or(missing));
    assert!(storage.tags(&name, "", 9).is_ok());
    let collected = storage.collect(&Collection {
        untagged: true,
        minimum_age: MinimumAge::Exactly(Duration::ZERO),
        dry_run: false,
        threads: 1,
        may_continue: &|| true,
        report: &|_| (),
    });
    let report = collected.expect("a collection");
    // What a link that holds no digest may lead to is kept.
    assert!(named.is_some() || report.blobs == 0);
    let _ = storage.delete_tag(&name, &tag);
    let _ = storage.delete_manifest(&name, &digest);
    storage.delete_repository(&name).expect("a deleted repository");
});
