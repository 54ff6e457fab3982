//! Keys that close the registry, or parts of it, at a place where they mean nothing: what was meant to be closed
//! would be open, so they stop the start wherever they are. The same for variables.

use super::suggest;

/// The keys whose last step cannot mean anything else, wherever it is found.
const KEYS: [&[&str]; 20] = [
    &["auth"],
    &["auth", "htpasswd"],
    &["auth", "token"],
    &["auth", "htpasswd", "realm"],
    &["auth", "token", "issuer"],
    &["auth", "token", "rootcertbundle"],
    &["auth", "token", "jwks"],
    &["access"],
    &["access", "rules"],
    &["http", "tls"],
    &["http", "tls", "certificate"],
    &["http", "tls", "key"],
    &["http", "tls", "clientcas"],
    &["http", "tls", "clientauth"],
    &["http", "tls", "minimumtls"],
    &["http", "tls", "ciphersuites"],
    &["http", "tls", "letsencrypt"],
    &["proxy"],
    &["proxy", "remoteurl"],
    &["storage", "maintenance"],
];
/// Those of the words that cannot mean anything else in the name of a variable either.
const VARIABLE_WORDS: [&str; 7] = [
    "AUTH",
    "HTPASSWD",
    "TLS",
    "CERTIFICATE",
    "LETSENCRYPT",
    "CLIENTCAS",
    "CLIENTAUTH",
];
/// The variable in which podman and skopeo find the passwords of their user.
const CLIENT_VARIABLE: [&str; 2] = ["AUTH", "FILE"];
/// A shorter word has too many neighbors to tell a slip from another word.
const SLIP_LETTERS_MIN: usize = 4;

/// The key that was meant by a word that is unknown at its place, if it is the last step of one of them,
/// or a slip of one.
pub fn meant(word: &str) -> Option<&'static [&'static str]> {
    let words = || KEYS.iter().filter_map(|key| key.last().copied());
    let is_long = |word: &&str| word.len() >= SLIP_LETTERS_MIN;
    let exact = words().find(|known| word.eq_ignore_ascii_case(known));
    let slip = || suggest::nearest_within(word, words().filter(is_long), 1);
    let known = exact.or_else(slip)?;
    KEYS.into_iter().find(|key| key.last() == Some(&known))
}

/// The same for a variable, of whose name these are the parts: the first of them that is such a word.
pub fn meant_by_variable(parts: &[&str]) -> Option<&'static [&'static str]> {
    if is_set_for_a_service(parts) || parts == CLIENT_VARIABLE {
        return None;
    }
    let mut parts = parts.iter();
    meant(parts.find(|part| VARIABLE_WORDS.contains(part))?)
}

/// Variables that Kubernetes and docker's links set for a service whose name starts with `registry`, such as
/// `REGISTRY_AUTH_PORT_5000_TCP_ADDR`; nobody wrote them.
fn is_set_for_a_service(parts: &[&str]) -> bool {
    let port = parts.iter().rposition(|part| *part == "PORT");
    let rest = port.and_then(|at| parts.get(at + 1..)).unwrap_or_default();
    let is_link = match rest {
        [] => port.is_some(),
        [number, protocol, rest @ ..] => {
            number.bytes().all(|byte| byte.is_ascii_digit())
                && ["TCP", "UDP", "SCTP"].contains(protocol)
                && matches!(rest, [] | ["ADDR" | "PROTO"])
        }
        _ => false,
    };
    // `..._PORT_5000_TCP_PORT`, whose last part is another PORT, and `..._SERVICE_PORT_HTTPS`.
    let is_kubernetes = parts.windows(2).any(|pair| pair == ["SERVICE", "PORT"]);
    is_link || is_kubernetes || parts.ends_with(&["SERVICE", "HOST"])
}
