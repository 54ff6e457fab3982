//! The lists of rules below `storage.maintenance`: immutable tags, retention and quotas. Distribution ignores them.

use super::access::require_some;
use super::draft::Draft;
use super::keys::QUOTA_BYTES;
use crate::policy::{ImmutableRule, Keep, QuotaRule, RetentionRule};
use crate::settings::layers::Layers;
use crate::settings::report::Severity;
use crate::settings::value::{Invalid, Value};
use crate::yaml::{KeyPath, Node};
use std::str::FromStr;

const REPOSITORIES: &str = "at least one pattern of repositories, such as team/** or **";

/// Reads the lists of rules.
pub fn read(layers: &mut Layers, draft: &mut Draft) {
    let maintenance = KeyPath::from(["storage", "maintenance"]);
    draft.config.storage.immutable = rules(layers, &maintenance.join("immutable"), immutable);
    let quotas = maintenance.join("quota").join("rules");
    draft.config.storage.quota.rules = rules(layers, &quotas, quota_rule);
    let retention = maintenance.join("retention");
    let path = retention.join("rules");
    let rules = rules(layers, &path, retention_rule);
    let enabled = draft.config.storage.retention.enabled;
    let is_absent = layers.value(&path).is_none_or(is_empty);
    if enabled && is_absent {
        let allowed = "a list of at least one rule with repositories and keep";
        layers.missing(&path, allowed);
    }
    if !enabled && !rules.is_empty() {
        let message = "has no effect without storage.maintenance.retention.enabled: true";
        layers.notice(Severity::Warning, &path, message);
    }
    draft.config.storage.retention.rules = rules;
}

/// The rules of a list, each read by `read`.
fn rules<T>(layers: &mut Layers, path: &KeyPath, read: fn(&mut Layers, &KeyPath) -> T) -> Vec<T> {
    let count = match layers.value(path) {
        None => return Vec::new(),
        Some(Node::List(items)) => items.len(),
        Some(Node::Map(_)) => {
            layers.wrong(path, "a list of rules");
            return Vec::new();
        }
        // That it is no list has been reported with its name.
        Some(_) => return Vec::new(),
    };
    let paths = (0..count).map(|index| path.join(index));
    paths.map(|path| read(layers, &path)).collect()
}

fn immutable(layers: &mut Layers, path: &KeyPath) -> ImmutableRule {
    let tags = path.join("tags");
    require_some(
        layers,
        &tags,
        "at least one pattern of tags, such as v* or *",
    );
    ImmutableRule {
        repositories: repositories(layers, path),
        tags: patterns(layers, &tags),
    }
}

fn retention_rule(layers: &mut Layers, path: &KeyPath) -> RetentionRule {
    let repositories = repositories(layers, path);
    let path = path.join("keep");
    let keep = Keep {
        last: match scalar(layers, &path.join("last")) {
            Some(Value::Integer(last)) => usize::try_from(last).ok(),
            _ => None,
        },
        tags: patterns(layers, &path.join("tags")),
        younger_than: match scalar(layers, &path.join("youngerthan")) {
            Some(Value::Duration(age)) => Some(age),
            _ => None,
        },
    };
    // What is wrong has been reported. A rule that keeps nothing would delete everything.
    let is_set = |key: &str| {
        layers
            .value(&path.join(key))
            .is_some_and(|node| !is_empty(node))
    };
    if !["last", "tags", "youngerthan"].into_iter().any(is_set) {
        let allowed = "at least one of last, tags and youngerthan: a rule that keeps nothing would delete every tag";
        layers.missing(&path, allowed);
    }
    RetentionRule { repositories, keep }
}

fn quota_rule(layers: &mut Layers, path: &KeyPath) -> QuotaRule {
    let repositories = repositories(layers, path);
    let path = path.join("bytes");
    if layers.value(&path).is_none() {
        layers.missing(&path, QUOTA_BYTES);
    }
    let bytes_max = match scalar(layers, &path) {
        Some(Value::Integer(bytes)) => u64::try_from(bytes).unwrap_or_default(),
        _ => 0,
    };
    QuotaRule {
        repositories,
        bytes_max,
    }
}

fn is_empty(node: &Node) -> bool {
    matches!(node, Node::List(items) if items.is_empty())
}

fn repositories<T: FromStr<Err = &'static str>>(layers: &mut Layers, rule: &KeyPath) -> Vec<T> {
    let path = rule.join("repositories");
    require_some(layers, &path, REPOSITORIES);
    patterns(layers, &path)
}

fn patterns<T: FromStr<Err = &'static str>>(layers: &mut Layers, path: &KeyPath) -> Vec<T> {
    let mut patterns = Vec::new();
    layers.each_text(path, &mut |text| {
        patterns.push(text.parse().map_err(Invalid::from)?);
        Ok(())
    });
    patterns
}

/// The value of a key in an element of a list, by its declaration.
fn scalar(layers: &mut Layers, path: &KeyPath) -> Option<Value> {
    let key = layers.schema.root.at(path).and_then(|node| node.key)?;
    layers.scalar(path, key)
}
