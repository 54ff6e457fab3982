//! The nodes of the tree, and the paths in it. What type a scalar has is decided by whoever reads it, as Go
//! does.

use std::fmt;
use std::ops::Deref;

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `~`, `null`, or no value at all.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Any other scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the text; keys are unique.
    Map(Vec<(String, Node)>),
}

/// The way from the root to a node: keys of mappings, and indices of lists in decimal. A key may hold any
/// character, dots as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path one step further down.
    pub fn join(&self, step: impl ToString) -> KeyPath {
        let mut path = self.clone();
        path.push(step.to_string());
        path
    }

    /// The path one step up; the root is its own parent.
    pub fn parent(&self) -> KeyPath {
        let mut path = self.clone();
        path.pop();
        path
    }

    /// Goes one step down.
    pub fn push(&mut self, step: String) {
        self.0.push(step);
    }

    /// Goes one step up.
    pub fn pop(&mut self) {
        self.0.pop();
    }
}

impl<S: ToString> FromIterator<S> for KeyPath {
    fn from_iter<I: IntoIterator<Item = S>>(steps: I) -> KeyPath {
        KeyPath(steps.into_iter().map(|step| step.to_string()).collect())
    }
}

impl<const N: usize> From<[&str; N]> for KeyPath {
    fn from(steps: [&str; N]) -> KeyPath {
        steps.into_iter().collect()
    }
}

impl Deref for KeyPath {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for KeyPath {
    /// `http.addr`; a step with a dot in it is quoted: `http.headers."X.Y"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match step.contains('.') {
                true => write!(f, "{dot}{step:?}")?,
                false => write!(f, "{dot}{step}")?,
            }
        }
        Ok(())
    }
}

impl Node {
    /// The child with that key (in a mapping) or index (in a list).
    pub fn child(&self, step: &str) -> Option<&Node> {
        match self {
            Node::Map(entries) => {
                let entry = entries.iter().find(|(key, _)| key == step);
                entry.map(|(_, node)| node)
            }
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
    pub fn at(&self, path: &[impl AsRef<str>]) -> Option<&Node> {
        path.iter()
            .try_fold(self, |node, step| node.child(step.as_ref()))
    }

    /// Whether nothing is switched on or set in here: nothing, `false`, 0, `""`, or only such things.
    pub fn is_off(&self) -> bool {
        match self {
            Node::Null | Node::Boolean(false) | Node::Integer(0) => true,
            Node::Text(text) => text.is_empty() || boolean(text) == Some(false),
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

    /// A scalar as plain text; empty for anything else.
    pub fn scalar(&self) -> String {
        match self {
            Node::Boolean(value) => value.to_string(),
            Node::Integer(value) => value.to_string(),
            Node::Float(value) => value.to_string(),
            Node::Text(text) => text.clone(),
            Node::Null | Node::List(_) | Node::Map(_) => String::new(),
        }
    }

    /// What the node is, for a message: `a list`, or the value itself in backquotes, at most 80
    /// characters of it.
    pub fn describe(&self) -> String {
        match self {
            Node::Null => "nothing".to_owned(),
            Node::Text(text) if text.is_empty() => "an empty string".to_owned(),
            Node::Text(text) => match text.char_indices().nth(80) {
                Some((end, _)) => format!("`{}...`", text.get(..end).unwrap_or_default()),
                None => format!("`{text}`"),
            },
            Node::List(_) => "a list".to_owned(),
            Node::Map(_) => "a mapping".to_owned(),
            scalar => format!("`{}`", scalar.scalar()),
        }
    }
}

/// YAML 1.1's words for true and false, which Go's parser takes and a YAML 1.2 parser reads as text.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}
