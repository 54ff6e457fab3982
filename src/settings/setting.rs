//! The types that settings have, and how each takes a value and shows itself again. A program adds its own with
//! [`words!`] and [`elements!`].

use super::value::{Invalid, Value};
use super::{file_path, texts};
use crate::time::duration;
use log::LevelFilter;
use regex_lite::Regex;
use serde_yaml::{Mapping, Value as Yaml};
use std::path::PathBuf;
use std::time::Duration;

/// One setting of a configuration.
pub trait Setting {
    /// Takes a value; a list appends it. What is neither a scalar nor a list of them is read by code of its
    /// own.
    fn set(&mut self, _value: Value) -> Result<(), Invalid> {
        Err("a mapping or a list of mappings".into())
    }

    /// Forgets the default, before the elements of a list are set.
    fn clear(&mut self) {}

    /// The value as `check-config` shows it; `None` where there is nothing to show.
    fn get(&self) -> Option<Yaml>;
}

/// An element of a list.
pub trait ListElement: Sized {
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

impl<T: ListElement> Setting for Vec<T> {
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
    ($($type:ty: $words:expr;)+) => {$(
        impl Setting for $type {
            fn set(&mut self, value: Value) -> Result<(), Invalid> {
                *self = $crate::settings::setting::choose(&$words, &value)?;
                Ok(())
            }

            fn get(&self) -> Option<Yaml> {
                let word = $words.into_iter().find(|(_, value)| value == self);
                word.map(|(word, _)| word.into())
            }
        }
    )+};
}
pub(crate) use words;

words! {
    LevelFilter: [
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
    ];
}

/// The value of the word that was written.
pub fn choose<T: Copy>(words: &[(&'static str, T)], written: &Value) -> Result<T, Invalid> {
    let Value::Text(text) = written else {
        return Err("a string".into());
    };
    let mut known = words.iter();
    let chosen = known.find(|(word, _)| word.eq_ignore_ascii_case(text));
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("one of {}", words.join(", ")).into()
    })
}

/// Elements of lists: how they are read and shown.
macro_rules! elements {
    ($($type:ty: $text:ident => $parsed:expr, $self:ident => $shown:expr;)+) => {$(
        impl ListElement for $type {
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
pub(crate) use elements;

elements! {
    String: text => texts::one_line(text), text => text.clone();
    PathBuf: text => file_path::parse(text), path => path.to_string_lossy().into_owned();
    Regex: text => Regex::new(text).map_err(|error| format!("a regular expression ({error})").into()),
        expression => expression.as_str().to_owned();
}

/// A list as YAML.
pub fn list<T: Into<Yaml>>(items: impl IntoIterator<Item = T>) -> Yaml {
    Yaml::Sequence(items.into_iter().map(Into::into).collect())
}

/// A mapping as YAML.
pub fn map<'k, T: Into<Yaml>>(entries: impl IntoIterator<Item = (&'k str, T)>) -> Yaml {
    let entries = entries.into_iter();
    let entries: Mapping = entries
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    Yaml::Mapping(entries)
}

impl Setting for () {
    fn get(&self) -> Option<Yaml> {
        Some(Yaml::Mapping(Mapping::new()))
    }
}
