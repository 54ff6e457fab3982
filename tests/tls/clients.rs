//! Client certificates in distribution's four modes.

use super::Served;
use crate::util::secure::{Client, Identity, openssl};
use std::io::{Read, Write};
use std::path::Path;

/// An authority and a client that it signed.
fn client_of(folder: &Path, name: &str) -> Option<(Identity, Identity)> {
    std::fs::write(folder.join("client.cnf"), "extendedKeyUsage=clientAuth\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(
        folder,
        &format!(
            "req -x509 {key} -keyout {name}-ca.key -out {name}-ca.crt -days 9 -subj /CN={name}-ca"
        ),
    )?;
    openssl(
        folder,
        &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"),
    )?;
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {name}-ca.crt -CAkey {name}-ca.key -CAcreateserial \
             -out {name}.crt -days 9 -extfile client.cnf"
        ),
    )?;
    let identity = |stem: String| Identity {
        certificate: folder.join(format!("{stem}.crt")),
        key: folder.join(format!("{stem}.key")),
    };
    Some((identity(format!("{name}-ca")), identity(name.to_owned())))
}

/// Whether a client is served.
fn served(server: &Served, own: Option<&Identity>) -> bool {
    let client = Client::with(&[&server.identity], own);
    let mut connection = client.connect(server.registry.address);
    let request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let sent = connection.stream.write_all(request);
    let read = sent.and_then(|()| connection.stream.read_to_end(&mut answer));
    match read {
        Ok(_) => answer.starts_with(b"HTTP/1.1 200 "),
        Err(error) => {
            // The client is told by an alert, and not by a connection that breaks.
            assert!(error.to_string().contains("alert"), "{error}");
            false
        }
    }
}

#[test]
fn each_mode_lets_in_whom_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let Some((authority, signed)) = client_of(folder.path(), "good") else {
        return;
    };
    let (_, foreign) = client_of(folder.path(), "foreign").unwrap();
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
