//! The configuration and variables, whatever they hold: they are read, or refused with words; and what is shown can be read
//! again and says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::config::{Config, ConfigSource};

fn load(text: &str, variables: &[(String, String)]) -> Option<Config> {
    let source = ConfigSource::Text {
        name: "fuzz.yml".into(),
        text: text.into(),
    };
    match Config::load(source, variables.to_vec()) {
        Ok((config, _)) => Some(config),
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| !error.to_string().is_empty()));
            None
        }
    }
}

fuzz_target!(|input: &str| {
    // Variables first, up to an empty line.
    let (variables, text) = input.split_once("\n\n").unwrap_or(("", input));
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables: Vec<_> = variables
        .map(|(name, value)| (format!("REGISTRY_{name}"), value.to_owned()))
        .collect();
    // As it is, and as what follows the least that a configuration needs.
    for text in [text.to_owned(), format!("version: 0.1\nstorage: inmemory\n{text}")] {
        if let Some(config) = load(&text, &variables) {
            let shown = config.render();
            // Secrets are masked, which is a text of its own kind.
            if !shown.contains("********") {
                let again = load(&shown, &[]).expect("what is shown can be read");
                assert_eq!(again.render(), shown);
            }
        }
    }
});
