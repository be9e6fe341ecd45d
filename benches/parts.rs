//! The inner parts of a run, one at a time: digesting texts, drawing clusters, measuring a suite with its intervals.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tribunal_api::{Candidate, Item, Loaded, Outcome, Registry, Rules, Suite, Turn};
use tribunal_engine::cases::{Keep, prepare};
use tribunal_engine::digest::Digest;
use tribunal_engine::measure::{Cases, Draws, Evaluation, RESAMPLES, measure};

/// Items on each conversation, as in RMB: one list and about five pairs.
const ITEMS_A_CLUSTER: usize = 6;

/// Pairs in four subsets, whose texts differ.
fn items(count: usize) -> Vec<Item> {
    let subsets: Vec<Arc<str>> =
        (0..4).map(|number| Arc::from(format!("subset-{number}"))).collect();
    (0..count)
        .map(|place| {
            let text = |which: usize| {
                let words = 40 + (place * 7919 + which * 104_729) % 400;
                Candidate::of_text(format!("{place} {which} {}", "word ".repeat(words)))
            };
            let cluster = place / ITEMS_A_CLUSTER;
            Item {
                subset: subsets[cluster % subsets.len()].clone(),
                id: Arc::from(place.to_string()),
                topic: subsets[cluster % subsets.len()].clone(),
                cluster: Default::default(),
                prompt: Arc::from([Turn::user(format!("question {cluster}"))]),
                candidates: vec![text(0), text(1)],
                gold: vec![1.0, 0.0],
                tags: Default::default(),
            }
        })
        .collect()
}

fn suite() -> Arc<dyn Suite> {
    let mut registry = Registry::new();
    tribunal_suites::register(&mut registry);
    let settings = json!({ "path": "unused.jsonl", "fields": { "chosen": "a", "rejected": "b" } });
    registry.build_suite("pairs", settings).expect("the settings name all that the kind requires")
}

fn digesting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("digest of one text");
    for length in [200usize, 2_000, 20_000] {
        let text = "x".repeat(length);
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_with_input(BenchmarkId::from_parameter(length), &text, |bencher, text| {
            bencher.iter(|| Digest::of_text(black_box(text)));
        });
    }
    group.finish();
}

fn preparing(criterion: &mut Criterion) {
    let items = items(3_000);
    let bytes: usize = items
        .iter()
        .flat_map(|item| &item.candidates)
        .filter_map(|candidate| candidate.text.as_deref().map(str::len))
        .sum();
    let mut group = criterion.benchmark_group("items made ready");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("3,000 pairs", |bencher| {
        bencher.iter_batched(
            || Loaded { items: items.clone(), absent: Vec::new() },
            |loaded| prepare(loaded, &Keep::default()),
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn drawing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("10,000 draws of clusters");
    group.sample_size(10);
    for clusters in [100u32, 3_000] {
        group.bench_with_input(
            BenchmarkId::from_parameter(clusters),
            &clusters,
            |bencher, &count| {
                bencher.iter(|| Draws::new(count, RESAMPLES, 7));
            },
        );
    }
    group.finish();
}

fn measuring(criterion: &mut Criterion) {
    let suite = suite();
    let mut group = criterion.benchmark_group("all measures of one cell, 10,000 resamples");
    group.sample_size(10);
    for count in [600usize, 18_000] {
        let items = items(count);
        let clusters: Vec<usize> = (0..count).map(|place| place / ITEMS_A_CLUSTER).collect();
        let lengths = vec![Some(vec![10, 20]); count];
        let cases = Cases::unsampled(items, clusters, lengths);
        let draws = Draws::new(cases.cluster_count, RESAMPLES, 7);
        let outcomes: Vec<Option<Outcome>> = (0..count)
            .map(|place| Some(Outcome::pointwise([(place % 10) as f64, (place % 7) as f64])))
            .collect();
        let evaluation = Evaluation {
            suite: suite.as_ref(),
            cases: &cases,
            outcomes: &outcomes,
            rules: Rules::default(),
        };
        group.bench_function(BenchmarkId::from_parameter(format!("{count} items")), |bencher| {
            bencher.iter(|| measure(black_box(&evaluation), &draws));
        });
    }
    group.finish();
}

criterion_group!(parts, digesting, preparing, drawing, measuring);
criterion_main!(parts);
