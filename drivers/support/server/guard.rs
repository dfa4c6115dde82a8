//! A server's folder, what runs in it, and the shell that guards both (`guard.sh`): when this process ends in whatever
//! way, the shell ends what runs there and removes the folder, because even SIGKILL closes the pipe that it reads.
//!
//! Nothing is ever without a guard. The shell makes the folder itself; and a program is started by way of a shell that
//! holds the pipe, too, until it has written its own number there and becomes the program. While this process lives, it
//! ends what runs by itself, and waits for nothing that a signal could not end.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::environment::Environment;
use super::program::User;
use super::usage;
use crate::support::scratch;

const SHELL: &str = "/bin/sh";

/// Writes its number to the guard, and into a file for `abandoned.rs`, and becomes the program that its arguments name.
const LAUNCH: &str = r#"exec 2>>server.log && echo "$$" >server.pid && echo "$$" && exec "$@" >&2"#;

/// How long the shell may take to make the folder.
const READY: Duration = Duration::from_secs(10);

/// How long a program may take to end by its signal before it is killed, as PostgreSQL kills what it has started after
/// 5 s; and what is killed, to be gone.
const END: Duration = Duration::from_secs(6);

/// Dropped, it ends what runs, removes the folder and ends the shell.
#[derive(Debug)]
pub(super) struct Guard {
    folder: PathBuf,
    stop_signal: Signal,
    shell: Child,
    pipe: ChildStdin,
    program: Option<Child>,
    /// How the program ended that ran last.
    status: Option<ExitStatus>,
    /// Of `scratch::claim`, for as long as this process lives.
    claim: Option<File>,
}

impl Guard {
    /// Makes a folder for a server of this store. What runs there is ended by this signal (`TERM`).
    pub(super) fn start(folder: &Path, store: &str, stop_signal: &str) -> Result<Guard> {
        let signal: Signal = format!("SIG{stop_signal}").parse()?;
        let mut shell = Command::new(SHELL);
        shell.args(["-c", include_str!("guard.sh"), "storebench-guard"]).arg(folder).arg(stop_signal);
        shell.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // A group of its own: a Ctrl-C at the terminal is for the suite, which then stops the program in its own time.
        shell.current_dir("/").process_group(0);
        let spawned = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut shell = spawned.map_err(|error| Error::new(error.kind(), format!("{SHELL}: {error}")))?;
        let (Some(pipe), Some(said)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        if let Err(error) = made(said) {
            // A shell that did not make it has ended; one that has not yet sees the pipe closed and leaves nothing behind.
            drop(pipe);
            within(END, || !matches!(shell.try_wait(), Ok(None)));
            return Err(error);
        }
        let folder = folder.to_owned();
        let mut guard = Guard { folder, stop_signal: signal, shell, pipe, program: None, status: None, claim: None };
        guard.claim = Some(scratch::claim(&guard.folder, store)?);
        Ok(guard)
    }

    /// Starts a command in the folder, in place of what ran there. It is the leader of a process group.
    pub(super) fn launch(&mut self, command: &Command, environment: &Environment, user: Option<&User>) -> Result<i32> {
        self.stop();
        let mut shell = Command::new(SHELL);
        shell.args(["-c", LAUNCH, "storebench-launch"]).arg(command.get_program()).args(command.get_args());
        shell.current_dir(&self.folder).process_group(0);
        environment.give(&mut shell);
        if let Some(user) = user {
            user.become_by(&mut shell);
        }
        let pipe = self.pipe.as_fd().try_clone_to_owned()?;
        let program = shell.stdin(Stdio::null()).stdout(pipe).stderr(Stdio::null()).spawn()?;
        let pid = program.id() as i32;
        (self.program, self.status) = (Some(program), None);
        Ok(pid)
    }

    /// How the program ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        if let Some(program) = &mut self.program
            && let Ok(Some(status)) = program.try_wait()
        {
            // What it left of its group: a script that starts the server may be killed without it.
            let _ = killpg(Pid::from_raw(program.id() as i32), Signal::SIGKILL);
            // The number may soon be another process's.
            let _ = self.pipe.write_all(b"\n");
            (self.program, self.status) = (None, Some(status));
        }
        self.status
    }

    /// Ends what runs: by its signal, or killed.
    pub(super) fn stop(&mut self) {
        let Some(program) = &self.program else { return };
        let group = Pid::from_raw(program.id() as i32);
        let _ = killpg(group, self.stop_signal);
        // What is paused takes no signal but this one.
        signal_each(&usage::tree(group.as_raw()), Signal::SIGCONT);
        if !self.ends_within(END) {
            self.crash();
        }
    }

    /// Kills what runs, with all that it started.
    pub(super) fn crash(&mut self) {
        let Some(program) = &self.program else { return };
        let group = Pid::from_raw(program.id() as i32);
        let tree = usage::tree(group.as_raw());
        let _ = killpg(group, Signal::SIGKILL);
        signal_each(&tree, Signal::SIGKILL);
        self.ends_within(END);
        // PostgreSQL does not start beside what is left of an earlier one. What it has started since we looked sees that it is
        // gone, and ends in its own time.
        if !within(END, || !is_worked_in(&self.folder)) || !Path::new("/proc/self").exists() {
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        within(limit, || self.ended().is_some())
    }

    #[cfg(test)]
    pub(super) fn shell(&self) -> i32 {
        self.shell.id() as i32
    }

    /// As if this process had ended.
    #[cfg(test)]
    pub(super) fn hang_up(&mut self) {
        let nowhere = File::options().write(true).open("/dev/null").expect("it is everywhere");
        self.pipe = std::os::fd::OwnedFd::from(nowhere).into();
    }

    #[cfg(test)]
    pub(super) fn is_on_guard(&mut self) -> bool {
        self.shell.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// As if this process and the shell were killed.
    #[cfg(test)]
    pub(super) fn abandon(mut self) {
        self.shell.kill().and_then(|()| self.shell.wait()).expect("killed");
        self.claim = None;
        std::mem::forget(self);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop();
        if scratch::remove(&self.folder) {
            // It waits for its pipe and has nothing left to do; killed, it cannot keep us.
            let _ = self.shell.kill();
            let _ = self.shell.wait();
        }
        // Else it tries longer.
    }
}

/// Waits until the shell says that the folder is made.
fn made(mut said: ChildStdout) -> Result<()> {
    let began = Instant::now();
    let mut text = Vec::new();
    while !text.ends_with(b"made\n") {
        let left = PollTimeout::try_from(READY.saturating_sub(began.elapsed())).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(said.as_fd(), PollFlags::POLLIN)], left) {
            Err(Errno::EINTR) => continue,
            Ok(0) => return Err(Error::new(ErrorKind::TimedOut, format!("{SHELL} does not answer"))),
            polled => polled?,
        };
        let mut part = [0; 512];
        match said.read(&mut part)? {
            0 => return Err(Error::other(String::from_utf8_lossy(&text).trim().to_owned())),
            length => text.extend_from_slice(&part[..length]),
        }
    }
    Ok(())
}

/// Whether any process has its working directory there, as far as the system tells.
fn is_worked_in(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .map(|process| process.path().join("cwd"))
        .any(|cwd| cwd.read_link().is_ok_and(|cwd| cwd.starts_with(folder)))
}

fn signal_each(pids: &[i32], signal: Signal) {
    for pid in pids {
        let _ = kill(Pid::from_raw(*pid), signal);
    }
}

fn within(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if began.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
