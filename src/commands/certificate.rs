//! `registry certificate`: makes a certificate and its key for a registry of one's own, and says how to
//! serve with it and how clients come to trust it.
//!
//! It is signed by itself and no authority: what trusts it trusts this registry and nothing else.

use crate::sys;
use crate::time::format_rfc_3339;
use crate::x509::self_signed::HostNameError;
use crate::x509::{HostName, SelfSigned, ServerNames};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The most days a certificate may last: a hundred years.
const DAYS_MAX: u32 = 36_525;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// It is valid from a little before now, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_secs(3600);

/// What is to be made.
#[derive(Debug)]
pub struct Order {
    names: ServerNames,
    days: u32,
    folder: PathBuf,
}

impl Order {
    /// Takes the words of the command line. The error says which is wrong and what would be right.
    pub fn new(
        hosts: &[String],
        addresses: &[String],
        days: u32,
        folder: PathBuf,
    ) -> Result<Order, String> {
        let host = |text: &String| {
            text.parse().map_err(|error| match error {
                HostNameError::IpAddress => {
                    format!("--host {text} {error}; give it as --ip {text}")
                }
                HostNameError::Malformed => format!("--host {text:?} {error}"),
            })
        };
        let hosts: Result<Vec<HostName>, String> = hosts.iter().map(host).collect();
        let address = |text: &String| {
            let wrong =
                |_| format!("--ip {text} is no IP address, such as 192.0.2.1 or 2001:db8::1");
            text.parse::<IpAddr>().map_err(wrong)
        };
        let addresses: Result<Vec<IpAddr>, String> = addresses.iter().map(address).collect();
        let names = ServerNames {
            hosts: hosts?,
            addresses: addresses?,
        };
        if names.hosts.is_empty() && names.addresses.is_empty() {
            return Err("for whom? name the registry by --host or --ip as clients call it".into());
        }
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(format!(
                "--days {days} is not a number from 1 to {DAYS_MAX}"
            ));
        }
        Ok(Order {
            names,
            days,
            folder,
        })
    }
}

/// The first name, which the files are called by.
fn first(names: &ServerNames) -> String {
    names.all().next().unwrap_or_default()
}

/// Writes the two files and tells about them on `out`. Files that are there are never touched. The
/// error says what could not be done.
pub fn run(order: &Order, out: &mut dyn Write) -> Result<(), String> {
    let now = SystemTime::now();
    let end = now
        .checked_add(DAY * order.days)
        .ok_or("the clock of this machine is far in the future; set it right")?;
    let made = SelfSigned::generate(&order.names, now - BACKDATED, end)
        .map_err(|error| error.to_string())?;
    // No file of Windows may have these in its name.
    let stem = first(&order.names).replace('*', "_").replace(':', "-");
    let wrong = |path: &Path, error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!(
            "{} is there already and is never overwritten; move it away or name another --out",
            path.display()
        ),
        _ => format!("cannot write {}: {error}", path.display()),
    };
    fs::create_dir_all(&order.folder).map_err(|error| wrong(&order.folder, error))?;
    let certificate = order.folder.join(format!("{stem}.crt"));
    let key = order.folder.join(format!("{stem}.key"));
    let file = File::create_new(&certificate).map_err(|error| wrong(&certificate, error))?;
    let written = write(file, &made.certificate).map_err(|error| wrong(&certificate, error));
    let written = written.and_then(|()| {
        let file = sys::create_private(&key);
        file.and_then(|file| write(file, &made.key))
            .map_err(|error| wrong(&key, error))
    });
    if let Err(message) = written {
        // A certificate without its key is good for nothing.
        let _ = fs::remove_file(&certificate);
        return Err(message);
    }
    let told = tell(out, order, (&certificate, &key), end);
    told.map_err(|error| format!("the files are written, but that cannot be told: {error}"))
}

fn write(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn tell(
    out: &mut dyn Write,
    order: &Order,
    (certificate, key): (&Path, &Path),
    end: SystemTime,
) -> io::Result<()> {
    let file = certificate.file_name().unwrap_or_default();
    let file = file.to_string_lossy().into_owned();
    let whole = |path: &Path| std::path::absolute(path).unwrap_or(path.to_owned());
    let (certificate, key) = (whole(certificate), whole(key));
    let (certificate, key) = (certificate.display(), key.display());
    let all = order.names.all().collect::<Vec<_>>().join(", ");
    let (first, end) = (first(&order.names), format_rfc_3339(end));
    write!(
        out,
        "certificate  {certificate}
             for {all}; valid until {end}
private key  {key}
             it stays with the server

Serve with it:
  REGISTRY_HTTP_TLS_CERTIFICATE={certificate}
  REGISTRY_HTTP_TLS_KEY={key}

Let clients trust it; the certificate goes to each of them, the key to none.
  Windows, as administrator, then restart docker:
    Import-Certificate -FilePath {file} -CertStoreLocation Cert:\\LocalMachine\\Root
    certutil -addstore -f Root {file}                      # without PowerShell
  Linux, as root, then restart docker:
    cp {file} /usr/local/share/ca-certificates/ && update-ca-certificates      # Debian, Ubuntu
    cp {file} /etc/pki/ca-trust/source/anchors/ && update-ca-trust             # Fedora, RHEL
  docker alone and this registry alone, without a restart (with the registry's port):
    /etc/docker/certs.d/{first}:5000/ca.crt
    %ProgramData%\\docker\\certs.d\\{first}5000\\ca.crt           # Windows: no colon
"
    )?;
    out.flush()
}
