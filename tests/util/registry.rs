//! A registry in this process, on a port of its own over a directory of its own, and a client for it. Where
//! the tests are pointed at a program (`util::program`), it is that program in place of this process.
//!
//! Requests, responses and the server's log go to standard error, which the test runner shows for a test
//! that fails and keeps to itself otherwise.

use super::pace::breathe;
use super::program::{self, Program, slashed};
use super::secure::Identity;
use super::server_log;
use super::tree::quick_directory;
use registry::config::{Config, ConfigSource};
use registry::http::Control;
use registry::logging::Sink;
use registry::server::Registry;
use registry::storage::layout;
use rustls::crypto::ring;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, SendBody};

/// A registry that runs until it is dropped.
pub struct TestRegistry {
    pub address: SocketAddr,
    /// `storage.filesystem.rootdirectory`.
    pub root: PathBuf,
    server: Server,
    agent: Agent,
    scheme: &'static str,
    directory: Option<TempDir>,
}

/// Bytes of each buffer of a client's connection: those of the library are large and many.
const BUFFER_BYTES: usize = 16 * 1024;

/// How long the lock of a registry that was stopped may be held elsewhere; longer by another registry on the same directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// How long a registry of a test leaves the files of users and certificates alone after it has looked at them.
pub fn check_pause() -> Duration {
    // A file that is left alone for three of these counts, also where a busy machine stalls its writer.
    match program::is_chosen() || cfg!(windows) {
        true => Duration::from_secs(1),
        false => Duration::from_millis(250),
    }
}

/// Who serves.
enum Server {
    Here(Control, Option<JoinHandle<()>>),
    Program(Box<Mutex<Program>>),
}

/// What a registry is started with.
#[derive(Default)]
pub struct Settings {
    root: Option<PathBuf>,
    variables: Vec<(String, String)>,
    trusted: Vec<Certificate<'static>>,
}

impl Settings {
    /// Sets a `REGISTRY_*` variable, named without its prefix.
    pub fn set(mut self, name: &str, value: &str) -> Settings {
        self.variables
            .push((format!("REGISTRY_{name}"), value.to_owned()));
        self
    }

    /// Uses a directory that the test keeps, in place of a new one.
    pub fn root(mut self, root: &Path) -> Settings {
        self.root = Some(root.to_owned());
        self
    }

    /// Serves over TLS as that identity, which the client trusts.
    pub fn secure(self, identity: &Identity) -> Settings {
        let [certificate, key] = [&identity.certificate, &identity.key];
        self.set("HTTP_TLS_CERTIFICATE", certificate.to_str().unwrap())
            .set("HTTP_TLS_KEY", key.to_str().unwrap())
            .trust(identity)
    }

    /// Makes the client trust a server with that certificate.
    pub fn trust(mut self, identity: &Identity) -> Settings {
        let text = std::fs::read(&identity.certificate).unwrap();
        self.trusted.push(Certificate::from_pem(&text).unwrap());
        self
    }

    /// Starts the registry. Deleting is on unless a variable says otherwise.
    pub fn start(self) -> TestRegistry {
        let (root, directory) = match self.root {
            Some(root) => (root, None),
            None => {
                let directory = quick_directory();
                (directory.path().to_owned(), Some(directory))
            }
        };
        let text =
            "version: 0.1\nstorage: {delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:0'}\n";
        let place = ("STORAGE_FILESYSTEM_ROOTDIRECTORY", root.to_str().unwrap());
        let own = [place, ("LOG_ACCESSLOG_DISABLED", "true")];
        let own = own.map(|(name, value)| (format!("REGISTRY_{name}"), value.to_owned()));
        let variables: Vec<_> = own.into_iter().chain(self.variables).collect();
        let (address, server) = match program::is_chosen() {
            true => Server::program(text, &variables),
            false => Server::here(text, variables),
        };
        let secure = !self.trusted.is_empty();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&self.trusted))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(60)))
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .build()
            .into();
        TestRegistry {
            address,
            root,
            server,
            agent,
            scheme: if secure { "https" } else { "http" },
            directory,
        }
    }
}

impl Server {
    /// Serves in this process.
    fn here(text: &str, variables: Vec<(String, String)>) -> (SocketAddr, Server) {
        server_log::keep();
        let source = ConfigSource::Text {
            name: "test.yml".into(),
            text: text.into(),
        };
        let (mut config, _) = Config::load(source, variables).unwrap();
        config.check_pause = check_pause();
        let registry = Registry::open(&config, &Sink::Standard).unwrap();
        let address = registry.address().socket_address().unwrap();
        let control = registry.control();
        let thread = std::thread::spawn(move || registry.run());
        (address, Server::Here(control, Some(thread)))
    }

    /// Starts the program that was chosen.
    fn program(text: &str, variables: &[(String, String)]) -> (SocketAddr, Server) {
        let directory = tempfile::tempdir().unwrap();
        let chatty = ("REGISTRY_LOG_LEVEL", "debug");
        let variables = variables.iter().map(|(name, value)| (&**name, &**value));
        let variables: Vec<_> = std::iter::once(chatty).chain(variables).collect();
        let mut program = Program::start(directory.path(), text, &variables);
        let address = program.address();
        (address, Server::Program(Box::new(Mutex::new(program))))
    }

    /// Ends it and waits for that; what is in flight is cut.
    fn stop(&mut self) {
        match self {
            Server::Here(control, thread) => {
                control.shutdown(Duration::ZERO);
                if let Some(thread) = thread.take() {
                    let ended = thread.join();
                    // A second panic would hide the report of the first.
                    assert!(ended.is_ok() || std::thread::panicking());
                }
            }
            Server::Program(program) => program.get_mut().unwrap().kill(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl TestRegistry {
    /// A registry with the usual settings.
    pub fn start() -> TestRegistry {
        Settings::default().start()
    }

    /// Stops it and starts another over the same data.
    pub fn restart(mut self) -> TestRegistry {
        self.stop();
        let mut next = Settings::default().root(&self.root).start();
        next.directory = self.directory.take();
        next
    }

    /// Stops it and waits for its end; what is in flight is cut.
    pub fn stop(&mut self) {
        self.server.stop();
        // A program that another test starts at this moment has a copy of the lock until it runs itself.
        let lock = self.root.join(layout::server_lock().as_str());
        let started = Instant::now();
        while let Ok(file) = File::open(&lock)
            && file.try_lock().is_err()
            && started.elapsed() < LOCK_PATIENCE
        {
            breathe();
        }
    }

    /// Waits for a line of its log that holds a text, which must be of this test alone.
    pub fn wait_for_log(&self, text: &str) -> String {
        match &self.server {
            Server::Here(..) => server_log::wait_for(text),
            Server::Program(program) => program.lock().unwrap().wait_for(text),
        }
    }

    /// How many lines of its log up to now hold a text, which must be of this test alone.
    pub fn count_log(&self, text: &str) -> usize {
        match &self.server {
            Server::Here(..) => server_log::count(text),
            Server::Program(program) => {
                let lines = &program.lock().unwrap().lines;
                lines
                    .iter()
                    .filter(|line| slashed(line).contains(&slashed(text)))
                    .count()
            }
        }
    }

    /// A path below the root directory of the storage.
    pub fn file(&self, path: &str) -> PathBuf {
        self.root.join("docker/registry/v2").join(path)
    }

    pub fn get(&self, path: &str) -> RawResponse {
        self.call("GET", path, &[], None)
    }

    pub fn head(&self, path: &str) -> RawResponse {
        self.call("HEAD", path, &[], None)
    }

    pub fn delete(&self, path: &str) -> RawResponse {
        self.call("DELETE", path, &[], None)
    }

    pub fn post(&self, path: &str) -> RawResponse {
        self.call("POST", path, &[], Some(b""))
    }

    pub fn patch(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> RawResponse {
        self.call("PATCH", path, headers, Some(body))
    }

    pub fn put(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> RawResponse {
        self.call("PUT", path, headers, Some(body))
    }

    /// Sends any request; `path` may also be a whole URL of this registry, as `Location` may be.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> RawResponse {
        let mut body = body;
        let body = body.as_mut().map(|bytes| (bytes.len(), bytes.as_body()));
        self.send(method, path, headers, body)
    }

    /// Sends a body of unknown length, so with chunked coding.
    pub fn stream(&self, method: &str, path: &str, body: &mut dyn Read) -> RawResponse {
        let mut reader = body;
        self.send(
            method,
            path,
            &[],
            Some((0, SendBody::from_reader(&mut reader))),
        )
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(usize, SendBody<'_>)>,
    ) -> RawResponse {
        let url = match path.starts_with(&format!("{}://", self.scheme)) {
            true => path.to_owned(),
            false => format!("{}://{}{path}", self.scheme, self.address),
        };
        eprintln!(
            "{method} {path} {headers:?}, {} bytes",
            body.as_ref().map_or(0, |b| b.0)
        );
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some((_, body)) => self.agent.run(request.body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let (parts, mut body) = response.unwrap().into_parts();
        let read = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers: Vec<_> = parts.headers.iter().map(read).collect();
        let mut bytes = Vec::new();
        if method != "HEAD" {
            body.as_reader().read_to_end(&mut bytes).unwrap();
        }
        let response = RawResponse {
            status: parts.status.as_u16(),
            headers,
            body: bytes,
        };
        eprintln!(
            "  {} {:?} {}",
            response.status,
            response.headers,
            response.excerpt()
        );
        response
    }
}

/// What came back.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawResponse {
    /// The first header of that name; `None` when there is none.
    pub fn find(&self, name: &str) -> Option<&str> {
        let same = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }

    /// The header of that name, which must be there.
    pub fn header(&self, name: &str) -> &str {
        self.find(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// Every header of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks the status and gives the response on.
    #[track_caller]
    pub fn expect(self, status: u16) -> RawResponse {
        assert_eq!(self.status, status, "{}", self.excerpt());
        self
    }

    /// Checks status and code of an error of the API, with a message for a person.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> RawResponse {
        let response = self.expect(status);
        let error = &response.json()["errors"][0];
        assert_eq!(error["code"], code, "{}", response.excerpt());
        assert!(!error["message"].as_str().unwrap().is_empty());
        response
    }

    fn excerpt(&self) -> String {
        let start = &self.body[..self.body.len().min(600)];
        String::from_utf8_lossy(start).into_owned()
    }
}
