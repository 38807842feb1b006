//! Writes down what differs, for a person who then puts the reasons.

use super::{Answer, Case};

/// The reason that stands where a person has to put one.
const UNKNOWN: &str = "why?";

/// The session's text with what differs now: what does not differ any more is taken out, new differences have the reason `why?`.
#[must_use]
pub fn rewrite(text: &str, cases: &[Case], u_boot: &[Answer], ours: &[Answer]) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.push("");
    let mut result = String::new();
    let mut rest = cases.iter().zip(u_boot.iter().zip(ours)).peekable();
    let mut pending: Option<String> = None;
    for (line, number) in lines.iter().zip(1..) {
        if line.starts_with(['!', '|', ':', '=']) {
            continue;
        }
        // What is said about the answer follows the line and its replies.
        if !line.starts_with('>') {
            result += &pending.take().unwrap_or_default();
        }
        result.extend([*line, "\n"]);
        if let Some((case, (theirs, given))) = rest.next_if(|(case, _)| case.number == number) {
            let known = case.intended.as_ref().map(|intended| intended.reason.as_str());
            let reason = known.unwrap_or_else(|| likely(theirs, given));
            pending = (theirs != given).then(|| format!("! {reason}\n{}", given.written()));
        }
    }
    result.truncate(result.trim_end().len());
    result + "\n"
}

/// The reason that the answers themselves tell.
fn likely(theirs: &Answer, given: &Answer) -> &'static str {
    match given.output.strip_prefix(&theirs.output) {
        Some(_) if given.status == theirs.status && (!theirs.output.is_empty() || given.status == "1") => "more-said",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn differences_are_added_kept_and_taken_out() {
        let text = "a\n> r\nd\nb\n! old\n| x\n= 0\n~ sim\n\nc\n! gone\n| z\n= 0\n";
        let answer = |output: &str| Answer {
            output: output.into(),
            status: "0".into(),
        };
        let theirs = [answer("1\n"), answer("4\n"), answer("2\n"), answer("3\n")];
        let ours = [answer("1"), answer("4\n5\n"), answer("y\n"), answer("3\n")];
        let cases = parse(text).unwrap();
        let expected = "a\n> r\n! why?\n: 1\n= 0\nd\n! more-said\n| 4\n| 5\n= 0\nb\n! old\n| y\n= 0\n~ sim\n\nc\n";
        assert_eq!(rewrite(text, &cases, &theirs, &ours), expected);
    }
}
