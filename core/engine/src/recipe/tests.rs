//! What recipes are read as, and what their faults look like.

mod faults;
mod files;
mod plugins;
mod reading;
mod servers;
mod varied;

use super::Recipe;
use std::path::Path;

/// The drawing of the faults of a text that lies nowhere.
fn drawn(text: &str) -> String {
    drawn_with(text, &[])
}

fn drawn_with(text: &str, sets: &[&str]) -> String {
    let faults = Recipe::parse(text, Path::new("study.toml"), &owned(sets))
        .expect_err("the recipe has a fault");
    faults.render(false)
}

fn parsed(text: &str) -> Recipe {
    parsed_with(text, &[])
}

fn parsed_with(text: &str, sets: &[&str]) -> Recipe {
    match Recipe::parse(text, Path::new("study.toml"), &owned(sets)) {
        Ok(recipe) => recipe,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

fn owned(sets: &[&str]) -> Vec<String> {
    sets.iter().map(|set| (*set).to_owned()).collect()
}
