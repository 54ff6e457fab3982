//! `storage.maintenance.garbagecollect`: a collection while clients push and pull.

use super::{age, collected, set_modified};
use crate::util::effort::effort;
use crate::util::image::{artifact, bytes, config, image, index, layer, sha256};
use crate::util::pace::{breathe, wait_until};
use crate::util::registry::{Settings, TestRegistry};
use crate::util::storage;
use crate::util::tree::quick_directory;
use registry::driver::Filesystem;
use registry::storage::{Collection, CollectionReport, MinimumAge, Storage};
use serde_json::Value;
use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);

/// A registry that collects garbage by itself only when the interval is over.
fn start(interval: &str, grace: &str) -> TestRegistry {
    settings(interval, grace).start()
}

fn settings(interval: &str, grace: &str) -> Settings {
    Settings::default()
        .set("STORAGE_MAINTENANCE_GARBAGECOLLECT_ENABLED", "true")
        .set("STORAGE_MAINTENANCE_GARBAGECOLLECT_INTERVAL", interval)
        .set("STORAGE_MAINTENANCE_GARBAGECOLLECT_GRACE", grace)
}

/// What another process sees of the data.
fn open(root: &Path) -> Storage {
    storage::open(Arc::new(Filesystem::new(root, 4).unwrap()))
}

/// The lock of a collection. A program that another test starts has the files of this process until it runs, and so for a moment the
/// last such lock.
fn lock(storage: &Storage) -> Box<dyn Any + Send> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match storage.lock_collection().unwrap() {
            Some(held) => return held,
            None => assert!(Instant::now() < deadline, "another process collects"),
        }
        breathe();
    }
}

/// Collects from another process, while the registry serves.
fn collect(root: &Path, untagged: bool) -> CollectionReport {
    let storage = open(root);
    let _held = lock(&storage);
    let collection = Collection {
        untagged,
        minimum_age: MinimumAge::Grace(HOUR),
        dry_run: false,
        threads: 2,
        may_continue: &|| true,
        report: &|event| eprintln!("{event:?}"),
    };
    let report = storage.collect(&collection).unwrap();
    assert_eq!((report.unreadable, report.stuck), (0, 0));
    report
}

fn digest(manifest: &Value) -> String {
    sha256(manifest.to_string().as_bytes())
}

fn blob(name: &str, digest: &str) -> String {
    format!("/v2/{name}/blobs/{digest}")
}

#[test]
fn what_was_pushed_long_ago_goes_and_what_was_asked_for_since_stays() {
    let registry = start("24h", "1h");
    let asked: Vec<String> = (1..=4)
        .map(|seed| registry.push_blob("a", &bytes(seed, 500)))
        .collect();
    let never = registry.push_blob("a", &bytes(9, 500));
    age(&registry.root);
    registry.head(&blob("a", &asked[0])).expect(200);
    registry.get(&blob("a", &asked[1])).expect(200);
    registry
        .post(&format!("/v2/b/blobs/uploads/?mount={}&from=a", asked[2]))
        .expect(201);
    registry.push_blob("a", &bytes(4, 500));
    let report = collect(&registry.root, false);
    // The one that was never asked for, and the link that was only mounted from.
    assert_eq!((report.blobs, report.layers), (1, 2));
    registry.get(&blob("a", &never)).expect(404);
    for (name, digest) in [
        ("a", &asked[0]),
        ("a", &asked[1]),
        ("b", &asked[2]),
        ("a", &asked[3]),
    ] {
        registry.get(&blob(name, digest)).expect(200);
    }
    // Once more it would go.
    age(&registry.root);
    assert_eq!(collect(&registry.root, false).blobs, 4);
}

#[test]
fn a_manifest_keeps_all_that_it_names_however_old_that_is() {
    let registry = start("24h", "1h");
    for seed in 1..=2 {
        registry.push_parts("a", seed);
    }
    let child = image(1);
    registry
        .put_manifest("a", &digest(&child), &child)
        .expect(201);
    age(&registry.root);
    let parent = index(&[("amd64", &child)]);
    registry
        .put_manifest("a", &digest(&parent), &parent)
        .expect(201);
    registry
        .put_manifest("a", &digest(&image(2)), &image(2))
        .expect(201);
    assert_eq!(collect(&registry.root, true).blobs, 0);
    for manifest in [&parent, &child, &image(2)] {
        let path = format!("/v2/a/manifests/{}", digest(manifest));
        registry.get(&path).expect(200);
    }
    for seed in 1..=2 {
        registry.get(&blob("a", &sha256(&layer(seed)))).expect(200);
        registry.get(&blob("a", &sha256(&config(seed)))).expect(200);
    }
}

#[test]
fn an_untagged_manifest_that_was_asked_for_stays_with_all_that_it_names() {
    let registry = start("24h", "1h");
    for seed in 1..=2 {
        registry.push_parts("a", seed);
        let manifest = image(seed);
        registry
            .put_manifest("a", &digest(&manifest), &manifest)
            .expect(201);
    }
    let signature = artifact(1, "application/vnd.example.signature", &image(1));
    registry
        .put_manifest("a", &digest(&signature), &signature)
        .expect(201);
    age(&registry.root);
    let path = |seed| format!("/v2/a/manifests/{}", digest(&image(seed)));
    registry.head(&path(1)).expect(200);
    let report = collect(&registry.root, true);
    assert_eq!(report.manifests, 1);
    registry.get(&path(1)).expect(200);
    registry.get(&path(2)).expect(404);
    registry.get(&blob("a", &sha256(&layer(1)))).expect(200);
    registry.get(&blob("a", &sha256(&layer(2)))).expect(404);
    let referrers = registry
        .get(&format!("/v2/a/referrers/{}", digest(&image(1))))
        .expect(200);
    assert_eq!(referrers.json()["manifests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_manifest_that_is_pushed_meanwhile_finds_all_that_it_names_or_is_refused() {
    let registry = start("24h", "1h");
    let root = registry.root.as_path();
    let (mut stored, mut refused) = (0, 0);
    // Under Wine each takes a second.
    let rounds = match cfg!(windows) {
        true => 16,
        false => effort(15, 60),
    };
    // The moments are spread over the same time.
    let step = 9000 / rounds;
    for seed in 0..rounds {
        registry.push_parts("a", seed);
        // Its layer in a repository that has another, so that links and content go at different times.
        let mounted = format!("/v2/b/blobs/uploads/?mount={}&from=a", sha256(&layer(seed)));
        registry.post(&mounted).expect(201);
        age(&registry.root.join("docker"));
        let manifest = image(seed);
        let response = thread::scope(|scope| {
            // One comes at another moment of the other each time.
            let wait = |micros: u64| {
                thread::sleep(Duration::from_micros(micros));
            };
            let (before, after) = match seed % 2 {
                0 => (0, seed * step),
                _ => (seed * 2 * step, 0),
            };
            let collection = scope.spawn(move || {
                wait(before);
                collect(root, false)
            });
            wait(after);
            let response = registry.put_manifest("a", "v1", &manifest);
            collection.join().unwrap();
            response
        });
        match response.status {
            201 => {
                stored += 1;
                registry.get("/v2/a/manifests/v1").expect(200);
                registry.get(&blob("a", &sha256(&layer(seed)))).expect(200);
                registry.get(&blob("a", &sha256(&config(seed)))).expect(200);
            }
            _ => {
                refused += 1;
                response.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
            }
        }
    }
    eprintln!("{stored} stored, {refused} refused");
    assert!(stored > 0);
}

#[test]
fn the_server_collects_when_the_interval_is_over_and_after_a_restart_too() {
    let directory = quick_directory();
    let root = directory.path();
    let serve = || settings("1s", "0s").root(root).start();
    let gone = |registry: &TestRegistry, digest: &str| {
        wait_until(&format!("{digest} is gone"), || {
            !registry.blob_file(digest).exists()
        });
    };
    let registry = serve();
    registry.push_image("a", "v1", 1);
    for seed in 7..9 {
        let garbage = registry.push_blob("a", &bytes(seed, 500));
        age(&root.join("docker"));
        gone(&registry, &garbage);
    }
    drop(registry);
    let mut registry = serve();
    let garbage = registry.push_blob("a", &bytes(9, 500));
    age(&root.join("docker"));
    gone(&registry, &garbage);
    registry.get(&blob("a", &sha256(&layer(1)))).expect(200);
    let said = collected(&mut registry, &["-m"], 0);
    assert!(said.contains("removed: 0 blobs"), "{said}");
}

/// Waits until a registry has announced the grace that it keeps to.
fn wait_for_announcement(root: &Path) {
    wait_until("the grace is announced", || {
        root.join("locks/grace").exists()
    });
}

#[test]
fn data_that_was_never_collected_is_left_alone_for_the_grace() {
    let registry = start("1s", "1h");
    registry.push_blob("a", &bytes(9, 500));
    // What another program told its clients before is written down nowhere, so it counts from here.
    wait_for_announcement(&registry.root);
    let storage = open(&registry.root);
    assert_eq!(storage.last_collection().unwrap(), None);
    let _one = lock(&storage);
    let other = open(&registry.root);
    assert!(other.lock_collection().unwrap().is_none(), "one at a time");
}

#[test]
fn what_is_told_by_a_registry_that_collects_later_or_never_stays_as_well() {
    let registry = start("24h", "1h");
    let root = registry.root.as_path();
    wait_for_announcement(root);
    let others = [
        Settings::default().root(root).start(),
        settings("24h", "30h").root(root).start(),
    ];
    let blobs: Vec<String> = (1..=5)
        .map(|seed| registry.push_blob("a", &bytes(seed, 500)))
        .collect();
    // Old for the one, and new for the other.
    set_modified(&root.join("docker"), SystemTime::now() - 3 * HOUR);
    for (other, blobs) in others.iter().zip(blobs.chunks(2)) {
        other.head(&blob("a", &blobs[0])).expect(200);
        other.get(&blob("a", &blobs[1])).expect(200);
    }
    assert_eq!(collect(root, false).blobs, 1);
    for digest in &blobs[..4] {
        registry.get(&blob("a", digest)).expect(200);
    }
}
