//! `registry certificate`: the files it makes, what it says, and what it refuses.

use crate::process::{err, out, registry};
use crate::util::program::slashed;
use crate::util::raw::Raw;
use crate::util::registry::Settings;
use crate::util::secure::{Client, Identity, openssl};
use crate::util::tree::quick_directory;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

/// Makes a certificate in `certs` below a directory.
fn make(directory: &Path, words: &[&str]) -> Output {
    let certs = directory.join("certs");
    let mut all = vec!["certificate", "--out", certs.to_str().unwrap()];
    all.extend(words);
    registry(&all, &[])
}

fn made(directory: &Path, stem: &str) -> Identity {
    Identity {
        certificate: directory.join("certs").join(format!("{stem}.crt")),
        key: directory.join("certs").join(format!("{stem}.key")),
    }
}

#[test]
fn each_of_its_names_is_served_to_clients_that_trust_it_and_no_other() {
    let directory = quick_directory();
    let names = "--host Registry.local --host *.lab.example --ip 127.0.0.1 --ip 2001:db8::1";
    let words: Vec<&str> = names.split(' ').collect();
    let output = make(directory.path(), &words);
    assert_eq!(
        (output.status.code(), err(&output)),
        (Some(0), String::new())
    );
    let identity = made(directory.path(), "registry.local");
    let registry = Settings::default().secure(&identity).start();
    let config = Arc::new(Client::new(&[&identity]).config);
    for (name, trusted) in [
        ("registry.local", true),
        ("any.lab.example", true),
        ("127.0.0.1", true),
        ("2001:db8::1", true),
        ("localhost", false),
        ("lab.example", false),
        ("192.0.2.1", false),
    ] {
        let server = ServerName::try_from(name).unwrap();
        let connection = ClientConnection::new(Arc::clone(&config), server).unwrap();
        let socket = TcpStream::connect(registry.address).unwrap();
        let mut client = Raw::new(StreamOwned::new(connection, socket));
        let shaken = client.stream.conn.complete_io(&mut client.stream.sock);
        assert_eq!(shaken.is_ok(), trusted, "{name}");
        if trusted {
            assert_eq!(client.request("/v2/").response().status, 200);
        }
    }
}

#[test]
fn it_says_how_to_serve_with_it_and_how_to_trust_it() {
    let directory = quick_directory();
    let output = make(directory.path(), &["--host", "registry.local"]);
    let identity = made(directory.path(), "registry.local");
    let said = out(&output);
    for (variable, path) in [
        ("REGISTRY_HTTP_TLS_CERTIFICATE=", &identity.certificate),
        ("REGISTRY_HTTP_TLS_KEY=", &identity.key),
    ] {
        // Windows puts a drive before it.
        let mut lines = said.lines().map(str::trim_start);
        let line = lines.find(|line| line.starts_with(variable));
        let line = slashed(line.unwrap());
        assert!(line.ends_with(&slashed(path.to_str().unwrap())), "{line}");
    }
    for text in [
        "Import-Certificate -FilePath registry.local.crt -CertStoreLocation Cert:\\LocalMachine\\Root",
        "certutil -addstore -f Root registry.local.crt",
        "update-ca-certificates",
        "/etc/docker/certs.d/registry.local:5000/ca.crt",
        "docker\\certs.d\\registry.local5000\\ca.crt",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let key = std::fs::read_to_string(&identity.key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(!said.contains(secret));
}

#[test]
#[cfg(unix)]
fn only_its_owner_may_read_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let directory = quick_directory();
    assert!(make(directory.path(), &["--host", "a"]).status.success());
    let key = std::fs::metadata(made(directory.path(), "a").key).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn nothing_is_ever_overwritten() {
    let directory = quick_directory();
    let identity = made(directory.path(), "a");
    for (there, gone) in [
        (&identity.certificate, &identity.key),
        (&identity.key, &identity.certificate),
    ] {
        std::fs::create_dir_all(directory.path().join("certs")).unwrap();
        std::fs::write(there, "mine").unwrap();
        let output = make(directory.path(), &["--host", "a"]);
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("error: {} already exists", there.display());
        let error = slashed(&err(&output));
        assert!(error.starts_with(&slashed(&expected)), "{error}");
        assert_eq!(std::fs::read(there).unwrap(), b"mine");
        assert!(!gone.exists(), "half of it is good for nothing");
        std::fs::remove_file(there).unwrap();
    }
}

#[test]
fn each_has_a_serial_number_and_a_key_of_its_own() {
    let directories = [quick_directory(), quick_directory()];
    let made = directories.each_ref().map(|directory| {
        assert!(make(directory.path(), &["--host", "a"]).status.success());
        made(directory.path(), "a")
    });
    let [first, second] = made
        .each_ref()
        .map(|identity| std::fs::read(&identity.key).unwrap());
    assert_ne!(first, second);
    let serial = |place: usize| {
        openssl(
            directories[place].path(),
            "x509 -in certs/a.crt -noout -serial",
        )
    };
    if let (Some(first), Some(second)) = (serial(0), serial(1)) {
        assert_ne!(first, second);
    }
}

#[test]
fn openssl_takes_it_for_its_own_root_by_the_strict_rules() {
    let directory = quick_directory();
    let words = ["--ip", "192.0.2.1", "--days", "30000"];
    assert!(make(directory.path(), &words).status.success());
    let certificate = "certs/192.0.2.1.crt";
    let verify = format!(
        "verify -x509_strict -purpose sslserver -verify_ip 192.0.2.1 -CAfile {certificate} {certificate}"
    );
    if openssl(directory.path(), &verify).is_none() {
        return;
    }
    let shown = openssl(
        directory.path(),
        &format!("x509 -noout -text -in {certificate}"),
    )
    .unwrap();
    for text in [
        "CA:FALSE",
        "Digital Signature",
        "TLS Web Server",
        "IP Address:192.0.2.1",
    ] {
        assert!(shown.contains(text), "{shown}");
    }
    openssl(
        directory.path(),
        "pkey -in certs/192.0.2.1.key -noout -check",
    )
    .unwrap();
}

#[test]
fn wrong_words_are_named_and_end_the_program_with_2() {
    let directory = quick_directory();
    for (words, said) in [
        (&[][..], "at least one --host or --ip is required"),
        (&["--host", "https://a"], "is not a host name"),
        (&["--host", "a:5000"], "is not a host name"),
        (&["--host", "192.0.2.1"], "use --ip"),
        (&["--ip", "a"], "not an IP address"),
        (&["--host", "a", "--days", "0"], "allowed: 1 to 36525"),
        (&["--host", "a", "--days", "x"], "days"),
    ] {
        let output = make(directory.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(err(&output).contains(said), "{words:?}: {}", err(&output));
        assert!(!directory.path().join("certs").exists());
    }
}
