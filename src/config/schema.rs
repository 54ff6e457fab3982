//! What is known of each key: one tree of entries, built from the tables
//! of `keys.rs` and `unsupported.rs`.

use super::{keys, unsupported};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

/// The step that stands for any index of a list.
pub const INDEX: &str = "#";
/// The step that stands for any key of a mapping.
pub const ANY: &str = "*";

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// True or false, in any of YAML 1.1's words.
    Boolean,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number of bytes within bounds; `KiB`, `MiB` and `GiB` may follow it.
    Bytes(u64, u64),
    /// A duration in Go's form within bounds.
    Duration(Duration, Duration),
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A list of texts; one text stands for a list of one.
    Texts,
    /// A mapping whose keys the user chooses.
    Map,
    /// Not looked into.
    Any,
}

/// What the program does with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does what it says.
    Honoured,
    /// It has no effect here, and none is missed, for this reason.
    Needless(&'static str),
    /// It is not supported; something asked for will not happen: this.
    Unsupported(&'static str),
    /// It is not supported, and starting without it would be unsafe or wrong, for this reason.
    Refused(&'static str),
}

/// One key that is honoured.
#[derive(Debug)]
pub struct Key {
    /// Dotted.
    pub path: &'static str,
    /// What its value must be.
    pub kind: Kind,
}

/// Keys that are not honoured, all for the same reason.
#[derive(Debug)]
pub struct Group {
    /// The path above them all.
    pub above: &'static str,
    /// What happens instead.
    pub status: Status,
    /// Dotted paths below `above`; none when the group is `above` alone.
    pub names: &'static [&'static str],
}

/// A node of the schema.
#[derive(Debug, Default)]
pub struct Entry {
    /// What the value must be; `None` for a section.
    pub kind: Option<Kind>,
    /// What is done with it; `None` for a section whose keys differ.
    pub status: Option<Status>,
    /// The keys below, with [`INDEX`] and [`ANY`].
    pub children: BTreeMap<&'static str, Entry>,
}

static ROOT: LazyLock<Entry> = LazyLock::new(|| {
    let mut root = Entry::default();
    for key in keys::HONOURED {
        let entry = root.insert(key.path);
        entry.kind = Some(key.kind);
        entry.status = Some(Status::Honoured);
        if key.kind == Kind::Texts {
            entry.insert(INDEX).kind = Some(Kind::Text);
        }
        if key.kind == Kind::Map {
            entry.insert(ANY).kind = Some(Kind::Any);
        }
    }
    for group in unsupported::OTHERS {
        let section = root.insert(group.above);
        if group.names.is_empty() {
            section.kind = Some(Kind::Any);
            section.status = Some(group.status);
            continue;
        }
        for name in group.names {
            section.insert(name).kind = Some(Kind::Any);
        }
        if group.names.first() == Some(&"") {
            section.status = Some(group.status);
        } else {
            for name in group.names {
                section.insert(name).status = Some(group.status);
            }
        }
    }
    root
});

impl Entry {
    /// The whole schema.
    pub fn root() -> &'static Entry {
        &ROOT
    }

    /// The entry of a key or index below this one.
    pub fn child(&self, step: &str) -> Option<&Entry> {
        let index = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        let pattern = if index { INDEX } else { ANY };
        let exact = self
            .children
            .get(step)
            .filter(|_| step != INDEX && step != ANY);
        exact
            .or_else(|| self.children.get(pattern))
            .or_else(|| self.children.get(ANY))
    }

    /// The entry at a path of keys and indices.
    pub fn at<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> Option<&Entry> {
        path.into_iter()
            .try_fold(self, |entry, step| entry.child(step))
    }

    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        self.children.contains_key(INDEX)
    }

    /// Whether nothing is known of what is below.
    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    fn insert(&mut self, path: &'static str) -> &mut Entry {
        let steps = path.split('.').filter(|step| !step.is_empty());
        steps.fold(self, |entry, step| entry.children.entry(step).or_default())
    }
}

impl Kind {
    /// What is allowed, for a message.
    pub fn allowed(self) -> String {
        match self {
            Kind::Text => "a text".to_owned(),
            Kind::Boolean => "true or false".to_owned(),
            Kind::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Kind::Bytes(least, most) => {
                format!("a number of bytes from {least} to {most}, such as 65536 or 64KiB")
            }
            Kind::Duration(least, most) => format!(
                "a duration from {} to {}, such as 90s, 1m30s or 168h",
                super::duration::format(least),
                super::duration::format(most)
            ),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Texts => "a list of texts".to_owned(),
            Kind::Map => "a mapping".to_owned(),
            Kind::Any => "anything".to_owned(),
        }
    }
}
