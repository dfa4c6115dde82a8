//! What becomes of what was measured: it is kept and printed whatever else goes wrong, in a folder of its own; and the exit
//! code says what did. The real binary against full disks, planted links, two runs at once and signals.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Storebench, read_record};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A run as short as can be.
const SHORT: [&str; 9] = ["run", "ycsb-c", "--warmup", "0", "--ops", "2000", "--records", "100", "--store=memory"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the command in a shell that first does something to itself.
fn in_shell(shell: &[&str], before: &str, run: &Storebench) -> Output {
    let command = run.command();
    let mut outer = Command::new(shell[0]);
    outer.args(&shell[1..]).args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]);
    outer.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    outer.current_dir(folder_of(run)).output().expect("the shell ends")
}

fn folder_of(run: &Storebench) -> PathBuf {
    run.command().get_current_dir().expect("a folder").to_owned()
}

fn run_ids(folder: &Path) -> Vec<String> {
    let record = read_record(folder);
    record["runs"].as_array().expect("runs").iter().map(|run| run["id"].as_str().expect("an id").to_owned()).collect()
}

// Folders.

#[test]
fn runs_of_one_second_have_folders_of_their_own() {
    let run = Storebench::new(&SHORT).args(&["--quiet"]);
    let start = |_| run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let children: Vec<_> = (0..4).map(start).collect();
    for mut child in children {
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
    let results = folder_of(&run).join("results");
    let entries = fs::read_dir(&results).expect("the folder").map(|entry| entry.expect("an entry").path());
    let (links, folders): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_symlink());
    assert_eq!(folders.len(), 4, "{folders:?}");
    for folder in &folders {
        assert_eq!(run_ids(folder), ["ycsb-c-memory-1"], "{}", folder.display());
        assert_eq!(read_record(folder)["interrupted"], false);
    }
    assert_eq!(links, [results.join("latest")], "and nothing else is left");
    assert!(folders.contains(
        &links[0].canonicalize().expect("its target").file_name().map(|name| results.join(name)).expect("a name")
    ));
}

#[test]
fn of_two_runs_that_name_one_folder_one_is_refused_before_it_starts() {
    let first = Storebench::new(&SHORT).args(&["--out", "same"]);
    let start = || first.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let ended = [start(), start()].map(|child| child.wait_with_output().expect("it ends"));
    let mut codes = ended.each_ref().map(|output| output.status.code());
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)]);
    let said: String = ended.iter().map(|output| text(&output.stderr)).collect();
    assert!(said.contains("same holds an experiment already, or one that still runs"), "{said}");
    assert_eq!(run_ids(&folder_of(&first).join("same")), ["ycsb-c-memory-1"]);
}

#[test]
fn latest_is_where_something_was_measured() {
    let run = Storebench::new(&SHORT);
    let status = |run: &mut Command| run.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it ends").code();
    assert!(run.command().output().expect("it ends").status.success());
    let latest = folder_of(&run).join("results/latest");
    let measured = fs::read_link(&latest).expect("a link");
    let mut refused = run.command();
    assert_eq!(status(refused.args(["--store", "redis://127.0.0.1:1", "--seed", "2"])), Some(3), "memory was measured");
    let both = fs::read_link(&latest).expect("a link");
    assert_ne!(both, measured);
    let mut refused = Command::new(env!("CARGO_BIN_EXE_storebench"));
    refused.args(["run", "ycsb-c", "--store", "redis://127.0.0.1:1"]).current_dir(folder_of(&run));
    assert_eq!(status(&mut refused), Some(2));
    assert_eq!(fs::read_link(&latest).expect("a link"), both, "nothing was measured");
}

// Outputs that cannot be written.

#[test]
fn what_was_measured_is_printed_although_no_file_can_be_written() {
    let run =
        Storebench::new(&["run", "ycsb-a", "--warmup", "0", "--duration", "4s", "--records", "100", "--out", "out"]);
    let run = run.args(&["--store", "memory", "--store", "null"]);
    // Two blocks hold the record of an experiment that has not begun, and nothing else.
    let output = in_shell(&["bash"], "ulimit -f 2", &run);
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["ycsb-a on memory", "ycsb-a on null"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    for named in ["hlog/ycsb-a-memory-1.hlog", "hlog/ycsb-a-null-1.hlog", "out/experiment.json"] {
        let reported = said.lines().find(|line| line.starts_with("error: ") && line.contains(named));
        assert!(reported.is_some_and(|line| line.contains("File too large")), "{named}: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_report_that_cannot_be_written_names_its_file() {
    let run = Storebench::new(&SHORT).args(&["--out", "out"]);
    assert!(run.command().output().expect("it ends").status.success());
    let report = "ulimit -f 2; exec \"$0\" report out";
    let mut shell = Command::new("bash");
    shell.args(["-c", report, env!("CARGO_BIN_EXE_storebench")]).current_dir(folder_of(&run));
    let output = shell.output().expect("the shell ends");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: cannot write report.html"), "{said}");
    assert!(
        said.contains(" in out: File too large") && said.contains("`storebench report out` makes it again"),
        "{said}"
    );
}

#[test]
fn a_record_that_has_no_room_in_its_folder_is_kept_elsewhere() {
    let run = Storebench::new(&SHORT).args(&["--out", "full/out", "--store", "null"]);
    let folder = folder_of(&run);
    for name in ["full", "elsewhere"] {
        fs::create_dir(folder.join(name)).expect("a folder");
    }
    // In a file system of four pages, which goes with the process.
    let before = "mount -t tmpfs -o size=16k none full && export TMPDIR=$PWD/elsewhere";
    let output = in_shell(&["unshare", "--user", "--map-root-user", "--mount", "sh"], before, &run);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(text(&output.stdout).contains("ycsb-c on null"), "{}", text(&output.stdout));
    let reported = said.lines().find(|line| line.starts_with("error: cannot write full/out/experiment.json: No space"));
    let reported = reported.unwrap_or_else(|| panic!("{said}"));
    let (_, kept) =
        reported.split_once("the record of what was measured is in ").unwrap_or_else(|| panic!("{reported}"));
    assert_eq!(run_ids(Path::new(kept)), ["ycsb-c-memory-1", "ycsb-c-null-1"]);
    assert!(Path::new(kept).join("report.html").exists(), "with its report");
}

#[test]
fn a_table_that_cannot_be_printed_is_told_with_how_to_print_it() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let run = Storebench::new(&SHORT).args(&["--out", "out"]);
    let output = run.command().stdout(full()).output().expect("it ends");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error: cannot write to standard output: No space left on device"), "{said}");
    assert!(said.contains("`storebench report out` prints it"), "{said}");
    let out = folder_of(&run).join("out");
    assert_eq!(run_ids(&out), ["ycsb-c-memory-1"]);
    assert!(out.join("report.html").exists());
    fs::remove_file(out.join("report.html")).expect("removed");
    for args in
        [&["report", "out"][..], &["cost", "out"], &["list"], &["list", "oltp"], &["check", "null"], &["--help"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_storebench"));
        let output = command.args(args).current_dir(folder_of(&run)).stdout(full()).output().expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("cannot write to standard output"), "{args:?}");
    }
    assert!(out.join("report.html").exists(), "the files of a report do not need a terminal");
}

#[test]
fn a_file_of_the_report_that_cannot_be_written_hides_nothing_else() {
    let run = Storebench::run(&SHORT[1..]);
    let out = folder_of(&run).join("out");
    fs::create_dir_all(out.join("report.html/occupied")).expect("a folder at the place of a file");
    let ran = run.expect_exit(2);
    assert!(ran.stdout.contains("ycsb-c on memory") && ran.stdout.contains("results: out"), "{}", ran.stdout);
    let reported = ran.stderr.lines().find(|line| line.starts_with("error: cannot write report.html in out: "));
    assert!(reported.is_some_and(|line| line.contains("`storebench report out` makes it again")), "{}", ran.stderr);
    assert!(out.join("summary.csv").exists() && out.join("report.md").exists());
    let again = Storebench::new(&["report", &out.display().to_string()]).expect_exit(2);
    assert!(again.stdout.contains("ycsb-c on memory"), "{}", again.stdout);
}

#[test]
fn planted_links_are_not_followed() {
    let run = Storebench::run(&SHORT[1..]);
    let folder = folder_of(&run);
    let (out, mine) = (folder.join("out"), folder.join("mine"));
    let victim = |name: &str| {
        fs::write(mine.join(name), "mine").expect("a file");
        mine.join(name)
    };
    fs::create_dir_all(out.join("hlog")).expect("a folder");
    fs::create_dir_all(&mine).expect("a folder");
    let planted = [
        "hlog/ycsb-c-memory-1.hlog",
        "summary.csv",
        "timeline.csv",
        "report.md",
        "report.html",
        "experiment.json.partial",
    ];
    for (at, name) in planted.iter().enumerate() {
        symlink(victim(&at.to_string()), out.join(name)).expect("a link");
    }
    fs::create_dir(mine.join("charts")).expect("a folder");
    symlink(mine.join("charts"), out.join("charts")).expect("a link");
    let ran = run.expect_exit(2);
    assert!(ran.stderr.contains("out/charts is no folder, or a link to one"), "{}", ran.stderr);
    for (at, name) in planted.iter().enumerate() {
        assert_eq!(fs::read_to_string(mine.join(at.to_string())).expect("a file"), "mine", "{name}");
    }
    assert_eq!(fs::read_dir(mine.join("charts")).expect("a folder").count(), 0);
    assert_eq!(run_ids(&out), ["ycsb-c-memory-1"]);
    for name in &planted[..5] {
        assert!(out.join(name).is_file() && !out.join(name).is_symlink(), "{name}");
    }
}

#[test]
fn a_link_at_the_place_of_the_record_or_of_the_logs_is_refused_before_anything_starts() {
    for (place, says) in [("experiment.json", "holds an experiment already"), ("hlog", "out/hlog is no folder")] {
        let run = Storebench::run(&SHORT[1..]);
        let folder = folder_of(&run);
        fs::create_dir_all(folder.join("out")).expect("a folder");
        fs::create_dir_all(folder.join("mine")).expect("a folder");
        // To a file that is not there yet, and to a folder that is.
        let target = if place == "hlog" { "mine" } else { "mine/new.json" };
        symlink(folder.join(target), folder.join("out").join(place)).expect("a link");
        let ran = run.expect_exit(2);
        assert!(ran.stderr.contains(says), "{place}: {}", ran.stderr);
        assert_eq!(fs::read_dir(ran.path("mine")).expect("a folder").count(), 0, "{place}");
    }
}

// What is printed, and the exit code.

#[test]
fn quiet_prints_one_table_and_no_word_on_standard_error() {
    let ran = Storebench::run(&SHORT[1..]).args(&["--quiet", "--store", "null"]).expect_exit(0);
    assert_eq!(ran.stderr, "");
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| !line.is_empty()).collect();
    // Memory and null are of one tier.
    assert_eq!(lines.len(), 4, "{}", ran.stdout);
    assert!(lines[1].contains("per second") && lines[2].contains("memory") && lines[3].contains("null"), "{lines:?}");
    let alone = Storebench::run(&SHORT[1..]).args(&["--quiet"]).expect_exit(0).stdout;
    assert_eq!(alone.lines().count(), 3, "{alone}");
}

/// Reads of 5 ms, of which half may take no longer than this.
fn limited(p50_ms: &str) -> Storebench {
    let toml = Storebench::new(&["list", "ycsb-c", "--toml"]).expect_exit(0).stdout;
    let toml = format!("{toml}\n[slo]\np50_ms = {p50_ms}\n");
    let run = Storebench::run(&["mine.toml", "--warmup", "0", "--duration", "1s", "--records", "100"]);
    run.file("mine.toml", toml).store("sim?latency=5ms")
}

#[test]
fn a_missed_limit_is_an_exit_code_a_sentence_and_a_row() {
    let ran = limited("1").expect_exit(3);
    let row = |text: &str| text.lines().find(|line| line.ends_with("MISSED")).map(str::to_owned).expect("a row");
    assert!(row(&ran.stdout).contains("p50 <= 1.00 ms"), "{}", ran.stdout);
    let said = ran.stderr.lines().find(|line| line.starts_with("error: limit missed: mine on sim"));
    assert!(said.is_some_and(|line| line.contains("p50 <= 1.00 ms, measured 5.")), "{}", ran.stderr);
    assert_eq!(ran.first_run()["verdict"]["valid"], true, "its figures are as good as any");
    let again = Storebench::new(&["report", &ran.path("out").display().to_string()]).expect_exit(3);
    assert_eq!(row(&again.stdout), row(&ran.stdout));
    let quiet = limited("1").args(&["--quiet"]).expect_exit(3);
    assert!(quiet.stdout.contains("MISSED") && quiet.stderr.lines().count() == 1, "{}{}", quiet.stdout, quiet.stderr);
}

#[test]
fn an_undecided_limit_is_a_sentence_and_no_failure() {
    let ran = limited("500").expect_exit(0);
    assert!(ran.stdout.contains("undecided"), "{}", ran.stdout);
    let said = ran.stderr.lines().find(|line| line.starts_with("warning: limit undecided: mine on sim"));
    assert!(said.is_some_and(|line| line.contains("run longer")), "{}", ran.stderr);
}

#[test]
fn runs_that_a_signal_kept_from_beginning_are_counted_and_named() {
    let run = Storebench::run(&["ycsb-c", "--warmup", "0", "--duration", "60s", "--records", "100", "--runs", "3"]);
    let run = run.store("null");
    let child = run.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let log = folder_of(&run).join("out/hlog/ycsb-c-null-1.hlog");
    while !log.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).expect("sent");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3));
    let printed = text(&output.stdout);
    assert!(printed.contains(", run 1 of 3\n"), "{printed}");
    let reported = "no result: ycsb-c-null-2, ycsb-c-null-3: not begun: the experiment was interrupted\n";
    assert!(printed.contains(reported), "{printed}");
}

#[test]
fn a_record_left_by_a_process_that_was_killed_says_so() {
    let run = Storebench::run(&["ycsb-c", "--warmup", "0", "--duration", "1s", "--records", "100", "--runs", "60"]);
    let run = run.store("null");
    let mut child = run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let second = folder_of(&run).join("out/hlog/ycsb-c-null-2.hlog");
    while !second.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("killed");
    child.wait().expect("it ends");
    let out = folder_of(&run).join("out");
    assert_eq!(run_ids(&out), ["ycsb-c-null-1"], "what was measured is kept");
    assert_eq!(read_record(&out)["interrupted"], true);
    Storebench::new(&["report", &out.display().to_string()]).expect_exit(3);
}

#[test]
fn a_terminal_that_cannot_redraw_gets_lines() {
    let run = Storebench::run(&["ycsb-c", "--warmup", "1s", "--duration", "2s", "--records", "100"]).store("null");
    let command = run.command();
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]).env("TERM", "dumb");
    let output = terminal.current_dir(folder_of(&run)).stdin(Stdio::null()).output().expect("it ends");
    let shown = text(&output.stdout);
    for line in ["ycsb-c-null-1: load", "ycsb-c-null-1: warm-up +0 s", "ycsb-c-null-1: measure +1 s"] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}: {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn a_listed_file_says_what_of_it_was_not_understood() {
    let properties = "recordcount=500\noperationcount=300\nreadproportion=0.92\nupdatepropotion=0.08\n";
    let listed = Storebench::new(&["list", "mine.properties"]).file("mine.properties", properties).expect_exit(0);
    assert!(
        listed.stderr.contains("warning: mine: ") && listed.stderr.contains("updatepropotion"),
        "{}",
        listed.stderr
    );
}

// Passwords.

#[test]
fn a_password_in_the_wrong_place_is_not_shown() {
    let url = "postgres://ada:hunter2@db";
    let cases: [&[&str]; 23] = [
        &["run", url],
        &["run", "ada:hunter2@db"],
        &["run", "ada:hunter2@db/x.toml"],
        &["run", "oltp", "--out", url],
        &["run", "oltp", "--clients", url],
        &["run", "oltp", "--rate", url],
        &["run", "oltp", "--duration", url],
        &["run", "oltp", "--durability", url],
        &["run", "oltp", "--on-error", url],
        &["run", "oltp", "--offer", url],
        &["run", "oltp", "--prices", url],
        &["run", "oltp", "--targets", url],
        &["run", "oltp", "--utilisation", url],
        &["run", "oltp", "--postgres://ada:hunter2@db"],
        &["run", "oltp", "--store", "ada:hunter2@db"],
        &["report", url],
        &["report", "ada:hunter2@db"],
        &["report", "x", "--out", url],
        &["cost", url],
        &["cost", "redis://hunter2@db"],
        &["list", url],
        &["check", "ada:hunter2@db"],
        &[url],
    ];
    for args in cases {
        let ran = Storebench::new(args).expect_exit(2);
        assert!(!ran.stderr.contains("hunter2") && !ran.stdout.contains("hunter2"), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty(), "{args:?}");
        let left: Vec<_> = fs::read_dir(ran.path(".")).expect("the folder").collect();
        assert!(left.is_empty(), "{args:?} left {left:?}");
    }
}

#[test]
fn a_password_in_the_wrong_place_is_not_recorded() {
    let ran = Storebench::run(&SHORT[1..]).args(&["--targets", "ada:hunter2@targets.toml"]);
    let ran = ran.file("ada:hunter2@targets.toml", "").expect_exit(0);
    let record = fs::read_to_string(ran.path("out/experiment.json")).expect("the record");
    assert!(!record.contains("hunter2") && record.contains("--targets ada:***@targets.toml"), "{record}");
}

// What the system does not grant.

#[test]
fn clients_for_whom_there_is_no_memory_are_refused_in_one_sentence() {
    for limit in ["500000", "2000000"] {
        let run = Storebench::new(&SHORT).args(&["--out", "out", "--clients", "10000"]);
        let began = Instant::now();
        let output = in_shell(&["bash"], &format!("ulimit -v {limit}"), &run);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{limit}: {said}");
        assert!(!said.contains("panicked") && !said.contains("memory allocation"), "{limit}: {said}");
        assert!(said.contains("--clients") && said.contains("ulimit -v"), "{limit}: {said}");
        assert!(began.elapsed() < Duration::from_secs(30), "{limit}");
    }
}
