//! Passwords that do not stand in addresses, where everybody on the machine could read them with `ps`: from files and from the
//! environment. What a store's own clients read beside that, as PostgreSQL's do `.pgpass`, its driver reads.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use drivers::Address;

use crate::cli::PasswordArgs;

/// The variable that holds a password, by itself for the only store that wants one.
const VARIABLE: &str = "STOREBENCH_PASSWORD";

/// What stores are called, in the order of the command line: by their kind, with their place if several are of one kind.
pub fn names(addresses: &[Address]) -> Vec<String> {
    let is_alone = |store: &str| addresses.iter().filter(|other| other.store == store).count() == 1;
    let named = addresses.iter().enumerate().map(|(at, address)| match is_alone(&address.store) {
        true => address.store.clone(),
        false => format!("{}-{}", address.store, at + 1),
    });
    named.collect()
}

/// Gives stores their passwords: from the file that is for one, or else from its variable, or from the variable that is for
/// the only one. Those of stores whose address holds a password are none of ours.
///
/// # Errors
/// When a file cannot be read, or is for no store or for several.
pub fn give(args: &PasswordArgs, addresses: &mut [Address]) -> anyhow::Result<()> {
    give_in(args, addresses, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn give_in(
    args: &PasswordArgs,
    addresses: &mut [Address],
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    let names = names(addresses);
    let lacking: Vec<usize> = (0..addresses.len()).filter(|at| addresses[*at].lacks_password()).collect();
    let only = |what: &str, how: &str| -> anyhow::Result<usize> {
        match &lacking[..] {
            [one] => Ok(*one),
            [] => {
                bail!("{what}: no store wants a password: give it for one that is named by its URL, without a password")
            }
            several => {
                let named: Vec<&str> = several.iter().map(|at| names[*at].as_str()).collect();
                bail!("{what}: several stores could be meant ({}); write {how}", named.join(", "))
            }
        }
    };
    let mut passwords: Vec<Option<String>> = vec![None; addresses.len()];
    for given in &args.password_files {
        let named = given.split_once('=').and_then(|(name, file)| Some((names.iter().position(|n| n == name)?, file)));
        let (at, file) = match named {
            Some(named) => named,
            None => (only(&format!("--password-file {given}"), "--password-file NAME=FILE")?, given.as_str()),
        };
        if !addresses[at].lacks_password() {
            let address = &addresses[at];
            bail!(
                "--password-file {given}: `{address}` holds a password already, or takes none: leave out one of both"
            );
        }
        if passwords[at].replace(read(Path::new(file))?).is_some() {
            bail!("--password-file {given}: {} has one already", names[at]);
        }
    }
    for at in &lacking {
        passwords[*at] = passwords[*at].take().or_else(|| variable(&own_variable(&names[*at])));
    }
    // Where all have one, the general variable is for none of them.
    if let Some(password) = variable(VARIABLE)
        && lacking.iter().any(|at| passwords[*at].is_none())
    {
        let own: Vec<String> = lacking.iter().map(|at| own_variable(&names[*at])).collect();
        let at = only(VARIABLE, &own.join(" and "))?;
        passwords[at].get_or_insert(password);
    }
    for (address, password) in addresses.iter_mut().zip(passwords) {
        if let Some(password) = password {
            address.set_password(password);
        }
    }
    Ok(())
}

/// The variable that holds the password of a store with this name.
fn own_variable(name: &str) -> String {
    format!("{VARIABLE}_{}", name.replace('-', "_").to_uppercase())
}

/// The password in a file: its first line.
fn read(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("--password-file: cannot read {}", file.display()))?;
    let mut lines = text.lines();
    let password = lines.next().filter(|line| !line.is_empty());
    let password = password.ok_or_else(|| anyhow!("--password-file: the first line of {} is empty", file.display()))?;
    if lines.any(|line| !line.is_empty()) {
        bail!("--password-file: {} has more than one line: write the password alone", file.display());
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the only secret of each address became, or why not. Names in upper case are variables.
    fn given(stores: &[&str], files: &[&str], variables: &[(&str, &str)]) -> Result<Vec<bool>, String> {
        let mut addresses: Vec<Address> = stores.iter().map(|store| store.parse().expect("an address")).collect();
        let before = addresses.clone();
        let args = PasswordArgs { password_files: files.iter().map(ToString::to_string).collect() };
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        give_in(&args, &mut addresses, &variable).map_err(|error| format!("{error:#}"))?;
        assert!(addresses.iter().all(|address| !format!("{address}{address:?}").contains("hunter2")));
        Ok(addresses.iter().zip(before).map(|(now, before)| *now != before).collect())
    }

    #[test]
    fn a_password_goes_to_the_store_that_lacks_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a=b");
        std::fs::write(&file, "hunter2\n").expect("written");
        let file = file.display().to_string();
        assert_eq!(given(&["redis://db"], &[&file], &[]), Ok(vec![true]));
        assert_eq!(given(&["redis", "redis://db"], &[&file], &[]), Ok(vec![false, true]), "one is started for the run");
        let both = ["redis://a", "redis://b", "postgres://c"];
        assert_eq!(given(&both, &[&format!("redis-2={file}")], &[]), Ok(vec![false, true, false]));
        let several = given(&both, &[&file], &[]).expect_err("which one?");
        assert!(several.contains("redis-1, redis-2, postgres") && several.contains("NAME=FILE"), "{several}");
        let has = given(&["redis://:x@a"], &[&format!("redis={file}")], &[]).expect_err("it has one");
        assert!(has.contains("holds a password already") && !has.contains(":x@"), "{has}");
        for none in [&["memory"][..], &["libsql:/tmp/a.db"], &["redis"]] {
            assert!(given(none, &[&file], &[]).expect_err("no URL").contains("no store wants a password"));
        }
    }

    #[test]
    fn variables_stand_behind_files_and_the_stores_own_before_the_general_one() {
        let general = ("STOREBENCH_PASSWORD", "hunter2");
        let own = ("STOREBENCH_PASSWORD_LIBSQL_SERVER", "hunter2");
        assert_eq!(given(&["postgres://a"], &[], &[general]), Ok(vec![true]));
        assert_eq!(given(&["postgres://u:p@a", "memory"], &[], &[general]), Ok(vec![false, false]));
        assert_eq!(given(&["postgres://a", "http://b"], &[], &[own]), Ok(vec![false, true]));
        let several = given(&["postgres://a", "redis://b"], &[], &[general]).expect_err("whose is it?");
        assert!(several.contains("write STOREBENCH_PASSWORD_POSTGRES and STOREBENCH_PASSWORD_REDIS"), "{several}");
    }

    #[test]
    fn a_file_holds_the_password_alone() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().display().to_string();
        for (content, problem) in
            [("", "is empty"), ("\nhunter2", "is empty"), ("hunter2\nmore\n", "more than one line")]
        {
            std::fs::write(file.path(), content).expect("written");
            let refused = given(&["redis://a"], &[&path], &[]).expect_err("no password");
            assert!(refused.contains(problem) && !refused.contains("hunter2"), "{refused}");
        }
        let missing = given(&["redis://a"], &["/nowhere/at/all"], &[]).expect_err("no file");
        assert!(missing.contains("/nowhere/at/all"), "{missing}");
    }
}
