//! Where a server listens: a host and a port, or a Unix socket in a folder.

use std::fmt;
use std::path::PathBuf;

use tokio_postgres::config::Host;

/// Where one server is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Socket {
    /// What the address calls its host: the folder of a Unix socket if it begins with a slash.
    pub(super) name: String,
    /// The host that is connected to, which may be given as a number beside its name.
    pub(super) address: String,
    pub(super) port: u16,
}

impl Socket {
    /// What a host of a URL is called.
    pub(super) fn name(host: &Host) -> String {
        match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        }
    }

    /// The file of a Unix socket.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.name.starts_with('/').then(|| PathBuf::from(&self.name).join(format!(".s.PGSQL.{}", self.port)))
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file() {
            Some(file) => write!(f, "{}", file.display()),
            None if self.name.contains(':') => write!(f, "[{}]:{}", self.name, self.port),
            None => write!(f, "{}:{}", self.name, self.port),
        }
    }
}
