//! What stands in the way of a collection.

use super::{collected, garbage_collect, set_modified};
use crate::util::image::{bytes, layer, sha256};
use crate::util::registry::TestRegistry;
use crate::util::tree::quick_directory;
use std::fs;
use std::time::{Duration, SystemTime};

#[test]
fn a_link_that_cannot_be_read_keeps_its_repository_and_no_other() {
    for (path, content) in [
        ("revisions/{}/link", ""),
        ("revisions/{}/link", "sha256:12"),
        ("tags/v1/current/link", "no digest"),
    ] {
        let mut registry = TestRegistry::start();
        let broken = registry.push_image("a", "v1", 1);
        registry.push_blob("a", &bytes(8, 500));
        registry.push_image("b", "v1", 2);
        registry.push_blob("b", &bytes(9, 500));
        let path = path.replace("{}", &broken.replace(':', "/"));
        registry.plant(&format!("repositories/a/_manifests/{path}"), content);
        let said = collected(&mut registry, &["-m"], 1);
        assert!(
            said.contains(&path) && said.contains("cannot be read"),
            "{said}"
        );
        assert!(said.contains("1 things could not be read"), "{said}");
        for kept in [
            broken,
            sha256(&layer(1)),
            sha256(&bytes(8, 500)),
            sha256(&layer(2)),
        ] {
            assert!(registry.blob_file(&kept).exists(), "{kept} {said}");
        }
        assert!(!registry.blob_file(&sha256(&bytes(9, 500))).exists());
    }
}

#[test]
fn a_manifest_that_cannot_be_read_keeps_all_blobs_of_its_repository() {
    for content in [&b""[..], b"{", b"{\"layers\":7}"] {
        let mut registry = TestRegistry::start();
        let broken = registry.push_image("a", "v1", 1);
        registry.push_blob("a", &bytes(8, 500));
        registry.push_blob("b", &bytes(9, 500));
        fs::write(registry.blob_file(&broken), content).unwrap();
        let said = collected(&mut registry, &[], 1);
        assert!(said.contains("cannot be read"), "{said}");
        assert!(registry.blob_file(&sha256(&layer(1))).exists());
        assert!(registry.blob_file(&sha256(&bytes(8, 500))).exists());
        assert!(!registry.blob_file(&sha256(&bytes(9, 500))).exists());
        fs::remove_file(registry.blob_file(&broken)).unwrap();
        collected(&mut registry, &[], 1);
        assert!(registry.blob_file(&sha256(&layer(1))).exists());
    }
}

#[test]
#[cfg(unix)]
fn what_is_no_file_stops_nothing() {
    use std::os::unix::fs::symlink;
    let mut registry = TestRegistry::start();
    let piped = registry.push_image("a", "v1", 1);
    registry.push_blob("b", &bytes(9, 500));
    registry.stop();
    let link = format!(
        "repositories/a/_manifests/revisions/{}/link",
        piped.replace(':', "/")
    );
    let link = registry.file(&link);
    fs::remove_file(&link).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &link, 0o600.into()).unwrap();
    let said = collected(&mut registry, &[], 1);
    assert!(said.contains("named pipe"), "{said}");
    assert!(registry.blob_file(&sha256(&layer(1))).exists());
    assert!(!registry.blob_file(&sha256(&bytes(9, 500))).exists());
    // Where repositories may be hidden, any blob may belong to them.
    let registry = registry.restart();
    let blob = registry.push_blob("b", &bytes(9, 500));
    let mut registry = registry;
    symlink("loop", registry.file("repositories/loop")).unwrap();
    let said = collected(&mut registry, &[], 1);
    assert!(said.contains("repositories/loop"), "{said}");
    assert!(registry.blob_file(&blob).exists());
}

#[test]
fn data_that_is_served_is_only_looked_at() {
    let registry = TestRegistry::start();
    let blob = registry.push_blob("a", &bytes(9, 500));
    let output = garbage_collect(&registry.root, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [
        "is using",
        "nothing was changed",
        "garbagecollect",
        "--dry-run",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(registry.blob_file(&blob).exists());
    let output = garbage_collect(&registry.root, &["--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0));
    assert!(said.contains(&blob), "{said}");
    drop(registry);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let directory = quick_directory();
    let none = directory.path().join("none");
    let output = garbage_collect(&none, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("does not exist") && said.contains("none"),
        "{said}"
    );
    assert!(!none.exists());
    let output = garbage_collect(directory.path(), &["--older-than", "x"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`x`") && said.contains("24h"), "{said}");
}

#[test]
#[cfg(unix)]
fn what_is_behind_a_link_to_nothing_keeps_its_blobs() {
    use std::os::unix::fs::symlink;
    for (hidden, options) in [
        ("repositories", &[][..]),
        ("repositories/a", &[]),
        ("repositories/a/_manifests", &[]),
        ("repositories/a/_manifests/revisions", &[]),
        ("repositories/a/_manifests/tags", &["-m"]),
        ("repositories/a/_manifests/tags/v1", &["-m"]),
    ] {
        let mut registry = TestRegistry::start();
        let manifest = registry.push_image("a", "v1", 1);
        registry.stop();
        let (place, away) = (registry.file(hidden), registry.root.join("volume"));
        fs::rename(&place, &away).unwrap();
        symlink(registry.root.join("not-mounted"), &place).unwrap();
        let output = garbage_collect(&registry.root, options);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{hidden}: {said}");
        for kept in [manifest, sha256(&layer(1))] {
            assert!(registry.blob_file(&kept).exists(), "{hidden}: {said}");
        }
        fs::remove_file(&place).unwrap();
        fs::rename(&away, &place).unwrap();
        let registry = registry.restart();
        assert_eq!(registry.get("/v2/a/manifests/v1").status, 200, "{hidden}");
    }
}

#[test]
fn blobs_without_a_directory_of_repositories_stay() {
    let mut registry = TestRegistry::start();
    let manifest = registry.push_image("a", "v1", 1);
    registry.stop();
    let (place, away) = (registry.file("repositories"), registry.root.join("volume"));
    fs::rename(&place, &away).unwrap();
    let said = collected(&mut registry, &[], 1);
    assert!(said.contains("is a volume not mounted?"), "{said}");
    assert!(registry.blob_file(&manifest).exists());
    // Where there are repositories no longer, their blobs go, and the directory stays.
    fs::create_dir(&place).unwrap();
    collected(&mut registry, &[], 0);
    assert!(!registry.blob_file(&manifest).exists() && place.is_dir());
}

#[test]
fn garbage_from_the_future_goes_where_its_age_does_not_matter() {
    let mut registry = TestRegistry::start();
    let tagged = registry.push_image("a", "v1", 1);
    let untagged = registry.push_image("a", "v2", 2);
    registry.stop();
    fs::remove_dir_all(registry.file("repositories/a/_manifests/tags/v2")).unwrap();
    set_modified(
        &registry.root,
        SystemTime::now() + Duration::from_secs(100 * 365 * 24 * 3600),
    );
    collected(&mut registry, &["-m", "--older-than", "1h"], 0);
    assert!(registry.blob_file(&untagged).exists());
    collected(&mut registry, &["-m"], 0);
    assert!(!registry.blob_file(&untagged).exists());
    assert!(!registry.blob_file(&sha256(&layer(2))).exists());
    assert!(registry.blob_file(&tagged).exists());
}
