//! What is written for other people's CI and for our own: the files are YAML, pass each other what there is, use flags that there
//! are, and the script of the action does what it says. Schemas and expressions are the linters' matter.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::Storebench;
use yaml_rust2::{Yaml, YamlLoader};

const WORKFLOWS: [&str; 4] = [
    ".github/workflows/gate.yml",
    ".github/workflows/test.yml",
    "docs/workflows/gate-github.yml",
    "docs/workflows/gate-gitlab.yml",
];

fn yaml(path: &str) -> Yaml {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file");
    let mut read = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(read.len(), 1, "{path} is one document");
    read.remove(0)
}

/// All texts of a document.
fn texts(yaml: &Yaml) -> Vec<String> {
    match yaml {
        Yaml::String(text) => vec![text.clone()],
        Yaml::Array(list) => list.iter().flat_map(texts).collect(),
        Yaml::Hash(table) => table.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn keys(yaml: &Yaml) -> Vec<&str> {
    yaml.as_hash().into_iter().flat_map(|table| table.keys()).filter_map(Yaml::as_str).collect()
}

/// The steps of a workflow that use the action.
fn uses(workflow: &Yaml) -> Vec<&Yaml> {
    let jobs = workflow["jobs"].as_hash().into_iter().flat_map(|jobs| jobs.values());
    let steps = jobs.flat_map(|job| job["steps"].as_vec().into_iter().flatten());
    let is_ours =
        |step: &&Yaml| step["uses"].as_str().is_some_and(|name| name == "./" || name.contains("/storebench@"));
    steps.filter(is_ours).collect()
}

#[test]
fn workflows_give_the_action_what_it_takes() {
    let action = yaml("action.yml");
    let inputs = keys(&action["inputs"]);
    let required = |name: &&&str| action["inputs"][**name]["required"].as_bool() == Some(true);
    let mut used = 0;
    for path in WORKFLOWS {
        for step in uses(&yaml(path)) {
            let given = keys(&step["with"]);
            assert!(given.iter().all(|name| inputs.contains(name)), "{path}: {given:?} of {inputs:?}");
            assert!(inputs.iter().filter(required).all(|name| given.contains(name)), "{path}: {given:?}");
            used += 1;
        }
    }
    assert_eq!(used, 3, "steps that use the action");
}

#[test]
fn every_flag_is_one_of_the_command_and_every_workload_is_there() {
    let help = Storebench::new(&["compare", "--help"]).expect_exit(0).stdout;
    let is_sign = |sign: char| sign.is_ascii_lowercase() || sign == '-';
    let mut seen = 0;
    for path in ["action.yml", "docs/workflows/gate-gitlab.yml"].into_iter().chain(WORKFLOWS) {
        // What is said of cargo, apt-get and git is theirs.
        let lines = texts(&yaml(path)).join("\n");
        let ours = lines.lines().filter(|line| !["cargo ", "apt-get ", "git "].iter().any(|name| line.contains(name)));
        for word in ours.flat_map(|line| line.split(|sign: char| !is_sign(sign))).filter(|word| word.starts_with("--"))
        {
            assert!(help.split(|sign: char| !is_sign(sign)).any(|known| known == word), "{path}: {word}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
    let list = Storebench::new(&["list"]).expect_exit(0).stdout;
    for workflow in WORKFLOWS.map(yaml) {
        for step in uses(&workflow) {
            let workloads = step["with"]["workloads"].as_str().expect("workloads");
            assert!(workloads.split(' ').all(|name| list.contains(name)), "{workloads}");
        }
    }
}

/// A step of the action in a folder, as a runner carries it out.
fn step(folder: &Path, name: &str, variables: &[(&str, &str)]) -> Output {
    let action = yaml("action.yml");
    let steps = action["runs"]["steps"].as_vec().expect("steps");
    let script =
        steps.iter().find(|step| step["name"].as_str() == Some(name)).expect(name)["run"].as_str().expect("a script");
    std::fs::write(folder.join("step.sh"), script).expect("written");
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail", "step.sh"]).current_dir(folder);
    bash.env("GITHUB_OUTPUT", folder.join("output")).env("GITHUB_STEP_SUMMARY", folder.join("summary"));
    bash.envs(variables.iter().copied()).output().expect("bash")
}

#[test]
fn the_action_shows_the_gate_tells_its_verdict_and_fails_the_job_at_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let compare = |head: &str, advise: &str, out: &str| {
        let arguments = "--duration 300ms --warmup 0 --records 100 --margin throughput=off --margin p50=50% --margin p99=off \
                         --margin cpu=off --quiet";
        let variables = [
            ("SOURCE", "/nowhere"),
            ("BINARY", env!("CARGO_BIN_EXE_storebench")),
            ("BASE_BINARY", ""),
            ("BASE", "sim?latency=400us"),
            ("HEAD", head),
            ("WORKLOADS", "ycsb-c"),
            ("ARGUMENTS", arguments),
            ("ADVISE", advise),
            ("FOLDER", out),
        ];
        let ran = step(folder.path(), "Compare", &variables);
        assert!(ran.status.success(), "the gate is kept before the job fails: {ran:?}");
        ["output", "summary"].map(|name| {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
            let _ = std::fs::remove_file(folder.path().join(name));
            text
        })
    };
    let [output, summary] = compare("sim?latency=5ms", "false", "gate");
    assert_eq!(output, "exit-code=1\nverdict=regression\n");
    assert!(summary.starts_with("## REGRESSION: "), "{summary}");
    let [output, _] = compare("no-such-store", "false", "none");
    assert_eq!(output, "exit-code=2\n");
    for code in [0, 1, 3] {
        let verdict = step(folder.path(), "Verdict", &[("CODE", &code.to_string())]);
        assert_eq!(verdict.status.code(), Some(code));
    }
}
