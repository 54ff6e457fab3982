//! The `access` section: groups of users, and rules about who may do what where. It is ours;
//! distribution passes over it with a warning.

use super::AccessRules;
use super::auth::missing;
use super::layers::Layers;
use super::tree::{Node, Path};
use super::values::steps;
use crate::auth::access::{ACTIONS, Action, Rule, Subject};
use crate::auth::pattern::Pattern;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// Reads the section. A section that is there and has no rules is a mistake: it would keep everyone
/// out, and is more likely to be half of something.
pub fn access(layers: &mut Layers) -> Option<AccessRules> {
    layers.root.at(&steps("access"))?;
    let count = match layers.value("access.rules") {
        Some(Node::List(items)) => items.len(),
        // Without brackets a list is none, whatever stands there: never an open registry.
        Some(_) => {
            layers.wrong("access.rules", "a list of rules");
            return None;
        }
        None => 0,
    };
    if count == 0 && matches!(layers.value("access"), None | Some(Node::Map(_))) {
        let allowed = "a list of at least one rule with users, repositories and actions";
        missing(layers, "access.rules", allowed);
    }
    let groups = groups(layers);
    let rules = (0..count).map(|index| rule(layers, index, &groups));
    let rules = rules.collect();
    Some(AccessRules { groups, rules })
}

fn groups(layers: &mut Layers) -> BTreeMap<String, Vec<String>> {
    let mut groups = BTreeMap::new();
    for name in layers.keys("access.groups") {
        let path: Path = vec!["access".to_owned(), "groups".to_owned(), name.clone()];
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_plain) {
            let message = "is no name of a group; allowed: letters, digits, - and _";
            layers.mistake(&path, message);
            continue;
        }
        let mut users = Vec::new();
        for (path, user) in layers.texts(&format!("access.groups.{name}")) {
            match Subject::parse(&user) {
                Subject::User(user) if !user.contains(':') => users.push(user),
                _ => layers.wrong(&path, "the name of a user"),
            }
        }
        groups.insert(name, users);
    }
    groups
}

fn rule(layers: &mut Layers, index: usize, groups: &BTreeMap<String, Vec<String>>) -> Rule {
    let at = |key: &str| format!("access.rules.{index}.{key}");
    let repositories = texts(
        layers,
        &at("repositories"),
        "at least one pattern, such as team/** or **",
    );
    Rule {
        users: users(layers, &at("users"), groups),
        repositories: repositories
            .into_iter()
            .filter_map(|(path, text)| {
                let pattern = text.parse::<Pattern>();
                pattern.map_err(|allowed| layers.wrong(&path, allowed)).ok()
            })
            .collect(),
        actions: actions(layers, &at("actions")),
    }
}

fn users(layers: &mut Layers, path: &str, groups: &BTreeMap<String, Vec<String>>) -> Vec<Subject> {
    let allowed = "at least one of: a user, @group, * (whoever is logged in), anonymous";
    let mut users = Vec::new();
    let has_users = layers.keys("auth").iter().any(|kind| kind != "none");
    for (path, text) in texts(layers, path, allowed) {
        match Subject::parse(&text) {
            Subject::Group(name) if !groups.contains_key(&name) => {
                let names: Vec<&str> = groups.keys().map(String::as_str).collect();
                let known = match names.is_empty() {
                    true => "none is named".to_owned(),
                    false => names.join(", "),
                };
                layers.wrong(&path, &format!("@ and a group of access.groups ({known})"));
            }
            Subject::User(name) if name.contains(':') => layers.wrong(&path, allowed),
            who if who != Subject::Anonymous && !has_users => {
                let allowed = "anonymous alone, since auth is not set and nobody can log in";
                layers.wrong(&path, allowed);
            }
            who => users.push(who),
        }
    }
    users
}

fn actions(layers: &mut Layers, path: &str) -> Vec<Action> {
    let words: Vec<&str> = ACTIONS.iter().map(|(word, _)| *word).collect();
    let words = words.join(", ");
    if layers.value(path).is_none() {
        let allowed = format!("a list of {words}; [] allows nothing");
        missing(layers, path, &allowed);
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

/// Texts of which there must be one.
fn texts(layers: &mut Layers, path: &str, allowed: &str) -> Vec<(String, String)> {
    let is_empty = match layers.value(path) {
        None => true,
        Some(Node::List(items)) => items.is_empty(),
        Some(_) => false,
    };
    if is_empty {
        missing(layers, path, allowed);
    }
    layers.texts(path)
}

/// The section as YAML, for `check-config`.
pub fn render(access: &AccessRules) -> Value {
    let list = |texts: Vec<String>| Value::Sequence(texts.into_iter().map(Value::from).collect());
    let mut groups = Mapping::new();
    for (name, users) in &access.groups {
        groups.insert(name.as_str().into(), list(users.clone()));
    }
    let rule = |rule: &Rule| {
        let mut map = Mapping::new();
        let users = rule.users.iter().map(Subject::to_text).collect();
        let repositories = rule.repositories.iter().map(Pattern::to_string).collect();
        let actions = rule.actions.iter().map(|action| action.name().to_owned());
        map.insert("users".into(), list(users));
        map.insert("repositories".into(), list(repositories));
        map.insert("actions".into(), list(actions.collect()));
        Value::from(map)
    };
    let rules = access.rules.iter().map(rule).collect();
    let mut section = Mapping::new();
    section.insert("groups".into(), groups.into());
    section.insert("rules".into(), Value::Sequence(rules));
    section.into()
}
