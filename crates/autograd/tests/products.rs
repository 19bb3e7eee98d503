//! Products of every form: gradients under each kind of broadcasting, and each role that an axis of `einsum` can have.

use glassbox_autograd::{Var, grad, gradcheck};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

fn normal(shape: &[usize], salt: u64) -> Tensor {
    Tensor::randn(shape, Key::new(salt))
}

/// Weights that no symmetry cancels.
fn weighted(y: &Var) -> Var {
    (y * &Var::constant(&Tensor::rand(y.shape(), Key::new(9)) + 0.25)).sum_all()
}

#[test]
fn matmul_differentiates_whichever_side_has_the_batch() {
    let cases: [(&[usize], &[usize]); 9] = [
        (&[2, 3], &[3, 4]),
        (&[5, 2, 3], &[3, 4]),
        (&[2, 5, 2, 3], &[3, 4]),
        (&[2, 3], &[5, 3, 4]),
        (&[5, 2, 3], &[5, 3, 4]),
        (&[5, 1, 2, 3], &[2, 3, 4]),
        (&[1, 2, 3], &[5, 3, 4]),
        (&[5, 1, 3], &[1, 3, 1]),
        (&[2, 1, 2, 3], &[1, 3, 3, 2]),
    ];
    for (a, b) in cases {
        gradcheck(|x| weighted(&x[0].matmul(&x[1])), &[normal(a, 1), normal(b, 2)]).unwrap();
        // the gradient's gradient, with respect to both and to what they were weighted by
        let second = |x: &[Var]| {
            let grads = grad(&weighted(&x[0].matmul(&x[1]).square()), &[&x[0], &x[1]]);
            &weighted(&grads[0]) + &weighted(&grads[1])
        };
        gradcheck(second, &[normal(a, 3), normal(b, 4)]).unwrap();
    }
}

#[test]
fn einsum_differentiates_every_role_of_an_axis() {
    let specs = [
        "i,i->",
        "i,i->i",
        "i,j->",
        "i,j->i",
        "i,j->ji",
        "ij,jk->ki",
        "bij,bjk->kbi",
        "aib,bja->ij",
        "ijk,jkl->li",
        "ijk,l->jl",
        "ii,i->i",
        "ii,jj->ij",
        "iij,ij->j",
        "iii,i->i",
        "iji,jk->ki",
        ",i->i",
        "ij,->ji",
    ];
    for spec in specs {
        let len = |letter: char| 2 + (letter as usize) % 3;
        let (a, b) = spec.split_once("->").unwrap().0.split_once(',').unwrap();
        let [a, b] = [a, b].map(|letters| letters.chars().map(len).collect::<Vec<_>>());
        gradcheck(|x| weighted(&Var::einsum(spec, &x[0], &x[1])), &[normal(&a, 1), normal(&b, 2)])
            .unwrap_or_else(|error| panic!("{spec}: {error}"));
    }
}

#[test]
fn einsum_is_the_matmul_of_permuted_views() {
    // Heads as a projection leaves them: (B, T, H, D).
    let (q, k) = (normal(&[2, 5, 3, 4], 1), normal(&[2, 6, 3, 4], 2));
    let scores = Tensor::einsum("bthd,bshd->bhts", &q, &k);
    let by_hand = q.permute(&[0, 2, 1, 3]).matmul(&k.permute(&[0, 2, 3, 1]));
    assert_eq!(scores, by_hand);
}
