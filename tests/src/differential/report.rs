//! What the answers have in common, and what not.

use std::fmt;

use super::{Answer, Case};

/// One line whose answers are not as they should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// The line.
    pub case: Case,
    /// What is wrong.
    pub what: &'static str,
    /// What was expected, of Slipway.
    pub expected: Answer,
    /// What Slipway gave.
    pub given: Answer,
}

/// The result of a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// How many lines were compared.
    pub lines: usize,
    /// How many of them differ on purpose.
    pub intended: usize,
    /// What is wrong.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Compares Slipway's answers with U-Boot's, or with what was meant.
    #[must_use]
    pub fn beside_u_boot(cases: &[Case], u_boot: &[Answer], ours: &[Answer]) -> Self {
        let mut report = Self::default();
        let none = Answer {
            output: "(not reached)\n".into(),
            status: "none".into(),
        };
        for (index, case) in cases.iter().enumerate() {
            let theirs = u_boot.get(index).unwrap_or(&none);
            let given = ours.get(index).unwrap_or(&none);
            report.lines += 1;
            report.intended += usize::from(case.intended.is_some());
            report.compare(case, theirs, given);
        }
        report
    }

    fn compare(&mut self, case: &Case, theirs: &Answer, given: &Answer) {
        let Some(meant) = case.meant() else {
            return self.expect(case, theirs, given, "differs from U-Boot");
        };
        self.expect(case, &meant, given, "is not what is meant to differ from U-Boot");
        if *theirs == meant {
            self.note(
                case,
                theirs,
                given,
                "does not differ from U-Boot any more: its difference is to be taken out",
            );
        }
    }

    /// Compares answers that are meant to be the same, but for the lines that cannot be.
    #[must_use]
    pub fn in_simulation(cases: &[Case], firmware: &[Answer], simulated: &[Answer]) -> Self {
        let mut report = Self::default();
        let none = Answer {
            output: "(not reached)\n".into(),
            status: "none".into(),
        };
        for (index, case) in cases.iter().enumerate() {
            let expected = firmware.get(index).unwrap_or(&none);
            let given = simulated.get(index).unwrap_or(&none);
            report.lines += 1;
            match case.not_simulated.is_some() {
                false => report.expect(
                    case,
                    expected,
                    given,
                    "differs in the simulation from what it is in QEMU",
                ),
                true if expected == given => {
                    report.note(case, expected, given, "does not differ in the simulation any more");
                }
                true => {}
            }
        }
        report
    }

    /// Compares the simulation's answers with what was meant to differ from U-Boot.
    #[must_use]
    pub fn of_intended(cases: &[Case], simulated: &[Answer]) -> Self {
        let mut report = Self::default();
        let none = Answer {
            output: "(not reached)\n".into(),
            status: "none".into(),
        };
        for (index, case) in cases
            .iter()
            .enumerate()
            .filter(|(_, case)| case.not_simulated.is_none())
        {
            if let Some(meant) = case.meant() {
                report.lines += 1;
                report.expect(
                    case,
                    &meant,
                    simulated.get(index).unwrap_or(&none),
                    "is not what it is meant to be",
                );
            }
        }
        report
    }

    fn expect(&mut self, case: &Case, expected: &Answer, given: &Answer, what: &'static str) {
        if expected != given {
            self.note(case, expected, given, what);
        }
    }

    fn note(&mut self, case: &Case, expected: &Answer, given: &Answer, what: &'static str) {
        self.differences.push(Difference {
            case: case.clone(),
            what,
            expected: expected.clone(),
            given: given.clone(),
        });
    }
}

impl Case {
    /// What Slipway is meant to answer where it differs.
    fn meant(&self) -> Option<Answer> {
        let intended = self.intended.as_ref()?;
        Some(Answer {
            output: intended.output.clone(),
            status: intended.status.clone(),
        })
    }
}

/// How many lines of an answer are shown.
const SHOWN: usize = 100;

impl Answer {
    /// In the form that a session's file has it.
    pub(super) fn written(&self) -> String {
        let mut text = String::new();
        for line in self.output.split_inclusive('\n').take(SHOWN) {
            let (mark, line) = match line.strip_suffix('\n') {
                Some(line) => ('|', line),
                None => (':', line),
            };
            text.push(mark);
            if !line.is_empty() {
                text.extend([" ", line]);
            }
            text.push('\n');
        }
        text + "= " + &self.status + "\n"
    }
}

impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Difference {
            case,
            what,
            expected,
            given,
        } in &self.differences
        {
            writeln!(to, "line {}: {}\n  {what}; expected:", case.number, case.line)?;
            writeln!(to, "{}  given:\n{}", expected.written(), given.written())?;
        }
        let wrong = self.differences.len();
        write!(
            to,
            "{} lines, {} of them differ on purpose, {wrong} wrong",
            self.lines, self.intended
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn answers(texts: &[(&str, &str)]) -> Vec<Answer> {
        let answer = |(output, status): &(&str, &str)| Answer {
            output: (*output).into(),
            status: (*status).into(),
        };
        texts.iter().map(answer).collect()
    }

    fn wrong(report: &Report) -> Vec<(usize, &'static str)> {
        report
            .differences
            .iter()
            .map(|difference| (difference.case.number, difference.what))
            .collect()
    }

    #[test]
    fn a_difference_is_found_unless_it_is_meant() {
        let cases = parse("a\nb\n! why\n| x\n= 1\nc\n").unwrap();
        let u_boot = answers(&[("1\n", "0"), ("2\n", "0"), ("3\n", "0")]);
        let good = answers(&[("1\n", "0"), ("x\n", "1"), ("3\n", "0")]);
        let report = Report::beside_u_boot(&cases, &u_boot, &good);
        assert_eq!((report.lines, report.intended, wrong(&report)), (3, 1, Vec::new()));
        let other_status = answers(&[("1\n", "0"), ("x\n", "0"), ("3\n", "1")]);
        let found = wrong(&Report::beside_u_boot(&cases, &u_boot, &other_status));
        assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 6]);
        // A session that ends early has not answered.
        assert_eq!(wrong(&Report::beside_u_boot(&cases, &u_boot, &good[..2])).len(), 1);
    }

    #[test]
    fn a_difference_that_is_gone_is_wrong() {
        let cases = parse("a\n! why\n| x\n= 1\n").unwrap();
        let same = answers(&[("x\n", "1")]);
        let report = Report::beside_u_boot(&cases, &same, &same);
        assert!(report.to_string().contains("any more"), "{report}");
        let cases = parse("a\n~ why\n").unwrap();
        assert_eq!(Report::in_simulation(&cases, &same, &same).differences.len(), 1);
        let other = answers(&[("y\n", "1")]);
        assert_eq!(Report::in_simulation(&cases, &same, &other).differences.len(), 0);
    }

    #[test]
    fn an_answer_is_shown_as_it_would_be_written_down() {
        let report = Report::beside_u_boot(
            &parse("a\n").unwrap(),
            &answers(&[("", "0")]),
            &answers(&[("x\n\n: y", "1")]),
        );
        assert!(report.to_string().contains("given:\n| x\n|\n: : y\n= 1\n"), "{report}");
    }
}
