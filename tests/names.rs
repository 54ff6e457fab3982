//! Names, tags and digests that are none, sent as they are over raw sockets: each is refused in the
//! specs' words, and nothing is written anywhere.

use crate::util::image::{image, sha256};
use crate::util::program::is_for_windows;
use crate::util::raw::{Raw, RawResponse};
use crate::util::registry::TestRegistry;
use registry::spec::media_type::OCI_MANIFEST;

/// Sends a request exactly as written, with a body.
fn send(registry: &TestRegistry, method: &str, target: &str, body: &[u8]) -> RawResponse {
    let mut raw = Raw::connect(registry.address);
    raw.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {OCI_MANIFEST}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    raw.send(body).answer_to(method)
}

/// Checks status and code, and that the response says which text it is about.
#[track_caller]
fn assert_refused(response: &RawResponse, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response:?}");
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["errors"][0]["code"], code, "{body}");
    assert!(body["errors"][0]["message"].as_str().unwrap().len() > 10);
}

/// Checks that a client was sent on to a path of this host.
#[track_caller]
fn assert_moved(response: &RawResponse) {
    assert!(matches!(response.status, 301 | 308), "{response:?}");
    let location = response.header("Location").unwrap();
    let is_path = location.starts_with('/') && !location.starts_with("//");
    assert!(is_path && !location.contains(".."), "{location}");
}

/// Whether a path has segments that are tidied away.
fn is_untidy(path: &str) -> bool {
    path.split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
}

/// Names that are none, as they stand in a path.
fn bad_names() -> Vec<String> {
    let long = format!("{}c", "a/".repeat(127) + "b");
    assert_eq!(long.len(), 256);
    let mut names: Vec<String> = [
        "..",
        "%2e%2e",
        "%2E%2E",
        ".%2e",
        "a/../b",
        "a/%2e%2e/b",
        "a%2f..%2fb",
        "../../etc",
        "a/..",
        "a/.",
        "./a",
        "a/./b",
        "..%5c..%5cb",
        "a%5cb",
        "a\\b",
        "..\\..\\b",
        "C:\\b",
        "c%3ab",
        "a%00",
        "a%00b",
        "%00",
        "a%0ab",
        "a%0d%0ab",
        "a%20b",
        "a+b",
        "a%7f",
        "A",
        "a/B",
        "%41",
        "a//b",
        "a/%2fb",
        "a%c3%a9",
        "%ff",
        "a%zz",
        "a%",
        "a%2",
        "_a",
        "a_",
        "a___b",
        "-a",
        "a-",
        ".a",
        "a.",
        "a..b",
        "a~b",
        "a:b",
        "a@b",
        "a*b",
        "_manifests",
        "a/_layers",
        "a/_uploads",
        "con.",
        "a::$data",
    ]
    .map(str::to_owned)
    .into();
    names.extend([long, "a".repeat(256), "a".repeat(5000)]);
    names
}

#[test]
fn a_bad_name_is_refused_everywhere_and_nothing_is_written() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    let before = registry.tree();
    let (digest, manifest) = (sha256(b"x"), image(1).to_string());
    for name in bad_names() {
        for (method, rest, body) in [
            ("GET", "tags/list", ""),
            ("GET", "manifests/v1", ""),
            ("PUT", "manifests/v1", &manifest),
            ("DELETE", "manifests/v1", ""),
            ("GET", &format!("blobs/{digest}"), ""),
            ("DELETE", &format!("blobs/{digest}"), ""),
            ("GET", &format!("referrers/{digest}"), ""),
            ("POST", "blobs/uploads/", ""),
            ("POST", &format!("blobs/uploads/?digest={digest}"), "x"),
            (
                "PATCH",
                "blobs/uploads/00000000-0000-4000-8000-000000000000",
                "x",
            ),
        ] {
            let response = send(
                &registry,
                method,
                &format!("/v2/{name}/{rest}"),
                body.as_bytes(),
            );
            match is_untidy(&name) {
                true => assert_moved(&response),
                false => assert_refused(&response, 400, "NAME_INVALID"),
            }
        }
    }
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn what_cannot_be_mounted_by_its_name_or_digest_is_uploaded() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", b"x");
    let before = registry.files("");
    // Names of other registries, which containerd and buildkit send, and names that are none anywhere.
    let long = "a".repeat(300);
    let names = [
        "google.com:proj/img",
        "Team/Image",
        &long,
        "..",
        "%2e%2e",
        "../a",
        "A",
        "a%00",
        "a%5cb",
        "%2fa",
        "a%2f%2fb",
    ];
    let by_name = names.map(|name| format!("mount={digest}&from={name}"));
    let digests = ["..", "sha256:12", "sha256:..%2f..%2fa", "md5:12", "%00"];
    let by_digest = digests.map(|text| format!("mount={text}&from=a"));
    for query in by_name.iter().chain(&by_digest) {
        let target = format!("/v2/b/blobs/uploads/?{query}");
        let started = send(&registry, "POST", &target, b"");
        assert_eq!(started.status, 202, "{query}");
        let location = started.header("Location").unwrap();
        registry.delete(location).expect(204);
    }
    for text in digests {
        let target = format!("/v2/b/blobs/uploads/?digest={text}");
        let response = send(&registry, "POST", &target, b"");
        assert_refused(&response, 400, "DIGEST_INVALID");
    }
    let malformed = format!("/v2/b/blobs/uploads/?mount={digest}&from=%zz");
    assert_refused(
        &send(&registry, "POST", &malformed, b""),
        400,
        "UNSUPPORTED",
    );
    assert!(registry.files("") == before, "something was written");
}

#[test]
fn a_bad_tag_is_refused_and_nothing_is_written() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    let before = registry.tree();
    let (long, manifest) = ("x".repeat(129), image(1).to_string());
    for tag in [
        "..", ".", "%2e%2e", "%2E", ".v1", "-v1", "v%201", "v+1", "v%00", "%00", "v%5c1", "v\\1",
        "..%5cv", "%c3%a9", "v~1", "v*", "v@1", &long,
    ] {
        for (method, body) in [("GET", ""), ("PUT", &manifest[..]), ("DELETE", "")] {
            let target = format!("/v2/a/manifests/{tag}");
            let response = send(&registry, method, &target, body.as_bytes());
            match is_untidy(tag) {
                true => assert_moved(&response),
                false => assert_refused(&response, 400, "TAG_INVALID"),
            }
        }
    }
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn a_bad_digest_is_refused_and_nothing_is_written() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    let before = registry.tree();
    let (right, manifest) = (sha256(b"x"), image(1).to_string());
    let hex = &right[7..];
    for digest in [
        "sha256:",
        "sha256:12",
        &right[..70],
        &format!("{right}0"),
        &format!("sha256:{}", hex.to_uppercase()),
        &format!("SHA256:{hex}"),
        &format!("sha256:{}g", &hex[1..]),
        &format!("sha512:{hex}"),
        &format!("sha384:{}", "0".repeat(96)),
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        &format!(":{hex}"),
        &format!("sha256::{}", &hex[1..]),
        "sha256:..%5c..%5c..",
        &format!("sha256:{}%00", &hex[1..]),
        &format!("sha256:%2e%2e{}", &hex[2..]),
        &format!("sha256+x:{hex}"),
    ] {
        for (method, noun, body) in [
            ("GET", "manifests", ""),
            ("PUT", "manifests", &manifest[..]),
            ("DELETE", "manifests", ""),
            ("GET", "blobs", ""),
            ("DELETE", "blobs", ""),
            ("GET", "referrers", ""),
        ] {
            let response = send(
                &registry,
                method,
                &format!("/v2/a/{noun}/{digest}"),
                body.as_bytes(),
            );
            assert_refused(&response, 400, "DIGEST_INVALID");
        }
    }
    // Encoding what needs none changes nothing.
    let encoded = format!("/v2/a/blobs/sha256%3A{hex}");
    assert_refused(&send(&registry, "GET", &encoded, b""), 404, "BLOB_UNKNOWN");
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn a_bad_session_is_unknown() {
    let registry = TestRegistry::start();
    registry.push_blob("a", b"x");
    let before = registry.tree();
    let digest = sha256(b"y");
    for id in [
        "..",
        "%2e%2e",
        "x",
        "%00",
        "..%5cx",
        "00000000-0000-4000-8000-00000000000G",
        "FFFFFFFF-0000-4000-8000-000000000000",
        "00000000-0000-4000-8000-0000000000000",
    ] {
        for (method, query) in [
            ("GET", ""),
            ("PATCH", ""),
            ("PUT", "?digest="),
            ("DELETE", ""),
        ] {
            let digest = if query.is_empty() { "" } else { &digest };
            let target = format!("/v2/a/blobs/uploads/{id}{query}{digest}");
            let response = send(&registry, method, &target, b"y");
            match is_untidy(id) {
                true => assert_moved(&response),
                false => assert_refused(&response, 404, "BLOB_UPLOAD_UNKNOWN"),
            }
        }
    }
    assert!(registry.tree() == before, "something was written");
}

#[test]
fn right_names_of_every_form_work() {
    let registry = TestRegistry::start();
    let longest = format!("{}b", "a/".repeat(127));
    assert_eq!(longest.len(), 255);
    let mut names = [
        "con",
        "nul/aux",
        "prn.x",
        "com1",
        "lpt1/con",
        "0",
        "a__b",
        "a--b",
        "a---b",
        "blobs",
        "uploads",
        "blobs/uploads",
        "manifests",
        "tags/list",
        "v2",
        "v2/a",
        "referrers",
        "latest",
        "library/data",
        "link",
        "a.b_c-d/0",
    ]
    .to_vec();
    names.push(&longest);
    for name in &names {
        let digest = registry.push_image(name, "con", 1);
        let pulled = send(&registry, "GET", &format!("/v2/{name}/manifests/con"), b"");
        assert_eq!(pulled.header("Docker-Content-Digest"), Some(&digest[..]));
        let layer = &image(1)["layers"][0]["digest"];
        let path = format!("/v2/{name}/blobs/{}", layer.as_str().unwrap());
        assert_eq!(
            registry.head(&path).expect(200).header("Content-Length"),
            "10000"
        );
        let list = registry.get(&format!("/v2/{name}/tags/list")).expect(200);
        assert_eq!(list.json()["tags"], serde_json::json!(["con"]));
    }
    names.sort_unstable();
    let catalog = registry.get("/v2/_catalog").expect(200).json();
    assert_eq!(catalog["repositories"], serde_json::json!(names));
    let longest_tag = "x".repeat(128);
    for tag in [
        "_",
        "1",
        "A.b-c_D",
        "nul",
        "v1.",
        "link",
        "current",
        "index",
        &longest_tag,
    ] {
        registry.put_manifest("a", tag, &image(1)).expect(400);
        registry.push_image("a", tag, 1);
        registry.get(&format!("/v2/a/manifests/{tag}")).expect(200);
        registry
            .delete(&format!("/v2/a/manifests/{tag}"))
            .expect(202);
        registry
            .delete(&format!(
                "/v2/a/blobs/{}",
                sha256(&crate::util::image::layer(1))
            ))
            .expect(202);
    }
}

#[test]
fn tags_that_are_devices_or_end_in_a_dot_are_tags_like_others() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "latest", 1);
    let tags = ["aux", "com1.x", "con", "nul", "prn.", "v1.", "v1..", "v1"];
    for tag in tags {
        registry.put_manifest("a", tag, &image(1)).expect(201);
        let pulled = registry.get(&format!("/v2/a/manifests/{tag}")).expect(200);
        assert_eq!(pulled.header("Docker-Content-Digest"), digest);
    }
    let listed = registry.get("/v2/a/tags/list").expect(200).json();
    let mut sorted = [&tags[..], &["latest"]].concat();
    sorted.sort_unstable();
    assert_eq!(listed["tags"], serde_json::json!(sorted));
    for tag in tags {
        registry
            .delete(&format!("/v2/a/manifests/{tag}"))
            .expect(202);
    }
    let listed = registry.get("/v2/a/tags/list").expect(200).json();
    assert_eq!(listed["tags"], serde_json::json!(["latest"]));
}

#[test]
fn tags_that_differ_only_by_case_are_two_tags_or_a_clear_error() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    registry.push_parts("a", 2);
    let put = registry.put_manifest("a", "V1", &image(2));
    let first = sha256(image(1).to_string().as_bytes());
    if is_for_windows() {
        // NTFS would find the one under the name of the other.
        let refused = put.expect_error(400, "TAG_INVALID").json();
        assert_eq!(refused["errors"][0]["detail"], "V1");
        registry.get("/v2/a/manifests/V1").expect(404);
        registry.delete("/v2/a/manifests/V1").expect(404);
    } else {
        put.expect(201);
        let second = sha256(image(2).to_string().as_bytes());
        let pulled = registry.get("/v2/a/manifests/V1").expect(200);
        assert_eq!(pulled.header("Docker-Content-Digest"), second);
        registry.delete("/v2/a/manifests/V1").expect(202);
    }
    let pulled = registry.get("/v2/a/manifests/v1").expect(200);
    assert_eq!(pulled.header("Docker-Content-Digest"), first);
    registry.delete("/v2/a/manifests/v1").expect(202);
    registry.put_manifest("a", "V1", &image(2)).expect(201);
}
