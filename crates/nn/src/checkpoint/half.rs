//! The two 16-bit floating-point formats of checkpoints, widened to f32. Every value of both is exactly an f32.

/// bfloat16 is the upper half of an f32: sign, 8 bits of exponent, 7 bits of fraction.
pub(super) fn widen_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 bits of fraction.
pub(super) fn widen_f16(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits) & 0x3ff;
    match exponent {
        // Zero, or a subnormal: fraction · 2⁻²⁴, which the multiplication gives exactly.
        0 => f32::from_bits((fraction as f32 * f32::from_bits((127 - 24) << 23)).to_bits() | sign),
        // Infinity, or a NaN which keeps its payload.
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        // A normal number: the exponent's bias goes from 15 to 127.
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_has_the_value_that_its_definition_says() {
        for bits in 0..=u16::MAX {
            let (negative, exponent, fraction) =
                (bits >> 15 == 1, i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
            let magnitude = match exponent {
                0 => fraction / 1024.0 * 2f64.powi(-14),
                0x1f if fraction == 0.0 => f64::INFINITY,
                0x1f => f64::NAN,
                _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
            };
            let expected = if negative { -magnitude } else { magnitude };
            let found = widen_f16(bits);
            assert!(f64::from(found) == expected || (found.is_nan() && expected.is_nan()), "{bits:#06x}: {found}");
            assert_eq!(found.is_sign_negative(), negative, "{bits:#06x}");
        }
    }

    #[test]
    fn a_bf16_is_the_f32_with_the_same_upper_half() {
        for x in [0.0f32, -0.0, 1.0, -2.5, 65280.0, f32::INFINITY, f32::MIN_POSITIVE] {
            assert_eq!(widen_bf16((x.to_bits() >> 16) as u16).to_bits(), x.to_bits(), "{x}");
        }
        assert!(widen_bf16(0x7fc0).is_nan());
    }
}
