//! What a convolution is told besides its tensors, the shape that it gives, and the sentences for what doesn't fit.

use crate::counted;
use crate::shape::Dims;

/// Stride, padding, dilation and groups of a convolution over images; all of them 1, and no padding, by default.
///
/// Along an axis, tap t of output q reads element q·stride + t·dilation − before, or 0 outside of the image; the output has
/// ⌊(size + before + after − dilation·(kernel − 1) − 1) / stride⌋ + 1 elements.
///
/// ```
/// use glassbox_tensor::Conv2dOptions;
/// let halved = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
/// assert_eq!(halved.padding, [(1, 1), (1, 1)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// From an output to the next, down and across.
    pub stride: [usize; 2],
    /// Zeros (above, below) and (left, right).
    pub padding: [(usize, usize); 2],
    /// From a tap of the kernel to the next.
    pub dilation: [usize; 2],
    /// The channels are cut into as many groups, and each group of outputs sees one of them.
    pub groups: usize,
    /// Only the first so many taps of the kernel, row by row, are used: those that follow count as not there, and have the gradient 0. With
    /// 4 or 5 of the 9 taps of a padded 3 × 3 kernel a pixel sees those above and left of it, without itself or with it: a mask that costs
    /// nothing (van den Oord et al. 2016, Pixel Recurrent Neural Networks, section 3.4).
    pub taps: Option<usize>,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [(0, 0), (0, 0)], dilation: [1, 1], groups: 1, taps: None }
    }
}

impl Conv2dOptions {
    /// `padding` zeros on all four sides.
    pub fn padded(padding: usize) -> Self {
        Self { padding: [(padding, padding); 2], ..Self::default() }
    }

    /// The transposed convolution that leads from this one's outputs back to images of a size, and is its gradient.
    ///
    /// ```
    /// use glassbox_tensor::Conv2dOptions;
    /// let halved = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
    /// // 8 and 7 are both taken to 4 by a kernel of 3; what tells them apart:
    /// assert_eq!(halved.transposed([8, 7], [3, 3]).output_padding, [1, 0]);
    /// ```
    pub fn transposed(&self, image: [usize; 2], kernel: [usize; 2]) -> ConvTranspose2dOptions {
        let Self { stride, padding, dilation, groups, taps } = *self;
        let rest = |a: usize| {
            let padded = image[a] + padding[a].0 + padding[a].1;
            (padded - dilation[a] * (kernel[a] - 1) - 1) % stride[a]
        };
        ConvTranspose2dOptions { stride, padding, output_padding: [rest(0), rest(1)], dilation, groups, taps }
    }

    /// How many taps of a kernel (kh, kw) are used.
    ///
    /// ```
    /// use glassbox_tensor::Conv2dOptions;
    /// let masked = Conv2dOptions { taps: Some(5), ..Conv2dOptions::padded(1) };
    /// assert_eq!((masked.taps_of([3, 3]), Conv2dOptions::padded(1).taps_of([3, 3])), (5, 9));
    /// ```
    pub fn taps_of(&self, kernel: [usize; 2]) -> usize {
        self.taps.unwrap_or(usize::MAX).min(kernel[0] * kernel[1])
    }
}

/// As [`Conv2dOptions`], for sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv1dOptions {
    /// From an output to the next.
    pub stride: usize,
    /// Zeros before and after the sequence.
    pub padding: (usize, usize),
    /// From a tap of the kernel to the next.
    pub dilation: usize,
    /// The channels are cut into as many groups, and each group of outputs sees one of them.
    pub groups: usize,
}

impl Default for Conv1dOptions {
    fn default() -> Self {
        Self { stride: 1, padding: (0, 0), dilation: 1, groups: 1 }
    }
}

impl Conv1dOptions {
    /// Causal: output t sees inputs up to t and none after it. All (kernel − 1)·dilation zeros stand before.
    ///
    /// ```
    /// use glassbox_tensor::Conv1dOptions;
    /// assert_eq!(Conv1dOptions::causal(3, 4).padding, (8, 0));
    /// ```
    pub fn causal(kernel: usize, dilation: usize) -> Self {
        Self { padding: (kernel.saturating_sub(1) * dilation, 0), dilation, ..Self::default() }
    }

    /// The same for images of height 1.
    pub fn as_2d(&self) -> Conv2dOptions {
        Conv2dOptions {
            stride: [1, self.stride],
            padding: [(0, 0), self.padding],
            dilation: [1, self.dilation],
            groups: self.groups,
            taps: None,
        }
    }
}

/// Options of a transposed convolution over images: those of the convolution that it is the transpose of, and
/// `output_padding`, which chooses among the sizes that such a convolution takes to the same one.
///
/// Along an axis, the output has (size − 1)·stride − before − after + dilation·(kernel − 1) + output_padding + 1 elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose2dOptions {
    /// From the place of an input to that of the next.
    pub stride: [usize; 2],
    /// What is cut off (above, below) and (left, right).
    pub padding: [(usize, usize); 2],
    /// What is added below and on the right; less than the stride.
    pub output_padding: [usize; 2],
    /// From a tap of the kernel to the next.
    pub dilation: [usize; 2],
    /// The channels are cut into as many groups, and each group of inputs reaches one of them.
    pub groups: usize,
    /// The taps of that convolution's kernel that are used, if not all.
    pub taps: Option<usize>,
}

impl Default for ConvTranspose2dOptions {
    fn default() -> Self {
        let Conv2dOptions { stride, padding, dilation, groups, taps } = Conv2dOptions::default();
        Self { stride, padding, output_padding: [0, 0], dilation, groups, taps }
    }
}

impl ConvTranspose2dOptions {
    /// The convolution that this is the transpose of.
    pub fn forward(&self) -> Conv2dOptions {
        let Self { stride, padding, dilation, groups, taps, .. } = *self;
        Conv2dOptions { stride, padding, dilation, groups, taps }
    }
}

/// As [`ConvTranspose2dOptions`], for sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose1dOptions {
    /// From the place of an input to that of the next.
    pub stride: usize,
    /// What is cut off before and after.
    pub padding: (usize, usize),
    /// What is added after; less than the stride.
    pub output_padding: usize,
    /// From a tap of the kernel to the next.
    pub dilation: usize,
    /// The channels are cut into as many groups, and each group of inputs reaches one of them.
    pub groups: usize,
}

impl Default for ConvTranspose1dOptions {
    fn default() -> Self {
        Self { stride: 1, padding: (0, 0), output_padding: 0, dilation: 1, groups: 1 }
    }
}

impl ConvTranspose1dOptions {
    /// The same for images of height 1.
    pub fn as_2d(&self) -> ConvTranspose2dOptions {
        let Conv2dOptions { stride, padding, dilation, groups, taps } =
            Conv1dOptions { stride: self.stride, padding: self.padding, dilation: self.dilation, groups: self.groups }
                .as_2d();
        ConvTranspose2dOptions { stride, padding, output_padding: [0, self.output_padding], dilation, groups, taps }
    }
}

/// What the checks ask of options, for one axis or two.
struct Plan<'a> {
    op: &'static str,
    stride: &'a [usize],
    padding: &'a [(usize, usize)],
    dilation: &'a [usize],
    groups: usize,
    taps: Option<usize>,
}

impl Plan<'_> {
    /// How x and the weights are written for so many axes.
    fn letters(&self) -> (&'static str, &'static str) {
        if self.stride.len() == 1 { ("(N, C, L)", "k") } else { ("(N, C, H, W)", "kh, kw") }
    }

    fn axis_name(&self, axis: usize) -> &'static str {
        match (self.stride.len(), axis) {
            (1, _) => "L",
            (_, 0) => "H",
            _ => "W",
        }
    }

    #[track_caller]
    fn check_ranks(&self, x: &[usize], w: &[usize], weights: &str) {
        let Plan { op, stride, dilation, .. } = *self;
        let (image, kernel) = self.letters();
        let rank = stride.len() + 2;
        assert!(
            x.len() == rank,
            "{op}: x {x:?} has {}; it is {image}, so give a single one a batch axis with unsqueeze(0)",
            counted(x.len(), "axis")
        );
        assert!(w.len() == rank, "{op}: weight {w:?} has {}; it is ({weights}, {kernel})", counted(w.len(), "axis"));
        for (what, values) in [("stride", stride), ("dilation", dilation), ("kernel", &w[2..])] {
            assert!(!values.contains(&0), "{op}: {what} {values:?} has a 0; the smallest {what} is 1");
        }
        assert!(self.groups > 0, "{op}: there are 0 groups; without grouping there is 1");
        let all: usize = w[2..].iter().product();
        assert!(
            self.taps.is_none_or(|taps| (1..=all).contains(&taps)),
            "{op}: a kernel {:?} has {}, so taps: Some({}) is not between 1 and {all}; None uses all of them",
            &w[2..],
            counted(all, "tap"),
            self.taps.unwrap_or(0)
        );
    }

    #[track_caller]
    fn check_bias(&self, w: &[usize], bias: Option<&[usize]>, outputs: usize) {
        if let Some(bias) = bias {
            assert!(
                bias == [outputs],
                "{}: bias {bias:?} does not fit weight {w:?}, which gives {counted_outputs}; it is [{outputs}]",
                self.op,
                counted_outputs = counted(outputs, "channel")
            );
        }
    }

    /// The shape of a convolution.
    #[track_caller]
    fn conv_shape(&self, x: &[usize], w: &[usize], bias: Option<&[usize]>) -> Dims {
        let (op, groups) = (self.op, self.groups);
        self.check_ranks(x, w, "O, C/groups");
        let (channels, outputs) = (x[1], w[0]);
        assert!(
            channels.is_multiple_of(groups),
            "{op}: {groups} don't divide the {channels} of x {x:?}; groups divide both them and weight's {outputs}",
            groups = counted(groups, "group"),
            channels = counted(channels, "channel"),
            outputs = counted(outputs, "output")
        );
        assert!(
            outputs.is_multiple_of(groups),
            "{op}: {groups} don't divide the {outputs} of weight {w:?}; groups divide both them and x's {channels}",
            groups = counted(groups, "group"),
            channels = counted(channels, "channel"),
            outputs = counted(outputs, "output")
        );
        if channels / groups != w[1] {
            let groups_fit = w[1] > 0 && channels > 0 && channels % w[1] == 0 && outputs % (channels / w[1]) == 0;
            let way_out = if groups_fit {
                format!("; with groups: {} it would fit", channels / w[1])
            } else if outputs == channels / groups {
                "; weight.transpose(0, 1) would fit".to_string()
            } else {
                String::new()
            };
            panic!(
                "{op}: x {x:?} has {channels} in {groups}, but weight {w:?}, which is (O, C/groups, …), takes {} of each group{way_out}",
                w[1],
                groups = counted(groups, "group"),
                channels = counted(channels, "channel")
            );
        }
        self.check_bias(w, bias, outputs);
        let mut shape = Dims::new(&[x[0], outputs]);
        for axis in 0..self.stride.len() {
            let (size, kernel, (before, after)) = (x[axis + 2], w[axis + 2], self.padding[axis]);
            let (stride, dilation) = (self.stride[axis], self.dilation[axis]);
            let span = dilation.saturating_mul(kernel - 1).saturating_add(1);
            let padded = size.saturating_add(before).saturating_add(after);
            assert!(
                span <= padded,
                "{op}: a kernel of {kernel} with dilation {dilation} spans {span}, but axis {} of x {x:?} has {size} + ({before} + {after}) = \
                 {padded} with its padding; pad more, or dilate less: the output has (size + before + after − dilation·(kernel − 1) − 1) / stride + 1 elements",
                self.axis_name(axis)
            );
            shape.push((padded - span) / stride + 1);
        }
        shape
    }

    /// The shape of a transposed convolution.
    #[track_caller]
    fn transposed_shape(&self, x: &[usize], w: &[usize], bias: Option<&[usize]>, output_padding: &[usize]) -> Dims {
        let (op, groups) = (self.op, self.groups);
        self.check_ranks(x, w, "C, O/groups");
        let channels = x[1];
        assert!(
            channels == w[0],
            "{op}: x {x:?} has {channels}, but weight {w:?}, which is (C, O/groups, …), takes {}{}",
            w[0],
            if channels == w[1] && groups == 1 { "; weight.transpose(0, 1) would fit" } else { "" },
            channels = counted(channels, "channel")
        );
        assert!(
            channels.is_multiple_of(groups),
            "{op}: {groups} don't divide the {channels} of x {x:?}; without grouping there is 1",
            groups = counted(groups, "group"),
            channels = counted(channels, "channel")
        );
        let outputs = w[1] * groups;
        self.check_bias(w, bias, outputs);
        let mut shape = Dims::new(&[x[0], outputs]);
        for axis in 0..self.stride.len() {
            let (size, kernel, (before, after)) = (x[axis + 2], w[axis + 2], self.padding[axis]);
            let (stride, dilation, extra) = (self.stride[axis], self.dilation[axis], output_padding[axis]);
            let name = self.axis_name(axis);
            assert!(
                extra < stride,
                "{op}: output_padding {extra} on axis {name} must be smaller than the stride {stride}: it chooses among the sizes that a \
                 stride of {stride} takes to {size}"
            );
            let span = dilation.saturating_mul(kernel - 1).saturating_add(1);
            let whole = size.saturating_sub(1).saturating_mul(stride).saturating_add(span).saturating_add(extra);
            let cut = before.saturating_add(after);
            assert!(
                size > 0 && cut <= whole,
                "{op}: axis {name} of x {x:?} has {size}, which gives (size − 1)·stride + dilation·(kernel − 1) + output_padding + 1 = {} \
                 elements, and a padding of ({before} + {after}) cuts off more than those; pad less",
                if size > 0 { whole } else { 0 }
            );
            shape.push(whole - cut);
        }
        shape
    }
}

/// The shape of [`conv2d`](crate::Tensor::conv2d): x (N, C, H, W), weight (O, C/groups, kh, kw), bias (O) -> (N, O, H′, W′).
///
/// ```
/// use glassbox_tensor::{Conv2dOptions, conv2d_shape};
/// let halved = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
/// assert_eq!(*conv2d_shape(&[8, 3, 32, 32], &[16, 3, 3, 3], None, &halved), [8, 16, 16, 16]);
/// ```
///
/// # Panics
/// When they don't fit, with a sentence that names the numbers.
#[track_caller]
pub fn conv2d_shape(x: &[usize], w: &[usize], bias: Option<&[usize]>, options: &Conv2dOptions) -> Dims {
    plan("conv2d", options).conv_shape(x, w, bias)
}

/// The shape of [`conv_transpose2d`](crate::Tensor::conv_transpose2d): x (N, C, H, W), weight (C, O/groups, kh, kw), bias (O)
/// -> (N, O, H′, W′).
///
/// ```
/// use glassbox_tensor::{Conv2dOptions, conv_transpose2d_shape};
/// let halved = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
/// let doubled = halved.transposed([32, 32], [3, 3]); // from 16 × 16 back to 32 × 32
/// assert_eq!(*conv_transpose2d_shape(&[8, 16, 16, 16], &[16, 3, 3, 3], None, &doubled), [8, 3, 32, 32]);
/// ```
///
/// # Panics
/// When they don't fit, with a sentence that names the numbers.
#[track_caller]
pub fn conv_transpose2d_shape(
    x: &[usize],
    w: &[usize],
    bias: Option<&[usize]>,
    options: &ConvTranspose2dOptions,
) -> Dims {
    plan("conv_transpose2d", &options.forward()).transposed_shape(x, w, bias, &options.output_padding)
}

/// The shape of [`conv2d_weight`](crate::Tensor::conv2d_weight): x (N, C, H, W), dy (N, O, H′, W′) -> (O, C/groups, kh, kw).
///
/// ```
/// use glassbox_tensor::{Conv2dOptions, conv2d_weight_shape};
/// let halved = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
/// assert_eq!(*conv2d_weight_shape(&[8, 3, 32, 32], &[8, 16, 16, 16], [3, 3], &halved), [16, 3, 3, 3]);
/// ```
///
/// # Panics
/// When they don't fit, with a sentence that names the numbers.
#[track_caller]
pub fn conv2d_weight_shape(x: &[usize], dy: &[usize], kernel: [usize; 2], options: &Conv2dOptions) -> Dims {
    assert!(
        dy.len() == 4,
        "conv2d_weight: dy {dy:?} has {}; it is the gradient of an output (N, O, H′, W′)",
        counted(dy.len(), "axis")
    );
    let channels = x.get(1).map_or(0, |channels| channels / options.groups.max(1));
    let w = Dims::new(&[dy[1], channels, kernel[0], kernel[1]]);
    let y = plan("conv2d_weight", options).conv_shape(x, &w, None);
    assert!(
        *y == *dy,
        "conv2d_weight: dy {dy:?} is not of the shape {y:?} that the convolution of x {x:?} with weight {w:?} gives; pass the \
         options of that convolution"
    );
    w
}

/// The shape of [`conv1d`](crate::Tensor::conv1d): x (N, C, L), weight (O, C/groups, k), bias (O) -> (N, O, L′).
///
/// # Panics
/// When they don't fit, with a sentence that names the numbers.
#[track_caller]
pub fn conv1d_shape(x: &[usize], w: &[usize], bias: Option<&[usize]>, options: &Conv1dOptions) -> Dims {
    let Conv1dOptions { stride, padding, dilation, groups } = *options;
    let plan = Plan { op: "conv1d", stride: &[stride], padding: &[padding], dilation: &[dilation], groups, taps: None };
    plan.conv_shape(x, w, bias)
}

/// The shape of [`conv_transpose1d`](crate::Tensor::conv_transpose1d): x (N, C, L), weight (C, O/groups, k), bias (O) -> (N, O, L′).
///
/// # Panics
/// When they don't fit, with a sentence that names the numbers.
#[track_caller]
pub fn conv_transpose1d_shape(
    x: &[usize],
    w: &[usize],
    bias: Option<&[usize]>,
    options: &ConvTranspose1dOptions,
) -> Dims {
    let ConvTranspose1dOptions { stride, padding, output_padding, dilation, groups } = *options;
    let plan = Plan {
        op: "conv_transpose1d",
        stride: &[stride],
        padding: &[padding],
        dilation: &[dilation],
        groups,
        taps: None,
    };
    plan.transposed_shape(x, w, bias, &[output_padding])
}

fn plan<'a>(op: &'static str, options: &'a Conv2dOptions) -> Plan<'a> {
    let Conv2dOptions { stride, padding, dilation, groups, taps } = options;
    Plan { op, stride, padding, dilation, groups: *groups, taps: *taps }
}
