//! Parameter groups: some parameters by other hyperparameters.

use crate::name::is_under;
use crate::param::Param;
use std::fmt;
use std::sync::Arc;

/// Some of the parameters, and what is changed for them.
#[derive(Clone)]
pub(super) struct Group<R> {
    pub(super) members: Members,
    change: Arc<dyn Fn(&mut R) + Send + Sync>,
}

/// Which parameters belong to a group.
#[derive(Clone)]
pub(super) enum Members {
    Under(String),
    Where(Arc<Predicate>),
}

type Predicate = dyn Fn(&str, &Param) -> bool + Send + Sync;

impl<R: Clone> Group<R> {
    pub(super) fn new(members: Members, change: impl Fn(&mut R) + Send + Sync + 'static) -> Self {
        Self { members, change: Arc::new(change) }
    }

    pub(super) fn change(&self, rule: &mut R) {
        (self.change)(rule);
    }
}

impl Members {
    pub(super) fn contain(&self, name: &str, param: &Param) -> bool {
        match self {
            Members::Under(path) => is_under(name, path),
            Members::Where(predicate) => predicate(name, param),
        }
    }
}

impl<R> fmt::Debug for Group<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.members {
            Members::Under(path) => write!(f, "Group(under {path})"),
            Members::Where(_) => f.write_str("Group(where a predicate holds)"),
        }
    }
}
