//! The shared rounder, encoding and decoding.

mod support;

use numerics::catalog::{self, BF16, E4M3, FP32};
use numerics::round::{round_pack, unpack};
use numerics::{Format, Policy};
use proptest::prelude::*;
use support::{Dyadic, ROUNDINGS, all_finite};

fn formats() -> impl Strategy<Value = Format> {
    prop_oneof![Just(E4M3), Just(BF16), (2u32..=11, 1u32..=52).prop_map(|(e, m)| Format::new(e, m).unwrap()),]
}

/// Significands of every length, with runs of ones so that ties and carries are frequent.
fn significands() -> impl Strategy<Value = u128> {
    let run = (0u32..128, 0u32..128).prop_map(|(a, b)| (u128::MAX >> a) & (u128::MAX << b));
    prop_oneof![any::<u128>().prop_flat_map(|x| (0u32..128).prop_map(move |s| x >> s)), run]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn round_pack_is_the_exact_rounding(
        format in formats(), sig in significands(), distance in -140i64..140, edge in 0..3usize, sign: bool, sticky: bool
    ) {
        let length = 128 - i64::from(sig.leading_zeros());
        let sticky = sticky && length > i64::from(format.precision());
        // Place the leading bit near 1, near the underflow or near the overflow threshold.
        let top = [0, format.min_exp(), format.max_exp()][edge] + if edge == 0 { distance } else { distance % 3 };
        let exp = top - length + 1;
        for rounding in ROUNDINGS {
            let got = round_pack(format, &Policy::with_rounding(rounding), sign, exp, sig, sticky);
            // Any fraction stands for the sticky bit; a quarter is one.
            let magnitude: num_bigint::BigInt = num_bigint::BigInt::from(sig) * 4 + i32::from(sticky);
            let exact = Dyadic::new(if sign { -magnitude } else { magnitude }, exp - 2);
            prop_assert_eq!(got, exact.round(format, rounding, sign), "{} {:?}", format, rounding);
        }
    }

    #[test]
    fn encode_is_one_exact_rounding(format in formats(), x in any::<f64>(), near in -40i32..40) {
        let scaled = f64::from_bits(x.to_bits() & !(0x7ff << 52) | 1023 << 52) * 2f64.powi(near);
        for x in [x, scaled].into_iter().filter(|x| x.is_finite()) {
            for rounding in ROUNDINGS {
                let got = format.encode(x, &Policy::with_rounding(rounding));
                let exact = Dyadic::from_f64(x).round(format, rounding, x.is_sign_negative());
                prop_assert_eq!(got, exact, "{} of {}", format, x);
            }
        }
    }

    #[test]
    fn decode_then_encode_is_the_identity(format in formats(), bits: u64) {
        let bits = bits & (format.sign_bit() | format.magnitude_mask());
        if format.is_finite(bits) && !format.is_zero(bits) {
            prop_assert_eq!(format.encode(format.decode(bits), &Policy::default()), bits);
        }
    }
}

#[test]
fn sixteen_bit_values_agree_with_half() {
    let fp16 = catalog::parse("fp16").unwrap();
    for bits in 0..=u16::MAX {
        for (format, value) in
            [(BF16, half::bf16::from_bits(bits).to_f64()), (fp16, half::f16::from_bits(bits).to_f64())]
        {
            let ours = format.decode(bits.into());
            assert!(
                ours.to_bits() == value.to_bits() || (ours.is_nan() && value.is_nan()),
                "{format} {bits:#x}"
            );
            assert_eq!(format.is_finite(bits.into()), value.is_finite());
            assert_eq!(format.is_nan(bits.into()), value.is_nan());
        }
    }
}

#[test]
fn eight_bit_values_agree_with_float8() {
    let e5m2 = catalog::parse("e5m2").unwrap();
    for bits in 0..=u8::MAX {
        for (format, value) in [
            (E4M3, float8::F8E4M3::from_bits(bits).to_f64()),
            (e5m2, float8::F8E5M2::from_bits(bits).to_f64()),
        ] {
            let ours = format.decode(bits.into());
            assert!(
                ours.to_bits() == value.to_bits() || (ours.is_nan() && value.is_nan()),
                "{format} {bits:#x}"
            );
            assert_eq!(format.is_finite(bits.into()), value.is_finite());
        }
    }
}

#[test]
fn encode_agrees_with_half_on_normal_numbers() {
    let mut rng = numerics::stratified::Rng::new(3);
    for _ in 0..100_000 {
        let x = f32::from_bits(rng.bits() as u32);
        let theirs = half::bf16::from_f32(x);
        if theirs.to_f32().is_normal() && x.is_normal() {
            assert_eq!(BF16.encode(x.into(), &Policy::default()), theirs.to_bits().into(), "{x:e}");
        }
    }
}

#[test]
fn constants_of_the_named_formats() {
    let e5m2 = catalog::parse("e5m2").unwrap();
    assert_eq!(BF16.max_finite_bits(), 0x7f7f);
    assert_eq!(E4M3.decode(E4M3.max_finite_bits()), 448.0);
    assert_eq!(e5m2.decode(e5m2.max_finite_bits()), 57344.0);
    assert_eq!((FP32.min_exp(), FP32.max_exp(), FP32.width()), (-126, 127, 32));
    assert_eq!((E4M3.min_exp(), E4M3.max_exp()), (-6, 8));
    for format in [BF16, E4M3, e5m2, FP32] {
        assert_eq!(format.decode(format.one()), 1.0);
        assert_eq!(format.decode(format.min_normal_bits()).log2(), format.min_exp() as f64);
    }
}

#[test]
fn edges_of_encoding() {
    let p = Policy::default();
    assert_eq!(E4M3.encode(464.0, &p), 0x7e, "a tie with what would be 480, even is 448");
    assert_eq!(E4M3.encode(465.0, &p), 0x7e, "rounds to what would be 480, saturates");
    assert_eq!(E4M3.encode(f64::NEG_INFINITY, &p), 0xfe);
    assert_eq!(BF16.encode(-0.0, &p), 0x8000);
    assert_eq!(BF16.encode(2f64.powi(-126), &p), 0x0080);
    assert_eq!(BF16.encode(2f64.powi(-126) * (1.0 - 2f64.powi(-10)), &p), 0x0080, "rounds up to normal");
    assert_eq!(BF16.encode(-(2f64.powi(-126)) * (1.0 - 2f64.powi(-8)), &p), 0x8000, "flushes with its sign");
    assert_eq!(BF16.encode(f64::MIN_POSITIVE / 4.0, &p), 0);
    assert_eq!(BF16.encode(f64::MAX, &p), 0x7f7f);
}

#[test]
fn flushing_keeps_the_sign() {
    assert_eq!(BF16.decode(0x8001), -(2f64.powi(-133)));
    assert!(BF16.decode_flush(0x8001) == 0.0 && BF16.decode_flush(0x8001).is_sign_negative());
    for bits in all_finite(E4M3) {
        let unpacked = unpack(E4M3, bits);
        assert_eq!(numerics::scalar::value(unpacked).to_bits(), E4M3.decode_flush(bits).to_bits());
    }
}

#[test]
#[should_panic(expected = "NaN cannot be encoded in bf16")]
fn nan_is_refused() {
    BF16.encode(f64::NAN, &Policy::default());
}
