use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Lexer, TokenKind};
use crate::shell::ast::{FallbackRule, Part};

/// The tokens in a notation of their own: literals as they are, quoted ones in «», variables in {}.
fn tokens(source: &str) -> Result<Vec<String>, String> {
    let mut lexer = Lexer::new(source, 100);
    let mut out = Vec::new();
    loop {
        let token = lexer.next_token().map_err(|error| error.to_string())?;
        out.push(match token.kind {
            TokenKind::End => return Ok(out),
            TokenKind::Semicolon => ";".into(),
            TokenKind::Newline => "NL".into(),
            TokenKind::And => "&&".into(),
            TokenKind::Or => "||".into(),
            TokenKind::Word(word) => shown(&word.parts),
        });
    }
}

fn shown(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Literal { text, quoted: false } => text.clone(),
        Part::Literal { text, quoted: true } => alloc::format!("«{text}»"),
        Part::EscapedQuote { twice: false } => "\\\"".into(),
        Part::EscapedQuote { twice: true } => "\\\\\\\"".into(),
        Part::Variable { name, fallback, quoted } => {
            let fallback = fallback.as_ref().map_or_else(String::new, |fallback| {
                let rule = match fallback.rule {
                    FallbackRule::Default => "-",
                    FallbackRule::Assign => "=",
                    FallbackRule::Alternative => "+",
                };
                alloc::format!("{rule}{}", shown(&fallback.parts))
            });
            let text = alloc::format!("{{{name}{fallback}}}");
            if *quoted { alloc::format!("«{text}»") } else { text }
        }
    };
    parts.iter().map(part).collect()
}

#[track_caller]
fn check(source: &str, expected: &[&str]) {
    assert_eq!(tokens(source).unwrap(), expected, "{source}");
}

#[test]
fn words_and_operators() {
    check("", &[]);
    check("  \t ", &[]);
    check("a b;c\nd", &["a", "b", ";", "c", "NL", "d"]);
    check("a&&b || c;;", &["a", "&&", "b", "||", "c", ";", ";"]);
    check("a\r\nb", &["a", "NL", "b"]);
}

#[test]
fn what_is_special_elsewhere_is_a_letter_here() {
    check("reg <0x0 0x1 > [00 ff]", &["reg", "<0x0", "0x1", ">", "[00", "ff]"]);
    check("(a) {b} `c` *? ~", &["(a)", "{b}", "`c`", "*?", "~"]);
    check("/chosen/module@0x40 a=b!", &["/chosen/module@0x40", "a=b!"]);
}

#[test]
fn comments_begin_at_a_words_start() {
    check("a #b\nc", &["a", "NL", "c"]);
    check("a#b", &["a#b"]);
    check("#", &[]);
    check("\\#address-cells '#b'", &["«#»address-cells", "«#b»"]);
    check("a;#b c", &["a", ";"]);
}

#[test]
fn quotes() {
    check("'AB''CD'", &["«ABCD»"]);
    check("'a\\b $x \"c\"'", &["«a\\b $x \"c\"»"]);
    check("\"a 'b'; c\"", &["«a 'b'; c»"]);
    check("\"a\\$b\\\"c\\\\d\\ne\"", &["«a$b\"c\\d\\ne»"]);
    check("''", &["«»"]);
    check("\"\"", &["«»"]);
    check("a\"b\"c", &["a«b»c"]);
    check("'two\nlines'", &["«two\nlines»"]);
    check(
        "'a\\1 \\\\${b} \\\"c\\\" \\$d \\\\\\\" \\' x",
        &["«a\\1 \\${b} \"c\" $d \\\" \\»", "x"],
    );
    // tbot's own quoting.
    check("'a '\\''b'\\'''", &["«a 'b'»"]);
}

#[test]
fn backslashes() {
    check("a\\ b \\; \\&\\&", &["a« »b", "«;»", "«&&»"]);
    check("setexpr x \\+ \\& 1", &["setexpr", "x", "«+»", "«&»", "1"]);
    check("a\\\nb", &["ab"]);
    check("a \\\n b", &["a", "b"]);
    check("\"a\\\nb\"", &["«ab»"]);
    check("\\\\\\\"a\\\\\\\" b\\\\\\c", &["\\\\\\\"a\\\\\\\"", "b«\\c»"]);
    check("\\\"$a b\\\" '\"'", &["\\\"{a}", "b\\\"", "«\"»"]);
}

#[test]
fn variables() {
    check("$a ${b} $c.d $?", &["{a}", "{b}", "{c}.d", "{?}"]);
    check("<0x${hi} 0x$lo>", &["<0x{hi}", "0x{lo}>"]);
    check("\"$a b\" '$a'", &["«{a}»« b»", "«$a»"]);
    check("$ a$ $- $1 \"$\"", &["$", "a$", "$-", "$1", "«$»"]);
    check("${a.b} ${a_1} ${?}", &["{a.b}", "{a_1}", "{?}"]);
}

#[test]
fn fallbacks() {
    check(
        "${a:-b} ${a-b c} ${a:=b} ${a:+$c}",
        &["{a-b}", "{a-b c}", "{a=b}", "{a+{c}}"],
    );
    check("\"${a:-${b:-c}}\"", &["«{a-{b-c}}»"]);
    let deep = "${a:-${a:-${a:-${a:-${a:-x}}}}}";
    assert_eq!(tokens(deep), Err("syntax error: nested deeper than 4 levels".into()));
}

#[test]
fn what_cannot_be_read() {
    for (source, expected) in [
        ("a 'b", "unterminated '"),
        ("\"b", "unterminated \""),
        ("a \\", "unterminated \\"),
        ("${a", "unterminated ${"),
        ("${a:-b", "unterminated ${"),
        ("${}", "bad substitution '${'"),
        ("${a b}", "bad substitution '${a'"),
        ("${a%b} c", "bad substitution '${a'"),
        ("a & b", "'&' is no operator here: quote it, or write '\\&'"),
        ("a | b", "'|' is no operator here: quote it, or write '\\|'"),
    ] {
        let expected = alloc::format!("syntax error: {expected}");
        assert_eq!(tokens(source), Err(expected), "{source}");
    }
}
