//! Values by their keys: the declared kind decides how a scalar is read, as the type of the field does in Go. A
//! wrong value is recorded as an error and counts as absent, so that reading continues and every error is
//! reported.

use super::declare::{Kind, SettingKey, Trait};
use super::layers::Layers;
use super::report::Severity;
use super::value::{Invalid, Value};
use crate::time::duration;
use crate::yaml::{self, KeyPath, Node, Side};
use std::time::Duration;

/// What nobody means by a number without a unit.
const DURATION_MIN: Duration = Duration::from_secs(1);

impl Layers {
    /// The node of a key, `None` when it is absent or null.
    pub fn value(&self, path: &KeyPath) -> Option<&Node> {
        self.root.at(path).filter(|node| **node != Node::Null)
    }

    /// Records what was found at a key and what is allowed there.
    pub fn wrong(&mut self, path: &KeyPath, allowed: &str) {
        let found = self.root.at(path);
        let found = found.map_or("nothing".to_owned(), Node::describe);
        self.error(path, format!("found {found}; allowed: {allowed}"));
    }

    /// Records that a key is missing, where its section is: the key itself is nowhere.
    pub fn missing(&mut self, path: &KeyPath, allowed: &str) {
        let section = self.sources.provenance(&path.parent(), Side::Value);
        let message = format!("found nothing; allowed: {allowed}");
        self.error_from(section, path, message);
    }

    /// Records why a setting does not take the value of a key.
    pub fn invalid(&mut self, path: &KeyPath, why: Invalid) {
        match why {
            Invalid::Allowed(allowed) => self.wrong(path, &allowed),
            Invalid::Because(message) => self.error(path, message),
            Invalid::Ignored(message) => self.notice(Severity::Warning, path, message),
        }
    }

    /// The value of a key that is a scalar.
    pub fn scalar(&mut self, path: &KeyPath, key: &SettingKey) -> Option<Value> {
        if key.kind.is_text() || key.kind == Kind::Word {
            return self.text(path).map(Value::Text);
        }
        let value = read(key, self.value(path)?);
        match (&value, key.kind) {
            (None, Kind::Duration(..)) => self.wrong_duration(path, key),
            (None, kind) => self.wrong(path, &kind.allowed()),
            (Some(Value::Duration(found)), _) => self.check_unit(path, *found),
            (Some(_), Kind::Boolean | Kind::Integer(..)) => self.note_quotes(path, key),
            _ => {}
        }
        value
    }

    /// A text that is not empty. A number or a boolean is taken as it was written.
    pub fn text(&mut self, path: &KeyPath) -> Option<String> {
        match self.value(path)? {
            Node::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Node::List(_) | Node::Map(_) => {
                self.wrong(path, &Kind::Text.allowed());
                None
            }
            scalar => {
                let plain = scalar.scalar();
                Some(self.sources.spelling(path).unwrap_or(plain))
            }
        }
    }

    /// Gives each of a list of texts away, and records why one is not taken; a single text stands for a list of
    /// one.
    pub fn each_text(&mut self, path: &KeyPath, take: &mut dyn FnMut(&str) -> Result<(), Invalid>) {
        let paths: Vec<KeyPath> = match self.value(path) {
            None => return,
            Some(Node::List(items)) => (0..items.len()).map(|index| path.join(index)).collect(),
            Some(Node::Map(_)) => return self.wrong(path, &Kind::Texts.allowed()),
            Some(_) => vec![path.clone()],
        };
        for path in paths {
            if let Some(Err(why)) = self.text(&path).map(|text| take(&text)) {
                self.invalid(&path, why);
            }
        }
    }

    /// The keys of a mapping; none when it is absent or not a mapping.
    pub fn keys(&self, path: &KeyPath) -> Vec<String> {
        let entries = self.value(path).map(Node::entries).unwrap_or_default();
        entries.iter().map(|(key, _)| key.clone()).collect()
    }

    /// Says what distribution makes of a value in quotes, which counts here like one without.
    fn note_quotes(&mut self, path: &KeyPath, key: &SettingKey) {
        let is_text = matches!(self.value(path), Some(Node::Text(_)));
        let is_taken = key.has(|found| matches!(found, Trait::TakenInQuotes | Trait::Own));
        if !is_text || is_taken || !self.sources.is_quoted(path) {
            return;
        }
        let is_ignored = key.has(|found| matches!(found, Trait::IgnoredInQuotes));
        let (severity, there) = match is_ignored {
            true => (Severity::Warning, "reads it as text and ignores it"),
            false => (Severity::Note, "does not start with it"),
        };
        let message = format!(
            "the value is quoted: it is accepted here, but distribution {there}; remove the quotes"
        );
        self.notice(severity, path, message);
    }

    /// Warns of a number that was taken for nanoseconds and hardly meant so.
    fn check_unit(&mut self, path: &KeyPath, found: Duration) {
        let is_number = matches!(self.value(path), Some(Node::Integer(number)) if *number != 0);
        if is_number && found < DURATION_MIN {
            let message = format!(
                "a number without a unit means nanoseconds: {}; add a unit, such as 5s",
                duration::format(found)
            );
            self.notice(Severity::Warning, path, message);
        }
    }

    /// Records that a duration is wrong, and asks for the unit of a bare number.
    fn wrong_duration(&mut self, path: &KeyPath, key: &SettingKey) {
        let is_nanoseconds = key.has(|found| matches!(found, Trait::InNanoseconds));
        let number = match self.value(path) {
            Some(Node::Integer(number)) if !is_nanoseconds => number.to_string(),
            Some(Node::Text(text)) if digits(text).is_some() => text.clone(),
            _ => String::new(),
        };
        let unit = match key.has(|found| matches!(found, Trait::InHours)) {
            true => "h",
            false => "s",
        };
        let hint = match number.len() {
            0 => String::new(),
            1..=5 => format!("; did you mean {number}{unit}?"),
            _ => "; a number needs a unit".to_owned(),
        };
        self.wrong(path, &(key.kind.allowed() + &hint));
    }
}

/// The value of a node by the kind of its key, `None` when it is not of the kind or out of bounds.
pub fn read(key: &SettingKey, node: &Node) -> Option<Value> {
    match (key.kind, node) {
        (Kind::Boolean, Node::Boolean(value)) => Some(Value::Boolean(*value)),
        (Kind::Boolean, Node::Text(text)) => yaml::boolean(text).map(Value::Boolean),
        (Kind::Integer(min, max) | Kind::Bytes(min, max), node) => {
            let number = match (node, key.kind) {
                (Node::Integer(number), _) => i64::try_from(*number).ok(),
                (Node::Text(text), Kind::Integer(..)) => digits(text),
                (Node::Text(text), _) => bytes(text),
                _ => None,
            };
            let number = number.filter(|number| (min..=max).contains(number));
            number.map(Value::Integer)
        }
        (Kind::Duration(min, max), node) => {
            let found = match node {
                Node::Integer(0) => Some(Duration::ZERO),
                Node::Integer(number) if key.has(|found| matches!(found, Trait::InNanoseconds)) => {
                    u128::try_from(*number).ok().and_then(duration::nanoseconds)
                }
                Node::Text(text) => duration::parse(text),
                _ => None,
            };
            let found = found.filter(|found| (min..=max).contains(found));
            found.map(Value::Duration)
        }
        (Kind::Text | Kind::Path | Kind::Word, Node::Text(text)) => Some(Value::Text(text.clone())),
        _ => None,
    }
}

/// A whole number; `_` may group its digits.
fn digits(text: &str) -> Option<i64> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    plain.parse().ok()
}

/// `65536`, `64KiB`, `4 MiB`, `1GiB`, `2TiB`.
fn bytes(text: &str) -> Option<i64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let unit = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?.trim_end(), *shift)));
    let (number, shift) = unit.unwrap_or((text, 0_u32));
    digits(number)?.checked_mul(1 << shift)
}
