//! A configuration while it is read: keys that only together make a field of [`Config`], and those of alternatives,
//! are kept apart until all have been read.

use super::resolved::Config;
use crate::auth::token;
use crate::http::Listen;
use crate::spec::descriptor::Platform;
use std::path::PathBuf;

/// A configuration while it is read.
#[derive(Default)]
pub struct Draft {
    /// All that one key makes.
    pub config: Config,
    /// Root directory and threads, where that storage driver is chosen.
    pub filesystem: Option<(PathBuf, usize)>,
    /// Set where that storage driver is chosen.
    pub in_memory: Option<()>,
    /// Realm and path, where that authentication scheme is chosen.
    pub htpasswd: Option<(String, PathBuf)>,
    /// Realm and service, where that authentication scheme is chosen.
    pub silly: Option<(String, String)>,
    /// The parameters of that authentication scheme, where it is chosen.
    pub token: Option<TokenDraft>,
    /// `http.net`: which form `http.addr` has.
    pub network: Network,
    /// `http.host`, which wins over `relative_urls`.
    pub host: Option<String>,
    /// `http.relativeurls`.
    pub relative_urls: bool,
    /// `http.limits.memory`; by default as much as other limits need.
    pub memory_bytes_max: Option<usize>,
    /// `log.accesslog.disabled`.
    pub access_log_disabled: bool,
    /// `validation.enabled`, the deprecated opposite of `validation.disabled`.
    pub validation_enabled: Option<bool>,
    /// Which platforms of an index must exist.
    pub platform_mode: PlatformMode,
    /// Those, where they are listed.
    pub platform_list: Vec<Platform>,
}

/// `auth.token`.
#[derive(Default)]
pub struct TokenDraft {
    /// All but the path of redirects.
    pub settings: token::TokenOptions,
    /// `auth.token.autoredirect`: whether the realm is a path on the host of the request.
    pub redirects: bool,
    /// `auth.token.autoredirectpath`: that path.
    pub redirect_path: String,
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

impl Draft {
    /// Where to listen, in the form that `http.net` says, which has been read before.
    pub fn listen(&mut self) -> &mut Listen {
        let listen = &mut self.config.http.listen;
        if self.network == Network::Unix && !matches!(listen, Listen::Unix(_)) {
            *listen = Listen::Unix(PathBuf::new());
        }
        listen
    }
}
