//! The registry's own types among those of settings: how each takes a value and shows itself again.

use super::draft::{Network, PlatformMode};
use super::resolved::Formatter;
use crate::auth::access::{Rule, Subject};
use crate::auth::token;
use crate::http::tls::{CipherSuite, CipherSuiteError, ClientAuth, TlsVersion};
use crate::http::{Listen, TrustedNetwork};
use crate::policy::{ImmutableRule, QuotaRule, RetentionRule};
use crate::settings::setting::{ListElement, Setting, elements, list, map, words};
use crate::settings::value::{Invalid, Value};
use crate::settings::{file_path, texts};
use crate::spec::descriptor::Platform;
use crate::time::duration;
use serde_yaml::Value as Yaml;
use std::collections::BTreeMap;

words! {
    Formatter: [("text", Formatter::Text), ("json", Formatter::Json), ("logstash", Formatter::Logstash)];
    Network: [("tcp", Network::Tcp), ("unix", Network::Unix)];
    PlatformMode: [("all", PlatformMode::All), ("none", PlatformMode::None), ("list", PlatformMode::List)];
    ClientAuth: CLIENT_AUTHS.map(|mode| (mode.name(), mode));
    TlsVersion: [TlsVersion::Tls12, TlsVersion::Tls13].map(|version| (version.name(), version));
}

/// Those that can be named.
const CLIENT_AUTHS: [ClientAuth; 4] = [
    ClientAuth::Request,
    ClientAuth::RequireAny,
    ClientAuth::VerifyIfGiven,
    ClientAuth::RequireAndVerify,
];

/// Its form, an address or a path, stays what it is.
impl Setting for Listen {
    fn set(&mut self, value: Value) -> Result<(), Invalid> {
        match (self, value) {
            (Listen::Tcp(address), Value::Text(text)) => *address = texts::address(&text)?,
            (Listen::Unix(path), Value::Text(text)) => *path = file_path::parse(&text)?,
            _ => return Err("a string".into()),
        }
        Ok(())
    }

    fn get(&self) -> Option<Yaml> {
        Some(match self {
            Listen::Tcp(address) => address.as_str().into(),
            Listen::Unix(path) => path.to_string_lossy().into(),
        })
    }
}

elements! {
    TrustedNetwork: text => text.parse().map_err(|()| NETWORK.into()), network => network.to_string();
    CipherSuite: text => cipher_suite(text), suite => suite.name().to_owned();
}

const NETWORK: &str = "an IP address, or a network such as 10.0.0.0/8 or fd00::/8";

fn cipher_suite(text: &str) -> Result<CipherSuite, Invalid> {
    let why = match CipherSuite::parse(text) {
        Ok(suite) => return Ok(suite),
        Err(CipherSuiteError::Weak) => " (this one is too weak and not supported)",
        Err(CipherSuiteError::Unknown) => "",
    };
    let names: Vec<&str> = CipherSuite::names().collect();
    Err(format!("one of {}{why}", names.join(", ")).into())
}

/// A version of TLS; [`TlsVersion`] says which are known.
pub fn tls_version(text: &str) -> Result<String, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "tls1.0" | "tls1.1" => {
            Err("one of tls1.2, tls1.3 (TLS 1.0 and 1.1 are insecure and not supported)".into())
        }
        _ => Ok(text.to_owned()),
    }
}

/// An algorithm that may sign tokens.
pub fn algorithm(text: &str) -> Result<String, Invalid> {
    match token::ALGORITHMS.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("one of {}", token::ALGORITHMS.join(", ")).into()),
    }
}

/// What stands in for a secret.
const MASK: &str = "********";
/// A header or log field whose name contains one of these is a secret.
const SECRET_WORDS: [&str; 6] = [
    "authorization",
    "cookie",
    "key",
    "password",
    "secret",
    "token",
];

/// A value of that name, or the mask.
fn masked<'v>(name: &str, value: &'v str) -> &'v str {
    let name = name.to_lowercase();
    match SECRET_WORDS.iter().any(|word| name.contains(word)) {
        true => MASK,
        false => value,
    }
}

impl Setting for BTreeMap<String, String> {
    fn get(&self) -> Option<Yaml> {
        let fields = self.iter();
        Some(map(
            fields.map(|(name, value)| (name.as_str(), masked(name, value)))
        ))
    }
}

/// Headers: consecutive entries with one name are shown as one list.
impl Setting for Vec<(String, String)> {
    fn get(&self) -> Option<Yaml> {
        let same_name = self.chunk_by(|(one, _), (other, _)| one == other);
        let headers = same_name.filter_map(|headers| {
            let (name, _) = headers.first()?;
            let values = headers.iter().map(|(_, value)| masked(name, value));
            Some((name.as_str(), list(values)))
        });
        Some(map(headers))
    }
}

impl Setting for BTreeMap<String, Vec<String>> {
    fn get(&self) -> Option<Yaml> {
        let groups = self.iter();
        Some(map(
            groups.map(|(name, users)| (name.as_str(), list(users.clone())))
        ))
    }
}

impl Setting for Vec<Rule> {
    fn get(&self) -> Option<Yaml> {
        Some(list(self.iter().map(|rule| {
            map([
                ("users", list(rule.users.iter().map(Subject::to_text))),
                ("repositories", list(texts_of(&rule.repositories))),
                (
                    "actions",
                    list(rule.actions.iter().map(|action| action.name())),
                ),
            ])
        })))
    }
}

impl Setting for Vec<ImmutableRule> {
    fn get(&self) -> Option<Yaml> {
        let rules = self.iter().map(|rule| {
            map([
                ("repositories", list(texts_of(&rule.repositories))),
                ("tags", list(texts_of(&rule.tags))),
            ])
        });
        (!self.is_empty()).then(|| list(rules))
    }
}

impl Setting for Vec<RetentionRule> {
    fn get(&self) -> Option<Yaml> {
        let rules = self.iter().map(|rule| {
            let keep = &rule.keep;
            let last = keep.last.map(|last| ("last", last.into()));
            let tags = (!keep.tags.is_empty()).then(|| ("tags", list(texts_of(&keep.tags))));
            let age = keep.younger_than;
            let age = age.map(|age| ("youngerthan", duration::format(age).into()));
            map([
                ("repositories", list(texts_of(&rule.repositories))),
                ("keep", map([last, tags, age].into_iter().flatten())),
            ])
        });
        (!self.is_empty()).then(|| list(rules))
    }
}

impl Setting for Vec<QuotaRule> {
    fn get(&self) -> Option<Yaml> {
        let rules = self.iter().map(|rule| {
            map([
                ("repositories", list(texts_of(&rule.repositories))),
                ("bytes", rule.bytes_max.into()),
            ])
        });
        (!self.is_empty()).then(|| list(rules))
    }
}

fn texts_of<T: ToString>(patterns: &[T]) -> impl Iterator<Item = String> {
    patterns.iter().map(ToString::to_string)
}

impl Setting for Vec<Platform> {
    fn get(&self) -> Option<Yaml> {
        let platforms = self.iter().map(|platform| {
            map([
                ("architecture", platform.architecture.as_str()),
                ("os", platform.os.as_str()),
            ])
        });
        (!self.is_empty()).then(|| list(platforms))
    }
}
