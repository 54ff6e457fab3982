//! `registry health`: asks a registry whether it is there, so that a container needs no curl for its
//! `HEALTHCHECK`.
//!
//! Without a URL it asks the registry of this container or machine: where that is, it reads from the same
//! configuration and the same variables as `registry serve`, so one line is right for every setting.

mod local;
mod secure;

use crate::config::{Config, Listen};
use crate::http::tls::words;
use local::LocalConnector;
use rustls::{AlertDescription, CertificateError};
use secure::{SecureConnector, Trust};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use ureq::http::{StatusCode, Uri};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Body, Error};

/// How long an answer may take unless it is said otherwise, in seconds.
pub const TIMEOUT_SECONDS_DEFAULT: u64 = 5;
/// The longest that may be waited, in seconds.
const TIMEOUT_SECONDS_MAX: u64 = 300;
/// The longest head of an answer that is read, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The longest body that is read of an answer that says what is wrong, in bytes.
const BODY_BYTES_MAX: u64 = 4 * 1024;

/// What is to be asked.
pub struct Order {
    whom: Whom,
    judged: bool,
    timeout: Duration,
}

enum Whom {
    Url(Uri),
    /// The registry that this file configures; when none is named the one that is found.
    Configured(Option<PathBuf>),
}

/// Where a registry is asked.
#[derive(Debug, PartialEq)]
struct Place {
    url: Uri,
    /// The unix socket that leads there.
    socket: Option<PathBuf>,
}

impl Order {
    /// Takes the words of the command line: a URL, or the configuration of the registry to ask. `insecure`
    /// takes any certificate of a URL. The error says which word is wrong.
    pub fn new(
        url: Option<&str>,
        config: Option<PathBuf>,
        insecure: bool,
        timeout_seconds: u64,
    ) -> Result<Order, String> {
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&timeout_seconds) {
            return Err(format!(
                "found --timeout-seconds {timeout_seconds}; allowed: 1 to {TIMEOUT_SECONDS_MAX}"
            ));
        }
        let whom = match (url, config) {
            (Some(_), Some(_)) => return Err("a URL and --config: name one of them".to_owned()),
            (Some(url), None) => Whom::Url(parse(url)?),
            (None, config) => Whom::Configured(config),
        };
        // The registry's own certificate is mostly signed by itself and made for the name that clients
        // use, never for the loopback address. Nothing secret is sent, and who could answer in its
        // place on this machine could as well end it.
        let judged = matches!(whom, Whom::Url(_)) && !insecure;
        Ok(Order {
            whom,
            judged,
            timeout: Duration::from_secs(timeout_seconds),
        })
    }
}

fn parse(text: &str) -> Result<Uri, String> {
    const ALLOWED: &str = "allowed: a URL such as https://registry.local:5000/";
    // What is before an @ may be a password, and a container engine keeps what is printed.
    let wrong = || match text.contains('@') {
        true => format!("found a URL with an @; {ALLOWED}, without a user and a password"),
        false => format!("found `{text}`; {ALLOWED}"),
    };
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let web = matches!(url.scheme_str(), Some("http" | "https"));
    let host = url.authority().filter(|name| !name.as_str().contains('@'));
    match web && host.is_some() {
        true => Ok(url),
        false => Err(wrong()),
    }
}

/// Asks, and tells the answer on `out`. A registry is well when it answers 200 or another 2xx, or 401,
/// which is what one with users says. The error says what came instead.
pub fn run(order: &Order, out: &mut dyn Write) -> Result<(), String> {
    let place = match &order.whom {
        Whom::Url(url) => Place {
            url: url.clone(),
            socket: None,
        },
        Whom::Configured(path) => configured(path.clone())?,
    };
    let said = within(order.timeout, agent(order, &place)?, &place)?;
    let printed = writeln!(out, "{} {said}", place.name()).and_then(|()| out.flush());
    printed.map_err(|error| format!("{said}, but that cannot be printed: {error}"))
}

/// Where the registry of a configuration listens. Every mistake in it is an error.
fn configured(named: Option<PathBuf>) -> Result<Place, String> {
    let loaded = super::load_or_search(named);
    let (config, _) = loaded.map_err(|errors| super::told(&errors))?;
    Place::of(&config)
}

impl Place {
    fn of(config: &Config) -> Result<Place, String> {
        let http = &config.http;
        let (authority, socket) = match &http.listen {
            Listen::Tcp(address) => (within_reach(address)?, None),
            // The name stands in the Host field alone.
            Listen::Unix(path) => ("127.0.0.1".to_owned(), Some(path.clone())),
        };
        let scheme = http.tls.as_ref().map_or("http", |_| "https");
        let url = format!("{scheme}://{authority}{}", http.prefix);
        let url = url.parse().map_err(|error| format!("{url}: {error}"))?;
        Ok(Place { url, socket })
    }

    fn name(&self) -> String {
        match &self.socket {
            None => self.url.to_string(),
            Some(path) => format!("{} on {}", self.url, path.display()),
        }
    }
}

/// The address of `http.addr` as a client names it: who listens everywhere is asked on the loopback.
fn within_reach(address: &str) -> Result<String, String> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "5000"));
    if port.bytes().all(|digit| digit == b'0') {
        return Err(format!(
            "http.addr is {address}, which is any free port; name the URL of the registry"
        ));
    }
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    Ok(format!("{host}:{port}"))
}

fn agent(order: &Order, place: &Place) -> Result<Agent, String> {
    let judged = order.judged && place.url.scheme_str() == Some("https");
    let secure = SecureConnector::new(match judged {
        // One that cannot be read is trusted by nobody here.
        true => Trust::These(rustls_native_certs::load_native_certs().certs),
        false => Trust::Everyone,
    })?;
    let config = Agent::config_builder()
        // The registry itself is asked, not what stands between.
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_response_header_size(HEAD_BYTES_MAX)
        .user_agent(concat!("registry-health/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(order.timeout))
        .build();
    let resolver = DefaultResolver::default();
    Ok(match &place.socket {
        None => Agent::with_parts(config, TcpConnector::default().chain(secure), resolver),
        Some(path) => {
            let local = LocalConnector::new(path.clone());
            Agent::with_parts(config, local.chain(secure), resolver)
        }
    })
}

/// Waits for the answer no longer than that, whatever keeps it: the name server, or a socket whose owner
/// accepts nothing.
fn within(timeout: Duration, agent: Agent, place: &Place) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    let url = place.url.clone();
    let asking = thread::Builder::new().spawn(move || {
        let answer = agent.get(&url).call().map(|mut answer| {
            let status = answer.status();
            // Nobody waits for more than the status of one that is well.
            let why = match status.is_server_error() {
                true => told(answer.body_mut()),
                false => None,
            };
            (status, why)
        });
        let _ = sender.send(answer);
    });
    asking.map_err(|error| format!("no thread can be started: {error}"))?;
    let name = place.name();
    match receiver.recv_timeout(timeout) {
        Ok(Ok((status, told))) => well(status).map_err(|why| match told {
            Some(told) => format!("{name} answers {status}: {told}"),
            None => format!("{name} {why}"),
        }),
        Ok(Err(error)) => wrong(&error, timeout).map_err(|why| format!("{name} {why}")),
        Err(_) => Err(format!("{name} {}", silent(timeout))),
    }
}

/// The message of a registry's error, on one line.
fn told(body: &mut Body) -> Option<String> {
    let mut text = Vec::new();
    let read = body.as_reader().take(BODY_BYTES_MAX).read_to_end(&mut text);
    let answer: serde_json::Value = read.ok().and_then(|_| serde_json::from_slice(&text).ok())?;
    let message = answer.get("errors")?.get(0)?.get("message")?.as_str()?;
    Some(message.chars().filter(|c| !c.is_control()).collect())
}

fn well(status: StatusCode) -> Result<String, String> {
    match status.is_success() || status == StatusCode::UNAUTHORIZED {
        true => Ok(format!("answers {status}")),
        false => Err(format!(
            "answers {status}; a registry that is well answers 200, or 401 where it has users"
        )),
    }
}

/// What an error comes to: a registry that wants a client's certificate is as well as one that wants
/// a password.
fn wrong(error: &Error, timeout: Duration) -> Result<String, String> {
    if let Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) = of_tls(error)
    {
        return Ok("asks for a client's certificate".to_owned());
    }
    Err(match (error, of_tls(error)) {
        (Error::Timeout(_), _) => silent(timeout),
        (_, Some(rustls::Error::InvalidCertificate(why))) => untrusted(why),
        (_, Some(error)) => format!("does not speak TLS as it should: {}", words::of(error)),
        (Error::Protocol(_) | Error::LargeResponseHeader(..) | Error::Http(_), _) => {
            format!("answers something else than HTTP: {error}")
        }
        (Error::Io(error), _) => format!("does not answer: {error}"),
        _ => format!("does not answer: {error}"),
    })
}

/// What would help against a certificate that was refused.
fn untrusted(why: &CertificateError) -> String {
    use CertificateError::{Expired, NotValidForName, NotValidYet};
    use CertificateError::{ExpiredContext, NotValidForNameContext, NotValidYetContext};
    let words = words::of_certificate(why);
    match why {
        NotValidForNameContext { presented, .. } if presented.is_empty() => format!(
            "has a certificate without a name ({words}): make one that has it, or say --insecure"
        ),
        NotValidForName | NotValidForNameContext { .. } => format!(
            "has a certificate for another name ({words}): ask it by a name of the certificate, or say --insecure"
        ),
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            format!("has a certificate that is not valid now ({words}); --insecure takes it")
        }
        why if words::is_unreadable(why) => {
            format!("has a certificate that cannot be judged ({words}); --insecure takes it")
        }
        _ => format!(
            "has a certificate that this machine does not trust ({words}): let the machine trust it, \
             set SSL_CERT_FILE to a file with it, or say --insecure"
        ),
    }
}

fn of_tls(error: &Error) -> Option<&rustls::Error> {
    match error {
        Error::Rustls(error) => Some(error),
        Error::Io(error) => io::Error::get_ref(error)?.downcast_ref(),
        _ => None,
    }
}

fn silent(timeout: Duration) -> String {
    format!("does not answer within {} s", timeout.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigSource;

    fn place(section: &str) -> Result<Place, String> {
        let source = ConfigSource::Text {
            name: "test.yml".into(),
            text: format!("version: 0.1\nstorage: inmemory\nhttp: {section}\n"),
        };
        Place::of(&Config::load(source, []).unwrap().0)
    }

    #[test]
    fn a_registry_is_asked_where_it_listens() {
        for (section, url) in [
            ("{}", "http://127.0.0.1:5000/"),
            ("{addr: ':5001'}", "http://127.0.0.1:5001/"),
            ("{addr: '0.0.0.0:80'}", "http://127.0.0.1:80/"),
            ("{addr: '[::]:80'}", "http://[::1]:80/"),
            ("{addr: '[::1]:80'}", "http://[::1]:80/"),
            ("{addr: '192.0.2.1:80'}", "http://192.0.2.1:80/"),
            ("{addr: 'localhost:80'}", "http://localhost:80/"),
            ("{prefix: /a/b}", "http://127.0.0.1:5000/a/b/"),
            ("{tls: {certificate: c, key: k}}", "https://127.0.0.1:5000/"),
        ] {
            let found = place(section).unwrap();
            assert_eq!((found.url.to_string(), found.socket), (url.into(), None));
        }
    }

    #[test]
    fn a_unix_socket_is_asked_by_its_path() {
        let found = place("{net: unix, addr: /run/r.sock, prefix: a}").unwrap();
        // Windows shows paths with backslashes.
        let name = found.name().replace('\\', "/");
        assert_eq!(name, "http://127.0.0.1/a/ on /run/r.sock");
    }

    #[test]
    fn any_free_port_cannot_be_known() {
        let message = place("{addr: ':0'}").unwrap_err();
        assert!(message.contains("name the URL"), "{message}");
    }

    #[test]
    fn only_what_a_registry_says_is_well() {
        for (status, is_well) in [
            (200, true),
            (204, true),
            (401, true),
            (302, false),
            (403, false),
            (404, false),
            (429, false),
            (500, false),
            (503, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(well(status).is_ok(), is_well, "{status}");
        }
    }
}
