//! A wrong shape panics at the line that asked for it, with one sentence which says what was wrong and what would be right.

use glassbox_tensor::gemm::{Activation, Epilogue};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::{Lanes, Simd, UpdateLanes};
use glassbox_tensor::{Ids, Padding, Tensor, assert_close, map_inplace, map_n, tensor, update_n};
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
    refuses("reshape: [2, 3] has 6 elements, but [4] has 4; a new shape holds as many", || x(&[2, 3]).reshape([4]));
    refuses("permute: [0, 0] must name each axis of shape [2, 3] once, as [0, 1] does", || x(&[2, 3]).permute(&[0, 0]));
    refuses("permute: [1] must name each axis of shape [2, 3] once, as [0, 1] does", || x(&[2, 3]).permute(&[1]));
    refuses("t: shape [3] has fewer than two axes to exchange; unsqueeze(0) makes it a row", || x(&[3]).t());
    refuses("narrow: 2 entries from 2 on axis 1 of shape [2, 3], which has 3; start + len is 3 at most", || {
        x(&[2, 3]).narrow(1, 2, 2)
    });
    refuses(
        &format!("narrow: {} entries from 1 on axis 0 of shape [2], which has 2; start + len is 2 at most", usize::MAX),
        || x(&[2]).narrow(0, 1, usize::MAX),
    );
    refuses("narrow: axis 2 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).narrow(2, 0, 1));
    refuses("select: entry 3 on axis -1 of shape [2, 3], which has 3; the first is 0", || x(&[2, 3]).select(-1, 3));
    refuses("select: axis 0 is out of range for a tensor without axes; reshape it to [1] first", || {
        Tensor::scalar(1.0).select(0, 0)
    });
    refuses("unsqueeze: a new axis 3 for a tensor with 2 axes; use -3 to 2", || x(&[2, 3]).unsqueeze(3));
    refuses("shape [1, 1, 1, 1, 1, 1, 1, 1] has 8 axes already; a tensor has at most 8", || x(&[1; 8]).unsqueeze(0));
    refuses("expand: [2, 3] can't be repeated to [4, 3]; only axes of length 1 repeat", || x(&[2, 3]).expand([4, 3]));
    refuses("expand: [2, 3] can't be repeated to [3]; only axes of length 1 repeat", || x(&[2, 3]).expand([3]));
}

#[test]
fn pieces_must_make_the_whole() {
    refuses("squeeze: axis -1 of shape [2, 3] has 3 entries, not one; select one", || x(&[2, 3]).squeeze(-1));
    refuses("transpose: axis 2 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).transpose(0, 2));
    refuses(
        "split: the lengths [1, 1] add up to 2, but axis -1 of shape [2, 3] has 3; they make up the whole axis",
        || x(&[2, 3]).split(&[1, 1], -1),
    );
    refuses(
        "chunk: axis 1 of shape [2, 7] has 7 entries, which don't make 3 equal chunks; use split, which takes any lengths",
        || x(&[2, 7]).chunk(3, 1),
    );
    refuses(
        "chunk: axis 1 of shape [2, 7] has 7 entries, which don't make 0 equal chunks; use split, which takes any lengths",
        || x(&[2, 7]).chunk(0, 1),
    );
    refuses("index: entry 2 on axis 0 of shape [2, 3], which has 2; the first is 0", || x(&[2, 3]).index((2, ..)));
    refuses("index: entries 2..5 on axis 1 of shape [2, 3], which has 3; end at 3 or before", || {
        x(&[2, 3]).index((.., 2..5))
    });
    refuses("index: 3 picks for shape [2, 3], which has 2 axes; pick once for each axis", || {
        x(&[2, 3]).index((.., .., ..))
    });
    refuses(
        "unfold: a window of 4 on axis 1 of shape [2, 3], which has 3; pad the axis, or use a smaller window",
        || x(&[2, 3]).unfold(1, 4, 1),
    );
    refuses("unfold: with a step of 0 all windows are the same one; use a step of 1 or more", || {
        x(&[2, 3]).unfold(1, 2, 0)
    });
    refuses(
        "overlap_add: 3 windows of 4, one every 2 entries, reach 8 entries, beyond a length of 7; ask for 8 or more",
        || x(&[3, 4]).overlap_add(0, 2, 7),
    );
    refuses("overlap_add: shape [4] has no axis of windows and one inside a window; unfold makes both", || {
        x(&[4]).overlap_add(0, 1, 4)
    });
    refuses("cat: there are no tensors to concatenate; give at least one", || Tensor::cat(&[], 0));
    refuses("cat: input 1 has shape [3] and input 0 [2, 3]; on every axis but 0 they must agree", || {
        Tensor::cat(&[&x(&[2, 3]), &x(&[3])], 0)
    });
    refuses("stack: input 2 has shape [3, 2] and input 0 [2, 3]; they must agree, or use cat", || {
        Tensor::stack(&[&x(&[2, 3]), &x(&[2, 3]), &x(&[3, 2])], 0)
    });
    refuses("stack: a new axis 3 for a tensor with 2 axes; use -3 to 2", || Tensor::stack(&[&x(&[2, 3])], 3));
}

#[test]
fn margins_need_something_to_repeat() {
    refuses("pad: 2 pairs for shape [3], which has 1 axis; give one for each of the last axes", || {
        x(&[3]).pad(&[(1, 1), (1, 1)], Padding::Edge)
    });
    refuses(
        "pad: a reflection of 3 entries on axis 1 of shape [2, 3], which has 3; reflect fewer than it has, or pad by Edge or \
         Constant",
        || x(&[2, 3]).pad(&[(0, 3)], Padding::Reflect),
    );
    refuses("pad: axis 1 of shape [2, 0] has no edge to repeat; pad by Constant", || {
        x(&[2, 0]).pad(&[(0, 1)], Padding::Edge)
    });
    let huge = usize::MAX;
    refuses(&format!("a tensor of {huge} elements is beyond any machine's memory"), || {
        x(&[3]).pad(&[(huge, huge)], Padding::Constant(0.0))
    });
}

#[test]
fn ids_name_what_there_is() {
    refuses("gather: id 7 at [1, 1] is out of range for axis 1 of shape [2, 5]; use ids below 5", || {
        x(&[2, 5]).gather(-1, &Ids::from([[0, 1], [4, 7]]))
    });
    refuses(
        "gather: ids of shape [3, 1] and a tensor of shape [2, 5] differ on axis 0, where they must agree; only axis 1 is free",
        || x(&[2, 5]).gather(1, &Ids::from([[0], [1], [2]])),
    );
    refuses("scatter_add: ids of shape [2] have 1 axis, and a tensor of shape [2, 5] has 2; reshape the ids", || {
        x(&[2, 5]).scatter_add(1, &Ids::from([0, 1]), &x(&[2]))
    });
    refuses("scatter_add: a source of shape [2, 1] and ids of shape [2, 2] differ; each element needs an id", || {
        x(&[2, 3]).scatter_add(1, &Ids::from([[0, 2], [1, 2]]), &x(&[2, 1]))
    });
    refuses("index_select: ids of shape [2, 2] have 2 axes, not one; reshape them to [4]", || {
        x(&[2, 5]).index_select(0, &Ids::from([[0, 1], [1, 1]]))
    });
    refuses(
        "index_select: id 0 at [0] is out of range for axis 0 of shape [0, 5], which is empty; there is nothing to name",
        || x(&[0, 5]).index_select(0, &Ids::from([0])),
    );
    refuses(
        "index_add: 3 ids for axis -2 of shape [2, 3]: the source should have the shape [3, 3], and it has [2, 3]",
        || x(&[2, 3]).index_add(-2, &Ids::from([0, 1, 1]), &x(&[2, 3])),
    );
    refuses("embedding: id 5 at [1, 0] is out of range for a table of 5 rows; use ids below 5", || {
        x(&[5, 3]).embedding(&Ids::from([[0, 4], [5, 1]]))
    });
    refuses("embedding: the table has shape [5]; it needs two axes, (rows, features)", || {
        x(&[5]).embedding(&Ids::from([0]))
    });
    refuses("one_hot: id 9 at [1, 0] is out of range for 5 classes; use ids below 5", || {
        Ids::from([[0, 1], [9, 2]]).one_hot(5)
    });
    refuses("Ids::from_slice: 2 elements for shape [3], which holds 3", || Ids::from_slice(&[1, 2], [3]));
    refuses("Ids::from_tensor: 1.5 at [1] is no id; ids are the whole numbers 0, 1, 2, …", || {
        Ids::from_tensor(&tensor![1., 1.5])
    });
    refuses("Ids::from_tensor: -1 at [1, 0] is no id; ids are the whole numbers 0, 1, 2, …", || {
        Ids::from_tensor(&tensor![[1.], [-1.]])
    });
    refuses("Ids::randint: there is no id below 0 to fill shape [2] with; n must be at least 1", || {
        Ids::randint(0, [2], Key::new(1))
    });
    refuses("Ids::reshape: [2] has 2 elements, but [3] has 3; a new shape holds as many", || {
        Ids::from([1, 2]).reshape([3])
    });
    refuses("Ids::narrow: 2 entries from 1 on axis 0 of shape [2], which has 2; start + len is 2 at most", || {
        Ids::from([1, 2]).narrow(0, 1, 2)
    });
    refuses("Ids::select: entry 2 on axis 0 of shape [2], which has 2; the first is 0", || Ids::from([1, 2]).select(2));
    refuses("Ids::at: index [2] lies outside shape [2]", || Ids::from([1, 2]).at([2]));
    refuses("Ids::item: shape [2] has 2 elements, not one", || Ids::from([1, 2]).item());
}

#[test]
fn order_and_masks_name_the_axis_and_the_shapes() {
    refuses("topk: the 7 largest on axis -1 of shape [2, 5], which has 5; ask for 5 or fewer", || {
        x(&[2, 5]).topk(7, -1)
    });
    refuses("sort: axis 2 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).sort(2, false));
    refuses("sort: axis 0 is out of range for a tensor without axes; reshape it to [1] first", || {
        Tensor::scalar(1.0).argsort(0, true)
    });
    refuses("cumsum: axis -3 is out of range for a tensor with 2 axes; use -2 to 1", || x(&[2, 3]).cumsum_reversed(-3));
    let tail = "shapes [2, 3] and [2, 4] don't broadcast: axis -1 has 3 and 4, and neither is 1; reshape one of them, or insert \
                an axis with unsqueeze";
    refuses(&format!("less: {tail}"), || x(&[2, 3]).less(&x(&[2, 4])));
    refuses(&format!("not_equal: {tail}"), || x(&[2, 3]).not_equal(&x(&[2, 4])));
    refuses(&format!("where_cond: {tail}"), || Tensor::where_cond(&x(&[1]), &x(&[2, 3]), &x(&[2, 4])));
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
    refuses("max: axis 1 is out of range for a tensor with 1 axis; use -1 to 0", || x(&[3]).max(&[1], false));
    refuses("mean: axis 5 is out of range for a tensor with 1 axis; use -1 to 0", || x(&[3]).mean(&[5], false));
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
    refuses(
        "matmul: batch axes of lhs [2, 3, 4] and rhs [5, 4, 3] don't broadcast; each pair of them is equal, or one is 1",
        || x(&[2, 3, 4]).matmul(&x(&[5, 4, 3])),
    );
}

#[test]
fn an_epilogue_must_fit_the_product() {
    let (bias, activation) = (&[0.0; 3][..], Activation::Relu);
    refuses("matmul: the bias has 3 elements, the product [2, 5] has 5 columns", || {
        x(&[2, 4]).matmul_with(&x(&[4, 5]), &Epilogue { bias: Some(bias), activation, ..Epilogue::default() })
    });
    refuses("matmul: the product is a new tensor, there is nothing to accumulate into; use gemm::product", || {
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
        "tensors of shape [1] differ in 1 of 1 element; the worst is [0]: NaN and 1, NaN apart, inf times what 1e-5 \
         relative + 1e-8 absolute allow",
        || assert_close!(tensor![f32::NAN], tensor![1.]),
    );
}

#[test]
fn there_is_no_number_below_zero() {
    refuses("Key::below: there is no number below 0; n must be at least 1", || Key::new(1).below(0, 0));
}
