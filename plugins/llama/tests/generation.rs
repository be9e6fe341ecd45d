//! What a generator writes: shapes, stops, reasoning, labels, and prompts that do not fit.

use serde_json::json;
use tribunal_api::{Finish, Generator, Grammar, Prompt, Sampling, SourceError, Turn};
use tribunal_models::import::WeightType;
use tribunal_models::tiny::{FAMILIES, TinyFamily, TinyKind};

use crate::common::{Models, Random, block_on, generate, generator, text};

fn asked(text: &str, seeds: u64, sampling: Sampling) -> Prompt {
    Prompt {
        turns: vec![Turn::user(text)],
        sampling: Sampling { temperature: 1.0, ..sampling },
        seeds: (1..=seeds).collect(),
        ..Prompt::default()
    }
}

fn short(most: u32) -> Sampling {
    Sampling { max_tokens: most, ..Sampling::default() }
}

fn model(models: &Models) -> std::path::PathBuf {
    models.tiny(TinyFamily::Qwen2, TinyKind::Causal, WeightType::F32)
}

#[test]
fn a_choice_is_kept_to_by_every_sample() {
    let models = Models::new();
    let generator = generator(&model(&models), json!({ "slots": 4 }));
    let choices = ["[[A]]".to_owned(), "[[B]]".to_owned(), "[[C]] tie \"日本\"".to_owned()];
    let prompt = Prompt {
        grammar: Some(Grammar::OneOf(choices.to_vec())),
        ..asked("Which?", 40, short(64))
    };
    let completion = generate(&*generator, &prompt).unwrap();
    for text in &completion.texts {
        assert!(choices.contains(&text.text), "{text:?}");
        assert_eq!(text.finish, Finish::Stop);
    }
    let different: std::collections::BTreeSet<_> =
        completion.texts.iter().map(|text| &text.text).collect();
    assert!(different.len() > 1, "{different:?}");
    // A shape that is complete with the last token that is allowed was not cut.
    let letters = Grammar::OneOf(vec!["A".to_owned(), "B".to_owned()]);
    let prompt = Prompt { grammar: Some(letters), ..asked("Which?", 4, short(1)) };
    for text in generate(&*generator, &prompt).unwrap().texts {
        assert_eq!((text.text.len(), text.finish), (1, Finish::Stop), "{text:?}");
    }
}

#[test]
fn json_follows_its_schema() {
    let models = Models::new();
    let generator = generator(&model(&models), json!({ "slots": 3 }));
    let schema = json!({
        "type": "object",
        "properties": {
            "winner": { "enum": ["A", "B"] },
            "score": { "type": "integer", "minimum": 1, "maximum": 10 },
        },
        "required": ["winner", "score"],
        "additionalProperties": false,
    });
    let prompt =
        Prompt { grammar: Some(Grammar::JsonSchema(schema)), ..asked("Judge.", 20, short(200)) };
    let mut whole = 0;
    for text in generate(&*generator, &prompt).unwrap().texts {
        if text.finish == Finish::Length {
            // White space may go on for ever.
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(&text.text).unwrap();
        assert!(["A", "B"].contains(&value["winner"].as_str().unwrap()), "{value}");
        assert!((1..=10).contains(&value["score"].as_i64().unwrap()), "{value}");
        whole += 1;
    }
    assert!(whole > 0);
}

#[test]
fn a_grammar_is_followed_and_a_wrong_one_is_refused() {
    let models = Models::new();
    let generator = generator(&model(&models), json!({}));
    let with = |grammar: &str| Prompt {
        grammar: Some(Grammar::Gbnf(grammar.to_owned())),
        ..asked("Judge.", 12, short(40))
    };
    let good = with("root ::= (\"Yes\" | \"No\") \".\"");
    for text in generate(&*generator, &good).unwrap().texts {
        assert!(["Yes.", "No."].contains(&&*text.text), "{text:?}");
    }
    for wrong in [
        "",
        "root ::= (",
        "root ::= nowhere",
        "other ::= \"a\"",
        "root ::= root \"a\" | \"a\"",
        "root ::= \"\\u00\"",
        "\0",
    ] {
        let error = generate(&*generator, &with(wrong)).unwrap_err();
        assert!(matches!(error, SourceError::Rejected { .. }), "{wrong:?}: {error}");
    }
    let unreadable = Prompt {
        grammar: Some(Grammar::JsonSchema(json!({ "type": "nothing" }))),
        ..asked("Judge.", 1, short(4))
    };
    let error = generate(&*generator, &unreadable).unwrap_err();
    assert!(matches!(error, SourceError::Rejected { .. }), "{error}");
    // Those that follow are served.
    assert_eq!(generate(&*generator, &good).unwrap().texts.len(), 12);
}

#[test]
fn a_stop_text_and_the_most_tokens_end_a_reply() {
    let models = Models::new();
    let generator = generator(&model(&models), json!({}));
    let free = generate(&*generator, &asked("Go on.", 1, short(40))).unwrap();
    let text = &free.texts[0].text;
    assert!(text.chars().count() > 8, "{text:?}");
    assert_eq!(free.texts[0].finish, Finish::Length);
    assert_eq!(free.usage.output_tokens, Some(40));
    // Bytes that are no text are replaced in what is reported, and cannot be asked for.
    let plain = |window: &&[u8]| window.iter().all(u8::is_ascii_alphanumeric);
    let stop = text.as_bytes().windows(3).skip(3).find(plain).unwrap();
    let stop = String::from_utf8(stop.to_vec()).unwrap();
    let stopped = Sampling { stop: vec!["never written".to_owned(), stop.clone()], ..short(40) };
    let stopped = generate(&*generator, &asked("Go on.", 1, stopped)).unwrap();
    assert_eq!(stopped.texts[0].text, text[..text.find(&stop).unwrap()]);
    assert_eq!(stopped.texts[0].finish, Finish::Stop);
}

#[test]
fn a_last_turn_of_the_assistant_is_continued() {
    let models = Models::new();
    let begun = generator(&model(&models), json!({ "reply-start": "[[" }));
    let generator = generator(&model(&models), json!({}));
    let labels = vec!["A".to_owned(), "B".to_owned()];
    let plain = Prompt { labels, ..asked("Which is better?", 1, short(1)) };
    let mut continued = plain.clone();
    continued.turns.push(Turn::assistant("[["));
    let inspect =
        |generator: &dyn Generator, prompt| block_on(generator.inspect(prompt)).unwrap().unwrap();
    let seen = inspect(&*generator, &continued);
    assert!(seen.rendered.ends_with("assistant\n[["), "{:?}", seen.rendered);
    assert_eq!(seen, inspect(&*begun, &plain));
    let (one, other) =
        (generate(&*generator, &continued).unwrap(), generate(&*begun, &plain).unwrap());
    assert_eq!(one.texts[0].tokens, other.texts[0].tokens);
    assert_eq!(other.texts[0].text, format!("[[{}", one.texts[0].text));
    assert_ne!(generate(&*generator, &plain).unwrap().texts[0].tokens, one.texts[0].tokens);
}

#[test]
fn a_shape_goes_on_from_what_a_reply_begins_with() {
    let models = Models::new();
    // One vocabulary of bytes, and one of pieces, whose texts begin with a space that is not written.
    for family in [TinyFamily::Qwen2, TinyFamily::Mistral] {
        goes_on(&models.tiny(family, TinyKind::Causal, WeightType::F32));
    }
}

fn goes_on(model: &std::path::Path) {
    let begun = generator(model, json!({ "reply-start": "<think>\n\n</think>\n\n[[" }));
    let choices = vec!["[[A]]".to_owned(), "[[B]]".to_owned()];
    let prompt =
        Prompt { grammar: Some(Grammar::OneOf(choices.clone())), ..asked("Which?", 6, short(20)) };
    for text in generate(&*begun, &prompt).unwrap().texts {
        assert!(choices.contains(&text.text), "{text:?}");
        assert_eq!(text.reasoning.as_deref(), Some(""));
    }
    let grammar = Some(Grammar::Gbnf("root ::= \"[[\" (\"A\" | \"B\") \"]]\"".to_owned()));
    for text in generate(&*begun, &Prompt { grammar, ..prompt.clone() }).unwrap().texts {
        assert!(choices.contains(&text.text), "{text:?}");
    }
    for grammar in
        [Grammar::OneOf(vec!["Yes".to_owned()]), Grammar::Gbnf("root ::= \"Yes\"".to_owned())]
    {
        let error =
            generate(&*begun, &Prompt { grammar: Some(grammar), ..prompt.clone() }).unwrap_err();
        assert!(error.to_string().contains("reply-start"), "{error}");
    }
}

#[test]
fn reasoning_has_a_budget() {
    let models = Models::new();
    let budget = json!({ "reply-start": "<think>", "thinking": { "budget": 5 } });
    let generator = generator(&model(&models), budget);
    let text = generate(&*generator, &asked("Think.", 1, short(60))).unwrap().texts.remove(0);
    assert!(
        text.reasoning.is_some() && text.whole.as_ref().unwrap().contains("\n</think>\n\n"),
        "{text:?}"
    );
    assert!(!text.text.is_empty(), "{text:?}");
}

#[test]
fn a_prompt_that_does_not_fit_is_too_long_or_is_cut() {
    let models = Models::new();
    let path = model(&models);
    let long = asked(&"word ".repeat(400), 1, short(16));
    let whole = generator(&path, json!({ "context": 128 }));
    let error = generate(&*whole, &long).unwrap_err();
    assert!(
        matches!(&error, SourceError::Rejected { message } if message.starts_with("too long: ")),
        "{error}"
    );
    for side in ["left", "right"] {
        let cut = generator(&path, json!({ "context": 128, "truncation": side }));
        let completion = generate(&*cut, &long).unwrap();
        assert_eq!(completion.usage.input_tokens, Some(112), "{side}");
    }
    // A reply ends where the context does.
    let endless = Grammar::Gbnf(format!("root ::= \"{}\"", "ab ".repeat(200)));
    let endless = Prompt { grammar: Some(endless), ..asked("hi", 2, short(10_000)) };
    let completion = generate(&*whole, &endless).unwrap();
    assert!(completion.texts.iter().all(|text| text.finish == Finish::Length));
    let written = 2 * (128 - completion.usage.input_tokens.unwrap());
    assert_eq!(completion.usage.output_tokens, Some(written));
}

#[test]
fn a_tiny_judge_of_every_family_is_sure_of_a_verdict() {
    let models = Models::new();
    for family in FAMILIES {
        let model = models.tiny(family, TinyKind::Judge, WeightType::F16);
        let generator = generator(&model, json!({}));
        let mut sure = 0;
        for place in 0..10 {
            let labels = vec!["A".to_owned(), "B".to_owned()];
            let prompt = Prompt { labels, ..asked(&text(&mut Random(place), 6), 1, short(1)) };
            let completion = generate(&*generator, &prompt).unwrap();
            let others = &completion.texts[0].tokens[0].others;
            let mass: f64 = others
                .iter()
                .filter(|(text, _)| ["A", "B"].contains(&&**text))
                .map(|(_, logprob)| logprob.exp())
                .sum();
            sure += usize::from(mass > 0.5);
        }
        assert!(sure >= 7, "{family:?}: {sure} of 10");
    }
}

#[test]
fn settings_that_make_no_sense_are_told_of() {
    let models = Models::new();
    let path = model(&models);
    for (further, what) in [
        (json!({ "thinking": { "open": "" } }), "thinking"),
        (json!({ "template": "nowhere.jinja" }), "nowhere.jinja"),
        (json!({ "template-name": "x" }), "template"),
        (json!({ "template-date": "yesterday" }), "2024-07-26"),
    ] {
        let mut registry = tribunal_api::Registry::new();
        tribunal_llama::register(&mut registry);
        let settings = crate::common::settings(&path, further);
        let error = registry
            .build_generator("llama.generator", settings, &tribunal_api::registry::NoGenerators)
            .err()
            .unwrap();
        assert!(format!("{error:?}").contains(what), "{error:?}");
    }
}
