//! Addresses of stores as the command line takes them: `store` or `store:location` or a URL, each with
//! `?key=value&…`.
//!
//! `env=NAME=VALUE` and `env=NAME`, which passes ours on, are for the environment of a server that is started for a bare
//! name. Their values are not printed.
//!
//! An address becomes the configuration of its store by serde, so each driver names its own options and refuses the
//! others. Which stores and kinds of URLs there are is not known here: `stores/mod.rs` has the list.
//!
//! Values of options are percent-decoded. What stands in front of the `?` stays as it is written: its driver decodes it.
//!
//! Passwords are removed from everything that this module prints (`redaction.rs`). An `@` after a `/`, `?` or `#` is
//! refused, in options too, where `%40` stands for it: the password could end before it or after it. A password may also
//! come from elsewhere ([`Address::set_password`]).

use std::net::{IpAddr, UdpSocket};

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as ValueError, MapDeserializer};
use thiserror::Error;

use crate::seam::notation::Notation;
use crate::seam::options::OptionText;
use crate::seam::redaction::{authority, is_secret, password_from, password_in, redacted, redacted_from};
use crate::seam::secrets;

/// A store as the user names it, with what is set for this use of it.
#[derive(Clone, PartialEq)]
pub struct Address {
    /// The name of its store, which [`visit`](crate::visit) takes.
    pub store: String,
    /// What follows the name: a path; or the whole URL before its `?`, with its password. Becomes the option `location`.
    pub location: Option<String>,
    /// `key=value` pairs, in order, as they were written.
    pub options: Vec<(String, String)>,
    /// Variables for the environment of a server that is started: each with its value, or with none as it is here.
    pub env: Vec<(String, Option<String>)>,
    /// A password that does not stand in it. Becomes the option `password`.
    password: Option<String>,
}

/// Why an address was not understood.
#[derive(Debug, Error, PartialEq)]
pub enum AddressError {
    /// Not of the form.
    #[error(
        "`{0}` is not a store; write its name, a colon and a path where it takes one, or a URL, then ?key=value options"
    )]
    Form(String),
    /// What other programs take for the address of one of our stores.
    #[error("`{address}` is {what}: write {instead}")]
    Foreign {
        /// The address without its password.
        address: String,
        /// The notation it is in, such as "a URL of JDBC".
        what: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
    /// A URL of a kind that no store has.
    #[error("`{address}`: no store has URLs of this kind; there are {known}")]
    Scheme {
        /// The address without its password.
        address: String,
        /// The kinds that there are.
        known: String,
    },
    /// A URL of which nobody can tell where its password ends.
    #[error(
        "`{0}` holds an `@` after a `/`, `?` or `#`: percent-encode what the password has of them (`/` as %2F, `?` as %3F, `#` as %23, `@` as %40), and an `@` that stands elsewhere too"
    )]
    Password(String),
    /// Not the name of a variable.
    #[error("`{0}`: write env=NAME=VALUE, or env=NAME to pass on the value that NAME has here")]
    Variable(String),
    /// Options that the store does not have, or values that it cannot take.
    #[error("store `{address}`: {problem}")]
    Options {
        /// The address without its password and the values of its options: one that is misspelt may be a secret.
        address: String,
        /// What is wrong, from serde.
        problem: String,
    },
}

impl Address {
    /// Reads an address. `schemes` says which store speaks what a URL's scheme names, `foreign` what else is taken for an
    /// address of theirs.
    ///
    /// # Errors
    /// When it is none, or hides where its password ends.
    pub(crate) fn parse(text: &str, schemes: &[(&str, &str)], foreign: &[Notation]) -> Result<Self, AddressError> {
        let foreign = || {
            let known = foreign.iter().find(|notation| notation.is_of(text))?;
            let address = redacted_from(text, 0);
            Some(AddressError::Foreign { address, what: known.what, instead: known.instead })
        };
        let malformed = || foreign().unwrap_or_else(|| AddressError::Form(redacted_from(text, 0)));
        let (head, query) = text.split_once('?').unwrap_or((text, ""));
        let (store, location) = match head.split_once("://") {
            // The colon and slashes may be a password's, in a URL that was written with one slash.
            Some((scheme, _)) if !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c)) => {
                return Err(malformed());
            }
            Some((scheme, _)) => {
                let unknown = || {
                    let known: Vec<String> = schemes.iter().map(|(known, _)| format!("{known}://")).collect();
                    AddressError::Scheme { address: redacted(text), known: known.join(", ") }
                };
                let (_, store) = schemes
                    .iter()
                    .find(|(known, _)| *known == scheme)
                    .ok_or_else(|| foreign().unwrap_or_else(unknown))?;
                refuse_late_at(text)?;
                (*store, Some(head.to_owned()))
            }
            None => match head.split_once(':') {
                // With a user and a password in it this is a URL that was written without its slashes.
                Some((store, _)) if password_from(text, store.len() + 1).is_some() => return Err(malformed()),
                Some((store, location)) => (store, Some(location.to_owned()).filter(|path| !path.is_empty())),
                None => (head, None),
            },
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if store.is_empty() || !store.chars().all(is_name) {
            return Err(malformed());
        }
        let is_started = location.is_none() && schemes.iter().any(|(_, served)| *served == store);
        let (mut options, mut env) = (Vec::new(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(malformed)?;
            if key == "env" && is_started {
                env.push(variable(value).ok_or_else(|| AddressError::Variable(redacted(text)))?);
            } else {
                options.push((key.to_owned(), value.to_owned()));
            }
        }
        Ok(Address { store: store.to_owned(), location, options, env, password: None })
    }

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

    /// The same store and options at another location, which may have options of its own: those that were given come first.
    pub fn at(&self, location: &str) -> Address {
        let (location, query) = location.split_once('?').unwrap_or((location, ""));
        let mut options = self.options.clone();
        let is_given = |key: &str| self.options.iter().any(|(given, _)| given.eq_ignore_ascii_case(key));
        let added = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| !is_given(key));
        options.extend(added.map(|(key, value)| (key.into(), value.into())));
        Address { location: Some(location.to_owned()), options, env: Vec::new(), ..self.clone() }
    }

    /// Whether it is a URL, and no password or token stands in it.
    pub fn lacks_password(&self) -> bool {
        let Some(url) = self.location.as_deref().filter(|url| url.contains("://")) else { return false };
        let user = authority(url).map_or("", |from| url[from..].split(['/', '@']).next().unwrap_or_default());
        let has_user = authority(url).is_some_and(|from| url[from..].contains('@'));
        let is_password =
            |key: &str| ["password", "pass", "authToken"].iter().any(|name| key.eq_ignore_ascii_case(name));
        let is_in_url = has_user && user.contains(':');
        !is_in_url && !self.options.iter().any(|(key, _)| is_password(key))
    }

    /// Gives it a password that does not stand in it. It is never printed.
    pub fn set_password(&mut self, password: String) {
        self.password = Some(password);
    }

    /// The password that it was given, for a process that is to use the same store.
    pub fn given_password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The configuration that this address states. Its passwords are hidden in failures from now on.
    ///
    /// # Errors
    /// When the store has no such option or the option cannot take the value.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C, AddressError> {
        self.learn_secrets();
        let options = self.options.iter().map(|(key, value)| (key.as_str(), decoded(value)));
        let location = self.location.iter().map(|location| ("location", location.clone()));
        let password = self.password.iter().map(|password| ("password", password.clone()));
        let options: Vec<(&str, String)> = location.chain(options).chain(password).collect();
        let fields = options.iter().map(|(key, value)| (*key, OptionText(value)));
        C::deserialize(MapDeserializer::<_, ValueError>::new(fields)).map_err(|problem| {
            let named = |(key, _): &(String, String)| (key.clone(), "***".to_owned());
            let address = Address { options: self.options.iter().map(named).collect(), ..self.clone() };
            AddressError::Options { address: address.to_string(), problem: problem.to_string() }
        })
    }

    /// As they are written and as they are sent.
    fn learn_secrets(&self) {
        let shown = self.to_string();
        let url = self.location.iter().filter(|location| location.contains("://"));
        let of_url = url.filter_map(|url| Some(&url[password_in(url)?]));
        let options = self.options.iter().filter(|(key, _)| is_secret(key)).map(|(_, value)| value.as_str());
        for written in of_url.chain(options) {
            secrets::learn(written, &shown);
            secrets::learn(&decoded(written), &shown);
        }
        self.password.iter().for_each(|password| secrets::learn(password, &shown));
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.into(), String::from)
}

/// As it was written, with `***` for each password and each value of a variable.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.location {
            Some(url) if url.contains("://") => f.write_str(&redacted(url))?,
            Some(path) => write!(f, "{}:{path}", self.store)?,
            None => f.write_str(&self.store)?,
        }
        let options = self.options.iter().map(|(key, value)| {
            let value = if is_secret(key) || key == "env" { "***" } else { value };
            format!("{key}={value}")
        });
        let variables = self.env.iter().map(|(name, value)| match value {
            Some(_) => format!("env={name}=***"),
            None => format!("env={name}"),
        });
        for (at, option) in options.chain(variables).enumerate() {
            write!(f, "{}{option}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// As it is displayed, because it may hold a password.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The variable that `NAME=VALUE` or `NAME` states, if it has the name of one.
fn variable(text: &str) -> Option<(String, Option<String>)> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_good = !name.is_empty() && is_name(name) && !text.contains('\0');
    is_good.then(|| (name.to_owned(), value.map(str::to_owned)))
}

/// Refuses a URL with an `@` after the place where clients take the host to end.
fn refuse_late_at(url: &str) -> Result<(), AddressError> {
    let from = authority(url).unwrap_or(0);
    match url[from..].find(['/', '?', '#']) {
        Some(end) if url[from + end..].contains('@') => Err(AddressError::Password(redacted(url))),
        _ => Ok(()),
    }
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
        let address: Address = "libsql?pasword=hunter2".parse().expect("an address");
        let error = address.config::<Config>().expect_err("an unknown option").to_string();
        assert!(error.contains("pasword") && !error.contains("hunter2"), "{error}");
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
            ("rediss://hunter2@db:6379", "rediss://***@db:6379"),
            ("mongodb://a/?authMechanismProperties=T:hunter2", "mongodb://a/?authMechanismProperties=***"),
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
    fn a_password_that_hides_the_host_is_refused_with_what_to_write() {
        for given in ["postgres://u:s3/cret@db/app", "redis://u:s3?cret@db", "mongodb://u:s3#cret@db/?tls=true"] {
            let refused = given.parse::<Address>().expect_err(given).to_string();
            assert!(refused.contains("percent-encode") && refused.contains("://u:***@db"), "{refused}");
            assert!(!refused.contains("s3") && !refused.contains("cret"), "{refused}");
        }
        let encoded: Address = "postgres://u:s3%2Fcret%40@db/app".parse().expect("an address");
        assert_eq!(encoded.location.as_deref(), Some("postgres://u:s3%2Fcret%40@db/app"), "the client decodes it");
    }

    #[test]
    fn an_at_sign_in_an_option_is_percent_encoded() {
        #[derive(serde::Deserialize)]
        struct Token {
            #[serde(rename = "authToken")]
            token: String,
        }
        let config = |text: &str| text.parse::<Address>().expect("an address").config::<Token>();
        let tokens =
            ["http://db?authToken=a%40b", "http://db:80?authToken=12"].map(|text| config(text).map(|c| c.token));
        assert_eq!(tokens, [Ok("a@b".to_owned()), Ok("12".to_owned())]);
        let refused = "http://db:80?authToken=s3@cret".parse::<Address>().expect_err("an @").to_string();
        assert!(!refused.contains("s3") && !refused.contains("cret"), "{refused}");
    }

    #[test]
    fn a_server_that_is_started_may_be_given_variables() {
        let address: Address = "redis?layout=json&env=A_1=x=y&env=B".parse().expect("an address");
        let given = [("A_1".to_owned(), Some("x=y".to_owned())), ("B".to_owned(), None)];
        assert_eq!((address.options.len(), &address.env[..]), (1, &given[..]));
        assert_eq!(address.to_string(), "redis?layout=json&env=A_1=***&env=B");
        assert_eq!(redacted("redis?layout=json&env=A_1=x=y&env=B"), address.to_string());
        assert_eq!(address.at("redis://127.0.0.1").env, []);
        for wrong in ["redis?env=", "redis?env==hunter2", "redis?env=A-B=hunter2"] {
            let refused = wrong.parse::<Address>().expect_err(wrong).to_string();
            assert!(refused.contains("env=NAME=VALUE") && !refused.contains("hunter2"), "{refused}");
        }
        // Nothing is started for these.
        for running in ["redis://db?env=A=hunter2", "libsql?env=A=hunter2"] {
            let address = running.parse::<Address>().expect("an address");
            let refused = address.config::<Config>().expect_err("an unknown option").to_string();
            assert!(refused.contains("env") && !format!("{refused}{address}").contains("hunter2"), "{refused}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_password_is_ever_printed(word in "[a-zA-Z/?#@&:=%]{0,8}", form in 0..FORMS.len()) {
            // Marks at both ends and in its midst, so that a part of it is not mistaken for one of the address.
            let password = format!("QX{word}QX");
            let text = FORMS[form].replace("PASSWORD", &password);
            let mut printed = vec![redacted(&text)];
            match text.parse::<Address>() {
                Err(error) => printed = vec![error.to_string(), format!("{error:?}")],
                Ok(address) => {
                    printed.extend([address.to_string(), format!("{address:?}")]);
                    printed.extend(address.location.as_deref().map(redacted));
                    printed.extend(address.config::<Config>().err().map(|error| error.to_string()));
                }
            }
            for line in printed {
                proptest::prop_assert!(!line.contains(&password), "{text} is printed as {line}");
            }
        }
    }

    /// Where people put passwords, and where they put them by mistake.
    const FORMS: [&str; 10] = [
        "postgres://ada:PASSWORD@db/app",
        "postgres://ada:PASSWORD@db:5432/app?sslmode=require&cache_mb=1",
        "redis://:PASSWORD@db",
        "mongodb://ada:PASSWORD@a:1,b:2/?replicaSet=r",
        "libsql://db.example?authToken=PASSWORD",
        "http://db:8080?cache_mb=1&authToken=PASSWORD&ca=x",
        "redis:h?password=PASSWORD",
        "oracle://ada:PASSWORD@db",
        "postgres:/ada:PASSWORD@db/app",
        "postgres//ada:PASSWORD@db/app",
    ];

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "?a=b", "UPPER", "a b", "libsql?x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
