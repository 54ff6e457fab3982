//! The keys that are supported, each declared once: those of distribution 2.8 and 3.x, and our own. What else
//! distribution knows is in `unsupported.rs`. [`declarations!`] says how to read them.

use super::draft::Draft;
use super::types;
use crate::settings::declare::{Declaration, Kind, SettingKey, Trait, declarations};
use crate::settings::texts;
use Kind::{Any, Boolean, Bytes, Duration, Integer, List, Map, Path, Text, Texts, Word};
use Trait::{Default, Deprecated, IgnoredInQuotes, InHours, InNanoseconds, Own};
use Trait::{Parse, RaisedTo, Required, TakenInQuotes, WithDashes, ZeroMeansDefault};
use std::time::Duration as Time;

const SECOND: Time = Time::from_secs(1);
const DAY: Time = Time::from_secs(24 * 3600);
const DECADE: Time = Time::from_secs(3650 * 24 * 3600);
const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;
const GIB: i64 = 1024 * MIB;
const EIB: i64 = GIB * GIB;
/// What a rule of a quota must have.
pub const QUOTA_BYTES: &str = "a number of bytes, such as 500MiB, 10GiB or 2TiB";

/// The keys that do what they say.
pub static KEYS: &[Declaration<Draft>] = declarations! {
    version: Text;
    /// deprecated name of `log.level`, which wins where both are set
    loglevel: Word, [Deprecated("is deprecated; use log.level, which wins where both are set")] =>
        |draft| draft.config.log.level;
    /// the least severe messages that are logged: `error`, `warn`, `info` or `debug`
    log.level: Word, default "info" => |draft| draft.config.log.level;
    /// the format of the lines on standard error: `text`, `json` or `logstash`
    log.formatter: Word, default "text" => |draft| draft.config.log.formatter;
    /// a mapping of fields that are added to each line
    log.fields: Map => |draft| draft.config.log.fields;
    log.fields.*: Any;
    /// whether to leave out the line for each request on standard output (Apache's combined format). Status 499, as in
    /// nginx: the client went away before its request or a byte of the response was complete. Ordinary rejections (401,
    /// 404, 405, 416, 429) appear only there; the log has them at `debug`
    log.accesslog.disabled: Boolean, default "false" => |draft| draft.access_log_disabled;
    /// bytes of lines that may wait for each output; lines that do not fit are dropped and counted
    log.queuebytes: Bytes(64 * KIB, GIB), [Own] => |draft| draft.config.log.queue_bytes;

    /// the directory that holds all content
    storage.filesystem.rootdirectory: Path, default "/var/lib/registry" => |draft| draft.filesystem.as_mut()?.0;
    /// concurrent file operations; less than 25 is raised to 25, and 0 means the default
    storage.filesystem.maxthreads: Integer(0, 100_000), default "100",
        [TakenInQuotes, ZeroMeansDefault, RaisedTo(25)] =>
        |draft| draft.filesystem.as_mut()?.1;
    /// keep content in memory, until the process ends; for tests
    storage.inmemory: Any => |draft| *draft.in_memory.as_mut()?;
    /// whether clients may delete
    storage.delete.enabled: Boolean, default "false", [IgnoredInQuotes] => |draft| draft.config.storage.delete_enabled;
    /// refuse pushes and deletes; [nothing is written](operate.md#unusual-data-directories)
    storage.maintenance.readonly.enabled: Boolean, default "false" => |draft| draft.config.storage.read_only;
    /// remove abandoned uploads
    storage.maintenance.uploadpurging.enabled: Boolean, default "true", [IgnoredInQuotes] =>
        |draft| draft.config.storage.upload_purging.enabled;
    /// the age at which an upload counts as abandoned; [what this costs](operate.md#unfinished-uploads)
    storage.maintenance.uploadpurging.age: Duration(Time::ZERO, DECADE), default "168h", [InHours] =>
        |draft| draft.config.storage.upload_purging.age;
    /// how often abandoned uploads are looked for
    storage.maintenance.uploadpurging.interval: Duration(SECOND, DECADE), default "24h", [InHours] =>
        |draft| draft.config.storage.upload_purging.interval;
    /// only report what would be removed
    storage.maintenance.uploadpurging.dryrun: Boolean, default "false" =>
        |draft| draft.config.storage.upload_purging.dry_run;
    /// whether to [collect garbage](operate.md#keeping-the-disk-clean) while the registry serves
    storage.maintenance.garbagecollect.enabled: Boolean, default "false", [Own] =>
        |draft| draft.config.storage.garbage_collection.enabled;
    /// the time from the end of one collection to the start of the next
    storage.maintenance.garbagecollect.interval: Duration(SECOND, DECADE), default "24h", [Own, InHours] =>
        |draft| draft.config.storage.garbage_collection.interval;
    /// what was pushed, mounted, or found by a HEAD or GET within this time stays; longer than any push takes
    storage.maintenance.garbagecollect.grace: Duration(Time::ZERO, DECADE), default "24h", [Own, InHours] =>
        |draft| draft.config.storage.garbage_collection.grace;
    /// also remove manifests that no tag leads to
    storage.maintenance.garbagecollect.untagged: Boolean, default "false", [Own] =>
        |draft| draft.config.storage.garbage_collection.untagged;
    /// only report what would be removed
    storage.maintenance.garbagecollect.dryrun: Boolean, default "false", [Own] =>
        |draft| draft.config.storage.garbage_collection.dry_run;
    /// a list of [rules](operate.md#immutable-tags): no client may move or delete the tags that match one of `tags` in
    /// the repositories that match one of `repositories`
    storage.maintenance.immutable: List, [Own] => |draft| draft.config.storage.immutable;
    storage.maintenance.immutable.#.repositories: Texts;
    storage.maintenance.immutable.#.tags: Texts;
    /// delete the tags that no rule keeps; [how](operate.md#retention)
    storage.maintenance.retention.enabled: Boolean, default "false", [Own] =>
        |draft| draft.config.storage.retention.enabled;
    /// how often such tags are looked for
    storage.maintenance.retention.interval: Duration(SECOND, DECADE), default "24h", [Own, InHours] =>
        |draft| draft.config.storage.retention.interval;
    /// only log what would be deleted
    storage.maintenance.retention.dryrun: Boolean, default "false", [Own] =>
        |draft| draft.config.storage.retention.dry_run;
    /// a list of rules with `repositories` and `keep`; the first that matches a repository decides. `keep` has at least
    /// one of `last` (so many tags of the repository that were written last), `tags` (patterns) and `youngerthan` (a
    /// duration); a tag stays when any of them holds
    storage.maintenance.retention.rules: List, [Own] => |draft| draft.config.storage.retention.rules;
    storage.maintenance.retention.rules.#.repositories: Texts;
    storage.maintenance.retention.rules.#.keep.last: Integer(1, 100_000), [Own];
    storage.maintenance.retention.rules.#.keep.tags: Texts;
    storage.maintenance.retention.rules.#.keep.youngerthan: Duration(SECOND, DECADE), [InHours];
    /// bytes of all blobs together, each counted once; [how](operate.md#quotas)
    storage.maintenance.quota.bytes: Bytes(1, EIB), [Own] => |draft| draft.config.storage.quota.bytes_max;
    /// a list of rules with `repositories` and `bytes`: how many bytes the repositories that match may have together. All
    /// rules that match a repository hold
    storage.maintenance.quota.rules: List, [Own] => |draft| draft.config.storage.quota.rules;
    storage.maintenance.quota.rules.#.repositories: Texts;
    storage.maintenance.quota.rules.#.bytes: Bytes(1, EIB), [Own];
    /// how often what is used is counted anew, as other processes may change the same data
    storage.maintenance.quota.interval: Duration(SECOND, DECADE), default "24h", [Own, InHours] =>
        |draft| draft.config.storage.quota.interval;
    /// whether to [verify](operate.md#verifying-and-repairing) all data in the background: what is wrong is logged, and corrupt
    /// blobs are put aside
    storage.maintenance.verify.enabled: Boolean, default "false", [Own] =>
        |draft| draft.config.storage.verification.enabled;
    /// the time from the end of one verification to the start of the next
    storage.maintenance.verify.interval: Duration(SECOND, DECADE), default "168h", [Own, InHours] =>
        |draft| draft.config.storage.verification.interval;
    /// bytes a second that it reads at most
    storage.maintenance.verify.rate: Bytes(KIB, 64 * GIB), default "16MiB", [Own] =>
        |draft| draft.config.storage.verification.bytes_per_second;
    /// threads of one lookup of the tags of a manifest (distribution knows it from 3.0 on; 2.8 takes it for a storage
    /// driver); 0 means the default
    storage.tag.concurrencylimit: Integer(0, 1024), default "0",
        [Default("processors")] =>
        |draft| draft.config.storage.tag_lookup_threads;

    /// the realm that a client shows to its user
    auth.htpasswd.realm: Text, [Required("the realm that docker login shows")] =>
        |draft| draft.htpasswd.as_mut()?.0;
    /// the file of users
    auth.htpasswd.path: Path,
        [Required("the path of a file of users, which `registry htpasswd --file PATH USER` creates")] =>
        |draft| draft.htpasswd.as_mut()?.1;
    /// the realm in the challenge; `silly` accepts any `Authorization` header and is only for tests
    auth.silly.realm: Text, [Required("a string")] => |draft| draft.silly.as_mut()?.0;
    /// the service in the challenge
    auth.silly.service: Text, [Required("a string")] => |draft| draft.silly.as_mut()?.1;
    /// the realm is `autoredirectpath` on the host of the request
    auth.token.autoredirect: Boolean, default "false" => |draft| draft.token.as_mut()?.redirects;
    /// that path
    auth.token.autoredirectpath: Text, default "/auth/token", [Parse(texts::url_path)] =>
        |draft| draft.token.as_mut()?.redirect_path;
    /// the URL where clients fetch tokens; must be set unless `autoredirect` is
    auth.token.realm: Text => |draft| draft.token.as_mut()?.settings.realm;
    /// the name of this registry, which must be the `aud` of a token
    auth.token.service: Text, [Required("the name of this registry in tokens")] =>
        |draft| draft.token.as_mut()?.settings.service;
    /// what the `iss` of a token must be
    auth.token.issuer: Text, [Required("the name of the issuer of tokens")] =>
        |draft| draft.token.as_mut()?.settings.issuer;
    /// a PEM file of certificates whose keys sign tokens, or the certificates in their `x5c`; this or `jwks` must be set
    auth.token.rootcertbundle: Path => |draft| draft.token.as_mut()?.settings.root_certificates;
    /// a file with the JWK set whose keys sign tokens
    auth.token.jwks: Path => |draft| draft.token.as_mut()?.settings.keys;
    /// the accepted algorithms, some of `EdDSA`, `ES256`, `ES384`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384` and
    /// `RS512`; all of them by default
    auth.token.signingalgorithms: Texts, [Parse(types::algorithm)] => |draft| draft.token.as_mut()?.settings.algorithms;
    /// no authentication
    auth.none: Any;

    /// a mapping of names of groups to lists of users
    access.groups: Map, [Own] => |draft| draft.config.access.as_mut()?.groups;
    access.groups.*: Texts;
    /// the rules, in order
    access.rules: List, [Own] => |draft| draft.config.access.as_mut()?.rules;
    access.rules.#.users: Texts;
    access.rules.#.repositories: Texts;
    access.rules.#.actions: Texts;

    /// repositories on one page of the catalog; 0 or less means the default
    catalog.maxentries: Integer(i64::MIN, 10_000_000), default "1000", [ZeroMeansDefault] =>
        |draft| draft.config.catalog_entries_max;
    /// tags on one page; 0 means no limit
    tags.maxtags: Integer(0, 10_000_000), [ZeroMeansDefault] => |draft| draft.config.tags_max;

    /// `tcp` or `unix`
    http.net: Word, default "tcp" => |draft| draft.network;
    /// `host:port`, or `:port` for every address; with `http.net: unix` the path of the socket. On Windows no other
    /// program can use the port
    http.addr: Text, default ":5000" => |draft| *draft.listen();
    /// the path below which everything is served, such as `/registry/`
    http.prefix: Text, default "/", [Parse(texts::prefix)] => |draft| draft.config.http.prefix;
    /// the URL of this registry in a `Location`; wins over `http.relativeurls`. Without `http://` or `https://` it is
    /// ignored with a warning, as in distribution
    http.host: Text, [Parse(texts::base_url)] => |draft| draft.host;
    /// `true`: a `Location` is a path without a host, which is right behind any proxy; `false`: it has the host of the
    /// request; distribution's default is `false`
    http.relativeurls: Boolean, default "true" => |draft| draft.relative_urls;
    /// how long requests in flight may take after the registry has been asked to stop (distribution's default is 0); 0
    /// cuts them off; at most 3s when [Windows is about to end the process](service.md)
    http.draintimeout: Duration(Time::ZERO, DAY), default "5s", [InNanoseconds] =>
        |draft| draft.config.http.drain_timeout;
    /// a mapping of headers that every response has, each with a list of values
    http.headers: Map, [WithDashes("header")] => |draft| draft.config.http.headers;
    http.headers.*: Texts;
    /// a list of IP addresses and networks (`10.0.0.0/8`): the [proxies](#proxies) whose `Forwarded` and `X-Forwarded-*`
    /// headers count; `[]` trusts none
    http.trustedproxies: Texts, [Own, Default("loopback and private networks")] =>
        |draft| draft.config.http.limits.trusted_proxies.0;

    /// a PEM file with the server's certificate, followed by the intermediate ones
    http.tls.certificate: Path, [Required("the path of a PEM file with the server's certificate")] =>
        |draft| draft.config.http.tls.as_mut()?.certificate;
    /// a PEM file with its private key, not encrypted: PKCS#8, PKCS#1 or SEC1; RSA of 2048 to 8192 bits, ECDSA on P-256
    /// or P-384, Ed25519
    http.tls.key: Path, [Required("the path of a PEM file with the private key of http.tls.certificate")] =>
        |draft| draft.config.http.tls.as_mut()?.key;
    /// a list of PEM files with the authorities that may sign certificates of clients, and with certificates of clients
    /// themselves
    http.tls.clientcas: Texts => |draft| draft.config.http.tls.as_mut()?.client_cas;
    /// `require-and-verify-client-cert` (the default with `clientcas`), `verify-client-cert-if-given`,
    /// `require-any-client-cert` or `request-client-cert`; the last two check only that the client has the key
    http.tls.clientauth: Word => |draft| draft.config.http.tls.as_mut()?.client_auth;
    /// the oldest version that is accepted: `tls1.2` (the default) or `tls1.3`; 1.0 and 1.1 are not supported
    http.tls.minimumtls: Text, [Parse(types::tls_version)] => |draft| draft.config.http.tls.as_mut()?.minimum;
    /// a list of the offered suites, by their Go names; without it all of those below
    http.tls.ciphersuites: Texts => |draft| draft.config.http.tls.as_mut()?.cipher_suites;

    /// open connections
    http.limits.connections: Integer(1, 1_000_000), [Own] => |draft| draft.config.http.limits.connections_max;
    /// connections of one address, and requests in flight of one client behind a [proxy](#proxies)
    http.limits.connectionsperaddress: Integer(1, 1_000_000), [Own] =>
        |draft| draft.config.http.limits.connections_per_address_max;
    /// bytes of a request line and its headers; more is answered 431
    http.limits.headbytes: Bytes(KIB, MIB), [Own] => |draft| draft.config.http.limits.head_bytes_max;
    /// bytes of memory that all requests and responses may use together, in addition to some 30 KiB for each
    /// connection: heads of more than 4 KiB, manifests while they are pushed and checked, responses of more than 16 KiB,
    /// buffers. At least 20 times `manifestbytes` and `headbytes`; by default as much as they need. What finds no room
    /// waits up to two seconds and is then answered 503 with `Retry-After`; the largest requests are refused first
    http.limits.memory: Bytes(32 * MIB, 64 * GIB), [Own] => |draft| draft.memory_bytes_max;
    /// headers of a request
    http.limits.headfields: Integer(8, 256), [Own] => |draft| draft.config.http.limits.headers_max;
    /// bytes of a request's target (path and query); more is answered 414
    http.limits.targetbytes: Bytes(KIB, MIB), [Own] => |draft| draft.config.http.limits.target_bytes_max;
    /// how long the request line and headers may take
    http.limits.headtimeout: Duration(SECOND, DAY), [Own] => |draft| draft.config.http.limits.head_timeout;
    /// how long a connection may be idle between requests
    http.limits.idletimeout: Duration(SECOND, DAY), [Own] => |draft| draft.config.http.limits.idle_timeout;
    /// the minimum rate of a request body, in bytes per second
    http.limits.minimumrate: Bytes(1, GIB), [Own] => |draft| draft.config.http.limits.body_rate_min_bytes_per_second;
    /// how long a request body may be slower than that
    http.limits.grace: Duration(SECOND, DAY), [Own] => |draft| draft.config.http.limits.body_grace;
    /// the minimum rate at which a client must take a response, in bytes per second
    http.limits.answerminimumrate: Bytes(1, GIB), [Own] =>
        |draft| draft.config.http.limits.response_rate_min_bytes_per_second;
    /// how long a response may be taken more slowly than that
    http.limits.answergrace: Duration(SECOND, DAY), [Own] => |draft| draft.config.http.limits.response_grace;
    /// how long an unwanted request body is read before the connection is closed
    http.limits.lingertimeout: Duration(SECOND, DAY), [Own] => |draft| draft.config.http.limits.linger_timeout;
    /// bytes of an unwanted request body that are read before the connection is closed
    http.limits.drainbytes: Bytes(0, GIB), [Own] => |draft| draft.config.http.limits.drain_bytes_max;
    /// bytes of a manifest
    http.limits.manifestbytes: Bytes(KIB, 64 * MIB), [Own] => |draft| draft.config.manifest_bytes_max;
    /// open upload sessions; beyond that 503 with `Retry-After`
    http.limits.uploads: Integer(1, 10_000_000), default "10000", [Own] => |draft| draft.config.uploads.sessions_max;
    /// open upload sessions of one address; beyond that 429 with `Retry-After`
    http.limits.uploadsperaddress: Integer(1, 10_000_000), default "2500", [Own] =>
        |draft| draft.config.uploads.sessions_per_address_max;
    /// when a limit is reached, an upload session that has had no request for this long makes room for a new one
    http.limits.uploadidletimeout: Duration(SECOND, DAY), default "1h", [Own] => |draft| draft.config.uploads.idle_timeout;

    /// accept manifests whatever they refer to
    validation.disabled: Boolean, default "false" => |draft| draft.config.validation.disabled;
    /// deprecated; `true` wins over `validation.disabled`
    validation.enabled: Boolean => |draft| draft.validation_enabled;
    /// regular expressions; each URL of a layer must match one of them
    validation.manifests.urls.allow: Texts => |draft| draft.config.validation.urls_allow;
    /// regular expressions; no URL of a layer may match one of them
    validation.manifests.urls.deny: Texts => |draft| draft.config.validation.urls_deny;
    /// which images of an index must exist: `all`, `none`, or `list` for those of the listed platforms
    validation.manifests.indexes.platforms: Word, default "all" => |draft| draft.platform_mode;
    /// a list of mappings with `architecture` and `os`
    validation.manifests.indexes.platformlist: List => |draft| draft.platform_list;
    validation.manifests.indexes.platformlist.#.architecture: Text;
    validation.manifests.indexes.platformlist.#.os: Text;
};
