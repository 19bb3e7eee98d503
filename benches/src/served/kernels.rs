//! Convolutions, norms, elementwise passes, attention, losses and optimiser steps, as a user of `Var` and `Tensor` runs them.

use super::{Work, sizes};
use glassbox_autograd::{AttentionOptions, CrossEntropyOptions, Var};
use glassbox_nn::Param;
use glassbox_nn::optim::{Adam, Ema, clip_grad_norm};
use glassbox_tensor::random::{Key, normal_fill};
use glassbox_tensor::{Conv1dOptions, Conv2dOptions, ConvTranspose2dOptions, Ids, Tensor};
use std::hint::black_box;

/// A tensor of standard normal numbers.
fn randn(shape: &[usize], key: u64) -> Tensor {
    Tensor::randn(shape, Key::new(key))
}

/// `f` of constants, or of inputs and then the gradients of all of them.
fn run(mode: &str, inputs: Vec<Tensor>, f: impl Fn(&[Var]) -> Var + 'static) -> Option<Work> {
    match mode {
        "forward" => {
            let x: Vec<Var> = inputs.into_iter().map(Var::constant).collect();
            Some(Box::new(move || drop(black_box(f(&x)))))
        }
        "both" => {
            let x: Vec<Var> = inputs.into_iter().map(Var::input).collect();
            let dy = randn(f(&x).shape(), 99);
            Some(Box::new(move || drop(black_box(f(&x).backward_from(&dy)))))
        }
        _ => None,
    }
}

/// As [`run`], forward only, of tensors.
fn of_tensors<T>(inputs: Vec<Tensor>, f: impl Fn(&[Tensor]) -> T + 'static) -> Option<Work> {
    Some(Box::new(move || drop(black_box(f(&inputs)))))
}

pub(super) fn work(parts: &[&str]) -> Option<Work> {
    match *parts {
        ["conv2d", x, o, k, stride, padding, mode] => {
            let (x, o) = (sizes::<4>(x)?, o.parse().ok()?);
            let (k, s, p): (usize, usize, usize) = (k.parse().ok()?, stride.parse().ok()?, padding.parse().ok()?);
            let options = Conv2dOptions { stride: [s, s], padding: [(p, p); 2], ..Conv2dOptions::default() };
            run(mode, vec![randn(&x, 1), randn(&[o, x[1], k, k], 2), randn(&[o], 3)], move |x| {
                x[0].conv2d(&x[1], Some(&x[2]), options)
            })
        }
        ["conv_transpose2d", x, o, k, stride, padding, mode] => {
            let (x, o) = (sizes::<4>(x)?, o.parse().ok()?);
            let (k, s, p): (usize, usize, usize) = (k.parse().ok()?, stride.parse().ok()?, padding.parse().ok()?);
            let options = ConvTranspose2dOptions { stride: [s, s], padding: [(p, p); 2], ..Default::default() };
            run(mode, vec![randn(&x, 1), randn(&[x[1], o, k, k], 2), randn(&[o], 3)], move |x| {
                x[0].conv_transpose2d(&x[1], Some(&x[2]), options)
            })
        }
        ["causal_conv1d", x, o, k, dilation, mode] => {
            let (x, o) = (sizes::<3>(x)?, o.parse().ok()?);
            let (k, d): (usize, usize) = (k.parse().ok()?, dilation.parse().ok()?);
            let options = Conv1dOptions::causal(k, d);
            run(mode, vec![randn(&x, 1), randn(&[o, x[1], k], 2), randn(&[o], 3)], move |x| {
                x[0].conv1d(&x[1], Some(&x[2]), options)
            })
        }
        ["attention", x, mode] => {
            let x = sizes::<4>(x)?;
            let options = || AttentionOptions { causal: true, ..AttentionOptions::default() };
            run(mode, (1..4).map(|key| randn(&x, key)).collect(), move |x| x[0].attention(&x[1], &x[2], options()))
        }
        ["softmax", x, mode] => run(mode, vec![randn(&sizes::<2>(x)?, 1)], |x| x[0].softmax(-1)),
        ["layer_norm", x, mode] => {
            let [rows, n] = sizes(x)?;
            run(mode, vec![randn(&[rows, n], 1), randn(&[n], 2), randn(&[n], 3)], move |x| {
                x[0].layer_norm(&[n], Some(&x[1]), Some(&x[2]), 1e-5)
            })
        }
        ["rms_norm", x, mode] => {
            let [rows, n] = sizes(x)?;
            run(mode, vec![randn(&[rows, n], 1), randn(&[n], 2)], move |x| x[0].rms_norm(&[n], Some(&x[1]), 1e-5))
        }
        ["group_norm", x, groups, mode] => {
            let (x, groups) = (sizes::<4>(x)?, groups.parse().ok()?);
            run(mode, vec![randn(&x, 1), randn(&[x[1]], 2), randn(&[x[1]], 3)], move |x| {
                x[0].group_norm(groups, Some(&x[1]), Some(&x[2]), 1e-5)
            })
        }
        ["cross_entropy", x, mode] => {
            let [rows, classes] = sizes(x)?;
            let ids: Vec<u32> = (0..rows).map(|i| Key::new(7).below(i as u64, classes as u32)).collect();
            let ids = Ids::from_vec(ids, [rows]);
            let x = Var::input(randn(&[rows, classes], 1));
            (mode == "both").then(|| -> Work {
                Box::new(move || drop(black_box(x.cross_entropy(&ids, CrossEntropyOptions::default()).backward())))
            })
        }
        ["gelu", n, mode] => run(mode, vec![randn(&sizes::<1>(n)?, 1)], |x| x[0].gelu()),
        ["gelu_tanh", n, mode] => run(mode, vec![randn(&sizes::<1>(n)?, 1)], |x| x[0].gelu_tanh()),
        ["silu", n, mode] => run(mode, vec![randn(&sizes::<1>(n)?, 1)], |x| x[0].silu()),
        ["elementwise", name, n] => {
            let n = sizes::<1>(n)?;
            let x = vec![randn(&n, 1), randn(&n, 2), randn(&n, 3)];
            match name {
                "add" => of_tensors(x, |x| &x[0] + &x[1]),
                "mul" => of_tensors(x, |x| &x[0] * &x[1]),
                "relu" => of_tensors(x, |x| x[0].relu()),
                "exp" => of_tensors(x, |x| x[0].exp()),
                "tanh" => of_tensors(x, |x| x[0].tanh()),
                "sigmoid" => of_tensors(x, |x| x[0].sigmoid()),
                "ln" => of_tensors(vec![x[0].abs().affine(1.0, 1e-3)], |x| x[0].ln()),
                _ => None,
            }
        }
        ["reduce", name, x] => {
            let x = vec![randn(&sizes::<2>(x)?, 1)];
            match name {
                "sum" => of_tensors(x, |x| x[0].sum_all()),
                "sum_rows" => of_tensors(x, |x| x[0].sum(&[1], false)),
                "sum_columns" => of_tensors(x, |x| x[0].sum(&[0], false)),
                "max_rows" => of_tensors(x, |x| x[0].max(&[1], false)),
                _ => None,
            }
        }
        ["transposed_copy", x] => of_tensors(vec![randn(&sizes::<2>(x)?, 1).t()], |x| x[0].contiguous()),
        ["permuted_copy", x] => {
            of_tensors(vec![randn(&sizes::<4>(x)?, 1).permute(&[0, 2, 1, 3])], |x| x[0].contiguous())
        }
        ["normal_fill", n] => {
            let mut out = vec![0.0; sizes::<1>(n)?[0]];
            let mut calls = 0;
            Some(Box::new(move || {
                calls += 1;
                normal_fill(Key::new(calls), &mut out);
                black_box(&mut out);
            }))
        }
        ["adamw", x, with] => {
            let [count, rows, cols] = sizes(x)?;
            let mut model: Vec<Param> = (0..count).map(|i| Param::new(randn(&[rows, cols], i as u64))).collect();
            let loss = model.iter().map(|p| p.var().square().sum_all()).reduce(|a, b| &a + &b)?;
            let mut grads = loss.backward();
            let mut adam = Adam::adamw(1e-6);
            let mut ema = (with == "clip_ema").then(|| Ema::new(&model, 0.999));
            Some(Box::new(move || {
                if let Some(ema) = &mut ema {
                    clip_grad_norm(&mut grads, 1.0);
                    adam.step(&mut model, &grads).expect("all are reached");
                    ema.update(&model);
                } else {
                    adam.step(&mut model, &grads).expect("all are reached");
                }
            }))
        }
        ["tiny_add"] => {
            let a = Var::constant(randn(&[8], 1));
            Some(Box::new(move || drop(black_box(&a + 1.0))))
        }
        ["tiny_chain", n] => {
            let (a, n): (Var, usize) = (Var::input(randn(&[8], 1)), n.parse().ok()?);
            Some(Box::new(move || {
                let mut t = &a * 1.01;
                for _ in 1..n {
                    t = &t * 1.01;
                }
                drop(black_box(t.sum_all().backward()));
            }))
        }
        _ => None,
    }
}
