//! What the settings mean for shapes, and what is said of those that don't fit together.

use glassbox_autograd::Var;
use glassbox_nn::{Context, Module};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_unet_diffusion::unet::{DownBlockType as Down, UNet2d, UNet2dConfig};

/// As the page of the module says.
#[test]
fn the_network_for_grey_pictures_has_as_many_parameters_as_its_page_says() {
    assert_eq!(UNet2d::new(UNet2dConfig::grey(32), Key::new(0)).num_parameters(), 3_939_393);
    assert_eq!(UNet2d::new(UNet2dConfig::grey(64), Key::new(0)).num_parameters(), 15_722_625);
}

#[test]
fn every_size_that_halves_evenly_is_taken() {
    let unet = UNet2d::new(UNet2dConfig::grey(8), Key::new(0));
    for [h, w] in [[28, 28], [4, 12], [20, 4]] {
        let x = Var::constant(Tensor::randn([1, 1, h, w], Key::new(1)));
        assert_eq!(unet.forward(&x, &Tensor::zeros([1]), None, &Context::eval()).shape(), [1, 1, h, w]);
    }
}

#[test]
fn one_time_serves_all_pictures() {
    let unet = UNet2d::new(UNet2dConfig::grey(8), Key::new(0));
    let x = Var::constant(Tensor::randn([3, 1, 8, 8], Key::new(1)));
    let [one, three] = [vec![7.0], vec![7.0; 3]].map(|t| {
        let t = Tensor::from_slice(&t, [t.len()]);
        unet.forward(&x, &t, None, &Context::eval()).into_value()
    });
    assert_eq!(one, three);
}

/// The same picture, alone and beside others: no picture sees another.
#[test]
fn pictures_of_a_batch_do_not_see_each_other() {
    let unet = UNet2d::new(UNet2dConfig::grey(8), Key::new(0));
    let (x, t) = (Tensor::randn([3, 1, 8, 8], Key::new(1)), Tensor::from_slice(&[1.0, 20.0, 300.0], [3]));
    let all = unet.forward(&Var::constant(x.clone()), &t, None, &Context::eval()).into_value();
    let second = unet.forward(&Var::constant(x.narrow(0, 1, 1)), &t.narrow(0, 1, 1), None, &Context::eval());
    glassbox_tensor::assert_close!(*second.value(), all.narrow(0, 1, 1), 1e-5, 1e-5);
}

#[test]
fn dropout_drops_in_training_alone() {
    let unet = UNet2d::new(UNet2dConfig { dropout: 0.5, ..UNet2dConfig::grey(8) }, Key::new(0));
    let x = Var::constant(Tensor::randn([1, 1, 8, 8], Key::new(1)));
    let of = |ctx: Context| unet.forward(&x, &Tensor::zeros([1]), None, &ctx).into_value();
    assert_eq!(of(Context::eval()), of(Context::eval()));
    assert_eq!(of(Context::train(Key::new(5))), of(Context::train(Key::new(5))));
    assert_ne!(of(Context::train(Key::new(5))), of(Context::train(Key::new(6))));
    assert_ne!(of(Context::train(Key::new(5))), of(Context::eval()));
}

#[test]
#[should_panic(expected = "x [1, 1, 28, 30] should have 1 channels and sides that are multiples of 4")]
fn a_size_that_does_not_halve_evenly_is_refused() {
    let unet = UNet2d::new(UNet2dConfig::grey(8), Key::new(0));
    unet.forward(&Var::constant(Tensor::zeros([1, 1, 28, 30])), &Tensor::zeros([1]), None, &Context::eval());
}

#[test]
fn settings_that_do_not_fit_are_named() {
    type Change = fn(&mut UNet2dConfig);
    let with = |change: Change| {
        let mut config = UNet2dConfig::grey(32);
        change(&mut config);
        config.check().unwrap_err()
    };
    let table: [(Change, &str); 14] = [
        (|c| c.block_out_channels.clear(), "block_out_channels has 0 levels"),
        (|c| c.up_block_types.truncate(2), "up_block_types 2"),
        (|c| c.in_channels = 0, "in_channels is 0"),
        (|c| c.layers_per_block = usize::MAX, "layers_per_block is 18446744073709551615"),
        (|c| c.norm_num_groups = Some(7), "norm_num_groups: 7 groups don't divide 32 channels"),
        (|c| c.norm_num_groups = None, "norm_num_groups is null"),
        (|c| c.attn_norm_num_groups = Some(0), "attn_norm_num_groups: 0 groups"),
        (|c| c.attention_head_dim = Some(129), "attention_head_dim is 129"),
        (|c| c.dropout = 1.5, "dropout is 1.5"),
        (|c| c.norm_eps = f64::NAN, "norm_eps is NaN"),
        (|c| c.mid_block_scale_factor = 0.0, "mid_block_scale_factor is 0"),
        (|c| c.downsample_padding = 2, "downsample_padding is 2"),
        (|c| c.freq_shift = 16.0, "freq_shift is 16"),
        (|c| c.down_block_types[0] = Down::SkipDownBlock2D, "in_channels is 1; SkipDownBlock2D takes pictures of 3"),
    ];
    for (change, part) in table {
        let said = with(change);
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}
