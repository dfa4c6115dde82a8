//! Throwaway servers: found on this machine, started on a free loopback port in a folder of their own, stopped and
//! removed again. Whoever holds the [`Server`] keeps it running.
//!
//! How a program is set for a durability tier is its driver's business ([`Store::serve`](crate::Store::serve)); what a
//! running one uses is in `usage.rs`, where programs are found in `program.rs`, what they see of our environment in
//! `environment.rs`, how they are started, and what becomes of them when this process ends, in `guard.rs`, and what is
//! left when that has failed in `abandoned.rs`.

mod abandoned;
mod environment;
mod guard;
mod program;
mod usage;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::support::scratch;
use crate::{Durability, Failure, FailureKind, redacted};
pub use abandoned::{AbandonedFolder, abandoned};
use environment::Environment;
use guard::Guard;
pub use program::Program;
pub use usage::ServerUsage;

/// A running server of our own. Dropped, it is stopped and its folder removed.
pub struct Server {
    /// Where it listens, as an address of its store, with its password: `redis://:secret@127.0.0.1:40001`.
    pub address: String,
    pid: i32,
    command: Command,
    site: Site,
}

/// Where a server is about to run.
#[derive(Debug)]
pub struct Site {
    /// What is to run there.
    pub program: Program,
    /// The file of it that was found on this machine.
    pub binary: PathBuf,
    /// The port to listen on, on 127.0.0.1.
    pub port: u16,
    /// The tier that it is to be set for.
    pub durability: Durability,
    folder: PathBuf,
    user: Option<program::User>,
    environment: Environment,
    guard: Mutex<Guard>,
}

/// How long a server may take until it answers: a cold disk, not a cold data set.
const START: Duration = Duration::from_secs(30);

/// How long a command may take that prepares it.
const PREPARATION: Duration = Duration::from_secs(120);

/// 32 letters from `a` to `p`, 128 bits, which no path, address or configuration file takes for anything else.
fn random_letters() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|four| char::from(b'a' + four)).collect())
}

impl Site {
    /// A site for a program, with a folder of its own in another one.
    pub(crate) fn new(
        program: Program,
        durability: Durability,
        parent: &Path,
        variables: &[(String, Option<String>)],
    ) -> Result<Site, Failure> {
        let because = |what| move |error| failed(&program, what, error);
        let binary = program.find()?;
        let user = program.user()?;
        let name = random_letters().map_err(because("finds no random numbers for a folder"))?;
        let parent = std::path::absolute(parent).map_err(because("cannot make a folder for it"))?;
        let folder = parent.join(format!("{}{name}", scratch::PREFIX));
        let environment = Environment::new(&folder, variables).map_err(|unset| {
            Failure::broken(format!("{}: {unset} is not set here: write env={unset}=VALUE", program.name))
        })?;
        let guard = Guard::start(&folder, program.name, program.stop_signal);
        let guard = guard.map_err(|error| failed(&program, &format!("cannot make {}", folder.display()), error))?;
        if let Some(user) = &user {
            user.give(&folder).map_err(because("cannot hand its folder over"))?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.map_err(because("finds no free port"))?.port();
        Ok(Site { program, binary, port, durability, folder, user, environment, guard: Mutex::new(guard) })
    }

    /// The folder for its data, which nobody else uses.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new password.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn password(&self) -> Result<String, Failure> {
        random_letters().map_err(|error| failed(&self.program, "finds no random numbers for a password", error))
    }

    /// Writes a file that only the server's user can read. Command lines and environments can be read by others.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn secret(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder().join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let given = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            self.user.as_ref().map_or(Ok(()), |user| user.give_file(&file))
        });
        given.map_err(|error| failed(&self.program, "cannot write its password", error))?;
        Ok(path)
    }

    /// A command that runs the program, or another one of its folder (`initdb`).
    pub fn command(&self, other: Option<&str>) -> Command {
        Command::new(other.map_or_else(|| self.binary.clone(), |name| self.beside(name)))
    }

    /// Another program of the same folder: that of the file itself, where PATH holds a link to it. The file is not started
    /// by that name, because one that goes by several names (Redis) does what its name says.
    fn beside(&self, name: &str) -> PathBuf {
        let itself = self.binary.canonicalize().unwrap_or_else(|_| self.binary.clone());
        itself.with_file_name(name)
    }

    /// Runs a command to its end, as the user that the server runs as.
    ///
    /// # Errors
    /// When it cannot be started, fails or takes too long; its own words are in the message.
    pub async fn run(&self, command: &Command) -> Result<(), Failure> {
        let name = self.program.name;
        let what = format!("cannot run {}", command.get_program().to_string_lossy());
        self.launch(command)?;
        let deadline = Instant::now() + PREPARATION;
        while self.guard().ended().is_none() {
            if Instant::now() > deadline {
                return Err(Failure::broken(format!("{name}: {what} within {PREPARATION:?}: {}", self.log())));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        match self.guard().ended() {
            Some(status) if status.success() => {
                std::fs::remove_file(self.log_file()).map_err(|error| failed(&self.program, &what, error))
            }
            _ => Err(Failure::broken(format!("{name}: {what}: {}", self.log()))),
        }
    }

    fn launch(&self, command: &Command) -> Result<i32, Failure> {
        let started = self.guard().launch(command, &self.environment, self.user.as_ref());
        started.map_err(|error| failed(&self.program, "cannot be started", error))
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("server.log")
    }

    fn log(&self) -> String {
        last_words(&self.log_file()).unwrap_or_default()
    }

    /// Starts the server by a command. It answers at `address` when `answers` does.
    ///
    /// # Errors
    /// When it ends or does not answer in time; the end of its log is in the message.
    pub async fn start<F: Future<Output = Result<(), Failure>>>(
        self,
        command: Command,
        address: String,
        answers: impl Fn() -> F,
    ) -> Result<Server, Failure> {
        let server = self.spawn(command, address)?;
        let deadline = Instant::now() + START;
        loop {
            let answer = tokio::time::timeout(START, answers()).await;
            if let Some(ended) = server.ended() {
                let port_may_be_taken = FailureKind::Unavailable;
                return Err(Failure::new(port_may_be_taken, ended));
            }
            match answer {
                Ok(Ok(())) => return Ok(server),
                Ok(Err(failure)) if Instant::now() > deadline => {
                    let said = server.log();
                    return Err(Failure::broken(format!("{} does not answer: {failure}: {said}", server.name())));
                }
                Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(_) => return Err(Failure::broken(format!("{} does not answer: {}", server.name(), server.log()))),
            }
        }
    }

    fn spawn(self, command: Command, address: String) -> Result<Server, Failure> {
        let pid = self.launch(&command)?;
        Ok(Server { address, pid, command, site: self })
    }
}

impl Server {
    /// The process of the server itself.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// All its processes, as far as the system tells.
    pub fn pids(&self) -> Vec<i32> {
        usage::tree(self.pid)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.site.port
    }

    /// Kills it as a crash would, and starts it again on the same data and port. It may take a while to answer.
    ///
    /// # Errors
    /// When it has ended already or cannot be started.
    pub fn crash(&mut self) -> Result<(), Failure> {
        if let Some(ended) = self.ended() {
            return Err(Failure::new(FailureKind::Unavailable, ended));
        }
        self.site.guard().crash();
        self.pid = self.site.launch(&self.command)?;
        Ok(())
    }

    /// The file that was started.
    pub fn binary(&self) -> &Path {
        &self.site.binary
    }

    /// What its processes have used so far. None where the system does not tell.
    pub fn usage(&self) -> Option<ServerUsage> {
        self.usage_of(&self.pids())
    }

    /// The same of processes that are known, which spares a look at all those of the system: a millisecond of CPU.
    pub fn usage_of(&self, pids: &[i32]) -> Option<ServerUsage> {
        usage::of(pids)
    }

    /// Whether it is still there.
    pub fn is_running(&self) -> bool {
        self.site.guard().ended().is_none()
    }

    /// How it ended, if nobody here has ended it, and the last of what it logged: what explains that it does not answer.
    pub fn ended(&self) -> Option<String> {
        let status = self.site.guard().ended()?;
        let how = how(status);
        let name = self.name();
        Some(match self.log() {
            log if log.is_empty() => format!("the server, {name}, ended with {how} and logged nothing"),
            log => format!("the server, {name}, ended with {how}; its log ends: {log}"),
        })
    }

    /// The end of what it logged.
    pub fn log(&self) -> String {
        self.site.log()
    }

    fn name(&self) -> &'static str {
        self.site.program.name
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        // As a shell tells it of a program that it started (POSIX, sh, 2.8.2).
        (Some(code), _) if code > 128 => format!("signal {}", code - 128),
        (Some(code), _) => format!("exit status {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

/// The address may hold a password, which is left out.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &redacted(&self.address))
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// The last lines of a log, in one, and the last of them if they are long.
fn last_words(log: &Path) -> std::io::Result<String> {
    const LONGEST: u64 = 1000;
    /// PostgreSQL says why seven lines before its last.
    const LINES: usize = 8;
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    let lines: Vec<&str> = end.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let words = lines[lines.len().saturating_sub(LINES)..].join(" | ");
    Ok(words.replace(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER, " "))
}

fn failed(program: &Program, what: &str, error: std::io::Error) -> Failure {
    Failure::broken(format!("{}: {what}: {error}", program.name)).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::disk;

    /// A server that answers nobody: `sleep` is on every machine.
    const SLEEP: Program = Program {
        name: "sleep",
        binary: "sleep",
        variable: "STOREBENCH_SLEEP_BIN",
        folders: &[],
        install: "it comes with the system",
        stop_signal: "TERM",
        refuses_root: true,
    };

    fn site() -> Site {
        Site::new(SLEEP, Durability::Memory, &disk::scratch_folder(), &[]).expect("a site")
    }

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]);
        shell
    }

    /// A server that a script is. What it does before it says so in its log is done when this returns.
    fn started(script: &str) -> Server {
        let server =
            site().spawn(shell(&format!("{script}\necho begun\nsleep 1000; :")), "sh".into()).expect("started");
        until("it begins", || server.log().contains("begun"));
        server
    }

    fn until(what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// One that has ended, and that whoever is its parent now has not asked for, is not.
    fn is_alive(pid: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let has_ended = stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok() && !has_ended
    }

    fn signal(pid: i32, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("sent");
    }

    #[test]
    fn a_dropped_server_is_gone_with_its_folder_and_its_guard() {
        let server = started(":");
        let (pids, guard, folder) = (server.pids(), server.site.guard().shell(), server.site.folder().to_owned());
        assert!(server.is_running() && pids.contains(&server.pid()) && is_alive(guard) && folder.exists());
        assert!(server.usage().is_some_and(|usage| usage.memory_bytes > 0) || !cfg!(target_os = "linux"));
        drop(server);
        assert!(!pids.into_iter().any(is_alive) && !is_alive(guard) && !folder.exists());
    }

    #[test]
    fn a_server_that_heeds_no_signal_is_gone_in_bounded_time() {
        let deaf = started("trap '' TERM");
        let paused = started(":");
        let guarded = started(":");
        paused.pids().into_iter().for_each(|pid| signal(pid, nix::sys::signal::SIGSTOP));
        signal(guarded.site.guard().shell(), nix::sys::signal::SIGSTOP);
        for server in [deaf, paused, guarded] {
            let (pids, folder, began) = (server.pids(), server.site.folder().to_owned(), Instant::now());
            drop(server);
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
            assert!(!pids.into_iter().any(is_alive) && !folder.exists());
        }
    }

    #[test]
    fn what_a_server_has_started_ends_with_it() {
        // A script that starts the server, as some name one, and is killed without it.
        let server = started("sleep 1001 &");
        let pids = server.pids();
        signal(server.pid(), nix::sys::signal::SIGKILL);
        until("it has ended", || !server.is_running());
        until("all of it", || !pids.iter().copied().any(is_alive));
    }

    #[test]
    fn a_crashed_server_is_started_again_in_its_folder() {
        let mut server = started("touch made; trap '' TERM");
        let (pids, folder) = (server.pids(), server.site.folder().to_owned());
        server.crash().expect("started again");
        assert!(!pids.into_iter().any(is_alive) && is_alive(server.pid()) && folder.join("made").exists());
        signal(server.pid(), nix::sys::signal::SIGKILL);
        until("it has ended", || !server.is_running());
        let refused = server.crash().expect_err("there is nothing to kill");
        assert!(refused.message.contains("ended with signal 9"), "{refused}");
    }

    #[test]
    fn no_signal_at_a_terminal_ends_the_guard_before_its_server() {
        let server = started(":");
        let guard = server.site.guard().shell();
        assert_eq!(
            nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(guard))).map(|group| group.as_raw()),
            Ok(guard)
        );
        for harmless in ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] {
            signal(guard, harmless.parse().expect("a signal"));
        }
        let (pids, folder) = (server.pids(), server.site.folder().to_owned());
        // It goes on, and does its work when we are gone.
        server.site.guard().hang_up();
        until("the server has ended", || !server.is_running());
        until("so has its guard", || !server.site.guard().is_on_guard());
        assert!(!pids.into_iter().any(is_alive) && !folder.exists());
    }

    #[tokio::test]
    async fn what_is_run_before_the_server_is_guarded_too() {
        let site = site();
        let folder = site.folder().to_owned();
        site.run(&shell("echo said; touch made")).await.expect("run");
        site.run(&shell("touch made-too")).await.expect("run again");
        assert!(folder.join("made").exists() && folder.join("made-too").exists() && site.log().is_empty());
        let server = site.spawn(shell("exec sleep 1000"), "sleep".into()).expect("started");
        assert!(server.is_running() && folder.join("made").exists());
        drop(server);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn what_cannot_be_run_says_why() {
        let failure = site().run(&shell("echo no room >&2; exit 1")).await.expect_err("it failed");
        assert!(failure.message.contains("cannot run /bin/sh: no room"), "{failure}");
        let failure = site().run(&Command::new("/nowhere/initdb")).await.expect_err("it is not there");
        assert!(failure.message.contains("cannot run /nowhere/initdb: ") && failure.message.contains("not found"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_says_why() {
        let nowhere = Path::new("/nowhere/at/all");
        let failure = Site::new(SLEEP, Durability::Memory, nowhere, &[]).expect_err("there is no such folder");
        assert!(failure.message.contains("cannot make /nowhere/at/all/storebench-"), "{failure}");
        assert!(failure.message.contains("No such file or directory"), "{failure}");
        // Nor does a guard take one for its own that it did not make.
        let planted = tempfile::tempdir().expect("a folder");
        std::fs::write(planted.path().join("file"), "").expect("a file in it");
        let refused = Guard::start(planted.path(), "sleep", "TERM").expect_err("it is there already");
        assert!(refused.to_string().contains("exists"), "{refused}");
        assert!(planted.path().join("file").exists());
    }

    #[test]
    fn a_server_sees_of_our_environment_what_it_needs() {
        // Cargo sets this one for every test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let wanted = ("WANTED".to_owned(), Some("yes".to_owned()));
        let site = Site::new(SLEEP, Durability::Memory, &disk::scratch_folder(), &[wanted]).expect("a site");
        let folder = site.folder().display().to_string();
        let server = site.spawn(shell("env; echo begun; exec sleep 1000"), "sh".into()).expect("started");
        until("it begins", || server.log().contains("begun"));
        let log = std::fs::read_to_string(server.site.log_file()).expect("its log");
        let names: Vec<&str> = log.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let usual = ["PATH", "LANG", "TZ", "HOME", "TMPDIR", "WANTED", "PWD", "OLDPWD", "SHLVL", "_"];
        assert!(names.iter().all(|name| usual.contains(name) || name.starts_with("LC_")), "{names:?}");
        for line in [format!("HOME={folder}"), format!("TMPDIR={folder}"), "WANTED=yes".to_owned()] {
            assert!(log.lines().any(|set| set == line), "{log}");
        }
        let unset = ("STOREBENCH_NO_SUCH_VARIABLE".to_owned(), None);
        let failure = Site::new(SLEEP, Durability::Memory, &disk::scratch_folder(), &[unset]).expect_err("not set");
        assert!(failure.message.contains("STOREBENCH_NO_SUCH_VARIABLE is not set here"), "{failure}");
    }

    #[test]
    fn what_was_killed_with_its_guard_is_found_and_removed() {
        let parent = tempfile::tempdir_in(disk::scratch_folder()).expect("a folder");
        std::fs::set_permissions(parent.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
        let server = || {
            let site = Site::new(SLEEP, Durability::Memory, parent.path(), &[]).expect("a site");
            let server = site.spawn(shell("sleep 1002; :"), "sh".into()).expect("started");
            until("it begins", || server.pids().len() == 2);
            server
        };
        let (lives, killed) = (server(), server());
        let foreign = parent.path().join("storebench-foreign");
        std::fs::create_dir(&foreign).expect("a folder that says nothing of us");
        assert!(abandoned(parent.path(), "sleep").expect("looked").is_empty(), "their owner lives");

        let (mut pids, folder) = (killed.pids(), killed.site.folder().to_owned());
        killed.site.guard.into_inner().expect("a guard").abandon();
        assert!(abandoned(parent.path(), "redis").expect("looked").is_empty(), "it is no server of Redis");
        let mut found = abandoned(parent.path(), "sleep").expect("looked");
        assert!(abandoned(parent.path(), "sleep").expect("looked").is_empty(), "it is being removed");
        let left = found.pop().expect("it is found");
        let mut known = left.pids.clone();
        pids.sort();
        known.sort();
        assert!(found.is_empty() && left.folder == folder && known == pids, "{left:?}");
        left.remove().expect("removed");
        until("all is gone", || !pids.iter().copied().any(is_alive));
        assert!(!folder.exists() && foreign.exists() && lives.is_running() && lives.site.folder().exists());
    }

    #[test]
    fn a_number_that_is_used_again_is_nobody_of_ours() {
        let parent = tempfile::tempdir_in(disk::scratch_folder()).expect("a folder");
        let site = Site::new(SLEEP, Durability::Memory, parent.path(), &[]).expect("a site");
        std::fs::write(site.folder().join("server.pid"), format!("{}\n", std::process::id())).expect("written");
        site.guard.into_inner().expect("a guard").abandon();
        let found = abandoned(parent.path(), "sleep").expect("looked");
        assert!(found.len() == 1 && found[0].pids.is_empty(), "{found:?}");
    }

    #[test]
    fn a_server_that_has_ended_tells_how_in_one_line() {
        let ended = |script: &str| {
            let server = site().spawn(shell(script), "sh".into()).expect("started");
            until("it ends", || !server.is_running());
            server.ended().expect("how")
        };
        assert_eq!(ended("exit 1"), "the server, sleep, ended with exit status 1 and logged nothing");
        assert_eq!(
            ended("echo one; echo; echo two; echo three >&2; printf 'no\\033[31m room'; exit 2"),
            "the server, sleep, ended with exit status 2; its log ends: one | two | three | no [31m room"
        );
        let long = ended("yes abc | head -c 100000 | tr '\\n' ' '; kill -9 $$");
        assert!(long.starts_with("the server, sleep, ended with signal 9; ") && long.len() < 1100, "{long}");
        let server = site().spawn(shell("exec sleep 1000"), "sleep".into()).expect("started");
        assert_eq!(server.ended(), None);
    }

    #[test]
    fn only_the_servers_user_reads_its_password_and_nothing_prints_it() {
        use std::os::unix::fs::MetadataExt;
        let site = site();
        let (one, other) = (site.password().expect("a password"), site.password().expect("another"));
        assert!(one != other && one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_lowercase()));
        let path = site.secret("password", &one).expect("written");
        let (file, folder) = (path.metadata().expect("a file"), site.folder().metadata().expect("a folder"));
        assert_eq!((file.mode() & 0o777, folder.mode() & 0o777, file.uid()), (0o600, 0o700, folder.uid()));
        assert_eq!(std::fs::read_to_string(path).expect("its text"), one);
        site.secret("password", &other).expect_err("it is there already");
        let address = format!("redis://:{one}@127.0.0.1:1");
        let server = site.spawn(shell("exec sleep 1000"), address).expect("started");
        assert!(!format!("{server:?}").contains(&one), "{server:?}");
    }

    #[tokio::test]
    async fn a_server_that_ends_says_its_last_words() {
        let site = site();
        let mut command = site.command(None);
        command.arg("much-too-long");
        let never = || async { Err(Failure::broken("no answer")) };
        let failure = site.start(command, "sleep".into(), never).await.expect_err("it ended");
        assert!(failure.message.contains("exit status 1") && failure.message.contains("much-too-long"), "{failure}");
    }
}
