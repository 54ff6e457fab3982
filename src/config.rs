//! The configuration: distribution's `config.yml` and `REGISTRY_*` variables (its
//! `configuration/configuration.go` and `parser.go` are the reference), read as
//!
//! ```text
//! YAML text -> tree -> environment overlay -> names checked -> values resolved -> Config
//! ```
//!
//! Every error is reported at once, each with its place; an unknown name is never ignored silently. Each key is
//! declared once, in `keys.rs`; `settings` knows how declared keys are read, and nothing of these.

mod access;
mod auth;
mod conventions;
mod draft;
mod keys;
mod policy;
mod resolve;
mod resolved;
mod source;
mod types;
mod unsupported;

pub use crate::auth::{AccessRules, Scheme};
pub use crate::http::{Limits, Listen};
pub use crate::settings::report::{ConfigError, Notice, Severity};
pub use crate::spec::validation::{RequiredPlatforms, Validation};
pub use crate::time::duration::format as format_duration;
pub use crate::yaml::Provenance;
pub use conventions::PATH_VARIABLE;
pub use resolved::{
    BackgroundVerification, Config, Formatter, GarbageCollection, HttpConfig, LOG_QUEUE_BYTES,
    LocationStyle, LogConfig, QuotaConfig, RetentionConfig, StorageConfig, StorageDriver,
    UploadConfig, UploadPurging,
};
pub use source::ConfigSource;

/// What is declared, for the test that writes the tables of docs/configuration.md.
#[cfg(debug_assertions)]
pub mod declared {
    pub use super::conventions::SCHEMA;
    pub use super::unsupported::GROUPS;
    pub use crate::settings::declare::{Kind, SettingKey, Support, Trait};
}

use crate::settings::layers::Layers;
use crate::settings::{environment, names};

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
        let parsed = Layers::parse(&conventions::SCHEMA, &name, text);
        let mut layers = parsed.map_err(|error| vec![error])?;
        environment::apply(&mut layers, environment);
        names::check(&mut layers);
        let mut config = resolve::resolve(&mut layers);
        config.source = name;
        layers.finish().map(|notices| (config, notices))
    }
}
