//! What is special about the names of the registry's keys and variables.

use super::keys::KEYS;
use super::unsupported::GROUPS;
use crate::settings::schema::{Choice, Conventions, Protection, Schema};
use std::sync::LazyLock;

/// The variable that names the file; it is not a key.
pub const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";
/// The children of `storage` that are not drivers.
pub const STORAGE_SETTINGS: &[&str] = &["maintenance", "cache", "delete", "redirect", "tag"];

/// All that is declared.
pub static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(&CONVENTIONS, KEYS.iter().map(|known| &known.key), GROUPS));

static CONVENTIONS: Conventions = Conventions {
    variable_prefix: "REGISTRY_",
    path_variable: PATH_VARIABLE,
    // Distribution builds the names of variables from those of its fields in Go.
    variable_names: &[
        ("health", "FILECHECKERS", "file"),
        ("health", "HTTPCHECKERS", "http"),
        ("health", "TCPCHECKERS", "tcp"),
        ("notifications", "EVENTCONFIG", "events"),
        ("log.hooks.#", "MAILOPTIONS", "options"),
    ],
    choices: &[
        Choice {
            section: "storage",
            settings: STORAGE_SETTINGS,
            unknown: "unknown storage driver; use filesystem or inmemory",
        },
        Choice {
            section: "auth",
            settings: &[],
            unknown: "unknown authentication scheme; supported: htpasswd, token, none",
        },
    ],
    protection: Protection {
        // What a rule of retention keeps by a key that is misspelled would be deleted.
        sections: "access auth http.tls http.trustedproxies proxy storage.maintenance.immutable \
            storage.maintenance.retention storage.maintenance.quota",
        keys: "auth auth.htpasswd auth.token auth.htpasswd.realm auth.token.issuer auth.token.rootcertbundle \
            auth.token.jwks access access.rules http.tls http.tls.certificate http.tls.key http.tls.clientcas \
            http.tls.clientauth http.tls.minimumtls http.tls.ciphersuites http.tls.letsencrypt proxy \
            proxy.remoteurl storage.maintenance",
        variable_words: "AUTH HTPASSWD TLS CERTIFICATE LETSENCRYPT CLIENTCAS CLIENTAUTH",
        // Where podman and skopeo find the passwords of their user.
        foreign_variables: "AUTH_FILE",
    },
};
