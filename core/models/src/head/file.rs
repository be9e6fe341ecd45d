//! Reading and writing a head's file, and checking that its tensors are what its description says.

use std::collections::BTreeSet;
use std::path::Path;

use super::apply::Dense;
use super::{Combine, DESCRIPTION_KEY, FORMAT, Gate, Head, HeadDescription, HeadError, Layer};
use crate::Checkpoint;
use crate::checkpoint::{SidecarTensor, ready_safetensors};
use crate::files::Ready;

/// Most numbers of one tensor of a head: an embedding of 16,384 onto as many.
const MOST_NUMBERS: u64 = 1 << 28;

impl Head {
    /// Reads a head's file.
    ///
    /// Fails when there is no description, when it is of a later version or contradicts itself, and when a tensor is missing or has another
    /// shape than the description asks for.
    pub fn read(path: &Path) -> Result<Self, HeadError> {
        let checkpoint = Checkpoint::open_file(path)?;
        let Some(text) = checkpoint.metadata(DESCRIPTION_KEY) else {
            return Err(HeadError::NoDescription { path: path.to_owned() });
        };
        let description: HeadDescription = serde_json::from_str(text)
            .map_err(|cause| HeadError::Json { path: path.to_owned(), cause })?;
        Self::load(path, &checkpoint, description)
    }

    /// Takes the tensors that a description names out of a checkpoint. `path` is for messages.
    pub(crate) fn load(
        path: &Path,
        checkpoint: &Checkpoint,
        description: HeadDescription,
    ) -> Result<Self, HeadError> {
        if description.format != FORMAT {
            return Err(HeadError::Format { path: path.to_owned(), found: description.format });
        }
        let source = Source { path, checkpoint };
        source.check(&description)?;
        let count = description.objectives.len();
        let outputs = count.saturating_mul(description.bins.count());
        let layers = source.layers(&description.layers, description.hidden, outputs)?;
        let transform = match &description.transform {
            None => None,
            Some(name) => Some(source.tensor(name, &[count as u64, count as u64])?),
        };
        let gate = match &description.combine {
            Combine::Index(_) | Combine::Weights(_) => None,
            Combine::Gate(gate) => {
                let layers = source.layers(&gate.layers, description.hidden, count)?;
                let scale = match &gate.scale {
                    None => 1.0,
                    Some(name) => f64::from(source.tensor(name, &[1])?[0]),
                };
                Some((layers, scale))
            }
        };
        Ok(Self { description, layers, transform, gate })
    }
}

/// Fails when a head cannot be made of a checkpoint, or reads other hidden states than the model's.
pub(crate) fn check(
    checkpoint: &Checkpoint,
    description: &HeadDescription,
    hidden: u64,
) -> Result<(), HeadError> {
    let path = checkpoint.origin();
    if description.hidden as u64 != hidden {
        let reads = description.hidden;
        let fault = format!("it reads hidden states of {reads}, and the model has {hidden}");
        return Err(HeadError::Description { path: path.to_owned(), fault });
    }
    Head::load(path, checkpoint, description.clone()).map(|_| ())
}

/// Writes a head's file, under a passing name, with the tensors that the description names, from the checkpoint that holds them.
pub(crate) fn write(
    path: &Path,
    checkpoint: &Checkpoint,
    description: &HeadDescription,
) -> Result<Ready, HeadError> {
    let mut tensors = Vec::new();
    for name in description.tensors() {
        let values = checkpoint.read_all(name)?;
        let shape = checkpoint.tensor(name).map(|tensor| tensor.shape.clone()).unwrap_or_default();
        tensors.push(SidecarTensor { name: name.to_owned(), shape, values });
    }
    let text = serde_json::to_string(description)
        .map_err(|cause| HeadError::Json { path: path.to_owned(), cause })?;
    Ok(ready_safetensors(path, &[(DESCRIPTION_KEY, text)], &tensors)?)
}

impl HeadDescription {
    /// The names of all tensors, each once, in order.
    pub fn tensors(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        let gate = match &self.combine {
            Combine::Gate(gate) => Some(gate),
            Combine::Index(_) | Combine::Weights(_) => None,
        };
        let layers = self.layers.iter().chain(gate.iter().flat_map(|gate| &gate.layers));
        for layer in layers {
            names.insert(layer.weight.as_str());
            names.extend(layer.bias.as_deref());
        }
        names.extend(self.transform.as_deref());
        names.extend(gate.and_then(|gate| gate.scale.as_deref()));
        names
    }
}

struct Source<'a> {
    path: &'a Path,
    checkpoint: &'a Checkpoint,
}

impl Source<'_> {
    fn fault<T>(&self, fault: String) -> Result<T, HeadError> {
        Err(HeadError::Description { path: self.path.to_owned(), fault })
    }

    /// What can be wrong without looking at tensors.
    fn check(&self, description: &HeadDescription) -> Result<(), HeadError> {
        let count = description.objectives.len();
        if description.hidden == 0 || description.layers.is_empty() || count == 0 {
            return self.fault("it needs a width, a layer and an objective".to_owned());
        }
        if description.bins.count() == 0 {
            return self.fault("an objective has no bins".to_owned());
        }
        if !description.factor.is_finite() || !description.offset.is_finite() {
            return self.fault("`factor` and `offset` have to be finite".to_owned());
        }
        match &description.combine {
            Combine::Index(index) if *index >= count => {
                self.fault(format!("it reads objective {index} of {count}, counted from 0"))
            }
            Combine::Weights(weights) if weights.len() != count => {
                self.fault(format!("it has {} weights for {count} objectives", weights.len()))
            }
            Combine::Gate(Gate { layers, temperature, .. })
                if layers.is_empty() || *temperature <= 0.0 || !temperature.is_finite() =>
            {
                self.fault("a gate needs a layer and a temperature above 0".to_owned())
            }
            Combine::Index(_) | Combine::Weights(_) | Combine::Gate(_) => Ok(()),
        }
    }

    fn layers(
        &self,
        layers: &[Layer],
        mut inputs: usize,
        outputs: usize,
    ) -> Result<Vec<Dense>, HeadError> {
        let mut loaded = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            let last = index + 1 == layers.len();
            let found = self.shape(&layer.weight)?;
            let rows = match found[..] {
                [rows, _] if !last => rows,
                _ => outputs as u64,
            };
            let weight = self.tensor(&layer.weight, &[rows, inputs as u64])?;
            let bias = match &layer.bias {
                None => None,
                Some(name) => Some(self.tensor(name, &[rows])?),
            };
            loaded.push(Dense { weight, bias, inputs, activation: layer.activation });
            inputs = rows as usize;
        }
        Ok(loaded)
    }

    fn shape(&self, name: &str) -> Result<Vec<u64>, HeadError> {
        match self.checkpoint.tensor(name) {
            Some(tensor) => Ok(tensor.shape.clone()),
            None => Err(crate::CheckpointError::NoTensor {
                path: self.path.to_owned(),
                tensor: name.to_owned(),
            }
            .into()),
        }
    }

    fn tensor(&self, name: &str, wanted: &[u64]) -> Result<Vec<f32>, HeadError> {
        let found = self.shape(name)?;
        let size = wanted.iter().try_fold(1u64, |all, each| all.checked_mul(*each));
        if found != wanted || size.is_none_or(|size| size == 0 || size > MOST_NUMBERS) {
            return Err(HeadError::Shape {
                path: self.path.to_owned(),
                tensor: name.to_owned(),
                wanted: wanted.to_owned(),
                found,
            });
        }
        Ok(self.checkpoint.read_all(name)?)
    }
}
