//! `ARCHITECTURE.md` says which room of `src/` may use which, and that is what the imports say; inside a room no files
//! import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module path below the crate: `["http", "transport", "tls"]`.
type Module = Vec<String>;

/// A source file, without its tests and comments.
struct Source {
    path: PathBuf,
    module: Module,
    text: String,
}

/// Every file of `src/` that is not only for tests.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root().join("src"), &mut sources);
    assert!(sources.len() > 50, "{} files", sources.len());
    sources
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(directory: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "tests" {
                collect(&path, sources);
            }
            continue;
        }
        if name == "tests" || path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let whole = fs::read_to_string(&path).unwrap();
        let code = whole.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code = code
            .split("#[cfg(test)]\npub(crate) mod tests {")
            .next()
            .unwrap();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let text = code.lines().filter(is_code).collect::<Vec<_>>().join("\n");
        sources.push(Source {
            module: module(&path),
            path,
            text,
        });
    }
}

/// `src/http/mod.rs` and `src/http.rs` are `http`; `src/main.rs` is `main`, `src/lib.rs` the crate itself.
fn module(path: &Path) -> Module {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let mut words: Module = below
        .with_extension("")
        .iter()
        .map(|word| word.to_str().unwrap().to_owned())
        .collect();
    if words
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        words.pop();
    }
    words
}

/// The paths that a file names, from the crate's root on: those of its `use` statements, whole, and every other
/// `crate::` path.
fn paths(source: &Source) -> Vec<Module> {
    let mut found = Vec::new();
    let mut rest = source.text.as_str();
    while let Some(at) = rest.find("use ") {
        let (before, after) = rest.split_at(at);
        rest = &after["use ".len()..];
        let line = before.rsplit('\n').next().unwrap().trim();
        if line.is_empty() || line.starts_with("pub") {
            let statement = rest.split(';').next().unwrap();
            expand(
                "",
                &statement.split_whitespace().collect::<String>(),
                &mut found,
            );
        }
    }
    for (at, _) in source.text.match_indices("crate::") {
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let path = source.text[at..].split(|c| !is_path(c)).next().unwrap();
        found.push(path.trim_end_matches(':').to_owned());
    }
    let absolute = |path: &String| {
        let mut words: Module = path.split("::").map(str::to_owned).collect();
        let mut base = source.module.clone();
        match words[0].as_str() {
            "crate" | "registry" => base.clear(),
            "self" => {}
            "super" => {
                while words.first().is_some_and(|word| word == "super") {
                    base.pop();
                    words.remove(0);
                }
                return Some([base, words].concat());
            }
            // A path may start with a child, or with another crate.
            _ => return Some([base, words].concat()),
        }
        words.remove(0);
        Some([base, words].concat())
    };
    found.iter().filter_map(absolute).collect()
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        found.push(format!("{prefix}{tree}"));
        return;
    };
    let (head, group) = tree.split_at(open);
    let group = &group[1..group.rfind('}').unwrap()];
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = &group[start..at];
                if !part.is_empty() {
                    expand(&format!("{prefix}{head}"), part, found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// What the table says of a room.
struct Room {
    /// The rooms that it may use, and itself.
    may_use: BTreeSet<String>,
    /// Whether that is said room by room, and not "everything below".
    is_listed: bool,
}

/// The table of rooms.
fn table() -> BTreeMap<String, Room> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| room |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let names = |cell: &str| -> Vec<String> {
        let mut depth = 0;
        let outside = |c: &char| {
            depth += i32::from(*c == '(');
            let is_outside = depth == 0;
            depth -= i32::from(*c == ')');
            is_outside
        };
        let plain: String = cell.chars().filter(outside).collect();
        let name = |word: &str| {
            let word = word.trim().trim_matches('`');
            word.trim_end_matches('/')
                .trim_end_matches(".rs")
                .to_owned()
        };
        plain.split(',').map(name).collect()
    };
    let rooms: Vec<Vec<String>> = rows.iter().map(|row| names(row[0])).collect();
    let mut table = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row.len(), 3, "{row:?}");
        let below: BTreeSet<String> = rooms[index + 1..].iter().flatten().cloned().collect();
        let may: BTreeSet<String> = match row[2] {
            "everything below" => below,
            "nothing" => BTreeSet::new(),
            cell => {
                let may: BTreeSet<String> = names(cell).into_iter().collect();
                let up: Vec<_> = may.difference(&below).collect();
                assert!(up.is_empty(), "{:?}: {up:?} stand above it", rooms[index]);
                may
            }
        };
        let with_own: BTreeSet<String> = may.into_iter().chain(rooms[index].clone()).collect();
        for room in &rooms[index] {
            let may_use = with_own.clone();
            let is_listed = row[2] != "everything below";
            table.insert(room.clone(), Room { may_use, is_listed });
        }
    }
    assert!(table.len() > 10, "{} rooms", table.len());
    table
}

#[test]
fn every_room_uses_what_architecture_says_and_nothing_else() {
    let table = table();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    for source in sources() {
        let Some(room) = source.module.first() else {
            continue;
        };
        let may = table
            .get(room)
            .unwrap_or_else(|| panic!("the table of ARCHITECTURE.md has no room {room}"));
        for path in paths(&source) {
            let Some(other) = path.first().filter(|other| table.contains_key(*other)) else {
                continue;
            };
            used.entry(room.clone()).or_default().insert(other.clone());
            if !may.may_use.contains(other) {
                let path = source.path.strip_prefix(root()).unwrap().display();
                wrong.insert(format!("{path} uses {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // A room that is allowed and not used is an arrow that is not there.
    for (name, room) in table.iter().filter(|(_, room)| room.is_listed) {
        let used = used.get(name).cloned().unwrap_or_default();
        let unused: Vec<_> = room
            .may_use
            .difference(&used)
            .filter(|other| *other != name)
            .collect();
        assert!(unused.is_empty(), "{name} may use {unused:?} and does not");
    }
}

#[test]
fn no_files_of_a_room_import_each_other_in_a_circle() {
    let sources = sources();
    let modules: BTreeSet<&Module> = sources.iter().map(|source| &source.module).collect();
    let mut edges: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for source in &sources {
        for path in paths(source) {
            let longest = (1..=path.len()).rev().map(|end| path[..end].to_vec());
            let mut known = longest.filter_map(|prefix| modules.get(&prefix).copied());
            let Some(target) = known.next() else { continue };
            // The file of a directory says what its files have in common, and gathers them.
            let is_family = source.module.starts_with(target) || target.starts_with(&source.module);
            if !is_family {
                edges.entry(&source.module).or_default().insert(target);
            }
        }
    }
    assert!(edges.len() > 50, "{edges:?}");
    // Files without an arrow to, or from, a file that is left are taken away, until only circles and what lies between
    // two of them are left.
    loop {
        let before = edges.len();
        let sources: BTreeSet<&Module> = edges.keys().copied().collect();
        edges.retain(|_, targets| {
            targets.retain(|target| sources.contains(target));
            !targets.is_empty()
        });
        let targets: BTreeSet<&Module> = edges.values().flatten().copied().collect();
        edges.retain(|source, _| targets.contains(source));
        if edges.len() == before {
            break;
        }
    }
    let path = |module: &Module| module.join("::");
    let arrow = |(source, targets): (&&Module, &BTreeSet<&Module>)| {
        let targets: Vec<String> = targets.iter().map(|target| path(target)).collect();
        format!("{} uses {}", path(source), targets.join(", "))
    };
    let shown: Vec<String> = edges.iter().map(arrow).collect();
    assert!(edges.is_empty(), "{shown:#?}");
}

/// What changes a disk, or makes a change of it durable.
const DISK_CHANGES: [&str; 11] = [
    "fs::rename(",
    "fs::remove_",
    "fs::create_dir",
    "fs::write(",
    "fs::copy(",
    "fs::hard_link(",
    "File::create",
    ".set_len(",
    ".sync_all()",
    ".sync_data()",
    "sys::sync_directory",
];

#[test]
fn the_driver_changes_the_disk_in_one_place_where_it_is_recorded() {
    let (mut recorded, mut elsewhere) = (0, Vec::new());
    for source in sources() {
        let module: Vec<&str> = source.module.iter().map(String::as_str).collect();
        let ["driver", "filesystem", below @ ..] = module.as_slice() else {
            continue;
        };
        let found = DISK_CHANGES
            .iter()
            .filter(|one| source.text.contains(**one));
        match below.first() {
            Some(&"disk") => recorded += found.count(),
            _ => elsewhere.extend(found.map(|one| format!("{}: {one}", source.path.display()))),
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    assert!(recorded > 5);
}
