//! All that is declared, as one tree to walk along a configuration or the name of a variable.

use super::declare::{ANY, Group, INDEX, Kind};
use super::keys::KEYS;
use super::unsupported::GROUPS;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A key, a section, or what stands for any key or index.
#[derive(Default)]
pub struct SchemaNode {
    /// What the value must be; `None` for a section.
    pub kind: Option<Kind>,
    /// What happens to it, where it is not supported.
    pub group: Option<&'static Group>,
    /// The keys below, with [`INDEX`] and [`ANY`].
    pub children: BTreeMap<&'static str, SchemaNode>,
}

/// The sections that close the registry to some or all. A name that is nearly one of these is not
/// ignored with a warning: what was meant to be closed would be open.
const GUARDS: [&[&str]; 5] = [
    &["access"],
    &["auth"],
    &["http", "tls"],
    &["http", "trustedproxies"],
    &["proxy"],
];
/// The children of `storage` that are not drivers.
pub const STORAGE_SETTINGS: [&str; 5] = ["maintenance", "cache", "delete", "redirect", "tag"];
/// What the name of every variable starts with.
pub const VARIABLE_PREFIX: &str = "REGISTRY_";

static ROOT: LazyLock<SchemaNode> = LazyLock::new(|| {
    let mut root = SchemaNode::default();
    for key in KEYS {
        let node = root.insert(key.path.iter().copied());
        node.kind = Some(key.kind);
        if key.kind == Kind::Texts {
            node.insert([INDEX]).kind = Some(Kind::Text);
        }
    }
    for group in GROUPS {
        let section = root.insert(group.section.split('.'));
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
    root
});

impl SchemaNode {
    /// Everything.
    pub fn root() -> &'static SchemaNode {
        &ROOT
    }

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

/// Whether a key is in a section without which something that was meant to be closed is open, or is
/// that section.
pub fn is_guarded<S: AsRef<str>>(path: &[S]) -> bool {
    let starts_with = |guard: &&[&str]| {
        let steps = path.iter().map(AsRef::as_ref);
        path.len() >= guard.len() && steps.zip(guard.iter()).all(|(step, known)| step == *known)
    };
    GUARDS.iter().any(starts_with)
}

/// The name of the variable that sets a key.
pub fn variable(path: &[impl AsRef<str>]) -> String {
    let steps: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    format!("{VARIABLE_PREFIX}{}", steps.join("_").to_uppercase())
}
