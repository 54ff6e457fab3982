//! The walk over the tree's names: unknown keys, keys that are not supported, and values where a section should
//! be. What values contain is the business of `values.rs`.

use super::declare::{INDEX, Kind, Support};
use super::layers::Layers;
use super::misplaced;
use super::report::Severity;
use super::schema::{self, Schema, SchemaNode};
use super::suggest;
use crate::yaml::{KeyPath, Node, Side};

/// Reports every name of the tree that is not simply a key that is supported.
pub fn check(layers: &mut Layers) {
    let root = layers.root.clone();
    let schema = layers.schema;
    let mut walk = Walk {
        layers,
        path: KeyPath::default(),
        is_quiet: false,
    };
    walk.enter(&schema.root, &root);
}

struct Walk<'l> {
    layers: &'l mut Layers,
    path: KeyPath,
    /// Something above has been reported as not supported; only unknown names are reported below.
    is_quiet: bool,
}

impl Walk<'_> {
    fn enter(&mut self, known: &SchemaNode, node: &Node) {
        let was_quiet = self.is_quiet;
        if let Some(group) = known.group.filter(|_| !was_quiet) {
            self.is_quiet = true;
            if group.asks(node) {
                self.report(group.support);
            }
        }
        match node {
            _ if known.is_leaf() => {}
            Node::Map(entries) => self.map(known, entries),
            Node::List(items) if known.is_list() => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(child) = known.children.get(INDEX) {
                        self.step(&index.to_string(), child, item);
                    }
                }
            }
            Node::Null => {}
            // A list of one may be written without its brackets: `values.rs` reads it.
            _ if known.kind == Some(Kind::Texts) => {}
            _ if self.is_quiet => {}
            other => {
                let names: Vec<&str> = known.names().collect();
                let (what, with) = match names.is_empty() {
                    _ if known.is_list() => ("a list", ""),
                    true => ("a mapping", ""),
                    false => ("a mapping", " with "),
                };
                let (found, names) = (other.describe(), names.join(", "));
                let message = format!("found {found}; allowed: {what}{with}{names}");
                self.layers.error(&self.path, message);
            }
        }
        self.is_quiet = was_quiet;
    }

    fn map(&mut self, known: &SchemaNode, entries: &[(String, Node)]) {
        let stray = self.stray(known, entries);
        for (key, value) in entries {
            if stray.contains(&key.as_str()) {
                continue;
            }
            match known.child(key).filter(|_| !schema::is_pattern(key)) {
                Some(child) => self.step(key, child, value),
                None => {
                    self.path.push(key.clone());
                    self.unknown(known, key);
                    self.path.pop();
                }
            }
        }
    }

    fn step(&mut self, step: &str, child: &SchemaNode, value: &Node) {
        self.path.push(step.to_owned());
        self.enter(child, value);
        self.path.pop();
    }

    /// Reports, in one error, the keys where the name of an alternative should be that are parameters of one;
    /// gives these keys.
    fn stray<'e>(&mut self, known: &SchemaNode, entries: &'e [(String, Node)]) -> Vec<&'e str> {
        let Some(choice) = self.layers.schema.choice(&self.path) else {
            return Vec::new();
        };
        let belongs = |key: &str| {
            let mut paths = self.layers.schema.keys.iter().map(|key| key.path);
            paths.find(|path| path.first() == Some(&choice.section) && path.last() == Some(&key))
        };
        let keys = entries.iter().map(|(key, _)| key.as_str());
        let unknown = keys.filter(|key| known.child(key).is_none());
        let (stray, right): (Vec<&str>, Vec<String>) = unknown
            .filter_map(|key| Some((key, belongs(key)?.join("."))))
            .unzip();
        if let Some(first) = stray.first() {
            let (found, right) = (stray.join(", "), right.join(", "));
            let message = format!("found at the wrong level: {found}; did you mean {right}?");
            let first = self.path.join(first);
            let provenance = self.layers.sources.provenance(&first, Side::Key);
            self.layers.error_from(provenance, &self.path, message);
        }
        stray
    }

    fn report(&mut self, support: Support) {
        let (severity, message) = match support {
            Support::Needless(why) => (Severity::Note, format!("has no effect here: {why}")),
            Support::Unsupported(what) => (Severity::Warning, format!("is not supported: {what}")),
            Support::Refused(why) => return self.layers.error(&self.path, why),
        };
        self.layers.notice(severity, &self.path, message);
    }

    /// Reports the last step of the path, which is unknown.
    fn unknown(&mut self, known: &SchemaNode, key: &str) {
        let above = self.path.parent();
        let schema = self.layers.schema;
        // Nothing is ignored in a section that protects.
        let is_inside = schema.is_protection(&above);
        let misplaced = misplaced::meant(&schema.conventions.protection, key);
        let misplaced = misplaced.filter(|_| !is_inside);
        let meant = misplaced.clone();
        let meant = meant.or_else(|| nearest(schema, known, &above, key));
        let hint = meant.as_ref().map(|key| format!("; did you mean {key}?"));
        let hint = hint.unwrap_or_default();
        // Every unknown name would be an alternative, so ignoring it could mean to keep content in the
        // wrong place.
        if let Some(choice) = schema.choice(&above) {
            let message = format!("{}{hint}", choice.unknown);
            return self.layers.error(&self.path, message);
        }
        let is_protection =
            is_inside || misplaced.is_some() || meant.is_some_and(|key| schema.is_protection(&key));
        if !is_protection {
            let message = format!("unknown key; it is ignored{hint}");
            return self.layers.notice(Severity::Warning, &self.path, message);
        }
        let level = match misplaced {
            Some(key) if key.parent() != above => " at this level, where it would protect nothing",
            _ => "",
        };
        let provenance = self.layers.sources.provenance(&self.path, Side::Key);
        let message = format!("unknown key{level}{hint}");
        self.layers.error_from(provenance, &self.path, message);
    }
}

/// The known key that was probably meant: the nearest next to it, or one elsewhere.
fn nearest(schema: &Schema, known: &SchemaNode, above: &KeyPath, key: &str) -> Option<KeyPath> {
    match suggest::nearest(key, known.names()) {
        Some(name) => Some(above.join(name)),
        None => elsewhere(schema, key),
    }
}

/// A supported key with that last step, such as `tags.maxtags` for `http.maxtags`; or the key that a variable's
/// name, written into the file, stands for. Those that protect are the business of `misplaced.rs`: some of
/// their names mean something elsewhere too.
fn elsewhere(schema: &Schema, key: &str) -> Option<KeyPath> {
    let is_it = |path: &&[&str]| {
        let is_last = path.last() == Some(&key) && !schema.is_protection(path);
        is_last || schema.variable(path) == key
    };
    let mut paths = schema.keys.iter().map(|key| key.path);
    paths.find(is_it).map(|path| path.iter().collect())
}
