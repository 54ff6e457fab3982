//! What the user of a client reads of an error: no message is lost on the way.

use crate::auth::{basic, line};
use crate::util::errcode::shown;
use crate::util::image::{image, layer, sha256};
use crate::util::registry::{RawResponse, Settings, TestRegistry};
use registry::spec::Code;
use registry::spec::error::{Error, TABLE};
use registry::spec::media_type::OCI_MANIFEST;
use serde_json::{Value, json};
use std::fs;

const NONE: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ID: &str = "00000000-0000-4000-8000-000000000000";

/// What is shown of an error's response; nothing of it may be a code alone.
#[track_caller]
fn read(response: &RawResponse) -> String {
    let shown = shown(&response.body);
    assert!(
        shown.iter().all(|line| line.contains(": ")),
        "a message is lost: {shown:?}"
    );
    shown.join("; ")
}

fn detail(response: &RawResponse) -> Value {
    response.json()["errors"][0]["detail"].clone()
}

fn access(kind: &str, name: &str, actions: &[&str]) -> Value {
    let entry = |action: &&str| json!({"Type": kind, "Class": "", "Name": name, "Action": action});
    actions.iter().map(entry).collect()
}

#[test]
fn the_message_of_every_code_is_shown() {
    for (code, name, _, message) in TABLE {
        let error = match code {
            // Never sent without what was asked for: see the next test.
            Code::Unauthorized | Code::Denied => Error::new(code).detail(json!([])),
            code => Error::new(code),
        };
        let words = name.to_lowercase().replace('_', " ");
        let shown = shown(&error.to_json()).concat();
        let known = shown
            .strip_suffix(message)
            .and_then(|shown| shown.strip_suffix(": "));
        assert!(
            known == Some(&*words) || known == Some("unknown"),
            "{code:?} is shown as {shown:?}"
        );
    }
    // The rule itself: the standard message without a detail is lost, with one it is not.
    let body = |message: &str, detail: Value| {
        json!({"errors": [{"code": "DENIED", "message": message, "detail": detail}]}).to_string()
    };
    let standard = Code::Denied.message();
    assert_eq!(shown(body(standard, Value::Null).as_bytes()), ["denied"]);
    let kept = [format!("denied: {standard}")];
    assert_eq!(shown(body(standard, json!([])).as_bytes()), kept);
    assert_eq!(shown(body("no", Value::Null).as_bytes()), ["denied: no"]);
}

#[test]
fn a_refusal_lists_what_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    fs::write(&path, line("anna", "anna") + &line("ben", "ben")).unwrap();
    let rules =
        r#"{rules: [{users: [anna], repositories: ["**"], actions: [pull, push, delete]}]}"#;
    let registry = Settings::default()
        .set("AUTH_HTPASSWD_REALM", "realm")
        .set("AUTH_HTPASSWD_PATH", path.to_str().unwrap())
        .set("ACCESS", rules)
        .start();
    let wrong = basic("anna", "wrong");
    let mount = format!("/v2/busybox/blobs/uploads/?mount={NONE}&from=c/d");
    let mounted = [
        access("repository", "busybox", &["pull", "push"]),
        access("repository", "c/d", &["pull"]),
    ];
    let mounted: Value = mounted
        .iter()
        .flat_map(|list| list.as_array().unwrap().clone())
        .collect();
    let busybox = |actions: &[&str]| access("repository", "busybox", actions);
    for (method, path, expected) in [
        ("GET", "/v2/busybox/manifests/latest", busybox(&["pull"])),
        ("GET", "/v2/busybox/tags/list", busybox(&["pull"])),
        (
            "GET",
            &format!("/v2/busybox/blobs/{NONE}"),
            busybox(&["pull"]),
        ),
        (
            "GET",
            &format!("/v2/busybox/referrers/{NONE}"),
            busybox(&["pull"]),
        ),
        (
            "PUT",
            "/v2/busybox/manifests/latest",
            busybox(&["pull", "push"]),
        ),
        (
            "POST",
            "/v2/busybox/blobs/uploads/",
            busybox(&["pull", "push"]),
        ),
        (
            "GET",
            &format!("/v2/busybox/blobs/uploads/{ID}"),
            busybox(&["pull", "push"]),
        ),
        (
            "DELETE",
            "/v2/busybox/manifests/latest",
            busybox(&["delete"]),
        ),
        ("POST", &mount, mounted),
        ("GET", "/v2/_catalog", access("registry", "catalog", &["*"])),
        ("GET", "/v2/", Value::Null),
        ("GET", "/v2/_token", Value::Null),
        ("GET", "/v2/A/tags/list", Value::Null),
    ] {
        for credentials in [None, Some(("Authorization", &*wrong))] {
            let headers: Vec<_> = credentials.into_iter().collect();
            let response = registry.call(method, path, &headers, None);
            let response = response.expect_error(401, "UNAUTHORIZED");
            assert_eq!(detail(&response), expected, "{method} {path}");
            assert!(response.json()["errors"][0].get("detail").is_some());
            let read = read(&response);
            assert!(
                read.starts_with("unauthorized: authentication required"),
                "{read}"
            );
        }
        if !expected.is_null() {
            let ben = basic("ben", "ben");
            let denied = registry.call(method, path, &[("Authorization", &ben)], None);
            let denied = denied.expect_error(403, "DENIED");
            assert_eq!(detail(&denied), expected, "{method} {path}");
            assert_eq!(
                read(&denied),
                "denied: requested access to the resource is denied"
            );
        }
    }
    // Where nobody can log in, a stranger is denied, also what names no repository.
    let registry = Settings::default()
        .set(
            "ACCESS",
            r#"{rules: [{users: [anonymous], repositories: ["a"], actions: [pull]}]}"#,
        )
        .start();
    let denied = registry.get("/v2/b/tags/list").expect_error(403, "DENIED");
    assert_eq!(detail(&denied), access("repository", "b", &["pull"]));
    read(&denied);
}

#[test]
fn an_error_names_what_it_is_about_as_distribution_does() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    let bad = registry.put_manifest("a", "v2", &image(2)).expect(400);
    let parts = image(2);
    let digests = [&parts["config"]["digest"], &parts["layers"][0]["digest"]];
    let body = bad.json();
    let found = body["errors"].as_array().unwrap().iter();
    let found: Vec<&Value> = found.map(|error| &error["detail"]).collect();
    assert_eq!(found, digests, "each on its own, as its bare text");
    read(&bad);
    for (path, expected) in [
        (format!("a/blobs/{NONE}"), json!(NONE)),
        ("a/manifests/none".to_owned(), json!("unknown tag=none")),
        (
            format!("a/manifests/{NONE}"),
            json!(format!("unknown manifest name=a revision={NONE}")),
        ),
        ("none/tags/list".to_owned(), json!({"name": "none"})),
        ("a/tags/list?n=-1".to_owned(), json!({"n": "-1"})),
        ("_catalog?n=x".to_owned(), json!({"n": "x"})),
        ("a/blobs/sha256:00".to_owned(), json!("sha256:00")),
        ("a/manifests/-x".to_owned(), json!("-x")),
        ("A/tags/list".to_owned(), json!("A")),
        ("a/nothing".to_owned(), json!("/v2/a/nothing")),
    ] {
        let response = registry.get(&format!("/v2/{path}"));
        assert_eq!(detail(&response), expected, "{path}");
        read(&response);
        let is_blob = path.contains("/blobs/") || path.contains("/manifests/");
        if is_blob {
            let deleted = registry.delete(&format!("/v2/{path}"));
            assert_eq!(detail(&deleted), expected, "{path}");
        }
    }
}

#[test]
fn no_message_of_a_running_registry_is_lost() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    let start = || {
        registry
            .post("/v2/a/blobs/uploads/")
            .header("Location")
            .to_owned()
    };
    let put = |path: &str, content_type: &str, body: &[u8]| {
        registry.put(path, &[("Content-Type", content_type)], body)
    };
    let missing = format!("{}?digest={NONE}", start());
    for response in [
        put(&start(), "", b"x"),
        put(&missing, "", b"x"),
        put(&format!("{}?digest=md5:1", start()), "", b"x"),
        put(&format!("/v2/a/blobs/uploads/{ID}?digest={NONE}"), "", b"x"),
        registry.patch(&start(), &[("Content-Range", "5-7")], b"abc"),
        registry.patch(&start(), &[("Content-Range", "x")], b"abc"),
        registry.patch(&start(), &[("Content-Range", "0-7")], b"abc"),
        registry.get(&format!("/v2/a/blobs/uploads/{ID}")),
        registry.delete(&format!("/v2/a/blobs/uploads/{ID}")),
        registry.post("/v2/a/blobs/uploads/?digest=%zz"),
        registry.post("/v2/a/tags/list"),
        put("/v2/a/manifests/v2", OCI_MANIFEST, b"{"),
        put("/v2/a/manifests/v2", OCI_MANIFEST, b"{}"),
        put("/v2/a/manifests/v2", "x", image(1).to_string().as_bytes()),
        put(
            &format!("/v2/a/manifests/{NONE}"),
            OCI_MANIFEST,
            image(1).to_string().as_bytes(),
        ),
        put("/v2/a/manifests/v2", OCI_MANIFEST, &vec![b' '; 5_000_000]),
        registry.call(
            "GET",
            &format!("/v2/a/blobs/{}", sha256(&layer(1))),
            &[("Range", "bytes=20000-")],
            None,
        ),
        registry.get("/v2/%zz/tags/list"),
        registry.get("/v3/"),
    ] {
        assert!(response.status >= 400, "{response:?}");
        read(&response);
    }
    for (name, value, key) in [
        ("STORAGE_DELETE_ENABLED", "false", "storage.delete.enabled"),
        (
            "STORAGE_MAINTENANCE_READONLY_ENABLED",
            "true",
            "storage.maintenance.readonly",
        ),
    ] {
        let registry = Settings::default().set(name, value).start();
        let response = registry.delete("/v2/a/manifests/v1");
        let read = read(&response.expect_error(405, "UNSUPPORTED"));
        assert!(read.contains(key), "{read}");
    }
}
