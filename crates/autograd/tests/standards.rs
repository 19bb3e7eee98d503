//! What each operation is timed on, and what that must cost, is a page of the book: `docs/standard-problems.md`. A description
//! that changes by mistake changes the page. After a change that is meant, `GLASSBOX_BLESS=1 cargo test -p glassbox-autograd
//! --test standards` writes it anew; then compare its figures with the formula in the operation's file.

use glassbox_autograd::ops::{cross_entropy, registry};
use glassbox_autograd::{Draw, OpEntry};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use std::path::Path;

#[test]
fn the_book_says_what_each_operation_is_timed_on_and_what_that_must_cost() {
    let mut page = String::from(
        "# Standard problems\n\n\
         What `glassbox bench` and `cargo bench` time each operation on: its value, its inputs' shapes, and the arithmetic and \
         memory traffic that a call must have, whoever computes it. Made from the registry; a test compares it.\n\n\
         | operation | value | inputs | FLOP | bytes |\n| --- | --- | --- | ---: | ---: |\n",
    );
    for op in registry() {
        let standard = op.standard(Key::new(0));
        let inputs: Vec<String> = standard.x.iter().map(|x| format!("{:?}", x.shape())).collect();
        let (value, cost) = (format!("{:?}", standard.op), standard.cost());
        let (name, inputs) = (op.name(), inputs.join(", "));
        page.push_str(&format!("| {name} | `{}` | {inputs} | {} | {} |\n", shortened(&value), cost.flops, cost.bytes));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/standard-problems.md");
    if std::env::var_os("GLASSBOX_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the book can be written");
    }
    let book = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (is, was)) in page.lines().zip(book.lines()).enumerate() {
        assert_eq!(is, was, "docs/standard-problems.md:{}: the registry says something else now", line + 1);
    }
    assert_eq!(page.len(), book.len(), "docs/standard-problems.md has more or fewer operations than the registry");
}

/// On one line, and no more than its first hundred letters.
fn shortened(value: &str) -> String {
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    match value.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    }
}

/// Ids to be ignored are drawn: without them the harness would check the sum over all rows only.
#[test]
fn cross_entropy_is_checked_on_rows_that_are_ignored() {
    let ignored = (0..200_u64).filter(|&seed| {
        let dims: Vec<usize> = Tensor::rand([12], Key::new(seed)).to_vec().iter().map(|u| (u * 8.0) as usize).collect();
        let drawn = cross_entropy::INFO.sample(&mut Draw::new(dims), Key::new(seed));
        // A row that counts loses something, whatever its logits; one that doesn't loses nothing.
        format!("{:?}", drawn.op).contains("reduction: None") && drawn.run().to_vec().contains(&0.0)
    });
    assert!(ignored.count() >= 5);
}
