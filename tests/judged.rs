//! `registry check-config` judges what a start judges: what it says is wrong stops `serve`, and what stops
//! `serve` it says; it touches nothing.

use crate::process::{err, out, registry};
use crate::util::secure::Identity;
use std::fs;
use std::path::Path;

/// Everything below a directory.
fn names(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.to_str().unwrap().to_owned());
            if path.is_dir() {
                directories.push(path);
            }
        }
    }
    found.sort();
    found
}

struct Case {
    directory: tempfile::TempDir,
    identity: Identity,
}

impl Case {
    fn new() -> Case {
        let directory = tempfile::tempdir().unwrap();
        let identity = Identity::new(directory.path(), "certs");
        fs::write(directory.path().join("file"), "no folder").unwrap();
        Case {
            directory,
            identity,
        }
    }

    /// A configuration of these sections, in which `@` stands for the directory.
    fn text(&self, storage: &str, more: &str) -> String {
        let directory = self.directory.path().to_str().unwrap();
        let [certificate, key] = [&self.identity.certificate, &self.identity.key];
        let text = format!("version: 0.1\nstorage: {storage}\n{more}\n");
        text.replace("@CRT", certificate.to_str().unwrap())
            .replace("@KEY", key.to_str().unwrap())
            .replace('@', directory)
    }

    /// What check-config and serve say, which must be the same but for the order of things.
    fn refused(&self, storage: &str, more: &str) -> String {
        let path = self.directory.path().join("config.yml");
        fs::write(&path, self.text(storage, more)).unwrap();
        let before = names(self.directory.path());
        let checked = registry(&["check-config", path.to_str().unwrap()], &[]);
        assert_eq!(names(self.directory.path()), before, "{more}");
        let (said, printed) = (err(&checked), out(&checked));
        assert_eq!(
            (checked.status.code(), printed.as_str()),
            (Some(1), ""),
            "{storage} {more} {said}"
        );
        let served = registry(&["serve", path.to_str().unwrap()], &[]);
        assert_eq!(served.status.code(), Some(1), "{storage} {more}");
        let first = err(&served);
        let first = first
            .lines()
            .find(|line| line.starts_with("error: "))
            .unwrap();
        assert!(said.lines().any(|line| line == first), "{first}\n{said}");
        said
    }
}

const DATA: &str = "{filesystem: {rootdirectory: '@/data'}}";

#[test]
fn what_stops_a_start_is_told_by_the_check_and_nothing_is_touched() {
    let case = Case::new();
    let loopback = "addr: '127.0.0.1:0'";
    for (storage, more, expected) in [
        (
            DATA,
            format!("auth: {{htpasswd: {{realm: r, path: '@/users'}}}}\nhttp: {{{loopback}}}"),
            "(auth.htpasswd.path)",
        ),
        (
            DATA,
            format!("auth: {{htpasswd: {{realm: r, path: '@/certs'}}}}\nhttp: {{{loopback}}}"),
            "it is a directory",
        ),
        (
            DATA,
            format!(
                "auth: {{token: {{realm: r, service: s, issuer: i, rootcertbundle: '@/bundle'}}}}\nhttp: {{{loopback}}}"
            ),
            "auth.token.rootcertbundle",
        ),
        (
            DATA,
            format!(
                "auth: {{token: {{realm: r, service: s, issuer: i, jwks: '@/file'}}}}\nhttp: {{{loopback}}}"
            ),
            "auth.token.jwks",
        ),
        (
            DATA,
            format!("http: {{{loopback}, tls: {{certificate: '@KEY', key: '@CRT'}}}}"),
            "http.tls.certificate",
        ),
        (
            DATA,
            format!("http: {{{loopback}, tls: {{certificate: '@CRT', key: '@/none'}}}}"),
            "http.tls.key",
        ),
        (
            DATA,
            format!(
                "http: {{{loopback}, tls: {{certificate: '@CRT', key: '@KEY', clientcas: ['@/file']}}}}"
            ),
            "http.tls.clientcas",
        ),
        (
            "{filesystem: {rootdirectory: '@/file'}}",
            format!("http: {{{loopback}}}"),
            "storage.filesystem.rootdirectory",
        ),
        (
            "{filesystem: {rootdirectory: '@/file/below'}}",
            format!("http: {{{loopback}}}"),
            "storage.filesystem.rootdirectory",
        ),
        (
            "{filesystem: {rootdirectory: '@/file'}, maintenance: {readonly: {enabled: true}}}",
            format!("http: {{{loopback}}}"),
            "storage.filesystem.rootdirectory",
        ),
        (
            DATA,
            "http: {addr: 'host.invalid:5000'}".to_owned(),
            "cannot listen on host.invalid:5000: ",
        ),
    ] {
        let said = case.refused(storage, &more);
        assert!(said.contains(expected), "{more}: {said}");
    }
}

#[test]
#[cfg(unix)]
fn a_configuration_may_come_through_a_pipe() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("config.yml");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let text = "version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}\n";
    let checked = std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, text).unwrap());
        registry(&["check-config", pipe.to_str().unwrap()], &[])
    });
    assert!(checked.status.success(), "{}", err(&checked));
}

#[test]
#[cfg(unix)]
fn a_socket_that_cannot_be_made_is_told() {
    let case = Case::new();
    for path in ["@/none/registry.sock", "@/file/registry.sock", "@/file"] {
        let said = case.refused(DATA, &format!("http: {{net: unix, addr: '{path}'}}"));
        assert!(said.contains("cannot listen on "), "{said}");
    }
}

#[test]
fn several_of_them_are_told_at_once() {
    let case = Case::new();
    let said = case.refused(
        "{filesystem: {rootdirectory: '@/file'}}",
        "auth: {htpasswd: {realm: r, path: '@/users'}}\nhttp: {tls: {certificate: '@KEY', key: '@CRT'}}",
    );
    let errors = said.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 3, "{said}");
}

#[test]
fn what_can_start_is_right_also_beside_one_that_runs_and_nothing_is_made() {
    let case = Case::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let more = format!("http: {{addr: '{address}', tls: {{certificate: '@CRT', key: '@KEY'}}}}");
    let path = case.directory.path().join("config.yml");
    fs::write(&path, case.text(DATA, &more)).unwrap();
    let checked = registry(&["check-config", path.to_str().unwrap()], &[]);
    assert_eq!(
        (checked.status.code(), err(&checked)),
        (Some(0), String::new())
    );
    assert!(!case.directory.path().join("data").exists());
}
