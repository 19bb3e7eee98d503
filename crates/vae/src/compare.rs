//! The job `vae`: both models, and the picture that shows what the difference between them is.

use crate::mlp::{AeMlp, VaeMlp};
use crate::model::Autoencoder;
use crate::presets::{AE, VAE_MLP};
use crate::scatter::{Cloud, project, scatter_svg};
use crate::training::Training;
use glassbox_data::files::write_atomically;
use glassbox_data::image::{Image, grid, vstack, write_png};
use glassbox_measure::linalg::Gaussian;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_train::{
    Ending, Experiment, Limits, Observer, Outcome, Page, RunConfig, Runner, SAMPLE_SEED, TrainError, Trained,
    claim_folder,
};
use std::path::{Path, PathBuf};

/// What the job is called on the command line.
pub const NAME: &str = "vae";

/// The runs that it makes.
pub const PARTS: [&str; 2] = [AE.name, VAE_MLP.name];

/// What it does, in a few words.
pub const ABOUT: &str = "trains ae and vae-mlp, and draws the difference between them";

/// What it costs with the defaults.
pub const COST: &str = "30 seconds on two cores, 32 MB on disk";

/// Pictures in each of the three rows.
const COLUMNS: usize = 12;

/// The configurations of both runs: those of the presets, but six times as long. After 10 epochs, where the presets end, the
/// VAE's samples are still dim; later the loss falls little, and the pictures gain.
pub fn configs() -> [RunConfig; 2] {
    [&AE, &VAE_MLP].map(|preset| {
        let mut config = RunConfig::new(preset);
        for setting in ["epochs=60", "sample_every=474", "checkpoint_every=1580"] {
            config.set(setting).expect("the presets have these settings, and the values are in range");
        }
        config
    })
}

/// What the job came to.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The runs that were trained, in order: `ae`, then `vae-mlp` unless the job was interrupted before it.
    pub runs: Vec<(&'static str, Outcome)>,
    /// The three rows, one PNG. The pictures are only there when both models are trained.
    pub rows: Option<PathBuf>,
    /// The codes of both models, an SVG.
    pub codes: Option<PathBuf>,
    /// The page that shows both.
    pub report: Option<PathBuf>,
}

/// Trains both models, each into a run directory of its own below `out`, and draws the comparison beside them.
///
/// `limits` hold for each run, but minutes are those of the whole job, half for each. After an interrupt the comparison is
/// left out.
///
/// # Errors
/// As [`Runner::start`] and [`Runner::train`].
pub fn train_both(
    configs: [RunConfig; 2],
    out: &Path,
    limits: &Limits<'_>,
    observer: &mut dyn Observer,
) -> Result<Comparison, TrainError> {
    // A mistake in the configuration or the data must not leave a folder behind.
    let data = glassbox_data::open(&configs[0].data)?;
    claim_folder(out)?;
    let limits = Limits { minutes: limits.minutes.map(|m| m / 2.0), ..*limits };
    let mut comparison = Comparison { runs: Vec::new(), rows: None, codes: None, report: None };
    let mut runners = Vec::new();
    for config in configs {
        let name = config.preset().name;
        let mut runner = Runner::start(config, &out.join(name))?;
        let outcome = runner.train(&limits, observer)?;
        let interrupted = outcome.ending == Ending::Interrupted;
        comparison.runs.push((name, outcome));
        if interrupted {
            return Ok(comparison);
        }
        runners.push(runner);
    }
    let ae: Training<AeMlp> = reload(runners[0].run_so_far())?;
    let vae: Training<VaeMlp> = reload(runners[1].run_so_far())?;

    let rows = three_rows(&ae, &vae);
    let rows_path = out.join("rows.png");
    let images: Vec<Image> = rows.iter().map(|(_, image)| image.scale(2)).collect();
    write_png(&rows_path, &vstack(&images, 16, 255))?;
    let clouds = clouds(&ae, &vae);
    let svg = scatter_svg(&clouds, data.test.classes());
    let codes_path = out.join("codes.svg");
    write_atomically(&codes_path, svg.as_bytes())?;
    let report_path = out.join("report.html");
    report(&comparison.runs, &rows, &svg, &clouds).write(&report_path)?;
    Ok(Comparison { rows: Some(rows_path), codes: Some(codes_path), report: Some(report_path), ..comparison })
}

/// The model of a run's checkpoint, by its own type.
fn reload<M: Autoencoder>(run: &Trained) -> Result<Training<M>, TrainError> {
    let mut training = Training::new(&run.config, glassbox_data::open(&run.config.data)?)?;
    training.load(&run.dir.checkpoint_path(run.step))?;
    Ok(training)
}

/// The three ways to get new pictures, each with its caption. All decode the same noise, so that one compares like with like.
pub fn three_rows(ae: &Training<AeMlp>, vae: &Training<VaeMlp>) -> [(&'static str, Image); 3] {
    let eps = ae.prior(COLUMNS, Key::new(SAMPLE_SEED)); // (12, L)
    let latents = eps.shape()[1];
    let fitted = Gaussian::fit(&ae.codes(&ae.data().train).to_vec(), latents);
    let from_fitted = Tensor::from_vec(fitted.draw(&eps.to_vec()), [COLUMNS, latents]);
    let row = |pictures: Tensor| grid(&pictures, COLUMNS, 2);
    [
        (
            "Autoencoder, codes from N(0, I): ghosts. Its loss does not say where codes should lie, and they lie elsewhere.",
            row(ae.decode(&eps)),
        ),
        (
            "Autoencoder, codes from a Gaussian fitted to its training codes: garments, for this is their region, but also \
             overlaps and fragments, for between its codes the decoder has learned nothing.",
            row(ae.decode(&from_fitted)),
        ),
        (
            "Variational autoencoder, codes from its prior N(0, I): garments. Training has spread each picture's code over a \
             region, and has drawn the regions together until they nearly fill the prior.",
            row(vae.decode(&eps)),
        ),
    ]
}

/// The codes of the test pictures in two dimensions: points of the autoencoder, one draw for each picture of the VAE.
fn clouds<'a>(ae: &'a Training<AeMlp>, vae: &'a Training<VaeMlp>) -> [Cloud<'a>; 2] {
    let (ae_test, vae_test) = (&ae.data().test, &vae.data().test);
    let ae_codes = ae.codes(ae_test);
    let latents = ae_codes.shape()[1];
    let ae_codes = ae_codes.to_vec();
    // The directions are those of the means: the noise of the draws is the same in all directions.
    let means = Gaussian::fit(&vae.codes(vae_test).to_vec(), latents);
    let draws = vae.draw_codes(vae_test, Key::new(SAMPLE_SEED)).to_vec();
    [
        Cloud {
            title: "Autoencoder: z",
            points: project(&ae_codes, &Gaussian::fit(&ae_codes, latents)),
            labels: ae_test.labels(),
        },
        Cloud { title: "VAE: one draw z ~ q(z|x) each", points: project(&draws, &means), labels: vae_test.labels() },
    ]
}

fn report(
    runs: &[(&'static str, Outcome)],
    rows: &[(&'static str, Image); 3],
    svg: &str,
    clouds: &[Cloud<'_>; 2],
) -> Page {
    let mut page = Page::new("An autoencoder has codes, a VAE has a distribution to sample from");
    page.text(
        "Two networks of the same size, trained on the same pictures of clothes for the same number of steps. Both encode a \
         picture as 20 numbers and decode these. To get a new picture one needs a new code: where should it come from?",
    );
    page.heading("New pictures");
    for (caption, image) in rows {
        page.picture(image, 2, caption);
    }
    page.heading("Where the codes lie");
    let [ae, vae] = clouds.each_ref().map(|cloud| 100.0 * cloud.share_inside());
    page.drawing(
        svg,
        &format!(
            "The codes of the test pictures, projected onto the two directions in which they differ most; mind the scales. \
             The circle holds 95% of N(0, I), from which new codes are drawn. It holds {ae:.0}% of the autoencoder's codes \
             and {vae:.0}% of the VAE's."
        ),
    );
    page.heading("Held-out losses, in nats per picture");
    page.table(runs.iter().map(|(name, outcome)| (*name, outcome.evaluation.to_string())));
    page.text(
        "The autoencoder's is lower, as it must be: its codes may be as far apart as it likes. The VAE pays for its prior.",
    );
    for (name, _) in runs {
        page.link(&format!("{name}/report.html"), &format!("How {name} was trained"));
    }
    page
}
