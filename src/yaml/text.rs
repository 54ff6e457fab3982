//! YAML text as an untyped tree, and the way back from a path in the tree to a line of the text.
//!
//! The tree keeps no positions: a report looks one up by reading the text again, along the path, and
//! failing where the path ends; the error of the YAML parser then carries the line.

use super::node::{KeyPath, Node};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, Visitor};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

/// Line and column, both from 1.
pub type TextPosition = (usize, usize);

/// Why a text is not YAML that can be read.
#[derive(Debug, PartialEq, Eq)]
pub struct YamlError {
    /// What the YAML parser says, and what would be right.
    pub message: String,
    /// Where, if it is known.
    pub position: Option<TextPosition>,
}

/// Which end of an entry of a mapping is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where its key starts.
    Key,
    /// Where its value starts.
    Value,
}

/// Reads one YAML document. A key that appears twice in one mapping is an error; merge keys (`<<`)
/// are resolved. Depth (128) and the expansion of aliases are bounded by the YAML parser.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let reader = NodeFinder { target: None };
    let node = reader.deserialize(serde_yaml::Deserializer::from_str(text));
    let node = node.map_err(|error| explained(&error, text))?;
    merged(node).map_err(|message| YamlError {
        message,
        position: None,
    })
}

/// The position of what is at a path. `None` when the text has no such path.
pub fn position(text: &str, path: &[String], side: Side) -> Option<TextPosition> {
    let stop = Stop::At(side);
    let reader = NodeFinder {
        target: Some(SoughtNode { path, stop }),
    };
    let read = reader.deserialize(serde_yaml::Deserializer::from_str(text));
    let error = read.err()?;
    error.location().map(|at| (at.line(), at.column()))
}

/// The position of the nearest value above a path that the text spells out, `None` when that is the text
/// as a whole.
pub fn nearest_position(text: &str, path: &KeyPath) -> Option<TextPosition> {
    let mut path = path.parent();
    while !path.is_empty() {
        if let Some(found) = position(text, &path, Side::Value) {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// The scalar at a path exactly as the text spells it: `0.10` where the tree has 0.1.
pub fn spelling(text: &str, path: &[String]) -> Option<String> {
    let spelled = Cell::new(None);
    let stop = Stop::Spell(&spelled);
    let reader = NodeFinder {
        target: Some(SoughtNode { path, stop }),
    };
    // An error only means that there is no such scalar.
    let _ = reader.deserialize(serde_yaml::Deserializer::from_str(text));
    spelled.take()
}

/// The character at a position.
pub fn character(text: &str, (line, column): TextPosition) -> Option<char> {
    let line = text.split('\n').nth(line.checked_sub(1)?)?;
    line.chars().nth(column.checked_sub(1)?)
}

/// Characters that no plain text can start with, and what would be right.
const CHARACTERS: [(char, &str); 4] = [
    ('\t', "this is a tab; YAML indents with spaces"),
    ('@', QUOTES),
    ('`', QUOTES),
    ('%', QUOTES),
];
/// What the YAML parser says of a Windows path and the like, and what would be right.
const HINTS: [(&str, &str); 6] = [
    ("while scanning an alias", ALIAS),
    ("unknown anchor", ALIAS),
    ("unknown escape character", ESCAPES),
    ("did not find expected hexadecimal number", ESCAPES),
    ("mapping values are not allowed in this context", COLONS),
    ("found unexpected ':'", COLONS),
];
const ALIAS: &str = "an unquoted * starts an alias; to use the character itself, quote it, such as ['*'] for any \
    origin";
const COLONS: &str = "put a value with a colon at its end or before a space in single quotes";
const ESCAPES: &str = "in double quotes a backslash starts an escape sequence: write 'c:\\data' in single \
    quotes, or \"c:\\\\data\"";
const QUOTES: &str = "a value that starts with this character must be quoted";

fn explained(error: &serde_yaml::Error, text: &str) -> YamlError {
    let position = error.location().map(|at| (at.line(), at.column()));
    let mut message = error.to_string();
    if let Some((line, column)) = position {
        message = message.replacen(&format!(" at line {line} column {column}"), "", 1);
    }
    let found = position.and_then(|at| character(text, at));
    let by_character = CHARACTERS.iter().find(|(c, _)| Some(*c) == found);
    let by_message = HINTS.iter().find(|(says, _)| message.contains(says));
    let hint = by_character.map(|(_, hint)| *hint);
    if let Some(hint) = hint.or(by_message.map(|(_, hint)| *hint)) {
        message.push_str("; ");
        message.push_str(hint);
    }
    YamlError { message, position }
}

/// Resolves `<<` everywhere: keys of the merged mappings count where the mapping has none itself, and
/// an earlier merged mapping wins over a later one.
fn merged(node: Node) -> Result<Node, String> {
    let entries = match node {
        Node::List(items) => {
            let items: Result<_, _> = items.into_iter().map(merged).collect();
            return items.map(Node::List);
        }
        Node::Map(entries) => entries,
        scalar => return Ok(scalar),
    };
    let (mut own, mut bases) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        match (key.as_str(), merged(value)?) {
            ("<<", Node::List(items)) => bases.extend(items),
            ("<<", base) => bases.push(base),
            (_, value) => own.push((key, value)),
        }
    }
    for base in bases {
        let Node::Map(entries) = base else {
            return Err("a merge key `<<` takes a mapping or a list of mappings".to_owned());
        };
        for (key, value) in entries {
            if own.iter().all(|(known, _)| *known != key) {
                own.push((key, value));
            }
        }
    }
    Ok(Node::Map(own))
}

/// Reads nodes: all of them, or only those on the way to a target.
#[derive(Clone, Copy)]
struct NodeFinder<'a> {
    target: Option<SoughtNode<'a>>,
}

/// Where to go, and what to do there.
#[derive(Clone, Copy)]
struct SoughtNode<'a> {
    path: &'a [String],
    stop: Stop<'a>,
}

#[derive(Clone, Copy)]
enum Stop<'a> {
    /// Fail, so that the error has the position.
    At(Side),
    /// Keep the spelling of the scalar.
    Spell(&'a Cell<Option<String>>),
}

impl NodeFinder<'_> {
    /// The reader for the child of that key or index; `None` when it is of no interest.
    fn below(self, step: &str) -> Option<Self> {
        let Some(SoughtNode { path, stop }) = self.target else {
            return Some(self);
        };
        let (first, path) = path.split_first()?;
        let target = Some(SoughtNode { path, stop });
        (first == step).then_some(NodeFinder { target })
    }
}

impl<'de> DeserializeSeed<'de> for NodeFinder<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.target {
            Some(SoughtNode { path: [], stop }) => match stop {
                Stop::At(_) => deserializer.deserialize_any(Refuse),
                Stop::Spell(cell) => {
                    cell.set(Some(String::deserialize(deserializer)?));
                    Ok(Node::Null)
                }
            },
            _ => deserializer.deserialize_any(self),
        }
    }
}

/// How a visitor takes each scalar.
macro_rules! scalars {
    ($($visit:ident($($value:ident: $type:ty)?) => $node:expr;)+) => {
        $(fn $visit<E>(self $(, $value: $type)?) -> Result<Node, E> {
            Ok($node)
        })+
    };
}

impl<'de> Visitor<'de> for NodeFinder<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a mapping without a tag")
    }

    scalars! {
        visit_unit() => Node::Null;
        // An empty document.
        visit_none() => Node::Null;
        visit_bool(value: bool) => Node::Boolean(value);
        visit_i64(value: i64) => Node::Integer(value.into());
        visit_u64(value: u64) => Node::Integer(value.into());
        visit_i128(value: i128) => Node::Integer(value);
        visit_f64(value: f64) => Node::Float(value);
        visit_str(value: &str) => Node::Text(value.to_owned());
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        loop {
            let item = match self.below(&list.len().to_string()) {
                Some(reader) => items.next_element_seed(reader)?,
                None => items.next_element::<IgnoredAny>()?.map(|_| Node::Null),
            };
            match item {
                Some(item) => list.push(item),
                None => return Ok(Node::List(list)),
            }
        }
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        let mut known = BTreeSet::new();
        let is_target = |key: &str| {
            let stop = self.target.map(|target| (target.path, target.stop));
            matches!(stop, Some(([last], Stop::At(Side::Key))) if last == key)
        };
        while let Some(key) = entries.next_key_seed(MapKey {
            refuse: |key: &str| known.contains(key) || is_target(key),
        })? {
            known.insert(key.clone());
            match self.below(&key) {
                Some(reader) => map.push((key, entries.next_value_seed(reader)?)),
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Node::Map(map))
    }
}

/// Reads a key as text and fails, at its position, on one that is refused.
struct MapKey<F: Fn(&str) -> bool> {
    refuse: F,
}

impl<'de, F: Fn(&str) -> bool> DeserializeSeed<'de> for MapKey<F> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: Fn(&str) -> bool> Visitor<'_> for MapKey<F> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is plain text")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        match (self.refuse)(key) {
            true => Err(E::custom(format_args!("duplicate key `{key}`"))),
            false => Ok(key.to_owned()),
        }
    }
}

/// Accepts nothing: the parser's error then has the position.
struct Refuse;

impl Visitor<'_> for Refuse {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing here")
    }
}
