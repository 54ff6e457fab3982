//! Faults in what the server does in the background: it fails or does less, and does the rest the next time.

use super::disk::{EVERY, Failure, OneFault, failures, first_turn};
use super::served::{Served, Touches, check_kept, prepare, storage, text};
use crate::util::driver::Watched;
use registry::policy::{Keep, RetentionRule};
use registry::storage::{Collection, MinimumAge, Purge, Retention, Storage};
use std::sync::Arc;
use std::time::Duration;

/// A job, which says whether it has done all that it had to do.
type Job = fn(&Storage) -> bool;

fn retain(storage: &Storage) -> bool {
    let keep = Keep {
        tags: vec!["v*".parse().unwrap(), "latest".parse().unwrap()],
        ..Keep::default()
    };
    let rule = RetentionRule {
        repositories: vec!["**".parse().unwrap()],
        keep,
    };
    let retention = Retention {
        rules: &[rule],
        dry_run: false,
        may_continue: &|| true,
    };
    let applied = storage.apply_retention(&retention);
    applied.is_ok_and(|report| report.failed == 0)
}

fn recount(storage: &Storage) -> bool {
    storage.recount_quota(&|| true).is_ok()
}

fn collect(storage: &Storage) -> bool {
    let collected = storage.collect(&Collection {
        untagged: false,
        minimum_age: MinimumAge::Exactly(Duration::ZERO),
        dry_run: false,
        threads: 1,
        may_continue: &|| true,
        report: &|event| eprintln!("    {event:?}"),
    });
    eprintln!("  {collected:?}");
    collected.is_ok_and(|report| report.unreadable == 0 && report.stuck == 0)
}

fn purge(storage: &Storage) -> bool {
    let purge = Purge {
        age: Duration::MAX,
        dry_run: false,
        may_continue: &|| true,
    };
    storage.purge_uploads(&purge).is_ok()
}

#[test]
fn whatever_fails_in_the_background_nothing_is_lost() {
    let jobs: [(&str, Job); 4] = [
        ("collection", collect),
        ("retention", retain),
        ("count of quotas", recount),
        ("purge", purge),
    ];
    let mut turn = first_turn();
    let mut faults = 0;
    for (name, job) in jobs {
        // A collection makes hundreds of calls.
        let every = match name {
            "collection" => 4 * EVERY,
            _ => EVERY,
        };
        let counts = try_one(job, None, name);
        for failure in failures(counts, every, &mut turn) {
            try_one(job, Some(failure), name);
            faults += 1;
        }
    }
    println!("faults in background jobs: {faults}");
    assert!(faults > 100 / EVERY, "{faults}");
}

/// One failure in a job, or none. Gives how many calls there were of each moment.
fn try_one(job: Job, failure: Option<Failure>, name: &str) -> [usize; 2] {
    let watch = Arc::new(OneFault::default());
    let driver = Watched::new(watch.clone());
    let served = Served::over(&driver, true);
    let prepared = prepare(&served);
    for tag in ["x1", "x2"] {
        let path = format!("/v2/a/manifests/{tag}");
        let body = text(&crate::util::image::image(2));
        served.expect(201, "PUT", &path, &body);
    }
    let own = storage(&driver, true);
    watch.arm(failure);
    let says_done = job(&own);
    let (counts, hit) = watch.disarm();
    let moment = failure.map(|failure| failure.moment);
    eprintln!("{name}: {moment:?} {hit:?}");
    let is_over = || {
        let tags = served.expect(200, "GET", "/v2/a/tags/list", b"");
        !tags.text().contains("x1") && !tags.text().contains("x2")
    };
    // A single entry that cannot be read is left out of a list, and logged; it is deleted the next time.
    let lists_tags = |hit: &String| hit.starts_with("list ") && hit.ends_with("/_manifests/tags");
    if says_done && name == "retention" && hit.as_ref().is_some_and(lists_tags) {
        assert!(is_over(), "{moment:?} {hit:?}");
    }
    // It has the same to do again, and then nothing.
    assert!(job(&own));
    // What is counted is what a count from the beginning finds, or more where it could not be seen what was removed.
    let used = |storage: &Storage| storage.quota_use().unwrap()[0].used;
    let expected = used(&storage(&driver, true));
    assert!(used(&own) >= expected);
    recount(&own);
    assert_eq!(used(&own), expected);
    assert_eq!(is_over(), name == "retention");
    let touches: &[Touches] = match name {
        "collection" => &[Touches::Other],
        _ => &[],
    };
    for served in [served, Served::over(&driver, true)] {
        check_kept(&served, &prepared, touches);
    }
    counts
}
