//! What is measured: the registered operations at their standard problems, and kernels at sizes.

use super::kernels::{KERNELS, Kernel, MOST_FLOATS};
use crate::failure::Failure;
use glassbox_autograd::ops::registry;
use glassbox_autograd::{OpEntry, Timed};
use glassbox_data::names::unknown;

/// A piece of work, made ready when its turn comes.
pub struct Problem {
    /// The operation's or the kernel's name.
    pub name: &'static str,
    /// Of a kernel: its size as it was written.
    pub size: Option<String>,
    what: What,
}

enum What {
    Operation(&'static dyn OpEntry),
    Kernel(&'static Kernel),
}

impl Problem {
    /// The name with the size.
    pub fn title(&self) -> String {
        title(self.name, self.size.as_deref())
    }

    /// Draws the inputs. `None` if its size is none, which [`choose`] has checked.
    pub fn ready(&self) -> Option<Timed> {
        Some(match &self.what {
            What::Operation(op) => op.timed(),
            What::Kernel(kernel) => Timed::new((kernel.draw)(self.size.as_deref()?)?(), kernel.gradient),
        })
    }
}

/// A name with a size.
pub fn title(name: &str, size: Option<&str>) -> String {
    size.map_or(name.to_string(), |size| format!("{name} {size}"))
}

/// What these filters and sizes ask for; without either, everything.
pub fn choose(filters: &[String], sizes: &[String]) -> Result<Vec<Problem>, Failure> {
    let asked: Vec<(&'static Kernel, Vec<&str>)> = sizes.iter().map(|text| read(text)).collect::<Result<_, _>>()?;
    let operations = registry().iter().map(|op| Problem { name: op.name(), size: None, what: What::Operation(*op) });
    let mut kernels = Vec::new();
    for kernel in &KERNELS {
        let named: Vec<&str> =
            asked.iter().filter(|(k, _)| k.name == kernel.name).flat_map(|(_, s)| s.clone()).collect();
        let sizes = if named.is_empty() { kernel.usual.to_vec() } else { named };
        let of = |size: &str| Problem { name: kernel.name, size: Some(size.to_string()), what: What::Kernel(kernel) };
        kernels.extend(sizes.into_iter().map(of));
    }
    if let Some(filter) = filters.iter().find(|filter| !matches_any(filter)) {
        let names: Vec<&str> = registry().iter().map(|op| op.name()).chain(KERNELS.iter().map(|k| k.name)).collect();
        return Err(Failure::mistake(unknown("operation or kernel with a name like", filter, &names)));
    }
    let wanted = |problem: &Problem| {
        let of_a_named_size = problem.size.is_some() && asked.iter().any(|(kernel, _)| kernel.name == problem.name);
        let everything = filters.is_empty() && asked.is_empty();
        everything || of_a_named_size || filters.iter().any(|filter| problem.name.contains(filter.as_str()))
    };
    Ok(operations.chain(kernels).filter(wanted).collect())
}

fn matches_any(filter: &str) -> bool {
    let names = registry().iter().map(|op| op.name()).chain(KERNELS.iter().map(|kernel| kernel.name));
    names.into_iter().any(|name| name.contains(filter))
}

/// `--sizes gemm=512,1024`
fn read(text: &str) -> Result<(&'static Kernel, Vec<&str>), Failure> {
    let mistake = |problem: String| Failure::mistake(format!("--sizes {text}: {problem}"));
    let names: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
    let Some((name, sizes)) = text.split_once('=') else {
        return Err(mistake(format!("give a kernel and its sizes, such as gemm=512; there are {}", names.join(", "))));
    };
    let Some(kernel) = KERNELS.iter().find(|kernel| kernel.name == name) else {
        return Err(mistake(unknown("kernel", name, &names)));
    };
    let sizes: Vec<&str> = sizes.split(',').collect();
    match sizes.iter().find(|size| (kernel.draw)(size).is_none()) {
        Some(size) => Err(mistake(format!(
            "{size:?} is no size of {name}; write {}, in whole numbers above 0 and with no array of more than {MOST_FLOATS}",
            kernel.grammar
        ))),
        None => Ok((kernel, sizes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    fn titles(filters: &str, sizes: &str) -> Vec<String> {
        let words = |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>();
        let chosen = choose(&words(filters), &words(sizes)).unwrap_or_else(|e| panic!("{e:?}"));
        chosen.iter().map(Problem::title).collect()
    }

    #[test]
    fn without_a_wish_everything_is_measured_and_every_usual_size_is_one() {
        let all = titles("", "");
        assert_eq!(all.len(), registry().len() + KERNELS.iter().map(|kernel| kernel.usual.len()).sum::<usize>());
        for kernel in &KERNELS {
            kernel.usual.iter().for_each(|size| assert!((kernel.draw)(size).is_some(), "{} {size}", kernel.name));
        }
    }

    #[test]
    fn filters_and_sizes_choose() {
        assert_eq!(titles("", "gemm=3x4x5,6 matvec=7x8"), ["gemm 3x4x5", "gemm 6", "matvec 7x8"]);
        assert_eq!(titles("tanh", "gemm=6"), ["gated_tanh", "gelu_tanh", "tanh", "gemm 6"]);
        assert_eq!(titles("attention", "attention=1x1x2x4"), ["attention", "attention 1x1x2x4"]);
        assert!(titles("matv", "").iter().all(|title| title.starts_with("matvec ")));
        assert_eq!(titles("softplus silu", ""), ["silu", "softplus"]);
    }

    #[test]
    fn the_help_says_how_the_sizes_of_every_kernel_are_written() {
        let mut program = Cli::command();
        let help = program.find_subcommand_mut("bench").unwrap().render_long_help().to_string();
        KERNELS
            .iter()
            .for_each(|kernel| assert!(help.contains(&format!("{}=", kernel.name)), "{}: {help}", kernel.name));
    }
}
