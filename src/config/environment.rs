//! The environment laid over the tree, by distribution's rules (`configuration/parser.go`): the name
//! is `REGISTRY_` and the path in upper case joined by `_`, the value is read as YAML, lists are
//! reached by index and mappings by key, and a broader variable is applied before a narrower one.
//! Unlike there (its issue 1736), a key below an absent or free-form section works as well.

use super::keys::{STORAGE_SETTINGS, VARIABLE_NAMES, is_guarded};
use super::layers::Layers;
use super::misplaced;
use super::report::{Provenance, Severity};
use super::schema::{ANY, Entry, INDEX, Kind};
use super::suggest;
use super::tree::{self, Node, Path};

/// What every variable of ours begins with.
pub const PREFIX: &str = "REGISTRY_";
/// The variable that names the file; it is no key.
pub const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";
/// A name of more parts than this is no key.
const PARTS_MAX: usize = 32;

/// Applies every `REGISTRY_*` variable, in the order of their names.
pub fn apply(layers: &mut Layers, environment: impl IntoIterator<Item = (String, String)>) {
    let ours = |(name, _): &(String, String)| name.starts_with(PREFIX) && name != PATH_VARIABLE;
    let mut variables: Vec<(String, String)> = environment.into_iter().filter(ours).collect();
    variables.sort_by_cached_key(|(name, _)| order(name));
    for (name, value) in variables {
        apply_one(layers, &name, value);
    }
}

/// Broader names first; indices as numbers, so that element 10 is appended after element 9.
fn order(name: &str) -> Vec<(Option<u64>, String)> {
    name.split('_')
        .map(|part| (part.parse().ok(), part.to_owned()))
        .collect()
}

fn apply_one(layers: &mut Layers, name: &str, value: String) {
    let parts: Vec<&str> = name
        .strip_prefix(PREFIX)
        .unwrap_or(name)
        .split('_')
        .collect();
    let Some(path) = path_of(&parts) else {
        unknown(layers, name);
        return;
    };
    if let ["http", "headers", field, ..] = path.iter().map(String::as_str).collect::<Vec<_>>()[..]
        && field.contains('_')
    {
        layers.mistaken(
            Provenance::Variable(name.to_owned()),
            path.join("."),
            with_dashes(name, field),
        );
        return;
    }
    let is_text = Entry::root()
        .at(path.iter().map(String::as_str))
        .and_then(|entry| entry.kind)
        == Some(Kind::Text);
    let node = match tree::parse(&value) {
        Ok(Node::Map(_)) if is_text && !value.trim_start().starts_with('{') => {
            Node::Text(value.trim().to_owned())
        }
        Ok(node) => {
            if is_text && is_cut(&node, value.trim()) {
                let place = Provenance::Variable(name.to_owned());
                layers.noticed(Severity::Warning, place, path.join("."), CUT);
            }
            node
        }
        Err(_) if is_text => Node::Text(unquoted(&value).to_owned()),
        Err(error) => {
            let message = format!("the value is no YAML: {}", error.message);
            layers.mistaken(
                Provenance::Variable(name.to_owned()),
                path.join("."),
                message,
            );
            return;
        }
    };
    let above = match (path.as_slice(), node) {
        ([section], Node::Text(driver)) if section == "storage" => {
            replace_driver(&mut layers.root, driver)
        }
        ([section], Node::Text(kind)) if section == "auth" => {
            set(&mut layers.root, &path, Node::Map(vec![(kind, Node::Null)])).map(|()| path)
        }
        (_, node) => set(&mut layers.root, &path, node).map(|()| path),
    };
    match above {
        Ok(above) => layers.overlaid(above, name, value),
        Err(message) => layers.mistaken(
            Provenance::Variable(name.to_owned()),
            String::new(),
            message,
        ),
    }
}

/// Why a header field whose name has underscores is refused, and how it is set.
fn with_dashes(name: &str, field: &str) -> String {
    let dashed = field.replace('_', "-");
    let right = name.replacen(&field.to_uppercase(), &dashed.to_uppercase(), 1);
    format!(
        "found _ in the name of a header field; - is meant: {right}, or REGISTRY_HTTP_HEADERS='{{{dashed}: [VALUE]}}'"
    )
}

fn unknown(layers: &mut Layers, name: &str) {
    let place = Provenance::Variable(name.to_owned());
    let nearest = nearest_name(name);
    let hint = nearest
        .as_deref()
        .map(|known| format!("; did you mean {known}?"));
    let hint = hint.unwrap_or_default();
    let meant = nearest
        .unwrap_or_default()
        .replace(PREFIX, "")
        .replace('_', ".")
        .to_lowercase();
    let parts: Vec<&str> = name
        .strip_prefix(PREFIX)
        .unwrap_or(name)
        .split('_')
        .collect();
    let misplaced = misplaced::variable_belongs(&parts);
    let hint = match misplaced.filter(|_| hint.is_empty()) {
        Some(path) => format!(
            "; is {path} meant, as {PREFIX}{}?",
            path.replace('.', "_").to_uppercase()
        ),
        None => hint,
    };
    if is_guarded(&meant) || misplaced.is_some() {
        layers.mistaken(
            place,
            String::new(),
            format!("no key has this variable{hint}"),
        );
    } else {
        let message = format!("no key has this variable; it is ignored{hint}");
        layers.noticed(Severity::Warning, place, String::new(), message);
    }
}

const CUT: &str = "a part of the value is left out: it is YAML, where a space and # begin a comment and \
    & a name; where all of it is meant, put it in single quotes";

/// Whether a value that is meant as a text, without quotes, comes to less than was written.
fn is_cut(node: &Node, written: &str) -> bool {
    match node {
        Node::Text(text) => !written.starts_with(['"', '\'', '|', '>']) && text != written,
        Node::Null => !["", "~", "null", "Null", "NULL"].contains(&written),
        _ => false,
    }
}

/// A text that is no YAML, taken as it is: `"c:\data"` is a path, not a broken escape.
fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// The path a variable's name parts stand for, `None` when there is no such key.
fn path_of(parts: &[&str]) -> Option<Path> {
    if parts.len() > PARTS_MAX {
        return None;
    }
    let mut path = Path::new();
    follow(Entry::root(), parts, &mut path).then_some(path)
}

/// Goes down the schema along the parts; a key takes as few of them as leave a known rest.
fn follow(entry: &Entry, parts: &[&str], path: &mut Path) -> bool {
    if parts.is_empty() {
        return true;
    }
    for count in 1..=parts.len() {
        let (head, rest) = parts.split_at(count);
        let head = head.join("_");
        for (step, pattern) in steps(entry, &head, path) {
            let Some(child) = entry.children.get(pattern) else {
                continue;
            };
            path.push(step);
            let free = child.is_leaf() && child.kind == Some(Kind::Any) && pattern != ANY;
            if free {
                path.extend(rest.iter().map(|part| part.to_lowercase()));
            }
            if free || follow(child, rest, path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

/// The steps a name part may stand for below an entry, each with its key in the schema.
fn steps(entry: &Entry, part: &str, path: &Path) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let section: Vec<&str> = path
        .iter()
        .map(|step| if is_index(step) { INDEX } else { step })
        .collect();
    let section = section.join(".");
    let by_field = VARIABLE_NAMES
        .iter()
        .find(|(above, name, _)| *above == section && *name == part);
    for name in entry.children.keys().copied() {
        let matches =
            name.eq_ignore_ascii_case(part) || by_field.is_some_and(|(_, _, known)| *known == name);
        match name {
            INDEX if is_index(part) => found.push((part.to_owned(), name)),
            ANY if !part.is_empty() => found.push((part.to_lowercase(), name)),
            INDEX | ANY => {}
            _ if matches => found.push((name.to_owned(), name)),
            _ => {}
        }
    }
    found
}

fn is_index(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Puts a node at a path, making the mappings and the next list element on the way.
fn set(root: &mut Node, path: &[String], value: Node) -> Result<(), String> {
    let mut entry = Some(Entry::root());
    let mut node = root;
    for (depth, step) in path.iter().enumerate() {
        let is_list = entry.is_some_and(Entry::is_list);
        entry = entry.and_then(|entry| entry.child(step));
        if *node == Node::Null {
            *node = if is_list {
                Node::List(Vec::new())
            } else {
                Node::Map(Vec::new())
            };
        }
        node = match node {
            Node::List(items) => element(items, step)?,
            Node::Map(entries) => value_of(entries, step)?,
            other => {
                let above = path.get(..depth).unwrap_or_default().join(".");
                return Err(format!(
                    "{above} is {}, so {step} cannot be set in it",
                    other.describe()
                ));
            }
        };
    }
    *node = value;
    Ok(())
}

fn element<'n>(items: &'n mut Vec<Node>, step: &str) -> Result<&'n mut Node, String> {
    let count = items.len();
    let index: usize = step
        .parse()
        .map_err(|_| format!("`{step}` is no index of a list"))?;
    if index == count {
        items.push(Node::Null);
    }
    items.get_mut(index).ok_or(format!(
        "index {index} is beyond the list: it has {count} elements, so the next is {count}"
    ))
}

fn value_of<'n>(entries: &'n mut Vec<(String, Node)>, step: &str) -> Result<&'n mut Node, String> {
    let known = entries
        .iter()
        .position(|(key, _)| key.eq_ignore_ascii_case(step));
    let entry = match known {
        Some(index) => entries.remove(index),
        None => (step.to_owned(), Node::Null),
    };
    // The entry moves to the end: the order of keys has no meaning.
    entries.push(entry);
    let last = entries.last_mut().map(|(_, node)| node);
    last.ok_or_else(|| format!("{step} cannot be set"))
}

/// `REGISTRY_STORAGE=inmemory` chooses a driver without parameters; the settings beside it stay.
fn replace_driver(root: &mut Node, driver: String) -> Result<Path, String> {
    let path = vec!["storage".to_owned(), driver.clone()];
    if let Node::Map(entries) = root {
        let storage = value_of(entries, "storage")?;
        match storage {
            Node::Map(children) => {
                children.retain(|(key, _)| STORAGE_SETTINGS.contains(&key.as_str()))
            }
            other => *other = Node::Null,
        }
    }
    set(root, &path, Node::Map(Vec::new())).map(|()| path)
}

/// The known variable nearest to an unknown one.
fn nearest_name(name: &str) -> Option<String> {
    let mut names = Vec::new();
    collect(
        Entry::root(),
        PREFIX.trim_end_matches('_').to_owned(),
        &mut names,
    );
    let allowed = 2;
    let found = suggest::nearest_within(name, names.iter().map(String::as_str), allowed)?;
    Some(found.to_owned())
}

/// The variables of all keys that have one fixed name.
fn collect(entry: &Entry, name: String, names: &mut Vec<String>) {
    for (step, child) in &entry.children {
        if *step != INDEX && *step != ANY {
            collect(child, format!("{name}_{}", step.to_uppercase()), names);
        }
    }
    names.push(name);
}
