//! The kernels: what an instruction does, as a loop over blocks of lanes that the compiler turns into vector
//! instructions, once for each vector unit.

use super::exec::{Cut, Inst, Memory};
use super::layout::BLOCK;

/// By [`Kernel`].
pub(crate) type Tables = [unsafe fn(&Memory<'_>, &Inst); KERNELS];

/// Defines [`Kernel`], and for every vector unit a table of functions that do it.
macro_rules! kernels {
    ($($name:ident => |$m:ident, $i:ident| $body:expr;)*) => {
        /// What an instruction does; suffixes give the lane size, and `U` or `S` where signedness matters. `Cut`
        /// kernels, of 32-bit lanes, cut a bit field out of each operand first.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Kernel { $($name),* }

        const KERNELS: usize = [$(Kernel::$name),*].len();

        unit! { baseline, "sse2"; $($name => |$m, $i| $body;)* }
        #[cfg(target_arch = "x86_64")]
        unit! { avx2, "avx2,bmi1,bmi2,lzcnt,popcnt"; $($name => |$m, $i| $body;)* }
    };
}

/// The kernels for one vector unit. All are unsafe for the same reasons: the instruction must be of the code that the
/// storage is laid out for, and the machine must have the unit.
macro_rules! unit {
    ($unit:ident, $features:literal; $($name:ident => |$m:ident, $i:ident| $body:expr;)*) => {
        pub(crate) mod $unit {
            use super::*;

            $(
                #[cfg_attr(target_arch = "x86_64", target_feature(enable = $features))]
                #[allow(non_snake_case)]
                unsafe fn $name($m: &Memory<'_>, $i: &Inst) {
                    unsafe { $body }
                }
            )*

            pub(crate) static TABLE: Tables = [$($name),*];
        }
    };
}

#[rustfmt::skip]
kernels! {
    Add32 => |m, i| map2(m, i, |a: u32, b: u32| a.wrapping_add(b));
    Add64 => |m, i| map2(m, i, |a: u64, b: u64| a.wrapping_add(b));
    Sub32 => |m, i| map2(m, i, |a: u32, b: u32| a.wrapping_sub(b));
    Sub64 => |m, i| map2(m, i, |a: u64, b: u64| a.wrapping_sub(b));
    Mul32 => |m, i| map2(m, i, |a: u32, b: u32| a.wrapping_mul(b));
    Mul64 => |m, i| map2(m, i, |a: u64, b: u64| a.wrapping_mul(b));
    MulWideU => |m, i| map2(m, i, |a: u32, b: u32| u64::from(a) * u64::from(b));
    MulWideS => |m, i| map2(m, i, |a: i32, b: i32| i64::from(a) * i64::from(b));
    And => |m, i| map2(m, i, |a: u32, b: u32| a & b);
    Or => |m, i| map2(m, i, |a: u32, b: u32| a | b);
    Xor => |m, i| map2(m, i, |a: u32, b: u32| a ^ b);
    Eq32 => |m, i| map2(m, i, |a: u32, b: u32| u32::from(a == b));
    Eq64 => |m, i| map2(m, i, |a: u64, b: u64| u32::from(a == b));
    Ne32 => |m, i| map2(m, i, |a: u32, b: u32| u32::from(a != b));
    Ne64 => |m, i| map2(m, i, |a: u64, b: u64| u32::from(a != b));
    LtU32 => |m, i| map2(m, i, |a: u32, b: u32| u32::from(a < b));
    LtS32 => |m, i| map2(m, i, |a: i32, b: i32| u32::from(a < b));
    LtU64 => |m, i| map2(m, i, |a: u64, b: u64| u32::from(a < b));
    LtS64 => |m, i| map2(m, i, |a: i64, b: i64| u32::from(a < b));
    LeU32 => |m, i| map2(m, i, |a: u32, b: u32| u32::from(a <= b));
    LeS32 => |m, i| map2(m, i, |a: i32, b: i32| u32::from(a <= b));
    LeU64 => |m, i| map2(m, i, |a: u64, b: u64| u32::from(a <= b));
    LeS64 => |m, i| map2(m, i, |a: i64, b: i64| u32::from(a <= b));
    ShlU32 => |m, i| shift2(m, i, |a: u32, n: u32, _, mask| a.unbounded_shl(n) & (mask as u32));
    ShlS32 => |m, i| shift2(m, i, |a: u32, n: u32, k, mask| (a.unbounded_shl(n) as i32) << (k & 31) >> ((mask as u32) & 31));
    ShlU64 => |m, i| shift2(m, i, |a: u64, n: u32, _, mask| a.unbounded_shl(n) & mask);
    ShlS64 => |m, i| shift2(m, i, |a: u64, n: u32, k, mask| (a.unbounded_shl(n) as i64) << (k & 63) >> (mask & 63));
    ShrU32 => |m, i| map2(m, i, |a: u32, n: u32| a.unbounded_shr(n));
    ShrS32 => |m, i| map2(m, i, |a: i32, n: u32| a >> n.min(31));
    ShrU64 => |m, i| map2(m, i, |a: u64, n: u32| a.unbounded_shr(n));
    ShrS64 => |m, i| map2(m, i, |a: i64, n: u32| a >> n.min(63));
    Mux32 => |m, i| select(m, i, |a| a != 0, |b: u32| b, |c| c);
    Mux64 => |m, i| select(m, i, |a| a != 0, |b: u64| b, |c| c);
    SliceU32 => |m, i| shift1(m, i, |a: u32, k, mask| a >> (k & 31) & (mask as u32));
    SliceS32 => |m, i| shift1(m, i, |a: i32, k, mask| a << (k & 31) >> ((mask as u32) & 31));
    SliceU64 => |m, i| shift1(m, i, |a: u64, k, mask| a >> (k & 63) & mask);
    SliceS64 => |m, i| shift1(m, i, |a: i64, k, mask| a << (k & 63) >> (mask & 63));
    SliceU64To32 => |m, i| shift1(m, i, |a: u64, k, mask| (a >> (k & 63) & mask) as u32);
    SliceS64To32 => |m, i| shift1(m, i, |a: i64, k, mask| (a << (k & 63) >> (mask & 63)) as i32);
    Join32 => |m, i| shift2(m, i, |a: u32, b: u32, k, _| a << (k & 31) | b);
    Join64 => |m, i| shift2(m, i, |a: u64, b: u64, k, _| a << (k & 63) | b);
    ShlConst32 => |m, i| shift1(m, i, |a: u32, k, _| a << (k & 31));
    ShlConst64 => |m, i| shift1(m, i, |a: u64, k, _| a << (k & 63));
    Table32 => |m, i| table(m, i, |r| r as u32);
    Table64 => |m, i| table(m, i, |r| r);
    Lzc32 => |m, i| shift1(m, i, |a: u32, k, _| a.leading_zeros().wrapping_add(k));
    Lzc64 => |m, i| shift1(m, i, |a: u64, k, _| a.leading_zeros().wrapping_add(k));
    Parity32 => |m, i| map1(m, i, |a: u32| a.count_ones() & 1);
    Parity64 => |m, i| map1(m, i, |a: u64| a.count_ones() & 1);
    Sum32 => |m, i| sum32(m, i);
    Sum64 => |m, i| sum(m, i, u64::wrapping_add, u64::wrapping_add);
    SumWideU => |m, i| sum(m, i, |t: u64, a: u32| t + u64::from(a), u64::wrapping_add);
    SumWideS => |m, i| sum(m, i, |t: i64, a: i32| t + i64::from(a), i64::wrapping_add);
    WidenU => |m, i| map1(m, i, |a: u32| u64::from(a));
    WidenS => |m, i| map1(m, i, |a: i32| i64::from(a));
    Narrow => |m, i| map1(m, i, |a: u64| a as u32);
    Gather32 => |m, i| gather::<u32>(m, i);
    Gather64 => |m, i| gather::<u64>(m, i);
    FileRead32 => |m, i| file_read::<u32>(m, i);
    FileRead64 => |m, i| file_read::<u64>(m, i);
    FileWrite32 => |m, i| file_write::<u32>(m, i);
    FileWrite64 => |m, i| file_write::<u64>(m, i);
    Fetch32 => |m, i| fetch::<u32>(m, i);
    Fetch64 => |m, i| fetch::<u64>(m, i);
    Hold32 => |m, i| hold::<u32>(m, i);
    Hold64 => |m, i| hold::<u64>(m, i);
    AddCut => |m, i| cut2(m, i, |a, b| a.wrapping_add(b));
    SubCut => |m, i| cut2(m, i, |a, b| a.wrapping_sub(b));
    MulCut => |m, i| cut2(m, i, |a, b| a.wrapping_mul(b));
    AndCut => |m, i| cut2(m, i, |a, b| a & b);
    OrCut => |m, i| cut2(m, i, |a, b| a | b);
    XorCut => |m, i| cut2(m, i, |a, b| a ^ b);
    EqCut => |m, i| cut2(m, i, |a, b| u32::from(a == b));
    NeCut => |m, i| cut2(m, i, |a, b| u32::from(a != b));
    LtUCut => |m, i| cut2(m, i, |a, b| u32::from(a < b));
    LtSCut => |m, i| cut2(m, i, |a, b| u32::from((a as i32) < b as i32));
    LeUCut => |m, i| cut2(m, i, |a, b| u32::from(a <= b));
    LeSCut => |m, i| cut2(m, i, |a, b| u32::from(a as i32 <= b as i32));
    MuxCut => |m, i| select_cut(m, i);
    AnyCut => |m, i| { let bits = i.cuts[0].in_place(); map1(m, i, |a: u32| u32::from(a & bits != 0)) };
    KeepCut => |m, i| cut2(m, i, |a, b| if a != 0 { b } else { 0 });
    DropCut => |m, i| cut2(m, i, |a, b| if a != 0 { 0 } else { b });
    JoinCut => |m, i| { let k = i.imm & 31; cut2(m, i, |a, b| a << k | b) };
    ShlConstCut => |m, i| { let cut = i.cuts[0]; shift1(m, i, |a: u32, k, _| cut.of(a) << (k & 31)) };
}

const N: usize = BLOCK as usize;

/// `dst[i] = f(a[i])` over blocks.
#[inline(always)]
unsafe fn map1<A: Copy, D: Copy + Default>(m: &Memory<'_>, i: &Inst, f: impl Fn(A) -> D) {
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
unsafe fn map2<A: Copy, B: Copy, D: Copy + Default>(m: &Memory<'_>, i: &Inst, f: impl Fn(A, B) -> D) {
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
unsafe fn cut2(m: &Memory<'_>, i: &Inst, f: impl Fn(u32, u32) -> u32) {
    let [cut_a, cut_b, _] = i.cuts;
    unsafe {
        if cut_b == Cut::ALL {
            map2(m, i, |a: u32, b: u32| f(cut_a.of(a), b));
        } else if cut_a == Cut::ALL {
            map2(m, i, |a: u32, b: u32| f(a, cut_b.of(b)));
        } else {
            map2(m, i, |a: u32, b: u32| f(cut_a.of(a), cut_b.of(b)));
        }
    }
}

/// `dst[i] = f(a[i]) ? g(b[i]) : h(c[i])` over blocks.
#[inline(always)]
unsafe fn select<T: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    f: impl Fn(u32) -> bool,
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
                d[j] = if f(a[j]) { g(b[j]) } else { h(c[j]) };
            }
            dst.add(k).write_unaligned(d);
        }
    }
}

/// As [`select`], of fields.
#[inline(always)]
unsafe fn select_cut(m: &Memory<'_>, i: &Inst) {
    let [bits, t, f] = i.cuts;
    let bits = bits.in_place();
    unsafe {
        if t == Cut::ALL && f == Cut::ALL {
            select(m, i, |a| a & bits != 0, |b: u32| b, |c| c);
        } else if bits == u32::MAX && t == Cut::ALL {
            select(m, i, |a| a != 0, |b| b, |c| f.of(c));
        } else {
            select(m, i, |a| a & bits != 0, |b| t.of(b), |c| f.of(c));
        }
    }
}

/// Sums of `imm` consecutive elements.
#[inline(always)]
unsafe fn sum<A: Copy, D: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    add: impl Fn(D, A) -> D + Copy,
    join: impl Fn(D, D) -> D,
) {
    unsafe { if m.stimuli() == 1 { sum_many(m, i, add, join) } else { sum_stimuli(m, i, add) } }
}

/// Sums of 32-bit lanes, which are the most frequent.
#[inline(always)]
unsafe fn sum32(m: &Memory<'_>, i: &Inst) {
    let add = u32::wrapping_add;
    unsafe {
        match (m.stimuli(), i.imm) {
            (1, 2) => sum_few::<2>(m, i),
            (1, 3) => sum_few::<3>(m, i),
            (1, 4) => sum_few::<4>(m, i),
            (1, 5) => sum_few::<5>(m, i),
            (1, 6) => sum_few::<6>(m, i),
            (1, 7) => sum_few::<7>(m, i),
            (1, 8) => sum_few::<8>(m, i),
            _ => sum(m, i, add, add),
        }
    }
}

/// Sums of `C` elements for one stimulus: a block of sums at a time.
#[inline(always)]
unsafe fn sum_few<const C: usize>(m: &Memory<'_>, i: &Inst) {
    unsafe {
        let (dst, a) = (m.ptr::<[u32; N]>(i.dst), m.ptr::<[[u32; C]; N]>(i.a));
        for k in 0..(i.blocks as usize).div_ceil(N) {
            let a = a.add(k).read_unaligned();
            let mut d = [0u32; N];
            for c in 0..C {
                for (d, row) in d.iter_mut().zip(&a) {
                    *d = d.wrapping_add(row[c]);
                }
            }
            dst.add(k).write_unaligned(d);
        }
    }
}

/// Sums of many elements for one stimulus: 16 partial sums each.
#[inline(always)]
unsafe fn sum_many<A: Copy, D: Copy + Default>(
    m: &Memory<'_>,
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
unsafe fn sum_stimuli<A: Copy, D: Copy + Default>(m: &Memory<'_>, i: &Inst, add: impl Fn(D, A) -> D + Copy) {
    unsafe {
        let stimuli = m.stimuli();
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
unsafe fn gather<T: Copy>(m: &Memory<'_>, i: &Inst) {
    unsafe {
        let (segments, stimuli) = (m.code.segments.get_unchecked(i.aux as usize), m.stimuli());
        let dst = m.ptr::<T>(i.dst);
        for segment in segments {
            let (mut to, from) = (dst.add(segment.to as usize), m.ptr::<T>(segment.from));
            let (count, stride) = (segment.count as usize, segment.stride as usize);
            if stride == stimuli {
                copy(to, from, count * stimuli);
            } else if stimuli == 1 && stride == 0 {
                fill(to, *from, count);
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

/// Writes one value to consecutive lanes.
#[inline(always)]
unsafe fn fill<T: Copy>(to: *mut T, value: T, count: usize) {
    unsafe {
        let block = [value; N];
        for k in 0..count / N {
            to.add(k * N).cast::<[T; N]>().write_unaligned(block);
        }
        for k in count / N * N..count {
            *to.add(k) = value;
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
unsafe fn file_read<T: Copy + Default>(m: &Memory<'_>, i: &Inst) {
    unsafe {
        let (file, stimuli) = (m.code.files.get_unchecked(i.aux as usize), m.stimuli());
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
unsafe fn fetch<T: Copy + Default>(m: &Memory<'_>, i: &Inst) {
    unsafe {
        let (file, stimuli) = (m.code.files.get_unchecked(i.aux as usize), m.stimuli());
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
unsafe fn file_write<T: Copy>(m: &Memory<'_>, i: &Inst) {
    unsafe {
        let (file, stimuli) = (m.code.files.get_unchecked(i.aux as usize), m.stimuli());
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
unsafe fn hold<T: Copy>(m: &Memory<'_>, i: &Inst) {
    unsafe {
        let stimuli = m.stimuli();
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
unsafe fn table<T: Copy + Default>(m: &Memory<'_>, i: &Inst, f: impl Fn(u64) -> T) {
    unsafe {
        let rows = m.code.tables.get_unchecked(i.aux as usize);
        let last = rows.len() as u32 - 1;
        map1(m, i, |a: u32| f(*rows.get_unchecked(a.min(last) as usize)));
    }
}

/// As [`map1`], with the immediates of a shift: an amount, and a mask or a second amount.
#[inline(always)]
unsafe fn shift1<A: Copy, D: Copy + Default>(m: &Memory<'_>, i: &Inst, f: impl Fn(A, u32, u64) -> D) {
    let (amount, mask) = (i.imm, i.mask);
    unsafe { map1(m, i, |a| f(a, amount, mask)) }
}

/// As [`map2`], with the immediates of a shift.
#[inline(always)]
unsafe fn shift2<A: Copy, B: Copy, D: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    f: impl Fn(A, B, u32, u64) -> D,
) {
    let (amount, mask) = (i.imm, i.mask);
    unsafe { map2(m, i, |a, b| f(a, b, amount, mask)) }
}
