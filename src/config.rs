//! The configuration: distribution's `config.yml` and `REGISTRY_*` variables (its
//! `configuration/configuration.go` and `parser.go` are the reference), read as
//!
//! ```text
//! YAML text -> tree -> environment overlay -> names checked -> values resolved -> Config
//! ```
//!
//! Every error is reported at once, each with its place; an unknown name is never ignored silently. Each key is
//! declared once, in `keys.rs`.

mod access;
mod auth;
mod declare;
mod draft;
mod environment;
mod file_path;
mod keys;
mod layers;
mod misplaced;
mod names;
#[cfg(test)]
mod reference;
mod report;
mod resolve;
mod resolved;
mod schema;
mod setting;
mod source;
mod suggest;
mod texts;
mod unsupported;
mod value;
mod values;

pub use crate::auth::{AccessRules, Scheme};
pub use crate::http::{Limits, Listen};
pub use crate::spec::validation::{RequiredPlatforms, Validation};
pub use crate::time::duration::format as format_duration;
pub use crate::yaml::Provenance;
pub use environment::PATH_VARIABLE;
pub use report::{ConfigError, Notice, Severity};
pub use resolved::{
    Config, Formatter, HttpConfig, LOG_QUEUE_BYTES, LocationStyle, LogConfig, StorageConfig,
    StorageDriver, UploadLimits, UploadPurging,
};
pub use source::ConfigSource;

use crate::yaml::{self, Node, YamlError};
use layers::Layers;

impl Config {
    /// Reads a configuration and lays the environment over it.
    ///
    /// Takes the source and the variables of the process (only `REGISTRY_*` are looked at). Gives the
    /// configuration with notices about it, or every error in it.
    pub fn load(
        source: ConfigSource,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Config, Vec<Notice>), Vec<ConfigError>> {
        let (name, text) = source.read().map_err(|error| vec![error])?;
        let root = yaml::parse(&text).map_err(|error| vec![invalid_yaml(&name, error)])?;
        let mut root = match root {
            Node::Null => Node::Map(Vec::new()),
            root => root,
        };
        unfold_names(&mut root);
        let mut layers = Layers::new(root, name.clone(), text);
        environment::apply(&mut layers, environment);
        names::check(&mut layers);
        let mut config = resolve::resolve(&mut layers);
        config.source = name;
        layers.finish().map(|notices| (config, notices))
    }
}

fn invalid_yaml(name: &str, error: YamlError) -> ConfigError {
    let file = name.to_owned();
    ConfigError {
        provenance: match error.position {
            Some((line, column)) => Provenance::Line { file, line, column },
            None => Provenance::File(file),
        },
        key: String::new(),
        message: format!("invalid YAML: {}", error.message),
    }
}

/// `storage: inmemory` stands for `storage: {inmemory: {}}`, and so for `auth`, as in distribution.
fn unfold_names(root: &mut Node) {
    let Node::Map(entries) = root else { return };
    for (key, node) in entries {
        if let ("storage" | "auth", Node::Text(name)) = (key.as_str(), &*node) {
            *node = Node::Map(vec![(name.clone(), Node::Null)]);
        }
    }
}
