//! The shell between us and a program of ours (`guard.sh`): it stops the program and removes its folder when this process
//! ends in whatever way, because even SIGKILL closes the pipe that it reads.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::program::User;

/// Dropped, it stops its program, removes the folder and ends.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    /// One line for each start of the program.
    pids: BufReader<ChildStdout>,
}

impl Guard {
    /// Starts a command under a guard, in this folder and as this user.
    pub(super) fn start(command: &Command, folder: &Path, stop_signal: &str, user: Option<&User>) -> Result<Guard> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", include_str!("guard.sh"), "storebench-guard"]).arg(folder).arg(stop_signal);
        shell.arg(command.get_program()).args(command.get_args());
        // A group of its own: a Ctrl-C at the terminal is for the suite, which then stops the program in its own time.
        shell.process_group(0);
        if let Some(user) = user {
            user.become_by(&mut shell);
        }
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let pids = BufReader::new(shell.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?);
        Ok(Guard { shell, pids })
    }

    /// The program's pid after its next start.
    pub(super) fn next_pid(&mut self) -> Option<i32> {
        let mut line = String::new();
        self.pids.read_line(&mut line).ok()?;
        line.trim().parse().ok()
    }

    /// Waits until the program has ended.
    pub(super) fn wait(&mut self) -> Result<()> {
        self.pids.read_to_end(&mut Vec::new()).map(|_| ())
    }

    /// Ends the guard of a program that has ended, and leaves the folder to another one.
    pub(super) fn leave(mut self) {
        if let Some(pipe) = &mut self.shell.stdin {
            let _ = writeln!(pipe, "needed");
        }
    }

    #[cfg(test)]
    pub(super) fn group(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.shell.id() as i32)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It waits 10 s for the program before it kills it.
        let _ = self.shell.wait();
    }
}
