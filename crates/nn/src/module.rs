//! The one trait of every layer and model: who owns which parameters, and what are they called?

use crate::name::Name;
use crate::param::{Buffer, Param};
use glassbox_autograd::LeafId;
use glassbox_tensor::Tensor;

/// What `visit` comes across.
#[derive(Debug, Clone, Copy)]
pub enum Slot<'a> {
    /// A learned tensor.
    Param(&'a Param),
    /// A tensor that is kept and saved, not learned.
    Buffer(&'a Buffer),
}

impl Slot<'_> {
    /// The values, whichever it is: shared, not copied.
    pub fn value(self) -> Tensor {
        match self {
            Slot::Param(param) => param.value().clone(),
            Slot::Buffer(buffer) => buffer.value(),
        }
    }
}

/// What `visit_mut` comes across.
#[derive(Debug)]
pub enum SlotMut<'a> {
    /// A learned tensor.
    Param(&'a mut Param),
    /// A tensor that is kept and saved, not learned.
    Buffer(&'a mut Buffer),
}

impl SlotMut<'_> {
    /// The values, whichever it is: shared, not copied.
    pub fn value(&self) -> Tensor {
        match self {
            SlotMut::Param(param) => param.value().clone(),
            SlotMut::Buffer(buffer) => buffer.value(),
        }
    }

    /// Replaces the values.
    ///
    /// # Panics
    /// If the shape differs.
    #[track_caller]
    pub fn set_value(&mut self, value: Tensor) {
        match self {
            SlotMut::Param(param) => param.set_value(value),
            SlotMut::Buffer(buffer) => buffer.set_value(value),
        }
    }
}

/// A struct that owns parameters: a layer, or a whole model.
///
/// The trait says nothing of `forward`, which is an inherent method with whatever signature the layer deserves. It
/// only names what there is, and everything that needs to know (optimisers, checkpoints, weight averages, summaries)
/// is written with `visit`. Derive it:
///
/// ```
/// use glassbox_nn::{Linear, Module, Param};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// #[derive(Module)]
/// struct Block {
///     layers: Vec<Linear>,
///     scale: Option<Param>,
///     #[module(name = "to_out.0")] // what PyTorch's Sequential calls it
///     to_out: Linear,
///     #[module(skip)] // no parameters in here
///     heads: usize,
/// }
///
/// let key = Key::new(0);
/// let block = Block {
///     layers: vec![Linear::new(3, 4, key.fold(0)), Linear::new(4, 4, key.fold(1))],
///     scale: Some(Param::new(Tensor::ones([4]))),
///     to_out: Linear::new(4, 2, key.fold(2)),
///     heads: 2,
/// };
/// let names: Vec<String> = block.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, [
///     "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "scale",
///     "to_out.0.weight", "to_out.0.bias",
/// ]);
/// assert_eq!(block.num_parameters(), (3 * 4 + 4) + (4 * 4 + 4) + 4 + (4 * 2 + 2));
/// # assert_eq!(block.heads, 2);
/// ```
///
/// A parameter that is used in two places is owned by one of them and borrowed by the other, so it has one name and is
/// saved once.
///
/// A field that is neither a module nor skipped doesn't compile:
///
/// ```compile_fail,E0277
/// #[derive(glassbox_nn::Module)]
/// struct Dropout {
///     p: f32, // error: `f32` is not a `Module`; if it holds no parameters, mark it with `#[module(skip)]`
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Module`",
    label = "not a `Module`",
    note = "a field that holds no parameters is marked with `#[module(skip)]`",
    note = "a struct that holds parameters derives it: `#[derive(glassbox_nn::Module)]`"
)]
pub trait Module {
    /// Calls `f` with the dotted name of every parameter and buffer, in the order of their declaration.
    ///
    /// `name` is what the owner calls this module; a call from outside gives [`Name::root`].
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>));

    /// As [`visit`](Module::visit), with the same names in the same order, to change what is there.
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>));

    /// Every parameter with its dotted name, frozen ones included.
    fn parameters(&self) -> Vec<(String, &Param)> {
        let mut found = Vec::new();
        self.visit(Name::root(), &mut |name, slot| {
            if let Slot::Param(param) = slot {
                found.push((name.to_string(), param));
            }
        });
        found
    }

    /// Every buffer with its dotted name.
    fn buffers(&self) -> Vec<(String, &Buffer)> {
        let mut found = Vec::new();
        self.visit(Name::root(), &mut |name, slot| {
            if let Slot::Buffer(buffer) = slot {
                found.push((name.to_string(), buffer));
            }
        });
        found
    }

    /// How many numbers its parameters hold, frozen ones included.
    fn num_parameters(&self) -> usize {
        let mut count = 0;
        self.visit(Name::root(), &mut |_, slot| {
            if let Slot::Param(param) = slot {
                count += param.value().numel();
            }
        });
        count
    }

    /// The identities of its parameters that aren't frozen: `loss.backward_for(&model.leaf_ids())` computes the
    /// gradients of this model alone.
    fn leaf_ids(&self) -> Vec<LeafId> {
        let mut ids = Vec::new();
        self.visit(Name::root(), &mut |_, slot| {
            if let Slot::Param(param) = slot
                && !param.is_frozen()
            {
                ids.push(param.id());
            }
        });
        ids
    }

    /// Tells every parameter its dotted name, so that pictures of a graph, traces and anomaly reports say `fc1.weight`
    /// where they would say `leaf`. Call it on the whole model, for a name begins where this begins.
    ///
    /// ```
    /// use glassbox_autograd::{Var, graph_text};
    /// use glassbox_nn::{Linear, Module};
    /// use glassbox_tensor::{Tensor, random::Key};
    ///
    /// let mut layers = vec![Linear::new(3, 2, Key::new(0))];
    /// layers.name_parameters();
    /// let y = layers[0].forward(&Var::constant(Tensor::ones([4, 3])));
    /// assert_eq!(graph_text(&y), "\
    /// %0 = leaf 0.weight                              [2, 3]
    /// %1 = leaf 0.bias                                [2]
    /// %2 = linear(constant [4, 3], 0.weight, 0.bias)  [4, 2]
    /// ");
    /// ```
    fn name_parameters(&mut self) {
        self.visit_mut(Name::root(), &mut |name, slot| {
            if let SlotMut::Param(param) = slot {
                param.set_name(name.to_string());
            }
        });
    }

    /// Freezes every parameter: see [`Param::freeze`].
    fn freeze(&mut self) {
        self.visit_mut(Name::root(), &mut |_, slot| {
            if let SlotMut::Param(param) = slot {
                param.freeze();
            }
        });
    }

    /// Unfreezes every parameter.
    fn unfreeze(&mut self) {
        self.visit_mut(Name::root(), &mut |_, slot| {
            if let SlotMut::Param(param) = slot {
                param.unfreeze();
            }
        });
    }
}

impl Module for Param {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        f(name, Slot::Param(self));
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        f(name, SlotMut::Param(self));
    }
}

impl Module for Buffer {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        f(name, Slot::Buffer(self));
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        f(name, SlotMut::Buffer(self));
    }
}

/// The elements are called by their index, as in PyTorch's `ModuleList`: `layers.0`, `layers.1`.
impl<M: Module> Module for [M] {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.iter().enumerate().for_each(|(i, module)| module.visit(name.index(i), f));
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        self.iter_mut().enumerate().for_each(|(i, module)| module.visit_mut(name.index(i), f));
    }
}

impl<M: Module, const N: usize> Module for [M; N] {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.as_slice().visit(name, f);
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        self.as_mut_slice().visit_mut(name, f);
    }
}

impl<M: Module> Module for Vec<M> {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.as_slice().visit(name, f);
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        self.as_mut_slice().visit_mut(name, f);
    }
}

/// `None` has no parameters; `Some` adds nothing to the name.
impl<M: Module> Module for Option<M> {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.iter().for_each(|module| module.visit(name, f));
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        self.iter_mut().for_each(|module| module.visit_mut(name, f));
    }
}

/// A box adds nothing to the name; `Box<dyn Module>` is a module too.
impl<M: Module + ?Sized> Module for Box<M> {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        (**self).visit(name, f);
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        (**self).visit_mut(name, f);
    }
}
