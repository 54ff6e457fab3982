//! All that is declared, as one tree to walk along a text or the name of a variable, and what is special about names.

use super::declare::{ANY, Group, INDEX, Kind, SettingKey};
use crate::yaml::{KeyPath, Node};
use std::collections::BTreeMap;
use std::iter::once;

/// What is special about the names of a program's keys and variables. Keys are dotted here; where a text holds
/// several names, there are spaces between them.
pub struct Conventions {
    /// What the name of every variable starts with.
    pub variable_prefix: &'static str,
    /// The variable with that prefix that names the file and so is no key.
    pub path_variable: &'static str,
    /// `(section, name in a variable, name in a file)`, where these differ.
    pub variable_names: &'static [(&'static str, &'static str, &'static str)],
    /// The sections at the top level that choose one of several alternatives by its name.
    pub choices: &'static [Choice],
    /// What must not be missed by a slip.
    pub protection: Protection,
}

/// A section whose keys are names of alternatives, of which one is chosen: `storage: filesystem` stands for
/// `storage: {filesystem: {}}`.
pub struct Choice {
    /// Its one step.
    pub section: &'static str,
    /// Its keys that are not names of alternatives.
    pub settings: &'static [&'static str],
    /// What is said of a name that is unknown.
    pub unknown: &'static str,
}

/// Keys that close the program to some or all: what was meant to be closed would be open, so a slip of them is an
/// error, where a slip of another key is ignored with a warning.
pub struct Protection {
    /// The sections whose keys all protect.
    pub sections: &'static str,
    /// The keys whose last step cannot mean anything else, wherever it is found.
    pub keys: &'static str,
    /// Those of the last steps that cannot mean anything else in the name of a variable either.
    pub variable_words: &'static str,
    /// The variables that other programs read, without the prefix.
    pub foreign_variables: &'static str,
}

/// The keys, the groups and the conventions of a program.
pub struct Schema {
    /// The tree of all that is declared.
    pub root: SchemaNode,
    /// The keys that are supported.
    pub keys: Vec<&'static SettingKey>,
    /// What is special about names.
    pub conventions: &'static Conventions,
}

/// A key, a section, or what stands for any key or index.
#[derive(Default)]
pub struct SchemaNode {
    /// The key that is declared here, if it is supported.
    pub key: Option<&'static SettingKey>,
    /// What the value must be; `None` for a section.
    pub kind: Option<Kind>,
    /// What happens to it, where it is not supported.
    pub group: Option<&'static Group>,
    /// The keys below, with [`INDEX`] and [`ANY`].
    pub children: BTreeMap<&'static str, SchemaNode>,
}

impl Schema {
    /// Puts everything together.
    pub fn new(
        conventions: &'static Conventions,
        keys: impl Iterator<Item = &'static SettingKey>,
        groups: &'static [Group],
    ) -> Schema {
        let mut schema = Schema {
            root: SchemaNode::default(),
            keys: keys.collect(),
            conventions,
        };
        for key in &schema.keys {
            let node = schema.root.insert(key.path.iter().copied());
            node.key = Some(key);
            node.kind = Some(key.kind);
            if key.kind == Kind::Texts {
                node.insert([INDEX]).kind = Some(Kind::Text);
            }
        }
        for group in groups {
            schema.root.insert_group(group);
        }
        schema
    }

    /// The choice that is made at a path.
    pub fn choice(&self, path: &[String]) -> Option<&'static Choice> {
        let [section] = path else { return None };
        let mut choices = self.conventions.choices.iter();
        choices.find(|choice| choice.section == section)
    }

    /// Writes what is chosen by a mere name as the section that it stands for.
    pub fn unfold_choices(&self, root: &mut Node) {
        let Node::Map(entries) = root else { return };
        for (key, node) in entries {
            if let (Some(_), Node::Text(name)) = (self.choice(std::slice::from_ref(key)), &*node) {
                *node = Node::Map(vec![(name.clone(), Node::Null)]);
            }
        }
    }

    /// Whether a key is in a section that protects, or is that section.
    pub fn is_protection<S: AsRef<str>>(&self, path: &[S]) -> bool {
        let starts_with = |section: &str| {
            let mut steps = path.iter();
            let mut known = section.split('.');
            known.all(|known| steps.next().is_some_and(|step| step.as_ref() == known))
        };
        let sections = self.conventions.protection.sections;
        sections.split(' ').any(starts_with)
    }

    /// The name of the variable that sets a key.
    pub fn variable(&self, path: &[impl AsRef<str>]) -> String {
        let steps: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        let prefix = self.conventions.variable_prefix;
        format!("{prefix}{}", steps.join("_").to_uppercase())
    }
}

impl SchemaNode {
    /// The node of a key or index below this one.
    pub fn child(&self, step: &str) -> Option<&SchemaNode> {
        let pattern = if is_index(step) { INDEX } else { ANY };
        let exact = self.children.get(step).filter(|_| !is_pattern(step));
        exact
            .or_else(|| self.children.get(pattern))
            .or_else(|| self.children.get(ANY))
    }

    /// The node at a path of keys and indices.
    pub fn at(&self, path: &[impl AsRef<str>]) -> Option<&SchemaNode> {
        path.iter()
            .try_fold(self, |node, step| node.child(step.as_ref()))
    }

    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        self.children.contains_key(INDEX)
    }

    /// Whether nothing is known of what is below.
    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// The names of the keys below.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let names = self.children.keys().copied();
        names.filter(|name| !is_pattern(name))
    }

    /// The paths of this and of all below it that have one fixed name.
    pub fn paths(&self) -> Vec<KeyPath> {
        let below = self.children.iter().filter(|(step, _)| !is_pattern(step));
        let below = below.flat_map(|(step, child)| {
            let paths = child.paths().into_iter();
            paths.map(move |path| once(*step).chain(path.iter().map(String::as_str)).collect())
        });
        below.chain([KeyPath::default()]).collect()
    }

    fn insert_group(&mut self, group: &'static Group) {
        let section = self.insert(group.section.split('.'));
        if group.is_whole {
            section.group = Some(group);
            section.kind = group.keys.is_empty().then_some(Kind::Any);
        }
        for key in group.keys.split_whitespace() {
            let node = section.insert(key.split('.'));
            node.kind = Some(Kind::Any);
            if !group.is_whole {
                node.group = Some(group);
            }
        }
    }

    fn insert(&mut self, path: impl IntoIterator<Item = &'static str>) -> &mut SchemaNode {
        let path = path.into_iter();
        path.fold(self, |node, step| node.children.entry(step).or_default())
    }
}

/// Whether a step stands for any key or index.
pub fn is_pattern(step: &str) -> bool {
    step == INDEX || step == ANY
}

/// Whether a step is an index of a list.
pub fn is_index(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit())
}
