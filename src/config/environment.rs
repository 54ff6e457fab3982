//! The environment laid over the tree, by distribution's rules (`configuration/parser.go`): the name is `REGISTRY_`
//! and the path in upper case joined by `_`, the value is read as YAML, lists are reached by index and
//! mappings by key, and a broader variable is applied before a narrower one. Unlike there (its issue
//! 1736), a key below an absent or free-form section works as well.

use super::declare::{ANY, INDEX, Kind};
use super::layers::Layers;
use super::misplaced;
use super::report::Severity;
use super::schema::{self, STORAGE_SETTINGS, SchemaNode, VARIABLE_PREFIX, is_index};
use super::suggest;
use crate::yaml::{self, KeyPath, Node, Provenance};

/// The variable that names the file; it is not a key.
pub const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";
/// A name with more parts than this is not a key.
const PARTS_MAX: usize = 32;
/// A variable with more edits than this is not a slip of a known one.
const EDITS_MAX: usize = 2;
/// Go's names of fields whose YAML names differ: distribution builds variables from the former.
/// `(section, name in a variable, name in a file)`.
const FIELD_NAMES: &[(&[&str], &str, &str)] = &[
    (&["health"], "FILECHECKERS", "file"),
    (&["health"], "HTTPCHECKERS", "http"),
    (&["health"], "TCPCHECKERS", "tcp"),
    (&["notifications"], "EVENTCONFIG", "events"),
    (&["log", "hooks", INDEX], "MAILOPTIONS", "options"),
];

/// Applies every `REGISTRY_*` variable, in the order of their names.
pub fn apply(layers: &mut Layers, environment: impl IntoIterator<Item = (String, String)>) {
    let is_ours =
        |(name, _): &(String, String)| name.starts_with(VARIABLE_PREFIX) && name != PATH_VARIABLE;
    let mut variables: Vec<(String, String)> = environment.into_iter().filter(is_ours).collect();
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
    let variable = || Provenance::Variable(name.to_owned());
    let rest = name.strip_prefix(VARIABLE_PREFIX).unwrap_or(name);
    let parts: Vec<&str> = rest.split('_').collect();
    let Some(path) = path_of(&parts) else {
        unknown(layers, name, &parts);
        return;
    };
    if let [http, headers, header, ..] = path.as_ref()
        && (http.as_str(), headers.as_str()) == ("http", "headers")
        && header.contains('_')
    {
        layers.error_from(variable(), &path, with_dashes(name, header));
        return;
    }
    let kind = SchemaNode::root().at(&path).and_then(|schema| schema.kind);
    let is_text = kind.is_some_and(Kind::is_text);
    let node = match yaml::parse(&value) {
        Ok(Node::Map(_)) if is_text && !value.trim_start().starts_with('{') => {
            Node::Text(value.trim().to_owned())
        }
        Ok(node) => {
            if is_text && is_cut(&node, value.trim()) {
                layers.notice_from(Severity::Warning, variable(), &path, CUT);
            }
            node
        }
        Err(_) if is_text => Node::Text(unquoted(&value).to_owned()),
        Err(error) => {
            let message = format!("the value is not valid YAML: {}", error.message);
            layers.error_from(variable(), &path, message);
            return;
        }
    };
    let above = match (path.as_ref(), node) {
        ([section], Node::Text(driver)) if section == "storage" => {
            replace_driver(&mut layers.root, driver)
        }
        ([section], Node::Text(scheme)) if section == "auth" => {
            let schemes = Node::Map(vec![(scheme, Node::Null)]);
            set(&mut layers.root, &path, schemes).map(|()| path)
        }
        (_, node) => set(&mut layers.root, &path, node).map(|()| path),
    };
    match above {
        Ok(above) => layers.sources.overlaid(above, name, value),
        Err(message) => layers.error_from(variable(), &KeyPath::default(), message),
    }
}

/// Why a header whose name has underscores is refused, and how it is set.
fn with_dashes(name: &str, header: &str) -> String {
    let dashed = header.replace('_', "-");
    let right = name.replacen(&header.to_uppercase(), &dashed.to_uppercase(), 1);
    format!(
        "found _ in the name of a header; did you mean -: {right}, or REGISTRY_HTTP_HEADERS='{{{dashed}: [VALUE]}}'?"
    )
}

/// Reports a variable that no key has: as an error when it nearly is one that closes the registry.
fn unknown(layers: &mut Layers, name: &str, parts: &[&str]) {
    let mut names = Vec::new();
    collect(SchemaNode::root(), &mut KeyPath::default(), &mut names);
    let known = names.iter().map(|(name, _)| name.as_str());
    let nearest = suggest::nearest_within(name, known, EDITS_MAX);
    let misplaced = misplaced::meant_by_variable(parts);
    let hint = match (nearest, misplaced) {
        (Some(known), _) => format!("; did you mean {known}?"),
        (None, Some(path)) => {
            let key: KeyPath = path.iter().collect();
            format!("; did you mean {key}, as {}?", schema::variable(path))
        }
        (None, None) => String::new(),
    };
    let nearest = names
        .iter()
        .find(|(name, _)| Some(name.as_str()) == nearest);
    let is_guarded = nearest.is_some_and(|(_, path)| schema::is_guarded(path));
    let from = Provenance::Variable(name.to_owned());
    if is_guarded || misplaced.is_some() {
        layers.error_from(from, &KeyPath::default(), format!("unknown variable{hint}"));
    } else {
        let message = format!("unknown variable; it is ignored{hint}");
        layers.notice_from(Severity::Warning, from, &KeyPath::default(), message);
    }
}

/// The variables of all keys that have one fixed name.
fn collect(schema: &SchemaNode, path: &mut KeyPath, names: &mut Vec<(String, KeyPath)>) {
    for step in schema.names() {
        if let Some(child) = schema.children.get(step) {
            path.push(step.to_owned());
            collect(child, path, names);
            path.pop();
        }
    }
    names.push((schema::variable(path), path.clone()));
}

const CUT: &str = "a part of the value is left out: in YAML a space and # start a comment, and & a name; to use all \
    of it, put it in single quotes";

/// Whether a value that is meant as a text, without quotes, comes to less than was written.
fn is_cut(node: &Node, written: &str) -> bool {
    match node {
        Node::Text(text) => !written.starts_with(['"', '\'', '|', '>']) && text != written,
        Node::Null => !["", "~", "null", "Null", "NULL"].contains(&written),
        _ => false,
    }
}

/// A text that is not valid YAML, taken as it is: `"c:\data"` is a path, not a broken escape sequence.
fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// The path that the parts of a variable's name stand for, `None` when there is no such key.
fn path_of(parts: &[&str]) -> Option<KeyPath> {
    if parts.len() > PARTS_MAX {
        return None;
    }
    let mut path = KeyPath::default();
    follow(SchemaNode::root(), parts, &mut path).then_some(path)
}

/// Goes down the schema along the parts; a key takes as few of them as leave a known rest.
fn follow(schema: &SchemaNode, parts: &[&str], path: &mut KeyPath) -> bool {
    if parts.is_empty() {
        return true;
    }
    for count in 1..=parts.len() {
        let (head, rest) = parts.split_at(count);
        for (step, pattern) in steps(schema, &head.join("_"), path) {
            let Some(child) = schema.children.get(pattern) else {
                continue;
            };
            path.push(step);
            let is_free = child.is_leaf() && child.kind == Some(Kind::Any) && pattern != ANY;
            if is_free {
                rest.iter().for_each(|part| path.push(part.to_lowercase()));
            }
            if is_free || follow(child, rest, path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

/// The steps that a part of a name may stand for, each with its key in the schema.
fn steps(schema: &SchemaNode, part: &str, path: &KeyPath) -> Vec<(String, &'static str)> {
    let section = path.iter().map(String::as_str);
    let section = section.map(|step| if is_index(step) { INDEX } else { step });
    let is_field = |(above, field, _): &&(&[&str], &str, &str)| {
        *field == part && section.clone().eq(above.iter().copied())
    };
    let field = FIELD_NAMES.iter().find(is_field).map(|field| field.2);
    let step = |name: &'static str| {
        let step = match name {
            INDEX => is_index(part).then(|| part.to_owned()),
            ANY => (!part.is_empty()).then(|| part.to_lowercase()),
            _ => (name.eq_ignore_ascii_case(part) || field == Some(name)).then(|| name.to_owned()),
        };
        step.map(|step| (step, name))
    };
    schema.children.keys().copied().filter_map(step).collect()
}

/// Puts a node at a path, making the mappings and the next list element on the way.
fn set(root: &mut Node, path: &KeyPath, value: Node) -> Result<(), String> {
    let mut schema = Some(SchemaNode::root());
    let mut node = root;
    for (depth, step) in path.iter().enumerate() {
        if *node == Node::Null {
            *node = match schema.is_some_and(SchemaNode::is_list) {
                true => Node::List(Vec::new()),
                false => Node::Map(Vec::new()),
            };
        }
        schema = schema.and_then(|schema| schema.child(step));
        node = match node {
            Node::List(items) => element(items, step)?,
            Node::Map(entries) => value_of(entries, step)?,
            other => {
                let above: KeyPath = path.iter().take(depth).collect();
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
        .map_err(|_| format!("`{step}` is not an index of a list"))?;
    if index == count {
        items.push(Node::Null);
    }
    items.get_mut(index).ok_or(format!(
        "index {index} is beyond the list: it has {count} elements, so the next is {count}"
    ))
}

fn value_of<'n>(entries: &'n mut Vec<(String, Node)>, step: &str) -> Result<&'n mut Node, String> {
    let is_it = |(key, _): &(String, Node)| key.eq_ignore_ascii_case(step);
    let index = entries.iter().position(is_it).unwrap_or_else(|| {
        entries.push((step.to_owned(), Node::Null));
        entries.len() - 1
    });
    let entry = entries.get_mut(index).map(|(_, node)| node);
    entry.ok_or_else(|| format!("{step} cannot be set"))
}

/// `REGISTRY_STORAGE=inmemory` chooses a driver without parameters; the settings next to it stay.
fn replace_driver(root: &mut Node, driver: String) -> Result<KeyPath, String> {
    let path = KeyPath::from(["storage", driver.as_str()]);
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
