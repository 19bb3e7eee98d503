//! What `docs/autograd.md` shows is what the engine prints. After a change, `GLASSBOX_BLESS=1 cargo test -p
//! glassbox-autograd --test book` writes it anew.

use glassbox_autograd::{Var, detect_anomaly, graph_svg, trace};
use glassbox_tensor::tensor;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The chapter's example, line by line.
fn loss() -> Var {
    let x = Var::constant(tensor![[1., 2.], [3., -1.]]); // two examples
    let w = Var::input(tensor![[1., 0.5], [-1., 1.]]).named("w");
    let v = Var::input(tensor![[2., 1.]]).named("v");
    let target = Var::constant(tensor![[4.], [6.]]);
    let h = x.linear(&w, None).relu(); // (2, 2) × (2, 2) -> (2, 2)
    let y = h.linear(&v, None); // (2, 2) × (2, 1) -> (2, 1)
    (&y - &target).square().sum_all()
}

#[test]
fn the_chapter_shows_what_the_engine_prints() {
    let anomaly = std::panic::catch_unwind(|| {
        let sigma = Var::input(tensor![0.5, 0.]).named("sigma");
        detect_anomaly(|| sigma.ln().mean_all())
    });
    let sentence = *anomaly.expect_err("ln 0").downcast::<String>().expect("a sentence");
    let (sentence, _) = sentence.rsplit_once(" at ").expect("the line comes last");
    let sentence = format!("{sentence} at src/train.rs:12:31");

    let path = docs().join("autograd.md");
    let mut text = std::fs::read_to_string(&path).expect("the chapter");
    for (marker, shown) in [("trace", trace(&loss()).to_string()), ("anomaly", wrapped(&sentence))] {
        let indented: String = shown.lines().map(|line| format!("    {line}").trim_end().to_string() + "\n").collect();
        let start = format!("<!-- {marker} -->\n");
        let (before, rest) = text.split_once(&start).expect("the marker");
        let (_, after) = rest.split_once("<!-- end -->").expect("its end");
        text = format!("{before}{start}\n{indented}\n<!-- end -->{after}");
    }
    check(&path, &text);
    check(&docs().join("img/graph.svg"), &graph_svg(&loss()).expect("a small graph"));
}

/// In lines of at most 100 letters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("one at least");
        if last.len() + word.len() > 100 {
            lines.push(word.to_string());
        } else {
            *last = if last.is_empty() { word.to_string() } else { format!("{last} {word}") };
        }
    }
    lines.join("\n")
}

fn check(path: &Path, text: &str) {
    if std::env::var_os("GLASSBOX_BLESS").is_some() {
        std::fs::write(path, text).expect("the book can be written");
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == text,
        "{} is not what the engine prints; write it with GLASSBOX_BLESS=1 cargo test -p glassbox-autograd --test book",
        path.display()
    );
}
