//! What is counted stays what a count from the beginning finds, whatever happens.

use super::*;
use crate::driver::{Driver, Filesystem, Key, LeftoverSearch, Leftovers, Lock, Memory, Write};
use crate::spec::validation::Validation;
use crate::spec::{Algorithm, CheckedManifest, Reference, Tag};
use crate::storage::{Chunk, Error, Offset, Storage, Tagging, layout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn rules() -> Vec<QuotaRule> {
    let rule = |pattern: &str, bytes_max| QuotaRule {
        repositories: vec![pattern.parse().unwrap()],
        bytes_max,
    };
    let whole = QuotaRule {
        repositories: Vec::new(),
        bytes_max: 1_000_000,
    };
    vec![whole, rule("a/**", 10_000), rule("*/x", 20_000)]
}

/// A storage over a driver, without a count, for which a push waits so long.
fn uncounted(driver: Arc<dyn Driver>, count_wait_max: Duration) -> Storage {
    let mut options = crate::storage::tests::options();
    options.manifest_bytes_max = 100_000;
    Storage::new(driver, options).with_patient_quota(rules(), count_wait_max)
}

fn counted(driver: Arc<dyn Driver>) -> Storage {
    let storage = uncounted(driver, COUNT_WAIT_MAX);
    assert!(storage.recount_quota(&|| true).unwrap());
    storage
}

/// The bytes and blobs of each limit.
fn used(storage: &Storage) -> Vec<(u64, usize)> {
    let uses = storage.quota_use().unwrap();
    uses.iter().map(|quota| (quota.used, quota.blobs)).collect()
}

/// Checks that what is counted is what a count from the beginning finds.
#[track_caller]
fn check(storage: &Storage, disk: &Memory) {
    assert_eq!(used(storage), used(&counted(Arc::new(disk.clone()))));
}

fn push(storage: &Storage, repository: &str, content: &[u8]) -> crate::storage::Result<Digest> {
    let digest = Algorithm::Sha256.digest(content);
    let mut body = content;
    let chunk = Chunk {
        body: &mut body,
        offset: Offset::Unstated,
        length: None,
        stop: Arc::default(),
    };
    storage.put_blob(&name(repository), &digest, chunk)?;
    Ok(digest)
}

fn put(storage: &Storage, repository: &str, number: u64) -> crate::storage::Result<Digest> {
    let content =
        format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"n":"{number}"}}}}"#);
    let manifest = CheckedManifest::check(content.as_bytes(), None, None).unwrap();
    let tags: [Tag; 1] = [format!("t{number}").parse().unwrap()];
    let tagging = Tagging {
        tags: &tags,
        may_move: true,
    };
    storage.put_manifest(
        &name(repository),
        &manifest,
        tagging,
        &Validation::disabled(),
    )?;
    Ok(manifest.digest().clone())
}

#[test]
fn bytes_are_written_for_people() {
    for (bytes, text) in [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (500 << 20, "500 MiB"),
        (10 << 30, "10 GiB"),
        ((10 << 30) - 1, "9.9 GiB"),
        (3 << 39, "1.5 TiB"),
        (u64::MAX, "16777215.9 TiB"),
    ] {
        assert_eq!(readable(bytes), text);
    }
}

#[test]
fn every_limit_that_covers_a_repository_counts() {
    let disk = Memory::default();
    let storage = counted(Arc::new(disk.clone()));
    for repository in ["a/b", "a/x", "b/x", "c"] {
        push(&storage, repository, &[1; 100]).unwrap();
    }
    push(&storage, "c", &[2; 1000]).unwrap();
    let manifest = put(&storage, "a/b", 1).unwrap();
    // The same manifest as a blob is no other content.
    let stored = storage
        .manifest(&name("a/b"), &Reference::Digest(manifest))
        .unwrap();
    let bytes = storage.bytes(&stored).unwrap().to_vec();
    push(&storage, "a/b", &bytes).unwrap();
    let length = bytes.len() as u64;
    assert_eq!(
        used(&storage),
        [(1100 + length, 3), (100 + length, 2), (100, 1)]
    );
    check(&storage, &disk);
    let refused = push(&storage, "a/x", &[3; 9999]);
    assert!(
        matches!(refused, Err(Error::QuotaExceeded(exceeded)) if exceeded.repositories == "a/**")
    );
    check(&storage, &disk);
}

#[test]
fn a_whole_repository_gives_back_what_only_it_linked() {
    let disk = Memory::default();
    let storage = counted(Arc::new(disk.clone()));
    for (repository, byte) in [("a/b", 1), ("a/b", 2), ("a/b/c", 2), ("a/b/c", 3), ("d", 4)] {
        push(&storage, repository, &[byte; 100]).unwrap();
        put(&storage, repository, u64::from(byte)).unwrap();
    }
    for path in ["a/b/_layers", "a/b/_manifests", "a", "d"] {
        let directory = Key::new(format!("{}/{path}", layout::repositories()));
        storage.driver.remove_below(&[&directory]).unwrap();
        check(&storage, &disk);
    }
    assert_eq!(used(&storage), [(0, 0); 3]);
}

#[test]
fn a_link_to_another_digest_counts_what_it_names() {
    // Distribution stores what was pushed under SHA-512 by its SHA-256.
    let disk = Memory::default();
    let content = [7; 500];
    let [named, target] = [Algorithm::Sha512, Algorithm::Sha256].map(|own| own.digest(&content));
    let link = layout::layer_link(&name("a/b"), &named);
    let data = Write::new(layout::blob_data(&target), &content);
    disk.write(&[data, Write::new(link.clone(), target.as_str().as_bytes())])
        .unwrap();
    let storage = counted(Arc::new(disk.clone()));
    assert_eq!(used(&storage), [(500, 1), (500, 1), (0, 0)]);
    // It is replaced by one of ours: another file, so both bytes and blob are others.
    let mut body = &content[..];
    let chunk = Chunk {
        body: &mut body,
        offset: Offset::Unstated,
        length: None,
        stop: Arc::default(),
    };
    storage.put_blob(&name("a/b"), &named, chunk).unwrap();
    check(&storage, &disk);
    storage.delete_blob(&name("a/b"), &named).unwrap();
    check(&storage, &disk);
    assert_eq!(used(&storage), [(0, 0); 3]);
}

#[test]
fn bytes_that_were_lost_and_come_back_are_counted_again() {
    let disk = Memory::default();
    let storage = counted(Arc::new(disk.clone()));
    let digest = push(&storage, "a/b", &[1; 100]).unwrap();
    disk.remove(&[&layout::blob_data(&digest)]).unwrap();
    assert!(storage.recount_quota(&|| true).unwrap());
    assert_eq!(used(&storage)[0], (0, 1));
    push(&storage, "a/b", &[1; 100]).unwrap();
    assert_eq!(used(&storage)[0], (100, 1));
    check(&storage, &disk);
}

#[test]
fn a_push_waits_for_the_first_count_and_not_for_ever() {
    let disk = Memory::default();
    push(&counted(Arc::new(disk.clone())), "a/b", &[1; 100]).unwrap();
    let mut storage = uncounted(Arc::new(disk.clone()), Duration::from_millis(50));
    assert_eq!(storage.quota_use(), None);
    // Deletions do not wait.
    let digest = Algorithm::Sha256.digest(&[1; 100]);
    storage.delete_blob(&name("a/b"), &digest).unwrap();
    let refused = push(&storage, "a/b", &[2; 100]);
    assert!(
        matches!(refused, Err(Error::QuotaNotCounted)),
        "{refused:?}"
    );
    // One that is given up leaves nothing.
    assert!(!storage.recount_quota(&|| false).unwrap());
    assert_eq!(storage.quota_use(), None);
    storage = uncounted(Arc::new(disk.clone()), COUNT_WAIT_MAX);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| push(&storage, "a/b", &[2; 100]));
        assert!(storage.recount_quota(&|| true).unwrap());
        waiting.join().unwrap().unwrap();
    });
    check(&storage, &disk);
}

#[test]
fn changes_during_a_count_are_in_it() {
    let disk = Memory::default();
    let storage = counted(Arc::new(disk.clone()));
    let repositories = ["a/b", "a/x", "b/x", "c", "d/e", "z"];
    for (number, repository) in repositories.into_iter().enumerate() {
        push(&storage, repository, &[number as u8; 64]).unwrap();
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (storage, is_over) = (&storage, &is_over);
        let recounts = scope.spawn(move || {
            let mut count = 0;
            while !is_over.load(Ordering::Acquire) || count == 0 {
                assert!(storage.recount_quota(&|| true).unwrap());
                count += 1;
            }
            count
        });
        let change = |worker: u64| {
            scope.spawn(move || {
                for number in 0..200 {
                    // Repositories come and go, before and behind where the count is.
                    let seed = worker * 1000 + number;
                    let repository = match seed % 3 {
                        0 => format!("new/r{}", seed % 50),
                        _ => repositories[(seed % 6) as usize].to_owned(),
                    };
                    let content = (seed % 7).to_le_bytes();
                    let digest = push(storage, &repository, &content).unwrap();
                    let manifest = put(storage, &repository, seed % 11).unwrap();
                    if seed.is_multiple_of(2) {
                        // Another worker may have done it.
                        drop(storage.delete_blob(&name(&repository), &digest));
                        drop(storage.delete_manifest(&name(&repository), &manifest));
                    }
                }
            })
        };
        let changes: Vec<_> = (1..=3).map(change).collect();
        for change in changes {
            change.join().unwrap();
        }
        is_over.store(true, Ordering::Release);
        assert!(recounts.join().unwrap() > 1);
    });
    check(&storage, &disk);
}

#[test]
fn repositories_that_appear_before_and_behind_a_count_are_counted() {
    // At every moment when it is asked whether to go on: before and after the names are listed, and amid a repository.
    for moment in 1.. {
        let disk = Memory::default();
        let storage = counted(Arc::new(disk.clone()));
        push(&storage, "m", &[1; 10]).unwrap();
        let asked = std::cell::Cell::new(0);
        let appear = || {
            asked.set(asked.get() + 1);
            if asked.get() == moment {
                push(&storage, "a/early", &[2; 10]).unwrap();
                push(&storage, "z/late", &[3; 10]).unwrap();
            }
            true
        };
        assert!(storage.recount_quota(&appear).unwrap());
        if asked.get() < moment {
            assert!(moment > 5);
            return;
        }
        assert_eq!(used(&storage)[0], (30, 3), "{moment}");
        check(&storage, &disk);
    }
}

#[test]
fn what_fails_is_given_back_and_what_stays_is_not() {
    let act = |storage: &Storage| {
        let blob = push(storage, "a/b", &[1; 100])?;
        let manifest = put(storage, "a/b", 1)?;
        push(storage, "a/c", &[1; 100])?;
        storage.delete_blob(&name("a/b"), &blob)?;
        storage.delete_manifest(&name("a/b"), &manifest)?;
        push(storage, "a/b", &[3; 100])?;
        let directory = Key::new(format!("{}/a", layout::repositories()));
        storage.driver.remove_below(&[&directory])?;
        Ok::<(), Error>(())
    };
    for cut in 0.. {
        let disk = Memory::default();
        let storage = counted(Arc::new(disk.clone()));
        disk.stop_after(cut);
        let outcome = act(&storage);
        disk.stop_after(usize::MAX);
        check(&storage, &disk);
        if outcome.is_ok() {
            assert!(cut > 10, "{cut}");
            return;
        }
    }
}

#[test]
fn the_driver_that_counts_is_otherwise_the_one_below() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let below = Arc::new(Filesystem::new(root, 4).unwrap());
    let counting = counted(below.clone()).driver;
    assert_eq!(counting.capabilities(), below.capabilities());
    let (key, other) = (Key::new("locks/a"), Filesystem::new(root, 4).unwrap());
    let lock = Lock::Exclusive;
    let locked = || other.try_lock(&key, Lock::Shared).unwrap().is_none();
    for ways in 0..4 {
        let _held = match ways {
            0 => counting.lock(&key, lock).unwrap(),
            1 => counting.try_lock(&key, lock).unwrap().unwrap(),
            2 => counting.lock_for_long(&key, lock).unwrap(),
            _ => counting.try_lock_for_long(&key, lock).unwrap().unwrap(),
        };
        assert!(locked(), "{ways}");
    }
    assert!(!locked());
    std::fs::create_dir_all(root.join("docker/empty")).unwrap();
    let search = LeftoverSearch {
        before: std::time::SystemTime::now() + Duration::from_secs(60),
        empty_directories: true,
        kept_directories: &[],
        may_continue: &|| true,
    };
    assert_ne!(counting.remove_leftovers(&search), Leftovers::default());
    assert!(!root.join("docker/empty").exists());
    #[cfg(unix)]
    {
        std::fs::create_dir_all(root.join("a")).unwrap();
        std::os::unix::fs::symlink("..", root.join("a/back")).unwrap();
        assert!(counting.leads_back(&Key::new("a/back")).unwrap());
    }
    std::fs::write(root.join("file"), "").unwrap();
    assert!(counting.probe(&["file"]).is_err());
}

#[test]
fn the_same_repository_has_the_same_lock_and_all_are_taken_in_one_order() {
    let locks: Vec<usize> = (0..8).collect();
    let of = |names: &[&str]| in_order(names.iter(), &locks).collect::<Vec<_>>();
    let names = ["a", "b", "c", "d", "e"];
    let (some, backwards) = (of(&names), of(&["e", "d", "c", "b", "a"]));
    assert_eq!(some, backwards);
    assert!(some.is_sorted());
    for name in names {
        let [one] = of(&[name, name])[..] else {
            panic!("{name} has one lock");
        };
        assert!(some.contains(&one), "{name}");
    }
}
