//! The original transformer, and tasks with a known answer that it learns.

mod drawings;
mod greedy;
mod model;
mod presets;
mod task;
mod training;
mod words;

pub use greedy::Kept;
pub use model::{Decoder, Encoded, Encoder, EncoderDecoder, EncoderDecoderSizes, Halves, Problems};
pub use presets::ENCODER_DECODER;
pub use task::{Exercise, Part, Task};
pub use training::ProblemTraining;
