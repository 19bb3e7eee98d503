//! What is said about files that are wrong: each in one sentence with the file, the place and the remedy.

use super::changed;
use glassbox_transformer::tokenizer::{AddedToken, Bpe, BpeTrainer, Tokenizer};
use serde_json::json;
use std::fs;

/// What is said about `base.json` with these entries changed.
fn said(changes: serde_json::Value) -> String {
    Tokenizer::parse_json("t.json", changed(&changes).as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_part_that_is_not_had_is_refused_by_its_name() {
    let table = [
        (json!({"/truncation": {"max_length": 5}}), "truncation is set, and only null"),
        (json!({"/padding": {}}), "padding is set, and only null"),
        (json!({"/normalizer": {"type": "NFC"}}), "normalizer is NFC, and only null"),
        (json!({"/pre_tokenizer/type": "Sequence"}), "pre_tokenizer is Sequence, and only ByteLevel"),
        (
            json!({"/pre_tokenizer": null}),
            "pre_tokenizer is null, and only ByteLevel (or null for single characters in their order)",
        ),
        (
            json!({"/post_processor": {"type": "TemplateProcessing"}}),
            "post_processor is TemplateProcessing, and only null or ByteLevel",
        ),
        (json!({"/model": {"type": "Unigram", "vocab": []}}), "model is Unigram, and only BPE"),
        (json!({"/model/dropout": 0.1}), "model.dropout is set, and only null"),
        (json!({"/model/byte_fallback": true}), "model.byte_fallback is true, and only false"),
        (json!({"/model/end_of_word_suffix": "</w>"}), "model.end_of_word_suffix is \"</w>\", and only null"),
        (json!({"/model/continuing_subword_prefix": "##"}), "model.continuing_subword_prefix is \"##\", and only null"),
        (json!({"/added_tokens/0/single_word": true}), "single_word of an added token is true, and only false"),
    ];
    for (changes, expected) in table {
        assert_eq!(said(changes), format!("t.json: {expected} can be read; save the tokenizer without it"));
    }
}

#[test]
fn an_entry_that_contradicts_another_is_named() {
    let table = [
        (json!({"/model/vocab/$drop": ["th"]}), "model.merges[1]: token \"th\" is not in the vocabulary; add it there"),
        (json!({"/model/vocab/$drop": ["Ġ"]}), "token \"Ġ\" is not in the vocabulary; add it there"),
        (json!({"/model/vocab/th": 3}), "both have the id 3; give each its own"),
        (
            json!({"/model/vocab/th": 1_048_576}),
            "token \"th\" has the id 1048576, and 1048576 or more is no id; number them from 0 on",
        ),
        (
            json!({"/added_tokens/1/id": 2}),
            "added_tokens[1]: \"<mask>\" has the id 2, but in the vocabulary 1; give it that",
        ),
        (json!({"/added_tokens/1/content": ""}), "added_tokens[1]: its content is empty; remove it"),
        (
            json!({"/added_tokens/1/content": "<new>"}),
            "added_tokens[1]: tokens \"<mask>\" and \"<new>\" both have the id 1; give each its own",
        ),
        (json!({"/model/unk_token": "nobody"}), "model.unk_token: \"nobody\" is not in the vocabulary; add it there"),
    ];
    for (changes, expected) in table {
        let said = said(changes);
        assert!(said.starts_with("t.json: ") && said.ends_with(expected), "{said}");
    }
}

#[test]
fn what_is_no_json_of_this_form_is_placed_by_line_and_column() {
    let said = |text: &str| Tokenizer::parse_json("t.json", text.as_bytes()).unwrap_err().to_string();
    let table = [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{\"model\":", "EOF while parsing a value at line 1 column 9"),
        ("{}", "missing field `model` at line 1 column 2"),
        (
            "{\"model\": {\"type\": \"BPE\",\n\"vocab\": {\"a\": -1}, \"merges\": []}}",
            "invalid value: integer `-1`, expected u32 at line 2 column 17",
        ),
        (
            "{\"model\": {\"vocab\": {}, \"merges\": [\"ab\"]}}",
            "invalid value: string \"ab\", expected two tokens, as a list or with one space between them at line 1 column 39",
        ),
        (
            "{\"model\": {\"vocab\": {}, \"merges\": [[\"a\", \"b\", \"c\"]]}}",
            "invalid length 3, expected two tokens, as a list or with one space between them at line 1 column 50",
        ),
        ("\u{feff}{}", "expected value at line 1 column 1"),
    ];
    for (text, expected) in table {
        assert_eq!(said(text), format!("t.json: not a tokenizer.json: {expected}; copy it or download it again"));
    }
    let deep = format!("{{\"model\": {}", "[".repeat(100_000));
    assert!(said(&deep).contains("t.json: not a tokenizer.json: "));
}

#[test]
fn a_line_of_merges_that_is_none_is_named() {
    let vocab = br#"{"a": 0, "b": 1, "ab": 2}"#;
    let said = |merges: &[u8]| {
        Bpe::parse_vocab_and_merges(("vocab.json", vocab), ("merges.txt", merges)).unwrap_err().to_string()
    };
    assert_eq!(
        said(b"#version: 0.2\na b\nab\n"),
        "merges.txt: line 3: \"ab\" is not two tokens with one space between them"
    );
    assert_eq!(said(b"a b\n\n"), "merges.txt: line 2: \"\" is not two tokens with one space between them");
    assert_eq!(said(b"a  b\n"), "merges.txt: line 1: \"a  b\" is not two tokens with one space between them");
    assert_eq!(
        said(b"a b\na \xff\n"),
        "merges.txt: line 2: byte 6 of the file is not UTF-8; copy it or download it again"
    );
    assert_eq!(
        said(b"#version: 0.2\r\na b\r\na c\r\n"),
        "merges.txt: line 3: token \"c\" is not in the vocabulary; add it there"
    );
    let error = Bpe::parse_vocab_and_merges(("vocab.json", br#"{"a": 0, "a": 1}"#), ("merges.txt", b"")).unwrap_err();
    assert_eq!(error.to_string(), "vocab.json: the vocabulary: token \"a\" has the ids 0 and 1; remove one");
}

#[test]
fn a_folder_may_have_either_kind_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let said = || Tokenizer::open(folder.path()).unwrap_err().to_string();
    let shown = folder.path().display();
    assert_eq!(said(), format!("{shown}: no tokenizer.json in this folder, and not both of vocab.json and merges.txt"));
    let bpe = BpeTrainer::new(280).train(&["to be or not to be"]).unwrap();
    let (vocab, merges) = bpe.to_vocab_and_merges();
    fs::write(folder.path().join("vocab.json"), vocab).unwrap();
    assert_eq!(said(), format!("{shown}: no tokenizer.json in this folder, and not both of vocab.json and merges.txt"));
    fs::write(folder.path().join("merges.txt"), merges).unwrap();
    let expected = bpe.encode("not to be").unwrap();
    assert_eq!(Tokenizer::open(folder.path()).unwrap().encode("not to be").unwrap(), expected);
    Tokenizer::from(bpe).save(&folder.path().join("tokenizer.json")).unwrap();
    assert_eq!(Tokenizer::open(folder.path()).unwrap().encode("not to be").unwrap(), expected);
    let nowhere = folder.path().join("nowhere");
    let error = Tokenizer::open(&nowhere).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot read: ", nowhere.display())), "{error}");
}

#[test]
fn what_cannot_be_encoded_or_learned_is_said() {
    let few = BpeTrainer { every_byte: false, ..BpeTrainer::new(20) }.train(&["abc"]).unwrap();
    let error = few.encode("ab d").unwrap_err().to_string();
    assert_eq!(
        error,
        "byte 2 of the text (0x20) has no token in the vocabulary; train it with every byte in its alphabet, or give it an unk_token"
    );
    let long = format!("{}d", "ab".repeat(100_000));
    assert!(few.encode(&long).unwrap_err().to_string().starts_with("byte 200000 of the text (0x64)"));
    let said = |trainer: BpeTrainer| trainer.train(&["abc"]).unwrap_err().to_string();
    assert_eq!(
        said(BpeTrainer::new(100)),
        "a vocabulary of 100 tokens is none: the bytes and special tokens alone are 256, and more than 1048576 are not possible; ask \
         for a number in between"
    );
    let special = |token: &str| BpeTrainer { special_tokens: vec!["<a>".into(), token.into()], ..BpeTrainer::new(300) };
    assert_eq!(said(special("")), "special token \"\": it is empty; leave it out");
    assert_eq!(said(special("<a>")), "special token \"<a>\": it is there twice; say it once");
    assert_eq!(
        said(special("é")),
        "special token \"é\": in a vocabulary its letters stand for other bytes; write it in ASCII"
    );
    let error = few.with_added_tokens(&[AddedToken::special(9, "a")]).unwrap_err().to_string();
    assert_eq!(error, "added token: \"a\" has the id 9, but in the vocabulary 0; give it that");
    let few = BpeTrainer::new(256).train(&[""]).unwrap();
    let error = few.with_added_tokens(&[AddedToken::special(256, &"a".repeat(2_000_000))]).unwrap_err().to_string();
    assert_eq!(error, "the added tokens have 2000000 bytes in all, and at most 1048576 are possible; remove some");
    let error = Tokenizer::characters("abc").encode("abd").unwrap_err().to_string();
    assert_eq!(error, "the text: character 'd' is not one of the 3 of the vocabulary");
}
