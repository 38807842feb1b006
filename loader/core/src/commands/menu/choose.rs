//! Which label is started first.

use alloc::string::{String, ToString};
use core::time::Duration;

use crate::boot::extlinux::Menu;
use crate::console::{read_line, read_line_within};
use crate::context::{CommandError, Context};

/// The index of the default, or of what the person at the console chooses if the menu asks for that and an answer comes in time; `None` if
/// there is neither.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C.
pub(super) fn choose(context: &mut Context, menu: &Menu) -> Result<Option<usize>, CommandError> {
    let default = default(context, menu);
    if !menu.prompt || menu.labels.is_empty() {
        return Ok(default);
    }
    loop {
        show(context, menu);
        let Some(answer) = answer(context, menu)? else {
            return Ok(default);
        };
        let answer = answer.trim();
        let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let numbered = number.filter(|index| *index < menu.labels.len());
        let empty = if answer.is_empty() { default } else { None };
        match numbered.or_else(|| menu.position(answer)).or(empty) {
            Some(index) => return Ok(Some(index)),
            None => context.say(format_args!("{answer} not found")),
        }
    }
}

/// The label that is started without a choice: what the person who set the variable wants, or else the menu's.
fn default(context: &mut Context, menu: &Menu) -> Option<usize> {
    let of_menu = menu.default.as_deref().and_then(|name| menu.position(name));
    let Some(name) = context.env.get("pxe_label_override") else {
        return of_menu;
    };
    let index = menu.position(name);
    if index.is_none() {
        let name = name.escape_debug().to_string();
        context.say(format_args!("Missing override pxe label: {name}"));
    }
    index.or(of_menu)
}

fn show(context: &mut Context, menu: &Menu) {
    if let Some(title) = &menu.title {
        context.say(format_args!("{title}"));
    }
    for (number, label) in (1_usize..).zip(&menu.labels) {
        context.say(format_args!("{number}:\t{}", label.shown()));
    }
}

/// A line from the console; `None` if none comes while the menu waits.
fn answer(context: &mut Context, menu: &Menu) -> Result<Option<String>, CommandError> {
    const PROMPT: &str = "Enter choice: ";
    match u64::from(menu.timeout) {
        0 => read_line(context, PROMPT, "").map(Some),
        tenths => read_line_within(context, PROMPT, "", Duration::from_millis(tenths.saturating_mul(100))),
    }
}
