//! `auth.token` from outside: tokens of another server, signed here.

use crate::auth::basic;
use crate::util::image::sha256;
use crate::util::registry::{RawResponse, Settings, TestRegistry};
use crate::util::tree::quick_directory;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Another server, that signs tokens.
pub struct Issuer {
    pair: Ed25519KeyPair,
    directory: TempDir,
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    pub fn new() -> Issuer {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let directory = quick_directory();
        let x = text(pair.public_key());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}]});
        fs::write(directory.path().join("jwks"), keys.to_string()).unwrap();
        Issuer { pair, directory }
    }

    /// The file of its public keys.
    pub fn keys(&self) -> PathBuf {
        self.directory.path().join("jwks")
    }

    fn settings(&self) -> Settings {
        let keys = self.keys();
        Settings::default()
            .set("AUTH", "token")
            .set("AUTH_TOKEN_REALM", "https://auth.example/token")
            .set("AUTH_TOKEN_SERVICE", "registry")
            .set("AUTH_TOKEN_ISSUER", "issuer")
            .set("AUTH_TOKEN_JWKS", keys.to_str().unwrap())
    }

    /// The value of `Authorization` with a token for this.
    pub fn token(&self, access: Value) -> String {
        self.token_of("anna", access)
    }

    /// The same of another subject.
    fn token_of(&self, subject: &str, access: Value) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({
            "iss": "issuer", "aud": "registry", "sub": subject, "exp": now + 300, "access": access,
        });
        let header = json!({"alg": "EdDSA", "kid": "k"});
        let message = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
        let seal = text(self.pair.sign(message.as_bytes()));
        format!("Bearer {message}.{seal}")
    }
}

fn ask(registry: &TestRegistry, token: &str, method: &str, path: &str) -> RawResponse {
    let headers = [("Authorization", token)];
    let body = (method == "POST").then_some(&b"x"[..]);
    registry.call(method, path, &headers, body)
}

fn repository(name: &str, actions: &[&str]) -> Value {
    json!({"type": "repository", "name": name, "actions": actions})
}

#[test]
fn a_token_opens_what_it_grants() {
    let issuer = Issuer::new();
    let registry = issuer.settings().start();
    let realm = "Bearer realm=\"https://auth.example/token\",service=\"registry\"";
    let response = registry.get("/v2/").expect_error(401, "UNAUTHORIZED");
    assert_eq!(response.header("WWW-Authenticate"), realm);
    let response = registry.get("/v2/a/tags/list").expect(401);
    let scoped = format!("{realm},scope=\"repository:a:pull\"");
    assert_eq!(response.header("WWW-Authenticate"), scoped);

    let token = issuer.token(json!([
        repository("a", &["pull", "push"]),
        repository("b", &["pull"])
    ]));
    let digest = sha256(b"x");
    let put = format!("/v2/a/blobs/uploads/?digest={digest}");
    ask(&registry, &token, "GET", "/v2/").expect(200);
    ask(&registry, &token, "POST", &put).expect(201);
    ask(&registry, &token, "HEAD", &format!("/v2/a/blobs/{digest}")).expect(200);
    ask(&registry, &token, "GET", "/v2/b/tags/list").expect(404);
    for (method, path, scope) in [
        ("POST", "/v2/b/blobs/uploads/", "repository:b:pull,push"),
        ("GET", "/v2/c/tags/list", "repository:c:pull"),
        ("DELETE", "/v2/a/manifests/v1", "repository:a:delete"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
    ] {
        let response = ask(&registry, &token, method, path).expect_error(401, "UNAUTHORIZED");
        let challenge = format!("{realm},scope=\"{scope}\",error=\"insufficient_scope\"");
        assert_eq!(response.header("WWW-Authenticate"), challenge);
    }
    let all = issuer.token(json!([{"type": "registry", "name": "catalog", "actions": ["*"]}]));
    ask(&registry, &all, "GET", "/v2/_catalog").expect(200);
    // A mount needs the right to pull where the blob is.
    let other = issuer.token(json!([repository("d", &["*"])]));
    let mount = format!("/v2/d/blobs/uploads/?mount={digest}&from=a");
    ask(&registry, &other, "POST", &mount).expect_error(401, "UNAUTHORIZED");
    ask(
        &registry,
        &other,
        "POST",
        &format!("/v2/d/blobs/uploads/?mount={digest}"),
    )
    .expect(202);
    let both = issuer.token(json!([repository("d", &["*"]), repository("a", &["pull"])]));
    ask(&registry, &both, "POST", &mount).expect(201);
}

#[test]
fn a_mount_asks_for_both_repositories() {
    let issuer = Issuer::new();
    let registry = issuer.settings().start();
    let realm = "Bearer realm=\"https://auth.example/token\",service=\"registry\"";
    let both = "repository:a/b:pull,push repository:c/d:pull";
    let target = "repository:a/b:pull,push";
    let entry = |name: &str, action: &str| json!({"Type": "repository", "Class": "", "Name": name, "Action": action});
    let target_detail = vec![entry("a/b", "pull"), entry("a/b", "push")];
    let both_detail = [&target_detail[..], &[entry("c/d", "pull")]].concat();
    let digest = sha256(b"x");
    let mount = |from: &str| format!("/v2/a/b/blobs/uploads/?mount={digest}&from={from}");
    let half = issuer.token(json!([repository("a/b", &["pull", "push"])]));
    let source = issuer.token(json!([repository("c/d", &["pull"])]));
    for (token, problem) in [
        ("", ""),
        ("Bearer x", ",error=\"invalid_token\""),
        (&half, ",error=\"insufficient_scope\""),
        (&source, ",error=\"insufficient_scope\""),
    ] {
        let response = match token {
            "" => registry.post(&mount("c/d")),
            token => ask(&registry, token, "POST", &mount("c/d")),
        };
        let response = response.expect_error(401, "UNAUTHORIZED");
        let challenge = format!("{realm},scope=\"{both}\"{problem}");
        assert_eq!(response.header("WWW-Authenticate"), challenge);
        assert_eq!(response.json()["errors"][0]["detail"], json!(both_detail));
    }
    // What is no mount, and a name that no repository has, are not asked for.
    let digest_only = format!("/v2/a/b/blobs/uploads/?from=c/d&digest={digest}");
    let no_names = ["", "A", "..", "a%20b", "c/d%22,x", "%zz", "a/b"].map(mount);
    for path in no_names.into_iter().chain([digest_only]) {
        let response = registry.post(&path).expect_error(401, "UNAUTHORIZED");
        let challenge = format!("{realm},scope=\"{target}\"");
        assert_eq!(response.header("WWW-Authenticate"), challenge, "{path}");
        assert_eq!(response.json()["errors"][0]["detail"], json!(target_detail));
    }
    ask(&registry, &half, "POST", &mount("a/b")).expect(202);
    // With what was asked for the blob is mounted.
    let all = issuer.token(json!([
        repository("a/b", &["pull", "push"]),
        repository("c/d", &["pull", "push"])
    ]));
    let put = format!("/v2/c/d/blobs/uploads/?digest={digest}");
    ask(&registry, &all, "POST", &put).expect(201);
    ask(&registry, &all, "POST", &mount("c/d")).expect(201);
}

#[test]
fn what_is_no_good_token_is_401() {
    let issuer = Issuer::new();
    let registry = issuer.settings().start();
    let good = issuer.token(json!([repository("a", &["pull"])]));
    ask(&registry, &good, "GET", "/v2/a/tags/list").expect(404);
    for bad in [
        format!("{good}A"),
        good.replace('.', ""),
        good.replace("Bearer ", "Bearer  x"),
        "Bearer".to_owned(),
        "Bearer ..".to_owned(),
        basic("anna", "x"),
    ] {
        let response =
            ask(&registry, &bad, "GET", "/v2/a/tags/list").expect_error(401, "UNAUTHORIZED");
        let challenge = response.header("WWW-Authenticate");
        assert!(
            challenge.ends_with(",error=\"invalid_token\""),
            "{bad} {challenge}"
        );
    }
}

#[test]
fn the_realm_may_be_on_this_host() {
    let issuer = Issuer::new();
    let registry = issuer
        .settings()
        .set("AUTH_TOKEN_AUTOREDIRECT", "true")
        .start();
    let realm = |response: RawResponse| response.expect(401).header("WWW-Authenticate").to_owned();
    let own = format!(
        "Bearer realm=\"http://{}/auth/token\",service=\"registry\"",
        registry.address
    );
    assert_eq!(realm(registry.get("/v2/")), own);
    let proxy = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "r.example"),
    ];
    let challenge = realm(registry.call("GET", "/v2/", &proxy, None));
    // The scheme is that of the proxy; the host never is.
    let realm = format!("Bearer realm=\"https://{}/auth/token\"", registry.address);
    assert!(challenge.starts_with(&realm), "{challenge}");
}

#[test]
fn a_token_of_nobody_is_not_logged_in() {
    let issuer = Issuer::new();
    let rules = r#"{rules: [
        {users: ["*"], repositories: ["team/*"], actions: [pull]},
        {users: [anonymous], repositories: ["open/*"], actions: [pull]},
    ]}"#;
    let registry = issuer.settings().set("ACCESS", rules).start();
    let access = json!([
        repository("team/a", &["pull"]),
        repository("open/a", &["pull"])
    ]);
    let (nobody, anna) = (issuer.token_of("", access.clone()), issuer.token(access));
    for (token, team, open) in [(&nobody, 401, 404), (&anna, 404, 401)] {
        ask(&registry, token, "GET", "/v2/").expect(200);
        ask(&registry, token, "GET", "/v2/team/a/tags/list").expect(team);
        ask(&registry, token, "GET", "/v2/open/a/tags/list").expect(open);
    }
    // Without rules the grants alone count, as in distribution.
    let registry = issuer.settings().start();
    let nobody = issuer.token_of("", json!([repository("a", &["pull"])]));
    ask(&registry, &nobody, "GET", "/v2/a/tags/list").expect(404);
    ask(&registry, &nobody, "GET", "/v2/b/tags/list").expect(401);
}

#[test]
fn rules_and_tokens_must_both_allow() {
    let issuer = Issuer::new();
    let rules = r#"{rules: [{users: [anna], repositories: ["a/*"], actions: [pull]}]}"#;
    let registry = issuer.settings().set("ACCESS", rules).start();
    let token = issuer.token(json!([
        repository("a/x", &["pull", "push"]),
        repository("b", &["pull"])
    ]));
    ask(&registry, &token, "GET", "/v2/a/x/tags/list").expect(404);
    ask(&registry, &token, "GET", "/v2/a/y/tags/list").expect(401);
    ask(&registry, &token, "GET", "/v2/b/tags/list").expect(401);
    ask(&registry, &token, "POST", "/v2/a/x/blobs/uploads/").expect(401);
}
