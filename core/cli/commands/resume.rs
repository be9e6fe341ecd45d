//! `tribunal resume`: go on with a run, from its folder alone.

use tribunal_engine::ready::Loaded;
use tribunal_engine::recipe::Recipe;
use tribunal_engine::store::StoreError;

use crate::args::ResumeArgs;
use crate::commands::run::{Asking, ask};
use crate::commands::{find_run, resolve};
use crate::exit::{Exit, Failure, tell};
use crate::plugins::{self, Kinds};

/// Goes on with a run: the stored plan decides, not the recipe as it reads today.
pub fn resume(args: &ResumeArgs, kinds: &mut Kinds) -> Result<Exit, Failure> {
    if args.asking.loudness.verbose {
        plugins::be_verbose();
    }
    let folder = find_run(&args.run)?;
    let known = folder.plan()?;
    let recipe = Recipe::from_stored(known.recipe.clone())?;
    kinds.load(&recipe)?;
    let plan = resolve(&recipe, kinds, args.offline)?;
    let loaded = Loaded::read(plan, known.limit)?;
    let mut asking = Asking::new(&args.asking, &recipe)?;
    // What the recipe takes over was taken over when the run began; it may be gone since.
    let named = &args.asking.reuse;
    asking.options.reuse.retain(|folder| {
        let there = named.contains(folder) || folder.join("plan.json").is_file();
        if !there {
            tell(&format!(
                "warning: `{}` is gone, nothing is taken over from it",
                folder.display()
            ));
        }
        there
    });
    asking.accept_unverified |= known.sources.iter().any(|source| !source.unverified.is_empty());
    let earlier = known.clone();
    ask(
        loaded,
        &kinds.registry,
        asking,
        |_| Some(earlier),
        |stored, _| match known.difference(stored) {
            None => Ok(folder),
            Some(difference) => {
                let path = folder.path().to_owned();
                let error = StoreError::Changed { path, difference };
                Err(error.into())
            }
        },
    )
}
