//! BERT and its children as encoders of sentences (Devlin et al. 2019; mean pooling as in Sentence-BERT): from the weights
//! in a safetensors file. Sentences of a batch stand one behind the other, without padding.

use super::matrix::{Kernels, Linear};
use super::model::{ModelError, Pooling};
use rayon::prelude::*;
use rten_gemm::{GemmError, GemmInputA, GemmInputB, GemmOptions};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_tensor::NdTensorView;
use rten_vecmath::{Gelu, Normalize, NormalizeOptions, Softmax, Sum, SumSquareSub};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

/// Tokens that are worked on at once: more do not make it faster and need memory.
const TOKENS_AT_ONCE: usize = 2_048;

/// What `config.json` of a model says of its shape.
#[derive(Deserialize, Clone, Debug)]
pub struct BertConfig {
    /// `bert` and what is built like it.
    #[serde(default)]
    pub model_type: String,
    num_attention_heads: usize,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "epsilon")]
    layer_norm_eps: f32,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    /// Longer sentences are cut.
    pub max_position_embeddings: usize,
}

fn gelu() -> String {
    "gelu".to_owned()
}

const fn epsilon() -> f32 {
    1e-12
}

fn absolute() -> String {
    "absolute".to_owned()
}

struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

struct Layer {
    query_key_value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    output_norm: Norm,
}

/// The model, ready to encode.
pub(super) struct Bert {
    words: Vec<f32>,
    positions: Vec<f32>,
    first_type: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    width: usize,
    heads: usize,
    epsilon: f32,
    pooling: Pooling,
}

/// Reads tensors by name, with or without the prefix that some exports have.
struct Weights<'a> {
    tensors: SafeTensors<'a>,
    prefix: &'static str,
}

impl Weights<'_> {
    fn has(&self, name: &str) -> bool {
        self.tensors.tensor(&format!("{}{name}", self.prefix)).is_ok()
    }

    fn get(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let full = format!("{}{name}", self.prefix);
        let tensor = self.tensors.tensor(&full).map_err(|_| ModelError::Shape(format!("it has no tensor {full}")))?;
        let bytes = tensor.data();
        match tensor.dtype() {
            Dtype::F32 => Ok(bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()),
            Dtype::BF16 => Ok(bytes.as_chunks().0.iter().map(|[low, high]| f32::from_le_bytes([0, 0, *low, *high])).collect()),
            Dtype::F16 => Ok(bytes.as_chunks().0.iter().map(|chunk| half(u16::from_le_bytes(*chunk))).collect()),
            other => Err(ModelError::Shape(format!("the tensor {full} is of type {other:?}; f32, f16 and bf16 are read"))),
        }
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, ModelError> {
        let norm = Norm { scale: self.get(&format!("{name}.weight"))?, shift: self.get(&format!("{name}.bias"))? };
        if norm.scale.len() != width || norm.shift.len() != width {
            return Err(ModelError::Shape(format!("{name} is not of width {width}")));
        }
        Ok(norm)
    }

    /// Several maps of the same input as one.
    fn linear(&self, kernels: &Kernels, names: &[String], inputs: usize) -> Result<Linear, ModelError> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weights.extend(self.get(&format!("{name}.weight"))?);
            bias.extend(self.get(&format!("{name}.bias"))?);
        }
        if bias.is_empty() || weights.len() != bias.len() * inputs {
            return Err(ModelError::Shape(format!("{} does not take {inputs} inputs", names.join(", "))));
        }
        Ok(Linear::new(kernels, &weights, bias))
    }
}

/// A half-precision number (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1F);
    let fraction = f32::from(bits & 0x3FF) / 1024.0;
    match exponent {
        0 => sign * fraction * (-14.0_f32).exp2(),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        _ => sign * (1.0 + fraction) * ((exponent - 15) as f32).exp2(),
    }
}

impl Bert {
    /// Reads the weights.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if they are not those of such a model.
    pub(super) fn new(bytes: &[u8], config: &BertConfig, pooling: Pooling) -> Result<Self, ModelError> {
        if config.hidden_act != "gelu" || config.position_embedding_type != "absolute" {
            return Err(ModelError::Shape(format!(
                "activation {} with {} positions is not built here; gelu with absolute positions is",
                config.hidden_act, config.position_embedding_type
            )));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| ModelError::Shape(error.to_string()))?;
        let prefixed = tensors.tensor("bert.embeddings.LayerNorm.weight").is_ok();
        let weights = Weights { tensors, prefix: if prefixed { "bert." } else { "" } };
        let kernels = Kernels::default();
        let width = weights.get("embeddings.LayerNorm.weight")?.len();
        let heads = config.num_attention_heads;
        if width == 0 || heads == 0 || !width.is_multiple_of(heads) {
            return Err(ModelError::Shape(format!("{width} values do not divide into {heads} heads")));
        }
        let mut layers = Vec::new();
        loop {
            let part = |name: &str| format!("encoder.layer.{}.{name}", layers.len());
            if !weights.has(&part("attention.self.query.weight")) {
                break;
            }
            let query_key_value = ["query", "key", "value"].map(|name| part(&format!("attention.self.{name}")));
            let up = weights.linear(&kernels, &[part("intermediate.dense")], width)?;
            let layer = Layer {
                query_key_value: weights.linear(&kernels, &query_key_value, width)?,
                attention_output: weights.linear(&kernels, &[part("attention.output.dense")], width)?,
                attention_norm: weights.norm(&part("attention.output.LayerNorm"), width)?,
                down: weights.linear(&kernels, &[part("output.dense")], up.outputs())?,
                up,
                output_norm: weights.norm(&part("output.LayerNorm"), width)?,
            };
            if layer.query_key_value.outputs() != 3 * width || layer.attention_output.outputs() != width || layer.down.outputs() != width {
                return Err(ModelError::Shape(format!("layer {} is not of width {width}", layers.len())));
            }
            layers.push(layer);
        }
        if layers.is_empty() {
            return Err(ModelError::Shape("it has no layers as BERT names them".to_owned()));
        }
        let mut first_type = weights.get("embeddings.token_type_embeddings.weight")?;
        first_type.truncate(width);
        let model = Self {
            words: weights.get("embeddings.word_embeddings.weight")?,
            positions: weights.get("embeddings.position_embeddings.weight")?,
            first_type,
            norm: weights.norm("embeddings.LayerNorm", width)?,
            layers,
            width,
            heads,
            epsilon: config.layer_norm_eps,
            pooling,
        };
        if model.first_type.len() != width || model.words.len() < width || model.positions.len() < width {
            return Err(ModelError::Shape("its embeddings are too small".to_owned()));
        }
        Ok(model)
    }

    /// So many tokens of a sentence can be read.
    pub(super) const fn longest(&self) -> usize {
        self.positions.len() / self.width
    }

    /// A vector of length 1 for each sentence. A sentence is its tokens' ids with the special ones, at most [`Self::longest`].
    pub(super) fn encode(&self, sentences: &[&[u32]]) -> Result<Vec<Vec<f32>>, GemmError> {
        let mut batches: Vec<&[&[u32]]> = Vec::new();
        let mut rest = sentences;
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = rest.iter().take_while(|sentence| {
                tokens += sentence.len();
                tokens <= TOKENS_AT_ONCE
            });
            let (batch, after) = rest.split_at(fits.count().max(1));
            batches.push(batch);
            rest = after;
        }
        let encoded: Result<Vec<Vec<Vec<f32>>>, GemmError> = batches.into_par_iter().map(|batch| self.encode_batch(batch)).collect();
        Ok(encoded?.into_iter().flatten().collect())
    }

    fn encode_batch(&self, sentences: &[&[u32]]) -> Result<Vec<Vec<f32>>, GemmError> {
        // They may not be sent between threads: each batch has its own.
        let kernels = Kernels::default();
        let width = self.width;
        let total: usize = sentences.iter().map(|sentence| sentence.len()).sum();
        let mut hidden = self.embedded(sentences, total);
        self.normalise(&mut hidden, &self.norm);
        let mut projected = vec![0.0_f32; total * 3 * width];
        let mut context = vec![0.0_f32; total * width];
        let mut wide = Vec::new();
        for layer in &self.layers {
            layer.query_key_value.apply(&kernels, &hidden, &mut projected, false)?;
            let mut start = 0;
            for sentence in sentences {
                let end = start + sentence.len();
                self.attend(&kernels, &projected[start * 3 * width..end * 3 * width], &mut context[start * width..end * width])?;
                start = end;
            }
            layer.attention_output.apply(&kernels, &context, &mut hidden, true)?;
            self.normalise(&mut hidden, &layer.attention_norm);
            wide.resize(total * layer.up.outputs(), 0.0);
            layer.up.apply(&kernels, &hidden, &mut wide, false)?;
            Gelu {}.map_mut(&mut wide);
            layer.down.apply(&kernels, &wide, &mut hidden, true)?;
            self.normalise(&mut hidden, &layer.output_norm);
        }
        let mut start = 0;
        let pooled = sentences.iter().map(|sentence| {
            let end = start + sentence.len();
            let rows = match self.pooling {
                Pooling::Mean => &hidden[start * width..end * width],
                Pooling::FirstToken => &hidden[start * width..(start + sentence.len().min(1)) * width],
            };
            start = end;
            let mut vector = vec![0.0; width];
            Pool { rows, vector: &mut vector }.dispatch();
            vector
        });
        Ok(pooled.collect())
    }

    fn embedded(&self, sentences: &[&[u32]], total: usize) -> Vec<f32> {
        let width = self.width;
        let mut out = Vec::with_capacity(total * width);
        let row = |table: &'_ [f32], at: usize| -> std::ops::Range<usize> {
            // An id that the table does not have reads as the last one.
            let at = at.min(table.len() / width - 1);
            at * width..(at + 1) * width
        };
        for sentence in sentences {
            for (position, id) in sentence.iter().enumerate() {
                let word = &self.words[row(&self.words, *id as usize)];
                let place = &self.positions[row(&self.positions, position)];
                out.extend(word.iter().zip(place).zip(&self.first_type).map(|((word, place), kind)| word + place + kind));
            }
        }
        out
    }

    fn normalise(&self, rows: &mut [f32], norm: &Norm) {
        #[expect(clippy::cast_precision_loss, reason = "a width")]
        let count = self.width as f32;
        for row in rows.chunks_exact_mut(self.width) {
            let mean = Sum::new(row).dispatch() / count;
            let variance = SumSquareSub::new(row, mean).dispatch() / count;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: 1.0 / (variance + self.epsilon).sqrt(),
                element_scale: Some(&norm.scale),
                bias: 0.0,
                element_bias: Some(&norm.shift),
            };
            Normalize::new_mut(row, options).dispatch();
        }
    }

    /// Attention within one sentence, head by head.
    fn attend(&self, kernels: &Kernels, projected: &[f32], context: &mut [f32]) -> Result<(), GemmError> {
        let (width, head) = (self.width, self.width / self.heads);
        let length = context.len() / width;
        if length == 0 {
            return Ok(());
        }
        let view = NdTensorView::from_data([length, 3 * width], projected);
        #[expect(clippy::cast_precision_loss, reason = "a width")]
        let alpha = 1.0 / (head as f32).sqrt();
        let mut scores = vec![0.0_f32; length * length];
        let mut mixed = vec![0.0_f32; length * head];
        for first in (0..width).step_by(head) {
            let query = view.slice((.., first..first + head));
            let key = view.slice((.., width + first..width + first + head));
            let value = view.slice((.., 2 * width + first..2 * width + first + head));
            let options = GemmOptions { alpha, ..GemmOptions::default() };
            kernels.floats.gemm(&mut scores, GemmInputA::Unpacked(query), GemmInputB::Unpacked(key.transposed()), options)?;
            for row in scores.chunks_exact_mut(length) {
                Softmax::new_mut(row).dispatch();
            }
            let weights = NdTensorView::from_data([length, length], scores.as_slice());
            kernels.floats.gemm(&mut mixed, GemmInputA::Unpacked(weights), GemmInputB::Unpacked(value), GemmOptions::default())?;
            for (row, mixed) in context.chunks_exact_mut(width).zip(mixed.chunks_exact(head)) {
                row[first..first + head].copy_from_slice(mixed);
            }
        }
        Ok(())
    }
}

/// The mean of some rows, at length 1.
struct Pool<'a> {
    rows: &'a [f32],
    vector: &'a mut [f32],
}

impl SimdOp for Pool<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) {
        for row in self.rows.chunks_exact(self.vector.len()) {
            for (sum, value) in self.vector.iter_mut().zip(row) {
                *sum += value;
            }
        }
        super::to_unit_length(self.vector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_as_ieee_754_has_it() {
        for (bits, value) in [(0x3C00, 1.0), (0xC000, -2.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8), (0x7BFF, 65504.0), (0, 0.0)]
        {
            assert!((half(bits) - value).abs() <= value.abs() * 1e-6, "{bits:x}: {} for {value}", half(bits));
        }
        assert!(half(0x7C00).is_infinite() && half(0x7E00).is_nan());
    }
}
