//! Loops that move lanes: gathering, register files, registers with enable.
//!
//! All functions are unsafe for the same reasons as the kernels, see [`super::kernels`].

use super::elementwise::N;
use super::exec::{Inst, Memory};

/// Copies segments of lanes.
#[inline(always)]
pub(super) unsafe fn gather<T: Copy>(m: &Memory<'_>, i: &Inst) {
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
pub(super) unsafe fn fill<T: Copy>(to: *mut T, value: T, count: usize) {
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
pub(super) unsafe fn copy<T: Copy>(to: *mut T, from: *const T, count: usize) {
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
pub(super) unsafe fn agree(control: *const u32, stimuli: usize) -> bool {
    unsafe { (1..stimuli).all(|s| *control.add(s) == *control) }
}

/// The entries of a register file at the addresses; zeros beyond its end.
#[inline(always)]
pub(super) unsafe fn file_read<T: Copy + Default>(m: &Memory<'_>, i: &Inst) {
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
pub(super) unsafe fn fetch<T: Copy + Default>(m: &Memory<'_>, i: &Inst) {
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

/// Writes enabled entries of a register file.
#[inline(always)]
pub(super) unsafe fn file_write<T: Copy>(m: &Memory<'_>, i: &Inst) {
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

/// Loads a register where it is enabled.
#[inline(always)]
pub(super) unsafe fn hold<T: Copy>(m: &Memory<'_>, i: &Inst) {
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
