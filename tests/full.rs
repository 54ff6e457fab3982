//! A storage that is full or may not be written: the push fails with a clear error, the server lives,
//! nothing half-written is served, and what is there can still be pulled.

use crate::util::driver::{Watch, Watched};
use crate::util::image::{bytes, sha256};
use crate::util::raw::{Raw, RawResponse};
use crate::util::storage;
use registry::config::Validation;
use registry::driver::{Driver, Key, Memory};
use registry::http::Control;
use registry::storage::layout;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// Room for so many bytes; every write beyond fails with `kind`.
struct Narrow {
    room: Arc<AtomicU64>,
    kind: Arc<Mutex<ErrorKind>>,
}

impl Watch for Narrow {
    fn before(&self, operation: &'static str, _key: &Key, bytes: usize) -> io::Result<()> {
        let kind = *self.kind.lock().unwrap();
        // A full disk can be emptied; one that may not be written cannot.
        let is_stuck = self.room.load(SeqCst) == 0 && kind != ErrorKind::StorageFull;
        if operation == "remove" && is_stuck {
            return Err(kind.into());
        }
        let take = |room: u64| room.checked_sub(bytes as u64);
        let taken = self.room.fetch_update(SeqCst, SeqCst, take);
        taken.map(drop).map_err(|_| kind.into())
    }
}

struct Served {
    disk: Memory,
    address: SocketAddr,
    room: Arc<AtomicU64>,
    kind: Arc<Mutex<ErrorKind>>,
    control: Control,
}

impl Served {
    fn start() -> Served {
        let room = Arc::new(AtomicU64::new(u64::MAX));
        let kind = Arc::new(Mutex::new(ErrorKind::StorageFull));
        let driver = Watched::new(Arc::new(Narrow {
            room: room.clone(),
            kind: kind.clone(),
        }));
        let disk = driver.disk.clone();
        let (address, control) =
            storage::serve(storage::open(Arc::new(driver)), Validation::disabled());
        Served {
            disk,
            address,
            room,
            kind,
            control,
        }
    }

    fn call(&self, method: &str, path: &str, content: &[u8]) -> RawResponse {
        let length = content.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let response = Raw::connect(self.address)
            .send(head)
            .send(content)
            .response();
        eprintln!(
            "{method} {path}: {} {}",
            response.status,
            String::from_utf8_lossy(&response.body)
        );
        response
    }

    /// Bytes of all upload sessions of repository `a`.
    fn bytes_in_uploads(&self) -> u64 {
        let uploads = layout::uploads(&"a".parse().unwrap());
        let ids = self.disk.list(&uploads, "", 100).unwrap();
        let length = |id: &String| {
            let data = uploads.child(id).child("data");
            self.disk.stat(&data).unwrap().map_or(0, |stat| stat.length)
        };
        ids.iter().map(length).sum()
    }

    fn session(&self) -> String {
        let response = self.call("POST", "/v2/a/blobs/uploads/", b"");
        assert_eq!(response.status, 202);
        response.header("Location").unwrap().to_owned()
    }

    fn push(&self, content: &[u8]) -> RawResponse {
        let location = self.session();
        self.call(
            "PUT",
            &format!("{location}&digest={}", sha256(content)),
            content,
        )
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.control.shutdown(std::time::Duration::ZERO);
    }
}

fn code(response: &RawResponse) -> String {
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    body["errors"][0]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_full_disk_fails_the_push_and_nothing_else() {
    let served = Served::start();
    let (small, large) = (bytes(1, 10_000), bytes(2, 3_000_000));
    assert_eq!(served.push(&small).status, 201);
    let location = served.session();
    served.room.store(1_000_000, SeqCst);
    let digest = sha256(&large);
    let response = served.call("PUT", &format!("{location}&digest={digest}"), &large);
    assert_eq!(
        (response.status, code(&response).as_str()),
        (507, "UNAVAILABLE")
    );
    assert!(response.text().contains("full"), "{}", response.text());
    assert_eq!(
        served
            .call("GET", &format!("/v2/a/blobs/{digest}"), b"")
            .status,
        404
    );
    let pulled = served.call("GET", &format!("/v2/a/blobs/{}", sha256(&small)), b"");
    assert!(pulled.body == small);
    // The session is as it was before, and takes no room.
    let status = served.call("GET", &location, b"");
    assert_eq!(status.header("Location"), Some(&location[..]));
    let taken = served.bytes_in_uploads();
    assert_eq!(taken, 0, "what did not fit is still there");
    served.room.store(u64::MAX, SeqCst);
    let path = format!("{location}&digest={digest}");
    assert_eq!(served.call("PUT", &path, &large).status, 201);
    assert!(
        served
            .call("GET", &format!("/v2/a/blobs/{digest}"), b"")
            .body
            == large
    );
}

#[test]
fn a_disk_that_is_filled_again_and_again_has_room_after_each_push() {
    let served = Served::start();
    let (small, large) = (bytes(1, 10_000), bytes(2, 3_000_000));
    for way in ["PATCH", "PUT", "POST"] {
        served.room.store(1_000_000, SeqCst);
        let digest = sha256(&large);
        let (method, path) = match way {
            "PATCH" => ("PATCH", served.session()),
            "PUT" => ("PUT", format!("{}&digest={digest}", served.session())),
            _ => ("POST", format!("/v2/a/blobs/uploads/?digest={digest}")),
        };
        let response = served.call(method, &path, &large);
        assert_eq!(
            (response.status, code(&response).as_str()),
            (507, "UNAVAILABLE"),
            "{way}"
        );
        assert_eq!(served.bytes_in_uploads(), 0, "{way}");
    }
    // A chunk that does not fit costs the session nothing but that chunk.
    served.room.store(1_000_000, SeqCst);
    let first = served.call("PATCH", &served.session(), &large[..400_000]);
    let location = first.header("Location").unwrap();
    assert_eq!(
        served.call("PATCH", location, &large[400_000..]).status,
        507
    );
    assert_eq!(served.bytes_in_uploads(), 400_000);
    // There is room for the bytes but not for the link.
    served.room.store(1_000_000, SeqCst);
    let location = served.session();
    served.room.store(500_000 + 10, SeqCst);
    // The driver takes a write in halves, the last of them byte by byte.
    let path = format!("{location}&digest={}", sha256(&large[..500_000]));
    assert_eq!(served.call("PUT", &path, &large[..500_000]).status, 507);
    served.room.store(u64::MAX, SeqCst);
    assert_eq!(served.call("PUT", &path, &large[..500_000]).status, 201);
    // A session that cannot be begun leaves nothing.
    served.room.store(0, SeqCst);
    assert_eq!(served.call("POST", "/v2/b/blobs/uploads/", b"").status, 507);
    assert!(
        !served
            .disk
            .has_directory(&layout::repository(&"b".parse().unwrap()))
            .unwrap()
    );
    served.room.store(u64::MAX, SeqCst);
    assert_eq!(served.push(&small).status, 201);
}

#[test]
fn a_full_disk_fails_a_manifest_and_the_tag_stays_where_it_was() {
    let served = Served::start();
    let manifest = |seed: u64| {
        let config = crate::util::image::config(seed);
        let config = crate::util::image::descriptor("application/json", &config);
        serde_json::json!({"schemaVersion": 2, "config": config, "layers": []}).to_string()
    };
    let path = "/v2/a/manifests/latest";
    assert_eq!(served.call("PUT", path, manifest(1).as_bytes()).status, 201);
    // Every amount of room that is too small, so that each of the files is once the one that fails.
    let needed = manifest(2).len() as u64 + 3 * 71;
    for room in (0..needed).step_by(40) {
        served.room.store(room, SeqCst);
        let response = served.call("PUT", path, manifest(2).as_bytes());
        assert_eq!(
            (response.status, code(&response).as_str()),
            (507, "UNAVAILABLE")
        );
        assert_eq!(served.call("GET", path, b"").text(), manifest(1));
    }
    served.room.store(u64::MAX, SeqCst);
    assert_eq!(served.call("PUT", path, manifest(2).as_bytes()).status, 201);
    assert_eq!(served.call("GET", path, b"").text(), manifest(2));
}

#[test]
fn a_folder_that_may_not_be_written_still_serves_what_it_has() {
    let served = Served::start();
    let content = bytes(3, 10_000);
    assert_eq!(served.push(&content).status, 201);
    for kind in [ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied] {
        let session = served.session();
        *served.kind.lock().unwrap() = kind;
        served.room.store(0, SeqCst);
        // What cannot be removed is not said to be.
        let response = served.call("DELETE", &session, b"");
        assert_eq!(
            (response.status, code(&response).as_str()),
            (503, "UNAVAILABLE")
        );
        assert_eq!(served.call("GET", &session, b"").status, 204);
        let response = served.call("POST", "/v2/a/blobs/uploads/", b"");
        assert_eq!(
            (response.status, code(&response).as_str()),
            (503, "UNAVAILABLE")
        );
        assert!(
            response.text().contains("cannot write"),
            "{}",
            response.text()
        );
        let pulled = served.call("GET", &format!("/v2/a/blobs/{}", sha256(&content)), b"");
        assert!(pulled.body == content);
        served.room.store(u64::MAX, SeqCst);
        assert_eq!(served.call("DELETE", &session, b"").status, 204);
        assert_eq!(served.call("GET", &session, b"").status, 404);
    }
}
