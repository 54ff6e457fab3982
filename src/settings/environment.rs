//! The environment laid over the tree, by distribution's rules (`configuration/parser.go`): the name is a prefix and
//! the path in upper case joined by `_`, the value is read as YAML, lists are reached by index and mappings by key, and
//! a broader variable is applied before a narrower one. Unlike there (its issue 1736), a key below an
//! absent or free-form section works as well.

use super::declare::{ANY, INDEX, Kind, Trait};
use super::layers::Layers;
use super::misplaced;
use super::report::Severity;
use super::schema::{Choice, Schema, SchemaNode, is_index};
use super::suggest;
use crate::yaml::{self, KeyPath, Node, Provenance};

/// A name with more parts than this is not a key.
const PARTS_MAX: usize = 32;
/// A variable with more edits than this is not a slip of a known one.
const EDITS_MAX: usize = 2;
/// Applies every variable whose name has the prefix, in the order of their names.
pub fn apply(layers: &mut Layers, environment: impl IntoIterator<Item = (String, String)>) {
    let conventions = layers.schema.conventions;
    let is_ours = |(name, _): &(String, String)| {
        name.starts_with(conventions.variable_prefix) && name != conventions.path_variable
    };
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
    let schema = layers.schema;
    let prefix = schema.conventions.variable_prefix;
    let rest = name.strip_prefix(prefix).unwrap_or(name);
    let parts: Vec<&str> = rest.split('_').collect();
    let Some(path) = path_of(schema, &parts) else {
        unknown(layers, name, &parts);
        return;
    };
    if let Some(message) = underscored(schema, name, &path) {
        layers.error_from(variable(), &path, message);
        return;
    }
    let kind = schema.root.at(&path).and_then(|known| known.kind);
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
    let above = match (schema.choice(&path), node) {
        (Some(choice), Node::Text(name)) => choose(layers, choice, name),
        (_, node) => set(layers, &path, node).map(|()| path),
    };
    match above {
        Ok(above) => layers.sources.overlaid(above, name, value),
        Err(message) => layers.error_from(variable(), &KeyPath::default(), message),
    }
}

/// Why a name with underscores is refused where it has dashes, and how it is set.
fn underscored(schema: &Schema, variable: &str, path: &KeyPath) -> Option<String> {
    let (section, name, thing) = (1..path.len()).find_map(|depth| {
        let (section, below) = path.split_at_checked(depth)?;
        let thing = schema.root.at(section)?.key?.find(|found| match found {
            Trait::WithDashes(thing) => Some(*thing),
            _ => None,
        })?;
        let name = below.first().filter(|name| name.contains('_'))?;
        Some((section, name, thing))
    })?;
    let dashed = name.replace('_', "-");
    let right = variable.replacen(&name.to_uppercase(), &dashed.to_uppercase(), 1);
    let section = schema.variable(section);
    Some(format!(
        "found _ in the name of a {thing}; did you mean -: {right}, or {section}='{{{dashed}: [VALUE]}}'?"
    ))
}

/// Reports a variable that no key has: as an error when it nearly is one that protects.
fn unknown(layers: &mut Layers, name: &str, parts: &[&str]) {
    let schema = layers.schema;
    let paths = schema.root.paths();
    let names: Vec<String> = paths.iter().map(|path| schema.variable(path)).collect();
    let known = names.iter().map(String::as_str);
    let nearest = suggest::nearest_within(name, known, EDITS_MAX);
    let misplaced = misplaced::meant_by_variable(&schema.conventions.protection, parts);
    let hint = match (nearest, &misplaced) {
        (Some(known), _) => format!("; did you mean {known}?"),
        (None, Some(key)) => format!("; did you mean {key}, as {}?", schema.variable(key)),
        (None, None) => String::new(),
    };
    let is_nearest = |path: &&KeyPath| Some(schema.variable(path).as_str()) == nearest;
    let meant = paths.iter().find(is_nearest);
    let is_protection = meant.is_some_and(|path| schema.is_protection(path));
    let from = Provenance::Variable(name.to_owned());
    if is_protection || misplaced.is_some() {
        layers.error_from(from, &KeyPath::default(), format!("unknown variable{hint}"));
    } else {
        let message = format!("unknown variable; it is ignored{hint}");
        layers.notice_from(Severity::Warning, from, &KeyPath::default(), message);
    }
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
fn path_of(schema: &Schema, parts: &[&str]) -> Option<KeyPath> {
    if parts.len() > PARTS_MAX {
        return None;
    }
    let mut path = KeyPath::default();
    follow(schema, &schema.root, parts, &mut path).then_some(path)
}

/// Goes down the schema along the parts; a key takes as few of them as leave a known rest.
fn follow(schema: &Schema, node: &SchemaNode, parts: &[&str], path: &mut KeyPath) -> bool {
    if parts.is_empty() {
        return true;
    }
    for count in 1..=parts.len() {
        let (head, rest) = parts.split_at(count);
        for (step, pattern) in steps(schema, node, &head.join("_"), path) {
            let Some(child) = node.children.get(pattern) else {
                continue;
            };
            path.push(step);
            let is_free = child.is_leaf() && child.kind == Some(Kind::Any) && pattern != ANY;
            if is_free {
                rest.iter().for_each(|part| path.push(part.to_lowercase()));
            }
            if is_free || follow(schema, child, rest, path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

/// The steps that a part of a name may stand for, each with its key in the schema.
fn steps(
    schema: &Schema,
    node: &SchemaNode,
    part: &str,
    path: &KeyPath,
) -> Vec<(String, &'static str)> {
    let section = path.iter().map(String::as_str);
    let section = section.map(|step| if is_index(step) { INDEX } else { step });
    let is_it = |(above, name, _): &&(&str, &str, &str)| {
        *name == part && section.clone().eq(above.split('.'))
    };
    let mut renamed = schema.conventions.variable_names.iter();
    let in_file = renamed.find(is_it).map(|names| names.2);
    let step = |name: &'static str| {
        let step = match name {
            INDEX => is_index(part).then(|| part.to_owned()),
            ANY => (!part.is_empty()).then(|| part.to_lowercase()),
            _ => {
                (name.eq_ignore_ascii_case(part) || in_file == Some(name)).then(|| name.to_owned())
            }
        };
        step.map(|step| (step, name))
    };
    node.children.keys().copied().filter_map(step).collect()
}

/// Puts a node at a path, making the mappings and the next list element on the way.
fn set(layers: &mut Layers, path: &KeyPath, value: Node) -> Result<(), String> {
    let mut schema = Some(&layers.schema.root);
    let mut node = &mut layers.root;
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

/// `REGISTRY_STORAGE=inmemory` chooses an alternative without parameters; the settings next to it stay.
fn choose(layers: &mut Layers, choice: &Choice, name: String) -> Result<KeyPath, String> {
    let section = KeyPath::from([choice.section]);
    let path = section.join(name);
    if let Node::Map(entries) = &mut layers.root {
        match value_of(entries, choice.section)? {
            Node::Map(children) => {
                children.retain(|(key, _)| choice.settings.contains(&key.as_str()));
            }
            other => *other = Node::Null,
        }
    }
    set(layers, &path, Node::Null)?;
    // What has no settings came from the variable as a whole.
    Ok(match choice.settings.is_empty() {
        true => section,
        false => path,
    })
}
