//! `true` and `false`: a status and nothing else.

use super::Command;
use crate::context::Status;

pub(crate) const TRUE: Command = Command {
    name: "true",
    aliases: &[],
    summary: "do nothing, successfully",
    usage: "",
    help: "Sets $? to 0.",
    examples: &["while true; do ping ${serverip}; sleep 1; done"],
    repeatable: true,
    run: |_, _| Ok(Status::Success),
};

pub(crate) const FALSE: Command = Command {
    name: "false",
    aliases: &[],
    summary: "do nothing, unsuccessfully",
    usage: "",
    help: "Sets $? to 1.",
    examples: &["false || echo so it goes"],
    repeatable: true,
    run: |_, _| Ok(Status::Failure),
};
