//! Facts about the machine, what this process has used of it, and its time of day. What the system does not say is none.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::resource::{RLIM_INFINITY, Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;

use crate::record::Host;

/// Describes this machine. `data` is where embedded stores keep their files.
pub fn describe(data: &Path) -> Host {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let vendor = read("/sys/class/dmi/id/sys_vendor");
    Host {
        os: format!("{} {kernel}", std::env::consts::OS).trim().to_owned(),
        cpu: field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cpus: cpus(),
        memory_bytes: memory_bytes(&read("/proc/meminfo").unwrap_or_default()),
        file_system: drivers::filesystem_of(data).unwrap_or_else(|| "unknown".into()),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        virtualization: cpuinfo
            .contains(" hypervisor")
            .then(|| vendor.clone().filter(|vendor| !vendor.is_empty()).unwrap_or_else(|| "virtual machine".into())),
        // The firmware of other vendors names a board there, and a board is no instance type.
        instance: read("/sys/class/dmi/id/product_name").filter(|_| vendor.as_deref() == Some("Amazon EC2")),
    }
}

/// Logical CPUs that this process may use.
pub fn cpus() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

fn memory_bytes(meminfo: &str) -> u64 {
    kilobytes(meminfo, "MemTotal:") * 1024
}

/// A value of a file like /proc/meminfo; 0 if it is not there.
fn kilobytes(file: &str, name: &str) -> u64 {
    let value = file.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// The time of day to the millisecond, RFC 3339, UTC. It is read once, and from then on follows the monotonic clock: if
/// the clock was set back meanwhile, runs would end before they begin.
pub fn timestamp() -> String {
    static START: LazyLock<(Timestamp, Instant)> = LazyLock::new(|| (Timestamp::now(), Instant::now()));
    let (start, clock) = *START;
    timestamp_after(start, clock.elapsed())
}

fn timestamp_after(start: Timestamp, elapsed: Duration) -> String {
    start.saturating_add(elapsed).unwrap_or(start).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Address space that this process may still take; none where it is not limited (`ulimit -v`).
pub fn address_space_left() -> Option<u64> {
    let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok().filter(|(limit, _)| *limit != RLIM_INFINITY)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Some(limit.saturating_sub(kilobytes(&status, "VmSize:") * 1024))
}

/// CPU time that this process has used, user and system.
pub fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(microseconds.max(0) as u64)
}

/// CPU time of a machine since it was started, over all CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineCpu {
    /// Used by processes, and by the kernel on their behalf. Without interrupts, which belong to no process.
    pub busy: Duration,
    /// Given to other machines by the hypervisor while this one wanted it.
    pub stolen: Duration,
}

impl MachineCpu {
    /// The CPU time since an earlier reading.
    pub fn since(self, earlier: MachineCpu) -> MachineCpu {
        MachineCpu { busy: self.busy.saturating_sub(earlier.busy), stolen: self.stolen.saturating_sub(earlier.stolen) }
    }
}

/// What threads did while they were ready to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunQueue {
    /// They had a CPU.
    pub ran: Duration,
    /// They waited for one: another thread had it, or a quota of the process was used up.
    pub waited: Duration,
}

impl RunQueue {
    /// What came after an earlier reading.
    pub fn since(self, earlier: RunQueue) -> RunQueue {
        RunQueue { ran: self.ran.saturating_sub(earlier.ran), waited: self.waited.saturating_sub(earlier.waited) }
    }

    /// Of two threads together.
    pub fn plus(self, other: RunQueue) -> RunQueue {
        RunQueue { ran: self.ran + other.ran, waited: self.waited + other.waited }
    }
}

/// The same of this thread since it began, from `schedstat` (Documentation/scheduler/sched-stats.rst). None where the system
/// does not say.
pub fn run_queue() -> Option<RunQueue> {
    parse_run_queue(&std::fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// Nanoseconds on a CPU, nanoseconds on a run queue, number of time slices.
fn parse_run_queue(schedstat: &str) -> Option<RunQueue> {
    let mut ns = schedstat.split_whitespace().map(|number| number.parse().ok().map(Duration::from_nanos));
    let (ran, waited) = (ns.next()??, ns.next()??);
    // A kernel that does not count shows zeros.
    (!ran.is_zero()).then_some(RunQueue { ran, waited })
}

/// The CPU time of this machine, from `/proc/stat`. None where the system does not say.
pub fn machine_cpu() -> Option<MachineCpu> {
    let ticks_per_s = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten()?;
    parse_machine_cpu(&std::fs::read_to_string("/proc/stat").ok()?, ticks_per_s as f64)
}

/// Of proc(5), the line `cpu` of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, in ticks.
fn parse_machine_cpu(stat: &str, ticks_per_s: f64) -> Option<MachineCpu> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Option<Vec<u64>> = line.split_whitespace().map(|number| number.parse().ok()).collect();
    let ticks = ticks?;
    let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 / ticks_per_s);
    Some(MachineCpu { busy: time(ticks.get(..3)?.iter().sum()), stolen: time(*ticks.get(7)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_cpu_time_is_read_without_idling_and_interrupts() {
        let stat = "cpu  100 20 30 4000 500 6 7 80 0 0\ncpu0 50 10 15 2000 250 3 3 40 0 0\n";
        let cpu = parse_machine_cpu(stat, 100.0).expect("a line of all CPUs");
        assert_eq!(cpu, MachineCpu { busy: Duration::from_millis(1_500), stolen: Duration::from_millis(800) });
        assert_eq!(parse_machine_cpu("cpu  100 20", 100.0), None);
    }

    #[test]
    fn what_a_thread_ran_and_waited_is_read_and_zeros_are_no_answer() {
        let queue = parse_run_queue("2500 700 12\n").expect("three numbers");
        assert_eq!(queue, RunQueue { ran: Duration::from_nanos(2_500), waited: Duration::from_nanos(700) });
        assert_eq!((parse_run_queue("0 0 0"), parse_run_queue("2500"), parse_run_queue("")), (None, None, None));
    }

    #[test]
    fn instants_of_a_record_follow_the_monotonic_clock() {
        assert_eq!(timestamp_after(Timestamp::UNIX_EPOCH, Duration::from_millis(61_500)), "1970-01-01T00:01:01.500Z");
        let (earlier, later) = (timestamp(), timestamp());
        assert!(earlier <= later, "{earlier} {later}");
    }

    #[test]
    fn installed_memory_is_read_in_bytes() {
        assert_eq!(memory_bytes("MemFree: 1 kB\nMemTotal:       2048 kB\n"), 2_097_152);
        assert_eq!(memory_bytes("garbage"), 0);
    }
}
