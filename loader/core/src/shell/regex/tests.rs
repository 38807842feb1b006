use alloc::string::{String, ToString};

use super::{Count, PATTERN_LIMIT, Patience, REPLACED_LIMIT, Regex, RegexError, replace};

fn found(pattern: &str, text: &str) -> Result<Option<String>, RegexError> {
    let mut never = || false;
    let found = Regex::new(pattern)?.find(text, 0, &mut Patience::new(&mut never))?;
    Ok(found.map(|found| text[found.range()].to_string()))
}

fn replaced(pattern: &str, template: &str, text: &str, count: Count) -> Result<String, String> {
    let mut never = || false;
    let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
    replace(&regex, text, (template, count), &mut Patience::new(&mut never)).map_err(|error| error.to_string())
}

#[test]
fn patterns_find_what_they_should() {
    for (pattern, text, expected) in [
        ("b", "abc", Some("b")),
        ("x", "abc", None),
        ("", "abc", Some("")),
        ("a.c", "xxabcabc", Some("abc")),
        ("^b", "ab", None),
        ("^a", "ab", Some("a")),
        ("b$", "ab", Some("b")),
        ("a$", "ab", None),
        ("^$", "", Some("")),
        ("a^", "a^", None),
        ("a\\^", "a^", Some("a^")),
        ("a|bc", "xbca", Some("bc")),
        ("(a|b)+c", "xababcx", Some("ababc")),
        ("|a", "a", Some("")),
        ("ab*", "xabbbc", Some("abbb")),
        ("ab*?", "xabbbc", Some("a")),
        ("ab+", "aab", Some("ab")),
        ("ab+?", "abbb", Some("ab")),
        ("ab?c", "acabc", Some("ac")),
        ("ab??", "ab", Some("a")),
        ("<.*>", "<a><b>", Some("<a><b>")),
        ("<.*?>", "<a><b>", Some("<a>")),
        ("(ab)*c", "ababc", Some("ababc")),
        ("(a*)*b", "aaab", Some("aaab")),
        ("(a*)+$", "aaab", Some("")),
        ("[0-9]+", "a12b345", Some("12")),
        ("[^0-9]+$", "12ab", Some("ab")),
        ("[a-]+", "b-a-", Some("-a-")),
        ("[]a]+", "b]a", Some("]a")),
        ("[^]a]+", "]ab", Some("b")),
        ("[\\]x]", "x]", Some("x")),
        ("[\\s,]+", "a ,b", Some(" ,")),
        ("[\\S]+", " ab ", Some("ab")),
        ("[\\x61-c]+", "zabcd", Some("abc")),
        ("\\s\\S\\d", "a b1", Some(" b1")),
        ("\\x2e", "a.b", Some(".")),
        ("a{2}", "aaa{2}", Some("a{2}")),
        ("\\.", "a.b", Some(".")),
        (".+é", "aüéb", Some("aüé")),
        ("[ä-ü]", "aöb", Some("ö")),
        ("((((((((((((a))))))))))))b", "ab", Some("ab")),
    ] {
        assert_eq!(
            found(pattern, text).unwrap().as_deref(),
            expected,
            "{pattern} in {text}"
        );
    }
}

#[test]
fn matches_are_replaced() {
    for (pattern, template, text, first, all) in [
        ("abc", "def", "xabcabcx", "xdefabcx", "xdefdefx"),
        ("foo", "bar", "xyz", "xyz", "xyz"),
        ("[0-9]+", "N", "a12b345", "aNb345", "aNbN"),
        ("l*", "x", "hello", "xhello", "xhxexox"),
        ("(.*)-(.*)", "\\2-\\1", "foo-bar-baz", "baz-foo-bar", "baz-foo-bar"),
        ("(.)(.)", "<\\2\\0\\1>", "abcd", "<baba>cd", "<baba><dcdc>"),
        ("(foo)?bar", "<\\1>", "bar", "<\\1>", "<\\1>"),
        ("b", "\\n\\\\\\3", "abc", "a\\n\\\\\\3c", "a\\n\\\\\\3c"),
        ("$", "x", "a", "ax", "ax"),
        ("^", "x", "a", "xa", "xa"),
        ("^a", "", "aaa", "aa", "aa"),
        ("a", "", "aaa", "aa", ""),
        ("", "-", "ab", "-ab", "-a-b-"),
        ("x*", "-", "é", "-é", "-é-"),
    ] {
        assert_eq!(
            replaced(pattern, template, text, Count::First).unwrap(),
            first,
            "{pattern}"
        );
        assert_eq!(replaced(pattern, template, text, Count::All).unwrap(), all, "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_says_where() {
    for (pattern, expected) in [
        ("h(", "no closing ')' for the '(' at character 2"),
        ("a)b", "no opening '(' for the ')' at character 2"),
        ("a[b", "no closing ']' for the '[' at character 2"),
        ("[]", "no closing ']' for the '[' at character 1"),
        ("[z-a]", "the range z-a at character 2 runs backwards"),
        (
            "*a",
            "nothing stands before the '*' at character 1 that could be repeated",
        ),
        (
            "a|+",
            "nothing stands before the '+' at character 3 that could be repeated",
        ),
        (
            "a**",
            "nothing stands before the '*' at character 3 that could be repeated",
        ),
        ("a\\", "the escape at character 2 is not complete"),
        ("\\x1", "the escape at character 1 is not complete"),
        ("[\\", "the escape at character 2 is not complete"),
    ] {
        assert_eq!(Regex::new(pattern).unwrap_err().to_string(), expected, "{pattern}");
    }
}

#[test]
fn hostile_patterns_are_refused_or_end() {
    let too_deep = ["(".repeat(100), ")".repeat(100)].concat();
    assert!(matches!(Regex::new(&too_deep), Err(RegexError::TooDeep { .. })));
    for len in [PATTERN_LIMIT, PATTERN_LIMIT + 1, 64 * 1024] {
        let error = Regex::new(&"a".repeat(len)).unwrap_err();
        assert_eq!(error, RegexError::TooLong { len });
    }
    let text = "a".repeat(3000);
    for pattern in [
        "(a*)*(a*)*(a*)*b",
        "(a|a|a|aa)*b",
        "(((a+)+)+)+b",
        "(.*)(.*)(.*)(.*)(.*)x",
    ] {
        assert_eq!(found(pattern, &text).unwrap(), None, "{pattern}");
    }
    let text = "a".repeat(64 * 1024);
    let pattern = "(a?|b?|c?)".repeat(80) + "x";
    let error = RegexError::TooSlow { len: text.len() };
    assert_eq!(found(&pattern, &text).unwrap_err(), error);
    // Each match looks at all that follows: without a limit for all searches together this would take hours.
    let error = replaced("a.*z|a", "b", &text, Count::All).unwrap_err();
    assert_eq!(error, "the pattern takes too long on 65536 bytes of text");
}

#[test]
fn results_are_bounded() {
    let text = "a".repeat(1000);
    let error = replaced("a", &"\\0".repeat(100), &text, Count::All).unwrap_err();
    assert_eq!(error, "the result takes more than 65536 bytes");
    let error = replaced("a", "", &"b".repeat(REPLACED_LIMIT + 1), Count::All).unwrap_err();
    assert_eq!(error, "the result takes more than 65536 bytes");
}

#[test]
fn ctrl_c_ends_a_search() {
    let mut asked = 0;
    let mut after_two = || {
        asked += 1;
        asked > 2
    };
    let regex = Regex::new("(a|aa)*b").unwrap();
    let result = regex.find(&"a".repeat(64 * 1024), 0, &mut Patience::new(&mut after_two));
    assert_eq!(result, Err(RegexError::Interrupted));
}
