//! What `tools/peers/compare.py` has timed on our side, by the names that its own servers know the same work by.
//!
//! A name says the whole problem, so that nobody has to keep two lists alike: `conv2d:16x64x32x32:64:3:1:1:both` is a
//! convolution of (16, 64, 32, 32) to 64 channels, kernel 3, stride 1, padding 1, forward and backward. `gemm/nn:512x512x512` is
//! a product by another contestant of this process.

mod kernels;
mod products;

/// Work that can be done again and again.
pub type Work = Box<dyn FnMut()>;

/// The work of that name, made ready; `None` for a name that nobody here knows.
pub fn work(name: &str) -> Option<Work> {
    let parts: Vec<&str> = name.split(':').collect();
    products::work(&parts).or_else(|| kernels::work(&parts))
}

/// The numbers of `16x64x32`.
fn sizes<const N: usize>(text: &str) -> Option<[usize; N]> {
    let sizes: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    sizes.ok()?.try_into().ok()
}
