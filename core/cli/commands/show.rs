//! `tribunal show`: a kind with its settings, a run, or one item of a run with all that was said about it.

mod item;
pub mod kind;
mod run;

use std::path::Path;

use tribunal_api::{Component, Registered, Registry};
use tribunal_engine::fault::nearest;

use crate::args::ShowArgs;
use crate::commands::{find_run, run_folders};
use crate::exit::{Exit, Failure, print};
use crate::plugins::Kinds;

/// Shows a kind, a run or an item.
pub fn show(args: &ShowArgs, known: &mut Kinds) -> Result<Exit, Failure> {
    let wants_item = args.id.is_some() || args.suite.is_some() || args.subset.is_some();
    let components = [Component::Source, Component::Generator, Component::Suite];
    let kinds: Vec<Registered> = components
        .into_iter()
        .filter_map(|one| known.registry.find(one, &args.what).cloned())
        .collect();
    let text = if !kinds.is_empty() && !wants_item {
        kind::show(&kinds.iter().collect::<Vec<_>>(), &known.registry, args.json)?
    } else if is_run(&args.what) {
        let folder = find_run(Path::new(&args.what))?;
        match (&args.id, wants_item) {
            (Some(id), _) => item::show(&folder, id, args, known)?,
            (None, true) => {
                return Err(Failure::usage(
                    "`--suite` and `--subset` say where an item is, and no item is named",
                    "add `--id ID`",
                ));
            }
            (None, false) => run::show(&folder, args.json)?,
        }
    } else if !kinds.is_empty() {
        return Err(Failure::usage(
            format!("`{}` is a kind, and items belong to runs", args.what),
            "name a run before `--id`, for example `latest`",
        ));
    } else {
        return Err(unknown(&args.what, &known.registry));
    };
    print(&text)?;
    Ok(Exit::Success)
}

/// True when the name can only be meant as a run: a folder, one below `runs`, or `latest`.
fn is_run(name: &str) -> bool {
    name == "latest" || Path::new(name).is_dir() || Path::new("runs").join(name).is_dir()
}

fn unknown(name: &str, registry: &Registry) -> Failure {
    let components = [Component::Source, Component::Generator, Component::Suite];
    let mut known: Vec<String> = components
        .into_iter()
        .flat_map(|one| registry.kinds(one))
        .map(|registered| registered.card.kind.to_owned())
        .collect();
    known.extend(
        run_folders(Path::new("runs"))
            .into_iter()
            .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned())),
    );
    let hint = match meant(name, &known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            "`tribunal list sources`, `list suites` and `list runs` show what there is".to_owned()
        }
    };
    Failure::usage(format!("there is no kind and no run called `{name}`"), hint)
}

/// The known name that is near, or that ends in what was given (`length` for `baseline.length`).
fn meant<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let last = |kind: &'a String| kind.rsplit('.').next().unwrap_or(kind);
    let lasts: Vec<&str> = known.iter().map(last).collect();
    nearest(name, known).or_else(|| {
        let near = nearest(name, &lasts)?;
        known.iter().find(|kind| last(kind) == near).map(String::as_str)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_a_slip_and_by_its_last_part() {
        let known = ["baseline.length", "rewardbench-2"].map(str::to_owned);
        assert_eq!(meant("baseline.lenght", &known), Some("baseline.length"));
        assert_eq!(meant("lengths", &known), Some("baseline.length"));
        assert_eq!(meant("rewardbench_2", &known), Some("rewardbench-2"));
        assert_eq!(meant("something-else", &known), None);
    }
}
