//! The mode `exact`: the same bits whatever else is asked, in whatever order.

use serde_json::json;
use tribunal_api::{Prompt, Question, RewardSource, Sampling, Turn};
use tribunal_models::import::WeightType;
use tribunal_models::tiny::{FAMILIES, TinyFamily, TinyKind};

use crate::common::{
    Models, Random, generate, generator, number, question, score, side_by_side, source, text,
};

/// Bits of every question's score, each asked with nothing read before it.
fn alone(source: &dyn RewardSource, questions: &[Question]) -> Vec<u64> {
    let one = |question| {
        crate::common::block_on(source.close());
        number(&score(source, question).unwrap()).to_bits()
    };
    questions.iter().map(one).collect()
}

/// Some of the questions at once, in any order, with any number of callers.
fn compositions(kind: &str, model: &std::path::Path, count: u64, lengths: usize) {
    let source = source(kind, model, json!({ "context": 1024 }));
    let questions: Vec<Question> =
        (0..40).map(|seed| question(seed, 1 + (seed as usize * 7) % lengths)).collect();
    let expected = alone(&*source, &questions);
    assert!(expected.windows(2).any(|pair| pair[0] != pair[1]), "all scores are the same");
    for composition in 0..count {
        let mut random = Random(composition);
        let mut places: Vec<usize> = (0..questions.len()).collect();
        random.shuffle(&mut places);
        places.truncate(2 + random.below(14));
        let threads = 1 + random.below(12);
        let scores = side_by_side(threads, &places, |place| {
            number(&score(&*source, &questions[*place]).unwrap()).to_bits()
        });
        let wanted: Vec<u64> = places.iter().map(|place| expected[*place]).collect();
        assert_eq!(scores, wanted, "{kind} on {}, composition {composition}", model.display());
    }
}

#[test]
fn classifier_scores_are_bit_equal_in_200_compositions() {
    let models = Models::new();
    let model = models.tiny(TinyFamily::Qwen2, TinyKind::Classifier, WeightType::F32);
    compositions("llama.classifier", &model, 200, 30);
}

#[test]
fn classifier_scores_of_every_family_and_weight_type_are_bit_equal() {
    let models = Models::new();
    for family in FAMILIES {
        compositions(
            "llama.classifier",
            &models.tiny(family, TinyKind::Classifier, WeightType::F16),
            12,
            25,
        );
    }
    for weights in [WeightType::Q8_0, WeightType::Q4_0] {
        let model = models.tiny(TinyFamily::Llama, TinyKind::Gated, weights);
        compositions("llama.classifier", &model, 30, 30);
    }
}

#[test]
fn likelihoods_are_bit_equal_in_200_compositions() {
    let models = Models::new();
    let model = models.tiny(TinyFamily::Llama, TinyKind::Causal, WeightType::Q8_0);
    compositions("llama.likelihood", &model, 200, 25);
    let model = models.tiny(TinyFamily::Gemma2, TinyKind::Causal, WeightType::Q4_0);
    compositions("llama.likelihood", &model, 20, 25);
}

fn prompt(seed: u64) -> Prompt {
    let mut random = Random(seed % 6);
    let shared = text(&mut random, 3 + (seed as usize % 6) * 9);
    Prompt {
        turns: vec![Turn::user(format!("{shared} {seed}"))],
        sampling: Sampling { temperature: 0.7, top_p: 0.95, max_tokens: 12, ..Sampling::default() },
        seeds: (0..1 + seed % 5).map(|place| seed * 100 + place).collect(),
        ..Prompt::default()
    }
}

#[test]
fn samples_are_the_same_for_any_slots_and_order() {
    let models = Models::new();
    for (family, weights) in [
        (TinyFamily::Qwen2, WeightType::F32),
        (TinyFamily::Llama, WeightType::Q8_0),
        (TinyFamily::Gemma2, WeightType::F16),
        (TinyFamily::Mistral, WeightType::Q4_0),
    ] {
        let model = models.tiny(family, TinyKind::Causal, weights);
        let prompts: Vec<Prompt> = (0..24).map(prompt).collect();
        let mut expected: Option<Vec<_>> = None;
        for (slots, threads) in [(1, 1), (2, 3), (3, 1), (8, 12), (16, 24), (5, 7)] {
            let generator = generator(&model, json!({ "slots": slots, "context": 512 }));
            let mut order: Vec<usize> = (0..prompts.len()).collect();
            Random(slots).shuffle(&mut order);
            let got = side_by_side(threads, &order, |place| {
                generate(&*generator, &prompts[*place]).unwrap().texts
            });
            let mut texts = vec![Vec::new(); prompts.len()];
            for (place, text) in order.into_iter().zip(got) {
                assert_eq!(text.len(), prompts[place].seeds.len());
                texts[place] = text;
            }
            match &expected {
                None => expected = Some(texts),
                Some(expected) => assert_eq!(&texts, expected, "{family:?} with {slots} slots"),
            }
        }
        let all = expected.unwrap();
        assert!(
            all.iter().flatten().any(|text| text.text != all[0][0].text),
            "{family:?}: {:?}",
            all[0]
        );
    }
}

#[test]
fn probabilities_of_labels_are_bit_equal_for_any_company() {
    let models = Models::new();
    let model = models.tiny(TinyFamily::Qwen2, TinyKind::Causal, WeightType::F32);
    let generator = generator(&model, json!({ "slots": 4, "context": 512 }));
    let asked = |seed: u64| Prompt {
        sampling: Sampling { max_tokens: 1, ..Sampling::default() },
        seeds: vec![1],
        labels: vec!["A".to_owned(), "B".to_owned()],
        ..prompt(seed)
    };
    let bits = |prompt: &Prompt| -> Vec<(String, u64)> {
        let completion = generate(&*generator, prompt).unwrap();
        let token = &completion.texts[0].tokens[0];
        token.others.iter().map(|(text, logprob)| (text.clone(), logprob.to_bits())).collect()
    };
    let prompts: Vec<Prompt> = (0..30).map(asked).collect();
    let alone: Vec<_> = prompts
        .iter()
        .map(|prompt| {
            crate::common::block_on(generator.close());
            bits(prompt)
        })
        .collect();
    assert!(
        alone[0].iter().any(|(text, _)| text == "A")
            && alone[0].iter().any(|(text, _)| text == "B")
    );
    for composition in 0..50 {
        let mut places: Vec<usize> = (0..prompts.len()).collect();
        Random(composition).shuffle(&mut places);
        let got =
            side_by_side(1 + composition as usize % 9, &places, |place| bits(&prompts[*place]));
        for (place, got) in places.into_iter().zip(got) {
            assert_eq!(got, alone[place]);
        }
    }
}
