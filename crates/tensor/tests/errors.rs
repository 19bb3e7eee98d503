//! A wrong shape panics at the line that asked for it, with one sentence which says what was wrong and what would be right.

use glassbox_tensor::gemm::{Activation, Epilogue};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::{Lanes, Simd, UpdateLanes};
use glassbox_tensor::{Ids, Tensor, assert_close, map_inplace, map_n, tensor, update_n};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, UnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

/// Asserts that `f`, which stands in the lines after the call, panics there with this sentence.
#[track_caller]
fn refuses<R>(sentence: &str, f: impl FnOnce() -> R + UnwindSafe) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = take_hook();
        set_hook(Box::new(move |info| {
            let place = info.location().map(|at| (at.file().to_owned(), at.line()));
            // Outside `refuses` nothing waits for a place, and the panic is a failed test: the usual hook prints it.
            let expected = PLACE.with_borrow_mut(|slot| slot.as_mut().map(|slot| *slot = place.unwrap_or_default()));
            if expected.is_none() {
                default(info);
            }
        }));
    });
    PLACE.set(Some(Default::default()));
    let result = catch_unwind(f);
    let (file, line) = PLACE.take().expect("set above");
    let panic = result.err().unwrap_or_else(|| panic!("no panic, where one was expected with: {sentence}"));
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert_eq!(text, Some(sentence));
    let here = Location::caller();
    let inside = (here.line()..here.line() + 4).contains(&line);
    assert!(file == file!() && inside, "the panic of '{sentence}' names {file}:{line}, not a line from {here} on");
}

struct Add3;
impl Lanes<3> for Add3 {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [a, b, c]: [S::F; 3]) -> S::F {
        a + b + c
    }
}

struct Accumulate;
impl UpdateLanes<1, 2> for Accumulate {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [a]: [S::F; 1], [b, c]: [S::F; 2]) -> [S::F; 1] {
        [a + b + c]
    }
}

#[track_caller]
fn x(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape)
}

#[test]
fn constructors_count_their_elements() {
    refuses("from_slice: 3 elements for shape [2, 2], which holds 4", || Tensor::from_slice(&[1.; 3], [2, 2]));
    refuses("from_vec: 5 elements for shape [], which holds 1", || Tensor::from_vec(vec![0.0; 5], []));
    refuses("Ids::from_vec: 2 elements for shape [3], which holds 3", || Ids::from_vec(vec![1, 2], [3]));
    refuses("shape [1, 1, 1, 1, 1, 1, 1, 1, 1] has 9 axes; a tensor has at most 8", || Tensor::ones([1; 9]));
}

#[test]
fn sizes_beyond_all_memory_are_refused_before_anything_is_allocated() {
    let huge = usize::MAX;
    refuses(&format!("a tensor of shape [{huge}, 2] is beyond any machine's memory"), || x(&[huge, 2]));
    refuses(&format!("a tensor of {huge} elements is beyond any machine's memory"), || x(&[huge]));
    refuses(&format!("a tensor of shape [{huge}, {huge}] is beyond any machine's memory"), || {
        Tensor::scalar(1.0).expand([huge, huge])
    });
}

#[test]
fn views_name_the_shape_and_the_axis() {
    refuses("reshape: [2, 3] has 6 elements, but [4] has 4", || x(&[2, 3]).reshape([4]));
    refuses("permute: [0, 0] must name each axis of shape [2, 3] once", || x(&[2, 3]).permute(&[0, 0]));
    refuses("permute: [1] must name each axis of shape [2, 3] once", || x(&[2, 3]).permute(&[1]));
    refuses("t: shape [3] has fewer than two axes to exchange", || x(&[3]).t());
    refuses("narrow: 2 entries from 2 on axis 1 of shape [2, 3], which has 3", || x(&[2, 3]).narrow(1, 2, 2));
    refuses(&format!("narrow: {} entries from 1 on axis 0 of shape [2], which has 2", usize::MAX), || {
        x(&[2]).narrow(0, 1, usize::MAX)
    });
    refuses("narrow: axis 2 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).narrow(2, 0, 1));
    refuses("select: entry 3 on axis -1 of shape [2, 3], which has 3", || x(&[2, 3]).select(-1, 3));
    refuses("select: axis 0 is out of range for a tensor without axes; reshape it to [1] first", || {
        Tensor::scalar(1.0).select(0, 0)
    });
    refuses("unsqueeze: a new axis 3 for a tensor with 2 axes; use -3 to 2", || x(&[2, 3]).unsqueeze(3));
    refuses("shape [1, 1, 1, 1, 1, 1, 1, 1] has 8 axes already; a tensor has at most 8", || x(&[1; 8]).unsqueeze(0));
    refuses("expand: [2, 3] can't be repeated to [4, 3]; only axes of length 1 repeat", || x(&[2, 3]).expand([4, 3]));
    refuses("expand: [2, 3] can't be repeated to [3]; only axes of length 1 repeat", || x(&[2, 3]).expand([3]));
}

#[test]
fn elements_must_exist() {
    refuses("at: index [2, 0] lies outside shape [2, 3]", || x(&[2, 3]).at([2, 0]));
    refuses("at: index [0] lies outside shape [2, 3]", || x(&[2, 3]).at([0]));
    refuses("item: shape [2, 3] has 6 elements, not one", || x(&[2, 3]).item());
    refuses("item: shape [0] has 0 elements, not one", || x(&[0]).item());
}

#[test]
fn operators_name_themselves_both_shapes_and_the_axis() {
    let tail = "shapes [2, 3] and [4, 2, 2] don't broadcast: axis -1 has 3 and 2, and neither is 1; reshape one of them, \
                or insert an axis with unsqueeze";
    refuses(&format!("add: {tail}"), || &x(&[2, 3]) + &x(&[4, 2, 2]));
    refuses(&format!("sub: {tail}"), || &x(&[2, 3]) - &x(&[4, 2, 2]));
    refuses(&format!("mul: {tail}"), || &x(&[2, 3]) * &x(&[4, 2, 2]));
    refuses(&format!("div: {tail}"), || &x(&[2, 3]) / &x(&[4, 2, 2]));
    refuses("map_n: shapes [[2], [1], [3]] don't broadcast", || map_n(&Add3, [&x(&[2]), &x(&[1]), &x(&[3])]));
}

#[test]
fn what_is_written_in_place_keeps_its_shape() {
    // Shared or not: the answer must not depend on who else holds the memory.
    let sentence = "add_assign: [3] can't be repeated to the shape [1] of what is added to";
    let mut a = x(&[1]);
    refuses(sentence, AssertUnwindSafe(|| a += &x(&[3])));
    let _shared = a.clone();
    refuses(sentence, AssertUnwindSafe(|| a += &x(&[3])));
    refuses("map_inplace: [2, 2] can't be repeated to the shape [2] of what is written", || {
        map_inplace(&Accumulate, &mut x(&[2]), [&x(&[2]), &x(&[2, 2])])
    });
    refuses("update_n: slices of [2, 2, 3] elements", || {
        update_n(&Accumulate, [&mut [0.0; 2]], [&[0.0; 2], &[0.0; 3]])
    });
}

#[test]
fn reductions_name_the_axis() {
    refuses("sum: axis 2 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).sum(&[2], false));
    refuses("sum: axis -3 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).sum(&[-3], false));
    refuses("sum: axis -1 is named twice in [1, -1]; name each axis once", || x(&[2, 3]).sum(&[1, -1], true));
    refuses("max: axis 1 is out of range for a tensor with 1 axes; use -1 to 0", || x(&[3]).max(&[1], false));
    refuses("mean: axis 5 is out of range for a tensor with 1 axes; use -1 to 0", || x(&[3]).mean(&[5], false));
    refuses("softmax: axis 7 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).softmax(7));
    refuses("softmax: axis 0 is out of range for a tensor without axes; reshape it to [1] first", || {
        Tensor::scalar(1.0).softmax(0)
    });
}

#[test]
fn sum_to_undoes_a_broadcast_and_nothing_else() {
    for (from, to) in
        [(&[2, 3][..], &[3, 2][..]), (&[4, 3], &[2]), (&[2], &[1, 2]), (&[6], &[2, 3]), (&[1, 3], &[2, 3])]
    {
        refuses(&format!("sum_to: shape {from:?} can't have been broadcast from {to:?}"), || x(from).sum_to(to));
    }
}

#[test]
fn matmul_says_how_it_would_fit() {
    refuses(
        "matmul: inner dimensions differ: lhs [32, 784] × rhs [128, 784] (784 ≠ 128); rhs.t() is [784, 128]",
        || x(&[32, 784]).matmul(&x(&[128, 784])),
    );
    refuses("matmul: inner dimensions differ: lhs [2, 3] × rhs [4, 5] (3 ≠ 4)", || x(&[2, 3]).matmul(&x(&[4, 5])));
    refuses("matmul: lhs [3] × rhs [3, 2]: lhs is a vector; reshape it to [1, 3]", || x(&[3]).matmul(&x(&[3, 2])));
    refuses("matmul: batch axes of lhs [2, 3, 4] and rhs [5, 4, 3] don't broadcast", || {
        x(&[2, 3, 4]).matmul(&x(&[5, 4, 3]))
    });
}

#[test]
fn an_epilogue_must_fit_the_product() {
    let (bias, activation) = (&[0.0; 3][..], Activation::Relu);
    refuses("matmul: the bias has 3 elements, the product [2, 5] has 5 columns", || {
        x(&[2, 4]).matmul_with(&x(&[4, 5]), &Epilogue { bias: Some(bias), activation, ..Epilogue::default() })
    });
    refuses("matmul: the product is a new tensor, there is nothing to accumulate into; use sgemm", || {
        x(&[2, 4]).matmul_with(&x(&[4, 5]), &Epilogue { accumulate: true, ..Epilogue::default() })
    });
}

#[test]
fn assert_close_names_the_worst_element() {
    refuses("assert_close: shapes [2] and [3] differ", || assert_close!(x(&[2]), x(&[3])));
    refuses(
        "tensors of shape [2, 2] differ in 2 of 4 elements; the worst is [1, 0]: 3 and 4, 1.000e0 apart, 2.5 times what \
         1e-1 relative + 1e-8 absolute allow",
        || assert_close!(tensor![[1., 2.], [3., 2.]], tensor![[1., 2.], [4., 2.5]], 0.1),
    );
    refuses(
        "tensors of shape [1] differ in 1 of 1 elements; the worst is [0]: NaN and 1, NaN apart, inf times what 1e-5 \
         relative + 1e-8 absolute allow",
        || assert_close!(tensor![f32::NAN], tensor![1.]),
    );
}

#[test]
fn there_is_no_number_below_zero() {
    refuses("Key::below: there is no number below 0; n must be at least 1", || Key::new(1).below(0, 0));
}
