//! The kernels: one dispatch per instruction, then a loop over blocks of lanes that the compiler turns into vector
//! instructions, once for each instruction set.

use super::layout::{BLOCK, Code};

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

/// What an instruction does; suffixes give the lane size, and `U` or `S` where signedness matters. `Cut` kernels, of
/// 32-bit lanes, cut a bit field out of each operand first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub(crate) enum Kernel {
    Add32, Add64, Sub32, Sub64, Mul32, Mul64, MulWideU, MulWideS, And, Or, Xor,
    Eq32, Eq64, Ne32, Ne64, LtU32, LtS32, LtU64, LtS64, LeU32, LeS32, LeU64, LeS64,
    ShlU32, ShlS32, ShlU64, ShlS64, ShrU32, ShrS32, ShrU64, ShrS64, Mux32, Mux64,
    SliceU32, SliceS32, SliceU64, SliceS64, SliceU64To32, SliceS64To32,
    Join32, Join64, ShlConst32, ShlConst64, Table32, Table64, Lzc32, Lzc64, Parity32, Parity64,
    Sum32, Sum64, SumWideU, SumWideS, WidenU, WidenS, Narrow, Gather32, Gather64,
    FileRead32, FileRead64, FileWrite32, FileWrite64, Fetch32, Fetch64, Hold32, Hold64,
    AddCut, SubCut, MulCut, AndCut, OrCut, XorCut, EqCut, NeCut, LtUCut, LtSCut, LeUCut, LeSCut,
    MuxCut, JoinCut, ShlConstCut,
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

    #[inline(always)]
    fn of(self, lane: u32) -> u32 {
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

const N: usize = BLOCK as usize;

/// Storage as kernels see it.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub arena: *mut u8,
    /// Byte position of every base.
    pub bases: &'a [usize],
}

impl Memory<'_> {
    /// # Safety
    /// `ptr` lies within the arena and is aligned for `T`, as laid out by [`super::layout`].
    #[inline(always)]
    unsafe fn ptr<T>(&self, ptr: Ptr) -> *mut T {
        unsafe {
            let base = *self.bases.get_unchecked(ptr.base as usize);
            self.arena.add(base + ptr.offset as usize).cast()
        }
    }
}

/// `dst[i] = f(a[i])` over blocks.
#[inline(always)]
unsafe fn map1<A: Copy, D: Copy + Default>(m: Memory<'_>, i: &Inst, f: impl Fn(A) -> D) {
    unsafe {
        let (dst, a) = (m.ptr::<[D; N]>(i.dst), m.ptr::<[A; N]>(i.a));
        for k in 0..i.blocks as usize {
            let a = a.add(k).read_unaligned();
            let mut d = [D::default(); N];
            for j in 0..N {
                d[j] = f(a[j]);
            }
            dst.add(k).write_unaligned(d);
        }
    }
}

/// `dst[i] = f(a[i], b[i])` over blocks.
#[inline(always)]
unsafe fn map2<A: Copy, B: Copy, D: Copy + Default>(m: Memory<'_>, i: &Inst, f: impl Fn(A, B) -> D) {
    unsafe {
        let (dst, a, b) = (m.ptr::<[D; N]>(i.dst), m.ptr::<[A; N]>(i.a), m.ptr::<[B; N]>(i.b));
        for k in 0..i.blocks as usize {
            let (a, b) = (a.add(k).read_unaligned(), b.add(k).read_unaligned());
            let mut d = [D::default(); N];
            for j in 0..N {
                d[j] = f(a[j], b[j]);
            }
            dst.add(k).write_unaligned(d);
        }
    }
}

/// As [`map2`], of fields.
#[inline(always)]
unsafe fn cut2(m: Memory<'_>, i: &Inst, f: impl Fn(u32, u32) -> u32) {
    let [cut_a, cut_b, _] = i.cuts;
    unsafe { map2(m, i, |a: u32, b: u32| f(cut_a.of(a), cut_b.of(b))) }
}

/// `dst[i] = f(a[i]) != 0 ? g(b[i]) : h(c[i])` over blocks.
#[inline(always)]
unsafe fn select<T: Copy + Default>(
    m: Memory<'_>,
    i: &Inst,
    f: impl Fn(u32) -> u32,
    g: impl Fn(T) -> T,
    h: impl Fn(T) -> T,
) {
    unsafe {
        let (dst, a) = (m.ptr::<[T; N]>(i.dst), m.ptr::<[u32; N]>(i.a));
        let (b, c) = (m.ptr::<[T; N]>(i.b), m.ptr::<[T; N]>(i.c));
        for k in 0..i.blocks as usize {
            let a = a.add(k).read_unaligned();
            let (b, c) = (b.add(k).read_unaligned(), c.add(k).read_unaligned());
            let mut d = [T::default(); N];
            for j in 0..N {
                d[j] = if f(a[j]) != 0 { g(b[j]) } else { h(c[j]) };
            }
            dst.add(k).write_unaligned(d);
        }
    }
}

/// Sums of `imm` consecutive elements.
#[inline(always)]
unsafe fn sum<A: Copy, D: Copy + Default>(
    m: Memory<'_>,
    i: &Inst,
    stimuli: usize,
    add: impl Fn(D, A) -> D + Copy,
    join: impl Fn(D, D) -> D + Copy,
) {
    unsafe {
        match (stimuli, i.imm) {
            (1, 2) => sum_few::<2, A, D>(m, i, add),
            (1, 3) => sum_few::<3, A, D>(m, i, add),
            (1, 4) => sum_few::<4, A, D>(m, i, add),
            (1, 5) => sum_few::<5, A, D>(m, i, add),
            (1, 6) => sum_few::<6, A, D>(m, i, add),
            (1, 7) => sum_few::<7, A, D>(m, i, add),
            (1, 8) => sum_few::<8, A, D>(m, i, add),
            (1, _) => sum_many(m, i, add, join),
            _ => sum_stimuli(m, i, stimuli, add),
        }
    }
}

/// Sums of `C` elements for one stimulus: a block of sums at a time.
#[inline(always)]
unsafe fn sum_few<const C: usize, A: Copy, D: Copy + Default>(
    m: Memory<'_>,
    i: &Inst,
    add: impl Fn(D, A) -> D,
) {
    unsafe {
        let (dst, a) = (m.ptr::<[D; N]>(i.dst), m.ptr::<[[A; C]; N]>(i.a));
        for k in 0..(i.blocks as usize).div_ceil(N) {
            let a = a.add(k).read_unaligned();
            let mut d = [D::default(); N];
            for c in 0..C {
                for j in 0..N {
                    d[j] = add(d[j], a[j][c]);
                }
            }
            dst.add(k).write_unaligned(d);
        }
    }
}

/// Sums of many elements for one stimulus: 16 partial sums each.
#[inline(always)]
unsafe fn sum_many<A: Copy, D: Copy + Default>(
    m: Memory<'_>,
    i: &Inst,
    add: impl Fn(D, A) -> D,
    join: impl Fn(D, D) -> D,
) {
    unsafe {
        let (dst, a) = (m.ptr::<D>(i.dst), m.ptr::<A>(i.a));
        let count = i.imm as usize;
        for k in 0..i.blocks as usize {
            let a = a.add(k * count);
            let mut lanes = [D::default(); N];
            for block in 0..count / N {
                let a = a.add(block * N).cast::<[A; N]>().read_unaligned();
                for j in 0..N {
                    lanes[j] = add(lanes[j], a[j]);
                }
            }
            for (lane, j) in lanes.iter_mut().zip(count / N * N..count) {
                *lane = add(*lane, *a.add(j));
            }
            for half in [8, 4, 2, 1] {
                for j in 0..half {
                    lanes[j] = join(lanes[j], lanes[j + half]);
                }
            }
            *dst.add(k) = lanes[0];
        }
    }
}

/// Sums for several stimuli: a few stimuli at a time.
#[inline(always)]
unsafe fn sum_stimuli<A: Copy, D: Copy + Default>(
    m: Memory<'_>,
    i: &Inst,
    stimuli: usize,
    add: impl Fn(D, A) -> D + Copy,
) {
    unsafe {
        let (dst, a) = (m.ptr::<D>(i.dst), m.ptr::<A>(i.a));
        let count = i.imm as usize;
        for k in 0..i.blocks as usize {
            let (dst, a) = (dst.add(k * stimuli), a.add(k * stimuli * count));
            let mut s = 0;
            while s + 16 <= stimuli {
                sum_columns::<16, A, D>(dst.add(s), a.add(s), stimuli, count, add);
                s += 16;
            }
            while s + 4 <= stimuli {
                sum_columns::<4, A, D>(dst.add(s), a.add(s), stimuli, count, add);
                s += 4;
            }
            while s < stimuli {
                sum_columns::<1, A, D>(dst.add(s), a.add(s), stimuli, count, add);
                s += 1;
            }
        }
    }
}

/// Sums of `count` rows of `W` columns.
#[inline(always)]
unsafe fn sum_columns<const W: usize, A: Copy, D: Copy + Default>(
    dst: *mut D,
    a: *const A,
    row: usize,
    count: usize,
    add: impl Fn(D, A) -> D,
) {
    unsafe {
        let mut total = [D::default(); W];
        for e in 0..count {
            let a = a.add(e * row).cast::<[A; W]>().read_unaligned();
            for j in 0..W {
                total[j] = add(total[j], a[j]);
            }
        }
        dst.cast::<[D; W]>().write_unaligned(total);
    }
}

#[inline(always)]
unsafe fn gather<T: Copy>(m: Memory<'_>, i: &Inst, segments: &[Segment], stimuli: usize) {
    unsafe {
        let dst = m.ptr::<T>(i.dst);
        for segment in segments {
            let (mut to, from) = (dst.add(segment.to as usize), m.ptr::<T>(segment.from));
            let (count, stride) = (segment.count as usize, segment.stride as usize);
            if stride == stimuli {
                copy(to, from, count * stimuli);
            } else if stimuli == 1 && stride == 0 {
                std::slice::from_raw_parts_mut(to, count).fill(*from);
            } else if stimuli == 1 {
                for k in 0..count {
                    *to.add(k) = *from.add(k * stride);
                }
            } else {
                for k in 0..count {
                    copy(to, from.add(k * stride), stimuli);
                    to = to.add(stimuli);
                }
            }
        }
    }
}

/// Copies lanes; short runs without the cost of a call.
#[inline(always)]
unsafe fn copy<T: Copy>(to: *mut T, from: *const T, count: usize) {
    unsafe {
        if count <= 8 {
            for k in 0..count {
                *to.add(k) = *from.add(k);
            }
        } else {
            std::ptr::copy_nonoverlapping(from, to, count);
        }
    }
}

/// All of a group's stimuli agree.
#[inline(always)]
unsafe fn agree(control: *const u32, stimuli: usize) -> bool {
    unsafe { (1..stimuli).all(|s| *control.add(s) == *control) }
}

#[inline(always)]
unsafe fn file_read<T: Copy + Default>(m: Memory<'_>, i: &Inst, file: &FileAccess, stimuli: usize) {
    unsafe {
        let (dst, addr, entries) = (m.ptr::<T>(i.dst), m.ptr::<u32>(i.a), m.ptr::<T>(file.at));
        let (row, group) = (file.row as usize, file.group as usize);
        for g in 0..row / group {
            let (addr, at) = (addr.add(g * stimuli), g * group * stimuli);
            for s in 0..stimuli {
                let entry = *addr.add(s);
                let from = entries.add(entry.min(file.depth - 1) as usize * row * stimuli + at);
                if s == 0 && entry < file.depth && agree(addr, stimuli) {
                    copy(dst.add(at), from, group * stimuli);
                    break;
                }
                for k in (s..group * stimuli).step_by(stimuli) {
                    *dst.add(at + k) = if entry < file.depth { *from.add(k) } else { T::default() };
                }
            }
        }
    }
}

/// The memory's read register: entries at enabled addresses, the rest as it was.
#[inline(always)]
unsafe fn fetch<T: Copy + Default>(m: Memory<'_>, i: &Inst, file: &FileAccess, stimuli: usize) {
    unsafe {
        let (dst, entries) = (m.ptr::<T>(i.dst), m.ptr::<T>(file.at));
        let (addr, enable) = (m.ptr::<u32>(i.a), m.ptr::<u32>(i.b));
        let (row, group) = (file.row as usize, file.group as usize);
        for g in 0..row / group {
            let at = g * group * stimuli;
            for s in (0..stimuli).filter(|s| *enable.add(g * stimuli + s) != 0) {
                let entry = *addr.add(g * stimuli + s);
                let from = entries.add(entry.min(file.depth - 1) as usize * row * stimuli + at);
                for k in (s..group * stimuli).step_by(stimuli) {
                    *dst.add(at + k) = if entry < file.depth { *from.add(k) } else { T::default() };
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn file_write<T: Copy>(m: Memory<'_>, i: &Inst, file: &FileAccess, stimuli: usize) {
    unsafe {
        let (addr, data, enable) = (m.ptr::<u32>(i.a), m.ptr::<T>(i.b), m.ptr::<u32>(i.c));
        let entries = m.ptr::<T>(file.at);
        let (row, group) = (file.row as usize, file.group as usize);
        for g in 0..row / group {
            let (addr, enable) = (addr.add(g * stimuli), enable.add(g * stimuli));
            let at = g * group * stimuli;
            for s in 0..stimuli {
                let entry = *addr.add(s);
                let to = entries.add(entry.min(file.depth - 1) as usize * row * stimuli + at);
                let writes = *enable.add(s) != 0 && entry < file.depth;
                if s == 0 && writes && agree(addr, stimuli) && agree(enable, stimuli) {
                    copy(to, data.add(at), group * stimuli);
                    break;
                }
                if writes {
                    for k in (s..group * stimuli).step_by(stimuli) {
                        *to.add(k) = *data.add(at + k);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn hold<T: Copy>(m: Memory<'_>, i: &Inst, stimuli: usize) {
    unsafe {
        let (dst, next, enable) = (m.ptr::<T>(i.dst), m.ptr::<T>(i.a), m.ptr::<u32>(i.b));
        let lanes = i.aux as usize * stimuli;
        for g in 0..i.blocks as usize {
            let (enable, at) = (enable.add(g * stimuli), g * lanes);
            if agree(enable, stimuli) {
                if *enable != 0 {
                    copy(dst.add(at), next.add(at), lanes);
                }
                continue;
            }
            for k in 0..lanes {
                if *enable.add(k % stimuli) != 0 {
                    *dst.add(at + k) = *next.add(at + k);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn table<T: Copy + Default>(m: Memory<'_>, i: &Inst, rows: &[u64], f: impl Fn(u64) -> T) {
    let last = rows.len() as u32 - 1;
    unsafe { map1(m, i, |a: u32| f(*rows.get_unchecked(a.min(last) as usize))) }
}

/// Runs instructions in order.
///
/// # Safety
/// The instructions, tables and so on are those of `code`, and `m` is storage laid out for it.
#[inline(always)]
unsafe fn run(code: &Code, insts: &[Inst], m: Memory<'_>) {
    use Kernel::*;
    let stimuli = code.stimuli as usize;
    for i in insts {
        let (imm, mask) = (i.imm, i.mask);
        let mask32 = mask as u32;
        let aux = i.aux as usize;
        unsafe {
            match i.kernel {
                Add32 => map2(m, i, |a: u32, b: u32| a.wrapping_add(b)),
                Add64 => map2(m, i, |a: u64, b: u64| a.wrapping_add(b)),
                Sub32 => map2(m, i, |a: u32, b: u32| a.wrapping_sub(b)),
                Sub64 => map2(m, i, |a: u64, b: u64| a.wrapping_sub(b)),
                Mul32 => map2(m, i, |a: u32, b: u32| a.wrapping_mul(b)),
                Mul64 => map2(m, i, |a: u64, b: u64| a.wrapping_mul(b)),
                MulWideU => map2(m, i, |a: u32, b: u32| u64::from(a) * u64::from(b)),
                MulWideS => map2(m, i, |a: i32, b: i32| i64::from(a) * i64::from(b)),
                And => map2(m, i, |a: u32, b: u32| a & b),
                Or => map2(m, i, |a: u32, b: u32| a | b),
                Xor => map2(m, i, |a: u32, b: u32| a ^ b),
                Eq32 => map2(m, i, |a: u32, b: u32| u32::from(a == b)),
                Eq64 => map2(m, i, |a: u64, b: u64| u32::from(a == b)),
                Ne32 => map2(m, i, |a: u32, b: u32| u32::from(a != b)),
                Ne64 => map2(m, i, |a: u64, b: u64| u32::from(a != b)),
                LtU32 => map2(m, i, |a: u32, b: u32| u32::from(a < b)),
                LtS32 => map2(m, i, |a: i32, b: i32| u32::from(a < b)),
                LtU64 => map2(m, i, |a: u64, b: u64| u32::from(a < b)),
                LtS64 => map2(m, i, |a: i64, b: i64| u32::from(a < b)),
                LeU32 => map2(m, i, |a: u32, b: u32| u32::from(a <= b)),
                LeS32 => map2(m, i, |a: i32, b: i32| u32::from(a <= b)),
                LeU64 => map2(m, i, |a: u64, b: u64| u32::from(a <= b)),
                LeS64 => map2(m, i, |a: i64, b: i64| u32::from(a <= b)),
                ShlU32 => map2(m, i, |a: u32, n: u32| a.unbounded_shl(n) & mask32),
                ShlS32 => {
                    map2(m, i, |a: u32, n: u32| (a.unbounded_shl(n) as i32) << (imm & 31) >> (mask32 & 31))
                }
                ShlU64 => map2(m, i, |a: u64, n: u32| a.unbounded_shl(n) & mask),
                ShlS64 => {
                    map2(m, i, |a: u64, n: u32| (a.unbounded_shl(n) as i64) << (imm & 63) >> (mask & 63))
                }
                ShrU32 => map2(m, i, |a: u32, n: u32| a.unbounded_shr(n)),
                ShrS32 => map2(m, i, |a: i32, n: u32| a >> n.min(31)),
                ShrU64 => map2(m, i, |a: u64, n: u32| a.unbounded_shr(n)),
                ShrS64 => map2(m, i, |a: i64, n: u32| a >> n.min(63)),
                Mux32 => select(m, i, |a| a, |b: u32| b, |c| c),
                Mux64 => select(m, i, |a| a, |b: u64| b, |c| c),
                SliceU32 => map1(m, i, |a: u32| a >> (imm & 31) & mask32),
                SliceS32 => map1(m, i, |a: i32| a << (imm & 31) >> (mask32 & 31)),
                SliceU64 => map1(m, i, |a: u64| a >> (imm & 63) & mask),
                SliceS64 => map1(m, i, |a: i64| a << (imm & 63) >> (mask & 63)),
                SliceU64To32 => map1(m, i, |a: u64| (a >> (imm & 63) & mask) as u32),
                SliceS64To32 => map1(m, i, |a: i64| (a << (imm & 63) >> (mask & 63)) as i32),
                Join32 => map2(m, i, |a: u32, b: u32| a << (imm & 31) | b),
                Join64 => map2(m, i, |a: u64, b: u64| a << (imm & 63) | b),
                ShlConst32 => map1(m, i, |a: u32| a << (imm & 31)),
                ShlConst64 => map1(m, i, |a: u64| a << (imm & 63)),
                Table32 => table(m, i, code.tables.get_unchecked(aux), |r| r as u32),
                Table64 => table(m, i, code.tables.get_unchecked(aux), |r| r),
                Lzc32 => map1(m, i, |a: u32| a.leading_zeros().wrapping_add(imm)),
                Lzc64 => map1(m, i, |a: u64| a.leading_zeros().wrapping_add(imm)),
                Parity32 => map1(m, i, |a: u32| a.count_ones() & 1),
                Parity64 => map1(m, i, |a: u64| a.count_ones() & 1),
                Sum32 => sum(m, i, stimuli, u32::wrapping_add, u32::wrapping_add),
                Sum64 => sum(m, i, stimuli, u64::wrapping_add, u64::wrapping_add),
                SumWideU => sum(m, i, stimuli, |t: u64, a: u32| t + u64::from(a), u64::wrapping_add),
                SumWideS => sum(m, i, stimuli, |t: i64, a: i32| t + i64::from(a), i64::wrapping_add),
                WidenU => map1(m, i, |a: u32| u64::from(a)),
                WidenS => map1(m, i, |a: i32| i64::from(a)),
                Narrow => map1(m, i, |a: u64| a as u32),
                Gather32 => gather::<u32>(m, i, code.segments.get_unchecked(aux), stimuli),
                Gather64 => gather::<u64>(m, i, code.segments.get_unchecked(aux), stimuli),
                FileRead32 => file_read::<u32>(m, i, code.files.get_unchecked(aux), stimuli),
                FileRead64 => file_read::<u64>(m, i, code.files.get_unchecked(aux), stimuli),
                FileWrite32 => file_write::<u32>(m, i, code.files.get_unchecked(aux), stimuli),
                FileWrite64 => file_write::<u64>(m, i, code.files.get_unchecked(aux), stimuli),
                Fetch32 => fetch::<u32>(m, i, code.files.get_unchecked(aux), stimuli),
                Fetch64 => fetch::<u64>(m, i, code.files.get_unchecked(aux), stimuli),
                Hold32 => hold::<u32>(m, i, stimuli),
                Hold64 => hold::<u64>(m, i, stimuli),
                AddCut => cut2(m, i, |a, b| a.wrapping_add(b)),
                SubCut => cut2(m, i, |a, b| a.wrapping_sub(b)),
                MulCut => cut2(m, i, |a, b| a.wrapping_mul(b)),
                AndCut => cut2(m, i, |a, b| a & b),
                OrCut => cut2(m, i, |a, b| a | b),
                XorCut => cut2(m, i, |a, b| a ^ b),
                EqCut => cut2(m, i, |a, b| u32::from(a == b)),
                NeCut => cut2(m, i, |a, b| u32::from(a != b)),
                LtUCut => cut2(m, i, |a, b| u32::from(a < b)),
                LtSCut => cut2(m, i, |a, b| u32::from((a as i32) < b as i32)),
                LeUCut => cut2(m, i, |a, b| u32::from(a <= b)),
                LeSCut => cut2(m, i, |a, b| u32::from(a as i32 <= b as i32)),
                MuxCut => select(m, i, |a| i.cuts[0].of(a), |b| i.cuts[1].of(b), |c| i.cuts[2].of(c)),
                JoinCut => cut2(m, i, |a, b| a << (imm & 31) | b),
                ShlConstCut => map1(m, i, |a: u32| i.cuts[0].of(a) << (imm & 31)),
            }
        }
    }
}

/// The vector instructions a simulator uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum VectorUnit {
    /// What every machine of this architecture has (SSE2 on x86-64).
    Baseline,
    /// 256-bit AVX2.
    Avx2,
    /// 512-bit AVX-512 (F, BW, DQ, VL, CD).
    Avx512,
}

impl VectorUnit {
    /// All that this machine has, the widest last.
    pub fn available() -> Vec<VectorUnit> {
        let mut units = vec![VectorUnit::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                units.push(VectorUnit::Avx2);
            }
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512cd");
            if avx512 {
                units.push(VectorUnit::Avx512);
            }
        }
        units
    }

    /// Runs instructions in order.
    ///
    /// # Safety
    /// The machine has the unit; the instructions are those of `code`, and `m` is storage laid out for it.
    pub(crate) unsafe fn run(self, code: &Code, insts: &[Inst], m: Memory<'_>) {
        unsafe {
            match self {
                VectorUnit::Baseline => run(code, insts, m),
                #[cfg(target_arch = "x86_64")]
                VectorUnit::Avx2 => run_avx2(code, insts, m),
                #[cfg(target_arch = "x86_64")]
                VectorUnit::Avx512 => run_avx512(code, insts, m),
                #[cfg(not(target_arch = "x86_64"))]
                _ => run(code, insts, m),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn run_avx2(code: &Code, insts: &[Inst], m: Memory<'_>) {
    unsafe { run(code, insts, m) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512cd")]
unsafe fn run_avx512(code: &Code, insts: &[Inst], m: Memory<'_>) {
    unsafe { run(code, insts, m) }
}
