//! Runs that a build of the suite carries out in a process of its own: how `compare --base-bin` sets two builds against each
//! other. Both sides go this way, so that what a fresh process costs falls on both.
//!
//! A build is given what `run` takes, and what it measured is read from its `experiment.json`. It is asked in a group of its own:
//! a Ctrl-C at the terminal is for this process, which passes it on and waits. Where this process is killed, the run comes to its
//! own end.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use drivers::Address;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use xxhash_rust::xxh3::xxh3_64;

use crate::cli::PairArgs;
use crate::load::{CancelToken, RunError};
use crate::record::{Experiment, Run, Tool};
use crate::request::{RunRequest, Until};

/// Flags of `run` without which the two sides would not do the same.
const NEEDED: [&str; 11] = [
    "--store",
    "--clients",
    "--rate",
    "--closed",
    "--warmup",
    "--max-warmup",
    "--records",
    "--seed",
    "--durability",
    "--timeout",
    "--out",
];
/// The variable with the password of the only store, and how those of others begin.
const PASSWORDS: &str = "STOREBENCH_PASSWORD";
/// How long it may take to print its version or its help.
const ANSWER: Duration = Duration::from_secs(20);
/// How long a build may take to end after a signal; it gives up by itself after 60 s.
const END: Duration = Duration::from_secs(65);
/// Between looks at a process that runs.
const PAUSE: Duration = Duration::from_millis(20);

/// The group of the build that runs now.
static RUNNING: Mutex<Option<Pid>> = Mutex::new(None);

/// A build of the suite.
#[derive(Debug)]
struct Build {
    program: PathBuf,
    /// What the user called it.
    name: String,
    /// `storebench 0.1.0`.
    version: String,
    /// A digest of the program: what tells builds of one version apart.
    digest: String,
}

/// The builds of both sides, base first, and what is the same in all of their runs.
pub struct Builds {
    builds: [Build; 2],
    /// The stores as the user wrote them, without passwords, and their passwords.
    stores: [(String, Option<String>); 2],
    /// Flags that were asked for.
    asked: Vec<String>,
    /// What the builds said that they are, once they have run.
    tools: [Option<Tool>; 2],
}

impl Builds {
    /// Looks at the builds of a comparison that is asked for with `--base-bin`.
    ///
    /// # Errors
    /// When one is no storebench, or an address holds a password: everybody on the machine can read a command line.
    pub fn of(args: &PairArgs, program: &Path, stores: [(&str, &Address); 2]) -> anyhow::Result<Builds> {
        for (written, address) in stores {
            anyhow::ensure!(
                drivers::redacted(written) == written,
                "--base-bin: `{address}` holds a password, which would stand in the command line of another process; give it with \
                 --password-file or in STOREBENCH_PASSWORD"
            );
        }
        let mut asked = vec!["--seed".to_owned(), args.seed.to_string()];
        asked.extend(args.records.iter().flat_map(|records| ["--records".to_owned(), records.to_string()]));
        asked.extend(args.durability.iter().flat_map(|tier| ["--durability".to_owned(), tier.name().to_owned()]));
        Ok(Builds {
            builds: [Build::examine("--base-bin", program)?, Build::this()?],
            stores: stores
                .map(|(written, address)| (written.to_owned(), address.given_password().map(ToOwned::to_owned))),
            asked,
            tools: [None, None],
        })
    }

    /// What the builds said that they are; none before both have run.
    pub fn tools(&self) -> Vec<Tool> {
        let both = self.tools[0].iter().zip(&self.tools[1]).next();
        both.map_or_else(Vec::new, |(base, head)| vec![base.clone(), head.clone()])
    }

    /// Takes up what the builds of an interrupted comparison said.
    pub fn resume(&mut self, tools: Vec<Tool>) {
        let mut tools = tools.into_iter();
        self.tools = [tools.next(), tools.next()];
    }

    /// `base by storebench 0.1.0 (0123456789abcdef), head by ...`: a comparison goes on only with the same.
    pub fn sentence(&self) -> String {
        let [base, head] = &self.builds;
        let same = if base.digest == head.digest { ", the same program" } else { "" };
        format!("base by {} ({}), head by {} ({}){same}", base.version, base.digest, head.version, head.digest)
    }

    /// What the side is called: its store, and the program that measures it.
    pub fn label(&self, at: usize, address: &Address) -> String {
        format!("{address} by {}", self.builds[at].name)
    }

    /// Carries out one run of a side, and keeps its log where the request wants it. `scratch` is removed afterwards.
    ///
    /// # Errors
    /// When it comes to no result, or the user asked for the end.
    pub fn run(
        &mut self,
        is_base: bool,
        request: &RunRequest,
        scratch: &Path,
        cancel: &CancelToken,
    ) -> Result<Run, RunError> {
        let at = usize::from(!is_base);
        let _ = fs::remove_dir_all(scratch);
        let result = self.builds[at].run(request, &self.stores[at], &self.asked, scratch, cancel);
        let _ = fs::remove_dir_all(scratch);
        let (run, tool) = result?;
        self.tools[at] = Some(tool);
        Ok(run)
    }
}

impl Build {
    /// Looks at a program that a flag names.
    ///
    /// # Errors
    /// When it cannot be run, is no storebench, or is one that cannot be asked for the same as this one.
    fn examine(flag: &str, program: &Path) -> anyhow::Result<Build> {
        let name = program.display().to_string();
        let bytes = fs::read(program).with_context(|| format!("{flag}: cannot read {name}"))?;
        // As the shell would not: a bare name is a file here, and not a program on the path.
        let program = fs::canonicalize(program).with_context(|| format!("{flag}: cannot find {name}"))?;
        let version = answer(&program, &["--version"]).with_context(|| format!("{flag}: cannot run {name}"))?;
        let version = version.lines().next().unwrap_or_default().trim().to_owned();
        anyhow::ensure!(
            version.starts_with("storebench "),
            "{flag}: {name} is no storebench: `--version` says `{}`",
            drivers::one_line(&version).chars().take(80).collect::<String>()
        );
        let help = answer(&program, &["run", "--help"]).with_context(|| format!("{flag}: cannot run {name}"))?;
        let has = |flag: &&&str| help.split(|c: char| c != '-' && !c.is_ascii_lowercase()).any(|word| word == **flag);
        let lacking: Vec<&str> = NEEDED.iter().filter(|flag| !has(flag)).copied().collect();
        anyhow::ensure!(
            lacking.is_empty(),
            "{flag}: {name} ({version}) is too old to be compared with this one: its `run` has no {}",
            lacking.join(", ")
        );
        Ok(Build { program, name, version, digest: format!("{:016x}", xxh3_64(&bytes)) })
    }

    /// This program.
    ///
    /// # Errors
    /// When the system does not say where it lies.
    fn this() -> anyhow::Result<Build> {
        let program = std::env::current_exe().context("cannot find this program")?;
        Build::examine("this program", &program)
    }

    fn run(
        &self,
        request: &RunRequest,
        (store, password): &(String, Option<String>),
        asked: &[String],
        scratch: &Path,
        cancel: &CancelToken,
    ) -> Result<(Run, Tool), RunError> {
        let [out, said] = ["out", "stderr"].map(|name| scratch.join(name));
        // The text and not the name: a built-in workload may have been another one then.
        let workload = scratch.join(format!("{}.toml", request.workload.name));
        fs::create_dir_all(scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
        fs::write(&workload, &request.workload.text).with_context(|| format!("cannot write {}", workload.display()))?;
        let stderr = File::create(&said).with_context(|| format!("cannot create {}", said.display()))?;
        let mut command = Command::new(&self.program);
        command.arg("run").arg(&workload).args(["--store", store]).args(flags(request)).args(asked);
        command.args(["--runs", "1", "--quiet", "--out"]).arg(&out);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(PASSWORDS)) {
            command.env_remove(name);
        }
        command.envs(password.iter().map(|password| (PASSWORDS, password)));
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.name))?;
        let status = wait(&mut child, cancel).with_context(|| format!("cannot wait for {}", self.name))?;
        if cancel.is_cancelled() {
            return Err(RunError::Stopped);
        }
        let said = fs::read_to_string(&said).unwrap_or_default();
        let problem = said.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let problem = drivers::one_line(problem.unwrap_or("it does not say why"));
        if status.code() == Some(2) {
            return Err(RunError::Refused(format!("{} refuses the run: {problem}", self.name)));
        }
        let failed = |what: &str| anyhow!("{} {what} ({status}): {problem}", self.name);
        let experiment = Experiment::read(&out).map_err(|_| failed("left no record that can be read"))?;
        if let Some(missing) = experiment.missing.first() {
            return Err(anyhow!("{}", missing.problem).into());
        }
        let run = experiment.runs.into_iter().next().ok_or_else(|| failed("measured nothing"))?;
        // Without its log the record still holds the histograms of the whole run.
        let _ = fs::rename(out.join("hlog").join(format!("{}.hlog", run.id)), &request.hlog);
        Ok((Run { id: request.id.clone(), repetition: request.repetition, ..run }, experiment.tool))
    }
}

/// What a request says of the load, in flags.
fn flags(request: &RunRequest) -> Vec<String> {
    let load = &request.load;
    let ms = |length: Duration| format!("{}ms", length.as_millis());
    let mut flags = vec!["--clients".to_owned(), load.clients.to_string()];
    match load.rate_per_s {
        Some(rate) => flags.extend(["--rate".to_owned(), rate.to_string()]),
        None => flags.push("--closed".to_owned()),
    }
    match load.until {
        Until::Elapsed(length) => flags.extend(["--duration".to_owned(), ms(length)]),
        Until::Operations(operations) => flags.extend(["--ops".to_owned(), operations.to_string()]),
    }
    let fixed = ["--warmup".to_owned(), ms(load.warmup), "--max-warmup".to_owned(), ms(load.longest_warmup)];
    flags.extend(fixed);
    flags.extend(["--timeout".to_owned(), ms(load.timeout)]);
    flags
}

/// What a program prints within a while.
fn answer(program: &Path, args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(args).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take();
    let reader = std::thread::Builder::new().spawn(move || {
        let mut text = Vec::new();
        // A megabyte is no answer to such a question.
        let read = stdout.as_mut().map(|pipe| pipe.take(1 << 20).read_to_end(&mut text));
        drop(read);
        String::from_utf8_lossy(&text).into_owned()
    })?;
    let until = Instant::now() + ANSWER;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            kill(&mut child);
            anyhow::bail!("it has no answer to `{}` after {} s", args.join(" "), ANSWER.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(reader.join().unwrap_or_default())
}

/// Waits for a build. When the user asks for the end it gets a signal, time to clean up, and then no more.
fn wait(child: &mut Child, cancel: &CancelToken) -> std::io::Result<ExitStatus> {
    running(Some(group(child)));
    let mut asked_at: Option<Instant> = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        match asked_at {
            None if cancel.is_cancelled() => {
                let _ = killpg(group(child), Signal::SIGINT);
                asked_at = Some(Instant::now());
            }
            Some(at) if at.elapsed() > END => {
                kill(child);
                asked_at = Some(Instant::now());
            }
            _ => {}
        }
        std::thread::sleep(PAUSE);
    };
    running(None);
    // What it may have left in its group. Its servers are in groups of their own, whose guards have seen it go.
    let _ = killpg(group(child), Signal::SIGKILL);
    Ok(status)
}

/// Ends the build that runs now, if one does: this process is about to end at once.
pub fn end_running() {
    let running = RUNNING.lock().map(|running| *running).unwrap_or_default();
    if let Some(group) = running {
        // Its second signal, at which it removes its folders; then there is no more time.
        let _ = killpg(group, Signal::SIGINT);
        std::thread::sleep(Duration::from_millis(500));
        let _ = killpg(group, Signal::SIGKILL);
    }
}

fn running(group: Option<Pid>) {
    if let Ok(mut running) = RUNNING.lock() {
        *running = group;
    }
}

fn group(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

fn kill(child: &mut Child) {
    let _ = killpg(group(child), Signal::SIGKILL);
    let _ = child.wait();
}
