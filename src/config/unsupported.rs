//! The keys of distribution 2.8 and 3.x that are known and not supported, with what that means: no effect is
//! missed, something will not happen, or the start is refused.

use super::declare::{Group, Support};
use crate::yaml::{self, Node};
use Support::{Needless, Refused, Unsupported};

const NO_ACME: &str = "certificates are not fetched from Let's Encrypt, and starting without one would send everything \
    in clear text; let another program fetch them and name its files in http.tls.certificate and http.tls.key: they \
    are read again when they change";
const NO_DRIVER: &str = "this storage driver is not supported; use filesystem or inmemory";
const NO_PROXY: &str = "a pull-through cache is not supported yet, and without it this would be an empty registry; \
    remove it to serve what is stored here";
const NO_CHECK: &str = "this check will not be made";

const fn group(
    section: &'static str,
    is_whole: bool,
    support: Support,
    asks: Option<fn(&Node) -> bool>,
    keys: &'static str,
) -> Group {
    Group {
        section,
        support,
        keys,
        is_whole,
        asks: match (asks, support) {
            (Some(asks), _) => asks,
            (None, Refused(_)) => |node| !node.is_unset(),
            (None, _) => |node| !node.is_off(),
        },
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
            Some(Node::Text(text)) => yaml::boolean(text) == Some(true),
            _ => false,
        };
        !item.is_off() && !is_disabled
    };
    list.is_some_and(|list| list.items().iter().any(is_enabled))
}

fn is_on(node: &Node, path: &[&str]) -> bool {
    node.at(path).is_some_and(|node| !node.is_off())
}

/// `section: what happens to it, when it asks for anything => the keys in it`. With `keys` before it the section is
/// supported, and only those keys are not. Whatever is set and not off asks for something, where nothing else
/// is said; to name a storage driver is to ask for it, whatever its parameters.
macro_rules! groups {
    ($($($keys:ident)? $section:literal: $support:expr $(, when $asks:expr)? => $names:expr;)+) => {
        &[$(group(
            $section,
            stringify!($($keys)?).is_empty(),
            $support,
            groups!(@asks $($asks)?),
            $names,
        )),+]
    };
    (@asks) => { None };
    (@asks $asks:expr) => { Some($asks) };
}

/// The keys that are known and not supported.
pub static GROUPS: &[Group] = groups! {
    keys "log": Unsupported("log lines will not name the function that wrote them") => "reportcaller";
    "log.hooks": Unsupported("log lines will not be sent by mail"),
        when |node| any_enabled(Some(node)) =>
        "#.disabled #.type #.levels #.options.smtp.addr #.options.smtp.username #.options.smtp.password \
        #.options.smtp.insecure #.options.from #.options.to";
    "storage.cache": Needless("descriptors are read from the files, which the system caches") =>
        "blobdescriptor blobdescriptorsize layerinfo";
    "storage.redirect": Needless("content is always served from here") => "disable";
    "storage.s3": Refused(NO_DRIVER), when |_| true => S3;
    "storage.s3aws": Refused(NO_DRIVER), when |_| true => S3;
    "storage.s3goamz": Refused(NO_DRIVER), when |_| true => S3;
    "storage.azure": Refused(NO_DRIVER), when |_| true =>
        "accountname accountkey container realm rootdirectory max_retries retry_delay credentials.type \
        credentials.clientid credentials.tenantid credentials.secret connectionstring serviceurl skipverify";
    "storage.gcs": Refused(NO_DRIVER), when |_| true =>
        "bucket keyfile credentials rootdirectory chunksize maxconcurrency useragent";
    "storage.swift": Refused(NO_DRIVER), when |_| true =>
        "username password authurl tenant tenantid domain domainid tenantdomain tenantdomainid trustid region \
        container prefix endpointtype insecureskipverify chunksize secretkey accesskey tempurlcontainerkey \
        tempurlmethods authversion";
    "storage.oss": Refused(NO_DRIVER), when |_| true =>
        "accesskeyid accesskeysecret region bucket internal endpoint encrypt encryptionkeyid secure chunksize \
        rootdirectory";
    "middleware": Unsupported("requests and content will not pass through it"),
        when |node| node.entries().iter().any(|(_, kind)| any_enabled(Some(kind))) =>
        "*.#.name *.#.disabled *.#.options.*";
    keys "http": Needless("upload sessions are kept on the server, so nothing is signed") => "secret";
    "http.tls.letsencrypt": Refused(NO_ACME) => "cachefile email hosts directoryurl";
    "http.debug": Unsupported("there is no debug server and there are no metrics yet"),
        when |node| is_set(node, &["addr"]) =>
        "addr prometheus.enabled prometheus.path";
    "http.http2": Needless("the server speaks HTTP/1.1 only") => "disabled";
    "http.h2c": Unsupported("the server speaks HTTP/1.1 only") => "enabled";
    "notifications": Unsupported("no events will be sent"),
        when |node| any_enabled(node.at(&["endpoints"])) =>
        "events.includereferences endpoints.#.name endpoints.#.disabled endpoints.#.url endpoints.#.headers \
        endpoints.#.timeout endpoints.#.threshold endpoints.#.backoff endpoints.#.ignoredmediatypes \
        endpoints.#.ignore.mediatypes endpoints.#.ignore.actions";
    "redis": Unsupported("nothing will be cached in redis"),
        when |node| is_set(node, &["addr"]) || is_set(node, &["addrs"]) =>
        "addr addrs clientname db protocol username password sentinelusername sentinelpassword maxretries \
        minretrybackoff maxretrybackoff dialtimeout readtimeout writetimeout contexttimeoutenabled poolfifo \
        poolsize pooltimeout minidleconns maxidleconns maxactiveconns connmaxidletime connmaxlifetime \
        maxredirects readonly routebylatency routerandomly mastername disableidentity identitysuffix \
        unstableresp3 pool.maxidle pool.maxactive pool.idletimeout tls.enabled tls.certificate tls.key \
        tls.rootcas";
    "health.storagedriver": Needless("a request that needs the storage reports its failure") =>
        "enabled interval threshold";
    "health.file": Unsupported(NO_CHECK) => "#.file #.interval #.threshold";
    "health.http": Unsupported(NO_CHECK) => "#.uri #.headers #.statuscode #.timeout #.interval #.threshold";
    "health.tcp": Unsupported(NO_CHECK) => "#.addr #.timeout #.interval #.threshold";
    keys "proxy": Refused(NO_PROXY) => "remoteurl";
    keys "proxy": Needless("without proxy.remoteurl there is no pull-through cache") =>
        "username password ttl cachewritetimeout exec.command exec.lifetime";
    "policy.repository.classes": Unsupported("content of every class is accepted") => "";
    "reporting": Unsupported("nothing will be reported to these services"),
        when |node| is_set(node, &["bugsnag", "apikey"]) || is_set(node, &["newrelic", "licensekey"]) =>
        "bugsnag.apikey bugsnag.releasestage bugsnag.endpoint newrelic.licensekey newrelic.name \
        newrelic.verbose";
    "compatibility.schema1": Unsupported("manifests of schema 1 are refused"),
        when |node| is_on(node, &["enabled"]) =>
        "enabled trustkey signingkeyfile";
};

const S3: &str = "accesskey secretkey sessiontoken region regionendpoint redirectendpoint \
        forcepathstyle bucket encrypt keyid secure skipverify v4auth chunksize \
        multipartcopychunksize multipartcopymaxconcurrency multipartcopythresholdsize \
        multipartcombinesmallpart rootdirectory storageclass objectacl useragent \
        usedualstack accelerate logs3apirequests logs3apiresponseheaders loglevel";
