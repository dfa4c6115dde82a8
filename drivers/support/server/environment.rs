//! The environment of a server that we start. It gets what it needs to run and none of what else the suite has: the
//! suite may run as root with secrets in its environment, and the server as somebody else.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// Variables and their values.
pub(super) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// Of a server in this folder: where programs are found, its language and time zone are ours; its home and its
    /// temporary files are in the folder, and removed with it. Beside these what the user wants: names with a value, or
    /// ours where none is given.
    ///
    /// # Errors
    /// The name of one that we have not.
    pub(super) fn new(folder: &Path, wanted: &[(String, Option<String>)]) -> Result<Environment, String> {
        let is_passed_on = |name: &str| ["PATH", "LANG", "TZ"].contains(&name) || name.starts_with("LC_");
        let ours = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_passed_on));
        let own = ["HOME", "TMPDIR"].map(|name| (name.into(), folder.into()));
        let mut variables: Vec<(OsString, OsString)> = ours.chain(own).collect();
        for (name, value) in wanted {
            let value = value.as_ref().map(OsString::from).or_else(|| std::env::var_os(name));
            variables.push((name.into(), value.ok_or(name)?));
        }
        Ok(Environment(variables))
    }

    /// Makes it a command's: all of it.
    pub(super) fn give(&self, command: &mut Command) {
        command.env_clear().envs(self.0.iter().map(|(name, value)| (name, value)));
    }
}

/// Values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_given_or_ours_and_never_printed() {
        let wanted = [("ONE".to_owned(), Some("hunter2".to_owned())), ("HOME".to_owned(), None)];
        let environment = Environment::new(Path::new("/folder"), &wanted).expect("HOME is set");
        let mut command = Command::new("env");
        environment.give(&mut command);
        let value = |name: &str| command.get_envs().find(|(known, _)| *known == name).and_then(|(_, value)| value);
        assert_eq!(value("ONE"), Some("hunter2".as_ref()));
        assert_eq!(value("TMPDIR"), Some("/folder".as_ref()));
        assert_eq!(value("HOME").map(OsString::from), std::env::var_os("HOME"), "the user's wish comes last");
        assert!(format!("{environment:?}").contains("ONE") && !format!("{environment:?}").contains("hunter2"));
        let missing = Environment::new(Path::new("/folder"), &[("STOREBENCH_NO_SUCH_VARIABLE".to_owned(), None)]);
        assert_eq!(missing.expect_err("there is none"), "STOREBENCH_NO_SUCH_VARIABLE");
    }
}
