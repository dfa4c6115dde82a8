//! Options of an address: `https://host:8080/path?authToken=...&ca=authorities.pem`.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::Deserializer;

use crate::Notation;
use crate::seam::options::{ForeignOption, RecordedOptions, Treatment, Treatment::*, sort_out};

/// Where the server is and how it is reached. Not `Debug`: it holds the token.
#[derive(Clone, Default)]
pub struct Config {
    pub(super) own: OwnOptions,
    pub(super) recorded: RecordedOptions,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(options: D) -> Result<Self, D::Error> {
        let (own, recorded) = sort_out(options, FOREIGN)?;
        Ok(Config { own, recorded })
    }
}

/// The options that are honoured.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnOptions {
    /// Its URL before the `?`: `http://` or `ws://`, `https://` or `wss://`, or `libsql://`, which is `https://` unless
    /// `tls=0` says otherwise.
    pub(super) location: Option<String>,
    /// A JSON Web Token, if the server wants one.
    #[serde(rename = "authToken", alias = "password")]
    pub(super) auth_token: Option<String>,
    /// `1` or `0`, for `libsql://` only.
    pub(super) tls: Option<u8>,
    /// A file with the certificates to trust (PEM), instead of the system's.
    pub(super) ca: Option<PathBuf>,
}

/// Options of other clients (github.com/tursodatabase/libsql-client-ts), and what becomes of them.
const FOREIGN: &[ForeignOption] = &[
    of("authToken", &[""], Refused("leave it out, or give the token")),
    of("authToken", ANY, Honoured("authToken")),
    of("auth_token", ANY, Honoured("authToken")),
    of("jwt", ANY, Honoured("authToken")),
    of("syncUrl", ANY, Refused("replicas that synchronise are not measured; give the URL of the primary")),
    of("syncInterval", ANY, Refused("replicas that synchronise are not measured; leave it out")),
    of("intMode", ANY, Recorded("whole numbers are read as 64 bits")),
    of("encryptionKey", ANY, Refused("the server encrypts its files or does not; leave it out")),
    of("concurrency", ANY, Recorded("each session has one connection of its own")),
    of("secure", &["true"], Recorded("connections are encrypted unless tls=0")),
    of("secure", ANY, Refused("write tls=0")),
];

const ANY: &[&str] = &[];

const fn of(name: &'static str, values: &'static [&'static str], treatment: Treatment) -> ForeignOption {
    ForeignOption { name, values, treatment }
}

/// How other programs write where a server is.
pub(super) const NOTATIONS: &[Notation] = &[Notation {
    holds: &["sqlite+libsql://"],
    what: "a URL of SQLAlchemy",
    instead: "libsql:// in its place, with authToken= or --password-file",
}];
