//! Versions, suites and protocols, as openssl's client sees them.

use super::{Served, text};
use crate::util::program::Program;
use crate::util::secure::{Identity, openssl};
use crate::util::tree::quick_directory;
use std::io::Write;
use std::process::{Command, Stdio};

/// What openssl's client agrees on with a server: `None` when they do not agree.
fn agreed(server: &Served, words: &str) -> Option<String> {
    let address = server.registry.address.to_string();
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-CAfile"])
        .arg(&server.identity.certificate)
        .args(words.split(' ').filter(|word| !word.is_empty()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = client.stdin.take().unwrap().write_all(b"");
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = !output.status.success() || said.contains("Cipher is (NONE)");
    if failed {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(why.contains("alert"), "{words}: {why}");
        return None;
    }
    assert!(
        said.contains("Verify return code: 0 (ok)"),
        "{words}: {said}"
    );
    let line = said.lines().find(|line| line.starts_with("New, "));
    let protocol = said
        .lines()
        .find(|line| line.starts_with("ALPN protocol: "));
    Some(format!(
        "{} {}",
        line.unwrap(),
        protocol.unwrap_or_default()
    ))
}

/// Servers with settings, and what clients with options come to there.
type Row<'r> = (&'r [(&'r str, &'r str)], &'r [(&'r str, Option<&'r str>)]);

const ROWS: &[Row<'_>] = &[
    (
        &[],
        &[
            ("", Some("TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384")),
            ("-tls1_3", Some("TLSv1.3")),
            ("-tls1_2", Some("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384")),
            ("-tls1_1 -cipher ALL:@SECLEVEL=0", None),
            ("-tls1 -cipher ALL:@SECLEVEL=0", None),
            ("-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", None),
            ("-tls1_2 -cipher AES128-GCM-SHA256", None),
            (
                "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
                Some("CHACHA20"),
            ),
            ("-alpn h2,http/1.1", Some("ALPN protocol: http/1.1")),
            ("-alpn h2", None),
        ],
    ),
    (
        &[("MINIMUMTLS", "tls1.3")],
        &[("-tls1_3", Some("TLSv1.3")), ("-tls1_2", None)],
    ),
    (
        &[("CIPHERSUITES", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")],
        &[
            ("-tls1_2", Some("ECDHE-ECDSA-AES128-GCM-SHA256")),
            ("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", None),
            (
                "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384",
                Some("TLS_AES_256"),
            ),
        ],
    ),
    (
        &[("CIPHERSUITES", "[TLS_AES_128_GCM_SHA256]")],
        &[
            ("-tls1_3", Some("TLS_AES_128_GCM_SHA256")),
            ("-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", None),
            ("-tls1_2", None),
        ],
    ),
];

#[test]
fn versions_suites_and_protocols_are_those_of_the_settings() {
    if openssl(&std::env::temp_dir(), "version").is_none() {
        return;
    }
    for (settings, clients) in ROWS {
        let server = Served::start(|mut built| {
            for (name, value) in *settings {
                built = built.set(&format!("HTTP_TLS_{name}"), value);
            }
            built
        });
        for (words, expected) in *clients {
            let found = agreed(&server, words);
            match (expected, &found) {
                (None, None) => {}
                (Some(expected), Some(found)) if found.contains(expected) => {}
                _ => panic!("{settings:?} {words:?}: expected {expected:?}, found {found:?}"),
            }
        }
    }
}

#[test]
fn unknown_suites_and_versions_end_the_program_with_1() {
    for (name, value, said) in [
        (
            "CIPHERSUITES",
            "[TLS_BANANA]",
            "http.tls.ciphersuites.0: found `TLS_BANANA`; allowed: one of TLS_AES_256_GCM_SHA384, ",
        ),
        (
            "MINIMUMTLS",
            "tls1.7",
            "http.tls.minimumtls: found `tls1.7`; allowed: one of tls1.2, tls1.3",
        ),
        (
            "MINIMUMTLS",
            "tls1.0",
            "http.tls.minimumtls: found `tls1.0`; allowed: one of tls1.2, tls1.3 (TLS 1.0 and 1.1 are",
        ),
    ] {
        let directory = quick_directory();
        let identity = Identity::new(directory.path(), "own");
        let text = text(directory.path(), &identity);
        let name = format!("REGISTRY_HTTP_TLS_{name}");
        let mut program = Program::start(directory.path(), &text, &[(&name, value)]);
        let line = program.wait_for("error: ");
        assert!(line.contains(&format!("{name}: {said}")), "{line}");
        assert_eq!(program.end().code(), Some(1), "{line}");
    }
}
