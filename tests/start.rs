//! What a start finds: the configuration where none is named, the words of distribution's images, and
//! whether the directory of the data can be written to.

use crate::process::{command, err, out, registry};
#[cfg(unix)]
use crate::util::program;
use crate::util::program::{Program, output, slashed};
use crate::util::registry::{Settings, TestRegistry};
use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

const ROOT: &str = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY";

fn written(directory: &Path, name: &str) -> String {
    let path = directory.join(name);
    let data = directory.join("data");
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
        data.display()
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The program that serves with these words in a directory.
fn serving(directory: &Path, words: &[&str], variables: &[(&str, &str)]) -> Program {
    let mut command = command(words, variables);
    Program::of(command.current_dir(directory))
}

#[test]
fn a_configuration_alone_is_served_and_the_start_is_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "my.yml");
    for words in [
        &[path.as_str()][..],
        &["serve", &path],
        &["registry", "serve", &path],
        &["/bin/registry", "serve", &path],
        &["/entrypoint.sh", &path],
    ] {
        let mut program = serving(directory.path(), words, &[]);
        let line = slashed(&program.wait_for("listening on "));
        let version = env!("CARGO_PKG_VERSION");
        let data = slashed(directory.path().join("data").to_str().unwrap());
        for part in [
            format!("registry {version} listening on 127.0.0.1:"),
            ", plain HTTP, data in ".to_owned(),
            data,
            ", open to everyone, configured by ".to_owned(),
            slashed(&path),
        ] {
            assert!(line.contains(&part), "{part}: {line}");
        }
    }
}

#[test]
fn the_start_line_names_tls_users_rules_and_the_read_only_mode() {
    let directory = tempfile::tempdir().unwrap();
    let text = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let made = registry(
        &["certificate", "--ip", "127.0.0.1", "--out", &text("certs")],
        &[],
    );
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let (certificate, key) = (text("certs/127.0.0.1.crt"), text("certs/127.0.0.1.key"));
    let users = text("users");
    fs::write(&users, "").unwrap();
    fs::create_dir(directory.path().join("data")).unwrap();
    let variables = [
        ("REGISTRY_HTTP_TLS_CERTIFICATE", certificate.as_str()),
        ("REGISTRY_HTTP_TLS_KEY", &key),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "r"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", &users),
        (
            "REGISTRY_ACCESS_RULES_0",
            "{users: ['*'], repositories: ['**'], actions: [pull]}",
        ),
        ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
    ];
    let path = written(directory.path(), "my.yml");
    let mut program = serving(directory.path(), &["serve", &path], &variables);
    let line = slashed(&program.wait_for("listening on "));
    for part in [
        format!(", tls with {}, ", slashed(&certificate)),
        "/data (read-only), ".to_owned(),
        format!(", users of {}, 1 access rules, ", slashed(&users)),
    ] {
        assert!(line.contains(&part), "{part}: {line}");
    }
}

#[test]
fn without_a_name_the_configuration_of_the_folder_is_read_and_named() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path(), "config.yml");
    let mut program = serving(directory.path(), &["serve"], &[]);
    let line = program.wait_for("listening on ");
    assert!(line.contains("configured by config.yml"), "{line}");
}

/// What is found on the machine of the test counts: the built-in one, or a package's.
#[test]
fn without_any_configuration_of_its_own_the_program_serves() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let variables = [
        (ROOT, data.to_str().unwrap()),
        ("REGISTRY_HTTP_ADDR", "127.0.0.1:0"),
        ("REGISTRY_CONFIGURATION_PATH", ""),
        ("REGISTRY_AUTH", "none"),
    ];
    let mut program = serving(directory.path(), &["serve"], &variables);
    let line = program.wait_for("listening on ");
    let found = ["the built-in configuration", "/etc/d"];
    let named = |name: &&str| line.contains(&format!("configured by {name}"));
    assert!(found.iter().any(named), "{line}");
    assert!(data.is_dir());
}

#[test]
fn a_configuration_that_is_there_and_broken_is_never_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("config.yml"),
        "version: 0.1\nauth: [\n",
    )
    .unwrap();
    for word in ["serve", "check-config", "health"] {
        let mut command = command(&[word], &[]);
        command.current_dir(directory.path());
        let output = output(&mut command);
        assert_eq!(output.status.code(), Some(1), "{word}");
        let said = err(&output);
        assert!(
            said.starts_with("error: config.yml:3:1: "),
            "{word}: {said}"
        );
    }
    fs::remove_file(directory.path().join("config.yml")).unwrap();
    fs::create_dir(directory.path().join("config.yml")).unwrap();
    let mut command = command(&["serve"], &[]);
    command.current_dir(directory.path());
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(1));
    let said = err(&output);
    assert!(said.contains("config.yml: is a directory; "), "{said}");
}

#[test]
fn commands_of_distribution_that_are_missing_say_so() {
    let output = registry(&["completion", "bash"], &[]);
    assert_eq!(
        (output.status.code(), out(&output)),
        (Some(1), String::new())
    );
    let said = err(&output);
    let start = "error: completion is not supported: ";
    assert!(said.starts_with(start), "{said}");
}

#[test]
fn a_registry_that_cannot_write_is_not_healthy_unless_it_is_read_only() {
    for (read_only, well) in [("false", false), ("true", true)] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("data");
        fs::create_dir(&root).unwrap();
        let served = Settings::default()
            .root(&root)
            .set("STORAGE_MAINTENANCE_READONLY_ENABLED", read_only)
            .start();
        // What no rights can help against, so that it is the same for root.
        fs::write(root.join("docker"), "a file where a folder is needed").unwrap();
        let url = format!("http://{}/", served.address);
        let output = registry(&["health", &url], &[]);
        match well {
            true => assert_eq!(output.status.code(), Some(0), "{}", err(&output)),
            false => {
                assert_eq!(output.status.code(), Some(1));
                let said = err(&output);
                let why = "the registry cannot write to its storage; its log says why";
                assert!(said.contains("503") && said.contains(why), "{said}");
                // Pulls go on, and nothing of the machine is told to whoever asks.
                served.get("/v2/").expect(200);
                let response = served.get("/").expect_error(503, "UNAVAILABLE");
                assert!(!response.json().to_string().contains("docker"));
            }
        }
    }
}

#[test]
fn a_healthy_registry_leaves_nothing_behind_when_it_is_asked() {
    let served = TestRegistry::start();
    let before = served.tree();
    served.get("/").expect(200);
    assert_eq!(served.tree(), before);
    assert!(
        before.keys().all(|path| path.starts_with("locks")),
        "{before:?}"
    );
}

/// The program as a user without rights over what belongs to the one who runs the tests.
#[cfg(unix)]
fn unprivileged(directory: &Path, words: &[&str], variables: &[(&str, &str)]) -> Command {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let mut command = command(words, variables);
    command.current_dir(directory);
    let is_root = fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .any(|line| line.starts_with("Uid:\t0\t0\t"));
    if is_root {
        // The program may stand where only root gets to.
        let copy = directory.join("registry");
        // Not by this process: a child that is being started by another thread would have the copy open for
        // writing, and then it cannot be run. Another name for the same file where that is possible: it is large.
        let program = command.get_program();
        let copied = [&["-l"][..], &[]].into_iter().any(|how| {
            let mut copy_it = Command::new("cp");
            let output = copy_it.args(how).arg(program).arg(&copy).output();
            output.unwrap().status.success()
        });
        assert!(copied);
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory, open.clone()).unwrap();
        fs::set_permissions(&copy, open).unwrap();
        let mut unprivileged = Command::new(copy);
        unprivileged.args(words).envs(variables.iter().copied());
        command = unprivileged;
        command.current_dir(directory).uid(65532).gid(65532);
    }
    command
}

#[test]
#[cfg(unix)]
fn data_of_another_user_is_refused_with_the_command_that_helps() {
    use std::os::unix::fs::PermissionsExt;
    if program::is_chosen() {
        eprintln!("SKIPPED: the program that was chosen may not be one that can be copied and run");
        return;
    }
    let closed = fs::Permissions::from_mode(0o555);
    let open = fs::Permissions::from_mode(0o777);
    for below in ["", "docker", "docker/registry/v2/repositories/a/_uploads"] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir_all(data.join(below)).unwrap();
        for path in data
            .join(below)
            .ancestors()
            .take_while(|path| *path != directory.path())
        {
            fs::set_permissions(path, open.clone()).unwrap();
        }
        fs::set_permissions(data.join(below), closed.clone()).unwrap();
        let path = written(directory.path(), "my.yml");
        let output = unprivileged(directory.path(), &["serve", &path], &[]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = err(&output);
        let whole = data.join(below);
        let whole = whole.to_str().unwrap().trim_end_matches('/');
        assert!(
            said.contains(&format!(" cannot write to {whole}: ")),
            "{said}"
        );
        let root = data.display();
        let user = said
            .split("user ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let user = user.unwrap();
        let help = format!("run `chown -R {user}:");
        assert!(
            said.contains(&help) && said.contains(&format!(" {root}`")),
            "{said}"
        );
        assert!(said.contains("--user 0"), "{said}");
        // Who only reads needs no right to write.
        let read_only = [("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")];
        let mut program = Program::of(&mut unprivileged(
            directory.path(),
            &["serve", &path],
            &read_only,
        ));
        program.wait_for("listening on ");
        drop(program);
        fs::set_permissions(data.join(below), open.clone()).unwrap();
        // Where a file system puts what is its own, that is no repository.
        let own = data.join("docker/registry/v2/repositories/lost+found");
        if own.parent().is_some_and(Path::exists) {
            fs::create_dir(&own).unwrap();
            fs::set_permissions(&own, fs::Permissions::from_mode(0o0)).unwrap();
            let mut command = unprivileged(directory.path(), &["serve", &path], &[]);
            Program::of(&mut command).wait_for("listening on ");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_made_is_told_how_to_make() {
    use std::os::unix::fs::PermissionsExt;
    if program::is_chosen() {
        eprintln!("SKIPPED: the program that was chosen may not be one that can be copied and run");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("closed");
    fs::create_dir(&inner).unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o555)).unwrap();
    let path = written(directory.path(), "my.yml");
    let root = inner.join("a/b");
    let variables = [(ROOT, root.to_str().unwrap())];
    let output = unprivileged(directory.path(), &["serve", &path], &variables).output();
    let said = err(&output.unwrap());
    let help = format!("run `mkdir -p {} && chown ", root.display());
    assert!(said.contains(&help), "{said}");
}

#[test]
#[cfg(unix)]
fn a_file_that_another_user_keeps_is_refused_with_the_user_who_must_read_it() {
    use std::os::unix::fs::PermissionsExt;
    if program::is_chosen() {
        eprintln!("SKIPPED: the program that was chosen may not be one that can be copied and run");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "my.yml");
    let kept = directory.path().join("kept");
    fs::write(&kept, "").unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o000)).unwrap();
    let kept = kept.to_str().unwrap();
    for variables in [
        &[
            ("REGISTRY_AUTH_HTPASSWD_REALM", "r"),
            ("REGISTRY_AUTH_HTPASSWD_PATH", kept),
        ],
        &[
            ("REGISTRY_HTTP_TLS_CERTIFICATE", kept),
            ("REGISTRY_HTTP_TLS_KEY", kept),
        ],
    ] {
        for word in ["serve", "check-config"] {
            let output = unprivileged(directory.path(), &[word, &path], variables).output();
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(1));
            let said = err(&output);
            let reader = said.split("; user ").nth(1).unwrap_or_default();
            assert!(reader.contains(" must be able to read it"), "{said}");
        }
    }
    // The configuration itself is never replaced by an open one.
    let output = unprivileged(directory.path(), &["serve", kept], &[])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains(" must be able to read it"));
}
