//! Sampling records nothing and leaves nothing behind. One test alone in its process, whose memory it reads.

use glassbox_autograd::{Var, recorded_nodes};
use glassbox_nn::{Context, Module};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_unet_diffusion::unet::{DownBlockType as Down, UNet2d, UNet2dConfig, UpBlockType as Up};
use std::fs;

/// `VmRSS` of this process, in kB. `None` where there is no `/proc`.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn sampling_records_nothing_and_its_memory_is_flat() {
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    let config = UNet2dConfig {
        in_channels: 1,
        out_channels: 1,
        block_out_channels: vec![16, 32],
        down_block_types: vec![Down::DownBlock2D, Down::AttnDownBlock2D],
        up_block_types: vec![Up::AttnUpBlock2D, Up::UpBlock2D],
        norm_num_groups: Some(8),
        ..Default::default()
    };
    let mut unet = UNet2d::new(config, Key::new(0));
    let mut x = Tensor::randn([8, 1, 28, 28], Key::new(1));
    let step = |unet: &UNet2d, x: &Tensor, i: usize| {
        unet.forward(&Var::constant(x.clone()), &Tensor::from_slice(&[i as f32], [1]), None, &Context::eval())
    };

    let before = recorded_nodes();
    assert!(step(&unet, &x, 0).is_recorded() && recorded_nodes() > before, "a network that learns is recorded");
    unet.freeze();
    let before = recorded_nodes();
    let mut scales = Vec::new();
    for i in 0..25 {
        let y = step(&unet, &x, i);
        assert!(!y.is_recorded());
        x = &x - &(y.value() * 0.01);
        scales.extend(resident());
    }
    assert_eq!(recorded_nodes(), before, "nothing is recorded");
    let [early, late] = [scales.get(4), scales.last()];
    let (Some(early), Some(late)) = (early, late) else {
        eprintln!("memory is not read: there is no /proc/self/status here");
        return;
    };
    // One forward pass makes 20 MB of pictures; 20 of them kept would be far beyond this.
    assert!(late.saturating_sub(*early) * 100 < *early, "{early} kB after 5 calls, {late} kB after 25");
}
