//! A tokenizer that works on request, so that another process can compare itself with it and take turns: reads a command per line
//! and answers with a line. `tools/peers/tokens.py` drives it.
//!
//! ```text
//! open PATH            a tokenizer.json, or a folder with one or with vocab.json and merges.txt
//! characters           the characters of the text as the tokenizer
//! bytes                bytes as the tokenizer
//! write FILE           writes the tokenizer as a tokenizer.json
//! text FILE            the text, read as UTF-8 with replacement characters where it is none
//! encode               the tokens of the text; answers with seconds
//! documents            the tokens of each document of the text; answers with seconds
//! ids FILE             writes the tokens of the text, each as four bytes, little end first
//! train SIZE FREQUENCY learns a vocabulary from the documents; answers with seconds
//! save FILE            writes what was learned as a tokenizer.json
//! ```
//!
//! A document ends with the first line that ends after 4,096 bytes. `cargo run --release -p glassbox-transformer --example
//! serve_tokenizer`; RAYON_NUM_THREADS sets the number of threads.

use glassbox_transformer::tokenizer::{BpeTrainer, Tokenizer};
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

const DOCUMENT: usize = 4096;

fn documents(text: &str) -> Vec<&str> {
    let (mut documents, mut start) = (Vec::new(), 0);
    while start < text.len() {
        let from = (start + DOCUMENT).min(text.len());
        let end = text.as_bytes()[from..].iter().position(|&b| b == b'\n').map_or(text.len(), |n| from + n + 1);
        documents.push(&text[start..end]);
        start = end;
    }
    documents
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut tokenizer, mut learned, mut text) = (Tokenizer::bytes(), None, String::new());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let start = Instant::now();
        match command {
            "open" => tokenizer = Tokenizer::open(Path::new(argument))?,
            "characters" => tokenizer = Tokenizer::characters(&text),
            "bytes" => tokenizer = Tokenizer::bytes(),
            "write" => tokenizer.save(Path::new(argument))?,
            "text" => text = String::from_utf8_lossy(&std::fs::read(argument)?).into_owned(),
            "encode" => drop(black_box(tokenizer.encode(&text)?)),
            "documents" => match &tokenizer {
                Tokenizer::Bpe(bpe) => drop(black_box(bpe.encode_batch(&documents(&text))?)),
                Tokenizer::Plain(_) => return Err("documents are for a tokenizer with merges".into()),
            },
            "ids" => {
                let ids = tokenizer.encode(&text)?;
                std::fs::write(argument, ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>())?;
            }
            "train" => {
                let (size, frequency) = argument.split_once(' ').ok_or("train SIZE FREQUENCY")?;
                let trainer = BpeTrainer { min_frequency: frequency.parse()?, ..BpeTrainer::new(size.parse()?) };
                learned = Some(Tokenizer::from(trainer.train(&documents(&text))?));
            }
            "save" => learned.as_ref().ok_or("train first")?.save(Path::new(argument))?,
            _ => return Err(format!("{command} is no command").into()),
        }
        println!("{:e}", start.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}
