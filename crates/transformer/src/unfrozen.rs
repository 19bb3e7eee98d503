//! The part of a model that is trained: what a checkpoint of it has to hold.

use glassbox_nn::{Module, Name, Slot, SlotMut};

/// A module without its frozen parameters. Of a model that is trained as a whole, that is the model.
pub(crate) struct Unfrozen<M>(pub M);

/// To read.
impl<M: Module> Module for Unfrozen<&M> {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.0.visit(name, &mut |name, slot| match slot {
            Slot::Param(param) if param.is_frozen() => {}
            slot => f(name, slot),
        });
    }

    fn visit_mut<'a>(&'a mut self, _: Name<'_>, _: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        unreachable!("what is borrowed to read isn't changed")
    }
}

/// To change.
impl<M: Module> Module for Unfrozen<&mut M> {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.0.visit(name, &mut |name, slot| match slot {
            Slot::Param(param) if param.is_frozen() => {}
            slot => f(name, slot),
        });
    }

    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        self.0.visit_mut(name, &mut |name, slot| match slot {
            SlotMut::Param(param) if param.is_frozen() => {}
            slot => f(name, slot),
        });
    }
}
