//! Texts become tokens: which, learned from what, and with what between documents.

mod common;

use common::small;
use glassbox_data::text::{Document, Text};
use glassbox_transformer::tokenizer::{END_OF_TEXT, Tokenizer};
use glassbox_transformer::{Corpus, GPT, Gpt, Training};

fn corpus(settings: &[&str], text: &Text) -> Corpus {
    let mut config = small(&GPT);
    config.steps = Some(1);
    settings.iter().for_each(|setting| config.set(setting).unwrap());
    Training::<Gpt>::new(&config, text.clone()).unwrap().text().clone()
}

#[test]
fn byte_pairs_are_learned_from_the_part_to_learn_from_alone() {
    let text = Text::parse("a text", format!("{}{}", "ab ".repeat(300), "xy ".repeat(30)).as_bytes()).unwrap();
    let corpus = corpus(&["tokens=bpe", "vocabulary=300"], &text);
    let Tokenizer::Bpe(bpe) = corpus.tokenizer() else { panic!("{:?}", corpus.tokenizer()) };
    assert!(bpe.id_of("ab").is_some() && bpe.id_of("Ġab").is_some());
    assert!(bpe.id_of("xy").is_none(), "it stands in the part held out");
    assert_eq!(corpus.tokenizer().decode(corpus.test()).unwrap(), text.test()[0].text);
}

#[test]
fn a_token_ends_each_document_and_is_no_byte_of_the_text() {
    let names = ["anna", "otto", "eve", "bob", "hannah", "ada", "nan", "viv", "elle", "asa"];
    let text = Text::of("names", names.map(Document::new).to_vec()).unwrap();
    for (tokens, end) in [("characters", "\u{c}"), ("bytes", "\u{c}"), ("bpe", END_OF_TEXT)] {
        let corpus = corpus(&[&format!("tokens={tokens}"), "vocabulary=280"], &text);
        let expected: String = text.train().iter().map(|document| format!("{}{end}", document.text)).collect();
        assert_eq!(corpus.tokenizer().decode(corpus.train()).unwrap(), expected, "{tokens}");
        assert_eq!(corpus.bytes(corpus.test()), text.characters()[1], "{tokens}");
    }
    let error = Corpus::new(&text, Tokenizer::characters("abc")).unwrap_err().to_string();
    assert_eq!(
        error,
        "names is made of documents, and the tokenizer has no token that ends one; take one with <|endoftext|>"
    );
}

#[test]
fn what_looks_like_a_special_token_in_a_text_is_none() {
    let text = Text::parse("a text", format!("{END_OF_TEXT} is written so. ").repeat(20).as_bytes()).unwrap();
    let corpus = corpus(&["tokens=bpe", "vocabulary=300"], &text);
    let end = corpus.tokenizer().end_of_text().unwrap();
    assert!(!corpus.train().contains(&end) && !corpus.test().contains(&end));
}
