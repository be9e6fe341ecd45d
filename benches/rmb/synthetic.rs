//! Made-up files in RMB's shape and of about its size, for machines without the real ones.
//!
//! The texts are words without meaning. Counts follow the real data: about 3,000 conversations, on each a list of one
//! best answer and five others, and the five pairs that the list holds, so that equal texts stand in several records.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Outcome;

const CONVERSATIONS: usize = 3_000;
const LOSERS: usize = 5;

/// Words of an answer, at least and at most.
const WORDS: (u64, u64) = (80, 620);

const TOPICS: [&str; 8] = [
    "Harmlessness/S1",
    "Harmlessness/S2",
    "Harmlessness/S6",
    "Helpfulness/Chat/Supportive Conversation",
    "Helpfulness/Code/Data Management",
    "Helpfulness/Open QA/Factual",
    "Helpfulness/Reasoning/Logical Deduction",
    "Helpfulness/Summarization/Standard Summaries",
];

/// Writes the tree, unless it is there from an earlier time, and returns its folder.
pub fn tree(folder: &Path) -> Outcome<PathBuf> {
    let done = folder.join("done");
    if done.is_file() {
        return Ok(folder.to_owned());
    }
    let mut random = Random(2410_09893);
    for (place, topic) in TOPICS.into_iter().enumerate() {
        let mut pairs = Vec::new();
        let mut lists = Vec::new();
        for conversation in (place..CONVERSATIONS).step_by(TOPICS.len()) {
            let prompt = json!([
                { "content": text(&mut random, (20, 120)), "language": "English", "role": "user" }
            ]);
            let best = reply(&mut random);
            let losers: Vec<Value> = (0..LOSERS).map(|_| reply(&mut random)).collect();
            for (number, loser) in losers.iter().enumerate() {
                pairs.push(json!({
                    "pair_uid": format!("{conversation}-{number}"),
                    "conversation_input": prompt,
                    "chosen": best,
                    "reject": loser,
                    "category_path": format!("Pairwise_set/{topic}"),
                }));
            }
            lists.push(json!({
                "bon_uid": conversation.to_string(),
                "conversation_input": prompt,
                "bon_best": best,
                "loser_list": losers,
                "category_path": format!("BoN_set/{topic}"),
            }));
        }
        write(folder, "Pairwise_set", topic, &pairs)?;
        write(folder, "BoN_set", topic, &lists)?;
    }
    fs::write(done, "")?;
    Ok(folder.to_owned())
}

fn write(folder: &Path, set: &str, topic: &str, records: &[Value]) -> Outcome<()> {
    let path = folder.join(set).join(format!("{topic}.json"));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(path, serde_json::to_vec(records)?)?)
}

fn reply(random: &mut Random) -> Value {
    json!({ "llm_name": format!("model-{}", random.below(12)), "answer": text(random, WORDS) })
}

/// Words of two to nine letters; one in twenty ends a paragraph.
fn text(random: &mut Random, (least, most): (u64, u64)) -> String {
    let mut text = String::new();
    for _ in 0..least + random.below(most - least) {
        for _ in 0..2 + random.below(8) {
            text.push(char::from(b'a' + random.below(26) as u8));
        }
        text.push_str(if random.below(20) == 0 { ".\n\n" } else { " " });
    }
    text
}

/// SplitMix64: the same files on every machine.
///
/// Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA (2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`. Its bias is far below what a text of random letters could show.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
