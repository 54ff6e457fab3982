//! What a token says once its signature is good (RFC 7519; docker's token specification,
//! `spec/auth/jwt.md` of distribution).

use crate::auth::Action;
use serde::Deserialize;

/// How far clocks may differ, in seconds, as in distribution.
const LEEWAY_SECONDS: f64 = 60.0;

/// The claims that matter. A claim that occurs twice is an error.
#[derive(Deserialize)]
pub struct Claims {
    iss: String,
    #[serde(default)]
    sub: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: f64,
    #[serde(default)]
    access: Option<Vec<Grant>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Actions granted on one resource.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Grant {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    actions: Option<Vec<String>>,
}

/// Whose valid token it is, and what it grants.
#[derive(Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The subject; may be empty.
    pub user: String,
    grants: Vec<Grant>,
}

impl Claims {
    /// Checks issuer, audience and times (`now` in seconds since 1970).
    pub fn accept(
        self,
        issuer: &str,
        service: &str,
        now: f64,
    ) -> Result<TokenIdentity, &'static str> {
        let is_for_us = match &self.aud {
            Audience::One(name) => name == service,
            Audience::Many(names) => names.iter().any(|name| name == service),
        };
        if self.iss != issuer {
            return Err("it is of another issuer");
        }
        if !is_for_us {
            return Err("it is for another service");
        }
        if now > self.exp + LEEWAY_SECONDS {
            return Err("it has expired");
        }
        if now < self.nbf - LEEWAY_SECONDS {
            return Err("it is not valid yet");
        }
        Ok(TokenIdentity {
            user: self.sub,
            grants: self.access.unwrap_or_default(),
        })
    }
}

impl TokenIdentity {
    /// Whether this may be done in a repository.
    pub fn grants(&self, repository: &str, action: Action) -> bool {
        let word = match action {
            Action::Pull => "pull",
            Action::Push | Action::PushNew => "push",
            Action::Delete => "delete",
            // Whoever was granted the catalog sees all of it.
            Action::Catalog => return self.grants_catalog(),
        };
        self.has("repository", repository, word)
    }

    /// Whether the catalog may be asked for.
    pub fn grants_catalog(&self) -> bool {
        self.has("registry", "catalog", "*")
    }

    fn has(&self, kind: &str, name: &str, action: &str) -> bool {
        let fits = |grant: &&Grant| grant.kind == kind && grant.name == name;
        let mut actions = self
            .grants
            .iter()
            .filter(fits)
            .flat_map(|grant| &grant.actions);
        actions.any(|actions| actions.iter().any(|own| own == "*" || own == action))
    }
}
