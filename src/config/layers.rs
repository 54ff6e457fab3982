//! The tree with what it was laid together from: the file, then each environment variable. It knows
//! where every value came from.

use super::locate::{self, Target};
use super::report::{ConfigError, Notice, Provenance, Severity};
use super::tree::{Node, Path, character};

/// At most so many errors, and so many notices, are told one by one.
const REPORTS_MAX: usize = 100;

/// A text that gave one part of the tree.
struct Layer {
    above: Path,
    name: Provenance,
    text: String,
}

/// The tree, its sources, and what was found wrong with it so far.
pub struct Layers {
    /// The tree, overlays applied.
    pub root: Node,
    layers: Vec<Layer>,
    errors: Vec<ConfigError>,
    notices: Vec<Notice>,
    unmentioned: usize,
}

impl Layers {
    /// A tree that came from a file as a whole.
    pub fn new(root: Node, file: String, text: String) -> Layers {
        let layer = Layer {
            above: Path::new(),
            name: Provenance::File(file),
            text,
        };
        Layers {
            root,
            layers: vec![layer],
            errors: Vec::new(),
            notices: Vec::new(),
            unmentioned: 0,
        }
    }

    /// Remembers that a variable gave what is at this path.
    pub fn overlaid(&mut self, above: Path, variable: &str, text: String) {
        self.layers.push(Layer {
            above,
            name: Provenance::Variable(variable.to_owned()),
            text,
        });
    }

    /// Where the value at a path came from: the last variable that set it or something above it,
    /// else its line in the file.
    pub fn place(&self, path: &[String], target: Target) -> Provenance {
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
        if let Some(exact) = locate::exact(&layer.text, path, target) {
            return line(exact);
        }
        // The file has no such key: a variable made it, by setting something below it.
        if let Some(maker) = self
            .layers
            .iter()
            .find(|layer| layer.above.starts_with(path))
        {
            return maker.name.clone();
        }
        locate::nearest(&layer.text, path).map_or_else(|| layer.name.clone(), line)
    }

    /// The scalar at a path as it was written.
    pub fn spelling(&self, path: &[String]) -> Option<String> {
        let layer = self.layer(path)?;
        locate::spelling(&layer.text, path.get(layer.above.len()..)?)
    }

    /// Whether the scalar at a path was written in quotes.
    pub fn is_quoted(&self, path: &[String]) -> bool {
        let quotes = |c: char| c == '"' || c == '\'';
        let Some(layer) = self.layer(path) else {
            return false;
        };
        match path.get(layer.above.len()..) {
            Some([]) => layer.text.trim_start().starts_with(quotes),
            Some(below) => {
                let at = locate::exact(&layer.text, below, Target::Value);
                at.and_then(|at| character(&layer.text, at))
                    .is_some_and(quotes)
            }
            None => false,
        }
    }

    fn layer(&self, path: &[String]) -> Option<&Layer> {
        self.layers
            .iter()
            .rev()
            .find(|layer| path.starts_with(&layer.above))
    }

    /// Records a mistake about the value at a path.
    pub fn mistake(&mut self, path: &[String], message: impl Into<String>) {
        if self.errors.len() >= REPORTS_MAX {
            self.unmentioned += 1;
            return;
        }
        let place = self.place(path, Target::Value);
        self.mistaken(place, path.join("."), message);
    }

    /// Records a mistake about the name at a path.
    pub fn mistake_of_name(&mut self, path: &[String], message: impl Into<String>) {
        let place = self.place(path, Target::Key);
        self.mistaken(place, path.join("."), message);
    }

    /// Records a mistake at a place that is known.
    pub fn mistaken(&mut self, place: Provenance, key: String, message: impl Into<String>) {
        self.errors.push(ConfigError {
            place,
            key,
            message: message.into(),
        });
    }

    /// Records a notice about a key.
    pub fn notice(&mut self, severity: Severity, path: &[String], message: impl Into<String>) {
        if self.notices.len() < REPORTS_MAX {
            let place = self.place(path, Target::Key);
            self.noticed(severity, place, path.join("."), message);
        }
    }

    /// Records a notice at a place that is known.
    pub fn noticed(
        &mut self,
        severity: Severity,
        place: Provenance,
        key: String,
        message: impl Into<String>,
    ) {
        self.notices.push(Notice {
            severity,
            place,
            key,
            message: message.into(),
        });
    }

    /// Every mistake, or every notice when there is no mistake.
    pub fn finish(mut self) -> Result<Vec<Notice>, Vec<ConfigError>> {
        if self.errors.is_empty() {
            return Ok(self.notices);
        }
        if self.unmentioned > 0 {
            let message = format!("and {} more errors", self.unmentioned);
            let place = self.place(&[], Target::Value);
            self.mistaken(place, String::new(), message);
        }
        Err(self.errors)
    }
}
