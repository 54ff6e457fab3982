//! Certificates and keys of every kind there is, and files that are none.

use super::text;
use crate::util::program::Program;
use crate::util::registry::Settings;
use crate::util::secure::{Identity, openssl, openssl_with};
use crate::util::tree::quick_directory;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// What openssl's client gets for a GET, trusting that file. It asks for no name: a certificate with
/// a common name only is served like any other, whatever clients think of it.
fn get(address: SocketAddr, trusted: &Path) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-connect"])
        .arg(address.to_string())
        .arg("-CAfile")
        .arg(trusted)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.stdin.take().unwrap().write_all(request).unwrap();
    let output = client.wait_with_output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ways to make `x.key`, and a self-signed `x.crt` for it.
const KINDS: &[(&str, &str)] = &[
    (
        "RSA 2048 in PKCS#8",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out x.key",
    ),
    (
        "RSA 4096 in PKCS#1",
        "rsa -traditional -in rsa-4096.key -out x.key",
    ),
    (
        "P-256 in SEC1 behind its parameters",
        "ecparam -name prime256v1 -genkey -out x.key",
    ),
    (
        "P-384 in PKCS#8",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out x.key",
    ),
    ("Ed25519", "genpkey -algorithm ED25519 -out x.key"),
];

#[test]
fn keys_of_every_kind_serve_with_certificates_as_the_lab_makes_them() {
    for (kind, make_key) in KINDS {
        let directory = quick_directory();
        let path = directory.path();
        // One of that length takes seconds to find.
        std::fs::write(
            path.join("rsa-4096.key"),
            include_str!("../data/rsa-4096.key"),
        )
        .unwrap();
        if openssl(path, make_key).is_none() {
            return;
        }
        openssl(
            path,
            "req -x509 -key x.key -out x.crt -days 9 -subj /CN=registry.local",
        )
        .unwrap();
        let identity = Identity {
            certificate: path.join("x.crt"),
            key: path.join("x.key"),
        };
        let registry = Settings::default().secure(&identity).start();
        let response = get(registry.address, &identity.certificate);
        assert!(
            response.starts_with("HTTP/1.1 200 OK\r\n"),
            "{kind}: {response}"
        );
    }
}

#[test]
fn a_certificate_of_version_1_serves() {
    let directory = quick_directory();
    let path = directory.path();
    if openssl(
        path,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout x.key -out x.csr -subj /CN=a",
    )
    .is_none()
    {
        return;
    }
    openssl(
        path,
        "x509 -req -in x.csr -signkey x.key -days 9 -out x.crt",
    )
    .unwrap();
    let shown = openssl(path, "x509 -in x.crt -noout -text").unwrap();
    assert!(shown.contains("Version: 1"), "{shown}");
    let identity = Identity {
        certificate: path.join("x.crt"),
        key: path.join("x.key"),
    };
    let registry = Settings::default().secure(&identity).start();
    let response = get(registry.address, &identity.certificate);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
}

#[test]
fn a_chain_is_shown_whole() {
    let directory = quick_directory();
    let path = directory.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    std::fs::write(path.join("ca.cnf"), "basicConstraints=critical,CA:TRUE\n").unwrap();
    let root = format!("req -x509 {key} -keyout root.key -out root.crt -days 9 -subj /CN=root");
    if openssl(path, &root).is_none() {
        return;
    }
    for (name, signer, more) in [
        ("middle", "root", " -extfile ca.cnf"),
        ("leaf", "middle", ""),
    ] {
        let request = format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}");
        openssl(path, &request).unwrap();
        let sign = format!(
            "x509 -req -in {name}.csr -CA {signer}.crt -CAkey {signer}.key -CAcreateserial -days 9 \
             -out {name}.crt{more}"
        );
        openssl(path, &sign).unwrap();
    }
    let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    let chain = format!(
        "\u{feff}Comments\r\n{}\r\nmore\r\n{}",
        read("leaf.crt"),
        read("middle.crt")
    );
    std::fs::write(path.join("chain.crt"), chain).unwrap();
    let identity = Identity {
        certificate: path.join("chain.crt"),
        key: path.join("leaf.key"),
    };
    let registry = Settings::default().secure(&identity).start();
    let response = get(registry.address, &path.join("root.crt"));
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
}

/// What is written in place of a file, which one it is, and what is said then.
type Fault = (fn(&Path, &Identity), &'static str, &'static str);

const FAULTS: &[Fault] = &[
    (
        |_, good| std::fs::remove_file(&good.certificate).unwrap(),
        "certificate",
        "cannot be read",
    ),
    (
        |_, good| std::fs::remove_file(&good.key).unwrap(),
        "key",
        "cannot be read",
    ),
    (
        |_, good| folder_at(&good.certificate),
        "certificate",
        "cannot be read: is a directory",
    ),
    (
        |_, good| folder_at(&good.key),
        "key",
        "cannot be read: is a directory",
    ),
    (
        |_, good| put(&good.certificate, b""),
        "certificate",
        "is empty",
    ),
    (|_, good| put(&good.key, b""), "key", "is empty"),
    (
        |_, good| put(&good.certificate, b"hello"),
        "certificate",
        "contains no certificate",
    ),
    (
        |_, good| put(&good.key, b"hello"),
        "key",
        "contains no private key",
    ),
    (
        |_, good| copy(&good.key, &good.certificate),
        "certificate",
        "contains no certificate",
    ),
    (
        |_, good| copy(&good.certificate, &good.key),
        "key",
        "contains no private key",
    ),
    (
        |_, good| put(&good.certificate, &good.der()),
        "certificate",
        "is DER, not PEM",
    ),
    (
        |_, good| put(&good.key, &[0x30, 0x81, 0x87, 2, 1, 0]),
        "key",
        "is DER, not PEM",
    ),
    (
        |_, good| cut(&good.certificate),
        "certificate",
        "is truncated",
    ),
    (|_, good| cut(&good.key), "key", "is truncated"),
    (
        |_, good| {
            put(
                &good.certificate,
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            )
        },
        "certificate",
        "its first certificate is not valid X.509",
    ),
    (
        |_, good| {
            put(
                &good.key,
                b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n",
            )
        },
        "key",
        "is malformed",
    ),
    (
        |directory, good| copy(&Identity::new(directory, "other").key, &good.key),
        "key",
        "is not the key of the first certificate in",
    ),
    (
        |_, good| put(&good.key, &vec![b' '; 5 << 20]),
        "key",
        "has more than 4194304 bytes",
    ),
];

fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

fn folder_at(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

fn cut(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    put(path, &bytes[..bytes.len() / 2]);
}

/// Starts the program, which must end with 1 and name key and file.
#[track_caller]
fn refused(directory: &Path, identity: &Identity, more: &str, key: &str, path: &Path, said: &str) {
    let text = text(directory, identity).replace("tls: {", &format!("tls: {{{more}"));
    let mut program = Program::start(directory, &text, &[]);
    let line = program.wait_for(&format!("http.tls.{key}: {}", path.display()));
    assert!(line.contains(said), "{said}: {line}");
    assert!(line.starts_with("error: "), "{line}");
    assert_eq!(program.end().code(), Some(1), "{said}");
}

#[test]
fn a_file_that_is_wrong_is_named_and_ends_the_program_with_1() {
    for (spoil, key, said) in FAULTS {
        let directory = quick_directory();
        let identity = Identity::new(directory.path(), "own");
        spoil(directory.path(), &identity);
        let path = match *key {
            "key" => &identity.key,
            _ => &identity.certificate,
        };
        refused(directory.path(), &identity, "", key, path, said);
    }
}

#[test]
fn authorities_that_are_wrong_are_named() {
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "own");
    let path = directory.path().join("ca.pem");
    let more = format!("clientcas: ['{}'], ", path.display());
    refused(
        directory.path(),
        &identity,
        &more,
        "clientcas",
        &path,
        "cannot be read",
    );
    put(&path, b"hello");
    refused(
        directory.path(),
        &identity,
        &more,
        "clientcas",
        &path,
        "contains no certificate",
    );
}

#[test]
fn keys_that_cannot_be_used_are_said_to_be_so() {
    for (make_key, said) in [
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out x.key",
            "supported: RSA",
        ),
        ("genrsa -out x.key 1024", "supported: RSA"),
        (
            "genrsa -aes256 -passout pass:a -out x.key 1024",
            "is encrypted",
        ),
        (
            "genrsa -traditional -aes256 -passout pass:a -out x.key 1024",
            "is encrypted",
        ),
    ] {
        let directory = quick_directory();
        let identity = Identity::new(directory.path(), "own");
        if openssl(directory.path(), make_key).is_none() {
            return;
        }
        copy(&directory.path().join("x.key"), &identity.key);
        refused(directory.path(), &identity, "", "key", &identity.key, said);
    }
}

#[test]
fn a_certificate_out_of_its_time_is_warned_of_and_served() {
    for (days, said) in [
        (
            ["20200101000000Z", "20210101000000Z"],
            "expired at 2021-01-01T00:00:00Z",
        ),
        (
            ["20900101000000Z", "20910101000000Z"],
            "is not valid before 2090-01-01T00:00:00Z",
        ),
    ] {
        let directory = quick_directory();
        let path = directory.path();
        put(&path.join("index"), b"");
        put(
            &path.join("ca.cnf"),
            b"[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\n[p]\n\
              commonName=supplied\n",
        );
        if openssl(
            path,
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout x.key -out x.csr -subj /CN=a",
        )
        .is_none()
        {
            return;
        }
        openssl_with(
            path,
            &[
                "ca",
                "-config",
                "ca.cnf",
                "-batch",
                "-selfsign",
                "-keyfile",
                "x.key",
                "-md",
                "sha256",
                "-in",
                "x.csr",
                "-out",
                "x.crt",
                "-startdate",
                days[0],
                "-enddate",
                days[1],
                "-notext",
            ],
        )
        .unwrap();
        let identity = Identity {
            certificate: path.join("x.crt"),
            key: path.join("x.key"),
        };
        let mut program = Program::start(path, &text(path, &identity), &[]);
        let line = program.wait_for("http.tls.certificate: ");
        assert!(
            line.contains(said) && line.contains("level=warning"),
            "{line}"
        );
        program.address();
    }
}
