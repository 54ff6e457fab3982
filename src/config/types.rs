//! The registry's own types among those of settings: how each takes a value and shows itself again.

use super::draft::{Network, PlatformMode};
use super::resolved::Formatter;
use crate::auth::access::{Rule, Subject};
use crate::auth::pattern::Pattern;
use crate::auth::token;
use crate::http::tls::{CipherSuite, CipherSuiteError, ClientAuth, TlsVersion};
use crate::http::{Listen, TrustedNetwork};
use crate::settings::setting::{Element, Setting, elements, list, map, shown, words};
use crate::settings::value::{Invalid, Value};
use crate::settings::{file_path, texts};
use crate::spec::descriptor::Platform;
use serde_yaml::Value as Yaml;
use std::collections::BTreeMap;

words! {
    Formatter: [("text", Formatter::Text), ("json", Formatter::Json), ("logstash", Formatter::Logstash)];
    Network: [("tcp", Network::Tcp), ("unix", Network::Unix)];
    PlatformMode: [("all", PlatformMode::All), ("none", PlatformMode::None), ("list", PlatformMode::List)];
    ClientAuth: CLIENT_AUTHS.map(|mode| (mode.name(), mode));
    TlsVersion: [TlsVersion::Tls12, TlsVersion::Tls13].map(|version| (version.name(), version)),
        |text| match text.to_ascii_lowercase().as_str() {
            "tls1.0" | "tls1.1" => " (TLS 1.0 and 1.1 are insecure and not supported)",
            _ => "",
        };
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

shown! {
    BTreeMap<String, String>: fields => {
        let fields = fields.iter();
        Some(map(fields.map(|(name, value)| (name.as_str(), masked(name, value)))))
    };
    Vec<(String, String)>: headers => {
        let mut fields: Vec<(&str, Yaml)> = Vec::new();
        for (name, value) in headers {
            let value = masked(name, value).into();
            match fields.last_mut() {
                Some((last, Yaml::Sequence(values))) if last == name => values.push(value),
                _ => fields.push((name, Yaml::Sequence(vec![value]))),
            }
        }
        Some(map(fields))
    };
    BTreeMap<String, Vec<String>>: groups => {
        let groups = groups.iter();
        Some(map(groups.map(|(name, users)| (name.as_str(), list(users.clone())))))
    };
    Vec<Rule>: rules => Some(list(rules.iter().map(|rule| {
        map([
            ("users", list(rule.users.iter().map(Subject::to_text))),
            ("repositories", list(rule.repositories.iter().map(Pattern::to_string))),
            ("actions", list(rule.actions.iter().map(|action| action.name()))),
        ])
    })));
    Vec<Platform>: platforms => match platforms.as_slice() {
        [] => None,
        platforms => Some(list(platforms.iter().map(|platform| {
            map([("architecture", platform.architecture.as_str()), ("os", platform.os.as_str())])
        }))),
    };
}
