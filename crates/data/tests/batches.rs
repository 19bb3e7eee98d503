//! Batches: which examples make up which step.

use glassbox_data::{Batches, in_order};
use glassbox_tensor::random::Key;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_epoch_visits_every_example_once(n in 1usize..200, size in 1usize..50, seed: u64, epoch in 0u64..1000) {
        let mut batches = Batches::new(n, size, Key::new(seed));
        let steps = batches.steps_per_epoch();
        let epoch: Vec<Vec<u32>> = (0..steps).map(|s| batches.at(epoch * steps + s)).collect();
        let (last, full) = epoch.split_last().unwrap();
        prop_assert!(full.iter().all(|b| b.len() == size));
        prop_assert!((1..=size).contains(&last.len()));
        let mut all = epoch.concat();
        all.sort();
        prop_assert_eq!(all, (0..n as u32).collect::<Vec<_>>());
    }

    #[test]
    fn a_step_does_not_depend_on_the_steps_asked_for_before(
        n in 1usize..60, size in 1usize..20, seed: u64, steps in prop::collection::vec(0u64..40, 1..20)
    ) {
        let mut one = Batches::new(n, size, Key::new(seed));
        for step in steps {
            prop_assert_eq!(one.at(step), Batches::new(n, size, Key::new(seed)).at(step));
        }
    }

    #[test]
    fn dropping_the_last_drops_nothing_else(n in 1usize..200, size in 1usize..50, seed: u64) {
        prop_assume!(size <= n);
        let mut kept = Batches::new(n, size, Key::new(seed));
        let mut dropped = kept.clone().drop_last();
        prop_assert_eq!(dropped.steps_per_epoch() as usize, n / size);
        for epoch in 0..3 {
            for place in 0..dropped.steps_per_epoch() {
                let batch = dropped.at(epoch * dropped.steps_per_epoch() + place);
                prop_assert_eq!(batch.len(), size);
                prop_assert_eq!(batch, kept.at(epoch * kept.steps_per_epoch() + place));
            }
        }
    }

    #[test]
    fn in_order_is_a_partition(n in 0usize..200, size in 1usize..50) {
        let batches: Vec<Vec<u32>> = in_order(n, size).collect();
        prop_assert_eq!(batches.len(), n.div_ceil(size));
        prop_assert_eq!(batches.concat(), (0..n as u32).collect::<Vec<_>>());
    }
}

#[test]
fn the_order_is_the_permutation_of_the_epochs_key() {
    let key = Key::new(3);
    let mut batches = Batches::new(1000, 100, key);
    for epoch in [0, 1, 7, u64::MAX / 10] {
        let order = key.fold(epoch).permutation(1000);
        for place in 0..10 {
            let Some(step) = epoch.checked_mul(10).and_then(|s| s.checked_add(place)) else { continue };
            assert_eq!(batches.at(step), order[place as usize * 100..][..100]);
        }
    }
}

#[test]
fn epochs_and_keys_have_orders_of_their_own() {
    let epoch = |seed, epoch: u64| Batches::new(1000, 1000, Key::new(seed)).at(epoch);
    let orders = [epoch(0, 0), epoch(0, 1), epoch(0, 2), epoch(1, 0), epoch(1, 1)];
    for (i, a) in orders.iter().enumerate() {
        for b in &orders[..i] {
            // Two independent permutations agree in one place on average (and in more than 10 with
            // probability 1e-8).
            let agree = a.iter().zip(b).filter(|(x, y)| x == y).count();
            assert!(agree <= 10, "{agree} of 1000 places agree");
        }
    }
}

#[test]
#[should_panic(expected = "Batches: no full batch of 11 in 10 examples")]
fn dropping_all_there_is_is_a_mistake_in_the_code() {
    let _ = Batches::new(10, 11, Key::new(0)).drop_last();
}
