//! What only a file system has to do.

use super::{key, read, write};
use crate::driver::{Driver, Filesystem, Key, Note, Result, Write};
use std::io::Write as _;
use std::sync::mpsc::channel;

const NO_NOTE: Note<'static> = Note {
    kind: "none",
    content: b"",
};

/// Begins an upload, so that something of it is on the disk.
fn begin(driver: &Filesystem, key: &Key) -> Result<()> {
    driver.upload(key)?.checkpoint(NO_NOTE)
}

#[test]
fn a_publish_that_fails_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 4).unwrap();
    write(&driver, "taken", "a file where a folder is needed");
    let changes = [
        Write::new(key("kept/1"), b"1"),
        Write::new(key("taken/below/link"), b"2"),
    ];
    assert!(driver.write(&changes).is_err());
    let mut upload = driver.upload(&key("kept/up")).unwrap();
    upload.write_all(b"x").unwrap();
    upload.checkpoint(NO_NOTE).unwrap();
    std::fs::remove_dir_all(folder.path().join("kept/up")).unwrap();
    let link = Write::new(key("kept/2"), b"1");
    assert!(upload.publish(&key("kept/3"), &[link]).is_err());
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
        let publish = || driver.write(&[Write::new(new.clone(), b"2")]);
        let outcomes = [
            driver.read(&here, 9).map(drop),
            driver.open(&here, 0).map(drop),
            driver.stat(&here).map(drop),
            driver.has_directory(&here.parent()).map(drop),
            driver.list(&here.parent(), "", 9).map(drop),
            driver.remove_below(&here.parent()),
            begin(&driver, &new.parent()),
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
        assert!(driver.probe(&["docker"]).is_err(), "{what}");
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
    assert_eq!(read(&driver, "docker/a/link"), "1");
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
    begin(&driver, &key("a/b/c")).unwrap();
    assert_eq!(driver.unsynced(&link), [key("a"), key("a/b"), key("a/b/c")]);
    assert_eq!(driver.unsynced(&beside), [key("a/x")]);
    write(&driver, "a/b/c/link", "2");
    assert_eq!(driver.unsynced(&link), [key("a/b/c")]);
    // All of it.
    std::fs::remove_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::remove_dir_all(folder.path().join("a/x")).unwrap();
    begin(&driver, &key("a/x")).unwrap();
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
        driver.open(&link, 0).map(drop),
        driver.open(&link, 9).map(drop),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(error.is_no_content() && error.is_of_one_entry(), "{error}");
        assert!(error.to_string().contains("a named pipe"), "{error}");
    }
    assert_eq!(driver.stat(&link).unwrap(), None);
    write(&driver, "a/link", "2");
    assert_eq!(read(&driver, "a/link"), "2");
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
                .for_each(|()| drop(driver.remove_below(&key("tags/v1"))))
        });
        let written: Vec<_> = (0..200)
            .map(|round: u32| {
                let (link, content) = (key("tags/v1/current/link"), round.to_string());
                let _ = go.send(());
                driver.write(&[Write::new(link, content.as_bytes())])
            })
            .collect();
        drop(go);
        for outcome in written {
            outcome.unwrap();
        }
    });
    write(&driver, "tags/v1/current/link", "last");
    assert_eq!(read(&driver, "tags/v1/current/link"), "last");
}
