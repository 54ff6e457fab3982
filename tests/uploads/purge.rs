//! Unfinished uploads that nobody comes back for: counted at the start, and removed when they are old.

use crate::util::program::Program;
use crate::util::tree::quick_directory;
use std::fs;
use std::path::{Path, PathBuf};

const OLD: &str = "00000000-0000-4000-8000-000000000001";
const NEW: &str = "00000000-0000-4000-8000-000000000002";
/// A session without `startedat`, as a crash leaves it: its file's own time counts.
const BROKEN: &str = "00000000-0000-4000-8000-000000000003";

/// Puts three sessions into a root directory; gives the directory that holds them.
fn sessions(root: &Path) -> PathBuf {
    let uploads = root.join("docker/registry/v2/repositories/team/app/_uploads");
    for (id, started, content) in [
        (OLD, Some("2001-02-03T04:05:06Z"), "old"),
        (NEW, Some("2999-01-01T00:00:00Z"), "newer"),
        (BROKEN, None, "broken"),
    ] {
        let session = uploads.join(id);
        fs::create_dir_all(&session).unwrap();
        fs::write(session.join("data"), content).unwrap();
        if let Some(started) = started {
            fs::write(session.join("startedat"), started).unwrap();
        }
    }
    uploads
}

/// Starts the program over a root directory.
fn start_over(directory: &Path, root: &Path, settings: &str) -> Program {
    let text = format!(
        "version: 0.1\nhttp: {{addr: '127.0.0.1:0'}}\nstorage:\n  filesystem: {{rootdirectory: '{}'}}\n  \
         maintenance: {{{settings}}}\n",
        root.display()
    );
    Program::start(directory, &text, &[])
}

/// Starts the program over such a root; gives the line that counts the uploads, and the ids that are left.
fn start(settings: &str) -> (String, Vec<String>) {
    let directory = quick_directory();
    let root = directory.path().join("data");
    let uploads = sessions(&root);
    let mut program = start_over(directory.path(), &root, settings);
    let line = program.wait_for("unfinished uploads: ");
    let mut left: Vec<String> = fs::read_dir(uploads)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort_unstable();
    (line, left)
}

#[test]
fn the_start_removes_old_uploads_and_counts_the_others() {
    let (line, left) = start("uploadpurging: {age: 48h}");
    assert!(line.contains("unfinished uploads: 2, 11 bytes"), "{line}");
    assert!(
        line.contains("each is removed once it is 48h old"),
        "{line}"
    );
    assert_eq!(left, [NEW, BROKEN]);
}

#[test]
fn where_nothing_is_purged_all_are_counted_and_stay() {
    for settings in [
        "uploadpurging: {enabled: false}",
        "readonly: {enabled: true}",
    ] {
        let (line, left) = start(settings);
        assert!(line.contains("unfinished uploads: 3, 14 bytes"), "{line}");
        assert!(line.contains("none is removed"), "{line}");
        assert_eq!(left, [OLD, NEW, BROKEN]);
    }
}

/// The ids of the sessions that are left in a repository.
#[cfg(unix)]
fn left(root: &Path, name: &str) -> Vec<String> {
    let uploads = root.join(format!("docker/registry/v2/repositories/{name}/_uploads"));
    let Ok(entries) = fs::read_dir(uploads) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

#[test]
#[cfg(unix)]
fn without_a_time_of_its_start_the_age_of_its_directory_counts() {
    let directory = quick_directory();
    let root = directory.path().join("data");
    let uploads = root.join("docker/registry/v2/repositories/a/_uploads");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(100 * 3600);
    // Without any file; without `startedat`; with one that says nothing: each once old and once new.
    for (number, file) in [None, Some("data"), Some("startedat")]
        .into_iter()
        .enumerate()
    {
        for is_old in [false, true] {
            let id = format!(
                "00000000-0000-4000-8000-0000000000{number}{}",
                u8::from(is_old)
            );
            let session = uploads.join(id);
            fs::create_dir_all(&session).unwrap();
            if let Some(file) = file {
                fs::write(session.join(file), "what").unwrap();
            }
            if is_old {
                let opened = fs::File::open(&session).unwrap();
                opened.set_modified(then).unwrap();
            }
        }
    }
    let mut program = start_over(directory.path(), &root, "uploadpurging: {age: 48h}");
    program.wait_for("unfinished uploads: 3, ");
    let new: Vec<String> = (0..3)
        .map(|number| format!("00000000-0000-4000-8000-0000000000{number}0"))
        .collect();
    assert_eq!(left(&root, "a"), new);
}

#[test]
#[cfg(unix)]
fn a_repository_that_cannot_be_looked_through_does_not_stop_the_others() {
    use std::os::unix::fs::symlink;
    let directory = quick_directory();
    let root = directory.path().join("data");
    let at = |path: &str| root.join("docker/registry/v2/repositories").join(path);
    let session = |name: &str| {
        let session = at(name).join("_uploads").join(OLD);
        fs::create_dir_all(&session).unwrap();
        fs::write(session.join("startedat"), "2001-02-03T04:05:06Z").unwrap();
    };
    for name in ["a", "c", "e", "g", "z"] {
        session(name);
    }
    // A loop of links, a file in the place of the directory, a session that is none, a directory that leads back.
    for name in ["b", "d", "f"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    symlink("_uploads", at("b/_uploads")).unwrap();
    fs::write(at("d/_uploads"), "no directory").unwrap();
    fs::create_dir_all(at("f/_uploads")).unwrap();
    symlink(OLD, at("f/_uploads").join(OLD)).unwrap();
    symlink("..", at("g/back")).unwrap();
    let mut program = start_over(directory.path(), &root, "uploadpurging: {age: 48h}");
    program.wait_for("unfinished uploads were purged");
    for name in ["a", "c", "e", "g", "z"] {
        assert!(left(&root, name).is_empty(), "{name}");
    }
}

#[test]
fn what_an_interrupted_deletion_left_of_a_repository_is_removed() {
    let directory = quick_directory();
    let root = directory.path().join("data");
    let repositories = root.join("docker/registry/v2/repositories");
    for path in [
        "a/_deleted/tags/v1/current/link",
        "a/b/_deleted/link",
        "c/_deleted/link",
        "c/_layers/x",
    ] {
        let file = repositories.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "sha256:0").unwrap();
    }
    sessions(&root);
    let mut program = start_over(directory.path(), &root, "uploadpurging: {age: 48h}");
    program.wait_for("unfinished uploads: ");
    assert!(!repositories.join("a").exists());
    assert!(repositories.join("c/_layers/x").exists() && !repositories.join("c/_deleted").exists());
}
