//! Locks that belong to another user, such as the root who once ran a command over the data of a server.

use crate::util::image::{layer, sha256};
use crate::util::program;
use crate::util::registry::TestRegistry;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const USER: u32 = 65532;

#[test]
fn a_command_notices_a_server_whose_locks_it_may_only_read() {
    if program::is_chosen() {
        eprintln!("SKIPPED: the program that was chosen may not be one that can be copied and run");
        return;
    }
    let registry = TestRegistry::start();
    let manifest = registry.push_image("a", "v1", 1);
    open_all(&registry.root, 0o777);
    for entry in fs::read_dir(registry.root.join("locks")).unwrap() {
        fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(registry.root.join("locks"), Permissions::from_mode(0o555)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    open_all(directory.path(), 0o755);
    let config = directory.path().join("config.yml");
    let root = registry.root.display();
    let text = format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{root}'}}}}\n");
    fs::write(&config, text).unwrap();
    for words in [
        &["garbage-collect", "-m", "config.yml"][..],
        &["delete", "config.yml", "a"],
        &["verify", "--repair", "config.yml"],
    ] {
        let output = unprivileged(directory.path()).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{words:?}: {said}");
        assert!(said.contains("is using"), "{words:?}: {said}");
    }
    registry.get("/v2/a/manifests/v1").expect(200);
    assert!(registry.blob_file(&manifest).exists());
    assert!(registry.blob_file(&sha256(&layer(1))).exists());
}

/// Sets the mode of a directory and of all directories below it.
fn open_all(directory: &Path, mode: u32) {
    fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            open_all(&path, mode);
        }
    }
}

/// The program, run by a user who may not write everywhere.
fn unprivileged(directory: &Path) -> Command {
    let mut command = program::command();
    if rustix::process::geteuid().is_root() {
        // A directory of root's may be closed to others, and so may the program in it.
        let copy = directory.join("registry");
        if !copy.exists() {
            // By another process: none that is started meanwhile inherits a file that is open for writing.
            let mut copying = Command::new("cp");
            let copied = copying.arg(command.get_program()).arg(&copy).status();
            assert!(copied.unwrap().success());
            fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
        }
        command = Command::new(copy);
        command.uid(USER).gid(USER);
    }
    command.current_dir(directory);
    command
}
