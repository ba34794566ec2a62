//! How far a run is, and how long it will take.

use crate::progress::Progress;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How far the run is. What took no time was there already, and says nothing about the rest.
pub struct Clock<'a> {
    progress: &'a Progress,
    start: Instant,
    state: Mutex<Pace>,
}

struct Pace {
    left: usize,
    all: usize,
    /// Weight of what is left, and of what has been done in this run.
    weights: [f64; 2],
}

/// What takes less was there already.
const MOMENT: Duration = Duration::from_secs(2);

impl<'a> Clock<'a> {
    /// Starts; `weights` say roughly how long each piece of work takes.
    pub fn new(weights: impl Iterator<Item = f64>, progress: &'a Progress) -> Clock<'a> {
        let weights: Vec<f64> = weights.collect();
        let state = Pace { left: weights.len(), all: weights.len(), weights: [weights.iter().sum(), 0.0] };
        Clock { progress, start: Instant::now(), state: Mutex::new(state) }
    }

    /// A piece of work of that weight is done.
    pub fn done(&self, name: &str, weight: f64, said: &str, took: Duration) {
        let mut pace = self.state.lock().expect("nobody panics with the lock");
        pace.left -= 1;
        pace.weights[0] -= weight;
        if took > MOMENT {
            pace.weights[1] += weight;
        }
        let gone = self.start.elapsed();
        let rest = pace.weights[0] / pace.weights[1];
        let rest = (rest.is_finite() && pace.left > 0).then(|| minutes(gone.mul_f64(rest)));
        let rest = rest.map_or(String::new(), |rest| format!(", about {rest} left"));
        let count = format!("{}/{}", pace.all - pace.left, pace.all);
        self.progress.note(format!("{count} {name}: {said}; {} gone{rest}", minutes(gone)));
    }
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 100 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}
