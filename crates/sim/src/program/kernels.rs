//! The kernels: what an instruction does, as a loop over blocks of lanes that the compiler turns into vector
//! instructions, once for each vector unit.

use super::elementwise::*;
use super::exec::{Inst, Memory};
use super::moves::*;
use super::sums::*;

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
