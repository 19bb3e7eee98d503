//! CSV files and text files.

use glassbox_data::table::{self, Cells, CsvProblem};
use glassbox_data::text::{Document, Text};
use glassbox_data::{open_table, open_text};
use proptest::prelude::*;
use std::fs;

#[test]
fn numbers_are_read_as_they_are_and_missing_cells_are_nan() {
    let text = "a,b;c,\"d,e\"\r\n1,-2.5e-3,x\r\n,NA,\"two\nlines\"\r\n 3 ,1e300,\r\n";
    let table = table::parse("t.csv", text.as_bytes()).unwrap();
    assert_eq!(table.rows(), 3);
    let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "b;c", "d,e"]);
    let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    assert_eq!(bits(table.numbers("a").unwrap()), bits(&[1.0, f64::NAN, 3.0]));
    assert_eq!(bits(table.numbers("b;c").unwrap()), bits(&[-2.5e-3, f64::NAN, 1e300]));
    let Cells::Words { cells, first } = &table.columns()[2].cells else { panic!() };
    assert_eq!((cells.join("|"), first.clone()), ("x|two\nlines|".to_string(), (2, "x".to_string())));
    assert_eq!(table.columns().iter().map(|c| c.missing()).collect::<Vec<_>>(), [1, 1, 1]);
    let moments = table.columns()[0].moments().unwrap();
    assert_eq!((moments.n, moments.min, moments.mean, moments.max), (2, 1.0, 2.0, 3.0));
}

#[test]
fn a_column_of_words_keeps_its_first_cells_as_they_were_written() {
    let table = table::parse("t.csv", b"year,x\n007,1\n1e3,NaN\nnext,3\n").unwrap();
    let Cells::Words { cells, first } = &table.columns()[0].cells else { panic!() };
    assert_eq!((cells.join("|"), first.clone()), ("007|1e3|next".to_string(), (4, "next".to_string())));
}

#[test]
fn semicolons_tabs_and_excels_mark_are_understood() {
    for text in ["\u{feff}a;b\n1;2\n", "a\tb\n1\t2\n", "a,b\n1,2"] {
        let table = table::parse("t", text.as_bytes()).unwrap();
        assert_eq!((table.numbers("a").unwrap(), table.numbers("b").unwrap()), (&[1.0][..], &[2.0][..]), "{text:?}");
    }
    // R leaves the first column, that of the rows' names, without one.
    let table = table::parse("t", b"\"\",x\n\"1\",5\n").unwrap();
    assert_eq!(table.columns()[0].name, "column 1");
}

#[test]
fn errors_name_the_line_and_the_remedy() {
    let text = |bytes: &[u8]| table::parse("t.csv", bytes).unwrap_err().to_string();
    assert_eq!(text(b""), "t.csv: no table: the file is empty; the first line names the columns");
    assert_eq!(text(b"a,b\n"), "t.csv: no lines below the names of the columns");
    assert_eq!(
        text(b"a,b\n1,2\n3\n"),
        "t.csv: line 3 has 1 cell and the first has 2; a cell with a separator in it wants quotes around"
    );
    assert_eq!(
        text(b"1,2\n3,4\n"),
        "t.csv: line 1 has numbers where the names of the columns should be; write a line of names above it"
    );
    assert_eq!(text(b"a,a\n1,2\n"), "t.csv: two columns are called \"a\"; give each a name of its own");
    assert_eq!(text(b"a,b\n1,\xff\n"), "t.csv: line 2 is not UTF-8 text; save the table as UTF-8");
    let table = table::parse("t.csv", b"month,passengers\n1949-01,1\n").unwrap();
    let error = |name: &str| table.numbers(name).unwrap_err().to_string();
    assert_eq!(error("passenger"), "t.csv: there is no column \"passenger\"; did you mean passengers?");
    assert_eq!(error("month"), "t.csv: column \"month\" is not one of numbers: line 2 says \"1949-01\"");
}

#[test]
fn lines_are_counted_by_whichever_end_they_have() {
    for end in ["\n", "\r\n", "\r", "\n\n"] {
        let text = ["a,b", "1,2", "3,x", "4"].join(end);
        let lines = if end == "\n\n" { (5, 7) } else { (3, 4) }; // empty lines are passed over, and counted
        let error = table::parse("t", text.as_bytes()).unwrap_err();
        assert_eq!(error.problem, CsvProblem::Ragged { line: lines.1, found: 1, expected: 2 }, "{end:?}");
        let table = table::parse("t", text.strip_suffix('4').unwrap().as_bytes()).unwrap();
        let Cells::Words { first, .. } = &table.columns()[1].cells else { panic!() };
        assert_eq!(first.0, lines.0, "{end:?}");
    }
}

#[test]
fn too_many_cells_are_refused() {
    let names: Vec<String> = (0..70_000).map(|i| format!("c{i}")).collect();
    let error = table::parse("t.csv", names.join(",").as_bytes()).unwrap_err();
    assert_eq!(error.problem, CsvProblem::Columns(70_000));
}

#[test]
fn a_file_is_opened_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        fs::write(dir.path().join(name), content).unwrap();
        dir.path().join(name).to_str().unwrap().to_string()
    };
    let (csv, txt) = (write("a.csv", b"a\n1\n"), write("a.txt", "héllo wörld, 20 of ".as_bytes()));
    assert_eq!(open_table(&csv).unwrap().rows(), 1);
    assert_eq!(open_text(&txt).unwrap().characters(), [17, 2]);
    let error = open_table(&txt).unwrap_err().to_string();
    assert_eq!(error, format!("{txt}: not a table but a text; `glassbox data show` shows what it holds"));
    let error = open_text(&format!("{txt}?size=3")).unwrap_err().to_string();
    assert_eq!(error, format!("{txt}?size=3: size is no option of text; it takes none"));
    let error = glassbox_data::open(&csv).unwrap_err().to_string();
    assert_eq!(error, format!("{csv}: not a folder of pictures but a table; `glassbox data show` shows what it holds"));
}

#[test]
fn the_last_tenth_of_a_text_is_held_out() {
    let text = Text::parse("t", "the quick brown föx".as_bytes()).unwrap();
    assert_eq!(text.characters(), [17, 2]); // ⌊0.9 · 19⌋
    assert_eq!((text.train(), text.test()), (&[Document::new("the quick brown f")][..], &[Document::new("öx")][..]));
    assert!(!text.in_documents());
    let error = |bytes: &[u8]| Text::parse("t.txt", bytes).unwrap_err().to_string();
    assert_eq!(error(b"one\ntwo \xff"), "t.txt: byte 8 (0xff, in line 2) is not UTF-8; save the text as UTF-8");
    assert_eq!(error(b"x"), "t.txt: 1 character; a text of at least 2 is wanted");
}

#[test]
fn a_file_of_pairs_is_prompts_and_what_is_said_to_them() {
    let lines =
        "{\"prompt\": \"a?\", \"response\": \"b\", \"from\": \"me\"}\n\n{\"response\": \"d\\n\", \"prompt\": \"ç\"}\n";
    let text = Text::pairs("p.jsonl", lines.as_bytes()).unwrap();
    let [first, second] = [&text.train()[0], &text.test()[0]];
    assert_eq!((first.prompt.as_str(), first.text.as_str()), ("a?", "b"));
    assert_eq!((second.prompt.as_str(), second.text.as_str()), ("ç", "d\n"));
    assert_eq!(text.characters(), [3, 3]);
    let error = Text::pairs("p.jsonl", b"{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": \"a\"}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "p.jsonl: line 2 is no pair (missing field `response`); write each as {\"prompt\": \"…\", \"response\": \"…\"}"
    );
}

#[test]
fn no_document_is_cut_and_one_at_least_is_held_out() {
    let split = |sizes: &[usize]| {
        let documents = sizes.iter().map(|&n| Document::new("x".repeat(n))).collect();
        Text::of("t", documents).map(|text| (text.train().len(), text.test().len(), text.in_documents()))
    };
    assert_eq!(split(&[10; 10]).unwrap(), (9, 1, true));
    assert_eq!(split(&[85, 10, 5]).unwrap(), (2, 1, true), "the place falls into the second, which stays whole");
    assert_eq!(split(&[1, 99]).unwrap(), (1, 1, true));
    assert_eq!(split(&[99, 1]).unwrap(), (1, 1, true));
    assert_eq!(split(&[4, 0, 4]).unwrap(), (1, 1, true), "an empty one is none");
    let error = split(&[4, 0]).unwrap_err().to_string();
    assert_eq!(error, "t: 1 document; at least 2 are wanted, one of them to be held out");
}

proptest! {
    #[test]
    fn numbers_survive_writing_and_reading(rows in prop::collection::vec((any::<f64>(), any::<i32>()), 1..30)) {
        let mut text = "x,y\n".to_string();
        rows.iter().for_each(|(x, y)| text.push_str(&format!("{x:?},{y}\n")));
        let table = table::parse("t", text.as_bytes()).unwrap();
        if rows.iter().all(|(x, _)| !x.is_infinite()) {
            let read = table.numbers("x").unwrap();
            prop_assert!(read.iter().zip(&rows).all(|(a, (b, _))| a == b || a.is_nan() && b.is_nan()));
        }
        let ys: Vec<f64> = rows.iter().map(|&(_, y)| f64::from(y)).collect();
        prop_assert_eq!(table.numbers("y").unwrap(), &ys[..]);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a-c0-9,;\"\n\r\t. ]{0,100}") {
        let _ = (table::parse("t", &bytes), table::parse("t", text.as_bytes()));
        let _ = Text::parse("t", &bytes);
    }

    #[test]
    fn no_character_is_lost_between_the_parts(text in "\\PC{2,50}") {
        let parsed = Text::parse("t", text.as_bytes()).unwrap();
        prop_assert_eq!(format!("{}{}", parsed.train()[0].text, parsed.test()[0].text), text);
    }
}
