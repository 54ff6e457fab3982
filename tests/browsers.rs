//! What web interfaces and load balancers ask without credentials: `OPTIONS`, as the preflight of CORS
//! (Fetch, "CORS-preflight fetch") and as a sign of life.

use crate::auth::{basic, line};
use crate::util::raw::{Raw, RawResponse};
use crate::util::registry::{Settings, TestRegistry};
use crate::util::tree::quick_directory;
use std::fs;
use tempfile::TempDir;

const SITE: &str = "https://ui.example";

/// The headers that guides for web interfaces of distribution tell to set.
const HEADERS: &str = "{
    X-Content-Type-Options: [nosniff],
    Access-Control-Allow-Origin: ['https://ui.example'],
    Access-Control-Allow-Methods: ['HEAD', 'GET', 'OPTIONS', 'DELETE'],
    Access-Control-Allow-Headers: ['Authorization', 'Accept', 'Cache-Control'],
    Access-Control-Max-Age: [1728000],
    Access-Control-Allow-Credentials: [true],
    Access-Control-Expose-Headers: ['Docker-Content-Digest'],
}";

/// A registry with a user `anna` and the image `a:v1`.
fn start() -> (TestRegistry, TempDir) {
    let directory = quick_directory();
    let (users, data) = (
        directory.path().join("users"),
        directory.path().join("data"),
    );
    fs::write(&users, line("anna", "secret")).unwrap();
    let filled = Settings::default().root(&data).start();
    filled.push_image("a", "v1", 1);
    drop(filled);
    let registry = Settings::default()
        .root(&data)
        .set("AUTH_HTPASSWD_REALM", "realm")
        .set("AUTH_HTPASSWD_PATH", users.to_str().unwrap())
        .set("HTTP_HEADERS", HEADERS)
        .start();
    (registry, directory)
}

/// The entries of a list that may be in several headers.
fn list(response: &RawResponse, name: &str) -> Vec<String> {
    let headers = response.headers.iter();
    let headers = headers.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    let entries = headers.flat_map(|(_, value)| value.split(','));
    entries.map(|entry| entry.trim().to_owned()).collect()
}

/// Whether a browser lets a page of [`SITE`] read an response to a request with credentials.
fn may_read(response: &RawResponse) -> bool {
    list(response, "Access-Control-Allow-Origin") == [SITE]
        && list(response, "Access-Control-Allow-Credentials") == ["true"]
}

/// Asks as a browser does before it sends a request, and judges the response as it does.
fn preflight(registry: &TestRegistry, path: &str, method: &str, header: &str) -> RawResponse {
    let response = Raw::connect(registry.address)
        .send(format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\n\
             Access-Control-Request-Method: {method}\r\n\
             Access-Control-Request-Headers: {header}\r\n\r\n"
        ))
        .response();
    assert!((200..300).contains(&response.status), "{response:?}");
    assert!(may_read(&response), "{response:?}");
    let allows = |name: &str, wanted: &str| {
        let list = list(&response, name);
        assert!(
            list.iter().any(|entry| entry.eq_ignore_ascii_case(wanted)),
            "{wanted} is not in {list:?}"
        );
    };
    allows("Access-Control-Allow-Methods", method);
    allows("Access-Control-Allow-Headers", header);
    response
}

#[test]
fn a_page_of_another_site_may_list_and_delete() {
    let (registry, _folder) = start();
    let anna = basic("anna", "secret");
    let digest = registry
        .call(
            "HEAD",
            "/v2/a/manifests/v1",
            &[("Authorization", &anna)],
            None,
        )
        .header("Docker-Content-Digest")
        .to_owned();
    let manifest = format!("/v2/a/manifests/{digest}");
    for (method, path, header) in [
        ("GET", "/v2/_catalog", "authorization"),
        ("GET", "/v2/a/manifests/v1", "accept"),
        ("DELETE", &manifest, "authorization"),
    ] {
        preflight(&registry, path, method, header);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\n");
        let mut raw = Raw::connect(registry.address);
        let refused = raw.send(format!("{head}\r\n")).response();
        assert_eq!(refused.status, 401);
        assert!(may_read(&refused), "a page must learn that it is to log in");
        let response = raw
            .send(format!("{head}Authorization: {anna}\r\n\r\n"))
            .response();
        assert!((200..300).contains(&response.status), "{response:?}");
        assert!(may_read(&response));
    }
}

#[test]
fn options_tell_strangers_nothing_of_what_is_there() {
    let (registry, _folder) = start();
    let ask = |path: &str, credentials: &str| {
        let mut response = Raw::connect(registry.address)
            .send(format!(
                "OPTIONS {path} HTTP/1.1\r\nHost: x\r\n{credentials}Content-Length: 3\r\n\r\nabc"
            ))
            .response();
        response.headers.retain(|(name, _)| name != "Date");
        assert_eq!((response.status, response.text()), (200, ""), "{path}");
        response.headers
    };
    for (here, gone) in [
        ("/v2/a/tags/list", "/v2/none/tags/list"),
        ("/v2/a/manifests/v1", "/v2/none/manifests/none"),
        ("/v2/a/blobs/uploads/", "/v2/none/blobs/uploads/"),
        ("/v2/a", "/v2/none"),
    ] {
        let plain = ask(here, "");
        assert_eq!(plain, ask(gone, ""));
        let wrong = format!("Authorization: {}\r\n", basic("anna", "wrong"));
        let right = format!("Authorization: {}\r\n", basic("anna", "secret"));
        assert_eq!(
            [ask(here, &wrong), ask(here, &right)],
            [plain.clone(), plain]
        );
    }
}

#[test]
fn a_load_balancer_sees_that_the_registry_lives() {
    let (registry, _folder) = start();
    // What HAProxy's `option httpchk` sends, and what others do.
    for head in [
        "OPTIONS / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS /v2/ HTTP/1.0\r\n\r\n",
        "OPTIONS http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let response = Raw::connect(registry.address).send(head).response();
        assert_eq!(response.status, 200, "{head}");
        assert!(response.header("Allow").unwrap().contains("GET"), "{head}");
    }
    for head in [
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS ** HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS x HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let response = Raw::connect(registry.address).send(head).response();
        assert_eq!(response.status, 400, "{head}");
    }
}
