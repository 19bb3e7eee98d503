//! The two judges whose weights are committed, so that a number means the same on every machine and in every year.

use super::Judge;
use crate::protocol::JudgeError;
use glassbox_nn::{Module, Name, SlotMut};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use safetensors::SafeTensors;

/// A trained judge that comes with this crate.
#[derive(Debug)]
pub struct Weights {
    /// The data set that it was trained on, and whose pictures it judges.
    pub set: &'static str,
    /// The SHA-256 of the file of weights: numbers of another judge are other numbers.
    pub sha256: &'static str,
    bytes: &'static [u8],
}

/// Made by the commands that stand in assets/judge/README.md.
pub static WEIGHTS: [Weights; 2] = [
    Weights {
        set: "fashion-mnist",
        sha256: "d2b044628bfdf0dc0d5f1efb8c6de191b8797c0d2f6e0c0037253b31136d4190",
        bytes: include_bytes!("../../assets/judge/fashion-mnist.safetensors"),
    },
    Weights {
        set: "digits",
        sha256: "b1edb2b85acd5b4fca8f1921c836711d28ee7df399388169d3d688883f78d22c",
        bytes: include_bytes!("../../assets/judge/digits.safetensors"),
    },
];

impl Weights {
    /// The judge of a data set.
    ///
    /// # Errors
    /// If there is none.
    ///
    /// ```
    /// use glassbox_measure::Weights;
    /// assert!(Weights::of("digits")?.sha256.starts_with("b1edb2b8"));
    /// assert!(Weights::of("cats").is_err());
    /// # Ok::<(), glassbox_measure::JudgeError>(())
    /// ```
    pub fn of(set: &str) -> Result<&'static Weights, JudgeError> {
        WEIGHTS.iter().find(|weights| weights.set == set).ok_or_else(|| JudgeError::NoJudge(set.to_string()))
    }

    /// The judge with these weights, as constants.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_measure::{FEATURES, WEIGHTS};
    /// use glassbox_nn::Context;
    /// let data = glassbox_data::open("fashion-mnist")?;
    /// let judge = WEIGHTS[0].judge();
    /// let (x, y) = data.test.batch(&[0, 1, 2]); // an ankle boot, a pullover, trousers
    /// let x = Var::constant(x);
    /// assert_eq!(judge.forward(&x, &Context::eval()).value().argmax(1, false), y);
    /// assert_eq!(judge.features(&x).shape(), [3, FEATURES]);
    /// # Ok::<(), glassbox_data::DataError>(())
    /// ```
    pub fn judge(&self) -> Judge {
        let file = SafeTensors::deserialize(self.bytes).expect("the committed file is whole, as a test says");
        let mut judge = Judge::new([1, 28, 28], 10, 0.0, Key::new(0));
        judge.visit_mut(Name::root(), &mut |name, slot| {
            if let SlotMut::Param(param) = slot {
                let tensor = file.tensor(&name.to_string()).expect("the committed file has every parameter");
                let (bytes, _) = tensor.data().as_chunks::<4>();
                let values = bytes.iter().map(|&b| f32::from_le_bytes(b)).collect();
                param.set_value(Tensor::from_vec(values, tensor.shape()));
            }
        });
        judge.freeze();
        judge
    }
}
