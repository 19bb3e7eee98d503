//! What the four convolutions begin with.

use crate::init;
use crate::param::Param;
use glassbox_tensor::random::Key;

/// W and b as PyTorch draws them, both from U[−1/√fan_in, 1/√fan_in).
///
/// PyTorch takes fan_in from the axes of W after the first. For a convolution's W (O, C/groups, k…) that is what one
/// output adds up; of a transposed one's W (C, O/groups, k…) it counts outputs where it says inputs, and is kept for
/// the sake of equal scales.
///
/// Source: `torch.nn.modules.conv._ConvNd.reset_parameters`, `torch.nn.init._calculate_fan_in_and_fan_out`.
#[track_caller]
pub(super) fn draw(weight: &[usize], outputs: usize, key: Key) -> (Param, Option<Param>) {
    let fan_in = weight[1..].iter().product();
    let (w, b) =
        (init::default_weight(weight, fan_in, key.fold(0)), init::default_bias([outputs], fan_in, key.fold(1)));
    (Param::new(w), Some(Param::new(b)))
}

/// How many of `channels` are in each group.
#[track_caller]
pub(super) fn per_group(layer: &str, what: &str, channels: usize, groups: usize) -> usize {
    assert!(
        groups > 0 && channels.is_multiple_of(groups),
        "{layer}: {groups} groups don't divide {channels} {what}; groups divide both inputs and outputs, and \
         without grouping there is 1"
    );
    channels / groups
}
