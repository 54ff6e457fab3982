//! The keys of distribution 2.8 and 3.x that are known and not supported, with what that means: no effect is
//! missed, something will not happen, or the start is refused.

use super::declare::{Group, Support};
use super::tree::{self, Node};
use Support::{Needless, Refused, Unsupported};

const NO_ACME: &str = "certificates are not fetched from Let's Encrypt, and starting without one would send everything \
    in clear text; let another program fetch them and name its files in http.tls.certificate and http.tls.key: they \
    are read again when they change";
const NO_DRIVER: &str = "this storage driver is not supported; use filesystem or inmemory";
const NO_PROXY: &str = "a pull-through cache is not supported yet, and without it this would be an empty registry; \
    remove it to serve what is stored here";
const NO_CHECK: &str = "this check will not be made";

/// A section that is not supported as a whole.
const fn section(section: &'static str, support: Support, keys: &'static str) -> Group {
    Group {
        section,
        support,
        keys,
        is_whole: true,
        asks: match support {
            Refused(_) => |node| !node.is_unset(),
            _ => |node| !node.is_off(),
        },
    }
}

/// Keys that are not supported in a section that is.
const fn keys(section: &'static str, support: Support, keys: &'static str) -> Group {
    let group = self::section(section, support, keys);
    Group {
        is_whole: false,
        ..group
    }
}

/// A storage driver. To name one is to ask for it, whatever its parameters.
const fn driver(section: &'static str, keys: &'static str) -> Group {
    self::section(section, Refused(NO_DRIVER), keys).when(|_| true)
}

impl Group {
    const fn when(self, asks: fn(&Node) -> bool) -> Group {
        Group { asks, ..self }
    }
}

fn is_set(node: &Node, path: &[&str]) -> bool {
    node.at(path).is_some_and(|node| !node.is_unset())
}

/// Whether a list has an element that is not `disabled`.
fn any_enabled(list: Option<&Node>) -> bool {
    let is_enabled = |item: &Node| {
        let is_disabled = match item.at(&["disabled"]) {
            Some(Node::Boolean(disabled)) => *disabled,
            Some(Node::Text(text)) => tree::boolean(text) == Some(true),
            _ => false,
        };
        !item.is_off() && !is_disabled
    };
    list.is_some_and(|list| list.items().iter().any(is_enabled))
}

/// The keys that are known and not supported.
pub static GROUPS: &[Group] = &[
    keys(
        "log",
        Unsupported("log lines will not name the function that wrote them"),
        "reportcaller",
    ),
    section(
        "log.hooks",
        Unsupported("log lines will not be sent by mail"),
        "#.disabled #.type #.levels #.options.smtp.addr #.options.smtp.username \
        #.options.smtp.password #.options.smtp.insecure #.options.from #.options.to",
    )
    .when(|node| any_enabled(Some(node))),
    section(
        "storage.cache",
        Needless("descriptors are read from the files, which the system caches"),
        "blobdescriptor blobdescriptorsize layerinfo",
    ),
    section(
        "storage.redirect",
        Needless("content is always served from here"),
        "disable",
    ),
    driver("storage.s3", S3),
    driver("storage.s3aws", S3),
    driver("storage.s3goamz", S3),
    driver(
        "storage.azure",
        "accountname accountkey container realm rootdirectory max_retries retry_delay \
        credentials.type credentials.clientid credentials.tenantid credentials.secret \
        connectionstring serviceurl skipverify",
    ),
    driver(
        "storage.gcs",
        "bucket keyfile credentials rootdirectory chunksize maxconcurrency useragent",
    ),
    driver(
        "storage.swift",
        "username password authurl tenant tenantid domain domainid tenantdomain \
        tenantdomainid trustid region container prefix endpointtype insecureskipverify \
        chunksize secretkey accesskey tempurlcontainerkey tempurlmethods authversion",
    ),
    driver(
        "storage.oss",
        "accesskeyid accesskeysecret region bucket internal endpoint encrypt encryptionkeyid \
        secure chunksize rootdirectory",
    ),
    section(
        "middleware",
        Unsupported("requests and content will not pass through it"),
        "*.#.name *.#.disabled *.#.options.*",
    )
    .when(|node| {
        node.entries()
            .iter()
            .any(|(_, kind)| any_enabled(Some(kind)))
    }),
    keys(
        "http",
        Needless("upload sessions are kept on the server, so nothing is signed"),
        "secret",
    ),
    section(
        "http.tls.letsencrypt",
        Refused(NO_ACME),
        "cachefile email hosts directoryurl",
    ),
    section(
        "http.debug",
        Unsupported("there is no debug server and there are no metrics yet"),
        "addr prometheus.enabled prometheus.path",
    )
    .when(|node| is_set(node, &["addr"])),
    section(
        "http.http2",
        Needless("the server speaks HTTP/1.1 only"),
        "disabled",
    ),
    section(
        "http.h2c",
        Unsupported("the server speaks HTTP/1.1 only"),
        "enabled",
    ),
    section(
        "notifications",
        Unsupported("no events will be sent"),
        "events.includereferences endpoints.#.name endpoints.#.disabled endpoints.#.url \
        endpoints.#.headers endpoints.#.timeout endpoints.#.threshold endpoints.#.backoff \
        endpoints.#.ignoredmediatypes endpoints.#.ignore.mediatypes \
        endpoints.#.ignore.actions",
    )
    .when(|node| any_enabled(node.at(&["endpoints"]))),
    section(
        "redis",
        Unsupported("nothing will be cached in redis"),
        "addr addrs clientname db protocol username password sentinelusername \
        sentinelpassword maxretries minretrybackoff maxretrybackoff dialtimeout readtimeout \
        writetimeout contexttimeoutenabled poolfifo poolsize pooltimeout minidleconns \
        maxidleconns maxactiveconns connmaxidletime connmaxlifetime maxredirects readonly \
        routebylatency routerandomly mastername disableidentity identitysuffix unstableresp3 \
        pool.maxidle pool.maxactive pool.idletimeout tls.enabled tls.certificate tls.key \
        tls.rootcas",
    )
    .when(|node| is_set(node, &["addr"]) || is_set(node, &["addrs"])),
    section(
        "health.storagedriver",
        Needless("a request that needs the storage reports its failure"),
        "enabled interval threshold",
    ),
    section(
        "health.file",
        Unsupported(NO_CHECK),
        "#.file #.interval #.threshold",
    ),
    section(
        "health.http",
        Unsupported(NO_CHECK),
        "#.uri #.headers #.statuscode #.timeout #.interval #.threshold",
    ),
    section(
        "health.tcp",
        Unsupported(NO_CHECK),
        "#.addr #.timeout #.interval #.threshold",
    ),
    keys("proxy", Refused(NO_PROXY), "remoteurl"),
    keys(
        "proxy",
        Needless("without proxy.remoteurl there is no pull-through cache"),
        "username password ttl cachewritetimeout exec.command exec.lifetime",
    ),
    section(
        "policy.repository.classes",
        Unsupported("content of every class is accepted"),
        "",
    ),
    section(
        "reporting",
        Unsupported("nothing will be reported to these services"),
        "bugsnag.apikey bugsnag.releasestage bugsnag.endpoint newrelic.licensekey \
        newrelic.name newrelic.verbose",
    )
    .when(|node| is_set(node, &["bugsnag", "apikey"]) || is_set(node, &["newrelic", "licensekey"])),
    section(
        "compatibility.schema1",
        Unsupported("manifests of schema 1 are refused"),
        "enabled trustkey signingkeyfile",
    )
    .when(|node| {
        node.at(&["enabled"])
            .is_some_and(|enabled| !enabled.is_off())
    }),
];

const S3: &str = "accesskey secretkey sessiontoken region regionendpoint redirectendpoint \
        forcepathstyle bucket encrypt keyid secure skipverify v4auth chunksize \
        multipartcopychunksize multipartcopymaxconcurrency multipartcopythresholdsize \
        multipartcombinesmallpart rootdirectory storageclass objectacl useragent \
        usedualstack accelerate logs3apirequests logs3apiresponseheaders loglevel";
