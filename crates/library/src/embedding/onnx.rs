//! Models as ONNX graphs, run by `rten`.

use super::model::{ModelError, Pooling};
use rten::{Model, NodeId, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use std::path::Path;

/// Sentences that go through the graph at once.
const AT_ONCE: usize = 8;

/// A graph that takes ids and gives a vector for each token, or one for the sentence.
pub(super) struct Graph {
    model: Model,
    ids: NodeId,
    mask: NodeId,
    types: Option<NodeId>,
    output: NodeId,
    pooling: Pooling,
}

impl Graph {
    /// Loads it.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if it is not the graph of an encoder of sentences.
    pub(super) fn load(path: &Path, pooling: Pooling) -> Result<Self, ModelError> {
        let model = Model::load_file(path).map_err(|error| ModelError::Shape(error.to_string()))?;
        let named = |name: &str| model.find_node(name).filter(|id| model.input_ids().contains(id));
        let wanted = |name: &str| named(name).ok_or_else(|| ModelError::Shape(format!("the graph has no input {name}")));
        let (ids, mask, types) = (wanted("input_ids")?, wanted("attention_mask")?, named("token_type_ids"));
        if model.input_ids().len() > 2 + usize::from(types.is_some()) {
            return Err(ModelError::Shape("the graph has inputs besides input_ids, attention_mask and token_type_ids".to_owned()));
        }
        let outputs = model.output_ids();
        let output = ["sentence_embedding", "last_hidden_state", "token_embeddings"]
            .iter()
            .find_map(|name| model.find_node(name).filter(|id| outputs.contains(id)))
            .or_else(|| outputs.first().copied())
            .ok_or_else(|| ModelError::Shape("the graph has no output".to_owned()))?;
        Ok(Self { ids, mask, types, output, model, pooling })
    }

    /// A vector of length 1 for each sentence.
    pub(super) fn encode(&self, sentences: &[&[u32]]) -> Result<Vec<Vec<f32>>, String> {
        let mut out = Vec::with_capacity(sentences.len());
        for batch in sentences.chunks(AT_ONCE) {
            self.encode_batch(batch, &mut out)?;
        }
        Ok(out)
    }

    fn encode_batch(&self, batch: &[&[u32]], out: &mut Vec<Vec<f32>>) -> Result<(), String> {
        let longest = batch.iter().map(|sentence| sentence.len()).max().unwrap_or(0).max(1);
        let shape = [batch.len(), longest];
        let (mut ids, mut mask) = (NdTensor::<i32, 2>::zeros(shape), NdTensor::<i32, 2>::zeros(shape));
        for (row, sentence) in batch.iter().enumerate() {
            for (column, id) in sentence.iter().enumerate() {
                ids[[row, column]] = i32::try_from(*id).map_err(|error| error.to_string())?;
                mask[[row, column]] = 1;
            }
        }
        let mut inputs: Vec<(NodeId, ValueOrView)> = vec![(self.ids, ids.into()), (self.mask, mask.into())];
        if let Some(types) = self.types {
            inputs.push((types, NdTensor::<i32, 2>::zeros(shape).into()));
        }
        let values = self.model.run(inputs, &[self.output], None).map_err(|error| error.to_string())?;
        let value = values.into_iter().next().ok_or("the graph gave nothing")?;
        let tensor: Tensor<f32> = value.try_into().map_err(|_| "the graph gave something else than numbers".to_owned())?;
        let shape = tensor.shape().to_vec();
        let numbers = tensor.to_vec();
        match shape.as_slice() {
            [rows, width] if *rows == batch.len() => out.extend(numbers.chunks_exact(*width).map(|row| unit(row.to_vec()))),
            [rows, length, width] if *rows == batch.len() && *length == longest => {
                for (sentence, tokens) in batch.iter().zip(numbers.chunks_exact(length * width)) {
                    let counted = match self.pooling {
                        Pooling::Mean => sentence.len(),
                        Pooling::FirstToken => sentence.len().min(1),
                    };
                    let mut vector = vec![0.0_f32; *width];
                    for row in tokens.chunks_exact(*width).take(counted) {
                        vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    }
                    out.push(unit(vector));
                }
            }
            other => return Err(format!("the graph gave numbers of shape {other:?}")),
        }
        Ok(())
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    super::to_unit_length(&mut vector);
    vector
}
