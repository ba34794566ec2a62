//! A little bench for the accelerator's core on its streams.

use attention::accelerator::{AcceleratorSpec, Cause, Settings};
use attention::functional::{self, ResultRow};
use numerics::stratified::Rng;
use sim::{InPort, OutPort, Program, Simulator};

/// A job: its settings and tensors, `[head][row][element]`.
pub struct Job {
    pub settings: Settings,
    pub q: Vec<Vec<Vec<u64>>>,
    pub k: Vec<Vec<Vec<u64>>>,
    pub v: Vec<Vec<Vec<u64>>>,
}

impl Job {
    /// Random tensors.
    pub fn random(spec: &AcceleratorSpec, settings: Settings, rng: &mut Rng) -> Job {
        let mut tensor = |heads: u32, rows: u32| -> Vec<Vec<Vec<u64>>> {
            let mut head = || (0..rows).map(|_| super::row(&spec.engine, rng, 1.0)).collect();
            (0..heads).map(|_| head()).collect()
        };
        let q = tensor(settings.heads, settings.queries);
        let k = tensor(settings.kv_heads, settings.keys);
        let v = tensor(settings.kv_heads, settings.keys);
        Job { settings, q, k, v }
    }

    /// Head and block, in order.
    fn blocks<'a>(&'a self, spec: &'a AcceleratorSpec) -> impl Iterator<Item = (u32, u32)> + 'a {
        let blocks = spec.blocks(self.settings.queries);
        (0..self.settings.heads).flat_map(move |head| (0..blocks).map(move |block| (head, block)))
    }

    /// The rows of the functional model, as packed bits' words of a beat.
    pub fn expected(&self, spec: &AcceleratorSpec) -> Vec<ResultRow> {
        let mut rows = vec![];
        for (head, block) in self.blocks(spec) {
            let range = spec.key_range(&self.settings, block);
            let range = range.start as usize..range.end.max(range.start) as usize;
            let kv = self.settings.kv_head(head) as usize;
            for i in spec.query_range(&self.settings, block) {
                let query = &self.q[head as usize][i as usize];
                let meets = |j: usize| self.settings.meets(i, (range.start + j) as u32);
                let (k, v) = (&self.k[kv][range.clone()], &self.v[kv][range.clone()]);
                let scale = spec.engine.dot.scale.map(|_| self.settings.scale);
                rows.push(functional::attend(&spec.engine, query, k, v, scale, meets));
            }
        }
        rows
    }

    fn q_beats(&self, spec: &AcceleratorSpec) -> Vec<Beat> {
        let mut beats = vec![];
        for (head, block) in self.blocks(spec) {
            let queries = spec.query_range(&self.settings, block);
            let rows = queries.map(|i| self.q[head as usize][i as usize].as_slice());
            packet(spec, rows, &mut beats);
        }
        beats
    }

    fn kv_beats(&self, spec: &AcceleratorSpec) -> Vec<Beat> {
        let mut beats = vec![];
        for (head, block) in self.blocks(spec) {
            let kv = self.settings.kv_head(head) as usize;
            let keys = spec.key_range(&self.settings, block);
            let rows = keys.flat_map(|j| [&self.k[kv][j as usize], &self.v[kv][j as usize]]);
            packet(spec, rows.map(Vec::as_slice), &mut beats);
        }
        beats
    }

    /// Steps of queries that meet a key, and that do not, of the keys loaded.
    pub fn steps(&self, spec: &AcceleratorSpec) -> [u64; 2] {
        let mut steps = [0; 2];
        for (_, block) in self.blocks(spec) {
            for j in spec.key_range(&self.settings, block) {
                for i in spec.query_range(&self.settings, block) {
                    steps[usize::from(!self.settings.meets(i, j))] += 1;
                }
            }
        }
        steps
    }
}

/// Words of 32 bits, and `tlast`.
pub type Beat = (Vec<u64>, bool);

fn packet<'a>(spec: &AcceleratorSpec, rows: impl Iterator<Item = &'a [u64]>, beats: &mut Vec<Beat>) {
    let width = spec.engine.dot.operand.width();
    let words = (spec.bus_bits / 32) as usize;
    let before = beats.len();
    for row in rows {
        let packed = words_of(row, width, spec.row_beats() as usize * words);
        beats.extend(packed.chunks(words).map(|beat| (beat.to_vec(), false)));
    }
    if beats.len() > before {
        beats.last_mut().unwrap().1 = true;
    }
}

/// Elements little-end first as words of 32 bits.
pub fn words_of(elements: &[u64], width: u32, words: usize) -> Vec<u64> {
    let mut packed = vec![0u64; words];
    for (i, element) in elements.iter().enumerate() {
        for bit in 0..width as usize {
            let at = i * width as usize + bit;
            packed[at / 32] |= (element >> bit & 1) << (at % 32);
        }
    }
    packed
}

/// The elements back.
pub fn elements_of(words: &[u64], width: u32, count: usize) -> Vec<u64> {
    let bit = |at: usize| words[at / 32] >> (at % 32) & 1;
    let element = |i: usize| (0..width as usize).map(|n| bit(i * width as usize + n) << n).sum();
    (0..count).map(element).collect()
}

/// What the core has counted since the start of a job.
#[derive(Default, Debug)]
pub struct Counters(pub Vec<(&'static str, u64)>);

impl Counters {
    pub fn get(&self, name: &str) -> u64 {
        self.0.iter().find(|(n, _)| *n == name).unwrap().1
    }

    /// Those that follow from the job, and the cycles adding up.
    pub fn check(&self, spec: &AcceleratorSpec, job: &Job) {
        let [useful, skipped] = job.steps(spec);
        let beats = |rows: usize, of: u32| rows as u64 * u64::from(of * spec.bus_bytes());
        let rows = (job.settings.heads * job.settings.queries) as usize;
        let keys: usize = job.blocks(spec).map(|(_, n)| spec.key_range(&job.settings, n).len()).sum();
        let read = beats(rows, spec.row_beats()) + beats(2 * keys, spec.row_beats());
        let empty = job.expected(spec).iter().filter(|r| r.empty).count() as u64;
        assert_eq!((self.get("useful_steps"), self.get("skipped")), (useful, skipped));
        assert_eq!(
            (self.get("bytes_read"), self.get("bytes_written")),
            (read, beats(rows, spec.result_beats()))
        );
        assert_eq!(self.get("empty_rows"), empty);
    }
}

struct StreamIn {
    valid: InPort,
    data: InPort,
    last: InPort,
    ready: OutPort,
    beats: Vec<Beat>,
    at: usize,
    offered: bool,
}

impl StreamIn {
    fn new(program: &Program, name: &str) -> StreamIn {
        let port = |port: &str| program.input(&format!("s_axis_{name}_{port}")).unwrap();
        StreamIn {
            valid: port("tvalid"),
            data: port("tdata"),
            last: port("tlast"),
            ready: program.output(&format!("s_axis_{name}_tready")).unwrap(),
            beats: vec![],
            at: 0,
            offered: false,
        }
    }

    fn drive(&mut self, s: &mut Simulator, pauses: bool) {
        if !self.offered && self.at < self.beats.len() && !pauses {
            let (data, last) = &self.beats[self.at];
            s.set(self.data, 0, data);
            s.set1(self.last, 0, u64::from(*last));
            self.offered = true;
        }
        s.set1(self.valid, 0, u64::from(self.offered));
    }

    fn sample(&mut self, s: &Simulator) {
        if self.offered && s.get1(self.ready, 0) == 1 {
            (self.offered, self.at) = (false, self.at + 1);
        }
    }

    fn send(&mut self, beats: Vec<Beat>) {
        assert!(self.at == self.beats.len(), "the last job's beats are all taken");
        (self.beats, self.at) = (beats, 0);
    }
}

/// The core in the compiled simulator.
pub struct Bench {
    spec: AcceleratorSpec,
    simulator: Simulator,
    q: StreamIn,
    kv: StreamIn,
    rng: Rng,
    /// How often the queries', keys' and results' far sides pause.
    pub pauses: [f64; 3],
    /// Of the last job.
    pub counters: Counters,
    /// Beats of results, and `tlast`.
    pub out: Vec<Beat>,
}

impl Bench {
    pub fn new(spec: &AcceleratorSpec, program: &Program, seed: u64) -> Bench {
        let mut simulator = program.simulator(1);
        simulator.randomize(seed);
        for (name, ty) in program.ports(hdl::Direction::Input) {
            simulator.set(program.input(&name).unwrap(), 0, &vec![0; ty.count as usize]);
        }
        simulator.reset();
        Bench {
            spec: spec.clone(),
            q: StreamIn::new(program, "q"),
            kv: StreamIn::new(program, "kv"),
            simulator,
            rng: Rng::new(seed),
            pauses: [0.0; 3],
            counters: Counters::default(),
            out: vec![],
        }
    }

    fn input(&self, name: &str) -> InPort {
        self.simulator.program().input(name).unwrap()
    }

    fn get(&self, name: &str) -> u64 {
        self.simulator.get1(self.simulator.program().output(name).unwrap(), 0)
    }

    pub fn configure(&mut self, settings: &Settings) {
        let mut set = |name: &str, value: u64| {
            let port = self.simulator.program().input(&format!("cfg_{name}")).unwrap();
            self.simulator.set1(port, 0, value);
        };
        set("queries", settings.queries.into());
        set("keys", settings.keys.into());
        set("heads", settings.heads.into());
        set("kv_heads", settings.kv_heads.into());
        set("mask", settings.mask as u64);
        set("window", settings.window.into());
        if self.spec.engine.dot.scale.is_some() {
            set("scale", settings.scale);
        }
    }

    /// Runs a job to its end; its result rows.
    pub fn run(&mut self, job: &Job) -> Vec<ResultRow> {
        self.load(job);
        assert_eq!(self.to_end(200_000), Ok(()));
        self.rows(job)
    }

    /// Offers a job's beats and settings.
    pub fn load(&mut self, job: &Job) {
        self.configure(&job.settings);
        self.q.send(job.q_beats(&self.spec));
        self.kv.send(job.kv_beats(&self.spec));
        self.start();
    }

    pub fn start(&mut self) {
        self.counters = Counters(self.spec.counters().iter().map(|(name, _)| (*name, 0)).collect());
        self.out.clear();
        let start = self.input("start");
        self.simulator.set1(start, 0, 1);
        self.cycle();
        self.simulator.set1(start, 0, 0);
    }

    /// Cycles until the job is done, or gives its error.
    pub fn to_end(&mut self, limit: usize) -> Result<(), u64> {
        for _ in 0..limit {
            match self.cycle() {
                Some(0) => return Ok(()),
                Some(cause) => return Err(cause),
                None => {}
            }
        }
        panic!("nothing came of it in {limit} cycles: {:?}, {} beats out", self.counters, self.out.len());
    }

    /// One cycle: 0 if the job is done in it, or the error's cause.
    fn cycle(&mut self) -> Option<u64> {
        let pauses = self.pauses.map(|p| p > 0.0 && self.rng.unit() < p);
        self.q.drive(&mut self.simulator, pauses[0]);
        self.kv.drive(&mut self.simulator, pauses[1]);
        let tready = self.input("m_axis_o_tready");
        self.simulator.set1(tready, 0, u64::from(!pauses[2]));
        self.simulator.eval();
        self.q.sample(&self.simulator);
        self.kv.sample(&self.simulator);
        if !pauses[2] && self.get("m_axis_o_tvalid") == 1 {
            let port = self.simulator.program().output("m_axis_o_tdata").unwrap();
            self.out.push((self.simulator.get(port, 0), self.get("m_axis_o_tlast") == 1));
        }
        for i in 0..self.counters.0.len() {
            self.counters.0[i].1 += self.get(&format!("inc_{}", self.counters.0[i].0));
        }
        let end = match (self.get("done_set"), self.get("error_set")) {
            (1, 0) => Some(0),
            (0, 1) => Some(self.get("error_cause")),
            (0, 0) => None,
            both => panic!("done and error: {both:?}"),
        };
        self.simulator.clock();
        end
    }

    /// The beats that came as rows; `tlast` must be at the ends of blocks.
    fn rows(&self, job: &Job) -> Vec<ResultRow> {
        let spec = &self.spec;
        let beats = spec.result_beats() as usize;
        let expected = job.expected(spec);
        let block_ends = |i: usize| {
            let row = i as u32 / spec.result_beats() % job.settings.queries + 1;
            row == job.settings.queries || row.is_multiple_of(spec.block())
        };
        for (i, (_, last)) in self.out.iter().enumerate() {
            assert_eq!(*last, (i + 1).is_multiple_of(beats) && block_ends(i), "tlast of beat {i}");
        }
        let rows = self.out.chunks(beats).map(|row| {
            let words: Vec<u64> = row.iter().flat_map(|(data, _)| data.clone()).collect();
            elements_of(&words, spec.engine.output.width(), spec.engine.head_dim as usize)
        });
        // Whether a row is empty is not on the stream; it is counted.
        let empty = expected.iter().map(|r| r.empty);
        rows.zip(empty).map(|(row, empty)| ResultRow { row, empty }).collect()
    }
}

/// The cause of an error by its number.
pub fn is(cause: Cause) -> Result<(), u64> {
    Err(cause as u64)
}
