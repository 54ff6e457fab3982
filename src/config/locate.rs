//! The way back from a place in the tree to a line of the text.
//!
//! The tree keeps no positions: a report looks one up by reading the text again, along the path,
//! with a reader that fails where the path ends; the error of the YAML parser then carries the line.

use super::tree::Key;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, Visitor};
use std::cell::Cell;
use std::fmt;

/// What to do at the end of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Give the place of the last key.
    Key,
    /// Give the place of the value.
    Value,
}

/// Line and column (from 1) of what stands at a path. `None` when the text has no such path.
pub fn exact(text: &str, path: &[String], target: Target) -> Option<(usize, usize)> {
    find(
        text,
        Find {
            path,
            target,
            text: None,
        },
    )
}

/// Line and column of the nearest value above a path that the text spells out, `None` when that is
/// the text as a whole.
pub fn nearest(text: &str, path: &[String]) -> Option<(usize, usize)> {
    let mut path = path;
    loop {
        (_, path) = path.split_last().filter(|(_, above)| !above.is_empty())?;
        if let Some(found) = exact(text, path, Target::Value) {
            return Some(found);
        }
    }
}

/// The scalar at a path exactly as the text spells it: `0.10` where the tree has 0.1.
pub fn spelling(text: &str, path: &[String]) -> Option<String> {
    let spelled = Cell::new(None);
    find(
        text,
        Find {
            path,
            target: Target::Value,
            text: Some(&spelled),
        },
    );
    spelled.take()
}

fn find(text: &str, seed: Find<'_>) -> Option<(usize, usize)> {
    let error = seed
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .err()?;
    error.location().map(|at| (at.line(), at.column()))
}

/// Follows a path through a text, and fails at its end.
#[derive(Clone, Copy)]
struct Find<'a> {
    path: &'a [String],
    target: Target,
    text: Option<&'a Cell<Option<String>>>,
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match (self.path.is_empty(), self.text) {
            (true, None) => deserializer.deserialize_any(Stop),
            (true, Some(cell)) => {
                cell.set(Some(String::deserialize(deserializer)?));
                Ok(())
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tree")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (wanted, rest) = self.path.split_first().unzip();
        let wanted: Option<usize> = wanted.and_then(|step: &String| step.parse().ok());
        let below = Find {
            path: rest.unwrap_or_default(),
            target: Target::Value,
            ..self
        };
        for index in 0.. {
            let more = if Some(index) == wanted {
                let deeper = if below.path.is_empty() {
                    below
                } else {
                    Find {
                        target: self.target,
                        ..below
                    }
                };
                items.next_element_seed(deeper)?.is_some()
            } else {
                items.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (wanted, rest) = self.path.split_first().unzip();
        let rest: &[String] = rest.unwrap_or_default();
        let at_key = rest.is_empty() && self.target == Target::Key;
        let stop = |key: &str| at_key && wanted.is_some_and(|wanted: &String| wanted == key);
        while let Some(key) = entries.next_key_seed(Key { refuse: stop })? {
            if wanted == Some(&key) {
                entries.next_value_seed(Find { path: rest, ..self })?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Refuses everything: the parser's error then names the place.
struct Stop;

impl Visitor<'_> for Stop {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this place")
    }
}
