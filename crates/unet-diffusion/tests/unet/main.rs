//! The UNet: held to diffusers, to its own derivative, and to its folder.

mod diffusers;
mod folder;
mod gradient;
mod rule;
mod shapes;

use std::path::PathBuf;

/// The folder of a case that `tools/torch/diffusion/unet.py` wrote.
fn case(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", "unet", name].iter().collect()
}
