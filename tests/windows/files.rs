//! Text files as Notepad and PowerShell write them: Windows' line ends, a byte order mark, UTF-16.

use super::{err, out, registry};
use crate::process::command;
use crate::util::program::{Program, slashed, started};
use crate::util::secure::Identity;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

/// `secret` at cost 4.
const ENTRY: &str = "anna:$2y$04$......................LAtw7/ohmmBAhnXqmkuIz83Rl5Qdjhm\n";
const JWKS: &str = "{\"keys\": [{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"kid\": \"k\",\n\
    \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}\n";
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/token/root.pem");

/// What an editor makes of a text.
type Writer = fn(&str) -> Vec<u8>;

fn with_line_ends(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn with_mark(text: &str) -> Vec<u8> {
    [&b"\xef\xbb\xbf"[..], &with_line_ends(text)].concat()
}

fn as_utf16(text: &str) -> Vec<u8> {
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Two registries, by their configurations: one with users and TLS, one with tokens. Each file is
/// written by the writer that `of` gives for its name.
fn written(directory: &Path, of: impl Fn(&str) -> Writer) -> [String; 2] {
    let own = Identity::new(directory, "identity");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    for (name, text) in [
        ("users", ENTRY.to_owned()),
        ("jwks", JWKS.to_owned()),
        ("certificate", read(&own.certificate)),
        ("key", read(&own.key)),
        ("authorities", read(&own.certificate)),
        ("roots", read(Path::new(ROOT))),
    ] {
        fs::write(directory.join(name), of(name)(&text)).unwrap();
    }
    let base = "version: 0.1\nstorage: inmemory\nhttp:\n  addr: 127.0.0.1:0\n  host: https://x\n";
    let at = |name: &str| directory.join(name).display().to_string();
    let (users, certificate, key) = (at("users"), at("certificate"), at("key"));
    let (authorities, roots, jwks) = (at("authorities"), at("roots"), at("jwks"));
    [
        format!(
            "{base}  tls: {{certificate: '{certificate}', key: '{key}', clientcas: ['{authorities}']}}\n\
             auth: {{htpasswd: {{realm: r, path: '{users}'}}}}\n"
        ),
        format!(
            "{base}auth:\n  token: {{realm: 'http://x/', service: s, issuer: i,\n    \
             rootcertbundle: '{roots}', jwks: '{jwks}'}}\n"
        ),
    ]
    .map(|text| String::from_utf8(of("configuration")(&text)).unwrap())
}

#[test]
fn line_ends_and_marks_of_windows_are_taken_in_every_file() {
    for writer in [with_line_ends, with_mark] {
        let directory = tempfile::tempdir().unwrap();
        for text in written(directory.path(), |_| writer) {
            let mut program = Program::start(directory.path(), &text, &[]);
            program.address();
            let remark = program
                .lines
                .iter()
                .find(|line| line.contains("level=warning"));
            assert_eq!(remark, None);
            program.kill();
        }
    }
}

#[test]
fn utf16_is_refused_and_called_so_in_every_file_but_that_of_users() {
    let plain: Writer = |text| text.as_bytes().to_vec();
    for name in [
        "certificate",
        "key",
        "authorities",
        "roots",
        "jwks",
        "users",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let of = |other: &str| if other == name { as_utf16 } else { plain };
        let texts = written(directory.path(), of);
        let text = &texts[usize::from(["roots", "jwks"].contains(&name))];
        if name == "users" {
            // `registry htpasswd anna > users` of Windows PowerShell writes it.
            Program::start(directory.path(), text, &[]).address();
            continue;
        }
        let path = directory.path().join("config.yml");
        fs::write(&path, text).unwrap();
        let said = refused(&registry(&["serve", path.to_str().unwrap()], &[]));
        assert!(said.contains("is UTF-16 text; allowed: UTF-8"), "{said}");
        let path = directory.path().join(name).display().to_string();
        assert!(slashed(&said).contains(&slashed(&path)), "{said}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yml");
    fs::write(&path, as_utf16("version: 0.1\nstorage: inmemory\n")).unwrap();
    let said = refused(&registry(&["check-config", path.to_str().unwrap()], &[]));
    let start = format!(
        "error: {}: is UTF-16 text; allowed: UTF-8. Save it",
        path.display()
    );
    assert!(said.starts_with(&start), "{said}");
}

/// What was said by a program that could not go on.
fn refused(output: &Output) -> String {
    let said = err(output);
    assert_eq!(
        (output.status.code(), out(output).as_str()),
        (Some(1), ""),
        "{said}"
    );
    said
}

#[test]
fn a_file_of_users_keeps_the_line_ends_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let file = path.to_str().unwrap();
    let put = |user: &str| {
        let mut command = command(&["htpasswd", "--cost", "4", "--file", file, user], &[]);
        command.stdin(Stdio::piped());
        let mut child = started(|| command.spawn());
        // What `'secret' | registry` of PowerShell sends.
        let _ = child.stdin.take().unwrap().write_all(b"secret\r\n");
        assert_eq!(child.wait().unwrap().code(), Some(0));
        fs::read_to_string(&path).unwrap()
    };
    for (bytes, end) in [
        (with_line_ends(ENTRY), "\r\n"),
        (with_mark(ENTRY), "\r\n"),
        (as_utf16(ENTRY), "\r\n"),
        (ENTRY.into(), "\n"),
    ] {
        fs::write(&path, bytes).unwrap();
        let added = put("ben");
        let ends = |text: &str| text.matches(end).count();
        assert!(added.starts_with("anna:$2y$") && added.contains(&format!("{end}ben:$2y$")));
        assert_eq!(
            (ends(&added), added.matches('\n').count()),
            (2, 2),
            "{added:?}"
        );
        let replaced = put("anna");
        assert_eq!(
            (ends(&replaced), replaced.matches('\n').count()),
            (2, 2),
            "{replaced:?}"
        );
        let output = registry(&["htpasswd", "--file", file, "--delete", "ben"], &[]);
        assert_eq!(output.status.code(), Some(0));
        let left = fs::read_to_string(&path).unwrap();
        assert_eq!((ends(&left), left.lines().count()), (1, 1), "{left:?}");
    }
}
