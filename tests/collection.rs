//! Garbage collection: what goes, what stays, and that nothing is lost to clients that push and pull meanwhile.

mod bad;
mod offline;
mod online;
#[cfg(unix)]
mod owners;
mod work;

use crate::util::program::{command, output};
use crate::util::registry::TestRegistry;
use crate::util::tree::quick_directory;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

/// Runs `registry garbage-collect` with options over a directory.
fn garbage_collect(root: &Path, options: &[&str]) -> Output {
    let directory = quick_directory();
    let config = directory.path().join("config.yml");
    let root = root.display();
    let text = format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{root}'}}}}\n");
    fs::write(&config, text).unwrap();
    let mut command = command();
    command.arg("garbage-collect").args(options).arg(&config);
    output(&mut command)
}

/// The same over data that nobody serves; gives what it printed, and checks the exit code.
#[track_caller]
fn collected(registry: &mut TestRegistry, options: &[&str], code: i32) -> String {
    registry.stop();
    let output = garbage_collect(&registry.root, options);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}{complained}");
    said + &complained
}

/// Makes everything below a directory look as if it was last written two days ago.
fn age(directory: &Path) {
    set_modified(
        directory,
        SystemTime::now() - Duration::from_secs(48 * 3600),
    );
}

/// Sets when everything below a directory was last written.
fn set_modified(directory: &Path, time: SystemTime) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => set_modified(&path, time),
            false => {
                let file = fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(time).unwrap();
            }
        }
    }
}
