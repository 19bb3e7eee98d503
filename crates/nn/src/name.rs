//! The dotted name of a parameter, put together only when somebody reads it.

use std::fmt;

/// Where a module stands in the model: `encoder.layers.0`, the part of the names of its parameters that its owner gives.
///
/// A list from the leaf to the root, each link on the stack of the `visit` that made it. Visiting a model therefore
/// allocates nothing; an optimiser's step, which visits it every time, formats a name only for an error.
///
/// ```
/// use glassbox_nn::Name;
///
/// let root = Name::root();
/// let layers = root.child("encoder.layers");
/// let first = layers.index(0);
/// assert_eq!(first.child("weight").to_string(), "encoder.layers.0.weight");
/// assert_eq!(root.to_string(), "");
/// ```
#[derive(Clone, Copy)]
pub struct Name<'a> {
    parent: Option<&'a Name<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> Name<'a> {
    /// The model itself: the empty name.
    pub const fn root() -> Name<'static> {
        Name { parent: None, part: Part::Root }
    }

    /// The name of a field of this module. `field` may hold dots of its own, as `to_out.0`.
    pub fn child(&'a self, field: &'a str) -> Name<'a> {
        Name { parent: Some(self), part: Part::Field(field) }
    }

    /// The name of element `index` of this list, as PyTorch's `ModuleList` has it: `layers.0`.
    pub fn index(&'a self, index: usize) -> Name<'a> {
        Name { parent: Some(self), part: Part::Index(index) }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if !matches!(parent.part, Part::Root) {
                f.write_str(".")?;
            }
        }
        match self.part {
            Part::Root => Ok(()),
            Part::Field(field) => f.write_str(field),
            Part::Index(index) => write!(f, "{index}"),
        }
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Whether `name` is `path` or lies under it: `encoder.0.weight` is under `encoder` and `encoder.0`, not under `enc`.
pub(crate) fn is_under(name: &str, path: &str) -> bool {
    name.strip_prefix(path).is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

/// The one of `candidates` that is spelt most like `name`, if any is near enough to be what was meant.
///
/// Near: at most a third of the longer name's letters differ, or one name ends with the other after a dot, as
/// `model.fc1.weight` and `fc1.weight` do. Candidates come from files that anybody can have written, and the distance
/// takes time in the product of both lengths: so only the first 1000 are looked at, and none beyond 200 bytes.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 200;
    if name.len() > LONGEST {
        return None;
    }
    let is_tail = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('.'));
    candidates
        .into_iter()
        .take(1000)
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            let distance = strsim::osa_distance(name, candidate); // letters changed, added, dropped or exchanged
            let near = distance * 3 <= name.len().max(candidate.len());
            (near || is_tail(candidate, name) || is_tail(name, candidate)).then_some((distance, candidate))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_what_lies_under_it_and_not_what_merely_begins_alike() {
        assert!(is_under("encoder.0.weight", "encoder"));
        assert!(is_under("encoder.0.weight", "encoder.0.weight"));
        assert!(is_under("encoder.0.weight", ""));
        assert!(!is_under("encoder.0.weight", "enc"));
        assert!(!is_under("encoder.10.weight", "encoder.1"));
    }

    #[test]
    fn the_nearest_name_is_a_misspelling_or_a_prefix_away() {
        let names = ["fc1.weight", "fc1.bias", "fc21.weight"];
        assert_eq!(nearest("fc1.wieght", names), Some("fc1.weight"));
        assert_eq!(nearest("model.decoder.fc1.bias", names), Some("fc1.bias"));
        assert_eq!(nearest("running_mean", names), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), [&*"x".repeat(1_000_000)]), None, "and no hour is spent on it");
    }
}
