//! What a collection and the registry beside it do not do: work that grows with the layers or with the requests.

use crate::util::driver::{Watch, Watched};
use crate::util::image::{config, image, layer, sha256};
use crate::util::storage;
use registry::driver::{Driver, Key, Memory, Write};
use registry::spec::{Algorithm, Digest, Name};
use registry::storage::{Collection, CollectionReport, MinimumAge, Storage, layout};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Notes what is read.
#[derive(Default)]
struct Reads(Mutex<Vec<String>>);

impl Watch for Reads {
    fn before(&self, operation: &'static str, key: &Key, _bytes: usize) -> io::Result<()> {
        if ["read", "open", "list"].contains(&operation) {
            self.0.lock().unwrap().push(key.to_string());
        }
        Ok(())
    }
}

impl Reads {
    /// How often what has such a key was read.
    fn of(&self, part: &str) -> usize {
        let read = self.0.lock().unwrap();
        read.iter().filter(|key| key.contains(part)).count()
    }
}

/// Puts a blob there, and a link of a repository to it.
fn plant(disk: &Memory, content: &[u8], link: fn(&Name, &Digest) -> Key) {
    let digest = Algorithm::Sha256.digest(content);
    let text = digest.to_string();
    let link = link(&"a".parse().unwrap(), &digest);
    let blob = Write::new(layout::blob_data(&digest), content);
    disk.write(&[blob, Write::new(link, text.as_bytes())])
        .unwrap();
}

/// A repository with two images, over a disk that is watched.
fn with_images() -> (Storage, Arc<Reads>) {
    let reads = Arc::new(Reads::default());
    let driver = Watched::new(Arc::clone(&reads) as Arc<dyn Watch>);
    for seed in 1..=2 {
        plant(&driver.disk, &layer(seed), layout::layer_link);
        plant(&driver.disk, &config(seed), layout::layer_link);
        let manifest = image(seed).to_string();
        plant(&driver.disk, manifest.as_bytes(), layout::revision_link);
    }
    (storage::open(Arc::new(driver)), reads)
}

fn collect(storage: &Storage, may_continue: bool) -> CollectionReport {
    let collection = Collection {
        untagged: false,
        minimum_age: MinimumAge::Exactly(Duration::ZERO),
        dry_run: false,
        threads: 1,
        may_continue: &|| may_continue,
        report: &|event| eprintln!("{event:?}"),
    };
    storage.collect(&collection).unwrap()
}

/// The part of a key that tells which blob it is.
fn hex(content: &[u8]) -> String {
    sha256(content).trim_start_matches("sha256:").to_owned()
}

#[test]
fn each_manifest_is_read_once_and_no_layer_is_opened() {
    let (storage, reads) = with_images();
    assert_eq!(collect(&storage, true).marked, 6);
    for seed in 1..=2 {
        let data = |content: &[u8]| format!("{}/data", hex(content));
        assert_eq!(reads.of(&data(image(seed).to_string().as_bytes())), 1);
        assert_eq!(reads.of(&data(&layer(seed))), 0);
        assert_eq!(reads.of(&data(&config(seed))), 0);
    }
}

#[test]
fn one_that_is_to_stop_looks_into_no_repository() {
    let (storage, reads) = with_images();
    assert!(collect(&storage, false).is_partial);
    assert_eq!(reads.of("repositories/a"), 0);
}

#[test]
fn the_grace_of_others_is_not_looked_up_for_every_answer() {
    let (storage, reads) = with_images();
    let started = Instant::now();
    for _ in 0..200 {
        let digest = Algorithm::Sha256.digest(&layer(1));
        storage.blob(&"a".parse().unwrap(), &digest).unwrap();
    }
    let looks = u32::try_from(reads.of("locks/grace")).unwrap();
    assert!(looks > 0);
    // Four times a second.
    assert!((looks - 1) * Duration::from_millis(250) <= started.elapsed());
}
