use alloc::string::String;
use alloc::vec::Vec;

use super::{DEPTH, parse};
use crate::shell::SOURCE_LIMIT;
use crate::shell::ast::{Command, Connector, List, Part, Word};
use crate::shell::error::SyntaxErrorKind;

/// The tree in one line, with words joined by `_`.
fn shown(list: &List) -> String {
    let step = |step: &crate::shell::ast::Step| {
        let connector = match step.connector {
            Connector::Always => "",
            Connector::And => "&&",
            Connector::Or => "||",
        };
        let not = if step.negated { "!" } else { "" };
        alloc::format!("{connector}{not}{}", command(&step.command))
    };
    list.iter().map(step).collect::<Vec<_>>().join(" ")
}

fn command(command: &Command) -> String {
    match command {
        Command::Simple(simple) => {
            let assignments = simple
                .assignments
                .iter()
                .map(|a| alloc::format!("{}:={}", a.name, word(&a.value)));
            assignments
                .chain(simple.words.iter().map(word))
                .collect::<Vec<_>>()
                .join("_")
        }
        Command::If { branches, otherwise } => {
            let branch = |(condition, body): &(List, List)| alloc::format!("({} ? {})", shown(condition), shown(body));
            let branches: String = branches.iter().map(branch).collect();
            alloc::format!("if{branches}({})", shown(otherwise))
        }
        Command::For { name, words, body } => {
            let words: Vec<_> = words.iter().map(word).collect();
            alloc::format!("for({name} {} {})", words.join("_"), shown(body))
        }
        Command::While { condition, until, body } => {
            let keyword = if *until { "until" } else { "while" };
            alloc::format!("{keyword}({} {})", shown(condition), shown(body))
        }
    }
}

fn word(word: &Word) -> String {
    let part = |part: &Part| match part {
        Part::Literal { text, .. } => text.clone(),
        Part::EscapedQuote { .. } => "\"".into(),
        Part::Variable { name, .. } => alloc::format!("${name}"),
    };
    word.parts.iter().map(part).collect()
}

#[track_caller]
fn check(source: &str, expected: &str) {
    let list = parse(source).unwrap_or_else(|error| panic!("{}", error.report(source)));
    assert_eq!(shown(&list), expected, "{source}");
}

#[test]
fn lists() {
    check("", "");
    check(";\n;; # nothing", "");
    check("a b; c;", "a_b c");
    check("a && b || c\nd", "a &&b ||c d");
    check("a &&\n\n b", "a &&b");
    check("! a && ! b", "!a &&!b");
    check("echo ! if fi \\\n then", "echo_!_if_fi_then");
}

#[test]
fn assignments() {
    check("x=1", "x:=1");
    check("a=1 b=$c echo d=e", "a:=1_b:=$c_echo_d=e");
    check("x= ", "x:=");
    check("1x=2 'x'=1 x\\=1 =", "1x=2_x=1_x=1_=");
    check("x='a b'", "x:=a b");
}

#[test]
fn compound_commands() {
    check("if a; then b; fi", "if(a ? b)()");
    check(
        "if a && b; c\nthen\nd\nelif e; then f; else g; h; fi; i",
        "if(a &&b c ? d)(e ? f)(g h) i",
    );
    check("for i in a $b; do c $i; done || d", "for(i a_$b c_$i) ||d");
    check("for i in\ndo a; done", "for(i  a)");
    check("while a; do b; done", "while(a b)");
    check("until ! a; do b; done && c", "until(!a b) &&c");
    check("if if a; then b; fi then c; fi", "if(if(a ? b)() ? c)()");
    check("if a; then for i in x; do b; done fi", "if(a ? for(i x b))()");
    check("'if' a; \\if b", "if_a if_b");
}

#[test]
fn what_lacks_its_end_wants_more() {
    for source in [
        "if",
        "if a",
        "if a; then",
        "if a; then b; else",
        "for",
        "for i",
        "for i in",
        "for i in a; do b",
        "while a; do",
        "a &&",
        "a ||\n",
        "'a",
        "\"a",
        "a \\",
        "if a; then for i in b; do",
    ] {
        let error = parse(source).unwrap_err();
        assert!(error.wants_more(), "{source}: {error}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (source, expected) in [
        ("&& a", "unexpected '&&'"),
        ("a || || b", "unexpected '||'"),
        ("a && ; b", "unexpected ';'"),
        ("fi", "unexpected 'fi'"),
        ("a; then", "unexpected 'then'"),
        ("if a; b; fi", "unexpected 'fi'"),
        ("if a; then b; done", "unexpected 'done'"),
        ("for 1 in a; do b; done", "'1' cannot name a variable"),
        ("for $i in a; do b; done", "'' cannot name a variable"),
        ("for i do a; done", "unexpected 'do'"),
        ("for i\nin a; do b; done", "unexpected 'end of line'"),
        ("if a; then b; fi c", "unexpected 'c'"),
        ("! ; a", "unexpected ';'"),
    ] {
        let error = parse(source).unwrap_err();
        assert_eq!(alloc::format!("{}", error.kind), expected, "{source}");
        assert!(!error.wants_more(), "{source}");
    }
}

#[test]
fn a_report_shows_the_line() {
    let source = "echo a\n  echo b && && c\n";
    let report = parse(source).unwrap_err().report(source);
    assert_eq!(
        report,
        "syntax error: unexpected '&&' at line 2, column 13:\n  echo b && && c\n            ^"
    );
    let source = "echo \"a";
    let report = parse(source).unwrap_err().report(source);
    assert_eq!(
        report,
        "syntax error: unterminated \" at line 1, column 6:\necho \"a\n     ^"
    );
}

#[test]
fn depth_and_length_are_bounded() {
    let depth = usize::from(DEPTH);
    let nested = |depth: usize| "if a; then ".repeat(depth) + "b" + &"; fi".repeat(depth);
    assert!(parse(&nested(depth)).is_ok());
    let error = parse(&nested(depth + 1)).unwrap_err();
    assert_eq!(error.kind, SyntaxErrorKind::TooDeep(DEPTH));
    assert_eq!(
        parse(&"while ".repeat(10_000)).unwrap_err().kind,
        SyntaxErrorKind::TooDeep(DEPTH)
    );
    let long = "a".repeat(SOURCE_LIMIT + 1);
    assert!(matches!(
        parse(&long).unwrap_err().kind,
        SyntaxErrorKind::TooLong { .. }
    ));
    assert!(parse(&long[1..]).is_ok());
}

/// Whatever bytes come, the parser answers, and what it calls incomplete really ends too early.
#[test]
fn random_scripts_neither_panic_nor_hang() {
    let pieces = [
        "if ", "then ", "else ", "elif ", "fi ", "for ", "i ", "in ", "do ", "done ", "while ", "until ", "! ", "a",
        "=", "$", "{", "}", "${x:-", "'", "\"", "\\", ";", "&", "|", "&&", "||", "\n", " ", "#", "é", "\0",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..10_000 {
        let mut source = String::new();
        for _ in 0..24 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            source.push_str(pieces[usize::try_from(seed % 64).unwrap() % pieces.len()]);
        }
        if let Err(error) = parse(&source) {
            assert!(error.span.start <= source.len(), "{source:?}");
            assert!(error.report(&source).contains("line "), "{source:?}");
        }
    }
}
