//! The inputs of a recorded operation, in a list that is used again.
//!
//! Every operation that is recorded has such a list, and every sweep empties it; a step records as many as the one before.
//! So an emptied list waits, with its memory, for the next operation of as many inputs.

use crate::node::Edge;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A list of edges whose memory comes from a stock of its thread, and goes back there.
#[derive(Default)]
pub(crate) struct Edges(Vec<Edge>);

/// Lists of up to so many edges wait; operations of more inputs are few.
const LONGEST: usize = 4;
/// Of each length, at most so many: 16 MiB in all, where a graph of a million nodes is dropped.
const KEPT: usize = 1 << 13;

thread_local! {
    /// Empty lists, those of capacity n at n − 1.
    static STOCK: RefCell<[Vec<Vec<Edge>>; LONGEST]> = const { RefCell::new([const { Vec::new() }; LONGEST]) };
}

impl FromIterator<Edge> for Edges {
    fn from_iter<I: IntoIterator<Item = Edge>>(edges: I) -> Self {
        let edges = edges.into_iter();
        let n = edges.size_hint().0;
        let waiting = STOCK.with_borrow_mut(|stock| stock.get_mut(n.wrapping_sub(1))?.pop());
        let mut list = waiting.unwrap_or_else(|| Vec::with_capacity(n));
        list.extend(edges);
        Edges(list)
    }
}

impl Deref for Edges {
    type Target = Vec<Edge>;
    fn deref(&self) -> &Vec<Edge> {
        &self.0
    }
}

impl DerefMut for Edges {
    fn deref_mut(&mut self) -> &mut Vec<Edge> {
        &mut self.0
    }
}

impl<'a> IntoIterator for &'a Edges {
    type Item = &'a Edge;
    type IntoIter = std::slice::Iter<'a, Edge>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Drop for Edges {
    fn drop(&mut self) {
        let mut list = std::mem::take(&mut self.0);
        list.clear(); // before the stock is borrowed: the nodes that go with it have edges, too
        // At the end of a thread there may be no stock any more.
        let _ = STOCK.try_with(|stock| {
            let mut stock = stock.borrow_mut();
            if let Some(waiting) = stock.get_mut(list.capacity().wrapping_sub(1)).filter(|waiting| waiting.len() < KEPT)
            {
                waiting.push(list);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::shape::Dims;

    #[test]
    fn an_emptied_list_is_used_again() {
        let edges = |n: usize| -> Edges {
            (0..n).map(|_| Edge { node: None, shape: Dims::new(&[2]), read: false, value: None }).collect()
        };
        let first = edges(3);
        let memory = first.as_ptr();
        let other = edges(3);
        assert_ne!(other.as_ptr(), memory);
        drop(first);
        let again = edges(3);
        assert_eq!((again.as_ptr(), again.len(), edges(0).len(), edges(7).len()), (memory, 3, 0, 7));
    }
}
