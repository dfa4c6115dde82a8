//! Addresses of stores as the command line takes them: `store`, `store:location`, each with `?key=value&…`.
//!
//! An address becomes the configuration of its store by serde, so each driver names its own options and refuses the
//! others. Passwords are removed from everything that this module prints.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// A parsed address.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    /// The store's name.
    pub store: String,
    /// What follows the name: a path. Becomes the option `location`.
    pub location: Option<String>,
    /// `key=value` pairs, in order.
    pub options: Vec<(String, String)>,
}

/// Why an address was not understood.
#[derive(Debug, Error, PartialEq)]
pub enum AddressError {
    /// Not of the form.
    #[error("`{0}` is not a store; write its name, a colon and a path where it takes one, then ?key=value options")]
    Form(String),
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
        let (head, query) = text.split_once('?').unwrap_or((text, ""));
        let (store, location) = match head.split_once(':') {
            Some((store, location)) => (store, Some(location.to_owned()).filter(|path| !path.is_empty())),
            None => (head, None),
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if store.is_empty() || !store.chars().all(is_name) {
            return Err(AddressError::Form(text.to_owned()));
        }
        let mut options = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| AddressError::Form(text.to_owned()))?;
            options.push((key.to_owned(), value.to_owned()));
        }
        Ok(Address { store: store.to_owned(), location, options })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.store)?;
        if let Some(location) = &self.location {
            write!(f, ":{location}")?;
        }
        for (at, (key, value)) in self.options.iter().enumerate() {
            let value = if key.contains("password") || key.contains("token") { "***" } else { value };
            write!(f, "{}{key}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl Address {
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
    fn passwords_are_not_printed() {
        let address: Address = "redis:h?password=hunter2".parse().expect("an address");
        assert_eq!(address.to_string(), "redis:h?password=***");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "?a=b", "UPPER", "a b", "libsql?x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
