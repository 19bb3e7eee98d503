//! Cross-entropy of logits against classes, without a table of probabilities.
//!
//! Forward reads each row of logits once and keeps two numbers of it, ln Σ eˣ as the sum of two f32. Backward computes the
//! probabilities from these and the logits, straight into the gradient.

use crate::ceiling::fill_caches;
use crate::counted;
use crate::ids::{Ids, place};
use crate::list::List;
use crate::parallel::for_each_chunk;
use crate::reduce::logsumexp::{LogSum, LogSumExp};
use crate::reduce::reduce_into;
use crate::simd::{Isa, Kernel, Lanes, Simd, map_lanes, stream_lanes};
use crate::tensor::Tensor;

/// Classes, one for each row of logits, and how they are taken.
///
/// ```
/// use glassbox_tensor::{CrossEntropy, Ids, tensor};
/// let loss = CrossEntropy { ids: &Ids::from([0, 9]), smoothing: 0.1, ignore: Some(9) };
/// let (nats, _) = loss.forward(&tensor![[100., 0.], [5., 7.]]);
/// assert!((nats[0] - 5.0).abs() < 1e-6); // right, but too sure of it: 0.9·0 + 0.1·(100 − 50)
/// assert_eq!(nats[1], 0.0); // 9 is no class here, and the row doesn't count
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a> {
    /// The class of each row.
    pub ids: &'a Ids,
    /// ε: the share of the target that goes to all classes alike.
    pub smoothing: f32,
    /// Rows of this class don't count.
    pub ignore: Option<u32>,
}

impl CrossEntropy<'_> {
    /// The loss of each row in nats, 0 for one that doesn't count:
    ///
    /// ```text
    /// (1 − ε)·(ln Σ eˣ − x[id]) + ε·(ln Σ eˣ − mean x)
    /// ```
    ///
    /// and ln Σ eˣ of each row, as an f32 and what is left of it.
    ///
    /// ```
    /// use glassbox_tensor::{CrossEntropy, Ids, tensor};
    /// let loss = CrossEntropy { ids: &Ids::from([1, 0]), smoothing: 0.0, ignore: None };
    /// let (nats, _) = loss.forward(&tensor![[0., 0.], [100., 0.]]);
    /// assert!((nats[0] - 2f64.ln()).abs() < 1e-7 && nats[1] < 1e-7);
    /// ```
    ///
    /// # Panics
    /// When there isn't one id for each row, or an id that counts is no class.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> (List<f64>, [Tensor; 2]) {
        let classes = self.check(x);
        let mut mask = [false; crate::shape::MAX_RANK];
        mask[x.rank() - 1] = true;
        let mut all = List::repeat(LogSum::NONE, self.ids.numel());
        match self.smoothing > 0.0 {
            true => reduce_into(x, &mask, LogSumExp::<true>, &mut all),
            false => reduce_into(x, &mask, LogSumExp::<false>, &mut all),
        }
        let x = x.contiguous();
        let logits = x.as_slice().expect("contiguous");
        let smoothing = f64::from(self.smoothing);
        let rows = self.ids.as_slice().iter().zip(&all).enumerate();
        let nats = rows.map(|(row, (&id, &LogSum { max, ln, total }))| {
            if self.ignore == Some(id) {
                return 0.0;
            }
            // as in PyTorch, a logit of ∞ makes the loss NaN
            let ln = if max == f64::INFINITY { f64::NAN } else { ln };
            let miss = (max - f64::from(logits[row * classes + id as usize])) + ln;
            match smoothing > 0.0 {
                true => (1.0 - smoothing) * miss + smoothing * ((max - total / classes as f64) + ln),
                false => miss,
            }
        });
        let of = |f: fn(LogSum) -> f32| Tensor::of_each(&all, [all.len()], |&all| f(all));
        (nats.collect(), [of(LogSum::high), of(LogSum::low)])
    }

    /// The gradient of Σ scale·loss over the rows: `scale·(softmax(x) − target)`, 0 where a row doesn't count. The target is 1 − ε
    /// at the row's class, and ε / classes everywhere on top.
    ///
    /// ```
    /// use glassbox_tensor::{CrossEntropy, Ids, assert_close, tensor};
    /// let loss = CrossEntropy { ids: &Ids::from([1]), smoothing: 0.0, ignore: None };
    /// let x = tensor![[0., 0.]];
    /// let (_, [high, low]) = loss.forward(&x);
    /// assert_close!(loss.backward(&x, [&high, &low], &[1.0]), tensor![[0.5, -0.5]]);
    /// ```
    ///
    /// # Panics
    /// When the numbers of rows don't fit.
    #[track_caller]
    pub fn backward(&self, x: &Tensor, [high, low]: [&Tensor; 2], scale: &[f32]) -> Tensor {
        let classes = self.check(x);
        let (rows, x) = (self.ids.numel(), x.contiguous());
        let fits = [high.numel(), low.numel(), scale.len()] == [rows; 3];
        assert!(
            fits,
            "CrossEntropy: not one number for each of the {rows} of x {:?}",
            x.shape(),
            rows = counted(rows, "row")
        );
        let mut out = Tensor::for_overwrite(x.shape());
        if x.numel() > 0 {
            let (high, low) = (high.contiguous(), low.contiguous());
            let [x, high, low] = [&x, &high, &low].map(|t| t.as_slice().expect("contiguous"));
            Isa::current().dispatch(Backward { loss: *self, classes, x, high, low, scale, out: out.make_mut() });
        }
        out
    }

    /// How many classes there are.
    #[track_caller]
    fn check(&self, x: &Tensor) -> usize {
        let Some((&classes, rows)) = x.shape().split_last() else {
            panic!("cross_entropy: logits without axes have no classes; they are (…, classes)")
        };
        let ids = self.ids;
        assert!(
            ids.shape() == rows,
            "cross_entropy: ids {:?} don't fit logits {:?}: there is one for each row, so they are {rows:?}",
            ids.shape(),
            x.shape()
        );
        let strange = |&(_, &id): &(usize, &u32)| id as usize >= classes && self.ignore != Some(id);
        if let Some((at, id)) = ids.as_slice().iter().enumerate().find(strange) {
            let place = place(ids.shape(), at);
            panic!(
                "cross_entropy: id {id} at {place:?} is out of range for {counted_classes}; use ids below {classes}, or \
                 name it as ignore_index",
                counted_classes = counted(classes, "class")
            );
        }
        classes
    }
}

struct Backward<'a> {
    loss: CrossEntropy<'a>,
    classes: usize,
    x: &'a [f32],
    high: &'a [f32],
    low: &'a [f32],
    scale: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Backward { loss, classes, x, high, low, scale, out } = self;
        let rows = 4096usize.div_ceil(classes); // of a task: at least 16 KiB
        let work = 4 * x.len();
        let stream = fill_caches(2 * size_of::<f32>() * x.len());
        for_each_chunk(out, rows * classes, work, |i, part| {
            for (row, out) in (i * rows..).zip(part.chunks_exact_mut(classes)) {
                let id = loss.ids.as_slice()[row];
                if loss.ignore == Some(id) {
                    out.fill(0.0);
                    continue;
                }
                let share = scale[row] * (loss.smoothing / classes as f32);
                let f = Softmax { high: high[row], low: low[row], scale: scale[row], share };
                let x = &x[row * classes..][..classes];
                match stream {
                    true => stream_lanes(s, &f, [x], out),
                    false => map_lanes(s, &f, [x], out),
                }
                out[id as usize] -= scale[row] * (1.0 - loss.smoothing);
            }
        });
    }
}

/// scale·e^((x − high) − low) − share
struct Softmax {
    high: f32,
    low: f32,
    scale: f32,
    share: f32,
}

impl Lanes<1> for Softmax {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        let softmax = crate::simd::math::exp_below_89(s, (x - s.splat(self.high)) - s.splat(self.low));
        s.mul_add(softmax, s.splat(self.scale), -s.splat(self.share))
    }
}
