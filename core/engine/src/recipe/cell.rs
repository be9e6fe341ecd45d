//! The recipe of a cell: some keys replaced by levels, everything typed anew.

use super::typed::{Merged, Whole};
use super::{Recipe, nearest_place, place_faults, typed};
use crate::fault::{Fault, Faults, KeyPath, Place, Segment};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// See [`Recipe::with`].
pub(super) fn with(recipe: &Recipe, levels: &[(KeyPath, Value)]) -> Result<Recipe, Faults> {
    let (recipe, faults) = replaced(recipe, levels);
    place_faults(&recipe.places, faults).or_else(recipe)
}

/// The faults of every single level of a factor and every arm, put into the recipe on its own.
pub(super) fn level_faults(recipe: &Recipe) -> Faults {
    let levels = recipe.factors.iter().flat_map(|factor| {
        factor.levels.iter().map(|level| vec![(factor.key.clone(), level.clone())])
    });
    let arms = recipe.arms.iter().map(|arm| arm.set.clone());
    let faults = levels.chain(arms).flat_map(|levels| {
        let (recipe, faults) = replaced(recipe, &levels);
        place_faults(&recipe.places, faults).into_placed()
    });
    Faults::placed(faults.collect())
}

fn replaced(recipe: &Recipe, levels: &[(KeyPath, Value)]) -> (Recipe, Vec<Fault>) {
    let mut value = recipe.value.clone();
    let mut places = recipe.places.clone();
    let mut faults = Vec::new();
    for (key, level) in levels {
        match put(&mut value, key, level.clone()) {
            Ok(()) => move_places(&mut places, key, written_at(recipe, key, level)),
            Err(segment) => {
                let at = written_at(recipe, key, level).unwrap_or_else(|| key.clone());
                faults.push(Fault::new(
                    at,
                    format!("`{key}` names no entry: there is no `{segment}`"),
                ));
            }
        }
    }
    let (base, default_name) = (recipe.base.clone(), recipe.name.clone());
    let (recipe, found) =
        typed::recipe(Merged { value, places, base, default_name, whole: Whole::Yes });
    faults.extend(found);
    (recipe, faults)
}

/// Replaces the value at `key`, making the tables above it that are missing.
fn put(value: &mut Value, key: &KeyPath, level: Value) -> Result<(), Segment> {
    let mut target = value;
    for segment in key.segments() {
        target = match segment {
            Segment::Key(name) => {
                if !target.is_object() {
                    *target = Value::Object(Map::new());
                }
                let Value::Object(table) = target else { return Err(segment.clone()) };
                table.entry(name.clone()).or_insert(Value::Null)
            }
            Segment::Index(index) => target.get_mut(index).ok_or_else(|| segment.clone())?,
        };
    }
    *target = level;
    Ok(())
}

/// Where the recipe lists that level of that key.
fn written_at(recipe: &Recipe, key: &KeyPath, level: &Value) -> Option<KeyPath> {
    let factor = recipe.factors.iter().filter(|factor| factor.key == *key).find_map(|factor| {
        let at = factor.levels.iter().position(|one| one == level)?;
        Some(factor.path.index(at))
    });
    factor.or_else(|| {
        recipe.arms.iter().find_map(|arm| {
            let table = recipe.get(&arm.path.key("set"))?.as_object()?;
            let set = table
                .iter()
                .find(|(text, value)| text.parse().as_ref() == Ok(key) && *value == level);
            Some(arm.path.key("set").key(set?.0))
        })
    })
}

/// Gives the entries at and below `key` the places of those at and below `from`.
fn move_places(places: &mut BTreeMap<KeyPath, Place>, key: &KeyPath, from: Option<KeyPath>) {
    let Some(from) = from else { return };
    let moved: Vec<_> = below(places, &from)
        .map(|(path, place)| (key.join(&path.segments()[from.len()..]), place.clone()))
        .collect();
    let own = nearest_place(places, &from).map(|(place, _)| place.clone());
    // A level of a factor has no key of its own: what is wrong with the key is drawn at the factor's.
    let list = from.parent().and_then(|factor| nearest_place(places, &factor));
    let written = list.and_then(|(place, _)| place.key.clone());
    let old: Vec<_> = below(places, key).map(|(path, _)| path.clone()).collect();
    for path in old {
        places.remove(&path);
    }
    places.extend(own.map(|place| (key.clone(), place)));
    places.extend(moved);
    if let Some(place) = places.get_mut(key).filter(|place| place.key.is_none()) {
        place.key = written;
    }
}

/// The places at and below a path: they are neighbours in the order of paths.
fn below<'a>(
    places: &'a BTreeMap<KeyPath, Place>,
    path: &'a KeyPath,
) -> impl Iterator<Item = (&'a KeyPath, &'a Place)> {
    places.range(path.clone()..).take_while(move |(below, _)| below.starts_with(path))
}
