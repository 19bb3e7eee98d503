//! Every operation, one file each. **To add one: write its file, and one word in the list below.** Its tests, bench, row
//! in the book and page of `glassbox explain` follow from that word.

use crate::registry::OpEntry;

/// Declares the files, the registry and the tests from one list of words.
macro_rules! operations {
    ($($name:ident)+) => {
        $(pub mod $name;)+

        /// Every operation of this crate, in the list's order.
        ///
        /// ```
        /// use glassbox_autograd::ops::registry;
        /// assert!(registry().iter().any(|op| op.name() == "softmax"));
        /// ```
        pub fn registry() -> &'static [&'static dyn OpEntry] {
            static ALL: &[&dyn OpEntry] = &[$(&$name::INFO),+];
            ALL
        }

        #[cfg(test)]
        mod checks {
            $(crate::check_op!($name, crate::ops::$name::INFO);)+
        }
    };
}

operations! {
    abs
    adam_step
    add
    add_layer_norm
    affine
    argmax
    argmin
    attention
    avg_pool2d
    avg_pool2d_adjoint
    batch_norm
    bce_with_logits
    cat
    clamp
    compare
    conv2d
    conv2d_weight
    conv_transpose2d
    cos
    cross_entropy
    cumsum
    div
    einsum
    elu
    embedding
    erf
    exp
    expand
    expm1
    flip
    gated_tanh
    gather
    gaussian_kl
    geglu
    gelu
    gelu_tanh
    glu
    group_norm
    gumbel_softmax
    index_add
    index_select
    layer_norm
    leaky_relu
    linear
    lion_step
    ln
    log1p
    log_softmax
    logistic_sample
    logsumexp
    matmul
    max
    max_pool2d
    maximum
    mean
    min
    minimum
    mul
    narrow
    ndtr
    neg
    norm
    one_hot
    outer
    overlap_add
    pad
    permute
    pixel_shuffle
    pixel_unshuffle
    pow
    powf
    rand_like
    randn_like
    relu
    reparameterize
    resample
    resample_adjoint
    reshape
    rms_norm
    rmsprop_step
    rotary
    round_ste
    rsqrt
    scatter_add
    sgd_step
    sigmoid
    sign
    sign_ste
    silu
    sin
    softmax
    softplus
    sort
    sqrt
    square
    std
    straight_through
    sub
    sum
    swiglu
    tanh
    topk
    unfold
    var
    where_cond
}

#[cfg(test)]
mod tests {
    /// A file that nobody lists would never be checked.
    #[test]
    fn every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "mod")
            .collect();
        let mut listed: Vec<String> = super::registry().iter().map(|op| op.name().to_string()).collect();
        files.sort();
        listed.sort();
        assert_eq!(files, listed, "the files of src/ops and the list in src/ops/mod.rs differ");
    }
}
