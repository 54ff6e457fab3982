//! What every driver must do, tried on each.

use super::{Change, Content, Driver, FileId, FileState, Filesystem, Key, Memory};
use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc::channel;

fn key(path: &str) -> Key {
    Key::new(path)
}

fn text(content: &Content) -> String {
    let mut text = String::new();
    content.reader().read_to_string(&mut text).unwrap();
    text
}

fn write(driver: &dyn Driver, path: &str, content: &str) {
    let change = Change::Write(key(path), content.as_bytes());
    driver.publish(&[change]).unwrap();
}

/// Runs a check on a driver of each kind.
fn on_each(check: impl Fn(&dyn Driver)) {
    check(&Memory::default());
    let folder = tempfile::tempdir().unwrap();
    check(&Filesystem::new(folder.path().join("data"), 4).unwrap());
}

#[test]
fn what_is_published_is_read_and_replaced_in_one_step() {
    on_each(|driver| {
        write(driver, "a/b/link", "one");
        assert_eq!(driver.read(&key("a/b/link"), 3).unwrap(), b"one");
        assert!(driver.read(&key("a/b/link"), 2).is_err());
        let open = driver.open(&key("a/b/link")).unwrap();
        write(driver, "a/b/link", "two!");
        // Who was reading goes on reading what was there.
        assert_eq!((text(&open).as_str(), open.length), ("one", 3));
        let stat = driver.stat(&key("a/b/link")).unwrap().unwrap();
        assert_eq!(stat.length, 4);
    });
}

#[test]
fn what_is_not_there_is_said_to_be_not_there() {
    on_each(|driver| {
        write(driver, "a/file", "x");
        let long = "x".repeat(300);
        for path in ["none", "a/none", "a/file/below", &long] {
            let error = driver.read(&key(path), 10).map(drop).err();
            assert!(error.unwrap().is_not_found(), "{path}");
            assert!(
                driver.open(&key(path)).is_err_and(|e| e.is_not_found()),
                "{path}"
            );
            assert_eq!(driver.stat(&key(path)).unwrap(), None, "{path}");
        }
        // A folder is no file.
        assert!(driver.read(&key("a"), 10).is_err() && driver.open(&key("a")).is_err());
        assert_eq!(driver.stat(&key("a")).unwrap(), None);
        assert!(driver.has_folder(&key("a")).unwrap());
        assert!(!driver.has_folder(&key("a/file")).unwrap());
        assert!(!driver.has_folder(&key("b")).unwrap());
        assert!(!driver.remove(&key("none/at/all")).unwrap());
        assert!(driver.list(&key("none"), "", 10).unwrap().is_empty());
    });
}

#[test]
fn a_file_grows_is_cut_and_becomes_another() {
    on_each(|driver| {
        let data = key("up/1/data");
        let mut sink = driver.create(&data).unwrap();
        let file = sink.file();
        sink.write_all(b"hello, ").unwrap();
        drop(sink);
        let taken = driver.create(&data).err().unwrap();
        assert_eq!(taken.source.kind(), ErrorKind::AlreadyExists);
        let mut sink = driver.append(&data, 5, file).unwrap();
        sink.write_all(b" world").unwrap();
        sink.sync().unwrap();
        drop(sink);
        assert!(
            driver.append(&data, 100, file).is_err(),
            "there is no byte 99 to go on from"
        );
        assert!(driver.append(&key("up/2/data"), 1, file).is_err());
        let state = driver.file_state(&data).unwrap().unwrap();
        assert_eq!((state.file, state.length), (file, 11));
        let changes = [
            Change::Move {
                from: data.clone(),
                state,
                to: key("blobs/1/data"),
            },
            Change::Write(key("links/1"), b"1"),
        ];
        driver.publish(&changes).unwrap();
        assert_eq!(
            text(&driver.open(&key("blobs/1/data")).unwrap()),
            "hello world"
        );
        assert_eq!(driver.stat(&data).unwrap(), None);
        driver.discard(&key("up/1"));
        assert!(!driver.has_folder(&key("up/1")).unwrap());
    });
}

#[test]
fn a_file_that_another_program_replaced_or_added_to_is_left_alone() {
    on_each(|driver| {
        let (data, blob) = (key("up/1/data"), key("blobs/1/data"));
        let written = |key: &Key, bytes: &[u8]| {
            let mut sink = driver.create(key).unwrap();
            sink.write_all(bytes).unwrap();
            sink.file()
        };
        let ours = written(&data, b"ours");
        let theirs = written(&key("up/1/copy"), b"them");
        assert_ne!(ours, theirs);
        driver.rename(&key("up/1/copy"), &data).unwrap();
        let error = driver.append(&data, 0, ours).err().unwrap();
        assert!(error.is_changed(), "{error}");
        for (file, length) in [(ours, 4), (theirs, 3)] {
            let publish = driver.publish(&[Change::Move {
                from: data.clone(),
                state: FileState { file, length },
                to: blob.clone(),
            }]);
            let error = publish.unwrap_err();
            assert!(error.is_changed(), "{error}");
            assert_eq!(text(&driver.open(&data).unwrap()), "them");
            assert_eq!(driver.stat(&blob).unwrap(), None);
        }
    });
}

#[test]
fn names_are_listed_in_byte_order_from_a_place_on() {
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
        assert!(driver.remove(&key("f/a")).unwrap());
        write(driver, "f/c/x", "");
        assert_eq!(page("", 10), "D a-b a.b b c");
    });
}

#[test]
fn a_publish_that_fails_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 4).unwrap();
    write(&driver, "taken", "a file where a folder is needed");
    let changes = [
        Change::Write(key("kept/1"), b"1"),
        Change::Write(key("taken/below/link"), b"2"),
    ];
    assert!(driver.publish(&changes).is_err());
    let changes = [
        Change::Write(key("kept/2"), b"1"),
        Change::Move {
            from: key("nothing/here"),
            state: FileState {
                file: FileId([0; 3]),
                length: 0,
            },
            to: key("kept/3"),
        },
    ];
    assert!(driver.publish(&changes).is_err());
    let left: Vec<_> = std::fs::read_dir(folder.path().join("kept"))
        .unwrap()
        .collect();
    assert!(
        left.iter()
            .all(|entry| entry.as_ref().unwrap().file_name() == "2"),
        "{left:?}"
    );
}

#[test]
fn data_that_is_gone_is_not_said_to_be_missing_and_nothing_is_made_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let driver = Filesystem::new(&root, 4).unwrap();
    write(&driver, "docker/a/link", "1");
    let check = |what: &str| {
        let (here, new) = (key("docker/a/link"), key("docker/b/link"));
        let publish = || driver.publish(&[Change::Write(new.clone(), b"2")]);
        let outcomes = [
            driver.read(&here, 9).map(drop),
            driver.open(&here).map(drop),
            driver.stat(&here).map(drop),
            driver.has_folder(&here.parent()).map(drop),
            driver.list(&here.parent(), "", 9).map(drop),
            driver.remove(&here.parent()).map(drop),
            driver.create(&new).map(drop),
            publish(),
        ];
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let error = outcome.unwrap_err();
            assert!(
                error.is_unreachable() && !error.is_not_found(),
                "{what}: {number}: {error}"
            );
            assert!(error.to_string().contains("is gone"), "{error}");
        }
        assert!(driver.check_writable(&["docker"]).is_err(), "{what}");
    };
    let away = folder.path().join("away");
    std::fs::rename(&root, &away).unwrap();
    check("no root");
    assert!(!root.exists());
    // An empty mount point, as an unmounted volume leaves it.
    std::fs::create_dir(&root).unwrap();
    check("an empty root");
    assert!(std::fs::read_dir(&root).unwrap().next().is_none());
    std::fs::remove_dir(&root).unwrap();
    std::fs::rename(&away, &root).unwrap();
    assert_eq!(driver.read(&key("docker/a/link"), 9).unwrap(), b"1");
    write(&driver, "docker/b/link", "2");
}

#[test]
fn a_folder_that_is_made_anew_is_synced_up_to_the_first_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 4).unwrap();
    let (link, beside) = (key("a/b/c/link"), key("a/x/link"));
    write(&driver, "a/b/c/link", "1");
    write(&driver, "a/x/link", "1");
    assert_eq!(driver.unsynced(&link), [key("a/b/c")]);
    // Another program, as the garbage collection of distribution.
    std::fs::remove_dir_all(folder.path().join("a/b")).unwrap();
    // Made anew by what promises nothing.
    drop(driver.create(&key("a/b/c/data")).unwrap());
    assert_eq!(driver.unsynced(&link), [key("a"), key("a/b"), key("a/b/c")]);
    assert_eq!(driver.unsynced(&beside), [key("a/x")]);
    write(&driver, "a/b/c/link", "2");
    assert_eq!(driver.unsynced(&link), [key("a/b/c")]);
    // All of it.
    std::fs::remove_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::remove_dir_all(folder.path().join("a/x")).unwrap();
    drop(driver.create(&key("a/x/data")).unwrap());
    assert_eq!(driver.unsynced(&beside), [key("a"), key("a/x")]);
}

#[test]
#[cfg(unix)]
fn a_link_to_a_folder_that_it_is_in_leads_back_and_no_other_does() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 4).unwrap();
    write(&driver, "d/a/b/link", "1");
    write(&driver, "d/c/link", "1");
    let at = |path: &str| folder.path().join(path);
    symlink("../c", at("d/a/beside")).unwrap();
    symlink("..", at("d/a/up")).unwrap();
    symlink(at("d/a"), at("d/a/b/self")).unwrap();
    symlink("/", at("d/top")).unwrap();
    // From there it leads back by way of another link alone.
    symlink("../a", at("d/c/other")).unwrap();
    for (path, leads_back) in [
        ("d/a", false),
        ("d/a/beside", false),
        ("d/a/up", true),
        ("d/a/b/self", true),
        ("d/top", true),
        ("d/c/other", false),
        ("d/a/beside/other", true),
    ] {
        assert_eq!(driver.leads_back(&key(path)).unwrap(), leads_back, "{path}");
    }
    symlink("loop", at("d/loop")).unwrap();
    assert!(
        driver
            .leads_back(&key("d/loop"))
            .is_err_and(|e| e.is_of_one_entry())
    );
}

#[test]
#[cfg(unix)]
fn what_is_no_file_is_an_error_and_is_replaced_by_what_is_published() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 4).unwrap();
    write(&driver, "a/link", "1");
    std::fs::remove_file(folder.path().join("a/link")).unwrap();
    let pipe = folder.path().join("a/link");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let link = key("a/link");
    let outcomes = [
        driver.read(&link, 9).map(drop),
        driver.open(&link).map(drop),
        driver.append(&link, 0, FileId([0; 3])).map(drop),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(error.is_no_content() && error.is_of_one_entry(), "{error}");
        assert!(error.to_string().contains("a named pipe"), "{error}");
    }
    assert_eq!(driver.stat(&link).unwrap(), None);
    write(&driver, "a/link", "2");
    assert_eq!(driver.read(&link, 9).unwrap(), b"2");
}

#[test]
fn a_folder_that_another_request_removes_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 8).unwrap();
    // One removal for each write, at any moment of it.
    let (go, rounds) = channel();
    std::thread::scope(|scope| {
        let driver = &driver;
        scope.spawn(move || {
            rounds
                .into_iter()
                .for_each(|()| drop(driver.remove(&key("tags/v1"))))
        });
        let written: Vec<_> = (0..200)
            .map(|round: u32| {
                let (link, content) = (key("tags/v1/current/link"), round.to_string());
                let _ = go.send(());
                driver.publish(&[Change::Write(link, content.as_bytes())])
            })
            .collect();
        drop(go);
        for outcome in written {
            outcome.unwrap();
        }
    });
    write(&driver, "tags/v1/current/link", "last");
    assert_eq!(
        driver.read(&key("tags/v1/current/link"), 9).unwrap(),
        b"last"
    );
}
