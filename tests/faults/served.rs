//! A registry over a disk whose calls can fail: what it has acknowledged before one does, and whether that is still there.

use crate::util::driver::Watched;
use crate::util::image::{artifact, bytes, config, image, layer, sha256};
use crate::util::raw::{Raw, RawResponse};
use crate::util::storage::{options, serve};
use registry::config::Validation;
use registry::driver::Driver;
use registry::http::Control;
use registry::policy::{ImmutableRule, QuotaRule};
use registry::storage::Storage;
use serde_json::Value;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A registry over a disk whose calls can fail.
pub struct Served {
    address: SocketAddr,
    control: Control,
    /// The client's connection, while it is open.
    connection: RefCell<Option<Raw>>,
}

impl Served {
    pub fn over(driver: &Watched, has_policies: bool) -> Served {
        let storage = storage(driver, has_policies);
        let (address, control) = serve(storage, Validation::default());
        Served {
            address,
            control,
            connection: RefCell::default(),
        }
    }

    pub fn call(&self, method: &str, path: &str, content: &[u8]) -> RawResponse {
        let length = content.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let mut connection = self.connection.borrow_mut();
        let open = connection.get_or_insert_with(|| Raw::connect(self.address));
        let response = open.send(head).send(content).answer_to(method);
        if response.header("Connection") == Some("close") {
            *connection = None;
        }
        response
    }

    /// A call that must be answered so.
    #[track_caller]
    pub fn expect(&self, status: u16, method: &str, path: &str, content: &[u8]) -> RawResponse {
        let response = self.call(method, path, content);
        assert_eq!(
            response.status,
            status,
            "{method} {path}: {}",
            response.text()
        );
        response
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.control.shutdown(Duration::ZERO);
    }
}

/// A storage over the disk; with quotas and immutable tags, or without.
pub fn storage(driver: &Watched, has_policies: bool) -> Storage {
    let driver: Arc<dyn Driver> = Arc::new(driver.clone());
    let storage = Storage::new(driver, options());
    if !has_policies {
        return storage;
    }
    let immutable = ImmutableRule {
        repositories: vec!["**".parse().unwrap()],
        tags: vec!["fixed*".parse().unwrap()],
    };
    let quota = QuotaRule {
        repositories: Vec::new(),
        bytes_max: 10_000_000,
    };
    let storage = storage
        .with_immutable_tags(vec![immutable])
        .with_quota(vec![quota]);
    assert!(storage.recount_quota(&|| true).unwrap());
    storage
}

/// What has been acknowledged before the fault.
pub struct Prepared {
    /// The `Location` of an upload session that has [`SENT`] bytes.
    pub session: String,
}

/// Bytes of the blob that the session is for, and how many it has.
const SESSION_BYTES: usize = 50;
pub const SENT: usize = 20;

pub fn session_content() -> Vec<u8> {
    bytes(77, SESSION_BYTES)
}

pub fn text(manifest: &Value) -> Vec<u8> {
    manifest.to_string().into_bytes()
}

pub fn digest(manifest: &Value) -> String {
    sha256(&text(manifest))
}

pub fn referrer() -> Value {
    artifact(3, "application/x-note", &image(1))
}

/// Repository `a` with an image under two tags, a referrer to it, the parts of a second image and an upload session;
/// repository `b` with one blob.
pub fn prepare(served: &Served) -> Prepared {
    let blob = |name: &str, content: &[u8]| {
        let path = format!("/v2/{name}/blobs/uploads/?digest={}", sha256(content));
        served.expect(201, "POST", &path, content);
    };
    for seed in [1, 2, 3] {
        blob("a", &config(seed));
        blob("a", &layer(seed));
    }
    blob("a", b"{}");
    blob("b", &layer(9));
    let put = |path: &str, manifest: &Value| {
        served.expect(
            201,
            "PUT",
            &format!("/v2/a/manifests/{path}"),
            &text(manifest),
        );
    };
    put("v1", &image(1));
    put("latest", &image(1));
    put(&digest(&referrer()), &referrer());
    let started = served.expect(202, "POST", "/v2/a/blobs/uploads/", b"");
    let location = started.header("Location").unwrap().to_owned();
    let patched = served.expect(202, "PATCH", &location, &session_content()[..SENT]);
    Prepared {
        session: patched.header("Location").unwrap().to_owned(),
    }
}

/// What an operation is about.
#[derive(Clone, Copy, PartialEq)]
pub enum Touches {
    V1,
    Latest,
    Image,
    Layer,
    Referrer,
    Session,
    /// The blob of the other repository, which no manifest names.
    Other,
}

pub const ALL: &[Touches] = &[
    Touches::V1,
    Touches::Latest,
    Touches::Image,
    Touches::Layer,
    Touches::Referrer,
    Touches::Session,
];

/// A blob is there, whole.
pub fn has_blob(served: &Served, content: &[u8]) {
    let path = format!("/v2/a/blobs/{}", sha256(content));
    assert!(served.expect(200, "GET", &path, b"").body == content);
}

pub fn names(served: &Served, reference: &str, manifest: &Value) {
    let path = format!("/v2/a/manifests/{reference}");
    assert_eq!(
        served.expect(200, "GET", &path, b"").body,
        text(manifest),
        "{reference}"
    );
}

pub fn session_length(served: &Served, prepared: &Prepared) -> Option<usize> {
    let response = served.call("GET", &prepared.session, b"");
    if response.status == 404 {
        return None;
    }
    assert_eq!(response.status, 204);
    let (_, last) = response.header("Range").unwrap().split_once('-').unwrap();
    Some(last.parse::<usize>().unwrap() + 1)
}

/// Everything that was acknowledged before and that the operation is not about.
pub fn check_kept(served: &Served, prepared: &Prepared, touches: &[Touches]) {
    let is_kept = |what: Touches| !touches.contains(&what);
    if is_kept(Touches::V1) {
        names(served, "v1", &image(1));
    }
    if is_kept(Touches::Latest) {
        names(served, "latest", &image(1));
    } else if is_kept(Touches::Image) {
        // It was moved, or it was not.
        let found = served.expect(200, "GET", "/v2/a/manifests/latest", b"");
        assert!([text(&image(1)), text(&image(2))].contains(&found.body));
    }
    if is_kept(Touches::Image) {
        names(served, &digest(&image(1)), &image(1));
    }
    if is_kept(Touches::Layer) {
        has_blob(served, &layer(1));
        has_blob(served, &config(1));
    }
    if is_kept(Touches::Referrer) {
        names(served, &digest(&referrer()), &referrer());
        let path = format!("/v2/a/referrers/{}", digest(&image(1)));
        let found = served.expect(200, "GET", &path, b"");
        assert!(
            found.text().contains(&digest(&referrer())),
            "{}",
            found.text()
        );
    }
    if is_kept(Touches::Session) {
        assert_eq!(session_length(served, prepared), Some(SENT));
    }
    if is_kept(Touches::Other) {
        let path = format!("/v2/b/blobs/{}", sha256(&layer(9)));
        assert!(served.expect(200, "GET", &path, b"").body == layer(9));
    }
}
