//! What holds for any text, on any number of threads.

use super::{hard_text, json, on_threads, parse};
use glassbox_transformer::tokenizer::{Bpe, BpeTrainer, Tokenizer, split};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::LazyLock;

static LEARNED: LazyLock<Bpe> = LazyLock::new(|| BpeTrainer::new(900).train(&[hard_text()]).unwrap());

/// Letters that the hard text has words of, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-e 't\n漢é\u{301}🙂]{0,80}", "\\PC{0,40}", any::<String>()]
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(text in text()) {
        let ids = LEARNED.encode_ordinary(&text).unwrap();
        prop_assert_eq!(LEARNED.decode_bytes(&ids).unwrap(), text.as_bytes());
        let characters = Tokenizer::characters(&text);
        prop_assert_eq!(&characters.decode(&characters.encode(&text).unwrap()).unwrap(), &text);
        // In a file and back.
        if !text.is_empty() {
            let read = parse(&characters.to_json());
            prop_assert_eq!(read.encode(&text).unwrap(), characters.encode(&text).unwrap());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_tokens_all_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let tokenizer = Tokenizer::bytes();
        prop_assert_eq!(&tokenizer.decode_bytes(&tokenizer.encode_bytes(&bytes).unwrap()).unwrap(), &bytes);
        let replaced = String::from_utf8_lossy(&bytes);
        let bpe = parse(&super::changed(&serde_json::json!({})));
        prop_assert_eq!(bpe.encode_bytes(&bytes).unwrap(), bpe.encode(&replaced).unwrap());
        prop_assert_eq!(bpe.decode(&bpe.encode_bytes(&bytes).unwrap()).unwrap(), replaced);
    }

    #[test]
    fn the_tokens_of_a_text_are_those_of_its_pieces(text in text()) {
        let pieces: Vec<u32> = split(&text).flat_map(|piece| LEARNED.encode_ordinary(piece).unwrap()).collect();
        prop_assert_eq!(LEARNED.encode_ordinary(&text).unwrap(), pieces);
    }
}

#[test]
fn a_long_text_has_the_same_tokens_on_any_number_of_threads() {
    let text = hard_text().repeat(8);
    let one: Vec<u32> = on_threads(1, || LEARNED.encode(&text).unwrap());
    assert_eq!(LEARNED.decode_bytes(&one).unwrap(), text.as_bytes());
    for threads in [2, 3, 7] {
        assert_eq!(on_threads(threads, || LEARNED.encode(&text).unwrap()), one, "{threads} threads");
    }
    let texts: Vec<&str> = text.lines().collect();
    let batch = on_threads(2, || LEARNED.encode_batch(&texts).unwrap());
    assert_eq!(batch, texts.iter().map(|text| LEARNED.encode(text).unwrap()).collect::<Vec<_>>());
}

#[test]
fn a_word_without_an_end_takes_no_longer_than_a_text() {
    // A way that is quadratic in the length of a word would take 10¹² steps for this one.
    let word = "abcde".repeat(200_000);
    assert_eq!(LEARNED.decode_bytes(&LEARNED.encode(&word).unwrap()).unwrap(), word.as_bytes());
    assert!(BpeTrainer::new(300).train(&[word]).unwrap().vocab_size() > 256);
}

/// Training by the definition: count all pairs of neighbours, merge the most frequent one, begin again. Of equal counts the pair
/// with the smaller tokens wins.
fn learned_by_definition(text: &str, merges: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    // A token's place is by the alphabet of the files: what can be seen comes first.
    let alphabet =
        |bytes: &[u8]| bytes.iter().map(|&b| glassbox_transformer::tokenizer::character_of(b)).collect::<String>();
    let mut order: Vec<Vec<u8>> = (0..=255).map(|b| vec![b]).collect();
    order.sort_by_key(|bytes| alphabet(bytes));
    let mut words: Vec<Vec<usize>> = split(text)
        .map(|w| w.bytes().map(|b| order.iter().position(|token| *token == [b]).unwrap()).collect())
        .collect();
    let mut learned = Vec::new();
    for _ in 0..merges {
        let mut counts: HashMap<(usize, usize), usize> = HashMap::new();
        words.iter().flat_map(|word| word.windows(2)).for_each(|w| *counts.entry((w[0], w[1])).or_default() += 1);
        let Some((&(a, b), _)) = counts.iter().max_by_key(|&(pair, n)| (*n, std::cmp::Reverse(*pair))) else { break };
        order.push([&order[a][..], &order[b]].concat());
        learned.push((order[a].clone(), order[b].clone()));
        for word in &mut words {
            let mut i = 0;
            while i + 1 < word.len() {
                if (word[i], word[i + 1]) == (a, b) {
                    word[i] = order.len() - 1;
                    word.remove(i + 1);
                }
                i += 1;
            }
        }
    }
    learned
}

#[test]
fn counts_that_are_kept_lead_to_the_merges_of_counts_that_are_made_anew() {
    let texts = [
        "the cat sat on the mat, and that's what the cat's mat was for; ",
        "aaaa aaa aaaaa abab ababab bb bbbb ",
        "漢字 漢漢字 é É\n\n",
    ];
    for text in texts.map(|text| text.repeat(3)) {
        let bpe = BpeTrainer::new(256 + 60).train(&[&text]).unwrap();
        let bytes = |id| bpe.bytes_of(id).unwrap().to_vec();
        let merges: Vec<_> = bpe.merges().into_iter().map(|(a, b)| (bytes(a), bytes(b))).collect();
        let expected = learned_by_definition(&text, 60);
        assert!(merges.len() > 5);
        assert_eq!(merges, expected, "{text}");
    }
}

#[test]
fn special_tokens_come_first_and_are_found_where_they_are_meant() {
    let trainer = BpeTrainer { special_tokens: vec!["<|end|>".into(), "<|user|>".into()], ..BpeTrainer::new(300) };
    let tokenizer = Tokenizer::from(trainer.train(&["the user ends the text <|end|>"]).unwrap());
    assert_eq!(tokenizer.special_tokens().collect::<Vec<_>>(), [(0, "<|end|>"), (1, "<|user|>")]);
    let ids = tokenizer.encode("<|user|>the<|end|>").unwrap();
    assert_eq!((ids[0], ids.last()), (1, Some(&0)));
    assert_eq!(tokenizer.decode(&ids).unwrap(), "<|user|>the<|end|>");
    let Tokenizer::Bpe(bpe) = &tokenizer else { panic!("it was trained") };
    let ordinary = bpe.encode_ordinary("<|end|>").unwrap();
    assert!(!ordinary.contains(&0));
    assert_eq!(bpe.decode_bytes(&ordinary).unwrap(), b"<|end|>");
}

#[test]
fn what_is_written_is_what_was_read() {
    let base = json("base.json");
    let written: serde_json::Value = serde_json::from_str(&parse(&base.to_string()).to_json()).unwrap();
    assert_eq!(written, base);
    let bytes = parse(&Tokenizer::bytes().to_json());
    assert_eq!(bytes.encode_bytes(&[0, 255, 10]).unwrap(), [0, 255, 10]);
    let (vocab, merges) = LEARNED.to_vocab_and_merges();
    let again = Bpe::parse_vocab_and_merges(("vocab", vocab.as_bytes()), ("merges", merges.as_bytes())).unwrap();
    assert_eq!((again.merges(), again.vocab_size()), (LEARNED.merges(), LEARNED.vocab_size()));
    assert_eq!(again.encode(&hard_text()).unwrap(), LEARNED.encode(&hard_text()).unwrap());
}
