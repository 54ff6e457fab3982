//! The tree together with what it was put together from - the file, then each environment variable - and what is
//! reported about it.

use super::report::{ConfigError, Notice, Severity};
use crate::yaml::{KeyPath, Node, Provenance, Side, Sources};

/// At most this many errors, and this many notices, are reported one by one.
const REPORTS_MAX: usize = 100;

/// The tree, its sources, and what was found wrong with it so far.
pub struct Layers {
    /// The tree, with the variables applied.
    pub root: Node,
    /// Where its values came from.
    pub sources: Sources,
    errors: Vec<ConfigError>,
    notices: Vec<Notice>,
    unreported: usize,
}

impl Layers {
    /// A tree that came from one file.
    pub fn new(root: Node, file: String, text: String) -> Layers {
        Layers {
            root,
            sources: Sources::new(file, text),
            errors: Vec::new(),
            notices: Vec::new(),
            unreported: 0,
        }
    }

    /// Records an error about the value at a path.
    pub fn error(&mut self, path: &KeyPath, message: impl Into<String>) {
        if self.errors.len() >= REPORTS_MAX {
            self.unreported += 1;
            return;
        }
        let provenance = self.sources.provenance(path, Side::Value);
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
            let provenance = self.sources.provenance(path, Side::Key);
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
            let provenance = self.sources.provenance(&root, Side::Value);
            self.error_from(provenance, &root, message);
        }
        Err(self.errors)
    }
}
