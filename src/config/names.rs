//! The walk over the tree's names: unknown keys, keys that are not supported, and values where a section should
//! be. What values contain is the business of `values.rs`.

use super::declare::{INDEX, Kind, Support};
use super::keys::KEYS;
use super::layers::Layers;
use super::misplaced;
use super::report::Severity;
use super::schema::{self, SchemaNode};
use super::suggest;
use crate::yaml::{KeyPath, Node, Side};

/// Reports every name of the tree that is not simply a key that is supported.
pub fn check(layers: &mut Layers) {
    let root = layers.root.clone();
    let mut walk = Walk {
        layers,
        path: KeyPath::default(),
        is_quiet: false,
    };
    walk.enter(SchemaNode::root(), &root);
}

struct Walk<'l> {
    layers: &'l mut Layers,
    path: KeyPath,
    /// Something above has been reported as not supported; only unknown names are reported below.
    is_quiet: bool,
}

impl Walk<'_> {
    fn enter(&mut self, schema: &SchemaNode, node: &Node) {
        let was_quiet = self.is_quiet;
        if let Some(group) = schema.group.filter(|_| !was_quiet) {
            self.is_quiet = true;
            if (group.asks)(node) {
                self.report(group.support);
            }
        }
        match node {
            _ if schema.is_leaf() => {}
            Node::Map(entries) => self.map(schema, entries),
            Node::List(items) if schema.is_list() => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(child) = schema.children.get(INDEX) {
                        self.step(&index.to_string(), child, item);
                    }
                }
            }
            Node::Null => {}
            // A list of one may be written without its brackets: `values.rs` reads it.
            _ if schema.kind == Some(Kind::Texts) => {}
            _ if self.is_quiet => {}
            other => {
                let names: Vec<&str> = schema.names().collect();
                let (what, with) = match names.is_empty() {
                    _ if schema.is_list() => ("a list", ""),
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

    fn map(&mut self, schema: &SchemaNode, entries: &[(String, Node)]) {
        let stray = self.stray(schema, entries);
        self.report_stray(&stray);
        for (key, value) in entries {
            if stray.iter().any(|(name, _)| name == key) {
                continue;
            }
            match schema.child(key).filter(|_| !schema::is_pattern(key)) {
                Some(child) => self.step(key, child, value),
                None => {
                    self.path.push(key.clone());
                    self.unknown(schema, key);
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

    /// The keys where a driver or an authentication scheme should be that are parameters of one; each
    /// with where it belongs.
    fn stray(&self, schema: &SchemaNode, entries: &[(String, Node)]) -> Vec<(String, KeyPath)> {
        let section = match self.path.as_ref() {
            [section] if section == "auth" || section == "storage" => section,
            _ => return Vec::new(),
        };
        let belongs = |key: &str| {
            let mut paths = KEYS.iter().map(|known| known.path);
            let path = paths
                .find(|path| path.first() == Some(&section.as_str()) && path.last() == Some(&key));
            path.map(|path| path.iter().collect())
        };
        let unknown = entries
            .iter()
            .filter(|(key, _)| schema.child(key).is_none());
        let stray = unknown.filter_map(|(key, _)| Some((key.clone(), belongs(key)?)));
        stray.collect()
    }

    /// One error for all of them.
    fn report_stray(&mut self, stray: &[(String, KeyPath)]) {
        let Some((first, _)) = stray.first() else {
            return;
        };
        let found: Vec<&str> = stray.iter().map(|(key, _)| key.as_str()).collect();
        let right: Vec<String> = stray.iter().map(|(_, path)| path.to_string()).collect();
        let message = format!(
            "found at the wrong level: {}; did you mean {}?",
            found.join(", "),
            right.join(", ")
        );
        let provenance = self
            .layers
            .sources
            .provenance(&self.path.join(first), Side::Key);
        self.layers.error_from(provenance, &self.path, message);
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
    fn unknown(&mut self, schema: &SchemaNode, key: &str) {
        let above = self.path.parent();
        // Nothing is ignored in a section that closes the registry.
        let is_in_guard = schema::is_guarded(&above);
        let misplaced = misplaced::meant(key).filter(|_| !is_in_guard);
        let meant = misplaced.map(|path| path.iter().collect());
        let meant: Option<KeyPath> = meant.or_else(|| nearest(schema, &above, key));
        let hint = meant
            .as_ref()
            .map(|known| format!("; did you mean {known}?"));
        let hint = hint.unwrap_or_default();
        let is_guarded = is_in_guard
            || misplaced.is_some()
            || meant.is_some_and(|known| schema::is_guarded(&known));
        match above.as_ref() {
            // Next to the drivers every unknown name would be a driver, so ignoring it could mean to
            // keep content in the wrong place.
            [section] if section == "storage" => {
                let message = format!("unknown storage driver; use filesystem or inmemory{hint}");
                self.layers.error(&self.path, message);
            }
            [section] if section == "auth" => {
                let message = format!(
                    "unknown authentication scheme; supported: htpasswd, token, none{hint}"
                );
                self.layers.error(&self.path, message);
            }
            _ if is_guarded => {
                let is_here = |known: &[&str]| {
                    known
                        .split_last()
                        .is_some_and(|(_, section)| *section == *above)
                };
                let level = match misplaced {
                    Some(known) if !is_here(known) => {
                        " at this level, where it would protect nothing"
                    }
                    _ => "",
                };
                let provenance = self.layers.sources.provenance(&self.path, Side::Key);
                let message = format!("unknown key{level}{hint}");
                self.layers.error_from(provenance, &self.path, message);
            }
            _ => {
                let message = format!("unknown key; it is ignored{hint}");
                self.layers.notice(Severity::Warning, &self.path, message);
            }
        }
    }
}

/// The known key that was probably meant: the nearest next to it, or one elsewhere.
fn nearest(schema: &SchemaNode, above: &KeyPath, key: &str) -> Option<KeyPath> {
    match suggest::nearest(key, schema.names()) {
        Some(name) => Some(above.join(name)),
        None => elsewhere(key),
    }
}

/// A supported key with that last step, such as `tags.maxtags` for `http.maxtags`; or the key that a variable's
/// name, written into the file, stands for. Those that close the registry are the business of
/// `misplaced.rs`: some of their names mean something elsewhere too.
fn elsewhere(key: &str) -> Option<KeyPath> {
    let is_it = |path: &&[&str]| {
        let is_last = path.last() == Some(&key) && !schema::is_guarded(path);
        is_last || schema::variable(path) == key
    };
    let mut paths = KEYS.iter().map(|known| known.path);
    paths.find(is_it).map(|path| path.iter().collect())
}
