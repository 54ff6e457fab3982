//! Every endpoint and every status it can give, on the wire: `wire/table.txt` is the table.

use crate::util::image::{image, sha256};
use crate::util::raw::{Raw, RawResponse};
use crate::util::registry::{Settings, TestRegistry};
use crate::util::tree::quick_directory;
use registry::spec::media_type::{OCI_INDEX, OCI_MANIFEST};

const TABLE: &str = include_str!("wire/table.txt");

/// A header that the configuration adds to every response.
const OWN_FIELD: (&str, &str) = ("X-Content-Type-Options", "nosniff");

#[test]
fn every_endpoint_gives_what_the_table_says() {
    run("everything on", Settings::default(), "");
}

#[test]
fn nothing_is_deleted_when_deleting_is_off() {
    let settings = Settings::default().set("STORAGE_DELETE_ENABLED", "false");
    run("deleting off", settings, "");
}

#[test]
fn nothing_is_written_in_read_only_mode() {
    let settings = Settings::default().set("STORAGE_MAINTENANCE_READONLY_ENABLED", "true");
    run("read-only", settings, "");
}

#[test]
fn everything_moves_below_a_prefix() {
    let settings = Settings::default().set("HTTP_PREFIX", "/some/where/");
    run("under a prefix", settings, "/some/where");
}

#[test]
fn locations_can_follow_the_request() {
    let settings = Settings::default().set("HTTP_RELATIVEURLS", "false");
    run("locations of the request", settings, "");
}

#[test]
fn locations_can_name_a_fixed_host() {
    let settings = Settings::default().set("HTTP_HOST", "https://images.example:8443");
    run("locations of a fixed host", settings, "");
}

/// What the table's words stand for.
struct Words(Vec<(&'static str, String)>);

impl Words {
    fn new() -> Words {
        let manifest = image(1).to_string();
        Words(vec![
            ("{blob}", sha256(b"abcdefghij")),
            ("{abcd}", sha256(b"abcd")),
            ("{spare}", sha256(b"spare")),
            ("{none}", sha256(b"never pushed")),
            ("{id}", "00000000-0000-4000-8000-000000000000".into()),
            ("{type}", OCI_MANIFEST.into()),
            ("{index type}", OCI_INDEX.into()),
            ("{image}", sha256(manifest.as_bytes())),
            ("{image length}", manifest.len().to_string()),
            ("{image json}", manifest),
        ])
    }

    fn fill(&self, text: &str) -> String {
        let replace = |text: String, (word, value): &(&str, String)| text.replace(word, value);
        self.0.iter().fold(text.to_owned(), replace)
    }
}

/// Pushes what the table counts on and goes through a section of it.
fn run(section: &str, settings: Settings, prefix: &str) {
    let directory = quick_directory();
    let filled = Settings::default().root(directory.path()).start();
    filled.push_image("a/b", "v1", 1);
    filled.push_blob("a/b", b"abcdefghij");
    filled.push_blob("a/b", b"spare");
    drop(filled);
    let header = format!("{{{}: [{}]}}", OWN_FIELD.0, OWN_FIELD.1);
    let settings = settings.root(directory.path()).set("HTTP_HEADERS", &header);
    let (registry, words) = (settings.start(), Words::new());
    let title = format!("[{section}]");
    let lines = TABLE.lines().skip_while(|line| *line != title).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let count = lines
        .map(|line| exchange(&registry, &words, prefix, line))
        .count();
    assert!(count > 2, "{title} is not in the table");
}

/// Does what a line says and checks the response.
fn exchange(registry: &TestRegistry, words: &Words, prefix: &str, line: &str) {
    let session = match line.contains("{session}") {
        true => start_session(registry, prefix),
        false => String::new(),
    };
    let line = words.fill(line).replace("{session}", &session);
    let (request, expected) = line.split_once("=>").unwrap();
    let mut parts = request.split(" | ").map(str::trim);
    let (method, path) = parts.next().unwrap().split_once(' ').unwrap();
    let (mut headers, mut body) = (String::new(), String::new());
    for part in parts {
        match part.strip_prefix("body ") {
            Some(text) => body = text.to_owned(),
            None => headers += &format!("{part}\r\n"),
        }
    }
    let rest = format!(
        "{path} HTTP/1.1\r\nHost: registry.test\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut raw = Raw::connect(registry.address);
    if method == "GET" {
        // Both on one connection: a body after the head of the first would be read as the second.
        let head = raw.send(format!("HEAD {rest}")).answer_to("HEAD");
        let get = raw.send(format!("GET {rest}")).response();
        check(&line, expected, &get, true);
        check(&line, expected, &head, false);
        let stable = |response: &RawResponse| {
            let mut headers = response.headers.clone();
            // The message of a 405 names the method.
            let differs =
                |name: &str| name == "Date" || (get.status, name) == (405, "Content-Length");
            headers.retain(|(name, _)| !differs(name));
            headers
        };
        assert_eq!(stable(&head), stable(&get), "{line}");
    } else {
        let response = raw.send(format!("{method} {rest}")).answer_to(method);
        check(&line, expected, &response, true);
    }
}

fn start_session(registry: &TestRegistry, prefix: &str) -> String {
    let started = registry
        .post(&format!("{prefix}/v2/a/b/blobs/uploads/"))
        .expect(202);
    let location = started.header("Location");
    registry.patch(location, &[], b"abcd").expect(202);
    location.split('?').next().unwrap().to_owned()
}

/// Checks an response; without its body when it is one to HEAD.
fn check(line: &str, expected: &str, response: &RawResponse, with_body: bool) {
    let mut parts = expected.split(" | ").map(str::trim_start);
    let mut outcome = parts.next().unwrap().split_whitespace();
    let status: u16 = outcome.next().unwrap().parse().unwrap();
    assert_eq!(response.status, status, "{line}\n{response:?}");
    assert_eq!(
        response.header("Docker-Distribution-API-Version"),
        Some("registry/2.0"),
        "{line}"
    );
    assert_eq!(response.header(OWN_FIELD.0), Some(OWN_FIELD.1), "{line}");
    assert!(response.header("Date").is_some(), "{line}");
    if let Some(code) = outcome.next() {
        let json = "application/json; charset=utf-8";
        assert_eq!(response.header("Content-Type"), Some(json), "{line}");
        if with_body {
            let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
            let error = &body["errors"][0];
            assert_eq!(error["code"], code, "{line}\n{body}");
            assert!(error["message"].as_str().unwrap().len() > 5, "{line}");
        }
    }
    for part in parts {
        if let Some(body) = part.strip_prefix("body") {
            assert!(
                !with_body || response.text() == body.trim(),
                "{line}\n{}",
                response.text()
            );
        } else if let Some(absent) = part.strip_prefix('!') {
            assert_eq!(response.header(absent), None, "{line}");
        } else {
            let (name, value) = part.split_once(':').unwrap();
            let value = value.trim();
            let found = response
                .header(name)
                .unwrap_or_else(|| panic!("{line}\nno {name}"));
            assert!(value == "*" || found == value, "{line}\n{name}: {found}");
        }
    }
}
