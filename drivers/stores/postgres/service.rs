//! Services: named sets of options in a file of libpq (postgresql.org/docs/current/libpq-pgservice.html).

use std::path::{Path, PathBuf};

/// The options of a service, from the user's file or else the system's. `variable` tells what the environment says.
///
/// # Errors
/// When no file has the service, or the file cannot be understood.
pub(super) fn read(service: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, String> {
    let own = variable("PGSERVICEFILE").map(PathBuf::from);
    let own = own.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".pg_service.conf")));
    let folder = variable("PGSYSCONFDIR").unwrap_or_else(|| "/etc/postgresql-common".into());
    let files: Vec<PathBuf> = own.into_iter().chain([Path::new(&folder).join("pg_service.conf")]).collect();
    for file in files.iter().filter(|file| file.exists()) {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        if let Some(options) = section(&text, service).map_err(|problem| format!("{}:{problem}", file.display()))? {
            return Ok(options);
        }
    }
    let looked: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Err(format!("there is no service `{service}` in {}", looked.join(" or ")))
}

/// What stands under a service's name; problems begin with the number of their line.
fn section(text: &str, service: &str) -> Result<Option<Vec<(String, String)>>, String> {
    let mut found: Option<Vec<(String, String)>> = None;
    for (at, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            found = (name.strip_suffix(']') == Some(service)).then(Vec::new);
            continue;
        }
        let Some(options) = &mut found else { continue };
        match line.split_once('=') {
            Some(("service" | "servicefile", _)) => return Err(format!("{}: a service cannot name another", at + 1)),
            Some((key, value)) => options.push((key.to_owned(), value.to_owned())),
            None => return Err(format!("{}: write key=value (LDAP is not asked)", at + 1)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment\n[one]\nhost=db\npassword=a=b\n\n[two]\nport=1\n[one]\nport=2\n[ldap]\nldap://x\n[loop]\nservice=one\n";

    #[test]
    fn a_service_is_what_stands_under_its_first_name() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(section(FILE, "one"), Ok(Some(vec![pair("host", "db"), pair("password", "a=b")])));
        assert_eq!(section(FILE, "three"), Ok(None));
        assert_eq!(section(FILE, "ldap"), Err("11: write key=value (LDAP is not asked)".into()));
        assert_eq!(section(FILE, "loop"), Err("13: a service cannot name another".into()));
    }

    #[test]
    fn the_users_file_comes_before_the_systems() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path(".pg_service.conf"), "[own]\nhost=a\n").expect("written");
        std::fs::write(path("pg_service.conf"), "[own]\nhost=b\n[shared]\nhost=c\n").expect("written");
        let variable = |name: &str| ["HOME", "PGSYSCONFDIR"].contains(&name).then(|| path(""));
        let host = |service| read(service, &variable).map(|options| options[0].1.clone());
        assert_eq!([host("own"), host("shared")], [Ok("a".into()), Ok("c".into())]);
        let missing = host("none").expect_err("there is none");
        assert!(missing.contains("no service `none`") && missing.contains(".pg_service.conf"), "{missing}");
    }
}
