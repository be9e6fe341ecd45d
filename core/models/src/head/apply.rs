//! The arithmetic of heads: numbers are read as `f32` and added up as `f64`.

use super::{Activation, Bins, Combine, Head, Reading};

/// A layer with its numbers.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// `[outputs, inputs]`, row by row.
    pub(super) weight: Vec<f32>,
    pub(super) bias: Option<Vec<f32>>,
    pub(super) inputs: usize,
    pub(super) activation: Activation,
}

impl Dense {
    fn apply(&self, input: &[f64]) -> Vec<f64> {
        let rows = self.weight.chunks_exact(self.inputs).enumerate();
        let output = rows.map(|(index, row)| {
            let sum: f64 = row.iter().zip(input).map(|(a, b)| f64::from(*a) * b).sum();
            let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[index]));
            activate(self.activation, sum + bias)
        });
        output.collect()
    }
}

fn through(layers: &[Dense], state: &[f32]) -> Vec<f64> {
    let state: Vec<f64> = state.iter().map(|value| f64::from(*value)).collect();
    layers.iter().fold(state, |state, layer| layer.apply(&state))
}

fn activate(activation: Activation, x: f64) -> f64 {
    /// The two constants of SELU.
    const SCALE: f64 = 1.050_700_987_355_480_5;
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Gelu => x * 0.5 * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Tanh => x.tanh(),
        Activation::Selu if x > 0.0 => SCALE * x,
        Activation::Selu => SCALE * ALPHA * x.exp_m1(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

fn softmax(values: &[f64]) -> Vec<f64> {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = values.iter().map(|value| (value - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Head {
    /// The score of a text, from the hidden state of its last token and, for a head that wants it, that at the end of its prompt.
    ///
    /// # Panics
    ///
    /// When a state has another length than [`Head::width`], and when `prompt_end` is `None` and [`Head::wants_prompt_end`] is true: both
    /// are checked once, when model and head are opened together.
    pub fn score(&self, last: &[f32], prompt_end: Option<&[f32]>) -> Reading {
        assert_eq!(last.len(), self.width(), "the hidden state is as long as the head is wide");
        let outputs = through(&self.layers, last);
        let bins = &self.description.bins;
        let objectives: Vec<f64> =
            outputs.chunks(bins.count()).map(|stretch| reduce(bins, stretch)).collect();
        let count = objectives.len();
        let transformed = match &self.transform {
            None => objectives.clone(),
            Some(matrix) => {
                let column = |j: usize| {
                    let products = objectives.iter().enumerate();
                    products.map(|(i, value)| value * f64::from(matrix[i * count + j])).sum()
                };
                (0..count).map(column).collect()
            }
        };
        let names = &self.description.objectives;
        let named = |prefix: &str, values: &[f64]| -> Vec<(String, f64)> {
            names
                .iter()
                .zip(values)
                .map(|(name, value)| (format!("{prefix}{name}"), *value))
                .collect()
        };
        let mut parts = if count > 1 { named("", &objectives) } else { Vec::new() };
        let number = match (&self.description.combine, &self.gate) {
            (Combine::Index(index), _) => transformed[*index],
            (Combine::Weights(weights), _) => dot(&transformed, weights),
            (Combine::Gate(gate), Some((layers, scale))) => {
                let prompt_end =
                    prompt_end.expect("a head with a gate is given the end of the prompt");
                assert_eq!(prompt_end.len(), self.width(), "both hidden states have one length");
                let logits = through(layers, prompt_end);
                let logits: Vec<f64> =
                    logits.iter().map(|logit| logit / gate.temperature).collect();
                let weights: Vec<f64> =
                    softmax(&logits).iter().map(|weight| weight * scale).collect();
                parts.extend(named("gate.", &weights));
                dot(&transformed, &weights)
            }
            (Combine::Gate(_), None) => unreachable!("reading a head loads the gate it describes"),
        };
        Reading { score: number * self.description.factor + self.description.offset, parts }
    }
}

fn reduce(bins: &Bins, stretch: &[f64]) -> f64 {
    match bins {
        Bins::One => stretch[0],
        Bins::Distribution { values } => dot(&softmax(stretch), values),
        Bins::Quantiles { count } => stretch.iter().sum::<f64>() / *count as f64,
    }
}
