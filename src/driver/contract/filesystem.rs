//! What only a file system has to do.

use super::uploads::{checkpoint, resume};
use super::{directory_in_memory, key, read, write};
use crate::driver::{Driver, Filesystem, Key, Lock, Result, Upload, UploadNote, Write};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

const NO_NOTE: UploadNote<'static> = UploadNote {
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
            driver.remove_below(&[&here.parent()]),
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
fn a_folder_that_was_removed_here_counts_as_new_before_anybody_makes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 4).unwrap();
    let removals: [&dyn Fn(); 3] = [
        &|| driver.remove_below(&[&key("a/b")]).unwrap(),
        &|| assert!(driver.relocate(&key("a/b"), &key("c/1/b")).unwrap()),
        &|| {
            driver.remove(&[&key("a/b/link")]).unwrap();
            driver.prune(&key("a/b"), &key("a"));
        },
    ];
    for remove in removals {
        write(&driver, "a/b/link", "1");
        assert_eq!(driver.unsynced(&key("a/b/link")), [key("a/b")]);
        remove();
        // A request that has seen it missing before may be about to create it, and another to write below it.
        assert_eq!(driver.unsynced(&key("a/b/link")), [key("a"), key("a/b")]);
    }
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
    let folder = directory_in_memory();
    let driver = Filesystem::new(folder.path(), 8).unwrap();
    // One removal for each write, at any moment of it.
    let (go, rounds) = channel();
    std::thread::scope(|scope| {
        let driver = &driver;
        scope.spawn(move || {
            rounds
                .into_iter()
                .for_each(|()| drop(driver.remove_below(&[&key("tags/v1")])))
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

/// Bytes of a chunk: two of them are enough for a hash state in tests.
const CHUNK_BYTES: u64 = 3000;

/// An upload of three chunks, the second of which has its state stored.
fn upload_with_state(driver: &Filesystem) -> Box<dyn Upload> {
    let mut upload = driver.upload(&key("up/1")).unwrap();
    for chunk in [b"1", b"2", b"3"] {
        upload
            .write_all(&chunk.repeat(CHUNK_BYTES as usize))
            .unwrap();
        checkpoint(&mut *upload);
    }
    upload
}

#[test]
fn a_resumed_upload_is_hashed_from_the_last_stored_state_on() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Filesystem::new(folder.path(), 4).unwrap();
    let length = 3 * CHUNK_BYTES;
    drop(upload_with_state(&open()));
    let state = folder.path().join("up/1/hashstates/sha256/6000");
    assert_eq!(std::fs::read(&state).unwrap(), 6000_u64.to_be_bytes());
    let driver = open();
    let (mut upload, given) = resume(&driver, "up/1", length);
    assert_eq!(given.restored, 2 * CHUNK_BYTES);
    assert!(given.bytes == b"3".repeat(CHUNK_BYTES as usize));
    // Nothing changes for the other process until it is continued here.
    assert!(state.exists());
    upload.rewind(length).unwrap();
    assert!(!state.exists());
    upload.publish(&key("blobs/1"), &[]).unwrap();
    let blob = std::fs::read(folder.path().join("blobs/1")).unwrap();
    assert_eq!(
        (blob.len() as u64, blob[5999], blob[6000]),
        (length, b'2', b'3')
    );
}

#[test]
fn a_state_that_may_not_be_that_of_the_bytes_is_not_believed() {
    type Break = fn(&Path, Box<dyn Upload>);
    let cases: [(&str, Break); 7] = [
        ("only distribution wrote it", |up, _| {
            std::fs::remove_file(up.join("checkpoint")).unwrap();
        }),
        ("another state", |up, _| {
            std::fs::write(up.join("hashstates/sha256/6000"), [0; 8]).unwrap();
        }),
        ("no state", |up, _| {
            std::fs::remove_file(up.join("hashstates/sha256/6000")).unwrap();
        }),
        ("half a voucher", |up, _| {
            let text = std::fs::read(up.join("checkpoint")).unwrap();
            std::fs::write(up.join("checkpoint"), &text[..text.len() - 9]).unwrap();
        }),
        ("another file with the same bytes", |up, _| {
            std::fs::copy(up.join("data"), up.join("other")).unwrap();
            std::fs::rename(up.join("other"), up.join("data")).unwrap();
        }),
        ("fewer bytes", |up, _| {
            let file = std::fs::File::options().write(true).open(up.join("data"));
            file.unwrap().set_len(5999).unwrap();
        }),
        ("bytes that were sent again", |up, mut upload| {
            upload.rewind(CHUNK_BYTES).unwrap();
            assert!(!up.join("checkpoint").exists());
            upload
                .write_all(&b"x".repeat(CHUNK_BYTES as usize))
                .unwrap();
        }),
    ];
    for (what, break_it) in cases {
        let folder = tempfile::tempdir().unwrap();
        let driver = Filesystem::new(folder.path(), 4).unwrap();
        break_it(&folder.path().join("up/1"), upload_with_state(&driver));
        let length = driver.upload_state(&key("up/1")).unwrap().unwrap().length;
        let (_, given) = resume(&driver, "up/1", length);
        assert_eq!(given.restored, 0, "{what}");
        let found = std::fs::read(folder.path().join("up/1/data")).unwrap();
        assert!(given.bytes == found, "{what}");
    }
}

#[test]
fn an_upload_in_one_piece_has_no_hash_state() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(folder.path(), 4).unwrap();
    let mut upload = driver.upload(&key("up/1")).unwrap();
    checkpoint(&mut *upload);
    upload.write_all(&b"1".repeat(100_000)).unwrap();
    checkpoint(&mut *upload);
    assert!(!folder.path().join("up/1/hashstates").exists());
}

#[test]
#[cfg(unix)]
fn what_is_no_object_is_seen_among_the_entries_and_can_be_relocated() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), 4).unwrap();
    let at = |path: &str| directory.path().join(path);
    write(&driver, "a/file", "1");
    symlink("file", at("a/link")).unwrap();
    symlink("..", at("a/back")).unwrap();
    symlink("circle", at("a/circle")).unwrap();
    symlink("none", at("a/dangling")).unwrap();
    let _bound = std::os::unix::net::UnixListener::bind(at("a/socket")).unwrap();
    std::fs::write(at("a").join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    let kind = |name: &str| {
        let mut entries = driver.entries(&key("a")).unwrap().map(Result::unwrap);
        format!(
            "{:?}",
            entries.find(|entry| entry.name == name).unwrap().kind
        )
    };
    assert_eq!(kind("link"), "Object");
    for (name, said) in [
        ("back", "a directory that it is in"),
        ("circle", "Unreadable"),
        ("dangling", "LinkToNothing"),
        ("socket", "a socket"),
        ("\u{fffd}", "not UTF-8"),
    ] {
        let found = kind(name);
        assert!(found.contains(said), "{name}: {found}");
    }
    // What is behind a link to nothing is not known, unlike what does not exist.
    for hidden in ["a/dangling", "a/dangling/below"] {
        let error = driver.entries(&key(hidden)).err().unwrap();
        assert!(error.to_string().contains("link to nothing"), "{error}");
    }
    assert_eq!(driver.entries(&key("a/none")).unwrap().count(), 0);
    for name in ["circle", "socket"] {
        let to = key("aside").child(name);
        assert!(driver.relocate(&key("a").child(name), &to).unwrap());
        assert!(at("aside").join(name).symlink_metadata().is_ok());
    }
}

#[test]
fn a_lock_that_another_process_holds_is_not_had_and_one_that_is_shared_is() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (
        Filesystem::new(directory.path(), 4).unwrap(),
        Filesystem::new(directory.path(), 4).unwrap(),
    );
    let lock = key("locks/server");
    let serving = one.lock(&lock, Lock::Shared).unwrap();
    assert!(other.try_lock(&lock, Lock::Shared).unwrap().is_some());
    assert!(other.try_lock(&lock, Lock::Exclusive).unwrap().is_none());
    drop(serving);
    assert!(other.try_lock(&lock, Lock::Exclusive).unwrap().is_some());
}

#[test]
fn a_blob_whose_last_bytes_came_long_ago_is_new_when_it_is_published() {
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), 4).unwrap();
    let mut upload = driver.upload(&key("r/up")).unwrap();
    upload.write_all(b"x").unwrap();
    upload.checkpoint(NO_NOTE).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(48 * 3600);
    let data = std::fs::File::options()
        .write(true)
        .open(directory.path().join("r/up/data"))
        .unwrap();
    data.set_modified(long_ago).unwrap();
    upload.publish(&key("r/blob"), &[]).unwrap();
    let stat = driver.stat(&key("r/blob")).unwrap().unwrap();
    assert!(stat.modified > long_ago + Duration::from_secs(3600));
}

#[test]
fn what_was_relocated_is_in_its_new_place_alone_after_a_power_cut() {
    use crate::driver::power_cut::{Disk, Random};
    use crate::driver::recording::Recording;
    let directory = tempfile::tempdir().unwrap();
    let recording = Recording::begin(directory.path());
    let driver = Filesystem::new(directory.path(), 1).unwrap();
    write(&driver, "from/here/object", "content");
    assert!(
        driver
            .relocate(&key("from/here"), &key("to/there"))
            .unwrap()
    );
    let (operations, ids) = recording.content();
    let mut disk = Disk::new();
    operations.iter().for_each(|one| disk.perform(one));
    for state in &disk.after_power_cut(10, &mut Random::new(1)) {
        let after = tempfile::tempdir().unwrap();
        state.build(after.path(), &ids);
        let after = Filesystem::new(after.path(), 1).unwrap();
        assert_eq!(read(&after, "to/there/object"), "content");
        assert!(!after.has_directory(&key("from/here")).unwrap());
    }
}
