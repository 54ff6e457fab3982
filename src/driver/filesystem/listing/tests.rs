//! Listings of real directories, and what is kept of them.

use super::*;
use crate::sys::open_folder;
use std::fs;

/// Makes a directory look as if nothing had happened in it for an hour.
fn settle(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(3600);
    open_folder(path).unwrap().set_modified(then).unwrap();
}

/// Makes a directory with as many others in it as make its names worth keeping: `x0`, `x1` and so on.
fn make_with_kept_names(path: &Path) {
    for number in 0..KEPT_MIN {
        fs::create_dir_all(path.join(format!("x{number}"))).unwrap();
    }
}

fn page(listings: &Listings, path: &Path, after: &str, limit: usize) -> String {
    listings.page(path, after, limit).unwrap().join(" ")
}

#[test]
fn what_is_forgotten_is_a_directory_with_all_below_it_and_nothing_beside() {
    let root = tempfile::tempdir().unwrap();
    let listings = Listings::default();
    for name in ["a", "a-b", "a/b", "a/b/c", "a0", "b"] {
        let parts = name.split('/');
        let path = parts.fold(root.path().to_owned(), |path, part| path.join(part));
        make_with_kept_names(&path);
        page(&listings, &path, "", 1);
    }
    // One with few names is not kept.
    page(&listings, &root.path().join("b/x0"), "", 1);
    let kept = || -> Vec<String> {
        let directories = listings.directories.lock();
        let below = |path: &OsString| {
            let below = Path::new(path).strip_prefix(root.path()).unwrap();
            below.to_string_lossy().replace('\\', "/")
        };
        let mut kept: Vec<String> = directories.keys().map(below).collect();
        kept.sort_unstable();
        kept
    };
    assert_eq!(kept(), ["a", "a-b", "a/b", "a/b/c", "a0", "b"]);
    listings.forget(&root.path().join("a"));
    assert_eq!(kept(), ["a-b", "a0", "b"]);
    // Nor does it matter that there is none.
    listings.forget(&root.path().join("a"));
    listings.forget(&root.path().join("z"));
    assert_eq!(kept(), ["a-b", "a0", "b"]);
}

#[test]
fn pages_follow_each_other_in_byte_order() {
    let root = tempfile::tempdir().unwrap();
    for name in ["b", "a", "a-b", "a.b", "C"] {
        fs::create_dir(root.path().join(name)).unwrap();
    }
    let listings = Listings::default();
    assert_eq!(page(&listings, root.path(), "", 3), "C a a-b");
    assert_eq!(page(&listings, root.path(), "a-b", 3), "a.b b");
    assert_eq!(page(&listings, root.path(), "zz", 3), "");
    assert_eq!(page(&listings, &root.path().join("none"), "", 3), "");
}

#[test]
fn names_that_are_kept_are_bounded_and_a_larger_folder_is_read_by_pages() {
    let root = tempfile::tempdir().unwrap();
    let listings = Listings {
        names_max: 10,
        ..Listings::default()
    };
    let directory = |number: usize| root.path().join(number.to_string());
    for number in 0..8 {
        for name in 0..=number * 2 {
            fs::create_dir_all(directory(number).join(format!("{name:02}"))).unwrap();
        }
        settle(&directory(number));
    }
    for _ in 0..3 {
        for number in 0..8 {
            let all: Vec<String> = (0..=number * 2).map(|name| format!("{name:02}")).collect();
            let found = listings.page(&directory(number), "", 100).unwrap();
            assert_eq!(found, all);
            let found = listings.page(&directory(number), "00", 2).unwrap();
            assert_eq!(found, all[1..all.len().min(3)]);
            let directories = listings.directories.lock();
            let kept: usize = directories.values().map(|one| one.lock().names.len()).sum();
            assert!(kept <= 20, "{kept}");
        }
    }
}

fn inside(listings: &Listings, path: &Path, name: &str) -> Option<String> {
    let found = listings.directories_in_each(path, &[name]).pop().unwrap()?;
    let mut names: Vec<&str> = found.iter().collect();
    names.sort_unstable();
    Some(names.join(" "))
}

#[test]
fn what_is_inside_is_kept_as_long_as_nothing_changes_there() {
    let root = tempfile::tempdir().unwrap();
    let below = root.path().join("a");
    make_with_kept_names(root.path());
    fs::create_dir_all(below.join("one")).unwrap();
    fs::write(below.join("file"), "").unwrap();
    settle(&below);
    settle(root.path());
    let kept = fs::metadata(&below).unwrap().modified().unwrap();
    let listings = Listings::default();
    // Whether the names beside it are kept or not.
    assert_eq!(inside(&listings, root.path(), "a").unwrap(), "one");
    page(&listings, root.path(), "", 9);
    assert_eq!(inside(&listings, root.path(), "a").unwrap(), "one");
    fs::create_dir(below.join("hidden")).unwrap();
    open_folder(&below).unwrap().set_modified(kept).unwrap();
    assert_eq!(inside(&listings, root.path(), "a").unwrap(), "one");
    fs::create_dir(below.join("seen")).unwrap();
    let all = Some("hidden one seen".to_owned());
    assert_eq!(inside(&listings, root.path(), "a"), all);
    listings.note(root.path(), "a", false);
    assert_eq!(inside(&listings, root.path(), "a"), all);
    fs::remove_dir_all(&below).unwrap();
    assert_eq!(inside(&listings, root.path(), "a"), None);
}

#[test]
fn what_is_inside_counts_among_the_names_that_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let listings = Listings {
        names_max: 30,
        ..Listings::default()
    };
    let weight = || -> usize {
        let directories = listings.directories.lock();
        directories.values().map(|one| one.lock().weight()).sum()
    };
    for directory in ["a", "b", "c"].map(|name| root.path().join(name)) {
        for name in 0..5 {
            let inner = directory.join(name.to_string());
            fs::create_dir_all(inner.join("one")).unwrap();
            settle(&inner);
        }
        settle(&directory);
        page(&listings, &directory, "", 9);
        for name in ["0", "1", "2", "3", "4"] {
            assert_eq!(inside(&listings, &directory, name).unwrap(), "one");
        }
        assert!((20..=30).contains(&weight()), "{}", weight());
    }
}

#[cfg(unix)]
#[test]
fn of_links_and_of_much_nothing_is_said_at_once() {
    let root = tempfile::tempdir().unwrap();
    let listings = Listings::default();
    fs::create_dir_all(root.path().join("a/one")).unwrap();
    std::os::unix::fs::symlink("a", root.path().join("link")).unwrap();
    assert_eq!(inside(&listings, root.path(), "a").unwrap(), "one");
    assert_eq!(inside(&listings, root.path(), "link"), None);
    std::os::unix::fs::symlink("one", root.path().join("a/link")).unwrap();
    assert_eq!(inside(&listings, root.path(), "a"), None);
    for number in 0..9 {
        fs::create_dir_all(root.path().join(format!("b/{number}"))).unwrap();
    }
    assert_eq!(inside(&listings, root.path(), "b"), None);
}

#[test]
fn a_change_by_another_program_is_seen() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    settle(root.path());
    let listings = Listings::default();
    assert_eq!(page(&listings, root.path(), "", 9), "a");
    fs::create_dir(root.path().join("b")).unwrap();
    assert_eq!(page(&listings, root.path(), "", 9), "a b");
    fs::remove_dir(root.path().join("a")).unwrap();
    assert_eq!(page(&listings, root.path(), "", 9), "b");
}

#[test]
fn kept_names_are_served_without_reading_the_folder_again() {
    let root = tempfile::tempdir().unwrap();
    make_with_kept_names(root.path());
    settle(root.path());
    let kept = fs::metadata(root.path()).unwrap().modified().unwrap();
    let listings = Listings::default();
    assert_eq!(page(&listings, root.path(), "", 9), "x0 x1 x2 x3");
    // Behind its back, with the time put back: only a directory that is read again shows it.
    fs::create_dir(root.path().join("hidden")).unwrap();
    open_folder(root.path())
        .unwrap()
        .set_modified(kept)
        .unwrap();
    assert_eq!(page(&listings, root.path(), "", 9), "x0 x1 x2 x3");
    fs::create_dir(root.path().join("noted")).unwrap();
    listings.note(root.path(), "noted", true);
    assert_eq!(page(&listings, root.path(), "", 9), "noted x0 x1 x2 x3");
    listings.note(root.path(), "x0", false);
    assert_eq!(page(&listings, root.path(), "", 9), "noted x1 x2 x3");
}
