//! The memory of a simulator, lane by lane.

/// Storage aligned for the widest vectors.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// An arena of 32-bit and 64-bit lanes at byte positions.
#[derive(Clone)]
pub(crate) struct Storage {
    lines: Vec<Line>,
}

impl Storage {
    /// Zeros.
    pub fn new(bytes: usize) -> Storage {
        Storage { lines: vec![Line([0; 8]); bytes.div_ceil(size_of::<Line>())] }
    }

    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.lines.as_mut_ptr().cast()
    }

    fn words(&self) -> &[u64] {
        // SAFETY: a line is eight words without padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 8) }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: a line is eight words without padding.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * 8) }
    }

    fn halves(&self) -> &[u32] {
        // SAFETY: a line is sixteen half words without padding, and every pattern is a value.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 16) }
    }

    fn halves_mut(&mut self) -> &mut [u32] {
        // SAFETY: a line is sixteen half words without padding, and every pattern is a value.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * 16) }
    }

    /// Lane `i` of those that begin at byte `at`, zero-extended.
    pub fn lane(&self, at: usize, long: bool, i: usize) -> u64 {
        if long { self.words()[at / 8 + i] } else { u64::from(self.halves()[at / 4 + i]) }
    }

    /// Sets lane `i` of those that begin at byte `at` to the low bits of `value`.
    pub fn set_lane(&mut self, at: usize, long: bool, i: usize, value: u64) {
        if long {
            self.words_mut()[at / 8 + i] = value;
        } else {
            self.halves_mut()[at / 4 + i] = value as u32;
        }
    }

    /// Copies bytes within the arena; all positions are multiples of 8.
    pub fn copy(&mut self, from: usize, to: usize, bytes: usize) {
        self.words_mut().copy_within(from / 8..(from + bytes) / 8, to / 8);
    }
}
