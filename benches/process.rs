//! A program run to its end: how long it took, how much memory it held at most, and what it printed.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// Time between two looks at a program's memory. The kernel keeps the greatest value, so only growth within the last
/// of these intervals goes unseen.
const LOOK: Duration = Duration::from_millis(2);

/// A program that ended well.
pub struct Ended {
    /// From just before its start to its end.
    pub wall: Duration,
    /// The most memory that it held in pages of its own or shared (`VmHWM`). 0 where `/proc` does not tell.
    pub peak_bytes: u64,
    /// Standard output.
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
    let peak = Arc::new(AtomicU64::new(0));
    let ended = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (status, peak, ended) =
            (format!("/proc/{}/status", child.id()), peak.clone(), ended.clone());
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(high_water(&status), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        })
    };
    let mut output = Vec::new();
    let read = child.stdout.take().map_or(Ok(0), |mut out| out.read_to_end(&mut output));
    let status = child.wait()?;
    let wall = started.elapsed();
    ended.store(true, Ordering::Relaxed);
    watcher.join().map_err(|_| "the thread that watches memory broke off")?;
    read?;
    if !status.success() {
        return Err(format!("`{}` ended with {status}", command.get_program().display()).into());
    }
    Ok(Ended { wall, peak_bytes: peak.load(Ordering::Relaxed), output })
}

/// `VmHWM` in bytes; 0 when the process has ended or the system keeps no such file.
fn high_water(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
