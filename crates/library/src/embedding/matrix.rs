//! Matrix products of the transformer: weights as eight-bit integers with a scale for each output, activations quantised
//! for each row as they come.
//!
//! Unsigned activations keep their zero point out of the product: `(a - z) · b = a · b - z · Σb`, and the sums are known.

use rayon::prelude::*;
use rten_gemm::{GemmError, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::{Isa, SimdOp};
use rten_tensor::NdTensorView;

/// Rows that one thread takes: enough to keep the packed weights in its cache busy.
const ROWS_AT_ONCE: usize = 512;

/// The kernels for this machine. Making them costs nothing to speak of.
#[derive(Default)]
pub(super) struct Kernels {
    pub(super) bytes: GemmExecutor<u8, i8, i32>,
    pub(super) floats: GemmExecutor<f32>,
}

/// `y = x · W + b`.
pub(super) struct Linear {
    packed: PackedBMatrix<i8>,
    sums: Vec<i32>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

impl Linear {
    /// From weights as they are stored, `[outputs, inputs]`.
    pub(super) fn new(kernels: &Kernels, weights: &[f32], bias: Vec<f32>) -> Self {
        let outputs = bias.len().max(1);
        let inputs = weights.len() / outputs;
        // Kernels without dot-product instructions add pairs in 16 bits: seven bits of weight are what fits.
        let limit = if kernels.bytes.may_saturate() { 63.0 } else { 127.0 };
        let mut scales = Vec::with_capacity(outputs);
        let mut quantised: Vec<i8> = Vec::with_capacity(weights.len());
        let mut sums = Vec::with_capacity(outputs);
        for row in weights.chunks_exact(inputs.max(1)) {
            let largest = row.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs())).max(f32::MIN_POSITIVE);
            scales.push(largest / limit);
            let start = quantised.len();
            #[expect(clippy::cast_possible_truncation, reason = "at most the limit")]
            quantised.extend(row.iter().map(|weight| (weight * (limit / largest)).round_ties_even() as i8));
            sums.push(quantised[start..].iter().map(|weight| i32::from(*weight)).sum());
        }
        let view = NdTensorView::from_data([outputs, inputs], quantised.as_slice());
        Self { packed: kernels.bytes.prepack_b(view.transposed()), sums, scales, bias, inputs }
    }

    pub(super) const fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Writes `x · W + b` into `output`, or adds it to what is there.
    pub(super) fn apply(&self, kernels: &Kernels, input: &[f32], output: &mut [f32], add: bool) -> Result<(), GemmError> {
        input
            .par_chunks(self.inputs * ROWS_AT_ONCE)
            .zip(output.par_chunks_mut(self.outputs() * ROWS_AT_ONCE))
            .try_for_each(|(input, output)| self.apply_rows(kernels, input, output, add))
    }

    fn apply_rows(&self, kernels: &Kernels, input: &[f32], output: &mut [f32], add: bool) -> Result<(), GemmError> {
        let rows = input.len() / self.inputs;
        let mut quantised = vec![0_u8; input.len()];
        let mut scales = vec![0.0_f32; rows];
        let mut zeros = vec![0_u8; rows];
        let quantise = QuantiseRows { input, output: &mut quantised, scales: &mut scales, zeros: &mut zeros, length: self.inputs };
        quantise.dispatch();
        let mut products = vec![0_i32; rows * self.outputs()];
        let left = NdTensorView::from_data([rows, self.inputs], quantised.as_slice());
        let options = GemmOptions::default();
        kernels.bytes.gemm(&mut products, GemmInputA::Unpacked(left), GemmInputB::Packed(&self.packed), options)?;
        Dequantise { products: &products, output, scales: &scales, zeros: &zeros, linear: self, add }.dispatch();
        Ok(())
    }
}

/// Each row to 0..=255, with the scale and the zero point that take it back.
struct QuantiseRows<'a> {
    input: &'a [f32],
    output: &'a mut [u8],
    scales: &'a mut [f32],
    zeros: &'a mut [u8],
    length: usize,
}

impl SimdOp for QuantiseRows<'_> {
    type Output = ();

    // Plain loops: compiled for the instruction set that they are dispatched to.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte before")]
    fn eval<I: Isa>(self, _: I) {
        const LANES: usize = 16;
        let rows = self.input.chunks_exact(self.length).zip(self.output.chunks_exact_mut(self.length));
        for ((row, out), (scale, zero)) in rows.zip(self.scales.iter_mut().zip(self.zeros.iter_mut())) {
            let (mut high, mut low) = ([0.0_f32; LANES], [0.0_f32; LANES]);
            for chunk in row.chunks(LANES) {
                for (value, (high, low)) in chunk.iter().zip(high.iter_mut().zip(low.iter_mut())) {
                    *high = if *value > *high { *value } else { *high };
                    *low = if *value < *low { *value } else { *low };
                }
            }
            let highest = high.iter().fold(0.0_f32, |a, b| a.max(*b));
            let lowest = low.iter().fold(0.0_f32, |a, b| a.min(*b));
            let step = ((highest - lowest) / 255.0).max(1e-10);
            let inverse = 1.0 / step;
            let shift = (-lowest * inverse).round_ties_even();
            *scale = step;
            *zero = shift as u8;
            for (value, out) in row.iter().zip(out.iter_mut()) {
                *out = ((value * inverse).round_ties_even() + shift).clamp(0.0, 255.0) as i32 as u8;
            }
        }
    }
}

/// Products of integers back to what they stand for.
struct Dequantise<'a> {
    products: &'a [i32],
    output: &'a mut [f32],
    scales: &'a [f32],
    zeros: &'a [u8],
    linear: &'a Linear,
    add: bool,
}

impl SimdOp for Dequantise<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "far more digits than the quantisation kept")]
    fn eval<I: Isa>(self, _: I) {
        let length = self.linear.outputs();
        let (columns, bias, sums) = (&self.linear.scales[..length], &self.linear.bias[..length], &self.linear.sums[..length]);
        let rows = self.products.chunks_exact(length).zip(self.output.chunks_exact_mut(length));
        for ((row, out), (scale, zero)) in rows.zip(self.scales.iter().zip(self.zeros)) {
            let zero = i32::from(*zero);
            let (row, out) = (&row[..length], &mut out[..length]);
            if self.add {
                for at in 0..length {
                    out[at] += (row[at] - zero * sums[at]) as f32 * (scale * columns[at]) + bias[at];
                }
            } else {
                for at in 0..length {
                    out[at] = (row[at] - zero * sums[at]) as f32 * (scale * columns[at]) + bias[at];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(weights: &[f32], bias: &[f32], row: &[f32]) -> Vec<f32> {
        weights
            .chunks_exact(row.len())
            .zip(bias)
            .map(|(weights, bias)| weights.iter().zip(row).map(|(w, x)| w * x).sum::<f32>() + bias)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Many rows at once: each has a zero point of its own.
        #[test]
        fn products_are_those_of_plain_arithmetic_but_for_rounding(
            rows in 1_usize..40,
            seed in proptest::collection::vec(-2.0_f32..3.0, 64 * 7),
        ) {
            let (inputs, outputs) = (64, 7);
            let weights = seed.clone();
            let bias: Vec<f32> = (0..outputs).map(|at| at as f32 / 3.0).collect();
            let input: Vec<f32> = (0..rows * inputs).map(|at| seed[(at * 31) % seed.len()] * (1.0 + (at / inputs) as f32)).collect();
            let kernels = Kernels::default();
            let linear = Linear::new(&kernels, &weights, bias.clone());
            let mut output = vec![0.0; rows * outputs];
            linear.apply(&kernels, &input, &mut output, false).unwrap();
            let before = output.clone();
            linear.apply(&kernels, &input, &mut output, true).unwrap();
            for (row, (out, added)) in input.chunks_exact(inputs).zip(before.chunks_exact(outputs).zip(output.chunks_exact(outputs))) {
                let largest = row.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
                for ((seen, twice), wanted) in out.iter().zip(added).zip(exact(&weights, &bias, row)) {
                    prop_assert!((seen - wanted).abs() <= 0.04 * largest * 8.0 + 0.01, "{seen} for {wanted}");
                    prop_assert!((twice - 2.0 * seen).abs() <= seen.abs() * 1e-4 + 1e-3, "{twice} is not twice {seen}");
                }
            }
        }
    }
}
