use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Buffers, EXPANSION_LIMIT, Variables};
use crate::env::Environment;
use crate::shell::ast::Command;
use crate::shell::parser::parse;

struct Bench {
    env: Environment,
    locals: Environment,
}

impl Bench {
    fn new() -> Self {
        let mut env = Environment::from_defaults("a=1\nboth=env\nstar=;&|$a#");
        env.set("words", " x  y z ").unwrap();
        let mut locals = Environment::default();
        locals.set("both", "local").unwrap();
        locals.set("l", "here").unwrap();
        Self { env, locals }
    }

    /// The words that `source` expands to, in brackets: of a command, or those that a `for` goes through.
    fn words(&mut self, source: &str) -> Result<String, String> {
        let script = parse(source).unwrap();
        let mut variables = Variables {
            env: &self.env,
            locals: &mut self.locals,
            buffers: &mut Buffers::default(),
            code: 1,
        };
        let words = match &script[0].command {
            Command::Simple(simple) => variables.words(&simple.words),
            Command::For { words, .. } => variables.items(words),
            _ => panic!("{source} has no words"),
        };
        let words = words.map_err(|error| error.to_string())?;
        let shown: Vec<String> = words.iter().map(|word| alloc::format!("[{word}]")).collect();
        Ok(shown.concat())
    }
}

#[test]
fn variables_are_replaced_and_split() {
    let mut bench = Bench::new();
    for (source, expected) in [
        ("echo $a ${a}b x$a", "[echo][1][1b][x1]"),
        ("$words", "[x][y][z]"),
        ("<$words>", "[<][x][y][z][>]"),
        ("\"$words\"", "[ x  y z ]"),
        ("'$words' \\$a", "[$words][$a]"),
        ("$none a \"$none\" '' $none''", "[a][][][]"),
        ("$?", "[1]"),
        ("$both $l", "[env][here]"),
        ("$star", "[;&|$a#]"),
    ] {
        assert_eq!(bench.words(source).unwrap(), expected, "{source}");
    }
}

#[test]
fn escaped_quotes_around_a_variable_are_quotes() {
    let mut bench = Bench::new();
    for (source, expected) in [
        ("set \\\"$words\\\"", "[set][ x  y z ]"),
        ("\\\"$a  $words b\\\" $words", "[1  x  y z  b][x][y][z]"),
        ("p\\\"$words\\\"q $a\\\"r  s\\\"", "[p x  y z q][1r s]"),
        ("\\\"\\\" $a \\\"$none\\\"", "[][1][]"),
        ("$a=\\\\\\\"x y\\\\\\\" \\\"$l \\\\\\\"\\\"", "[1=\"x][y\"][here \"]"),
        ("a:\\\\\\\"x\\\\\\\"", "[a:\\\"x\\\"]"),
        // Without a variable, and without a partner, they are letters.
        ("\\\"a  b\\\"", "[\"a][b\"]"),
        ("\\\"$words", "[\"][x][y][z]"),
        ("$a '\"'$words\"\\\"\"", "[1][\"][x][y][z][\"]"),
    ] {
        assert_eq!(bench.words(source).unwrap(), expected, "{source}");
    }
}

#[test]
fn a_for_splits_what_is_quoted() {
    let mut bench = Bench::new();
    for (list, expected) in [
        ("\"$words\" \"usb mmc\"", "[x][y][z][usb][mmc]"),
        ("a\\ b 'c  d'e", "[a][b][c][de]"),
        ("\"$a-x $a\" '' \"$none\"", "[1-x][1]"),
        ("\\\"$words\\\"", "[\"][x][y][z][\"]"),
    ] {
        let source = alloc::format!("for i in {list}; do :; done");
        assert_eq!(bench.words(&source).unwrap(), expected, "{source}");
    }
}

#[test]
fn fallbacks_stand_in() {
    let mut bench = Bench::new();
    for (source, expected) in [
        ("${a:-b} ${none:-b} ${none-c}", "[1][b][c]"),
        ("${none:-two words} \"${none:-two words}\"", "[two][words][two words]"),
        ("${none:-'two words'}", "[two words]"),
        ("${none:-$l$a} ${none:-${none:-x}}", "[here1][x]"),
        ("[${a:+set}] [${none:+set}]", "[[set]][[]]"),
        ("${new:=v w} $new ${new:=x}", "[v][w][v][w][v][w]"),
    ] {
        assert_eq!(bench.words(source).unwrap(), expected, "{source}");
    }
    assert_eq!(bench.locals.get("new"), Some("v w"));
}

#[test]
fn growth_is_bounded() {
    let mut bench = Bench::new();
    bench.env.set("big", &"x".repeat(EXPANSION_LIMIT / 2 - 100)).unwrap();
    assert!(bench.words("$big $big").is_ok());
    let error = bench.words("\"$big$big$big\"").unwrap_err();
    assert_eq!(
        error,
        "the words of this command take more than 262144 bytes after ${big}"
    );
}

#[test]
fn many_small_words_count_for_what_they_take() {
    let mut bench = Bench::new();
    bench.env.set("many", &"x ".repeat(EXPANSION_LIMIT / 4)).unwrap();
    assert!(bench.words("$many").unwrap_err().contains("after ${many}"));
    bench.env.set("some", &"x ".repeat(7000)).unwrap();
    assert!(bench.words("$some").is_ok());
    let quoted = alloc::format!("for i in '{}'; do :; done", "x ".repeat(30_000));
    let error = bench.words(&quoted).unwrap_err();
    assert_eq!(error, "the words of this 'for' take more than 262144 bytes");
}

#[test]
fn words_are_used_again() {
    let mut bench = Bench::new();
    let mut buffers = Buffers::default();
    for source in ["a b c d", "$a $none x", "", "\"$words\" e f g h i", "b"] {
        let script = parse(&["echo ", source].concat()).unwrap();
        let Command::Simple(simple) = &script[0].command else {
            panic!("{source} is not simple");
        };
        let mut variables = Variables {
            env: &bench.env,
            locals: &mut bench.locals,
            buffers: &mut buffers,
            code: 0,
        };
        let words = variables.words(&simple.words).unwrap();
        let shown: Vec<String> = words.iter().map(|word| alloc::format!("[{word}]")).collect();
        buffers.give_back(words);
        assert_eq!(shown.concat(), bench.words(&["echo ", source].concat()).unwrap());
    }
    let large = alloc::vec!["x".repeat(1000); 100];
    buffers.give_back(large);
    assert!(buffers.words.len() <= 16 && buffers.list.capacity() <= 16);
}
