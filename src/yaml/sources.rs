//! The texts that a tree was put together from, and which of them supplied each value.

use super::node::KeyPath;
use super::text::{Side, character, nearest_position, position, spelling};
use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// A line and column of a file, both from 1.
    Line {
        /// The file, as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A file as a whole.
    File(String),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provenance::Line { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Provenance::File(name) | Provenance::Variable(name) => f.write_str(name),
        }
    }
}

/// A text that supplied one part of a tree.
struct Layer {
    above: KeyPath,
    name: Provenance,
    text: String,
}

/// The texts of a tree, the topmost last.
pub struct Sources {
    layers: Vec<Layer>,
}

impl Sources {
    /// Those of a tree that came from one file.
    pub fn new(file: String, text: String) -> Sources {
        let layer = Layer {
            above: KeyPath::default(),
            name: Provenance::File(file),
            text,
        };
        Sources {
            layers: vec![layer],
        }
    }

    /// Remembers that a variable supplied what is at this path.
    pub fn overlaid(&mut self, above: KeyPath, variable: &str, text: String) {
        self.layers.push(Layer {
            above,
            name: Provenance::Variable(variable.to_owned()),
            text,
        });
    }

    /// Where the value at a path came from: the last variable that set it or something above it, else
    /// its line in the file.
    pub fn provenance(&self, path: &KeyPath, side: Side) -> Provenance {
        let Some(layer) = self.layer(path) else {
            return Provenance::File(String::new());
        };
        let Provenance::File(file) = &layer.name else {
            return layer.name.clone();
        };
        let line = |(line, column)| Provenance::Line {
            file: file.clone(),
            line,
            column,
        };
        if path.is_empty() {
            return layer.name.clone();
        }
        if let Some(exact) = position(&layer.text, path, side) {
            return line(exact);
        }
        // The file has no such key: a variable made it, by setting something below it.
        let mut layers = self.layers.iter();
        if let Some(maker) = layers.find(|layer| layer.above.starts_with(path)) {
            return maker.name.clone();
        }
        nearest_position(&layer.text, path).map_or_else(|| layer.name.clone(), line)
    }

    /// The scalar at a path as it was written.
    pub fn spelling(&self, path: &KeyPath) -> Option<String> {
        let layer = self.layer(path)?;
        spelling(&layer.text, path.get(layer.above.len()..)?)
    }

    /// Whether the scalar at a path was written in quotes.
    pub fn is_quoted(&self, path: &KeyPath) -> bool {
        let is_quote = |c: char| c == '"' || c == '\'';
        let Some(layer) = self.layer(path) else {
            return false;
        };
        match path.get(layer.above.len()..) {
            Some([]) => layer.text.trim_start().starts_with(is_quote),
            Some(below) => {
                let at = position(&layer.text, below, Side::Value);
                at.and_then(|at| character(&layer.text, at))
                    .is_some_and(is_quote)
            }
            None => false,
        }
    }

    /// The topmost layer that supplied a path.
    fn layer(&self, path: &KeyPath) -> Option<&Layer> {
        let mut layers = self.layers.iter().rev();
        layers.find(|layer| path.starts_with(&layer.above))
    }
}
