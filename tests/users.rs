//! `registry htpasswd`: the file of users, made and changed by the built program.

use crate::util::program::{command, started};
use registry::auth::htpasswd::parse;
use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

/// The program with these words, and this on its standard input.
fn htpasswd(words: &[&str], input: &str) -> Output {
    let mut command = command();
    command.arg("htpasswd").args(words);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let pipes = pipes.stderr(Stdio::piped());
    let mut child = started(|| pipes.spawn());
    // A program that stops at wrong words reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn done(words: &[&str], input: &str) -> String {
    let output = htpasswd(words, input);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), error.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

fn failed(code: i32, words: &[&str], input: &str) -> String {
    let output = htpasswd(words, input);
    assert_eq!(output.status.code(), Some(code), "{words:?}");
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    let last = error.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{error}");
    error
}

fn is_user(file: &[u8], user: &str, password: &str) -> bool {
    let parsed = parse(file).ok().unwrap();
    assert!(parsed.warnings.is_empty());
    let hash = parsed.users.get(user);
    hash.is_some_and(|hash| hash.verify(password.as_bytes()))
}

#[test]
fn an_entry_is_printed() {
    let entry = done(&["--cost", "5", "anna"], "pass:word\r\n");
    assert!(entry.starts_with("anna:$2y$05$") && entry.ends_with('\n'));
    assert!(is_user(entry.as_bytes(), "anna", "pass:word"));
    let again = done(&["--cost", "5", "anna"], "pass:word\nsecond line\n");
    assert!(is_user(again.as_bytes(), "anna", "pass:word"));
    assert_ne!(entry, again, "the salt must be new");
    assert!(done(&["b"], "x").starts_with("b:$2y$10$"));
}

#[test]
fn a_file_is_made_and_changed_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let file = path.to_str().unwrap();
    let put = |user: &str, password: &str| {
        let printed = done(&["--cost", "4", "--file", file, user], password);
        assert_eq!(printed, "");
    };
    put("anna", "a");
    assert!(is_user(&fs::read(&path).unwrap(), "anna", "a"));
    fs::write(
        &path,
        [b"# ours\n\n".to_vec(), fs::read(&path).unwrap()].concat(),
    )
    .unwrap();
    put("ben", "b");
    put("anna", "c");
    let text = fs::read(&path).unwrap();
    assert!(is_user(&text, "anna", "c") && is_user(&text, "ben", "b"));
    assert!(text.starts_with(b"# ours\n\nanna:"));
    assert_eq!(done(&["--file", file, "--delete", "anna"], ""), "");
    let text = fs::read(&path).unwrap();
    assert!(!is_user(&text, "anna", "c") && is_user(&text, "ben", "b"));
    assert!(text.starts_with(b"# ours\n\nben:"));
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_private_and_an_old_one_keeps_its_mode_and_place() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = directory.path().join("users");
    done(&["--cost", "4", "--file", path.to_str().unwrap(), "a"], "a");
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let link = directory.path().join("link");
    symlink("users", &link).unwrap();
    done(&["--cost", "4", "--file", link.to_str().unwrap(), "b"], "b");
    assert_eq!(mode(&path), 0o644);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(is_user(&fs::read(&path).unwrap(), "b", "b"));
}

#[test]
fn what_is_wrong_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let file = path.to_str().unwrap();
    for user in ["a:b", "", "a\nb", "#a", " a"] {
        let error = failed(2, &[user], "x\n");
        assert!(error.contains("the user name"), "{error}");
    }
    assert!(failed(2, &["--cost", "31", "a"], "x").contains("4 to 17"));
    assert!(failed(2, &["--cost", "3", "a"], "x").contains("4 to 17"));
    assert!(failed(2, &["--delete", "a"], "x").contains("--file"));
    failed(2, &[], "");
    assert!(failed(1, &["a"], "").contains("is empty"));
    assert!(failed(1, &["a"], "\n").contains("is empty"));
    assert!(failed(1, &["a"], &"x".repeat(73)).contains("72 bytes"));
    let error = failed(1, &["--delete", "--file", file, "a"], "");
    assert!(
        error.contains(file) && error.contains("cannot be read"),
        "{error}"
    );
    let nowhere = directory.path().join("no/users");
    let error = failed(1, &["--file", nowhere.to_str().unwrap(), "a"], "x");
    assert!(error.contains("cannot be written"), "{error}");
    fs::write(&path, "b:x\n").unwrap();
    let error = failed(1, &["--delete", "--file", file, "a"], "");
    assert!(error.contains("has no user a"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"b:x\n");
}
