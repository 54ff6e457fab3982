//! The keys that are honoured: those of distribution 2.8 and 3.x, and our own: `access`, `log.queuebytes`,
//! `http.trustedproxies` and those under `http.limits`.
//! What else distribution knows stands in `unsupported.rs`; `docs/configuration.md` is kept in step
//! with both by a test.

use super::schema::{Key, Kind};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const DECADE: Duration = Duration::from_secs(3650 * 24 * 3600);
const LEVELS: &[&str] = &["error", "warn", "info", "debug"];
const CLIENT_AUTHS: &[&str] = &[
    "request-client-cert",
    "require-any-client-cert",
    "verify-client-cert-if-given",
    "require-and-verify-client-cert",
];
const KIB: u64 = 1024;
const MIB: u64 = 1024 * 1024;

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind }
}

/// The keys that do what they say.
pub const HONOURED: &[Key] = &[
    key("version", Kind::Text),
    key("log.level", Kind::Choice(LEVELS)),
    key("log.formatter", Kind::Choice(&["text", "json", "logstash"])),
    key("log.fields", Kind::Map),
    key("log.accesslog.disabled", Kind::Boolean),
    key("log.queuebytes", Kind::Bytes(64 * KIB, 1024 * MIB)),
    key("loglevel", Kind::Choice(LEVELS)),
    key("auth.htpasswd.realm", Kind::Text),
    key("auth.htpasswd.path", Kind::Text),
    key("auth.silly.realm", Kind::Text),
    key("auth.silly.service", Kind::Text),
    key("auth.none", Kind::Any),
    key("auth.token.realm", Kind::Text),
    key("auth.token.service", Kind::Text),
    key("auth.token.issuer", Kind::Text),
    key("auth.token.rootcertbundle", Kind::Text),
    key("auth.token.jwks", Kind::Text),
    key("auth.token.signingalgorithms", Kind::Texts),
    key("auth.token.autoredirect", Kind::Boolean),
    key("auth.token.autoredirectpath", Kind::Text),
    key("access.groups.*", Kind::Texts),
    key("access.rules.#.users", Kind::Texts),
    key("access.rules.#.repositories", Kind::Texts),
    key("access.rules.#.actions", Kind::Texts),
    key("storage.filesystem.rootdirectory", Kind::Text),
    key("storage.filesystem.maxthreads", Kind::Integer(0, 100_000)),
    key("storage.inmemory", Kind::Any),
    key("storage.delete.enabled", Kind::Boolean),
    key("storage.maintenance.readonly.enabled", Kind::Boolean),
    key("storage.maintenance.uploadpurging.enabled", Kind::Boolean),
    key(
        "storage.maintenance.uploadpurging.age",
        Kind::Duration(Duration::ZERO, DECADE),
    ),
    key(
        "storage.maintenance.uploadpurging.interval",
        Kind::Duration(SECOND, DECADE),
    ),
    key("storage.maintenance.uploadpurging.dryrun", Kind::Boolean),
    key("storage.tag.concurrencylimit", Kind::Integer(0, 1024)),
    key("catalog.maxentries", Kind::Integer(i64::MIN, 10_000_000)),
    key("tags.maxtags", Kind::Integer(0, 10_000_000)),
    key("http.addr", Kind::Text),
    key("http.net", Kind::Choice(&["tcp", "unix"])),
    key("http.prefix", Kind::Text),
    key("http.host", Kind::Text),
    key("http.relativeurls", Kind::Boolean),
    key("http.draintimeout", Kind::Duration(Duration::ZERO, DAY)),
    key("http.tls.certificate", Kind::Text),
    key("http.tls.key", Kind::Text),
    key("http.tls.clientcas", Kind::Texts),
    key("http.tls.clientauth", Kind::Choice(CLIENT_AUTHS)),
    key("http.tls.minimumtls", Kind::Text),
    key("http.tls.ciphersuites", Kind::Texts),
    key("http.headers.*", Kind::Texts),
    key("http.trustedproxies", Kind::Texts),
    key("http.limits.connections", Kind::Integer(1, 1_000_000)),
    key(
        "http.limits.connectionsperaddress",
        Kind::Integer(1, 1_000_000),
    ),
    key("http.limits.headbytes", Kind::Bytes(KIB, MIB)),
    key("http.limits.memory", Kind::Bytes(32 * MIB, 64 * 1024 * MIB)),
    key("http.limits.headfields", Kind::Integer(8, 256)),
    key("http.limits.targetbytes", Kind::Bytes(KIB, MIB)),
    key("http.limits.headtimeout", Kind::Duration(SECOND, DAY)),
    key("http.limits.idletimeout", Kind::Duration(SECOND, DAY)),
    key("http.limits.minimumrate", Kind::Bytes(1, 1024 * MIB)),
    key("http.limits.grace", Kind::Duration(SECOND, DAY)),
    key("http.limits.answerminimumrate", Kind::Bytes(1, 1024 * MIB)),
    key("http.limits.answergrace", Kind::Duration(SECOND, DAY)),
    key("http.limits.drainbytes", Kind::Bytes(0, 1024 * MIB)),
    key("http.limits.lingertimeout", Kind::Duration(SECOND, DAY)),
    key("http.limits.manifestbytes", Kind::Bytes(KIB, 64 * MIB)),
    key("http.limits.uploads", Kind::Integer(1, 10_000_000)),
    key(
        "http.limits.uploadsperaddress",
        Kind::Integer(1, 10_000_000),
    ),
    key("http.limits.uploadidletimeout", Kind::Duration(SECOND, DAY)),
    key("validation.disabled", Kind::Boolean),
    key("validation.enabled", Kind::Boolean),
    key("validation.manifests.urls.allow", Kind::Texts),
    key("validation.manifests.urls.deny", Kind::Texts),
    key(
        "validation.manifests.indexes.platforms",
        Kind::Choice(&["all", "none", "list"]),
    ),
    key(
        "validation.manifests.indexes.platformlist.#.architecture",
        Kind::Text,
    ),
    key("validation.manifests.indexes.platformlist.#.os", Kind::Text),
];

/// The children of `storage` that are no drivers.
pub const STORAGE_SETTINGS: &[&str] = &["maintenance", "cache", "delete", "redirect", "tag"];

/// Durations that distribution's own structures hold, so that a bare number is nanoseconds there. All others
/// of it are texts, and ours are as well.
pub const IN_NANOSECONDS: &[&str] = &["http.draintimeout"];
/// Durations that people count in hours.
pub const IN_HOURS: &[&str] = &[
    "storage.maintenance.uploadpurging.age",
    "storage.maintenance.uploadpurging.interval",
];
/// Booleans that distribution takes for nothing when they are in quotes; at others it does not start.
pub const IGNORED_IN_QUOTES: &[&str] = &[
    "storage.delete.enabled",
    "storage.maintenance.uploadpurging.enabled",
];
/// What begins so may be in quotes there as well, or is ours.
pub const TAKEN_IN_QUOTES: &[&str] = &[
    "storage.filesystem.maxthreads",
    "http.limits.",
    "log.queuebytes",
];

/// Sections that close the registry to some or all. A name that is nearly one of these is not passed
/// over with a warning: what was meant to be closed would be open.
const GUARDS: &[&str] = &["access", "auth", "http.tls", "http.trustedproxies", "proxy"];

/// Go's names of fields whose YAML names differ: distribution builds variables from the former.
/// `(section, name in a variable, name in a file)`.
pub const VARIABLE_NAMES: &[(&str, &str, &str)] = &[
    ("health", "FILECHECKERS", "file"),
    ("health", "HTTPCHECKERS", "http"),
    ("health", "TCPCHECKERS", "tcp"),
    ("notifications", "EVENTCONFIG", "events"),
    ("log.hooks.#", "MAILOPTIONS", "options"),
];

/// Whether a key is one of those without which something that was meant to be closed is open, or
/// stands below one.
pub fn is_guarded(path: &str) -> bool {
    let below = |guard: &str| {
        let rest = path.strip_prefix(guard);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    GUARDS.iter().any(|guard| below(guard))
}

#[cfg(test)]
mod tests {
    use super::super::schema::Status;
    use super::super::tree::{self, Node};
    use super::super::unsupported::OTHERS;
    use super::super::values::scalar_text;
    use super::super::{Config, ConfigSource};
    use super::*;

    const PAGE: &str = include_str!("../../docs/configuration.md");

    /// The cells of the page's row for a key: key, variable, default, meaning.
    fn row(path: &str) -> Vec<&'static str> {
        let start = format!("| `{path}` |");
        let line = PAGE.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("docs/configuration.md has no row for {path}"));
        line.trim_matches('|').split('|').map(str::trim).collect()
    }

    /// A key as the page has it: without what stands for any key or index, and what follows.
    fn documented(path: &'static str) -> &'static str {
        path.split(".*")
            .next()
            .and_then(|path| path.split(".#").next())
            .unwrap_or(path)
    }

    #[test]
    fn the_page_has_every_honoured_key_with_its_variable_and_default() {
        let source = ConfigSource::Text {
            name: "defaults".to_owned(),
            text: "version: 0.1\nstorage: filesystem\n".to_owned(),
        };
        let (defaults, _) = Config::load(source, []).unwrap();
        let defaults = tree::parse(&defaults.render()).unwrap();
        for path in HONOURED
            .iter()
            .map(|key| documented(key.path))
            .filter(|path| *path != "version")
        {
            let row = row(path);
            let variable = format!("`REGISTRY_{}`", path.replace('.', "_").to_uppercase());
            assert_eq!(row[1], variable);
            let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
            let default = match defaults.at(&steps) {
                _ if path == "storage.tag.concurrencylimit" => "processors".to_owned(),
                _ if path == "http.trustedproxies" => "loopback and private networks".to_owned(),
                None | Some(Node::List(_) | Node::Map(_)) => "none".to_owned(),
                // Windows shows paths with backslashes.
                Some(scalar) => format!("`{}`", scalar_text(scalar).replace('\\', "/")),
            };
            assert_eq!(row[2], default, "{path}");
        }
        assert!(PAGE.contains("`version` must be `0.1`"));
    }

    #[test]
    fn the_page_names_every_key_that_is_not_honoured() {
        for group in OTHERS {
            let names: Vec<String> = match group.names {
                [] | ["", ..] => vec![group.above.to_owned()],
                names => names
                    .iter()
                    .map(|name| format!("{}.{name}", group.above))
                    .collect(),
            };
            for name in names {
                let name = name
                    .replace("proxy.exec.command", "proxy.exec")
                    .replace("proxy.exec.lifetime", "proxy.exec");
                let at = PAGE
                    .find(&format!("`{name}`"))
                    .unwrap_or_else(|| panic!("{name}"));
                let section = PAGE[..at]
                    .rfind("\n## ")
                    .map(|start| &PAGE[start..at])
                    .unwrap();
                let needless = matches!(group.status, Status::Needless(_));
                assert!(
                    name == "proxy.remoteurl" || section.contains("without effect") == needless,
                    "{name}"
                );
            }
        }
    }
}
