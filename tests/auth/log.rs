//! What the built program says of entries and credentials that are no good, and that no password, token,
//! hash or key is ever in its log, at the level that tells most.

use super::{basic, line};
use crate::tls;
use crate::tokens::Issuer;
use crate::util::program::Program;
use crate::util::raw::Raw;
use crate::util::secure::{Client, Identity};
use crate::util::tree::quick_directory;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// Stands in every password and token here.
const SECRET: &str = "Hunter2secret";

/// A configuration that tells all there is to tell.
fn text(directory: &Path, more: &str) -> String {
    let root = directory.join("data");
    format!(
        "version: 0.1\nlog: {{level: debug}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
         http: {{addr: '127.0.0.1:0'}}\n{more}\n",
        root.display()
    )
}

fn htpasswd(directory: &Path) -> String {
    let path = directory.join("users");
    format!(
        "auth: {{htpasswd: {{realm: r, path: '{}'}}}}",
        path.display()
    )
}

/// Asks with these headers, and is answered so.
#[track_caller]
fn ask<S: Read + Write>(connection: &mut Raw<S>, headers: &[&str], status: u16) {
    let headers: String = headers
        .iter()
        .map(|header| format!("Authorization: {header}\r\n"))
        .collect();
    connection.send(format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
    assert_eq!(connection.response().status, status, "{headers:.300}");
}

/// Everything that was logged until now: a request leaves its mark on both outputs.
fn logged<S: Read + Write>(program: &mut Program, connection: &mut Raw<S>) -> Vec<String> {
    connection.request("/v2/the-end").response();
    program.wait_for("\"GET /v2/the-end HTTP/1.1\"");
    program.wait_for("GET /v2/the-end: ");
    program.lines.clone()
}

#[track_caller]
fn assert_silent(lines: &[String], secrets: &[&str]) {
    assert!(lines.len() > 2, "{lines:#?}");
    for secret in secrets {
        assert!(secret.len() > 5, "{secret}");
        let found: Vec<_> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(found.is_empty(), "{secret} in {found:#?}");
    }
}

#[test]
fn bad_entries_and_bad_credentials_are_said_without_a_secret() {
    let directory = quick_directory();
    let good = line("anna", &format!("{SECRET}:colon"));
    let hash = good.trim().split_once(':').unwrap().1;
    let (salt, rest) = (&hash[7..29], &hash[29..]);
    let users = [
        good.clone(),
        format!("slow:$2y$31${salt}{rest}\n"),
        format!("short:$2y$04${salt}\n"),
        format!("damaged:$2y$04$!{}{rest}\n", &salt[1..]),
        format!("sha:{{SHA}}{SECRET}\n"),
        line("j\u{f6}rg", SECRET),
    ];
    fs::write(directory.path().join("users"), users.concat()).unwrap();
    let config = text(directory.path(), &htpasswd(directory.path()));
    let mut program = Program::start(directory.path(), &config, &[]);
    let address = program.address();
    for said in [
        "line 2: user \\\"slow\\\" cannot log in: the hash has cost 31; allowed: 4 to 17",
        "line 3: user \\\"short\\\" cannot log in: the hash has 29 characters; a bcrypt hash has 60",
        "line 4: user \\\"damaged\\\" cannot log in: the hash is damaged",
        "line 5: user \\\"sha\\\" cannot log in: the hash is SHA-1; only bcrypt is supported",
    ] {
        program.wait_for(said);
    }
    let mut connection = Raw::connect(address);
    ask(
        &mut connection,
        &[&basic("anna", &format!("{SECRET}:colon"))],
        200,
    );
    ask(&mut connection, &[&basic("j\u{f6}rg", SECRET)], 200);
    for user in ["anna", "slow", "short", "damaged", "sha", "nobody"] {
        ask(&mut connection, &[&basic(user, SECRET)], 401);
    }
    let whole = basic("anna", SECRET);
    for header in [
        format!("Bearer {SECRET}"),
        format!("Digest username=\"a\", response=\"{SECRET}\""),
        format!("Basic {SECRET}!"),
        SECRET.to_owned(),
        basic("anna", &format!("{SECRET}\0")),
        basic("anna", &SECRET.repeat(1000)),
        basic("", SECRET),
    ] {
        ask(&mut connection, &[&header], 401);
    }
    ask(&mut connection, &[&whole, &whole], 401);
    // More than a head may have.
    ask(
        &mut Raw::connect(address),
        &[&basic("anna", &SECRET.repeat(20_000))],
        431,
    );
    let lines = logged(&mut program, &mut connection);
    let encoded = whole.strip_prefix("Basic ").unwrap();
    assert_silent(&lines, &[SECRET, encoded, salt, rest]);
}

#[test]
fn the_access_log_names_the_user_who_was_authenticated() {
    let directory = quick_directory();
    fs::write(directory.path().join("users"), line("anna b", SECRET)).unwrap();
    let config = text(directory.path(), &htpasswd(directory.path()));
    let mut program = Program::start(directory.path(), &config, &[]);
    let mut connection = Raw::connect(program.address());
    ask(&mut connection, &[&basic("anna b", SECRET)], 200);
    ask(&mut connection, &[&basic("anna b", "wrong")], 401);
    let lines = logged(&mut program, &mut connection);
    let users: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split_once(" \"GET /v2/ HTTP/1.1\" "))
        .map(|(start, _)| start.split(' ').nth(2).unwrap())
        .collect();
    assert_eq!(users, ["anna\\x20b", "-"], "{lines:#?}");
}

#[test]
fn no_token_and_no_key_is_in_the_log() {
    let directory = quick_directory();
    let issuer = Issuer::new();
    let identity = Identity::new(directory.path(), "own");
    let keys = issuer.keys();
    let auth = format!(
        "auth: {{token: {{realm: 'https://a', service: registry, issuer: issuer, jwks: '{}'}}}}",
        keys.display()
    );
    let config = text(directory.path(), &auth);
    let config = config.replace(
        "127.0.0.1:0'",
        &format!("127.0.0.1:0', {}", identity.section()),
    );
    let mut program = Program::start(directory.path(), &config, &[]);
    let mut connection = Client::new(&[&identity]).connect(program.address());
    let token = issuer.token(json!([]));
    ask(&mut connection, &[&token], 200);
    ask(&mut connection, &[&format!("{token}A")], 401);
    ask(&mut connection, &[&token.replace('.', "")], 401);
    ask(&mut connection, &[&basic("anna", SECRET)], 401);
    let lines = logged(&mut program, &mut connection);
    let key = fs::read_to_string(&identity.key).unwrap();
    let parts: Vec<&str> = token.trim_start_matches("Bearer ").split('.').collect();
    let [header, claims, seal] = parts[..] else {
        panic!("{token}")
    };
    let line = key.lines().nth(1).unwrap();
    assert_silent(&lines, &[header, claims, seal, line, SECRET]);
}

#[test]
fn a_key_that_cannot_be_used_is_not_shown() {
    let directory = quick_directory();
    let identity = Identity::new(directory.path(), "own");
    let key = fs::read_to_string(&identity.key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    // One line is missing, one letter is wrong, the end is missing.
    for broken in [
        key.replacen(secret, &secret[..secret.len() - 3], 1),
        key.replacen(secret, &format!("!{}", &secret[1..]), 1),
        key.lines().take(3).collect::<Vec<_>>().join("\n"),
    ] {
        fs::write(&identity.key, broken).unwrap();
        let config = format!(
            "{}log: {{level: debug}}\n",
            tls::text(directory.path(), &identity)
        );
        let mut program = Program::start(directory.path(), &config, &[]);
        let line = program.wait_for("http.tls.key: ");
        assert_eq!(program.end().code(), Some(1), "{line}");
        assert!(!line.contains(&secret[1..20]), "{line}");
    }
}
