//! What all optimisers have in common: who is updated, by which hyperparameters, and what is kept beside it.

use super::error::StepError;
use super::group::{Group, Members};
use super::pass::{Item, Room, in_one_pass};
use super::rule::Rule;
use crate::module::{Module, Slot, SlotMut};
use crate::name::{Name, is_under, nearest};
use crate::param::Param;
use glassbox_autograd::profile::{Phase, Span, Work};
use glassbox_autograd::{Gradients, LeafId};
use glassbox_tensor::Tensor;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// An optimiser: a [`Rule`], and what it keeps for each parameter. [`Adam`](super::Adam), [`Sgd`](super::Sgd),
/// [`RmsProp`](super::RmsProp), [`Lion`](super::Lion) and [`Muon`](super::Muon) are this with a rule of their own.
///
/// The rule's fields are the optimiser's (`adam.lr`), and can change between steps, as a schedule changes `lr`.
/// Parameters are known by their identity, so the optimiser goes on when their values are loaded or averaged.
///
/// A step is one fused pass over all parameters, in place: it copies nothing, provided that no graph of the loss is
/// alive, as after `backward`.
#[derive(Debug, Clone)]
pub struct Optimizer<R> {
    rule: R,
    groups: Vec<Group<R>>,
    /// Dotted paths of parameters, or of modules, which the loss need not reach.
    allowed: Vec<String>,
    pub(super) kept: BTreeMap<LeafId, Kept>,
    room: Room<Item<Update<'static, R>>>,
}

/// What the step of one parameter reads and writes: the rule, p, what is kept beside it, and g.
type Update<'a, R> = (R, &'a mut Tensor, &'a mut Kept, &'a Tensor);

/// What there is to know of a parameter from step to step.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// How many steps it has taken; it stays behind when a loss doesn't reach it.
    pub t: u64,
    /// What the tensors are called.
    pub names: &'static [&'static str],
    pub tensors: Vec<Tensor>,
    /// Its groups by their numbers, once somebody has asked.
    pub groups: Option<Vec<usize>>,
}

impl<R: Rule> Optimizer<R> {
    /// An optimiser of this rule.
    ///
    /// ```
    /// use glassbox_nn::optim::{Optimizer, SgdRule};
    /// let sgd = Optimizer::with(SgdRule { lr: 0.1, momentum: 0.9, nesterov: true, ..SgdRule::default() });
    /// assert_eq!(sgd.momentum, 0.9);
    /// ```
    pub fn with(rule: R) -> Self {
        Self { rule, groups: Vec::new(), allowed: Vec::new(), kept: BTreeMap::new(), room: Room::new() }
    }

    /// Makes a group of the parameter of this dotted path, or of all that lie under it: `encoder` stands for
    /// `encoder.fc1.weight` too. `change` says what is different for them, at every step: so what isn't mentioned stays
    /// as it is for all, and a rate that is *scaled* follows the schedule. A parameter may belong to several groups,
    /// whose changes are made one after the other.
    ///
    /// ```
    /// use glassbox_nn::{Param, optim::Sgd};
    /// use glassbox_tensor::tensor;
    ///
    /// let mut layers = vec![Param::new(tensor![1.0]), Param::new(tensor![1.0])];
    /// let mut sgd = Sgd::new(0.5).group("1", |rule| rule.lr *= 0.1); // the second moves less
    /// let loss = (&layers[0].var() + &layers[1].var()).sum_all(); // both gradients are 1
    /// sgd.step(&mut layers, &loss.backward())?;
    /// assert_eq!((layers[0].value(), layers[1].value()), (&tensor![0.5], &tensor![0.95]));
    /// # Ok::<(), glassbox_nn::optim::StepError>(())
    /// ```
    pub fn group(self, path: impl Into<String>, change: impl Fn(&mut R) + Send + Sync + 'static) -> Self {
        self.with_group(Group::new(Members::Under(path.into()), change))
    }

    /// As [`group`](Optimizer::group), of the parameters for which `predicate` holds, given their dotted name: once for
    /// each parameter, when the optimiser meets it.
    ///
    /// ```
    /// use glassbox_nn::optim::{Adam, WeightDecay};
    /// // No weight decay for biases and the scales of normalisations, which are vectors.
    /// let adamw = Adam::adamw(1e-3)
    ///     .group_where(|_, p| p.value().rank() < 2, |rule| rule.weight_decay = WeightDecay::Decoupled(0.0));
    /// ```
    pub fn group_where(
        self,
        predicate: impl Fn(&str, &Param) -> bool + Send + Sync + 'static,
        change: impl Fn(&mut R) + Send + Sync + 'static,
    ) -> Self {
        self.with_group(Group::new(Members::Where(Arc::new(predicate)), change))
    }

    fn with_group(mut self, group: Group<R>) -> Self {
        self.groups.push(group);
        self.kept.values_mut().for_each(|kept| kept.groups = None);
        self
    }

    /// Allows that a loss doesn't reach the parameter of this dotted path, or any that lies under it: `decoder` stands
    /// for `decoder.fc1.weight` too. In such a step it stays as it is, and so does its state.
    ///
    /// ```
    /// use glassbox_nn::{Param, optim::Sgd};
    /// use glassbox_tensor::tensor;
    ///
    /// let mut model = vec![Param::new(tensor![1.0]), Param::new(tensor![1.0])];
    /// let grads = model[0].var().sum_all().backward();
    /// assert!(Sgd::new(0.5).step(&mut model, &grads).is_err()); // the loss did not reach: 1
    /// Sgd::new(0.5).allow_unreached("1").step(&mut model, &grads)?;
    /// assert_eq!((model[0].value(), model[1].value()), (&tensor![0.5], &tensor![1.0]));
    /// # Ok::<(), glassbox_nn::optim::StepError>(())
    /// ```
    pub fn allow_unreached(mut self, path: impl Into<String>) -> Self {
        self.allowed.push(path.into());
        self
    }

    /// Takes one step with every parameter of the model that isn't frozen.
    ///
    /// # Errors
    /// If `grads` lacks one of them which isn't [allowed](Optimizer::allow_unreached) to be unreached: all such
    /// parameters are named. If no parameter lies under the path of a [group](Optimizer::group). Then nothing has
    /// changed.
    pub fn step(&mut self, model: &mut (impl Module + ?Sized), grads: &Gradients) -> Result<(), StepError> {
        let _phase = Span::phase(Phase::Optimiser, "optimiser");
        let mut span = Span::operation(rule_name::<R>());
        self.check_reached(model, grads)?;
        self.sort_into_groups(model)?;
        let mut params: BTreeMap<LeafId, &mut Param> = BTreeMap::new();
        model.visit_mut(Name::root(), &mut |_, slot| {
            if let SlotMut::Param(param) = slot
                && !param.is_frozen()
            {
                params.insert(param.id(), param);
            }
        });
        let Self { rule, groups, kept, room, .. } = self;
        let mut updates: Vec<Item<Update<'_, R>>> = room.take();
        updates.extend(kept.iter_mut().filter_map(|(id, kept)| {
            let (param, g) = (params.remove(id)?, grads.get(*id)?);
            Some((g.numel(), Some((kept.rule(rule, groups), param.value_mut(), kept, g))))
        }));
        span.costs(|| updates.iter().flat_map(|(_, update)| update).map(work).fold(Work::default(), both), &[]);
        in_one_pass(&mut updates, |(rule, p, kept, g)| {
            kept.make_room(rule.state(p.shape()), p.shape());
            kept.t += 1;
            rule.update(kept.t, p, &mut kept.tensors, g);
        });
        room.put(updates);
        Ok(())
    }

    fn check_reached(&self, model: &(impl Module + ?Sized), grads: &Gradients) -> Result<(), StepError> {
        let mut names = Vec::new();
        model.visit(Name::root(), &mut |name, slot| {
            let Slot::Param(param) = slot else { return };
            if param.is_frozen() || grads.get(param.id()).is_some() {
                return;
            }
            let name = name.to_string();
            if !self.allowed.iter().any(|path| is_under(&name, path)) {
                names.push(name);
            }
        });
        if names.is_empty() { Ok(()) } else { Err(StepError::Unreached { names }) }
    }

    /// Finds out the groups of every parameter that is new here.
    fn sort_into_groups(&mut self, model: &(impl Module + ?Sized)) -> Result<(), StepError> {
        let Self { groups, kept, .. } = self;
        model.visit(Name::root(), &mut |name, slot| {
            let Slot::Param(param) = slot else { return };
            kept.entry(param.id()).or_default().find_groups(groups, &name, param);
        });
        for (i, group) in groups.iter().enumerate() {
            let is_empty = !kept.values().any(|kept| kept.groups.as_ref().is_some_and(|groups| groups.contains(&i)));
            if let Members::Under(path) = &group.members
                && is_empty
            {
                let names: Vec<String> = model.parameters().into_iter().map(|(name, _)| name).collect();
                let nearest = nearest(path, names.iter().map(String::as_str)).map(str::to_owned);
                return Err(StepError::EmptyGroup { path: path.clone(), nearest });
            }
        }
        Ok(())
    }

    /// What is kept beside this parameter, by the rule of its groups.
    pub(super) fn state_of(&self, name: &str, param: &Param) -> &'static [&'static str] {
        let mut kept = Kept::default();
        kept.find_groups(&self.groups, &name, param);
        kept.rule(&self.rule, &self.groups).state(param.value().shape())
    }
}

/// What a rule is called where steps are profiled: its type, without the path, its parameters and `Rule`.
fn rule_name<R>() -> &'static str {
    let path = std::any::type_name::<R>();
    let path = path.split('<').next().unwrap_or(path);
    let name = path.rsplit("::").next().unwrap_or(path);
    name.strip_suffix("Rule").filter(|name| !name.is_empty()).unwrap_or(name)
}

/// What the step of one parameter must do.
fn work<R: Rule>((rule, p, _, _): &Update<'_, R>) -> Work {
    let arrays = 1 + rule.state(p.shape()).len();
    Work::writing(arrays * p.numel(), rule.cost(p.shape()))
}

fn both(a: Work, b: Work) -> Work {
    Work { cost: [a.cost, b.cost].into_iter().sum(), written: a.written + b.written }
}

impl Kept {
    fn find_groups<R: Clone>(&mut self, groups: &[Group<R>], name: &impl ToString, param: &Param) {
        if self.groups.is_none() {
            let name = if groups.is_empty() { String::new() } else { name.to_string() };
            let mine = groups.iter().enumerate().filter(|(_, group)| group.members.contain(&name, param));
            self.groups = Some(mine.map(|(i, _)| i).collect());
        }
    }

    /// What all are updated by, as its groups change it.
    fn rule<R: Clone>(&self, rule: &R, groups: &[Group<R>]) -> R {
        let mut rule = rule.clone();
        self.groups.iter().flatten().for_each(|&i| groups[i].change(&mut rule));
        rule
    }

    /// Keeps what is named from now on: what is new begins at 0, as when the momentum is turned on.
    fn make_room(&mut self, names: &'static [&'static str], shape: &[usize]) {
        if self.names != names {
            let before = self.names.iter().zip(self.tensors.drain(..));
            let mut before: BTreeMap<_, _> = before.map(|(name, tensor)| (*name, tensor)).collect();
            self.tensors =
                names.iter().map(|name| before.remove(name).unwrap_or_else(|| Tensor::zeros(shape))).collect();
            self.names = names;
        }
    }
}

/// The rule, whose fields are the hyperparameters.
impl<R> Deref for Optimizer<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.rule
    }
}

impl<R> DerefMut for Optimizer<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.rule
    }
}
