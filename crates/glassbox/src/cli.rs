//! What can be asked for: the commands and their flags. [`crate::parse`] reads them.

use crate::values::{
    beams, checkpoints, isa, label, length_penalty, minutes, penalty, pictures, seed, share, steps, stop, temperature,
    threads, tokens,
};
use crate::words::{data_sets, presets, subjects};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use glassbox_tensor::simd::Isa;
use std::path::PathBuf;

/// The whole command line.
#[derive(Parser)]
#[command(
    name = "glassbox",
    version,
    subcommand_required = true,
    arg_required_else_help = false,
    about = "Generative AI from scratch, and all the way down to the SIMD instruction.",
    after_help = "Start with `glassbox train vae`, and read about a part of it with `glassbox explain softmax`.\n\
                  GLASSBOX_ISA=scalar|avx2|avx512 forces an instruction set, and NO_COLOR=1 leaves colours out."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One command with its flags.
#[derive(Subcommand)]
pub enum Command {
    /// Show the presets and the data sets, with what each costs to run
    List(List),
    /// Train a preset into a run directory, or go on with a run
    Train(Train),
    /// Draw pictures with a trained model, or write text with one that writes
    Sample(Sample),
    /// Write text with a model that somebody else trained
    Generate(Generate),
    /// Judge the last checkpoint of a run on data that it wasn't trained on
    Eval(Eval),
    /// Compare runs on one page, or write the report of one anew; or their metrics as CSV
    Report(Report),
    /// Explain an operation or a preset: formula, shapes, parameters, FLOPs, the graph
    Explain(Explain),
    /// Time every operation and kernel, against what this machine can do at best
    Bench(Bench),
    /// List the data sets, show what one holds, or check that it is whole
    #[command(subcommand, subcommand_required = true, arg_required_else_help = false)]
    Data(Data),
    /// Print what makes a shell complete commands, flags and names
    Completions(Completions),
    /// Print the manual page
    Man(Man),
    /// Measure the numbers that the book states again, write them down, and fail if one left its tolerance
    Repro(Repro),
}

/// `glassbox list`
#[derive(Args)]
pub struct List {
    /// A preset, to see it alone and with its settings
    #[arg(value_parser = presets(), hide_possible_values = true)]
    pub preset: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Print the preset as a TOML file, to edit and to give to `glassbox train`
    #[arg(long, conflicts_with = "json", requires = "preset")]
    pub toml: bool,
}

/// `glassbox train`
#[derive(Args)]
pub struct Train {
    /// What to train: a preset that `glassbox list` shows, or a TOML file such as `glassbox list PRESET --toml` prints. Flags
    /// override what stands in it
    #[arg(value_name = "PRESET|FILE", required_unless_present = "resume", value_parser = presets(), hide_possible_values = true)]
    pub preset: Option<String>,
    /// Go on with the run in this directory, from its last checkpoint
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["preset", "out", "force", "minutes", "seed", "set", "data", "from"])]
    pub resume: Option<PathBuf>,
    /// The run directory [default: runs/PRESET, or runs/PRESET-2, … if that exists]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the run in that directory, with all that lies in it
    #[arg(long, requires = "out")]
    pub force: bool,
    /// The step to end at, counted from the start of the run
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = steps)]
    pub steps: Option<u64>,
    /// End after this many minutes, wherever the run is by then
    #[arg(long, value_name = "M", conflicts_with = "steps", allow_negative_numbers = true, value_parser = minutes)]
    pub minutes: Option<f64>,
    /// Everything random follows from this number [default: 0]
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = seed)]
    pub seed: Option<u64>,
    /// Threads to compute with; the result doesn't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
    /// Checkpoints that are kept, the last ones; the best on held-out data is kept besides [default: 2]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = checkpoints)]
    pub keep: Option<usize>,
    /// Show curves, numbers and samples on the whole terminal; q saves and quits
    #[arg(long)]
    pub tui: bool,
    /// Also write DIR/tensorboard, for `tensorboard --logdir DIR`
    #[arg(long)]
    pub tensorboard: bool,
    /// Show at the end what each operation of a step cost, and write profile.md, profile.json and trace.json, which Perfetto draws
    #[arg(long)]
    pub profile: bool,
    /// Change one key of the configuration; `glassbox explain PRESET` shows the keys
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The data set: a name that `glassbox data list` shows, or a path, such as photos, photos?size=32&colour=grey, my.txt
    #[arg(long, value_name = "SPEC", value_parser = data_sets(), hide_possible_values = true)]
    pub data: Option<String>,
    /// Text: begin with the weights, the tokens and the settings of this run, as its last checkpoint has them; or with a folder of
    /// model.safetensors and tokenizer.json, or with the tokens of a tokenizer.json alone
    #[arg(long, value_name = "RUN|PATH")]
    pub from: Option<PathBuf>,
}

/// `glassbox sample`
#[derive(Args)]
pub struct Sample {
    /// A run directory
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// How many samples [default: 64 pictures, or one text]
    #[arg(short, value_name = "N", allow_negative_numbers = true, value_parser = pictures, conflicts_with = "kind")]
    pub n: Option<usize>,
    /// What the noise of the samples follows from; text i is that of seed S + i [default: 0]
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = seed, conflicts_with = "kind")]
    pub seed: Option<u64>,
    /// Another picture of the model instead of samples, such as reconstructions, interpolations or receptive-field
    #[arg(long, value_name = "KIND", conflicts_with_all = ["prompt", "tokens", "temperature", "top_k", "top_p", "min_p",
          "repetition_penalty", "greedy", "stop", "beams", "length_penalty", "show_probabilities", "attention"])]
    pub kind: Option<String>,
    /// Text: write what stands between this and --suffix; of a model that has learned to, as gpt-code has
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["kind", "prompt"], allow_hyphen_values = true)]
    pub prefix: Option<String>,
    /// Text: what comes after what is written; --prefix comes before it
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["kind", "prompt"], allow_hyphen_values = true)]
    pub suffix: Option<String>,
    #[command(flatten)]
    pub texts: Texts,
    /// The file to write: .png for pictures, .svg for drawings, .txt for text [default: KIND.png or KIND.svg, or samples-seed-S.png, in DIR/samples, and -2 is
    /// added if that exists, …; text is shown here]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace that file, or the one of --attention, if it exists
    #[arg(long)]
    pub force: bool,
    /// Threads to compute with; what is made doesn't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

/// How a text is written: what `sample` and `generate` have in common.
#[derive(Args)]
pub struct Texts {
    /// Text: what to go on from; the text begins with it [default: the beginning of a line, or of a text]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub prompt: Option<String>,
    /// Text: the most tokens to write [default: 500]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = tokens)]
    pub tokens: Option<usize>,
    /// Text: what logits are divided by; below 1 the likely becomes likelier [default: 1]
    #[arg(long, value_name = "T", allow_negative_numbers = true, value_parser = temperature)]
    pub temperature: Option<f32>,
    /// Text: draw each token from so many, the likeliest
    #[arg(long, value_name = "K", allow_negative_numbers = true, value_parser = tokens)]
    pub top_k: Option<usize>,
    /// Text: draw from the likeliest tokens whose probabilities add up to P
    #[arg(long, value_name = "P", allow_negative_numbers = true, value_parser = share)]
    pub top_p: Option<f32>,
    /// Text: draw from tokens whose probability is at least P times that of the likeliest
    #[arg(long, value_name = "P", allow_negative_numbers = true, value_parser = share)]
    pub min_p: Option<f32>,
    /// Text: make tokens that are in it already less likely; 1 changes nothing
    #[arg(long, value_name = "R", allow_negative_numbers = true, value_parser = penalty)]
    pub repetition_penalty: Option<f32>,
    /// Text: take the likeliest token every time
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "min_p", "n", "seed"])]
    pub greedy: bool,
    /// Text: end before this is written; may be there several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = stop)]
    pub stop: Vec<String>,
    /// Text: follow so many beginnings side by side, and write the likeliest text that they lead to
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = beams,
          conflicts_with_all = ["greedy", "temperature", "top_k", "top_p", "min_p", "n", "seed"])]
    pub beams: Option<usize>,
    /// Text: of beams, divide the log probability of a text by its length to this power; 0 changes nothing [default: 1]
    #[arg(long, value_name = "P", allow_negative_numbers = true, value_parser = length_penalty, requires = "beams")]
    pub length_penalty: Option<f32>,
    /// Text: colour each token by its probability; where there are no colours, one line for each token
    #[arg(long)]
    pub show_probabilities: bool,
    /// Text: write nothing, and draw which tokens of the prompt look at which, in every layer and head
    #[arg(long, value_name = "FILE.svg", requires = "prompt", conflicts_with_all = ["n", "seed", "tokens", "temperature",
          "top_k", "top_p", "min_p", "repetition_penalty", "greedy", "stop", "beams", "show_probabilities", "out"])]
    pub attention: Option<PathBuf>,
}

/// `glassbox generate`
#[derive(Args)]
#[command(
    after_help = "A folder has config.json (model_type gpt2 or llama), model.safetensors, and tokenizer.json, or vocab.json and\n\
    merges.txt. A file is of llama2.c's first format, with its tokenizer beside it.\n\n\
    For example:  glassbox generate stories260K.bin --greedy --tokens 256\n\
    \x20             glassbox generate gpt2/ --prompt 'The meaning of life is' --top-k 40"
)]
pub struct Generate {
    /// A model that somebody else trained: a folder as Hugging Face has it, or a .bin of llama2.c
    #[arg(value_name = "DIR|FILE")]
    pub model: PathBuf,
    /// Its tokenizer, if it lies elsewhere
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// How many texts [default: 1]
    #[arg(short, value_name = "N", allow_negative_numbers = true, value_parser = pictures)]
    pub n: Option<usize>,
    /// What the random numbers follow from; text i is that of seed S + i [default: 0]
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = seed)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub texts: Texts,
    /// The file to write, a .txt [default: it is shown here]
    #[arg(long, value_name = "FILE.txt")]
    pub out: Option<PathBuf>,
    /// Replace that file, or the one of --attention, if it exists
    #[arg(long)]
    pub force: bool,
    /// Threads to compute with; what is written doesn't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

/// `glassbox eval`
#[derive(Args)]
pub struct Eval {
    /// A run directory
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// Judge 2,000 samples too, beside 2,000 test pictures, and show the training pictures nearest to some of them
    #[arg(long)]
    pub judge: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Threads to compute with; the numbers don't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

/// `glassbox report`
#[derive(Args)]
pub struct Report {
    /// Run directories
    #[arg(value_name = "DIR", required = true)]
    pub runs: Vec<PathBuf>,
    /// The page to write [default: report.html in DIR, and comparison.html here for several]
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
    /// Write the metrics as a table instead of the page; - is standard output
    #[arg(long, value_name = "FILE.csv", conflicts_with = "out")]
    pub csv: Option<PathBuf>,
    /// Replace the file that is there
    #[arg(long)]
    pub force: bool,
}

/// `glassbox explain`
#[derive(Args)]
pub struct Explain {
    /// An operation such as softmax, or a preset such as vae-mlp
    #[arg(value_name = "OP|PRESET", value_parser = subjects(), hide_possible_values = true)]
    pub subject: String,
    /// Of an operation: a small example with all numbers, forward and backward
    #[arg(long)]
    pub numbers: bool,
    /// Of a preset: the graph of its loss and nothing else, as text, dot or svg
    #[arg(long, value_name = "FORMAT", conflicts_with = "numbers", hide_possible_values = true)]
    pub graph: Option<Picture>,
}

/// How a graph is shown.
#[derive(Clone, Copy, ValueEnum)]
pub enum Picture {
    /// One line for each node.
    Text,
    /// In the language of Graphviz.
    Dot,
    /// As a picture.
    Svg,
}

/// `glassbox bench`
#[derive(Args)]
#[command(after_help = "Kernels and their sizes, with D for a whole number; what is in brackets may be left out:\n\
    \x20 gemm=N or MxNxK[:tn]           C = A·B, (M, K) × (K, N); :tn, :nt, :tt where A, B or both lie transposed\n\
    \x20 batch=BxMxNxK[:tn]             B products of such matrices\n\
    \x20 matvec=MxK                     one row times a transposed matrix, as a layer does when a model writes text\n\
    \x20 conv2d=BxCxHxW/OxKxK[/sD/pD]   stride and padding\n\
    \x20 conv_transpose2d=…             likewise\n\
    \x20 conv1d=BxCxT/OxK[/dD]          causal, with a dilation\n\
    \x20 attention=BxHxTxD[/full]       causal unless full\n\
    \x20 softmax=RxC, layer_norm=RxC    along rows\n\n\
    For example:  glassbox bench softmax gelu\n\
    \x20             glassbox bench --sizes gemm=512,128x400x784:nt --threads 1\n\
    \x20             glassbox bench --save before    and later    glassbox bench --compare bench-before.json bench-after.json")]
pub struct Bench {
    /// Only operations and kernels with one of these in their names [default: all]
    pub filter: Vec<String>,
    /// Measure a kernel at these sizes instead of its usual ones, and without FILTER nothing else: gemm=512,128x400x784
    #[arg(long, value_name = "KERNEL=SIZE,…")]
    pub sizes: Vec<String>,
    /// Threads to compute with [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
    /// The instruction set to compute with [default: the widest that this machine has, or GLASSBOX_ISA]
    #[arg(long, value_name = "NAME", value_parser = isa)]
    pub isa: Option<Isa>,
    /// Empty the caches before each sample, which is then a single call
    #[arg(long)]
    pub cold: bool,
    /// Print one JSON document, with every sample
    #[arg(long)]
    pub json: bool,
    /// Also write that document to bench-NAME.json here, to compare with later
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub save: Option<String>,
    /// Also draw the roofline with each operation as a point
    #[arg(long, value_name = "FILE.svg")]
    pub svg: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
    /// Measure nothing, and say what changed between two saved documents beyond the noise
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"],
          conflicts_with_all = ["filter", "sizes", "threads", "isa", "cold", "save", "svg", "force"])]
    pub compare: Vec<PathBuf>,
}

/// `glassbox repro`
#[derive(Args)]
pub struct Repro {
    /// Results by name [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Only those that take seconds
    #[arg(long, conflicts_with = "names")]
    pub fast: bool,
    /// Show what there is, and measure nothing
    #[arg(long)]
    pub list: bool,
    /// The folder for repro.md, the page of all numbers [default: docs/results in a checkout, else results]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The folder of the runs, which are not made twice [default: target/repro in a checkout, else runs/repro]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Threads to compute with; the numbers don't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

/// `glassbox data`
#[derive(Subcommand)]
pub enum Data {
    /// Show the data sets: what they hold, where they come from, whether they are installed
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say what a data set holds: pictures, a table, a text or sound
    Show {
        /// A name, or the path of a folder or file, with options: photos?size=32&colour=grey
        #[arg(value_name = "SPEC", value_parser = data_sets(), hide_possible_values = true)]
        spec: String,
        /// Also draw some of the pictures, or the waves of some recordings, into this PNG file
        #[arg(long, value_name = "FILE.png")]
        out: Option<PathBuf>,
        /// Replace the file that is there
        #[arg(long, requires = "out")]
        force: bool,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say how a data set gets onto this machine
    Fetch {
        /// A name that `glassbox data list` shows
        #[arg(value_parser = data_sets(), hide_possible_values = true)]
        name: String,
    },
    /// Read all of a data set and compare it with the published checksums
    Verify {
        /// A name that `glassbox data list` shows, or a folder with IDX files
        #[arg(value_name = "NAME|DIR", value_parser = data_sets(), hide_possible_values = true)]
        spec: String,
    },
}

/// `glassbox completions`
#[derive(Args)]
#[command(after_help = "For bash:  glassbox completions bash > ~/.local/share/bash-completion/completions/glassbox\n\
                        For zsh:   glassbox completions zsh > ~/.zfunc/_glassbox    (with fpath+=~/.zfunc in ~/.zshrc)\n\
                        For fish:  glassbox completions fish > ~/.config/fish/completions/glassbox.fish")]
pub struct Completions {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(hide_possible_values = true)]
    pub shell: Shell,
}

/// `glassbox man`
#[derive(Args)]
pub struct Man {
    /// Write the pages of all commands into this folder instead, one file for each
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the pages that are there
    #[arg(long, requires = "out")]
    pub force: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
