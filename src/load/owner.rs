//! Which process holds a lease, and whether it has certainly ended.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A process, as another one on the same machine can recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Stands for the machine since its last start and for the PID namespace (a container has its own). A hash, because it
    /// is written into stores; empty where the system does not say.
    machine: String,
    pub pid: u32,
    /// When the process was started, in the kernel's ticks: PIDs are reused.
    started_ticks: u64,
}

impl Owner {
    /// The process that calls this.
    pub fn this_process() -> Owner {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let namespace = std::fs::read_link("/proc/self/ns/pid");
        let machine = match (boot, namespace) {
            (Ok(boot), Ok(namespace)) => {
                format!("{:016x}", xxh3_64(format!("{} {}", boot.trim(), namespace.display()).as_bytes()))
            }
            _ => String::new(),
        };
        let pid = std::process::id();
        Owner { machine, pid, started_ticks: started_ticks(pid).unwrap_or(0) }
    }

    /// Whether it ran on this machine and no longer exists. False where that cannot be known.
    pub fn has_ended(&self) -> bool {
        !self.machine.is_empty()
            && self.machine == Owner::this_process().machine
            && started_ticks(self.pid) != Some(self.started_ticks)
    }
}

/// Field 22 of /proc/PID/stat (man 5 proc_pid_stat), counted from behind the name, which may contain anything. A zombie has
/// ended.
fn started_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_ended_when_its_pid_is_free_or_another_ones() {
        let this = Owner::this_process();
        assert!(!this.has_ended());
        assert!(Owner { started_ticks: this.started_ticks + 1, ..this.clone() }.has_ended());
        // The largest PID of Linux is 2^22.
        assert!(Owner { pid: u32::MAX, ..this.clone() }.has_ended());
        assert!(!Owner { machine: "another".into(), pid: u32::MAX, ..this.clone() }.has_ended());
        assert!(!Owner { machine: String::new(), pid: u32::MAX, ..this }.has_ended());
    }
}
