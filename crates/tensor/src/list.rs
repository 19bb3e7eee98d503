//! Lists whose memory is used again: what a kernel notes down for a call, and what a step of training makes again and again.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A `Vec` whose memory waits, when it is dropped, for the next list of such items on that thread. A list grows as a `Vec`
/// does, so after the first calls of a kernel its lists have the room that they need, and nothing is allocated.
///
/// ```
/// use glassbox_tensor::List;
/// let first: List<u16> = (0..1000).collect();
/// let memory = first.as_ptr();
/// drop(first);
/// let again: List<u16> = List::new();
/// assert_eq!((again.as_ptr(), again.len()), (memory, 0));
/// ```
pub struct List<T: 'static>(Vec<T>);

/// Of each kind, at most so many wait; a kernel needs a few at once.
const KEPT: usize = 64;

/// The waiting lists of each kind of item, a `Vec<Vec<T>>` each. There are a dozen, so they are looked for one by one.
type Stock = Vec<(TypeId, Box<dyn Any>)>;

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Vec::new()) };
}

fn waiting<T: 'static>(stock: &mut Stock) -> &mut Vec<Vec<T>> {
    let kind = TypeId::of::<T>();
    let at = stock.iter().position(|(of, _)| *of == kind).unwrap_or_else(|| {
        stock.push((kind, Box::new(Vec::<Vec<T>>::with_capacity(KEPT))));
        stock.len() - 1
    });
    stock[at].1.downcast_mut().expect("of this kind")
}

impl<T> List<T> {
    /// An empty list, in the memory of the last one that was dropped.
    pub fn new() -> Self {
        List(STOCK.with_borrow_mut(|stock| waiting(stock).pop()).unwrap_or_default())
    }

    /// `n` times `x`.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::List::repeat(2.5, 3)[..], [2.5; 3]);
    /// ```
    pub fn repeat(x: T, n: usize) -> Self
    where
        T: Clone,
    {
        let mut list = List::new();
        list.0.resize(n, x);
        list
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        let mut list = std::mem::take(&mut self.0);
        list.clear(); // before the stock is borrowed: the items may be lists, too
        if list.capacity() > 0 {
            // At the end of a thread there may be no stock any more.
            let _ = STOCK.try_with(|stock| {
                let mut stock = stock.borrow_mut();
                let waiting = waiting(&mut stock);
                if waiting.len() < KEPT {
                    waiting.push(list);
                }
            });
        }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List::new()
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = List::new();
        list.0.extend(items);
        list
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Clone> Clone for List<T> {
    fn clone(&self) -> Self {
        self.iter().cloned().collect()
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_lists_come_back_item_by_item() {
        #[derive(Clone, PartialEq, Debug)]
        struct Mine(u32); // a kind that no other test has
        let nested: List<List<Mine>> = (0..3).map(|n| List::repeat(Mine(n), 5)).collect();
        let mut memory: Vec<_> = nested.iter().map(|list| list.as_ptr()).collect();
        drop(nested);
        let again: Vec<List<Mine>> = (0..3).map(|_| List::new()).collect();
        let mut other: Vec<_> = again.iter().map(|list| list.as_ptr()).collect();
        memory.sort();
        other.sort();
        assert_eq!(memory, other);
        assert!(again.iter().all(|list| list.is_empty() && list.capacity() >= 5));
    }
}
