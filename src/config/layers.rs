//! The tree together with what it was put together from: the file, then each environment variable. It knows
//! where every value came from, and collects what is reported about them.

use super::report::{ConfigError, Notice, Provenance, Severity};
use crate::yaml::{self, KeyPath, Node, Side};

/// At most this many errors, and this many notices, are reported one by one.
const REPORTS_MAX: usize = 100;

/// A text that supplied one part of the tree.
struct Layer {
    above: KeyPath,
    name: Provenance,
    text: String,
}

/// The tree, its sources, and what was found wrong with it so far.
pub struct Layers {
    /// The tree, with the variables applied.
    pub root: Node,
    layers: Vec<Layer>,
    errors: Vec<ConfigError>,
    notices: Vec<Notice>,
    unreported: usize,
}

impl Layers {
    /// A tree that came from one file.
    pub fn new(root: Node, file: String, text: String) -> Layers {
        let layer = Layer {
            above: KeyPath::default(),
            name: Provenance::File(file),
            text,
        };
        Layers {
            root,
            layers: vec![layer],
            errors: Vec::new(),
            notices: Vec::new(),
            unreported: 0,
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
        if let Some(exact) = yaml::position(&layer.text, path, side) {
            return line(exact);
        }
        // The file has no such key: a variable made it, by setting something below it.
        let mut layers = self.layers.iter();
        if let Some(maker) = layers.find(|layer| layer.above.starts_with(path)) {
            return maker.name.clone();
        }
        yaml::nearest_position(&layer.text, path).map_or_else(|| layer.name.clone(), line)
    }

    /// The scalar at a path as it was written.
    pub fn spelling(&self, path: &KeyPath) -> Option<String> {
        let layer = self.layer(path)?;
        yaml::spelling(&layer.text, path.get(layer.above.len()..)?)
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
                let at = yaml::position(&layer.text, below, Side::Value);
                at.and_then(|at| yaml::character(&layer.text, at))
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

    /// Records an error about the value at a path.
    pub fn error(&mut self, path: &KeyPath, message: impl Into<String>) {
        if self.errors.len() >= REPORTS_MAX {
            self.unreported += 1;
            return;
        }
        let provenance = self.provenance(path, Side::Value);
        self.error_from(provenance, path, message);
    }

    /// Records an error about what came from there.
    pub fn error_from(&mut self, from: Provenance, path: &KeyPath, message: impl Into<String>) {
        self.errors.push(ConfigError {
            provenance: from,
            key: path.to_string(),
            message: message.into(),
        });
    }

    /// Records a notice about a key.
    pub fn notice(&mut self, severity: Severity, path: &KeyPath, message: impl Into<String>) {
        if self.notices.len() < REPORTS_MAX {
            let provenance = self.provenance(path, Side::Key);
            self.notice_from(severity, provenance, path, message);
        }
    }

    /// Records a notice about what came from there.
    pub fn notice_from(
        &mut self,
        severity: Severity,
        from: Provenance,
        path: &KeyPath,
        message: impl Into<String>,
    ) {
        self.notices.push(Notice {
            severity,
            provenance: from,
            key: path.to_string(),
            message: message.into(),
        });
    }

    /// Every error, or every notice when there is no error.
    pub fn finish(mut self) -> Result<Vec<Notice>, Vec<ConfigError>> {
        if self.errors.is_empty() {
            return Ok(self.notices);
        }
        if self.unreported > 0 {
            let message = format!("{} more errors are not listed", self.unreported);
            let root = KeyPath::default();
            let provenance = self.provenance(&root, Side::Value);
            self.error_from(provenance, &root, message);
        }
        Err(self.errors)
    }
}
