//! A program run to its end: how long it took, what processor time and memory it used, and what it printed.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Outcome;

/// Time between two looks at a program's memory and processor time. The kernel keeps the greatest memory, so only growth
/// within the last of these intervals goes unseen.
const LOOK: Duration = Duration::from_millis(2);

/// A program that ended well.
pub struct Ended {
    /// From just before its start to its end.
    #[allow(dead_code, reason = "not every bench reads it")]
    pub wall: Duration,
    /// The most memory that it held in pages of its own or shared (`VmHWM`). 0 where `/proc` does not tell.
    #[allow(dead_code, reason = "not every bench reads it")]
    pub peak_bytes: u64,
    /// Time since 1970, and the processor time used until then by all threads; in order.
    #[allow(dead_code, reason = "not every bench reads it")]
    pub processor: Vec<(Duration, Duration)>,
    /// Standard output.
    #[allow(dead_code, reason = "not every bench reads it")]
    pub output: Vec<u8>,
}

/// Runs a program to its end.
///
/// # Errors
///
/// When it cannot be started or ends with another exit code than 0.
pub fn measure(mut command: Command) -> Outcome<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let started = Instant::now();
    let mut child = command.spawn()?;
    let ended = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (folder, ended) = (format!("/proc/{}", child.id()), ended.clone());
        std::thread::spawn(move || {
            let mut peak = 0;
            let mut processor = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                peak = high_water(&format!("{folder}/status")).max(peak);
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                processor.extend(used(&format!("{folder}/stat")).map(|used| (now, used)));
                std::thread::sleep(LOOK);
            }
            (peak, processor)
        })
    };
    let mut output = Vec::new();
    let read = child.stdout.take().map_or(Ok(0), |mut out| out.read_to_end(&mut output));
    let status = child.wait()?;
    let wall = started.elapsed();
    ended.store(true, Ordering::Relaxed);
    let (peak_bytes, processor) =
        watcher.join().map_err(|_| "the thread that watches the program broke off")?;
    read?;
    if !status.success() {
        return Err(format!("`{}` ended with {status}", command.get_program().display()).into());
    }
    Ok(Ended { wall, peak_bytes, processor, output })
}

/// `VmHWM` in bytes; 0 when the process has ended or the system keeps no such file.
fn high_water(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Processor time in user and system mode, in steps of the kernel's 10 ms; `None` when the program has ended.
fn used(stat: &str) -> Option<Duration> {
    let text = std::fs::read_to_string(stat).ok()?;
    // The second field is the name in parentheses, which may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}
