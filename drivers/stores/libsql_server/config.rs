//! Options of an address: `https://host:8080/path?authToken=...&ca=authorities.pem`.

use std::path::PathBuf;

/// Where the server is and how it is reached.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its URL before the `?`: `http://`, `https://`, or `libsql://`, which is `https://`.
    pub(super) location: Option<String>,
    /// A JSON Web Token, if the server wants one.
    #[serde(rename = "authToken")]
    pub(super) auth_token: Option<String>,
    /// A file with the certificates to trust (PEM), instead of the system's.
    pub(super) ca: Option<PathBuf>,
}
