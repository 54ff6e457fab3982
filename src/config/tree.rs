//! YAML text as an untyped tree. Types are decided later, by the key, as Go does: see `values.rs`;
//! positions are looked up when they are needed: see `locate.rs`.

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing: `~`, `null`, or no value at all.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Anything else that is a scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the text; keys are unique.
    Map(Vec<(String, Node)>),
}

/// The steps from the root to a node: keys, and indices in decimal.
pub type Path = Vec<String>;

/// Why a text is no tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What the YAML parser says.
    pub message: String,
    /// Line and column from 1, where it is known.
    pub location: Option<(usize, usize)>,
}

impl Node {
    /// The child of that key (in a map) or index (in a list).
    pub fn child(&self, step: &str) -> Option<&Node> {
        match self {
            Node::Map(entries) => entries
                .iter()
                .find(|(key, _)| key == step)
                .map(|(_, node)| node),
            Node::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The elements of a list; none of anything else.
    pub fn items(&self) -> &[Node] {
        match self {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[(String, Node)] {
        match self {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The node at the end of a path.
    pub fn at(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| node.child(step))
    }

    /// Whether nothing is switched on or set in here: nothing, `false`, 0, `""`, or only such things.
    pub fn is_off(&self) -> bool {
        match self {
            Node::Null | Node::Boolean(false) | Node::Integer(0) => true,
            Node::Text(text) => text.is_empty() || boolean_word(text) == Some(false),
            Node::List(items) => items.iter().all(Node::is_off),
            Node::Map(entries) => entries.iter().all(|(_, node)| node.is_off()),
            Node::Boolean(true) | Node::Integer(_) | Node::Float(_) => false,
        }
    }

    /// Whether nothing at all is given in here: nothing, `""`, or only such things. Stricter than
    /// [`Node::is_off`]: `no` may be the name of a file.
    pub fn is_unset(&self) -> bool {
        match self {
            Node::Null => true,
            Node::Text(text) => text.is_empty(),
            Node::List(items) => items.iter().all(Node::is_unset),
            Node::Map(entries) => entries.iter().all(|(_, node)| node.is_unset()),
            Node::Boolean(_) | Node::Integer(_) | Node::Float(_) => false,
        }
    }

    /// What the node is, for a message: `a list`, or the value itself in backquotes.
    pub fn describe(&self) -> String {
        match self {
            Node::Null => "nothing".to_owned(),
            Node::Boolean(value) => format!("`{value}`"),
            Node::Integer(value) => format!("`{value}`"),
            Node::Float(value) => format!("`{value}`"),
            Node::Text(text) if text.is_empty() => "an empty text".to_owned(),
            Node::Text(text) => format!("`{}`", shortened(text)),
            Node::List(_) => "a list".to_owned(),
            Node::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// The first 80 characters of a text, with dots when that is not all of it.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

/// YAML 1.1's words for true and false, which Go's parser takes and a YAML 1.2 parser reads as text.
pub fn boolean_word(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            Some(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Some(false)
        }
        _ => None,
    }
}

/// Reads one YAML document. A key that stands twice in one mapping is an error; merge keys (`<<`)
/// are resolved. Depth (128) and alias expansion are bounded by the YAML parser.
pub fn parse(text: &str) -> Result<Node, Unreadable> {
    let node: Node = serde_yaml::from_str(text).map_err(|error| unreadable(&error, text))?;
    merged(node).map_err(|message| Unreadable {
        message,
        location: None,
    })
}

fn unreadable(error: &serde_yaml::Error, text: &str) -> Unreadable {
    let location = error.location().map(|at| (at.line(), at.column()));
    let mut message = error.to_string();
    if let Some((line, column)) = location {
        let suffix = format!(" at line {line} column {column}");
        message = message.replacen(&suffix, "", 1);
    }
    let found = location.and_then(|at| character(text, at));
    let of_character = CHARACTERS.iter().find(|(c, _)| Some(*c) == found);
    let of_message = HINTS.iter().find(|(says, _)| message.contains(says));
    let hint = of_character.map(|(_, hint)| *hint);
    if let Some(hint) = hint.or(of_message.map(|(_, hint)| *hint)) {
        message.push_str("; ");
        message.push_str(hint);
    }
    Unreadable { message, location }
}

/// The character at a line and a column, both from 1.
pub fn character(text: &str, (line, column): (usize, usize)) -> Option<char> {
    let line = text.split('\n').nth(line.checked_sub(1)?)?;
    line.chars().nth(column.checked_sub(1)?)
}

/// What nothing can begin with, and what would be right.
const CHARACTERS: [(char, &str); 4] = [
    ('\t', "it is a tab; YAML indents with spaces"),
    ('@', QUOTES),
    ('`', QUOTES),
    ('%', QUOTES),
];

const ALIAS: &str = "a * begins an alias; where the character itself is meant it is put in quotes, \
    such as ['*'] for any origin";
const QUOTES: &str = "a text that begins with it is put in quotes";

/// What the YAML parser says of a path of Windows and the like, and what would be right.
const HINTS: [(&str, &str); 6] = [
    ("while scanning an alias", ALIAS),
    ("unknown anchor", ALIAS),
    ("unknown escape character", ESCAPES),
    ("did not find expected hexadecimal number", ESCAPES),
    ("mapping values are not allowed in this context", COLONS),
    ("found unexpected ':'", COLONS),
];

const COLONS: &str = "a text with a colon at its end, or before a space, is put in single quotes";
const ESCAPES: &str = "in double quotes a backslash begins an escape: write 'c:\\data' in single \
    quotes, or \"c:\\\\data\"";

/// Resolves `<<` everywhere: keys of the merged mappings count where the mapping has none itself,
/// and an earlier merged mapping wins over a later one.
fn merged(node: Node) -> Result<Node, String> {
    match node {
        Node::List(items) => Ok(Node::List(
            items.into_iter().map(merged).collect::<Result<_, _>>()?,
        )),
        Node::Map(entries) => {
            let mut own = Vec::new();
            let mut bases = Vec::new();
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
        scalar => Ok(scalar),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a mapping without a tag")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    // An empty document.
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        let mut known = BTreeSet::new();
        while let Some(key) = entries.next_key_seed(Key {
            refuse: |key: &str| known.contains(key),
        })? {
            known.insert(key.clone());
            map.push((key, entries.next_value()?));
        }
        Ok(Node::Map(map))
    }
}

/// Reads a key as text and fails, at its place, on one that is refused.
pub(super) struct Key<F: Fn(&str) -> bool> {
    pub(super) refuse: F,
}

impl<'de, F: Fn(&str) -> bool> DeserializeSeed<'de> for Key<F> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: Fn(&str) -> bool> Visitor<'_> for Key<F> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is plain text")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if (self.refuse)(key) {
            return Err(E::custom(format_args!(
                "the key `{key}` stands twice in one mapping"
            )));
        }
        Ok(key.to_owned())
    }
}
