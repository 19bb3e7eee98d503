use super::*;
use crate::random::Key;
use crate::simd::Isa;

#[test]
#[ignore]
fn timing() {
    let q = Tensor::randn([8, 6, 256, 64], Key::new(1));
    let k = Tensor::randn([8, 6, 256, 64], Key::new(2));
    let v = Tensor::randn([8, 6, 256, 64], Key::new(3));
    let dy = Tensor::randn([8, 6, 256, 64], Key::new(4));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            for sight in [Sight::CAUSAL, Sight::ALL] {
                let (mut best, mut back) = (f64::MAX, f64::MAX);
                let a = Attention { q: &q, k: &k, v: &v, mask: None, sight, scale: 0.125 };
                for _ in 0..100 {
                    let t = std::time::Instant::now();
                    let (y, lse) = std::hint::black_box(a.forward());
                    best = best.min(t.elapsed().as_secs_f64());
                    let t = std::time::Instant::now();
                    std::hint::black_box(a.backward(&y, &lse, &dy, [true; 4]));
                    back = back.min(t.elapsed().as_secs_f64());
                }
                eprintln!("{threads} threads {sight:?}: {:.3} ms, backward {:.3} ms", best * 1e3, back * 1e3);
            }
        });
    }
}
