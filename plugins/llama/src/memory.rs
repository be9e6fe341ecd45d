//! How much memory is left.

/// Bytes that this process may still take without swapping; `None` where the system does not say.
pub(crate) fn free() -> Option<u64> {
    let machine = available(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let read = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    let group = read("memory.max").zip(read("memory.current"));
    // Files that were read count as used, and give way.
    let stat = std::fs::read_to_string("/sys/fs/cgroup/memory.stat").unwrap_or_default();
    let files = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok());
    let left = |(most, used): (u64, u64)| (most + files.unwrap_or(0)).saturating_sub(used);
    Some(group.map_or(machine, |group| machine.min(left(group))))
}

/// As many slots of `each` bytes, up to `most` and at least 2, as half of what is free beside the weights holds, with one for the trunk.
pub(crate) fn slots_in(free: Option<u64>, weights: u64, each: u64, most: usize) -> usize {
    let Some(free) = free else { return most };
    let held = free.saturating_sub(weights) / 2 / each.max(1);
    usize::try_from(held.saturating_sub(1)).unwrap_or(most).clamp(2.min(most), most)
}

/// Reads `/proc/meminfo`, which counts in KiB.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|count| count * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kibibytes() {
        let text =
            "MemTotal:       24689152 kB\nMemFree:         1 kB\nMemAvailable:   23000000 kB\n";
        assert_eq!(available(text), Some(23_000_000 * 1024));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn slots_take_half_of_the_memory_that_weights_leave() {
        // 100 - 20 are free, of which 40 hold 4 caches: one is the trunk's.
        assert_eq!(slots_in(Some(100), 20, 10, 8), 3);
        assert_eq!(slots_in(Some(1000), 20, 10, 8), 8);
        assert_eq!(slots_in(Some(10), 20, 10, 8), 2);
        assert_eq!(slots_in(None, 20, 10, 8), 8);
    }
}
