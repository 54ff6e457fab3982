//! The command line as people write it for distribution's images: `registry config.yml`, and
//! `registry serve config.yml` even as the command of a container whose entry point is the program already. Commands
//! that only distribution has are refused with an explanation.

/// A word that ends in one of these is the name of a configuration.
const CONFIGURATION_SUFFIXES: [&str; 2] = [".yml", ".yaml"];
/// The names of the program in the images, and of what starts it there.
const OWN_NAMES: [&str; 2] = ["registry", "entrypoint.sh"];

/// The words as the parser of the command line takes them; or why the command is not supported.
pub fn normalize<'a>(words: &[&'a str]) -> Result<Vec<&'a str>, &'static str> {
    let mut words = words.to_vec();
    if words.first().is_some_and(|word| is_own_name(word)) {
        words.remove(0);
    }
    let Some(first) = words.first().copied() else {
        return Ok(words);
    };
    if let Some((_, why)) = MISSING.iter().find(|(name, _)| *name == first) {
        return Err(why);
    }
    if is_configuration(first) {
        words.insert(0, "serve");
    }
    if first == "-v" {
        words = vec!["--version"];
    }
    let options = words.iter_mut().take_while(|word| **word != "--");
    options
        .filter(|word| **word == "-h")
        .for_each(|word| *word = "--help");
    if words.first() == Some(&"garbage-collect") {
        let end = words.iter().position(|word| *word == "--");
        let names = words.split_off(end.unwrap_or(words.len()));
        words = words.into_iter().flat_map(switches).chain(names).collect();
    }
    Ok(words)
}

/// The switches that distribution has as well, each with its short form.
const SWITCHES: [(&str, &str); 3] = [
    ("--dry-run", "-d"),
    ("--delete-untagged", "-m"),
    ("--quiet", "-q"),
];

/// A switch as distribution reads it: `--dry-run=true`, `-d=false`, and `-dm` for two of them.
fn switches(word: &str) -> Vec<&str> {
    let short = |letter: char| {
        let is_it = |(_, short): &&(_, &str)| short.ends_with(letter);
        SWITCHES.iter().find(is_it).map(|(long, _)| *long)
    };
    let (name, value) = word.split_once('=').unwrap_or((word, "true"));
    let named: Option<Vec<&str>> = match name.strip_prefix('-') {
        Some(letters) if !letters.is_empty() => letters.chars().map(short).collect(),
        _ => None,
    };
    let long = SWITCHES.iter().find(|(long, _)| *long == name);
    let Some(mut named) = named.or(long.map(|(long, _)| vec![*long])) else {
        return vec![word];
    };
    // A value belongs to the last of them.
    match value {
        "true" | "TRUE" | "True" | "t" | "T" | "1" => {}
        "false" | "FALSE" | "False" | "f" | "F" | "0" => drop(named.pop()),
        _ => return vec![word],
    }
    named
}

/// What distribution has and this program does not.
const MISSING: [(&str, &str); 1] = [(
    "completion",
    "completion is not supported: there are no shell completions",
)];

/// Whether a word is the program's own name, by itself or in a directory of programs.
pub fn is_own_name(word: &str) -> bool {
    let (directory, name) = word.rsplit_once('/').unwrap_or(("", word));
    let is_program = directory.ends_with("bin") || directory.is_empty();
    OWN_NAMES.contains(&name) && is_program
}

/// Whether a word cannot be a command: a path, or a name with the suffix of a configuration.
fn is_configuration(word: &str) -> bool {
    let ends_with = |suffix: &str| word.to_ascii_lowercase().ends_with(suffix);
    !word.starts_with('-')
        && (word.contains(['/', '\\'])
            || CONFIGURATION_SUFFIXES
                .iter()
                .any(|suffix| ends_with(suffix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_images_of_distribution_are_understood() {
        for (given, read_as) in [
            ("", ""),
            ("serve", "serve"),
            ("serve config.yml", "serve config.yml"),
            ("config.yml", "serve config.yml"),
            (
                "/etc/docker/registry/config.yml",
                "serve /etc/docker/registry/config.yml",
            ),
            ("my.YAML", "serve my.YAML"),
            (r"c:\registry\my.conf", r"serve c:\registry\my.conf"),
            ("registry serve config.yml", "serve config.yml"),
            ("registry config.yml", "serve config.yml"),
            ("/bin/registry serve", "serve"),
            ("bin/registry serve", "serve"),
            ("/usr/local/bin/registry x.yml", "serve x.yml"),
            ("/entrypoint.sh /etc/x.yml", "serve /etc/x.yml"),
            ("registry", ""),
            ("-v", "--version"),
            ("--version", "--version"),
            ("-h", "--help"),
            ("serve -h", "serve --help"),
            ("service install -h", "service install --help"),
            ("htpasswd -- -h", "htpasswd -- -h"),
            (
                "garbage-collect -m x.yml",
                "garbage-collect --delete-untagged x.yml",
            ),
            (
                "bin/registry garbage-collect -d",
                "garbage-collect --dry-run",
            ),
            (
                "garbage-collect --delete-untagged=true --quiet=false -dm x.yml",
                "garbage-collect --delete-untagged --dry-run --delete-untagged x.yml",
            ),
            (
                "garbage-collect -qd=0 -m=1",
                "garbage-collect --quiet --delete-untagged",
            ),
            (
                "garbage-collect --dry-run=yes -x --older-than=1h - -- -m",
                "garbage-collect --dry-run=yes -x --older-than=1h - -- -m",
            ),
            ("verify --json=true", "verify --json=true"),
            ("bogus", "bogus"),
            ("--bogus.yml", "--bogus.yml"),
        ] {
            let given: Vec<&str> = given.split(' ').filter(|word| !word.is_empty()).collect();
            assert_eq!(normalize(&given).unwrap().join(" "), read_as, "{given:?}");
        }
    }

    #[test]
    fn what_distribution_has_and_we_have_not_is_said() {
        let refused = normalize(&["completion", "bash"]).unwrap_err();
        assert!(refused.contains("not supported"), "{refused}");
    }
}
