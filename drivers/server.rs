//! Throwaway servers: found on this machine, started on a free loopback port in a folder of their own, stopped and
//! removed again. Whoever holds the [`Server`] keeps it running.
//!
//! How a program is set for a durability tier is its driver's business ([`Store::serve`]); what a
//! running one uses is in `server/usage.rs`, and where programs are found in `server/program.rs`.

mod program;
mod usage;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::scratch::Scratch;
use crate::{Durability, Failure, FailureKind, Store, disk};
pub use program::Program;
pub use usage::Usage;

/// A running server of our own. Dropped, it is stopped and its folder removed.
#[derive(Debug)]
pub struct Server {
    /// Where it listens, as an address of its store: `redis://127.0.0.1:40001`.
    pub address: String,
    site: Site,
    guard: Child,
    /// One line for each start.
    pids: BufReader<ChildStdout>,
    pid: i32,
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
    let program = S::PROGRAM.ok_or_else(|| Failure::broken(format!("{} is no server", S::NAME)))?;
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
        Ok(Site { program, binary, port, durability, folder, user })
    }

    /// The folder for its data, which nobody else uses.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command that runs the program, or another one of its folder (`initdb`).
    pub fn command(&self, other: Option<&str>) -> Command {
        let mut command = Command::new(other.map_or_else(|| self.binary.clone(), |name| self.beside(name)));
        command.current_dir(self.folder());
        command
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
    pub fn run(&self, mut command: Command) -> Result<(), Failure> {
        if let Some(user) = &self.user {
            user.become_by(&mut command);
        }
        let what = format!("cannot run {}", command.get_program().to_string_lossy());
        let output = command.stdin(Stdio::null()).output().map_err(|error| failed(&self.program, &what, error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::broken(format!("{}: {what}: {}", self.program.name, tail(&said))))
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
            if !server.is_running() {
                let port_may_be_taken = FailureKind::Unavailable;
                return Err(Failure::new(port_may_be_taken, format!("{} ended: {}", server.name(), server.log())));
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

    /// Starts the command under a guard, which stops it and removes its folder when this process ends in whatever way:
    /// even SIGKILL closes the pipe that the guard reads.
    fn spawn(self, command: Command, address: String) -> Result<Server, Failure> {
        const GUARD: &str = include_str!("server/guard.sh");
        use std::os::unix::process::CommandExt;
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD, "storebench-guard"]).arg(self.folder()).arg(self.program.stop_signal);
        guard.arg(command.get_program()).args(command.get_args());
        // A group of its own: a Ctrl-C at the terminal is for the suite, which then stops the server in its own time.
        guard.current_dir(self.folder()).process_group(0);
        if let Some(user) = &self.user {
            user.become_by(&mut guard);
        }
        let started = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut guard = started.map_err(|error| failed(&self.program, "cannot be started", error))?;
        let no_pid = || Failure::broken(format!("{} has no pid", self.program.name));
        let mut pids = BufReader::new(guard.stdout.take().ok_or_else(no_pid)?);
        let pid = next_pid(&mut pids).ok_or_else(no_pid)?;
        Ok(Server { address, site: self, guard, pids, pid })
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
        // First those that it started: PostgreSQL does not start beside what is left of an earlier one.
        for child in self.pids().into_iter().filter(|pid| *pid != self.pid) {
            let _ = kill(child);
        }
        kill(self.pid).map_err(|_| failed("killed"))?;
        self.pid = next_pid(&mut self.pids).ok_or_else(|| failed("started again"))?;
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
        !self.site.folder().join("ended").exists()
    }

    /// The end of what it logged.
    pub fn log(&self) -> String {
        tail(&std::fs::read_to_string(self.site.folder().join("server.log")).unwrap_or_default())
    }

    fn name(&self) -> &'static str {
        self.site.program.name
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The guard stops the server when its pipe closes, and ends after it. It waits 10 s before it kills.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn next_pid(pids: &mut impl BufRead) -> Option<i32> {
    let mut line = String::new();
    pids.read_line(&mut line).ok()?;
    line.trim().parse().ok()
}

/// The last lines of a log, in one.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
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
        let server = site.spawn(command, "sleep".into()).expect("started");
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
        let mut server = site.spawn(command, "sleep".into()).expect("started");
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
        let mut server = site.spawn(command, "sleep".into()).expect("started");
        let group = nix::unistd::Pid::from_raw(server.guard.id() as i32);
        nix::sys::signal::killpg(group, nix::sys::signal::SIGHUP).expect("hung up");
        std::thread::sleep(Duration::from_millis(100));
        assert!(server.guard.try_wait().expect("a child").is_none() && is_alive(server.pid()));
        let pid = server.pid();
        drop(server);
        assert!(!is_alive(pid));
    }

    #[tokio::test]
    async fn a_server_that_ends_says_its_last_words() {
        let site = site();
        let command = command(&site, "much-too-long");
        let never = || async { Err(Failure::broken("no answer")) };
        let failure = site.start(command, "sleep".into(), never).await.expect_err("it ended");
        assert!(failure.message.contains("much-too-long"), "{failure}");
    }
}
