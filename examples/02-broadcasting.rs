//! Broadcasting: how arrays of different shapes meet.
//!
//! The rule: write the shapes under each other, aligned at the right. Two lengths fit if they are equal, or if one of them
//! is 1 or missing; that one is repeated. Nothing is copied: a repeated axis has the stride 0.
//!
//! cargo run --release -p glassbox-benches --example 02-broadcasting

use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close, tensor};

fn main() {
    let x = tensor![[1., 2., 3.], [4., 5., 6.]]; //   (2, 3)
    let row = tensor![10., 20., 30.]; //                 (3)   repeated for each of the 2 rows
    let column = tensor![[100.], [200.]]; //          (2, 1)   repeated for each of the 3 columns
    println!("x + row:\n{}\n", &x + &row);
    println!("x + column:\n{}\n", &x + &column);
    println!("row + column, where both are repeated:\n{}\n", &row + &column);
    assert_eq!(&row + &column, tensor![[110., 120., 130.], [210., 220., 230.]]);
    assert_eq!(row.expand([2, 3]).strides(), [0, 1]); // the next row is the same row

    // Standardising: each column less its mean, over its standard deviation. `true` keeps the axis that was summed, so
    // that (1000, 3) meets (1, 3).
    let data = &(&Tensor::randn([1000, 3], Key::new(1)) * &tensor![1., 5., 0.2]) + &tensor![0., -3., 7.];
    let (std, mean) = data.std_mean(&[0], 0, true); // (1, 3), (1, 3)
    let standard = &(&data - &mean) / &std; // (1000, 3)
    println!("means {mean} and deviations {std} of the columns before");
    let (std, mean) = standard.std_mean(&[0], 0, false);
    println!("and after: means {mean}, deviations {std}\n");
    assert_close!(mean, Tensor::zeros([3]), 0.0, 1e-4);
    assert_close!(std, Tensor::ones([3]), 1e-4, 0.0);

    // All distances between 4 points and 3 centres, without a loop: (4, 1, 2) − (1, 3, 2) -> (4, 3, 2), summed over the last.
    let points = tensor![[0., 0.], [1., 1.], [4., 3.], [5., 5.]]; // (4, 2)
    let centres = tensor![[0., 1.], [4., 4.], [9., 9.]]; // (3, 2)
    let between = &points.unsqueeze(1) - &centres.unsqueeze(0); // (4, 3, 2)
    let distances = (&between * &between).sum(&[2], false).sqrt(); // (4, 3)
    println!("distances of 4 points from 3 centres:\n{distances}");
    println!("so the nearest centres are {:?}\n", distances.argmin(1, false).as_slice());
    assert_eq!(distances.argmin(1, false).as_slice(), [0, 0, 1, 1]);

    // The same from ‖p − c‖² = ‖p‖² − 2·p·c + ‖c‖²: a product of matrices, and two broadcasts around it. For many points it
    // is faster, since (4, 3, 2) never exists; and less exact where p is near c, since large numbers cancel.
    let squares = |x: &Tensor| (x * x).sum(&[1], true); // (n, 2) -> (n, 1)
    let squared = &(&squares(&points) + &squares(&centres).t()) - &(2.0 * &points.matmul(&centres.t())); // (4, 3)
    assert_close!(squared.sqrt(), distances);

    // What was repeated on the way forward is summed on the way back: if y = x + row, then row has helped to make every row
    // of y, so its derivative is dy summed over the rows. `sum_to` is that: to the shape that was repeated.
    let dy = tensor![[1., 2., 3.], [10., 20., 30.]]; // (2, 3), like x + row
    println!("dy summed to the shape of row: {}", dy.sum_to(row.shape()));
    println!("dy summed to the shape of column:\n{}\n", dy.sum_to(column.shape()));
    assert_eq!(dy.sum_to(&[3]), tensor![11., 22., 33.]);
    assert_eq!(dy.sum_to(&[2, 1]), tensor![[6.], [60.]]);

    // Shapes that don't fit are a mistake of the program, which ends at this line with one sentence. Here it is caught.
    std::panic::set_hook(Box::new(|_| ())); // the sentence is printed below and not twice
    let sentence = std::panic::catch_unwind(|| &x + &tensor![1., 2.]).expect_err("(2, 3) and (2) don't fit");
    println!("x + [1, 2] says: {}", sentence.downcast::<String>().expect("a sentence"));
}
