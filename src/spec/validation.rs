//! What a manifest may name (`validation` in the configuration, as in distribution).

use super::descriptor::{Descriptor, Platform};
use regex_lite::Regex;

/// The rules for what a pushed manifest names. By default everything must exist, and any URL is accepted.
#[derive(Debug, Clone, Default)]
pub struct Validation {
    /// Nothing of what follows is checked.
    pub disabled: bool,
    /// A layer's URL must match one of these, unless the list is empty.
    pub urls_allow: Vec<Regex>,
    /// A layer's URL must match none of these.
    pub urls_deny: Vec<Regex>,
    /// Which manifests of an index must exist.
    pub platforms: RequiredPlatforms,
}

/// Which manifests of an index must exist, by their platforms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RequiredPlatforms {
    /// All of them.
    #[default]
    All,
    /// None: a sparse index is accepted.
    None,
    /// Those of these platforms.
    List(Vec<Platform>),
}

/// What is wrong with the URL of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlProblem {
    /// It is not http or https, has a fragment, or has characters that no URL has.
    Malformed,
    /// The configuration does not allow it.
    NotAllowed,
}

impl Validation {
    /// Rules that accept everything.
    pub fn disabled() -> Validation {
        Validation {
            disabled: true,
            ..Validation::default()
        }
    }

    /// Checks the URL of a layer.
    pub fn check_url(&self, url: &str) -> Result<(), UrlProblem> {
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        let is_plain = !url.contains('#') && url.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_web || !is_plain {
            return Err(UrlProblem::Malformed);
        }
        let matches = |rules: &[Regex]| rules.iter().any(|rule| rule.is_match(url));
        let is_allowed = self.urls_allow.is_empty() || matches(&self.urls_allow);
        match is_allowed && !matches(&self.urls_deny) {
            true => Ok(()),
            false => Err(UrlProblem::NotAllowed),
        }
    }

    /// Whether a manifest of an index must exist. One that names no platform runs on every one.
    pub fn requires(&self, child: &Descriptor) -> bool {
        match &self.platforms {
            RequiredPlatforms::All => true,
            RequiredPlatforms::None => false,
            RequiredPlatforms::List(list) => child.platform.as_deref().is_none_or(|own| {
                list.iter()
                    .any(|one| one.os == own.os && one.architecture == own.architecture)
            }),
        }
    }
}
