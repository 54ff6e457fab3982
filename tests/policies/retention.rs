//! Tags that are deleted in time.

use crate::util::driver::{Watch, Watched};
use crate::util::image::image;
use crate::util::server_log;
use crate::util::storage;
use crate::util::tree::quick_directory;
use registry::driver::{Driver, Filesystem, Key, Memory, Write};
use registry::policy::{ImmutableRule, Keep, RetentionRule};
use registry::spec::validation::Validation;
use registry::spec::{Algorithm, CheckedManifest, Name, Reference, Tag};
use registry::storage::{Retention, RetentionReport, Storage, Tagging, layout};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

struct Stored {
    storage: Storage,
    directory: TempDir,
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

impl Stored {
    fn new() -> Stored {
        let directory = quick_directory();
        let driver: Arc<dyn Driver> = Arc::new(Filesystem::new(directory.path(), 10).unwrap());
        let storage = storage::open(driver);
        Stored { storage, directory }
    }

    fn put(&self, repository: &str, text: &str) {
        let content = image(1).to_string().into_bytes();
        let manifest = CheckedManifest::check(&content, None, None).unwrap();
        let tagging = Tagging {
            tags: &[tag(text)],
            may_move: true,
        };
        let rules = Validation::disabled();
        let put = self
            .storage
            .put_manifest(&name(repository), &manifest, tagging, &rules);
        put.unwrap();
    }

    /// Tags a manifest, as if that had been done so many hours ago.
    fn tag(&self, repository: &str, text: &str, hours: u32) {
        self.put(repository, text);
        let link = layout::tag_current(&name(repository), &tag(text));
        let file = File::options()
            .write(true)
            .open(self.directory.path().join(link.as_str()));
        let then = SystemTime::now() - HOUR * hours;
        file.unwrap().set_modified(then).unwrap();
    }

    fn apply(&self, rules: &[RetentionRule]) -> RetentionReport {
        let retention = Retention {
            rules,
            dry_run: false,
            may_continue: &|| true,
        };
        self.storage.apply_retention(&retention).unwrap()
    }

    fn tags(&self, repository: &str) -> Vec<String> {
        let (tags, _) = self.storage.tags(&name(repository), "", 5000).unwrap();
        tags.iter().map(ToString::to_string).collect()
    }
}

fn rule(repositories: &[&str], keep: Keep) -> RetentionRule {
    RetentionRule {
        repositories: repositories
            .iter()
            .map(|text| text.parse().unwrap())
            .collect(),
        keep,
    }
}

fn last(last: usize) -> Keep {
    Keep {
        last: Some(last),
        ..Keep::default()
    }
}

#[test]
fn a_tag_stays_when_any_clause_keeps_it() {
    let keep = |last: Option<usize>, tags: &[&str], hours: Option<u32>| Keep {
        last,
        tags: tags.iter().map(|text| text.parse().unwrap()).collect(),
        younger_than: hours.map(|hours| HOUR * hours),
    };
    for (keep, kept) in [
        (keep(Some(2), &[], None), &["b", "c"][..]),
        (keep(Some(9), &[], None), &["a", "b", "c", "v1", "v2"]),
        (keep(None, &["v*"], None), &["v1", "v2"]),
        (keep(None, &[], Some(25)), &["b", "c"]),
        (keep(None, &[], Some(1)), &["c"]),
        (
            keep(Some(1), &["v1", "a"], Some(25)),
            &["a", "b", "c", "v1"],
        ),
        // Nothing that the rules let through: it deletes nothing.
        (keep(None, &[], None), &["a", "b", "c", "v1", "v2"]),
    ] {
        let stored = Stored::new();
        for (text, hours) in [("v1", 90), ("v2", 80), ("a", 48), ("b", 24), ("c", 0)] {
            stored.tag("team/app", text, hours);
            stored.tag("other", text, hours);
        }
        let report = stored.apply(&[rule(&["team/**"], keep.clone())]);
        assert_eq!(stored.tags("team/app"), kept, "{keep:?}");
        assert_eq!(stored.tags("other").len(), 5);
        let seen = if keep.is_empty() { 0 } else { 5 };
        let expected = RetentionReport {
            seen,
            deleted: 5 - kept.len(),
            ..RetentionReport::default()
        };
        assert_eq!(report, expected);
        // What a tag named stays, and so does the repository.
        let digest = Algorithm::Sha256.digest(image(1).to_string().as_bytes());
        let reference = Reference::Digest(digest);
        stored
            .storage
            .manifest(&name("team/app"), &reference)
            .unwrap();
        // Once more, nothing is left to do.
        let again = stored.apply(&[rule(&["team/**"], keep)]);
        assert_eq!(again.deleted, 0);
    }
}

#[test]
fn the_first_rule_that_covers_a_repository_decides() {
    let stored = Stored::new();
    for repository in ["team/a", "team/b", "c"] {
        for hours in 1..=5 {
            stored.tag(repository, &format!("t{hours}"), hours);
        }
    }
    let rules = [
        rule(&["team/a"], last(4)),
        rule(&["team/*", "x"], last(2)),
        rule(&["team/a"], last(1)),
    ];
    stored.apply(&rules);
    assert_eq!(stored.tags("team/a"), ["t1", "t2", "t3", "t4"]);
    assert_eq!(stored.tags("team/b"), ["t1", "t2"]);
    assert_eq!(stored.tags("c").len(), 5);
}

#[test]
fn of_tags_that_are_equally_old_the_later_by_name_counts_as_newer() {
    let stored = Stored::new();
    let then = SystemTime::now() - HOUR;
    for text in ["a", "b", "c"] {
        stored.put("a", text);
        let link = layout::tag_current(&name("a"), &tag(text));
        let file = File::options()
            .write(true)
            .open(stored.directory.path().join(link.as_str()));
        file.unwrap().set_modified(then).unwrap();
    }
    stored.apply(&[rule(&["a"], last(2))]);
    assert_eq!(stored.tags("a"), ["b", "c"]);
}

#[test]
fn a_tag_that_is_pushed_again_is_new() {
    let stored = Stored::new();
    for (text, hours) in [("old", 90), ("older", 99), ("new", 1)] {
        stored.tag("a", text, hours);
    }
    stored.put("a", "older");
    stored.apply(&[rule(&["a"], last(2))]);
    assert_eq!(stored.tags("a"), ["new", "older"]);
}

/// Another process pushes a tag between the moment when it is found to be old and its deletion.
struct Meddler {
    link: Key,
    disk: OnceLock<Memory>,
    stats: AtomicUsize,
}

impl Watch for Meddler {
    fn before(&self, operation: &'static str, key: &Key, _bytes: usize) -> io::Result<()> {
        // It is looked at to find the newest tags, to see its age, and again before it is deleted.
        let is_due = operation == "stat" && *key == self.link;
        if is_due && self.stats.fetch_add(1, SeqCst) == 2 {
            let disk = self.disk.get().unwrap();
            let digest = Algorithm::Sha256.digest(image(1).to_string().as_bytes());
            let write = Write::new(key.clone(), digest.as_str().as_bytes());
            disk.write(&[write]).unwrap();
        }
        Ok(())
    }
}

#[test]
fn a_tag_that_is_pushed_while_it_is_looked_at_stays() {
    let meddler = Arc::new(Meddler {
        link: layout::tag_current(&name("a"), &tag("t2")),
        disk: OnceLock::new(),
        stats: AtomicUsize::new(0),
    });
    let driver = Watched::new(meddler.clone());
    meddler.disk.set(driver.disk.clone()).ok().unwrap();
    let stored = Stored {
        storage: storage::open(Arc::new(driver)),
        directory: quick_directory(),
    };
    for text in ["t1", "t2", "t3"] {
        stored.put("a", text);
    }
    let report = stored.apply(&[rule(&["a"], last(1))]);
    assert_eq!(meddler.stats.load(SeqCst), 3);
    assert_eq!((report.deleted, report.failed), (1, 0));
    assert_eq!(stored.tags("a"), ["t2", "t3"]);
}

#[test]
fn a_dry_run_and_one_that_is_stopped_delete_nothing() {
    let stored = Stored::new();
    for hours in 1..=3 {
        stored.tag("a", &format!("t{hours}"), hours);
    }
    let rules = [rule(&["a"], last(1))];
    for (dry_run, goes_on, deleted) in [(true, true, 2), (false, false, 0)] {
        let retention = Retention {
            rules: &rules,
            dry_run,
            may_continue: &|| goes_on,
        };
        let report = stored.storage.apply_retention(&retention).unwrap();
        assert_eq!((report.deleted, stored.tags("a").len()), (deleted, 3));
    }
}

#[test]
fn an_immutable_tag_is_kept_and_that_is_said_once() {
    server_log::keep();
    let Stored { storage, directory } = Stored::new();
    let immutable = ImmutableRule {
        repositories: vec!["**".parse().unwrap()],
        tags: vec!["v*".parse().unwrap()],
    };
    let storage = storage.with_immutable_tags(vec![immutable]);
    let stored = Stored { storage, directory };
    for text in ["v1", "x1", "z"] {
        stored.tag("said/once", text, 9);
    }
    stored.tag("said/once", "now", 0);
    let keep = Keep {
        tags: vec!["z".parse().unwrap()],
        younger_than: Some(HOUR * 8),
        ..last(1)
    };
    for deleted in [1, 0] {
        let report = stored.apply(&[rule(&["said/*"], keep.clone())]);
        assert_eq!((report.deleted, report.immutable), (deleted, 1));
    }
    assert_eq!(stored.tags("said/once"), ["now", "v1", "z"]);
    let reason = "deleted said/once:x1: older than 8h, not among the last 1, no pattern keeps it";
    assert!(server_log::wait_for(reason).starts_with("INFO retention: "));
    assert_eq!(server_log::count("said/once:v1 stays"), 1);
}

#[test]
fn many_tags_are_looked_at_a_page_at_a_time() {
    let stored = Stored::new();
    for number in 0..603 {
        stored.put("a", &format!("t{number:03}"));
    }
    let report = stored.apply(&[rule(&["a"], last(3))]);
    assert_eq!((report.seen, report.deleted), (603, 600));
    assert_eq!(stored.tags("a"), ["t600", "t601", "t602"]);
}

#[test]
#[cfg(unix)]
fn what_cannot_be_read_or_removed_stops_nothing_else() {
    let stored = Stored::new();
    for repository in ["a", "b"] {
        for hours in 1..=3 {
            stored.tag(repository, &format!("t{hours}"), hours);
        }
    }
    // A directory in the place of a link is no tag, and a loop of links is none either.
    let tags = stored
        .directory
        .path()
        .join(layout::tags(&name("a")).as_str());
    std::fs::remove_dir_all(tags.join("t3")).unwrap();
    std::os::unix::fs::symlink("t3", tags.join("t3")).unwrap();
    std::fs::create_dir_all(tags.join("t4/current/link")).unwrap();
    let report = stored.apply(&[rule(&["**"], last(1))]);
    assert_eq!(stored.tags("a"), ["t1"]);
    assert_eq!(stored.tags("b"), ["t1"]);
    assert_eq!(report.deleted, 3);
}
