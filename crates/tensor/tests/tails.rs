//! What must not matter: where in a buffer an operand begins, how long the stretch is that an element stands in, what
//! an output held before. For every kind of driver: elementwise over slices, along rows, and reductions.

mod layouts;

use glassbox_tensor::simd::{Isa, Kernel, Lanes, Simd, UpdateLanes, map_lanes, math, update_lanes};
use glassbox_tensor::{Rows, Tensor, map_rows};
use layouts::{for_each_isa, values};

/// A NaN that no computation makes, another one for each place.
fn mark(at: usize) -> f32 {
    f32::from_bits(0xffe0_0000 | at as u32)
}

/// Floats that begin `offset` floats beyond a multiple of 64 bytes, with marks before and behind them.
struct Place {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Place {
    fn new(x: &[f32], offset: usize) -> Place {
        let mut data = vec![0.0; x.len() + offset + 40];
        let start = data.as_ptr().align_offset(64) + offset;
        data.iter_mut().enumerate().for_each(|(at, d)| *d = mark(at));
        data[start..start + x.len()].copy_from_slice(x);
        Place { data, start, len: x.len() }
    }
    fn empty(len: usize, offset: usize) -> Place {
        Place::new(&vec![f32::NAN; len], offset)
    }
    fn get(&self) -> &[f32] {
        &self.data[self.start..self.start + self.len]
    }
    fn get_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.len]
    }
    /// The bits inside, when nothing outside was touched.
    #[track_caller]
    fn bits(&self) -> Vec<u32> {
        for (at, x) in self.data.iter().enumerate() {
            let inside = (self.start..self.start + self.len).contains(&at);
            assert!(inside || x.to_bits() == mark(at).to_bits(), "float {at}, outside the output, was written");
        }
        self.get().iter().map(|x| x.to_bits()).collect()
    }
}

/// e^a·b + c: every operation of the token that rounds, and one that is made of them.
struct Function;

impl Lanes<3> for Function {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b, c]: [S::F; 3]) -> S::F {
        s.mul_add(math::exp(s, a), b, c) / s.sqrt(s.abs(b) + s.splat(1.0))
    }
}

/// (a, b) = (e^a·c + b, a − b).
struct Step;

impl UpdateLanes<2, 1> for Step {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2], [c]: [S::F; 1]) -> [S::F; 2] {
        [s.mul_add(math::exp(s, a), c, b), a - b]
    }
}

struct Map<'a>([&'a [f32]; 3], &'a mut [f32]);

impl Kernel for Map<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        map_lanes(s, &Function, self.0, self.1);
    }
}

struct Update<'a>([&'a mut [f32]; 2], &'a [f32]);

impl Kernel for Update<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        update_lanes(s, &Step, self.0, [self.1]);
    }
}

/// The longest stretch: four vectors of the widest instruction set, and a tail.
const LONG: usize = 70;

#[test]
fn an_elementwise_kernel_gives_each_element_its_bits_wherever_it_stands() {
    let x = [1, 2, 3].map(|seed| values(LONG, (-3.0, 3.0), seed));
    for isa in Isa::available() {
        let mut whole = Place::empty(LONG, 0);
        isa.dispatch(Map(x.each_ref().map(|x| &x[..]), whole.get_mut()));
        let whole = whole.bits();
        for n in 0..=LONG {
            for offset in 0..8 {
                // each operand begins elsewhere, and so does the output
                let from = (LONG - n).min(offset);
                let places = [0, 1, 2].map(|i| Place::new(&x[i][from..from + n], (offset + 3 * i) % 8));
                let mut out = Place::empty(n, (7 * offset + n) % 8);
                isa.dispatch(Map(places.each_ref().map(Place::get), out.get_mut()));
                assert_eq!(out.bits(), whole[from..from + n], "{isa:?}: {n} elements from {from} on");
            }
        }
    }
}

#[test]
fn an_update_in_place_gives_each_element_its_bits_wherever_it_stands() {
    let x = [1, 2, 3].map(|seed| values(LONG, (-3.0, 3.0), seed));
    for isa in Isa::available() {
        let run = |from: usize, n: usize, offset: usize| {
            let [mut a, mut b] = [0, 1].map(|i| Place::new(&x[i][from..from + n], (offset + 5 * i) % 8));
            let c = Place::new(&x[2][from..from + n], (offset + 2) % 8);
            isa.dispatch(Update([a.get_mut(), b.get_mut()], c.get()));
            [a.bits(), b.bits()]
        };
        let whole = run(0, LONG, 0);
        for n in 0..=LONG {
            for offset in 0..8 {
                let from = (LONG - n).min(offset);
                let expected = whole.each_ref().map(|bits| bits[from..from + n].to_vec());
                assert_eq!(run(from, n, offset), expected, "{isa:?}: {n} elements from {from} on");
            }
        }
    }
}

/// A tensor of these numbers which begins `offset` floats into its buffer, with NaN around it.
fn shifted(x: &[f32], shape: &[usize], offset: usize) -> Tensor {
    let mut data = vec![f32::NAN; offset + 9];
    data.splice(offset..offset, x.iter().copied());
    Tensor::from_vec(data, [x.len() + offset + 9]).narrow(0, offset, x.len()).reshape(shape)
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec().into_iter().map(f32::to_bits).collect()
}

/// A name, and what it does to a tensor.
type Named = (&'static str, fn(&Tensor) -> Tensor);

/// What each row becomes by itself: kernels along rows, and reductions of them.
const ALONG_ROWS: [Named; 8] = [
    ("softmax", |x| x.softmax(-1)),
    ("shift", |x| map_rows(&Shift, [x])),
    ("sum", |x| x.sum(&[-1], false)),
    ("mean", |x| x.mean(&[-1], false)),
    ("max", |x| x.max(&[-1], false)),
    ("min", |x| x.min(&[-1], false)),
    ("argmax", |x| x.argmax(-1, false).to_tensor()),
    ("argmin", |x| x.argmin(-1, false).to_tensor()),
];

/// x less its largest element: a kernel along rows with a tail on the way in and on the way out.
struct Shift;

impl Rows<1> for Shift {
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, [x]: [&[f32]; 1], out: &mut [f32]) {
        let top = s.splat(x.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a }));
        for (x, out) in x.chunks(S::LANES).zip(out.chunks_mut(S::LANES)) {
            s.store_part(out, s.load_part(x) - top);
        }
    }
}

#[test]
fn a_row_has_its_bits_wherever_it_begins_and_however_many_others_there_are() {
    for_each_isa(|isa| {
        for n in 1..=LONG {
            let x = values(5 * n, (-3.0, 3.0), n as u64);
            for (name, f) in ALONG_ROWS {
                let whole = bits(&f(&Tensor::from_slice(&x, [5, n])));
                assert!(
                    whole.iter().all(|&x| !f32::from_bits(x).is_nan()),
                    "{name}, {isa:?}: not all of it was written"
                );
                let width = whole.len() / 5;
                for offset in 0..8 {
                    assert_eq!(
                        bits(&f(&shifted(&x, &[5, n], offset))),
                        whole,
                        "{name}, {isa:?}: rows of {n}, offset {offset}"
                    );
                }
                for row in 0..5 {
                    let alone = bits(&f(&shifted(&x[row * n..][..n], &[n], row)));
                    assert_eq!(alone, whole[row * width..][..width], "{name}, {isa:?}: row {row} of {n} alone");
                }
            }
        }
    });
}

#[test]
fn a_reduced_column_has_its_bits_however_many_others_there_are() {
    const DOWN: [Named; 6] = [
        ("sum", |x| x.sum(&[0], false)),
        ("mean", |x| x.mean(&[0], false)),
        ("max", |x| x.max(&[0], false)),
        ("min", |x| x.min(&[0], false)),
        ("argmax", |x| x.argmax(0, false).to_tensor()),
        ("argmin", |x| x.argmin(0, false).to_tensor()),
    ];
    // Wide enough that rows are not taken together: then the order of a column's sum depends on its length alone.
    let (least, most) = (32, 32 + LONG);
    for_each_isa(|isa| {
        for rows in [1, 2, 9, 40] {
            let x = Tensor::from_vec(values(rows * most, (-3.0, 3.0), rows as u64), [rows, most]);
            for (name, f) in DOWN {
                let whole = bits(&f(&x));
                for n in least..=most {
                    let offset = n % 8;
                    let part = x.narrow(1, most - n, n).to_vec();
                    let part = bits(&f(&shifted(&part, &[rows, n], offset)));
                    assert_eq!(part, whole[most - n..], "{name}, {isa:?}: {n} columns of {rows} rows");
                }
            }
        }
    });
}
