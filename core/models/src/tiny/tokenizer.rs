//! Small vocabularies: every byte, and words that judges and tests need as single tokens.

use serde_json::{Map, Value, json};

use super::TinyFamily;

/// Words that become single tokens, those with a space first: a merge inside a word would else go before the merge with its space.
const WORDS: [&str; 34] = [
    " Yes",
    " No",
    " the",
    " answer",
    " question",
    " is",
    " a",
    " to",
    " of",
    " and",
    " in",
    " it",
    " that",
    " good",
    " bad",
    " better",
    " best",
    " true",
    " false",
    "Yes",
    "No",
    "assistant",
    "user",
    "system",
    "model",
    "[[",
    "]]",
    "\n\n",
    "Ver",
    "dict",
    "A:",
    "B:",
    "er",
    "on",
];
const SPACE: &str = "\u{2581}";

/// A tokenizer's file and what other files need to know of it.
pub(super) struct Tokenizer {
    pub(super) file: Value,
    pub(super) tokens: usize,
    pub(super) bos: Option<&'static str>,
    pub(super) eos: &'static str,
    pub(super) pad: &'static str,
    unk: Option<&'static str>,
    ids: Map<String, Value>,
}

impl Tokenizer {
    /// The id of a token of the vocabulary.
    pub(super) fn id(&self, text: &str) -> Value {
        self.ids.get(text).cloned().unwrap_or(Value::Null)
    }

    /// What `tokenizer_config.json` holds.
    pub(super) fn settings(&self, template: String) -> Value {
        let tokens = self.file["added_tokens"].as_array().into_iter().flatten();
        let added: Map<String, Value> =
            tokens.map(|token| (token["id"].to_string(), without_id(token))).collect();
        json!({
            "bos_token": self.bos,
            "eos_token": self.eos,
            "pad_token": self.pad,
            "unk_token": self.unk,
            "added_tokens_decoder": added,
            "clean_up_tokenization_spaces": false,
            "model_max_length": 512,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "chat_template": template,
        })
    }
}

pub(super) fn of(family: TinyFamily) -> Tokenizer {
    match family {
        TinyFamily::Llama => bytes(
            &[
                "<|begin_of_text|>",
                "<|end_of_text|>",
                "<|start_header_id|>",
                "<|end_header_id|>",
                "<|eot_id|>",
                "<|finetune_right_pad_id|>",
            ],
            r"\p{N}{1,3}",
            true,
        ),
        TinyFamily::Qwen2 | TinyFamily::Qwen3 => {
            bytes(&["<|endoftext|>", "<|im_start|>", "<|im_end|>"], r"\p{N}", false)
        }
        TinyFamily::Mistral => pieces(&["<unk>", "<s>", "</s>"], &[], true),
        TinyFamily::Gemma2 => pieces(
            &["<pad>", "<eos>", "<bos>", "<unk>"],
            &["<start_of_turn>", "<end_of_turn>"],
            false,
        ),
        TinyFamily::Internlm2 => {
            pieces(&["<unk>", "<s>", "</s>"], &["<|im_start|>", "<|im_end|>", "<|reward|>"], true)
        }
    }
}

fn without_id(token: &Value) -> Value {
    let mut token = token.clone();
    if let Value::Object(table) = &mut token {
        table.shift_remove("id");
    }
    token
}

fn special(ids: &Map<String, Value>, texts: &[&str]) -> Vec<Value> {
    let token = |text: &&str| {
        json!({
            "id": ids[*text], "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    texts.iter().map(token).collect()
}

/// What puts the begin token before plain texts.
fn begins_with(token: &str, ids: &Map<String, Value>) -> Value {
    json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": token, "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {token: {"id": token, "ids": [ids[token]], "tokens": [token]}},
    })
}

/// The letter that stands for a byte: itself where it can be seen, else one from U+0100 on, in order.
fn letter(byte: u8) -> char {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if visible(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|byte| !visible(*byte)).count() as u32;
    char::from_u32(0x100 + before).unwrap_or('\u{100}')
}

fn bytes(specials: &[&'static str], digits: &str, ignore_merges: bool) -> Tokenizer {
    let mut tokens: Vec<String> = (0..=255).map(|byte| letter(byte).to_string()).collect();
    let mut merges: Vec<[String; 2]> = Vec::new();
    for word in WORDS {
        let letters: Vec<char> = word.bytes().map(letter).collect();
        for end in 1..letters.len() {
            let left: String = letters[..end].iter().collect();
            let whole = format!("{left}{}", letters[end]);
            if !tokens.contains(&whole) {
                merges.push([left, letters[end].to_string()]);
                tokens.push(whole);
            }
        }
    }
    tokens.extend(specials.iter().map(|text| (*text).to_owned()));
    let ids: Map<String, Value> =
        tokens.iter().enumerate().map(|(id, text)| (text.clone(), id.into())).collect();
    let count = tokens.len();
    let mut vocabulary = ids.clone();
    specials.iter().for_each(|text| drop(vocabulary.shift_remove(*text)));
    let pattern = format!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    );
    let bos = specials.contains(&"<|begin_of_text|>").then_some("<|begin_of_text|>");
    let post = match bos {
        Some(bos) => begins_with(bos, &ids),
        None => {
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false})
        }
    };
    let normalizer = if bos.is_none() { json!({"type": "NFC"}) } else { Value::Null };
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": special(&ids, specials),
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
        ]},
        "post_processor": post,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": ignore_merges,
            "vocab": vocabulary, "merges": merges,
        },
    });
    let (eos, pad) = match bos {
        Some(_) => ("<|eot_id|>", "<|finetune_right_pad_id|>"),
        None => ("<|im_end|>", "<|endoftext|>"),
    };
    Tokenizer { file, tokens: count, bos, eos, pad, unk: None, ids }
}

fn pieces(first: &[&'static str], last: &[&'static str], prepends: bool) -> Tokenizer {
    let mut tokens: Vec<String> = first.iter().map(|text| (*text).to_owned()).collect();
    tokens.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    tokens.push(SPACE.to_owned());
    tokens.extend(('!'..='~').map(String::from));
    tokens.push("\n".to_owned());
    let singles = tokens.len();
    for word in WORDS {
        let word = word.replace(' ', SPACE);
        let ends: Vec<usize> =
            word.char_indices().map(|(at, _)| at).skip(2).chain([word.len()]).collect();
        for end in ends {
            if !tokens.iter().any(|token| *token == word[..end]) {
                tokens.push(word[..end].to_owned());
            }
        }
    }
    // As converters of sentencepiece models write them: all ways to make a token, the tokens in order of their scores.
    let mut merges: Vec<[String; 2]> = Vec::new();
    for token in &tokens[singles..] {
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            let known = |text: &str| tokens.iter().any(|token| token == text);
            if known(left) && known(right) {
                merges.push([left.to_owned(), right.to_owned()]);
            }
        }
    }
    tokens.extend(last.iter().map(|text| (*text).to_owned()));
    let ids: Map<String, Value> =
        tokens.iter().enumerate().map(|(id, text)| (text.clone(), id.into())).collect();
    let mut vocabulary = ids.clone();
    last.iter().for_each(|text| drop(vocabulary.shift_remove(*text)));
    let all: Vec<&str> = first.iter().chain(last).copied().collect();
    let gemma = first.contains(&"<bos>");
    let (bos, eos, pad) = if gemma { ("<bos>", "<eos>", "<pad>") } else { ("<s>", "</s>", "</s>") };
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE});
    let normalizer = match prepends {
        true => {
            json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, replace]})
        }
        false => replace,
    };
    let pre = match prepends {
        true => Value::Null,
        false => {
            json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false})
        }
    };
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": special(&ids, &all),
        "normalizer": normalizer,
        "pre_tokenizer": pre,
        "post_processor": begins_with(bos, &ids),
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
        ]},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges,
        },
    });
    Tokenizer { file, tokens: tokens.len(), bos: Some(bos), eos, pad, unk: Some("<unk>"), ids }
}
