//! Multiplication by a constant without a multiplier.

use hdl::Signal;

/// `x · factor` for an unsigned `x`, as a tree of shifted additions and subtractions.
///
/// The factor is written in canonical signed digits, which have no two neighbours and hence the fewest nonzero ones:
/// `23 = 32 - 8 - 1`.
pub(crate) fn times<'b>(x: Signal<'b>, factor: u64) -> Signal<'b> {
    let width = x.width() + hdl::value_width(factor);
    let (negative, positive): (Vec<_>, Vec<_>) = signed_digits(factor).into_iter().partition(|d| d.1);
    let total = |digits: Vec<(u32, bool)>| tree(digits.iter().map(|d| x.shl_const(d.0)).collect());
    let product = match (total(positive), total(negative)) {
        (Some(p), Some(n)) => p - n,
        (Some(p), None) => p.to_signed(),
        (None, _) => return x.builder().lit(0, width),
    };
    product.extend(product.width().max(width)).low(width)
}

fn tree(mut terms: Vec<Signal<'_>>) -> Option<Signal<'_>> {
    while terms.len() > 1 {
        terms = terms.chunks(2).map(|pair| if let [a, b] = *pair { a + b } else { pair[0] }).collect();
    }
    terms.pop()
}

/// Places of the nonzero digits of a number in canonical signed digits, and which are negative.
fn signed_digits(mut n: u64) -> Vec<(u32, bool)> {
    let mut digits = vec![];
    let mut place = 0;
    while n != 0 {
        if n & 1 == 1 {
            let negative = n & 3 == 3;
            digits.push((place, negative));
            n = if negative { n + 1 } else { n - 1 };
        }
        n >>= 1;
        place += 1;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_add_up_and_have_no_neighbours() {
        for n in 0..5000u64 {
            let digits = signed_digits(n);
            let sum: i64 =
                digits.iter().map(|&(p, negative)| if negative { -(1 << p) } else { 1i64 << p }).sum();
            assert_eq!(sum, n as i64);
            assert!(digits.windows(2).all(|d| d[1].0 > d[0].0 + 1), "{digits:?}");
        }
        assert_eq!(signed_digits(23), [(0, true), (3, true), (5, false)]);
    }
}
