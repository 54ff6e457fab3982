//! Declared keys, read into their fields and shown again.

use super::declare::{Declaration, Kind, SettingKey, Trait};
use super::layers::Layers;
use super::report::Severity;
use super::setting::Setting;
use super::value::{Invalid, Value};
use super::values;
use crate::yaml::{KeyPath, Node};
use serde_yaml::{Mapping, Value as Yaml};

/// Reads every key that is set into its field, and the defaults of the others. Errors are left in `layers`; what they
/// concern has its default.
pub fn read<T>(layers: &mut Layers, keys: &[Declaration<T>], target: &mut T) {
    for Declaration { key, field } in keys {
        if let Some(field) = field(target) {
            set_default(layers, key, field);
        }
    }
    for Declaration { key, field } in keys {
        if let Some(field) = field(target) {
            read_one(layers, key, field);
        }
    }
}

/// Every key with its value, as nested mappings.
pub fn show<T>(keys: &[Declaration<T>], target: &mut T) -> Mapping {
    let mut root = Mapping::new();
    for Declaration { key, field } in keys {
        let field = field(target).filter(|_| key.deprecated().is_none());
        let value = field.and_then(|field| field.get());
        if let (Some(value), Some((last, sections))) = (value, key.path.split_last()) {
            let section = sections.iter().try_fold(&mut root, |section, step| {
                let below = section.entry((*step).into());
                below
                    .or_insert(Yaml::Mapping(Mapping::new()))
                    .as_mapping_mut()
            });
            section.map(|section| section.insert((*last).into(), value));
        }
    }
    root
}

fn set_default(layers: &mut Layers, key: &SettingKey, field: &mut dyn Setting) {
    let value = values::read(key, &Node::Text(key.default.to_owned()));
    if let Some(value) = value.filter(|_| !key.default.is_empty())
        && let Err(why) = field.set(value)
    {
        layers.invalid(&key.path.iter().collect(), why);
    }
}

/// Reads the value of one key into its field.
fn read_one(layers: &mut Layers, key: &SettingKey, field: &mut dyn Setting) {
    let path: KeyPath = key.path.iter().collect();
    match key.kind {
        Kind::Map | Kind::List | Kind::Any => return,
        Kind::Texts if layers.value(&path).is_none() => return,
        Kind::Texts => {
            field.clear();
            let take = &mut |text: &str| field.set(Value::Text(key.parse(text)?));
            layers.each_text(&path, take);
        }
        _ => match layers.scalar(&path, key) {
            Some(value) => {
                if let Err(why) = set(layers, &path, key, value, field) {
                    layers.invalid(&path, why);
                }
            }
            None => {
                let is_absent = layers.value(&path).is_none_or(Node::is_unset);
                if let Some(allowed) = key.required().filter(|_| is_absent) {
                    layers.missing(&path, allowed);
                }
                return;
            }
        },
    }
    if let Some(message) = key.deprecated() {
        layers.notice(Severity::Note, &path, message);
    }
}

/// Sets a scalar, or what it stands for.
fn set(
    layers: &mut Layers,
    path: &KeyPath,
    key: &SettingKey,
    value: Value,
    field: &mut dyn Setting,
) -> Result<(), Invalid> {
    let min = key.find(|found| match found {
        Trait::RaisedTo(min) => Some(*min),
        _ => None,
    });
    field.set(match (value, min) {
        (Value::Text(text), _) => Value::Text(key.parse(&text)?),
        (Value::Integer(..=0), _) if key.has(|found| matches!(found, Trait::ZeroMeansDefault)) => {
            return Ok(());
        }
        (Value::Integer(few), Some(min)) if few < min => {
            let message = format!("{few} is below the minimum; using {min}");
            layers.notice(Severity::Note, path, message);
            Value::Integer(min)
        }
        (value, _) => value,
    })
}
