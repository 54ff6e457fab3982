//! Who may do what where: the rules of `access` from outside.

use crate::auth::{basic, line};
use crate::util::image::{bytes, config, descriptor, image, layer, sha256};
use crate::util::registry::{RawResponse, Settings, TestRegistry};
use crate::util::tree::quick_directory;
use registry::spec::media_type::OCI_MANIFEST;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

const RULES: &str = r#"{
    groups: {team: [anna, ben]},
    rules: [
        {users: [root], repositories: ["**"], actions: [pull, push, delete, catalog]},
        {users: ["@team"], repositories: ["team/**"], actions: [pull, push, catalog]},
        {users: [ci], repositories: ["releases/*"], actions: [pull, push-new]},
        {users: [anonymous, "*"], repositories: ["public/**"], actions: [pull, catalog]},
    ],
}"#;

/// A registry with rules, whose users have their own names as passwords.
struct Ruled {
    registry: TestRegistry,
    _folder: TempDir,
}

fn start(rules: &str) -> Ruled {
    start_over(Settings::default(), rules)
}

fn start_over(settings: Settings, rules: &str) -> Ruled {
    let directory = quick_directory();
    let path = directory.path().join("users");
    let users = ["root", "anna", "ben", "ci", "other"];
    let text: String = users.iter().map(|user| line(user, user)).collect();
    fs::write(&path, text).unwrap();
    let registry = settings
        .set("AUTH_HTPASSWD_REALM", "realm")
        .set("AUTH_HTPASSWD_PATH", path.to_str().unwrap())
        .set("ACCESS", rules)
        .start();
    Ruled {
        registry,
        _folder: directory,
    }
}

impl Ruled {
    /// A request of a user; of nobody when the name is empty.
    fn ask(&self, user: &str, method: &str, path: &str, body: Option<&[u8]>) -> RawResponse {
        let credentials = basic(user, user);
        let mut headers = vec![("Content-Type", OCI_MANIFEST)];
        if !user.is_empty() {
            headers.push(("Authorization", &credentials));
        }
        self.registry.call(method, path, &headers, body)
    }

    fn push_blob(&self, user: &str, name: &str, bytes: &[u8]) -> RawResponse {
        let path = format!("/v2/{name}/blobs/uploads/?digest={}", sha256(bytes));
        self.ask(user, "POST", &path, Some(bytes))
    }

    fn put(&self, user: &str, name: &str, reference: &str, manifest: &Value) -> RawResponse {
        let path = format!("/v2/{name}/manifests/{reference}");
        self.ask(user, "PUT", &path, Some(manifest.to_string().as_bytes()))
    }

    /// Pushes an image whatever the rules say of others.
    fn push_image(&self, name: &str, tag: &str, seed: u64) -> String {
        self.push_blob("root", name, &config(seed)).expect(201);
        self.push_blob("root", name, &layer(seed)).expect(201);
        self.put("root", name, tag, &image(seed)).expect(201);
        sha256(image(seed).to_string().as_bytes())
    }

    fn catalog(&self, user: &str, query: &str) -> RawResponse {
        self.ask(user, "GET", &format!("/v2/_catalog{query}"), None)
    }
}

#[test]
fn each_may_do_what_the_first_rule_says() {
    let ruled = start(RULES);
    let digest = ruled.push_image("team/app", "v1", 1);
    ruled.push_image("public/app", "v1", 2);
    let blob = sha256(&layer(1));
    // Rows: path; columns: nobody, anna, other, root.
    let reads = [
        ("/v2/team/app/manifests/v1".to_owned(), [401, 200, 403, 200]),
        (format!("/v2/team/app/blobs/{blob}"), [401, 200, 403, 200]),
        ("/v2/team/app/tags/list".to_owned(), [401, 200, 403, 200]),
        (
            format!("/v2/team/app/referrers/{digest}"),
            [401, 200, 403, 200],
        ),
        (
            "/v2/public/app/manifests/v1".to_owned(),
            [200, 200, 200, 200],
        ),
        (
            "/v2/public/none/manifests/v1".to_owned(),
            [404, 404, 404, 404],
        ),
        (
            "/v2/team/none/manifests/v1".to_owned(),
            [401, 404, 403, 404],
        ),
        ("/v2/team/manifests/v1".to_owned(), [401, 403, 403, 404]),
        ("/v2/".to_owned(), [401, 200, 200, 200]),
        ("/v2/no/endpoint/at/all".to_owned(), [401, 404, 404, 404]),
    ];
    for (path, statuses) in reads {
        for (user, status) in ["", "anna", "other", "root"].into_iter().zip(statuses) {
            ruled.ask(user, "GET", &path, None).expect(status);
            ruled.ask(user, "HEAD", &path, None).expect(status);
        }
    }
    for (name, statuses) in [
        ("team/new", [401, 201, 403, 201]),
        ("public/new", [401, 403, 403, 201]),
    ] {
        for (user, status) in ["", "ben", "other", "root"].into_iter().zip(statuses) {
            let response = ruled.push_blob(user, name, b"blob").expect(status);
            if status > 400 {
                let code = if status == 401 {
                    "UNAUTHORIZED"
                } else {
                    "DENIED"
                };
                response.expect_error(status, code);
            }
            let start = format!("/v2/{name}/blobs/uploads/");
            ruled
                .ask(user, "POST", &start, Some(b""))
                .expect(if status == 201 { 202 } else { status });
        }
    }
    // A session is no way round: who may not push may not go on with one either.
    let started = ruled.ask("anna", "POST", "/v2/team/app/blobs/uploads/", Some(b""));
    let session = started.header("Location").to_owned();
    for method in ["GET", "PATCH", "PUT", "DELETE"] {
        ruled
            .ask("other", method, &session, None)
            .expect_error(403, "DENIED");
    }
    ruled.ask("anna", "GET", &session, None).expect(204);
    // Deleting is another right than pushing.
    let path = format!("/v2/team/app/manifests/{digest}");
    ruled
        .ask("anna", "DELETE", &path, None)
        .expect_error(403, "DENIED");
    ruled
        .ask("", "DELETE", &path, None)
        .expect_error(401, "UNAUTHORIZED");
    ruled.ask("root", "DELETE", &path, None).expect(202);
}

#[test]
fn a_wrong_password_is_never_anonymous() {
    let ruled = start(RULES);
    ruled.push_image("public/app", "v1", 1);
    for header in [
        basic("anna", "wrong"),
        basic("nobody", "x"),
        "Basic Og==".to_owned(),
        "Bearer x".to_owned(),
    ] {
        for path in [
            "/v2/",
            "/v2/public/app/manifests/v1",
            "/v2/_token",
            "/v2/_catalog",
        ] {
            let headers = [("Authorization", header.as_str())];
            ruled
                .registry
                .call("GET", path, &headers, None)
                .expect_error(401, "UNAUTHORIZED");
        }
    }
}

#[test]
fn the_catalog_lists_what_may_be_pulled() {
    let ruled = start(RULES);
    for name in ["public/a", "public/b", "team/a", "team/b", "team/c", "zoo"] {
        ruled.push_image(name, "v1", 1);
    }
    let listed = |user: &str| ruled.catalog(user, "").expect(200).json()["repositories"].clone();
    let public = json!(["public/a", "public/b"]);
    assert_eq!(listed(""), public);
    assert_eq!(listed("other"), public);
    // `ci` sees no releases there: its rule does not allow it.
    assert_eq!(listed("ci"), public);
    let team = json!(["public/a", "public/b", "team/a", "team/b", "team/c"]);
    assert_eq!(listed("anna"), team);
    assert_eq!(
        listed("root"),
        json!(["public/a", "public/b", "team/a", "team/b", "team/c", "zoo"])
    );
    // Page by page, with nothing told of what is between.
    let mut path = "/v2/_catalog?n=2".to_owned();
    let mut found = Vec::new();
    loop {
        let response = ruled.ask("anna", "GET", &path, None).expect(200);
        let names = response.json()["repositories"].as_array().unwrap().clone();
        assert!(names.len() <= 2);
        found.extend(names);
        match response.find("Link") {
            None => break,
            Some(link) => path = link.split(['<', '>']).nth(1).unwrap().to_owned(),
        }
    }
    assert_eq!(json!(found), team);
    let full = ruled.catalog("other", "?n=2").expect(200);
    assert_eq!(full.find("Link"), None, "there is nothing more for them");
    // Without the action anywhere, the catalog itself is closed.
    let closed = start(r#"{rules: [{users: [anna], repositories: ["**"], actions: [pull]}]}"#);
    closed.catalog("anna", "").expect_error(403, "DENIED");
    closed.catalog("", "").expect_error(401, "UNAUTHORIZED");
}

#[test]
fn a_mount_needs_the_right_to_pull() {
    let ruled = start(RULES);
    let secret = bytes(1, 1000);
    let digest = sha256(&secret);
    ruled.push_blob("root", "secret/app", &secret).expect(201);
    ruled.push_blob("root", "public/app", b"public").expect(201);
    let mount = |user: &str, to: &str, digest: &str, from: &str| {
        let path = format!("/v2/{to}/blobs/uploads/?mount={digest}{from}");
        ruled.ask(user, "POST", &path, Some(b""))
    };
    mount("anna", "team/app", &digest, "&from=secret/app").expect(202);
    mount("anna", "team/app", &digest, "&from=secret/none").expect(202);
    mount("anna", "team/app", &digest, "").expect(202);
    ruled
        .ask(
            "anna",
            "HEAD",
            &format!("/v2/team/app/blobs/{digest}"),
            None,
        )
        .expect(404);
    mount("anna", "team/app", &sha256(b"public"), "&from=public/app").expect(201);
    mount("root", "other/app", &digest, "&from=secret/app").expect(201);
    mount("other", "team/app", &digest, "&from=secret/app").expect_error(403, "DENIED");
    // And what cannot be mounted cannot be named by a manifest either.
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &secret),
        "layers": [],
    });
    let response = ruled.put("anna", "team/app", "v1", &manifest);
    response.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
}

#[test]
fn a_tag_that_may_only_be_created_is_never_moved() {
    let ruled = start(RULES);
    let name = "releases/app";
    for seed in [1, 2] {
        ruled.push_blob("ci", name, &config(seed)).expect(201);
        ruled.push_blob("ci", name, &layer(seed)).expect(201);
    }
    let digest = |seed| sha256(image(seed).to_string().as_bytes());
    ruled.put("ci", name, "v1", &image(1)).expect(201);
    // The same again is no change.
    ruled.put("ci", name, "v1", &image(1)).expect(201);
    let denied = ruled
        .put("ci", name, "v1", &image(2))
        .expect_error(403, "DENIED");
    assert_eq!(denied.json()["errors"][0]["detail"], "v1");
    // By digest nothing is moved; with tags in the query it would be.
    ruled.put("ci", name, &digest(2), &image(2)).expect(201);
    let both = format!("{}?tag=v2&tag=v1", digest(2));
    ruled
        .put("ci", name, &both, &image(2))
        .expect_error(403, "DENIED");
    let path = |tag: &str| format!("/v2/{name}/manifests/{tag}");
    ruled.ask("ci", "GET", &path("v2"), None).expect(404);
    let v1 = ruled.ask("ci", "GET", &path("v1"), None).expect(200);
    assert_eq!(v1.header("Docker-Content-Digest"), digest(1));
    ruled
        .ask("ci", "DELETE", &path("v1"), None)
        .expect_error(403, "DENIED");
    ruled.put("root", name, "v1", &image(2)).expect(201);
}

#[test]
fn of_many_who_create_one_tag_one_does_also_at_two_registries_on_one_folder() {
    let first = start(RULES);
    let second = start_over(Settings::default().root(&first.registry.root), RULES);
    let name = "releases/app";
    let seeds: Vec<u64> = (1..=8).collect();
    for seed in &seeds {
        first.push_blob("ci", name, &config(*seed)).expect(201);
        first.push_blob("ci", name, &layer(*seed)).expect(201);
    }
    for tag in ["v1", "v2", "v3"] {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let put = |seed: &u64| {
                let image = image(*seed);
                let ruled = [&first, &second][usize::from(seed.is_multiple_of(2))];
                scope.spawn(move || ruled.put("ci", name, tag, &image).status)
            };
            let puts: Vec<_> = seeds.iter().map(put).collect();
            puts.into_iter().map(|put| put.join().unwrap()).collect()
        });
        let count = |status| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((count(201), count(403)), (1, 7), "{statuses:?}");
    }
}

#[test]
fn a_bearer_challenge_leads_to_a_ticket() {
    let ruled = start(RULES);
    ruled.push_image("public/app", "v1", 1);
    ruled.push_image("team/app", "v1", 2);
    let url = format!("http://{}/v2/_token", ruled.registry.address);
    let challenge = |path: &str| {
        let response = ruled.ask("", "GET", path, None).expect(401);
        response.header("WWW-Authenticate").to_owned()
    };
    let plain = format!("Bearer realm=\"{url}\",service=\"realm\"");
    assert_eq!(challenge("/v2/"), plain);
    let scoped = format!("{plain},scope=\"repository:team/app:pull\"");
    assert_eq!(challenge("/v2/team/app/manifests/v1"), scoped);
    let ticket = |user: &str| {
        let path = "/v2/_token?service=realm&scope=repository:team/app:pull,push&account=x";
        let response = ruled.ask(user, "GET", path, None).expect(200);
        assert_eq!(response.header("Cache-Control"), "no-store");
        let body = response.json();
        assert_eq!(body["token"], body["access_token"]);
        assert_eq!(body["expires_in"], 300);
        format!("Bearer {}", body["token"].as_str().unwrap())
    };
    let get = |ticket: &str, path: &str| {
        ruled
            .registry
            .call("GET", path, &[("Authorization", ticket)], None)
    };
    let (guest, anna, other) = (ticket(""), ticket("anna"), ticket("other"));
    for (holder, statuses) in [
        (&guest, [200, 200, 401]),
        (&anna, [200, 200, 200]),
        (&other, [200, 200, 403]),
    ] {
        let paths = [
            "/v2/",
            "/v2/public/app/manifests/v1",
            "/v2/team/app/manifests/v1",
        ];
        for (path, status) in paths.into_iter().zip(statuses) {
            get(holder, path).expect(status);
        }
    }
    get(&format!("{anna}x"), "/v2/public/app/manifests/v1").expect(401);
    // None of them gets another: it would be good for ever.
    for holder in [&guest, &anna, &other] {
        let response = get(holder, "/v2/_token").expect_error(401, "UNAUTHORIZED");
        assert_eq!(response.header("WWW-Authenticate"), "Basic realm=\"realm\"");
        assert_eq!(response.header("Cache-Control"), "no-store");
    }
    // A wrong password is told in words that every client understands.
    let headers = [("Authorization", basic("anna", "wrong"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let response = ruled
        .registry
        .call("GET", "/v2/_token", &headers, None)
        .expect(401);
    assert_eq!(response.header("WWW-Authenticate"), "Basic realm=\"realm\"");
    ruled.registry.post("/v2/_token").expect(405);
}

#[test]
fn without_guests_the_challenge_is_basic_and_there_are_no_tickets() {
    let ruled = start(r#"{rules: [{users: ["*"], repositories: ["**"], actions: [pull]}]}"#);
    let response = ruled
        .ask("", "GET", "/v2/_token", None)
        .expect_error(401, "UNAUTHORIZED");
    assert_eq!(response.header("WWW-Authenticate"), "Basic realm=\"realm\"");
    ruled
        .ask("anna", "GET", "/v2/_token", None)
        .expect_error(404, "PATH_UNKNOWN");
}

#[test]
fn a_registry_to_read_for_all_needs_no_users() {
    let registry = Settings::default()
        .set(
            "ACCESS",
            r#"{rules: [{users: [anonymous], repositories: ["open/*"], actions: [pull, push]}]}"#,
        )
        .start();
    registry.push_image("open/app", "v1", 1);
    registry.get("/v2/").expect(200);
    registry.get("/v2/open/app/manifests/v1").expect(200);
    let response = registry
        .get("/v2/closed/app/manifests/v1")
        .expect_error(403, "DENIED");
    assert_eq!(response.find("WWW-Authenticate"), None);
    registry
        .delete("/v2/open/app/manifests/v1")
        .expect_error(403, "DENIED");
    registry.get("/v2/_catalog").expect_error(403, "DENIED");
}

#[test]
fn a_repository_is_deleted_by_who_may_delete_in_it_and_nobody_else_learns_whether_it_exists() {
    let ruled = start(RULES);
    ruled.push_image("team/app", "v1", 1);
    for name in ["team/app", "team/none"] {
        let path = format!("/v2/{name}/");
        let refused = ruled
            .ask("", "DELETE", &path, None)
            .expect_error(401, "UNAUTHORIZED");
        let wanted = &refused.json()["errors"][0]["detail"][0];
        assert_eq!(
            (&wanted["Name"], &wanted["Action"]),
            (&json!(name), &json!("delete"))
        );
        ruled
            .ask("anna", "DELETE", &path, None)
            .expect_error(403, "DENIED");
        ruled
            .ask("other", "DELETE", &path, None)
            .expect_error(403, "DENIED");
    }
    ruled
        .ask("root", "DELETE", "/v2/team/none/", None)
        .expect_error(404, "NAME_UNKNOWN");
    ruled
        .ask("root", "DELETE", "/v2/team/app/", None)
        .expect(202);
    ruled
        .ask("anna", "GET", "/v2/team/app/tags/list", None)
        .expect_error(404, "NAME_UNKNOWN");
}
