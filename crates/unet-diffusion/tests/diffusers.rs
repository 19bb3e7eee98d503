//! Whole trajectories as diffusers' schedulers walk them: `tools/torch/diffusion/schedulers.py` wrote the numbers.
//!
//! Both sides see the same noise and the same answers of a model. Ours walks each trajectory twice, with pictures in f32 and with numbers
//! in f64; diffusers keeps its coefficients in f32, and that is most of what is between them.

use glassbox_tensor::Tensor;
use glassbox_unet_diffusion::samplers::{
    Ddim, Ddpm, DpmSolver, Euler, Factor, FlowEuler, Heun, Rule, Sampler, Trajectory, UniPc, Variance,
};
use glassbox_unet_diffusion::{
    Betas, Denoised, End, Level, Point, Schedule, Spacing, Target, exploding, flow_grid, karras_sigmas, preserving,
};
use serde_json::Value;

const FIXTURE: &str = include_str!("data/schedulers.json");

/// How far a number may be off, of the trajectory's largest magnitude.
const TOLERANCE: f64 = 1e-5;

/// Points that come from and go to a file.
trait Listed: Point {
    fn listed(numbers: &[f64]) -> Self;
    fn list(&self) -> Vec<f64>;
}

impl Listed for Vec<f64> {
    fn listed(numbers: &[f64]) -> Self {
        numbers.to_vec()
    }
    fn list(&self) -> Vec<f64> {
        self.clone()
    }
}

impl Listed for Tensor {
    fn listed(numbers: &[f64]) -> Self {
        Tensor::from_vec(numbers.iter().map(|&x| x as f32).collect(), [numbers.len()])
    }
    fn list(&self) -> Vec<f64> {
        self.to_vec().into_iter().map(f64::from).collect()
    }
}

/// A case of the fixture.
struct Case<'a>(&'a Value);

impl Case<'_> {
    fn word(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("{key} is a word"))
    }
    fn real(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("{key} is a number"))
    }
    fn count(&self, key: &str) -> usize {
        self.real(key) as usize
    }
    fn is(&self, key: &str) -> bool {
        self.0[key].as_bool().unwrap_or(false)
    }
    fn rows(&self, key: &str) -> Vec<Vec<f64>> {
        self.0[key].as_array().map(|rows| rows.iter().map(numbers).collect()).unwrap_or_default()
    }
    fn named(&self) -> String {
        let settings = self.0.as_object().unwrap().iter().filter(|(_, value)| !value.is_array());
        settings.map(|(key, value)| format!("{key} {value} ")).collect()
    }

    fn spacing(&self) -> Spacing {
        match self.word("spacing") {
            "leading" => Spacing::Leading,
            "linspace" => Spacing::Linspace,
            _ => Spacing::Trailing,
        }
    }
    fn target(&self) -> Target {
        match self.0["prediction"].as_str() {
            Some("epsilon") => Target::Epsilon,
            Some("sample") => Target::X0,
            Some("v_prediction") => Target::V,
            _ => Target::Velocity,
        }
    }
    fn end(&self) -> End {
        if self.word("end") == "clean" { End::Clean } else { End::First }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("numbers").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn schedule(betas: &str) -> Schedule {
    let betas = match betas {
        "linear" => Betas::DDPM,
        "scaled_linear" => Betas::ScaledLinear { start: 0.00085, end: 0.012 },
        "squaredcos_cap_v2" => Betas::Cosine,
        _ => Betas::Sigmoid { start: 1e-4, end: 0.02 },
    };
    Schedule::new(betas, 1000)
}

/// The model of a case: it gives the kept answers one after the other, and holds what it is told to what diffusers told.
fn answers<'a, X: Listed + 'a>(case: &'a Case<'a>) -> impl FnMut(&X, &Level) -> Denoised<X> + 'a {
    let (mut outputs, target, clip) = (case.rows("outputs").into_iter(), case.target(), case.0["clip"].as_f64());
    let mut timesteps = numbers(&case.0["timesteps"]).into_iter();
    let rounded = case.word("kind") == "dpm_solver" && case.is("karras"); // there diffusers tells whole timesteps
    move |x, level| {
        let told = timesteps.next().expect("diffusers asked as often");
        let (t, most) = (level.t, if rounded { 0.5 + 1e-3 } else { 1e-3 });
        assert!((t - told).abs() < most, "{}: told {t}, diffusers' model {told}", case.named());
        let output = outputs.next().expect("diffusers asked as often");
        let (answer, rest) = output.split_at(x.list().len());
        // Of two channels, the second half of each example is its range
        let (answer, range) = if rest.is_empty() { (answer.to_vec(), None) } else { halves(&output) };
        let (units, scale) = if target == Target::Velocity { (*level, 1.0) } else { level.as_preserving() };
        let shown = X::combine(&[(scale, x)]);
        let found = target.denoised(&X::listed(&answer), &shown, &units);
        let found = Denoised { range: range.map(|range| X::listed(&range)), ..found };
        match clip {
            Some(limit) if limit > 0.0 => found.clipped(limit),
            _ => found,
        }
    }
}

/// (2, 2, 1, 3) apart into (2, 1, 1, 3) and (2, 1, 1, 3).
fn halves(output: &[f64]) -> (Vec<f64>, Option<Vec<f64>>) {
    let of = |channel: usize| output.chunks(3).skip(channel).step_by(2).flatten().copied().collect();
    (of(0), Some(of(1)))
}

/// Our x after each step.
fn walked<X: Listed>(sampler: &impl Sampler, grid: &[Level], case: &Case<'_>) -> Vec<Vec<f64>> {
    let noise = case.rows("noise");
    let mut model = answers::<X>(case);
    let mut at = Trajectory::new(X::listed(&numbers(&case.0["x"])));
    let mut xs = Vec::new();
    while at.step + 1 < grid.len() {
        at = sampler.step(grid, at, &mut model, &mut |step| X::listed(&noise[step]));
        xs.push(at.x.list());
    }
    xs
}

/// The largest difference of both walks, of the trajectory's largest magnitude.
fn apart(sampler: &impl Sampler, grid: &[Level], case: &Case<'_>) -> f64 {
    let theirs: Vec<f64> = case.rows("xs").concat();
    let largest = theirs.iter().chain(&numbers(&case.0["x"])).fold(0.0f64, |most, x| most.max(x.abs()));
    let far = |ours: Vec<Vec<f64>>| {
        let ours = ours.concat();
        assert_eq!(ours.len(), theirs.len(), "{}", case.named());
        ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
    };
    far(walked::<Tensor>(sampler, grid, case)).max(far(walked::<Vec<f64>>(sampler, grid, case)))
}

/// The grid of diffusers' Euler and Heun, in the units of x / alpha.
fn continuous_grid(case: &Case<'_>) -> Vec<Level> {
    let (schedule, n) = (schedule(case.word("betas")), case.count("steps"));
    let grid = exploding(&schedule.grid(&case.spacing().continuous(1000, n), case.end()));
    if case.is("karras") {
        return schedule.grid_of_sigmas(&karras_sigmas(n, grid[n - 1].sigma, grid[0].sigma, 7.0));
    }
    grid
}

/// The grid of diffusers' multistep samplers.
fn multistep_grid(case: &Case<'_>) -> Vec<Level> {
    let (schedule, n) = (schedule(case.word("betas")), case.count("steps"));
    if case.is("karras") {
        let (min, max) = (schedule.level(0).ratio(), schedule.level(999).ratio());
        return preserving(&schedule.grid_of_sigmas(&karras_sigmas(n, min, max, 7.0)));
    }
    schedule.grid(&case.spacing().multistep(1000, n), case.end())
}

/// diffusers' DDIM goes T/n timesteps down whatever the spacing, and then asks at the next timestep of the grid, which is elsewhere if the
/// spacing is `linspace`, or T isn't a multiple of n. Ours goes to the next level of its grid; here it is given theirs, step by step.
fn ddim_as_theirs(case: &Case<'_>) -> f64 {
    struct Jumps(Vec<[Level; 2]>, Ddim);
    impl Sampler for Jumps {
        fn step<X: Point>(
            &self,
            _: &[Level],
            at: Trajectory<X>,
            model: &mut glassbox_unet_diffusion::samplers::Model<'_, X>,
            noise: &mut glassbox_unet_diffusion::samplers::Noise<'_, X>,
        ) -> Trajectory<X> {
            let step = at.step;
            let one = self.1.step(&self.0[step], Trajectory::new(at.x), model, &mut |_| noise(step));
            Trajectory { step: step + 1, ..one }
        }
    }
    let (schedule, n) = (schedule(case.word("betas")), case.count("steps"));
    let timesteps = case.spacing().timesteps(1000, n);
    let grid = schedule.grid(&timesteps, case.end());
    let jump = |&t: &f64| {
        let to = t - (1000 / n) as f64;
        [schedule.level(t as usize), if to >= 0.0 { schedule.level(to as usize) } else { grid[n] }]
    };
    apart(&Jumps(timesteps.iter().map(jump).collect(), Ddim { eta: case.real("eta") }), &grid, case)
}

fn difference(case: &Case<'_>) -> f64 {
    let n = case.count("steps");
    match case.word("kind") {
        "ddpm" => {
            let variance = match case.word("variance") {
                "fixed_small" => Variance::FixedSmall,
                "fixed_large" => Variance::FixedLarge,
                _ => Variance::LearnedRange,
            };
            let grid = schedule(case.word("betas")).grid(&case.spacing().timesteps(1000, n), End::Clean);
            apart(&Ddpm { variance }, &grid, case)
        }
        "ddim" if case.spacing() != Spacing::Leading && 1000 % n != 0 || case.spacing() == Spacing::Linspace => {
            ddim_as_theirs(case)
        }
        "ddim" => {
            let grid = schedule(case.word("betas")).grid(&case.spacing().timesteps(1000, n), case.end());
            apart(&Ddim { eta: case.real("eta") }, &grid, case)
        }
        "euler" => apart(&Euler, &continuous_grid(case), case),
        "heun" => apart(&Heun, &continuous_grid(case), case),
        "dpm_solver" => {
            let rule = if case.word("rule") == "heun" { Rule::Heun } else { Rule::Midpoint };
            let lower_order_final = case.is("lower_order_final");
            apart(&DpmSolver { order: case.count("order"), rule, lower_order_final }, &multistep_grid(case), case)
        }
        "uni_pc" => {
            let factor = if case.word("factor") == "bh1" { Factor::Bh1 } else { Factor::Bh2 };
            let (corrector, lower_order_final) = (case.is("corrector"), case.is("lower_order_final"));
            let sampler = UniPc { order: case.count("order"), factor, corrector, lower_order_final };
            apart(&sampler, &multistep_grid(case), case)
        }
        "flow" => apart(&FlowEuler, &flow_grid(n, 1000, case.real("shift")), case),
        kind => panic!("{kind} is no sampler of ours"),
    }
}

#[test]
fn every_sampler_walks_the_trajectories_of_its_counterpart() {
    let theirs: Value = serde_json::from_str(FIXTURE).unwrap();
    let cases = theirs["cases"].as_array().unwrap();
    let mut off = Vec::new();
    for case in cases {
        let case = Case(case);
        let difference = difference(&case);
        println!("{difference:.1e} {}", case.named());
        if difference.is_nan() || difference > TOLERANCE {
            off.push(format!("{difference:.1e} {}", case.named()));
        }
    }
    assert!(off.is_empty(), "{} of {} are off:\n{}", off.len(), cases.len(), off.join("\n"));
    for kind in ["ddpm", "ddim", "euler", "heun", "dpm_solver", "uni_pc", "flow"] {
        assert!(cases.iter().any(|case| case["kind"] == kind), "nothing of {kind}");
    }
}

#[test]
fn as_much_of_x0_is_left_as_in_the_schedules_of_diffusers() {
    let theirs: Value = serde_json::from_str(FIXTURE).unwrap();
    for (betas, left) in theirs["alpha_bar"].as_object().unwrap() {
        let schedule = schedule(betas);
        for pair in left.as_array().unwrap() {
            let (t, theirs) = (pair[0].as_u64().unwrap() as usize, pair[1].as_f64().unwrap());
            let ours = schedule.alpha_bar(t);
            let most = 1e-6; // theirs is rounded to f32 at the end, too
            assert!((ours / theirs - 1.0).abs() < most, "{betas} at {t}: {ours:e} and {theirs:e}");
        }
    }
}
