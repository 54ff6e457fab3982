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
        for path in ["none", "a", "a/none", "a/file/below"] {
            let error = driver.read(&key(path), 10).map(drop).err();
            assert!(path == "a" || error.unwrap().is_not_found(), "{path}");
            assert!(
                driver.open(&key(path)).is_err_and(|e| e.is_not_found()),
                "{path}"
            );
            assert_eq!(driver.stat(&key(path)).unwrap(), None, "{path}");
        }
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
