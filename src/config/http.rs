//! The `http` section: where to listen, how to name oneself, what each answer carries, and the limits.

use super::layers::Layers;
use super::report::Severity;
use super::resolved::{HttpConfig, LocationStyle};
use super::tls;
use super::values::steps;
use crate::http::{Limits, Listen, TrustedProxies};
use crate::memory;
use std::time::Duration;

const ADDRESS: &str = ":5000";
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
const TRUSTED_PROXIES: &str = "http.trustedproxies";
/// The fields that frame an answer; only the engine sets them.
const FRAMING: [&str; 5] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
];

/// Reads the section.
pub fn http(layers: &mut Layers, manifest_bytes_max: u64) -> HttpConfig {
    HttpConfig {
        listen: listen(layers),
        prefix: prefix(layers),
        location: location(layers),
        drain_timeout: layers
            .duration("http.draintimeout")
            .unwrap_or(DRAIN_TIMEOUT),
        headers: headers(layers),
        tls: tls::tls(layers),
        limits: limits(layers, manifest_bytes_max),
    }
}

fn listen(layers: &mut Layers) -> Listen {
    let address = layers.text("http.addr");
    if layers.choice("http.net") == Some("unix") {
        if address.is_none() {
            layers.mistake(
                &steps("http.net"),
                "found `unix` without http.addr; allowed: http.addr with the path of the socket",
            );
        }
        return Listen::Unix(layers.path("http.addr").unwrap_or_default());
    }
    let address = address.unwrap_or(ADDRESS.to_owned());
    if !is_address(&address) {
        layers.wrong(
            "http.addr",
            "host:port, :port or [IPv6 address]:port with a port from 0 to 65535, such as :5000",
        );
    }
    Listen::Tcp(address)
}

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .filter(|ip| !ip.is_empty() && ip.contains(':')),
        None => Some(host).filter(|host| !host.contains(':')),
    };
    let clean = |host: &str| {
        !host.contains(|c: char| c.is_whitespace() || c.is_control() || "/[]@?#".contains(c))
    };
    digits && port.parse::<u16>().is_ok() && host.is_some_and(clean)
}

/// `/` or `/path/`; distribution asks for both slashes, here they are added.
fn prefix(layers: &mut Layers) -> String {
    let text = layers.text("http.prefix").unwrap_or_default();
    let inner = text.trim_matches('/');
    if inner.is_empty() {
        return "/".to_owned();
    }
    let segment = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !matches!(part, "" | "." | "..") && part.bytes().all(plain)
    };
    if !inner.split('/').all(segment) {
        layers.wrong(
            "http.prefix",
            "a path of letters, digits, `-`, `.`, `_`, `~` and `/`, such as /registry/",
        );
        return "/".to_owned();
    }
    format!("/{inner}/")
}

/// A host wins over `relativeurls`, as in distribution. Where neither is set a relative `Location` is
/// given, which distribution does on request only: it is right behind any proxy.
fn location(layers: &mut Layers) -> LocationStyle {
    let relative = layers.boolean("http.relativeurls");
    let named = layers.text("http.host");
    if let Some(host) = named.as_deref().filter(|host| !host.contains("://")) {
        let message = format!(
            "found `{host}` without a scheme; it is ignored, as in distribution: write https://{host}, or http://"
        );
        layers.notice(Severity::Warning, &steps("http.host"), message);
    } else if let Some(host) = named {
        let host = host.trim_end_matches('/').to_owned();
        if !is_base_url(&host) {
            layers.wrong("http.host", "http:// or https:// with a host and nothing behind the path, such as https://registry.example");
        }
        return LocationStyle::Host(host);
    }
    match relative {
        Some(false) => LocationStyle::FromRequest,
        Some(true) | None => LocationStyle::Relative,
    }
}

fn is_base_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let clean = |c: char| c.is_ascii_graphic() && !"?#@\\\"<>".contains(c);
    rest.is_some_and(|rest| {
        !rest.starts_with(['/', ':']) && !rest.is_empty() && rest.chars().all(clean)
    })
}

fn headers(layers: &mut Layers) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for name in layers.keys("http.headers") {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let path = vec!["http".to_owned(), "headers".to_owned(), name.clone()];
        if name.is_empty() || !name.bytes().all(token) {
            layers.mistake(
                &path,
                "is no name of a header field; allowed: letters, digits and !#$%&'*+-.^_`|~",
            );
            continue;
        }
        if FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
            layers.mistake(&path, "the server sets this header field itself; remove it");
            continue;
        }
        if name.contains('_') {
            let message = "a header field with _ in its name, which proxies drop; is - meant?";
            layers.notice(Severity::Warning, &path, message);
        }
        if name.contains('.') {
            layers.mistake(&path, "a header field whose name has a dot cannot be set");
            continue;
        }
        for (path, value) in layers.texts(&format!("http.headers.{name}")) {
            if value.chars().any(|c| c.is_control() && c != '\t') {
                layers.wrong(
                    &path,
                    "a text without line breaks and other control characters",
                );
            }
            headers.push((name.clone(), value));
        }
    }
    headers
}

fn limits(layers: &mut Layers, manifest_bytes_max: u64) -> Limits {
    let default = Limits::default();
    let mut limits = Limits {
        connections_max: layers
            .integer("http.limits.connections")
            .unwrap_or(default.connections_max),
        connections_per_address_max: layers
            .integer("http.limits.connectionsperaddress")
            .unwrap_or(default.connections_per_address_max),
        trusted_proxies: trusted_proxies(layers).unwrap_or(default.trusted_proxies),
        head_bytes_max: layers
            .bytes("http.limits.headbytes")
            .unwrap_or(default.head_bytes_max),
        memory_bytes_max: 0,
        head_fields_max: layers
            .integer("http.limits.headfields")
            .unwrap_or(default.head_fields_max),
        target_bytes_max: layers
            .bytes("http.limits.targetbytes")
            .unwrap_or(default.target_bytes_max),
        head_timeout: layers
            .duration("http.limits.headtimeout")
            .unwrap_or(default.head_timeout),
        idle_timeout: layers
            .duration("http.limits.idletimeout")
            .unwrap_or(default.idle_timeout),
        body_rate_min_bytes_per_second: layers
            .bytes("http.limits.minimumrate")
            .unwrap_or(default.body_rate_min_bytes_per_second),
        body_grace: layers
            .duration("http.limits.grace")
            .unwrap_or(default.body_grace),
        answer_rate_min_bytes_per_second: layers
            .bytes("http.limits.answerminimumrate")
            .unwrap_or(default.answer_rate_min_bytes_per_second),
        answer_grace: layers
            .duration("http.limits.answergrace")
            .unwrap_or(default.answer_grace),
        linger_timeout: layers
            .duration("http.limits.lingertimeout")
            .unwrap_or(default.linger_timeout),
        drain_bytes_max: layers
            .bytes("http.limits.drainbytes")
            .unwrap_or(default.drain_bytes_max),
    };
    limits.memory_bytes_max = memory(layers, limits.head_bytes_max, manifest_bytes_max);
    limits
}

/// The proxies whose words count; an empty list is one, of nobody.
fn trusted_proxies(layers: &mut Layers) -> Option<TrustedProxies> {
    layers.value(TRUSTED_PROXIES)?;
    let mut networks = Vec::new();
    for (path, text) in layers.texts(TRUSTED_PROXIES) {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(()) => layers.wrong(
                &path,
                "an IP address, or a network such as 10.0.0.0/8 or fd00::/8",
            ),
        }
    }
    Some(TrustedProxies(networks))
}

/// A head or a manifest that could never be taken is a mistake, where both limits were chosen; otherwise
/// there is as much memory as is needed.
fn memory(layers: &mut Layers, head_bytes_max: usize, manifest_bytes_max: u64) -> usize {
    let manifest_bytes_max = usize::try_from(manifest_bytes_max).unwrap_or(usize::MAX);
    let largest = head_bytes_max.max(manifest_bytes_max);
    let needed = largest.saturating_mul(memory::LARGEST_SHARES);
    let Some(bytes) = layers.bytes("http.limits.memory") else {
        return needed.max(memory::BYTES_DEFAULT);
    };
    if bytes < needed {
        let times = memory::LARGEST_SHARES;
        let allowed = format!(
            "at least {times} times http.limits.manifestbytes and headbytes, which is {needed} bytes"
        );
        layers.wrong("http.limits.memory", &allowed);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigSource};
    use super::*;

    #[test]
    fn the_memory_holds_the_largest_head_and_manifest() {
        let load = |limits: &str| {
            let text = format!("version: 0.1\nstorage: inmemory\nhttp: {{limits: {limits}}}\n");
            let name = "test.yml".to_owned();
            let loaded = Config::load(ConfigSource::Text { name, text }, []);
            loaded.map(|(config, _)| config.http.limits.memory_bytes_max)
        };
        let mib = 1024 * 1024;
        for (limits, expected) in [
            ("{}", 96 * mib),
            ("{manifestbytes: 4MiB}", 96 * mib),
            ("{manifestbytes: 5MiB}", 100 * mib),
            ("{manifestbytes: 1MiB, memory: 32MiB}", 32 * mib),
            ("{memory: 80MiB}", 80 * mib),
        ] {
            assert_eq!(load(limits).unwrap(), expected, "{limits}");
        }
        for limits in ["{memory: 79MiB}", "{manifestbytes: 8MiB, memory: 159MiB}"] {
            let said = format!("{:?}", load(limits).unwrap_err());
            assert!(said.contains("at least 20 times"), "{said}");
        }
    }

    #[test]
    fn trusted_proxies_are_addresses_and_networks_and_may_be_none() {
        let load = |text: &str, variables: &[(&str, &str)]| {
            let text = format!("version: 0.1\nstorage: inmemory\nhttp: {text}\n");
            let name = "test.yml".to_owned();
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let variables: Vec<_> = variables.iter().map(owned).collect();
            let loaded = Config::load(ConfigSource::Text { name, text }, variables);
            loaded.map(|(config, _)| config)
        };
        let proxies = |text: &str, variables: &[(&str, &str)]| {
            let config = load(text, variables).unwrap();
            // What is printed is the same configuration.
            let printed = ConfigSource::Text {
                name: "printed.yml".to_owned(),
                text: config.render(),
            };
            let (again, _) = Config::load(printed, []).unwrap();
            let proxies = config.http.limits.trusted_proxies;
            assert_eq!(again.http.limits.trusted_proxies, proxies);
            let shown = proxies.0.iter().map(ToString::to_string);
            shown.collect::<Vec<_>>().join(" ")
        };
        assert!(proxies("{}", &[]).starts_with("127.0.0.0/8 "));
        assert_eq!(proxies("{trustedproxies: []}", &[]), "");
        assert_eq!(
            proxies("{trustedproxies: [192.0.2.1, 'fd00::/8']}", &[]),
            "192.0.2.1/32 fd00::/8"
        );
        let variable = "REGISTRY_HTTP_TRUSTEDPROXIES";
        for (value, expected) in [
            ("[]", ""),
            ("172.18.0.2", "172.18.0.2/32"),
            ("['::1']", "::1/128"),
        ] {
            assert_eq!(proxies("{}", &[(variable, value)]), expected, "{value}");
        }
        for wrong in ["[proxy.example]", "[10.0.0.0/33]", "{a: b}"] {
            let errors = load(&format!("{{trustedproxies: {wrong}}}"), &[]).unwrap_err();
            assert!(
                format!("{errors:?}").contains("http.trustedproxies"),
                "{wrong}"
            );
        }
        // A slip would leave what is trusted as it is by default.
        assert!(load("{trustedproxy: []}", &[]).is_err());
    }

    #[test]
    fn addresses_have_a_port() {
        for address in [
            ":5000",
            "0.0.0.0:5000",
            "[::1]:5000",
            "[::]:0",
            "localhost:65535",
            "127.0.0.1:0",
        ] {
            assert!(is_address(address), "{address}");
        }
        for address in [
            "",
            "5000",
            "localhost",
            "host:",
            "::1:5000",
            "[::1]",
            ":65536",
            "a b:1",
            "x/y:1",
            ":+1",
            "http://a:1",
        ] {
            assert!(!is_address(address), "{address}");
        }
    }

    #[test]
    fn base_urls_have_a_scheme_and_a_host() {
        for url in [
            "http://a",
            "https://a.b:5000",
            "https://a/base",
            "http://[::1]:5000",
        ] {
            assert!(is_base_url(url), "{url}");
        }
        for url in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http:///x",
            "http://:5000",
            "http://u:p@a",
            "http://a?x",
            "http://a b",
        ] {
            assert!(!is_base_url(url), "{url}");
        }
    }
}
