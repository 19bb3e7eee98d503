//! Saving and loading: a model is a file of named tensors, and training goes on from it bit for bit.
//!
//! The format is safetensors: a header in JSON that says where each tensor lies, then the numbers. Names are PyTorch's, so
//! that files go both ways: in Python, `safetensors.torch.load_file("mlp.safetensors")` gives the same dictionary.
//!
//! cargo run --release -p glassbox-benches --example 11-saving-and-loading [-- FOLDER]

use glassbox_autograd::Var;
use glassbox_nn::checkpoint::{SafetensorsFile, write_safetensors};
use glassbox_nn::loss::{Reduction, mse};
use glassbox_nn::{Linear, Module, load_safetensors, load_safetensors_partial, optim::Adam, save_safetensors};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use std::error::Error;
use std::path::PathBuf;

#[derive(Module)]
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    fn new(hidden: usize, key: Key) -> Mlp {
        Mlp { fc1: Linear::new(3, hidden, key.fold(1)), fc2: Linear::new(hidden, 1, key.fold(2)) }
    }

    fn forward(&self, x: &Var) -> Var {
        self.fc2.forward(&self.fc1.forward(x).tanh()) // (B, 3) -> (B, H) -> (B, 1)
    }

    /// Steps of training from `step` on. All that is random is a function of the step's number.
    fn train(&mut self, adam: &mut Adam, steps: std::ops::Range<u64>) -> Result<(), Box<dyn Error>> {
        for step in steps {
            let x = Tensor::randn([32, 3], Key::new(5).fold(step)); // (B, 3)
            let target = Var::constant(x.sum(&[1], true)); // (B, 1)
            let loss = mse(&self.forward(&Var::constant(x)), &target, Reduction::Mean);
            adam.step(self, &loss.backward())?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or("target/examples-out".into()));
    std::fs::create_dir_all(&folder)?;
    let (model_file, adam_file) = (folder.join("mlp.safetensors"), folder.join("adam.safetensors"));
    let x = Var::constant(Tensor::randn([4, 3], Key::new(0)));

    // There and back.
    let mut model = Mlp::new(8, Key::new(1));
    let mut adam = Adam::new(0.01);
    model.train(&mut adam, 0..20)?;
    save_safetensors(&model, &model_file)?;
    adam.save_state(&model, &adam_file)?;

    let file = SafetensorsFile::open(&model_file)?;
    println!("{} has {} bytes:", model_file.display(), std::fs::metadata(&model_file)?.len());
    for name in file.names() {
        println!("    {name:<12} {:?}", file.shape(name).expect("a name of the file"));
    }
    println!("fc2.bias, read alone: {}\n", file.read("fc2.bias")?);

    let mut loaded = Mlp::new(8, Key::new(2)); // other initial values, which go
    assert_ne!(loaded.forward(&x).value(), model.forward(&x).value());
    load_safetensors(&mut loaded, &model_file)?;
    assert_eq!(loaded.forward(&x).value(), model.forward(&x).value());
    println!("another model, once loaded, answers the same: {}", loaded.forward(&x).value().t());

    // Training goes on as if nothing had been: 20 steps, a file, 20 steps are 40 steps. Adam's means have to come along.
    let mut resumed = Adam::new(0.01);
    resumed.load_state(&loaded, &adam_file)?;
    loaded.train(&mut resumed, 20..40)?;
    model.train(&mut adam, 20..40)?;
    assert_eq!(loaded.forward(&x).value(), model.forward(&x).value());
    let mut forgetful = Mlp::new(8, Key::new(2));
    load_safetensors(&mut forgetful, &model_file)?;
    forgetful.train(&mut Adam::new(0.01), 20..40)?;
    println!("after 20 more steps: {}", model.forward(&x).value().t());
    println!("resumed, the same:   {}", loaded.forward(&x).value().t());
    println!("without Adam's file: {}\n", forgetful.forward(&x).value().t());
    assert_ne!(forgetful.forward(&x).value(), model.forward(&x).value());

    // What can be wrong is an error that names the file, the tensor and the way out. The model is then as it was.
    println!("What else may be in a file:\n");
    let before = loaded.forward(&x);
    let renamed = folder.join("renamed.safetensors");
    let tensors = model.parameters().into_iter().map(|(name, p)| (name.replace("fc1.weight", "fc1.wieght"), p.value()));
    write_safetensors(&renamed, tensors, [])?;
    let error = load_safetensors(&mut loaded, &renamed).expect_err("a name is misspelt");
    println!("a wrong name:  {error}\n");
    assert!(error.to_string().contains("fc1.weight (the file has fc1.wieght)"));

    let error = load_safetensors(&mut Mlp::new(9, Key::new(3)), &model_file).expect_err("9 hidden units and not 8");
    println!("a wrong shape: {error}\n");

    let whole = std::fs::read(&model_file)?;
    let cut = folder.join("cut.safetensors");
    std::fs::write(&cut, &whole[..whole.len() - 1])?;
    let error = load_safetensors(&mut loaded, &cut).expect_err("the last byte is missing");
    println!("a cut file:    {error}\n");
    assert_eq!(loaded.forward(&x).value(), before.value());

    // Asked to, it takes what fits and says what doesn't.
    let report = load_safetensors_partial(&mut loaded, &renamed)?;
    println!("in part: missing {:?}, unexpected {:?}", report.missing[0].name, report.unexpected);
    assert_eq!((report.missing.len(), report.unexpected.len()), (1, 1));
    Ok(())
}
