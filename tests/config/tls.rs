//! The section `http.tls`: what it comes to, and what is said when it is half or wrong.

use super::*;
use registry::http::tls::{ClientAuth, TlsVersion};

fn section(lines: &str) -> String {
    format!("{BASE}http:\n  tls:\n{lines}")
}

const FILES: &str = "    certificate: /c.crt\n    key: /c.key\n";

#[test]
fn every_key_comes_from_the_file_and_from_the_environment() {
    let lines = format!(
        "{FILES}    clientcas: [/a.pem, /b.pem]\n    clientauth: verify-client-cert-if-given\n    \
         minimumtls: tls1.3\n    ciphersuites: [TLS_AES_128_GCM_SHA256]\n"
    );
    let from_file = clean(&section(&lines), &[]).http.tls.unwrap();
    let variables = [
        ("REGISTRY_HTTP_TLS_CERTIFICATE", "/c.crt"),
        ("REGISTRY_HTTP_TLS_KEY", "/c.key"),
        ("REGISTRY_HTTP_TLS_CLIENTCAS", "[/a.pem, /b.pem]"),
        (
            "REGISTRY_HTTP_TLS_CLIENTAUTH",
            "verify-client-cert-if-given",
        ),
        ("REGISTRY_HTTP_TLS_MINIMUMTLS", "TLS1.3"),
        ("REGISTRY_HTTP_TLS_CIPHERSUITES_0", "tls_aes_128_gcm_sha256"),
    ];
    assert_eq!(clean(BASE, &variables).http.tls, Some(from_file.clone()));
    assert_eq!(from_file.certificate, Path::new("/c.crt"));
    assert_eq!(from_file.key, Path::new("/c.key"));
    let authorities = [PathBuf::from("/a.pem"), PathBuf::from("/b.pem")];
    assert_eq!(from_file.client_cas, authorities);
    assert_eq!(from_file.client_auth, ClientAuth::VerifyIfGiven);
    assert_eq!(from_file.minimum, TlsVersion::Tls13);
    assert_eq!(from_file.cipher_suites.len(), 1);
}

#[test]
fn clients_are_asked_as_distribution_asks_them() {
    for (lines, mode) in [
        ("", ClientAuth::None),
        ("clientcas: /a.pem", ClientAuth::RequireAndVerify),
        ("clientauth: request-client-cert", ClientAuth::Request),
        (
            "clientauth: require-any-client-cert",
            ClientAuth::RequireAny,
        ),
        (
            "{clientcas: [/a], clientauth: require-and-verify-client-cert}",
            ClientAuth::RequireAndVerify,
        ),
    ] {
        let lines = match lines.starts_with('{') {
            true => "    clientcas: [/a]\n    clientauth: require-and-verify-client-cert".into(),
            false => format!("    {lines}"),
        };
        let config = clean(&section(&format!("{FILES}{lines}\n")), &[]);
        assert_eq!(config.http.tls.unwrap().client_auth, mode, "{lines}");
    }
}

#[test]
fn an_empty_section_asks_for_nothing() {
    for lines in ["", "    certificate: ''\n    key:\n", "    clientcas: []\n"] {
        assert_eq!(clean(&section(lines), &[]).http.tls, None, "{lines}");
    }
}

#[test]
fn the_section_is_shown_as_it_can_be_read_again() {
    let text = section(&format!(
        "{FILES}    clientcas: [/a.pem]\n    ciphersuites: TLS_AES_128_GCM_SHA256\n"
    ));
    let config = clean(&text, &[]);
    let again = clean(&config.render(), &[]);
    assert_eq!(config.http.tls, again.http.tls);
    assert!(config.render().contains("c.key"));
}

#[test]
fn what_is_half_or_wrong_is_reported_with_what_is_allowed() {
    for (lines, starts) in [
        (
            "    certificate: /c\n",
            &["http.tls.key: found nothing; allowed: the path"][..],
        ),
        (
            "    key: /k\n",
            &["http.tls.certificate: found nothing; allowed: the path"],
        ),
        (
            "    minimumtls: tls1.2\n",
            &[
                "http.tls.certificate: found nothing",
                "http.tls.key: found nothing",
            ],
        ),
        (
            &format!("{FILES}    minimumtls: tls1.1\n"),
            &[
                "http.tls.minimumtls: found `tls1.1`; allowed: one of tls1.2, tls1.3 (TLS 1.0 and 1.1 are",
            ],
        ),
        (
            &format!("{FILES}    minimumtls: 1.3\n"),
            &["http.tls.minimumtls: found `1.3`; allowed: one of tls1.2, tls1.3"],
        ),
        (
            &format!("{FILES}    clientauth: always\n"),
            &[
                "http.tls.clientauth: found `always`; allowed: one of request-client-cert, require-any",
            ],
        ),
        (
            &format!("{FILES}    clientauth: verify-client-cert-if-given\n"),
            &[
                "http.tls.clientauth: found `verify-client-cert-if-given` without http.tls.clientcas",
            ],
        ),
        (
            &format!(
                "{FILES}    ciphersuites: [TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA, X]\n"
            ),
            &[
                "http.tls.ciphersuites.1: found `TLS_RSA_WITH_AES_128_CBC_SHA`; allowed: one of TLS_AES_256",
                "http.tls.ciphersuites.2: found `X`; allowed: one of TLS_AES_256_GCM_SHA384, TLS_AES",
            ],
        ),
        (
            &format!("{FILES}    keyy: /k\n"),
            &["http.tls.keyy: unknown key; did you mean http.tls.key?"],
        ),
        (
            &format!("{FILES}    letsencrypt: {{email: a@b.example, cachefile: /x}}\n"),
            &["http.tls.letsencrypt: certificates are not fetched from Let's Encrypt"],
        ),
    ] {
        let found = errors(&section(lines), &[]);
        assert_eq!(found.len(), starts.len(), "{lines}: {found:#?}");
        for start in starts {
            let any = found.iter().any(|error| error.contains(start));
            assert!(any, "{start}: {found:#?}");
        }
    }
    let weak = errors(
        &section(FILES),
        &[(
            "REGISTRY_HTTP_TLS_CIPHERSUITES",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
        )],
    );
    assert!(
        weak[0].starts_with("REGISTRY_HTTP_TLS_CIPHERSUITES: "),
        "{weak:?}"
    );
    assert!(
        weak[0].ends_with("(this one is too weak and not supported)"),
        "{weak:?}"
    );
}
