//! The suite is killed, or cannot have what it needs, while it has a server: nothing of that stays behind.
//!
//! Real servers, the real binary. Run by scripts/test in release, one test a store beside another. More kills on request:
//! `STOREBENCH_KILLS=200 cargo test --release --test kills`.

mod common;
#[path = "common/servers.rs"]
mod servers;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use common::Storebench;
use drivers::server::abandoned;
use libtest_mimic::Arguments;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use servers::{Candidate, named, trial};

fn main() -> ExitCode {
    let of_servers = named![
        a_killed_suite_leaves_nothing,
        a_request_to_stop_ends_the_suite_though_its_server_and_its_guard_do_nothing_any_more,
        what_is_left_by_a_suite_that_is_killed_with_its_guard_is_found_and_removed,
        a_server_does_not_see_the_secrets_of_the_suites_environment,
    ];
    let mut trials = servers::trials(&servers::servers(), &of_servers);
    trials.push(trial("a_suite_that_may_start_no_more_processes_ends", a_suite_that_may_start_no_more_processes_ends));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// From fork to exit in a second or two.
const RUN: [&str; 9] = ["ycsb-a", "--records", "100", "--clients", "2", "--warmup", "0s", "--duration", "300ms"];

/// A folder for temporary files of one run: everything that belongs to the run has its path in it.
struct Marked(tempfile::TempDir);

impl Marked {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
        // A server may run as another user, who must get at its own.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777)).expect("permissions");
        Marked(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, run: &Storebench) -> Command {
        let mut command = run.command();
        command.env("TMPDIR", self.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts the command and returns when it measures.
    fn measuring(&self, mut command: Command) -> Child {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let mut printed = Vec::new();
        while !printed.last().is_some_and(|line: &String| line.ends_with(": measure")) {
            printed.push(lines.next().unwrap_or_else(|| panic!("it did not come to measure: {printed:#?}")));
        }
        std::thread::spawn(move || lines.count());
        child
    }

    fn has_folder(&self) -> bool {
        std::fs::read_dir(self.path()).expect("the folder").next().is_some()
    }

    /// Folders in it, and processes that have its path on their command line or work in it.
    fn left(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.path()).expect("the folder").flatten();
        let folders = folders.map(|entry| entry.path().display().to_string());
        folders.chain(self.processes().into_iter().map(|(_, command)| command)).collect()
    }

    /// The numbers and command lines of those processes.
    fn processes(&self) -> Vec<(i32, String)> {
        let mark = self.path().display().to_string();
        let processes = std::fs::read_dir("/proc").expect("Linux").flatten().filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let works_in_it = || std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&mark));
            (command.contains(&mark) || works_in_it()).then(|| (pid, format!("{pid}: {command}")))
        });
        processes.collect()
    }

    fn nothing_is_left(&self, of: &str) {
        let began = Instant::now();
        while !self.left().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "{of} left {:#?}", self.left());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn ends_within(limit: Duration, child: &mut Child, what: &str) {
    let began = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if began.elapsed() > limit {
            child.kill().expect("killed");
            panic!("{what} did not end within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(pid: i32, name: &str) {
    let signal: nix::sys::signal::Signal = name.parse().expect("a signal");
    // It may have ended meanwhile.
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}

/// Kills at instants of a whole run, and every third in the first 50 ms after there is a folder for the server, when
/// everything begins.
fn a_killed_suite_leaves_nothing(store: &Candidate) {
    let store = store.declared.name;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
    let began = Instant::now();
    Storebench::run(&RUN).store(store).expect_exit(0);
    let whole = began.elapsed();
    // The quicker a store starts, the more often.
    let usually = (30.0 / whole.as_secs_f64()).clamp(10.0, 60.0) as u32;
    let kills = std::env::var("STOREBENCH_KILLS").map_or(usually, |kills| kills.parse().expect("a number"));
    for kill in 0..kills {
        let (run, marked) = (Storebench::run(&RUN).store(store), Marked::new());
        let mut child = marked.command(&run).spawn().expect("the binary starts");
        let limit = if kill % 3 == 0 {
            while !marked.has_folder() && child.try_wait().expect("a child").is_none() {}
            Duration::from_millis(50)
        } else {
            whole
        };
        let after = limit.mul_f64(random.random());
        std::thread::sleep(after);
        child.kill().and_then(|()| child.wait()).expect("killed");
        marked.nothing_is_left(&format!("{store}, kill {kill}, after {after:?}"));
    }
}

fn a_request_to_stop_ends_the_suite_though_its_server_and_its_guard_do_nothing_any_more(store: &Candidate) {
    let store = store.declared.name;
    let run = Storebench::run(&RUN[..7]).args(&["--duration", "60s", "--timeout", "1s"]).store(store);
    let marked = Marked::new();
    let mut child = marked.measuring(marked.command(&run));
    let paused = marked.processes();
    assert!(paused.len() > 1, "{store}: a server and its guard: {paused:?}");
    paused.iter().for_each(|(pid, _)| signal(*pid, "SIGSTOP"));
    signal(child.id() as i32, "SIGTERM");
    ends_within(Duration::from_secs(30), &mut child, store);
    marked.nothing_is_left(store);
}

/// As a user of its own each time, so that nobody else's processes count. Wherever on its way the suite meets the limit, it ends and
/// leaves nothing.
fn a_suite_that_may_start_no_more_processes_ends() {
    let place = Marked::new();
    let binary = place.path().join("storebench");
    std::fs::copy(env!("CARGO_BIN_EXE_storebench"), &binary).expect("a copy that everybody may run");
    let is_root = std::fs::metadata("/proc/self").expect("Linux").uid() == 0;
    for limit in 1..60 {
        let marked = Marked::new();
        let mut command = Command::new(if is_root { "setpriv" } else { "sudo" });
        command.args(if is_root { &[][..] } else { &["--non-interactive", "setpriv"] });
        let user = 64_000 + limit;
        command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--clear-groups");
        command.arg("prlimit").arg(format!("--nproc={limit}:{limit}"));
        command.arg("env").arg(format!("TMPDIR={}", marked.path().display())).arg(&binary).arg("run").args(RUN);
        command.args(["--store", "redis", "--out"]).arg(place.path().join(limit.to_string()));
        command.current_dir(place.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let what = format!("the suite with {limit} processes");
        ends_within(Duration::from_secs(40), &mut child, &what);
        marked.nothing_is_left(&what);
        if child.wait().expect("ended").success() {
            assert!(limit > 3, "the limit was none: the suite, its guard and its server are three");
            return;
        }
    }
    panic!("it needs more than 60 processes");
}

fn what_is_left_by_a_suite_that_is_killed_with_its_guard_is_found_and_removed(store: &Candidate) {
    let store = store.declared.name;
    let (run, marked) = (Storebench::run(&RUN[..7]).args(&["--duration", "60s"]).store(store), Marked::new());
    let mut child = marked.measuring(marked.command(&run));
    assert!(abandoned(marked.path(), store).expect("looked").is_empty(), "{store}: its suite lives");
    for (pid, _) in marked.processes().iter().filter(|(_, command)| command.contains("storebench-guard")) {
        signal(*pid, "SIGKILL");
    }
    child.kill().and_then(|()| child.wait()).expect("killed");
    let left = abandoned(marked.path(), store).expect("looked");
    assert!(left.len() == 1 && !left[0].pids.is_empty(), "{store}: {left:?}");
    left.into_iter().for_each(|left| left.remove().expect("removed"));
    marked.nothing_is_left(store);
}

fn a_server_does_not_see_the_secrets_of_the_suites_environment(store: &Candidate) {
    let store = store.declared.name;
    let named = format!("{store}?env=ASKED_FOR&env=GIVEN=green");
    let (run, marked) = (Storebench::run(&RUN[..7]).args(&["--duration", "60s"]).store(&named), Marked::new());
    let mut command = marked.command(&run);
    command.env("STRANGER", "hunter2").env("ASKED_FOR", "blue");
    let mut child = marked.measuring(command);
    let servers: Vec<String> = marked.processes().iter().map(|(pid, _)| environ(*pid)).collect();
    assert!(servers.iter().all(|environ| !environ.contains("hunter2")), "{store}: {servers:?}");
    // Redis writes its title over its environment.
    let is_server = |environ: &&String| environ.contains("ASKED_FOR=blue") && environ.contains("GIVEN=green");
    assert!(store == "redis" || servers.iter().any(|environ| is_server(&environ)), "{store}: {servers:?}");
    child.kill().and_then(|()| child.wait()).expect("killed");
    marked.nothing_is_left(store);
}

fn environ(pid: i32) -> String {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    String::from_utf8_lossy(&environ).replace('\0', " ")
}
