//! Keys that close the registry, or parts of it, at a place where they are none: what was meant to be
//! closed would be open, so they stop the start wherever they stand. The same for variables.

use super::suggest;

/// The words of such keys that cannot mean anything else, each with where it belongs.
const WORDS: [(&str, &str); 20] = [
    ("auth", "auth"),
    ("htpasswd", "auth.htpasswd"),
    ("token", "auth.token"),
    ("realm", "auth.htpasswd.realm"),
    ("issuer", "auth.token.issuer"),
    ("rootcertbundle", "auth.token.rootcertbundle"),
    ("jwks", "auth.token.jwks"),
    ("access", "access"),
    ("rules", "access.rules"),
    ("tls", "http.tls"),
    ("certificate", "http.tls.certificate"),
    ("key", "http.tls.key"),
    ("clientcas", "http.tls.clientcas"),
    ("clientauth", "http.tls.clientauth"),
    ("minimumtls", "http.tls.minimumtls"),
    ("ciphersuites", "http.tls.ciphersuites"),
    ("letsencrypt", "http.tls.letsencrypt"),
    ("proxy", "proxy"),
    ("remoteurl", "proxy.remoteurl"),
    ("maintenance", "storage.maintenance"),
];
/// Those of them that also in a variable's name can mean nothing else.
const WORDS_OF_VARIABLES: [&str; 7] = [
    "AUTH",
    "HTPASSWD",
    "TLS",
    "CERTIFICATE",
    "LETSENCRYPT",
    "CLIENTCAS",
    "CLIENTAUTH",
];
/// The variable in which podman and skopeo find the passwords of their user.
const OF_CLIENTS: [&str; 2] = ["AUTH", "FILE"];
/// A shorter word has too many neighbours for a slip to be told from another word.
const SLIP_LETTERS_MIN: usize = 4;

/// Where a key that is unknown at its place belongs, if it is one of these or a slip of one.
pub fn belongs(key: &str) -> Option<&'static str> {
    let exact = WORDS
        .iter()
        .find(|(word, _)| key.eq_ignore_ascii_case(word));
    let slip = || {
        let words = WORDS.iter().map(|(word, _)| *word);
        let words = words.filter(|word| word.len() >= SLIP_LETTERS_MIN);
        let word = suggest::nearest_within(key, words, 1)?;
        WORDS.iter().find(|(known, _)| *known == word)
    };
    exact.or_else(slip).map(|(_, path)| *path)
}

/// The same for a variable, of whose name these are the parts: the first of them that is such a word.
pub fn variable_belongs(parts: &[&str]) -> Option<&'static str> {
    if is_of_a_service(parts) || parts == OF_CLIENTS {
        return None;
    }
    let word = parts
        .iter()
        .find(|part| WORDS_OF_VARIABLES.contains(part))?;
    belongs(word)
}

/// Variables that Kubernetes and docker's links set for a service whose name begins with `registry`, such
/// as `REGISTRY_AUTH_PORT_5000_TCP_ADDR`; nobody wrote them.
fn is_of_a_service(parts: &[&str]) -> bool {
    let ends = |end: &[&str]| parts.ends_with(end);
    let port = parts.iter().rposition(|part| *part == "PORT");
    let behind = port.and_then(|at| parts.get(at + 1..)).unwrap_or_default();
    let is_link = match behind {
        [] => port.is_some(),
        [number, protocol, rest @ ..] => {
            number.bytes().all(|byte| byte.is_ascii_digit())
                && ["TCP", "UDP", "SCTP"].contains(protocol)
                && matches!(rest, [] | ["ADDR" | "PROTO"])
        }
        _ => false,
    };
    // `..._PORT_5000_TCP_PORT`, whose last part is another PORT, and `..._SERVICE_PORT_HTTPS`.
    let of_kubernetes = parts.windows(2).any(|pair| pair == ["SERVICE", "PORT"]);
    is_link || of_kubernetes || ends(&["SERVICE", "HOST"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_their_slips_are_known_wherever_they_stand() {
        for (key, path) in [
            ("auth", Some("auth")),
            ("Auth", Some("auth")),
            ("auht", Some("auth")),
            ("htpaswd", Some("auth.htpasswd")),
            ("tls", Some("http.tls")),
            ("tsl", None),
            ("path", None),
            ("service", None),
            ("users", None),
            ("banana", None),
        ] {
            assert_eq!(belongs(key), path, "{key}");
        }
    }

    #[test]
    fn variables_of_services_are_nobodys_configuration() {
        for (name, path) in [
            ("HTTP_AUTH_HTPASSWD_PATH", Some("auth")),
            ("HTPASSWD_PATH", Some("auth.htpasswd")),
            ("TLS_CERTIFICATE", Some("http.tls")),
            ("HTTP_TLS_CERT", Some("http.tls")),
            ("AUTH_FILE", None),
            ("AUTH_SERVICE_HOST", None),
            ("AUTH_SERVICE_PORT", None),
            ("AUTH_SERVICE_PORT_HTTPS", None),
            ("AUTH_PORT", None),
            ("AUTH_PORT_5001_TCP", None),
            ("AUTH_PORT_5001_TCP_ADDR", None),
            ("AUTH_PORT_5001_TCP_PORT", None),
            ("PORT", None),
            ("NO_SUCH_KEY", None),
        ] {
            let parts: Vec<&str> = name.split('_').collect();
            assert_eq!(variable_belongs(&parts), path, "{name}");
        }
    }
}
