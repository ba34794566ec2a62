//! Loops that add up consecutive elements.
//!
//! All functions are unsafe for the same reasons as the kernels, see [`super::kernels`].

use super::elementwise::N;
use super::exec::{Inst, Memory};

/// Sums of `imm` consecutive elements.
#[inline(always)]
pub(super) unsafe fn sum<A: Copy, D: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    add: impl Fn(D, A) -> D + Copy,
    join: impl Fn(D, D) -> D,
) {
    unsafe { if m.stimuli() == 1 { sum_many(m, i, add, join) } else { sum_stimuli(m, i, add) } }
}

/// Sums of 32-bit lanes, which are the most frequent.
#[inline(always)]
pub(super) unsafe fn sum32(m: &Memory<'_>, i: &Inst) {
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
pub(super) unsafe fn sum_few<const C: usize>(m: &Memory<'_>, i: &Inst) {
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
pub(super) unsafe fn sum_many<A: Copy, D: Copy + Default>(
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
pub(super) unsafe fn sum_stimuli<A: Copy, D: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    add: impl Fn(D, A) -> D + Copy,
) {
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
pub(super) unsafe fn sum_columns<const W: usize, A: Copy, D: Copy + Default>(
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
