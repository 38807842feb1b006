//! `fdt print` and `fdt list`: nodes and properties as text.

use super::working::WorkingTree;
use super::{SubCommand, node_at, property_of};
use crate::console::Terminal;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::{NodeId, PrintNode, PrintValue, Tree};
use core::fmt::{self, Write};

pub(super) const PRINT: SubCommand = SubCommand {
    name: "print",
    aliases: &["p", "pr", "pri", "prin"],
    usage: "print [<path> [<prop>]] - show a node and all below it, or one of its properties",
    run: |context, args| run(context, args, Tree::print),
};

pub(super) const LIST: SubCommand = SubCommand {
    name: "list",
    aliases: &["l", "li", "lis"],
    usage: "list [<path> [<prop>]] - show one node, or one of its properties",
    run: |context, args| run(context, args, Tree::print_level),
};

fn run(context: &mut Context, args: Args<'_>, print: fn(&Tree, NodeId) -> PrintNode<'_>) -> CommandResult {
    let (path, property) = match args {
        [_] => ("/", None),
        [_, path] => (path.as_str(), None),
        [_, path, property] => (path.as_str(), Some(property.as_str())),
        _ => return Err(CommandError::Usage),
    };
    let tree = WorkingTree::load(context)?.tree;
    let node = node_at(&tree, path)?;
    match property {
        None => {
            let mut pages = UntilCtrlC(&mut context.terminal);
            // The terminal itself cannot fail.
            write!(pages, "{}", print(&tree, node)).map_err(|_| CommandError::Interrupted)?;
        }
        Some(name) => match property_of(&tree, node, name)? {
            [] => context.say(format_args!("{path} {name}")),
            value => context.say(format_args!("{name} = {}", PrintValue::new(value))),
        },
    }
    Ok(Status::Success)
}

/// Ends the output at the line after which Ctrl-C was typed: a large tree takes a serial line many seconds.
struct UntilCtrlC<'a>(&'a mut Terminal);

impl Write for UntilCtrlC<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)?;
        if text.ends_with('\n') && self.0.interrupted() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}
