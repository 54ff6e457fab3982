//! Every call of the driver fails once, in every operation and in every way: the client gets a clear answer, nothing that was
//! acknowledged is lost, and the operation works when it is repeated, in this process and in the next.
//!
//! A call fails before it does anything or, where it changes something, after it has done it: a disk may report either.

mod jobs;

use crate::full::{options, serve_storage};
use crate::util::driver::{Watch, Watched};
use crate::util::image::{artifact, bytes, config, image, layer, sha256};
use crate::util::raw::{Raw, RawResponse};
use registry::config::Validation;
use registry::driver::{Driver, Key};
use registry::http::Control;
use registry::policy::{ImmutableRule, QuotaRule};
use registry::storage::Storage;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a call fails with: name, number of the system's error, and the status and code of the answer.
struct Fault {
    name: &'static str,
    number: i32,
    answer: (u16, &'static str),
}

/// EIO, ENOSPC, EROFS and EMFILE, or what Windows says instead.
const NUMBERS: [i32; 4] = match cfg!(windows) {
    true => [1117, 112, 19, 4],
    false => [5, 28, 30, 24],
};
const FAULTS: [Fault; 4] = [
    Fault {
        name: "EIO",
        number: NUMBERS[0],
        answer: (500, "UNKNOWN"),
    },
    Fault {
        name: "ENOSPC",
        number: NUMBERS[1],
        answer: (507, "UNAVAILABLE"),
    },
    Fault {
        name: "EROFS",
        number: NUMBERS[2],
        answer: (503, "UNAVAILABLE"),
    },
    Fault {
        name: "EMFILE",
        number: NUMBERS[3],
        answer: (503, "UNAVAILABLE"),
    },
];

/// The moment of a fault: before the call does anything, or after it has done it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Before,
    After,
}

/// Lets one call fail.
#[derive(Default)]
struct OneFault {
    /// Calls until then; `usize::MAX` for never.
    left: AtomicUsize,
    armed: Mutex<Option<(Moment, i32)>>,
    /// The call that failed.
    hit: Mutex<Option<String>>,
}

impl OneFault {
    fn arm(&self, number: i32, moment: Moment, calls_before: usize) {
        self.left.store(calls_before, SeqCst);
        *self.hit.lock().unwrap() = None;
        *self.armed.lock().unwrap() = Some((moment, number));
    }

    /// Ends it; which call has failed, if one has.
    fn disarm(&self) -> Option<String> {
        *self.armed.lock().unwrap() = None;
        self.hit.lock().unwrap().take()
    }

    fn call(&self, moment: Moment, operation: &str, key: &Key) -> io::Result<()> {
        let Some((armed, number)) = *self.armed.lock().unwrap() else {
            return Ok(());
        };
        if armed != moment || self.left.fetch_sub(1, SeqCst) != 0 {
            return Ok(());
        }
        let mut hit = self.hit.lock().unwrap();
        assert!(hit.is_none());
        *hit = Some(format!("{operation} {key}"));
        Err(io::Error::from_raw_os_error(number))
    }
}

impl Watch for OneFault {
    fn before(&self, operation: &'static str, key: &Key, _bytes: usize) -> io::Result<()> {
        self.call(Moment::Before, operation, key)
    }

    fn after(&self, operation: &'static str, key: &Key) -> io::Result<()> {
        self.call(Moment::After, operation, key)
    }
}

/// A registry over a disk whose calls can fail.
struct Served {
    address: SocketAddr,
    control: Control,
}

impl Served {
    fn over(driver: &Watched, has_policies: bool) -> Served {
        let storage = storage(driver, has_policies);
        let (address, control) = serve_storage(storage, Validation::default());
        Served { address, control }
    }

    fn call(&self, method: &str, path: &str, content: &[u8]) -> RawResponse {
        let length = content.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut connection = Raw::connect(self.address);
        connection.send(head).send(content).answer_to(method)
    }

    /// A call that must be answered so.
    #[track_caller]
    fn expect(&self, status: u16, method: &str, path: &str, content: &[u8]) -> RawResponse {
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
fn storage(driver: &Watched, has_policies: bool) -> Storage {
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
struct Prepared {
    /// The `Location` of an upload session that has [`SENT`] bytes.
    session: String,
}

/// Bytes of the blob that the session is for, and how many it has.
const SESSION_BYTES: usize = 50;
const SENT: usize = 20;

fn session_content() -> Vec<u8> {
    bytes(77, SESSION_BYTES)
}

fn text(manifest: &Value) -> Vec<u8> {
    manifest.to_string().into_bytes()
}

fn digest(manifest: &Value) -> String {
    sha256(&text(manifest))
}

fn referrer() -> Value {
    artifact(3, "application/x-note", &image(1))
}

/// Repository `a` with an image under two tags, a referrer to it, the parts of a second image and an upload session;
/// repository `b` with one blob.
fn prepare(served: &Served) -> Prepared {
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

/// One request of a client.
struct Operation {
    name: &'static str,
    method: &'static str,
    path: fn(&Prepared) -> String,
    body: fn() -> Vec<u8>,
    /// What it is answered, and what it may be answered when it is repeated after a failure.
    success: u16,
    repeated: &'static [u16],
    /// Checks what has come of it, once it has been acknowledged.
    effect: fn(&Served, &Prepared, &RawResponse),
    /// What it may change even if it fails.
    touches: &'static [Touches],
}

/// What an operation is about.
#[derive(Clone, Copy, PartialEq)]
enum Touches {
    V1,
    Latest,
    Image,
    Layer,
    Referrer,
    Session,
    /// The blob of the other repository, which no manifest names.
    Other,
}

fn nothing() -> Vec<u8> {
    Vec::new()
}

fn is_whole(_: &Served, _: &Prepared, _: &RawResponse) {}

/// A blob is there, whole.
fn has_blob(served: &Served, content: &[u8]) {
    let path = format!("/v2/a/blobs/{}", sha256(content));
    assert!(served.expect(200, "GET", &path, b"").body == content);
}

fn names(served: &Served, reference: &str, manifest: &Value) {
    let path = format!("/v2/a/manifests/{reference}");
    assert_eq!(
        served.expect(200, "GET", &path, b"").body,
        text(manifest),
        "{reference}"
    );
}

fn session_length(served: &Served, prepared: &Prepared) -> Option<usize> {
    let response = served.call("GET", &prepared.session, b"");
    if response.status == 404 {
        return None;
    }
    assert_eq!(response.status, 204);
    let (_, last) = response.header("Range").unwrap().split_once('-').unwrap();
    Some(last.parse::<usize>().unwrap() + 1)
}

/// Everything that was acknowledged before and that the operation is not about.
fn check_kept(served: &Served, prepared: &Prepared, touches: &[Touches]) {
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

const ALL: &[Touches] = &[
    Touches::V1,
    Touches::Latest,
    Touches::Image,
    Touches::Layer,
    Touches::Referrer,
    Touches::Session,
];

fn operation(
    name: &'static str,
    method: &'static str,
    path: fn(&Prepared) -> String,
    success: u16,
) -> Operation {
    Operation {
        name,
        method,
        path,
        body: nothing,
        success,
        repeated: &[],
        effect: is_whole,
        touches: &[],
    }
}

fn reading() -> Vec<Operation> {
    vec![
        operation("look for the API", "GET", |_| "/v2/".into(), 200),
        operation("look for health", "GET", |_| "/".into(), 200),
        Operation {
            effect: |_, _, response| assert_eq!(response.body, text(&image(1))),
            ..operation(
                "get a manifest by tag",
                "GET",
                |_| "/v2/a/manifests/v1".into(),
                200,
            )
        },
        operation(
            "look up a manifest",
            "HEAD",
            |_| format!("/v2/a/manifests/{}", digest(&image(1))),
            200,
        ),
        Operation {
            effect: |_, _, response| assert!(response.body == layer(1)),
            ..operation(
                "get a blob",
                "GET",
                |_| format!("/v2/a/blobs/{}", sha256(&layer(1))),
                200,
            )
        },
        operation(
            "look up a blob",
            "HEAD",
            |_| format!("/v2/a/blobs/{}", sha256(&layer(1))),
            200,
        ),
        operation("list the tags", "GET", |_| "/v2/a/tags/list".into(), 200),
        operation("list the catalog", "GET", |_| "/v2/_catalog".into(), 200),
        operation(
            "list the referrers",
            "GET",
            |_| format!("/v2/a/referrers/{}", digest(&image(1))),
            200,
        ),
        operation("ask for a session", "GET", |own| own.session.clone(), 204),
    ]
}

fn uploading() -> Vec<Operation> {
    vec![
        Operation {
            effect: |served, _, response| {
                let location = response.header("Location").unwrap();
                served.expect(204, "GET", location, b"");
            },
            ..operation(
                "begin an upload",
                "POST",
                |_| "/v2/a/blobs/uploads/".into(),
                202,
            )
        },
        Operation {
            body: || bytes(5, 30),
            effect: |served, _, _| has_blob(served, &bytes(5, 30)),
            ..operation(
                "push a blob in one request",
                "POST",
                |_| format!("/v2/a/blobs/uploads/?digest={}", sha256(&bytes(5, 30))),
                201,
            )
        },
        Operation {
            effect: |served, _, _| has_blob(served, &layer(9)),
            ..operation(
                "mount a blob",
                "POST",
                |_| format!("/v2/a/blobs/uploads/?mount={}&from=b", sha256(&layer(9))),
                201,
            )
        },
        Operation {
            body: || session_content()[SENT..SENT + 10].to_vec(),
            effect: |served, own, _| assert_eq!(session_length(served, own), Some(SENT + 10)),
            touches: &[Touches::Session],
            ..operation("add a chunk", "PATCH", |own| own.session.clone(), 202)
        },
        Operation {
            body: || session_content()[SENT..].to_vec(),
            repeated: &[404, 416],
            effect: |served, own, _| {
                has_blob(served, &session_content());
                // What could not be removed of it is empty, and goes with the next purge.
                let left = session_length(served, own);
                assert!([None, Some(1)].contains(&left), "{left:?}");
            },
            touches: &[Touches::Session],
            ..operation(
                "commit an upload",
                "PUT",
                |own| format!("{}&digest={}", own.session, sha256(&session_content())),
                201,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, own, _| assert_eq!(session_length(served, own), None),
            touches: &[Touches::Session],
            ..operation("cancel an upload", "DELETE", |own| own.session.clone(), 204)
        },
    ]
}

fn pushing() -> Vec<Operation> {
    vec![
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| names(served, "v2", &image(2)),
            ..operation(
                "push a manifest",
                "PUT",
                |_| "/v2/a/manifests/v2".into(),
                201,
            )
        },
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| names(served, "fixed", &image(2)),
            ..operation(
                "push a manifest under an immutable tag",
                "PUT",
                |_| "/v2/a/manifests/fixed".into(),
                201,
            )
        },
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| names(served, "latest", &image(2)),
            touches: &[Touches::Latest],
            ..operation(
                "move a tag",
                "PUT",
                |_| "/v2/a/manifests/latest".into(),
                201,
            )
        },
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| {
                names(served, "x", &image(2));
                names(served, "y", &image(2));
            },
            ..operation(
                "push a manifest under several tags",
                "PUT",
                |_| format!("/v2/a/manifests/{}?tag=x&tag=y", digest(&image(2))),
                201,
            )
        },
        Operation {
            body: || text(&artifact(2, "application/x-other", &image(1))),
            effect: |served, _, _| {
                let path = format!("/v2/a/referrers/{}", digest(&image(1)));
                let found = served.expect(200, "GET", &path, b"");
                let other = digest(&artifact(2, "application/x-other", &image(1)));
                assert!(found.text().contains(&other), "{}", found.text());
            },
            ..operation(
                "push a referrer",
                "PUT",
                |_| {
                    let other = artifact(2, "application/x-other", &image(1));
                    format!("/v2/a/manifests/{}", digest(&other))
                },
                201,
            )
        },
    ]
}

fn deleting() -> Vec<Operation> {
    vec![
        Operation {
            repeated: &[404],
            effect: |served, _, _| drop(served.expect(404, "GET", "/v2/a/manifests/v1", b"")),
            touches: &[Touches::V1],
            ..operation(
                "delete a tag",
                "DELETE",
                |_| "/v2/a/manifests/v1".into(),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| {
                let path = format!("/v2/a/manifests/{}", digest(&image(1)));
                served.expect(404, "GET", &path, b"");
                served.expect(404, "GET", "/v2/a/manifests/v1", b"");
            },
            touches: &[Touches::V1, Touches::Latest, Touches::Image],
            ..operation(
                "delete a manifest",
                "DELETE",
                |_| format!("/v2/a/manifests/{}", digest(&image(1))),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| {
                let path = format!("/v2/a/referrers/{}", digest(&image(1)));
                let found = served.expect(200, "GET", &path, b"");
                assert!(
                    !found.text().contains(&digest(&referrer())),
                    "{}",
                    found.text()
                );
            },
            touches: &[Touches::Referrer],
            ..operation(
                "delete a referrer",
                "DELETE",
                |_| format!("/v2/a/manifests/{}", digest(&referrer())),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| {
                let path = format!("/v2/a/blobs/{}", sha256(&layer(1)));
                served.expect(404, "GET", &path, b"");
            },
            touches: &[Touches::Layer],
            ..operation(
                "delete a blob",
                "DELETE",
                |_| format!("/v2/a/blobs/{}", sha256(&layer(1))),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| drop(served.expect(404, "GET", "/v2/a/tags/list", b"")),
            touches: ALL,
            ..operation("delete a repository", "DELETE", |_| "/v2/a/".into(), 202)
        },
    ]
}

/// Lists are shorter by what cannot be read, unless everything fails at the moment.
fn may_hide_entries(operation: &Operation) -> bool {
    operation.name.starts_with("list")
}

/// One fault in one operation; `false` once the operation makes fewer calls than that.
fn try_one(
    operation: &Operation,
    (fault, moment, calls_before): (&Fault, Moment, usize),
    (is_restarted, has_policies): (bool, bool),
) -> bool {
    let watch = Arc::new(OneFault::default());
    let driver = Watched::new(watch.clone());
    let mut served = Served::over(&driver, has_policies);
    let prepared = prepare(&served);
    if is_restarted {
        served = Served::over(&driver, has_policies);
    }
    let (path, body) = ((operation.path)(&prepared), (operation.body)());
    let whole = match may_hide_entries(operation) {
        true => served.call(operation.method, &path, &body).body,
        false => Vec::new(),
    };
    watch.arm(fault.number, moment, calls_before);
    let response = served.call(operation.method, &path, &body);
    let Some(hit) = watch.disarm() else {
        assert_eq!(response.status, operation.success, "{}", operation.name);
        return false;
    };
    let what = format!(
        "{}: {} {moment:?} {hit} (restarted: {is_restarted}): {}",
        operation.name, fault.name, response.status
    );
    eprintln!("{what}");
    if response.status == operation.success {
        match may_hide_entries(operation) && response.body != whole {
            true => assert_ne!(fault.name, "EMFILE", "{what}"),
            false => (operation.effect)(&served, &prepared, &response),
        }
    } else {
        check_answer(operation, fault, &response, &what);
    }
    check_kept(&served, &prepared, operation.touches);
    if operation.name == "add a chunk" {
        let length = session_length(&served, &prepared);
        assert!(
            [Some(SENT), Some(SENT + 10)].contains(&length),
            "{what}: {length:?}"
        );
    }
    // It works when it is repeated, and the next process finds everything as well.
    let again = served.call(operation.method, &path, &body);
    let is_fine = again.status == operation.success || operation.repeated.contains(&again.status);
    assert!(
        is_fine,
        "{what}: then {} {}",
        again.status,
        String::from_utf8_lossy(&again.body)
    );
    if operation.method != "GET" && operation.name != "begin an upload" {
        (operation.effect)(&served, &prepared, &again);
    }
    // The next process finds the same.
    served = Served::over(&driver, has_policies);
    check_kept(&served, &prepared, operation.touches);
    if operation.method != "GET" && operation.name != "begin an upload" {
        (operation.effect)(&served, &prepared, &again);
    }
    true
}

/// The status, the code and the words of an answer to a failure.
fn check_answer(operation: &Operation, fault: &Fault, response: &RawResponse, what: &str) {
    let (status, code) = fault.answer;
    assert_eq!(response.status, status, "{what}");
    if operation.method == "HEAD" {
        return;
    }
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    let error = &body["errors"][0];
    assert_eq!(error["code"], code, "{what}: {body}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    if fault.name == "EMFILE" {
        assert_eq!(response.header("Retry-After"), Some("1"), "{what}");
    }
}

/// With this variable set, every call fails in every way; otherwise the ways take turns.
const COMPLETE: &str = "REGISTRY_TEST_ALL_FAULTS";

/// Of how many calls that could fail in a way one does, unless all do: what is above the driver is the same on all systems.
const EVERY: usize = match cfg!(windows) {
    true => 4,
    false => 1,
};

/// Every fault, with its moment, the first call that fails in this way, and how many calls further the next one is: of `length`
/// calls in a row one does.
fn ways(length: usize) -> impl Iterator<Item = (&'static Fault, Moment, usize, usize)> {
    let is_complete = std::env::var_os(COMPLETE).is_some();
    let length = length * EVERY;
    let moments = [Moment::Before, Moment::After].into_iter().enumerate();
    moments.flat_map(move |(shift, moment)| {
        FAULTS.iter().enumerate().map(move |(number, fault)| {
            let first = number * length / FAULTS.len() + shift * (length / FAULTS.len() / 2);
            match is_complete {
                true => (fault, moment, 0, 1),
                false => (fault, moment, first, length),
            }
        })
    })
}

/// The faults in these operations; how many there were.
fn try_all(operations: &[Operation]) -> usize {
    let mut faults = 0;
    for operation in operations {
        for variant in [(false, false), (true, true)] {
            for (fault, moment, first, step) in ways(FAULTS.len()) {
                let mut calls = first;
                while try_one(operation, (fault, moment, calls), variant) {
                    calls += step;
                    faults += 1;
                }
            }
        }
    }
    faults
}

#[test]
fn whatever_fails_while_something_is_read_the_answer_is_clear() {
    let faults = try_all(&reading());
    println!("faults while something is read: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}

#[test]
fn whatever_fails_while_something_is_uploaded_nothing_else_is_lost() {
    let faults = try_all(&uploading());
    println!("faults while something is uploaded: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}

#[test]
fn whatever_fails_while_a_manifest_is_pushed_nothing_else_is_lost() {
    let faults = try_all(&pushing());
    println!("faults while a manifest is pushed: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}

#[test]
fn whatever_fails_while_something_is_deleted_nothing_else_is_lost() {
    let faults = try_all(&deleting());
    println!("faults while something is deleted: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}
