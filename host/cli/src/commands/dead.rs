//! `manes dead` and `manes answer`: dead letters, and activations that ask what is to become of a write.

use super::steer::followed;
use crate::args::{Answer, AnswerArgs, DeadArgs, Global};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::session::{AnswerRequest, Request};
use crate::{open, render};
use manes_runtime::query::{self, DeadLetter};

/// Lists them, or shows one.
pub(crate) fn dead(global: &Global, args: &DeadArgs) -> anyhow::Result<Exit> {
    look(global, &query::dead(&open::reader(global)?)?, args.id.as_deref(), &DEAD)
}

/// Lists what is asked, shows one question, or answers it.
pub(crate) async fn answer(global: &Global, args: AnswerArgs) -> anyhow::Result<Exit> {
    let letters = query::asking(&open::reader(global)?)?;
    let (Some(id), Some(answer)) = (&args.id, args.answer) else {
        return look(global, &letters, args.id.as_deref(), &ASKING);
    };
    let activation = one(&letters, id, &ASKING)?.activation;
    let (give_up, timeout_ms) = (answer == Answer::GiveUp, args.timeout.saturating_mul(1000));
    followed(global, Request::Answer(AnswerRequest { activation, give_up, timeout_ms }), activation).await
}

/// What a list of letters is of.
pub(crate) struct Letters {
    what: &'static str,
    command: &'static str,
    next: &'static str,
}

/// Dead letters.
pub(crate) const DEAD: Letters = Letters {
    what: "dead letter",
    command: "manes dead",
    next: "`manes dead ID` shows one, `manes requeue ID` has it handled again",
};

const ASKING: Letters = Letters {
    what: "open question",
    command: "manes answer",
    next: "`manes answer ID` shows one, `manes answer ID repeat` has the write made again, `give-up` does not",
};

fn look(global: &Global, letters: &[DeadLetter], id: Option<&str>, of: &Letters) -> anyhow::Result<Exit> {
    let Some(prefix) = id else {
        list(global, letters, of)?;
        return Ok(Exit::Done);
    };
    let letter = one(letters, prefix, of)?;
    if global.json {
        say!("{}", serde_json::to_string(letter)?);
    } else {
        show(letter);
    }
    Ok(Exit::Done)
}

/// The letter that an id means.
pub(crate) fn one<'a>(letters: &'a [DeadLetter], prefix: &str, of: &Letters) -> anyhow::Result<&'a DeadLetter> {
    let prefix = open::prefix(prefix, of.command)?;
    let named: Vec<&DeadLetter> =
        letters.iter().filter(|letter| letter.activation.to_string().starts_with(&prefix)).collect();
    match named.as_slice() {
        [one] => Ok(one),
        [] => Err(usage(format!("no {} begins with {prefix}; `{}` lists them", of.what, of.command))),
        many => Err(usage(format!("{prefix} is the beginning of {} ids; give more digits", many.len()))),
    }
}

fn list(global: &Global, letters: &[DeadLetter], of: &Letters) -> anyhow::Result<()> {
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
        tell!("no {}s", of.what);
    } else {
        tell!("{}", of.next);
    }
    Ok(())
}

fn show(letter: &DeadLetter) {
    let style = render::Style::stdout();
    say!("activation  {}", style.name(&letter.activation.to_string()));
    say!("agent       {}", letter.agent);
    say!("event       {}", letter.topic);
    say!("flow        {}", letter.flow);
    say!("stopped     {} after {}", letter.time, render::count(letter.attempts, "attempt"));
    say!("reason      {}: {}", style.bad(&letter.status), render::plain(&letter.message));
    for line in letter.stderr.lines() {
        say!("stderr      {}", render::plain(line));
    }
}
