//! The walk over the tree's names: unknown keys, keys that are not honoured, and sections that are
//! none. What the values hold is the business of `values.rs`.

use super::environment::PREFIX;
use super::keys::{self, is_guarded};
use super::layers::Layers;
use super::locate::Target;
use super::report::Severity;
use super::schema::{ANY, Entry, INDEX, Kind, Status};
use super::suggest;
use super::tree::{Node, Path};
use super::{asked, misplaced};

/// Reports every name of the tree that is not simply a key that is honoured.
pub fn check(layers: &mut Layers) {
    let root = layers.root.clone();
    let mut walk = Walk {
        layers,
        path: Path::new(),
        quiet: false,
    };
    walk.enter(Entry::root(), &root);
}

struct Walk<'l> {
    layers: &'l mut Layers,
    path: Path,
    /// Something above has been reported as not honoured; only unknown names are reported below.
    quiet: bool,
}

impl Walk<'_> {
    fn enter(&mut self, entry: &Entry, node: &Node) {
        let quiet = self.quiet;
        if let Some(status) = entry.status.filter(|_| !quiet) {
            self.quiet = !matches!(status, Status::Honoured);
            if self.is_on(status, node) {
                self.report(status);
            }
        }
        match node {
            _ if entry.is_leaf() => {}
            Node::Map(entries) => self.map(entry, entries),
            Node::List(items) if entry.is_list() => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(child) = entry.children.get(INDEX) {
                        self.step(&index.to_string(), child, item);
                    }
                }
            }
            Node::Null => {}
            // A list of one may be written without its brackets: `values.rs` reads it.
            _ if entry.is_list() && entry.kind == Some(Kind::Texts) => {}
            _ if self.quiet => {}
            other => {
                let what = if entry.is_list() {
                    "a list"
                } else {
                    "a mapping"
                };
                let names = match entry.children.keys().next() {
                    Some(&(INDEX | ANY)) | None => String::new(),
                    Some(_) => format!(
                        " with {}",
                        entry
                            .children
                            .keys()
                            .copied()
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                };
                let message = format!("found {}; allowed: {what}{names}", other.describe());
                self.layers.mistake(&self.path, message);
            }
        }
        self.quiet = quiet;
    }

    fn map(&mut self, entry: &Entry, entries: &[(String, Node)]) {
        let stray = self.stray(entry, entries);
        self.report_stray(&stray);
        for (key, value) in entries {
            if stray.iter().any(|(name, _)| name == key) {
                continue;
            }
            match entry.child(key).filter(|_| !is_pattern(key)) {
                Some(child) => self.step(key, child, value),
                None => {
                    self.path.push(key.clone());
                    self.unknown(entry, key);
                    self.path.pop();
                }
            }
        }
    }

    /// The keys that stand where a driver or a kind of access control should, and are parameters of one;
    /// each with where it belongs.
    fn stray(&self, entry: &Entry, entries: &[(String, Node)]) -> Vec<(String, String)> {
        let [section] = self.path.as_slice() else {
            return Vec::new();
        };
        if section != "auth" && section != "storage" {
            return Vec::new();
        }
        let unknown = entries.iter().filter(|(key, _)| entry.child(key).is_none());
        let belongs = |key: &str| {
            let honoured = keys::HONOURED.iter().map(|known| known.path);
            let mut below = honoured.filter(|path| path.strip_prefix(section).is_some());
            below.find(|path| path.rsplit('.').next() == Some(key))
        };
        let stray = unknown.filter_map(|(key, _)| Some((key.clone(), belongs(key)?.to_owned())));
        stray.collect()
    }

    /// One mistake for all of them.
    fn report_stray(&mut self, stray: &[(String, String)]) {
        let Some((first, _)) = stray.first() else {
            return;
        };
        let (found, right): (Vec<&str>, Vec<&str>) = stray
            .iter()
            .map(|(key, path)| (key.as_str(), path.as_str()))
            .unzip();
        let message = format!(
            "found at the wrong level: {}; did you mean {}?",
            found.join(", "),
            right.join(", ")
        );
        let mut at = self.path.clone();
        at.push(first.clone());
        let place = self.layers.place(&at, Target::Key);
        self.layers.mistaken(place, self.path.join("."), message);
    }

    fn step(&mut self, step: &str, child: &Entry, value: &Node) {
        self.path.push(step.to_owned());
        self.enter(child, value);
        self.path.pop();
    }

    /// Whether something is asked for. To name a storage driver or a kind of access control is to
    /// ask for it, whatever its parameters.
    fn is_on(&self, status: Status, node: &Node) -> bool {
        match self.path.first().map(String::as_str) {
            Some("storage") if self.path.len() == 2 => {
                let setting = self
                    .path
                    .get(1)
                    .is_some_and(|key| keys::STORAGE_SETTINGS.contains(&key.as_str()));
                !setting || !node.is_off()
            }
            Some("auth") if self.path.len() == 2 => true,
            _ if matches!(status, Status::Refused(_)) => !node.is_unset(),
            _ => asked::asks(&self.path.join("."), node),
        }
    }

    fn report(&mut self, status: Status) {
        match status {
            Status::Honoured => {}
            Status::Needless(why) => {
                self.layers.notice(
                    Severity::Note,
                    &self.path,
                    format!("has no effect here: {why}"),
                );
            }
            Status::Unsupported(what) => {
                self.layers.notice(
                    Severity::Warning,
                    &self.path,
                    format!("is not supported: {what}"),
                );
            }
            Status::Refused(why) => self.layers.mistake(&self.path, why),
        }
    }

    /// Whether the path leads into a section that closes the registry: nothing is ignored there.
    fn is_in_guard(&self) -> bool {
        let above = self.path.split_last().map(|(_, above)| above.join("."));
        above.is_some_and(|above| is_guarded(&above))
    }

    fn unknown(&mut self, entry: &Entry, key: &str) {
        let misplaced = misplaced::belongs(key).filter(|_| !self.is_in_guard());
        let nearest = misplaced.map(str::to_owned);
        let nearest = nearest.or_else(|| self::nearest(entry, &self.path, key));
        let hint = nearest
            .as_deref()
            .map(|known| format!("; did you mean {known}?"));
        let hint = hint.unwrap_or_default();
        // Beside the drivers every unknown name would be a driver, so ignoring it could mean to keep
        // content in the wrong place.
        if self.path.len() == 2 && self.path.first().is_some_and(|first| first == "storage") {
            let message = format!("unknown storage driver; use filesystem or inmemory{hint}");
            self.layers.mistake(&self.path, message);
        } else if self.path.len() == 2 && self.path.first().is_some_and(|first| first == "auth") {
            let message = format!("unknown kind of access control; use htpasswd{hint}");
            self.layers.mistake(&self.path, message);
        } else if self.is_in_guard()
            || misplaced.is_some()
            || nearest.is_some_and(|known| is_guarded(&known))
        {
            let above = self.path.split_last().map_or(&[][..], |(_, above)| above);
            let is_here = |known: &str| {
                let (section, _) = known.rsplit_once('.').unwrap_or_default();
                section == above.join(".")
            };
            let level = match misplaced {
                Some(known) if !is_here(known) => " at this level, where it would protect nothing",
                _ => "",
            };
            let message = format!("unknown key{level}{hint}");
            self.layers.mistake_of_name(&self.path, message);
        } else {
            let message = format!("unknown key; it is ignored{hint}");
            self.layers.notice(Severity::Warning, &self.path, message);
        }
    }
}

fn is_pattern(key: &str) -> bool {
    key == INDEX || key == ANY
}

/// The known key that was probably meant: the nearest beside it, or the one of that very name elsewhere.
fn nearest(entry: &Entry, path: &[String], key: &str) -> Option<String> {
    let beside = entry
        .children
        .keys()
        .copied()
        .filter(|name| !is_pattern(name));
    let above = path.split_last().map_or(&[][..], |(_, above)| above);
    match suggest::nearest(key, beside) {
        Some(name) => {
            let mut known = above.to_vec();
            known.push(name.to_owned());
            Some(known.join("."))
        }
        None => elsewhere(key),
    }
}

/// An honoured key or section of that last name, such as `tags.maxtags` for `http.maxtags`; or the
/// key that a variable's name, written into the file, stands for. Those that close the registry are the
/// business of `misplaced.rs`: some of their names mean something elsewhere too.
fn elsewhere(key: &str) -> Option<String> {
    let as_variable = |path: &str| format!("{PREFIX}{}", path.replace('.', "_").to_uppercase());
    let named = |path: &&str| {
        let last = path.rsplit('.').next() == Some(key) && !is_guarded(path);
        last || as_variable(path) == key
    };
    keys::HONOURED
        .iter()
        .map(|known| known.path)
        .find(named)
        .map(str::to_owned)
}
