//! Heads against numbers worked out by hand, and what is said about heads that do not fit.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::checkpoint::{SidecarTensor, write_safetensors};
use crate::head::{
    Activation, Bins, Combine, DESCRIPTION_KEY, Gate, Head, HeadDescription, HeadError, Layer,
    PromptEnd, ReadAt,
};

type Tensors<'a> = &'a [(&'a str, &'a [u64], &'a [f32])];

fn write(description: &str, tensors: Tensors<'_>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.head.safetensors");
    let tensors: Vec<SidecarTensor> = tensors
        .iter()
        .map(|(name, shape, values)| SidecarTensor {
            name: (*name).to_owned(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        })
        .collect();
    write_safetensors(&path, &[(DESCRIPTION_KEY, description.to_owned())], &tensors).unwrap();
    (folder, path)
}

fn head(description: &HeadDescription, tensors: Tensors<'_>) -> Result<Head, HeadError> {
    let (_folder, path) = write(&serde_json::to_string(description).unwrap(), tensors);
    Head::read(&path)
}

fn layer(weight: &str, bias: Option<&str>, activation: Activation) -> Layer {
    Layer { weight: weight.to_owned(), bias: bias.map(str::to_owned), activation }
}

fn linear(hidden: usize) -> HeadDescription {
    HeadDescription {
        format: 1,
        hidden,
        read_at: ReadAt::LastToken,
        layers: vec![layer("score.weight", None, Activation::None)],
        objectives: vec!["score".to_owned()],
        bins: Bins::One,
        transform: None,
        combine: Combine::Index(0),
        factor: 1.0,
        offset: 0.0,
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("o{index}")).collect()
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-12, "{found} is not {wanted}");
}

#[test]
fn a_linear_head_is_a_product() {
    // 1 * 0.5 - 2 * 0.25 + 3 * 2 = 6
    let head = head(&linear(3), &[("score.weight", &[1, 3], &[0.5, 0.25, 2.0])]).unwrap();
    let reading = head.score(&[1.0, -2.0, 3.0], None);
    close(reading.score, 6.0);
    assert!(reading.parts.is_empty());
    assert!(!head.wants_prompt_end());
    assert_eq!(head.width(), 3);
}

#[test]
fn sums_are_kept_in_double_precision() {
    // In single precision 2^24 + 1 - 2^24 is 0.
    let head = head(&linear(3), &[("score.weight", &[1, 3], &[1.0, 1.0, 1.0])]).unwrap();
    close(head.score(&[16_777_216.0, 1.0, -16_777_216.0], None).score, 1.0);
}

#[test]
fn a_bias_a_sign_and_an_offset_are_applied_in_this_order() {
    // (2 * 3 + 0.5) * -1 + 10 = 3.5
    let mut description = linear(1);
    description.layers[0].bias = Some("score.bias".to_owned());
    (description.factor, description.offset) = (-1.0, 10.0);
    let tensors: Tensors<'_> = &[("score.weight", &[1, 1], &[2.0]), ("score.bias", &[1], &[0.5])];
    close(head(&description, tensors).unwrap().score(&[3.0], None).score, 3.5);
}

#[test]
fn layers_follow_one_another() {
    // First layer: [1 * 1 + 0, -1 * 1 + 0] = [1, -1], after ReLU [1, 0]; second: 3 * 1 + 5 * 0 + 1 = 4
    let mut description = linear(1);
    description.layers = vec![
        layer("score.0.weight", None, Activation::Relu),
        layer("score.2.weight", Some("score.2.bias"), Activation::None),
    ];
    let tensors: Tensors<'_> = &[
        ("score.0.weight", &[2, 1], &[1.0, -1.0]),
        ("score.2.weight", &[1, 2], &[3.0, 5.0]),
        ("score.2.bias", &[1], &[1.0]),
    ];
    close(head(&description, tensors).unwrap().score(&[1.0], None).score, 4.0);
}

#[test]
fn activations_have_their_published_values() {
    // Values at -1 and 2 from PyTorch 2.15 in double precision.
    let wanted = [
        (Activation::None, -1.0, 2.0),
        (Activation::Relu, 0.0, 2.0),
        (Activation::Silu, -0.268_941_421_369_995_1, 1.761_594_155_955_764_9),
        (Activation::Gelu, -0.158_655_253_931_457_02, 1.954_499_736_103_641_6),
        (Activation::GeluTanh, -0.158_808_009_391_723_24, 1.954_597_694_087_775),
        (Activation::Tanh, -0.761_594_155_955_764_9, 0.964_027_580_075_816_9),
        (Activation::Selu, -1.111_330_737_812_562_5, 2.101_401_974_710_961),
        (Activation::Sigmoid, 0.268_941_421_369_995_1, 0.880_797_077_977_882_3),
    ];
    for (activation, at_minus_one, at_two) in wanted {
        let mut description = linear(1);
        description.layers[0].activation = activation;
        let head = head(&description, &[("score.weight", &[1, 1], &[1.0])]).unwrap();
        close(head.score(&[-1.0], None).score, at_minus_one);
        close(head.score(&[2.0], None).score, at_two);
    }
}

#[test]
fn several_labels_are_read_by_index_or_weighed() {
    let tensors: Tensors<'_> = &[("score.weight", &[2, 1], &[3.0, 5.0])];
    let mut description = linear(1);
    description.objectives = names(2);
    description.combine = Combine::Index(1);
    let reading = head(&description, tensors).unwrap().score(&[2.0], None);
    close(reading.score, 10.0);
    assert_eq!(reading.parts, [("o0".to_owned(), 6.0), ("o1".to_owned(), 10.0)]);
    // 0.5 * 6 - 1 * 10 = -7
    description.combine = Combine::Weights(vec![0.5, -1.0]);
    close(head(&description, tensors).unwrap().score(&[2.0], None).score, -7.0);
}

#[test]
fn a_gate_weighs_transformed_objectives_by_the_prompt() {
    // Objectives at the last token: [1, 2]. Row times matrix: [1 * 1 + 2 * -0.5, 1 * 0 + 2 * 1] = [0, 2].
    // Gate at the prompt's end: logits [ln 3 * 10, 0] / 10, softmax [0.75, 0.25], times 2: [1.5, 0.5].
    // Score: 1.5 * 0 + 0.5 * 2 = 1.
    let mut description = linear(1);
    description.layers = vec![layer("regression_layer.weight", None, Activation::None)];
    description.objectives = names(2);
    description.transform = Some("matrix".to_owned());
    description.combine = Combine::Gate(Gate {
        layers: vec![layer("gate.weight", Some("gate.bias"), Activation::None)],
        temperature: 10.0,
        scale: Some("scale".to_owned()),
        prompt_end: PromptEnd::Pattern { tokens: vec![1, 2] },
    });
    let ten_ln_3 = 10.0 * 3f32.ln();
    let tensors: Tensors<'_> = &[
        ("regression_layer.weight", &[2, 1], &[1.0, 2.0]),
        ("matrix", &[2, 2], &[1.0, 0.0, -0.5, 1.0]),
        ("gate.weight", &[2, 1], &[1.0, 1.0]),
        ("gate.bias", &[2], &[ten_ln_3, 0.0]),
        ("scale", &[1], &[2.0]),
    ];
    let head = head(&description, tensors).unwrap();
    assert!(head.wants_prompt_end());
    let reading = head.score(&[1.0], Some(&[0.25]));
    assert!((reading.score - 1.0).abs() < 1e-6, "{}", reading.score);
    let parts: Vec<&str> = reading.parts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(parts, ["o0", "o1", "gate.o0", "gate.o1"]);
    assert!((reading.parts[2].1 - 1.5).abs() < 1e-6);
}

#[test]
fn a_distribution_is_read_by_its_expectation() {
    // Objective 0: logits [0, 0], values [1, 3]: 2. Objective 1: logits [0, ln 3], probabilities [1/4, 3/4]: 2.5. Sum: 4.5.
    let mut description = linear(1);
    description.objectives = names(2);
    description.bins = Bins::Distribution { values: vec![1.0, 3.0] };
    description.combine = Combine::Weights(vec![1.0, 1.0]);
    let tensors: Tensors<'_> = &[("score.weight", &[4, 1], &[0.0, 0.0, 0.0, 3f32.ln()])];
    let score = head(&description, tensors).unwrap().score(&[1.0], None).score;
    assert!((score - 4.5).abs() < 1e-7, "{score}");
}

#[test]
fn quantiles_are_read_by_their_mean() {
    let mut description = linear(1);
    description.bins = Bins::Quantiles { count: 3 };
    let tensors: Tensors<'_> = &[("score.weight", &[3, 1], &[1.0, 2.0, 6.0])];
    close(head(&description, tensors).unwrap().score(&[2.0], None).score, 6.0);
}

#[test]
fn a_token_can_be_appended_for_the_reading() {
    let mut description = linear(1);
    description.read_at = ReadAt::AppendedToken { id: 92_527 };
    let head = head(&description, &[("score.weight", &[1, 1], &[1.0])]).unwrap();
    assert_eq!(head.appended_token(), Some(92_527));
}

#[test]
fn a_tensor_of_another_shape_is_named_with_both_shapes() {
    let error = head(&linear(3), &[("score.weight", &[1, 4], &[0.0; 4])]).unwrap_err();
    let HeadError::Shape { tensor, wanted, found, .. } = error else { panic!("{error}") };
    assert_eq!((tensor.as_str(), wanted, found), ("score.weight", vec![1, 3], vec![1, 4]));
}

#[test]
fn a_tensor_that_is_missing_is_named() {
    let error = head(&linear(3), &[("other", &[1, 3], &[0.0; 3])]).unwrap_err();
    assert!(error.to_string().contains("has no tensor `score.weight`"), "{error}");
}

#[test]
fn descriptions_that_contradict_themselves_are_refused() {
    let tensors: Tensors<'_> = &[("score.weight", &[1, 1], &[1.0])];
    let refused = |change: &dyn Fn(&mut HeadDescription)| {
        let mut description = linear(1);
        change(&mut description);
        head(&description, tensors).unwrap_err().to_string()
    };
    assert!(refused(&|each| each.combine = Combine::Index(1)).contains("reads objective 1 of 1"));
    assert!(refused(&|each| each.combine = Combine::Weights(vec![])).contains("0 weights for 1"));
    assert!(refused(&|each| each.layers.clear()).contains("needs a width, a layer"));
    assert!(refused(&|each| each.bins = Bins::Quantiles { count: 0 }).contains("no bins"));
    assert!(refused(&|each| each.format = 2).contains("described in version 2"));
}

#[test]
fn files_without_a_description_are_no_heads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    write_safetensors(&path, &[], &[]).unwrap();
    assert!(matches!(Head::read(&path), Err(HeadError::NoDescription { .. })));
    let (_folder, path) = write("{\"format\": 1}", &[]);
    assert!(matches!(Head::read(&path), Err(HeadError::Json { .. })));
    assert!(matches!(Head::read(Path::new("/nowhere")), Err(HeadError::File(_))));
}
