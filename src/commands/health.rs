//! `registry health`: asks a registry whether it is healthy, so that a container needs no curl for its
//! `HEALTHCHECK`.
//!
//! Without a URL it asks the registry of this container or machine: where that is, it reads from the same
//! configuration and the same variables as `registry serve`, so one line is right for every setup.

mod local;
mod secure;

use super::CommandError;
use crate::config::{Config, Listen};
use crate::http::tls::explain;
use argh::FromArgs;
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

/// How long a response may take by default, in seconds.
const TIMEOUT_SECONDS_DEFAULT: u64 = 5;
/// The longest time that may be waited, in seconds.
const TIMEOUT_SECONDS_MAX: u64 = 300;
/// The longest head of a response that is read, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The longest body that is read of a response that says what is wrong, in bytes.
const BODY_BYTES_MAX: u64 = 4 * 1024;

/// Ask a registry whether it is healthy: exits with 0 if it answers 200, or 401 because it requires authentication,
/// and with 1 and the reason if not. Without a URL it asks the registry of this machine or container, at the
/// address in the configuration and the REGISTRY_* variables, and accepts any certificate there.
#[derive(FromArgs)]
#[argh(subcommand, name = "health")]
#[argh(
    example = "{command_name}",
    example = "{command_name} https://registry.local:5000/"
)]
pub struct HealthOptions {
    /// the configuration file of the registry to ask; default: as for `registry serve`
    #[argh(option)]
    config: Option<PathBuf>,
    /// accept any certificate
    #[argh(switch)]
    insecure: bool,
    /// how long the response may take, 1 to 300; default: 5
    #[argh(
        option,
        default = "TIMEOUT_SECONDS_DEFAULT",
        from_str_fn(timeout_seconds)
    )]
    timeout_seconds: u64,
    /// the registry to ask, such as http://127.0.0.1:5000/
    #[argh(positional)]
    url: Option<String>,
}

fn timeout_seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (1..=TIMEOUT_SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("allowed: 1 to {TIMEOUT_SECONDS_MAX}"))
}

/// The registry that is asked.
#[derive(Debug, PartialEq)]
struct Target {
    url: Uri,
    /// The unix socket that leads there.
    socket: Option<PathBuf>,
    /// Whether its certificate must be trusted.
    is_verified: bool,
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

/// Asks, and says on `out` what the response is. A registry is healthy when it answers 200 or another 2xx, or 401,
/// which one that requires authentication does. `of_container` finds the configuration that the registry of
/// this container was started with. The error says what came instead.
pub fn execute(
    options: HealthOptions,
    of_container: fn() -> Option<PathBuf>,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let timeout = Duration::from_secs(options.timeout_seconds);
    let target = match (&options.url, options.config) {
        (Some(_), Some(_)) => {
            let message = "a URL and --config exclude each other; give one of them";
            return Err(CommandError::Usage(message.to_owned()));
        }
        (Some(url), None) => Target {
            url: parse(url).map_err(CommandError::Usage)?,
            socket: None,
            is_verified: !options.insecure,
        },
        (None, config) => {
            // Every error in it is one.
            let (config, _) = super::load_or_search(config.or_else(of_container))?;
            Target::from_config(&config)?
        }
    };
    let response = ask(&target, timeout, agent(&target, timeout)?)?;
    let printed = writeln!(out, "{} {response}", target.name()).and_then(|()| out.flush());
    printed.map_err(CommandError::system(format!(
        "{response}, but that cannot be printed"
    )))
}

impl Target {
    /// Where the registry of a configuration listens.
    fn from_config(config: &Config) -> Result<Target, String> {
        let http = &config.http;
        let (authority, socket) = match &http.listen {
            Listen::Tcp(address) => (client_address(address)?, None),
            // The name is only in the Host header.
            Listen::Unix(path) => ("127.0.0.1".to_owned(), Some(path.clone())),
        };
        let scheme = http.tls.as_ref().map_or("http", |_| "https");
        let url = format!("{scheme}://{authority}{}", http.prefix);
        let url = url.parse().map_err(|error| format!("{url}: {error}"))?;
        Ok(Target {
            url,
            socket,
            // The registry's own certificate is mostly self-signed and made for the name that clients
            // use, never for the loopback address. Nothing secret is sent, and whoever could respond
            // instead on this machine could as well stop it.
            is_verified: false,
        })
    }

    fn name(&self) -> String {
        match &self.socket {
            None => self.url.to_string(),
            Some(path) => format!("{} on {}", self.url, path.display()),
        }
    }
}

/// The address of `http.addr` as a client uses it: one that listens everywhere is asked on the loopback.
fn client_address(address: &str) -> Result<String, String> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "5000"));
    if port.bytes().all(|digit| digit == b'0') {
        return Err(format!(
            "http.addr is {address}, which is any free port; give the URL of the registry"
        ));
    }
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    Ok(format!("{host}:{port}"))
}

fn agent(target: &Target, timeout: Duration) -> Result<Agent, String> {
    let is_verified = target.is_verified && target.url.scheme_str() == Some("https");
    let secure = SecureConnector::new(match is_verified {
        // A root that cannot be read is not trusted here.
        true => Trust::These(rustls_native_certs::load_native_certs().certs),
        false => Trust::Everyone,
    })?;
    let config = Agent::config_builder()
        // The registry itself is asked, not a proxy in between.
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_response_header_size(HEAD_BYTES_MAX)
        .user_agent(concat!("registry-health/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(timeout))
        .build();
    let resolver = DefaultResolver::default();
    Ok(match &target.socket {
        None => Agent::with_parts(config, TcpConnector::default().chain(secure), resolver),
        Some(path) => {
            let local = LocalConnector::new(path.clone());
            Agent::with_parts(config, local.chain(secure), resolver)
        }
    })
}

/// Waits for the response no longer than that, whatever delays it: the name server, or a socket whose owner
/// accepts nothing.
fn ask(target: &Target, timeout: Duration, agent: Agent) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    let url = target.url.clone();
    let asking = thread::Builder::new().spawn(move || {
        let response = agent.get(&url).call().map(|mut response| {
            let status = response.status();
            // Nobody waits for more than the status of a healthy one.
            let why = match status.is_server_error() {
                true => error_message(response.body_mut()),
                false => None,
            };
            (status, why)
        });
        let _ = sender.send(response);
    });
    asking.map_err(|error| format!("cannot start a thread: {error}"))?;
    let name = target.name();
    match receiver.recv_timeout(timeout) {
        Ok(Ok((status, message))) => healthy(status).map_err(|why| match message {
            Some(message) => format!("{name} answers {status}: {message}"),
            None => format!("{name} {why}"),
        }),
        Ok(Err(error)) => explained(&error, timeout).map_err(|why| format!("{name} {why}")),
        Err(_) => Err(format!("{name} {}", silent(timeout))),
    }
}

/// The message of a registry's error, on one line.
fn error_message(body: &mut Body) -> Option<String> {
    let mut text = Vec::new();
    let read = body.as_reader().take(BODY_BYTES_MAX).read_to_end(&mut text);
    let response: serde_json::Value = read.ok().and_then(|_| serde_json::from_slice(&text).ok())?;
    let message = response.get("errors")?.get(0)?.get("message")?.as_str()?;
    Some(message.chars().filter(|c| !c.is_control()).collect())
}

fn healthy(status: StatusCode) -> Result<String, String> {
    match status.is_success() || status == StatusCode::UNAUTHORIZED {
        true => Ok(format!("answers {status}")),
        false => Err(format!(
            "answers {status}; a healthy registry returns 200, or 401 if it requires authentication"
        )),
    }
}

/// What an error means: a registry that requires a client certificate is as healthy as one that requires a
/// password.
fn explained(error: &Error, timeout: Duration) -> Result<String, String> {
    if let Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) = of_tls(error)
    {
        return Ok("requires a client certificate".to_owned());
    }
    Err(match (error, of_tls(error)) {
        (Error::Timeout(_), _) => silent(timeout),
        (_, Some(rustls::Error::InvalidCertificate(why))) => untrusted(why),
        (_, Some(error)) => format!("TLS failed: {}", explain::tls_error(error)),
        (Error::Protocol(_) | Error::LargeResponseHeader(..) | Error::Http(_), _) => {
            format!("answers something other than HTTP: {error}")
        }
        (Error::Io(error), _) => format!("does not answer: {error}"),
        _ => format!("does not answer: {error}"),
    })
}

/// What would help against a certificate that was refused.
fn untrusted(why: &CertificateError) -> String {
    use CertificateError::{Expired, NotValidForName, NotValidYet};
    use CertificateError::{ExpiredContext, NotValidForNameContext, NotValidYetContext};
    let words = explain::certificate_error(why);
    match why {
        NotValidForNameContext { presented, .. } if presented.is_empty() => format!(
            "has a certificate without a host name ({words}): make one with it, or use --insecure"
        ),
        NotValidForName | NotValidForNameContext { .. } => format!(
            "has a certificate for another name ({words}): use a name of the certificate in the URL, or --insecure"
        ),
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            format!("has a certificate that is not valid now ({words}); --insecure accepts it")
        }
        why if explain::is_unreadable(why) => {
            format!("has a certificate that cannot be verified ({words}); --insecure accepts it")
        }
        _ => format!(
            "has a certificate that this machine does not trust ({words}): add it to the trusted ones, \
             set SSL_CERT_FILE to a file with it, or use --insecure"
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

    fn target(section: &str) -> Result<Target, String> {
        let source = ConfigSource::Text {
            name: "test.yml".into(),
            text: format!("version: 0.1\nstorage: inmemory\nhttp: {section}\n"),
        };
        Target::from_config(&Config::load(source, []).unwrap().0)
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
            let found = target(section).unwrap();
            assert_eq!((found.url.to_string(), found.socket), (url.into(), None));
        }
    }

    #[test]
    fn a_unix_socket_is_asked_by_its_path() {
        let found = target("{net: unix, addr: /run/r.sock, prefix: a}").unwrap();
        // Windows shows paths with backslashes.
        let name = found.name().replace('\\', "/");
        assert_eq!(name, "http://127.0.0.1/a/ on /run/r.sock");
    }

    #[test]
    fn any_free_port_cannot_be_known() {
        let message = target("{addr: ':0'}").unwrap_err();
        assert!(message.contains("give the URL"), "{message}");
    }

    #[test]
    fn only_what_a_registry_says_is_healthy() {
        for (status, is_healthy) in [
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
            assert_eq!(healthy(status).is_ok(), is_healthy, "{status}");
        }
    }
}
