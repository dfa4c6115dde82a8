//! Drives the real binary in a folder of its own and reads what it wrote.

#![allow(dead_code)] // Each test file uses its part of this.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A command that is being put together.
pub struct Storebench {
    args: Vec<String>,
    folder: tempfile::TempDir,
}

/// What a command printed and left behind.
pub struct Ran {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code.
    pub code: i32,
    /// Largest resident set of the process.
    pub peak_memory_bytes: u64,
    folder: tempfile::TempDir,
}

impl Storebench {
    /// `storebench <args>`, in an empty folder.
    pub fn new(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Storebench { args: args.iter().map(ToString::to_string).collect(), folder }
    }

    /// `storebench run <args> --out out`.
    pub fn run(args: &[&str]) -> Self {
        Storebench::new(&["run", "--out", "out"]).args(args)
    }

    /// Adds arguments.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    /// Adds `--store`.
    pub fn store(self, store: &str) -> Self {
        self.args(&["--store", store])
    }

    /// Puts a file into the folder.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.folder.path().join(name), content).expect("a written file");
        self
    }

    /// The command, to be started by the caller.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_storebench"));
        command.args(&self.args).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn ran(self) -> Ran {
        let mut command = self.command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let peak = std::thread::spawn(move || watch_peak(&status));
        let output = child.wait_with_output().expect("the binary ends");
        Ran { peak_memory_bytes: peak.join().expect("the watcher ends"), ..self.left(&output) }
    }

    /// Runs to the end, with some trouble a second after the measurement has begun.
    pub fn troubled(self, trouble: impl FnOnce()) -> Ran {
        let mut command = self.command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        // Read all the while: a full pipe would stop the binary for ever.
        let mut stdout = child.stdout.take().expect("a pipe");
        let printed = std::thread::spawn(move || {
            let mut printed = Vec::new();
            stdout.read_to_end(&mut printed).map(|_| printed)
        });
        let mut lines = String::new();
        while !lines.ends_with(": measure\n") && stderr.read_line(&mut lines).expect("text") > 0 {}
        std::thread::sleep(Duration::from_secs(1));
        trouble();
        stderr.read_to_string(&mut lines).expect("text");
        let status = child.wait().expect("the binary ends");
        let stdout = printed.join().expect("no panic").expect("what it printed");
        self.left(&Output { status, stdout, stderr: lines.into_bytes() })
    }

    fn left(self, output: &Output) -> Ran {
        Ran {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
            peak_memory_bytes: 0,
            folder: self.folder,
        }
    }

    /// Runs to the end and expects an exit code.
    pub fn expect_exit(self, code: i32) -> Ran {
        let shown = self.args.join(" ");
        let ran = self.ran();
        assert_eq!(ran.code, code, "storebench {shown}\nstdout: {}\nstderr: {}", ran.stdout, ran.stderr);
        ran
    }
}

impl Ran {
    /// A file in the folder in which the command ran.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The record.
    pub fn record(&self) -> Value {
        assert!(self.path("out/experiment.json").exists(), "no record: {}", self.stderr);
        read_record(&self.path("out"))
    }

    /// The first run of the record.
    pub fn first_run(&self) -> Value {
        self.record()["runs"][0].clone()
    }

    /// scheduled = succeeded + failed + skipped, from the outside.
    pub fn counts_add_up(&self) {
        for run in self.record()["runs"].as_array().expect("runs") {
            let count = |name: &str| ns(&run["counts"][name]);
            assert_eq!(
                count("scheduled"),
                count("succeeded") + count("failed") + count("skipped"),
                "{}",
                run["counts"]
            );
        }
    }
}

/// Reads experiment.json of a results folder.
pub fn read_record(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("experiment.json")).expect("experiment.json is there");
    serde_json::from_str(&text).expect("experiment.json is JSON")
}

/// A whole number of the record.
pub fn ns(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a whole number: {value}"))
}

fn watch_peak(status: &Path) -> u64 {
    let mut peak = 0;
    while let Ok(text) = std::fs::read_to_string(status) {
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(kilobytes) = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
        else {
            break;
        };
        peak = peak.max(kilobytes * 1024);
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}
