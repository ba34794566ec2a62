//! Bit vectors of any length, packed into 64-bit words with bit 0 in the lowest place of word 0.
//!
//! Bits beyond the length are kept zero.

/// Words that hold `bits` bits.
pub(crate) const fn words(bits: u32) -> usize {
    bits.div_ceil(64) as usize
}

/// The low `n` (at most 64) bits set.
pub(crate) const fn mask(n: u32) -> u64 {
    if n == 0 { 0 } else { u64::MAX >> (64 - n) }
}

/// Bits `lo .. lo + n`, `n` at most 64.
#[inline]
pub(crate) fn get(v: &[u64], lo: u32, n: u32) -> u64 {
    let (word, shift) = ((lo / 64) as usize, lo % 64);
    let mut bits = v[word] >> shift;
    if shift + n > 64 {
        bits |= v[word + 1] << (64 - shift);
    }
    bits & mask(n)
}

/// Replaces bits `lo .. lo + n`, `n` at most 64, by the low bits of `value`.
#[inline]
pub(crate) fn put(v: &mut [u64], lo: u32, n: u32, value: u64) {
    let (word, shift) = ((lo / 64) as usize, lo % 64);
    let value = value & mask(n);
    v[word] = v[word] & !(mask(n) << shift) | value << shift;
    if shift + n > 64 {
        let high = shift + n - 64;
        v[word + 1] = v[word + 1] & !mask(high) | value >> (64 - shift);
    }
}

/// Copies `n` bits from `from` at `from_lo` to `to` at `to_lo`; says whether `to` changed.
pub(crate) fn copy(to: &mut [u64], to_lo: u32, from: &[u64], from_lo: u32, n: u32) -> bool {
    let mut changed = false;
    for done in (0..n).step_by(64) {
        let part = (n - done).min(64);
        let value = get(from, from_lo + done, part);
        if get(to, to_lo + done, part) != value {
            put(to, to_lo + done, part, value);
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_across_words() {
        let mut v = [u64::MAX, 0, 0];
        put(&mut v, 60, 10, 0b01_1011_0110);
        assert_eq!(v, [0x6fff_ffff_ffff_ffff, 0b01_1011, 0]);
        assert_eq!(get(&v, 60, 10), 0b01_1011_0110);
        put(&mut v, 64, 64, u64::MAX);
        assert_eq!((get(&v, 64, 64), get(&v, 63, 2), v[2]), (u64::MAX, 0b10, 0));
        let from = [0x0123_4567_89ab_cdef, 0xfedc, 0];
        let mut to = [0; 3];
        assert!(copy(&mut to, 5, &from, 3, 77));
        let bit = |v: &[u64], i: u32| v[(i / 64) as usize] >> (i % 64) & 1;
        assert!((0..77).all(|i| bit(&to, 5 + i) == bit(&from, 3 + i)));
        assert!((0..5).chain(82..192).all(|i| bit(&to, i) == 0));
        assert!(!copy(&mut to, 5, &from, 3, 77), "nothing changes the second time");
    }
}
