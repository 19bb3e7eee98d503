//! What NumPy prints, we print: every expected text was printed by NumPy 2.4 from the same float32 array, with
//! `np.set_printoptions(precision=4)` and all other options as they come.

use glassbox_tensor::{Tensor, tensor};

fn assert_prints(x: &Tensor, lines: &[&str]) {
    let (have, want) = (x.to_string(), lines.join("\n"));
    assert!(have == want, "we print\n{have}\nNumPy prints\n{want}");
}

#[test]
fn numbers_with_different_digits_are_padded_with_spaces() {
    assert_prints(&tensor![[1.5, -2.], [3., 40.25]], &["[[ 1.5  -2.  ]", " [ 3.   40.25]]"]);
}

#[test]
fn at_most_four_digits_are_shown() {
    assert_prints(
        &tensor![[0.1], [0.30001], [0.12345], [-0.03125]],
        &["[[ 0.1   ]", " [ 0.3   ]", " [ 0.1235]", " [-0.0312]]"],
    );
}

#[test]
fn whole_numbers_end_with_a_point() {
    assert_prints(&Tensor::eye(3), &["[[1. 0. 0.]", " [0. 1. 0.]", " [0. 0. 1.]]"]);
}

#[test]
fn a_range_beyond_a_thousand_is_scientific() {
    assert_prints(&tensor![0.001, 10.], &["[1.e-03 1.e+01]"]);
}

#[test]
fn a_range_within_a_thousand_is_not() {
    assert_prints(&tensor![0.01, 9.], &["[0.01 9.  ]"]);
}

#[test]
fn tiny_and_huge_numbers_are_scientific() {
    assert_prints(
        &tensor![1.2345678e-7, -3.5e12, 0., f32::INFINITY],
        &["[ 1.2346e-07 -3.5000e+12  0.0000e+00         inf]"],
    );
}

#[test]
fn a_million_is_more_than_f32_shows_digit_by_digit() {
    assert_prints(&tensor![1234567., 1e6], &["[1.2346e+06 1.0000e+06]"]);
}

#[test]
fn special_values_are_aligned() {
    assert_prints(&tensor![-0., f32::NAN, f32::INFINITY, 1.25], &["[-0.     nan   inf  1.25]"]);
}

#[test]
fn minus_infinity_widens_the_column() {
    assert_prints(&tensor![f32::NEG_INFINITY, 1.25, -10.], &["[  -inf   1.25 -10.  ]"]);
}

#[test]
fn special_values_alone() {
    assert_prints(&tensor![f32::NAN, f32::NAN], &["[nan nan]"]);
}

#[test]
fn long_rows_are_wrapped() {
    assert_prints(
        &(&Tensor::arange(24) * 41.7),
        &[
            "[  0.   41.7  83.4 125.1 166.8 208.5 250.2 291.9 333.6 375.3 417.  458.7",
            " 500.4 542.1 583.8 625.5 667.2 708.9 750.6 792.3 834.  875.7 917.4 959.1]",
        ],
    );
}

#[test]
fn rows_of_a_matrix_are_wrapped_within_its_brackets() {
    assert_prints(
        &(&Tensor::arange(40) * 0.37).reshape([2, 20]),
        &[
            "[[ 0.    0.37  0.74  1.11  1.48  1.85  2.22  2.59  2.96  3.33  3.7   4.07",
            "   4.44  4.81  5.18  5.55  5.92  6.29  6.66  7.03]",
            " [ 7.4   7.77  8.14  8.51  8.88  9.25  9.62  9.99 10.36 10.73 11.1  11.47",
            "  11.84 12.21 12.58 12.95 13.32 13.69 14.06 14.43]]",
        ],
    );
}

#[test]
fn matrices_of_a_stack_are_separated() {
    assert_prints(
        &Tensor::arange(12).reshape([2, 2, 3]),
        &["[[[ 0.  1.  2.]", "  [ 3.  4.  5.]]", "", " [[ 6.  7.  8.]", "  [ 9. 10. 11.]]]"],
    );
}

#[test]
fn stacks_of_stacks_are_separated_further() {
    assert_prints(
        &Tensor::arange(8).reshape([2, 2, 1, 2]),
        &["[[[[0. 1.]]", "", "  [[2. 3.]]]", "", "", " [[[4. 5.]]", "", "  [[6. 7.]]]]"],
    );
}

#[test]
fn long_axes_are_elided() {
    assert_prints(
        &Tensor::arange(10_000).reshape([100, 100]),
        &[
            "[[0.000e+00 1.000e+00 2.000e+00 ... 9.700e+01 9.800e+01 9.900e+01]",
            " [1.000e+02 1.010e+02 1.020e+02 ... 1.970e+02 1.980e+02 1.990e+02]",
            " [2.000e+02 2.010e+02 2.020e+02 ... 2.970e+02 2.980e+02 2.990e+02]",
            " ...",
            " [9.700e+03 9.701e+03 9.702e+03 ... 9.797e+03 9.798e+03 9.799e+03]",
            " [9.800e+03 9.801e+03 9.802e+03 ... 9.897e+03 9.898e+03 9.899e+03]",
            " [9.900e+03 9.901e+03 9.902e+03 ... 9.997e+03 9.998e+03 9.999e+03]]",
        ],
    );
}

#[test]
fn every_long_axis_is_elided() {
    assert_prints(
        &(&Tensor::arange(1600) / 7.0).reshape([2, 8, 100]),
        &[
            "[[[0.0000e+00 1.4286e-01 2.8571e-01 ... 1.3857e+01 1.4000e+01 1.4143e+01]",
            "  [1.4286e+01 1.4429e+01 1.4571e+01 ... 2.8143e+01 2.8286e+01 2.8429e+01]",
            "  [2.8571e+01 2.8714e+01 2.8857e+01 ... 4.2429e+01 4.2571e+01 4.2714e+01]",
            "  ...",
            "  [7.1429e+01 7.1571e+01 7.1714e+01 ... 8.5286e+01 8.5429e+01 8.5571e+01]",
            "  [8.5714e+01 8.5857e+01 8.6000e+01 ... 9.9571e+01 9.9714e+01 9.9857e+01]",
            "  [1.0000e+02 1.0014e+02 1.0029e+02 ... 1.1386e+02 1.1400e+02 1.1414e+02]]",
            "",
            " [[1.1429e+02 1.1443e+02 1.1457e+02 ... 1.2814e+02 1.2829e+02 1.2843e+02]",
            "  [1.2857e+02 1.2871e+02 1.2886e+02 ... 1.4243e+02 1.4257e+02 1.4271e+02]",
            "  [1.4286e+02 1.4300e+02 1.4314e+02 ... 1.5671e+02 1.5686e+02 1.5700e+02]",
            "  ...",
            "  [1.8571e+02 1.8586e+02 1.8600e+02 ... 1.9957e+02 1.9971e+02 1.9986e+02]",
            "  [2.0000e+02 2.0014e+02 2.0029e+02 ... 2.1386e+02 2.1400e+02 2.1414e+02]",
            "  [2.1429e+02 2.1443e+02 2.1457e+02 ... 2.2814e+02 2.2829e+02 2.2843e+02]]]",
        ],
    );
}

#[test]
fn a_short_axis_beside_a_long_one_is_shown_whole() {
    assert_prints(&Tensor::full([1, 1001], 0.5), &["[[0.5 0.5 0.5 ... 0.5 0.5 0.5]]"]);
}

#[test]
fn a_thousand_elements_are_not_yet_many() {
    assert_prints(
        &Tensor::zeros([1000]).narrow(0, 0, 40),
        &[
            "[0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0.",
            " 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0.]",
        ],
    );
}

#[test]
fn nothing_is_a_pair_of_brackets() {
    assert_prints(&Tensor::zeros([2, 0, 3]), &["[]"]);
}

#[test]
fn a_transposed_view_prints_what_it_shows() {
    assert_prints(&Tensor::arange(6).reshape([2, 3]).t(), &["[[0. 3.]", " [1. 4.]", " [2. 5.]]"]);
}

#[test]
fn a_number_without_axes_prints_all_its_digits() {
    let cases = [
        (2.5, "2.5"),
        (2.0, "2.0"),
        (0.1234567, "0.1234567"),
        (-0.0, "-0.0"),
        (1e-06, "1e-06"),
        (0.0001, "1e-04"),
        (0.00012345678, "0.00012345678"),
        (999999.0, "999999.0"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (3e20, "3e+20"),
        (f32::NAN, "nan"),
        (f32::NEG_INFINITY, "-inf"),
    ];
    for (x, text) in cases {
        assert_eq!(Tensor::scalar(x).to_string(), text);
    }
}

#[test]
fn debug_output_says_the_shape_first() {
    assert_eq!(format!("{:?}", tensor![[1., 2.]]), "Tensor [1, 2]\n[[1. 2.]]");
}
