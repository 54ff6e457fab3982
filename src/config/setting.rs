//! The types that settings have, and how each takes a value and shows itself again.

use super::draft::{Network, PlatformMode};
use super::resolved::Formatter;
use super::value::{Invalid, Value};
use super::{file_path, texts};
use crate::auth::access::{Rule, Subject};
use crate::auth::pattern::Pattern;
use crate::http::tls::{CipherSuite, CipherSuiteError, ClientAuth, TlsVersion};
use crate::http::{Listen, TrustedNetwork};
use crate::spec::descriptor::Platform;
use crate::time::duration;
use log::LevelFilter;
use regex_lite::Regex;
use serde_yaml::{Mapping, Value as Yaml};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One setting of a configuration.
pub trait Setting {
    /// Takes a value; a list appends it.
    fn set(&mut self, value: Value) -> Result<(), Invalid>;

    /// Forgets the default, before the elements of a list are set.
    fn clear(&mut self) {}

    /// The value as `check-config` shows it; `None` where there is nothing to show.
    fn get(&self) -> Option<Yaml>;
}

/// An element of a list.
pub trait Element: Sized {
    /// Reads it.
    fn parse(text: &str) -> Result<Self, Invalid>;
    /// Writes it.
    fn show(&self) -> String;
}

/// Settings that have their own variant of [`Value`].
macro_rules! settings {
    ($($type:ty: $variant:ident($value:ident) => $from:expr, $self:ident => $shown:expr;)+) => {$(
        impl Setting for $type {
            fn set(&mut self, value: Value) -> Result<(), Invalid> {
                let Value::$variant($value) = value else {
                    return Err(concat!("a value for a setting of type ", stringify!($type)).into());
                };
                *self = $from;
                Ok(())
            }

            fn get(&self) -> Option<Yaml> {
                let $self = self;
                Some($shown)
            }
        }
    )+};
}

settings! {
    bool: Boolean(value) => value, value => (*value).into();
    usize: Integer(value) => unsigned(value)?, value => (*value).into();
    u64: Integer(value) => unsigned(value)?, value => (*value).into();
    Duration: Duration(value) => value, value => duration::format(*value).into();
    String: Text(value) => texts::one_line(&value)?, text => text.as_str().into();
    PathBuf: Text(value) => file_path::parse(&value)?, path => path.to_string_lossy().into();
}

/// 0 for what is below it, where the bounds allow that.
fn unsigned<T: TryFrom<i64>>(value: i64) -> Result<T, Invalid> {
    let value = T::try_from(value.max(0));
    value.map_err(|_| "a number that this machine can hold".into())
}

impl<T: Setting + Default> Setting for Option<T> {
    fn set(&mut self, value: Value) -> Result<(), Invalid> {
        let mut inner = T::default();
        inner.set(value)?;
        *self = Some(inner);
        Ok(())
    }

    fn get(&self) -> Option<Yaml> {
        self.as_ref().and_then(Setting::get)
    }
}

impl<T: Element> Setting for Vec<T> {
    fn set(&mut self, value: Value) -> Result<(), Invalid> {
        let Value::Text(text) = value else {
            return Err("a list of strings".into());
        };
        self.push(T::parse(&text)?);
        Ok(())
    }

    fn clear(&mut self) {
        Vec::clear(self);
    }

    fn get(&self) -> Option<Yaml> {
        Some(list(self.iter().map(T::show)))
    }
}

/// Settings that are one of a few words, in any case.
macro_rules! words {
    ($($type:ty: $words:expr $(, $hint:expr)?;)+) => {$(
        impl Setting for $type {
            fn set(&mut self, value: Value) -> Result<(), Invalid> {
                let hint: &[fn(&str) -> &'static str] = &[$($hint)?];
                *self = choose(&$words, hint, &value)?;
                Ok(())
            }

            fn get(&self) -> Option<Yaml> {
                let word = $words.into_iter().find(|(_, value)| value == self);
                word.map(|(word, _)| word.into())
            }
        }
    )+};
}

words! {
    LevelFilter: [
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
    ];
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

/// The value of the word that was written; a hint says what is to be known about one that is none.
fn choose<T: Copy>(
    words: &[(&'static str, T)],
    hint: &[fn(&str) -> &'static str],
    written: &Value,
) -> Result<T, Invalid> {
    let Value::Text(text) = written else {
        return Err("a string".into());
    };
    let mut known = words.iter();
    match known.find(|(word, _)| word.eq_ignore_ascii_case(text)) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = hint.first().map_or("", |hint| hint(text));
            Err(format!("one of {}{hint}", words.join(", ")).into())
        }
    }
}

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

/// Elements of lists: how they are read and shown.
macro_rules! elements {
    ($($type:ty: $text:ident => $parsed:expr, $self:ident => $shown:expr;)+) => {$(
        impl Element for $type {
            fn parse($text: &str) -> Result<$type, Invalid> {
                $parsed
            }

            fn show(&self) -> String {
                let $self = self;
                $shown
            }
        }
    )+};
}

elements! {
    String: text => texts::one_line(text), text => text.clone();
    PathBuf: text => file_path::parse(text), path => path.to_string_lossy().into_owned();
    Regex: text => Regex::new(text).map_err(|error| format!("a regular expression ({error})").into()),
        expression => expression.as_str().to_owned();
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

fn list<T: Into<Yaml>>(items: impl IntoIterator<Item = T>) -> Yaml {
    Yaml::Sequence(items.into_iter().map(Into::into).collect())
}

fn map<'k, T: Into<Yaml>>(entries: impl IntoIterator<Item = (&'k str, T)>) -> Yaml {
    let entries = entries.into_iter();
    let entries: Mapping = entries
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    Yaml::Mapping(entries)
}

/// Settings that are not scalars or lists of them: each has code of its own that reads it, and this that
/// shows it.
macro_rules! shown {
    ($($type:ty: $self:ident => $shown:expr;)+) => {$(
        impl Setting for $type {
            fn set(&mut self, _: Value) -> Result<(), Invalid> {
                Err("a mapping or a list of mappings".into())
            }

            fn get(&self) -> Option<Yaml> {
                let $self = self;
                $shown
            }
        }
    )+};
}

shown! {
    (): _nothing => Some(Yaml::Mapping(Mapping::new()));
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
