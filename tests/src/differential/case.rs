//! The form of a session's file.

use std::fmt;

/// One line to type, with what is known about it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Case {
    /// Its number in the file, from 1.
    pub number: usize,
    /// The line.
    pub line: String,
    /// What is typed at what the line asks.
    pub replies: Vec<String>,
    /// Where Slipway differs on purpose.
    pub intended: Option<Intended>,
    /// Why the simulation cannot give what the firmware gives.
    pub not_simulated: Option<String>,
}

/// A difference that is meant.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Intended {
    /// The heading in `loader/docs/differences.md` under which the reason stands.
    pub reason: String,
    /// What Slipway prints.
    pub output: String,
    /// Slipway's status.
    pub status: String,
}

/// A file that is not in the form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaseError {
    /// The line's number, from 1.
    pub number: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for CaseError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "line {}: {}", self.number, self.what)
    }
}

impl std::error::Error for CaseError {}

/// Reads a session. The form is described in `tests/differential/README.md`.
///
/// # Errors
/// [`CaseError`] with the number of the line that stands where it may not.
pub fn parse(text: &str) -> Result<Vec<Case>, CaseError> {
    let mut cases: Vec<Case> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((mark, rest)) = annotation(line) else {
            let line = line.to_owned();
            cases.push(Case {
                number,
                line,
                ..Case::default()
            });
            continue;
        };
        let error = |what| CaseError { number, what };
        let case = cases
            .last_mut()
            .ok_or(error("nothing stands before this that it could be about"))?;
        annotate(case, mark, rest).map_err(error)?;
    }
    match cases.iter().find(|case| {
        case.intended
            .as_ref()
            .is_some_and(|intended| intended.status.is_empty())
    }) {
        Some(case) => Err(CaseError {
            number: case.number,
            what: "its difference has no status (= 0 or = 1)",
        }),
        None => Ok(cases),
    }
}

/// The mark at the begin of a line that is not to be typed, and what follows it.
fn annotation(line: &str) -> Option<(char, &str)> {
    let mark = line.chars().next().filter(|mark| ">!|:=~".contains(*mark))?;
    let rest = &line[mark.len_utf8()..];
    Some((mark, rest.strip_prefix(' ').unwrap_or(rest)))
}

fn annotate(case: &mut Case, mark: char, rest: &str) -> Result<(), &'static str> {
    match mark {
        '>' if case.intended.is_some() => return Err("replies stand before what is said about the answer"),
        '>' => case.replies.push(rest.to_owned()),
        '~' if rest.is_empty() => return Err("no reason why the simulation differs"),
        '~' => case.not_simulated = Some(rest.to_owned()),
        '!' if rest.is_empty() => return Err("a difference without a reason"),
        '!' => {
            case.intended = Some(Intended {
                reason: rest.to_owned(),
                ..Intended::default()
            })
        }
        mark => {
            let intended = case
                .intended
                .as_mut()
                .ok_or("an answer without a reason (! NAME) before it")?;
            if !intended.status.is_empty() {
                return Err("the status ends what is said about a difference");
            }
            match mark {
                '=' => intended.status = rest.to_owned(),
                ':' => intended.output.push_str(rest),
                _ => intended.output.extend([rest, "\n"]),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_replies_and_differences() {
        let text =
            "# first\n\nmm 40200000\n> 12\n>\n> q\n ! true\nmd 0 1\n! open-bus\n| a\n|\n: b \n= 1\n~ no device there\n";
        let cases = parse(text).unwrap();
        assert_eq!(cases[0].replies, ["12", "", "q"]);
        assert_eq!((cases[1].number, cases[1].line.as_str()), (7, " ! true"));
        let intended = cases[2].intended.clone().unwrap();
        assert_eq!(
            (
                intended.reason.as_str(),
                intended.output.as_str(),
                intended.status.as_str()
            ),
            ("open-bus", "a\n\nb ", "1")
        );
        assert_eq!(cases[2].not_simulated.as_deref(), Some("no device there"));
    }

    #[test]
    fn what_stands_where_it_may_not_is_named() {
        for (text, number) in [
            ("> x\n", 1),
            ("a\n| b\n", 2),
            ("a\n= 1\n", 2),
            ("a\n!\n", 2),
            ("a\n! r\n| b\n", 1),
            ("a\n! r\n= 1\n| b\n", 4),
            ("a\n! r\n> b\n", 3),
            ("a\n~\n", 2),
        ] {
            assert_eq!(parse(text).unwrap_err().number, number, "{text}");
        }
    }
}
