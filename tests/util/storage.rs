//! A storage as the tests want it, opened in this process over any driver, and served.

use registry::api::{Api, ApiOptions, RequestNote};
use registry::config::{LocationStyle, Validation};
use registry::driver::Driver;
use registry::http::{Control, Handler, Limits, Listen, Request, Response, Server};
use registry::storage::{Storage, StorageOptions, UploadLimits};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Options of a storage for tests.
pub fn options() -> StorageOptions {
    StorageOptions {
        uploads: UploadLimits {
            sessions_max: 100,
            sessions_per_address_max: 100,
            idle_timeout: Duration::MAX,
        },
        tag_lookup_threads: 1,
        manifest_bytes_max: 1_000_000,
        ..StorageOptions::default()
    }
}

/// Serves a storage on a port of its own.
pub fn serve(storage: Storage, validation: Validation) -> (SocketAddr, Control) {
    let api = ApiOptions {
        prefix: "/".into(),
        location: LocationStyle::Relative,
        headers: Vec::new(),
        delete_enabled: true,
        read_only: false,
        watches_writability: true,
        catalog_entries_max: 100,
        tags_max: None,
        manifest_bytes_max: 1_000_000,
        validation,
    };
    let app = Arc::new(App(Api::new(storage, api)));
    let listen = Listen::Tcp("127.0.0.1:0".into());
    let server = Server::bind(&listen, Limits::default(), app).unwrap();
    let (address, control) = (server.address().socket_address().unwrap(), server.control());
    std::thread::spawn(move || server.run());
    (address, control)
}

/// A storage over a driver, with these options.
pub fn open(driver: Arc<dyn Driver>) -> Storage {
    Storage::new(driver, options())
}

struct App(Api);

impl Handler for App {
    type Note = RequestNote;

    fn handle(&self, request: &mut Request<'_>, note: &mut RequestNote) -> Response {
        self.0.respond(request, note)
    }
}
