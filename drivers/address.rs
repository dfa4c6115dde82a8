//! Addresses of stores as the command line takes them: `store` or `store:location` or a URL, each with
//! `?key=value&…`.
//!
//! An address becomes the configuration of its store by serde, so each driver names its own options and refuses the
//! others. Passwords are removed from everything that this module prints.

use std::net::{IpAddr, UdpSocket};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// Which store speaks what a URL's scheme names.
const SCHEMES: [(&str, &str); 9] = [
    ("postgres", "postgres"),
    ("postgresql", "postgres"),
    ("redis", "redis"),
    ("rediss", "redis"),
    ("mongodb", "mongodb"),
    ("mongodb+srv", "mongodb"),
    ("libsql", "libsql-server"),
    ("http", "libsql-server"),
    ("https", "libsql-server"),
];

/// A parsed address.
#[derive(Clone, PartialEq)]
pub struct Address {
    /// The store's name.
    pub store: String,
    /// What follows the name: a path; or the whole URL before its `?`, with its password. Becomes the option `location`.
    pub location: Option<String>,
    /// `key=value` pairs, in order.
    pub options: Vec<(String, String)>,
}

/// Why an address was not understood.
#[derive(Debug, Error, PartialEq)]
pub enum AddressError {
    /// Not of the form.
    #[error(
        "`{0}` is not a store; write its name, a colon and a path where it takes one, or a URL, then ?key=value options"
    )]
    Form(String),
    /// A URL of a kind that no store has.
    #[error(
        "`{0}`: no store has URLs of this kind; there are postgres://, redis://, rediss://, mongodb://, libsql://, http:// and https://"
    )]
    Scheme(String),
    /// Options that the store does not have, or values that it cannot take.
    #[error("store `{address}`: {problem}")]
    Options {
        /// The address without passwords.
        address: String,
        /// What is wrong, from serde.
        problem: String,
    },
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Form(redacted(text));
        let (head, query) = text.split_once('?').unwrap_or((text, ""));
        let (store, location) = match head.split_once("://") {
            Some((scheme, _)) => {
                let known = SCHEMES.iter().find(|(known, _)| *known == scheme);
                let (_, store) = known.ok_or_else(|| AddressError::Scheme(redacted(text)))?;
                (*store, Some(head.to_owned()))
            }
            None => match head.split_once(':') {
                Some((store, location)) => (store, Some(location.to_owned()).filter(|path| !path.is_empty())),
                None => (head, None),
            },
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if store.is_empty() || !store.chars().all(is_name) {
            return Err(malformed());
        }
        let mut options = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(malformed)?;
            options.push((key.to_owned(), value.to_owned()));
        }
        Ok(Address { store: store.to_owned(), location, options })
    }
}

/// Without passwords.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.location {
            Some(url) if url.contains("://") => f.write_str(&redacted(url))?,
            Some(path) => write!(f, "{}:{path}", self.store)?,
            None => f.write_str(&self.store)?,
        }
        for (at, (key, value)) in self.options.iter().enumerate() {
            let value = if is_secret(key) { "***" } else { value };
            write!(f, "{}{key}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// Without passwords.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A text in which the passwords of URLs and of `key=value` options are replaced by `***`: for printing what a user
/// gave or a client library said.
pub fn redacted(text: &str) -> String {
    let (head, query) = text.split_once('?').map_or((text, None), |(head, query)| (head, Some(query)));
    let mut shown = match head.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find(['/', ' ']).unwrap_or(rest.len()));
            // A password may itself hold an `@`; a host may not.
            match authority.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
                Some((Some((user, _)), host)) => format!("{scheme}://{user}:***@{host}{path}"),
                _ => head.to_owned(),
            }
        }
        None => head.to_owned(),
    };
    if let Some(query) = query {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if is_secret(key) => format!("{key}=***"),
            _ => pair.to_owned(),
        });
        shown = format!("{shown}?{}", pairs.collect::<Vec<_>>().join("&"));
    }
    shown
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "token", "secret"].iter().any(|word| key.contains(word))
}

/// Whether a host, without its port, is this machine. No name is looked up.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let is_own_name = || std::fs::read_to_string("/proc/sys/kernel/hostname").is_ok_and(|name| name.trim() == host);
    match host.parse::<IpAddr>() {
        // Only an address of this machine lets itself be bound.
        Ok(address) => address.is_loopback() || UdpSocket::bind((address, 0)).is_ok(),
        Err(_) => host.is_empty() || host == "localhost" || is_own_name(),
    }
}

impl Address {
    /// Whether it names a server or file that is there, and not one that is to be made and removed again.
    pub fn is_given(&self) -> bool {
        self.location.is_some()
    }

    /// Whether its URL names this machine.
    pub fn is_local(&self) -> bool {
        let Some((_, rest)) = self.location.as_deref().and_then(|url| url.split_once("://")) else { return false };
        let authority = rest.split('/').next().unwrap_or_default();
        let hosts = authority.rsplit('@').next().unwrap_or_default();
        let name = |host: &'_ str| match host.strip_prefix('[') {
            Some(bracketed) => bracketed.split(']').next().unwrap_or_default().to_owned(),
            None => host.split(':').next().unwrap_or_default().to_owned(),
        };
        hosts.split(',').all(|host| is_this_machine(&name(host)))
    }

    /// The same store and options at another location.
    pub fn at(&self, location: &str) -> Address {
        Address { location: Some(location.to_owned()), ..self.clone() }
    }

    /// The configuration that this address states.
    ///
    /// # Errors
    /// When the store has no such option or the option cannot take the value.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C, AddressError> {
        let mut map = Map::new();
        if let Some(location) = &self.location {
            map.insert("location".into(), Value::String(location.clone()));
        }
        for (key, value) in &self.options {
            map.insert(key.clone(), typed(value));
        }
        serde_json::from_value(Value::Object(map))
            .map_err(|problem| AddressError::Options { address: self.to_string(), problem: problem.to_string() })
    }
}

/// `true`, `12` and `0.5` are what they look like; anything else is text.
fn typed(text: &str) -> Value {
    match text.parse::<Value>() {
        Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        location: Option<String>,
        cache_mb: Option<u64>,
    }

    #[test]
    fn an_address_becomes_the_configuration_of_its_store() {
        let address: Address = "libsql:/tmp/a.db?cache_mb=64".parse().expect("an address");
        assert_eq!(address.config(), Ok(Config { location: Some("/tmp/a.db".into()), cache_mb: Some(64) }));
        assert_eq!(address.to_string(), "libsql:/tmp/a.db?cache_mb=64");
    }

    #[test]
    fn an_unknown_option_is_refused_by_name() {
        let address: Address = "libsql?cash_mb=64".parse().expect("an address");
        let error = address.config::<Config>().expect_err("an unknown option").to_string();
        assert!(error.contains("cash_mb") && error.contains("cache_mb"), "{error}");
    }

    #[test]
    fn a_url_names_its_store_and_is_its_location() {
        let address: Address = "postgresql://ada@db:5432/app?cache_mb=1".parse().expect("an address");
        assert_eq!(address.store, "postgres");
        assert_eq!(address.location.as_deref(), Some("postgresql://ada@db:5432/app"));
        assert_eq!(address.to_string(), "postgresql://ada@db:5432/app?cache_mb=1");
        let unknown = "ftp://ada:hunter2@db".parse::<Address>().expect_err("no such store").to_string();
        assert!(unknown.contains("postgres://") && !unknown.contains("hunter2"), "{unknown}");
    }

    #[test]
    fn a_url_may_name_this_machine() {
        let local = |url: &str| url.parse::<Address>().expect("an address").is_local();
        assert!(local("redis://localhost") && local("postgres://a:b@127.0.0.1:5/x") && local("http://[::1]:8080"));
        assert!(local("mongodb://127.0.0.1:1,localhost:2/?replicaSet=r"));
        let own_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or("localhost".into());
        assert!(local(&format!("redis://{}:1", own_name.trim())) && local("redis://"));
        // An address for documentation (RFC 5737), which should be nobody's.
        assert!(!local("redis://203.0.113.77:6379") && !local("redis://127.evil.example"));
        assert!(!local("redis://db.example:6379") && !local("mongodb://localhost,db") && !local("libsql"));
    }

    #[test]
    fn passwords_are_not_printed() {
        for (given, shown) in [
            ("redis:h?password=hunter2", "redis:h?password=***"),
            ("redis://:hunter2@db:6379/1", "redis://:***@db:6379/1"),
            ("mongodb://ada:hunter2@a:1,b:2/?authSource=x", "mongodb://ada:***@a:1,b:2/?authSource=x"),
            ("postgres://ada:hun@ter2@db/app", "postgres://ada:***@db/app"),
            ("libsql://db.example?authToken=hunter2", "libsql://db.example?authToken=***"),
        ] {
            let address: Address = given.parse().expect("an address");
            assert_eq!(address.to_string(), shown);
            assert_eq!(redacted(given), shown);
            assert_eq!(format!("{address:?}"), format!("Address({shown})"));
        }
        let malformed = "redis://:hunter2@db?x".parse::<Address>().expect_err("no pair").to_string();
        assert!(!malformed.contains("hunter2"), "{malformed}");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "?a=b", "UPPER", "a b", "libsql?x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
