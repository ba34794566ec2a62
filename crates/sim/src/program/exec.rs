//! Instructions, and running them: one call of a kernel each.

pub(crate) use super::kernels::Kernel;
use super::kernels::{self, Tables};
use super::layout::Code;
use super::plan::Field;

/// A place in the storage: a byte offset from a base (0 is the arena, the others are windows).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ptr {
    base: u32,
    offset: u32,
}

impl Ptr {
    pub fn new(base: u32, offset: usize) -> Ptr {
        Ptr { base, offset: u32::try_from(offset).expect("the storage is below 4 GiB") }
    }

    pub fn offset(self, bytes: usize) -> Ptr {
        Ptr::new(self.base, self.offset as usize + bytes)
    }

    /// The byte in the arena, given the position of every base.
    pub fn at(self, bases: &[usize]) -> usize {
        bases[self.base as usize] + self.offset as usize
    }
}

/// Elements `from`, `from + stride`, … to lanes `to ..`; all in lanes, an element being `stimuli` of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub to: u32,
    pub from: Ptr,
    pub stride: u32,
    pub count: u32,
}

/// A register file as one port sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileAccess {
    pub at: Ptr,
    pub depth: u32,
    /// Elements of an entry, over all copies.
    pub row: u32,
    /// Elements that share an address and enable.
    pub group: u32,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inst {
    pub kernel: Kernel,
    /// Blocks of lanes; for sums and held registers, elements or groups of them.
    pub blocks: u32,
    pub dst: Ptr,
    pub a: Ptr,
    pub b: Ptr,
    pub c: Ptr,
    pub imm: u32,
    /// Index of its segments, file access or table.
    pub aux: u32,
    pub mask: u64,
    /// The fields of the operands, for `Cut` kernels.
    pub cuts: [Cut; 3],
}

/// A bit field of a 32-bit lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    pub shift: u32,
    pub mask: u32,
}

impl Cut {
    /// The whole lane.
    pub const ALL: Cut = Cut { shift: 0, mask: u32::MAX };

    pub fn new(field: Field) -> Cut {
        Cut { shift: field.lo, mask: u32::MAX >> (32 - field.width) }
    }

    /// The bits of the field where they lie.
    #[inline(always)]
    pub fn in_place(self) -> u32 {
        self.mask << (self.shift & 31)
    }

    #[inline(always)]
    pub fn of(self, lane: u32) -> u32 {
        lane >> (self.shift & 31) & self.mask
    }
}

impl Inst {
    pub fn new(kernel: Kernel, blocks: u32) -> Inst {
        let none = Ptr::new(0, 0);
        Inst {
            kernel,
            blocks,
            dst: none,
            a: none,
            b: none,
            c: none,
            imm: 0,
            aux: 0,
            mask: 0,
            cuts: [Cut::ALL; 3],
        }
    }
}

/// Storage as kernels see it.
pub(crate) struct Memory<'a> {
    pub code: &'a Code,
    pub arena: *mut u8,
    /// Byte position of every base.
    pub bases: &'a [usize],
}

impl Memory<'_> {
    /// # Safety
    /// `ptr` lies within the arena and is aligned for `T`, as laid out by [`super::layout`].
    #[inline(always)]
    pub unsafe fn ptr<T>(&self, ptr: Ptr) -> *mut T {
        unsafe {
            let base = *self.bases.get_unchecked(ptr.base as usize);
            self.arena.add(base + ptr.offset as usize).cast()
        }
    }

    /// Lanes per element.
    #[inline(always)]
    pub fn stimuli(&self) -> usize {
        self.code.stimuli as usize
    }
}

/// The vector instructions a simulator uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum VectorUnit {
    /// What every machine of this architecture has (SSE2 on x86-64).
    Baseline,
    /// 256-bit AVX2. (512-bit vectors were measured to be no faster: the kernels are bound by loads and stores.)
    Avx2,
}

impl VectorUnit {
    /// All that this machine has, the widest last.
    pub fn available() -> Vec<VectorUnit> {
        let mut units = vec![VectorUnit::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            let all = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            if all {
                units.push(VectorUnit::Avx2);
            }
        }
        units
    }

    fn kernels(self) -> &'static Tables {
        match self {
            VectorUnit::Baseline => &kernels::baseline::TABLE,
            #[cfg(target_arch = "x86_64")]
            VectorUnit::Avx2 => &kernels::avx2::TABLE,
            #[cfg(not(target_arch = "x86_64"))]
            _ => &kernels::baseline::TABLE,
        }
    }

    /// Runs instructions in order.
    ///
    /// # Safety
    /// The machine has the unit; the instructions are those of `memory.code`, and `memory` is storage laid out for it.
    pub(crate) unsafe fn run(self, insts: &[Inst], memory: &Memory<'_>) {
        let kernels = self.kernels();
        for inst in insts {
            unsafe { kernels[inst.kernel as usize](memory, inst) }
        }
    }
}
