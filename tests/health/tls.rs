//! Certificates: which are judged, which are trusted, and what is said of the others.

use super::{ill, of_folder, url, variables, well};
use crate::process::{err, registry};
use crate::util::registry::{Settings, TestRegistry};
use crate::util::secure::{Identity, openssl};
use crate::util::tree::quick_directory;
use std::path::Path;

#[test]
fn over_tls_its_own_certificate_is_not_judged_and_that_of_a_url_is() {
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "server");
    let [certificate, key] =
        [&identity.certificate, &identity.key].map(|path| path.to_str().unwrap());
    let secure = Settings::default().secure(&identity).start();
    let url = url("https", secure.address);
    let said = format!("{url} answers 200 OK");
    let [(name, value)] = variables(&secure);
    let own = [
        (name, value.as_str()),
        ("REGISTRY_HTTP_TLS_CERTIFICATE", certificate),
        ("REGISTRY_HTTP_TLS_KEY", key),
    ];
    well(&of_folder(directory.path(), &own), &said);
    ill(&registry(&["health", &url], &[]), "does not trust");
    well(&registry(&["health", &url, "--insecure"], &[]), &said);
    let trusted = [("SSL_CERT_FILE", certificate)];
    well(&registry(&["health", &url], &trusted), &said);
}

#[test]
fn a_trusted_certificate_for_another_name_is_refused() {
    let directory = quick_directory();
    let out = directory.path().to_str().unwrap();
    let words = ["certificate", "--host", "other.example", "--out", out];
    let made = registry(&words, &[]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let identity = Identity {
        certificate: directory.path().join("other.example.crt"),
        key: directory.path().join("other.example.key"),
    };
    let secure = Settings::default().secure(&identity).start();
    let trusted = [("SSL_CERT_FILE", identity.certificate.to_str().unwrap())];
    let output = registry(&["health", &url("https", secure.address)], &trusted);
    ill(&output, "has a certificate for another name (");
    ill(&output, "other.example");
}

/// What openssl makes for a server when it is asked for a certificate that signs itself.
fn of_openssl(directory: &Path, name: &str, words: &str) -> Option<Identity> {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
    openssl(
        directory,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN={name} -keyout {key} -out {certificate} {words}"
        ),
    )?;
    Some(Identity {
        certificate: directory.join(certificate),
        key: directory.join(key),
    })
}

/// A server that nobody here connects to but the program.
fn serving(identity: &Identity) -> TestRegistry {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    Settings::default()
        .set("HTTP_TLS_CERTIFICATE", &path(&identity.certificate))
        .set("HTTP_TLS_KEY", &path(&identity.key))
        .start()
}

#[test]
fn the_certificate_that_openssl_makes_is_trusted_when_it_is_trusted_itself() {
    let directory = quick_directory();
    let names = "-addext subjectAltName=DNS:localhost,IP:127.0.0.1";
    let Some(usual) = of_openssl(directory.path(), "usual", names) else {
        return;
    };
    let nameless = of_openssl(directory.path(), "nameless", "-sha256").unwrap();
    let other = of_openssl(
        directory.path(),
        "other",
        "-addext subjectAltName=DNS:other.example",
    )
    .unwrap();
    let trusting = |server: &Identity, trusted: &Identity| {
        let server = serving(server);
        let url = url("https", server.address);
        let file = trusted.certificate.to_str().unwrap();
        (registry(&["health", &url], &[("SSL_CERT_FILE", file)]), url)
    };
    let (output, asked) = trusting(&usual, &usual);
    well(&output, &format!("{asked} answers 200 OK"));
    for (server, trusted, said) in [
        (&usual, &other, "does not trust (it is a CA certificate "),
        (
            &nameless,
            &nameless,
            "without a host name (it contains no host name (subjectAltName)): make one",
        ),
        (
            &other,
            &other,
            "for another name (it is for other.example): use a name",
        ),
    ] {
        let (output, _) = trusting(server, trusted);
        ill(&output, said);
        let text = err(&output);
        let is_rust = text.contains("Other") || text.contains("CaUsed") || text.contains("Context");
        assert!(!is_rust, "{text}");
    }
}

#[test]
fn one_that_wants_a_certificate_of_its_clients_is_well() {
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "server");
    let strict = Settings::default()
        .secure(&identity)
        .set(
            "HTTP_TLS_CLIENTCAS_0",
            identity.certificate.to_str().unwrap(),
        )
        .start();
    let url = url("https", strict.address);
    well(
        &registry(&["health", "--insecure", &url], &[]),
        &format!("{url} requires a client certificate"),
    );
}
