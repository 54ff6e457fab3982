//! Configurations as people have them, in their smallest form (`tests/data/configurations`): what is done with
//! each. The lines of a file's head say what must be told of it, and all that may be.
//!
//! ```text
//! # What it is.
//! # warning KEY, # note KEY
//! # refused KEY: a part of the message
//! ```

use super::*;
use std::collections::BTreeSet;

/// A file whose keys have these reports.
struct Real {
    name: String,
    text: String,
    notices: BTreeSet<String>,
    errors: Vec<(String, String)>,
}

fn all() -> Vec<Real> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/configurations");
    let files = std::fs::read_dir(directory).unwrap();
    files.map(|file| real(&file.unwrap().path())).collect()
}

fn real(path: &Path) -> Real {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut notices, mut errors) = (BTreeSet::new(), Vec::new());
    let head = text.lines().map_while(|line| line.strip_prefix("# "));
    for line in head.skip(1) {
        match line.split_once(' ').unwrap() {
            ("warning" | "note", _) => assert!(notices.insert(line.to_owned())),
            ("refused", rest) => {
                let (key, part) = rest.split_once(": ").unwrap();
                errors.push((key.to_owned(), part.to_owned()));
            }
            _ => panic!("{}: {line}", path.display()),
        }
    }
    Real {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        text,
        notices,
        errors,
    }
}

#[test]
fn each_is_taken_or_refused_for_what_it_is() {
    let all = all();
    assert!(all.len() >= 20, "{}", all.len());
    for real in all {
        match load(&real.text, &[]) {
            Ok((_, found)) => {
                let severity = |notice: &Notice| match notice.severity {
                    Severity::Warning => "warning",
                    Severity::Note => "note",
                };
                let line = |notice: &Notice| format!("{} {}", severity(notice), notice.key);
                let found: BTreeSet<String> = found.iter().map(line).collect();
                assert!(real.errors.is_empty(), "{} was taken", real.name);
                assert_eq!(found, real.notices, "{}", real.name);
            }
            Err(found) => {
                assert_eq!(found.len(), real.errors.len(), "{} {found:#?}", real.name);
                for (key, part) in &real.errors {
                    let is_it = |said: &&String| {
                        said.contains(part)
                            && (key.is_empty() || said.contains(&format!(" {key}: ")))
                    };
                    assert!(
                        found.iter().any(|said| is_it(&said)),
                        "{}: {key}: {part}\n{found:#?}",
                        real.name
                    );
                }
            }
        }
    }
}

/// What is taken means the same after it was printed by `check-config`.
#[test]
fn what_is_taken_is_printed_so_that_it_means_the_same() {
    for real in all().iter().filter(|real| real.errors.is_empty()) {
        let printed = load(&real.text, &[]).unwrap().0.render();
        let again = load(&printed, &[]).unwrap().0.render();
        assert_eq!(again, printed, "{}", real.name);
    }
}
