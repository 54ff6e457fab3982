//! Values by their keys: the kind in the schema decides how a scalar is read, as the field's type does
//! in Go. A wrong value is recorded as a mistake and counts as absent, so that reading goes on and
//! every mistake is told.

use super::layers::Layers;
use super::report::Severity;
use super::schema::{Entry, Kind};
use super::tree::{self, Node, Path};
use super::{duration, keys};
use std::time::Duration;

/// What nobody means by a bare number.
const SHORT: Duration = Duration::from_secs(1);

/// A dotted path as steps.
pub fn steps(path: &str) -> Path {
    path.split('.').map(str::to_owned).collect()
}

impl Layers {
    /// The node of a key, `None` when it is absent or null.
    pub fn value(&self, path: &str) -> Option<&Node> {
        self.root
            .at(&steps(path))
            .filter(|node| **node != Node::Null)
    }

    /// Records what was found at a key and what is allowed there.
    pub fn wrong(&mut self, path: &str, allowed: &str) {
        let steps = steps(path);
        let found = self
            .root
            .at(&steps)
            .map_or("nothing".to_owned(), Node::describe);
        self.mistake(&steps, format!("found {found}; allowed: {allowed}"));
    }

    fn wrong_kind(&mut self, path: &str) {
        self.wrong(path, &kind(path).allowed());
    }

    /// A boolean, in any of YAML 1.1's words.
    pub fn boolean(&mut self, path: &str) -> Option<bool> {
        let value = match self.value(path)? {
            Node::Boolean(value) => Some(*value),
            Node::Text(text) => tree::boolean_word(text),
            _ => None,
        };
        match value {
            Some(_) => self.remark_quotes(path),
            None => self.wrong_kind(path),
        }
        value
    }

    /// A whole number within the key's bounds; its digits may be quoted, and grouped by `_`.
    pub fn integer<T: TryFrom<i64>>(&mut self, path: &str) -> Option<T> {
        let number = match self.value(path)? {
            Node::Integer(number) => i64::try_from(*number).ok(),
            Node::Text(text) => digits(text),
            _ => None,
        };
        let bounded = number.filter(|number| match kind(path) {
            Kind::Integer(least, most) => (least..=most).contains(number),
            _ => false,
        });
        let value = bounded.and_then(|number| T::try_from(number).ok());
        match value {
            Some(_) => self.remark_quotes(path),
            None => self.wrong_kind(path),
        }
        value
    }

    /// Tells what distribution makes of a value in quotes, which counts here like one without.
    fn remark_quotes(&mut self, path: &str) {
        let is_text = matches!(self.value(path), Some(Node::Text(_)));
        if !is_text
            || !self.is_quoted(&steps(path))
            || keys::TAKEN_IN_QUOTES
                .iter()
                .any(|known| path.starts_with(known))
        {
            return;
        }
        let (severity, there) = match keys::IGNORED_IN_QUOTES.contains(&path) {
            true => (Severity::Warning, "reads it as text and ignores it"),
            false => (Severity::Note, "does not start with it"),
        };
        let message = format!(
            "the value is quoted: it is accepted here, but distribution {there}; remove the quotes"
        );
        self.notice(severity, &steps(path), message);
    }

    /// A number of bytes within the key's bounds, with or without a unit.
    pub fn bytes<T: TryFrom<u64>>(&mut self, path: &str) -> Option<T> {
        let number = match self.value(path)? {
            Node::Integer(number) => u64::try_from(*number).ok(),
            Node::Text(text) => bytes(text),
            _ => None,
        };
        let bounded = number.filter(|number| match kind(path) {
            Kind::Bytes(least, most) => (least..=most).contains(number),
            _ => false,
        });
        let value = bounded.and_then(|number| T::try_from(number).ok());
        if value.is_none() {
            self.wrong_kind(path);
        }
        value
    }

    /// A duration within the key's bounds. A bare number says nothing about its unit; where distribution
    /// takes it for nanoseconds it is taken so here.
    pub fn duration(&mut self, path: &str) -> Option<Duration> {
        let value = match self.value(path)? {
            Node::Integer(0) => Some(Duration::ZERO),
            Node::Integer(number) if keys::IN_NANOSECONDS.contains(&path) => {
                u128::try_from(*number).ok().and_then(duration::nanoseconds)
            }
            Node::Text(text) if digits(text).is_none_or(|number| number == 0) => {
                duration::parse(text)
            }
            Node::Integer(_) | Node::Text(_) => {
                self.wrong_without_unit(path);
                return None;
            }
            _ => None,
        };
        let is_bare = matches!(self.value(path), Some(Node::Integer(_)));
        if let Some(short) = value.filter(|value| is_bare && !value.is_zero() && *value < SHORT) {
            let message = format!(
                "found a number without a unit, which means nanoseconds: {}; write a unit, such as 5s",
                duration::format(short)
            );
            self.notice(Severity::Warning, &steps(path), message);
        }
        let bounded = value.filter(|value| match kind(path) {
            Kind::Duration(least, most) => (least..=most).contains(value),
            _ => false,
        });
        if bounded.is_none() {
            self.wrong_kind(path);
        }
        bounded
    }

    fn wrong_without_unit(&mut self, path: &str) {
        let number = self.value(path).map(scalar_text).unwrap_or_default();
        let unit = match keys::IN_HOURS.contains(&path) {
            true => "h",
            false => "s",
        };
        let allowed = kind(path).allowed();
        let meant = match number.len() {
            1..=5 => format!("; is {number}{unit} meant?"),
            _ => "; a number needs a unit".to_owned(),
        };
        let allowed = allowed + &meant;
        self.wrong(path, &allowed);
    }

    /// One of the key's words, in lower case.
    pub fn choice(&mut self, path: &str) -> Option<&'static str> {
        let text = self.text(path)?;
        let Kind::Choice(words) = kind(path) else {
            return None;
        };
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
        if word.is_none() {
            self.wrong_kind(path);
        }
        word.copied()
    }

    /// A text that is not empty. A number or a boolean is taken as it was written.
    pub fn text(&mut self, path: &str) -> Option<String> {
        match self.value(path)? {
            Node::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Node::List(_) | Node::Map(_) => {
                self.wrong(path, "a text");
                None
            }
            scalar => {
                let plain = scalar_text(scalar);
                Some(self.spelling(&steps(path)).unwrap_or(plain))
            }
        }
    }

    /// A list of texts, each with its path; a text stands for a list of one.
    pub fn texts(&mut self, path: &str) -> Vec<(String, String)> {
        let count = match self.value(path) {
            None => return Vec::new(),
            Some(Node::List(items)) => items.len(),
            Some(Node::Map(_)) => {
                self.wrong(path, "a list of texts");
                return Vec::new();
            }
            Some(_) => {
                return self
                    .text(path)
                    .map(|text| (path.to_owned(), text))
                    .into_iter()
                    .collect();
            }
        };
        let paths = (0..count).map(|index| format!("{path}.{index}"));
        paths
            .filter_map(|path| Some((path.clone(), self.text(&path)?)))
            .collect()
    }

    /// The keys of a mapping; none when it is absent or no mapping.
    pub fn keys(&self, path: &str) -> Vec<String> {
        match self.value(path) {
            Some(Node::Map(entries)) => entries.iter().map(|(key, _)| key.clone()).collect(),
            _ => Vec::new(),
        }
    }
}

fn kind(path: &str) -> Kind {
    Entry::root()
        .at(path.split('.'))
        .and_then(|entry| entry.kind)
        .unwrap_or(Kind::Any)
}

/// A scalar as plain text.
pub fn scalar_text(node: &Node) -> String {
    match node {
        Node::Boolean(value) => value.to_string(),
        Node::Integer(value) => value.to_string(),
        Node::Float(value) => value.to_string(),
        Node::Text(text) => text.clone(),
        Node::Null | Node::List(_) | Node::Map(_) => String::new(),
    }
}

fn digits(text: &str) -> Option<i64> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    plain.parse().ok()
}

/// `65536`, `64KiB`, `4 MiB`, `1GiB`.
fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?.trim_end(), *shift)));
    let (number, shift) = unit.unwrap_or((text, 0_u32));
    u64::try_from(digits(number)?).ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_counts_are_read() {
        for (text, count) in [
            ("0", Some(0)),
            ("65536", Some(65536)),
            ("64KiB", Some(65536)),
            ("4 MiB", Some(4 << 20)),
            ("1GiB", Some(1 << 30)),
            ("1_000", Some(1000)),
            ("-1", None),
            ("4MB", None),
            ("MiB", None),
            ("9223372036854775807GiB", None),
        ] {
            assert_eq!(bytes(text), count, "{text}");
        }
    }
}
