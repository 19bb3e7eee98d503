//! exp, ln, tanh and sigmoid: lane by lane through the C library until the vector versions arrive.

use super::{MAX_LANES, Simd};

macro_rules! by_lane {
    ($($name:ident $f:expr;)+) => {$(
        /// Lane by lane.
        #[inline(always)]
        pub fn $name<S: Simd>(s: S, x: S::F) -> S::F {
            let mut lanes = [0.0f32; MAX_LANES];
            s.store(&mut lanes, x);
            s.load(&lanes.map($f))
        }
    )+};
}

by_lane! {
    exp f32::exp;
    ln f32::ln;
    tanh f32::tanh;
    sigmoid |x: f32| 1.0 / (1.0 + (-x).exp());
}
