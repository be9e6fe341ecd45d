//! `tribunal init`: a commented recipe that runs as it is, with a small suite of pairs beside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::args::InitArgs;
use crate::exit::{Exit, Failure, quoted_path, tell};

const RECIPE: &str = include_str!("init/recipe.toml");
const PAIRS: &str = include_str!("init/pairs.jsonl");

/// Writes the recipe and its data, and says what to run next.
pub fn init(args: &InitArgs) -> Result<Exit, Failure> {
    let data = write(&args.path, args.force)?;
    tell(&format!("wrote {} and {}", quoted_path(&args.path), quoted_path(&data)));
    tell(&format!("to check it: tribunal validate {}", quoted_path(&args.path)));
    tell(&format!("to run it:   tribunal run {}", quoted_path(&args.path)));
    Ok(Exit::Success)
}

/// Writes both files and returns the path of the data.
fn write(recipe: &Path, force: bool) -> Result<PathBuf, Failure> {
    let stem = recipe.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| {
        Failure::usage(
            format!("`{}` is no name of a recipe", recipe.display()),
            "name a file, for example `first.toml`",
        )
    })?;
    let folder = format!("{stem}-data");
    let data = recipe.with_file_name(&folder).join("pairs.jsonl");
    if !force && let Some(taken) = [recipe, &data].into_iter().find(|path| path.exists()) {
        return Err(Failure::usage(
            format!("`{}` exists already", taken.display()),
            "name another file, or overwrite it with `--force`",
        ));
    }
    let text = RECIPE
        .replace("@RECIPE@", &quoted_path(recipe))
        .replace("@NAME@", &quoted(&recipe_name(stem, "first")))
        .replace("@DATA@", &quoted(&format!("{folder}/pairs.jsonl")));
    put(&data, PAIRS)?;
    put(recipe, &text)?;
    Ok(data)
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let made = parent.map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text)).map_err(|cause| {
        Failure::new(Exit::Internal, format!("cannot write `{}`: {cause}", path.display()), None)
    })
}

/// A name that recipes and their blocks may have: letters, digits, `.`, `_` and `-`. Without a letter or digit it is `otherwise`.
pub(super) fn recipe_name(stem: &str, otherwise: &str) -> String {
    let allowed = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-');
    let name: String = stem.chars().map(|one| if allowed(one) { one } else { '-' }).collect();
    if name.chars().any(|one| one.is_ascii_alphanumeric()) { name } else { otherwise.to_owned() }
}

/// A string of TOML; the escapes of JSON mean the same there.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use tribunal_engine::plan::Plan;
    use tribunal_engine::ready::Loaded;
    use tribunal_engine::recipe::Recipe;

    use super::*;

    #[test]
    fn the_recipe_and_its_data_are_without_fault() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["first.toml", "odd \"name\".toml", "below/again.toml"] {
            let path = folder.path().join(file);
            write(&path, false).unwrap();
            let recipe = Recipe::load(&path, &[]).unwrap();
            let plan = Plan::resolve(&recipe, &crate::builtin::registry()).unwrap();
            let loaded = Loaded::read(plan, None).unwrap().assume();
            assert_eq!(loaded.suites[0].cases.len(), 8);
            assert_eq!(loaded.stored.sources.len(), 3);
        }
    }

    #[test]
    fn what_is_commented_out_runs_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.toml");
        write(&path, false).unwrap();
        let keys = ["[factors]", "\"source.longest.unit\"", "order =", "samples =", "failures ="];
        let text: String = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if keys.iter().any(|key| rest.starts_with(key)) => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        fs::write(&path, text).unwrap();
        let recipe = Recipe::load(&path, &[]).unwrap();
        assert_eq!(recipe.factors.len(), 1);
        let plan = Plan::resolve(&recipe, &crate::builtin::registry()).unwrap();
        // Three units of `longest`, `shortest`, and `coin`.
        assert_eq!(plan.cells.len(), 5);
    }

    #[test]
    fn a_file_that_exists_is_overwritten_by_force_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.toml");
        fs::write(&path, "mine").unwrap();
        let failure = write(&path, false).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.text.contains("exists already"), "{}", failure.text);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        write(&path, true).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("[suite.mine]"));
    }

    #[test]
    fn the_longer_answer_is_the_better_one_in_half_of_the_pairs() {
        let pairs: Vec<serde_json::Value> =
            PAIRS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let length =
            |pair: &serde_json::Value, key: &str| pair[key].as_str().unwrap().chars().count();
        let longer = pairs.iter().filter(|pair| length(pair, "chosen") > length(pair, "rejected"));
        assert_eq!((pairs.len(), longer.count()), (8, 4));
    }
}
