//! The real binary at addresses as people have them: sockets, passwords that stand elsewhere, a server outside of any set, and
//! doors where another protocol is spoken.

mod common;
#[path = "common/servers.rs"]
mod servers;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::Storebench;
use drivers::Durability;
use servers::started;

/// A server that a test starts by itself, and its folder.
struct Own {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// What a store's program is started with.
fn own(store: &str, arguments: impl Fn(&Path) -> Vec<String>) -> Own {
    let folder = tempfile::tempdir().expect("a folder");
    let program = drivers::STORES.iter().find(|declared| declared.name == store).and_then(|store| store.program);
    let mut command = Command::new(program.expect("a program").find().expect("installed by scripts/servers"));
    command.args(arguments(folder.path())).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    Own { child: command.spawn().expect("installed by scripts/servers"), folder }
}

fn until(is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came up");
}

/// An address without its password, and the password.
fn parted(address: &str) -> (String, String) {
    let password = address.split([':', '@']).nth(2).expect("store://user:password@host").to_owned();
    (address.replace(&format!(":{password}@"), "@").replace("//@", "//"), password)
}

const SHORT: [&str; 6] = ["--records", "100", "--warmup", "0", "--ops", "100"];

#[test]
fn a_password_comes_from_a_file_or_a_variable_and_stands_in_no_argument_output_or_file() {
    for store in ["postgres", "redis"] {
        let server = started(store, Durability::Durable);
        let (address, password) = parted(&server.address);
        let run =
            Storebench::run(&["ycsb-a"]).args(&SHORT).args(&["--keep", "--password-file", "secret"]).store(&address);
        let ran = run.file("secret", format!("{password}\n")).expect_exit(0);
        assert!(!ran.stdout.contains(&password) && !ran.stderr.contains(&password));
        let mut folders = vec![ran.path("out")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                match entry.is_dir() {
                    true => folders.push(entry),
                    false => {
                        let content = std::fs::read(&entry).expect("a file");
                        let holds = content.windows(password.len()).any(|part| part == password.as_bytes());
                        assert!(!holds, "{}", entry.display());
                    }
                }
            }
        }
        let variable = format!("STOREBENCH_PASSWORD_{}", store.to_uppercase());
        for name in ["STOREBENCH_PASSWORD", &variable] {
            let check = Storebench::new(&["check", &address]);
            let output = check.command().env(name, &password).output().expect("it ends");
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
        }
        let wrong =
            Storebench::new(&["check", &address]).command().env(&variable, "wrong-one").output().expect("it ends");
        let said = String::from_utf8_lossy(&wrong.stdout).into_owned();
        assert!(wrong.status.code() == Some(2) && !said.contains("wrong-one"), "{said}");
    }
}

/// The arguments of a process and of all that it starts, as long as it runs.
fn arguments_seen(child: &mut Child) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let root = child.id().to_string();
    while child.try_wait().expect("its status").is_none() {
        let names = std::fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.file_name());
        let processes: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
        let read = |process: &str, file: &str| std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
        let parents: Vec<(&str, String)> = processes
            .iter()
            .filter_map(|process| {
                let stat = String::from_utf8_lossy(&read(process, "stat")).into_owned();
                let parent = stat.rsplit_once(')')?.1.split(' ').nth(2)?.to_owned();
                Some((process.as_str(), parent))
            })
            .collect();
        let mut family = vec![root.as_str()];
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            family.extend(parents.iter().filter(|(_, of)| of == parent).map(|(process, _)| *process));
            at += 1;
        }
        seen.extend(family.into_iter().map(|one| String::from_utf8_lossy(&read(one, "cmdline")).replace('\0', " ")));
        std::thread::sleep(Duration::from_millis(2));
    }
    seen
}

#[test]
fn no_process_that_is_started_shows_a_password_in_its_arguments() {
    for (store, program) in
        [("postgres", "initdb"), ("redis", "redis-server"), ("mongodb", "mongod"), ("libsql-server", "sqld")]
    {
        let run = Storebench::run(&["ycsb-a", "--durability", "memory"]).args(&SHORT).store(store);
        let mut child = run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let seen = arguments_seen(&mut child);
        assert!(child.wait().expect("it ends").success(), "{store}");
        assert!(seen.iter().any(|arguments| arguments.contains(program)), "{seen:?}");
        // As passwords of our own servers are.
        let is_password = |word: &str| word.len() == 32 && word.chars().all(|c| ('a'..='p').contains(&c));
        for arguments in seen.iter().map(|arguments| arguments.replace("storebench-", "folder")) {
            assert!(!arguments.split(|c: char| !c.is_alphanumeric()).any(is_password), "{arguments}");
        }
    }
    let server = started("redis", Durability::Memory);
    let (address, password) = parted(&server.address);
    let run = Storebench::run(&["ycsb-a", "--durability", "memory", "--password-file", "secret"]).args(&SHORT);
    let run = run.file("secret", &password).store(&address);
    let mut child = run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let seen = arguments_seen(&mut child);
    assert!(child.wait().expect("it ends").success() && seen.iter().any(|arguments| arguments.contains(&address)));
    assert!(!seen.iter().any(|arguments| arguments.contains(&password)), "{seen:?}");
}

#[test]
fn libpqs_password_file_variable_and_service_are_read_in_its_order() {
    let server = started("postgres", Durability::Memory);
    let (address, password) = parted(&server.address);
    let port = server.port();
    let home = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        let path = home.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        path
    };
    let check = |address: &str, variables: &[(&str, &str)]| {
        let check = Storebench::new(&["check", "--durability", "memory", address]);
        let mut command = check.command();
        command.env("HOME", home.path()).env_remove("PGPASSWORD").envs(variables.iter().copied());
        let output = command.output().expect("it ends");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = check(&address, &[]);
    assert!(code == Some(2) && said.contains("--password-file, PGPASSWORD or ~/.pgpass"), "{said}");
    assert_eq!(check(&address, &[("PGPASSWORD", &password)]).0, Some(0));
    let file = write(".pgpass", format!("127.0.0.1:{port}:*:postgres:{password}\n"));
    assert_eq!(check(&address, &[]).0, Some(0));
    let (code, said) = check(&address, &[("PGPASSWORD", "wrong")]);
    assert!(code == Some(2) && said.contains("password authentication failed"), "the variable comes first: {said}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("set");
    let (code, said) = check(&address, &[]);
    assert!(code == Some(2) && said.contains("chmod 600"), "{said}");
    write(
        ".pg_service.conf",
        format!("[bench]\nhost=127.0.0.1\nport={port}\nuser=postgres\ndbname=postgres\npassword={password}\n"),
    );
    assert_eq!(check("postgres://?service=bench", &[("PGPASSWORD", "wrong")]).0, Some(0));
    assert_eq!(check("postgres://", &[("PGSERVICE", "bench")]).0, Some(0));
    let (code, said) = check("postgres://?service=none", &[]);
    assert!(code == Some(2) && said.contains("no service `none`"), "{said}");
    // With what is started for a run no service has to do.
    assert_eq!(check("postgres", &[("PGSERVICE", "none"), ("PGPASSWORD", "wrong")]).0, Some(0));
}

#[test]
fn a_redis_behind_a_unix_socket_is_measured() {
    let server = own("redis", |folder| {
        let socket = folder.join("r.sock").display().to_string();
        ["--port", "0", "--save", "", "--requirepass", "secret-one", "--unixsocket", &socket].map(String::from).to_vec()
    });
    let socket = server.folder.path().join("r.sock");
    until(|| socket.exists());
    for scheme in ["unix", "redis+unix"] {
        let address = format!("{scheme}://{}?db=1", socket.display());
        let run = Storebench::run(&["ycsb-a", "--durability", "memory", "--password-file", "secret"]).args(&SHORT);
        let ran = run.file("secret", "secret-one").store(&address).expect_exit(0);
        assert_eq!(ran.first_run()["counts"]["failed"], 0);
    }
    let gone = Storebench::new(&["check", "unix:///nowhere/at/all"]).expect_exit(2).stdout;
    assert!(gone.contains("there is no socket at"), "{gone}");
}

#[test]
fn a_mongod_outside_of_any_set_runs_what_needs_no_transactions() {
    let port = free_port();
    let server = own("mongodb", |folder| {
        let folder = folder.display().to_string();
        ["--dbpath", &folder, "--port", &port.to_string(), "--bind_ip", "127.0.0.1"].map(String::from).to_vec()
    });
    until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let address = format!("mongodb://127.0.0.1:{port}");
    for workload in ["ycsb-a", "append-only", "time-series"] {
        let run =
            Storebench::run(&[workload, "--durability", "memory", "--records", "100", "--warmup", "0", "--ops", "200"]);
        let ran = run.store(&address).expect_exit(0).first_run();
        let isolation = ran["store"]["guarantees"]["isolation"].as_str().expect("a text").to_owned();
        assert!(isolation.starts_with("none: a standalone server"), "{isolation}");
        assert!(ran["checks"].as_array().expect("checks").iter().all(|check| check["passed"] != false), "{ran}");
    }
    let refused =
        Storebench::run(&["oltp"]).args(&SHORT).args(&["--durability", "memory"]).store(&address).expect_exit(2);
    for words in ["lacks transact", "--replSet rs0", "rs.initiate()"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let check = Storebench::new(&["check", "--durability", "memory", &address]).expect_exit(0).stdout;
    assert!(check.contains("not oltp: lacks transact") && check.contains("rs.initiate()"), "{check}");
    let wrong = Storebench::new(&["check", &format!("{address}/?replicaSet=rs9")]).expect_exit(2).stdout;
    assert!(wrong.contains("belongs to no replica set") && wrong.contains("leave out replicaSet"), "{wrong}");
    drop(server);
}

#[test]
fn a_door_where_another_protocol_is_spoken_is_told_as_that() {
    for there in ["postgres", "redis", "mongodb", "libsql-server"] {
        let server = started(there, Durability::Memory);
        let host = format!("127.0.0.1:{}", server.port());
        for (url, store) in [
            (format!("postgres://u:hunter2@{host}/app"), "postgres"),
            (format!("redis://:hunter2@{host}"), "redis"),
            (format!("mongodb://{host}"), "mongodb"),
            (format!("http://{host}"), "libsql-server"),
            (format!("rediss://{host}"), ""),
            (format!("https://{host}"), ""),
            (format!("mongodb://{host}/?tls=true"), ""),
            (format!("postgres://u:hunter2@{host}/app?sslmode=require"), ""),
        ] {
            if store == there {
                continue;
            }
            let said = Storebench::new(&["check", &url]).expect_exit(2).stdout;
            let is_told = ["is it ", "is not ", "does not speak", "has no ", "as a primary"]
                .iter()
                .any(|words| said.contains(words));
            assert!(is_told && !said.contains("hunter2") && said.lines().count() == 1, "{said}");
            assert_eq!(said.matches(&url.replace("hunter2", "***")).count(), 1, "the URL once: {said}");
        }
    }
}

#[test]
fn what_cannot_be_reached_is_told_in_one_sentence() {
    for (address, words) in [
        ("postgres://u:p@127.0.0.1:1/app", "nothing listens there"),
        ("redis://127.0.0.1:1", "nothing listens there"),
        ("mongodb://127.0.0.1:1", "nothing listens there"),
        ("http://127.0.0.1:1", "nothing listens there"),
        ("postgres://u:p@no-such-host.invalid/app", "no-such-host.invalid:5432 is not known"),
        ("redis://no-such-host.invalid", "no-such-host.invalid:6379 is not known"),
        ("mongodb://no-such-host.invalid", "no-such-host.invalid:27017 is not known"),
        ("http://no-such-host.invalid", "no-such-host.invalid:80 is not known"),
        ("mongodb+srv://u:p@no-such-host.invalid", "are not found"),
    ] {
        let said = Storebench::new(&["check", address]).expect_exit(2).stdout;
        assert!(said.contains(words) && said.lines().count() == 1, "{address}: {said}");
    }
}
