//! What `docs/tokenizer.md` shows is what the code computes. After a change, `GLASSBOX_BLESS=1 cargo test -p glassbox-transformer
//! --test tokenizer` writes it anew.

use glassbox_transformer::tokenizer::{Bpe, BpeTrainer, split};
use std::fmt::Write as _;
use std::path::Path;

const TEXT: &str = "the cat sat on the mat. that cat's hat is flat, and that is that.";
const MERGES: usize = 12;

fn learned(merges: usize) -> Bpe {
    BpeTrainer::new(256 + merges).train(&[TEXT]).unwrap()
}

/// The pieces of a text, with spaces between them, each as its tokens, which are parted by `·`.
fn shown(bpe: &Bpe, text: &str) -> String {
    let piece = |piece| {
        let ids = bpe.encode(piece).unwrap();
        ids.iter().map(|&id| bpe.name_of(id).unwrap()).collect::<Vec<_>>().join("·")
    };
    split(text).map(piece).collect::<Vec<_>>().join(" ")
}

/// One line for each merge: the pair, how often it stands in the text as it was then, and what the text is afterwards.
fn table() -> String {
    let mut table = String::from("| merge | pair | times | the text afterwards |\n| --- | --- | --- | --- |\n");
    let merges = learned(MERGES).merges();
    writeln!(table, "| | | | `{}` |", shown(&learned(0), TEXT)).unwrap();
    for (i, &(a, b)) in merges.iter().enumerate() {
        let before = learned(i);
        let in_piece = |piece: &str| before.encode(piece).unwrap().windows(2).filter(|w| **w == [a, b]).count();
        let times: usize = split(TEXT).map(in_piece).sum();
        let after = learned(i + 1);
        let name = |id| after.name_of(id).unwrap();
        writeln!(table, "| {} | `{}` `{}` | {times} | `{}` |", i + 1, name(a), name(b), shown(&after, TEXT)).unwrap();
    }
    table
}

/// What the learned merges make of a word that is not in the text, merge by merge.
fn steps() -> String {
    let mut steps: Vec<String> = (0..=MERGES).map(|i| shown(&learned(i), " thatch")).collect();
    steps.dedup();
    steps.iter().fold(String::new(), |text, step| text + "    " + step + "\n")
}

fn pieces() -> String {
    let texts = ["They'll say it's the cats' 2,500th  mat.\n\n  OK", "x=[1, -2]\t# naïve 漢字", "'tis DON'T don't"];
    texts
        .iter()
        .map(|text| format!("    {}\n", split(text).map(|p| format!("{p:?}")).collect::<Vec<_>>().join(" ")))
        .collect()
}

#[test]
fn the_chapter_shows_what_the_code_computes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tokenizer.md");
    let read = std::fs::read_to_string(&path).expect("the chapter");
    let mut text = read.clone();
    for (marker, shown) in [("merges", table()), ("steps", steps()), ("pieces", pieces())] {
        let start = format!("<!-- {marker} -->\n");
        let (before, rest) = text.split_once(&start).expect("the marker");
        let (_, after) = rest.split_once("<!-- end -->").expect("its end");
        text = format!("{before}{start}\n{shown}\n<!-- end -->{after}");
    }
    if std::env::var_os("GLASSBOX_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the chapter can be written");
    }
    assert!(
        std::env::var_os("GLASSBOX_BLESS").is_some() || read == text,
        "{} is not what the code computes; write it with GLASSBOX_BLESS=1 cargo test -p glassbox-transformer --test tokenizer",
        path.display()
    );
}
