//! Files as people have them: each has its answer or a refusal that says what to do.

use super::analyst::Analyst;
use serde_json::{Value, json};

#[test]
fn every_way_to_write_the_same_table_has_the_same_answer() {
    let analyst = Analyst::new();
    let plain = "city,price\nA,1\nB,2\nA,4\n";
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("plain.csv", plain.into()),
        ("bom.csv", format!("\u{feff}{plain}").into()),
        ("crlf.csv", plain.replace('\n', "\r\n").into()),
        ("cr.csv", plain.replace('\n', "\r").into()),
        ("no-last-line-end.csv", plain.trim_end().into()),
        ("semicolons.csv", plain.replace(',', ";").into()),
        ("tabs.tsv", plain.replace(',', "\t").into()),
        ("quoted.csv", "\"city\",\"price\"\n\"A\",\"1\"\n\"B\",\"2\"\n\"A\",\"4\"\n".into()),
        ("empty-lines.csv", "city,price\n\nA,1\n\n\nB,2\nA,4\n\n".into()),
        ("everything.csv", "\u{feff}\"city\";price\r\n\r\nA;\"1\"\r\n\"B\";2\r\nA;4".into()),
        ("Ünïcode name.csv", plain.into()),
    ];
    for (name, bytes) in &files {
        analyst.file(name, bytes);
        assert_eq!(analyst.answer("sum of price by city", name), json!({ "A": 5, "B": 2 }), "{name}");
    }
    assert_eq!(analyst.replayed(), 6 * files.len());
}

#[test]
fn quoted_cells_hold_separators_line_ends_and_quotes() {
    let analyst = Analyst::new();
    analyst.file("q.csv", "city,price\n\"New\nYork\",1\n\"say \"\"hi\"\", you\",2\n\"a\r\nb\",4\n5\" disk,8\n");
    let expected = json!({ "New\nYork": 1, "say \"hi\", you": 2, "a\r\nb": 4, "5\" disk": 8 });
    assert_eq!(analyst.answer("sum of price by city", "q.csv"), expected);
    assert_eq!(analyst.answer("sum price where city = 'say \"hi\", you'", "q.csv"), json!(2));
}

#[test]
fn missing_cells_are_skipped_and_counted_however_they_are_written() {
    let analyst = Analyst::new();
    let missing = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "\"\"", "\"NA\""];
    let rows: String = missing.iter().map(|cell| format!("x,{cell}\n")).collect();
    analyst.file("m.csv", format!("city,price\nA,1\n{rows}B,2\n"));
    let data = analyst.answered("mean price", "m.csv");
    assert_eq!(
        (&data["answer"], &data["rows_used"], &data["rows_skipped"]),
        (&json!(1.5), &json!(2), &json!(missing.len()))
    );
    assert_eq!(analyst.answer("count rows where price is missing", "m.csv"), json!(missing.len()));
    // A cell that says the word for a missing group is not mistaken for one.
    analyst.file("word.csv", "g,v\n(missing),1\n,2\n");
    assert_eq!(
        analyst.answer("sum v by g", "word.csv"),
        json!([{ "g": "(missing)", "sum v": 1 }, { "g": null, "sum v": 2 }])
    );
}

#[test]
fn duplicate_and_empty_headers_get_names_and_leave_a_note() {
    let analyst = Analyst::new();
    analyst.file("h.csv", "x,x,,y\n1,2,3,4\n5,6,7,8\n");
    for (question, expected) in [("sum x", 6), ("sum of x_2", 8), ("sum of column_3", 10), ("sum of y", 12)] {
        let data = analyst.answered(question, "h.csv");
        assert_eq!(data["answer"], expected, "“{question}”");
        let notes = data["notes"].to_string();
        assert!(notes.contains("x_2") && notes.contains("column_3"), "{notes}");
    }
    // A header that is already called so keeps its own data apart.
    analyst.file("taken.csv", "x,x_2,x\n1,2,4\n");
    let sums: Vec<Value> =
        ["x", "x_2"].iter().map(|name| analyst.answer(&format!("sum of {name}"), "taken.csv")).collect();
    assert_eq!(sums, [json!(1), json!(2)]);
}

#[test]
fn a_header_alone_is_a_table_without_rows() {
    let analyst = Analyst::new();
    for text in ["a,b\n", "a,b", "a,b\r\n\r\n"] {
        analyst.file("h.csv", text);
        assert_eq!(analyst.answer("how many rows", "h.csv"), json!(0), "{text:?}");
        assert_eq!(analyst.answer("mean a", "h.csv"), json!(null), "{text:?}");
        assert_eq!(analyst.answer("count by a", "h.csv"), json!({}), "{text:?}");
        assert_eq!(analyst.answer("list rows", "h.csv"), json!([]), "{text:?}");
    }
}

#[test]
fn records_of_the_wrong_length_are_read_with_a_note() {
    let analyst = Analyst::new();
    analyst.file("r.csv", "a,b\n1\n1,2,3\n4,5\n");
    let data = analyst.answered("sum of b", "r.csv");
    assert_eq!((&data["answer"], &data["rows_used"], &data["rows_skipped"]), (&json!(7), &json!(2), &json!(1)));
    let notes = data["notes"].to_string();
    assert!(notes.contains("1 record is shorter") && notes.contains("1 record is longer"), "{notes}");
}

#[test]
fn only_numbers_are_added_up_and_what_is_skipped_is_said() {
    let analyst = Analyst::new();
    analyst.file("n.csv", "n\n\"1,234\"\n5 kg\ninf\n1e3\n-2.5\n+4\n.5\n7.\n0x10\n");
    let data = analyst.answered("sum of n", "n.csv");
    assert_eq!((&data["answer"], &data["rows_used"], &data["rows_skipped"]), (&json!(1009), &json!(5), &json!(4)));
    assert!(data["notes"].to_string().contains("4 cells of n"), "{data}");
    assert_eq!(analyst.answer("count n", "n.csv"), json!(9));
    assert_eq!(analyst.answer("list n where n = 1000", "n.csv"), json!([{ "n": "1e3" }]));
    analyst.file("huge.csv", "n\n1e308\n1e308\n");
    analyst.refused("sum n", "huge.csv", "executor", &["64-bit float"]);
    assert_eq!(analyst.answer("max n", "huge.csv"), json!(1e308));
}

#[test]
fn bytes_that_are_not_utf_8_show_as_replacement_with_a_note() {
    let analyst = Analyst::new();
    analyst.file("l.csv", b"a,b\ncaf\xe9,1\n");
    let data = analyst.answered("list rows", "l.csv");
    assert_eq!(data["answer"], json!([{ "a": "caf\u{fffd}", "b": "1" }]));
    assert!(data["notes"].to_string().contains("UTF-8"), "{data}");
    assert_eq!(analyst.answer("sum of b", "l.csv"), json!(1));
    analyst.file("nul.csv", b"a,b\nx\0y,1\n");
    assert_eq!(analyst.answer("list rows", "nul.csv"), json!([{ "a": "x\0y", "b": "1" }]));
}

#[test]
fn a_file_that_cannot_be_read_as_csv_is_refused_in_words() {
    let analyst = Analyst::new();
    let utf16: Vec<u8> = "\u{feff}a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = format!("a,b\n1,2\n\"{}\",1\n", "x".repeat(3 << 19));
    for (bytes, words) in [
        (b"".to_vec(), vec!["the file is empty"]),
        (b"\n\n\n".to_vec(), vec!["the file is empty"]),
        (b"\xef\xbb\xbf".to_vec(), vec!["the file is empty"]),
        (b"a,b\n1,\"2\n3,4\n".to_vec(), vec!["record 1", "quote", "never closed"]),
        (b"a,\"b\n1,2\n".to_vec(), vec!["quote", "never closed"]),
        (utf16, vec!["UTF-16", "UTF-8"]),
        (long.into_bytes(), vec!["record 2"]),
    ] {
        analyst.file("x.csv", bytes);
        analyst.refused("how many rows", "x.csv", "proposer", &words);
    }
}

#[test]
fn only_a_plain_file_of_the_granted_folder_can_be_named() {
    let analyst = Analyst::new();
    let secret = analyst.desk.folder().join("secret.csv");
    std::fs::write(&secret, "a\n1\n").expect("a file outside the granted folder");
    std::fs::create_dir(analyst.desk.data("sub")).expect("a folder");
    analyst.file("sub/x.csv", "a\n1\n");
    for name in [
        "../secret.csv",
        "sub/x.csv",
        "./penguins.csv",
        "/etc/passwd",
        "a\\b.csv",
        ".",
        "..",
        "",
        "penguins.csv/",
        "penguins.csv\0",
    ] {
        analyst.refused("how many rows", name, "proposer", &["not a plain file name"]);
    }
    let absolute = secret.to_string_lossy().into_owned();
    analyst.refused("how many rows", &absolute, "proposer", &["not a plain file name"]);
    analyst.refused("how many rows", "absent.csv", "proposer", &["no file", "absent.csv"]);
    analyst.refused("how many rows", "sub", "proposer", &[]);
    std::os::unix::fs::symlink(&secret, analyst.desk.data("link.csv")).expect("a link");
    analyst.refused("how many rows", "link.csv", "proposer", &["symbolic link"]);
}

#[test]
fn a_file_kind_is_refused_unless_the_policy_names_it() {
    let analyst = Analyst::new();
    analyst.file("notes.md", "a\n1\n");
    analyst.refused("how many rows", "notes.md", "safety", &["notes.md", ".csv .tsv .txt"]);
    let analyst = Analyst::changed(&[("\".csv .tsv .txt\"", "\".csv .tsv .txt .md\"")]);
    analyst.file("notes.md", "a\n1\n");
    assert_eq!(analyst.answer("how many rows", "notes.md"), json!(1));
}
