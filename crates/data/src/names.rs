//! Names that are nearly right: of data sets, presets, settings, whatever a person types.

/// The candidate that is spelt most like `word`, capitals aside, if one is like enough to be worth suggesting: at most a third of
/// the letters changed, dropped, added or exchanged with a neighbour (the optimal string alignment distance), a large part in
/// common (Jaro and Winkler's similarity above 0.75), or all of the word within it.
///
/// ```
/// use glassbox_data::names::nearest;
/// assert_eq!(nearest("latent", ["hidden", "latents"]), Some("latents"));
/// assert_eq!(nearest("VEA", ["ae", "vae"]), Some("vae"));
/// assert_eq!(nearest("mnist", ["digits", "fashion-mnist"]), Some("fashion-mnist"));
/// assert_eq!(nearest("zebra", ["hidden", "latents"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let wrong = strsim::osa_distance(&word, candidate);
            let near = wrong * 3 <= word.len().max(candidate.len())
                || strsim::jaro_winkler(&word, candidate) > 0.75
                || word.len() >= 3 && candidate.contains(&word);
            near.then_some((wrong, candidate))
        })
        .min_by_key(|&(wrong, _)| wrong) // the first of equals
        .map(|(_, candidate)| candidate)
}

/// The sentence about a name that is none of `known`: the one it is nearest to, or all of them.
///
/// ```
/// use glassbox_data::names::unknown;
/// assert_eq!(unknown("preset", "VEA", &["ae", "vae"]), "there is no preset \"VEA\"; did you mean vae?");
/// assert_eq!(unknown("preset", "gpt", &["ae", "vae"]), "there is no preset \"gpt\"; there are ae, vae");
/// ```
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    format!("there is no {what} {name:?}; {}", did_you_mean(name, known, "there are"))
}

/// The second half of such a sentence, where all names that there are come after `there_are`.
///
/// ```
/// use glassbox_data::names::did_you_mean;
/// assert_eq!(did_you_mean("gpt", &["ae", "vae"], "it has"), "it has ae, vae");
/// ```
pub fn did_you_mean(name: &str, known: &[&str], there_are: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("{there_are} {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_when_one_is_near() {
        let known = ["fashion-mnist", "fashion-mnist-full", "digits"];
        for (word, name) in [
            ("fashon-mnist", Some("fashion-mnist")),
            ("fashion_mnist", Some("fashion-mnist")),
            ("FashionMNIST", Some("fashion-mnist")),
            ("mnist", Some("fashion-mnist")),
            ("fashion-mnist-ful", Some("fashion-mnist-full")),
            ("fashionmnist-full", Some("fashion-mnist-full")),
            ("cifar10", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), name, "{word:?}");
        }
    }
}
