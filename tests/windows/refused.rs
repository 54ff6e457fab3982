//! What cannot be on Windows: drives, directories, shares and files that are not there, ports that are taken.
//! It is said in one line with the path, the end is 1, and nothing is made.

use super::{configuration, err, is_shown, out, registry};
use crate::util::program::slashed;
use std::path::Path;

/// What is said when a start with that text fails, which must leave the directory as it is.
fn refused(directory: &Path, text: &str, words: &[&str]) -> String {
    let config = configuration(directory, text);
    let words: Vec<&str> = ["serve"]
        .iter()
        .chain(words)
        .copied()
        .chain([config.as_str()])
        .collect();
    let output = registry(&words, &[]);
    let said = err(&output);
    assert_eq!(
        (output.status.code(), out(&output).as_str()),
        (Some(1), ""),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    let left: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["config.yml"], "{said}");
    said
}

fn text(root: &str, more: &str) -> String {
    format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{root}'}}}}\nhttp: {{addr: '127.0.0.1:0', host: 'https://x'}}\n{more}"
    )
}

#[test]
fn folders_that_cannot_be_on_windows_are_named() {
    if !is_shown("drives and shares") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for root in [
        r"q:\data",
        r"\\nowhere\share\data",
        r"c:\a<b",
        r"c:\nul",
        r"z:\sys\data",
    ] {
        let said = refused(directory.path(), &text(root, ""), &[]);
        let start = format!("error: cannot use {root} as storage.filesystem.rootdirectory: ");
        assert!(said.starts_with(&start), "{said}");
    }
}

#[test]
fn files_that_are_not_there_are_named_and_no_folder_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let missing = directory.path().join("missing").display().to_string();
    let mut places = vec![missing];
    if is_shown("files on drives and shares") {
        places.extend([r"q:\missing", r"\\nowhere\share\missing"].map(str::to_owned));
    }
    for place in &places {
        for (more, words, says) in [
            (
                format!("auth: {{htpasswd: {{realm: r, path: '{place}/users'}}}}\n"),
                vec![],
                "(auth.htpasswd.path)",
            ),
            (
                format!(
                    "auth: {{token: {{realm: 'http://x/', service: s, issuer: i, jwks: '{place}/jwks'}}}}\n"
                ),
                vec![],
                "(auth.token.jwks)",
            ),
            (
                String::new(),
                vec![format!("--log={place}/log")],
                "cannot write the log",
            ),
        ] {
            let words: Vec<&str> = words.iter().flat_map(|word| word.split('=')).collect();
            let said = refused(directory.path(), &text(&data, &more), &words);
            assert!(
                said.contains(says) && slashed(&said).contains(&slashed(place)),
                "{said}"
            );
        }
        let tls = text(&data, "").replace(
            "127.0.0.1:0'",
            &format!("127.0.0.1:0', tls: {{certificate: '{place}/crt', key: '{place}/key'}}"),
        );
        let said = refused(directory.path(), &tls, &[]);
        assert!(
            said.starts_with("error: http.tls.certificate: ")
                && slashed(&said).contains(&slashed(place)),
            "{said}"
        );
        let output = registry(&["serve", &format!("{place}/config.yml")], &[]);
        assert_eq!(output.status.code(), Some(1));
        let start = format!("error: {place}/config.yml: cannot be read: ");
        assert!(err(&output).starts_with(&start), "{}", err(&output));
    }
}

#[test]
fn a_configuration_path_with_spaces_and_other_letters_is_read_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("Ünï cödé – データ");
    std::fs::create_dir(&home).unwrap();
    let config = configuration(&home, "version: 0.1\nstorage: inmemory\n");
    let output = registry(&["check-config", &config], &[]);
    assert_eq!(
        (output.status.code(), err(&output)),
        (Some(0), String::new())
    );
    let config = configuration(&home, "version: 0.1\nstorage: inmemory\nhttp: {addr: x}\n");
    let output = registry(&["check-config", &config], &[]);
    assert_eq!(output.status.code(), Some(1));
    let start = format!("error: {config}:3:14: http.addr: found `x`");
    assert!(err(&output).starts_with(&start), "{}", err(&output));
}

#[test]
fn a_folder_in_the_place_of_a_file_is_called_one() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_str().unwrap();
    for words in [
        &["serve", home][..],
        &["check-config", home],
        &["htpasswd", "--delete", "--file", home, "anna"],
    ] {
        let output = registry(words, &[]);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot be read: is a directory"), "{said}");
    }
}
