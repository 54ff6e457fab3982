//! The systemd unit, which is on Linux what a service is on Windows: with no more permissions, and no more of the
//! file system, than a registry needs (systemd.exec(5), "Sandboxing").

use super::files::absolute_below;
use crate::config::{Config, Scheme, StorageDriver};
use crate::http::Listen;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where systemd itself creates a directory for a service, owned by the service's user.
const STATE: &str = "/var/lib/";
const RUNTIME: &str = "/run/";
/// A port below this needs a capability.
const PORT_FREE_MIN: u16 = 1024;
/// Directories that nobody but root and their owners need.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// The part that is the same for every registry.
const SANDBOX: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0027
";

/// What the unit is about.
pub struct Unit<'a> {
    /// Its name, and that of the user that it runs as.
    pub name: &'a str,
    /// The absolute path of the program.
    pub program: PathBuf,
    /// The absolute path of the configuration.
    pub file: &'a Path,
    /// The content of the configuration.
    pub config: &'a Config,
    /// Where its relative paths start.
    pub directory: &'a Path,
}

impl Unit<'_> {
    /// The text of the unit. What else is to be done is in its comments.
    pub fn text(&self) -> String {
        let name = self.name;
        let mut text = self.comments();
        let (program, file) = (word(&self.program), word(self.file));
        let directory = specifiers(&self.directory.display().to_string());
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "
[Unit]
Description=Container registry
Documentation=https://github.com/opencontainers/distribution-spec
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={program} serve {file}
WorkingDirectory={directory}
User={name}
Group={name}
Restart=on-failure
RestartSec=5
TimeoutStopSec=90
LimitNOFILE=65536
{}{}{}{SANDBOX}
[Install]
WantedBy=multi-user.target
",
            self.directories(),
            self.capabilities(),
            self.hidden()
        );
        text
    }

    /// What to do once: the user, the files that it must read.
    fn comments(&self) -> String {
        let name = self.name;
        let mut text = format!(
            "# Write this to /etc/systemd/system/{name}.service. Then, once, as root:
#   useradd --system --user-group --home-dir {STATE}{name} --no-create-home --shell /usr/sbin/nologin {name}
"
        );
        for file in self.secrets() {
            let file = file.display();
            text.push_str(&format!(
                "#   chgrp {name} \"{file}\" && chmod 640 \"{file}\"\n"
            ));
        }
        for directory in self.writable() {
            let directory = directory.display();
            text.push_str(&format!(
                "#   mkdir -p \"{directory}\" && chown -R {name}:{name} \"{directory}\"\n"
            ));
        }
        text.push_str(&format!(
            "#   systemctl daemon-reload && systemctl enable --now {name}\n"
        ));
        text
    }

    /// Files that are read and that not everyone may read.
    fn secrets(&self) -> Vec<PathBuf> {
        let tls = self.config.http.tls.as_ref().map(|tls| &tls.key);
        let users = match &self.config.auth {
            Scheme::Htpasswd { path, .. } => Some(path),
            _ => None,
        };
        let files = tls.into_iter().chain(users);
        files.map(|file| self.absolute(file)).collect()
    }

    /// Where the data is, if it is in a directory.
    fn data(&self) -> Option<PathBuf> {
        match &self.config.storage.driver {
            StorageDriver::Filesystem { root_directory, .. } => Some(self.absolute(root_directory)),
            StorageDriver::InMemory => None,
        }
    }

    /// The directory of the socket, if it listens on one.
    fn socket(&self) -> Option<PathBuf> {
        match &self.config.http.listen {
            Listen::Unix(path) => self.absolute(path).parent().map(Path::to_owned),
            Listen::Tcp(_) => None,
        }
    }

    /// The directories that are written to and that systemd does not create.
    fn writable(&self) -> Vec<PathBuf> {
        let data = self
            .data()
            .filter(|path| created_by_systemd(STATE, path).is_none());
        let socket = self.socket();
        let socket = socket.filter(|path| created_by_systemd(RUNTIME, path).is_none());
        data.into_iter().chain(socket).collect()
    }

    fn directories(&self) -> String {
        let mut text = String::new();
        for (key, place, path) in [
            ("StateDirectory", STATE, self.data()),
            ("RuntimeDirectory", RUNTIME, self.socket()),
        ] {
            let Some(path) = path else { continue };
            match created_by_systemd(place, &path) {
                Some(below) => text.push_str(&format!("{key}={}\n", word(Path::new(below)))),
                None => text.push_str(&format!("ReadWritePaths={}\n", word(&path))),
            }
        }
        text
    }

    /// The capability for a low port where there is one, and no other.
    fn capabilities(&self) -> &'static str {
        let port = match &self.config.http.listen {
            Listen::Tcp(address) => address
                .rsplit_once(':')
                .and_then(|(_, port)| port.parse().ok()),
            Listen::Unix(_) => None,
        };
        match port.is_some_and(|port: u16| port != 0 && port < PORT_FREE_MIN) {
            true => {
                "AmbientCapabilities=CAP_NET_BIND_SERVICE\n\
                 CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
            }
            // Without capabilities, a user namespace of its own costs nothing.
            false => "CapabilityBoundingSet=\nPrivateUsers=yes\n",
        }
    }

    /// Homes and temporary files are hidden, unless something that is needed is there.
    fn hidden(&self) -> String {
        let mut needed = vec![self.program.clone(), self.file.to_owned()];
        needed.extend(self.secrets());
        needed.extend(self.data());
        needed.extend(self.socket());
        let is_in = |places: &[&str]| {
            let mut needed = needed.iter();
            needed.any(|path| places.iter().any(|place| path.starts_with(place)))
        };
        let home = match is_in(&HOMES) {
            true => "read-only",
            false => "yes",
        };
        let temporary = match is_in(&TEMPORARY) {
            true => "no",
            false => "yes",
        };
        format!("ProtectHome={home}\nPrivateTmp={temporary}\n")
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        absolute_below(self.directory, path)
    }
}

/// The name by which systemd creates a directory, where it is directly in that place.
fn created_by_systemd<'p>(place: &str, path: &'p Path) -> Option<&'p str> {
    let name = path.to_str()?.strip_prefix(place)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// A path as one word of a unit file.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.+,:@".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "$$");
    format!("\"{}\"", specifiers(&escaped))
}

fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::config::ConfigSource;

    fn unit(text: &str, program: &str) -> String {
        let source = ConfigSource::Text {
            name: "test".to_owned(),
            text: format!("version: 0.1\n{text}\n"),
        };
        let config = Config::load(source, []).unwrap().0;
        let unit = Unit {
            name: "hub",
            program: PathBuf::from(program),
            file: Path::new("/etc/my registry/config.yml"),
            config: &config,
            directory: Path::new("/etc/my registry"),
        };
        unit.text()
    }

    #[test]
    fn directories_of_the_system_are_created_by_it_and_others_are_named() {
        let usual = unit("storage: filesystem", "/usr/local/bin/registry");
        for line in [
            "ExecStart=/usr/local/bin/registry serve \"/etc/my registry/config.yml\"",
            "WorkingDirectory=/etc/my registry",
            "User=hub",
            "StateDirectory=registry",
            "CapabilityBoundingSet=",
            "ProtectHome=yes",
            "PrivateTmp=yes",
        ] {
            assert!(usual.lines().any(|found| found == line), "{line}: {usual}");
        }
        assert!(!usual.contains("ReadWritePaths"), "{usual}");
        let own = unit(
            "storage: {filesystem: {rootdirectory: ./data}}\nhttp: {net: unix, addr: /run/hub/sock}",
            "/home/anna/100% registry",
        );
        for line in [
            "ExecStart=\"/home/anna/100%% registry\" serve \"/etc/my registry/config.yml\"",
            "ReadWritePaths=\"/etc/my registry/data\"",
            "RuntimeDirectory=hub",
            "ProtectHome=read-only",
            "#   mkdir -p \"/etc/my registry/data\" && chown -R hub:hub \"/etc/my registry/data\"",
        ] {
            assert!(own.lines().any(|found| found == line), "{line}: {own}");
        }
    }

    #[test]
    fn the_page_has_the_unit_as_it_is_printed() {
        let source = ConfigSource::Text {
            name: "test".to_owned(),
            text: "version: 0.1\nstorage: filesystem\nhttp: {addr: ':443'}\n".to_owned(),
        };
        let config = Config::load(source, []).unwrap().0;
        let unit = Unit {
            name: "registry",
            program: PathBuf::from("/usr/local/bin/registry"),
            file: Path::new("/etc/registry/config.yml"),
            config: &config,
            directory: Path::new("/etc/registry"),
        };
        let text = unit.text();
        let (_, sections) = text.split_once("\n\n").unwrap();
        let page = include_str!("../../../docs/service.md");
        assert!(page.contains(sections), "{sections}");
    }

    #[test]
    fn a_low_port_has_its_capability_and_a_key_its_reader() {
        let low = unit(
            "storage: filesystem\nhttp: {addr: ':443', tls: {certificate: /c, key: /certs/k}}\nauth: {htpasswd: {realm: r, path: users}}",
            "/registry",
        );
        for line in [
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
            "#   chgrp hub \"/certs/k\" && chmod 640 \"/certs/k\"",
            "#   chgrp hub \"/etc/my registry/users\" && chmod 640 \"/etc/my registry/users\"",
        ] {
            assert!(low.lines().any(|found| found == line), "{line}: {low}");
        }
        let high = unit("storage: inmemory\nhttp: {addr: ':5000'}", "/registry");
        assert!(!high.contains("CAP_NET_BIND_SERVICE"), "{high}");
    }
}
