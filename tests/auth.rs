//! Who gets in: `auth.htpasswd` and `auth.silly` from outside.

mod log;
mod reload;

use crate::util::image::{bytes, sha256};
use crate::util::pace::{rest, wait_until};
use crate::util::raw::Raw;
use crate::util::registry::{RawResponse, Settings, TestRegistry};
use crate::util::tree::quick_directory;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registry::config::{Config, ConfigSource};
use registry::logging::Sink;
use registry::server::Registry;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// An entry of a file of users.
pub fn line(user: &str, password: &str) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
}

/// The value of an `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A registry whose users are in a file of that text.
fn start(users: &str) -> (TestRegistry, TempDir) {
    let directory = quick_directory();
    let path = directory.path().join("users");
    fs::write(&path, users).unwrap();
    (settings(&path).start(), directory)
}

fn settings(path: &Path) -> Settings {
    Settings::default()
        .set("AUTH", "htpasswd")
        .set("AUTH_HTPASSWD_REALM", "Registry \"Realm\"")
        .set("AUTH_HTPASSWD_PATH", path.to_str().unwrap())
}

fn get(registry: &TestRegistry, path: &str, credentials: &str) -> RawResponse {
    registry.call("GET", path, &[("Authorization", credentials)], None)
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn without_a_password_every_path_is_answered_alike() {
    let (registry, _folder) = start(&line("anna", "secret"));
    let credentials = basic("anna", "secret");
    let digest = {
        let digest = sha256(b"here");
        let path = format!("/v2/here/blobs/uploads/?digest={digest}");
        let headers = [("Authorization", credentials.as_str())];
        registry
            .call("POST", &path, &headers, Some(b"here"))
            .expect(201);
        digest
    };
    let paths = [
        "/v2/".to_owned(),
        "/v2".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/here/tags/list".to_owned(),
        "/v2/not-here/tags/list".to_owned(),
        format!("/v2/here/blobs/{digest}"),
        format!("/v2/here/blobs/{DIGEST}"),
        "/v2/here/manifests/latest".to_owned(),
        format!("/v2/here/referrers/{DIGEST}"),
        "/v2/here/blobs/uploads/".to_owned(),
        "/v2/here/blobs/uploads/ffffffff-ffff-4fff-bfff-ffffffffffff".to_owned(),
        "/v2/NO-NAME/tags/list".to_owned(),
        "/v2/here/nothing".to_owned(),
        "/v2/%zz".to_owned(),
        "/v3/".to_owned(),
    ];
    for path in &paths {
        for method in ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "BREW"] {
            let mut bodies = Vec::new();
            for wrong in [
                None,
                Some(basic("anna", "wrong")),
                Some(basic("ben", "secret")),
            ] {
                let headers: Vec<_> = wrong
                    .iter()
                    .map(|w| ("Authorization", w.as_str()))
                    .collect();
                let response = registry.call(method, path, &headers, None).expect(401);
                let challenges = response.all("WWW-Authenticate");
                assert_eq!(challenges, [r#"Basic realm="Registry \"Realm\"""#]);
                assert_eq!(
                    response.header("Docker-Distribution-API-Version"),
                    "registry/2.0"
                );
                if method != "HEAD" {
                    bodies.push(response.expect_error(401, "UNAUTHORIZED").body);
                }
            }
            // Of another repository the same is said.
            if method != "HEAD" {
                let other = path.replace("/here/", "/gone/");
                let response = registry.call(method, &other, &[], None).expect(401);
                let text = String::from_utf8(response.body).unwrap();
                bodies.push(text.replace("gone", "here").into_bytes());
            }
            bodies.dedup();
            assert!(bodies.len() <= 1, "{method} {path}");
        }
    }
    registry.get("/").expect(200);
    get(&registry, "/v2/", &credentials).expect(200);
    get(&registry, "/v2/here/nothing", &credentials).expect_error(404, "PATH_UNKNOWN");
    get(&registry, "/v2/NO-NAME/tags/list", &credentials).expect_error(400, "NAME_INVALID");
}

#[test]
fn passwords_and_users_may_hold_anything() {
    let long = "x".repeat(72);
    let users = [
        ("colon", "a:b::c"),
        ("j\u{f6}rg", "p\u{e4}ss w\u{f6}rd"),
        ("empty", ""),
        ("long", &long),
    ];
    let text: String = users
        .iter()
        .map(|(user, password)| line(user, password))
        .collect();
    let (registry, _folder) = start(&text);
    for (user, password) in users {
        for _ in 0..2 {
            get(&registry, "/v2/", &basic(user, password)).expect(200);
            get(&registry, "/v2/", &basic(user, &format!("z{password}"))).expect(401);
        }
    }
    // bcrypt looks at 72 bytes, and no further.
    get(&registry, "/v2/", &basic("long", &format!("{long}y"))).expect(200);
    let too_long = format!("{long}{}", "y".repeat(4 * 1024));
    get(&registry, "/v2/", &basic("long", &too_long)).expect(401);
}

#[test]
fn malformed_credentials_are_401_and_nothing_worse() {
    let (registry, _folder) = start(&line("anna", "secret"));
    let good = basic("anna", "secret");
    let huge = basic("anna", &"x".repeat(16 * 1024));
    for header in [
        "",
        "Basic",
        "Basic ",
        "Basic !",
        "Basic Og==",
        "Bearer x",
        "Digest a=b",
        "Basic AAAA",
        &huge,
        &format!("{good}x="),
    ] {
        let mut raw = Raw::connect(registry.address);
        raw.send(format!(
            "GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n\r\n"
        ));
        assert_eq!(raw.response().status, 401, "{header}");
        raw.send(format!(
            "GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: {good}\r\n\r\n"
        ));
        assert_eq!(raw.response().status, 200);
    }
    let mut raw = Raw::connect(registry.address);
    raw.send(format!(
        "GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: {good}\r\nAuthorization: {good}\r\n\r\n"
    ));
    assert_eq!(raw.response().status, 401);
    raw.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\xfe\x80\r\n\r\n");
    assert_eq!(raw.response().status, 401);
    // More ends at the head's own limit.
    let mut raw = Raw::connect(registry.address);
    let password = basic("anna", &"x".repeat(256 * 1024));
    raw.send(format!(
        "GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: {password}\r\n\r\n"
    ));
    assert_eq!(raw.response().status, 431);
}

#[test]
fn a_body_without_a_right_is_not_asked_for() {
    let (registry, _folder) = start(&line("anna", "secret"));
    let mut raw = Raw::connect(registry.address);
    raw.send(
        "PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\
         Expect: 100-continue\r\n\r\n",
    );
    // Not 100 first.
    assert_eq!(raw.response().status, 401);
    let path = format!("/v2/a/blobs/uploads/?digest={DIGEST}");
    let response = registry.call("POST", &path, &[], Some(&bytes(1, 100_000)));
    response.expect(401);
    assert!(!registry.file("repositories/a").exists());
}

#[test]
fn a_changed_file_counts_without_a_restart() {
    let (registry, directory) = start(&line("anna", "old"));
    let path = directory.path().join("users");
    let wait_for = |user: &str, password: &str, status: u16| {
        wait_until(&format!("{user} gets {status}"), || {
            rest();
            get(&registry, "/v2/", &basic(user, password)).status == status
        });
    };
    get(&registry, "/v2/", &basic("anna", "old")).expect(200);
    // Replaced as a whole, then rewritten in place, then broken.
    let next = directory.path().join("next");
    fs::write(&next, line("anna", "new")).unwrap();
    fs::rename(&next, &path).unwrap();
    wait_for("anna", "new", 200);
    get(&registry, "/v2/", &basic("anna", "old")).expect(401);
    fs::write(&path, line("ben", "b")).unwrap();
    wait_for("ben", "b", 200);
    get(&registry, "/v2/", &basic("anna", "new")).expect(401);
    fs::write(&path, "no colon here\n").unwrap();
    fs::remove_file(&path).unwrap();
    get(&registry, "/v2/", &basic("ben", "b")).expect(200);
    fs::write(&path, "ben:{SHA}nope\n").unwrap();
    wait_for("ben", "b", 401);
}

#[test]
fn a_file_that_cannot_be_used_stops_the_start() {
    let directory = quick_directory();
    let path = directory.path().join("users");
    let open = || {
        let text = format!(
            "version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0'}}\n\
             auth: {{htpasswd: {{realm: r, path: {}}}}}\n",
            path.display()
        );
        let name = "test.yml".to_owned();
        let (config, _) = Config::load(ConfigSource::Text { name, text }, []).unwrap();
        let error = Registry::open(&config, &Sink::Standard).err();
        error.map(|error| error.to_string())
    };
    let error = open().unwrap();
    assert!(
        error.contains("auth.htpasswd.path") && error.contains("does not exist"),
        "{error}"
    );
    assert!(error.contains("registry htpasswd --file"), "{error}");
    fs::write(&path, "anna\n").unwrap();
    assert!(open().unwrap().contains("line 1 has no colon"));
    fs::write(&path, "").unwrap();
    assert_eq!(open(), None);
}

#[test]
fn silly_challenges_as_distribution_does() {
    let registry = Settings::default()
        .set("AUTH_SILLY_REALM", "test-realm")
        .set("AUTH_SILLY_SERVICE", "test-service")
        .start();
    let start = "Bearer realm=\"test-realm\",service=\"test-service\"";
    let response = registry.get("/v2/").expect_error(401, "UNAUTHORIZED");
    assert_eq!(response.header("WWW-Authenticate"), start);
    let response = registry
        .get("/v2/a/b/tags/list")
        .expect_error(401, "UNAUTHORIZED");
    let scope = format!("{start},scope=\"repository:a/b:pull\"");
    assert_eq!(response.header("WWW-Authenticate"), scope);
    let response = registry.post("/v2/a/blobs/uploads/").expect(401);
    let scope = format!("{start},scope=\"repository:a:pull,push\"");
    assert_eq!(response.header("WWW-Authenticate"), scope);
    get(&registry, "/v2/", "seriously, anything").expect(200);
}
