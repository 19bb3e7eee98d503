//! The loader that works ahead: it decides nothing, hides nothing, and ends.

use glassbox_data::{Batches, DataError, ImageSet, Prefetch};
use glassbox_tensor::random::Key;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn set() -> ImageSet {
    let bytes = (0..100 * 12).map(|i| (i * 7 + i / 5) as u8).collect();
    ImageSet::new("a hundred", [1, 3, 4], bytes, vec![0; 100], vec!["any".to_string()]).unwrap()
}

#[test]
fn the_bits_are_the_same_with_it_and_without_it_in_any_order_of_steps() {
    let (data, mut batches) = (set(), Batches::new(100, 32, Key::new(3)));
    let (data_of_thread, mut batches_of_thread) = (data.clone(), batches.clone());
    let mut loader = Prefetch::new(move |step| data_of_thread.batch(&batches_of_thread.at(step)));
    let bits = |x: &glassbox_tensor::Tensor| x.to_vec().iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
    // From step to step, across the ends of epochs; a jump ahead, one back, and the same step twice.
    for step in (0..11).chain([1000, 1001, 5, 5, 6, 0, u64::MAX, 0]) {
        let ((x, y), (expected, labels)) = (loader.at(step), data.batch(&batches.at(step)));
        assert_eq!((bits(&x), y.as_slice()), (bits(&expected), labels.as_slice()), "step {step}");
    }
}

#[test]
fn an_error_arrives_with_its_step_and_the_next_goes_on() {
    let mut loader = Prefetch::new(|step| match step {
        3 => Err(DataError::Inconsistent { name: "step 3".to_string(), problem: "is missing".to_string() }),
        _ => Ok(step * 10),
    });
    assert_eq!(loader.at(2).unwrap(), 20);
    assert_eq!(loader.at(3).unwrap_err().to_string(), "step 3: is missing");
    assert_eq!(loader.at(4).unwrap(), 40);
}

#[test]
fn a_panic_arrives_at_the_step_that_asks_and_every_one_after() {
    let mut loader = Prefetch::new(|step| if step == 3 { panic!("no third step") } else { step });
    assert_eq!((loader.at(1), loader.at(2)), (1, 2)); // by now the third has panicked, and nobody has asked
    let message = |loader: &mut Prefetch<u64>, step| {
        let payload = catch_unwind(AssertUnwindSafe(|| loader.at(step))).unwrap_err();
        let text = payload.downcast_ref::<&str>().map(|s| s.to_string());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap()
    };
    assert_eq!(message(&mut loader, 3), "no third step");
    assert_eq!(message(&mut loader, 4), "Prefetch::at: its thread ended by a panic before");
    assert_eq!(message(&mut loader, 5), "Prefetch::at: its thread ended by a panic before");
}

#[test]
fn dropping_it_ends_the_thread() {
    let made = Arc::new(AtomicU64::new(0));
    let in_thread = Arc::clone(&made);
    let mut loader = Prefetch::new(move |step| {
        in_thread.fetch_add(1, Ordering::SeqCst);
        step
    });
    assert_eq!((loader.at(0), loader.at(1)), (0, 1));
    drop(loader);
    // The thread's copy is gone, so that the thread is; it had made the two, and perhaps the one after.
    assert_eq!(Arc::strong_count(&made), 1);
    assert!((2..=3).contains(&made.load(Ordering::SeqCst)));
    drop(Prefetch::new(|step| step)); // nor does it hang if nothing was ever asked
}
