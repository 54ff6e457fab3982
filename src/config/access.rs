//! The `access` section: groups of users, and rules about who may do what where. Distribution ignores it with a
//! warning.

use super::draft::Draft;
use crate::auth::AccessRules;
use crate::auth::access::{ACTIONS, Rule, Subject};
use crate::settings::layers::Layers;
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
        layers.each_text(&path, &mut |user| match Subject::parse(user) {
            Subject::User(user) if !user.contains(':') => {
                users.push(user);
                Ok(())
            }
            _ => Err("the name of a user".into()),
        });
        groups.insert(name, users);
    }
    groups
}

fn rule(layers: &mut Layers, path: &KeyPath, groups: &Groups) -> Rule {
    let mut rule = Rule {
        users: users(layers, &path.join("users"), groups),
        repositories: Vec::new(),
        actions: Vec::new(),
    };
    let path_of_patterns = path.join("repositories");
    let allowed = "at least one pattern, such as team/** or **";
    require_some(layers, &path_of_patterns, allowed);
    layers.each_text(&path_of_patterns, &mut |text| {
        rule.repositories.push(text.parse()?);
        Ok(())
    });
    let path_of_actions = path.join("actions");
    let words = ACTIONS.map(|(word, _)| word).join(", ");
    if layers.value(&path_of_actions).is_none() {
        let allowed = format!("a list of {words}; [] allows nothing");
        layers.missing(&path_of_actions, &allowed);
    }
    layers.each_text(&path_of_actions, &mut |text| {
        let action = text.parse().map_err(|()| format!("one of {words}"))?;
        rule.actions.push(action);
        Ok(())
    });
    rule
}

fn users(layers: &mut Layers, path: &KeyPath, groups: &Groups) -> Vec<Subject> {
    let allowed = "at least one of: a user, @group, * (everyone who is logged in), anonymous";
    let schemes = layers.keys(&KeyPath::from(["auth"]));
    let has_users = schemes.iter().any(|scheme| scheme != "none");
    let mut users = Vec::new();
    require_some(layers, path, allowed);
    layers.each_text(path, &mut |text| {
        let subject = Subject::parse(text);
        match &subject {
            Subject::Group(name) if !groups.contains_key(name) => {
                let names: Vec<&str> = groups.keys().map(String::as_str).collect();
                let known = match names.is_empty() {
                    true => "there are none".to_owned(),
                    false => names.join(", "),
                };
                return Err(format!("@ and a group of access.groups ({known})").into());
            }
            Subject::User(name) if name.contains(':') => return Err(allowed.into()),
            who if *who != Subject::Anonymous && !has_users => {
                return Err("only anonymous, since auth is not set and nobody can log in".into());
            }
            _ => {}
        }
        users.push(subject);
        Ok(())
    });
    users
}

/// Reports a list of texts that has none, or an empty one.
pub(super) fn require_some(layers: &mut Layers, path: &KeyPath, allowed: &str) {
    let empty: Vec<KeyPath> = match layers.value(path) {
        Some(Node::List(items)) if !items.is_empty() => {
            let items = items.iter().enumerate();
            let empty = items.filter(|(_, item)| item.is_unset());
            empty.map(|(index, _)| path.join(index)).collect()
        }
        Some(node) if !node.is_unset() => Vec::new(),
        _ => vec![path.clone()],
    };
    for path in &empty {
        layers.missing(path, allowed);
    }
}
