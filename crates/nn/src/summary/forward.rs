//! What a forward pass costs, and which module it is that costs it.

use super::{grouped, table};
use crate::module::{Module, SlotMut};
use crate::name::Name;
use glassbox_autograd::{Cost, GraphInput, GraphOperation, LeafId, Var, graph_operations};
use glassbox_tensor::Tensor;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What a module holds, and what its operations cost in one forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleCost {
    /// The dotted name; empty for what the model itself holds.
    pub name: String,
    /// How many numbers the parameters hold that are this module's own.
    pub parameters: usize,
    /// Its operations in the order of their first time, each with how often it ran. None, if the pass didn't reach it.
    pub operations: Vec<(&'static str, usize)>,
    /// The shape of what the last of them gave.
    pub output: Vec<usize>,
    /// What they cost together.
    pub cost: Cost,
}

/// What a forward pass costs. `println!("{}", …)` shows it as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardSummary {
    /// The modules which own parameters, in the order in which the pass came to them; then those that it didn't reach.
    pub modules: Vec<ModuleCost>,
    /// Operations that no module owns, each kind with how often it ran, the most arithmetic first.
    pub others: Vec<(&'static str, usize, Cost)>,
    /// All operations together, as `graph_cost` has it.
    pub all: Cost,
}

/// Runs `forward` once, and counts what it costs by module: an operation belongs to the module whose parameter it uses, or
/// whose parameters alone what it uses was made from (a weight that is normalised first). What uses none, such as an activation, is
/// counted by kind.
///
/// `forward` gets the model and the inputs, as variables, and returns what the pass computes; of several outputs, something that
/// depends on all. FLOPs are those of the registry: additions and multiplications alone, so that a linear layer costs 2·in·out + out
/// for each row. What is computed of constants alone is in no graph, and isn't counted; inputs of ids, which have no gradient, `forward`
/// takes from outside. Frozen parameters count as others do.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Linear, Module, summary_of};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// #[derive(Module)]
/// struct Mlp {
///     fc1: Linear,
///     fc2: Linear,
/// }
/// let mut mlp = Mlp { fc1: Linear::new(784, 400, Key::new(0)), fc2: Linear::new(400, 10, Key::new(1)) };
/// let forward = |mlp: &Mlp, x: &[Var]| mlp.fc2.forward(&mlp.fc1.forward(&x[0]).tanh());
/// let summary = summary_of(&mut mlp, &[Tensor::zeros([128, 784])], forward);
/// assert_eq!(summary.modules[0].cost.flops, 128 * (2 * 784 * 400 + 400));
/// assert_eq!(summary.to_string(), "\
/// module  operations  output      parameters          cost
/// fc1     linear      [128, 400]     314_000  80.333 MFLOP
/// fc2     linear      [128, 10]        4_010   1.025 MFLOP
///         tanh                                51.200 kFLOP
/// all                                318_010  81.409 MFLOP
/// ");
/// ```
///
/// # Panics
/// If `forward` does.
pub fn summary_of<M: Module>(
    model: &mut M,
    inputs: &[Tensor],
    forward: impl FnOnce(&M, &[Var]) -> Var,
) -> ForwardSummary {
    // A frozen parameter is a constant in the graph, where nobody could tell whose it is.
    let frozen: HashSet<LeafId> =
        model.parameters().iter().filter(|(_, param)| param.is_frozen()).map(|(_, param)| param.id()).collect();
    model.unfreeze();
    let x: Vec<Var> = inputs.iter().map(|x| Var::input(x.clone())).collect();
    let operations = graph_operations(&forward(model, &x));
    model.visit_mut(Name::root(), &mut |_, slot| match slot {
        SlotMut::Param(param) if frozen.contains(&param.id()) => param.freeze(),
        _ => {}
    });
    count(model, &operations, !inputs.is_empty())
}

/// Adds the operations up, each where it belongs.
fn count(model: &impl Module, operations: &[GraphOperation], has_inputs: bool) -> ForwardSummary {
    let (mut modules, mut module_of) = (Vec::<ModuleCost>::new(), HashMap::new());
    for (name, param) in model.parameters() {
        let name = name.rsplit_once('.').map_or("", |(module, _)| module);
        let known = modules.iter().position(|module| module.name == name);
        let module = known.unwrap_or_else(|| {
            let (operations, output) = (Vec::new(), Vec::new());
            modules.push(ModuleCost { name: name.into(), parameters: 0, operations, output, cost: Cost::default() });
            modules.len() - 1
        });
        modules[module].parameters += param.value().numel();
        module_of.insert(param.id(), module);
    }

    let (mut order, mut others, mut all) = (Vec::new(), Vec::new(), Cost::default());
    let owners = owners(operations, &module_of, has_inputs);
    for (operation, owner) in operations.iter().zip(owners) {
        add(&mut all, operation.cost);
        match owner {
            Some(owner) => {
                let module = &mut modules[owner];
                add(&mut module.cost, operation.cost);
                module.output = operation.shape.clone();
                match module.operations.iter_mut().find(|(name, _)| *name == operation.name) {
                    Some((_, times)) => *times += 1,
                    None => module.operations.push((operation.name, 1)),
                }
                if !order.contains(&owner) {
                    order.push(owner);
                }
            }
            None => match others.iter_mut().find(|(name, _, _)| *name == operation.name) {
                Some((_, times, cost)) => {
                    *times += 1;
                    add(cost, operation.cost);
                }
                None => others.push((operation.name, 1, operation.cost)),
            },
        }
    }
    order.extend((0..modules.len()).filter(|module| modules[*module].operations.is_empty()));
    others.sort_by_key(|(name, _, cost)| (std::cmp::Reverse(cost.flops), *name));
    let modules = order.into_iter().map(|module| modules[module].clone()).collect();
    ForwardSummary { modules, others, all }
}

/// The module of each operation: that of a parameter among its inputs; or else that of an input which was computed from one
/// module's parameters and constants alone. Where the inputs of the model are not in the graph, everything is, so that only the
/// first rule holds.
fn owners(operations: &[GraphOperation], module_of: &HashMap<LeafId, usize>, has_inputs: bool) -> Vec<Option<usize>> {
    let mut made_from: Vec<Option<usize>> = Vec::new(); // the one module that a value was made from alone
    let mut owners = Vec::new();
    for operation in operations {
        let parameters = operation.inputs.iter().filter_map(|input| match input {
            GraphInput::Leaf(id) => module_of.get(id).copied(),
            _ => None,
        });
        let sources: Vec<Option<usize>> = operation
            .inputs
            .iter()
            .filter_map(|input| match input {
                GraphInput::Constant => None,
                GraphInput::Leaf(id) => Some(module_of.get(id).copied()),
                GraphInput::Operation(place) => Some(made_from[*place]),
            })
            .collect();
        let derived = || agreed(sources.iter().flatten().copied()).filter(|_| has_inputs);
        owners.push({ parameters }.next().or_else(derived));
        made_from.push(agreed(sources.iter().copied()).flatten());
    }
    owners
}

/// What all are, if they are all the same.
fn agreed<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

fn add(sum: &mut Cost, cost: Cost) {
    sum.flops += cost.flops;
    sum.bytes += cost.bytes;
}

impl fmt::Display for ForwardSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = |(name, times): &(&str, usize)| match times {
            1 => name.to_string(),
            n => format!("{name} × {n}"),
        };
        let mut rows = vec![["module", "operations", "output", "parameters", "cost"].map(String::from)];
        for module in &self.modules {
            let name = if module.name.is_empty() { "(root)" } else { &module.name };
            let (operations, output) = match module.operations.is_empty() {
                true => ("not reached".to_string(), String::new()),
                false => {
                    let names: Vec<String> = module.operations.iter().map(times).collect();
                    (names.join(", "), format!("{:?}", module.output))
                }
            };
            rows.push([name.into(), operations, output, grouped(module.parameters), flops(module.cost)]);
        }
        for (name, n, cost) in self.others.iter().filter(|(_, _, cost)| cost.flops > 0) {
            rows.push([String::new(), times(&(name, *n)), String::new(), String::new(), flops(*cost)]);
        }
        let parameters = grouped(self.modules.iter().map(|module| module.parameters).sum());
        rows.push(["all".into(), String::new(), String::new(), parameters, flops(self.all)]);
        f.write_str(&table(&rows, [false, false, false, true, true]))
    }
}

/// 12 FLOP, 3.400 kFLOP, 1.020 GFLOP.
fn flops(cost: Cost) -> String {
    let (n, units) = (cost.flops, ["k", "M", "G", "T", "P"]);
    if n < 1000 {
        return format!("{n} FLOP");
    }
    let (mut x, mut unit) = (n as f64 / 1e3, 0);
    while x >= 999.9995 && unit + 1 < units.len() {
        (x, unit) = (x / 1e3, unit + 1);
    }
    format!("{x:.3} {}FLOP", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_readable() {
        let written = |n| flops(Cost { flops: n, bytes: 0 });
        assert_eq!(written(999), "999 FLOP");
        assert_eq!(written(1000), "1.000 kFLOP");
        assert_eq!(written(999_999_600), "1.000 GFLOP");
        assert_eq!(written(1_020_000_000), "1.020 GFLOP");
        assert_eq!(written(3_400_000_000_000_000), "3.400 PFLOP");
        assert_eq!(written(u64::MAX), "18446.744 PFLOP");
    }
}
