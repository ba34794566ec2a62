//! Progress on standard error: nothing for what takes less than a second, nothing when it is not a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// A bar that appears when its work takes longer than a second, and goes away with this handle.
pub struct Progress {
    bar: ProgressBar,
    /// Dropped with the handle, which ends the thread that waits to show the bar.
    _alive: Sender<()>,
}

impl Progress {
    /// Work of unknown length.
    pub fn spinner(message: impl Into<String>) -> Progress {
        Progress::show(ProgressBar::hidden(), "{spinner} {msg} ({elapsed})", message.into())
    }

    /// Work of `steps` steps.
    pub fn steps(message: impl Into<String>, steps: u64) -> Progress {
        let bar = ProgressBar::hidden();
        bar.set_length(steps);
        Progress::show(bar, "{spinner} {msg} {wide_bar} {percent} % (eta {eta})", message.into())
    }

    fn show(bar: ProgressBar, template: &str, message: String) -> Progress {
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
        bar.set_message(message);
        let (alive, ended) = channel::<()>();
        let shown = bar.clone();
        thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(TICK);
            }
        });
        Progress { bar, _alive: alive }
    }

    /// What is being done now.
    pub fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// A line that stays, on standard error.
    pub fn note(&self, line: impl AsRef<str>) {
        self.bar.suspend(|| eprintln!("{}", line.as_ref()));
    }

    /// Some steps are done.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
