//! What the processes of a server have used, from proc(5). Where there is no such file system, nothing is known.
//!
//! Not what they have written: `write_bytes` of /proc/pid/io counts the pages that were made dirty, and where the page cache
//! has large folios a whole one for each small write (4,293 MB on Linux 6.18 where all of the disk took 160 MB). What a
//! store has written is told by its own counters, in its footprint.

use std::collections::HashMap;
use std::time::Duration;

/// What a server's processes have used together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ServerUsage {
    /// CPU time, user and system, since its start; that of its ended processes included.
    pub cpu: Duration,
    /// Memory now: what each process has for itself, and what they share, once. Files that the system caches for them
    /// are not counted.
    pub memory_bytes: u64,
}

/// A process and its descendants.
pub(super) fn tree(root: i32) -> Vec<i32> {
    members(&processes(), root)
}

/// Sums over these processes, of which those that have ended are not there: their CPU time is in their parent's.
pub(super) fn of(pids: &[i32]) -> Option<ServerUsage> {
    let ticks: Vec<u64> = pids.iter().filter_map(|pid| Some(parse_stat(&read(*pid, "stat")?)?.cpu_ticks)).collect();
    let status: Vec<String> = pids.iter().filter_map(|pid| read(*pid, "status")).collect();
    let own: u64 = status.iter().filter_map(|status| number(status, "RssAnon:")).sum();
    let shared = status.iter().filter_map(|status| number(status, "RssShmem:")).max().unwrap_or(0);
    let cpu = Duration::from_secs_f64(ticks.iter().sum::<u64>() as f64 / ticks_per_s());
    (!ticks.is_empty()).then_some(ServerUsage { cpu, memory_bytes: (own + shared) * 1024 })
}

fn processes() -> HashMap<i32, Stat> {
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(stat_of_entry).collect()
}

fn members(processes: &HashMap<i32, Stat>, root: i32) -> Vec<i32> {
    let belongs = |mut pid: i32| {
        while pid != root {
            match processes.get(&pid) {
                Some(stat) if stat.parent != pid => pid = stat.parent,
                _ => return false,
            }
        }
        true
    };
    processes.keys().copied().filter(|pid| belongs(*pid)).collect()
}

struct Stat {
    parent: i32,
    cpu_ticks: u64,
}

fn stat_of_entry(entry: std::fs::DirEntry) -> Option<(i32, Stat)> {
    let pid = entry.file_name().to_str()?.parse().ok()?;
    Some((pid, parse_stat(&read(pid, "stat")?)?))
}

/// Of proc(5), `/proc/pid/stat`: fields 4 (parent) and 14 to 17 (user, system, and both of ended children). The name in
/// field 2 may hold blanks and parentheses.
fn parse_stat(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let at = |number: usize| fields.get(number - 3);
    let ticks: Option<Vec<u64>> = (14..=17).map(|number| at(number)?.parse().ok()).collect();
    Some(Stat { parent: at(4)?.parse().ok()?, cpu_ticks: ticks?.iter().sum() })
}

fn read(pid: i32, file: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()
}

/// The number after a name in a file of lines.
fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn ticks_per_s() -> f64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().map_or(100.0, |ticks| ticks as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_past_the_name() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 6 7";
        let stat = parse_stat(line).expect("a stat line");
        assert_eq!((stat.parent, stat.cpu_ticks), (7, 100));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_memory() {
        let usage = of(&tree(std::process::id() as i32)).expect("this process is there");
        assert!(usage.memory_bytes > 100_000, "{usage:?}");
    }
}
