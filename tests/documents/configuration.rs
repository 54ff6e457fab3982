//! The tables of docs/configuration.md, made from the declarations. A comment above a table says which keys are in
//! it: `<!-- keys: log loglevel -->`, or `<!-- unsupported: Refused -->`.

use registry::config::declared::{GROUPS, Kind, SCHEMA, SettingKey, Support, Trait};
use registry::config::{Config, ConfigSource, format_duration};
use serde_yaml::{Mapping, Value as Yaml};
use std::time::Duration;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
/// With this variable set, the test writes the page.
const WRITE: &str = "REGISTRY_WRITE_DOCS";

#[test]
fn the_tables_of_the_page_are_those_of_the_declarations() {
    let page = std::fs::read_to_string(PAGE).unwrap().replace("\r\n", "\n");
    let mut documented = Vec::new();
    let mut made = String::new();
    let mut is_old_table = false;
    for line in page.lines() {
        is_old_table &= line.starts_with('|');
        if is_old_table {
            continue;
        }
        made.push_str(line);
        made.push('\n');
        let comment = |kind: &str| {
            let rest = line.strip_prefix("<!-- ")?.strip_prefix(kind)?;
            rest.strip_suffix(" -->")
        };
        if let Some(sections) = comment("keys: ") {
            made.push_str(&keys(sections, &mut documented));
            is_old_table = true;
        } else if let Some(support) = comment("unsupported: ") {
            made.push_str(&unsupported(support));
            is_old_table = true;
        }
    }
    let all: Vec<String> = SCHEMA
        .keys
        .iter()
        .filter(|key| !key.doc.is_empty())
        .map(|key| key.path.join("."))
        .collect();
    documented.sort_unstable();
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(documented, sorted, "every key has one table");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(PAGE, &made).unwrap();
    } else {
        let first = made.lines().zip(page.lines()).find(|(new, old)| new != old);
        assert!(made == page, "run this with {WRITE}=1: {first:#?}");
    }
}

/// The keys whose paths start with one of these, and are in no table yet.
fn keys(sections: &str, documented: &mut Vec<String>) -> String {
    let text = "version: 0.1\nstorage: filesystem\n".to_owned();
    let name = "defaults".to_owned();
    let config = Config::load(ConfigSource::Text { name, text }, [])
        .unwrap()
        .0;
    let effective: Mapping = serde_yaml::from_str(&config.render()).unwrap();
    let is_in = |path: &str| {
        let mut sections = sections.split(' ');
        sections.any(|section| path == section || path.starts_with(&format!("{section}.")))
    };
    let keys = SCHEMA
        .keys
        .iter()
        .copied()
        .filter(|key| !key.doc.is_empty());
    let keys: Vec<&SettingKey> = keys.filter(|key| is_in(&key.path.join("."))).collect();
    let is_own = |key: &&SettingKey| key.has(|found| matches!(found, Trait::Own));
    let any_other = !keys.iter().all(is_own);
    let mut table = "| key | variable | default | meaning |\n|---|---|---|---|\n".to_owned();
    for key in keys {
        let path = key.path.join(".");
        let variable = SCHEMA.variable(key.path);
        let default = default(key, &effective);
        let own = match any_other && is_own(&key) {
            true => "; this registry's own",
            false => "",
        };
        let meaning = meaning(key);
        table += &format!("| `{path}` | `{variable}` | {default} | {meaning}{own} |\n");
        documented.push(path);
    }
    table
}

fn default(key: &SettingKey, effective: &Mapping) -> String {
    let in_words = key.find(|found| match found {
        Trait::Default(words) => Some(*words),
        _ => None,
    });
    let mut steps = key.path.iter();
    let first = steps.next().and_then(|step| effective.get(*step));
    let value = steps.fold(first, |value, step| value?.get(*step));
    match (in_words, value) {
        (Some(words), _) => words.to_owned(),
        (None, Some(Yaml::String(text))) => format!("`{}`", text.replace('\\', "/")),
        (None, Some(Yaml::Number(number))) => format!("`{number}`"),
        (None, Some(Yaml::Bool(value))) => format!("`{value}`"),
        (None, _) if key.kind == Kind::Boolean => "`false`".to_owned(),
        (None, _) if !key.default.is_empty() => format!("`{}`", key.default),
        (None, _) => "none".to_owned(),
    }
}

fn meaning(key: &SettingKey) -> String {
    let mut text = key.doc.trim().to_owned();
    let bytes = |count: i64| match count {
        count if count > 0 && count % (1 << 30) == 0 => format!("{}GiB", count >> 30),
        count if count > 0 && count % (1 << 20) == 0 => format!("{}MiB", count >> 20),
        count if count > 0 && count % (1 << 10) == 0 => format!("{}KiB", count >> 10),
        count => count.to_string(),
    };
    let (min, max) = match key.kind {
        Kind::Integer(min, max) => (min.max(0).to_string(), max.to_string()),
        Kind::Bytes(min, max) => (bytes(min), bytes(max)),
        Kind::Duration(min, max) => {
            let year = Duration::from_secs(365 * 24 * 3600);
            let max = match max {
                max if max > year => format!("{} years", max.as_secs() / year.as_secs()),
                max => format_duration(max),
            };
            (format_duration(min), max)
        }
        _ => (String::new(), String::new()),
    };
    match min.as_str() {
        "" => {}
        "0" | "0s" => text += &format!("; up to {max}"),
        min => text += &format!("; {min} to {max}"),
    }
    if key.required().is_some() {
        text += "; must be set";
    }
    text
}

/// The keys with that kind of support; those with the same reason in one row.
fn unsupported(kind: &str) -> String {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for group in GROUPS {
        let (name, why) = match group.support {
            Support::Needless(why) => ("Needless", why),
            Support::Unsupported(what) => ("Unsupported", what),
            Support::Refused(why) => ("Refused", why),
        };
        let below = group
            .keys
            .split(' ')
            .map(|key| format!("`{}.{key}`", group.section));
        let keys: Vec<String> = match group.is_whole {
            true => vec![format!("`{}`", group.section)],
            false => below.collect(),
        };
        match rows.iter_mut().find(|(known, _)| *known == why) {
            _ if name != kind => {}
            Some((_, known)) => known.extend(keys),
            None => rows.push((why, keys)),
        }
    }
    let mut table = "| key | why |\n|---|---|\n".to_owned();
    if kind == "Unsupported" {
        table = "| key | what that means |\n|---|---|\n".to_owned();
    }
    for (why, keys) in rows {
        table += &format!("| {} | {why} |\n", keys.join(", "));
    }
    table
}
