//! A registry in this process, on loopback over a directory of its own, and one exchange with it. Its directory holds a
//! repository `a` with an image of one layer, tagged `v1`, and an upload session.

use registry::config::{Config, ConfigSource};
use registry::logging::Sink;
use registry::server::Registry;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

const CONFIGURATION: &str = "version: 0.1
storage: {delete: {enabled: true}}
log: {accesslog: {disabled: true}, level: error}
http: {addr: '127.0.0.1:0'}
";
/// sha256 of `{}`, which serves as configuration and layer.
const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

static SERVED: LazyLock<(SocketAddr, String)> = LazyLock::new(start);

/// The path of the upload session.
#[allow(dead_code, reason = "not every target needs it")]
pub fn session() -> &'static str {
    &SERVED.1
}

fn start() -> (SocketAddr, String) {
    let directory = tempfile::tempdir().expect("a folder").keep();
    let root = directory.to_str().expect("a path").to_owned();
    let variables = [("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY".to_owned(), root)];
    let source = ConfigSource::Text {
        name: "fuzz.yml".into(),
        text: CONFIGURATION.into(),
    };
    let (config, _) = Config::load(source, variables.to_vec()).expect("a configuration");
    let registry = Registry::open(&config, &Sink::Standard).expect("a registry");
    let address = registry.address().socket_address().expect("an address");
    std::thread::spawn(move || registry.run());
    let put = |path: &str, body: &str| {
        let response = tell(
            address,
            format!(
                "{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        assert!(response.starts_with(b"HTTP/1.1 20"), "{path}: {response:?}");
        String::from_utf8(response).expect("a text")
    };
    put(&format!("POST /v2/a/blobs/uploads/?digest={EMPTY}"), "{}");
    let begun = put("POST /v2/a/blobs/uploads/", "");
    let mut lines = begun.lines();
    let location = lines.find_map(|line| line.strip_prefix("Location: "));
    let (session, _) = location.and_then(|path| path.split_once('?')).expect("a session");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"{EMPTY}"}},"layers":[]}}"#
    );
    put("PUT /v2/a/manifests/v1", &manifest);
    (address, session.to_owned())
}

/// Sends bytes on a connection of their own, and gives all that comes back.
fn tell(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    // The server may have answered and closed before everything was sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut response = Vec::new();
    match stream.read_to_end(&mut response) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer"),
        _ => response,
    }
}

/// One exchange; 500 is never what a client can bring about.
pub fn exchange(bytes: &[u8]) {
    let response = tell(SERVED.0, bytes);
    let failed = response
        .windows(12)
        .any(|window| window == b"HTTP/1.1 500");
    assert!(!failed, "{}", String::from_utf8_lossy(&response));
}
