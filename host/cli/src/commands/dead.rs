//! `manes dead`: dead letters, and what to do about them.

use crate::args::{DeadArgs, Global};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::{open, render};
use manes_runtime::query::{self, DeadLetter};

/// Lists them, or shows one.
pub(crate) fn dead(global: &Global, args: &DeadArgs) -> anyhow::Result<Exit> {
    let letters = query::dead(&open::reader(global)?)?;
    let Some(prefix) = &args.id else {
        list(global, &letters)?;
        return Ok(Exit::Done);
    };
    let letter = one(&letters, prefix)?;
    if global.json {
        say!("{}", serde_json::to_string(letter)?);
    } else {
        show(letter);
    }
    Ok(Exit::Done)
}

/// The dead letter that an id means.
pub(crate) fn one<'a>(letters: &'a [DeadLetter], prefix: &str) -> anyhow::Result<&'a DeadLetter> {
    let prefix = prefix.trim_end_matches('…').to_ascii_lowercase();
    let named: Vec<&DeadLetter> =
        letters.iter().filter(|letter| letter.activation.to_string().starts_with(&prefix)).collect();
    match named.as_slice() {
        [one] => Ok(one),
        [] => Err(usage(format!("no dead letter begins with {prefix}; `manes dead` lists them"))),
        many => Err(usage(format!("{prefix} is the beginning of {} ids; give more digits", many.len()))),
    }
}

fn list(global: &Global, letters: &[DeadLetter]) -> anyhow::Result<()> {
    if global.json {
        say!("{}", serde_json::to_string(letters)?);
        return Ok(());
    }
    let style = render::Style::stdout();
    for letter in letters {
        say!(
            "{}  {:<12}  {:<16}  {}  {}: {}",
            style.name(&letter.activation.short()),
            letter.agent,
            letter.topic,
            style.dim(&letter.time),
            style.bad(&letter.status),
            render::excerpt(&letter.message)
        );
    }
    if letters.is_empty() {
        tell!("no dead letters");
    } else {
        tell!("`manes dead ID` shows one, `manes requeue ID` has it handled again");
    }
    Ok(())
}

fn show(letter: &DeadLetter) {
    let style = render::Style::stdout();
    say!("activation  {}", style.name(&letter.activation.to_string()));
    say!("agent       {}", letter.agent);
    say!("event       {}", letter.topic);
    say!("flow        {}", letter.flow);
    say!("given up    {} after {}", letter.time, render::count(letter.attempts, "attempt"));
    say!("reason      {}: {}", style.bad(&letter.status), render::plain(&letter.message));
    for line in letter.stderr.lines() {
        say!("stderr      {}", render::plain(line));
    }
}
