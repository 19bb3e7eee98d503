//! What `glassbox explain` says of a language model besides what it says of all: its parts, its memory, and what a token costs.

use crate::model::LanguageModel;
use crate::windows::Windows;
use glassbox_autograd::graph_operations;
use glassbox_nn::{Context, ModuleCost, summary_of};
use glassbox_train::{columns, quantity};
use std::fmt::Write;

/// Bytes of a weight in training: itself, its gradient and both of AdamW's moments, f32 each.
const TRAINED: usize = 4 * size_of::<f32>();

/// The table of parts and the lines about memory, for steps of such windows.
pub(crate) fn remarks<M: LanguageModel>(model: &M, windows: &Windows) -> String {
    let ctx = Context::eval();
    let summary = summary_of(&mut model.clone(), &[], |model, _| model.loss(&windows.x, &windows.y, &ctx));
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

    let &[batch, context] = windows.x.shape() else { unreachable!("(B, T)") };
    let graph = model.loss(&windows.x, &windows.y, &ctx);
    let outputs: usize = graph_operations(&graph).iter().map(|op| op.shape.iter().product::<usize>()).sum();
    let token = model.bytes_per_token();
    let mut text =
        format!("Parts, with the arithmetic of one batch of {batch} windows of {context} tokens, forward:\n\n");
    columns(&rows, &[false, true, true, true]).lines().for_each(|line| text.push_str(&format!("    {line}\n")));
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

/// `h.0.attn.c_attn` belongs to the block `h.0`, `wte` to itself.
fn part(module: &str) -> &str {
    let second = module.match_indices('.').nth(1).map_or(module.len(), |(at, _)| at);
    let numbered = module.split('.').nth(1).is_some_and(|word| word.parse::<usize>().is_ok());
    if numbered { &module[..second] } else { module.split('.').next().unwrap_or(module) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_one_part_with_all_that_is_in_it() {
        assert_eq!(["wte", "h.11.attn.c_attn", "h.0.ln_1", "ln_f", ""].map(part), ["wte", "h.11", "h.0", "ln_f", ""]);
    }
}
