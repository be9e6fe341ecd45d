//! Merging one tree over another: tables merge, lists and scalars replace.

use super::document::{Content, Node};
use crate::fault::{KeyPath, Place, Segment};

/// `over` on top of `base`. Keys of `base` keep their position, new keys follow. An entry in both has the place of `over`.
pub(super) fn merge(base: Node, over: Node) -> Node {
    match (base.content, over.content) {
        (Content::Table(mut entries), Content::Table(new)) => {
            for (key, node) in new {
                match entries.iter().position(|(name, _)| *name == key) {
                    Some(at) => {
                        let (key, old) = entries.remove(at);
                        entries.insert(at, (key, merge(old, node)));
                    }
                    None => entries.push((key, node)),
                }
            }
            Node { content: Content::Table(entries), place: over.place }
        }
        (_, content) => Node { content, place: over.place },
    }
}

/// Deletes the entry at `path`; whether there was one. Later entries of a list move up.
pub(super) fn remove(tree: &mut Node, path: &KeyPath) -> bool {
    let Some((last, above)) = path.segments().split_last() else { return false };
    let Some(parent) = above.iter().try_fold(tree, child_mut) else { return false };
    match (&mut parent.content, last) {
        (Content::Table(entries), Segment::Key(key)) => {
            let before = entries.len();
            entries.retain(|(name, _)| name != key);
            entries.len() < before
        }
        (Content::List(list), Segment::Index(index)) if *index < list.len() => {
            list.remove(*index);
            true
        }
        _ => false,
    }
}

/// Merges `node` over the entry at `path`, making the tables above it that are missing.
///
/// # Errors
///
/// The segment, by position, that names an entry past the end of a list, or of something that is no list.
pub(super) fn put(tree: &mut Node, path: &[Segment], node: Node) -> Result<(), usize> {
    let mut target = tree;
    for (at, segment) in path.iter().enumerate() {
        target = match segment {
            Segment::Key(key) => entry(target, key, &node.place),
            Segment::Index(index) => match &mut target.content {
                Content::List(list) => list.get_mut(*index).ok_or(at)?,
                Content::Table(_) | Content::Scalar(_) => return Err(at),
            },
        };
    }
    let old = std::mem::replace(target, empty_table(&node.place));
    *target = merge(old, node);
    Ok(())
}

/// The entry of that key, made when it is missing, in a node that becomes a table when it is none.
fn entry<'a>(node: &'a mut Node, key: &str, place: &Place) -> &'a mut Node {
    if !matches!(node.content, Content::Table(_)) {
        *node = empty_table(place);
    }
    let Content::Table(entries) = &mut node.content else {
        unreachable!("it was made a table above")
    };
    let at = entries.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
        entries.push((key.to_owned(), empty_table(place)));
        entries.len() - 1
    });
    &mut entries[at].1
}

fn empty_table(place: &Place) -> Node {
    Node { content: Content::Table(Vec::new()), place: place.clone() }
}

fn child_mut<'a>(node: &'a mut Node, segment: &Segment) -> Option<&'a mut Node> {
    match (&mut node.content, segment) {
        (Content::Table(entries), Segment::Key(key)) => {
            entries.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node)
        }
        (Content::List(list), Segment::Index(index)) => list.get_mut(*index),
        _ => None,
    }
}
