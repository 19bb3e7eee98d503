//! The same 25 steps as PyTorch takes them in f64: `data/pytorch.py` wrote the numbers.

use glassbox_autograd::Var;
use glassbox_nn::optim::Adam;
use glassbox_nn::{Module, Name};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_vae::{Autoencoder, Sizes, VaeMlp};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn tensor(value: &Value, shape: &[usize]) -> Tensor {
    Tensor::from_vec(numbers(value).iter().map(|&x| x as f32).collect(), shape)
}

#[test]
fn every_step_is_the_one_that_pytorch_takes() {
    let theirs: Value = serde_json::from_str(include_str!("data/pytorch.json")).unwrap();
    let mut vae = VaeMlp::new(Sizes { image: [1, 4, 5], hidden: 12, latents: 4 }, Key::new(0));
    vae.visit_mut(Name::root(), &mut |name, mut slot| {
        let value = tensor(&theirs["init"][name.to_string()], slot.value().shape());
        slot.set_value(value);
    });
    let x = Var::constant(tensor(&theirs["x"], &[6, 20]));
    let mut adam = Adam::new(theirs["lr"].as_f64().unwrap());
    for (step, loss) in theirs["losses"].as_array().unwrap().iter().enumerate() {
        let losses = vae.losses(&x, &tensor(&theirs["eps"][step], &[6, 4]));
        let ours = [losses.reconstruction.item(), losses.kl.as_ref().unwrap().item()];
        for (ours, theirs) in ours.into_iter().zip(numbers(loss)) {
            let apart = (f64::from(ours) - theirs).abs();
            assert!(apart < 1e-6 * (1.0 + theirs), "step {step}: {ours} and PyTorch's {theirs}");
        }
        adam.step(&mut vae, &losses.total().backward()).unwrap();
    }
    for (name, param) in vae.parameters() {
        for (ours, theirs) in param.value().to_vec().iter().zip(numbers(&theirs["final"][&name])) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-5, "{name}: {ours} and PyTorch's {theirs}");
        }
    }
}
