//! Rung 4: the packed rung with a micro-kernel of the machine's own vectors, on one thread.

use super::blocking::{Panels, TileShape, floats_in_l3, k_blocks, rows_in_l2};
use super::pack::pack_panel;
use super::scratch::with_scratch;
use super::tile::{Source, Tile, tile_fn};
use super::{Activation, Epilogue, MatMut, MatRef, check};
use crate::simd::{Isa, Kernel, Simd};

/// `C = A·B` on one thread with the vectors of `isa`, then the epilogue.
///
/// What differs from [`packed`](super::packed):
/// 1. The tile is as large as the registers allow, 14 × 32 with AVX-512, and written with vectors of the instruction
///    set that was found at run time; multiply and add are one instruction. `tile.rs` counts its loads.
/// 2. Rows are cut evenly into panels and every height has its own kernel, so nothing is computed for padding.
/// 3. Packing transposes squares of vectors in registers, and its memory is kept from call to call.
/// 4. Blocks are sized by the caches of this machine (Low et al. 2016): a panel of B beside the tile's panel of A in the
///    first two levels, a block of A in half of the second, a block of B in a share of the third.
/// 5. The epilogue is applied to the tile before it leaves its registers for the last time.
///
/// ```
/// use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, simd};
/// use glassbox_tensor::simd::Isa;
/// let (a, b) = ([1., 2., 3., 4.], [5., 6.]);
/// let (a, b) = (MatRef::row_major(&a, 2, 2), MatRef::row_major(&b, 2, 1));
/// for isa in Isa::available() {
///     let mut c = [0.; 2];
///     simd::product(isa, a, b, MatMut::row_major(&mut c, 2, 1), &Epilogue::default()); // (2, 2) × (2, 1) -> (2, 1)
///     assert_eq!(c, [17., 39.]); // whole numbers are exact on every instruction set
/// }
/// ```
///
/// # Panics
/// When shapes don't fit together, or this machine lacks `isa`.
#[track_caller]
pub fn product(isa: Isa, a: MatRef<'_>, b: MatRef<'_>, c: MatMut<'_>, epilogue: &Epilogue<'_>) {
    check(&a, &b, &c, epilogue);
    isa.dispatch(Serial { a, b, c, epilogue });
}

struct Serial<'a> {
    a: MatRef<'a>,
    b: MatRef<'a>,
    c: MatMut<'a>,
    epilogue: &'a Epilogue<'a>,
}

impl Kernel for Serial<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        let Serial { a, b, mut c, epilogue } = self;
        let (m, n, k) = (c.rows(), c.cols(), a.cols());
        let shape = const { TileShape::of(S::ISA, S::LANES) };
        let depth = super::block_depth(k);
        let mc = rows_in_l2().clamp(shape.mr, m.max(shape.mr));
        let nc = (floats_in_l3() / depth.max(1)).next_multiple_of(shape.nr).min(n.next_multiple_of(shape.nr));
        with_scratch((mc + nc) * depth, |scratch| {
            let (packed_b, packed_a) = scratch.split_at_mut(nc * depth);
            for j0 in (0..n).step_by(nc.max(1)) {
                let cols = Panels::fixed(nc.min(n - j0), shape.nr);
                for block in k_blocks(k) {
                    let kc = block.len();
                    for p in 0..cols.count {
                        let (j, width) = (cols.range(p), shape.panel_width(cols.range(p).len()));
                        let panel = b.block(block.start, j0 + j.start, kc, j.len()).t();
                        pack_panel(s, panel, width, &mut packed_b[j.start * kc..][..width * kc]);
                    }
                    for i0 in (0..m).step_by(mc) {
                        let rows = Panels::balanced(mc.min(m - i0), shape.mr);
                        for p in 0..rows.count {
                            let i = rows.range(p);
                            let panel = a.block(i0 + i.start, block.start, i.len(), kc);
                            pack_panel(s, panel, i.len(), &mut packed_a[i.start * kc..][..i.len() * kc]);
                        }
                        let finish = Finish::new(epilogue, block.start == 0, block.end == k);
                        macro_kernel(s, shape, kc, packed_a, rows, packed_b, cols, &mut c, (i0, j0), &finish);
                    }
                }
            }
        });
    }
}

/// The two loops around the micro-kernel: every panel of B against every panel of A, panels of B outermost, so that one
/// stays in the first-level cache while the block of A streams from the second.
#[expect(clippy::too_many_arguments, reason = "the operands of a block, each of them once")]
fn macro_kernel<S: Simd>(
    s: S,
    shape: TileShape,
    kc: usize,
    packed_a: &[f32],
    rows: Panels,
    packed_b: &[f32],
    cols: Panels,
    c: &mut MatMut<'_>,
    (i0, j0): (usize, usize),
    finish: &Finish<'_>,
) {
    for q in 0..cols.count {
        let j = cols.range(q);
        let width = shape.panel_width(j.len());
        let b_panel = &packed_b[j.start * kc..][..width * kc];
        for p in 0..rows.count {
            let i = rows.range(p);
            let a_panel = &packed_a[i.start * kc..][..i.len() * kc];
            let c_stride = c.row_stride();
            let tile = Tile {
                k: kc,
                a: a_panel.as_ptr(),
                a_step: i.len(),
                a_row: 1,
                b: b_panel.as_ptr(),
                b_step: width,
                window: None,
                c: c.tile_ptr(i0 + i.start..i0 + i.end, j0 + j.start..j0 + j.end),
                c_stride,
                cols: j.len(),
                add: finish.add,
                bias: finish.bias.map(|bias| &bias[j0 + j.start..j0 + j.end]),
                row_bias: finish.row_bias.map(|bias| &bias[i0 + i.start..i0 + i.end]),
                relu: finish.relu,
            };
            // SAFETY: the slices above hold kc steps of i.len() and of `width` floats; `tile_ptr` checked that rows i and
            // columns j lie inside C, which is borrowed for this call alone.
            unsafe { tile_fn::<S>(i.len(), width, Source::Panels)(s, tile) };
        }
    }
}

/// What a tile does besides adding up, which depends on where its block of k stands.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    pub add: bool,
    pub bias: Option<&'a [f32]>,
    pub row_bias: Option<&'a [f32]>,
    pub relu: bool,
}

impl<'a> Finish<'a> {
    /// The first block may overwrite C; the last one applies the epilogue.
    pub fn new(epilogue: &Epilogue<'a>, first: bool, last: bool) -> Self {
        Finish {
            add: !first || epilogue.accumulate,
            bias: epilogue.bias.filter(|_| last),
            row_bias: epilogue.row_bias.filter(|_| last),
            relu: last && epilogue.activation == Activation::Relu,
        }
    }
}
