//! The file that `tools/torch/operations.py` writes.

use glassbox_tensor::{Ids, Tensor};
use safetensors::SafeTensors;
use serde::Deserialize;
use serde_json::{Map, Value};

const BYTES: &[u8] = include_bytes!("operations.safetensors");

/// One call: an operation with its options.
#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub op: String,
    inputs: usize,
    ids: usize,
    /// Which inputs have a gradient.
    pub wants: Vec<bool>,
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

pub struct Fixture {
    pub cases: Vec<Case>,
    file: SafeTensors<'static>,
}

impl Fixture {
    pub fn read() -> Fixture {
        let (_, header) = SafeTensors::read_metadata(BYTES).unwrap();
        let metadata = header.metadata().clone().unwrap();
        let cases = serde_json::from_str(&metadata["cases"]).unwrap();
        Fixture { cases, file: SafeTensors::deserialize(BYTES).unwrap() }
    }

    pub fn tensor(&self, case: &str, what: &str) -> Tensor {
        let view = self.file.tensor(&format!("{case}.{what}")).unwrap();
        let numbers = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Tensor::from_vec(numbers, view.shape())
    }

    pub fn inputs(&self, case: &Case) -> Vec<Tensor> {
        (0..case.inputs).map(|i| self.tensor(&case.name, &format!("x{i}"))).collect()
    }

    pub fn ids(&self, case: &Case) -> Vec<Ids> {
        let ids = |i| {
            let x = self.tensor(&case.name, &format!("ids{i}"));
            Ids::from_vec(x.to_vec().iter().map(|&id| id as u32).collect(), x.shape())
        };
        (0..case.ids).map(ids).collect()
    }
}

impl Case {
    fn option(&self, name: &str) -> &Value {
        self.options.get(name).unwrap_or_else(|| panic!("{}: no option {name}", self.name))
    }

    pub fn f(&self, name: &str) -> f32 {
        self.option(name).as_f64().unwrap() as f32
    }

    /// The power of a norm, which JSON can't say when it is infinite.
    pub fn p(&self) -> f32 {
        self.option("p").as_f64().map_or(f32::INFINITY, |p| p as f32)
    }

    pub fn n(&self, name: &str) -> usize {
        self.option(name).as_u64().unwrap() as usize
    }

    pub fn axis(&self, name: &str) -> isize {
        self.option(name).as_i64().unwrap() as isize
    }

    pub fn flag(&self, name: &str) -> bool {
        self.option(name).as_bool().unwrap()
    }

    pub fn text(&self, name: &str) -> &str {
        self.option(name).as_str().unwrap()
    }

    pub fn is_null(&self, name: &str) -> bool {
        self.option(name).is_null()
    }

    pub fn axes(&self, name: &str) -> Vec<isize> {
        self.option(name).as_array().unwrap().iter().map(|x| x.as_i64().unwrap() as isize).collect()
    }

    pub fn sizes(&self, name: &str) -> Vec<usize> {
        self.axes(name).iter().map(|&x| x as usize).collect()
    }

    /// Two numbers.
    pub fn two(&self, name: &str) -> [usize; 2] {
        self.sizes(name).try_into().unwrap()
    }

    /// Pairs of numbers.
    pub fn pairs(&self, name: &str) -> Vec<(usize, usize)> {
        let pair = |p: &Value| (p[0].as_u64().unwrap() as usize, p[1].as_u64().unwrap() as usize);
        self.option(name).as_array().unwrap().iter().map(pair).collect()
    }
}
