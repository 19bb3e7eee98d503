//! How many numbers a layer's output is made from, and what a nonlinearity leaves of them.

/// The number of inputs that one output adds up, and of the outputs that one input goes into, for the weight of a linear layer
/// (out, in) or of a convolution (out, in, …), as PyTorch counts them:
///
/// ```text
/// fan_in = in · (product of the kernel),  fan_out = out · (product of the kernel)
/// ```
///
/// For a transposed convolution, whose weight is (in, out, …), PyTorch calls fan_in what is fan_out, and so does this. Source:
/// `torch.nn.init._calculate_fan_in_and_fan_out`.
///
/// ```
/// use glassbox_nn::init::fan_in_and_out;
/// assert_eq!(fan_in_and_out([400, 784]), (784, 400)); // Linear(784, 400)
/// assert_eq!(fan_in_and_out([64, 3, 5, 5]), (75, 1600)); // Conv2d(3, 64, kernel 5 × 5)
/// ```
///
/// # Panics
/// If the shape has fewer than two axes.
#[track_caller]
pub fn fan_in_and_out(shape: impl AsRef<[usize]>) -> (usize, usize) {
    match shape.as_ref() {
        [outputs, inputs, kernel @ ..] => {
            let window: usize = kernel.iter().product();
            (inputs * window, outputs * window)
        }
        shape => panic!("init: a weight of shape {shape:?} has no fan; it needs two axes at least, (out, in, …)"),
    }
}

/// Which of the two an initialiser goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fan {
    /// The inputs of an output: activations keep their variance.
    In,
    /// The outputs of an input: gradients do.
    Out,
}

impl Fan {
    /// Its number for a weight of this shape.
    ///
    /// ```
    /// use glassbox_nn::init::Fan;
    /// assert_eq!((Fan::In.of([400, 784]), Fan::Out.of([400, 784])), (784, 400));
    /// ```
    ///
    /// # Panics
    /// If the shape has fewer than two axes.
    #[track_caller]
    pub fn of(self, shape: impl AsRef<[usize]>) -> usize {
        let (fan_in, fan_out) = fan_in_and_out(shape);
        match self {
            Fan::In => fan_in,
            Fan::Out => fan_out,
        }
    }
}

/// What comes after a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Nonlinearity {
    /// Nothing.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
    /// max(x, 0) + slope · min(x, 0).
    LeakyRelu(f32),
    /// Klambauer et al. 2017.
    Selu,
}

impl Nonlinearity {
    /// By how much larger than 1/√fan the weights' standard deviation is, to make up for what the nonlinearity takes from the
    /// variance:
    ///
    /// ```text
    /// Linear 1    Sigmoid 1    Tanh 5/3    Relu √2    LeakyRelu(a) √(2 / (1 + a²))    Selu 3/4
    /// ```
    ///
    /// A ReLU takes half (He et al. 2015, equation 10; equation 15 for a slope). The others are PyTorch's `calculate_gain`.
    ///
    /// ```
    /// use glassbox_nn::init::Nonlinearity;
    /// assert_eq!(Nonlinearity::Relu.gain(), 2f64.sqrt());
    /// assert_eq!(Nonlinearity::LeakyRelu(1.0).gain(), Nonlinearity::Linear.gain());
    /// ```
    pub fn gain(self) -> f64 {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::Relu => 2f64.sqrt(),
            Nonlinearity::LeakyRelu(a) => (2.0 / (1.0 + f64::from(a).powi(2))).sqrt(),
            Nonlinearity::Selu => 0.75,
        }
    }
}
