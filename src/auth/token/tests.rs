//! Tokens good and bad: the vectors of the RFCs, and tokens that are signed here.

use super::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;
const ROOT: &[u8] = include_bytes!("../../../tests/data/token/root.pem");
const LEAF: &[u8] = include_bytes!("../../../tests/data/token/leaf.pem");
const STRANGER: &[u8] = include_bytes!("../../../tests/data/token/stranger.pem");
const RSA: &[u8] = include_bytes!("../../../tests/data/token/rsa.pem");
const ROOT_KEY: &[u8] = include_bytes!("../../../tests/data/token/root.p8");
const LEAF_KEY: &[u8] = include_bytes!("../../../tests/data/token/leaf.p8");
const STRANGER_KEY: &[u8] = include_bytes!("../../../tests/data/token/stranger.p8");
const RSA_KEY: &[u8] = include_bytes!("../../../tests/data/token/rsa.p8");

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn verifier() -> TokenVerifier {
    TokenVerifier {
        issuer: "issuer".to_owned(),
        service: "registry".to_owned(),
        algorithms: ALGORITHMS.map(str::to_owned).to_vec(),
        keys: HashMap::new(),
        roots: Vec::new(),
        anchors: Vec::new(),
    }
}

fn with_keys(keys: &[Value]) -> TokenVerifier {
    let mut verifier = verifier();
    let set = json!({ "keys": keys }).to_string();
    verifier.add_keys(set.as_bytes()).unwrap();
    verifier
}

fn with_roots(pem: &[u8]) -> TokenVerifier {
    let mut verifier = verifier();
    verifier.add_certificates(pem).unwrap();
    verifier
}

fn claims() -> Value {
    json!({
        "iss": "issuer", "aud": "registry", "sub": "anna", "exp": NOW + 300, "nbf": NOW - 10,
        "access": [{"type": "repository", "name": "a/b", "actions": ["pull", "push"]}],
    })
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
    let seal = sign(message.as_bytes());
    format!("{message}.{}", text(seal))
}

fn check(verifier: &TokenVerifier, token: &str) -> Result<TokenIdentity, &'static str> {
    verifier.verify_at(token, Duration::from_secs(NOW))
}

fn ec(kind: &'static EcdsaSigningAlgorithm, key: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> + use<> {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(kind, key, &random).unwrap();
    move |message| pair.sign(&random, message).unwrap().as_ref().to_vec()
}

fn es256(key: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> + use<> {
    ec(&ECDSA_P256_SHA256_FIXED_SIGNING, key)
}

fn rsa(encoding: &'static dyn RsaEncoding) -> impl Fn(&[u8]) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(RSA_KEY).unwrap();
    move |message| {
        let mut seal = vec![0; pair.public().modulus_len()];
        let random = SystemRandom::new();
        pair.sign(encoding, &random, message, &mut seal).unwrap();
        seal
    }
}

fn rsa_jwk() -> Value {
    let pair = RsaKeyPair::from_pkcs8(RSA_KEY).unwrap();
    let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    json!({"kty": "RSA", "kid": "rsa", "n": text(n), "e": text(e)})
}

fn key(jwk: Value) -> VerificationKey {
    VerificationKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap()
}

#[test]
fn the_vectors_of_the_rfcs_are_good() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (jwk, algorithm, message, seal) in [
        // RFC 7515, A.2.
        (
            json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}),
            "RS256",
            format!("eyJhbGciOiJSUzI1NiJ9.{payload}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        // RFC 7515, A.3.
        (
            json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
            "ES256",
            format!("eyJhbGciOiJFUzI1NiJ9.{payload}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        // RFC 8037, A.4.
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "EdDSA",
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ] {
        let key = key(jwk);
        let mut seal = URL_SAFE_NO_PAD.decode(seal).unwrap();
        assert!(key.verify(algorithm, message.as_bytes(), &seal));
        for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
            assert!(!key.verify(other, message.as_bytes(), &seal), "{other}");
        }
        assert!(!key.verify("none", message.as_bytes(), &[]));
        seal[0] ^= 1;
        assert!(!key.verify(algorithm, message.as_bytes(), &seal));
    }
}

#[test]
fn keys_have_the_names_that_issuers_give_them() {
    // RFC 7638, 3.1.
    let jwk = json!({"kty": "RSA", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
    assert_eq!(
        key(jwk).thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    // libtrust's names, computed by openssl and Python.
    for (pem, name) in [
        (
            ROOT,
            "IKAW:PAEX:KUAS:XCBQ:ETFG:ON5E:NDNV:4NY3:GNW6:GOVR:KJPI:SN2G",
        ),
        (
            RSA,
            "QN6O:KYS7:J5MZ:MHBY:IRTA:RI6W:T5OT:MWXT:6VUF:FVF2:XXO5:LWHV",
        ),
        (
            include_bytes!("../../../tests/data/token/p384.pem"),
            "RVGX:ZLTV:SV3I:PHNT:HCMZ:3325:CEZI:QDUI:XUFE:A76V:DY65:IKCU",
        ),
        (
            include_bytes!("../../../tests/data/token/ed25519.pem"),
            "3S6G:QJYP:DX5T:B733:57U4:C66I:AHUP:DELU:ONTW:J2WF:67QH:6IXA",
        ),
    ] {
        assert!(with_roots(pem).keys.contains_key(name));
    }
}

#[test]
fn every_algorithm_is_taken_from_its_own_kind_of_key() {
    let random = SystemRandom::new();
    let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
    let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let ed = Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
    let point = |kind, pkcs8: &[u8], name: &str, kid: &str| {
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8, &random).unwrap();
        let point = pair.public_key().as_ref()[1..].to_vec();
        let (x, y) = point.split_at(point.len() / 2);
        json!({"kty": "EC", "crv": name, "kid": kid, "x": text(x), "y": text(y), "use": "sig"})
    };
    let verifier = with_keys(&[
        rsa_jwk(),
        point(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            p256.as_ref(),
            "P-256",
            "p256",
        ),
        point(
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            p384.as_ref(),
            "P-384",
            "p384",
        ),
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(ed.public_key())}),
        json!({"kty": "oct", "kid": "hmac", "k": "c2VjcmV0"}),
    ]);
    type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;
    let signers: [(&str, &str, Sign); 9] = [
        ("RS256", "rsa", Box::new(rsa(&RSA_PKCS1_SHA256))),
        ("RS384", "rsa", Box::new(rsa(&RSA_PKCS1_SHA384))),
        ("RS512", "rsa", Box::new(rsa(&RSA_PKCS1_SHA512))),
        ("PS256", "rsa", Box::new(rsa(&RSA_PSS_SHA256))),
        ("PS384", "rsa", Box::new(rsa(&RSA_PSS_SHA384))),
        ("PS512", "rsa", Box::new(rsa(&RSA_PSS_SHA512))),
        ("ES256", "p256", Box::new(es256(p256.as_ref()))),
        (
            "ES384",
            "p384",
            Box::new(ec(&ECDSA_P384_SHA384_FIXED_SIGNING, p384.as_ref())),
        ),
        (
            "EdDSA",
            "ed",
            Box::new(move |message| ed.sign(message).as_ref().to_vec()),
        ),
    ];
    for (algorithm, kid, sign) in &signers {
        for named in ALGORITHMS
            .into_iter()
            .chain(["none", "None", "HS256", "RS1", ""])
        {
            for by in ["rsa", "p256", "p384", "ed", "hmac", "other"] {
                let token = token(&json!({"alg": named, "kid": by}), &claims(), sign);
                let good = named == *algorithm && by == *kid;
                assert_eq!(
                    check(&verifier, &token).is_ok(),
                    good,
                    "{algorithm} {kid} {named} {by}"
                );
            }
        }
    }
    let holder = check(
        &verifier,
        &token(
            &json!({"alg": "RS256", "kid": "rsa"}),
            &claims(),
            &signers[0].2,
        ),
    );
    let holder = holder.unwrap();
    assert_eq!(holder.user, "anna");
    use crate::auth::Action::{Catalog, Delete, Pull, Push};
    assert!(holder.grants("a/b", Pull) && holder.grants("a/b", Push));
    assert!(
        !holder.grants("a/b", Delete)
            && !holder.grants("a", Pull)
            && !holder.grants("a/b", Catalog)
    );
}

#[test]
fn what_a_header_brings_along_is_not_trusted() {
    let verifier = with_keys(&[rsa_jwk()]);
    let sign = rsa(&RSA_PKCS1_SHA256);
    let good = json!({"alg": "RS256", "kid": "rsa", "typ": "JWT"});
    assert!(check(&verifier, &token(&good, &claims(), &sign)).is_ok());
    // An HMAC over the public key, as a confused verifier would check it.
    let modulus = URL_SAFE_NO_PAD
        .decode(rsa_jwk()["n"].as_str().unwrap())
        .unwrap();
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &modulus);
    let confused = |message: &[u8]| ring::hmac::sign(&hmac, message).as_ref().to_vec();
    for alg in ["HS256", "RS256"] {
        let header = json!({"alg": alg, "kid": "rsa"});
        assert!(check(&verifier, &token(&header, &claims(), confused)).is_err());
    }
    for header in [
        json!({"alg": "none", "kid": "rsa"}),
        json!({"alg": "RS256"}),
        json!({"alg": "RS256", "kid": "other"}),
        json!({"alg": "RS256", "kid": "rsa", "jwk": rsa_jwk()}),
        json!({"alg": "RS256", "jwk": rsa_jwk()}),
        json!({"alg": "RS256", "kid": "rsa", "crit": ["x"]}),
        json!({"alg": "RS256", "kid": "rsa", "x5c": []}),
        json!({"kid": "rsa"}),
        json!({"alg": ["RS256"], "kid": "rsa"}),
        json!([]),
    ] {
        assert!(
            check(&verifier, &token(&header, &claims(), &sign)).is_err(),
            "{header}"
        );
    }
    let unsigned = token(&json!({"alg": "none"}), &claims(), |_| Vec::new());
    assert!(check(&verifier, &unsigned).is_err());
    let mut narrow = with_keys(&[rsa_jwk()]);
    narrow.algorithms = vec!["ES256".to_owned()];
    assert!(check(&narrow, &token(&good, &claims(), &sign)).is_err());
    // A key that says what it is for is good for nothing else.
    let mut jwk = rsa_jwk();
    jwk["alg"] = json!("PS256");
    assert!(check(&with_keys(&[jwk]), &token(&good, &claims(), &sign)).is_err());
}

#[test]
fn claims_must_fit_place_and_time() {
    let verifier = with_keys(&[rsa_jwk()]);
    let sign = rsa(&RSA_PKCS1_SHA256);
    for (name, value, good) in [
        ("iss", json!("other"), false),
        ("iss", json!(null), false),
        ("aud", json!("other"), false),
        ("aud", json!(["other", "registry"]), true),
        ("aud", json!([]), false),
        ("aud", json!({"registry": 1}), false),
        ("exp", json!(NOW - 59), true),
        ("exp", json!(NOW - 61), false),
        ("exp", json!(NOW as f64 + 0.5), true),
        ("exp", json!(0), false),
        ("exp", json!("9999999999"), false),
        ("exp", json!(null), false),
        ("nbf", json!(NOW + 59), true),
        ("nbf", json!(NOW + 61), false),
        ("nbf", json!("now"), false),
        ("access", json!(null), true),
        ("access", json!([]), true),
        ("access", json!("all"), false),
        ("access", json!([{"type": "repository", "name": "a"}]), true),
        ("access", json!([{"name": "a", "actions": ["pull"]}]), false),
        ("sub", json!(""), true),
        ("more", json!({"deep": [1]}), true),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        let token = token(&json!({"alg": "RS256", "kid": "rsa"}), &claims, &sign);
        assert_eq!(check(&verifier, &token).is_ok(), good, "{name}: {value}");
    }
    for name in ["iss", "aud", "exp"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        let token = token(&json!({"alg": "RS256", "kid": "rsa"}), &claims, &sign);
        assert!(check(&verifier, &token).is_err(), "{name}");
    }
}

#[test]
fn a_chain_must_lead_to_a_root() {
    let verifier = with_roots(ROOT);
    let der = |pem: &[u8]| STANDARD.encode(CertificateDer::from_pem_slice(pem).unwrap());
    let (root, leaf, stranger) = (der(ROOT), der(LEAF), der(STRANGER));
    for (chain, key, good) in [
        (vec![&leaf], LEAF_KEY, true),
        (vec![&leaf, &root], LEAF_KEY, true),
        (vec![&root], ROOT_KEY, true),
        (vec![&leaf], STRANGER_KEY, false),
        (vec![&stranger], STRANGER_KEY, false),
        (vec![&stranger, &root], STRANGER_KEY, false),
        (vec![&leaf, &root, &stranger], STRANGER_KEY, false),
        (vec![&leaf; CHAIN_MAX + 1], LEAF_KEY, false),
        (vec![&"AAAA".to_owned()], LEAF_KEY, false),
        (vec![&"!".to_owned()], LEAF_KEY, false),
    ] {
        let header = json!({"alg": "ES256", "x5c": chain});
        let outcome = check(&verifier, &token(&header, &claims(), es256(key)));
        assert_eq!(outcome.is_ok(), good, "{outcome:?}");
    }
    // By the names of the root's own key, and after a certificate's time.
    for kid in verifier.keys.keys() {
        let header = json!({"alg": "ES256", "kid": kid});
        assert!(check(&verifier, &token(&header, &claims(), es256(ROOT_KEY))).is_ok());
    }
    assert_eq!(verifier.keys.len(), 2);
    let header = json!({"alg": "ES256", "x5c": [leaf]});
    let much_later = Duration::from_secs(NOW + 200 * 366 * 24 * 3600);
    let token = token(&header, &claims(), es256(LEAF_KEY));
    assert!(verifier.payload(&token, much_later).is_err());
}

#[test]
fn no_text_makes_it_panic() {
    let verifier = with_roots(ROOT);
    let header = json!({"alg": "ES256", "kid": verifier.keys.keys().next().unwrap()});
    let good = token(&header, &claims(), es256(ROOT_KEY));
    assert!(check(&verifier, &good).is_ok());
    for at in 0..good.len() {
        let (head, tail) = good.split_at(at);
        assert!(check(&verifier, head).is_err());
        for with in ["", ".", "A", "=", "\u{e9}"] {
            let other = format!("{head}{with}{}", &tail[1..]);
            assert_eq!(check(&verifier, &other).is_ok(), other == good, "{other}");
        }
    }
    for text in ["", ".", "..", "...", "e30.e30.", "bnVsbA.bnVsbA.bnVsbA"] {
        assert!(check(&verifier, text).is_err());
    }
    let info = with_roots(ROOT).roots[0].to_vec();
    for at in 0..info.len() {
        let _ = public_key::Material::from_certificate(&info[at..]);
    }
}

#[test]
fn files_that_are_none_are_errors() {
    for text in [
        "",
        "{}",
        "{\"keys\": []}",
        "{\"keys\": [{\"kty\": \"oct\", \"k\": \"AA\"}]}",
        "[]",
    ] {
        assert!(verifier().add_keys(text.as_bytes()).is_err(), "{text}");
    }
    for text in [
        "",
        "x",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(
            verifier().add_certificates(text.as_bytes()).is_err(),
            "{text}"
        );
    }
    for jwk in [
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "n": "AA"}),
        json!({"kty": "RSA", "n": "AA", "e": "AQAB", "use": "enc"}),
        json!({"kty": "RSA", "n": "AA", "e": "AQAB", "alg": "HS256"}),
    ] {
        assert!(
            VerificationKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).is_err(),
            "{jwk}"
        );
    }
}
