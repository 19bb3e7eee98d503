//! `vocab.json` and `merges.txt` from anyone, in one input with a zero byte between them: text that is encoded is decoded again.

use super::sentence;
use glassbox_transformer::tokenizer::Bpe;

pub fn check(bytes: &[u8]) {
    let cut = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let (vocab, merges) = (&bytes[..cut], bytes.get(cut + 1..).unwrap_or_default());
    let bpe = match Bpe::parse_vocab_and_merges(("vocab", vocab), ("merges", merges)) {
        Ok(bpe) => bpe,
        Err(error) => return sentence(error),
    };
    let (vocab, merges) = bpe.to_vocab_and_merges();
    let again = Bpe::parse_vocab_and_merges(("vocab", vocab.as_bytes()), ("merges", merges.as_bytes()));
    let again = again.expect("what is written can be read");
    assert_eq!((again.vocab_size(), again.merges()), (bpe.vocab_size(), bpe.merges()));
    let text = String::from_utf8_lossy(bytes);
    match bpe.encode(&text) {
        Ok(ids) => {
            assert_eq!(bpe.decode_bytes(&ids).expect("they are tokens of the vocabulary"), text.as_bytes());
            assert_eq!(again.encode(&text).expect("it is the same tokenizer"), ids);
        }
        Err(error) => sentence(error),
    }
}
