//! Running the tools: what they say goes to a log, they end in time, and an interrupt ends them too.

use crate::error::FlowError;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a running tool is looked at.
const POLL: Duration = Duration::from_millis(10);
/// Lines of a log that an error shows at most.
const SHOWN: usize = 8;
/// What a tool prints, in the folder where it runs.
pub(crate) const LOG: &str = "log";

/// The process groups of the tools that are running, with their folders; `None` after an interrupt, when no more may
/// start.
static RUNNING: Mutex<Option<BTreeMap<i32, PathBuf>>> = Mutex::new(Some(BTreeMap::new()));

/// Ends every tool that is running, with the programs that it started, and removes what they have written; no tool
/// starts any more. For handlers of interrupts, before the program ends.
pub fn interrupt() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take();
    for (group, folder) in running.into_iter().flatten() {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL); // it may have ended by itself
        let _ = fs::remove_dir_all(folder);
    }
}

/// Runs a tool to its end in a folder that belongs to this run.
///
/// # Errors
/// The tool cannot be started, takes too long, or an interrupt ended it. That the tool reports failure is not one.
pub(crate) fn run(command: &mut Command, folder: &Path, timeout: Duration) -> Result<ExitStatus, FlowError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let out = File::create(folder.join(LOG)).map_err(FlowError::io(folder))?;
    let err = out.try_clone().map_err(FlowError::io(folder))?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    let mut child =
        start(command, folder)?.map_err(|e| FlowError::new(format!("cannot run `{program}`: {e}")))?;
    let group = child.id() as i32;
    let status = wait(&mut child, timeout);
    if let Some(groups) = &mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) {
        groups.remove(&group);
    }
    status.map_err(|e| FlowError::new(format!("`{program}`: {e}")))?.ok_or_else(|| {
        let seconds = timeout.as_secs_f64();
        FlowError::new(format!(
            "`{program}` did not end within {seconds} s; give it more time with --timeout"
        ))
    })
}

/// Starts a tool in a process group of its own, under the lock, so that an interrupt finds it or prevents it.
fn start(command: &mut Command, folder: &Path) -> Result<std::io::Result<Child>, FlowError> {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let groups = running.as_mut().ok_or_else(|| FlowError::new("interrupted"))?;
    let child = command.spawn();
    if let Ok(child) = &child {
        groups.insert(child.id() as i32, folder.into());
    }
    Ok(child)
}

/// Waits for the end; `None` when it took too long and was ended.
fn wait(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// What a log says about a failure: its last lines, up to and with the first that reports an error.
pub(crate) fn complaint(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let end = lines.iter().position(|line| is_error(line)).map_or(lines.len(), |at| at + 1);
    let shown = &lines[end.saturating_sub(SHOWN)..end];
    shown.iter().map(|line| format!("\n  {line}")).collect()
}

/// Whether a line of a log reports an error, as Yosys and OpenSTA do.
pub(crate) fn is_error(line: &str) -> bool {
    ["ERROR:", "Error:", "Error "].iter().any(|word| line.starts_with(word)) || line.contains(": ERROR:")
}

/// A number of places for tools that run at the same time.
pub(crate) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place taken; dropping it makes room.
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(crate) fn new(places: usize) -> Slots {
        Slots { free: Mutex::new(places.max(1)), freed: Condvar::new() }
    }

    /// Waits for a place.
    pub(crate) fn take(&self) -> Slot<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |n| *n == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_takes_too_long_is_ended_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; sleep 60 & wait"]);
        let error = run(&mut command, folder.path(), Duration::from_millis(200)).unwrap_err();
        assert!(error.to_string().contains("did not end within"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), "begun\n");
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("no-such-program");
        let error = run(&mut command, folder.path(), Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().contains("cannot run `no-such-program`"), "{error}");
    }

    #[test]
    fn a_complaint_ends_with_the_first_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "reading\n\na.v:3: ERROR: syntax error\nafterwards\n").unwrap();
        assert_eq!(complaint(&log), "\n  reading\n  a.v:3: ERROR: syntax error");
    }
}
