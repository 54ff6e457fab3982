//! The configuration: distribution's `config.yml` and `REGISTRY_*` variables (its
//! `configuration/configuration.go` and `parser.go` are the reference), read as
//!
//! ```text
//! YAML text -> tree -> environment overlay -> names checked -> values resolved -> Config
//! ```
//!
//! Everything that is wrong is told at once, each with its place; a name that is not known is
//! never passed over in silence.

mod access;
mod asked;
mod auth;
mod duration;
mod environment;
mod http;
mod keys;
mod layers;
mod locate;
mod misplaced;
mod names;
mod path;
mod render;
mod report;
mod resolve;
mod resolved;
mod schema;
mod search;
mod suggest;
mod tls;
mod tree;
mod unsupported;
mod values;

pub use crate::auth::{Access, Scheme};
pub use crate::http::{Limits, Listen};
pub use duration::format as format_duration;
pub use environment::PATH_VARIABLE;
pub use report::{ConfigError, Notice, Provenance, Severity};
pub use resolved::{
    Config, Formatter, HttpConfig, LOG_QUEUE_BYTES, LocationStyle, LogConfig, Platform, Platforms,
    StorageConfig, StorageDriver, UploadLimits, UploadPurging, ValidationConfig,
};

use crate::{encoding, watched};
use layers::Layers;
use std::io::ErrorKind;
use std::path::PathBuf;
use tree::Node;

/// The largest file that is read.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Where the YAML comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// A file.
    File(PathBuf),
    /// A text, with the name that reports give it.
    Text {
        /// Used where a file's name would stand.
        name: String,
        /// YAML.
        text: String,
    },
}

impl Config {
    /// Reads a configuration and lays the environment over it.
    ///
    /// Takes the source and the variables of the process (only `REGISTRY_*` are looked at). Gives the
    /// configuration with what is good to know about it, or every mistake there is.
    pub fn load(
        source: ConfigSource,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Config, Vec<Notice>), Vec<ConfigError>> {
        let (name, bytes) = match source {
            ConfigSource::Text { name, text } => (name, text.into_bytes()),
            ConfigSource::File(path) => {
                let name = path.display().to_string();
                let bytes = watched::read_once(&path, FILE_BYTES_MAX).map_err(|error| {
                    vec![match error.kind() {
                        ErrorKind::FileTooLarge => too_large(&name),
                        _ => whole(&name, &format!("cannot be read: {error}")),
                    }]
                })?;
                (name, bytes)
            }
        };
        if bytes.len() > FILE_BYTES_MAX {
            return Err(vec![too_large(&name)]);
        }
        let bytes = encoding::utf8(&bytes).map_err(|why| vec![whole(&name, why)])?;
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|error| vec![not_utf8(&name, bytes, error)])?;
        let root = tree::parse(text).map_err(|error| vec![unreadable(&name, error)])?;
        let mut root = match root {
            Node::Null => Node::Map(Vec::new()),
            root => root,
        };
        unfold_names(&mut root);
        let source_name = name.clone();
        let mut layers = Layers::new(root, name, text.to_owned());
        environment::apply(&mut layers, environment);
        names::check(&mut layers);
        let mut config = resolve::resolve(&mut layers);
        config.source = source_name;
        layers.finish().map(|notices| (config, notices))
    }
}

fn whole(name: &str, message: &str) -> ConfigError {
    ConfigError {
        place: Provenance::File(name.to_owned()),
        key: String::new(),
        message: message.to_owned(),
    }
}

fn too_large(name: &str) -> ConfigError {
    let message = format!("found more than {FILE_BYTES_MAX} bytes; a configuration is smaller");
    whole(name, &message)
}

fn not_utf8(name: &str, bytes: &[u8], error: std::str::Utf8Error) -> ConfigError {
    let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
    let line = good.split(|byte| *byte == b'\n').count();
    whole(
        name,
        &format!("is not UTF-8 text: line {line} has a byte that is none"),
    )
}

fn unreadable(name: &str, error: tree::Unreadable) -> ConfigError {
    let file = name.to_owned();
    let place = match error.location {
        Some((line, column)) => Provenance::Line { file, line, column },
        None => Provenance::File(file),
    };
    ConfigError {
        place,
        key: String::new(),
        message: format!("is no YAML that can be read: {}", error.message),
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
