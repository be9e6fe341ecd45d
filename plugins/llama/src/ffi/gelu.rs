//! The gated GELU in 32 bits, where inputs and gates are operands of their own (Gemma).
//!
//! ggml looks it up in a table of 16-bit numbers, which moves scores of Gemma by thousandths. Where digits count it is computed again:
//! from the operation's inputs into its output, right behind it.

use std::ffi::c_void;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use llama_cpp_sys_2 as sys;

/// Fewer numbers than these are not worth a thread.
const LEAST: usize = 1 << 14;

/// What the scheduler is to call around each operation, and what it is to be given: the number of threads in place of an address.
pub(super) fn callback(threads: usize) -> (sys::ggml_backend_sched_eval_callback, *mut c_void) {
    let threads = NonZero::new(threads).unwrap_or(NonZero::<usize>::MIN);
    (Some(around), std::ptr::without_provenance_mut(threads.get()))
}

/// Asked before an operation whether it is to be told behind it; told, goes on.
unsafe extern "C" fn around(
    tensor: *mut sys::ggml_tensor,
    ask: bool,
    threads: *mut c_void,
) -> bool {
    // SAFETY: the scheduler names an operation of its graph.
    let tensor = unsafe { &*tensor };
    let Some((inputs, gates)) = operands(tensor) else { return !ask };
    if !ask {
        // SAFETY: all three are done, lie in this process's memory one number after the other, and have the same shape; the output shares
        // no memory with the inputs, as the allocator reuses none for gated operations.
        unsafe {
            let count = usize::try_from(sys::ggml_nelements(tensor)).unwrap_or(0);
            let inputs = std::slice::from_raw_parts(inputs.data.cast::<f32>(), count);
            let gates = std::slice::from_raw_parts(gates.data.cast::<f32>(), count);
            let outputs = std::slice::from_raw_parts_mut(tensor.data.cast::<f32>(), count);
            gated(inputs, gates, outputs, threads.addr());
        }
    }
    true
}

/// The operands of a gated GELU that can be computed here.
fn operands(tensor: &sys::ggml_tensor) -> Option<(&sys::ggml_tensor, &sys::ggml_tensor)> {
    if tensor.op != sys::GGML_OP_GLU || tensor.op_params[0] != sys::GGML_GLU_OP_GEGLU as i32 {
        return None;
    }
    // SAFETY: sources are null or tensors that live as long as the graph.
    let (inputs, gates) = unsafe { (tensor.src[0].as_ref()?, tensor.src[1].as_ref()?) };
    let all = [tensor, inputs, gates];
    let plain = |one: &sys::ggml_tensor| {
        one.type_ == sys::GGML_TYPE_F32
            && one.ne == tensor.ne
            && !one.data.is_null()
            && !one.buffer.is_null()
            // SAFETY: a tensor and its buffer.
            && unsafe { sys::ggml_is_contiguous(one) && sys::ggml_backend_buffer_is_host(one.buffer) }
    };
    all.into_iter().all(plain).then_some((inputs, gates))
}

fn gated(inputs: &[f32], gates: &[f32], outputs: &mut [f32], threads: usize) {
    let each = outputs.len().div_ceil(threads.max(1)).max(LEAST);
    let parts = inputs.chunks(each).zip(gates.chunks(each)).zip(outputs.chunks_mut(each));
    let compute = |((inputs, gates), outputs): ((&[f32], &[f32]), &mut [f32])| {
        for ((output, input), gate) in outputs.iter_mut().zip(inputs).zip(gates) {
            *output = gelu(*input) * gate;
        }
    };
    if each >= inputs.len() {
        return parts.for_each(compute);
    }
    // Threads that the system refuses would be a panic, which must not leave this callback.
    let places: Vec<_> = parts.map(|part| Mutex::new(Some(part))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            place
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .into_iter()
                .for_each(compute);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..places.len() {
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
}

/// Hendrycks & Gimpel 2016, <https://arxiv.org/abs/1606.08415>, section 2: the approximation by the hyperbolic tangent.
fn gelu(x: f32) -> f32 {
    // The root of 2 / pi.
    const ROOT: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (ROOT * (x + 0.044_715 * x * x * x)).tanh())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gated_gelu_is_the_formula_however_many_threads_compute_it() {
        let inputs: Vec<f32> = (0..100_000).map(|at| (at - 50_000) as f32 / 4_000.0).collect();
        let gates: Vec<f32> = (0..100_000).map(|at| ((at % 7) - 3) as f32).collect();
        let of = |threads| {
            let mut outputs = vec![f32::NAN; inputs.len()];
            gated(&inputs, &gates, &mut outputs, threads);
            outputs
        };
        let alone = of(1);
        assert_eq!(alone, of(3));
        for ((input, gate), output) in inputs.iter().zip(&gates).zip(&alone) {
            let x = f64::from(*input);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            let exact = 0.5 * x * (1.0 + inner.tanh()) * f64::from(*gate);
            assert!((f64::from(*output) - exact).abs() < 1e-5, "{input} {gate}: {output}");
        }
        // 0.5 * (1 + tanh(0.797885 * 1.044715)) = 0.841192.
        assert!((gelu(1.0) - 0.841_192).abs() < 1e-6);
    }
}
