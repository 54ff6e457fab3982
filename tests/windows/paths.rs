//! Paths with drives, backslashes and shares, in YAML and in variables: what is understood, and what is
//! refused since a directory in a wrong place would be an empty registry.

use super::{configuration, err, is_shown, out, registry};

const ROOT: &str = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY";

/// What check-config makes of a root directory written like that: the value as YAML, or what is said.
fn in_file(value: &str) -> (Result<String, String>, String) {
    checked(value, &[])
}

fn in_variable(value: &str) -> (Result<String, String>, String) {
    checked("c:\\other", &[(ROOT, value)])
}

fn checked(value: &str, variables: &[(&str, &str)]) -> (Result<String, String>, String) {
    let directory = tempfile::tempdir().unwrap();
    let text = format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {value}\n");
    let output = registry(
        &["check-config", &configuration(directory.path(), &text)],
        variables,
    );
    let (said, printed) = (err(&output), out(&output));
    if output.status.code() == Some(0) {
        let root = printed.split_once("rootdirectory: ").unwrap().1;
        return (Ok(root.lines().next().unwrap().to_owned()), said);
    }
    assert_eq!((output.status.code(), printed.as_str()), (Some(1), ""));
    assert_eq!(said.lines().count(), 1, "{said}");
    // A share that is not there was understood, and cannot be used.
    let of_folder = said.strip_prefix("error: cannot use ");
    let of_folder =
        of_folder.and_then(|rest| rest.split_once(" as storage.filesystem.rootdirectory: "));
    match of_folder {
        Some((path, _)) if path.trim_start_matches(['/', '\\']).starts_with("server") => {
            (Ok(path.to_owned()), String::new())
        }
        _ => (Err(said), String::new()),
    }
}

#[track_caller]
fn is_refused(found: (Result<String, String>, String), says: &str) {
    let said = found.0.unwrap_err();
    assert!(said.contains(says), "{said}");
}

#[test]
fn paths_of_windows_are_understood_however_they_are_written() {
    if !is_shown("paths of Windows") {
        return;
    }
    let share = r"\\server\share\data";
    for (written, path) in [
        (r"c:\data", r"c:\data"),
        (r"'c:\data'", r"c:\data"),
        (r#""c:\\data""#, r"c:\data"),
        ("c:/data", r"c:\data"),
        (r"c:\data\", r"c:\data"),
        ("c:\\data  ", r"c:\data"),
        (r"c:\a#b", r"c:\a#b"),
        (r"'c:\a #b'", r"'c:\a #b'"),
        (share, share),
        (r"'\\server\share\data'", share),
        (r#""\\\\server\\share\\data""#, share),
        ("//server/share/data", r"//server/share\data"),
        (r"\\?\c:\data", r"\\?\c:\data"),
        (r"'c:\Ünï cödé'", r"c:\Ünï cödé"),
    ] {
        let both = [in_file(written), in_variable(written)];
        for found in both {
            assert_eq!(found, (Ok(path.to_owned()), String::new()), "{written}");
        }
    }
    // As a shell or a Dockerfile hands them on: nothing takes the doubled ones away.
    for (written, path) in [
        (r"c:\\data", r"c:\data"),
        (r"\\\\server\\share\\data", share),
        (r#""c:\data""#, r"c:\data"),
    ] {
        let found = in_variable(written);
        assert_eq!(found, (Ok(path.to_owned()), String::new()), "{written}");
    }
}

#[test]
fn paths_that_lead_elsewhere_on_windows_are_refused() {
    if !is_shown("paths of Windows") {
        return;
    }
    for (written, says) in [
        (
            "c:data",
            r"found `c:data`, which is relative to the current directory of drive c:; allowed: `c:\data`",
        ),
        ("'c:'", r"allowed: `c:\`"),
        (
            r"\\server",
            r"found `\\server`; allowed: the whole path of a shared directory",
        ),
        (r"'\\server\\share'", "the whole path of a shared directory"),
        (
            r"c:\a:b",
            "allowed: a path without a colon except after the drive letter",
        ),
        (
            r"c:\a\d:",
            "allowed: a path without a colon except after the drive letter",
        ),
    ] {
        if written != r"c:\a\d:" {
            is_refused(in_file(written), says);
        }
        is_refused(in_variable(written), says);
    }
    for value in ["c:", r"c:\a: b"] {
        is_refused(in_variable(value), "allowed: ");
        is_refused(in_file(value), "in single quotes");
    }
}

#[test]
fn what_yaml_leaves_out_of_a_variable_is_warned_of() {
    for (written, path) in [("/a #b", "/a"), ("&a /b", "/b")] {
        let (root, said) = in_variable(written);
        assert_eq!(
            root.map(|root| root.replace('\\', "/")),
            Ok(path.to_owned())
        );
        let start = format!(
            "warning: {ROOT}: storage.filesystem.rootdirectory: a part of the value is left out"
        );
        assert!(said.starts_with(&start), "{said}");
    }
}
