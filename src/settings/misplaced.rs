//! Keys that protect at a place where they mean nothing: what was meant to be closed would be open, so they stop the
//! start wherever they are. The same for variables.

use super::schema::Protection;
use super::suggest;
use crate::yaml::KeyPath;

/// A shorter word has too many neighbors to tell a slip from another word.
const SLIP_LETTERS_MIN: usize = 4;

/// The key that was meant by a word that is unknown at its place, if it is the last step of one of them,
/// or a slip of one.
pub fn meant(protection: &Protection, word: &str) -> Option<KeyPath> {
    let last = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let keys = || protection.keys.split(' ');
    let is_long = |word: &&str| word.len() >= SLIP_LETTERS_MIN;
    let exact = keys().find(|key| word.eq_ignore_ascii_case(last(key)));
    let slip = || {
        let word = suggest::nearest_within(word, keys().map(last).filter(is_long), 1)?;
        keys().find(|key| last(key) == word)
    };
    let key = exact.or_else(slip)?;
    Some(key.split('.').collect())
}

/// The same for a variable, of whose name these are the parts: the first of them that is such a word.
pub fn meant_by_variable(protection: &Protection, parts: &[&str]) -> Option<KeyPath> {
    let is_one_of = |names: &str, name: &str| names.split(' ').any(|known| known == name);
    if is_one_of(protection.foreign_variables, &parts.join("_")) || is_set_for_a_service(parts) {
        return None;
    }
    let mut parts = parts.iter();
    let word = parts.find(|part| is_one_of(protection.variable_words, part))?;
    meant(protection, word)
}

/// Variables that Kubernetes and docker's links set for a service whose name starts as our variables do, such
/// as `REGISTRY_AUTH_PORT_5000_TCP_ADDR`; nobody wrote them.
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
