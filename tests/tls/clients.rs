//! Client certificates in distribution's four modes, and those that openssl makes as people do.

use super::Served;
use crate::util::effort::effort;
use crate::util::secure::{Client, Identity, openssl};
use crate::util::tree::quick_directory;
use std::io::{Read, Write};
use std::path::Path;

/// An authority and a client that it signed.
fn client_of(directory: &Path, name: &str) -> Option<(Identity, Identity)> {
    std::fs::write(
        directory.join("client.cnf"),
        "extendedKeyUsage=clientAuth\n",
    )
    .unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(
        directory,
        &format!(
            "req -x509 {key} -keyout {name}-ca.key -out {name}-ca.crt -days 9 -subj /CN={name}-ca"
        ),
    )?;
    openssl(
        directory,
        &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"),
    )?;
    openssl(
        directory,
        &format!(
            "x509 -req -in {name}.csr -CA {name}-ca.crt -CAkey {name}-ca.key -CAcreateserial \
             -out {name}.crt -days 9 -extfile client.cnf"
        ),
    )?;
    let identity = |stem: String| Identity {
        certificate: directory.join(format!("{stem}.crt")),
        key: directory.join(format!("{stem}.key")),
    };
    Some((identity(format!("{name}-ca")), identity(name.to_owned())))
}

/// Whether a client is served.
fn served(server: &Served, own: Option<&Identity>) -> bool {
    let client = Client::with(&[&server.identity], own);
    let mut connection = client.connect(server.registry.address);
    let request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut response = Vec::new();
    let sent = connection.stream.write_all(request);
    let read = sent.and_then(|()| connection.stream.read_to_end(&mut response));
    match read {
        Ok(_) => response.starts_with(b"HTTP/1.1 200 "),
        Err(error) => {
            // The client is told by an alert, and not by a connection that breaks.
            assert!(error.to_string().contains("alert"), "{error}");
            false
        }
    }
}

#[test]
fn each_mode_lets_in_whom_it_should() {
    let directory = quick_directory();
    let Some((authority, signed)) = client_of(directory.path(), "good") else {
        return;
    };
    let (_, foreign) = client_of(directory.path(), "foreign").unwrap();
    let authorities = authority.certificate.to_str().unwrap();
    // Without a certificate, with one of the authority, with one of another.
    for (mode, expected) in [
        ("", [false, true, false]),
        ("require-and-verify-client-cert", [false, true, false]),
        ("verify-client-cert-if-given", [true, true, false]),
        ("require-any-client-cert", [false, true, true]),
        ("request-client-cert", [true, true, true]),
    ] {
        for minimum in ["tls1.2", "tls1.3"] {
            let server = Served::start(|settings| {
                settings
                    .set("HTTP_TLS_CLIENTCAS_0", authorities)
                    .set("HTTP_TLS_CLIENTAUTH", mode)
                    .set("HTTP_TLS_MINIMUMTLS", minimum)
            });
            let found = [None, Some(&signed), Some(&foreign)].map(|own| served(&server, own));
            assert_eq!(found, expected, "{mode} {minimum}");
        }
    }
}

/// A certificate that signed itself, made by these words of openssl.
fn self_signed(directory: &Path, name: &str, words: &str) -> Option<Identity> {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
    openssl(
        directory,
        &format!(
            "req -x509 -nodes -days 9 -subj /CN={name} -keyout {key} -out {certificate} {words}"
        ),
    )?;
    Some(Identity {
        certificate: directory.join(certificate),
        key: directory.join(key),
    })
}

/// A client that an authority signed by `openssl x509 -req` without extensions: X.509 version 1.
fn of_version_1(directory: &Path, name: &str, words: &str, authority: &str) -> Identity {
    let request = format!("req -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr {words}");
    openssl(directory, &request).unwrap();
    let sign = format!(
        "x509 -req -days 9 -in {name}.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial \
         -out {name}.crt"
    );
    openssl(directory, &sign).unwrap();
    Identity {
        certificate: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    }
}

const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
const P521: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-521";
const RSA: &str = "-newkey rsa:2048";

/// A server in a mode, that has these in its list.
fn server(mode: &str, minimum: &str, listed: &[&Identity]) -> Served {
    Served::start(|settings| {
        let settings = settings
            .set("HTTP_TLS_CLIENTAUTH", mode)
            .set("HTTP_TLS_MINIMUMTLS", minimum);
        let files = listed.iter().enumerate();
        files.fold(settings, |settings, (number, identity)| {
            let name = format!("HTTP_TLS_CLIENTCAS_{number}");
            settings.set(&name, identity.certificate.to_str().unwrap())
        })
    })
}

const VERIFYING: [&str; 2] = [
    "require-and-verify-client-cert",
    "verify-client-cert-if-given",
];
const ANY: [&str; 2] = ["require-any-client-cert", "request-client-cert"];

/// The modes of one of two turns: one each, or both where tests are thorough. All of them are tried with either version
/// by who has not the key.
fn some_of(modes: [&'static str; 2], turn: usize) -> Vec<&'static str> {
    effort(vec![modes[turn]], modes.to_vec())
}

#[test]
fn what_people_make_with_openssl_is_taken_as_distribution_takes_it() {
    let directory = quick_directory();
    let directory = directory.path();
    let Some(authority) = self_signed(directory, "ca", RSA) else {
        return;
    };
    let own = self_signed(directory, "own", P256).unwrap();
    let old = of_version_1(directory, "old", RSA, "ca");
    let old_own = of_version_1(directory, "oldown", P256, "own");
    let stranger = self_signed(directory, "stranger", P256).unwrap();
    for (turn, minimum) in (0..).zip(["tls1.2", "tls1.3"]) {
        for mode in some_of(VERIFYING, turn) {
            let server = server(mode, minimum, &[&authority, &own]);
            let clients = [&own, &old, &old_own, &stranger];
            let found = clients.map(|client| served(&server, Some(client)));
            assert_eq!(found, [true, true, true, false], "{mode} {minimum}");
        }
        for mode in some_of(ANY, turn) {
            for listed in [&[][..], &[&authority]] {
                let server = server(mode, minimum, listed);
                let clients = [&own, &old, &stranger];
                let found = clients.map(|client| served(&server, Some(client)));
                assert_eq!(found, [true; 3], "{mode} {minimum}");
            }
        }
    }
}

#[test]
fn whoever_has_not_the_key_is_refused_in_every_mode() {
    let directory = quick_directory();
    let directory = directory.path();
    let Some(own) = self_signed(directory, "own", P256) else {
        return;
    };
    let old = of_version_1(directory, "old", P256, "own");
    let thief = self_signed(directory, "thief", P256).unwrap();
    let with_key_of_thief = |identity: &Identity| Identity {
        certificate: identity.certificate.clone(),
        key: thief.key.clone(),
    };
    for minimum in ["tls1.2", "tls1.3"] {
        for mode in [VERIFYING, ANY].concat() {
            let server = server(mode, minimum, &[&own]);
            for victim in [&own, &old] {
                assert!(served(&server, Some(victim)), "{mode} {minimum}");
                let stolen = with_key_of_thief(victim);
                assert!(!served(&server, Some(&stolen)), "{mode} {minimum}");
            }
        }
    }
}

/// Whether openssl is served with a certificate, over this version.
fn openssl_served(server: &Served, own: &Identity, version: &str) -> bool {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let address = server.registry.address.to_string();
    let mut client = std::process::Command::new("openssl")
        .args(["s_client", "-quiet", version, "-connect", &address])
        .args(["-cert", &text(&own.certificate), "-key", &text(&own.key)])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut request = client.stdin.take().unwrap();
    // It may be refused already.
    let _ = request.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let output = client.wait_with_output().unwrap();
    drop(request);
    output.stdout.starts_with(b"HTTP/1.1 200 ")
}

#[test]
fn keys_on_p521_are_taken_in_every_mode_and_by_either_version() {
    let directory = quick_directory();
    let directory = directory.path();
    let Some(authority) = self_signed(directory, "ca", P521) else {
        return;
    };
    let own = self_signed(directory, "own", P521).unwrap();
    let old = of_version_1(directory, "old", P521, "ca");
    let stranger = self_signed(directory, "stranger", P521).unwrap();
    let versions = [("tls1.2", "-tls1_2"), ("tls1.3", "-tls1_3")];
    for (turn, (minimum, version)) in (0..).zip(versions) {
        for mode in some_of(VERIFYING, turn) {
            let server = server(mode, minimum, &[&authority, &own]);
            let clients = [&own, &old, &stranger];
            let found = clients.map(|client| openssl_served(&server, client, version));
            assert_eq!(found, [true, true, false], "{mode} {minimum}");
        }
        for mode in some_of(ANY, turn) {
            let server = server(mode, minimum, &[]);
            let clients = [&own, &old, &stranger];
            let found = clients.map(|client| openssl_served(&server, client, version));
            assert_eq!(found, [true; 3], "{mode} {minimum}");
        }
    }
}
