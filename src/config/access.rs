//! The `access` section: groups of users, and rules about who may do what where. Distribution ignores it with a
//! warning.

use super::draft::Draft;
use super::layers::Layers;
use crate::auth::AccessRules;
use crate::auth::access::{ACTIONS, Action, Rule, Subject};
use crate::auth::pattern::Pattern;
use crate::yaml::{KeyPath, Node};
use std::collections::BTreeMap;

type Groups = BTreeMap<String, Vec<String>>;

/// Reads the section. A section that is there and has no rules is an error: it would keep everyone
/// out, and is more likely to be half of something.
pub fn read(layers: &mut Layers, draft: &mut Draft) {
    let section = KeyPath::from(["access"]);
    if layers.root.at(&section).is_none() {
        return;
    }
    let path = section.join("rules");
    let count = match layers.value(&path) {
        Some(Node::List(items)) => items.len(),
        // Without brackets it is not a list, whatever it is: never an open registry.
        Some(_) => return layers.wrong(&path, "a list of rules"),
        None => 0,
    };
    if count == 0 && matches!(layers.value(&section), None | Some(Node::Map(_))) {
        let allowed = "a list of at least one rule with users, repositories and actions";
        layers.missing(&path, allowed);
    }
    let groups = groups(layers, &section.join("groups"));
    let paths = (0..count).map(|index| path.join(index));
    let rules = paths.map(|path| rule(layers, &path, &groups)).collect();
    draft.config.access = Some(AccessRules { groups, rules });
}

fn groups(layers: &mut Layers, path: &KeyPath) -> Groups {
    let mut groups = Groups::new();
    for name in layers.keys(path) {
        let path = path.join(&name);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_plain) {
            layers.error(&path, "not a group name; allowed: letters, digits, - and _");
            continue;
        }
        let mut users = Vec::new();
        for (path, user) in layers.texts(&path) {
            match Subject::parse(&user) {
                Subject::User(user) if !user.contains(':') => users.push(user),
                _ => layers.wrong(&path, "the name of a user"),
            }
        }
        groups.insert(name, users);
    }
    groups
}

fn rule(layers: &mut Layers, path: &KeyPath, groups: &Groups) -> Rule {
    let users = users(layers, &path.join("users"), groups);
    let allowed = "at least one pattern, such as team/** or **";
    let mut repositories = Vec::new();
    for (path, text) in some_texts(layers, &path.join("repositories"), allowed) {
        match text.parse::<Pattern>() {
            Ok(pattern) => repositories.push(pattern),
            Err(allowed) => layers.wrong(&path, allowed),
        }
    }
    Rule {
        users,
        repositories,
        actions: actions(layers, &path.join("actions")),
    }
}

fn users(layers: &mut Layers, path: &KeyPath, groups: &Groups) -> Vec<Subject> {
    let allowed = "at least one of: a user, @group, * (everyone who is logged in), anonymous";
    let mut users = Vec::new();
    let schemes = layers.keys(&KeyPath::from(["auth"]));
    let has_users = schemes.iter().any(|scheme| scheme != "none");
    for (path, text) in some_texts(layers, path, allowed) {
        match Subject::parse(&text) {
            Subject::Group(name) if !groups.contains_key(&name) => {
                let names: Vec<&str> = groups.keys().map(String::as_str).collect();
                let known = match names.is_empty() {
                    true => "there are none".to_owned(),
                    false => names.join(", "),
                };
                layers.wrong(&path, &format!("@ and a group of access.groups ({known})"));
            }
            Subject::User(name) if name.contains(':') => layers.wrong(&path, allowed),
            who if who != Subject::Anonymous && !has_users => {
                let allowed = "only anonymous, since auth is not set and nobody can log in";
                layers.wrong(&path, allowed);
            }
            who => users.push(who),
        }
    }
    users
}

fn actions(layers: &mut Layers, path: &KeyPath) -> Vec<Action> {
    let words = ACTIONS.map(|(word, _)| word).join(", ");
    if layers.value(path).is_none() {
        layers.missing(path, &format!("a list of {words}; [] allows nothing"));
    }
    let mut actions = Vec::new();
    for (path, text) in layers.texts(path) {
        match text.parse() {
            Ok(action) => actions.push(action),
            Err(()) => layers.wrong(&path, &format!("one of {words}")),
        }
    }
    actions
}

/// Texts, of which there must be at least one.
fn some_texts(layers: &mut Layers, path: &KeyPath, allowed: &str) -> Vec<(KeyPath, String)> {
    let is_empty = match layers.value(path) {
        None => true,
        Some(Node::List(items)) => items.is_empty(),
        Some(_) => false,
    };
    if is_empty {
        layers.missing(path, allowed);
    }
    layers.texts(path)
}
