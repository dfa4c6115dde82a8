//! Throwaway servers: found on this machine, started on a free loopback port in a folder of their own, stopped and
//! removed again. Whoever holds the [`Server`] keeps it running.
//!
//! How a program is set for a durability tier is its driver's business ([`Store::serve`]); what a
//! running one uses is in `server/usage.rs`, where programs are found in `server/program.rs`, and what becomes of them when
//! this process ends in `server/guard.rs`.

mod guard;
mod program;
mod usage;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::scratch::Scratch;
use crate::{Durability, Failure, FailureKind, Store, disk, redacted};
use guard::Guard;
pub use program::Program;
pub use usage::Usage;

/// A running server of our own. Dropped, it is stopped and its folder removed.
pub struct Server {
    /// Where it listens, as an address of its store, with its password: `redis://:secret@127.0.0.1:40001`.
    pub address: String,
    pid: i32,
    /// Before the site: it removes the folder when nothing writes there any more.
    guard: Guard,
    site: Site,
}

/// Where a server is about to run.
#[derive(Debug)]
pub struct Site {
    /// Its program.
    pub program: Program,
    /// The program's file.
    pub binary: PathBuf,
    /// The port to listen on, on 127.0.0.1.
    pub port: u16,
    /// The tier that it is to be set for.
    pub durability: Durability,
    /// The guard of what was run last, which removes the folder if we end before the server's own guard is there.
    prepared: Option<Guard>,
    folder: Scratch,
    user: Option<program::User>,
}

/// How long a server may take until it answers: a cold disk, not a cold data set.
const START: Duration = Duration::from_secs(30);

/// Ports are free when they are chosen and may be taken when they are used.
const ATTEMPTS: u32 = 3;

/// Starts a server of this store, set for a tier.
///
/// # Errors
/// When the store has no program that could be started, the program is not found, or it does not come up.
pub async fn start<S: Store>(durability: Durability) -> Result<Server, Failure> {
    start_in::<S>(durability, &disk::scratch_folder()).await
}

/// The same with its own folder in another one.
pub(crate) async fn start_in<S: Store>(durability: Durability, parent: &Path) -> Result<Server, Failure> {
    let program = S::PROGRAM.ok_or_else(|| Failure::broken(format!("{} has no server to start", S::NAME)))?;
    let mut attempt = 1;
    loop {
        match S::serve(Site::new(program, durability, parent)?).await {
            Err(failure) if attempt < ATTEMPTS && failure.kind == FailureKind::Unavailable => attempt += 1,
            served => return served,
        }
    }
}

impl Site {
    fn new(program: Program, durability: Durability, parent: &Path) -> Result<Site, Failure> {
        let binary = program.find()?;
        let folder = Scratch::new_in(parent).map_err(|error| failed(&program, "cannot make a folder for it", error))?;
        let user = program.user()?;
        if let Some(user) = &user {
            user.give(folder.path()).map_err(|error| failed(&program, "cannot hand its folder over", error))?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.map_err(|error| failed(&program, "finds no free port", error))?.port();
        Ok(Site { program, binary, port, durability, prepared: None, folder, user })
    }

    /// The folder for its data, which nobody else uses.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new password: 32 letters from `a` to `p`, 128 bits, which no address or configuration file takes for anything
    /// else.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn password(&self) -> Result<String, Failure> {
        let mut bytes = [0_u8; 16];
        let read = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
        read.map_err(|error| failed(&self.program, "finds no random numbers for a password", error))?;
        Ok(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|four| char::from(b'a' + four)).collect())
    }

    /// Writes a file that only the server's user can read. Command lines and environments can be read by others.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn secret(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder().join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        let given = written.and_then(|()| self.user.as_ref().map_or(Ok(()), |user| user.give(&path)));
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
    /// When it cannot be started or fails; its own words are in the message.
    pub fn run(&mut self, command: &Command) -> Result<(), Failure> {
        let what = format!("cannot run {}", command.get_program().to_string_lossy());
        let mut guard = self.guarded(command)?;
        guard.wait().map_err(|error| failed(&self.program, &what, error))?;
        let ended = self.ended();
        let earlier = self.prepared.replace(guard);
        earlier.into_iter().for_each(Guard::leave);
        match ended {
            Some(0) => std::fs::remove_file(self.log_file()).map_err(|error| failed(&self.program, &what, error)),
            _ => Err(Failure::broken(format!("{}: {what}: {}", self.program.name, self.log()))),
        }
    }

    /// Runs a command under a guard.
    fn guarded(&self, command: &Command) -> Result<Guard, Failure> {
        let started = Guard::start(command, self.folder(), self.program.stop_signal, self.user.as_ref());
        started.map_err(|error| failed(&self.program, "cannot be started", error))
    }

    /// The exit status of what was started here last, as a shell tells it; none while it runs.
    fn ended(&self) -> Option<i32> {
        std::fs::read_to_string(self.folder().join("state")).ok()?.trim().parse().ok()
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
        let server = self.spawn(&command, address)?;
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

    /// Starts the server. From here on its own guard takes care of the folder.
    fn spawn(mut self, command: &Command, address: String) -> Result<Server, Failure> {
        let mut guard = self.guarded(command)?;
        let no_pid = || Failure::broken(format!("{} has no pid", self.program.name));
        let pid = guard.next_pid().ok_or_else(no_pid)?;
        self.prepared.take().into_iter().for_each(Guard::leave);
        Ok(Server { address, pid, guard, site: self })
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
    /// When it cannot be killed or started.
    pub fn crash(&mut self) -> Result<(), Failure> {
        let name = self.name();
        let failed = |what: &str| Failure::broken(format!("{name} cannot be {what}"));
        std::fs::write(self.site.folder().join("again"), "").map_err(|_| failed("told to start again"))?;
        let kill = |pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        let pids = self.pids();
        kill(self.pid).map_err(|_| failed("killed"))?;
        // And what it started, while it cannot end by itself over that: PostgreSQL does not start beside what is left of an
        // earlier one.
        for child in pids.into_iter().filter(|pid| *pid != self.pid) {
            let _ = kill(child);
        }
        self.pid = self.guard.next_pid().ok_or_else(|| failed("started again"))?;
        Ok(())
    }

    /// The file that was started.
    pub fn binary(&self) -> &Path {
        &self.site.binary
    }

    /// What its processes have used so far. None where the system does not tell.
    pub fn usage(&self) -> Option<Usage> {
        usage::of_tree(self.pid)
    }

    /// Whether it is still there.
    pub fn is_running(&self) -> bool {
        self.site.ended().is_none()
    }

    /// How it ended, if nobody here has ended it, and the last of what it logged: what explains that it does not answer.
    pub fn ended(&self) -> Option<String> {
        let status = self.site.ended()?;
        // As a shell tells it (POSIX, sh, 2.8.2).
        let how = if status > 128 { format!("signal {}", status - 128) } else { format!("exit status {status}") };
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

/// Without its password.
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
        Site::new(SLEEP, Durability::Memory, &disk::scratch_folder()).expect("a site")
    }

    fn command(site: &Site, seconds: &str) -> Command {
        let mut command = site.command(None);
        command.arg(seconds);
        command
    }

    fn is_alive(pid: i32) -> bool {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
    }

    #[test]
    fn a_dropped_server_is_gone_with_its_folder() {
        let site = site();
        let (command, folder) = (command(&site, "1000"), site.folder().to_owned());
        let server = site.spawn(&command, "sleep".into()).expect("started");
        let pid = server.pid();
        assert!(server.is_running() && is_alive(pid) && folder.exists());
        assert!(server.usage().is_some_and(|usage| usage.memory_bytes > 0) || !cfg!(target_os = "linux"));
        drop(server);
        assert!(!is_alive(pid) && !folder.exists());
    }

    #[test]
    fn a_crashed_server_is_started_again_in_its_folder() {
        let site = site();
        let (command, folder) = (command(&site, "1000"), site.folder().to_owned());
        let mut server = site.spawn(&command, "sleep".into()).expect("started");
        let first = server.pid();
        server.crash().expect("started again");
        assert!(server.pid() != first && !is_alive(first) && is_alive(server.pid()) && folder.exists());
        let second = server.pid();
        drop(server);
        assert!(!is_alive(second) && !folder.exists());
    }

    #[test]
    fn a_hangup_does_not_end_the_guard_before_its_server() {
        let site = site();
        let command = command(&site, "1000");
        let server = site.spawn(&command, "sleep".into()).expect("started");
        let group = server.guard.group();
        nix::sys::signal::killpg(group, nix::sys::signal::SIGHUP).expect("hung up");
        std::thread::sleep(Duration::from_millis(100));
        assert!(is_alive(group.as_raw()) && is_alive(server.pid()));
        let pid = server.pid();
        drop(server);
        assert!(!is_alive(pid));
    }

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn nothing_outlives_a_guard() {
        let site = site();
        let command = command(&site, "1000");
        let server = site.spawn(&command, "sleep".into()).expect("started");
        let group = server.guard.group();
        assert!(nix::sys::signal::killpg(group, None).is_ok());
        drop(server);
        assert_eq!(nix::sys::signal::killpg(group, None), Err(nix::errno::Errno::ESRCH));
    }

    #[test]
    fn what_is_run_before_the_server_is_guarded_too() {
        let mut first = site();
        let folder = first.folder().to_owned();
        first.run(&shell("echo said; touch made")).expect("run");
        first.run(&shell("touch made-too")).expect("run again");
        assert!(folder.join("made").exists() && folder.join("made-too").exists() && first.log().is_empty());
        let guard = first.prepared.take().expect("a guard");
        let group = guard.group();
        assert_eq!(nix::unistd::getpgid(Some(group)), Ok(group), "a Ctrl-C is not for it");
        drop(guard);
        assert!(!folder.exists(), "it is gone, as when the suite is killed");

        let mut second = site();
        let folder = second.folder().to_owned();
        second.run(&shell("touch made")).expect("run");
        let group = second.prepared.as_ref().expect("a guard").group();
        let server = second.spawn(&shell("exec sleep 1000"), "sleep".into()).expect("started");
        assert_eq!(nix::sys::signal::killpg(group, None), Err(nix::errno::Errno::ESRCH), "the server's own is there");
        assert!(server.is_running() && folder.join("made").exists());
    }

    #[test]
    fn what_cannot_be_run_says_why() {
        let failure = site().run(&shell("echo no room >&2; exit 1")).expect_err("it failed");
        assert!(failure.message.contains("cannot run /bin/sh: no room"), "{failure}");
        let failure = site().run(&Command::new("/nowhere/initdb")).expect_err("it is not there");
        assert!(failure.message.contains("cannot run /nowhere/initdb: ") && failure.message.contains("not found"));
    }

    #[test]
    fn a_server_that_has_ended_tells_how_in_one_line() {
        let ended = |script: &str| {
            let mut server = site().spawn(&shell(script), "sh".into()).expect("started");
            server.guard.wait().expect("ended");
            assert!(!server.is_running());
            server.ended().expect("how")
        };
        assert_eq!(ended("exit 1"), "the server, sleep, ended with exit status 1 and logged nothing");
        assert_eq!(
            ended("echo one; echo; echo two; echo three >&2; printf 'no\\033[31m room'; exit 2"),
            "the server, sleep, ended with exit status 2; its log ends: one | two | three | no [31m room"
        );
        let long = ended("yes abc | head -c 100000 | tr '\\n' ' '; kill -9 $$");
        assert!(long.starts_with("the server, sleep, ended with signal 9; ") && long.len() < 1100, "{long}");
        let server = site().spawn(&shell("exec sleep 1000"), "sleep".into()).expect("started");
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
        let server = site.spawn(&shell("exec sleep 1000"), address).expect("started");
        assert!(!format!("{server:?}").contains(&one), "{server:?}");
    }

    #[tokio::test]
    async fn a_server_that_ends_says_its_last_words() {
        let site = site();
        let command = command(&site, "much-too-long");
        let never = || async { Err(Failure::broken("no answer")) };
        let failure = site.start(command, "sleep".into(), never).await.expect_err("it ended");
        assert!(failure.message.contains("exit status 1") && failure.message.contains("much-too-long"), "{failure}");
    }
}
