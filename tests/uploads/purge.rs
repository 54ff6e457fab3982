//! Unfinished uploads that nobody comes back for: counted at the start, and removed when they are old.

use crate::util::program::Program;
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

/// Starts the program over such a root; gives the line that counts the uploads, and the ids that are left.
fn start(settings: &str) -> (String, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("data");
    let uploads = sessions(&root);
    let text = format!(
        "version: 0.1\nhttp: {{addr: '127.0.0.1:0'}}\nstorage:\n  filesystem: {{rootdirectory: '{}'}}\n  \
         maintenance: {{{settings}}}\n",
        root.display()
    );
    let mut program = Program::start(directory.path(), &text, &[]);
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
