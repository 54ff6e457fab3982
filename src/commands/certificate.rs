//! `registry certificate`: makes a certificate and its key for a registry of one's own, and says how to
//! serve with it and how clients come to trust it.
//!
//! It is signed by itself and no authority: what trusts it trusts this registry and nothing else.

mod x509;

use crate::sys;
use crate::time::format_rfc_3339;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub use x509::{Host, SelfSigned};

/// The most days a certificate may last: a hundred years.
const DAYS_MAX: u32 = 36_525;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// It is valid from a little before now, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_secs(3600);

/// What is to be made.
#[derive(Debug)]
pub struct Order {
    names: Names,
    days: u32,
    folder: PathBuf,
}

/// Whom the certificate is for.
#[derive(Debug)]
pub struct Names {
    /// By name.
    pub hosts: Vec<Host>,
    /// By address.
    pub addresses: Vec<IpAddr>,
}

impl Order {
    /// Takes the words of the command line. The error says which is wrong and what would be right.
    pub fn new(
        hosts: &[String],
        addresses: &[String],
        days: u32,
        folder: PathBuf,
    ) -> Result<Order, String> {
        let hosts: Result<Vec<Host>, String> = hosts.iter().map(|host| host.parse()).collect();
        let address = |text: &String| {
            let wrong =
                |_| format!("--ip {text} is no IP address, such as 192.0.2.1 or 2001:db8::1");
            text.parse::<IpAddr>().map_err(wrong)
        };
        let addresses: Result<Vec<IpAddr>, String> = addresses.iter().map(address).collect();
        let names = Names {
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

impl Names {
    /// The first, which names the files and stands in the certificate's subject.
    fn first(&self) -> String {
        let host = self.hosts.first().map(ToString::to_string);
        let address = self.addresses.first().map(ToString::to_string);
        host.or(address).unwrap_or_default()
    }

    fn all(&self) -> String {
        let hosts = self.hosts.iter().map(ToString::to_string);
        let all = hosts.chain(self.addresses.iter().map(ToString::to_string));
        all.collect::<Vec<_>>().join(", ")
    }
}

/// Writes the two files and tells about them on `out`. Files that are there are never touched. The
/// error says what could not be done.
pub fn run(order: &Order, out: &mut dyn Write) -> Result<(), String> {
    let now = SystemTime::now();
    let end = now
        .checked_add(DAY * order.days)
        .ok_or("the clock of this machine is far in the future; set it right")?;
    let made = SelfSigned::make(&order.names, now - BACKDATED, end)?;
    // No file of Windows may have these in its name.
    let stem = order.names.first().replace('*', "_").replace(':', "-");
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
    let (all, first, end) = (order.names.all(), order.names.first(), format_rfc_3339(end));
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
