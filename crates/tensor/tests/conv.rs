//! Convolution against its definition in f64, a loop over every output, channel and tap that shares no code with it.

use glassbox_tensor::parallel::{probe, with_serial_threshold};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use glassbox_tensor::{
    Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, Tensor, conv_transpose2d_shape,
    conv2d_shape,
};
use proptest::prelude::*;

/// A convolution by its sizes.
#[derive(Clone, Debug)]
struct Case {
    images: usize,
    /// Channels of x and of y in a group.
    channels: [usize; 2],
    size: [usize; 2],
    kernel: [usize; 2],
    options: Conv2dOptions,
    bias: bool,
}

impl Case {
    fn x_shape(&self) -> [usize; 4] {
        [self.images, self.channels[0] * self.options.groups, self.size[0], self.size[1]]
    }

    fn w_shape(&self) -> [usize; 4] {
        [self.channels[1] * self.options.groups, self.channels[0], self.kernel[0], self.kernel[1]]
    }

    /// Whether the kernel fits into the padded image.
    fn fits(&self) -> bool {
        (0..2).all(|a| {
            let (before, after) = self.options.padding[a];
            self.options.dilation[a] * (self.kernel[a] - 1) < self.size[a] + before + after
        })
    }

    fn y_shape(&self) -> Vec<usize> {
        conv2d_shape(&self.x_shape(), &self.w_shape(), None, &self.options).to_vec()
    }

    /// The options of the transpose that leads from y's shape back to x's.
    fn transposed(&self) -> ConvTranspose2dOptions {
        let Conv2dOptions { stride, padding, dilation, groups, taps } = self.options;
        let rest = |a: usize| {
            let span = dilation[a] * (self.kernel[a] - 1) + 1;
            (self.size[a] + padding[a].0 + padding[a].1 - span) % stride[a]
        };
        ConvTranspose2dOptions { stride, padding, output_padding: [rest(0), rest(1)], dilation, groups, taps }
    }

    /// Calls `f` with the places in x, w and y of every product of the sum that defines the convolution.
    fn products(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (x, w, y) = (self.x_shape(), self.w_shape(), self.y_shape());
        let Conv2dOptions { stride, padding, dilation, .. } = self.options;
        for n in 0..x[0] {
            for o in 0..w[0] {
                for c in 0..w[1] {
                    for i in 0..w[2] {
                        for j in 0..w[3] {
                            if self.options.taps.is_some_and(|taps| i * w[3] + j >= taps) {
                                continue;
                            }
                            for p in 0..y[2] {
                                for q in 0..y[3] {
                                    let h = (p * stride[0] + i * dilation[0]) as isize - padding[0].0 as isize;
                                    let v = (q * stride[1] + j * dilation[1]) as isize - padding[1].0 as isize;
                                    if h < 0 || v < 0 || h >= x[2] as isize || v >= x[3] as isize {
                                        continue;
                                    }
                                    let channel = o / self.channels[1] * self.channels[0] + c;
                                    let at_x = ((n * x[1] + channel) * x[2] + h as usize) * x[3] + v as usize;
                                    let at_w = ((o * w[1] + c) * w[2] + i) * w[3] + j;
                                    f(at_x, at_w, ((n * y[1] + o) * y[2] + p) * y[3] + q);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn terms(&self) -> usize {
        self.channels[0] * self.kernel[0] * self.kernel[1]
    }
}

/// Sums in f64, with the sums of magnitudes.
fn sums(len: usize, fill: impl FnOnce(&mut dyn FnMut(usize, f64))) -> Vec<(f64, f64)> {
    let mut all = vec![(0.0, 0.0); len];
    fill(&mut |at, product| {
        all[at].0 += product;
        all[at].1 += product.abs();
    });
    all
}

/// |y − y₆₄| ≤ γ_K·Σ|…| + K·2⁻¹⁴⁹.
fn within(what: &str, case: &Case, found: &Tensor, expected: &[(f64, f64)], terms: usize) {
    assert_eq!(found.numel(), expected.len(), "{what}: {case:?}");
    let unit = 2f64.powi(-24) * terms as f64;
    let (gamma, tiny) = (unit / (1.0 - unit), terms as f64 * 2f64.powi(-149));
    for (at, (&y, (sum, size))) in found.to_vec().iter().zip(expected).enumerate() {
        let (error, bound) = ((f64::from(y) - sum).abs(), gamma * size + tiny);
        assert!(error <= bound, "{what}: {case:?}: element {at} is {y} and not {sum}: {error:e} > {bound:e}");
    }
}

/// Uniform in −1…1, at a distance of `offset` floats from an aligned address.
fn numbers(shape: &[usize], key: u64, offset: usize) -> Tensor {
    let n: usize = shape.iter().product();
    let all = &(&Tensor::rand([n + offset], Key::new(key)) * 2.0) - 1.0;
    all.narrow(0, offset, n).reshape(shape)
}

/// The three products of a case, on the current instruction set.
fn check(case: &Case, offset: usize) {
    let y_shape = case.y_shape();
    let (x, w) = (numbers(&case.x_shape(), 1, offset), numbers(&case.w_shape(), 2, (offset + 3) % 8));
    let (b, dy) = (numbers(&y_shape[1..2], 3, 0), numbers(&y_shape, 4, (offset + 5) % 8));
    let [xs, ws, bs, dys] = [&x, &w, &b, &dy].map(Tensor::to_vec);
    let of = |x: f32, y: f32| f64::from(x) * f64::from(y);
    let bias = case.bias.then_some(&b);

    let y = x.conv2d(&w, bias, case.options);
    assert_eq!(y.shape(), y_shape);
    let plane = y_shape[2] * y_shape[3];
    let expected = sums(y.numel(), |add| {
        case.products(|x, w, y| add(y, of(xs[x], ws[w])));
        if case.bias {
            (0..y.numel()).for_each(|at| add(at, f64::from(bs[at / plane % y_shape[1]])));
        }
    });
    within("forward", case, &y, &expected, case.terms() + usize::from(case.bias));

    if case.size[0] * case.size[1] > 0 {
        let dx = dy.conv_transpose2d(&w, None, case.transposed());
        assert_eq!(dx.shape(), case.x_shape(), "{case:?}");
        let expected = sums(dx.numel(), |add| case.products(|x, w, y| add(x, of(dys[y], ws[w]))));
        within("transposed", case, &dx, &expected, case.channels[1] * case.kernel[0] * case.kernel[1]);
    }

    let dw = x.conv2d_weight(&dy, case.kernel, case.options);
    assert_eq!(dw.shape(), case.w_shape());
    let expected = sums(dw.numel(), |add| case.products(|x, w, y| add(w, of(dys[y], xs[x]))));
    within("weights", case, &dw, &expected, case.images * plane);
}

fn on_every_isa(case: &Case, offset: usize) {
    for isa in Isa::available() {
        isa.with(|| check(case, offset));
    }
}

fn plain(images: usize, channels: [usize; 2], size: [usize; 2], kernel: [usize; 2]) -> Case {
    Case { images, channels, size, kernel, options: Conv2dOptions::default(), bias: true }
}

/// Sizes, strides, dilations, paddings and groups of which most pairs fit together.
fn cases() -> impl Strategy<Value = Case> {
    let axis = || (1usize..5, 1usize..4, 1usize..4, 0usize..4, 0usize..4, 0usize..20);
    (0usize..3, 1usize..4, [0usize..9, 0usize..9], axis(), axis(), any::<bool>(), 1usize..40).prop_map(
        |(images, groups, channels, rows, cols, bias, taps)| {
            let of = |(kernel, stride, dilation, before, after, more): (usize, usize, usize, usize, usize, usize)| {
                // As small as the kernel allows, and up to 20 more.
                let least = (dilation * (kernel - 1) + 1usize).saturating_sub(before + after);
                (kernel, stride, dilation, (before, after), least + more)
            };
            let (rows, cols) = (of(rows), of(cols));
            let options = Conv2dOptions {
                stride: [rows.1, cols.1],
                padding: [rows.3, cols.3],
                dilation: [rows.2, cols.2],
                groups,
                taps: Some(taps).filter(|&taps| taps <= rows.0 * cols.0),
            };
            let case = Case { images, channels, size: [rows.4, cols.4], kernel: [rows.0, cols.0], options, bias };
            assert!(case.fits());
            case
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]
    #[test]
    fn every_combination_of_options_is_within_the_bound(case in cases(), offset in 0usize..8) {
        on_every_isa(&case, offset);
    }
}

#[test]
fn all_small_sizes_are_within_the_bound() {
    for size in 1..=20 {
        for kernel in [1, 2, 3, 5] {
            for stride in [1, 2, 3] {
                let padding = [(kernel / 2, (kernel - 1) / 2), (kernel - 1, 0)];
                let options = Conv2dOptions { stride: [stride, stride], padding, ..Conv2dOptions::default() };
                let channels = [size % 7 + 1, size % 5 + 1];
                let case = Case { options, bias: size % 2 == 0, ..plain(2, channels, [size, 21 - size], [kernel; 2]) };
                on_every_isa(&case, size % 8);
            }
        }
    }
}

#[test]
fn sizes_at_the_edges_of_tiles_vectors_and_blocks_are_within_the_bound() {
    let padded = Conv2dOptions::padded(1);
    for (images, channels, size) in [
        (2, [3, 15], [5, 32]),  // rows of one panel
        (1, [13, 29], [7, 16]), // two rows in a panel
        (3, [12, 14], [8, 8]),  // many in one
        (2, [16, 33], [4, 4]),  // several images in a unit of the weights' gradient
        (1, [33, 5], [3, 70]),  // channels and columns beyond a panel
        (1, [60, 130], [6, 9]), // deeper than a block, and more rows than stay in the cache
        (2, [1, 32], [28, 28]), // one channel
        (2, [40, 1], [9, 33]),  // one output
        (5, [1, 1], [3, 40]),   // both
        (1, [24, 48], [9, 28]), // no row fills its vectors, but the channels do
        (17, [16, 17], [7, 7]), // two rows in a tile; pointwise, all pixels of an image in one row
    ] {
        let case = Case { options: padded, ..plain(images, channels, size, [3, 3]) };
        on_every_isa(&case, 1);
        let halved = Conv2dOptions { stride: [2, 2], ..padded };
        on_every_isa(&Case { options: halved, kernel: [4, 4], ..case.clone() }, 2);
        on_every_isa(&Case { options: Conv2dOptions::default(), kernel: [1, 1], ..case }, 3);
    }
}

#[test]
fn tiles_of_every_height_are_within_the_bound() {
    for width in 1..=29 {
        let options = Conv2dOptions { padding: [(1, 0), (0, 1)], ..Conv2dOptions::default() };
        on_every_isa(&Case { options, ..plain(1, [3, 32], [3, width], [2, 2]) }, width % 8);
    }
}

#[test]
fn images_larger_than_a_band_and_rows_longer_than_a_run_are_within_the_bound() {
    let check = |case: Case| Isa::current().with(|| with_serial_threshold(0, || check(&case, 0)));
    check(Case { options: Conv2dOptions::padded(1), ..plain(1, [20, 3], [200, 90], [3, 3]) });
    check(Case {
        options: Conv2dOptions { groups: 3, ..Conv2dOptions::padded(1) },
        ..plain(2, [1, 1], [150, 70], [3, 3])
    });
    let long = Conv1dOptions { dilation: 4, padding: (8, 0), ..Conv1dOptions::default() }.as_2d();
    check(Case { options: long, ..plain(2, [40, 2], [1, 5000], [1, 3]) });
    let strided = Conv2dOptions { stride: [1, 5], padding: [(0, 0), (3, 4)], ..Conv2dOptions::default() };
    check(Case { options: strided, ..plain(1, [4, 40], [1, 9000], [1, 9]) });
}

#[test]
fn whole_numbers_are_exact() {
    // Integers below 2⁴, at most 12·9 + 1 and 4·81 of their products: every sum is below 2²⁴.
    let whole = |shape: &[usize], key| {
        let data = numbers(shape, key, 0).to_vec().into_iter().map(|x| (x * 15.0).round()).collect();
        Tensor::from_vec(data, shape)
    };
    for groups in [1, 3] {
        for stride in [1, 2] {
            let options = Conv2dOptions { stride: [stride, 1], groups, ..Conv2dOptions::padded(1) };
            let case = Case { options, ..plain(4, [12, 5], [9, 9], [3, 3]) };
            let (x, w, dy) = (whole(&case.x_shape(), 1), whole(&case.w_shape(), 2), whole(&case.y_shape(), 3));
            let [xs, ws, dys] = [&x, &w, &dy].map(Tensor::to_vec);
            let mut sums = [vec![0.0f32; dy.numel()], vec![0.0; x.numel()], vec![0.0; w.numel()]];
            case.products(|x, w, y| {
                sums[0][y] += xs[x] * ws[w];
                sums[1][x] += dys[y] * ws[w];
                sums[2][w] += dys[y] * xs[x];
            });
            for isa in Isa::available() {
                isa.with(|| {
                    assert_eq!(x.conv2d(&w, None, case.options).to_vec(), sums[0]);
                    assert_eq!(dy.conv_transpose2d(&w, None, case.transposed()).to_vec(), sums[1]);
                    assert_eq!(x.conv2d_weight(&dy, [3, 3], case.options).to_vec(), sums[2]);
                });
            }
        }
    }
}

/// The bits of the three products.
fn bits(case: &Case) -> Vec<u32> {
    let (x, w) = (numbers(&case.x_shape(), 1, 0), numbers(&case.w_shape(), 2, 0));
    let (dy, b) = (numbers(&case.y_shape(), 3, 0), numbers(&case.y_shape()[1..2], 4, 0));
    let products = [
        x.conv2d(&w, Some(&b), case.options),
        dy.conv_transpose2d(&w, None, case.transposed()),
        x.conv2d_weight(&dy, case.kernel, case.options),
    ];
    products.iter().flat_map(|p| p.to_vec()).map(f32::to_bits).collect()
}

#[test]
fn bits_do_not_depend_on_threads() {
    let padded = Conv2dOptions::padded(1);
    let cases = [
        Case { options: padded, ..plain(3, [20, 40], [16, 16], [3, 3]) },
        Case { options: padded, ..plain(1, [70, 130], [12, 9], [3, 3]) },
        Case { options: Conv2dOptions { stride: [2, 2], ..padded }, ..plain(2, [3, 32], [30, 28], [4, 4]) },
        Case { options: Conv2dOptions { groups: 8, ..padded }, ..plain(2, [1, 1], [40, 33], [3, 3]) },
        Case { options: Conv1dOptions::causal(3, 2).as_2d(), ..plain(2, [16, 16], [1, 2500], [1, 3]) },
        plain(3, [30, 70], [20, 20], [1, 1]),
    ];
    for isa in Isa::available() {
        for case in &cases {
            let alone = isa.with(|| bits(case));
            for threads in [1, 2, 3, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let run = || with_serial_threshold(0, || isa.with(|| probe(|| bits(case))));
                let (found, workers) = pool.install(run);
                assert!(found == alone, "{isa:?}, {threads} threads: {case:?}");
                assert!(threads == 1 || workers > 1, "{threads} threads, {workers} workers: {case:?}");
            }
        }
    }
}

#[test]
fn an_image_does_not_depend_on_the_others_and_a_pixelwise_convolution_is_a_product() {
    for isa in Isa::available() {
        isa.with(|| {
            let (x, w) = (numbers(&[5, 30, 14, 14], 1, 0), numbers(&[40, 30, 3, 3], 2, 0));
            let all = x.conv2d(&w, None, Conv2dOptions::padded(1));
            let one = x.narrow(0, 3, 1).conv2d(&w, None, Conv2dOptions::padded(1));
            assert_eq!(all.narrow(0, 3, 1), one);
            // Two ways to the same sums: as a product, and through the window of a padded image.
            let w = numbers(&[40, 30, 1, 1], 2, 0);
            let product = w.reshape([40, 30]).matmul(&x.reshape([5, 30, 196])).reshape([5, 40, 14, 14]);
            assert_eq!(x.conv2d(&w, None, Conv2dOptions::default()), product);
            let padded = x.conv2d(&w, None, Conv2dOptions::padded(1));
            assert_eq!(padded.narrow(2, 1, 14).narrow(3, 1, 14), product);
        });
    }
}

#[test]
fn a_nan_stays_in_its_window_and_an_infinite_weight_meets_the_padding() {
    for isa in Isa::available() {
        isa.with(|| {
            for (stride, groups, width) in [(1, 1, 9), (2, 1, 9), (1, 2, 40), (3, 2, 16)] {
                let options = Conv2dOptions { stride: [stride, stride], groups, ..Conv2dOptions::padded(1) };
                let case = Case { options, bias: false, ..plain(2, [13, 3], [7, width], [3, 3]) };
                for special in [f32::NAN, f32::INFINITY] {
                    let (mut x, w, mut dy) =
                        (Tensor::ones(case.x_shape()), Tensor::zeros(case.w_shape()), Tensor::ones(case.y_shape()));
                    // An output in the middle: at a border, dy times the padding's zeros would be NaN as well.
                    let [height, width] = [dy.shape()[2], dy.shape()[3]];
                    let (px, py) = (x.numel() / 2 + 3, dy.numel() / 2 + height / 2 * width + width / 2);
                    x.make_mut()[px] = special;
                    dy.make_mut()[py] = special;
                    let mut reached = [vec![false; dy.numel()], vec![false; x.numel()], vec![false; w.numel()]];
                    case.products(|x, w, y| {
                        reached[0][y] |= x == px;
                        reached[1][x] |= y == py;
                        reached[2][w] |= x == px || y == py;
                    });
                    let y = x.conv2d(&w, None, case.options);
                    let dx = dy.conv_transpose2d(&w, None, case.transposed());
                    let dw = x.conv2d_weight(&dy, [3, 3], case.options);
                    for (found, reached) in [y, dx, dw].iter().zip(&reached) {
                        // 0 · ∞ is NaN too; in the weights' gradient ∞ · 1 is ∞
                        for (at, (x, &reached)) in found.to_vec().iter().zip(reached).enumerate() {
                            assert_eq!(!x.is_finite(), reached, "{isa:?} {case:?} {at}: {x}");
                        }
                    }
                }
            }
            let (x, mut w) = (Tensor::ones([1, 1, 4, 4]), Tensor::zeros([1, 1, 3, 3]));
            w.make_mut()[0] = f32::INFINITY; // above on the left
            let y = x.conv2d(&w, None, Conv2dOptions::padded(1));
            for (at, y) in y.to_vec().into_iter().enumerate() {
                if at / 4 == 0 || at % 4 == 0 { assert!(y.is_nan()) } else { assert_eq!(y, f32::INFINITY) }
            }
        });
    }
}

#[test]
fn nothing_in_gives_nothing_or_the_bias_out() {
    let w = Tensor::ones([2, 3, 3, 3]);
    let empty = Tensor::ones([0, 3, 5, 5]).conv2d(&w, None, Conv2dOptions::default());
    assert_eq!(empty.shape(), [0, 2, 3, 3]);
    let dw = Tensor::ones([0, 3, 5, 5]).conv2d_weight(&empty, [3, 3], Conv2dOptions::default());
    assert_eq!(dw, Tensor::zeros([2, 3, 3, 3]));
    let bias = Tensor::from_vec(vec![1.0, 2.0], [2]);
    let y = Tensor::ones([1, 0, 2, 2]).conv2d(&Tensor::ones([2, 0, 1, 1]), Some(&bias), Conv2dOptions::padded(1));
    assert_eq!(y.shape(), [1, 2, 4, 4]);
    assert!(y.to_vec().iter().enumerate().all(|(at, &y)| y == if at < 16 { 1.0 } else { 2.0 }));
    // Nothing of an image but its padding.
    let y = Tensor::ones([1, 3, 0, 2]).conv2d(&w, Some(&bias), Conv2dOptions::padded(2));
    assert_eq!((y.shape(), y.at([0, 1, 1, 1])), (&[1, 2, 2, 4][..], 2.0));
    // A stride beyond the kernel: between the taps lies the bias alone.
    let options = ConvTranspose2dOptions { stride: [3, 2], ..Default::default() };
    let y = Tensor::ones([1, 1, 2, 2]).conv_transpose2d(&Tensor::ones([1, 1, 1, 1]), Some(&Tensor::ones([1])), options);
    assert_eq!(y.to_vec(), [2., 1., 2., 1., 1., 1., 1., 1., 1., 2., 1., 2.]);
}

#[test]
fn sequences_are_images_of_height_one() {
    let (x, w, b) = (numbers(&[2, 6, 50], 1, 0), numbers(&[8, 3, 4], 2, 0), numbers(&[8], 3, 0));
    let options = Conv1dOptions { stride: 3, padding: (2, 5), dilation: 2, groups: 2 };
    let y = x.conv1d(&w, Some(&b), options);
    assert_eq!(y.shape(), [2, 8, 17]);
    assert_eq!(y, x.unsqueeze(2).conv2d(&w.unsqueeze(2), Some(&b), options.as_2d()).reshape(y.shape()));
    let options = ConvTranspose1dOptions { stride: 3, padding: (2, 5), output_padding: 1, dilation: 2, groups: 2 };
    let x = y.conv_transpose1d(&w, None, options);
    assert_eq!(x.shape(), [2, 6, 49]);
    assert_eq!(
        &*conv_transpose2d_shape(&[2, 8, 1, 17], &[8, 3, 1, 4], None, &options.as_2d()),
        [2, 6, 1, 49],
        "(17 − 1)·3 − 7 + 2·3 + 1 + 1"
    );
    // Causal: an output does not see what comes after it.
    let (mut x, w) = (numbers(&[1, 2, 20], 1, 0), numbers(&[2, 2, 3], 2, 0));
    let before = x.conv1d(&w, None, Conv1dOptions::causal(3, 2));
    assert_eq!(before.shape(), [1, 2, 20]);
    x.make_mut()[12] = 9.0;
    let after = x.conv1d(&w, None, Conv1dOptions::causal(3, 2));
    let changed: Vec<usize> = (0..20).filter(|&t| before.at([0, 0, t]) != after.at([0, 0, t])).collect();
    assert_eq!(changed, [12, 14, 16]);
}
