//! The tables of `docs/` that are written from the source say what the source says. With `REGISTRY_WRITE_DOCS=1` they are
//! written again.

// Only then the declarations are visible from outside, with what they say for the documentation.
#[cfg(debug_assertions)]
mod configuration;

use std::fs;
use std::path::{Path, PathBuf};

/// Where a table begins and ends in its page.
const BEGIN: &str = "<!-- from the source: begin -->\n";
const END: &str = "<!-- from the source: end -->\n";

/// A constant of the source that limits something.
struct Limit {
    file: String,
    name: String,
    value: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap().to_str().unwrap();
        match path.is_dir() {
            true if name != "tests" && name != "contract" => files(&path, found),
            false if name != "tests" && name != "contract" => found.push(path),
            _ => {}
        }
    }
}

/// The limits of a file, in its order. A limit is a constant whose name ends so.
fn limits(path: &Path) -> Vec<Limit> {
    let whole = fs::read_to_string(path).unwrap();
    let code = whole.split("#[cfg(test)]\nmod tests {").next().unwrap();
    // A long value is on a line of its own.
    let code = code.replace(" =\n    ", " = ");
    let mut limits = Vec::new();
    let mut comment = String::new();
    for line in code.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment += text;
            continue;
        }
        let text = std::mem::take(&mut comment).trim().to_owned();
        let Some((_, constant)) = line.split_once("const ") else {
            continue;
        };
        let Some((name, rest)) = constant.split_once(": ") else {
            continue;
        };
        if !["_MAX", "_CEILING"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let (_, value) = rest.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
        assert!(!text.is_empty(), "{}: {name} says nothing", path.display());
        limits.push(Limit {
            file: path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/"),
            name: name.to_owned(),
            value: shown(value.trim_end_matches(';'), name),
            text,
        });
    }
    limits
}

/// A value as people read it.
fn shown(value: &str, name: &str) -> String {
    if let Some(number) = value.strip_prefix("Duration::from_secs(") {
        return format!("{} s", number.trim_end_matches(')'));
    }
    if let Some(number) = value.strip_prefix("Duration::from_millis(") {
        return format!("{} ms", number.trim_end_matches(')'));
    }
    let factors = value
        .split(" * ")
        .map(|factor| factor.replace('_', "").parse::<u64>());
    let Ok(number) = factors.product::<Result<u64, _>>() else {
        return format!("`{value}`");
    };
    let unit = if name.contains("BYTES") { "bytes" } else { "" };
    let shown = match number {
        number if unit.is_empty() => number.to_string(),
        number if number >= 1024 * 1024 && number % (1024 * 1024) == 0 => {
            format!("{} MiB", number / (1024 * 1024))
        }
        number if number >= 1024 && number % 1024 == 0 => format!("{} KiB", number / 1024),
        number => format!("{number} bytes"),
    };
    shown.trim().to_owned()
}

/// The page with this table in it.
fn with_table(page: &str, table: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    format!("{before}{BEGIN}{table}{END}{after}")
}

#[test]
fn the_page_of_limits_has_every_fixed_limit_of_the_source() {
    let mut paths = Vec::new();
    files(&root().join("src"), &mut paths);
    let limits: Vec<Limit> = paths.iter().flat_map(|path| limits(path)).collect();
    assert!(limits.len() > 30, "{} limits", limits.len());
    let mut table = "\n| limit | value | in the source |\n|---|---|---|\n".to_owned();
    for Limit {
        file,
        name,
        value,
        text,
    } in &limits
    {
        let text = text.trim_end_matches('.').replace('|', "\\|");
        table += &format!("| {text} | {value} | `{file}`, `{name}` |\n");
    }
    table += "\n";
    let path = root().join("docs/limits.md");
    let page = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let expected = with_table(&page, &table);
    if std::env::var_os("REGISTRY_WRITE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        page == expected || std::env::var_os("REGISTRY_WRITE_DOCS").is_some(),
        "docs/limits.md is not what the source says: REGISTRY_WRITE_DOCS=1 cargo test --test integration documents"
    );
}
