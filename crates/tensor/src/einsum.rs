//! Einstein's sum of two operands: every product of tensors, by the names of its axes.
//!
//! An axis has one of these roles, by where its letter stands:
//!
//! | in a | in b | in the output | role | becomes |
//! | --- | --- | --- | --- | --- |
//! | yes | yes | yes | batch | a batch axis of `matmul` |
//! | yes | yes | no | contracted | `matmul`'s inner axis |
//! | yes | no | yes | free | rows (columns, for b's) |
//! | yes | no | no | summed alone | a sum of its operand, beforehand |
//!
//! A letter that stands twice in one operand picks its diagonal. With no contracted axis the result is a product with
//! broadcasting; with no free axis it is one too, summed afterwards; everything else is one `matmul`, whose operands
//! are permuted views. Several axes in one role are merged, which copies an operand only where its layout doesn't allow
//! it.

use crate::counted;
use crate::shape::numel;
use crate::tensor::Tensor;

/// The letters of the axes.
struct Spec<'a> {
    text: &'a str,
    a: Vec<char>,
    b: Vec<char>,
    out: Vec<char>,
}

impl<'a> Spec<'a> {
    #[track_caller]
    fn parse(text: &'a str) -> Self {
        let Some((inputs, out)) = text.split_once("->") else {
            panic!("einsum: \"{text}\" has no \"->\"; write the output's axes behind one, as in \"ij,jk->ik\"");
        };
        let count = inputs.split(',').count();
        assert!(
            count == 2,
            "einsum: \"{text}\" names {count}; it takes two, as in \"ij,jk->ik\"",
            count = counted(count, "input")
        );
        let (a, b) = inputs.split_once(',').expect("counted above");
        for (at, letter) in text.chars().enumerate() {
            let known = letter.is_ascii_alphabetic() || ",->".contains(letter);
            assert!(
                known,
                "einsum: in \"{text}\", '{letter}' at place {at} names no axis; axes are letters, a to z and A to Z"
            );
        }
        let first = text.chars().count() - out.chars().count();
        for (at, letter) in out.chars().enumerate() {
            let place = first + at;
            assert!(
                a.contains(letter) || b.contains(letter),
                "einsum: in \"{text}\", the output's '{letter}' at place {place} is an axis of neither input"
            );
            assert!(
                !out.chars().take(at).any(|before| before == letter),
                "einsum: in \"{text}\", '{letter}' at place {place} stands in the output a second time; once is enough"
            );
        }
        let letters = |part: &str| part.chars().collect();
        Spec { text, a: letters(a), b: letters(b), out: letters(out) }
    }

    /// Each letter has one length wherever it stands.
    #[track_caller]
    fn check(&self, a: &[usize], b: &[usize]) {
        let text = self.text;
        for (which, letters, shape) in [("first", &self.a, a), ("second", &self.b, b)] {
            let (names, axes) = (letters.len(), shape.len());
            assert!(
                names == axes,
                "einsum: \"{text}\" names {names} of its {which} input, whose shape {shape:?} has {axes}; one \
                 letter for each",
                names = counted(names, "axis")
            );
        }
        let all = || self.a.iter().zip(a).chain(self.b.iter().zip(b));
        for (letter, dim) in all() {
            let (_, other) = all().find(|(l, _)| *l == letter).expect("this one at least");
            assert!(
                dim == other,
                "einsum: axis '{letter}' of \"{text}\" is {other} and {dim} long, for inputs of shapes {a:?} and {b:?}; \
                 one letter, one length"
            );
        }
    }
}

/// An operand with a letter for each of its axes.
struct Operand {
    x: Tensor,
    axes: Vec<char>,
}

impl Operand {
    /// Repeated letters become diagonals, letters that stand nowhere else are summed.
    fn new(x: &Tensor, letters: &[char], elsewhere: impl Fn(char) -> bool) -> Operand {
        let (mut x, mut axes) = (x.clone(), Vec::new());
        for &letter in letters {
            match axes.iter().position(|&seen| seen == letter) {
                Some(first) => x = x.diagonal(first, axes.len()),
                None => axes.push(letter),
            }
        }
        let alone: Vec<isize> = (0..axes.len()).filter(|&i| !elsewhere(axes[i])).map(|i| i as isize).collect();
        if !alone.is_empty() {
            x = x.sum(&alone, false);
            axes.retain(|&letter| elsewhere(letter));
        }
        Operand { x, axes }
    }

    fn has(&self, letter: char) -> bool {
        self.axes.contains(&letter)
    }

    fn len(&self, letter: char) -> usize {
        self.x.shape()[self.axes.iter().position(|&axis| axis == letter).expect("one of its letters")]
    }

    fn lens(&self, letters: &[char]) -> Vec<usize> {
        letters.iter().map(|&letter| self.len(letter)).collect()
    }

    /// The axes in the order of `letters`.
    fn permuted(&self, letters: &[char]) -> Tensor {
        let place = |letter: &char| self.axes.iter().position(|axis| axis == letter).expect("one of its letters");
        self.x.permute(&letters.iter().map(place).collect::<Vec<_>>())
    }

    /// The axes in the order of `letters`, with one of length 1 for each letter that it doesn't have.
    fn spread(&self, letters: &[char]) -> Tensor {
        let own: Vec<char> = letters.iter().copied().filter(|&letter| self.has(letter)).collect();
        let shape: Vec<usize> = letters.iter().map(|&l| if self.has(l) { self.len(l) } else { 1 }).collect();
        self.permuted(&own).reshape(shape)
    }

    /// (batch…, first, second), each of the last two merged from several axes.
    fn matrices(&self, batch: &[char], first: &[char], second: &[char]) -> Tensor {
        let mut shape = self.lens(batch);
        shape.extend([numel(&self.lens(first)), numel(&self.lens(second))]);
        self.permuted(&[batch, first, second].concat()).reshape(shape)
    }
}

impl Tensor {
    /// The sum of products that `spec` names: `"ij,jk->ik"` is y(i, k) = Σⱼ a(i, j)·b(j, k), the matrix product.
    ///
    /// Letters are axes. One that the output lacks is summed over, one that stands twice in an input walks along its
    /// diagonal. Each element is within γₙ·Σ|a·b| of the exact sum of its n products (γₙ = n·u/(1 − n·u), u = 2⁻²⁴).
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// let (a, b) = (tensor![[1., 2.], [3., 4.]], tensor![[1., 0.], [1., 1.]]);
    /// assert_eq!(Tensor::einsum("ij,jk->ik", &a, &b), a.matmul(&b));
    /// assert_eq!(Tensor::einsum("ij,ij->", &a, &b).item(), 8.0); // 1 + 3 + 4
    /// assert_eq!(Tensor::einsum("ii,j->ij", &a, &tensor![1., 10.]), tensor![[1., 10.], [4., 40.]]); // the diagonal is 1, 4
    /// ```
    ///
    /// # Panics
    /// When `spec` is not two inputs and an output of letters, or doesn't fit the shapes.
    #[track_caller]
    pub fn einsum(spec: &str, a: &Tensor, b: &Tensor) -> Tensor {
        let spec = Spec::parse(spec);
        spec.check(a.shape(), b.shape());
        let out = &spec.out;
        let a = Operand::new(a, &spec.a, |letter| spec.b.contains(&letter) || out.contains(&letter));
        let b = Operand::new(b, &spec.b, |letter| spec.a.contains(&letter) || out.contains(&letter));
        let pick = |from: &[char], f: &dyn Fn(char) -> bool| from.iter().copied().filter(|&l| f(l)).collect::<Vec<_>>();
        // Merged axes keep the order that they have in the larger operand: it is the one not to copy.
        let larger = if a.x.numel() >= b.x.numel() { &a } else { &b };
        let contracted = pick(&larger.axes, &|letter| a.has(letter) && b.has(letter) && !out.contains(&letter));
        let rows = pick(&a.axes, &|letter| !b.has(letter));
        let cols = pick(&b.axes, &|letter| !a.has(letter));
        if contracted.is_empty() {
            return &a.spread(out) * &b.spread(out);
        }
        if rows.is_empty() && cols.is_empty() {
            let axes: Vec<isize> = (out.len()..out.len() + contracted.len()).map(|axis| axis as isize).collect();
            let order = [&out[..], &contracted].concat();
            return (&a.permuted(&order) * &b.permuted(&order)).sum(&axes, false);
        }
        let batch = pick(out, &|letter| a.has(letter) && b.has(letter));
        let y = a.matrices(&batch, &rows, &contracted).matmul(&b.matrices(&batch, &contracted, &cols));
        let shape = [a.lens(&batch), a.lens(&rows), b.lens(&cols)].concat();
        let y = Operand { x: y.reshape(shape), axes: [batch, rows, cols].concat() };
        y.permuted(out)
    }
}
