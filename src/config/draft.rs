//! A configuration while it is read: keys that only together make a field of [`Config`] are kept apart until
//! all have been read.

use super::resolved::{Config, Platform, StorageDriver};
use super::setting::Setting;
use crate::auth::Scheme;
use crate::auth::access::Rule;
use crate::auth::token;
use crate::http::{Listen, tls};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A configuration while it is read.
#[derive(Default)]
pub struct Draft {
    /// All that one key makes.
    pub config: Config,
    pub network: Network,
    pub host: Option<String>,
    pub relative_urls: bool,
    pub memory_bytes_max: Option<usize>,
    pub access_log_disabled: bool,
    pub validation_enabled: bool,
    pub platform_mode: PlatformMode,
    pub platform_list: Vec<Platform>,
    pub redirects: bool,
    pub redirect_path: String,
    pub groups: BTreeMap<String, Vec<String>>,
    /// `None` where there is no section `access`.
    pub rules: Option<Vec<Rule>>,
    /// What a key that is only there or not is shown as.
    pub nothing: (),
}

/// `http.net`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    #[default]
    Tcp,
    Unix,
}

/// `validation.manifests.indexes.platforms`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PlatformMode {
    #[default]
    All,
    None,
    List,
}

/// `Some` when that storage driver is the chosen one.
pub fn filesystem(draft: &mut Draft) -> Option<(&mut PathBuf, &mut usize)> {
    match &mut draft.config.storage.driver {
        StorageDriver::Filesystem {
            root_directory,
            threads_max,
        } => Some((root_directory, threads_max)),
        StorageDriver::InMemory => None,
    }
}

/// What is shown of that storage driver, when it is the chosen one.
pub fn in_memory(draft: &mut Draft) -> Option<&mut ()> {
    let is_chosen = draft.config.storage.driver == StorageDriver::InMemory;
    is_chosen.then_some(&mut draft.nothing)
}

/// Realm and path of that authentication scheme, when it is the chosen one.
pub fn htpasswd(draft: &mut Draft) -> Option<(&mut String, &mut PathBuf)> {
    match &mut draft.config.auth {
        Scheme::Htpasswd { realm, path } => Some((realm, path)),
        _ => None,
    }
}

/// Realm and service of that authentication scheme, when it is the chosen one.
pub fn silly(draft: &mut Draft) -> Option<(&mut String, &mut String)> {
    match &mut draft.config.auth {
        Scheme::Silly { realm, service } => Some((realm, service)),
        _ => None,
    }
}

/// The settings of that authentication scheme, when it is the chosen one.
pub fn token(draft: &mut Draft) -> Option<&mut token::Settings> {
    match &mut draft.config.auth {
        Scheme::Token(settings) => Some(settings),
        _ => None,
    }
}

/// A setting of [`Draft`] itself that belongs to that authentication scheme.
pub fn redirect(draft: &mut Draft) -> Option<(&mut bool, &mut String)> {
    match draft.config.auth {
        Scheme::Token(_) => Some((&mut draft.redirects, &mut draft.redirect_path)),
        _ => None,
    }
}

/// The section `http.tls`, where any of its keys is set.
pub fn tls(draft: &mut Draft) -> Option<&mut tls::Settings> {
    draft.config.http.tls.as_mut()
}

/// The groups of `access`, where there is that section.
pub fn groups(draft: &mut Draft) -> Option<&mut dyn Setting> {
    draft.rules.as_ref()?;
    Some(&mut draft.groups)
}

/// Where to listen, in the form that `http.net` says. It has been read before.
pub fn listen(draft: &mut Draft) -> &mut Listen {
    let listen = &mut draft.config.http.listen;
    if draft.network == Network::Unix && !matches!(listen, Listen::Unix(_)) {
        *listen = Listen::Unix(PathBuf::new());
    }
    listen
}
