//! Names that are nearly right.

/// The candidate that is spelt most like `word`: one which contains it, or the one of the largest Jaro–Winkler similarity if
/// that is at least 0.8 (a few letters wrong in a dozen).
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let similarity = |name: &str| {
        let within = !word.is_empty() && name.contains(&word);
        if within { 1.0 } else { strsim::jaro_winkler(&word, name) }
    };
    candidates
        .into_iter()
        .map(|name| (similarity(name), name))
        .filter(|&(s, _)| s >= 0.8)
        .reduce(|best, next| if next.0 > best.0 { next } else { best }) // the first of equals
        .map(|(_, name)| name)
}

/// The remedy for a name that is none of `known`: the nearest, or all of them.
pub(crate) fn remedy(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("there are {}", known.join(", ")),
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
        assert_eq!(remedy("gray", &["grey", "rgb"]), "did you mean \"grey\"?");
        assert_eq!(remedy("cmyk", &["grey", "rgb"]), "there are grey, rgb");
    }
}
