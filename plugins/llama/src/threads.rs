//! How many threads compute by default.

use std::collections::BTreeSet;
use std::path::Path;

/// Physical cores that this process may use and that nothing else keeps busy, at least 1.
///
/// Threads that compute wait for each other at every operation: one more than there are free cores makes all of them wait for
/// the scheduler.
pub(crate) fn free_cores() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    let physical = physical_cores(Path::new("/sys/devices/system/cpu")).unwrap_or(allowed);
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let busy = load.as_deref().and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    free(allowed.min(physical), busy.unwrap_or(0.0))
}

/// `busy`: how many threads were running or ready during the last minute.
fn free(cores: usize, busy: f64) -> usize {
    cores.saturating_sub(busy.round().max(0.0) as usize).max(1)
}

/// Cores by the sets of processors that share one.
fn physical_cores(folder: &Path) -> Option<usize> {
    let mut cores = BTreeSet::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let siblings = entry.path().join("topology/thread_siblings_list");
        if let Ok(list) = std::fs::read_to_string(siblings) {
            cores.insert(list.trim().to_owned());
        }
    }
    (!cores.is_empty()).then_some(cores.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_that_work_are_not_free() {
        assert_eq!(free(8, 0.2), 8);
        assert_eq!(free(8, 2.6), 5);
        assert_eq!(free(2, 5.0), 1);
    }

    #[test]
    fn processors_of_one_core_count_once() {
        let folder = tempfile::tempdir().unwrap();
        for (cpu, list) in
            [("cpu0", "0,2\n"), ("cpu1", "1,3\n"), ("cpu2", "0,2\n"), ("cpu3", "1,3\n")]
        {
            let topology = folder.path().join(cpu).join("topology");
            std::fs::create_dir_all(&topology).unwrap();
            std::fs::write(topology.join("thread_siblings_list"), list).unwrap();
        }
        std::fs::create_dir(folder.path().join("cpufreq")).unwrap();
        assert_eq!(physical_cores(folder.path()), Some(2));
        assert_eq!(physical_cores(Path::new("/nonexistent")), None);
        assert!(free_cores() >= 1);
    }
}
