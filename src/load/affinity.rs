//! Which CPUs threads and processes may run on: `--client-cpus` and `--server-cpus`.

#[cfg(target_os = "linux")]
pub use linux::{Pinned, allowed_cpus, pin_server, pin_this_thread};

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use drivers::server::Server;
    use nix::errno::Errno;
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    /// How often the processes of a server are gone through: one that is just being made has the affinity of its parent at
    /// that time.
    const ROUNDS: usize = 10;
    const THIS_THREAD: Pid = Pid::from_raw(0);

    /// The CPUs that this thread may use, in order.
    pub fn allowed_cpus() -> Vec<u32> {
        let Ok(allowed) = sched_getaffinity(THIS_THREAD) else { return Vec::new() };
        (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).map(|cpu| cpu as u32).collect()
    }

    /// Keeps this thread on these CPUs; no CPUs leave it as it is.
    ///
    /// # Errors
    /// When the system refuses, as where one of them was taken from this process meanwhile.
    pub fn pin_this_thread(cpus: &[u32]) -> io::Result<()> {
        if cpus.is_empty() { Ok(()) } else { Ok(sched_setaffinity(THIS_THREAD, &set_of(cpus)?)?) }
    }

    /// A thread that is kept on some CPUs for as long as this lives: a process that it starts begins there.
    pub struct Pinned(Option<CpuSet>);

    impl Pinned {
        /// Keeps this thread on these CPUs; no CPUs leave it as it is.
        ///
        /// # Errors
        /// As [`pin_this_thread`].
        pub fn this_thread(cpus: &[u32]) -> io::Result<Pinned> {
            if cpus.is_empty() {
                return Ok(Pinned(None));
            }
            let before = sched_getaffinity(THIS_THREAD)?;
            pin_this_thread(cpus)?;
            Ok(Pinned(Some(before)))
        }
    }

    impl Drop for Pinned {
        fn drop(&mut self) {
            if let Some(before) = &self.0 {
                let _ = sched_setaffinity(THIS_THREAD, before);
            }
        }
    }

    /// Keeps all threads of all processes of a server on these CPUs; what they start later stays there, too. No CPUs leave it
    /// as it is.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn pin_server(server: &Server, cpus: &[u32]) -> io::Result<()> {
        if cpus.is_empty() {
            return Ok(());
        }
        let wanted = set_of(cpus)?;
        for _ in 0..ROUNDS {
            let mut all_there = true;
            for thread in server.pids().into_iter().flat_map(threads_of) {
                match sched_getaffinity(thread) {
                    Ok(now) if now == wanted => continue,
                    Ok(_) => all_there = false,
                    // It has ended.
                    Err(_) => continue,
                }
                match sched_setaffinity(thread, &wanted) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(refused) => return Err(refused.into()),
                }
            }
            if all_there {
                return Ok(());
            }
        }
        Err(io::Error::other("its processes do not stay there"))
    }

    fn set_of(cpus: &[u32]) -> nix::Result<CpuSet> {
        let mut set = CpuSet::new();
        cpus.iter().try_for_each(|cpu| set.set(*cpu as usize))?;
        Ok(set)
    }

    fn threads_of(process: i32) -> Vec<Pid> {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
        entries.filter_map(|entry| Some(Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?))).collect()
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Pinned, allowed_cpus, pin_server, pin_this_thread};

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    use drivers::server::Server;

    /// None are known: lists of CPUs are refused.
    pub fn allowed_cpus() -> Vec<u32> {
        Vec::new()
    }

    /// Does nothing, for there are no CPUs to ask for.
    pub fn pin_this_thread(_: &[u32]) -> io::Result<()> {
        Ok(())
    }

    /// A thread that is as it was.
    pub struct Pinned;

    impl Pinned {
        /// Does nothing, for there are no CPUs to ask for.
        pub fn this_thread(_: &[u32]) -> io::Result<Pinned> {
            Ok(Pinned)
        }
    }

    /// Does nothing, for there are no CPUs to ask for.
    pub fn pin_server(_: &Server, _: &[u32]) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_on_its_cpus_and_comes_back() {
        std::thread::spawn(|| {
            let before = allowed_cpus();
            let pinned = Pinned::this_thread(&before[..1]).expect("one of its own");
            assert_eq!(allowed_cpus(), before[..1]);
            drop(pinned);
            assert_eq!(allowed_cpus(), before);
            assert!(pin_this_thread(&[1023]).is_err() || before.contains(&1023));
            assert!(pin_this_thread(&[u32::MAX]).is_err());
        })
        .join()
        .expect("no panic");
    }
}
