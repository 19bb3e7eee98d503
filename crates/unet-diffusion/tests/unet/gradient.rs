//! The derivative of the whole network agrees with central differences, for the picture and every parameter.

use glassbox_autograd::gradcheck;
use glassbox_nn::Context;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_unet_diffusion::unet::{Class, DownBlockType, TimeScaleShift, UNet2d, UNet2dConfig, UpBlockType};

#[test]
fn the_gradient_of_a_tiny_network_agrees_with_central_differences() {
    let config = UNet2dConfig {
        in_channels: 1,
        out_channels: 2,
        block_out_channels: vec![4, 4],
        down_block_types: vec![DownBlockType::ResnetDownsampleBlock2D, DownBlockType::AttnDownBlock2D],
        up_block_types: vec![UpBlockType::AttnUpBlock2D, UpBlockType::UpBlock2D],
        layers_per_block: 1,
        norm_num_groups: Some(2),
        attention_head_dim: Some(2),
        resnet_time_scale_shift: TimeScaleShift::ScaleShift,
        num_class_embeds: Some(3),
        ..Default::default()
    };
    let unet = UNet2d::new(config, Key::new(1));
    let (x, t) = (Tensor::randn([2, 1, 4, 2], Key::new(2)), Tensor::from_slice(&[3.0, 41.0], [2]));
    let classes = Ids::from_vec(vec![2, 0], [2]);
    gradcheck(|x| unet.forward(&x[0], &t, Some(Class::Number(&classes)), &Context::eval()).square().mean_all(), &[x])
        .unwrap();
}
