//! The built program: words, variables and exit codes.

use crate::util::program;
use crate::util::tree::quick_directory;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What [`command`] comes to.
pub fn registry(words: &[&str], variables: &[(&str, &str)]) -> Output {
    program::output(&mut command(words, variables))
}

/// The program with these words, these variables and no other `REGISTRY_*` ones.
pub fn command(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = program::command();
    command.args(words).envs(variables.iter().copied());
    command
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn file(directory: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = directory.path().join("config.yml");
    std::fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_version_is_printed() {
    for word in ["--version", "-v"] {
        let output = registry(&[word], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(
            out(&output),
            format!("registry {}\n", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(err(&output), "");
    }
}

#[test]
fn help_teaches() {
    let output = registry(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    for word in [
        "serve config.yml",
        "check-config",
        "REGISTRY_CONFIGURATION_PATH",
        "REGISTRY_LOG_LEVEL=debug",
    ] {
        assert!(out(&output).contains(word), "{word}");
    }
    for words in [
        &["serve", "--help"][..],
        &["serve", "-h"],
        &["help", "serve"],
    ] {
        let output = registry(words, &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("Usage: registry serve"));
    }
    let short = registry(&["-h"], &[]);
    assert_eq!(out(&short), out(&registry(&["--help"], &[])));
}

#[test]
fn wrong_words_are_told_last_with_where_the_right_ones_are_and_exit_2() {
    for (words, message, of) in [
        (&["bogus"][..], "Unrecognized argument: bogus", ""),
        (&["--bogus"], "Unrecognized argument: --bogus", ""),
        (
            &["serve", "--bogus"],
            "Unrecognized argument: --bogus",
            " serve",
        ),
        (
            &["check-config", "a", "b"],
            "Unrecognized argument: b",
            " check-config",
        ),
        (&[], "no command was given", ""),
        (
            &["certificate"],
            "at least one --host or --ip is required",
            " certificate",
        ),
        (
            &["htpasswd"],
            "Required positional arguments not provided: user",
            " htpasswd",
        ),
        (&["health", "x"], "found `x`; allowed: a URL", " health"),
        (
            &["service"],
            "One of the following subcommands must be present: ",
            " service",
        ),
    ] {
        let output = registry(words, &[]);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(out(&output), "", "{words:?}");
        let said = err(&output);
        let lines: Vec<&str> = said.lines().collect();
        let help = format!("see `registry{of} --help` for usage");
        assert_eq!((lines.len(), lines[0]), (2, help.as_str()), "{said}");
        assert!(lines[1].starts_with(&format!("error: {message}")), "{said}");
    }
}

#[test]
fn check_config_prints_what_it_comes_to() {
    let directory = quick_directory();
    let path = file(
        &directory,
        "version: 0.1\nstorage: inmemory\nhttp: {secret: hunter2}\nlog: {levle: x}\n",
    );
    let variables = [
        ("REGISTRY_LOG_LEVEL", "debug"),
        ("REGISTRY_HTTP_HEADERS_X-TOKEN", "[hunter2]"),
    ];
    let output = registry(&["check-config", text(&path)], &variables);
    assert_eq!(output.status.code(), Some(0));
    let printed = out(&output);
    assert!(
        printed.contains("level: debug") && printed.contains("inmemory: {}"),
        "{printed}"
    );
    assert!(!printed.contains("hunter2"), "{printed}");
    let said = err(&output);
    assert!(
        said.contains("warning: ") && said.contains("did you mean log.level?"),
        "{said}"
    );
    assert!(
        said.contains("note: ") && !said.contains("hunter2"),
        "{said}"
    );
    // What was printed is a configuration, and the same one.
    std::fs::write(&path, &printed).unwrap();
    let again = registry(&["check-config", text(&path)], &[]);
    assert_eq!((out(&again), err(&again)), (printed, String::new()));
}

#[test]
fn check_config_tells_every_mistake_and_exits_1() {
    let directory = quick_directory();
    let path = file(
        &directory,
        "version: 0.1\nstorage: inmemory\nhttp:\n  addr: x\n",
    );
    for command in ["check-config", "serve"] {
        let output = registry(&[command, text(&path)], &[("REGISTRY_LOG_LEVEL", "loud")]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(out(&output), "");
        let said = err(&output);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("error: REGISTRY_LOG_LEVEL: log.level: found `loud`"),
            "{lines:?}"
        );
        assert!(lines[1].starts_with(&format!(
            "error: {}:4:9: http.addr: found `x`",
            path.display()
        )));
    }
}

#[test]
fn a_file_that_is_not_there_exits_1() {
    for command in ["check-config", "serve"] {
        let output = registry(&[command, "/nonexistent/config.yml"], &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).starts_with("error: /nonexistent/config.yml: cannot be read: "));
    }
}

#[test]
fn the_environment_names_the_file_where_the_words_do_not() {
    let directory = quick_directory();
    let path = file(&directory, "version: 0.1\nstorage: inmemory\n");
    let variable = ("REGISTRY_CONFIGURATION_PATH", text(&path));
    let output = registry(&["check-config"], &[variable]);
    assert_eq!(
        (output.status.code(), err(&output)),
        (Some(0), String::new())
    );
    let named = registry(&["check-config", "/nonexistent"], &[variable]);
    assert_eq!(named.status.code(), Some(1));
}

#[test]
fn a_log_file_takes_the_log_and_keeps_why_the_program_ended() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = quick_directory();
    let (data, log) = (
        directory.path().join("data"),
        directory.path().join("registry.log"),
    );
    let settings = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp: {{addr: '{address}'}}\nlog: {{levle: x}}\n",
        data.display()
    );
    let path = file(&directory, &settings);
    for times in [1, 2] {
        let output = registry(&["serve", "--log", text(&log), text(&path)], &[]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(out(&output), "");
        let said = err(&output);
        assert!(said.starts_with("error: cannot listen on "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let kept = std::fs::read_to_string(&log).unwrap();
        for line in [
            "level=warning msg=\"",
            "level=error msg=\"cannot listen on ",
        ] {
            assert_eq!(kept.matches(line).count(), times, "{kept}");
        }
    }
    assert!(!data.exists());
}

#[test]
fn a_log_file_that_cannot_be_written_exits_1_and_makes_nothing() {
    let directory = quick_directory();
    let (data, log) = (
        directory.path().join("data"),
        directory.path().join("missing/registry.log"),
    );
    let settings = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
        data.display()
    );
    let path = file(&directory, &settings);
    let output = registry(&["serve", "--log", text(&log), text(&path)], &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = err(&output);
    let expected = format!("error: cannot write the log {}: ", log.display());
    assert!(said.starts_with(&expected), "{said}");
    assert!(!data.exists());
}

#[test]
#[cfg(unix)]
fn services_are_for_windows_and_elsewhere_the_unit_for_systemd_is_printed() {
    if program::is_for_windows() {
        return;
    }
    let directory = quick_directory();
    let path = file(&directory, "version: 0.1\nstorage: {filesystem: {}}\n");
    let output = registry(&["service", "install", text(&path)], &[]);
    assert_eq!(
        (output.status.code(), err(&output)),
        (Some(0), String::new())
    );
    let said = out(&output);
    let start = format!(" serve {}\n", path.display());
    for part in [
        "# Write this to /etc/systemd/system/registry.service.",
        "[Service]\nType=exec\nExecStart=",
        &start,
        "Restart=on-failure",
        "ProtectSystem=strict",
        "StateDirectory=registry\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What it is for reads it without a word.
    let unit = directory.path().join("registry.service");
    std::fs::write(&unit, &said).unwrap();
    match Command::new("systemd-analyze")
        .arg("verify")
        .arg(&unit)
        .output()
    {
        Ok(verified) => assert_eq!(
            (verified.status.code(), err(&verified).as_str()),
            (Some(0), "")
        ),
        Err(error) => eprintln!("SKIPPED: systemd-analyze is not on this machine: {error}"),
    }
    let broken = file(&directory, "version: 0.1\n");
    let output = registry(&["service", "install", text(&broken)], &[]);
    assert_eq!(
        (output.status.code(), out(&output)),
        (Some(1), String::new())
    );
    assert!(err(&output).contains("no unit was made"));
    for action in ["uninstall", "start", "stop", "status"] {
        let output = registry(&["service", action], &[]);
        assert_eq!(output.status.code(), Some(1), "{action}");
        let said = err(&output);
        assert!(
            said.starts_with("error: `registry service` is for Windows; here it is `systemctl "),
            "{said}"
        );
    }
}

#[test]
fn the_words_of_a_service_are_checked() {
    let directory = quick_directory();
    let path = file(&directory, "version: 0.1\nstorage: inmemory\n");
    for words in [
        &["service", "install", "--name", "a b", text(&path)][..],
        &["service", "start", "--name", "a\\b"],
        &["service", "install"],
        &["service", "bogus"],
        &["service"],
    ] {
        let output = registry(words, &[]);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = err(&output);
        assert!(
            said.starts_with("see `registry service"),
            "{words:?}: {said}"
        );
    }
}
