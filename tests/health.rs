//! `registry health`: who is well, who is not, and how it finds the registry of its machine.

#[cfg(unix)]
mod paused;
mod tls;

use crate::process::{command, err, out, registry};
use crate::util::program::output;
use crate::util::registry::{Settings, TestRegistry};
use crate::util::secure::Identity;
use crate::util::tree::quick_directory;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::Duration;

/// Of an endless response no more than this is taken; what is not read fills the buffers of two sockets.
const SENT_BYTES_MAX: usize = 64 * 1024 * 1024;

#[track_caller]
fn well(output: &Output, said: &str) {
    let found = (output.status.code(), out(output), err(output));
    assert_eq!(found, (Some(0), format!("{said}\n"), String::new()));
}

#[track_caller]
fn ill(output: &Output, said: &str) {
    assert_eq!((output.status.code(), out(output).as_str()), (Some(1), ""));
    let error = err(output);
    assert!(
        error.starts_with("error: ") && error.contains(said),
        "{error}"
    );
}

fn url(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{address}/")
}

/// Serves one connection with bytes of the test's own; whoever closes early is no failure.
fn impostor(
    act: impl FnOnce(&mut std::net::TcpStream) -> std::io::Result<()> + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = act(&mut stream);
    });
    address
}

/// Says that to whatever is asked, and reads what is asked to its end, so that nothing is reset.
fn saying(response: impl Into<Vec<u8>>) -> SocketAddr {
    let response = response.into();
    impostor(move |stream| {
        stream.write_all(&response)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        std::io::copy(stream, &mut std::io::sink()).map(drop)
    })
}

/// The variables of a registry on that port of the loopback, as a container has them.
fn variables(registry: &TestRegistry) -> [(&'static str, String); 1] {
    [(
        "REGISTRY_HTTP_ADDR",
        format!(":{}", registry.address.port()),
    )]
}

/// Asks the registry of a directory's configuration, with variables over it.
fn of_folder(directory: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = command(&["health"], variables);
    command.current_dir(directory);
    output(&mut command)
}

fn config(directory: &Path, http: &str) -> String {
    let path = directory.join("config.yml");
    let text = format!("version: 0.1\nstorage: inmemory\nhttp: {http}\n");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_registry_that_answers_is_well() {
    let registry_of_test = TestRegistry::start();
    let url = url("http", registry_of_test.address);
    well(
        &registry(&["health", &url], &[]),
        &format!("{url} answers 200 OK"),
    );
    let api = format!("{url}v2/");
    well(
        &registry(&["health", &api], &[]),
        &format!("{api} answers 200 OK"),
    );
}

#[test]
fn one_that_wants_a_login_is_well() {
    let directory = quick_directory();
    let users = directory.path().join("users");
    std::fs::write(&users, "").unwrap();
    let closed = Settings::default()
        .set("AUTH_HTPASSWD_REALM", "test")
        .set("AUTH_HTPASSWD_PATH", users.to_str().unwrap())
        .start();
    let api = format!("{}v2/", url("http", closed.address));
    well(
        &registry(&["health", &api], &[]),
        &format!("{api} answers 401 Unauthorized"),
    );
}

#[test]
fn the_environment_alone_leads_to_it() {
    let directory = quick_directory();
    let served = TestRegistry::start();
    let [(name, value)] = variables(&served);
    let said = format!("{} answers 200 OK", url("http", served.address));
    well(&of_folder(directory.path(), &[(name, &value)]), &said);
    // A variable that no key has does not keep anyone from asking.
    let more = [(name, value.as_str()), ("REGISTRY_NO_SUCH_KEY", "x")];
    well(&of_folder(directory.path(), &more), &said);
}

#[test]
fn without_anything_it_asks_port_5000() {
    let directory = quick_directory();
    let output = of_folder(directory.path(), &[]);
    // Whether something is there is not this test's.
    let said = out(&output) + &err(&output);
    assert!(said.contains("http://127.0.0.1:5000/ "), "{said}");
}

#[test]
fn the_configuration_leads_to_it_by_any_of_its_ways() {
    let (directory, empty) = (quick_directory(), quick_directory());
    let served = Settings::default().set("HTTP_PREFIX", "/a/").start();
    let port = served.address.port();
    let path = config(
        directory.path(),
        &format!("{{addr: ':{port}', prefix: /a/}}"),
    );
    let said = format!("http://127.0.0.1:{port}/a/ answers 200 OK");
    well(&of_folder(directory.path(), &[]), &said);
    well(&registry(&["health", "--config", &path], &[]), &said);
    let variable = [("REGISTRY_CONFIGURATION_PATH", path.as_str())];
    well(&of_folder(empty.path(), &variable), &said);
    // Variables count above it.
    let other = [("REGISTRY_HTTP_PREFIX", "/b/")];
    ill(
        &of_folder(directory.path(), &other),
        "answers 404 Not Found",
    );
}

#[test]
fn a_configuration_that_is_wrong_is_told_in_full() {
    let directory = quick_directory();
    config(directory.path(), "{addr: x}");
    let output = of_folder(directory.path(), &[("REGISTRY_LOG_LEVEL", "loud")]);
    ill(&output, "http.addr: found `x`");
    ill(&output, "log.level: found `loud`");
    assert!(err(&output).lines().all(|line| line.starts_with("error: ")));
    let missing = registry(&["health", "--config", "/nonexistent/config.yml"], &[]);
    ill(&missing, "/nonexistent/config.yml: cannot be read");
}

#[test]
#[cfg(unix)]
fn a_unix_socket_leads_to_it_plain_and_over_tls() {
    use crate::util::program::Program;
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "server");
    let socket = directory.path().join("registry.sock");
    for (section, scheme) in [(String::new(), "http"), (identity.section(), "https")] {
        let http = format!("{{net: unix, addr: {}, {section}}}", socket.display());
        let path = config(directory.path(), &http);
        let ask = || registry(&["health", "--config", &path], &[]);
        ill(&ask(), "does not answer: ");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut program = Program::start(directory.path(), &text, &[]);
        program.wait_for("listening on ");
        let said = format!(
            "{scheme}://127.0.0.1/ on {} answers 200 OK",
            socket.display()
        );
        well(&ask(), &said);
        program.signal("TERM");
        assert!(program.end().success());
    }
}

#[test]
#[cfg(unix)]
fn a_unix_socket_whose_owner_accepts_nothing_is_ill() {
    let directory = quick_directory();
    let socket = directory.path().join("registry.sock");
    let _owner = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let path = config(
        directory.path(),
        &format!("{{net: unix, addr: {}}}", socket.display()),
    );
    let words = ["health", "--config", &path, "--timeout-seconds", "1"];
    ill(&registry(&words, &[]), "does not answer within 1 s");
}

#[test]
fn a_port_where_nobody_listens_is_ill() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    ill(
        &registry(&["health", &url("http", free)], &[]),
        "does not answer: ",
    );
}

#[test]
fn one_that_says_nothing_or_never_comes_to_an_end_is_ill() {
    let drip = |bytes: &'static [u8]| {
        impostor(move |stream| {
            loop {
                stream.write_all(bytes)?;
                thread::sleep(Duration::from_millis(100));
            }
        })
    };
    let silent = impostor(|stream| std::io::copy(stream, &mut std::io::sink()).map(drop));
    for (scheme, address) in [
        ("http", silent),
        ("http", drip(b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("http", drip(b"H")),
        // A record of a handshake that is never whole.
        ("https", drip(b"\x16\x03\x03\x20\x00")),
    ] {
        let url = url(scheme, address);
        let output = registry(&["health", "--timeout-seconds", "1", &url], &[]);
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        assert!(err(&output).contains(&url), "{}", err(&output));
    }
}

#[test]
fn one_that_speaks_something_else_is_ill() {
    for response in [
        "220 mail.example ESMTP\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/2.0 nonsense\r\n\r\n",
        "",
    ] {
        let output = registry(&["health", &url("http", saying(response))], &[]);
        ill(&output, "answer");
    }
    // Each kind of registry asked as the other.
    let plain = TestRegistry::start();
    let output = registry(&["health", "--insecure", &url("https", plain.address)], &[]);
    ill(&output, "TLS");
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "server");
    let secure = Settings::default().secure(&identity).start();
    let output = registry(&["health", &url("http", secure.address)], &[]);
    ill(&output, "answers 400 Bad Request");
}

#[test]
fn another_status_is_ill_and_told() {
    for (status, said) in [
        (
            "503 Service Unavailable",
            "answers 503 Service Unavailable; ",
        ),
        ("301 Moved Permanently", "answers 301 Moved Permanently; "),
        ("404 Not Found", "answers 404 Not Found; "),
    ] {
        let response = format!(
            "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        );
        ill(
            &registry(&["health", &url("http", saying(response))], &[]),
            said,
        );
    }
}

#[test]
fn no_more_of_an_answer_is_read_than_its_head_and_that_is_bounded() {
    // A body that never ends: the verdict comes from the head.
    let endless = impostor(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 65536])?;
        }
    });
    let url_of_it = url("http", endless);
    let output = registry(&["health", "--timeout-seconds", "60", &url_of_it], &[]);
    well(&output, &format!("{url_of_it} answers 200 OK"));
    // A head that never ends, by one long header and by many.
    for piece in [&[b'x'; 4096][..], b"\r\nX-Field: 0123456789"] {
        let (sender, sent) = std::sync::mpsc::channel();
        let endless = impostor(move |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Field: ")?;
            let mut bytes = 0;
            while bytes < 2 * SENT_BYTES_MAX {
                match stream.write(piece) {
                    Ok(count) => bytes += count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            let _ = sender.send(bytes);
            Ok(())
        });
        let url = url("http", endless);
        let output = registry(&["health", "--timeout-seconds", "60", &url], &[]);
        ill(&output, "answers something other than HTTP");
        assert!(sent.recv().unwrap() < SENT_BYTES_MAX);
    }
}

#[test]
fn wrong_words_are_named_and_end_the_program_with_2() {
    for (words, said) in [
        (
            &["localhost:5000"][..],
            "found `localhost:5000`; allowed: a URL",
        ),
        (&["ftp://a/"], "allowed: a URL"),
        (&["http://"], "allowed: a URL"),
        (&["http://a b/"], "allowed: a URL"),
        (&["http://u:hunter2@a/"], "without a user and a password"),
        (&["http://u:hunter2@"], "without a user and a password"),
        (&["http://a/", "--config", "x"], "give one of them"),
        (&["--timeout-seconds", "0"], "allowed: 1 to 300"),
        (&["--timeout-seconds", "301"], "allowed: 1 to 300"),
        (&["--timeout-seconds", "x"], "timeout-seconds"),
    ] {
        let words: Vec<&str> = std::iter::once("health")
            .chain(words.iter().copied())
            .collect();
        let output = registry(&words, &[]);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let error = err(&output);
        assert!(
            error.contains(said) && error.starts_with("see `registry health --help`"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}
