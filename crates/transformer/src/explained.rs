//! What `glassbox explain` says of a language model besides what it says of all: its parts, its memory, and what a token costs.

use crate::model::LanguageModel;
use crate::windows::Windows;
use glassbox_autograd::{Var, graph_operations};
use glassbox_nn::{Context, Module, ModuleCost, summary_of};
use glassbox_train::{columns, quantity};
use std::fmt::Write;

/// Bytes of a weight in training: itself, its gradient and both of AdamW's moments, f32 each.
const TRAINED: usize = 4 * size_of::<f32>();

/// The table of a model's parts, with the arithmetic of such a loss.
pub(crate) fn parts<M: Module + Clone>(model: &M, loss: impl Fn(&M) -> Var) -> String {
    let summary = summary_of(&mut model.clone(), &[], |model, _| loss(model));
    let mut rows = vec![["part", "parameters", "memory in training", "forward"].map(String::from).to_vec()];
    let mut parts: Vec<(&str, usize, u64)> = Vec::new();
    for ModuleCost { name, parameters, cost, .. } in &summary.modules {
        let part = part(name);
        match parts.iter_mut().find(|(name, ..)| *name == part) {
            Some((_, all, flops)) => (*all, *flops) = (*all + parameters, *flops + cost.flops),
            None => parts.push((part, *parameters, cost.flops)),
        }
    }
    let row = |name: &str, parameters: usize, flops: u64| {
        let memory = if parameters == 0 { String::new() } else { quantity((TRAINED * parameters) as u64, "B") };
        let parameters = if parameters == 0 { String::new() } else { parameters.to_string() };
        vec![name.to_string(), parameters, memory, quantity(flops, "FLOP")]
    };
    rows.extend(parts.iter().map(|&(name, parameters, flops)| row(name, parameters, flops)));
    let others = summary.others.iter().filter(|(_, _, cost)| cost.flops > 0);
    rows.extend(others.map(|(name, times, cost)| row(&format!("{name}, {times} ×"), 0, cost.flops)));
    let all = model.num_parameters();
    rows.push(row("all", all, summary.all.flops));
    columns(&rows, &[false, true, true, true]).lines().map(|line| format!("    {line}\n")).collect()
}

/// That table and the lines about memory, for steps of such windows.
pub(crate) fn remarks<M: LanguageModel>(model: &M, windows: &Windows) -> String {
    let ctx = Context::eval();
    let table = parts(model, |model| model.loss(&windows.x, &windows.y, &ctx));
    let all = model.num_parameters();
    let &[batch, context] = windows.x.shape() else { unreachable!("(B, T)") };
    let graph = model.loss(&windows.x, &windows.y, &ctx);
    let outputs: usize = graph_operations(&graph).iter().map(|op| op.shape.iter().product::<usize>()).sum();
    let token = model.bytes_per_token();
    let mut text =
        format!("Parts, with the arithmetic of one batch of {batch} windows of {context} tokens, forward:\n\n{table}");
    let _ = write!(
        text,
        "\nMemory:\n\n    \
         weights to write with       {}\n    \
         weights in training         {}, with gradients and AdamW's two moments\n    \
         outputs of a batch          {}, of all operations forward; backward keeps a part of them\n    \
         kept of a token (KV cache)  {token} B, {} for the context of {context}\n",
        quantity((size_of::<f32>() * all) as u64, "B"),
        quantity((TRAINED * all) as u64, "B"),
        quantity((size_of::<f32>() * outputs) as u64, "B"),
        quantity((token * context) as u64, "B"),
    );
    text
}

/// The first numbered thing that a module is in is its part: `h.0.attn.c_attn` belongs to the block `h.0`, `wte` to itself.
fn part(module: &str) -> &str {
    let mut end = 0;
    for word in module.split('.') {
        end += word.len();
        if word.parse::<usize>().is_ok() {
            return &module[..end];
        }
        end += 1;
    }
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_one_part_with_all_that_is_in_it() {
        assert_eq!(["wte", "h.11.attn.c_attn", "h.0.ln_1", "ln_f", ""].map(part), ["wte", "h.11", "h.0", "ln_f", ""]);
        let deep = ["model.layers.3.mlp.up_proj", "model.norm", "transformer.encoder.layers.0.norm1"];
        assert_eq!(deep.map(part), ["model.layers.3", "model.norm", "transformer.encoder.layers.0"]);
    }
}
