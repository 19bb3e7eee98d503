//! Einstein's sum of two tensors: every product of tensors, by the names of its axes.
//!
//! y is a sum of products, one factor from a and one from b, so the gradient of a factor is the same kind of sum: with
//! y(out) = Σ a(…)·b(…), da(…) = Σ dy(out)·b(…) over every axis that a lacks, which is `einsum("out,b->a")`. Two things
//! are left to do: an axis that only a has, and which was summed over, repeats the gradient; a letter that a has twice
//! puts it onto the diagonal.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use ndarray::{ArrayD, Dimension, IxDyn};
use std::collections::BTreeMap;

/// y = the sum of products that `spec` names.
#[derive(Clone, Debug)]
pub struct Einsum {
    /// Two inputs and an output, a letter for each axis: `"ij,jk->ik"`.
    pub spec: String,
}

impl Einsum {
    /// The letters of a, b and the output, of a spec that `forward` has checked.
    fn letters(&self) -> [Vec<char>; 3] {
        let (inputs, out) = self.spec.split_once("->").expect("forward checked it");
        let (a, b) = inputs.split_once(',').expect("forward checked it");
        [a, b, out].map(|part| part.chars().collect())
    }
}

impl Op for Einsum {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // a frozen b needs no a, and the other way round
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (Tensor::einsum(&self.spec, x[0], x[1]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let [a, b, out] = self.letters();
        let da = needs[0].then(|| gradient(dy, &out, kept.x(1), &b, kept.shape(0), &a));
        let db = needs[1].then(|| gradient(dy, &out, kept.x(0), &a, kept.shape(1), &b));
        [da, db].into()
    }
}

/// The gradient of the factor with axes `own` and this shape, given dy and the other factor.
fn gradient(dy: &Var, out: &[char], other: &Var, other_axes: &[char], shape: &[usize], own: &[char]) -> Var {
    let len = |letter: char| shape[own.iter().position(|&l| l == letter).expect("one of its letters")];
    let text = |letters: &[char]| letters.iter().collect::<String>();
    let mut once: Vec<char> = Vec::new();
    own.iter().for_each(|&letter| if !once.contains(&letter) { once.push(letter) });
    let reached = |letter: &char| out.contains(letter) || other_axes.contains(letter);
    let found: Vec<char> = once.iter().copied().filter(reached).collect();
    let mut g = Var::einsum(&format!("{},{}->{}", text(out), text(other_axes), text(&found)), dy, other);
    // Axes that were summed alone repeat the gradient.
    if found.len() < once.len() {
        let ones: Vec<usize> = once.iter().map(|&l| if found.contains(&l) { len(l) } else { 1 }).collect();
        g = g.reshape(ones).expand(once.iter().map(|&l| len(l)).collect::<Vec<_>>());
    }
    // A letter's second place: zero but where it equals the first.
    let mut axes = once;
    for (at, &letter) in own.iter().enumerate() {
        if axes.get(at) == Some(&letter) {
            continue;
        }
        let first = axes.iter().position(|&l| l == letter).expect("its first place");
        axes.insert(at, letter);
        let mut wider = g.shape().to_vec();
        wider.insert(at, 1);
        let mut eye = vec![1; axes.len()];
        (eye[first], eye[at]) = (len(letter), len(letter));
        g = &g.reshape(wider) * &Var::constant(Tensor::eye(len(letter)).reshape(eye));
    }
    g
}

impl Var {
    /// The sum of products that `spec` names: `"ij,jk->ik"` is y(i, k) = Σⱼ a(i, j)·b(j, k), the matrix product.
    /// Letters are axes: one that the output lacks is summed over, one that stands twice in an input walks along its
    /// diagonal.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let a = Var::input(tensor![[1., 2.], [3., 4.]]);
    /// let b = Var::input(tensor![[5., 6.], [7., 8.]]);
    /// assert_eq!(Var::einsum("ij,jk->ik", &a, &b).value(), a.matmul(&b).value());
    /// let dots = Var::einsum("bi,bi->b", &a, &b); // a product of each row of a with the same row of b
    /// assert_eq!(dots.value(), &tensor![17., 53.]);
    /// let grads = dots.sum_all().backward();
    /// assert_eq!((grads.of(&a), grads.of(&b)), (b.value(), a.value()));
    /// ```
    ///
    /// # Panics
    /// When `spec` is not two inputs and an output of letters, or doesn't fit the shapes.
    #[track_caller]
    pub fn einsum(spec: &str, a: &Var, b: &Var) -> Var {
        apply(Einsum { spec: spec.to_string() }, [a, b])
    }
}

/// The length of each letter.
fn lengths(letters: &[Vec<char>; 3], shapes: [&[usize]; 2]) -> BTreeMap<char, usize> {
    let pairs = letters.iter().zip(shapes).flat_map(|(letters, shape)| letters.iter().copied().zip(shape.iter().copied()));
    pairs.collect()
}

/// The sums over each input's own letters first, which may be infinite or NaN by themselves; then one loop over all
/// others.
fn reference(op: &Einsum, x: &[ArrayD<f64>]) -> ArrayD<f64> {
    let [a, b, out] = op.letters();
    let (a, a_axes) = own_sums(&x[0], &a, |letter| b.contains(&letter) || out.contains(&letter));
    let (b, b_axes) = own_sums(&x[1], &b, |letter| a_axes.contains(&letter) || out.contains(&letter));
    let letters = [a_axes, b_axes, out];
    let lengths = lengths(&letters, [a.shape(), b.shape()]);
    let mut y = ArrayD::zeros(letters[2].iter().map(|l| lengths[l]).collect::<Vec<_>>());
    for_each_index(&lengths, |at| {
        let [ia, ib, iy] = letters.each_ref().map(|letters| index(letters, at));
        y[iy] += a[ia] * b[ib];
    });
    y
}

/// x summed over the letters that stand nowhere else, on the diagonal of those that it has twice; and the letters that
/// stay.
fn own_sums(x: &ArrayD<f64>, letters: &[char], elsewhere: impl Fn(char) -> bool) -> (ArrayD<f64>, Vec<char>) {
    let lengths: BTreeMap<char, usize> = letters.iter().copied().zip(x.shape().iter().copied()).collect();
    let stay: Vec<char> = lengths.keys().copied().filter(|&l| elsewhere(l)).collect();
    let mut y = ArrayD::zeros(stay.iter().map(|l| lengths[l]).collect::<Vec<_>>());
    for_each_index(&lengths, |at| y[index(&stay, at)] += x[index(letters, at)]);
    (y, stay)
}

fn for_each_index(lengths: &BTreeMap<char, usize>, mut f: impl FnMut(&BTreeMap<char, usize>)) {
    for at in ndarray::indices(lengths.values().copied().collect::<Vec<_>>()) {
        f(&lengths.keys().copied().zip(at.slice().iter().copied()).collect());
    }
}

fn index(letters: &[char], at: &BTreeMap<char, usize>) -> IxDyn {
    IxDyn(&letters.iter().map(|l| at[l]).collect::<Vec<_>>())
}

/// Every role that an axis can have, and some in twos.
const SPECS: [&str; 14] = [
    "ij,jk->ik", "bij,bjk->bik", "bij,kj->kbi", "ij,ij->", "i,j->ji", "bij,b->jb", "bil,bjl->lij", "ijk,k->j", "ij,ji->ij",
    "bhid,bhjd->bhij", "ijk,kjl->il", "iij,jk->ik", "ij,k->", "iji,ij->i",
];

/// What the registry knows of einsum.
pub static INFO: OpInfo<Einsum> = OpInfo {
    name: "einsum",
    formula: "y[out] = Σ a[…] · b[…] over the letters that the output lacks",
    gradient: "da = einsum(\"out,b->a\", dy, b), db = einsum(\"out,a->b\", dy, a)",
    source: "Einstein 1916, Die Grundlage der allgemeinen Relativitätstheorie, §5; NumPy, einsum",
    reference,
    sample: |d| {
        let spec = SPECS[(7 * d.dim() + 3 * d.dim() + d.dim()) % SPECS.len()]; // reaches all, be the dimensions 1 to 3
        let op = Einsum { spec: spec.to_string() };
        let [a, b, _] = op.letters();
        // A long axis or two beside short ones: all letters together make the loop of the reference.
        let mut room = 1 << 16;
        let mut lengths = BTreeMap::new();
        for &letter in a.iter().chain(&b) {
            lengths.entry(letter).or_insert_with(|| {
                let dim = d.dim().min(room);
                room /= dim.max(1);
                dim
            });
        }
        let shape = |letters: &[char]| letters.iter().map(|l| lengths[l]).collect::<Vec<_>>();
        Sample::new(op, [Input::new(shape(&a)), Input::new(shape(&b))])
    },
    standard: |_| {
        let op = Einsum { spec: "bthd,bshd->bhts".to_string() }; // the scores of attention
        Sample::new(op, [Input::new([4, 256, 4, 64]), Input::new([4, 256, 4, 64])])
    },
    wrong: &[
        Wrong {
            call: || drop(of("ij,jk", [2, 3], [3, 4])),
            says: "einsum: \"ij,jk\" has no \"->\"; write the output's axes behind one, as in \"ij,jk->ik\"",
        },
        Wrong {
            call: || drop(of("ij->ji", [2, 3], [3, 4])),
            says: "einsum: \"ij->ji\" names 1 input; it takes two, as in \"ij,jk->ik\"",
        },
        Wrong {
            call: || drop(of("i1,1k->ik", [2, 3], [3, 4])),
            says: "einsum: in \"i1,1k->ik\", '1' at place 1 names no axis; axes are letters, a to z and A to Z",
        },
        Wrong {
            call: || drop(of("ij,jk->il", [2, 3], [3, 4])),
            says: "einsum: in \"ij,jk->il\", the output's 'l' at place 8 is an axis of neither input",
        },
        Wrong {
            call: || drop(of("ij,jk->ii", [2, 3], [3, 4])),
            says: "einsum: in \"ij,jk->ii\", 'i' at place 8 stands in the output a second time; once is enough",
        },
        Wrong {
            call: || drop(of("bij,jk->ik", [2, 3], [3, 4])),
            says: "einsum: \"bij,jk->ik\" names 3 axes of its first input, whose shape [2, 3] has 2; one letter for each",
        },
        Wrong {
            call: || drop(of("ij,jk->ik", [2, 3], [4, 5])),
            says: "einsum: axis 'j' of \"ij,jk->ik\" is 3 and 4 long, for inputs of shapes [2, 3] and [4, 5]; one letter, one length",
        },
    ],
    // n products, each rounded, and added in any order
    tolerance: Tolerance::Proven(|op, x| {
        let letters = op.letters();
        let summed = lengths(&letters, [x[0].shape(), x[1].shape()]).into_iter().filter(|(l, _)| !letters[2].contains(l));
        let n = summed.map(|(_, len)| len as f64).product::<f64>();
        reference(op, &[x[0].mapv(f64::abs), x[1].mapv(f64::abs)]) * gamma(n) + n * 2f64.powi(-149)
    }),
    cost: |op, shapes| {
        let letters = op.letters();
        let lengths = lengths(&letters, [shapes[0], shapes[1]]);
        let count = |letters: &[char]| letters.iter().map(|l| lengths[l] as u64).product::<u64>();
        let all: u64 = lengths.values().map(|&len| len as u64).product();
        let out = count(&letters[2]);
        // A product for each combination of all letters, and an addition unless it is the first of its sum.
        Cost { flops: 2 * all - out.min(all), bytes: 4 * (count(&letters[0]) + count(&letters[1]) + out) }
    },
    derivatives: Derivatives::Any,
};

fn of(spec: &str, a: [usize; 2], b: [usize; 2]) -> Var {
    Var::einsum(spec, &Var::constant(Tensor::ones(a)), &Var::constant(Tensor::ones(b)))
}
