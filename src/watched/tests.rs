//! Files that change in every way, checked whenever they are used.

use super::*;
use std::sync::atomic::AtomicUsize;
use tempfile::TempDir;

/// Files in a directory, checked whenever they are used. What is loaded from them is their text; a `!`
/// cannot be loaded.
struct Fixture {
    folder: TempDir,
    loaded: Arc<AtomicUsize>,
    watched: Watched<String>,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        Fixture::watching(folder, &names)
    }

    fn watching(folder: TempDir, names: &[&str]) -> Fixture {
        let files = WatchedFiles {
            paths: names.iter().map(|name| folder.path().join(name)).collect(),
            bytes_max: 10,
            subject: "the text".to_owned(),
            otherwise: "the old stays",
        };
        let loaded = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&loaded);
        let watched = Watched::open(files, Duration::ZERO, move |contents| {
            count.fetch_add(1, Relaxed);
            let mut text = String::new();
            for content in contents {
                let bytes = content.bytes.as_ref().map_err(ToString::to_string)?;
                text += std::str::from_utf8(bytes).unwrap();
            }
            match text.contains('!') {
                true => Err("there is a !".to_owned()),
                false => Ok(text),
            }
        });
        Fixture {
            folder,
            loaded,
            watched: watched.unwrap(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    /// What there is after one check.
    fn now(&self) -> String {
        String::clone(&self.watched.current())
    }

    /// What there is when the files have been left alone.
    fn settled(&self) -> String {
        (0..QUIET_CHECKS).for_each(|_| drop(self.now()));
        self.now()
    }

    fn times_loaded(&self) -> usize {
        self.loaded.load(Relaxed)
    }

    fn seen(&self) -> bool {
        self.watched.files.lock().seen.is_some()
    }
}

fn age(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
fn a_change_counts_once_the_file_is_left_alone() {
    let files = Fixture::new(&[("f", "one")]);
    assert_eq!(files.settled(), "one");
    // Written in place, as a reader may find it.
    for half in ["", "t", "tw", "two"] {
        files.write("f", half);
        for _ in 0..QUIET_CHECKS {
            assert_eq!(files.now(), "one", "{half}");
        }
    }
    assert_eq!(files.now(), "two");
    assert_eq!(files.settled(), "two");
    assert_eq!(files.times_loaded(), 2);
    // A file that stays empty is empty.
    files.write("f", "");
    assert_eq!(files.settled(), "");
}

#[test]
fn a_change_that_is_old_counts_at_once() {
    let files = Fixture::new(&[("f", "one")]);
    files.write("f", "two");
    age(&files.at("f"), 100);
    assert_eq!(files.now(), "two");
    assert!(files.seen());
    files.write("f", "six");
    age(&files.at("f"), 100);
    assert_eq!(files.now(), "six");
}

#[test]
fn a_change_whose_times_are_the_same_is_seen_while_it_can_happen() {
    let files = Fixture::new(&[("f", "one")]);
    assert_eq!(files.settled(), "one");
    // It has to be read again until it is settled: the next change may have the same stamp.
    assert!(!files.seen());
    age(&files.at("f"), 100);
    assert_eq!(files.settled(), "one");
    assert!(files.seen());
    assert_eq!(files.times_loaded(), 1);
}

#[test]
fn a_file_that_is_never_left_alone_counts_in_the_end() {
    let files = Fixture::new(&[("f", "")]);
    let mut checks = 0;
    while files.now().is_empty() {
        checks += 1;
        assert!(checks <= WAITS_MAX + 1);
        // Another length each time: no two stamps are the same.
        files.write("f", ["x", "xx"][checks as usize % 2]);
    }
    assert!(checks >= WAITS_MAX, "{checks}");
}

#[test]
fn what_cannot_be_used_is_tried_once_and_the_old_stays() {
    let files = Fixture::new(&[("f", "one")]);
    files.write("f", "!");
    for _ in 0..5 {
        assert_eq!(files.settled(), "one");
    }
    assert_eq!(files.times_loaded(), 2);
    fs::remove_file(files.at("f")).unwrap();
    assert_eq!(files.settled(), "one");
    fs::create_dir(files.at("f")).unwrap();
    assert_eq!(files.settled(), "one");
    fs::remove_dir(files.at("f")).unwrap();
    assert_eq!(files.settled(), "one");
    files.write("f", "0123456789x");
    assert_eq!(files.settled(), "one");
    // As it was: nothing has to be loaded.
    let before = files.times_loaded();
    files.write("f", "one");
    assert_eq!(files.settled(), "one");
    assert_eq!(files.times_loaded(), before);
    files.write("f", "two");
    assert_eq!(files.settled(), "two");
}

#[test]
fn files_count_together() {
    let files = Fixture::new(&[("a", "1"), ("b", "1")]);
    files.write("a", "2");
    assert_eq!(files.now(), "11");
    files.write("b", "2");
    assert_eq!(files.now(), "11");
    assert_eq!(files.settled(), "22");
    assert_eq!(files.times_loaded(), 2);
}

#[test]
fn without_files_there_is_nothing_to_load() {
    let source = |path: &str| WatchedFiles {
        paths: vec![path.into()],
        bytes_max: 1,
        subject: String::new(),
        otherwise: "",
    };
    let load = |contents: &[FileContent]| match &contents[0].bytes {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{:?}", error.kind())),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let open =
        |path: &Path| Watched::open(source(path.to_str().unwrap()), Duration::ZERO, load).err();
    assert_eq!(open(&path).unwrap(), "NotFound");
    assert_eq!(open(folder.path()).unwrap(), "IsADirectory");
    fs::write(&path, "22").unwrap();
    assert_eq!(open(&path).unwrap(), "FileTooLarge");
    fs::write(&path, "1").unwrap();
    assert_eq!(open(&path), None);
}

#[test]
fn the_files_are_checked_once_in_a_while() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), "one").unwrap();
    let mut files = Fixture::watching(folder, &["f"]);
    files.watched.check_pause = Duration::from_secs(3600);
    files.write("f", "two");
    age(&files.at("f"), 100);
    assert_eq!(files.now(), "two", "the check that was due");
    files.write("f", "six");
    age(&files.at("f"), 100);
    assert_eq!(files.now(), "two");
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_no_file_and_is_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    fs::write(&path, "one").unwrap();
    age(&path, 1000);
    let files = Fixture::watching(folder, &["f"]);
    assert_eq!(files.settled(), "one");
    fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let error = small_file::read(&path, 9).unwrap_err();
    assert!(error.to_string().contains("a named pipe"), "{error}");
    assert_eq!(files.settled(), "one", "the old stays");
}

#[cfg(unix)]
#[test]
fn a_swapped_link_is_a_change() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // As Kubernetes swaps a secret: a link to a folder is replaced.
    for (name, text) in [("v1", "one"), ("v2", "two")] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("f"), text).unwrap();
        age(&at(name).join("f"), 1000);
    }
    symlink("v1", at("current")).unwrap();
    symlink("v2", at("next")).unwrap();
    let files = Fixture::watching(folder, &["current/f"]);
    assert_eq!(files.settled(), "one");
    fs::rename(files.at("next"), files.at("current")).unwrap();
    assert_eq!(files.now(), "two");
}
