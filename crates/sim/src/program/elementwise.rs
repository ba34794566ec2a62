//! Loops over blocks of lanes for operations on one element at a time.
//!
//! All functions are unsafe for the same reasons as the kernels, see [`super::kernels`].

use super::exec::{Cut, Inst, Memory};
use super::layout::BLOCK;

pub(super) const N: usize = BLOCK as usize;

/// `dst[i] = f(a[i])` over blocks.
#[inline(always)]
pub(super) unsafe fn map1<A: Copy, D: Copy + Default>(m: &Memory<'_>, i: &Inst, f: impl Fn(A) -> D) {
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
pub(super) unsafe fn map2<A: Copy, B: Copy, D: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    f: impl Fn(A, B) -> D,
) {
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
pub(super) unsafe fn cut2(m: &Memory<'_>, i: &Inst, f: impl Fn(u32, u32) -> u32) {
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
pub(super) unsafe fn select<T: Copy + Default>(
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
pub(super) unsafe fn select_cut(m: &Memory<'_>, i: &Inst) {
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

/// Rows of a constant table; beyond its end, the last one.
#[inline(always)]
pub(super) unsafe fn table<T: Copy + Default>(m: &Memory<'_>, i: &Inst, f: impl Fn(u64) -> T) {
    unsafe {
        let rows = m.code.tables.get_unchecked(i.aux as usize);
        let last = rows.len() as u32 - 1;
        map1(m, i, |a: u32| f(*rows.get_unchecked(a.min(last) as usize)));
    }
}

/// As [`map1`], with the immediates of a shift: an amount, and a mask or a second amount.
#[inline(always)]
pub(super) unsafe fn shift1<A: Copy, D: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    f: impl Fn(A, u32, u64) -> D,
) {
    let (amount, mask) = (i.imm, i.mask);
    unsafe { map1(m, i, |a| f(a, amount, mask)) }
}

/// As [`map2`], with the immediates of a shift.
#[inline(always)]
pub(super) unsafe fn shift2<A: Copy, B: Copy, D: Copy + Default>(
    m: &Memory<'_>,
    i: &Inst,
    f: impl Fn(A, B, u32, u64) -> D,
) {
    let (amount, mask) = (i.imm, i.mask);
    unsafe { map2(m, i, |a, b| f(a, b, amount, mask)) }
}
