//! Every key of distribution 2.8 and 3.x, and our own under `http.limits`: the one table that says
//! what is honoured, what has no effect here, what is not supported, and what stops the start.
//! `docs/configuration.md` is kept in step with it by a test.

use super::schema::{Group, Key, Kind, Status};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const DECADE: Duration = Duration::from_secs(3650 * 24 * 3600);
const LEVELS: &[&str] = &["error", "warn", "info", "debug"];
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
    key("loglevel", Kind::Choice(LEVELS)),
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
    key("http.headers.*", Kind::Texts),
    key("http.limits.connections", Kind::Integer(1, 1_000_000)),
    key(
        "http.limits.connectionsperaddress",
        Kind::Integer(1, 1_000_000),
    ),
    key("http.limits.headbytes", Kind::Bytes(KIB, MIB)),
    key("http.limits.headfields", Kind::Integer(8, 10_000)),
    key("http.limits.headtimeout", Kind::Duration(SECOND, DAY)),
    key("http.limits.idletimeout", Kind::Duration(SECOND, DAY)),
    key("http.limits.minimumrate", Kind::Bytes(1, 1024 * MIB)),
    key("http.limits.grace", Kind::Duration(SECOND, DAY)),
    key("http.limits.drainbytes", Kind::Bytes(0, 1024 * MIB)),
    key("http.limits.manifestbytes", Kind::Bytes(KIB, 64 * MIB)),
    key("http.limits.uploads", Kind::Integer(1, 10_000_000)),
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

/// Go's names of fields whose YAML names differ: distribution builds variables from the former.
/// `(section, name in a variable, name in a file)`.
pub const VARIABLE_NAMES: &[(&str, &str, &str)] = &[
    ("health", "FILECHECKERS", "file"),
    ("health", "HTTPCHECKERS", "http"),
    ("health", "TCPCHECKERS", "tcp"),
    ("notifications", "EVENTCONFIG", "events"),
    ("log.hooks.#", "MAILOPTIONS", "options"),
];

const NO_AUTH: &str = "access control is not supported yet, and starting without it would open the registry to anyone; remove it to serve without access control";
const NO_TLS: &str = "TLS is not supported yet, and starting without it would send everything in clear; remove it to serve plain HTTP";
const NO_DRIVER: &str = "this storage driver is not supported; use filesystem or inmemory";
const NO_PROXY: &str = "a pull-through cache is not supported yet, and without it this would be an empty registry; remove it to serve what is stored here";

const fn group(above: &'static str, status: Status, names: &'static [&'static str]) -> Group {
    Group {
        above,
        status,
        names,
    }
}

/// The keys that are known and not honoured. A first name of `""` gives the status to the section
/// as a whole, so it is reported once.
pub const OTHERS: &[Group] = &[
    group(
        "log",
        Status::Needless("lines name the part of the program that wrote them"),
        &["reportcaller"],
    ),
    group(
        "log.hooks",
        Status::Unsupported("log lines will not be sent by mail"),
        &[
            "",
            "#.disabled",
            "#.type",
            "#.levels",
            "#.options.smtp.addr",
            "#.options.smtp.username",
            "#.options.smtp.password",
            "#.options.smtp.insecure",
            "#.options.from",
            "#.options.to",
        ],
    ),
    group(
        "storage.cache",
        Status::Needless("descriptors are read from the files, which the system caches"),
        &["", "blobdescriptor", "blobdescriptorsize", "layerinfo"],
    ),
    group(
        "storage.redirect",
        Status::Needless("content is always served from here"),
        &["", "disable"],
    ),
    group("storage.s3", Status::Refused(NO_DRIVER), S3),
    group("storage.s3aws", Status::Refused(NO_DRIVER), S3),
    group("storage.s3goamz", Status::Refused(NO_DRIVER), S3),
    group(
        "storage.azure",
        Status::Refused(NO_DRIVER),
        &[
            "",
            "accountname",
            "accountkey",
            "container",
            "realm",
            "rootdirectory",
            "max_retries",
            "retry_delay",
            "credentials.type",
            "credentials.clientid",
            "credentials.tenantid",
            "credentials.secret",
            "connectionstring",
            "serviceurl",
            "skipverify",
        ],
    ),
    group(
        "storage.gcs",
        Status::Refused(NO_DRIVER),
        &[
            "",
            "bucket",
            "keyfile",
            "credentials",
            "rootdirectory",
            "chunksize",
            "maxconcurrency",
            "useragent",
        ],
    ),
    group(
        "storage.swift",
        Status::Refused(NO_DRIVER),
        &[
            "",
            "username",
            "password",
            "authurl",
            "tenant",
            "tenantid",
            "domain",
            "domainid",
            "tenantdomain",
            "tenantdomainid",
            "trustid",
            "region",
            "container",
            "prefix",
            "endpointtype",
            "insecureskipverify",
            "chunksize",
            "secretkey",
            "accesskey",
            "tempurlcontainerkey",
            "tempurlmethods",
            "authversion",
        ],
    ),
    group(
        "storage.oss",
        Status::Refused(NO_DRIVER),
        &[
            "",
            "accesskeyid",
            "accesskeysecret",
            "region",
            "bucket",
            "internal",
            "endpoint",
            "encrypt",
            "encryptionkeyid",
            "secure",
            "chunksize",
            "rootdirectory",
        ],
    ),
    group(
        "auth",
        Status::Refused(NO_AUTH),
        &[
            "",
            "silly.realm",
            "silly.service",
            "htpasswd.realm",
            "htpasswd.path",
            "token.realm",
            "token.service",
            "token.issuer",
            "token.rootcertbundle",
            "token.jwks",
            "token.signingalgorithms",
            "token.autoredirect",
            "token.autoredirectpath",
        ],
    ),
    group(
        "middleware",
        Status::Unsupported("requests and content will not pass through it"),
        &["", "*.#.name", "*.#.disabled", "*.#.options.*"],
    ),
    group(
        "http",
        Status::Needless("upload sessions are kept on the server, so nothing is signed"),
        &["secret"],
    ),
    group(
        "http.tls",
        Status::Refused(NO_TLS),
        &[
            "",
            "certificate",
            "key",
            "clientcas",
            "clientauth",
            "minimumtls",
            "ciphersuites",
            "letsencrypt.cachefile",
            "letsencrypt.email",
            "letsencrypt.hosts",
            "letsencrypt.directoryurl",
        ],
    ),
    group(
        "http.debug",
        Status::Unsupported("there is no debug server and there are no metrics yet"),
        &["", "addr", "prometheus.enabled", "prometheus.path"],
    ),
    group(
        "http.http2",
        Status::Needless("the server speaks HTTP/1.1 only"),
        &["", "disabled"],
    ),
    group(
        "http.h2c",
        Status::Unsupported("the server speaks HTTP/1.1 only"),
        &["", "enabled"],
    ),
    group(
        "notifications",
        Status::Unsupported("no events will be sent"),
        &[
            "",
            "events.includereferences",
            "endpoints.#.name",
            "endpoints.#.disabled",
            "endpoints.#.url",
            "endpoints.#.headers",
            "endpoints.#.timeout",
            "endpoints.#.threshold",
            "endpoints.#.backoff",
            "endpoints.#.ignoredmediatypes",
            "endpoints.#.ignore.mediatypes",
            "endpoints.#.ignore.actions",
        ],
    ),
    group(
        "redis",
        Status::Unsupported("nothing will be cached in redis"),
        &[
            "",
            "addr",
            "addrs",
            "clientname",
            "db",
            "protocol",
            "username",
            "password",
            "sentinelusername",
            "sentinelpassword",
            "maxretries",
            "minretrybackoff",
            "maxretrybackoff",
            "dialtimeout",
            "readtimeout",
            "writetimeout",
            "contexttimeoutenabled",
            "poolfifo",
            "poolsize",
            "pooltimeout",
            "minidleconns",
            "maxidleconns",
            "maxactiveconns",
            "connmaxidletime",
            "connmaxlifetime",
            "maxredirects",
            "readonly",
            "routebylatency",
            "routerandomly",
            "mastername",
            "disableidentity",
            "identitysuffix",
            "unstableresp3",
            "pool.maxidle",
            "pool.maxactive",
            "pool.idletimeout",
            "tls.enabled",
            "tls.certificate",
            "tls.key",
            "tls.rootcas",
        ],
    ),
    group(
        "health.storagedriver",
        Status::Needless("a request that needs the storage reports its failure"),
        &["", "enabled", "interval", "threshold"],
    ),
    group(
        "health.file",
        Status::Unsupported(NO_CHECK),
        &["", "#.file", "#.interval", "#.threshold"],
    ),
    group(
        "health.http",
        Status::Unsupported(NO_CHECK),
        &[
            "",
            "#.uri",
            "#.headers",
            "#.statuscode",
            "#.timeout",
            "#.interval",
            "#.threshold",
        ],
    ),
    group(
        "health.tcp",
        Status::Unsupported(NO_CHECK),
        &["", "#.addr", "#.timeout", "#.interval", "#.threshold"],
    ),
    group("proxy", Status::Refused(NO_PROXY), &["remoteurl"]),
    group(
        "proxy",
        Status::Needless("without proxy.remoteurl there is no pull-through cache"),
        &[
            "username",
            "password",
            "ttl",
            "cachewritetimeout",
            "exec.command",
            "exec.lifetime",
        ],
    ),
    group(
        "policy.repository.classes",
        Status::Unsupported("content of every class is accepted"),
        &[],
    ),
    group(
        "reporting",
        Status::Unsupported("nothing will be reported to these services"),
        &[
            "",
            "bugsnag.apikey",
            "bugsnag.releasestage",
            "bugsnag.endpoint",
            "newrelic.licensekey",
            "newrelic.name",
            "newrelic.verbose",
        ],
    ),
    group(
        "compatibility.schema1",
        Status::Unsupported("manifests of schema 1 are refused"),
        &["", "enabled", "trustkey", "signingkeyfile"],
    ),
];

const NO_CHECK: &str = "this check will not be made";

const S3: &[&str] = &[
    "",
    "accesskey",
    "secretkey",
    "sessiontoken",
    "region",
    "regionendpoint",
    "redirectendpoint",
    "forcepathstyle",
    "bucket",
    "encrypt",
    "keyid",
    "secure",
    "skipverify",
    "v4auth",
    "chunksize",
    "multipartcopychunksize",
    "multipartcopymaxconcurrency",
    "multipartcopythresholdsize",
    "multipartcombinesmallpart",
    "rootdirectory",
    "storageclass",
    "objectacl",
    "useragent",
    "usedualstack",
    "accelerate",
    "logs3apirequests",
    "logs3apiresponseheaders",
    "loglevel",
];
