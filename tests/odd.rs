//! Entries of the data directory that are not what they should be: one of them hides no other, stops nothing and is
//! logged once. And a data directory that is gone.

mod driver;
mod entries;
mod gone;

use crate::util::image::image;
use crate::util::raw::Raw;
use crate::util::storage;
use driver::Faulty;
use registry::driver::Driver;
use registry::spec::CheckedManifest;
use registry::spec::validation::Validation;
use registry::spec::{Algorithm, Digest, Name, Reference, Tag};
use registry::storage::layout;
use registry::storage::{Chunk, Error, Offset, Purge, Storage, Tagging};
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

fn storage(driver: &Faulty) -> Storage {
    storage::open(driver.driver.clone())
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// Puts a manifest under some tags of a repository.
fn put(storage: &Storage, repository: &str, tags: &[&str]) -> Digest {
    let content = image(1).to_string().into_bytes();
    let manifest = CheckedManifest::check(&content, None, None).unwrap();
    let tags: Vec<Tag> = tags.iter().map(|text| tag(text)).collect();
    let tagging = Tagging {
        tags: &tags,
        may_move: true,
    };
    storage
        .put_manifest(
            &name(repository),
            &manifest,
            tagging,
            &Validation::disabled(),
        )
        .unwrap();
    manifest.digest().clone()
}

fn chunk(body: &mut dyn Read) -> Chunk<'_> {
    Chunk {
        body,
        offset: Offset::Unstated,
        length: None,
        stop: Arc::default(),
    }
}

#[test]
fn a_delete_that_fails_has_changed_nothing() {
    let driver = Faulty::default();
    let storage = storage(&driver);
    let digest = put(&storage, "a", &["v1", "v2", "v3"]);
    let all = [tag("v1"), tag("v2"), tag("v3")];
    // What says nothing of one entry: another try may succeed.
    for (what, at) in [
        ("read", "v3/current/link"),
        ("list", "_manifests/tags"),
        ("open", "/data"),
    ] {
        driver.fail(move |operation, key| {
            (operation == what && key.as_str().ends_with(at)).then_some(ErrorKind::TimedOut)
        });
        let failed = storage.delete_manifest(&name("a"), &digest);
        assert!(matches!(failed, Err(Error::Driver(_))), "{failed:?}");
        driver.heal();
        assert_eq!(storage.tags(&name("a"), "", 9).unwrap().0, all);
        assert!(storage.has_manifest(&name("a"), &digest).unwrap());
    }
    // Where it ends in between, the manifest is still there, and another delete does the rest.
    driver.fail(|operation, key| {
        let is_second = operation == "remove" && key.as_str().ends_with("v2");
        is_second.then_some(ErrorKind::PermissionDenied)
    });
    storage.delete_manifest(&name("a"), &digest).unwrap_err();
    assert!(storage.has_manifest(&name("a"), &digest).unwrap());
    driver.heal();
    storage.delete_manifest(&name("a"), &digest).unwrap();
    assert!(storage.tags(&name("a"), "", 9).unwrap().0.is_empty());
    let reference = Reference::Digest(digest);
    let gone = storage.manifest(&name("a"), &reference);
    assert!(matches!(gone, Err(Error::ManifestUnknown)));
}

#[test]
fn a_tag_that_cannot_be_read_keeps_no_manifest_from_being_deleted() {
    let driver = Faulty::default();
    let storage = storage(&driver);
    let digest = put(&storage, "a", &["odd", "v1"]);
    driver.fail(|_, key| {
        let is_odd = key.as_str().contains("/odd/");
        is_odd.then_some(ErrorKind::PermissionDenied)
    });
    assert_eq!(storage.tags(&name("a"), "", 9).unwrap().0, [tag("v1")]);
    storage.delete_manifest(&name("a"), &digest).unwrap();
    assert!(storage.tags(&name("a"), "", 9).unwrap().0.is_empty());
}

#[test]
fn a_list_that_breaks_midway_does_not_look_whole() {
    let driver = Faulty::default();
    let storage = storage(&driver);
    let tags: Vec<String> = (1000..3500).map(|number| format!("t{number}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    put(&storage, "a", &tags);
    driver.fail(|_, key| {
        let is_there = key.as_str().contains("/t3000/");
        is_there.then_some(ErrorKind::TimedOut)
    });
    let (address, control) =
        storage::serve(storage::open(driver.driver.clone()), Validation::disabled());
    let mut raw = Raw::connect(address);
    let rest = raw.request("/v2/a/tags/list").rest();
    let text = String::from_utf8_lossy(&rest);
    let start = text.get(..400);
    assert!(text.starts_with("HTTP/1.1 200"), "{start:?}");
    assert!(text.contains("\"t1900\""), "{start:?}");
    assert!(!text.contains("t3000") && !text.ends_with("0\r\n\r\n"));
    control.shutdown(Duration::ZERO);
}

#[test]
fn what_fails_for_the_moment_is_no_empty_list() {
    let driver = Faulty::default();
    let storage = storage(&driver);
    put(&storage, "a/b", &["v1"]);
    driver.fail(|_, key| {
        key.as_str()
            .contains("/repositories/a")
            .then_some(ErrorKind::TimedOut)
    });
    assert!(storage.repositories("", "", 9).is_err());
    assert!(storage.tags(&name("a/b"), "", 9).is_err());
    // And what says nothing but of one directory hides no other.
    driver.fail(|_, key| {
        key.as_str()
            .contains("/repositories/a")
            .then_some(ErrorKind::PermissionDenied)
    });
    put(&storage, "b", &["v1"]);
    assert_eq!(storage.repositories("", "", 9).unwrap().0, [name("b")]);
}

#[test]
fn a_catalog_looks_only_where_a_caller_may_see_something() {
    let driver = Faulty::default();
    let storage = storage(&driver);
    for repository in ["a", "team-x/y", "team/a", "team/b/c", "z/z"] {
        put(&storage, repository, &["v1"]);
    }
    driver.seen();
    let found = storage.repositories("team/", "", 9).unwrap().0;
    assert_eq!(found, [name("team/a"), name("team/b/c")]);
    let seen = driver.seen();
    let is_inside = |key: &String| key.contains("/repositories/team");
    assert!(!seen.is_empty() && seen.iter().all(is_inside), "{seen:#?}");
    assert!(!seen.iter().any(|key| key.contains("team-x")), "{seen:#?}");
}

#[test]
fn an_upload_whose_files_cannot_be_removed_is_not_cancelled() {
    let driver = Faulty::default();
    let storage = storage(&driver);
    let a = name("a");
    let id = storage.start_upload(&a, Algorithm::Sha256, None).unwrap();
    storage
        .append_upload(&a, &id, chunk(&mut &b"one "[..]))
        .unwrap();
    driver.fail(|operation, _| {
        ["remove", "discard"]
            .contains(&operation)
            .then_some(ErrorKind::ReadOnlyFilesystem)
    });
    let failed = storage.cancel_upload(&a, &id);
    assert!(
        matches!(&failed, Err(Error::Driver(error)) if error.is_read_only()),
        "{failed:?}"
    );
    assert_eq!(storage.upload_length(&a, &id).unwrap(), 4);
    storage
        .append_upload(&a, &id, chunk(&mut &b"two"[..]))
        .unwrap();
    driver.heal();
    storage.cancel_upload(&a, &id).unwrap();
    let gone = storage.upload_length(&a, &id);
    assert!(matches!(gone, Err(Error::UploadUnknown)));
}

#[test]
fn a_purge_ends_where_it_is_asked_to_and_passes_over_what_is_odd() {
    let driver = Faulty::default();
    let storage = storage(&driver);
    for repository in ["a", "b", "c"] {
        for _ in 0..3 {
            let id = storage.start_upload(&name(repository), Algorithm::Sha256, None);
            id.unwrap();
        }
    }
    let left = || -> usize {
        let count = |repository| {
            let directory = layout::uploads(&name(repository));
            driver.disk.list(&directory, "", 99).unwrap().len()
        };
        ["a", "b", "c"].map(count).into_iter().sum()
    };
    // A session is dated by the whole second, which is over.
    let purge = |may_continue: &dyn Fn() -> bool| {
        let (age, dry_run) = (Duration::ZERO, false);
        let purge = Purge {
            age,
            dry_run,
            may_continue,
        };
        storage.purge_uploads(&purge).unwrap()
    };
    assert_eq!(purge(&|| false).seen, 0);
    assert_eq!(left(), 9);
    let report = purge(&|| left() > 5);
    assert_eq!((report.purged, left()), (4, 5));
    // One that cannot be looked at, and one that cannot be removed.
    driver.fail(|operation, key| {
        let key = key.as_str();
        let is_odd = operation == "list" && key.contains("/b/")
            || operation == "discard" && key.contains("/c/");
        is_odd.then_some(ErrorKind::PermissionDenied)
    });
    let report = purge(&|| true);
    assert_eq!((report.purged, report.stuck), (0, 3), "{report:?}");
    driver.heal();
    assert_eq!(purge(&|| true).purged, 5);
    assert_eq!(left(), 0);
}
