//! What processes cost: CPU time from /proc/PID/stat, memory from /proc/PID/status (proc(5)).

use std::fs;

use tokio::time::Instant;

/// Units of CPU time in a second: USER_HZ, which is 100 on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;
/// The fields of /proc/PID/stat that hold user and system time, counted from the one after the name.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
/// The state of a listening socket in /proc/net/tcp.
const LISTENING: &str = "0A";

/// Processes, and what they had used when it was begun to count.
pub struct Costs {
    began: Instant,
    processes: Vec<(String, u32, f64)>,
}

/// What one process cost.
#[derive(Debug, Clone)]
pub struct Cost {
    /// Its role or engine.
    pub name: String,
    /// CPU seconds a second.
    pub cores: f64,
    /// Resident memory now, in MiB.
    pub rss_mib: f64,
}

impl Costs {
    /// Begins to count.
    pub fn begin(processes: Vec<(String, u32)>) -> Self {
        let processes = processes.into_iter().map(|(name, pid)| (name, pid, cpu_seconds(pid).unwrap_or(0.0))).collect();
        Self { began: Instant::now(), processes }
    }

    /// What was used since then. A process that has ended is left out.
    pub fn so_far(&self) -> Vec<Cost> {
        let seconds = self.began.elapsed().as_secs_f64().max(1e-3);
        let cost = |(name, pid, before): &(String, u32, f64)| {
            let cores = (cpu_seconds(*pid)? - before) / seconds;
            Some(Cost { name: name.clone(), cores, rss_mib: rss_mib(*pid)? })
        };
        self.processes.iter().filter_map(cost).collect()
    }
}

/// CPU seconds that a process has used, its ended children left out.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, brackets too.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((ticks(USER_TIME)? + ticks(SYSTEM_TIME)?) / TICKS_PER_SECOND)
}

/// Resident memory of a process, in MiB.
pub fn rss_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

/// The process that listens on a port of this machine; `None` on another machine, or when it is not ours to look into.
pub fn listener(address: &str) -> Option<u32> {
    let port: u16 = address.rsplit_once(':')?.1.parse().ok()?;
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].iter().filter_map(|file| fs::read_to_string(file).ok());
    let inode = sockets.collect::<Vec<_>>().iter().flat_map(|table| table.lines()).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
        (local == port && *fields.get(3)? == LISTENING).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })?;
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.into_iter().any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == socket.as_str()))
    };
    pids.into_iter().find(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_finds_itself_and_what_it_costs() {
        let listening = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listening.local_addr().expect("an address").to_string();
        assert_eq!(listener(&address), Some(std::process::id()));
        assert!(rss_mib(std::process::id()).is_some_and(|mib| mib > 1.0));
        assert!(cpu_seconds(std::process::id()).is_some());
        drop(listening);
        assert_eq!(listener(&address), None);
    }
}
