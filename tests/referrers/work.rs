//! How much is read for a list of referrers: each manifest once, however often and by however many it is asked for.

use super::SBOM;
use crate::util::driver::{Watch, Watched};
use crate::util::image::{artifact, image};
use crate::util::storage;
use registry::driver::Key;
use registry::spec::CheckedManifest;
use registry::spec::validation::Validation;
use registry::spec::{Algorithm, Digest, Name};
use registry::storage::{ReferrersQuery, Storage, Tagging};
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often manifests are read and directories of them are listed.
#[derive(Default)]
struct Counters {
    read: AtomicUsize,
    listed: AtomicUsize,
}

impl Watch for Counters {
    fn before(&self, operation: &'static str, key: &Key, _bytes: usize) -> io::Result<()> {
        let is_of_manifests = key.as_str().contains("/_manifests/revisions/");
        match operation {
            "open" => self.read.fetch_add(1, Ordering::SeqCst),
            "list" => self
                .listed
                .fetch_add(usize::from(is_of_manifests), Ordering::SeqCst),
            _ => 0,
        };
        Ok(())
    }
}

/// A driver that counts.
struct Counting {
    driver: Arc<Watched>,
    counters: Arc<Counters>,
}

impl Default for Counting {
    fn default() -> Counting {
        let counters = Arc::new(Counters::default());
        Counting {
            driver: Arc::new(Watched::new(counters.clone())),
            counters,
        }
    }
}

impl Counting {
    /// Manifests that were read and directories of manifests that were listed since the last call.
    fn counts(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.swap(0, Ordering::SeqCst);
        (count(&self.counters.read), count(&self.counters.listed))
    }
}

fn storage(driver: &Counting) -> Storage {
    storage::open(driver.driver.clone())
}

/// So many referrers of `image(1)` in repository `a`; every second is large, and of each kind there is one with large
/// annotations.
const REFERRERS: u64 = 6;

/// A storage that was just opened over them.
fn with_referrers() -> (Counting, Storage, Digest) {
    let driver = Counting::default();
    let subject = Algorithm::Sha256.digest(image(1).to_string().as_bytes());
    for seed in 0..REFERRERS {
        let mut referrer = artifact(seed, SBOM, &image(1));
        if seed >= 4 {
            referrer["annotations"] = json!({"large": "x".repeat(300_000)});
        }
        let mut bytes = referrer.to_string().into_bytes();
        if seed % 2 == 0 {
            bytes.extend([b' '; 100_000]);
        }
        let manifest = CheckedManifest::check(&bytes, None, None).unwrap();
        let tagging = Tagging {
            tags: &[],
            may_move: true,
        };
        storage(&driver)
            .put_manifest(&name(), &manifest, tagging, &Validation::disabled())
            .unwrap();
    }
    let opened = storage(&driver);
    driver.counts();
    (driver, opened, subject)
}

fn name() -> Name {
    "a".parse().unwrap()
}

/// How many referrers are listed.
fn list(storage: &Storage, name: &Name, subject: &Digest, artifact_type: Option<&str>) -> usize {
    let query = ReferrersQuery {
        subject,
        artifact_type,
        after: None,
        entries_max: 100,
        bytes_max: 10_000_000,
    };
    let page = storage.referrers(name, &query).unwrap();
    assert!(page.last.is_none());
    let json = format!("[{}]", String::from_utf8(page.json).unwrap());
    let listed: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    listed.len()
}

#[test]
fn what_was_read_once_is_not_read_again() {
    let (driver, storage, subject) = with_referrers();
    let count = REFERRERS as usize;
    assert_eq!(list(&storage, &name(), &subject, Some("a/none")), 0);
    assert_eq!(driver.counts().0, count, "each once, for the index");
    for _ in 0..3 {
        assert_eq!(list(&storage, &name(), &subject, Some("a/none")), 0);
        assert_eq!(driver.counts(), (0, 0), "a filter that finds nothing");
        assert_eq!(list(&storage, &name(), &subject, None), count);
        assert_eq!(driver.counts(), (2, 0), "those whose entry is too long");
    }
}

#[test]
fn many_who_ask_at_once_have_the_index_made_once() {
    let (driver, storage, subject) = with_referrers();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let (storage, subject) = (&storage, &subject);
            scope.spawn(move || list(storage, &name(), subject, Some("a/none")));
        }
    });
    // Two lists of each of the two algorithms' directories at most: the second is the end of the first.
    let (read, listed) = driver.counts();
    assert_eq!(read, REFERRERS as usize);
    assert!(listed <= 4, "{listed}");
}

#[test]
fn names_that_nobody_has_make_nothing_be_forgotten() {
    let (driver, storage, subject) = with_referrers();
    list(&storage, &name(), &subject, Some("a/none"));
    driver.counts();
    for number in 0..25_000 {
        let name: Name = format!("no/such/{number}").parse().unwrap();
        assert_eq!(list(&storage, &name, &subject, None), 0);
    }
    list(&storage, &name(), &subject, Some("a/none"));
    assert_eq!(driver.counts(), (0, 0));
}

#[test]
fn what_is_gone_is_listed_no_more_although_it_was_read_before() {
    let (_, storage, subject) = with_referrers();
    let count = list(&storage, &name(), &subject, None);
    let bytes = artifact(1, SBOM, &image(1)).to_string();
    let digest = Algorithm::Sha256.digest(bytes.as_bytes());
    storage.delete_manifest(&name(), &digest).unwrap();
    assert_eq!(list(&storage, &name(), &subject, None), count - 1);
}
