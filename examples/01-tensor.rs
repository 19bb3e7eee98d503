//! An array: numbers in one row of memory, and a way of reading them.
//!
//! cargo run --release -p glassbox-benches --example 01-tensor

use glassbox_tensor::{Tensor, copied_bytes, tensor};

fn main() {
    // Twelve numbers in a row. A shape says how the row is read: here as 3 rows of 4.
    let x = Tensor::arange(12).reshape([3, 4]);
    println!("x has the shape {:?} and the strides {:?}:\n{x}\n", x.shape(), x.strides());

    // Element (i, j) lies at i · stride₀ + j · stride₁. That is all that "two-dimensional" means.
    let memory = x.as_slice().expect("x is contiguous");
    let [rows, columns] = [x.strides()[0], x.strides()[1]];
    for (i, j) in [(0, 0), (1, 2), (2, 3)] {
        assert_eq!(x.at([i, j]), memory[i * rows + j * columns]);
    }

    // So the transpose only exchanges two strides, and a slice only moves the start: they are views, and copy nothing.
    let before = copied_bytes();
    let transposed = x.t(); // (4, 3)
    let middle = x.index((1.., 1..3)); // (2, 2): rows from 1 on, columns 1 and 2
    println!("x.t() has the strides {:?}:\n{transposed}\n", transposed.strides());
    println!("rows from 1 on, columns 1 and 2:\n{middle}\n");
    assert!(transposed.shares_memory_with(&x) && middle.shares_memory_with(&x));
    assert_eq!(copied_bytes(), before);

    // Writing is another matter. Whoever writes into shared memory gets a copy first, so that no other view changes.
    let mut mine = x.clone(); // shared until somebody writes
    mine.make_mut()[0] = 99.0;
    println!("after writing 99 into a clone, x begins with {} and the clone with {}", x.at([0, 0]), mine.at([0, 0]));
    println!("that copied {} bytes: 12 numbers of 4\n", copied_bytes() - before);
    assert_eq!((x.at([0, 0]), mine.at([0, 0]), copied_bytes() - before), (0.0, 99.0, 48));

    // Arithmetic works element by element; a reduction names the axes that go away.
    println!("x² =\n{}\n", &x * &x);
    println!("the sum over axis 0, down the columns: {}", x.sum(&[0], false));
    println!("the sum over axis 1, along the rows:   {}", x.sum(&[1], false));
    println!("the mean of all:                       {}\n", x.mean(&[0, 1], false).item());
    assert_eq!(x.sum(&[0], false), tensor![12., 15., 18., 21.]);
    assert_eq!(x.sum(&[1], true).shape(), [3, 1]); // `true` keeps the axis, with length 1

    // The operation that everything in this house is made of: C(i, j) = Σₖ A(i, k) · B(k, j).
    let w = tensor![[1., 0.], [0., 1.], [1., 0.], [0., 1.]]; // (4, 2)
    let y = x.matmul(&w); // (3, 4) × (4, 2) -> (3, 2)
    println!("x × w, which adds columns 0 and 2, and columns 1 and 3:\n{y}\n");
    for (i, j) in [(0, 0), (1, 1), (2, 0)] {
        let sum: f32 = (0..4).map(|k| x.at([i, k]) * w.at([k, j])).sum();
        assert_eq!(y.at([i, j]), sum);
    }

    // Four axes, as pictures have them: (N, C, H, W). Only the last two take part in a product; the others count matrices.
    let pictures = Tensor::arange(2 * 3 * 4 * 4).reshape([2, 3, 4, 4]);
    let doubled = pictures.matmul(&(&Tensor::eye(4) * 2.0)); // (2, 3, 4, 4) × (4, 4): 2 · 3 products
    assert_eq!(doubled, &pictures * 2.0);
    let channels_last = pictures.permute(&[0, 2, 3, 1]); // (N, C, H, W) -> (N, H, W, C), a view again
    println!("(N, C, H, W) = {:?} seen as (N, H, W, C) = {:?}", pictures.shape(), channels_last.shape());
    println!("strides {:?} and {:?}", pictures.strides(), channels_last.strides());
}
