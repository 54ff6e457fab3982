//! `registry certificate`: makes a self-signed certificate and its key, and says how to serve with it and how
//! clients come to trust it.
//!
//! No authority signs it: whatever trusts it trusts this registry and nothing else.

use super::CommandError;
use crate::sys;
use crate::time::format_rfc_3339;
use crate::x509::self_signed::HostNameError;
use crate::x509::{HostName, SelfSigned, ServerNames};
use argh::FromArgs;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The most days a certificate may be valid: a hundred years.
const DAYS_MAX: u32 = 36_525;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// It is valid from a little before now, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_secs(3600);

/// Make a self-signed certificate and its key for HTTPS, and say how to make clients trust it. Existing files
/// are never overwritten.
#[derive(FromArgs)]
#[argh(subcommand, name = "certificate")]
#[argh(example = "{command_name} --host registry.local --ip 192.0.2.1 --out certs")]
pub struct CertificateOptions {
    /// a host name of the registry as clients use it; may be repeated, the first one names the files
    #[argh(option, from_str_fn(host_name))]
    pub host: Vec<HostName>,
    /// an IP address of the registry; may be repeated
    #[argh(option, from_str_fn(ip_address))]
    pub ip: Vec<IpAddr>,
    /// how many days it is valid, 1 to 36525; default: 365
    #[argh(option, default = "365", from_str_fn(days))]
    pub days: u32,
    /// the directory for the two files; default: the current one
    #[argh(option, default = "PathBuf::from(\".\")")]
    pub out: PathBuf,
}

fn host_name(text: &str) -> Result<HostName, String> {
    text.parse().map_err(|error| match error {
        HostNameError::IpAddress => format!("{error}; use --ip"),
        HostNameError::Malformed => error.to_string(),
    })
}

fn ip_address(text: &str) -> Result<IpAddr, String> {
    let address = text.parse();
    address.map_err(|_| "not an IP address, such as 192.0.2.1 or 2001:db8::1".to_owned())
}

fn days(text: &str) -> Result<u32, String> {
    let days = text
        .parse()
        .ok()
        .filter(|days| (1..=DAYS_MAX).contains(days));
    days.ok_or_else(|| format!("allowed: 1 to {DAYS_MAX}"))
}

/// The first name, which the files are called by.
fn first(names: &ServerNames) -> String {
    names.all().next().unwrap_or_default()
}

/// Writes the two files and says what to do with them on `out`. Existing files are never touched.
pub fn execute(options: CertificateOptions, out: &mut dyn Write) -> Result<(), CommandError> {
    let names = ServerNames {
        hosts: options.host,
        addresses: options.ip,
    };
    if names.hosts.is_empty() && names.addresses.is_empty() {
        let message =
            "at least one --host or --ip is required, by which clients reach the registry";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let now = SystemTime::now();
    let end = now
        .checked_add(DAY * options.days)
        .ok_or("the clock of this machine is far in the future; set it right".to_owned())?;
    let made = SelfSigned::generate(&names, now - BACKDATED, end)
        .map_err(|error| CommandError::Other(error.into()))?;
    // No file name on Windows may have these characters.
    let stem = first(&names).replace('*', "_").replace(':', "-");
    fs::create_dir_all(&options.out).map_err(|error| unwritten(&options.out, error))?;
    let certificate = options.out.join(format!("{stem}.crt"));
    let key = options.out.join(format!("{stem}.key"));
    let file = File::create_new(&certificate).map_err(|error| unwritten(&certificate, error))?;
    let written = write(file, &made.certificate).map_err(|error| unwritten(&certificate, error));
    let written = written.and_then(|()| {
        let file = sys::create_private(&key);
        file.and_then(|file| write(file, &made.key))
            .map_err(|error| unwritten(&key, error))
    });
    if written.is_err() {
        // A certificate without its key is good for nothing.
        let _ = fs::remove_file(&certificate);
        return written;
    }
    let printed = print_instructions(out, &names, (&certificate, &key), end);
    printed.map_err(CommandError::system(
        "the files are written, but the instructions cannot be printed",
    ))
}

fn unwritten(path: &Path, error: io::Error) -> CommandError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => CommandError::from(format!(
            "{path} already exists and is never overwritten; move it away or choose another --out"
        )),
        _ => CommandError::system(format!("cannot write {path}"))(error),
    }
}

fn write(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn print_instructions(
    out: &mut dyn Write,
    names: &ServerNames,
    (certificate, key): (&Path, &Path),
    end: SystemTime,
) -> io::Result<()> {
    let file = certificate.file_name().unwrap_or_default();
    let file = file.to_string_lossy().into_owned();
    let whole = |path: &Path| std::path::absolute(path).unwrap_or(path.to_owned());
    let (certificate, key) = (whole(certificate), whole(key));
    let (certificate, key) = (certificate.display(), key.display());
    let (all, first, end) = (
        names.all().collect::<Vec<_>>().join(", "),
        first(names),
        format_rfc_3339(end),
    );
    write!(
        out,
        "certificate  {certificate}
             for {all}; valid until {end}
private key  {key}
             keep it on the server

Serve with it:
  REGISTRY_HTTP_TLS_CERTIFICATE={certificate}
  REGISTRY_HTTP_TLS_KEY={key}

Make clients trust it; copy the certificate to each of them, the key to none.
  Windows, as administrator, then restart docker:
    Import-Certificate -FilePath {file} -CertStoreLocation Cert:\\LocalMachine\\Root
    certutil -addstore -f Root {file}                      # without PowerShell
  Linux, as root, then restart docker:
    cp {file} /usr/local/share/ca-certificates/ && update-ca-certificates      # Debian, Ubuntu
    cp {file} /etc/pki/ca-trust/source/anchors/ && update-ca-trust             # Fedora, RHEL
  Only docker, only for this registry, without a restart (with the registry's port):
    /etc/docker/certs.d/{first}:5000/ca.crt
    %ProgramData%\\docker\\certs.d\\{first}5000\\ca.crt           # Windows: no colon
"
    )?;
    out.flush()
}
