//! What every driver must do, tried on each.

mod filesystem;
pub(crate) mod object_store;
mod uploads;

use super::{Driver, Filesystem, Key, Memory, Object, Precondition, Stat, Write};
use std::io::Read;
use std::ops::ControlFlow;

/// A directory in memory where there is such a thing, for who changes more files than a disk syncs in a second.
pub(crate) fn directory_in_memory() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

fn key(path: &str) -> Key {
    Key::new(path)
}

fn text(object: &Object) -> String {
    let mut text = String::new();
    object.reader().read_to_string(&mut text).unwrap();
    text
}

/// The text of an object that is there.
fn read(driver: &dyn Driver, path: &str) -> String {
    let found = driver.read(&key(path), 100).unwrap().unwrap();
    String::from_utf8(found.bytes.to_vec()).unwrap()
}

fn write(driver: &dyn Driver, path: &str, content: &str) {
    let write = Write::new(key(path), content.as_bytes());
    driver.write(&[write]).unwrap();
}

/// Runs a check on a driver of each kind.
fn on_each(check: impl Fn(&dyn Driver)) {
    check(&Memory::default());
    let directory = tempfile::tempdir().unwrap();
    check(&Filesystem::new(directory.path().join("data"), 4).unwrap());
    let store = object_store::ObjectStore::default();
    check(&store);
    let store = object_store::ObjectStore::default();
    store.fail(object_store::Faults {
        unavailable_every: 5,
        lost_every: 7,
    });
    check(&store);
}

#[test]
fn what_is_written_is_read_and_replaced_in_one_step() {
    on_each(|driver| {
        write(driver, "a/b/link", "one");
        assert_eq!(read(driver, "a/b/link"), "one");
        assert!(driver.read(&key("a/b/link"), 2).is_err());
        for small_bytes_max in [0, 3] {
            let open = driver.open(&key("a/b/link"), small_bytes_max);
            let open = open.unwrap().unwrap();
            assert_eq!((text(&open).as_str(), open.length()), ("one", 3));
            let mut range = String::new();
            open.range(1, 2).read_to_string(&mut range).unwrap();
            assert_eq!(range, "ne");
            // A range that is not there is an error, and no end.
            assert!(open.range(1, 3).read_to_string(&mut range).is_err());
        }
        write(driver, "a/b/link", "two!");
        let stat = driver.stat(&key("a/b/link")).unwrap().unwrap();
        assert_eq!(stat.length, 4);
    });
}

#[test]
fn who_was_reading_never_reads_what_was_written_later() {
    on_each(|driver| {
        write(driver, "a/link", "one");
        let open = driver.open(&key("a/link"), 0).unwrap().unwrap();
        write(driver, "a/link", "two");
        let mut found = String::new();
        // An object store says that it is gone.
        if open.reader().read_to_string(&mut found).is_ok() {
            assert_eq!(found, "one");
        }
    });
}

#[test]
fn a_write_under_a_condition_is_made_as_long_as_it_is_met() {
    on_each(|driver| {
        let link = key("a/link");
        let attempt = |content: &[u8], only_if| {
            let outcome = driver.write(&[Write::new(link.clone(), content).only_if(only_if)]);
            assert!(
                outcome
                    .as_ref()
                    .err()
                    .is_none_or(|error| error.is_changed())
            );
            outcome.is_ok()
        };
        let version = || driver.read(&link, 9).unwrap().unwrap().version;
        assert!(attempt(b"1", Precondition::Absent));
        assert!(!attempt(b"2", Precondition::Absent));
        let first = version();
        assert_eq!(first, version());
        assert!(attempt(b"2", Precondition::Unchanged(&first)));
        assert!(!attempt(b"3", Precondition::Unchanged(&first)));
        assert_eq!(read(driver, "a/link"), "2");
        let second = version();
        driver.remove(&[&link]).unwrap();
        assert!(!attempt(b"3", Precondition::Unchanged(&second)));
        assert!(attempt(b"4", Precondition::Absent));
    });
}

#[test]
fn of_many_who_write_what_must_be_absent_one_does() {
    on_each(|driver| {
        for round in 0..20 {
            let link = key(&format!("a/{round}"));
            let made = std::thread::scope(|scope| {
                let attempt = |content: &'static [u8]| {
                    let write = Write::new(link.clone(), content);
                    driver.write(&[write.only_if(Precondition::Absent)]).is_ok()
                };
                let threads: Vec<_> = [b"1", b"2", b"3", b"4"]
                    .map(|content| scope.spawn(move || attempt(content)))
                    .into();
                let made = threads.into_iter().map(|thread| thread.join().unwrap());
                made.filter(|made| *made).count()
            });
            assert_eq!(made, 1);
        }
    });
}

#[test]
fn what_is_not_there_is_not_there_and_no_error() {
    on_each(|driver| {
        write(driver, "a/file", "x");
        let long = "x".repeat(300);
        for path in ["none", "a/none", "a/file/below", &long] {
            assert_eq!(driver.read(&key(path), 10).unwrap(), None, "{path}");
            assert!(driver.open(&key(path), 10).unwrap().is_none(), "{path}");
            assert_eq!(driver.stat(&key(path)).unwrap(), None, "{path}");
        }
        // A directory is no object.
        assert_eq!(driver.read(&key("a"), 10).ok().flatten(), None);
        assert!(driver.open(&key("a"), 10).ok().flatten().is_none());
        assert_eq!(driver.stat(&key("a")).unwrap(), None);
        assert!(driver.has_directory(&key("a")).unwrap());
        assert!(!driver.has_directory(&key("a/file")).unwrap());
        assert!(!driver.has_directory(&key("b")).unwrap());
        driver.remove(&[&key("none/at/all")]).unwrap();
        driver.remove_below(&[&key("none/at/all")]).unwrap();
        assert!(!driver.touch(&key("none/at/all")).unwrap());
        assert!(driver.list(&key("none"), "", 10).unwrap().is_empty());
    });
}

#[test]
fn each_of_many_is_looked_up_as_it_is_alone() {
    on_each(|driver| {
        write(driver, "a/1/b/link", "one");
        write(driver, "a/2/b/link", "");
        write(driver, "a/3/b/other", "three");
        write(driver, "a/4", "a file in the place of a directory");
        write(
            driver,
            "a/5/b/link/file",
            "a directory in the place of a file",
        );
        let names = ["1", "2", "3", "4", "5", "6"];
        for (directory, expected) in [
            ("a", [Some(3), Some(0), None, None, None, None]),
            ("b", [None; 6]),
        ] {
            let found = driver.stat_each(&key(directory), &names, "b/link");
            let lengths =
                |stat: crate::driver::Result<Option<Stat>>| stat.unwrap().map(|stat| stat.length);
            let lengths: Vec<_> = found.into_iter().map(lengths).collect();
            assert_eq!(lengths, expected, "{directory}");
        }
        let alone = driver.stat(&key("a/1/b/link")).unwrap().unwrap();
        let among = driver.stat_each(&key("a"), &["1"], "b/link").pop();
        let among = among.unwrap().unwrap().unwrap();
        assert_eq!(among.modified, alone.modified);
        assert!(driver.stat_each(&key("a"), &[], "b/link").is_empty());
    });
}

#[test]
fn what_is_said_of_many_directories_is_what_each_lists() {
    on_each(|driver| {
        for file in ["1/b/x", "1/c/x", "2/x", "3", "4/d/e/x"] {
            write(driver, &format!("a/{file}"), "");
        }
        let names = ["1", "2", "3", "4", "5"];
        for round in 0..3 {
            let found = driver.directories_in_each(&key("a"), &names);
            assert_eq!(found.len(), names.len());
            let added = if round < 2 { "" } else { " f" };
            let expected = ["b c", "", "-", &format!("d{added}"), "-"];
            for ((name, found), expected) in names.iter().zip(found).zip(expected) {
                // Nothing has to be known at once.
                let Some(found) = found else { continue };
                let mut found: Vec<&str> = found.iter().collect();
                found.sort_unstable();
                assert_eq!(found.join(" "), expected, "{name} in round {round}");
            }
            if round == 1 {
                write(driver, "a/4/f/x", "");
            }
        }
        let of_nothing = driver.directories_in_each(&key("b"), &names);
        assert_eq!(of_nothing, vec![None; names.len()]);
    });
}

#[test]
fn what_is_touched_counts_as_just_written_and_keeps_its_bytes() {
    on_each(|driver| {
        write(driver, "a/link", "one");
        let before = driver.stat(&key("a/link")).unwrap().unwrap();
        // The clock of a file system may be some milliseconds behind.
        let is_later = |stat: &Stat| stat.modified > before.modified;
        let later = (0..1000).any(|_| {
            assert!(driver.touch(&key("a/link")).unwrap());
            is_later(&driver.stat(&key("a/link")).unwrap().unwrap())
        });
        assert!(later);
        let found = driver.read(&key("a/link"), 9).unwrap().unwrap();
        assert_eq!(*found.bytes, *b"one");
        assert!(found.modified > before.modified);
        assert!(!driver.touch(&key("a/none")).unwrap());
    });
}

#[test]
fn what_is_removed_is_gone_and_nothing_else() {
    on_each(|driver| {
        for path in [
            "r/a/b/1",
            "r/a/b/c/2",
            "r/a/b-c/3",
            "r/a/bc",
            "r/a/x",
            "r/a/y",
        ] {
            write(driver, path, "");
        }
        let none = key("r/none");
        driver.remove_below(&[&key("r/a/b"), &none]).unwrap();
        driver.remove(&[&key("r/a/x"), &key("r/a/y")]).unwrap();
        let mut left = Vec::new();
        driver
            .walk(&key("r/a"), &mut |key, stat| {
                assert_eq!(stat.length, 0);
                left.push(key.to_string());
                ControlFlow::Continue(())
            })
            .unwrap();
        left.sort_unstable();
        assert_eq!(left, ["r/a/b-c/3", "r/a/bc"]);
        let mut visited = 0;
        let mut once = |_: &Key, _: &_| {
            visited += 1;
            ControlFlow::Break(())
        };
        driver.walk(&key("r/a"), &mut once).unwrap();
        driver.walk(&key("none"), &mut once).unwrap();
        assert_eq!(visited, 1);
        driver.discard(&key("r/a"));
        assert!(!driver.has_directory(&key("r/a")).unwrap());
    });
}

#[test]
fn names_are_listed_in_byte_order_behind_a_name() {
    on_each(|driver| {
        for path in [
            "f/b/x", "f/a/x", "f/a/y", "f/a-b/x", "f/D", "f/a.b/x", "g/z",
        ] {
            write(driver, path, "");
        }
        let page = |after: &str, limit| driver.list(&key("f"), after, limit).unwrap().join(" ");
        assert_eq!(page("", 10), "D a a-b a.b b");
        assert_eq!(page("a", 2), "a-b a.b");
        assert_eq!(page("a.", 1), "a.b");
        assert_eq!(page("b", 10), "");
        driver.remove_below(&[&key("f/a")]).unwrap();
        write(driver, "f/c/x", "");
        assert_eq!(page("", 10), "D a-b a.b b c");
    });
}

#[test]
fn the_entries_of_a_directory_are_each_given_once_with_what_they_are() {
    on_each(|driver| {
        for number in 0..5 {
            write(driver, &format!("a/{number}/link"), "1");
        }
        write(driver, "a/file", "1");
        let entries = driver.entries(&key("a")).unwrap();
        let mut found: Vec<String> = entries
            .map(|entry| {
                let entry = entry.unwrap();
                format!("{}: {:?}", entry.name, entry.kind)
            })
            .collect();
        found.sort_unstable();
        let directories = (0..5).map(|number| format!("{number}: Directory"));
        let all: Vec<String> = directories.chain(["file: Object".to_owned()]).collect();
        assert_eq!(found, all);
        assert_eq!(driver.entries(&key("none")).unwrap().count(), 0);
    });
}

#[test]
fn what_is_relocated_is_under_its_new_key_and_nowhere_else() {
    on_each(|driver| {
        write(driver, "x/a/1/link", "one");
        write(driver, "x/a/2/link", "two");
        write(driver, "x/a/file", "three");
        assert!(
            driver
                .relocate(&key("x/a/file"), &key("x/aside/b/file"))
                .unwrap()
        );
        assert_eq!(read(driver, "x/aside/b/file"), "three");
        assert!(driver.read(&key("x/a/file"), 9).unwrap().is_none());
        assert!(driver.relocate(&key("x/a"), &key("x/aside/c")).unwrap());
        assert_eq!(read(driver, "x/aside/c/2/link"), "two");
        assert!(driver.list(&key("x/a"), "", 9).unwrap().is_empty());
        assert!(!driver.relocate(&key("x/a"), &key("x/aside/d")).unwrap());
        write(driver, "x/a/1/link", "new");
        let taken = driver.relocate(&key("x/a/1/link"), &key("x/aside/b/file"));
        let taken = taken.unwrap_err().source;
        assert_eq!(taken.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(read(driver, "x/a/1/link"), "new");
        assert_eq!(driver.list(&key("x/aside"), "", 9).unwrap(), ["b", "c"]);
        // An empty directory is no obstacle, and none is left where there are such.
        driver.remove(&[&key("x/a/1/link")]).unwrap();
        driver.prune(&key("x/a/1"), &key("x/a"));
        assert!(driver.list(&key("x/a"), "", 9).unwrap().is_empty());
    });
}
